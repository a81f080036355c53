"""The tables: where they are, how they are read and split."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import util
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

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
FOLDER_VARIABLE = "KERAS_MULTICLASS_TABLES"

HOW_TO_GET = f"""\
The tables are not part of this repository. They come from the UCI Machine Learning Repository
(CC BY 4.0), through the public collection renatopp/arff-datasets. Make a folder with a file
<table>.parquet for each of

    {", ".join(TABLES)}

Columns of features are numbers or categories (parquet's dictionary type), with gaps where values
are missing and without identifiers; the column "{TARGET}" has the labels as text, without classes
of fewer than 6 rows. Name the folder with --data or in the environment variable
{FOLDER_VARIABLE}."""


class Split(NamedTuple):
    """Rows to learn from and rows to be judged on."""

    X_train: pd.DataFrame
    X_test: pd.DataFrame
    y_train: np.ndarray
    y_test: np.ndarray


def check_folder(folder: str | Path | None, tables: Sequence[str]) -> Path:
    """Raise an error that says where tables come from, unless the folder has all of these."""
    if folder is None:
        raise ValueError(f"No folder of tables was named.\n\n{HOW_TO_GET}")
    missing = [table for table in tables if not table_path(Path(folder), table).is_file()]
    if missing:
        raise ValueError(f"{folder} has no file of {', '.join(missing)}.\n\n{HOW_TO_GET}")
    return Path(folder)


def table_path(folder: Path, table: str) -> Path:
    """Say where a table should be."""
    return folder / f"{table}.parquet"


def load_table(path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Read a table: a data frame of numbers and categories, and the labels as text."""
    frame = pd.read_parquet(path) if util.find_spec("pyarrow") else _read_with_polars(path)
    return frame.drop(columns=TARGET), frame[TARGET].to_numpy(dtype=str)


def _read_with_polars(path: Path) -> pd.DataFrame:
    """Do by hand what polars can do only where pyarrow is installed."""
    import polars as pl

    table = pl.read_parquet(path)
    columns = {}
    for column in table.iter_columns():
        if column.dtype.is_numeric():
            columns[column.name] = column.to_numpy()
        elif column.name == TARGET:
            columns[column.name] = column.to_list()
        else:
            columns[column.name] = pd.Categorical(column.to_list())
    return pd.DataFrame(columns)


def split_table(X: pd.DataFrame, y: np.ndarray, split: int) -> Split:
    """Hold out 30 % of each class; the number of the split is its seed."""
    return Split(*train_test_split(X, y, test_size=0.3, stratify=y, random_state=split))
