"""The numbers: of each class, averaged over classes, and of all rows together.

What is undefined is NaN, without a warning. Rows of weight zero must have been dropped.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    cohen_kappa_score,
    log_loss,
    matthews_corrcoef,
    precision_recall_fscore_support,
    roc_auc_score,
    top_k_accuracy_score,
)

from keras_multiclass.evaluation._bins import bin_rows, equal_edges
from keras_multiclass.evaluation._predictions import Predictions

_RANKINGS = ("roc_auc", "average_precision")


def score_classes(found: Predictions, zero_division: float) -> dict[str, np.ndarray]:
    """Score each class against the rest.

    Parameters
    ----------
    found : Predictions
        The rows.
    zero_division : float
        The precision of a class that has rows and is never predicted.

    Returns
    -------
    dict of str to ndarray of shape (n_classes,)
        ``precision``, ``recall``, ``f1``, ``support`` and, with probabilities, ``roc_auc`` and
        ``average_precision``.
    """
    precision, recall, f1, support = precision_recall_fscore_support(
        found.true,
        found.predicted,
        labels=np.arange(found.n_classes),
        sample_weight=found.sample_weight,
        zero_division=np.nan,
    )
    never_predicted = np.isnan(precision) & (support > 0)
    scores = {
        "precision": np.where(never_predicted, zero_division, precision),
        "recall": recall,
        "f1": f1,
        "support": support,
    }
    if found.probabilities is not None:
        scores |= _score_rankings(found, found.probabilities, support > 0)
    return scores


def _score_rankings(
    found: Predictions, probabilities: np.ndarray, present: np.ndarray
) -> dict[str, np.ndarray]:
    scores = {name: np.full(found.n_classes, np.nan) for name in _RANKINGS}
    for number in np.flatnonzero(present):
        is_class = (found.true == number).astype(int)
        ranked = is_class, probabilities[:, number]
        scores["average_precision"][number] = average_precision_score(
            *ranked, sample_weight=found.sample_weight
        )
        if not is_class.all():
            scores["roc_auc"][number] = roc_auc_score(*ranked, sample_weight=found.sample_weight)
    return scores


def average_scores(
    found: Predictions, per_class: dict[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Average the scores of the classes, those left out for which they are undefined.

    Parameters
    ----------
    found : Predictions
        The rows.
    per_class : dict of str to ndarray of shape (n_classes,)
        Result of :func:`score_classes`.

    Returns
    -------
    dict of str to dict of str to float
        ``macro``: the mean; ``weighted``: weighted by the support; ``micro``: of all pairs of a
        row and a class together.
    """
    support = per_class["support"]
    names = [name for name in per_class if name != "support"]
    return {
        "macro": {name: _mean(per_class[name], np.ones(len(support))) for name in names},
        "weighted": {name: _mean(per_class[name], support) for name in names},
        "micro": _micro(found),
    }


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    known = ~np.isnan(values) & (weights > 0)
    return float(np.average(values[known], weights=weights[known])) if known.any() else np.nan


def _micro(found: Predictions) -> dict[str, float]:
    precision, recall, f1, _ = precision_recall_fscore_support(
        found.true,
        found.predicted,
        labels=np.arange(found.n_classes),
        average="micro",
        sample_weight=found.sample_weight,
        zero_division=np.nan,
    )
    scores = {"precision": float(precision), "recall": float(recall), "f1": float(f1)}
    if found.probabilities is None:
        return scores
    if found.n_classes < 2:
        return scores | dict.fromkeys(_RANKINGS, np.nan)
    is_class = (found.true[:, np.newaxis] == np.arange(found.n_classes)).astype(int)
    options: dict[str, Any] = {"average": "micro", "sample_weight": found.sample_weight}
    return scores | {
        "roc_auc": float(roc_auc_score(is_class, found.probabilities, **options)),
        "average_precision": float(
            average_precision_score(is_class, found.probabilities, **options)
        ),
    }


def score_rows(
    found: Predictions, balanced_accuracy: float, top_k: int | None, n_bins: int
) -> dict[str, float]:
    """Score all rows together.

    Parameters
    ----------
    found : Predictions
        The rows.
    balanced_accuracy : float
        The mean recall of the classes that have rows.
    top_k : int or None
        Among how many of the likeliest classes the label must be; None to leave this out.
    n_bins : int
        Number of bins of the calibration error.

    Returns
    -------
    dict of str to float
    """
    arrays = found.true, found.predicted
    weight = found.sample_weight
    one_label = len(np.unique(np.concatenate(arrays))) == 1
    scores = {
        "accuracy": accuracy_score(*arrays, sample_weight=weight),
        "balanced_accuracy": balanced_accuracy,
        "cohen_kappa": np.nan if one_label else cohen_kappa_score(*arrays, sample_weight=weight),
        "matthews_corrcoef": 0.0 if one_label else matthews_corrcoef(*arrays, sample_weight=weight),
    }
    if found.probabilities is not None:
        scores |= _score_probabilities(found, found.probabilities, top_k, n_bins)
    return {name: float(score) for name, score in scores.items()}


def _score_probabilities(
    found: Predictions, probabilities: np.ndarray, top_k: int | None, n_bins: int
) -> dict[str, float]:
    options: dict[str, Any] = {
        "sample_weight": found.sample_weight,
        "labels": np.arange(found.n_classes),
    }
    several = found.n_classes > 1
    scores = {
        "log_loss": log_loss(found.true, probabilities, **options) if several else 0.0,
        "brier_score": _brier_score(found, probabilities),
    }
    if top_k is not None:
        scores["top_k_accuracy"] = top_k_accuracy_score(
            found.true, probabilities, k=top_k, **options
        )
    scores["expected_calibration_error"] = expected_calibration_error(
        found.true, probabilities, found.sample_weight, n_bins
    )
    return scores


def _brier_score(found: Predictions, probabilities: np.ndarray) -> float:
    """Compute what `sklearn.metrics.brier_score_loss` gives from scikit-learn 1.7 on."""
    is_class = found.true[:, np.newaxis] == np.arange(found.n_classes)
    squares = np.sum((probabilities - is_class) ** 2, axis=1)
    scale = 0.5 if found.n_classes == 2 else 1.0  # as in scikit-learn: halved for two classes
    return scale * float(np.average(squares, weights=found.sample_weight))


def expected_calibration_error(
    true: np.ndarray, probabilities: np.ndarray, sample_weight: np.ndarray | None, n_bins: int
) -> float:
    """Compute how far confidence and accuracy are apart: equation 3 of Guo et al. (2017).

    The confidence of a row is its largest probability. Rows are put into bins of equal width by
    confidence, each with its right edge. The error is the mean over bins, weighted by their rows,
    of the distance between mean confidence and accuracy.

    Parameters
    ----------
    true : ndarray of int of shape (n_samples,)
        Class numbers.
    probabilities : ndarray of shape (n_samples, n_classes)
        Probabilities.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights of the rows.
    n_bins : int
        Number of bins.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    """
    confidence = probabilities.max(axis=1)
    weights = np.ones(len(true)) if sample_weight is None else sample_weight
    right = probabilities.argmax(axis=1) == true
    return bin_rows(None, confidence, right, weights, equal_edges(n_bins)).error
