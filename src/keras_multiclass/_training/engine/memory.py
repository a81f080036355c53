"""Which data the graph engine copies to the device as a whole, and which in parts."""

from __future__ import annotations

import os

import numpy as np

from keras_multiclass._data.cast_on_read import CastOnRead, is_mapped
from keras_multiclass._data.rows import Features

# Data of a larger share of the machine's memory are never copied as a whole.
MEMORY_SHARE = 0.25
# Smaller arrays are always copied, since each step would be a little slower.
_LARGE = 2**24  # bytes


def stays_on_host(X: Features) -> bool:
    """Whether an array is copied to the device a few batches at a time.

    These are large arrays that are memory-mapped or of few bits, and arrays that are too large.

    Parameters
    ----------
    X : ndarray, CSR matrix, CastOnRead or Sequences
        The features.
    """
    if not isinstance(X, (np.ndarray, CastOnRead)):
        return False
    n_bytes = dense_bytes(X)
    is_spared = isinstance(X, CastOnRead) or is_mapped(X)
    return is_too_large(n_bytes) or (is_spared and n_bytes >= _LARGE)


def is_too_large(n_bytes: int) -> bool:
    """Whether data of this size are never copied as a whole."""
    return n_bytes > MEMORY_SHARE * machine_memory()


def dense_bytes(X: Features) -> int:
    """Return the size of X as a dense array of its dtype."""
    return int(np.prod(X.shape, dtype=np.int64)) * X.dtype.itemsize


def machine_memory() -> float:
    """Return the bytes of memory of the machine; infinity if they are unknown."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # not on Windows
        return float("inf")
