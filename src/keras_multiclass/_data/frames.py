"""Detection of pandas and polars objects without importing either library."""

from __future__ import annotations

import sys
from typing import Any, Literal

import numpy as np

MISSING_TYPES = frozenset({"NoneType", "NAType", "NaTType"})  # type names of missing values but NaN


def library_of(X: Any) -> Literal["pandas", "polars"] | None:
    """Return the data frame library that defines the type of an object.

    Parameters
    ----------
    X : object
        Any object, for example a data frame, series or scalar.
    """
    top = type(X).__module__.partition(".")[0]
    if top in sys.modules:
        if top == "pandas":
            return "pandas"
        if top == "polars":
            return "polars"
    return None


def is_missing(value: Any) -> bool:
    """Whether a single value is missing: None, NaN, or a missing value of a library."""
    return type(value).__name__ in MISSING_TYPES or (
        not isinstance(value, np.ndarray) and bool(value != value)
    )


def with_index_of(X: Any, result: Any) -> Any:
    """Give a new pandas frame of results the index of X, if X is a pandas frame too.

    Parameters
    ----------
    X : object
        The features that the results are for.
    result : object
        The results, changed in place.
    """
    if library_of_frame(X) == library_of_frame(result) == "pandas":
        result.index = X.index
    return result


def library_of_frame(X: Any) -> Literal["pandas", "polars"] | None:
    """Return the library of an in-memory data frame; None for anything else.

    Parameters
    ----------
    X : object
        Any object.
    """
    library = library_of(X)
    # The columns of a lazy frame, which has `collect`, may take long to determine.
    return library if library and not hasattr(X, "collect") and hasattr(X, "columns") else None
