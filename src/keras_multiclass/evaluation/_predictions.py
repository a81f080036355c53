"""Read labels in any format and check predictions of any classifier."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Self

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from keras_multiclass._data.labels.classes import parse_classes
from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._data.labels.parse import (
    ParsedTarget,
    parse_target,
    raise_mixed_types,
    to_natural_dtype,
    unique_in_order,
)
from keras_multiclass._data.streams.stream import is_stream
from keras_multiclass._data.weights import check_sample_weight
from keras_multiclass._shared.messages import count_and_list, describe, invalid
from keras_multiclass.evaluation._rows import EvaluatedRows, evaluate

# Allowed deviation of a row's sum of probabilities from 1; half precision stays within it.
_SUM_TOLERANCE = 1e-3
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Predictions:
    """Labels, predicted labels and probabilities of rows, checked and as class indices.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Class labels, in the order of the class indices.
    true : ndarray of int of shape (n_samples,)
        Class indices of the labels.
    predicted : ndarray of int of shape (n_samples,)
        Class indices of the predicted labels.
    probabilities : ndarray of float64 of shape (n_samples, n_classes), or None
        Probabilities; each row sums to one. None if there are none.
    sample_weight : ndarray of float64 of shape (n_samples,), or None
        Sample weights; None for equal weights.

    Examples
    --------
    >>> predictions = Predictions.from_predictions(["ash", "fir", "fir"], ["ash", "fir", "oak"])
    >>> predictions.classes.tolist(), predictions.predicted.tolist()
    (['ash', 'fir', 'oak'], [0, 1, 2])
    """

    classes: np.ndarray
    true: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray | None = None
    sample_weight: np.ndarray | None = None

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any = None, *, sample_weight: Any = None
    ) -> Predictions:
        """Predict with a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            Fitted, with ``classes_`` and ``predict``; ``predict_proba`` is used if available.
        X : array-like of shape (n_samples, ...), or stream
            Features. Or a stream of batches ``(X, y)`` or
            ``(X, y, sample_weight)``, as `fit` of this package reads, instead of the next two.
            It is read once.
        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Labels in any format, including one-hot. A label unknown to the estimator becomes a
            class of its own, unless there are probabilities, which have no column for it.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        Predictions
            Checked predictions.

        Raises
        ------
        TypeError
            If `estimator` is not a classifier.
        NotFittedError
            If it is not fitted.
        ValueError
            If labels, weights or probabilities are invalid.
        """
        classes = fitted_classes(estimator)
        if not is_stream(X):
            check_lengths({"X": row_count(X), "y": len(parse_target(y, "y").values)})
        return cls.of_rows(classes, evaluate(estimator, X, y, sample_weight))

    @classmethod
    def of_rows(cls, classes: np.ndarray, rows: EvaluatedRows) -> Predictions:
        """Check the predictions of a classifier.

        Parameters
        ----------
        classes : ndarray of shape (n_classes,)
            The classes of the classifier.
        rows : EvaluatedRows
            What it has predicted.
        """
        y, predicted, probabilities = rows.y, rows.predicted, rows.probabilities
        true = parse_target(y, "y")
        codec = LabelCodec(classes)
        if probabilities is None and true.form == "vector":
            unknown = codec.unknown(true.values)
            if len(unknown):
                codec = LabelCodec(_sorted_union([classes, unknown], "y"))
        return cls(
            codec.classes,
            _encode(codec, y, true, "y"),
            _encode(codec, predicted, parse_target(predicted, "predict(X)"), "predict(X)"),
            _check_probabilities(
                probabilities, len(true.values), len(codec.classes), "predict_proba(X)"
            ),
            check_sample_weight(rows.sample_weight, len(true.values), np.float64),
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any = None,
        y_proba: Any = None,
        *,
        labels: Any = None,
        sample_weight: Any = None,
    ) -> Predictions:
        """Check existing predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels in any format, including one-hot.
        y_pred : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Predicted labels; by default the most probable ones according to `y_proba`.
        y_proba : array-like of shape (n_samples, n_classes), default=None
            Probabilities.
        labels : array-like of shape (n_classes,), default=None
            All classes, in the order of the columns of `y_proba`. By default the sorted labels
            of `y_true` and `y_pred`, or the columns of a one-hot table.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        Predictions
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
        labelings = {"y_true": y_true, **({} if y_pred is None else {"y_pred": y_pred})}
        targets = {name: parse_target(y, name) for name, y in labelings.items()}
        lengths = {name: len(target.values) for name, target in targets.items()}
        n_samples = lengths["y_true"]
        if y_proba is not None:
            lengths["y_proba"] = row_count(y_proba)
        check_lengths(lengths)
        classes = _classes_of(targets) if labels is None else parse_classes(labels, "labels")
        codec = LabelCodec(classes)
        codes = {name: _encode(codec, y, targets[name], name) for name, y in labelings.items()}
        _check_order(y_proba, classes)
        probabilities = _check_probabilities(y_proba, n_samples, len(classes), "y_proba")
        if probabilities is not None:
            codes.setdefault("y_pred", probabilities.argmax(axis=1))
        return cls(
            classes,
            codes["y_true"],
            codes["y_pred"],
            probabilities,
            check_sample_weight(sample_weight, n_samples, np.float64),
        )

    def drop_zero_weight_rows(self) -> Self:
        """Drop the rows of weight zero."""
        if self.sample_weight is None or self.sample_weight.all():
            return self
        kept = self.sample_weight > 0
        return replace(
            self,
            true=self.true[kept],
            predicted=self.predicted[kept],
            probabilities=None if self.probabilities is None else self.probabilities[kept],
            sample_weight=self.sample_weight[kept],
        )

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def is_class(self) -> np.ndarray:
        """Mask of shape (n_samples, n_classes): whether a row is of a class."""
        return self.true[:, np.newaxis] == np.arange(self.n_classes)


