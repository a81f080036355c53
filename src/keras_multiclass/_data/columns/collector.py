"""Categories of a column that arrives in batches."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_multiclass._data.columns.categories import (
    CategoricalColumn,
    check_one_kind,
    declared_categories,
    factorize,
    kinds_of,
)


class CategoryCollector:
    """Learns a categorical column batch by batch, as `CategoricalColumn.learn` does at once.

    Attributes
    ----------
    observed : set of hashable
        The categories of the training rows so far.
    n_values : int
        Number of values so far that are not missing.
    has_missing : bool
        Whether training rows have missing values.
    """

    def __init__(self) -> None:
        self.observed: set[Hashable] = set()
        self.n_values = 0
        self.has_missing = False
        self._declared: dict[Hashable, None] = {}
        self._of_each_kind: dict[str, Any] = {}

    def add(self, column: Any, name: str, rows: NDArray[Any] | None) -> None:
        """Learn from some rows.

        Parameters
        ----------
        column : Series or ndarray of shape (n_rows,)
            Their values.
        name : str
            Name of the column in error messages.
        rows : ndarray of int or None
            Indices of the training rows among them; None for all.
        """
        indices, values = factorize(column, name)
        declared = declared_categories(column)
        for value in (*values, *declared):
            if type(value) not in map(type, self._of_each_kind.values()):
                self._of_each_kind.setdefault(kinds_of([value])[0], value)
        check_one_kind(list(self._of_each_kind.values()), column, name)
        chosen = indices if rows is None else indices[rows]
        self.observed.update(values[index] for index in np.unique(chosen).tolist() if index >= 0)
        self.n_values += int((chosen >= 0).sum())
        self.has_missing = self.has_missing or bool((chosen < 0).any())
        self._declared.update(dict.fromkeys(declared))

    def column(self, position: int) -> CategoricalColumn:
        """Return the column as learned from these rows.

        Parameters
        ----------
        position : int
            Index of the column in the table.
        """
        return CategoricalColumn.of_values(
            position, self.observed, self._declared, has_missing=self.has_missing
        )
