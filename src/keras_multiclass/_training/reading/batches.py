"""The batches of a stream, checked and weighted one by one, for an engine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

import numpy as np

from keras_multiclass._data.categories import find_text
from keras_multiclass._data.rows import StreamData, TrainingData
from keras_multiclass._data.streams import Batch, Stream
from keras_multiclass._data.weights import ALL_WEIGHTS_ZERO
from keras_multiclass._shared.messages import format_list, invalid
from keras_multiclass._shared.typing import FloatArray
from keras_multiclass._training.reading.rows import RowReader


def training_stream(
    stream: Stream,
    rows: RowReader,
    class_weights: FloatArray | None,
    *,
    n_batches: int,
    weighted: bool,
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
    n_batches : int
        Number of batches in one pass over the stream.
    weighted : bool
        Whether any batch has sample weights.

    Returns
    -------
    StreamData
        Checked batches, epoch by epoch.
    """
    return StreamData(
        partial(_epoch, stream, rows, class_weights, drop_weightless=True),
        stream.steps or n_batches,
        weighted or class_weights is not None,
    )


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
    n_batches, weighted, total = 0, False, 0.0
    for part in _read(stream.first_pass(), stream, rows, class_weights, "_val"):
        n_batches += 1
        weighted = weighted or part.weighted
        total += part.n_samples if part.sample_weight is None else part.sample_weight.sum()
    if not total:
        raise ValueError(ALL_WEIGHTS_ZERO)
    epoch = partial(_epoch, stream, rows, class_weights, suffix="_val")
    return StreamData(epoch, n_batches, weighted)


@contextlib.contextmanager
def errors_name_batch(stream: Stream, number: int, X: object) -> Iterator[None]:
    """Add the number of the batch with these features to errors raised inside."""
    try:
        yield
    except (ValueError, TypeError) as error:
        error_class = TypeError if isinstance(error, TypeError) else ValueError
        message = str(error)
        if "strings or categories" in message:
            message = _refuse_categories(X)
        raise error_class(f"Batch {number} of {stream.name} cannot be used: {message}") from error


def _refuse_categories(X: object) -> str:
    names = find_text(X)
    where = f" in {format_list(names)}" if names else ""
    return invalid(
        "X",
        "real numbers when it is a stream, whose categories are not known before it is read",
        f"strings or categories{where}",
        "Encode them in the stream, for example with OneHotEncoder, fitted to all categories "
        "beforehand. Codes would be read as numbers.",
    )


def _epoch(
    stream: Stream,
    rows: RowReader,
    class_weights: FloatArray | None,
    *,
    suffix: str = "",
    drop_weightless: bool = False,
) -> Iterator[TrainingData]:
    is_empty = True
    for part in _read(stream.epoch(), stream, rows, class_weights, suffix):
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
    class_weights: FloatArray | None,
    suffix: str,
) -> Iterator[TrainingData]:
    for number, batch in enumerate(batches, start=1):
        with errors_name_batch(stream, number, batch.X):
            part = rows.read(*batch, suffix=suffix, is_part=True)
            part = rows.with_class_weights(part, class_weights, is_part=True)
        yield part
