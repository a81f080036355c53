"""Decision thresholds of labels: given, or chosen on the validation rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import keras
import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer, get_scorer_names

from keras_multiclass._data.labels.by_label import thresholds_of_labels
from keras_multiclass._data.labels.target import TargetCodec
from keras_multiclass._data.rows import Data
from keras_multiclass._network.objective import Objective
from keras_multiclass._shared.messages import describe, did_you_mean, invalid
from keras_multiclass._shared.typing import FloatArray
from keras_multiclass._training.calibration import predict_validation
from keras_multiclass._training.engine.base import EngineName

Score: TypeAlias = Callable[[np.ndarray, np.ndarray, np.ndarray], float]
"""Score of the predictions of one label, from targets, predictions and weights."""

DEFAULT = 0.5
_MOST_CANDIDATES = 100
_PRIOR = 20.0  # precision of the priors of slope and offset
_EPSILON = 2.0**-52
ALLOWED = (
    "a number from 0 to 1, one for each label, 'auto', or the name of a scorer of scikit-learn"
)


def is_chosen(threshold: object) -> bool:
    """Whether thresholds are chosen on validation rows."""
    return isinstance(threshold, str) or callable(threshold)


def is_valid(threshold: object) -> bool:
    """Whether a value can be the parameter `threshold`, for some number of labels."""
    if isinstance(threshold, str):
        return threshold == "auto" or threshold in get_scorer_names()
    if callable(threshold):
        return True
    if isinstance(threshold, Mapping):
        threshold = list(threshold.values())
    try:
        values = np.asarray(threshold, dtype=np.float64)
    except (ValueError, TypeError):
        return False
    is_flag = isinstance(threshold, (bool, np.bool_))
    return not is_flag and values.ndim <= 1 and bool(np.all((values >= 0) & (values <= 1)))


def hint(threshold: object) -> str:
    """Return what a wrong name may have been meant to be."""
    if not isinstance(threshold, str):
        return ""
    return did_you_mean(threshold, ["auto", *get_scorer_names()]).strip()


def given_thresholds(threshold: object, codec: TargetCodec) -> np.ndarray:
    """Return one threshold for each label; 0.5 before they are chosen.

    Parameters
    ----------
    threshold : object
        The parameter, checked by `is_valid`.
    codec : TargetCodec
        The labels.

    Raises
    ------
    ValueError
        If there are other thresholds than of these labels.
    """
    if is_chosen(threshold):
        return np.full(codec.n_classes, DEFAULT)
    return thresholds_of_labels(threshold, codec.classes, "`threshold`")


def choose_thresholds(
    threshold: object,
    model: keras.Model,
    objective: Objective,
    validation: Data,
    engine: EngineName,
    batch_size: int | None,
) -> np.ndarray:
    """Choose the threshold of each label that has the best score on the validation rows.

    Parameters
    ----------
    threshold : {"auto"}, name of a scorer, or callable
        The parameter. ``"auto"`` maximizes the expected F1, which is less noisy than the observed
        one (Ye, Chai, Lee and Chieu, "Optimizing F-measure: A tale of two approaches", ICML 2012).
    model : keras.Model
        The trained network.
    objective : Objective
        What it predicts.
    validation : TrainingData or StreamData
        Validation data.
    engine : {"auto", "graph", "keras"}
        Engine that predicts.
    batch_size : int or None
        Number of rows predicted together; None to choose it by their size.

    Returns
    -------
    ndarray of shape (n_labels,)
        Labels with probabilities above them are predicted; 0.5 for a label that no validation row
        has.
    """
    raw, y, weights = predict_validation(model, validation, engine, batch_size)
    probabilities = objective.probabilities(raw)
    choose = _best_expected_f1 if threshold == "auto" else _best_of(_as_score(threshold))
    return np.array(
        [
            choose(probabilities[:, label], y[:, label], weights)
            if np.any(y[:, label] * weights)
            else DEFAULT
            for label in range(objective.n_classes)
        ]
    )


def _best_expected_f1(probability: FloatArray, present: np.ndarray, weights: FloatArray) -> float:
    return _best_f1(probability, _recalibrated(probability, present, weights), weights)


def _recalibrated(probability: FloatArray, present: np.ndarray, weights: FloatArray) -> FloatArray:
    """Return probabilities that agree with the label on these rows.

    Their logits are a linear function of the given ones (Platt, "Probabilistic outputs for support
    vector machines", 1999). Slope and offset have normal priors around 1 and 0, so that few rows
    change little.
    """
    weights = weights * (weights.sum() / (weights @ weights))  # which sum to the effective rows
    smallest = np.finfo(np.float32).tiny
    logits = logit(np.clip(probability, smallest, 1 - _EPSILON))
    start = np.array([1.0, 0.0])
    design = np.stack([logits, np.ones_like(logits)], axis=1)

    def negative_log_posterior(line: FloatArray) -> tuple[float, FloatArray]:
        moved = design @ line
        losses = np.logaddexp(0, moved) - present * moved
        slopes = design.T @ (weights * (expit(moved) - present))
        change = line - start
        return weights @ losses + _PRIOR / 2 * change @ change, slopes + _PRIOR * change

    line = minimize(negative_log_posterior, start, jac=True, method="BFGS").x
    return expit(design @ line)


def _best_f1(probability: FloatArray, present: FloatArray, weights: FloatArray) -> float:
    """Return the threshold with the highest expected F1: 2 TP / (positives + predicted).

    ``present`` holds the probability that each row has the label; rows are predicted in the order
    of ``probability``.
    """
    order = np.argsort(-probability, kind="stable")
    ranked = probability[order]
    found = np.cumsum((present * weights)[order])
    predicted = np.cumsum(weights[order])
    f1 = 2 * found / (found[-1] + predicted)
    is_last = np.append(ranked[1:] != ranked[:-1], True)  # of rows with the same probability
    best = np.flatnonzero(is_last)[f1[is_last].argmax()]
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + below) / 2)


def _best_of(score: Score) -> Callable[[FloatArray, np.ndarray, FloatArray], float]:
    def choose(probability: FloatArray, present: np.ndarray, weights: FloatArray) -> float:
        levels = np.unique(probability)
        candidates = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2])
        if len(candidates) > _MOST_CANDIDATES:
            positions = np.linspace(0, len(candidates) - 1, _MOST_CANDIDATES).round().astype(int)
            candidates = candidates[positions]
        scores = [score(present, (probability > c).astype(int), weights) for c in candidates]
        is_undefined = np.isnan(scores).all()
        return DEFAULT if is_undefined else float(candidates[int(np.nanargmax(scores))])

    return choose


class _Predicted(ClassifierMixin, BaseEstimator):
    """Predicts what it is given, so that a scorer can be called with predictions."""

    classes_ = np.array([0, 1])

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the only column."""
        return X[:, 0]


def _as_score(threshold: object) -> Score:
    scorer: Any = get_scorer(threshold)

    def score(present: np.ndarray, predicted: np.ndarray, weights: FloatArray) -> float:
        arguments = {} if np.all(weights == 1) else {"sample_weight": weights}
        try:
            return float(scorer(_Predicted(), predicted[:, None], present, **arguments))
        except (ValueError, TypeError, AttributeError) as error:
            cure = f"It raised {type(error).__name__}: {error}"
            if isinstance(error, AttributeError):  # `_Predicted` has only `predict`
                cure = "It needs more than predictions. Use 'f1', 'balanced_accuracy' or the like."
            allowed = f"{ALLOWED} that compares labels with predictions"
            raise ValueError(invalid("`threshold`", allowed, describe(threshold), cure)) from error

    return score
