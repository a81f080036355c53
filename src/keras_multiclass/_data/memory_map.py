"""Memory-mapped arrays that are cast to the network's dtype as they are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_CHUNK_VALUES = 2**22


class MemoryMap:
    """A memory-mapped array whose rows are cast when they are read, so that it is never copied.

    Parameters
    ----------
    array : ndarray of shape (n_rows, ...)
        The mapped array.
    dtype : dtype
        Dtype of the rows that are read.

    Attributes
    ----------
    dtype : dtype
        Dtype of the rows that are read.
    shape : tuple of int
        Shape of the array.
    """

    def __init__(self, array: NDArray[Any], dtype: DTypeLike) -> None:
        self._array = array
        self.dtype = np.dtype(dtype)
        self.shape = array.shape
        self.ndim = array.ndim
        self.size = array.size

    def __getitem__(self, key: Any) -> Any:
        part = self._array[key]
        # Indexing with a tuple adds an axis and reads no rows.
        return MemoryMap(part, self.dtype) if isinstance(key, tuple) else part.astype(self.dtype)

    def chunks(self) -> Iterator[NDArray[Any]]:
        """Yield all rows in order, some megabytes at a time."""
        size = max(1, _CHUNK_VALUES * self.shape[0] // max(1, self.size))
        for start in range(0, self.shape[0], size):
            yield self[start : start + size]


def needs_cast_on_read(X: Any, dtype: DTypeLike) -> bool:
    """Return whether X is a memory-mapped array of numbers of another dtype.

    Parameters
    ----------
    X : object
        The features.
    dtype : dtype
        Dtype of the network's input.
    """
    return isinstance(X, np.memmap) and X.dtype.kind in "fiub" and X.dtype != np.dtype(dtype)
