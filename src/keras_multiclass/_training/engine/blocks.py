"""Batches of a stream, gathered into blocks: the graph trains on one while the next is read.

The stream is read in the calling thread, where the user's code finds its connections, settings and
interrupts, and another thread waits for the graph.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import tensorflow as tf

from keras_multiclass._data.rows import StreamData, TrainingData
from keras_multiclass._data.sequences import PADDING, Sequences
from keras_multiclass._shared.interrupts import interruptibly
from keras_multiclass._training.engine.work import open_steps

# A block is held three times: while it is gathered, as tensors, and as the tensors trained on.
_BLOCK_BYTES = 2**24

_Result = TypeVar("_Result")


class Block(NamedTuple):
    """Consecutive batches.

    Attributes
    ----------
    tensors : tuple of tf.Tensor
        X, y and maybe weights of all rows.
    bounds : ndarray of int32 of shape (n_batches + 1,)
        Where the batches begin, and the last one ends.
    """

    tensors: tuple[tf.Tensor, ...]
    bounds: np.ndarray

    @property
    def n_batches(self) -> int:
        """Number of batches."""
        return len(self.bounds) - 1


@contextlib.contextmanager
def blocks_of(data: StreamData, n_batches: Callable[[], int]) -> Iterator[Iterator[Block]]:
    """Gather the batches of an epoch; the stream is closed at the end.

    Parameters
    ----------
    data : StreamData
        The stream.
    n_batches : callable
        Returns how many batches the next block should have. It has fewer if these are large.
    """
    with contextlib.closing(data.epoch()) as parts:  # type: ignore[type-var]
        yield _gather(interruptibly(parts), n_batches)


def _gather(parts: Iterator[TrainingData], n_batches: Callable[[], int]) -> Iterator[Block]:
    gathered: _Gathered | None = None
    for part in parts:
        if gathered is not None and not gathered.fits(part):
            yield gathered.block()
            gathered = None
        if gathered is None:
            gathered = _Gathered(part, n_batches())
        gathered.add(part)
        if gathered.is_full:
            yield gathered.block()
            gathered = None
    if gathered is not None:
        yield gathered.block()


class _Gathered:
    """Copies of batches: the stream may fill the same arrays again.

    Parameters
    ----------
    first : TrainingData
        The first batch, which is not added yet.
    n_batches : int
        How many are wanted.
    """

    def __init__(self, first: TrainingData, n_batches: int) -> None:
        self._n_batches = n_batches
        shape = first.X.shape[1:]
        if isinstance(first.X, Sequences):
            shape = (open_steps(first.X), *shape[1:])
        row_bytes = max(1, int(np.prod(shape)) * first.X.dtype.itemsize)
        wanted = min(n_batches * first.n_samples, _BLOCK_BYTES // row_bytes)
        n_rows = max(wanted, first.n_samples)
        self._X = np.empty((n_rows, *shape), first.X.dtype)
        self._others = [
            np.empty((n_rows, *values.shape[1:]), values.dtype) for values in _others(first)
        ]
        self._bounds = [0]

    def fits(self, part: TrainingData) -> bool:
        """Whether there is space for another batch."""
        n_steps = part.X.shape[1] if isinstance(part.X, Sequences) else 0
        is_short = not n_steps or n_steps <= self._X.shape[1]
        return is_short and self._bounds[-1] + part.n_samples <= len(self._X)

    def add(self, part: TrainingData) -> None:
        """Copy a batch."""
        rows = slice(self._bounds[-1], self._bounds[-1] + part.n_samples)
        X = part.features(slice(None))
        if isinstance(part.X, Sequences):
            self._X[rows, X.shape[1] :] = PADDING
            self._X[rows, : X.shape[1]] = X
        else:
            self._X[rows] = X
        for values, new in zip(self._others, _others(part), strict=True):
            values[rows] = new
        self._bounds.append(rows.stop)

    @property
    def is_full(self) -> bool:
        """Whether there are as many batches as wanted."""
        return len(self._bounds) > self._n_batches

    def block(self) -> Block:
        """Return the batches so far."""
        n_rows = self._bounds[-1]
        tensors = tuple(tf.constant(values[:n_rows]) for values in (self._X, *self._others))
        return Block(tensors, np.array(self._bounds, np.int32))


def _others(part: TrainingData) -> list[np.ndarray]:
    return [part.y] if part.sample_weight is None else [part.y, part.sample_weight]


def overlapping(
    blocks: Iterator[Block], start: Callable[[Block], Callable[[], _Result]]
) -> Iterator[_Result]:
    """Work on each block in another thread while the next one is read in this one.

    Parameters
    ----------
    blocks : iterator of Block
        The blocks.
    start : callable
        Gets a block in this thread, when nothing else runs, and returns what the other thread
        calls.

    Yields
    ------
    object
        What it returns, for each block. Nothing runs any more after an error or a ``close``.
    """
    running: Future[_Result] | None = None
    device = _device()
    with ThreadPoolExecutor(1) as thread:
        for block in blocks:
            if running is not None:
                yield running.result()
            running = thread.submit(_on_device, device, start(block))
        if running is not None:
            yield running.result()


def _on_device(device: str, work: Callable[[], _Result]) -> _Result:
    """Work on the device that was chosen in the thread of the user, each of which has its own."""
    if device == _device():
        return work()
    with tf.device(device):
        return work()


def _device() -> str:
    return str(tf.constant(0.0).device)
