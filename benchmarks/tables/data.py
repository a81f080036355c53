"""Reading and splitting the tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from ..accuracy.reading import FOLDER_VARIABLE, Split, read_frame

TABLES = (
    "car",
    "eucalyptus",
    "page_blocks",
    "pendigits",
    "segment",
    "soybean",
    "splice",
    "vehicle",
    "vowel",
)
TARGET = "target"
SPLITS = (0, 1, 2, 3, 4)

HOW_TO_GET = f"""\
The tables are not part of this repository. They come from the UCI Machine Learning Repository
(CC BY 4.0), through the public collection renatopp/arff-datasets. Create a folder with a file
<table>.parquet for each of

    {", ".join(TABLES)}

Feature columns are numbers or categories (parquet's dictionary type), with nulls for missing values
and without identifiers. The column "{TARGET}" contains the labels as text, without classes of fewer
than 6 rows. Pass the folder with --data or set the environment variable {FOLDER_VARIABLE}."""


def load_table(path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Read a table as a data frame of numbers and categories, and string labels."""
    frame = read_frame(path, text=[TARGET])
    return frame.drop(columns=TARGET), frame[TARGET].to_numpy(dtype=str)


def split_table(X: pd.DataFrame, y: np.ndarray, split: int) -> Split:
    """Hold out 30 % of each class; the split number is the seed."""
    return Split(*train_test_split(X, y, test_size=0.3, stratify=y, random_state=split))
