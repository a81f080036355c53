"""Reading tables from a folder that the user passes."""

from __future__ import annotations

from collections.abc import Collection
from importlib import util
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

FOLDER_VARIABLE = "KERAS_MULTICLASS_TABLES"


class Split(NamedTuple):
    """Training and test rows."""

    X_train: pd.DataFrame
    X_test: pd.DataFrame
    y_train: np.ndarray
    y_test: np.ndarray


def check_folder(folder: str | Path | None, files: Collection[str], how_to_get: str) -> Path:
    """Return the folder; raise an error that explains how to get the files if any is missing."""
    if folder is None:
        raise ValueError(f"No folder of tables was given.\n\n{how_to_get}")
    missing = [file for file in files if not (Path(folder) / file).is_file()]
    if missing:
        raise ValueError(f"{folder} has no file {', '.join(missing)}.\n\n{how_to_get}")
    return Path(folder)


def read_frame(path: Path, text: Collection[str] = ()) -> pd.DataFrame:
    """Read a table as a data frame of numbers, categories and the given columns of text."""
    return pd.read_parquet(path) if util.find_spec("pyarrow") else _read_with_polars(path, text)


def _read_with_polars(path: Path, text: Collection[str]) -> pd.DataFrame:
    """Convert to pandas column by column, because polars needs pyarrow for it."""
    import polars as pl

    table = pl.read_parquet(path)
    columns = {}
    for column in table.iter_columns():
        if column.dtype.is_numeric():
            columns[column.name] = column.to_numpy()
        elif column.name in text:
            columns[column.name] = column.to_list()
        else:
            columns[column.name] = pd.Categorical(column.to_list())
    return pd.DataFrame(columns)
