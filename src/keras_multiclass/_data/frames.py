"""What kind of table X is."""

from __future__ import annotations

import sys
from typing import Any, Literal

MISSING_TYPES = frozenset({"NoneType", "NAType", "NaTType"})  # names of those that are no NaN


def library_of(X: Any) -> Literal["pandas", "polars"] | None:
    """Name the library that an object comes from, if it is one of data frames.

    Parameters
    ----------
    X : object
        What the user gave.
    """
    top = type(X).__module__.partition(".")[0]
    if top in sys.modules:
        if top == "pandas":
            return "pandas"
        if top == "polars":
            return "polars"
    return None


def library_of_frame(X: Any) -> Literal["pandas", "polars"] | None:
    """Name the library of a data frame in memory; None for anything else.

    Parameters
    ----------
    X : object
        What the user gave.
    """
    is_frame = hasattr(X, "columns") and not hasattr(X, "collect")
    return library_of(X) if is_frame else None
