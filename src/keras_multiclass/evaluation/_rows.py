"""What a classifier predicts for rows, beside their labels; of arrays, or of a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras_multiclass._data.streams.evaluation import evaluate_stream
from keras_multiclass._data.streams.stream import is_stream
from keras_multiclass._shared.messages import describe, invalid


@dataclass(frozen=True, eq=False)
class EvaluatedRows:
    """Labels and predictions of the same rows, not checked yet.

    Attributes
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_classes)
        The labels.
    predicted : array-like
        What ``predict`` has returned.
    probabilities : array-like, list of arrays or None
        What ``predict_proba`` has returned; None if the classifier has none.
    sample_weight : array-like of shape (n_samples,) or None
        The weights.
    """

    y: Any
    predicted: Any
    probabilities: Any
    sample_weight: Any = None


def evaluate(estimator: Any, X: Any, y: Any, sample_weight: Any) -> EvaluatedRows:
    """Predict rows with a fitted classifier.

    Parameters
    ----------
    estimator : classifier
        A fitted classifier.
    X : array-like of shape (n_samples, ...), or stream
        Features; or batches of features and labels, which are read once.
    y, sample_weight : array-like or None
        Labels and weights; None for a stream.
    """

    def predict(X: Any) -> tuple[Any, Any]:
        return estimator.predict(X), predict_proba_of(estimator, X)

    if not is_stream(X):
        predicted, probabilities = predict(X)
        return EvaluatedRows(y, predicted, probabilities, sample_weight)
    check_none_beside_stream(y=y, sample_weight=sample_weight)
    y, sample_weight, (predicted, probabilities) = evaluate_stream(X, predict)
    return EvaluatedRows(y, predicted, probabilities, sample_weight)


def check_none_beside_stream(**given: Any) -> None:
    """Raise ``ValueError`` if arguments are given that a stream has in its batches.

    Parameters
    ----------
    **given : object
        The arguments.
    """
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                invalid(
                    f"`{name}`",
                    "None when X is a stream",
                    describe(value),
                    "Put labels and weights into the batches: (X, y) or (X, y, sample_weight).",
                )
            )


def predict_proba_of(estimator: Any, X: Any) -> Any:
    """Return the probabilities of a classifier, or None if it has none.

    Parameters
    ----------
    estimator : classifier
        A fitted classifier.
    X : array-like of shape (n_samples, ...)
        Features.
    """
    return estimator.predict_proba(X) if hasattr(estimator, "predict_proba") else None
