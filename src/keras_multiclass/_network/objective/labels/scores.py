"""Multi-label metrics that match scikit-learn over a whole epoch, exactly or closely."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal

import keras
from keras import ops

from keras_multiclass._network.objective.epoch_scores import (
    OF_COUNTS,
    BinnedRanking,
    OverClasses,
    is_positive,
    micro_average,
    weighted_mean,
)
from keras_multiclass._shared.upstream.keras_objects import set_direction

__all__ = [
    "COUNTED",
    "OF_EACH_ROW",
    "RANKED",
    "SCIKIT_LEARN_NAMES",
    "LabelRanking",
    "LabelScore",
    "RowScore",
]

_register = keras.saving.register_keras_serializable(package="keras_multiclass")


# --- scores of counts -------------------------------------------------------------------------

# Functions of the weights of each label, see `OF_COUNTS`, and of all rows.


def _per_label(score: Any, true: Any, predicted: Any, correct: Any, rows: Any) -> Any:
    return score(true, predicted, correct)


def _macro(score: Any, true: Any, predicted: Any, correct: Any, rows: Any) -> Any:
    return ops.mean(score(true, predicted, correct))


def _micro(score: Any, true: Any, predicted: Any, correct: Any, rows: Any) -> Any:
    return micro_average(score, true, predicted, correct)


def _weighted(score: Any, true: Any, predicted: Any, correct: Any, rows: Any) -> Any:
    return weighted_mean(score(true, predicted, correct), true)


def _hamming_loss(true: Any, predicted: Any, correct: Any, rows: Any) -> Any:
    return ops.divide_no_nan(ops.sum(true + predicted - 2 * correct), ops.sum(rows))


_AVERAGES = {
    "macro": _macro,
    "micro": _micro,
    "weighted": _weighted,
    "per_label": _per_label,
}

COUNTED: Mapping[str, Callable[[Any, Any, Any, Any], Any]] = {
    "hamming_loss": _hamming_loss,
    **{
        f"{average}_{name}": functools.partial(combine, score)
        for average, combine in _AVERAGES.items()
        for name, score in OF_COUNTS.items()
    },
}
"""Scores of `LabelScore` by name, as functions of four weights per label."""


@_register
class LabelScore(OverClasses):
    """A score of predicted labels, computed exactly over an epoch as in scikit-learn.

    Parameters
    ----------
    n_classes : int
        Number of labels.
    score : str
        A key of `COUNTED`: ``"macro_f1"``, ``"hamming_loss"``, ...
    class_names : sequence of str, default=None
        Names of the labels in the values of ``"per_label_*"``; their indices if None.
    name, dtype
        As in ``keras.metrics.Metric``.

    Notes
    -----
    Takes an indicator matrix and predicted labels, 0 or 1, both of shape ``(n, n_labels)``.

    Examples
    --------
    >>> from keras_multiclass._network.objective.labels.scores import LabelScore
    >>> metric = LabelScore(2, "hamming_loss")
    >>> metric.update_state([[0, 1], [1, 1]], [[0, 1], [0, 1]])
    >>> float(metric.result())
    0.25
    """

    def __init__(self, n_classes: int, score: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(n_classes, score, *args, **kwargs)
        set_direction(self, "down" if score == "hamming_loss" else "up")
        self.counts = self.add_variable((4, n_classes), "zeros", dtype=self.dtype, name="counts")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        true, predicted = (ops.cast(values, self.dtype) for values in (y_true, y_pred))
        weight = _weights(true, sample_weight)
        parts = (true, predicted, true * predicted, ops.ones_like(true))
        self.counts.assign_add(ops.stack([ops.sum(weight * part, axis=0) for part in parts]))

    def result(self) -> Any:
        """Return the score so far, 0 before the first row; a dict for ``"per_label_*"``."""
        counts = ops.convert_to_tensor(self.counts)
        return self.named(COUNTED[self.score](counts[0], counts[1], counts[2], counts[3]))


def _weights(true: Any, sample_weight: Any) -> Any:
    """Return the weights of the rows as a column."""
    if sample_weight is None:
        return ops.ones_like(true[:, :1])
    return ops.reshape(ops.cast(sample_weight, true.dtype), (-1, 1))


# --- scores of rankings over all rows ---------------------------------------------------------


_AREAS: Mapping[str, Callable[[Any, Any, Any], Any]] = {
    "macro_auc": lambda areas, own, others: weighted_mean(areas, is_positive(own * others)),
    "weighted_auc": lambda areas, own, others: weighted_mean(areas, own * is_positive(others)),
    "micro_auc": lambda areas, own, others: areas[0],
    "per_label_auc": lambda areas, own, others: areas,
}
_PRECISIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "macro_average_precision": lambda values, own: ops.mean(values),
    "weighted_average_precision": weighted_mean,
    "micro_average_precision": lambda values, own: values[0],
    "per_label_average_precision": lambda values, own: values,
}

RANKED = (*_AREAS, *_PRECISIONS)
"""Scores of `LabelRanking`."""


@_register
class LabelRanking(BinnedRanking):
    """Area under the ROC curve or average precision of labels over a whole epoch.

    Parameters
    ----------
    n_classes : int
        Number of labels.
    score : str
        A name in `RANKED`. ``micro_*`` pools the rows of all labels.
    class_names : sequence of str, default=None
        Names of the labels in the values of ``"per_label_*"``; their indices if None.
    name, dtype
        As in ``keras.metrics.Metric``.

    Notes
    -----
    Takes an indicator matrix and logits, both of shape ``(n, n_labels)``. Rows in the same of 4096
    bins count as ties. A label that no row has, or every row, has no area, and is excluded from
    means; the average precision of a label that no row has is 0, as in scikit-learn.

    Examples
    --------
    >>> from keras_multiclass._network.objective.labels.scores import LabelRanking
    >>> metric = LabelRanking(1, "macro_auc")
    >>> metric.update_state([[0], [0], [1], [1]], [[0.1], [0.4], [0.35], [0.8]])
    >>> float(metric.result())
    0.75
    """

    def __init__(self, n_classes: int, score: str, *args: Any, **kwargs: Any) -> None:
        self.pooled = score.startswith("micro_")
        super().__init__(1 if self.pooled else n_classes, score, *args, **kwargs)
        self.n_labels = n_classes

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        own, scores = ops.cast(y_true, "int32"), ops.cast(y_pred, self.dtype)
        weight = ops.reshape(_weights(scores, sample_weight), (-1,))
        if self.pooled:
            own, scores = ops.reshape(own, (-1, 1)), ops.reshape(scores, (-1, 1))
            weight = ops.repeat(weight, self.n_labels)
        self.count(own, scores, weight)

    def result(self) -> Any:
        """Return the score so far; a dict for ``"per_label_*"``."""
        areas, own, others = self.areas()
        if self.score in _AREAS:
            return self.named_where_defined(_AREAS[self.score](areas, own, others), own * others)
        return self.named(_PRECISIONS[self.score](self.average_precisions(), own))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "n_classes": self.n_labels}


# --- scores of each row -----------------------------------------------------------------------


def _exact_match(true: Any, predicted: Any) -> Any:
    return ops.cast(ops.all(ops.equal(true, predicted), axis=-1), true.dtype)


def _of_row(score: Any, true: Any, predicted: Any) -> Any:
    sums = (ops.sum(part, axis=-1) for part in (true, predicted, true * predicted))
    return score(*sums)


def _at_or_above(scores: Any) -> Any:
    """Whether each label (last axis) is ranked no lower than each other (second last axis)."""
    return ops.cast(
        ops.greater_equal(ops.expand_dims(scores, -2), ops.expand_dims(scores, -1)), scores.dtype
    )


def _ranking_average_precision(true: Any, scores: Any) -> Any:
    above = _at_or_above(scores)
    relevant = ops.sum(above * ops.expand_dims(true, -2), axis=-1)
    shares = ops.sum(true * relevant / ops.sum(above, axis=-1), axis=-1)
    n_true = ops.sum(true, axis=-1)
    none_or_all = ops.equal(n_true, 0) | ops.equal(n_true, true.shape[-1])
    return ops.where(none_or_all, ops.ones_like(shares), ops.divide_no_nan(shares, n_true))


def _coverage_error(true: Any, scores: Any) -> Any:
    present = ops.greater(true, 0)
    lowest = ops.min(ops.where(present, scores, float("inf")), axis=-1, keepdims=True)
    return ops.sum(ops.cast(ops.greater_equal(scores, lowest), scores.dtype), axis=-1)


def _ranking_loss(true: Any, scores: Any) -> Any:
    false = 1 - true
    wrong = _at_or_above(scores) * ops.expand_dims(false, -2) * ops.expand_dims(true, -1)
    pairs = ops.sum(true, axis=-1) * ops.sum(false, axis=-1)
    return ops.divide_no_nan(ops.sum(wrong, axis=(-2, -1)), pairs)


OF_EACH_ROW: Mapping[str, tuple[Callable[[Any, Any], Any], Literal["labels", "logits"]]] = {
    "accuracy": (_exact_match, "labels"),
    "subset_accuracy": (_exact_match, "labels"),
    **{
        f"samples_{name}": (functools.partial(_of_row, score), "labels")
        for name, score in OF_COUNTS.items()
    },
    "label_ranking_average_precision": (_ranking_average_precision, "logits"),
    "coverage_error": (_coverage_error, "logits"),
    "label_ranking_loss": (_ranking_loss, "logits"),
}
"""Scores of `RowScore` by name: functions of an indicator and predictions, and their form."""

_LOWER_IS_BETTER = ("coverage_error", "label_ranking_loss")


@_register
class RowScore(keras.metrics.Metric):
    """The weighted mean over all rows of an epoch of a score of each row, as in scikit-learn.

    Parameters
    ----------
    score : str
        A key of `OF_EACH_ROW`.
    name, dtype
        As in ``keras.metrics.Metric``.

    Notes
    -----
    Takes an indicator matrix, and predicted labels or logits, both of shape ``(n, n_labels)``.

    Examples
    --------
    >>> from keras_multiclass._network.objective.labels.scores import RowScore
    >>> metric = RowScore("coverage_error")
    >>> metric.update_state([[0, 1], [1, 1]], [[0.3, 0.7], [0.1, 0.2]])
    >>> float(metric.result())
    1.5
    """

    def __init__(self, score: str, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name or score, dtype=dtype)
        set_direction(self, "down" if score in _LOWER_IS_BETTER else "up")
        self.score = score
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")
        self.weight = self.add_variable((), "zeros", dtype=self.dtype, name="weight")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        true, predicted = (ops.cast(values, self.dtype) for values in (y_true, y_pred))
        weight = _weights(true, sample_weight)[:, 0]
        values = OF_EACH_ROW[self.score][0](true, predicted)
        self.total.assign_add(ops.sum(weight * values))
        self.weight.assign_add(ops.sum(weight))

    def result(self) -> Any:
        """Return the mean so far, 0 before the first row."""
        return ops.divide_no_nan(self.total, self.weight)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {"score": self.score, "name": self.name, "dtype": self.dtype}


SCIKIT_LEARN_NAMES: Mapping[str, str] = {
    **{
        f"{score}_{average}": f"{average}_{score}"
        for average in ("macro", "micro", "weighted", "samples")
        for score in OF_COUNTS
    },
    "average_precision": "macro_average_precision",
    "mean_average_precision": "macro_average_precision",
    "roc_auc": "macro_auc",
}
"""Names of scikit-learn's scorers, and common ones, and our names of the same metrics."""
