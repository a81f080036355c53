"""Arrays that are cast to the network's dtype as they are read: memory-mapped or of few bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from keras_multiclass._data.offsets import Offsets

_CHUNK_VALUES = 2**22
# Smaller arrays are cast at once, since each step would be a little slower.
_LARGE = 2**24  # bytes after the cast


class CastOnRead:
    """An array whose rows are cast when they are read, so that it is never copied as a whole.

    Parameters
    ----------
    array : ndarray of shape (n_rows, ...)
        The array.
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
        if isinstance(key, tuple):
            if key != (Ellipsis, None):  # which adds an axis, and reads no rows
                raise IndexError("Only rows can be selected.")
            return CastOnRead(self._array, self.dtype, self._offsets, expanded=True)
        part = self._array[key]
        cast = part.astype(self.dtype)
        if self._offsets is not None:
            cast = self._offsets.subtract(part, cast)
        return cast[..., None] if self._expanded else cast

    @property
    def narrow(self) -> NDArray[Any] | None:
        """The array itself if it has fewer than 32 bits, and casting is all that reading does."""
        is_cast = self._offsets is None and not self._expanded
        return self._array if is_cast and _is_narrow(self._array) else None

    def chunks(self) -> Iterator[NDArray[Any]]:
        """Yield all rows in order, some megabytes at a time."""
        size = max(1, _CHUNK_VALUES * self.shape[0] // max(1, self.size))
        for start in range(0, self.shape[0], size):
            yield self[start : start + size]


def needs_cast_on_read(X: Any, dtype: DTypeLike, offsets: Offsets | None = None) -> bool:
    """Return whether X is an array of numbers that a cast should not copy.

    Parameters
    ----------
    X : object
        The features.
    dtype : dtype
        Dtype of the network's input.
    offsets : Offsets, default=None
        Subtracted from X.
    """
    if not isinstance(X, np.ndarray) or X.dtype.kind not in "fiub":
        return False
    target = np.dtype(dtype)
    if is_mapped(X):
        return X.dtype != target or offsets is not None
    return _is_narrow(X) and X.size * target.itemsize >= _LARGE


def is_mapped(array: NDArray[Any]) -> bool:
    """Whether an array, or the one that it is a view of, is memory-mapped.

    Parameters
    ----------
    array : ndarray
        The array.
    """
    base: Any = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return True
        base = base.base
    return False


def _is_narrow(array: NDArray[Any]) -> bool:
    return array.dtype.itemsize < 4
