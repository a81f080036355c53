"""A sample of the rows of a stream."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from keras_multiclass._data.rows import dense


class RowSample:
    """Evenly spaced rows of all batches; all rows if they are few.

    Parameters
    ----------
    most : int
        Number of rows to keep.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._step = 1
        self._n_seen = 0
        self._n_kept = 0
        self._parts: list[tuple[Any, ...]] = []

    def select(self, n_rows: int) -> np.ndarray:
        """Return which of the next rows belong to the sample.

        Parameters
        ----------
        n_rows : int
            Number of rows in the next batch.
        """
        chosen = np.arange(-self._n_seen % self._step, n_rows, self._step)
        self._n_seen += n_rows
        return chosen

    def add(self, *arrays: Any) -> None:
        """Add rows that `select` has chosen.

        Parameters
        ----------
        *arrays : ndarray or sparse matrix of shape (n_rows, ...)
            Their values, which must not change later.
        """
        self._parts.append(arrays)
        self._n_kept += arrays[0].shape[0]
        while self._n_kept > self._most:
            arrays = tuple(array[::2].copy() for array in self.arrays())
            self._parts, self._n_kept = [arrays], arrays[0].shape[0]
            self._step *= 2

    def arrays(self) -> tuple[Any, ...]:
        """Return the values of all chosen rows; an empty tuple if there are none."""
        return tuple(map(_stack, zip(*self._parts, strict=True)))


def _stack(parts: tuple[Any, ...]) -> Any:
    if len(parts) == 1:
        return parts[0]
    if all(map(sparse.issparse, parts)):
        return sparse.vstack(parts, format="csr")
    return np.concatenate(list(map(dense, parts)))
