"""Classification metrics that match scikit-learn over a whole epoch, exactly or closely.

They accumulate sums over rows, rather than averaging over batches, and compute the score from them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from keras_multiclass._network.objective.epoch_scores import (
    OF_COUNTS,
    BinnedRanking,
    OverClasses,
    is_positive,
    micro_average,
    recall,
    weighted_mean,
)

__all__ = ["AUCS", "COUNTED", "SCIKIT_LEARN_NAMES", "ClassAUC", "ClassScore"]

_register = keras.saving.register_keras_serializable(package="keras_multiclass")


# --- scores of counts -------------------------------------------------------------------------


def _macro(score: Any, true: Any, predicted: Any, correct: Any) -> Any:
    # As in scikit-learn, a class that occurs neither in labels nor in predictions is ignored.
    return weighted_mean(score(true, predicted, correct), is_positive(true + predicted))


def _weighted(score: Any, true: Any, predicted: Any, correct: Any) -> Any:
    return weighted_mean(score(true, predicted, correct), true)


def _balanced_accuracy(true: Any, predicted: Any, correct: Any) -> Any:
    return weighted_mean(recall(true, predicted, correct), is_positive(true))


def _shares(true: Any, predicted: Any, correct: Any) -> Any:
    return (ops.divide_no_nan(weights, ops.sum(true)) for weights in (true, predicted, correct))


def _cohen_kappa(true: Any, predicted: Any, correct: Any) -> Any:
    true, predicted, correct = _shares(true, predicted, correct)
    by_chance = ops.sum(true * predicted)
    return ops.divide_no_nan(ops.sum(correct) - by_chance, 1 - by_chance)


def _matthews_correlation(true: Any, predicted: Any, correct: Any) -> Any:
    true, predicted, correct = _shares(true, predicted, correct)
    spreads = (1 - ops.sum(true * true)) * (1 - ops.sum(predicted * predicted))
    covariance = ops.sum(correct) - ops.sum(true * predicted)
    return ops.divide_no_nan(covariance, ops.sqrt(ops.maximum(spreads, 0)))


_AVERAGES = {"macro": _macro, "micro": micro_average, "weighted": _weighted}

COUNTED: Mapping[str, Callable[[Any, Any, Any], Any]] = {
    "balanced_accuracy": _balanced_accuracy,
    "cohen_kappa": _cohen_kappa,
    "matthews_correlation": _matthews_correlation,
    **{
        f"{average}_{name}": functools.partial(combine, score)
        for average, combine in _AVERAGES.items()
        for name, score in OF_COUNTS.items()
    },
    **{f"per_class_{name}": score for name, score in OF_COUNTS.items()},
}
"""Scores of `ClassScore` by name, as functions of three weights per class."""

SCIKIT_LEARN_NAMES: Mapping[str, str] = {
    **{f"{score}_{average}": f"{average}_{score}" for average in _AVERAGES for score in OF_COUNTS},
    "matthews_corrcoef": "matthews_correlation",
    "roc_auc_ovr": "macro_auc",
    "roc_auc_ovr_weighted": "weighted_auc",
}
"""Names of scikit-learn's scorers and our names of the same metrics."""


def _rows(y_true: Any, sample_weight: Any, dtype: Any) -> tuple[Any, Any]:
    """Return class indices and weights, both of shape ``(n,)``."""
    index = ops.reshape(ops.cast(y_true, "int32"), (-1,))
    if sample_weight is None:
        return index, ops.ones_like(index, dtype=dtype)
    return index, ops.reshape(ops.cast(sample_weight, dtype), (-1,))


