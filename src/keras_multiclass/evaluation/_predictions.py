"""What a classifier said of rows whose labels are known, whatever the format of the labels."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from keras_multiclass._data.labels.codec import LabelCodec, parse_classes
from keras_multiclass._data.labels.parse import (
    ParsedTarget,
    parse_target,
    raise_mixed_types,
    to_natural_dtype,
    unique_in_order,
)
from keras_multiclass._data.weights import check_sample_weight
from keras_multiclass._shared.messages import describe, format_list, invalid

_MOST_SHOWN = 5
# How far the probabilities of a row may be from summing to one: half precision comes that near.
_SUM_TOLERANCE = 1e-3
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Predictions:
    """Labels, predicted labels and probabilities of some rows, checked, as class numbers.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The labels, in the order of the class numbers.
    true : ndarray of int of shape (n_samples,)
        Class numbers of the labels.
    predicted : ndarray of int of shape (n_samples,)
        Class numbers of the predicted labels.
    probabilities : ndarray of float64 of shape (n_samples, n_classes), or None
        Probabilities; each row sums to one. None if there are none.
    sample_weight : ndarray of float64 of shape (n_samples,), or None
        Weights of the rows; None for equal weights.

    Examples
    --------
    >>> found = Predictions.from_predictions(["ash", "fir", "fir"], ["ash", "fir", "oak"])
    >>> found.classes.tolist(), found.predicted.tolist()
    (['ash', 'fir', 'oak'], [0, 1, 2])
    """

    classes: np.ndarray
    true: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray | None = None
    sample_weight: np.ndarray | None = None

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, sample_weight: Any = None
    ) -> Predictions:
        """Let a fitted classifier predict.

        Parameters
        ----------
        estimator : classifier
            Fitted, with ``classes_`` and ``predict``; its ``predict_proba`` is used if it has one.
        X : array-like of shape (n_samples, ...)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels in any format, also one-hot. A label that is no class of the estimator becomes
            a class of its own, unless there are probabilities, which have no column for it.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        Predictions

        Raises
        ------
        TypeError
            If `estimator` is no classifier.
        NotFittedError
            If it is not fitted.
        ValueError
            If labels, weights or probabilities cannot be used.
        """
        classes = fitted_classes(estimator)
        true = parse_target(y, "y")
        check_lengths({"X": row_count(X), "y": len(true.values)})
        predicted = estimator.predict(X)
        probabilities = predict_proba_of(estimator, X)
        codec = LabelCodec(classes)
        if probabilities is None and true.form == "vector":
            new = codec.unknown(true.values)
            codec = LabelCodec(_sorted_union([classes, new], "y")) if len(new) else codec
        return cls(
            codec.classes,
            _encode(codec, y, true, "y"),
            _encode(codec, predicted, parse_target(predicted, "predict(X)"), "predict(X)"),
            _check_probabilities(
                probabilities, len(true.values), len(codec.classes), "predict_proba(X)"
            ),
            check_sample_weight(sample_weight, len(true.values), np.float64),
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
        """Take predictions that were made before.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels in any format, also one-hot.
        y_pred : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Predicted labels; by default the likeliest ones by `y_proba`.
        y_proba : array-like of shape (n_samples, n_classes), default=None
            Probabilities.
        labels : array-like of shape (n_classes,), default=None
            All classes, in the order of the columns of `y_proba`. By default the sorted labels
            of `y_true` and `y_pred`; those of a one-hot table are its columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        Predictions

        Raises
        ------
        ValueError
            If the arrays cannot be used or do not go together.
        """
        if y_pred is None and y_proba is None:
            raise ValueError(
                invalid("y_pred or y_proba", "given", "None for both", "Pass at least one of them.")
            )
        given = {"y_true": y_true, **({} if y_pred is None else {"y_pred": y_pred})}
        read = {name: parse_target(y, name) for name, y in given.items()}
        lengths = {name: len(target.values) for name, target in read.items()}
        n_samples = lengths["y_true"]
        if y_proba is not None:
            lengths["y_proba"] = row_count(y_proba)
        check_lengths(lengths)
        classes = _classes_of(read) if labels is None else parse_classes(labels, "labels")
        codec = LabelCodec(classes)
        codes = {name: _encode(codec, given[name], read[name], name) for name in given}
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

    def drop_zero_weight_rows(self) -> Predictions:
        """Leave out the rows that do not count."""
        if self.sample_weight is None or self.sample_weight.all():
            return self
        kept = self.sample_weight > 0
        probabilities = None if self.probabilities is None else self.probabilities[kept]
        return Predictions(
            self.classes,
            self.true[kept],
            self.predicted[kept],
            probabilities,
            self.sample_weight[kept],
        )

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)


def fitted_classes(estimator: Any) -> np.ndarray:
    """Check that an estimator is a fitted classifier for one target; return its classes.

    Parameters
    ----------
    estimator : object
        What the user gave.
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
                "Judge a classifier of several targets one target at a time.",
            )
        )
    return to_natural_dtype(np.asarray(classes), "classes_")


