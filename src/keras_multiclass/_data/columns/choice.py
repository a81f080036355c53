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
_KINDS = {"categorical_features": "categorical", "text_features": "text"}


class Table:
    """Uniform access to the columns of a data frame or an array.

    Parameters
    ----------
    X : array-like or data frame of shape (n_rows, n_columns)
        The table.
    parameter : str
        The parameter in messages that needs a table.
    """

    def __init__(self, X: Any, parameter: str = "categorical_features") -> None:
        self.library = library_of_frame(X)
        self.X: Any = X if self.library else _to_array(X, parameter)
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

    def item(self, i: int) -> str:
        """Return how code selects the column at a position."""
        return f"[{quote(self.X.columns[i])}]" if self.library else f"[:, {i}]"


def _to_array(X: Any, parameter: str) -> NDArray[Any]:
    # Without a dtype, NumPy would convert a list of strings and numbers to strings.
    array = X if hasattr(X, "dtype") else np.asarray(X, dtype=object)
    if array.ndim != 2:
        raise ValueError(invalid(f"X with `{parameter}`", "a 2-d table", describe(X)))
    return fill_masked(array) if isinstance(array, np.ma.MaskedArray) else np.asarray(array)


def is_open_choice(choice: Any) -> bool:
    """Whether a parameter names no columns itself: it is "from_dtype" or None."""
    return choice is None or (isinstance(choice, str) and choice == "from_dtype")


def categorical_positions(X: Any, categorical_features: Any) -> list[int]:
    """Return the positions of the categorical columns.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_columns)
        The table.
    categorical_features : "from_dtype", None or array-like
        The parameter of this name.
    """
    if not is_open_choice(categorical_features):
        return named_positions(X, categorical_features, "categorical_features")
    library = library_of_frame(X)
    if categorical_features is None or library is None:
        return []
    in_library = is_categorical if library == "pandas" else _polars_dtype_is_categorical
    return [i for i in range(X.shape[1]) if in_library(X, i)]


def named_positions(X: Any, choice: Any, parameter: str) -> list[int]:
    """Return the positions of the columns that a parameter names.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_columns)
        The table.
    choice : array-like
        A mask, indices or names.
    parameter : str
        Name of the parameter.
    """
    if isinstance(choice, str):
        raise _invalid_parameter(choice, parameter)
    selection = _to_selection(choice, parameter)
    if selection.ndim != 1 or (selection.size and selection.dtype.kind not in "biuO"):
        raise _invalid_parameter(choice, parameter)
    if not selection.size:
        return []
    n_columns = X.shape[1] if sparse.issparse(X) else Table(X, parameter).n_columns
    if selection.dtype.kind == "b":
        return _positions_of_mask(selection, n_columns, parameter)
    if selection.dtype.kind in "iu":
        return _positions_of_indices(selection, n_columns, parameter)
    return _positions_of_names(selection.tolist(), X, parameter)


def _to_selection(choice: Any, parameter: str) -> NDArray[Any]:
    is_list = isinstance(choice, (list, tuple))
    if is_list and any(isinstance(name, tuple) for name in choice):
        selection = np.empty(len(choice), dtype=object)
        for i, name in enumerate(choice):
            selection[i] = name  # a tuple, in a MultiIndex
        return selection
    try:
        selection = np.asarray(choice)
    except ValueError:  # lists of different lengths
        raise _invalid_parameter(choice, parameter) from None
    if selection.dtype.kind == "U":  # perhaps of names and numbers
        selection = np.asarray(choice, dtype=object)
    return selection


def _invalid_parameter(choice: Any, parameter: str) -> ValueError:
    cure = ""
    if isinstance(choice, (str, int)) and not isinstance(choice, bool):
        cure = f"For one column, pass a list: [{describe(choice)}]."
    elif isinstance(choice, (Set, Mapping)):
        cure = f"Pass a list, list({parameter})."
    elif isinstance(choice, slice):
        cure = "Pass a list of indices."
    return ValueError(invalid(f"`{parameter}`", _ALLOWED, describe(choice), cure))


def _polars_dtype_is_categorical(X: Any, i: int) -> bool:
    dtype = str(X.dtypes[i]).partition("(")[0]
    return dtype in ("String", "Utf8", "Categorical", "Enum", "Boolean", "Object")


def _positions_of_mask(mask: NDArray[np.bool_], n_columns: int, parameter: str) -> list[int]:
    if len(mask) != n_columns:
        raise ValueError(
            invalid(
                f"`{parameter}` as a mask",
                f"one value for each of the {n_columns} columns of X",
                f"{len(mask)}",
                f"Pass as many, or indices or names of the {_KINDS[parameter]} columns.",
            )
        )
    return np.flatnonzero(mask).tolist()


def _positions_of_indices(
    indices: NDArray[np.integer[Any]], n_columns: int, parameter: str
) -> list[int]:
    if indices.size and not (indices.min() >= 0 and indices.max() < n_columns):
        raise ValueError(
            invalid(
                f"`{parameter}` as indices",
                f"from 0 to {n_columns - 1}, the columns of X",
                f"{indices.min()} to {indices.max()}",
                "Columns are counted from 0.",
            )
        )
    return np.unique(indices).tolist()


def _positions_of_names(names: list[Any], X: Any, parameter: str) -> list[int]:
    if library_of_frame(X) is None:
        raise ValueError(
            invalid(
                f"`{parameter}`",
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
                f"`{parameter}`",
                "names of columns of X",
                format_list(unknown),
                did_you_mean(unknown[0], columns).strip() if isinstance(unknown[0], str) else "",
            )
        )
    return sorted({columns[name] for name in names})
