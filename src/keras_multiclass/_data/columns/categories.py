"""Categories of a table, and their codes.

A network reads categories as codes, and an exported network needs nothing else: the categories of
a column are 0, 1, ... in the order of `CategoricalColumn.categories`, a category that the training
rows lack is -1, and a missing value is NaN.
"""

from __future__ import annotations

import datetime
import numbers
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy import sparse
from sklearn.utils import check_array

from keras_multiclass._data.columns.choice import Table, categorical_positions
from keras_multiclass._data.frames import is_missing, library_of
from keras_multiclass._shared.messages import describe, format_list, invalid, warn

UNKNOWN = -1
# A few declared categories without rows cost little; many would cost a lot.
_MAX_UNOBSERVED = 8
# Fewer rows may well be all of new categories.
_MANY_ROWS = 10


@dataclass(frozen=True)
class CategoricalColumn:
    """A categorical column of the training rows.

    Attributes
    ----------
    position : int
        Index of the column in the table.
    categories : tuple
        The sorted categories: those observed, or those that a categorical dtype declares.
    observed : frozenset
        The categories that occur in the training rows; all others are unknown.
    has_missing : bool
        Whether the training rows have missing values.
    is_declared : bool
        Whether `categories` are those of a dtype, which have a code even if they do not occur.
    """

    position: int
    categories: tuple[Hashable, ...]
    observed: frozenset[Hashable]
    has_missing: bool
    is_declared: bool = False

    @classmethod
    def learn(cls, position: int, column: Any, name: str) -> CategoricalColumn:
        """Collect the categories of a column.

        Parameters
        ----------
        position : int
            Index of the column in the table.
        column : Series or ndarray of shape (n_rows,)
            The training values.
        name : str
            Name of the column in error messages.
        """
        indices, values = factorize(column, name)
        declared = declared_categories(column)
        check_one_kind([*values, *declared], column, name)
        has_missing = bool((indices == -1).any())
        return cls.of_values(position, values, declared, has_missing=has_missing)

    @classmethod
    def of_values(
        cls,
        position: int,
        values: Collection[Hashable],
        declared: Collection[Hashable],
        *,
        has_missing: bool,
    ) -> CategoricalColumn:
        """Return the column of some categories.

        Parameters
        ----------
        position : int
            Index of the column in the table.
        values : collection of hashable
            The categories that occur in the training rows.
        declared : collection of hashable
            Those that a categorical dtype declares; empty without one.
        has_missing : bool
            Whether the training rows have missing values.
        """
        observed = frozenset(values)
        if declared:
            categories = tuple(_sorted(observed.union(declared)))
            return cls(position, categories, observed, has_missing, True).without_unobserved()
        return cls(position, tuple(_sorted(values)), observed, has_missing)

    def without_unobserved(self) -> CategoricalColumn:
        """Return the column with codes for observed categories, and for few others if declared."""
        n_unobserved = len(self.categories) - len(self.observed)
        if not n_unobserved or (self.is_declared and n_unobserved <= _MAX_UNOBSERVED):
            return self
        kept = tuple(value for value in self.categories if value in self.observed)
        return replace(self, categories=kept, is_declared=False)

    def limited_to(self, codes: NDArray[Any]) -> CategoricalColumn:
        """Return the column as if these rows, encoded by it, were all there are.

        Parameters
        ----------
        codes : ndarray of shape (n_rows,)
            What `encode` returned for the rows.
        """
        missing = np.isnan(codes)
        counts = np.bincount(codes[~missing].astype(int), minlength=len(self.categories))
        observed = frozenset(self.categories[code] for code in np.flatnonzero(counts).tolist())
        has_missing = bool(missing.any())
        return replace(self, observed=observed, has_missing=has_missing).without_unobserved()

    def recode(self, codes: NDArray[Any], before: CategoricalColumn) -> NDArray[np.float64]:
        """Return what `encode` would for rows that an earlier version of the column has encoded.

        Parameters
        ----------
        codes : ndarray of shape (n_rows,)
            The codes of the earlier version.
        before : CategoricalColumn
            The earlier version.
        """
        new = np.array([*self._codes(before.categories), UNKNOWN, self._missing], np.float64)
        # The last codes are those of unknown categories and of missing values.
        is_missing = np.isnan(codes)
        old = np.where(is_missing | (codes == UNKNOWN), len(new) - 2 + is_missing, codes)
        return new[old.astype(int)]

    def encode(self, column: Any, name: str) -> NDArray[np.float64]:
        """Encode values as codes.

        Parameters
        ----------
        column : Series or ndarray of shape (n_rows,)
            The values.
        name : str
            Name of the column in error messages.

        Returns
        -------
        ndarray of shape (n_rows,)
            Codes. A missing value is NaN if the training rows have missing values, else unknown.
        """
        indices, values = factorize(column, name)
        _check_same_kind(self.categories, values, column, name)
        codes = self._codes(values)
        if UNKNOWN in codes:
            codes = self._with_rounded(codes, values)
            if len(codes) > 1 and len(indices) >= _MANY_ROWS and set(codes) == {UNKNOWN}:
                warn(
                    f"None of the {len(codes)} categories in {name} of X occurs in the training "
                    "rows; unknown categories are encoded as zeros. Check that they are written as "
                    "in fit: '1' and '1.0', for example, are different."
                )
        # A missing value has index -1, which is the last code.
        return np.array([*codes, self._missing], np.float64)[indices]

    def _with_rounded(self, codes: list[int], values: list[Any]) -> list[int]:
        """Return codes in which numbers that differ only by the rounding of float32 are equal."""
        rounded = [
            _to_float32(v) if c == UNKNOWN else None for v, c in zip(values, codes, strict=True)
        ]
        if not any(value is not None for value in rounded):
            return codes
        code_of: dict[float, int] = {}
        for code, category in enumerate(self.categories):
            number = _to_float32(category) if category in self.observed else None
            if number is not None:  # of two categories that become equal, neither is meant
                code_of[number] = UNKNOWN if number in code_of else code
        for i, number in enumerate(rounded):
            code = UNKNOWN if number is None else code_of.get(number, UNKNOWN)
            # Only what was rounded, here or in fit, may be equal.
            if code != UNKNOWN and number in (values[i], self.categories[code]):
                codes[i] = code
        return codes

    def _codes(self, values: Iterable[Hashable]) -> list[int]:
        code_of = {value: i for i, value in enumerate(self.categories) if value in self.observed}
        return [code_of.get(value, UNKNOWN) for value in values]

    @property
    def _missing(self) -> float:
        return np.nan if self.has_missing else UNKNOWN