def fitted_classes(estimator: Any) -> np.ndarray:
    """Check that an estimator is a fitted classifier with a single target and return its classes.

    Parameters
    ----------
    estimator : object
        The user's value.
    """
    check_classifier(estimator)
    check_is_fitted(estimator)
    classes = getattr(estimator, "classes_", None)
    if classes is None or isinstance(classes, list) or np.ndim(classes) != 1:
        raise ValueError(
            invalid(
                "`estimator`",
                "a classifier of one target, with a 1-d `classes_`",
                f"{describe(estimator)} with {describe(classes)}",
                "Evaluate a multi-label classifier with MultilabelReport, and any other classifier "
                "of several targets one target at a time.",
            )
        )
    return to_natural_dtype(np.asarray(classes), "classes_")


def find_inside(estimator: Any, attribute: str) -> Any:
    """Return what has a fitted attribute: an estimator, or one inside a pipeline or search.

    Parameters
    ----------
    estimator : object
        The user's value.
    attribute : str
        Name of the attribute.

    Returns
    -------
    object
        The last step of pipelines and the best estimator of searches, at last one that is neither
        if none has the attribute.
    """
    while not hasattr(estimator, attribute):
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        else:
            break
    return estimator


def check_classifier(estimator: Any) -> None:
    """Raise unless an estimator is a classifier in scikit-learn's sense.

    Parameters
    ----------
    estimator : object
        The user's value.
    """
    # `is_classifier` warns about classes and fails on objects that are not estimators.
    is_estimator = hasattr(estimator, "predict") and hasattr(estimator, "get_params")
    if inspect.isclass(estimator) or not is_estimator or not is_classifier(estimator):
        raise TypeError(
            invalid(
                "`estimator`",
                "a scikit-learn classifier",
                describe(estimator),
                "Pass the predictions of anything else to from_predictions.",
            )
        )


