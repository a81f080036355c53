"""Output form of a model, and conversion of its raw output to logits and probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import keras
import numpy as np
from scipy.special import expit, log_expit, log_softmax

from keras_multiclass._network.objective.activation import (
    OUTPUT,
    PREDICTION,
    infer_activation,
    last_activation,
    raw_output,
    run_model,
)
from keras_multiclass._network.objective.errors import describe_classes, mismatch_error
from keras_multiclass._network.objective.forms import ClassOutputForm
from keras_multiclass._shared.messages import describe, format_list, invalid

__all__ = [
    "inspect_output",
    "inspect_prediction",
    "to_log_probabilities",
    "to_logits",
    "to_probabilities",
]

_TINY = float(np.finfo(np.float64).tiny)
_HUGE = 1e300


# --- conversion of raw output ----------------------------------------------------------------


def _check_raw(raw: Any, form: ClassOutputForm) -> np.ndarray:
    if form not in get_args(ClassOutputForm):
        raise ValueError(
            invalid("form", f"one of {format_list(get_args(ClassOutputForm))}", describe(form))
        )
    values = np.asarray(raw, dtype=np.float64)
    if form.startswith("binary"):
        values = values.reshape(-1, 1)
    return np.clip(values, -_HUGE, _HUGE)


def to_logits(raw: Any, form: ClassOutputForm) -> np.ndarray:
    """Convert raw model output to logits.

    Parameters
    ----------
    raw : array of shape (n_samples, units)
        Raw output of the model.
    form : ClassOutputForm
        Output form, from :func:`inspect_output`.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
        Finite for finite input; for one unit, the logit of the first class is zero.
    """
    values = _check_raw(raw, form)
    if form == "logits":
        return values
    if form == "binary_logit":
        return np.hstack([np.zeros_like(values), values])
    logs = np.log(np.clip(_stack_probabilities(values, form), _TINY, 1.0))
    if form == "probabilities":
        return logs
    return np.hstack([np.zeros_like(values), logs[:, 1:] - logs[:, :1]])


def to_probabilities(raw: Any, form: ClassOutputForm) -> np.ndarray:
    """Convert raw model output to probabilities.

    Parameters
    ----------
    raw : array of shape (n_samples, units)
        Raw output of the model.
    form : ClassOutputForm
        Output form, from :func:`inspect_output`.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
        Rows sum to one.

    Examples
    --------
    >>> from keras_multiclass._network.objective.classes.output import to_probabilities
    >>> to_probabilities([[0.0, 0.0]], "logits")
    array([[0.5, 0.5]])
    """
    values = _check_raw(raw, form)
    if form == "logits":
        # As scipy.special.softmax, which takes longer for one row.
        exponentials = np.exp(values - values.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)
    if form == "binary_logit":
        return np.hstack([expit(-values), expit(values)])
    stacked = np.clip(_stack_probabilities(values, form), 0.0, None)
    return stacked / np.maximum(stacked.sum(axis=1, keepdims=True), _TINY)


def to_log_probabilities(raw: Any, form: ClassOutputForm) -> np.ndarray:
    """Convert raw model output to log-probabilities, accurate where probabilities underflow.

    Parameters
    ----------
    raw : array of shape (n_samples, units)
        Raw output of the model.
    form : ClassOutputForm
        Output form, from :func:`inspect_output`.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
        Finite for finite input.
    """
    values = _check_raw(raw, form)
    if form == "logits":
        return log_softmax(values, axis=1)
    if form == "binary_logit":
        return np.hstack([log_expit(-values), log_expit(values)])
    return np.log(np.clip(to_probabilities(raw, form), _TINY, 1.0))


def _stack_probabilities(values: np.ndarray, form: ClassOutputForm) -> np.ndarray:
    return np.hstack([1.0 - values, values]) if form == "binary_probability" else values


# --- detection ---------------------------------------------------------------------------------


def inspect_output(
    model: keras.Model, n_classes: int, sample: Any, *, loss: Any = "auto"
) -> ClassOutputForm:
    """Detect the output form of a model and check that it fits the classes.

    Parameters
    ----------
    model : keras.Model
        Functional, sequential or subclassed; built if necessary.
    n_classes : int
        Number of classes.
    sample : array, or list or dict of arrays
        A few rows of X, evaluated if the last layer does not reveal the output form.
    loss : object, default="auto"
        The `loss` parameter, for messages only.

    Returns
    -------
    ClassOutputForm
        ``"logits"`` or ``"probabilities"`` for ``n_classes`` units, ``"binary_logit"`` or
        ``"binary_probability"`` for one unit and two classes.

    Raises
    ------
    ObjectiveError
        If the model does not have one output of shape ``(n, units)``, the number of units does not
        fit the classes, or the last activation is not one for exclusive classes.
    """
    return _inspect(run_model(model), OUTPUT, n_classes, sample, loss, last_activation(model))


def inspect_prediction(
    predict: Callable[[Any], Any], n_classes: int, sample: Any, *, loss: Any = "auto"
) -> ClassOutputForm:
    """Detect the form of what a ``predict_step`` of the user's own returns.

    Parameters
    ----------
    predict : callable
        Maps rows of X to what the step returns.
    n_classes, sample, loss
        As for `inspect_output`.

    Returns
    -------
    ClassOutputForm
        The form, which may differ from that of the model's output.

    Raises
    ------
    ObjectiveError
        As `inspect_output`.
    """
    return _inspect(predict, PREDICTION, n_classes, sample, loss, None)


def _inspect(
    run: Callable[[Any], Any],
    what: str,
    n_classes: int,
    sample: Any,
    loss: Any,
    activation: str | None,
) -> ClassOutputForm:
    raw = raw_output(run, sample, what)
    units = int(raw.shape[-1])
    name = "unknown activation" if activation is None else f"{activation} activation"
    output = f"{units} unit{'s' if units > 1 else ''} with {name}"
    if units != n_classes and not (units == 1 and n_classes == 2):
        cure = f"Give the last layer {n_classes} units: Dense({n_classes})"
        cure += " or, for two classes, one unit." if n_classes == 2 else "."
        reason = f"Mutually exclusive classes need one unit for each of the {n_classes} classes."
        raise mismatch_error(
            describe_classes(n_classes), output, f"loss {describe(loss)}", reason, cure
        )
    activation = activation or infer_activation(run, sample, raw, what)
    return _form(activation, units, n_classes, loss)


def _form(activation: str, units: int, n_classes: int, loss: Any) -> ClassOutputForm:
    output = f"{units} unit{'s' if units > 1 else ''} with {activation} activation"
    cure = f"End the model with Dense({n_classes}) (logits) or Dense({n_classes}, 'softmax')."
    loss_text = f"loss {describe(loss)}"
    if activation in ("linear", "log_softmax") and (units > 1 or activation == "linear"):
        return "logits" if units > 1 else "binary_logit"
    if units == 1 and activation in ("sigmoid", "hard_sigmoid"):
        return "binary_probability"
    if units > 1 and activation == "softmax":
        return "probabilities"
    if units == 1 and activation in ("softmax", "log_softmax"):
        reason = "A softmax over one unit is always 1."
        cure = "End the model with Dense(1, 'sigmoid'), Dense(2) or Dense(2, 'softmax')."
    elif activation in ("sigmoid", "hard_sigmoid"):
        reason = (
            "Sigmoid units are independent of each other: they are for multi-label data "
            "(KerasMultilabelClassifier), where a row may have several labels."
        )
    else:
        reason = f"The range of {activation} fits neither logits nor probabilities."
    raise mismatch_error(describe_classes(n_classes), output, loss_text, reason, cure)
