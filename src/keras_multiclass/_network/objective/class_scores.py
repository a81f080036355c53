"""Metrics over classes, exact over an epoch or close to it, weighted as scikit-learn weights them.

They keep sums over the rows, never means of batches, and compute the score from the sums.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from keras_multiclass._shared.upstream.keras import set_direction

__all__ = ["AUCS", "COUNTED", "SCIKIT_LEARN_NAMES", "ClassAUC", "ClassScore"]

_register = keras.saving.register_keras_serializable(package="keras_multiclass")


# --- scores of counts -------------------------------------------------------------------------

# Of each class: the weight of its rows, of the rows found to be of it, and of those found rightly.


def _precision(true: Any, found: Any, right: Any) -> Any:
    return ops.divide_no_nan(right, found)


def _recall(true: Any, found: Any, right: Any) -> Any:
    return ops.divide_no_nan(right, true)


def _f1(true: Any, found: Any, right: Any) -> Any:
    return ops.divide_no_nan(2 * right, true + found)


def _mean(values: Any, weights: Any) -> Any:
    return ops.divide_no_nan(ops.sum(values * weights), ops.sum(weights))


def _where_positive(values: Any) -> Any:
    return ops.cast(ops.greater(values, 0), values.dtype)


def _macro(score: Any, true: Any, found: Any, right: Any) -> Any:
    # As in scikit-learn, a class that is neither among the labels nor found does not count.
    return _mean(score(true, found, right), _where_positive(true + found))


def _micro(score: Any, true: Any, found: Any, right: Any) -> Any:
    return score(ops.sum(true), ops.sum(found), ops.sum(right))


def _weighted(score: Any, true: Any, found: Any, right: Any) -> Any:
    return _mean(score(true, found, right), true)


def _balanced_accuracy(true: Any, found: Any, right: Any) -> Any:
    return _mean(_recall(true, found, right), _where_positive(true))


def _cohen_kappa(true: Any, found: Any, right: Any) -> Any:
    true, found, right = (ops.divide_no_nan(part, ops.sum(true)) for part in (true, found, right))
    by_chance = ops.sum(true * found)
    return ops.divide_no_nan(ops.sum(right) - by_chance, 1 - by_chance)


def _matthews_correlation(true: Any, found: Any, right: Any) -> Any:
    true, found, right = (ops.divide_no_nan(part, ops.sum(true)) for part in (true, found, right))
    spreads = (1 - ops.sum(true * true)) * (1 - ops.sum(found * found))
    covariance = ops.sum(right) - ops.sum(true * found)
    return ops.divide_no_nan(covariance, ops.sqrt(ops.maximum(spreads, 0)))


_OF_EACH_CLASS = {"precision": _precision, "recall": _recall, "f1": _f1}
_AVERAGES = {"macro": _macro, "micro": _micro, "weighted": _weighted}

COUNTED: Mapping[str, Callable[[Any, Any, Any], Any]] = {
    "balanced_accuracy": _balanced_accuracy,
    "cohen_kappa": _cohen_kappa,
    "matthews_correlation": _matthews_correlation,
    **{
        f"{average}_{name}": functools.partial(combine, score)
        for average, combine in _AVERAGES.items()
        for name, score in _OF_EACH_CLASS.items()
    },
    **{f"per_class_{name}": score for name, score in _OF_EACH_CLASS.items()},
}
"""What `ClassScore` computes, by name, from the three weights of each class."""

SCIKIT_LEARN_NAMES: Mapping[str, str] = {
    **{
        f"{score}_{average}": f"{average}_{score}"
        for average in _AVERAGES
        for score in _OF_EACH_CLASS
    },
    "matthews_corrcoef": "matthews_correlation",
    "roc_auc_ovr": "macro_auc",
    "roc_auc_ovr_weighted": "weighted_auc",
}
"""Names of scikit-learn's scorers, and ours for the same."""


class _OverClasses(keras.metrics.Metric):
    """What both metrics share: their arguments, and names for the values of classes."""

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

    def _named(self, value: Any) -> Any:
        """Name the values of classes, ``recall/fir``; one value for all stays as it is."""
        if not len(value.shape):
            return value
        names = self.class_names or range(self.n_classes)
        what = self.name.removeprefix("per_class_")
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


def _rows(y_true: Any, sample_weight: Any, dtype: Any) -> tuple[Any, Any]:
    """Return class indices and weights, both of shape ``(n,)``."""
    index = ops.reshape(ops.cast(y_true, "int32"), (-1,))
    if sample_weight is None:
        return index, ops.ones_like(index, dtype=dtype)
    return index, ops.reshape(ops.cast(sample_weight, dtype), (-1,))


