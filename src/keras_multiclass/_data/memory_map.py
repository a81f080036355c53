"""Memory-mapped arrays that are cast to the network's dtype as they are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from keras_multiclass._data.offsets import Offsets

_CHUNK_VALUES = 2**22


class MemoryMap:
    """A memory-mapped array whose rows are cast when they are read, so that it is never copied.

    Parameters
    ----------
    array : ndarray of shape (n_rows, ...)
        The mapped array.
    dtype : dtype
        Dtype of the rows that are read.
    offsets : Offsets, default=None
        Subtracted from the rows before they are cast.
    expanded : bool, default=False
        Whether the rows that are read get another axis at the end.

    Attributes
    ----------
    dtype : dtype
        Dtype of the rows that are read.
    shape : tuple of int
        Shape of the array.
    """

    def __init__(
        self,
        array: NDArray[Any],
        dtype: DTypeLike,
        offsets: Offsets | None = None,
        *,
        expanded: bool = False,
    ) -> None:
        self._array = array
        self._offsets = offsets
        self._expanded = expanded
        self.dtype = np.dtype(dtype)
        self.shape = (*array.shape, 1) if expanded else array.shape
        self.ndim = len(self.shape)
        self.size = array.size

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple):  # (..., None) adds an axis, and reads no rows
            return MemoryMap(self._array, self.dtype, self._offsets, expanded=True)
        part = self._array[key]
        cast = part.astype(self.dtype)
        if self._offsets is not None:
            cast = self._offsets.subtract(part, cast)
        return cast[..., None] if self._expanded else cast

    def chunks(self) -> Iterator[NDArray[Any]]:
        """Yield all rows in order, some megabytes at a time."""
        size = max(1, _CHUNK_VALUES * self.shape[0] // max(1, self.size))
        for start in range(0, self.shape[0], size):
            yield self[start : start + size]


def needs_cast_on_read(X: Any, dtype: DTypeLike, offsets: Offsets | None = None) -> bool:
    """Return whether X is a memory-mapped array of numbers that are converted as they are read.

    Parameters
    ----------
    X : object
        The features.
    dtype : dtype
        Dtype of the network's input.
    offsets : Offsets, default=None
        Subtracted from X.
    """
    if not isinstance(X, np.memmap) or X.dtype.kind not in "fiub":
        return False
    return X.dtype != np.dtype(dtype) or offsets is not None
