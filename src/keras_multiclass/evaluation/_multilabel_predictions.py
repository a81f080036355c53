"""Read multi-label targets and the predictions of any multi-label classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_array, get_tags
from sklearn.utils.validation import check_is_fitted

from keras_multiclass._data.labels.by_label import thresholds_of_labels
from keras_multiclass._data.labels.classes import parse_classes
from keras_multiclass._data.labels.indicator import IndicatorCodec, parse_indicator
from keras_multiclass._data.labels.parse import to_natural_dtype
from keras_multiclass._data.streams.stream import is_stream
from keras_multiclass._data.weights import check_sample_weight
from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass.evaluation._predictions import (
    Predictions,
    check_classifier,
    check_lengths,
    find_inside,
    fitted_classes,
    row_count,
)
from keras_multiclass.evaluation._rows import EvaluatedRows, evaluate

_DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True, eq=False)
class MultilabelPredictions(Predictions):
    """Labels, predicted labels and probabilities of rows with any number of labels, checked.

    Attributes
    ----------
    classes : ndarray of shape (n_labels,)
        The labels, in the order of the columns below.
    true : ndarray of uint8 of shape (n_samples, n_labels)
        1 where a row has a label.
    predicted : ndarray of uint8 of shape (n_samples, n_labels)
        1 where a label is predicted.
    probabilities : ndarray of float64 of shape (n_samples, n_labels), or None
        Probability of each label; None if there are none.
    sample_weight : ndarray of float64 of shape (n_samples,), or None
        Sample weights; None for equal weights.
    thresholds : ndarray of float64 of shape (n_labels,), or None
        Thresholds of the probabilities; None if unknown.

    Examples
    --------
    >>> predictions = MultilabelPredictions.from_predictions(
    ...     [[1, 0], [1, 1]], y_proba=[[0.9, 0.2], [0.4, 0.7]], thresholds=[0.3, 0.5]
    ... )
    >>> predictions.predicted.tolist()
    [[1, 0], [1, 1]]
    """

    thresholds: np.ndarray | None = None

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any = None, *, sample_weight: Any = None
    ) -> MultilabelPredictions:
        """Predict with a fitted multi-label classifier.

        Parameters
        ----------
        estimator : classifier
            Fitted; ``predict_proba`` is used if available, whatever its format.
        X : array-like of shape (n_samples, ...), or stream
            Features. Or a stream of batches ``(X, y)`` or
            ``(X, y, sample_weight)``, as `fit` of this package reads, instead of the next two.
            It is read once.
        y : array-like, sparse matrix or data frame of shape (n_samples, n_labels), default=None
            Zeros and ones.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        MultilabelPredictions
            Checked predictions.

        Raises
        ------
        TypeError
            If `estimator` is not a classifier.
        NotFittedError
            If it is not fitted.
        ValueError
            If it does not predict several labels, or an argument is invalid.
        """
        check_classifier(estimator)
        check_is_fitted(estimator)
        if not is_stream(X):
            check_lengths({"X": row_count(X), "y": row_count(y)})
        return cls.of_estimator(estimator, evaluate(estimator, X, y, sample_weight))

    @classmethod
    def of_estimator(cls, estimator: Any, rows: EvaluatedRows) -> MultilabelPredictions:
        """Check the predictions of a multi-label classifier.

        Parameters
        ----------
        estimator : classifier
            The classifier.
        rows : EvaluatedRows
            What it has predicted.
        """
        predicted, probabilities = _check_labels(estimator, rows.predicted, rows.probabilities)
        codec = IndicatorCodec(_labels_of(estimator, rows.y, predicted.shape[1]), "array", np.uint8)
        return cls.from_predictions(
            codec.encode(rows.y),
            codec.encode(predicted, "predict(X)"),
            probabilities,
            labels=codec.classes,
            thresholds=_thresholds_of(estimator),
            sample_weight=rows.sample_weight,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any = None,
        y_proba: Any = None,
        *,
        labels: Any = None,
        thresholds: Any = None,
        sample_weight: Any = None,
    ) -> MultilabelPredictions:
        """Check existing predictions.

        Parameters
        ----------
        y_true : array-like, sparse matrix or data frame of shape (n_samples, n_labels)
            Zeros and ones.
        y_pred : array-like of shape (n_samples, n_labels), default=None
            Predicted zeros and ones in any of these formats; by default 1 where `y_proba` exceeds
            `thresholds`.
        y_proba : array-like of shape (n_samples, n_labels), or list of arrays, default=None
            Probability of each label, or for each label an array of shape (n_samples, 2). Columns
            of data frames are matched by name.
        labels : array-like of shape (n_labels,), default=None
            Names of the columns; by default those of a data frame, or their numbers.
        thresholds : float, array-like of shape (n_labels,) or dict, default=None
            Thresholds; 0.5 if they are needed for `y_pred`. Those of a dict, or of a pandas Series
            with an index of labels, are matched by label.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        MultilabelPredictions
            Checked predictions.

        Raises
        ------
        ValueError
            If the arrays are invalid or inconsistent.
        """
        if y_pred is None and y_proba is None:
            raise ValueError(
                invalid("y_pred or y_proba", "given", "None for both", "Pass at least one of them.")
            )
        codec, true = _learn_labels(y_true, y_pred, labels)
        n_samples, n_labels = true.shape
        arrays = {"y_true": true}
        probabilities = None
        limits = None
        if thresholds is not None:
            limits = thresholds_of_labels(thresholds, codec.classes, "`thresholds`")
        if y_pred is not None:
            arrays["y_pred"] = codec.encode(y_pred, "y_pred")
        if y_proba is not None:
            ordered = _in_order(y_proba, codec.classes)
            probabilities = arrays["y_proba"] = positive_probabilities(ordered, "y_proba")
        check_lengths({name: len(array) for name, array in arrays.items()})
        if probabilities is not None:
            _check_probabilities(probabilities, n_labels)
            if y_pred is None:
                limits = np.full(n_labels, _DEFAULT_THRESHOLD) if limits is None else limits
                arrays["y_pred"] = (probabilities > limits).astype(np.uint8)
        return cls(
            codec.classes,
            true,
            arrays["y_pred"],
            probabilities,
            check_sample_weight(sample_weight, n_samples, np.float64),
            limits,
        )

    @property
    def is_class(self) -> np.ndarray:
        """Mask of shape (n_samples, n_labels): whether a row has a label."""
        return self.true.astype(bool)


def is_multilabel(estimator: Any, y: Any) -> bool:
    """Return whether a target is multi-label; else it is one of classes.

    A matrix with a single 1 in each row stands for classes, unless the classifier is only for
    labels.

    Parameters
    ----------
    estimator : classifier or None
        A classifier, fitted or not; None if there is none.
    y : array-like
        The target.
    """
    only_labels = has_outputs = False
    if estimator is not None:
        tags = get_tags(estimator).classifier_tags
        only_labels = bool(tags.multi_label and not tags.multi_class)
        has_outputs = isinstance(getattr(estimator, "classes_", None), list)
    try:
        shape = y.shape if hasattr(y, "shape") else np.shape(y)
        if len(shape) != 2 or shape[1] < 2:
            return False
        counts = parse_indicator(y, "y").values.sum(axis=1)
    except (TypeError, ValueError):  # the check of the target raises a better error
        return only_labels
    return only_labels or has_outputs or bool(np.any(counts != 1))


def predictions_from_estimator(
    estimator: Any, X: Any, y: Any, *, sample_weight: Any = None
) -> Predictions:
    """Predict classes or labels with a fitted classifier, see :func:`is_multilabel`.

    Parameters
    ----------
    estimator : classifier
        A fitted classifier.
    X : array-like of shape (n_samples, ...), or stream
        Features; or batches of features and labels, which are read once.
    y : array-like of shape (n_samples,) or (n_samples, n_classes)
        Classes or labels; None for a stream.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights.
    """
    check_classifier(estimator)
    if not is_stream(X):
        kind = MultilabelPredictions if is_multilabel(estimator, y) else Predictions
        return kind.from_estimator(estimator, X, y, sample_weight=sample_weight)
    check_is_fitted(estimator)
    rows = evaluate(estimator, X, y, sample_weight)
    if is_multilabel(estimator, rows.y):
        return MultilabelPredictions.of_estimator(estimator, rows)
    return Predictions.of_rows(fitted_classes(estimator), rows)


def predictions_from_arrays(
    y_true: Any,
    y_pred: Any = None,
    y_proba: Any = None,
    *,
    labels: Any = None,
    sample_weight: Any = None,
) -> Predictions:
    """Check predictions of classes or labels, see :func:`is_multilabel`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_classes)
        Classes or labels.
    y_pred, y_proba : array-like, default=None
        Predictions.
    labels : array-like of shape (n_classes,), default=None
        All classes or labels.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights.
    """
    kind = MultilabelPredictions if is_multilabel(None, y_true) else Predictions
    return kind.from_predictions(
        y_true, y_pred, y_proba, labels=labels, sample_weight=sample_weight
    )


def _check_labels(
    estimator: Any, predicted: Any, probabilities: Any
) -> tuple[Any, np.ndarray | None]:
    """Return predicted labels, and the probability of each; None if there are none."""
    if len(getattr(predicted, "shape", ())) != 2:
        raise ValueError(
            invalid(
                "`estimator`",
                "a multi-label classifier, which predicts a matrix of zeros and ones",
                f"{describe(estimator)}, which predicts {describe(predicted)}",
                "Evaluate classes that exclude each other with ClassificationReport.",
            )
        )
    if probabilities is None:
        return predicted, None
    classes = getattr(estimator, "classes_", None)
    return predicted, positive_probabilities(probabilities, "predict_proba(X)", classes)


def positive_probabilities(probabilities: Any, name: str, classes: Any = None) -> np.ndarray:
    """Return the probability of each label from any format of ``predict_proba``.

    Parameters
    ----------
    probabilities : array-like of shape (n_samples, n_labels), or list of arrays
        Probability of each label; or for each label an array of shape (n_samples, 2), or
        (n_samples, 1) if the classifier has seen a single value of it.
    name : str
        Name of the probabilities in messages.
    classes : list of ndarray, default=None
        The values of each label that the classifier has seen, for such a list.
    """
    is_list = isinstance(probabilities, (list, tuple)) and np.ndim(probabilities[0]) == 2
    if not is_list and len(getattr(probabilities, "shape", ())) == 3:
        probabilities, is_list = list(probabilities), True
    if is_list:
        known = classes if isinstance(classes, list) else [None] * len(probabilities)
        columns = [
            _positive_column(np.asarray(each), values, name)
            for each, values in zip(probabilities, known, strict=True)
        ]
        probabilities = np.column_stack(columns)
    return check_array(probabilities, dtype=np.float64, input_name=name)


def _positive_column(probabilities: np.ndarray, values: Any, name: str) -> np.ndarray:
    values = np.arange(2) if values is None else np.asarray(values)
    if probabilities.shape[1] != len(values) or not np.isin(values, (0, 1)).all():
        raise ValueError(
            invalid(
                name,
                "of shape (n_samples, n_labels), or a list with an array of shape (n_samples, 2) "
                "for each label",
                f"a list with {describe(probabilities)}",
                "Pass an array with the probability of each label.",
            )
        )
    return probabilities @ (values == 1)


def _labels_of(estimator: Any, y: Any, n_labels: int) -> np.ndarray:
    """Return the labels that a classifier names, else those that y names, else their numbers."""
    numbers = np.arange(n_labels)
    for labels in (getattr(estimator, "classes_", None), parse_indicator(y, "y").names):
        is_named = isinstance(labels, np.ndarray) and labels.shape == numbers.shape
        # Mere column numbers do not exclude that y has names.
        if is_named and np.any(np.asarray(labels) != numbers):
            return to_natural_dtype(np.asarray(labels), "classes_")
    return numbers


def _thresholds_of(estimator: Any) -> Any:
    """Return the thresholds of a classifier, which may be part of pipelines and searches."""
    return getattr(find_inside(estimator, "thresholds_"), "thresholds_", None)


def _learn_labels(y_true: Any, y_pred: Any, labels: Any) -> tuple[IndicatorCodec, np.ndarray]:
    target = parse_indicator(y_true, "y_true")
    if labels is not None:
        names = parse_classes(labels, "labels")
    elif target.names is not None or y_pred is None:
        names = target.names
    else:
        names = parse_indicator(y_pred, "y_pred").names
    if names is None:
        names = np.arange(target.values.shape[1])
    codec = IndicatorCodec(names, "array", np.uint8)
    true = codec.encode(y_true, "y_true")
    if codec.n_classes < 2:
        raise ValueError(
            invalid(
                "y_true",
                "a matrix of zeros and ones with at least two labels",
                "a single label",
                "Evaluate it with ClassificationReport.",
            )
        )
    return codec, true


def _in_order(probabilities: Any, labels: np.ndarray) -> Any:
    """Return the columns of a data frame in the order of the labels, if they are named after them.

    As those of data frames of labels, the columns are matched by name.
    """
    names = list(getattr(probabilities, "columns", ()))
    if len(names) == len(labels) and set(names) == set(labels.tolist()):
        return probabilities[labels.tolist()]
    return probabilities


def _check_probabilities(probabilities: np.ndarray, n_labels: int) -> None:
    if probabilities.shape[1] != n_labels:
        raise ValueError(
            invalid(
                "y_proba",
                f"a matrix with one column for each of the {n_labels} labels",
                f"{probabilities.shape[1]} columns",
                "Pass the probability of each label, in the order of y_true.",
            )
        )
    n_others = int(np.sum((probabilities < 0) | (probabilities > 1)))
    if n_others:
        got = f"{n_others} other values"
        cure = "Apply a sigmoid first."
        raise ValueError(invalid("y_proba", "probabilities between 0 and 1", got, cure))