@dataclass(frozen=True)
class CategoricalColumns:
    """The columns of a table with at least one categorical column.

    Attributes
    ----------
    n_columns : int
        Number of columns of the table.
    categorical : tuple of CategoricalColumn
        The categorical columns, sorted by position.
    """

    n_columns: int
    categorical: tuple[CategoricalColumn, ...]

    @property
    def positions(self) -> frozenset[int]:
        """Positions of the categorical columns."""
        return frozenset(column.position for column in self.categorical)

    @property
    def numeric(self) -> list[int]:
        """Positions of the numeric columns."""
        categorical = self.positions
        return [i for i in range(self.n_columns) if i not in categorical]

    @classmethod
    def learn(
        cls, X: Any, categorical_features: Any, but: Collection[int] = ()
    ) -> CategoricalColumns | None:
        """Find the categorical columns and their categories.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_columns)
            The training rows.
        categorical_features : "from_dtype", None or array-like
            The parameter of this name.
        but : collection of int, default=()
            Positions of columns that are something else.

        Returns
        -------
        CategoricalColumns or None
            None if all columns are numeric.

        Raises
        ------
        ValueError, TypeError
            If `categorical_features` does not fit X, or a value cannot be a category.
        """
        positions = [i for i in categorical_positions(X, categorical_features) if i not in but]
        if not positions:
            return None
        if sparse.issparse(X):
            raise ValueError(
                invalid(
                    "X with `categorical_features`",
                    "a dense array or data frame",
                    describe(X),
                    "Pass X.toarray(), or categorical_features=None to read columns as numbers.",
                )
            )
        table = Table(X)
        return cls(
            table.n_columns,
            tuple(CategoricalColumn.learn(i, table.column(i), table.name(i)) for i in positions),
        )

    def limited_to(self, rows: NDArray[Any], encoded: NDArray[Any]) -> CategoricalColumns:
        """Return the columns as if some rows were all there are.

        Parameters
        ----------
        rows : ndarray of int of shape (n_chosen,)
            Indices of these rows.
        encoded : ndarray of shape (n_rows, n_columns)
            All rows, as encoded by the columns; encoded again where that makes a difference.
        """
        limited = []
        for column in self.categorical:
            codes = encoded[:, column.position]
            limited.append(column.limited_to(codes[rows]))
            if limited[-1] != column:
                encoded[:, column.position] = limited[-1].recode(codes, column)
        return replace(self, categorical=tuple(limited))

    def encode(self, X: Any, dtype: DTypeLike) -> NDArray[Any]:
        """Encode categorical columns as codes and copy numeric columns.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_columns)
            A table with the columns of the training rows.
        dtype : dtype
            Dtype of the result.

        Returns
        -------
        ndarray of shape (n_rows, n_columns)
            May contain NaN.

        Raises
        ------
        ValueError
            If a numeric column contains infinity or anything but numbers.
        """
        table = Table(X)
        encoded = np.empty((table.n_rows, self.n_columns), dtype)
        for column in self.categorical:
            i = column.position
            encoded[:, i] = column.encode(table.column(i), table.name(i))
        if self.numeric:
            encoded[:, self.numeric] = check_array(
                table.columns(self.numeric),
                dtype=dtype,
                ensure_all_finite="allow-nan",
                input_name="X",
            )
        return encoded