@_register
class ClassScore(_OverClasses):
    """A score of predicted labels, exact over an epoch, as scikit-learn computes it.

    Parameters
    ----------
    n_classes : int
        Number of classes.
    score : str
        Which one, of `COUNTED`: ``"macro_f1"``, ``"balanced_accuracy"``, ...
    class_names : sequence of str, default=None
        What the values of ``"per_class_*"`` are called after; numbers if there are none.
    name, dtype
        As in ``keras.metrics.Metric``.

    Notes
    -----
    Takes class indices ``(n,)`` and scores ``(n, n_classes)``. Adds up three weights of each class
    (of its rows, of the rows found to be of it, of those found rightly), which is less than a
    confusion matrix and enough for all the scores.

    Examples
    --------
    >>> from keras_multiclass._network.objective.class_scores import ClassScore
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
        found = ops.cast(ops.argmax(ops.convert_to_tensor(y_pred), axis=-1), "int32")
        right = weight * ops.cast(ops.equal(index, found), self.dtype)
        cells = ops.concatenate([index, found + self.n_classes, index + 2 * self.n_classes])
        weights = ops.concatenate([weight, weight, right])
        counts = ops.segment_sum(weights, cells, num_segments=3 * self.n_classes)
        self.counts.assign_add(ops.reshape(counts, (3, self.n_classes)))

    def result(self) -> Any:
        """Return the score so far, 0 before the first row; of ``"per_class_*"`` a dict."""
        counts = ops.convert_to_tensor(self.counts)
        return self._named(COUNTED[self.score](counts[0], counts[1], counts[2]))


# --- areas under curves -----------------------------------------------------------------------

AUCS: Mapping[str, Callable[[Any, Any, Any], Any]] = {
    "macro_auc": lambda areas, own, others: _mean(areas, _where_positive(own * others)),
    "weighted_auc": lambda areas, own, others: _mean(areas, own * _where_positive(others)),
    "per_class_auc": lambda areas, own, others: areas,
}
"""What `ClassAUC` computes, by name, from each class's area, its weight and that of the others."""

_N_BINS = 4096
_FINEST = 0.01  # up to this distance from the centre, in log-odds, bins are of about equal width
_FARTHEST = 100.0  # what lies farther away is in the outermost bins
_TINY = 1e-37


@_register
class ClassAUC(_OverClasses):
    """Area under the ROC curve of each class against the rest, over a whole epoch.

    Parameters
    ----------
    n_classes : int
        Number of classes.
    score : {"macro_auc", "weighted_auc", "per_class_auc"}
        The mean of the classes' areas, that weighted by the rows of the classes, or each.
    class_names : sequence of str, default=None
        What the values of ``"per_class_auc"`` are called after; numbers if there are none.
    name, dtype
        As in ``keras.metrics.Metric``.

    Notes
    -----
    Takes class indices ``(n,)`` and logits ``(n, n_classes)``. For each class it counts the rows of
    it, and the others, in 4096 bins of the log-odds of its probability. Rows in the same bin count
    as ties, so the error of an area is at most half the share of the pairs (one row of the class,
    one of the others) that lie in one bin. Bins are as wide as 0.5 % of their distance from a
    centre, which is the mean of the first batch; that share is small, then, whether log-odds
    spread over 0.1 or over 10. Of log-odds that are normally distributed one pair in 1300 is in
    one bin. Classes without rows, or without other rows, are left out of means.

    Examples
    --------
    >>> from keras_multiclass._network.objective.class_scores import ClassAUC
    >>> metric = ClassAUC(2, "macro_auc")
    >>> metric.update_state([0, 0, 1, 1], [[0.0, 0.1], [0.0, 0.4], [0.0, 0.35], [0.0, 0.8]])
    >>> float(metric.result())
    0.75
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

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        index, weight = _rows(y_true, sample_weight, self.dtype)
        scores = _log_odds(ops.cast(y_pred, self.dtype))
        begun, centers = map(ops.convert_to_tensor, (self.begun, self.centers))
        centers = ops.where(ops.greater(begun, 0), centers, ops.mean(scores, axis=0))
        self.centers.assign(centers)
        self.begun.assign(ops.ones_like(begun))
        places = ops.arcsinh((scores - centers) / _FINEST) / math.asinh(_FARTHEST / _FINEST)
        bins = ops.cast(ops.clip((places + 1) * (_N_BINS / 2), 0, _N_BINS - 1), "int32")
        classes = ops.arange(self.n_classes, dtype="int32")
        own = ops.cast(ops.equal(ops.expand_dims(index, -1), classes), "int32")
        cells = ops.reshape((own * self.n_classes + classes) * _N_BINS + bins, (-1,))
        weights = ops.repeat(weight, self.n_classes)
        counts = ops.segment_sum(weights, cells, num_segments=2 * self.n_classes * _N_BINS)
        self.counts.assign_add(ops.reshape(counts, self.counts.shape))

    def result(self) -> Any:
        """Return the area so far, 0 before the first row; of ``"per_class_auc"`` a dict."""
        counts = ops.convert_to_tensor(self.counts)
        others, own = counts[0], counts[1]
        n_others, n_own = ops.sum(others, axis=1), ops.sum(own, axis=1)
        below = ops.cumsum(others, axis=1) - others / 2
        areas = ops.divide_no_nan(ops.sum(own * below, axis=1), n_own * n_others)
        return self._named(AUCS[self.score](areas, n_own, n_others))


def _log_odds(logits: Any) -> Any:
    """Compute each class's log-odds against the rest, without loss of digits near certainty."""
    shifted = logits - ops.max(logits, axis=-1, keepdims=True)
    lower = 1 - ops.one_hot(ops.argmax(logits, axis=-1), logits.shape[-1], dtype=logits.dtype)
    powers = ops.exp(shifted) * lower  # that of the greatest, which is 1, is added below
    rest = ops.sum(powers, axis=-1, keepdims=True) - powers + lower
    return shifted - ops.log(ops.maximum(rest, _TINY))
