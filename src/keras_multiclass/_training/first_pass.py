"""What is learned from a stream of batches before training, and its batches for the engine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._data.labels.incremental import LabelUnion
from keras_multiclass._data.rows import StreamData, TrainingData
from keras_multiclass._data.statistics import (
    ArrayStatistics,
    Moments,
    Standardization,
    normal_quantiles,
)
from keras_multiclass._data.streams import Batch, Stream
from keras_multiclass._data.weights import (
    ALL_WEIGHTS_ZERO,
    combine_weights,
    nonzero_weight_mask,
    resolve_class_weight,
)
from keras_multiclass._training.prepare import Rows, check_n_classes, with_class_weights


@dataclass
class FirstPass:
    """What one pass over a stream tells.

    Attributes
    ----------
    batch : Batch
        The first batch, as it came.
    sample : TrainingData
        The same, checked.
    labels : LabelUnion
        All labels.
    rows : Rows
        What checked the batches.
    moments : Moments or None
        Means and variances, if they are needed; by class where classes have weights.
    by_class : bool
        Whether classes have weights.
    gaps : ndarray or bool
        Which columns of a table have NaN somewhere.
    highest : int
        The highest token id; 0 if X holds no token ids.
    weighted : bool
        Whether some batch has weights.
    n_batches, n_rows : int
        How many there are.
    totals : ndarray
        The weights of all rows of each label, by its number.
    """

    batch: Batch
    sample: TrainingData
    labels: LabelUnion
    rows: Rows
    moments: Moments | None
    by_class: bool
    gaps: np.ndarray | bool = False
    highest: int = 0
    weighted: bool = False
    n_batches: int = 0
    n_rows: int = 0
    totals: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def add(self, part: TrainingData) -> None:
        """Learn from one checked batch."""
        weights = part.sample_weight
        self.n_batches += 1
        self.n_rows += part.n_samples
        self.weighted = self.weighted or part.weighted
        if self.rows.tokens:
            counted = part.X[:] if weights is None else part.X[:][weights > 0]
            self.highest = max(self.highest, int(counted.max(initial=0)))
        totals = np.bincount(part.y, weights, minlength=len(self.totals)).astype(np.float64)
        totals[: len(self.totals)] += self.totals
        self.totals = totals
        if self.rows.allow_nan and part.X.ndim == 2:
            self.gaps = self.gaps | ArrayStatistics(part.X).has_missing()
        if self.moments is not None:
            self.moments.add(part.X, weights, part.y if self.by_class else None)

    def weigh(self, codec: LabelCodec, class_weight: Any, min_classes: int) -> np.ndarray | None:
        """Resolve the weights of the classes; see that enough classes have rows that count."""
        codes = self.labels.positions(codec)
        check_n_classes(len(codes), self.n_rows, codec, min_classes)
        # One row for each class, with the weight of all its rows, counts as these do.
        per_class = resolve_class_weight(class_weight, codec, codes, self.totals)
        if self.weighted or per_class is not None:
            weights = combine_weights(self.totals, per_class, codes, np.float64)
            nonzero_weight_mask(weights, codes, min_classes)
        return per_class

    def measure(
        self, scaling: Standardization, codec: LabelCodec, per_class: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give mean and variance of the weighted rows, for the scaling that was foreseen."""
        if self.moments is None or self.moments.standardization != scaling:
            raise RuntimeError("another scaling was measured than the network needs")
        if not self.by_class:
            return self.moments.combine(None)
        weights = np.ones(codec.n_classes) if per_class is None else per_class
        return self.moments.combine(weights[self.labels.positions(codec)])


