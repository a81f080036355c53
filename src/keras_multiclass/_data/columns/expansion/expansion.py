"""The columns of a table that become several numbers before a network reads it.

The first number takes the place of the column, so that all other columns keep their positions; its
other numbers are appended to the table.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from keras_multiclass._data.columns.categories import CategoricalColumns
from keras_multiclass._data.columns.choice import Table, categorical_positions, is_open_choice
from keras_multiclass._data.columns.expansion.dates import DateColumn
from keras_multiclass._data.columns.expansion.text import TextColumn
from keras_multiclass._data.columns.expansion.text_choice import text_positions
from keras_multiclass._data.columns.expansion.unsuited import warn_of_many_categories
from keras_multiclass._data.frames import library_of_frame
from keras_multiclass._data.values import kinds_of_columns, with_columns
from keras_multiclass._shared.messages import describe, invalid


class ExpandedColumn(Protocol):
    """A column that becomes several numbers.

    `is_block` says whether the numbers belong together and need no scaling.
    """

    is_block: ClassVar[bool]

    @property
    def position(self) -> int:
        """Index of the column in the table."""

    def learn(self, table: Table, rows: NDArray[Any] | None) -> ExpandedColumn:
        """Return the column as learned from the training rows."""

    def numbers(self, table: Table) -> NDArray[np.float64]:
        """Return an array of shape (n_rows, n_numbers)."""

    def names(self, name: str) -> list[str]:
        """Return the names of the numbers of a column."""


@dataclass(frozen=True, eq=False)
class Expansion:
    """The columns that become several numbers.

    Attributes
    ----------
    columns : tuple of ExpandedColumn
        The columns, sorted by position.
    """

    columns: tuple[ExpandedColumn, ...]

    def learn(self, X: Any, rows: NDArray[Any] | None) -> Expansion:
        """Return the expansion as learned from the training rows.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_columns)
            All rows.
        rows : ndarray of int or None
            Indices of the training rows; None for all.
        """
        table = Table(X)
        return Expansion(tuple(column.learn(table, rows) for column in self.columns))

    def blank(self, X: Any) -> Any:
        """Return a table of the same columns, with zeros in those that are expanded.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_columns)
            The table, never changed.
        """
        table = Table(X)
        positions = [
            column.position for column in self.columns if column.position < table.n_columns
        ]
        zeros = np.zeros(table.n_rows)
        if table.library == "pandas":
            return with_columns(X, dict.fromkeys(positions, zeros))
        if table.library == "polars":
            series = sys.modules["polars"].Series
            return X.with_columns([series(X.columns[i], zeros) for i in positions])
        if table.X.dtype.kind in "mM" and len(positions) == table.n_columns:
            return np.zeros(table.X.shape)
        blank = table.X.astype(object)
        blank[:, positions] = 0.0
        return blank

    def expand(self, X: Any, checked: Any) -> NDArray[Any]:
        """Put the numbers into a table.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_columns)
            The table.
        checked : ndarray of shape (n_rows, at least n_columns)
            What `blank` returned, checked. Numbers of an earlier expansion at its end are ignored.

        Returns
        -------
        ndarray of shape (n_rows, n_numbers)
            Of the same dtype.
        """
        table = Table(X)
        numbers = [column.numbers(table) for column in self.columns]
        added = [part[:, 1:].astype(checked.dtype) for part in numbers]
        expanded = np.hstack([checked[:, : table.n_columns], *added])
        for column, part in zip(self.columns, numbers, strict=True):
            expanded[:, column.position] = part[:, 0]
        return expanded

    def names(self, names: Sequence[str]) -> list[str]:
        """Return the names of all numbers.

        Parameters
        ----------
        names : sequence of str
            Names of the columns.
        """
        result, added = list(names), []
        for column in self.columns:
            first, *others = column.names(names[column.position])
            result[column.position] = first
            added += others
        return result + added

    def blocks(self, n_columns: int) -> list[list[int]]:
        """Return the positions of the numbers of each column whose numbers belong together.

        Parameters
        ----------
        n_columns : int
            Number of columns of the table.
        """
        blocks = []
        for column in self.columns:
            n_added = len(column.names("")) - 1
            if column.is_block:
                blocks.append([column.position, *range(n_columns, n_columns + n_added)])
            n_columns += n_added
        return blocks


def learn_columns(
    X: Any, categorical_features: Any, text_features: Any
) -> tuple[CategoricalColumns | None, Expansion | None]:
    """Find the columns of a table that are no numbers.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_columns, ...)
        The features.
    categorical_features, text_features : "from_dtype", None or array-like
        The parameters of these names.

    Returns
    -------
    columns : CategoricalColumns or None
        The categorical columns; None if there are none.
    expansion : Expansion or None
        Columns of text, dates and times, whose numbers are not learned yet; None if there are none.
    """
    categorical = categorical_positions(X, categorical_features)
    are_named = not is_open_choice(categorical_features)
    texts = text_positions(X, text_features, categorical, are_named=are_named)
    if texts and sparse.issparse(X):
        raise ValueError(
            invalid(
                "X with `text_features`",
                "a dense array or data frame",
                describe(X),
                "Pass text_features=None to read columns as numbers.",
            )
        )
    columns = CategoricalColumns.learn(X, categorical_features, but=texts)
    if columns is not None and not are_named:
        warn_of_many_categories(X, columns)
    others = columns.positions if columns else frozenset()
    dates = date_positions(X, {*others, *texts})
    expanded: list[ExpandedColumn] = [TextColumn(i) for i in texts]
    expanded += [DateColumn(i) for i in dates]
    if not expanded:
        return columns, None
    return columns, Expansion(tuple(sorted(expanded, key=lambda column: column.position)))


def date_positions(X: Any, but: Collection[int]) -> list[int]:
    """Return the positions of the columns of dates and times.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_columns, ...)
        The features.
    but : collection of int
        Positions of columns that are left out.
    """
    if library_of_frame(X) is None:
        if sparse.issparse(X):
            return []
        if not hasattr(X, "dtype"):
            X = _list_to_objects(X)
        if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype.kind not in "OmM":
            return []
        if X.dtype.kind in "mM":
            return [i for i in range(X.shape[1]) if i not in but]
    return [i for i, kind in kinds_of_columns(X, but).items() if kind == "dates"]


def _list_to_objects(X: Any) -> Any:
    try:
        return np.asarray(X)
    except ValueError:  # rows of different lengths
        return None
