"""Compute scores of each class, averages over classes, and scores of all rows.

Undefined scores are NaN, without a warning. Rows of weight zero must have been dropped.
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

from keras_multiclass.evaluation._bins import equal_edges, reliability_curve
from keras_multiclass.evaluation._predictions import Predictions

_RANKINGS = ("roc_auc", "average_precision")


def score_classes(predictions: Predictions, zero_division: float) -> dict[str, np.ndarray]:
    """Score each class against the rest.

    Parameters
    ----------
    predictions : Predictions
        Predictions and labels of the rows.
    zero_division : float
        Precision of a class that has rows but is never predicted.

    Returns
    -------
    dict of str to ndarray of shape (n_classes,)
        ``precision``, ``recall``, ``f1``, ``support`` and, with probabilities, ``roc_auc`` and
        ``average_precision``.
    """
    precision, recall, f1, support = precision_recall_fscore_support(
        predictions.true,
        predictions.predicted,
        labels=np.arange(predictions.n_classes),
        sample_weight=predictions.sample_weight,
        zero_division=np.nan,
    )
    never_predicted = np.isnan(precision) & (support > 0)
    scores = {
        "precision": np.where(never_predicted, zero_division, precision),
        "recall": recall,
        "f1": f1,
        "support": support,
    }
    if predictions.probabilities is not None:
        scores |= _score_rankings(predictions, predictions.probabilities, support > 0)
    return scores


def _score_rankings(
    predictions: Predictions, probabilities: np.ndarray, present: np.ndarray
) -> dict[str, np.ndarray]:
    scores = {name: np.full(predictions.n_classes, np.nan) for name in _RANKINGS}
    weight = predictions.sample_weight
    is_of = predictions.is_class
    for k in np.flatnonzero(present):
        is_class, probability = is_of[:, k].astype(int), probabilities[:, k]
        scores["average_precision"][k] = average_precision_score(
            is_class, probability, sample_weight=weight
        )
        if not is_class.all():
            scores["roc_auc"][k] = roc_auc_score(is_class, probability, sample_weight=weight)
    return scores


def average_scores(
    predictions: Predictions, per_class: dict[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Average the scores over the classes for which they are defined.

    Parameters
    ----------
    predictions : Predictions
        Predictions and labels of the rows.
    per_class : dict of str to ndarray of shape (n_classes,)
        Result of :func:`score_classes`.

    Returns
    -------
    dict of str to dict of str to float
        ``macro``: the mean; ``weighted``: the mean weighted by support; ``micro``: the score of
        all pairs of a row and a class together.
    """
    support = per_class["support"]
    names = [name for name in per_class if name != "support"]
    return {
        "macro": {name: _mean(per_class[name], np.ones(len(support))) for name in names},
        "weighted": {name: _mean(per_class[name], support) for name in names},
        "micro": _micro(predictions),
    }


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    defined = ~np.isnan(values) & (weights > 0)
    if not defined.any():
        return np.nan
    return float(np.average(values[defined], weights=weights[defined]))


def _micro(predictions: Predictions) -> dict[str, float]:
    precision, recall, f1, _ = precision_recall_fscore_support(
        predictions.true,
        predictions.predicted,
        labels=np.arange(predictions.n_classes),
        average="micro",
        sample_weight=predictions.sample_weight,
        zero_division=np.nan,
    )
    scores = {"precision": float(precision), "recall": float(recall), "f1": float(f1)}
    if predictions.probabilities is None:
        return scores
    scores |= dict.fromkeys(_RANKINGS, np.nan)
    is_class = predictions.is_class.astype(int)
    if predictions.n_classes < 2 or not is_class.any():
        return scores
    rankings = {"average_precision": average_precision_score}
    if not is_class.all():
        rankings["roc_auc"] = roc_auc_score
    options: dict[str, Any] = {"average": "micro", "sample_weight": predictions.sample_weight}
    return scores | {
        name: float(score(is_class, predictions.probabilities, **options))
        for name, score in rankings.items()
    }


def score_rows(
    predictions: Predictions, balanced_accuracy: float, top_k: int | None, n_bins: int
) -> dict[str, float]:
    """Score all rows together.

    Parameters
    ----------
    predictions : Predictions
        Predictions and labels of the rows.
    balanced_accuracy : float
        Mean recall of the classes with rows.
    top_k : int or None
        Number of most probable classes that count for the top-k accuracy; None to omit it.
    n_bins : int
        Number of bins of the calibration error.

    Returns
    -------
    dict of str to float
        Scores by name.
    """
    labels = predictions.true, predictions.predicted
    weight = predictions.sample_weight
    single_label = len(np.unique(np.concatenate(labels))) == 1
    scores = {
        "accuracy": accuracy_score(*labels, sample_weight=weight),
        "balanced_accuracy": balanced_accuracy,
        "cohen_kappa": np.nan,
        "matthews_corrcoef": 0.0,
    }
    if not single_label:
        scores["cohen_kappa"] = cohen_kappa_score(*labels, sample_weight=weight)
    if all(len(np.unique(values)) > 1 for values in labels):  # else rounding may make it NaN
        scores["matthews_corrcoef"] = matthews_corrcoef(*labels, sample_weight=weight)
    if predictions.probabilities is not None:
        scores |= _score_probabilities(predictions, predictions.probabilities, top_k, n_bins)
    return {name: float(score) for name, score in scores.items()}


def _score_probabilities(
    predictions: Predictions, probabilities: np.ndarray, top_k: int | None, n_bins: int
) -> dict[str, float]:
    options: dict[str, Any] = {
        "sample_weight": predictions.sample_weight,
        "labels": np.arange(predictions.n_classes),
    }
    scores = {
        "log_loss": 0.0,
        "brier_score": _brier_score(predictions, probabilities),
    }
    if predictions.n_classes > 1:
        scores["log_loss"] = log_loss(predictions.true, probabilities, **options)
    if top_k is not None:
        scores["top_k_accuracy"] = top_k_accuracy_score(
            predictions.true, probabilities, k=top_k, **options
        )
    scores["expected_calibration_error"] = expected_calibration_error(
        predictions.true, probabilities, predictions.sample_weight, n_bins
    )
    return scores


def _brier_score(predictions: Predictions, probabilities: np.ndarray) -> float:
    """Compute `brier_score_loss` for several classes, as in scikit-learn 1.7 and later."""
    squares = np.sum((probabilities - predictions.is_class) ** 2, axis=1)
    scale = 0.5 if predictions.n_classes == 2 else 1.0  # as in scikit-learn: halved for two classes
    return scale * float(np.average(squares, weights=predictions.sample_weight))


def expected_calibration_error(
    true: np.ndarray, probabilities: np.ndarray, sample_weight: np.ndarray | None, n_bins: int
) -> float:
    """Compute the expected calibration error, equation 3 of Guo et al. (2017).

    The confidence of a row is its highest probability. Rows are binned by confidence into bins of
    equal width that include their right edges. The error is the mean over bins, weighted by their
    rows, of the distance between mean confidence and accuracy.

    Parameters
    ----------
    true : ndarray of int of shape (n_samples,)
        Class indices.
    probabilities : ndarray of shape (n_samples, n_classes)
        Probabilities.
    sample_weight : ndarray of shape (n_samples,) or None
        Sample weights.
    n_bins : int
        Number of bins.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    """
    confidence = probabilities.max(axis=1)
    weights = np.ones(len(true)) if sample_weight is None else sample_weight
    is_correct = probabilities.argmax(axis=1) == true
    edges = equal_edges(n_bins)
    return reliability_curve(None, confidence, is_correct, weights, edges).error
