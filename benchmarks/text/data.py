"""Reading and splitting the texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedKFold

from ..accuracy.reading import FOLDER_VARIABLE, Split, read_frame

FILE = "text_trec.parquet"
TEXT = "question"
TARGET = "target"
SPLITS = (0, 1, 2, 3, 4)

HOW_TO_GET = f"""\
The texts are not part of this repository. They are the 5,452 training questions of TREC question
classification (X. Li, D. Roth, "Learning question classifiers", COLING 2002). Create a folder with
a file {FILE} with the columns "{TEXT}" and "{TARGET}" (6 classes). Pass
the folder with --data or set the environment variable {FOLDER_VARIABLE}."""


def load_texts(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read texts and labels."""
    frame = read_frame(path, text=[TEXT, TARGET])
    return frame[TEXT].to_numpy(dtype=object), frame[TARGET].to_numpy(dtype=str)


def split_texts(X: np.ndarray, y: np.ndarray, split: int) -> Split:
    """Hold out a fifth of each class; splits do not overlap."""
    folds = StratifiedKFold(len(SPLITS), shuffle=True, random_state=0).split(X, y)
    train, test = list(folds)[split]
    return Split(X[train], X[test], y[train], y[test])
