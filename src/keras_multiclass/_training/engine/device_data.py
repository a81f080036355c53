"""The rows of a training run: on the device, or in the user's array, see `memory`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from keras_multiclass._data.cast_on_read import CastOnRead
from keras_multiclass._data.rows import Features, TrainingData, dense
from keras_multiclass._shared.interrupts import check_interrupt
from keras_multiclass._training.engine.memory import dense_bytes, stays_on_host
from keras_multiclass._training.engine.work import open_steps

# So much of an array that stays on the host is copied at a time.
_BLOCK_BYTES = 2**24
_ALIGNMENT = 64


@dataclass(frozen=True)
class DeviceData:
    """Arrays on the device: all rows of X, with labels and weights at the same positions.

    For a stream, it is one row, which tells shapes and dtypes.

    Attributes
    ----------
    X : tf.Tensor of shape (n_rows, ...)
        Features, of the network's dtype or of fewer bits; see `widened`.
    y : tf.Tensor of int32 of shape (n_rows,)
        Class indices.
    sample_weight : tf.Tensor of shape (n_rows,) or (n_rows, n_members), or None
        Weights, or a mask of the rows that each member of an ensemble trains on.
    n_steps : int, default=None
        Typical number of steps of sequences of any length.
    """

    X: tf.Tensor
    y: tf.Tensor
    sample_weight: tf.Tensor | None
    n_steps: int | None = None

    @property
    def tensors(self) -> tuple[tf.Tensor, ...]:
        """The tensors that are not None."""
        return tuple(t for t in (self.X, self.y, self.sample_weight) if t is not None)

    @property
    def signature(self) -> tuple[tf.TensorSpec, ...]:
        """Their specs, for any number of rows, and of steps if these are open."""
        X, *others = (_any_rows(t.shape, t.dtype) for t in self.tensors)
        return (X if self.n_steps is None else with_open_steps(X)), *others

    def most_steps(self, batch_size: int) -> int:
        """Return how many batches :meth:`block` may get."""
        del batch_size
        return np.iinfo(np.int32).max

    def block(self, rows: np.ndarray) -> tuple[tuple[tf.Tensor, ...], np.ndarray]:
        """Return tensors that hold some rows, and the positions of these rows there."""
        return self.tensors, rows

    def take(self, rows: np.ndarray) -> tuple[tf.Tensor, ...]:
        """Return some rows, the features in the network's dtype."""
        return rows_of(self.tensors, rows)


class HostData:
    """Rows that stay in their array, from which those of a few batches at a time are copied.

    Features of few bits are copied as such and cast on the device: batch by batch on a CPU, whose
    memory they save, and at once on a GPU, which cannot gather rows of all dtypes.

    Parameters
    ----------
    data : TrainingData
        The rows.
    """

    n_steps = None  # sequences of any length are on the device

    def __init__(self, data: TrainingData) -> None:
        narrow = data.X.narrow if isinstance(data.X, CastOnRead) else None
        self._cast_at_once = bool(tf.config.list_logical_devices("GPU"))
        self._X: Any = data.X if narrow is None else narrow
        self._others = tuple(
            _at_rows(values, data) for values in (data.y, data.sample_weight) if values is not None
        )

    @property
    def signature(self) -> tuple[tf.TensorSpec, ...]:
        """As that of `DeviceData`."""
        dtype = tf.as_dtype(self._X.dtype)
        X = _any_rows(self._X.shape, wide_dtype(dtype) if self._cast_at_once else dtype)
        return X, *(_any_rows(part.shape, part.dtype) for part in self._others)

    def most_steps(self, batch_size: int) -> int:
        """Return how many batches :meth:`block` may get."""
        row_bytes = int(np.prod(self._X.shape[1:], dtype=np.int64)) * self._X.dtype.itemsize
        return max(1, _BLOCK_BYTES // (row_bytes * batch_size))

    def block(self, rows: np.ndarray) -> tuple[tuple[tf.Tensor, ...], np.ndarray]:
        """Copy some rows; return them, and their positions in the copy."""
        return self._copy(rows, widen=self._cast_at_once), np.arange(len(rows), dtype=np.int32)

    def take(self, rows: np.ndarray) -> tuple[tf.Tensor, ...]:
        """Return some rows, the features in the network's dtype."""
        return self._copy(rows, widen=True)

    def _copy(self, rows: np.ndarray, *, widen: bool) -> tuple[tf.Tensor, ...]:
        X, *others = (tf.constant(dense(part[rows])) for part in (self._X, *self._others))
        return widened(X) if widen else X, *others


Placed: TypeAlias = DeviceData | HostData
"""Rows that a trace can read."""


def place(data: TrainingData, like: Placed | None = None) -> Placed:
    """Copy rows to the device, or only what is smaller than X if that is large.

    Parameters
    ----------
    data : TrainingData
        The rows.
    like : DeviceData or HostData, default=None
        Other rows of the same X.
    """
    if stays_on_host(data.X):
        return HostData(data)
    X = like.X if isinstance(like, DeviceData) else _copy_features(data.X)
    y, weights = _at_rows(data.y, data), _at_rows(data.sample_weight, data)
    weights = None if weights is None else tf.constant(weights)
    return DeviceData(X, tf.constant(y), weights, open_steps(data.X))


def rows_of(tensors: tuple[tf.Tensor, ...], rows: np.ndarray) -> tuple[tf.Tensor, ...]:
    """Select rows of tensors, the features in the network's dtype.

    Parameters
    ----------
    tensors : tuple of tf.Tensor
        X, y and maybe weights.
    rows : ndarray of int32 of shape (n_rows,)
        The rows.
    """
    X, *others = (tf.gather(tensor, rows) for tensor in tensors)
    return widened(X), *others


def widened(X: tf.Tensor) -> tf.Tensor:
    """Cast the features of a batch that are kept in fewer than 32 bits to save memory."""
    return tf.cast(X, wide_dtype(X.dtype))


def wide_dtype(dtype: tf.DType) -> tf.DType:
    """Return the dtype of features in the network."""
    return tf.as_dtype(keras.config.floatx()) if dtype.size < 4 else dtype


def with_open_steps(X: tf.TensorSpec) -> tf.TensorSpec:
    """Return a spec of sequences of any length."""
    return tf.TensorSpec([X.shape[0], None, *X.shape[2:]], X.dtype)


def _any_rows(shape: Any, dtype: Any) -> tf.TensorSpec:
    return tf.TensorSpec([None, *shape[1:]], dtype)


def _at_rows(values: np.ndarray | None, data: TrainingData) -> Any:
    """Return values of the samples at the positions of their rows in X."""
    if values is None or data.rows is None:
        return values
    full = np.zeros((data.X.shape[0], *values.shape[1:]), values.dtype)
    full[data.rows] = values
    return full


def _copy_features(X: Features) -> tf.Tensor:
    """Copy X to the device, without an intermediate copy if it is large."""
    n_bytes = dense_bytes(X)
    if n_bytes < _BLOCK_BYTES or tf.config.list_logical_devices("GPU"):
        return tf.constant(dense(X[:]))
    # TensorFlow copies a NumPy array twice unless it is aligned.
    buffer = np.empty(n_bytes + _ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % _ALIGNMENT
    aligned = buffer[start : start + n_bytes].view(X.dtype).reshape(X.shape)
    rows = max(1, _BLOCK_BYTES * X.shape[0] // n_bytes)
    for first in range(0, X.shape[0], rows):
        aligned[first : first + rows] = dense(X[first : first + rows])
        check_interrupt()
    return tf.experimental.dlpack.from_dlpack(aligned.__dlpack__())