def check_classifier(estimator: Any) -> None:
    """Check that an estimator is a classifier in scikit-learn's sense.

    Parameters
    ----------
    estimator : object
        What the user gave.
    """
    # scikit-learn warns of classes, and fails on what is no estimator at all.
    is_estimator = hasattr(estimator, "predict") and hasattr(estimator, "get_params")
    if inspect.isclass(estimator) or not is_estimator or not is_classifier(estimator):
        raise TypeError(
            invalid(
                "`estimator`",
                "a classifier as scikit-learn defines it",
                describe(estimator),
                "For predictions of something else use from_predictions.",
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


def row_count(values: Any) -> int:
    """Count rows; a sparse matrix has no len.

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
    """Check that all arrays have equally many rows.

    Parameters
    ----------
    lengths : dict of str to int
        Number of rows by the name of the array.
    """
    if len(set(lengths.values())) > 1:
        *first, last = lengths
        raise ValueError(
            f"{', '.join(first)} and {last} must have one row for each sample; got inconsistent "
            f"numbers of samples: {list(lengths.values())}."
        )


def read_labels(y: Any, name: str = "y") -> tuple[np.ndarray, np.ndarray]:
    """Find the classes of labels in any format, and number the labels.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_classes)
        The labels.
    name : str, default="y"
        How messages call them.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
    numbers : ndarray of int of shape (n_samples,)
    """
    read = parse_target(y, name)
    classes = _classes_of({name: read})
    return classes, _encode(LabelCodec(classes), y, read, name)


def _classes_of(read: dict[str, ParsedTarget]) -> np.ndarray:
    """All classes of some targets: the columns of a one-hot table, else the sorted labels."""
    for target in read.values():
        if target.form == "one_hot_frame":
            return np.asarray(target.names)
    for target in read.values():
        if target.form == "one_hot":
            return np.arange(target.n_columns)
    return _sorted_union([target.values for target in read.values()], " and ".join(read))


def _sorted_union(parts: list[np.ndarray], name: str) -> np.ndarray:
    if len({part.dtype.kind for part in parts}) == 1:
        merged = np.concatenate(parts)
    else:  # NumPy would make strings of numbers
        labels = list(dict.fromkeys(label for part in parts for label in unique_in_order(part)))
        merged = np.empty(len(labels), dtype=object)
        merged[:] = labels
        merged = to_natural_dtype(merged, name)
    try:
        return np.unique(merged)
    except TypeError:
        raise_mixed_types(set(map(type, merged.tolist())), name)


def _encode(codec: LabelCodec, y: Any, read: ParsedTarget, name: str) -> np.ndarray:
    if read.form == "vector":
        unknown = codec.unknown(read.values)
        if len(unknown):
            _refuse_unknown(codec, unknown, name)
        y = read.values
    return codec.encode(y, name).astype(np.intp)


def _refuse_unknown(codec: LabelCodec, unknown: np.ndarray, name: str) -> NoReturn:
    found = unique_in_order(unknown)
    plural = "" if len(found) == 1 else "s"
    tail = "" if len(found) <= _MOST_SHOWN else ", ..."
    shown = f"{len(found)} unknown label{plural}: {format_list(found[:_MOST_SHOWN])}{tail}"
    raise ValueError(
        invalid(
            name,
            f"labels among the {codec.n_classes} classes",
            shown,
            "Drop these rows, or predict with a classifier that knows these labels.",
        )
    )


def _check_order(probabilities: Any, classes: np.ndarray) -> None:
    """Refuse a data frame whose columns are named by the classes, in another order."""
    names = list(getattr(probabilities, "columns", ()))
    # Whole numbers may be no more than the places of the columns.
    named = all(isinstance(name, str) for name in names)
    if named and names != classes.tolist() and set(names) == set(classes.tolist()):
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
    """Check probabilities and make their rows sum to one in 64 bits."""
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
    negative = int(np.sum(values < 0))
    if negative:
        raise ValueError(
            invalid(name, "probabilities", f"{negative} negative values", "Apply a softmax first.")
        )
    sums = values.sum(axis=1, keepdims=True)
    off = int(np.sum(np.abs(sums - 1) > _SUM_TOLERANCE))
    if off:
        raise ValueError(
            invalid(
                name,
                "probabilities that sum to 1 in each row",
                f"{off} of {n_samples} rows with another sum",
                "Apply a softmax, or divide each row by its sum.",
            )
        )
    return np.where(np.abs(sums - 1) > _ROUNDING, values / sums, values)
