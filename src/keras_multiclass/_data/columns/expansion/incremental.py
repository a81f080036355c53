"""The columns of a table that are no numbers, learned batch by batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from keras_multiclass._data.columns.categories import CategoricalColumns
from keras_multiclass._data.columns.choice import (
    Table,
    categorical_positions,
    is_open_choice,
    named_positions,
)
from keras_multiclass._data.columns.collector import CategoryCollector
from keras_multiclass._data.columns.expansion.dates import DateCollector
from keras_multiclass._data.columns.expansion.expansion import (
    ExpandedColumn,
    Expansion,
    date_positions,
)
from keras_multiclass._data.columns.expansion.text import (
    MOST_TEXTS,
    TextColumn,
    list_values,
    read_texts,
)
from keras_multiclass._data.columns.expansion.text_choice import (
    check_not_both,
    is_string_column,
    looks_like_text,
)
from keras_multiclass._data.columns.expansion.unsuited import warn_of_many_categories
from keras_multiclass._data.columns.names import check_names, names_of
from keras_multiclass._data.frames import is_missing, library_of_frame
from keras_multiclass._data.reader import check_column_names, stand_in
from keras_multiclass._data.row_selection import take_rows
from keras_multiclass._data.texts.sample import TextSample
from keras_multiclass._data.values import kinds_of_columns, to_strings
from keras_multiclass._shared.messages import describe, invalid

_FROM_DTYPE = "from_dtype"
_MANY_CATEGORIES = 2**16  # from here on, categories that are texts are no longer collected
_MOST_CATEGORIES = 2**20


def needs_learning(X: Any, categorical_features: Any, text_features: Any) -> bool:
    """Whether a table may have columns that are no numbers.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_columns)
        The first batch.
    categorical_features, text_features : "from_dtype", None or array-like
        The parameters of these names.

    Returns
    -------
    bool
        True also for columns without any value, whose kind is unknown.
    """
    if not (is_open_choice(categorical_features) and is_open_choice(text_features)):
        return True
    if library_of_frame(X) is None:
        return bool(date_positions(X, ())) or _has_empty_column(X)
    if categorical_positions(X, _FROM_DTYPE):
        return True
    if set(kinds_of_columns(X).values()) - {"numbers"}:
        return True
    return _has_empty_column(X)


def _has_empty_column(X: Any) -> bool:
    if library_of_frame(X) is None and getattr(getattr(X, "dtype", None), "kind", "") != "O":
        return False
    table = Table(X)
    return any(_is_empty(table, i) for i in range(table.n_columns))


def _is_empty(table: Table, i: int) -> bool:
    """Whether a column has no value, so that its kind is unknown."""
    column = table.column(i)
    if table.library == "pandas":
        return bool(column.isna().all())
    if table.library == "polars":
        return bool(column.null_count() == table.n_rows)
    if column.dtype.kind == "f":
        return bool(np.isnan(column).all())
    return column.dtype.kind == "O" and all(map(is_missing, column.tolist()))


class IncrementalColumns:
    """Learns the columns of a table batch by batch, as `learn_columns` and `Expansion` do at once.

    Parameters
    ----------
    categorical_features, text_features : "from_dtype", None or array-like
        The parameters of these names.
    estimator_name : str
        Name of the estimator in scikit-learn's messages.
    """

    def __init__(self, categorical_features: Any, text_features: Any, estimator_name: str) -> None:
        self._categorical = categorical_features
        self._text = text_features
        self._names_categories = not is_open_choice(categorical_features)
        self._names_texts = not is_open_choice(text_features)
        self._estimator = stand_in(estimator_name)()
        self._estimator_name = estimator_name
        self._columns: list[_Column] = []
        self._first: Any = None

    def add(self, X: Any, rows: NDArray[Any] | None) -> None:
        """Learn from a batch.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_columns)
            The rows.
        rows : ndarray of int or None
            Indices of the training rows among them; None for all.

        Raises
        ------
        ValueError, TypeError
            If they have other columns, or values of another kind, than earlier batches.
        """
        if sparse.issparse(X):
            name = "categorical_features" if self._names_categories else "text_features"
            cure = f"Pass X.toarray(), or {name}=None to read columns as numbers."
            allowed = "a dense array or data frame"
            raise ValueError(invalid(f"X with `{name}`", allowed, describe(X), cure))
        table = Table(X)
        check_column_names(self._estimator, table.X, reset=self._first is None)
        if self._first is None:
            self._first = take_rows(table.X, slice(0, 1))
            self._columns = [_Column() for _ in range(table.n_columns)]
        check_names(table.X, names_of(self._first), self._estimator_name)
        named_categories = self._named(X, "categorical_features")
        named_texts = self._named(X, "text_features")
        check_not_both(X, named_categories, named_texts)
        named = {*named_categories, *named_texts}
        by_dtype = set(categorical_positions(X, _FROM_DTYPE)) - named
        if self._categorical != _FROM_DTYPE:  # only texts are of interest
            by_dtype = {i for i in by_dtype if is_string_column(X, i)}
        dates = set(date_positions(X, {*named, *by_dtype}))
        for i, column in enumerate(self._columns):
            name = table.name(i)
            if i in named_texts:
                column.add_texts(read_texts(table, i), rows)
            elif i in named_categories:
                column.is_category = True
                column.add_categories(table, i, rows)
            elif _is_empty(table, i):
                column.is_empty_somewhere |= rows is None or len(rows) > 0
            elif i in by_dtype:
                if self._text == _FROM_DTYPE and is_string_column(X, i):
                    column.add_texts(list_values(table.column(i)), rows)
                else:
                    column.may_be_text = False
                column.is_category = self._categorical == _FROM_DTYPE
                if not column.is_certainly_text():
                    column.add_categories(table, i, rows)
                column.kinds["strings or categories"] = None
            elif i in dates:
                column.add_dates(table, i, rows)
                column.kinds["dates or times"] = None
            else:
                column.kinds["numbers"] = None
            column.check_one_kind(name, table, i)

    def _named(self, X: Any, parameter: str) -> list[int]:
        choice = self._categorical if parameter == "categorical_features" else self._text
        return [] if is_open_choice(choice) else named_positions(X, choice, parameter)

    def learned(self) -> tuple[CategoricalColumns | None, Expansion | None]:
        """Return the categorical columns, and those to expand; None if there are none."""
        expanded: list[ExpandedColumn] = []
        categorical, n_values, samples = [], {}, {}
        for i, column in enumerate(self._columns):
            if column.texts is not None and (column.categories is None or column.is_text()):
                texts = to_strings(column.texts.texts)[0]
                expanded.append(TextColumn.of_texts(i, texts))
            elif column.dates is not None:
                expanded.append(column.dates.column)
            elif column.categories is not None and column.is_category:
                column.categories.has_missing |= column.is_empty_somewhere
                categorical.append(column.categories.column(i))
                n_values[i] = column.categories.n_values
                if column.texts is not None:
                    samples[i] = np.array(column.texts.texts, dtype=object)
        columns = None
        if categorical:
            columns = CategoricalColumns(len(self._columns), tuple(categorical))
            if not self._names_categories:
                warn_of_many_categories(self._first, columns, n_values, samples)
        return columns, Expansion(tuple(expanded)) if expanded else None


@dataclass
class _Column:
    """What is known about a column so far.

    ``kinds`` are those of its values, in their order; ``is_category`` is True if strings are
    categories unless they are free text, ``may_be_text`` False once some cannot be free text, and
    ``has_too_many`` True if they are free text because they would be too many categories.
    """

    categories: CategoryCollector | None = None
    texts: TextSample | None = None
    dates: DateCollector | None = None
    kinds: dict[str, None] = field(default_factory=dict)
    is_empty_somewhere: bool = False
    is_category: bool = False
    may_be_text: bool = True
    has_too_many: bool = False

    def add_categories(self, table: Table, i: int, rows: NDArray[Any] | None) -> None:
        self.categories = self.categories or CategoryCollector()
        self.categories.add(table.column(i), table.name(i), rows)
        if len(self.categories.observed) > _MOST_CATEGORIES:
            raise ValueError(
                invalid(
                    f"The categories in {table.name(i)} of X",
                    f"at most {_MOST_CATEGORIES} in a stream",
                    "more",
                    "Drop the column, or group rare categories in the stream.",
                )
            )

    def add_texts(self, values: list[Any], rows: NDArray[Any] | None) -> None:
        self.texts = self.texts or TextSample(MOST_TEXTS)
        self.texts.add(values if rows is None else [values[i] for i in rows.tolist()])

    def add_dates(self, table: Table, i: int, rows: NDArray[Any] | None) -> None:
        self.dates = self.dates or DateCollector(i)
        self.dates.add(table, rows)

    def is_text(self) -> bool:
        """Whether the strings so far look like free text."""
        if self.texts is None or not self.may_be_text:
            return False
        return looks_like_text(np.array(self.texts.texts, dtype=object))

    def is_certainly_text(self) -> bool:
        """Whether there are too many different texts to collect them, as if of categories."""
        many = self.categories is not None and len(self.categories.observed) > _MANY_CATEGORIES
        if many and self.is_text():
            self.categories, self.has_too_many = None, True
        return self.has_too_many

    def check_one_kind(self, name: str, table: Table, i: int) -> None:
        if len(self.kinds) > 1:
            raise ValueError(
                invalid(
                    f"The values in {name} of X",
                    "of one kind in all batches",
                    " and ".join(self.kinds),
                    f"Convert them in the stream, for example with {_conversion(table, i)}.",
                )
            )


def _conversion(table: Table, i: int) -> str:
    item = table.item(i)
    if table.library == "polars":
        return f"X = X.with_columns(X{item}.cast(polars.String))"
    return f"X{item} = X{item}.astype(str)"
