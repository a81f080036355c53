"""Which columns of a table are categorical: by their dtypes, or as the user says."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from keras_multiclass._data.frames import library_of_frame
from keras_multiclass._data.values import fill_masked, is_categorical
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid, quote

_ALLOWED = "'from_dtype', None, or a mask, indices or names of columns"


class Table:
    """Uniform access to the columns of a data frame or an array.

    Parameters
    ----------
    X : array-like or data frame of shape (n_rows, n_columns)
        The table.
    """

    def __init__(self, X: Any) -> None:
        self.library = library_of_frame(X)
        self.X: Any = X if self.library else _to_array(X)
        self.n_rows, self.n_columns = self.X.shape

    def column(self, i: int) -> Any:
        """Return the column at a position."""
        return self.X.iloc[:, i] if self.library == "pandas" else self.X[:, i]

    def columns(self, positions: list[int]) -> Any:
        """Return the columns at some positions."""
        return self.X.iloc[:, positions] if self.library == "pandas" else self.X[:, positions]

    def name(self, i: int) -> str:
        """Return how messages call the column at a position."""
        return f"column {quote(self.X.columns[i])}" if self.library else f"column {i}"


def _to_array(X: Any) -> NDArray[Any]:
    # Without a dtype, NumPy would convert a list of strings and numbers to strings.
    array = X if hasattr(X, "dtype") else np.asarray(X, dtype=object)
    if array.ndim != 2:
        raise ValueError(invalid("X with `categorical_features`", "a 2-d table", describe(X)))
    return fill_masked(array) if isinstance(array, np.ma.MaskedArray) else np.asarray(array)


def is_open_choice(categorical_features: Any) -> bool:
    """Whether the parameter names no columns itself: it is "from_dtype" or None."""
    is_word = isinstance(categorical_features, str)
    return categorical_features is None or (is_word and categorical_features == "from_dtype")


def categorical_positions(X: Any, categorical_features: Any) -> list[int]:
    """Return the positions of the categorical columns.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_columns)
        The table.
    categorical_features : "from_dtype", None or array-like
        The parameter of this name.
    """
    if categorical_features is None:
        return []
    if isinstance(categorical_features, str):
        if categorical_features != "from_dtype":
            raise _invalid_parameter(categorical_features)
        library = library_of_frame(X)
        if library is None:
            return []
        in_library = is_categorical if library == "pandas" else _polars_dtype_is_categorical
        return [i for i in range(X.shape[1]) if in_library(X, i)]
    selection = _to_selection(categorical_features)
    if selection.ndim != 1 or (selection.size and selection.dtype.kind not in "biuO"):
        raise _invalid_parameter(categorical_features)
    if not selection.size:
        return []
    n_columns = X.shape[1] if sparse.issparse(X) else Table(X).n_columns
    if selection.dtype.kind == "b":
        return _positions_of_mask(selection, n_columns)
    if selection.dtype.kind in "iu":
        return _positions_of_indices(selection, n_columns)
    return _positions_of_names(selection.tolist(), X)


def _to_selection(categorical_features: Any) -> NDArray[Any]:
    is_list = isinstance(categorical_features, (list, tuple))
    if is_list and any(isinstance(name, tuple) for name in categorical_features):
        selection = np.empty(len(categorical_features), dtype=object)
        for i, name in enumerate(categorical_features):
            selection[i] = name  # a tuple, in a MultiIndex
        return selection
    try:
        selection = np.asarray(categorical_features)
    except ValueError:  # lists of different lengths
        raise _invalid_parameter(categorical_features) from None
    if selection.dtype.kind == "U":  # perhaps of names and numbers
        selection = np.asarray(categorical_features, dtype=object)
    return selection


def _invalid_parameter(categorical_features: Any) -> ValueError:
    cure = ""
    if isinstance(categorical_features, (str, int)) and not isinstance(categorical_features, bool):
        cure = f"For one column, pass a list: [{describe(categorical_features)}]."
    elif isinstance(categorical_features, (Set, Mapping)):
        cure = "Pass a list, list(categorical_features)."
    elif isinstance(categorical_features, slice):
        cure = "Pass a list of indices."
    got = describe(categorical_features)
    return ValueError(invalid("`categorical_features`", _ALLOWED, got, cure))


def _polars_dtype_is_categorical(X: Any, i: int) -> bool:
    dtype = str(X.dtypes[i]).partition("(")[0]
    return dtype in ("String", "Utf8", "Categorical", "Enum", "Boolean", "Object")


def _positions_of_mask(mask: NDArray[np.bool_], n_columns: int) -> list[int]:
    if len(mask) != n_columns:
        raise ValueError(
            invalid(
                "`categorical_features` as a mask",
                f"one value for each of the {n_columns} columns of X",
                f"{len(mask)}",
                "Pass as many, or indices or names of the categorical columns.",
            )
        )
    return np.flatnonzero(mask).tolist()


def _positions_of_indices(indices: NDArray[np.integer[Any]], n_columns: int) -> list[int]:
    if indices.size and not (indices.min() >= 0 and indices.max() < n_columns):
        raise ValueError(
            invalid(
                "`categorical_features` as indices",
                f"from 0 to {n_columns - 1}, the columns of X",
                f"{indices.min()} to {indices.max()}",
                "Columns are counted from 0.",
            )
        )
    return np.unique(indices).tolist()


def _positions_of_names(names: list[Any], X: Any) -> list[int]:
    if library_of_frame(X) is None:
        raise ValueError(
            invalid(
                "`categorical_features`",
                "a mask or indices when X has no column names",
                f"names and {describe(X)}",
                "Pass X as a data frame.",
            )
        )
    columns = {name: position for position, name in enumerate(X.columns)}
    unknown = [name for name in names if name not in columns]
    if unknown:
        raise ValueError(
            invalid(
                "`categorical_features`",
                "names of columns of X",
                format_list(unknown),
                did_you_mean(unknown[0], columns).strip() if isinstance(unknown[0], str) else "",
            )
        )
    return sorted({columns[name] for name in names})
