"""The batches of a stream, checked and weighted one by one, for an engine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from keras_multiclass._data.labels.named import LOST_NAMES
from keras_multiclass._data.rows import StreamData, TrainingData
from keras_multiclass._data.streams.batches import Batch, errors_name_batch
from keras_multiclass._data.streams.stream import Stream
from keras_multiclass._data.weights import ALL_WEIGHTS_ZERO, combine_weights, scale_exponent
from keras_multiclass._shared.error_marks import marked
from keras_multiclass._shared.messages import invalid
from keras_multiclass._shared.typing import FloatArray
from keras_multiclass._training.reading.rows import RowReader
from keras_multiclass._training.reading.stream_split import RowSplit


def training_stream(
    stream: Stream,
    rows: RowReader,
    class_weights: FloatArray | None,
    *,
    first: Batch,
    n_batches: int,
    weighted: bool,
    largest_weight: float,
    split: RowSplit | None = None,
) -> StreamData:
    """Return the batches to train on, without rows of weight zero.

    Parameters
    ----------
    stream : Stream
        The user's batches.
    rows : RowReader
        Checks their rows.
    class_weights : ndarray of shape (n_classes,) or None
        The class weights.
    first : Batch
        The first batch.
    n_batches : int
        Number of batches in one pass over the stream.
    weighted : bool
        Whether any batch has sample weights.
    largest_weight : float
        The largest sample weight of all batches.
    split : RowSplit, default=None
        Which rows are held out, if any.

    Returns
    -------
    StreamData
        Checked batches, epoch by epoch.
    """
    with errors_name_batch(stream.name, 1):
        example = rows.read(*first, is_part=True)
    weights = _Weights(
        rows,
        class_weights,
        _exponent(largest_weight, class_weights),
        weighted=weighted or class_weights is not None,
    )
    return StreamData(
        partial(_training_epoch, stream, weights, split),
        stream.steps or n_batches,
        weights.weighted,
        weights.combined(example),
    )


def held_out_stream(
    stream: Stream,
    rows: RowReader,
    class_weights: FloatArray | None,
    split: RowSplit,
    *,
    first: Batch,
    weighted: bool,
) -> StreamData:
    """Return the rows that are held out of a stream, each epoch from a pass of its own.

    Parameters
    ----------
    stream, rows, class_weights, first, weighted
        As in `training_stream`.
    split : RowSplit
        Which rows these are, as found in the first pass.

    Returns
    -------
    StreamData
        Checked batches of held-out rows.
    """
    split.check()
    with errors_name_batch(stream.name, 1):
        example = rows.read(*first, is_part=True)
    is_weighted = weighted or class_weights is not None
    exponent = _exponent(split.largest_weight, class_weights)
    weights = _Weights(rows, class_weights, exponent, weighted=is_weighted)

    def epoch() -> Iterator[TrainingData]:
        held_out = _read(stream.first_pass(), stream, rows, "", split.held_out)
        return _weighted(held_out, weights)

    n_batches = split.count_batches(stream.rows_per_batch, held_out=True)
    return StreamData(epoch, n_batches, is_weighted, weights.combined(example))


def validation_stream(
    stream: Stream, rows: RowReader, class_weights: FloatArray | None
) -> StreamData:
    """Check every batch in one pass, and return the batches to validate on.

    Parameters
    ----------
    stream : Stream
        The user's batches.
    rows : RowReader
        Checks their rows.
    class_weights : ndarray of shape (n_classes,) or None
        The class weights.

    Returns
    -------
    StreamData
        Checked batches.
    """
    n_batches, weighted, largest = 0, class_weights is not None, 0.0
    example: TrainingData | None = None
    is_weightless = True
    for part in _read(stream.first_pass(), stream, rows, "_val"):
        n_batches += 1
        example = example or part
        weighted = weighted or part.weighted
        largest = max(largest, part.largest_weight)
        products = combine_weights(
            part.sample_weight, class_weights, part.y, np.float64, allow_all_zero=True
        )
        is_weightless = is_weightless and not (products is None or products.any())
    if example is None or is_weightless:
        raise ValueError(ALL_WEIGHTS_ZERO)
    weights = _Weights(rows, class_weights, _exponent(largest, class_weights), weighted=weighted)
    epoch = partial(_validation_epoch, stream, weights)
    return StreamData(epoch, n_batches, weighted, weights.combined(example))


@dataclass(frozen=True)
class _Weights:
    """How sample weights and class weights become the weights of a batch.

    Attributes
    ----------
    rows : RowReader
        Checks the rows, and combines the weights.
    class_weights : ndarray of shape (n_classes,) or None
        The class weights.
    exponent : int
        The power of two to divide by.
    weighted : bool
        Whether any batch has weights; then all get some.
    """

    rows: RowReader
    class_weights: FloatArray | None
    exponent: int
    weighted: bool

    def combined(self, part: TrainingData) -> TrainingData:
        """Return a checked batch with its weights."""
        if self.weighted and part.sample_weight is None:
            part = replace(part, sample_weight=np.ones(part.n_samples))
        part = self.rows.with_class_weights(
            part, self.class_weights, exponent=self.exponent, is_part=True
        )
        if part.y.dtype.kind == "f":  # soft labels, of one dtype in all batches
            part = replace(part, y=part.y.astype(self.rows.features.dtype, copy=False))
        return part


def _exponent(largest_weight: float, class_weights: FloatArray | None) -> int:
    """Return the power of two that the weights of all batches are divided by."""
    largest_factor = 1.0 if class_weights is None else float(class_weights.max())
    return scale_exponent(largest_weight * largest_factor)


@contextlib.contextmanager
def batch_errors(stream: Stream, number: int) -> Iterator[None]:
    """Add the number of the batch to errors raised inside, and advice that holds for streams."""
    with errors_name_batch(stream.name, number, stream.unit):
        try:
            yield
        except (ValueError, TypeError) as error:
            if stream.may_lack_names and marked(error, "unknown label"):
                raise ValueError(f"{error} {LOST_NAMES}") from error
            text = marked(error, "text in X")
            if not text or number == 1:
                raise
            raise ValueError(
                invalid(
                    "X",
                    "numbers in columns that are numbers in the first batch",
                    text[0],
                    "Convert categories to strings in all batches; without names of columns, set "
                    "categorical_features, too.",
                )
            ) from error


def _training_epoch(
    stream: Stream, weights: _Weights, split: RowSplit | None
) -> Iterator[TrainingData]:
    choose = iter if split is None else split.training
    training = _read(stream.epoch(), stream, weights.rows, "", choose)
    return _weighted(training, weights, drop_weightless=True)


def _validation_epoch(stream: Stream, weights: _Weights) -> Iterator[TrainingData]:
    return _weighted(_read(stream.epoch(), stream, weights.rows, "_val"), weights)


def _weighted(
    parts: Iterator[TrainingData], weights: _Weights, *, drop_weightless: bool = False
) -> Iterator[TrainingData]:
    is_empty = True
    for part in parts:
        part = weights.combined(part)
        if drop_weightless and part.sample_weight is not None and not part.sample_weight.all():
            part = part.take(np.flatnonzero(part.sample_weight))
        if part.n_samples:
            is_empty = False
            yield part
    if is_empty:
        raise ValueError(ALL_WEIGHTS_ZERO)


def _read(
    batches: Iterator[Batch],
    stream: Stream,
    rows: RowReader,
    suffix: str,
    choose: Callable[[Iterator[TrainingData]], Iterator[TrainingData]] = iter,
) -> Iterator[TrainingData]:
    """Check the batches, and choose some of their rows; weights of classes are not included yet."""
    for part in choose(_checked(batches, stream, rows, suffix)):
        yield from _split(part, stream.rows_per_batch)


def _checked(
    batches: Iterator[Batch], stream: Stream, rows: RowReader, suffix: str
) -> Iterator[TrainingData]:
    for number, batch in enumerate(batches, start=1):
        with batch_errors(stream, number):
            part = rows.read(*batch, suffix=suffix, is_part=True)
        yield part


def _split(part: TrainingData, rows_per_batch: int | None) -> Iterator[TrainingData]:
    """Yield the batches of a block, which was checked as a whole."""
    if rows_per_batch is None or part.n_samples <= rows_per_batch:
        yield part
        return
    weights = part.sample_weight
    for start in range(0, part.n_samples, rows_per_batch):
        rows = slice(start, start + rows_per_batch)
        of_rows = None if weights is None else weights[rows]
        yield TrainingData(part.X[rows], part.y[rows], of_rows)