def row_count(values: Any) -> int:
    """Return the number of rows; sparse matrices have no ``len``.

    Parameters
    ----------
    values : array-like
        An array, a table or a list.
    """
    shape = getattr(values, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else 0
    return len(values)


def check_lengths(lengths: dict[str, int]) -> None:
    """Raise unless all arrays have the same number of rows.

    Parameters
    ----------
    lengths : dict of str to int
        Number of rows of each array, by name.
    """
    if len(set(lengths.values())) > 1:
        *first, last = lengths
        raise ValueError(
            f"{', '.join(first)} and {last} must have one row for each sample; got inconsistent "
            f"numbers of samples: {list(lengths.values())}."
        )


def read_labels(y: Any, name: str = "y") -> tuple[np.ndarray, np.ndarray]:
    """Return the classes of labels in any format, and the labels as class indices.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_classes)
        Labels.
    name : str, default="y"
        Name of the argument, for messages.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        Class labels.
    codes : ndarray of int of shape (n_samples,)
        Class indices.
    """
    target = parse_target(y, name)
    classes = _classes_of({name: target})
    return classes, _encode(LabelCodec(classes), y, target, name)


def _classes_of(targets: dict[str, ParsedTarget]) -> np.ndarray:
    """Return the classes of targets: the columns of a one-hot table, else the sorted labels."""
    for target in targets.values():
        if target.form == "one_hot_frame":
            return np.asarray(target.names)
    for target in targets.values():
        if target.form == "one_hot":
            return np.arange(target.n_columns)
    return _sorted_union([target.values for target in targets.values()], " and ".join(targets))


def _sorted_union(parts: list[np.ndarray], name: str) -> np.ndarray:
    if len({part.dtype.kind for part in parts}) == 1:
        merged = np.concatenate(parts)
    else:  # NumPy would convert numbers to strings
        labels = list(dict.fromkeys(label for part in parts for label in unique_in_order(part)))
        merged = np.empty(len(labels), dtype=object)
        merged[:] = labels
        merged = to_natural_dtype(merged, name)
    try:
        return np.unique(merged)
    except TypeError:
        raise_mixed_types(set(map(type, merged.tolist())), name)


def _encode(codec: LabelCodec, y: Any, target: ParsedTarget, name: str) -> np.ndarray:
    if target.form == "vector":
        unknown = codec.unknown(target.values)
        if len(unknown):
            _raise_unknown(codec, unknown, name)
        y = target.values
    return codec.encode(y, name).astype(np.intp)


def _raise_unknown(codec: LabelCodec, unknown: np.ndarray, name: str) -> NoReturn:
    labels = unique_in_order(unknown)
    raise ValueError(
        invalid(
            name,
            f"labels among the {codec.n_classes} classes",
            count_and_list(labels, "unknown label"),
            "Drop these rows, or use a classifier fitted on these labels.",
        )
    )


def _check_order(probabilities: Any, classes: np.ndarray) -> None:
    """Raise if a data frame's columns are named after the classes but in another order."""
    names = list(getattr(probabilities, "columns", ()))
    # Integers may be mere column positions.
    are_strings = all(isinstance(name, str) for name in names)
    if are_strings and names != classes.tolist() and set(names) == set(classes.tolist()):
        raise ValueError(
            invalid(
                "y_proba",
                "a data frame with its columns in the order of the classes",
                "the names of the classes in another order",
                "Pass labels=y_proba.columns.",
            )
        )


def _check_probabilities(
    probabilities: Any, n_samples: int, n_classes: int, name: str
) -> np.ndarray | None:
    """Check probabilities and rescale their rows to sum to one in float64."""
    if probabilities is None:
        return None
    values = check_array(
        probabilities, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name=name
    )
    if values.shape != (n_samples, n_classes):
        cure = "Pass all classes as labels, in the order of the columns."
        if values.ndim == 1 and n_classes == 2:
            cure = "For the probabilities p of the second class: np.column_stack([1 - p, p])."
        raise ValueError(
            invalid(
                name,
                f"of shape ({n_samples}, {n_classes}), with one column for each of the "
                f"{n_classes} classes",
                describe(values),
                cure,
            )
        )
    n_negative = int(np.sum(values < 0))
    if n_negative:
        got = f"{n_negative} negative values"
        raise ValueError(invalid(name, "probabilities", got, "Apply a softmax first."))
    sums = values.sum(axis=1, keepdims=True)
    n_wrong = int(np.sum(np.abs(sums - 1) > _SUM_TOLERANCE))
    if n_wrong:
        raise ValueError(
            invalid(
                name,
                "probabilities that sum to 1 in each row",
                f"{n_wrong} of {n_samples} rows with a different sum",
                "Apply a softmax, or divide each row by its sum.",
            )
        )
    return np.where(np.abs(sums - 1) > _ROUNDING, values / sums, values)
