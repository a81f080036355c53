"""Reading and splitting the tables."""

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
(CC BY 4.0), through the public collection renatopp/arff-datasets. Create a folder with a file
<table>.parquet for each of

    {", ".join(TABLES)}

Feature columns are numbers or categories (parquet's dictionary type), with nulls for missing values
and without identifiers. The column "{TARGET}" contains the labels as text, without classes of fewer
than 6 rows. Pass the folder with --data or set the environment variable {FOLDER_VARIABLE}."""


class Split(NamedTuple):
    """Training and test rows."""

    X_train: pd.DataFrame
    X_test: pd.DataFrame
    y_train: np.ndarray
    y_test: np.ndarray


def check_folder(folder: str | Path | None, tables: Sequence[str]) -> Path:
    """Return the folder; raise an error that explains how to get the tables if any is missing."""
    if folder is None:
        raise ValueError(f"No folder of tables was given.\n\n{HOW_TO_GET}")
    missing = [table for table in tables if not table_path(Path(folder), table).is_file()]
    if missing:
        raise ValueError(f"{folder} has no file for {', '.join(missing)}.\n\n{HOW_TO_GET}")
    return Path(folder)


def table_path(folder: Path, table: str) -> Path:
    """Return the path of a table."""
    return folder / f"{table}.parquet"


def load_table(path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Read a table as a data frame of numbers and categories, and string labels."""
    frame = pd.read_parquet(path) if util.find_spec("pyarrow") else _read_with_polars(path)
    return frame.drop(columns=TARGET), frame[TARGET].to_numpy(dtype=str)


def _read_with_polars(path: Path) -> pd.DataFrame:
    """Convert to pandas column by column, because polars needs pyarrow for it."""
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
    """Hold out 30 % of each class; the split number is the seed."""
    return Split(*train_test_split(X, y, test_size=0.3, stratify=y, random_state=split))
