"""The dtypes of a target that is a data frame of zeros and ones, and frames that have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np


def column_dtypes(frame: Any, library: Literal["pandas", "polars"]) -> tuple[Any, ...]:
    """Return the dtype of each column, as values of 0 and 1 can have it.

    Parameters
    ----------
    frame : data frame
        A target of zeros and ones.
    library : {"pandas", "polars"}
        Its library.
    """
    if library == "polars":
        return tuple(frame.dtypes)
    return tuple(_with_zero_and_one(dtype) for dtype in frame.dtypes)


def _with_zero_and_one(dtype: Any) -> Any:
    """Replace a categorical dtype that lacks one of the two values, which would become missing."""
    categories = getattr(dtype, "categories", None)
    return dtype if categories is None or {0, 1} <= set(categories) else categories.dtype


def build_frame(
    table: np.ndarray,
    library: Literal["pandas", "polars"],
    columns: Sequence[Any],
    dtypes: Sequence[Any],
) -> Any:
    """Return a matrix of zeros and ones as a data frame.

    Parameters
    ----------
    table : ndarray of shape (n_samples, n_columns)
        Zeros and ones.
    library : {"pandas", "polars"}
        Library of the frame.
    columns : sequence of length n_columns
        Columns, as the library represents them.
    dtypes : sequence of length n_columns
        Dtype of each column.
    """
    table = table.astype(np.uint8)
    if library == "polars":
        import polars as pl

        names = [str(column) for column in columns]
        frame = pl.DataFrame(table, schema=names, orient="row")
        return frame.cast(dict(zip(names, dtypes, strict=True)))
    import pandas as pd

    frame = pd.DataFrame(table, columns=columns)
    same = all(dtype == dtypes[0] for dtype in dtypes)
    return frame.astype(dtypes[0] if same else dict(zip(frame.columns, dtypes, strict=True)))
