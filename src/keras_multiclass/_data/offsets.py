"""Offsets of features that vary too little for their size, subtracted before X is cast.

In 32 bits, Unix times differ by at least 128 seconds. Such features are read in 64 bits, an offset
near their median is subtracted, and only the difference is cast.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse
from sklearn.utils import check_array

from keras_multiclass._data.frames import MISSING_TYPES, library_of_frame
from keras_multiclass._data.padding import padding_mask
from keras_multiclass._data.row_selection import take_rows
from keras_multiclass._shared.checks import is_integer

_SAMPLE_ROWS = 2**8
_SAMPLE_VALUES = 2**20
# The cast may round by this fraction of a typical deviation from the median. Networks that
# read X unchanged warn of larger errors only.
_LARGEST_ERROR = 2.0**-9
LARGE_ERROR = 2.0**-6
_NARROW_DTYPES = ("float32", "float16", "int16", "uint16", "int8", "uint8", "bool")


@dataclass(frozen=True, eq=False)
class Offsets:
    """What is subtracted from each feature.

    Attributes
    ----------
    values : ndarray of shape (n_features,) and dtype float64
        One number for each position of the last axis of X; 0 for most.
    """

    values: np.ndarray

    @classmethod
    def learn(
        cls,
        sample: Any,
        dtype: DTypeLike,
        largest_error: float = _LARGEST_ERROR,
        already: Offsets | None = None,
    ) -> Offsets | None:
        """Find the features that need an offset.

        Parameters
        ----------
        sample : ndarray of shape (n_rows, ..., n_features) and dtype float64, or CSR matrix
            Some rows of X; may have NaN.
        dtype : dtype
            Dtype that X is cast to.
        largest_error : float
            The error that needs no offset, as a fraction of a typical deviation from the median.
        already : Offsets, default=None
            Offsets that are subtracted anyway; the result is what else is needed.

        Returns
        -------
        Offsets or None
            None if all features keep their precision without.
        """
        n_features = sample.shape[-1]
        dense = np.arange(n_features)
        if sparse.issparse(sample):  # zeros that are not stored are far from any offset
            stored = np.bincount(sample.indices, minlength=n_features)
            dense = np.flatnonzero(stored == sample.shape[0])
            sample = sample[:, dense].toarray()
        may_be_grayscale = sample.ndim == 3
        sample = to_columns(sample)
        if not sample.size:
            return None
        if already is not None:
            sample = sample - already.values[dense]
        values = np.zeros(n_features)
        values[dense] = _find(sample, dtype, largest_error)
        if may_be_grayscale and values.any():
            common = _find(sample.reshape(-1, 1), dtype, largest_error)
            if not _find(sample - common, dtype, largest_error).any():
                values[:] = common
        return cls(values) if values.any() else None

    def without(self, positions: Iterable[int]) -> Offsets | None:
        """Return the offsets of the other features; None if they have none."""
        values = self.values.copy()
        values[list(positions)] = 0
        return Offsets(values) if values.any() else None

    def subtract(self, X: Any, cast: Any) -> Any:
        """Replace the features that have an offset by their difference from it.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, ..., n_features)
            The features in their own dtype.
        cast : ndarray or CSR matrix
            The same, validated and cast; changed only if it shares no memory with ``X``.

        Returns
        -------
        ndarray or CSR matrix
            Of the dtype of ``cast``. Padding stays zero, and no other step becomes zero.
        """
        positions = np.flatnonzero(self.values)
        if sparse.issparse(cast):
            shift = np.zeros((1, len(self.values)))
            shift[0, positions] = self.values[positions]
            shifts = type(cast)(np.ones((cast.shape[0], 1))) @ type(cast)(shift)
            return (type(cast)(X.astype(np.float64)) - shifts).astype(cast.dtype)
        is_copy = isinstance(X, np.ndarray) and X.dtype != cast.dtype
        shifted = cast if is_copy else cast.copy()
        real = padding_mask(cast) if cast.ndim == 3 else None
        for i in positions.tolist():
            difference = _subtract(_feature(X, i), self.values[i]).astype(cast.dtype)
            if real is not None:
                difference[difference == 0] = np.finfo(cast.dtype).tiny
                difference[~real] = 0
            shifted[..., i] = difference
        return shifted


def to_columns(sample: np.ndarray) -> np.ndarray:
    """Return a sample as a matrix with one column for each feature, without padding steps.

    Parameters
    ----------
    sample : ndarray of shape (n_rows, ..., n_features)
        Some rows of X.
    """
    if sample.ndim == 3:
        sample = sample[padding_mask(sample)]
    sample = sample.reshape(math.prod(sample.shape[:-1]), sample.shape[-1])
    return sample[:: max(1, -(-len(sample) // _SAMPLE_ROWS))]


def has_precision(X: Any, dtype: DTypeLike) -> bool:
    """Return whether X may hold numbers that a cast would round."""
    own = getattr(X, "dtype", None)
    return own is None or str(own) not in (*_NARROW_DTYPES, np.dtype(dtype).name)


def some_rows(X: Any, n_rows: int, n_values: int, rows: np.ndarray | None = None) -> Any:
    """Return evenly spaced rows of X, all of them if they are few.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, ...)
        The features.
    n_rows, n_values : int
        Number of rows, and of all values.
    rows : ndarray of int, default=None
        Indices of the rows to choose from; None for all.
    """
    n_chosen = n_rows if rows is None else len(rows)
    step = -(-n_chosen // sample_size(n_rows, n_values))
    if step == 1 and rows is None:
        return X
    return take_rows(X, slice(None, None, step) if rows is None else rows[::step])


def sample_size(n_rows: int, n_values: int) -> int:
    """Return the number of rows of a sample.

    Parameters
    ----------
    n_rows, n_values : int
        Number of rows, and of all their values.
    """
    return max(1, min(_SAMPLE_ROWS, _SAMPLE_VALUES * n_rows // n_values))


def _find(sample: np.ndarray, dtype: DTypeLike, largest_error: float) -> np.ndarray:
    """Return the offset of each column, 0 where none is needed."""
    largest = float(np.finfo(np.float32).max) / 4
    with np.errstate(over="ignore", invalid="ignore"):
        center = _medians(sample)
        distance = np.abs(sample - center)
        distance[distance == 0] = np.nan
        # As in scaling, the deviation of a constant is 1.
        deviation = np.nan_to_num(_medians(distance), nan=1.0)
        needed = np.abs(center) * np.finfo(dtype).eps > largest_error * deviation
    return np.where(needed & (np.abs(center) < largest), center, 0.0)


def _medians(values: np.ndarray) -> np.ndarray:
    """Return a value near the middle of each column, without NaN; NaN if there is none."""
    ordered = np.sort(values, axis=0)  # NaN comes last
    counts = len(values) - np.isnan(values).sum(axis=0)
    return np.asarray(np.take_along_axis(ordered, counts[None] // 2, axis=0)[0])


def _feature(X: Any, i: int) -> np.ndarray:
    library = library_of_frame(X)
    values = _column(X, i).to_numpy() if library else np.asarray(X)[..., i]
    if values.dtype.kind in "iu":
        return values
    column = _column(X, i) if library else values
    integers = _masked_integers(column, library)
    if integers is not None:
        return integers
    if values.dtype.kind == "f":
        return values
    if library is None:
        return values.astype(np.float64)
    column = X.iloc[:, [i]] if library == "pandas" else X[:, [int(i)]]
    return check_array(column, dtype=np.float64, ensure_all_finite=False)[:, 0]


def _column(X: Any, i: int) -> Any:
    return X.iloc[:, i] if library_of_frame(X) == "pandas" else X[:, int(i)]


def _masked_integers(column: Any, library: str | None) -> np.ma.MaskedArray | None:
    """Return integers, some of which are missing, without a cast; None for other values."""
    if library == "polars" and column.dtype.is_integer():
        return np.ma.MaskedArray(column.fill_null(0).to_numpy(), column.is_null().to_numpy())
    if library == "pandas" and column.dtype.kind in "iu":
        kind = "int64" if column.dtype.kind == "i" else "uint64"
        return np.ma.MaskedArray(column.to_numpy(kind, na_value=0), column.isna().to_numpy())
    values = np.asarray(column)
    if values.dtype.kind != "O":
        return None
    flat = values.ravel().tolist()
    missing = [type(v).__name__ in MISSING_TYPES or v != v for v in flat]
    if not all(absent or is_integer(v) for v, absent in zip(flat, missing, strict=True)):
        return None
    filled = [0 if absent else int(v) for v, absent in zip(flat, missing, strict=True)]
    integers = np.array(filled)
    if integers.dtype.kind not in "iu":
        return None
    return np.ma.MaskedArray(integers, missing).reshape(values.shape)


def _subtract(values: np.ndarray, offset: float) -> np.ndarray:
    """Subtract without rounding integers above 2**53; masked values become NaN."""
    if isinstance(values, np.ma.MaskedArray):
        return np.where(values.mask, np.nan, _subtract(values.data, offset))
    difference = values.astype(np.float64) - offset
    if values.dtype.kind == "f" or not float(offset).is_integer():
        return difference
    exact = values.astype(np.uint64) - np.uint64(int(offset) % 2**64)  # modulo 2**64
    return np.where(np.abs(difference) < 2.0**62, exact.view(np.int64), difference)