@dataclass(frozen=True)
class StreamStatistics:
    """Statistics of the weighted rows of a stream.

    Quantiles are not learned in one pass: they are those of a normal distribution.
    """

    learned: FirstPass
    codec: LabelCodec
    per_class: np.ndarray | None

    def moments(self, scaling: Standardization) -> tuple[np.ndarray, np.ndarray]:
        """Give mean and variance of each feature."""
        return self.learned.measure(scaling, self.codec, self.per_class)

    def quantiles(self, positions: Sequence[int], levels: np.ndarray) -> np.ndarray:
        """Give the quantiles of normal distributions with these means and variances."""
        mean, variance = (found[list(positions), None] for found in self.moments(Standardization()))
        return np.asarray(mean + np.sqrt(variance) * normal_quantiles(levels))

    def has_missing(self) -> np.ndarray:
        """Say for each column whether some row has NaN there."""
        return np.asarray(self.learned.gaps)


def learn(
    stream: Stream,
    checker: Callable[[Batch, LabelUnion], Rows],
    scaling: Callable[[Batch, TrainingData, bool], Standardization | None],
    *,
    by_class: bool,
    reset: bool,
) -> FirstPass:
    """Pass over a stream once and check every batch.

    Parameters
    ----------
    stream : Stream
        The batches.
    checker : callable
        Makes the checker of rows after a look at the first batch.
    scaling : callable
        Says how features are standardised, from the first batch as it came and checked, and
        whether it holds token ids.
    by_class : bool
        Whether classes have weights.
    reset : bool
        Whether the first batch defines the shape of X, or must agree with an earlier fit.
    """
    labels = LabelUnion()
    batches = enumerate(stream.first_pass(), start=1)
    number, batch = next(batches)
    with _named(stream, number):
        rows = checker(batch, labels)
        sample = rows.read(*batch, reset=reset, part=True)
    wanted = scaling(batch, sample, rows.tokens)
    moments = None if wanted is None else Moments(wanted)
    learned = FirstPass(batch, sample, labels, rows, moments, by_class)
    learned.add(sample)
    for number, batch in batches:
        with _named(stream, number):
            part = rows.read(*batch, reset=False, part=True)
        learned.add(part)
    return learned


def training_stream(
    stream: Stream, rows: Rows, learned: FirstPass, per_class: np.ndarray | None
) -> StreamData:
    """Make what the engine trains on; rows of weight zero are left out."""
    return StreamData(
        partial(_encoded, stream, rows, per_class, drop=True),
        stream.steps or learned.n_batches,
        learned.weighted or per_class is not None,
    )


def validation_stream(stream: Stream, rows: Rows, per_class: np.ndarray | None) -> StreamData:
    """Pass over it once to check every batch, and make what the engine validates on."""
    n_batches, weighted, total = 0, False, 0.0
    for part in _checked(stream.first_pass(), stream, rows, per_class, "_val"):
        n_batches += 1
        weighted = weighted or part.weighted
        total += part.n_samples if part.sample_weight is None else part.sample_weight.sum()
    if not total:
        raise ValueError(ALL_WEIGHTS_ZERO)
    epoch = partial(_encoded, stream, rows, per_class, suffix="_val")
    return StreamData(epoch, n_batches, weighted)


def _encoded(
    stream: Stream,
    rows: Rows,
    per_class: np.ndarray | None,
    *,
    suffix: str = "",
    drop: bool = False,
) -> Iterator[TrainingData]:
    empty = True
    for part in _checked(stream.epoch(), stream, rows, per_class, suffix):
        if drop and part.sample_weight is not None and not part.sample_weight.all():
            part = part.take(np.flatnonzero(part.sample_weight))
        if part.n_samples:
            empty = False
            yield part
    if empty:
        raise ValueError(ALL_WEIGHTS_ZERO)


def _checked(
    batches: Iterator[Batch],
    stream: Stream,
    rows: Rows,
    per_class: np.ndarray | None,
    suffix: str,
) -> Iterator[TrainingData]:
    for number, batch in enumerate(batches, start=1):
        with _named(stream, number):
            part = rows.read(*batch, reset=False, suffix=suffix, part=True)
            part = with_class_weights(part, per_class, rows.dtype, part=True)
        yield part


@contextlib.contextmanager
def _named(stream: Stream, number: int) -> Iterator[None]:
    """Say in which batch of a stream something cannot be used."""
    try:
        yield
    except (ValueError, TypeError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"Batch {number} of {stream.name} cannot be used: {error}") from error
