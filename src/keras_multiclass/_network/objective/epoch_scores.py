"""What metrics that accumulate sums over the rows of an epoch have in common, class by class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_multiclass._shared.upstream.keras_objects import set_direction

__all__ = [
    "OF_COUNTS",
    "BinnedRanking",
    "OverClasses",
    "f1",
    "is_positive",
    "micro_average",
    "precision",
    "recall",
    "weighted_mean",
]

# --- scores of counts -------------------------------------------------------------------------

# Of each class or label: weights of the rows that have it, of those predicted to have it, and of
# those for which both hold.


def precision(true: Any, predicted: Any, correct: Any) -> Any:
    """Return the share of the predictions that are correct."""
    return ops.divide_no_nan(correct, predicted)


def recall(true: Any, predicted: Any, correct: Any) -> Any:
    """Return the share of the true rows that are predicted."""
    return ops.divide_no_nan(correct, true)


def f1(true: Any, predicted: Any, correct: Any) -> Any:
    """Return the harmonic mean of precision and recall."""
    return ops.divide_no_nan(2 * correct, true + predicted)


def jaccard(true: Any, predicted: Any, correct: Any) -> Any:
    """Return the share of the rows, true or predicted, that are both."""
    return ops.divide_no_nan(correct, true + predicted - correct)


OF_COUNTS = {"precision": precision, "recall": recall, "f1": f1, "jaccard": jaccard}


def micro_average(score: Any, true: Any, predicted: Any, correct: Any) -> Any:
    """Return a score of all classes or labels pooled."""
    return score(ops.sum(true), ops.sum(predicted), ops.sum(correct))


def weighted_mean(values: Any, weights: Any) -> Any:
    """Return a weighted mean, 0 if all weights are."""
    return ops.divide_no_nan(ops.sum(values * weights), ops.sum(weights))


def is_positive(values: Any) -> Any:
    """Return 1 where a value is positive, 0 elsewhere."""
    return ops.cast(ops.greater(values, 0), values.dtype)


# --- bases of metrics -------------------------------------------------------------------------


class OverClasses(keras.metrics.Metric):
    """A score over classes or labels, or one of each of them.

    Parameters
    ----------
    n_classes : int
        Number of classes or labels.
    score : str
        Name of the score.
    class_names : sequence of str, default=None
        Names in the values of each class; their indices if None.
    name, dtype
        As in ``keras.metrics.Metric``.
    """

    def __init__(
        self,
        n_classes: int,
        score: str,
        class_names: Sequence[str] | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name or score, dtype=dtype)
        set_direction(self, "up")
        self.n_classes = n_classes
        self.score = score
        self.class_names = None if class_names is None else tuple(class_names)

    def named(self, value: Any) -> Any:
        """Name per-class values, as in ``recall/fir``; return a scalar unchanged."""
        if not len(value.shape):
            return value
        names = self.class_names or range(self.n_classes)
        what = self.name.removeprefix("per_class_").removeprefix("per_label_")
        return {f"{what}/{name}": value[i] for i, name in enumerate(names)}

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            "n_classes": self.n_classes,
            "score": self.score,
            "class_names": None if self.class_names is None else list(self.class_names),
            "name": self.name,
            "dtype": self.dtype,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return _build, (type(self), self.get_config())


def _build(cls: type, arguments: dict[str, Any]) -> Any:
    return cls(**arguments)


_N_BINS = 4096
_FINEST = 0.01  # bins have about equal width up to this distance, in log-odds, from the center
_FARTHEST = 100.0  # values farther away fall into the outermost bins


class BinnedRanking(OverClasses):
    """Counts the rows of each class, and the others, in bins of the log-odds of the class.

    Parameters
    ----------
    n_classes, score, class_names, name, dtype
        As in `OverClasses`.

    Notes
    -----
    Rows in the same of 4096 bins count as ties. The width of a bin is 0.5 % of its distance from a
    center, the mean of the first batch, so that few pairs of rows share one whether log-odds spread
    over 0.1 or over 10.
    """

    def __init__(
        self,
        n_classes: int,
        score: str,
        class_names: Sequence[str] | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(n_classes, score, class_names, name, dtype)
        shape = (2, n_classes, _N_BINS)  # the others first
        self.counts = self.add_variable(shape, "zeros", dtype=self.dtype, name="counts")
        self.centers = self.add_variable((n_classes,), "zeros", dtype=self.dtype, name="centers")
        self.begun = self.add_variable((), "zeros", dtype=self.dtype, name="begun")

    def count(self, own: Any, scores: Any, weight: Any) -> None:
        """Add rows.

        Parameters
        ----------
        own : tensor of int32 of shape (n, n_classes)
            1 where a row is of a class.
        scores : tensor of shape (n, n_classes)
            Log-odds of each class.
        weight : tensor of shape (n,)
            Weights of the rows.
        """
        begun, centers = map(ops.convert_to_tensor, (self.begun, self.centers))
        centers = ops.where(ops.greater(begun, 0), centers, ops.mean(scores, axis=0))
        self.centers.assign(centers)
        self.begun.assign(ops.ones_like(begun))
        positions = ops.arcsinh((scores - centers) / _FINEST) / math.asinh(_FARTHEST / _FINEST)
        bins = ops.cast(ops.clip((positions + 1) * (_N_BINS / 2), 0, _N_BINS - 1), "int32")
        classes = ops.arange(self.n_classes, dtype="int32")
        cells = ops.reshape((own * self.n_classes + classes) * _N_BINS + bins, (-1,))
        weights = ops.repeat(weight, self.n_classes)
        counts = ops.segment_sum(weights, cells, num_segments=2 * self.n_classes * _N_BINS)
        self.counts.assign_add(ops.reshape(counts, self.counts.shape))

    def areas(self) -> tuple[Any, Any, Any]:
        """Return the area under the ROC curve of each class, its weight, and that of the others."""
        counts = ops.convert_to_tensor(self.counts)
        others, own = counts[0], counts[1]
        n_others, n_own = ops.sum(others, axis=1), ops.sum(own, axis=1)
        below = ops.cumsum(others, axis=1) - others / 2
        return ops.divide_no_nan(ops.sum(own * below, axis=1), n_own * n_others), n_own, n_others

    def average_precisions(self) -> Any:
        """Return the average precision of each class."""
        counts = ops.flip(ops.convert_to_tensor(self.counts), axis=-1)
        others, own = counts[0], counts[1]
        found = ops.cumsum(own, axis=1)
        precision = ops.divide_no_nan(found, found + ops.cumsum(others, axis=1))
        total = ops.sum(own, axis=1)
        return ops.divide_no_nan(ops.sum(own * precision, axis=1), total)

    def named_where_defined(self, scores: Any, pairs: Any) -> Any:
        """Return scores, or NaN without pairs of rows to compare, of each class or of any."""
        of_each = ops.greater(pairs, 0)
        defined = of_each if len(scores.shape) else ops.any(of_each)
        defined = defined | ops.equal(self.begun, 0)
        return self.named(ops.where(defined, scores, ops.full_like(scores, float("nan"))))
