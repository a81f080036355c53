"""Validation rows that a scikit-learn meta-estimator has cut, transformed or encoded in part only.

Meta-estimators pass `X_val` on without knowing what it is. Their mistakes can only be inferred here
from the data, so they are looked for only when such an estimator calls `fit`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np

from keras_multiclass._data.frames import library_of_frame
from keras_multiclass._shared.error_marks import marked
from keras_multiclass._shared.messages import warn
from keras_multiclass._training.callers import is_called_by, is_called_by_pipeline

_SPLITTERS = ("sklearn.model_selection", "sklearn.calibration")
_ENCODERS = (*_SPLITTERS, "sklearn.ensemble", "sklearn.multiclass", "sklearn.multioutput")

TRANSFORM_CURE = (
    "A pipeline transforms X_val only with metadata routing and transform_input=['X_val']: "
    "Pipeline(steps, transform_input=['X_val'])."
)


def warn_if_cut(n_rows: int, n_validation_rows: int) -> None:
    """Warn if validation rows were probably selected together with the training rows.

    Parameters
    ----------
    n_rows, n_validation_rows : int
        Number of training and of validation rows.
    """
    if n_rows == n_validation_rows and is_called_by(_SPLITTERS):
        warn(
            f"X_val has {n_validation_rows} rows, as many as X. scikit-learn selects the rows of a "
            "fold from every argument that has as many rows as X, so these are probably not all "
            "validation rows. Pass them as one tuple, X_val=(X_val, y_val), or leave out one row.",
        )


def warn_if_untransformed(X: object, checked: object, X_val: object, checked_val: object) -> None:
    """Warn if a pipeline has probably transformed the training rows alone.

    Parameters
    ----------
    X, X_val : object
        The rows as `fit` received them.
    checked, checked_val : object
        The same, checked.
    """
    if not is_called_by_pipeline():
        return
    lost_names = library_of_frame(X_val) is not None and library_of_frame(X) is None
    if lost_names or _is_out_of_range(checked, checked_val):
        reason = "column names, unlike X" if lost_names else "a very different range from X"
        warn(
            f"X_val has {reason}: the pipeline has probably not transformed it. {TRANSFORM_CURE}",
        )


@contextlib.contextmanager
def explaining_encoded_labels(classes: np.ndarray) -> Iterator[None]:
    """Let errors about unknown labels of validation data say that `y` alone has been encoded.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The classes.
    """
    try:
        yield
    except ValueError as error:
        is_encoded = np.array_equal(classes, np.arange(len(classes)))
        if not (is_encoded and marked(error, "unknown label") and is_called_by(_ENCODERS)):
            raise
        raise ValueError(
            f"{error}\nscikit-learn has probably encoded y, but not y_val: "
            "CalibratedClassifierCV(ensemble=False), cross_val_predict and others number the "
            "classes. Encode both before: encoder = LabelEncoder().fit(y), then pass "
            "encoder.transform(y) and encoder.transform(y_val)."
        ) from error


@contextlib.contextmanager
def explaining_encoded_target() -> Iterator[None]:
    """Let errors about labels that were not declared say that `y` has been encoded."""
    try:
        yield
    except ValueError as error:
        if not (marked(error, "undeclared label") and is_called_by(_ENCODERS)):
            raise
        raise ValueError(
            f"{error}\nscikit-learn has probably encoded y, but not classes: cross_val_predict, "
            "VotingClassifier and others number the classes of y. Do so before: "
            "labels, codes = np.unique(y, return_inverse=True), then pass codes as y, and "
            "classes=range(len(labels))."
        ) from error


def _is_out_of_range(X: object, X_val: object) -> bool:
    """Whether most values are farther from the training values than these from each other."""
    if not (isinstance(X, np.ndarray) and isinstance(X_val, np.ndarray) and X.ndim == 2):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = np.fmin.reduce(X), np.fmax.reduce(X)
        return bool(np.mean((X_val < 2 * low - high) | (X_val > 2 * high - low)) > 0.5)
