"""Compute the scores of rows that may have several labels.

Undefined scores are NaN, without a warning. Rows of weight zero must have been dropped.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    coverage_error,
    hamming_loss,
    label_ranking_average_precision_score,
    label_ranking_loss,
    log_loss,
)

from keras_multiclass.evaluation._multilabel_predictions import MultilabelPredictions
from keras_multiclass.evaluation._scores import average_scores


def average_label_scores(
    predictions: MultilabelPredictions, per_class: dict[str, np.ndarray], zero_division: float
) -> dict[str, dict[str, float]]:
    """Average the scores over labels, and over rows.

    Parameters
    ----------
    predictions : MultilabelPredictions
        Predictions and labels of the rows.
    per_class : dict of str to ndarray of shape (n_labels,)
        Scores of the labels.
    zero_division : float
        Precision where there are labels but none is predicted.

    Returns
    -------
    dict of str to dict of str to float
        ``macro``, ``weighted``, ``micro`` and ``samples``.
    """
    averages = average_scores(predictions, per_class)
    if predictions.true.any() and not predictions.predicted.any():
        averages["micro"]["precision"] = zero_division
    return {**averages, "samples": _score_samples(predictions, zero_division)}


def _score_samples(predictions: MultilabelPredictions, zero_division: float) -> dict[str, float]:
    """Average precision, recall and F1 of the rows for which they are defined."""
    true, predicted = predictions.true.astype(bool), predictions.predicted.astype(bool)
    n_hits = (true & predicted).sum(axis=1)
    n_true, n_predicted = true.sum(axis=1), predicted.sum(axis=1)
    with np.errstate(invalid="ignore"):
        precision = n_hits / n_predicted
        scores = {
            "precision": np.where((n_predicted == 0) & (n_true > 0), zero_division, precision),
            "recall": n_hits / n_true,
            "f1": 2 * n_hits / (n_true + n_predicted),
        }
    return {name: _mean(values, predictions.sample_weight) for name, values in scores.items()}


def _mean(values: np.ndarray, weights: np.ndarray | None) -> float:
    defined = ~np.isnan(values)
    if not defined.any():
        return np.nan
    return float(np.average(values[defined], weights=None if weights is None else weights[defined]))


def score_label_sets(predictions: MultilabelPredictions) -> dict[str, float]:
    """Score all rows together.

    Parameters
    ----------
    predictions : MultilabelPredictions
        Predictions and labels of the rows.

    Returns
    -------
    dict of str to float
        Scores by name.
    """
    true, options = predictions.true, {"sample_weight": predictions.sample_weight}
    scores = {
        "subset_accuracy": accuracy_score(true, predictions.predicted, **options),
        "hamming_loss": hamming_loss(true, predictions.predicted, **options),
    }
    if predictions.probabilities is not None:
        scores |= _score_rankings(true, predictions.probabilities, options)
    return {name: float(score) for name, score in scores.items()}


def _score_rankings(
    true: np.ndarray, probabilities: np.ndarray, options: dict[str, Any]
) -> dict[str, float]:
    ranking = true, probabilities
    losses = [
        log_loss(labels, probability, labels=[0, 1], **options)
        for labels, probability in zip(true.T, probabilities.T, strict=True)
    ]
    return {
        "log_loss": float(np.mean(losses)),
        "label_ranking_average_precision": label_ranking_average_precision_score(
            *ranking, **options
        ),
        "ranking_loss": label_ranking_loss(*ranking, **options),
        "coverage_error": coverage_error(*ranking, **options),
    }


def confusion_of_labels(predictions: MultilabelPredictions) -> np.ndarray:
    """Count, for each pair of labels, the rows that miss one and have the other added.

    Parameters
    ----------
    predictions : MultilabelPredictions
        Predictions and labels of the rows.

    Returns
    -------
    ndarray of shape (n_labels, n_labels)
        Number of rows, or the sum of their weights, by missed label (first axis) and added label;
        the diagonal counts the rows whose label is predicted.
    """
    weight = predictions.sample_weight
    true, predicted = predictions.true.astype(np.int64), predictions.predicted.astype(np.int64)
    missed, added = true * (1 - predicted), predicted * (1 - true)
    hits = true * predicted
    if weight is not None:
        added, hits = added * weight[:, np.newaxis], hits * weight[:, np.newaxis]
    return missed.T @ added + np.diag(hits.sum(axis=0))