def declared_categories(column: Any) -> list[Any]:
    """Return the categories that the dtype of a column declares, if any."""
    dtype = getattr(column, "dtype", None)
    declared = getattr(dtype, "categories", None)  # of pandas' category and polars' Enum
    return [] if declared is None else list(declared)


def _sorted(categories: Iterable[Any]) -> list[Any]:
    def by_type(value: Any) -> tuple[str, Any]:
        is_number = isinstance(value, (int, float, np.number))
        return "" if is_number else type(value).__name__, value

    try:
        return sorted(categories, key=by_type)
    except TypeError:  # values without an order, such as intervals
        return sorted(categories, key=str)


def factorize(column: Any, name: str) -> tuple[NDArray[np.intp], list[Any]]:
    """Return each value's index among the distinct values (-1 if missing), and these values."""
    try:
        if hasattr(column, "factorize"):  # pandas
            indices, values = column.factorize()
            return indices, values.tolist()
        index_of: dict[Any, int] = {}
        indices = [
            -1 if is_missing(value) else index_of.setdefault(value, len(index_of))
            for value in np.asarray(column, dtype=object).tolist()
        ]
    except TypeError:
        item = _item(column, name)
        raise TypeError(
            invalid(
                f"Each category in {name} of X",
                "a string, a number, True or False, or missing",
                f"values of type {format_list(_unhashable(column))}",
                f"Convert them to strings: X{item} = [str(value) for value in X{item}].",
            )
        ) from None
    return np.array(indices, np.intp), list(index_of)


def _unhashable(column: Any) -> list[str]:
    types = {type(value) for value in column}
    return sorted(kind.__name__ for kind in types if kind.__hash__ is None)


def _to_float32(value: Any) -> float | None:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        return None
    with np.errstate(over="ignore"):
        try:
            return float(np.float32(value))
        except OverflowError:
            return None


def check_one_kind(values: list[Any], column: Any, name: str) -> None:
    """Raise if values are for example strings and numbers: 1 and '1' would be two categories."""
    kinds = kinds_of(values)
    if len(kinds) > 1:
        raise ValueError(
            invalid(
                f"The categories in {name} of X",
                "of one type",
                " and ".join(kinds),
                _how_to_convert("str", column, name),
            )
        )


def _check_same_kind(categories: Iterable[Any], values: list[Any], column: Any, name: str) -> None:
    """Raise if for example strings replace numbers: these categories would be unknown."""
    fitted, actual = kinds_of(categories), kinds_of(values)
    if not fitted or set(actual) <= set(fitted):
        return
    function = {"strings": "str", "numbers": "float"}.get(" and ".join(fitted))
    raise ValueError(
        invalid(
            f"The categories in {name} of X",
            f"{' and '.join(fitted)}, as in fit",
            " and ".join(actual),
            _how_to_convert(function, column, name) if function else "",
        )
    )


def kinds_of(values: Iterable[Any]) -> list[str]:
    return sorted(
        {_KIND_OF_TYPE.get(kind) or _kind_of_type(kind) for kind in set(map(type, values))}
    )


_KIND_OF_TYPE = {str: "strings", int: "numbers", float: "numbers", bool: "numbers"}


def _kind_of_type(kind: type) -> str:
    families: dict[str, Any] = {
        "strings": str,
        "bytes": bytes,
        "numbers": (numbers.Number, np.bool_),
        "dates": (datetime.date, np.datetime64),
    }
    return next((name for name, of in families.items() if issubclass(kind, of)), "other objects")


def _how_to_convert(function: str, column: Any, name: str) -> str:
    """Return how to convert a column of X with a function, without its missing values."""
    item = _item(column, name)
    library = library_of(column)
    if library == "pandas":
        return f"Convert them: X{item} = X{item}.map({function}, na_action='ignore')."
    values = f"[None if v is None else {function}(v) for v in X{item}]"
    if library == "polars":
        return f"Convert them: X = X.with_columns(polars.Series({item[1:-1]}, {values}))."
    return f"Convert them: X{item} = {values}."


def _item(column: Any, name: str) -> str:
    what = name.partition(" ")[2]
    return f"[{what}]" if hasattr(column, "name") else f"[:, {what}]"