@_register
class ClassScore(OverClasses):
    """A score of predicted labels, computed exactly over an epoch as in scikit-learn.

    Parameters
    ----------
    n_classes : int
        Number of classes.
    score : str
        A key of `COUNTED`: ``"macro_f1"``, ``"balanced_accuracy"``, ...
    class_names : sequence of str, default=None
        Names of the classes in the values of ``"per_class_*"``; their indices if None.
    name, dtype
        As in ``keras.metrics.Metric``.

    Notes
    -----
    Takes class indices ``(n,)`` and scores ``(n, n_classes)``. Accumulates three weights per class
    (true rows, predicted rows, correct predictions), which take less memory than a confusion matrix
    and suffice for all scores.

    Examples
    --------
    >>> from keras_multiclass._network.objective.classes.scores import ClassScore
    >>> metric = ClassScore(2, "balanced_accuracy")
    >>> metric.update_state([0, 0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> round(float(metric.result()), 4)
    0.8333
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
        self.counts = self.add_variable((3, n_classes), "zeros", dtype=self.dtype, name="counts")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        index, weight = _rows(y_true, sample_weight, self.dtype)
        predicted = ops.cast(ops.argmax(ops.convert_to_tensor(y_pred), axis=-1), "int32")
        correct = weight * ops.cast(ops.equal(index, predicted), self.dtype)
        cells = ops.concatenate([index, predicted + self.n_classes, index + 2 * self.n_classes])
        weights = ops.concatenate([weight, weight, correct])
        counts = ops.segment_sum(weights, cells, num_segments=3 * self.n_classes)
        self.counts.assign_add(ops.reshape(counts, (3, self.n_classes)))

    def result(self) -> Any:
        """Return the score so far, 0 before the first row; a dict for ``"per_class_*"``."""
        counts = ops.convert_to_tensor(self.counts)
        return self.named(COUNTED[self.score](counts[0], counts[1], counts[2]))


# --- areas under curves -----------------------------------------------------------------------

AUCS: Mapping[str, Callable[[Any, Any, Any], Any]] = {
    "macro_auc": lambda areas, own, others: weighted_mean(areas, is_positive(own * others)),
    "weighted_auc": lambda areas, own, others: weighted_mean(areas, own * is_positive(others)),
    "per_class_auc": lambda areas, own, others: areas,
}
"""Scores of `ClassAUC` by name, from each class's area, its weight and that of the rest."""

_TINY = 1e-37


@_register
class ClassAUC(BinnedRanking):
    """One-vs-rest area under the ROC curve over a whole epoch.

    Parameters
    ----------
    n_classes : int
        Number of classes.
    score : {"macro_auc", "weighted_auc", "per_class_auc"}
        The mean of the per-class areas, their mean weighted by class weight, or each of them.
    class_names : sequence of str, default=None
        Names of the classes in the values of ``"per_class_auc"``; their indices if None.
    name, dtype
        As in ``keras.metrics.Metric``.

    Notes
    -----
    Takes class indices ``(n,)`` and logits ``(n, n_classes)``. For each class, its rows and the
    remaining rows are counted in 4096 bins of the log-odds of its probability. Rows in the same bin
    count as ties, so the error of an area is at most half the fraction of pairs (one row of the
    class, one of the rest) that share a bin. The width of a bin is 0.5 % of its distance from a
    center, the mean of the first batch, so that this fraction is small whether log-odds spread over
    0.1 or over 10. For normally distributed log-odds, one pair in 1300 shares a bin. Classes
    without rows, or without other rows, have no area and are excluded from means.

    Examples
    --------
    >>> from keras_multiclass._network.objective.classes.scores import ClassAUC
    >>> metric = ClassAUC(2, "macro_auc")
    >>> metric.update_state([0, 0, 1, 1], [[0.0, 0.1], [0.0, 0.4], [0.0, 0.35], [0.0, 0.8]])
    >>> float(metric.result())
    0.75
    """

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        index, weight = _rows(y_true, sample_weight, self.dtype)
        classes = ops.arange(self.n_classes, dtype="int32")
        own = ops.cast(ops.equal(ops.expand_dims(index, -1), classes), "int32")
        self.count(own, _log_odds(ops.cast(y_pred, self.dtype)), weight)

    def result(self) -> Any:
        """Return the area so far; a dict for ``"per_class_auc"``.

        It is 0 before the first row, and then NaN unless there are two classes, or other classes.
        """
        areas, own, others = self.areas()
        return self.named_where_defined(AUCS[self.score](areas, own, others), own * others)


def _log_odds(logits: Any) -> Any:
    """Compute each class's log-odds against the rest, accurately near certainty."""
    shifted = logits - ops.max(logits, axis=-1, keepdims=True)
    lower = 1 - ops.one_hot(ops.argmax(logits, axis=-1), logits.shape[-1], dtype=logits.dtype)
    powers = ops.exp(shifted) * lower  # the largest, which is 1, is added below
    rest = ops.sum(powers, axis=-1, keepdims=True) - powers + lower
    return shifted - ops.log(ops.maximum(rest, _TINY))
