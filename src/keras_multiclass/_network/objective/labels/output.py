"""Output form of a model for labels of which a row may have several, and its conversion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from scipy.special import expit, log_expit

from keras_multiclass._network.objective.activation import (
    OUTPUT,
    PREDICTION,
    infer_activation,
    last_activation,
    raw_output,
    run_model,
)
from keras_multiclass._network.objective.errors import describe_labels, mismatch_error
from keras_multiclass._network.objective.forms import LabelOutputForm
from keras_multiclass._shared.messages import describe

__all__ = [
    "inspect_label_output",
    "inspect_label_prediction",
    "label_log_probabilities",
    "label_logits",
    "label_probabilities",
]

_TINY = float(np.finfo(np.float64).tiny)
_HUGE = 1e300


def label_probabilities(raw: Any, form: LabelOutputForm) -> np.ndarray:
    """Convert raw model output to the probability of each label.

    Parameters
    ----------
    raw : array of shape (n_samples, n_labels)
        Raw output of the model.
    form : LabelOutputForm
        Output form, from :func:`inspect_label_output`.

    Returns
    -------
    ndarray of shape (n_samples, n_labels), float64
    """
    values = np.asarray(raw, dtype=np.float64)
    return expit(values) if form == "label_logits" else np.clip(values, 0.0, 1.0)


def label_log_probabilities(raw: Any, form: LabelOutputForm) -> np.ndarray:
    """Convert raw model output to log-probabilities, accurate where probabilities underflow.

    Parameters
    ----------
    raw, form
        As for `label_probabilities`.

    Returns
    -------
    ndarray of shape (n_samples, n_labels), float64
        Finite for finite input.
    """
    if form == "label_logits":
        return np.asarray(log_expit(np.asarray(raw, dtype=np.float64)))
    return np.log(np.clip(label_probabilities(raw, form), _TINY, 1.0))


def label_logits(raw: Any, form: LabelOutputForm) -> np.ndarray:
    """Convert raw model output to logits.

    Parameters
    ----------
    raw, form
        As for `label_probabilities`.

    Returns
    -------
    ndarray of shape (n_samples, n_labels), float64
        Finite for finite input.
    """
    values = np.asarray(raw, dtype=np.float64)
    if form == "label_logits":
        return np.clip(values, -_HUGE, _HUGE)
    present, absent = np.clip(values, _TINY, 1.0), np.clip(1.0 - values, _TINY, 1.0)
    return np.log(present) - np.log(absent)


def inspect_label_output(
    model: keras.Model, n_labels: int, sample: Any, *, loss: Any = "auto"
) -> LabelOutputForm:
    """Detect the output form of a model and check that it fits the labels.

    Parameters
    ----------
    model : keras.Model
        Functional, sequential or subclassed; built if necessary.
    n_labels : int
        Number of labels.
    sample : array, or list or dict of arrays
        A few rows of X, evaluated if the last layer does not reveal the output form.
    loss : object, default="auto"
        The `loss` parameter, for messages only.

    Returns
    -------
    {"label_logits", "label_probabilities"}
        The form.

    Raises
    ------
    ObjectiveError
        If the model does not have one output of shape ``(n, n_labels)``, or its last activation is
        not one for labels that do not exclude each other.
    """
    return _inspect(run_model(model), OUTPUT, n_labels, sample, loss, last_activation(model))


def inspect_label_prediction(
    predict: Callable[[Any], Any], n_labels: int, sample: Any, *, loss: Any = "auto"
) -> LabelOutputForm:
    """Detect the form of what a ``predict_step`` of the user's own returns.

    Parameters
    ----------
    predict : callable
        Maps rows of X to what the step returns.
    n_labels, sample, loss
        As for `inspect_label_output`.

    Returns
    -------
    {"label_logits", "label_probabilities"}
        The form, which may differ from that of the model's output.

    Raises
    ------
    ObjectiveError
        As `inspect_label_output`.
    """
    return _inspect(predict, PREDICTION, n_labels, sample, loss, None)


def _inspect(
    run: Callable[[Any], Any],
    what: str,
    n_labels: int,
    sample: Any,
    loss: Any,
    activation: str | None,
) -> LabelOutputForm:
    raw = raw_output(run, sample, what)
    units = int(raw.shape[-1])
    n_units = f"{units} unit{'s' if units > 1 else ''}"
    cure = f"End the model with Dense({n_labels}) (logits) or Dense({n_labels}, 'sigmoid')."
    if units == n_labels:
        activation = activation or infer_activation(run, sample, raw, what)
        if activation == "linear":
            return "label_logits"
        if activation in ("sigmoid", "hard_sigmoid"):
            return "label_probabilities"
        if activation in ("softmax", "log_softmax"):
            reason = (
                "The probabilities of a softmax sum to one, so that no row could have two likely "
                "labels, or none."
            )
        else:
            reason = f"The range of {activation} fits neither logits nor probabilities."
    else:
        reason = f"Each of the {n_labels} labels needs a unit of its own."
    name = "unknown activation" if activation is None else f"{activation} activation"
    raise mismatch_error(
        describe_labels(n_labels), f"{n_units} with {name}", f"loss {describe(loss)}", reason, cure
    )
