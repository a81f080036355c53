"""Memory-mapped arrays of another dtype than the network's, converted as they are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_CHUNK_VALUES = 2**22


class MemoryMap:
    """An array whose rows get another dtype when they are read, so that there is no copy of it.

    Parameters
    ----------
    array : ndarray of shape (n_rows, ...)
        What is mapped.
    dtype : dtype
        What it is to become.

    Attributes
    ----------
    dtype : dtype
        What it becomes.
    shape : tuple of int
        Its shape.
    """

    def __init__(self, array: NDArray[Any], dtype: DTypeLike) -> None:
        self._array = array
        self.dtype = np.dtype(dtype)
        self.shape = array.shape
        self.ndim = array.ndim
        self.size = array.size

    def __getitem__(self, key: Any) -> Any:
        part = self._array[key]
        # A new axis is no reading of rows.
        return MemoryMap(part, self.dtype) if isinstance(key, tuple) else part.astype(self.dtype)

    def chunks(self) -> Iterator[NDArray[Any]]:
        """Read it from the first row to the last, some megabytes at a time."""
        size = max(1, _CHUNK_VALUES * self.shape[0] // max(1, self.size))
        for start in range(0, self.shape[0], size):
            yield self[start : start + size]


def needs_cast_on_read(X: Any, dtype: DTypeLike) -> bool:
    """Whether X is a memory-mapped array of numbers that has not the dtype yet.

    Parameters
    ----------
    X : object
        What the user gave.
    dtype : dtype
        What the network takes.
    """
    return isinstance(X, np.memmap) and X.dtype.kind in "fiub" and X.dtype != np.dtype(dtype)
