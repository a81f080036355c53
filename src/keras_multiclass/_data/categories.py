"""Columns of categories in a table: which they are, and their levels as codes and back.

A network reads categories as codes, and an exported network needs nothing else: the categories of
a column are 0, 1, ... in the order of `CategoricalColumn.categories`, a category that the training
rows lack is -1, and a missing value is NaN.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from sklearn.utils import check_array

from keras_multiclass._data.frames import MISSING_TYPES, library_of_frame
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid

UNKNOWN = -1

_ALLOWED = "'from_dtype', None, or a mask, indices or names of columns"
# Declared levels that no row has cost a little; many of them would cost much.
_MAX_UNOBSERVED = 8


@dataclass(frozen=True)
class CategoricalColumn:
    """A column of categories as the training rows had it.

    Attributes
    ----------
    position : int
        Number of the column.
    categories : tuple
        Its levels, sorted: the observed ones, or those that a categorical dtype declares.
    observed : frozenset
        The levels that some training row had.
    has_missing : bool
        Whether some training row had none.
    """

    position: int
    categories: tuple[Hashable, ...]
    observed: frozenset[Hashable]
    has_missing: bool

    def encode(self, column: Any, name: str) -> NDArray[np.float64]:
        """Turn the values of the column into codes.

        Parameters
        ----------
        column : Series or ndarray of shape (n_rows,)
            The values.
        name : str
            Its name in messages.

        Returns
        -------
        ndarray of shape (n_rows,)
            Whole numbers, or NaN for a missing value if training rows had some.
        """
        indices, values = _factorize(column, name)
        _check_same_kind(self.categories, values, name)
        known = {level: i for i, level in enumerate(self.categories) if level in self.observed}
        missing = np.nan if self.has_missing else UNKNOWN
        # The index of a missing value is -1, the last place.
        codes = np.array([*(known.get(value, UNKNOWN) for value in values), missing], np.float64)
        return codes[indices]


@dataclass(frozen=True)
class CategoricalColumns:
    """All columns of a table of which some are categories.

    Attributes
    ----------
    n_columns : int
        How many there are.
    categorical : tuple of CategoricalColumn
        Those of categories, by position.
    """

    n_columns: int
    categorical: tuple[CategoricalColumn, ...]

    @property
    def numeric(self) -> list[int]:
        """Positions of the columns of numbers."""
        taken = {category.position for category in self.categorical}
        return [i for i in range(self.n_columns) if i not in taken]

    @classmethod
    def learn(cls, X: Any, choice: Any) -> CategoricalColumns | None:
        """Find the columns of categories and their levels.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_columns)
            The training rows.
        choice : "from_dtype", None or array-like
            The parameter `categorical_features`.

        Returns
        -------
        CategoricalColumns or None
            None if all columns are numbers.

        Raises
        ------
        ValueError, TypeError
            If `choice` does not fit X, or a value cannot be a level.
        """
        positions = _categorical_positions(X, choice)
        if not positions:
            return None
        table = _Table(X)
        return cls(
            table.n_columns,
            tuple(_learn_column(i, table.column(i), table.name(i)) for i in positions),
        )

    def encode(self, X: Any, dtype: DTypeLike) -> NDArray[Any]:
        """Turn a table into numbers: codes for categories, other columns as they are.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_columns)
            A table with the columns of the training rows.
        dtype : dtype
            Dtype of the result.

        Returns
        -------
        ndarray of shape (n_rows, n_columns)
            May have NaN.

        Raises
        ------
        ValueError
            If a column of numbers has something else, or infinity.
        """
        table = _Table(X)
        encoded = np.empty((table.n_rows, self.n_columns), dtype)
        for category in self.categorical:
            i = category.position
            encoded[:, i] = category.encode(table.column(i), table.name(i))
        if self.numeric:
            encoded[:, self.numeric] = check_array(
                table.part(self.numeric), dtype=dtype, ensure_all_finite="allow-nan", input_name="X"
            )
        return encoded


class _Table:
    """A frame or an array, column by column."""

    def __init__(self, X: Any) -> None:
        self.library = library_of_frame(X)
        self.X: Any = X if self.library else _as_objects(X)
        self.n_rows, self.n_columns = self.X.shape

    def column(self, i: int) -> Any:
        if self.library == "pandas":
            return self.X.iloc[:, i]
        return self.X[:, i]

    def part(self, positions: list[int]) -> Any:
        return self.X.iloc[:, positions] if self.library == "pandas" else self.X[:, positions]

    def name(self, i: int) -> str:
        return f"column {self.X.columns[i]!r}" if self.library else f"column {i}"


def _as_objects(X: Any) -> NDArray[Any]:
    # Without a dtype a list of strings and numbers would become strings.
    array = X if hasattr(X, "dtype") else np.asarray(X, dtype=object)
    if array.ndim != 2:
        raise ValueError(
            invalid("X with `categorical_features`", "a table of 2 dimensions", describe(X))
        )
    return np.asarray(array)


# --- which columns -----------------------------------------------------------------------------


def _categorical_positions(X: Any, choice: Any) -> list[int]:
    if choice is None:
        return []
    if isinstance(choice, str):
        if choice != "from_dtype":
            raise ValueError(invalid("`categorical_features`", _ALLOWED, describe(choice)))
        library = library_of_frame(X)
        if library is None:
            return []
        finder = _is_categorical_in_pandas if library == "pandas" else _is_categorical_in_polars
        return [i for i in range(X.shape[1]) if finder(X, i)]
    return _positions_from_parameter(X, choice)


def _is_categorical_in_pandas(X: Any, i: int) -> bool:
    dtype = X.dtypes.iloc[i]
    if dtype.kind == "O":
        if isinstance(dtype, np.dtype):
            return _has_strings_or_booleans(X.iloc[:, i])
        return str(dtype).startswith(("category", "string")) or str(dtype) == "str"
    return bool(dtype.kind == "b")


def _has_strings_or_booleans(column: Any) -> bool:
    kinds = (str, bytes, bool, np.bool_)
    return any(isinstance(value, kinds) for value in column.array)


def _is_categorical_in_polars(X: Any, i: int) -> bool:
    kind = str(X.dtypes[i]).partition("(")[0]
    return kind in ("String", "Utf8", "Categorical", "Enum", "Boolean", "Object")


def _positions_from_parameter(X: Any, choice: Any) -> list[int]:
    wanted = np.asarray(choice)
    if wanted.ndim == 0 or wanted.ndim > 1 or (wanted.size and wanted.dtype.kind not in "biuUO"):
        raise ValueError(invalid("`categorical_features`", _ALLOWED, describe(choice)))
    n_columns = _Table(X).n_columns
    if wanted.dtype.kind == "b":
        if len(wanted) != n_columns:
            raise ValueError(
                invalid(
                    "`categorical_features` as a mask",
                    f"one value for each of the {n_columns} columns of X",
                    f"{len(wanted)}",
                )
            )
        return np.flatnonzero(wanted).tolist()
    if wanted.dtype.kind in "iu":
        if wanted.size and not (wanted.min() >= 0 and wanted.max() < n_columns):
            raise ValueError(
                invalid(
                    "`categorical_features` as indices",
                    f"from 0 to {n_columns - 1}, the columns of X",
                    f"{wanted.min()} to {wanted.max()}",
                )
            )
        return np.unique(wanted).tolist()
    return _positions_by_name(X, wanted.tolist())


def _positions_by_name(X: Any, wanted: list[Any]) -> list[int]:
    if library_of_frame(X) is None:
        raise ValueError(
            invalid(
                "`categorical_features`",
                "a mask or indices when X has no column names",
                f"names and {describe(X)}",
                "Pass X as a data frame.",
            )
        )
    names = list(X.columns)
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise ValueError(
            invalid(
                "`categorical_features`",
                "names of columns of X",
                format_list(unknown),
                did_you_mean(unknown[0], names).strip(),
            )
        )
    return sorted({names.index(name) for name in wanted})


# --- levels ------------------------------------------------------------------------------------


def _learn_column(position: int, column: Any, name: str) -> CategoricalColumn:
    indices, values = _factorize(column, name)
    observed = frozenset(values)
    declared = _declared_categories(column)
    idle = len(declared) - len(observed)
    levels = declared if declared and idle <= _MAX_UNOBSERVED else values
    return CategoricalColumn(
        position, tuple(_sorted(levels)), observed, bool((indices == -1).any())
    )


def _declared_categories(column: Any) -> list[Any]:
    dtype = getattr(column, "dtype", None)
    declared = getattr(dtype, "categories", None)  # of pandas' category and polars' Enum
    return [] if declared is None else list(declared)


def _sorted(levels: Iterable[Any]) -> list[Any]:
    def by_kind(level: Any) -> tuple[str, Any]:
        is_number = isinstance(level, (int, float, np.number))
        return "" if is_number else type(level).__name__, level

    try:
        return sorted(levels, key=by_kind)
    except TypeError:  # intervals and the like
        return sorted(levels, key=str)


def _factorize(column: Any, name: str) -> tuple[NDArray[np.intp], list[Any]]:
    """Give each different value of a column a number as it comes, and missing ones -1."""
    try:
        if hasattr(column, "factorize"):  # of pandas
            indices, values = column.factorize()
            return indices, values.tolist()
        numbers: dict[Any, int] = {}
        found = [
            -1 if _is_missing(value) else numbers.setdefault(value, len(numbers))
            for value in np.asarray(column, dtype=object).tolist()
        ]
    except TypeError:
        raise TypeError(
            invalid(
                f"Each category in {name} of X",
                "a string, a number, True or False, or missing",
                "something that cannot be compared with others",
            )
        ) from None
    return np.array(found, np.intp), list(numbers)


def _is_missing(value: Any) -> bool:
    return type(value).__name__ in MISSING_TYPES or value != value


def _check_same_kind(levels: Iterable[Any], values: list[Any], name: str) -> None:
    """Refuse strings where there were numbers and the other way round: all would be unknown."""
    fitted, given = (
        {"strings" if isinstance(value, str) else "numbers" for value in found}
        for found in (levels, values)
    )
    if len(fitted) == len(given) == 1 and fitted != given:
        raise ValueError(
            invalid(f"The categories in {name} of X", f"{fitted.pop()}, as in fit", given.pop())
        )
