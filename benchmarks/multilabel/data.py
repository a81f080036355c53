"""Reading and splitting the tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ..accuracy.reading import FOLDER_VARIABLE, Split, read_frame

TABLES = ("emotions", "yeast")
PREFIX = "label_"
SPLITS = (0, 1, 2, 3, 4)

HOW_TO_GET = f"""\
The tables are not part of this repository. They belong to the collection of Mulan
(https://mulan.sourceforge.net/datasets-mlc.html). Create a folder with a file
multilabel_<table>.parquet for each of

    {", ".join(TABLES)}

Columns of labels begin with "{PREFIX}" and contain 0 or 1; all others are numbers. Pass the folder
with --data or set the environment variable {FOLDER_VARIABLE}."""


def load_table(path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Read a table as a data frame of features, and a matrix of labels."""
    frame = read_frame(path)
    labels = [name for name in frame if name.startswith(PREFIX)]
    return frame.drop(columns=labels), frame[labels].to_numpy(dtype=int)


def split_table(X: pd.DataFrame, y: np.ndarray, split: int) -> Split:
    """Hold out a fifth of the rows, with its share of each label; splits do not overlap."""
    from keras_multiclass.evaluation import MultilabelStratifiedKFold

    folds = MultilabelStratifiedKFold(len(SPLITS), shuffle=True, random_state=0).split(X, y)
    train, test = list(folds)[split]
    return Split(X.iloc[train], X.iloc[test], y[train], y[test])
