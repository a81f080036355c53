"""Output form of a model, and conversion of its raw output to logits and probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import keras
import numpy as np
from keras import ops
from scipy.special import expit, log_expit, log_softmax, softmax

from keras_multiclass._network.objective.errors import mismatch_error
from keras_multiclass._network.objective.forms import OutputForm
from keras_multiclass._shared.messages import describe, format_list, invalid
from keras_multiclass.exceptions import ObjectiveError

__all__ = [
    "inspect_output",
    "inspect_prediction",
    "to_log_probabilities",
    "to_logits",
    "to_probabilities",
]

_TINY = float(np.finfo(np.float64).tiny)
_HUGE = 1e300

# What is inspected, in messages.
_OUTPUT = "The output of `model`"
_PREDICTION = "What the model's own `predict_step` returns"
_FLATTEN = "Put a Flatten or global pooling layer before the last Dense layer."

# Tolerance for rows of a softmax to sum to one in half precision.
_SUM_TOLERANCE = 1e-2


# --- conversion of raw output ----------------------------------------------------------------


def _check_raw(raw: Any, form: OutputForm) -> np.ndarray:
    if form not in get_args(OutputForm):
        raise ValueError(
            invalid("form", f"one of {format_list(get_args(OutputForm))}", describe(form))
        )
    values = np.asarray(raw, dtype=np.float64)
    if form.startswith("binary"):
        values = values.reshape(-1, 1)
    return np.clip(values, -_HUGE, _HUGE)


def to_logits(raw: Any, form: OutputForm) -> np.ndarray:
    """Convert raw model output to logits.

    Parameters
    ----------
    raw : array of shape (n_samples, units)
        Raw output of the model.
    form : OutputForm
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


def to_probabilities(raw: Any, form: OutputForm) -> np.ndarray:
    """Convert raw model output to probabilities.

    Parameters
    ----------
    raw : array of shape (n_samples, units)
        Raw output of the model.
    form : OutputForm
        Output form, from :func:`inspect_output`.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
        Rows sum to one.

    Examples
    --------
    >>> from keras_multiclass._network.objective import to_probabilities
    >>> to_probabilities([[0.0, 0.0]], "logits")
    array([[0.5, 0.5]])
    """
    values = _check_raw(raw, form)
    if form == "logits":
        return softmax(values, axis=1)
    if form == "binary_logit":
        return np.hstack([expit(-values), expit(values)])
    stacked = np.clip(_stack_probabilities(values, form), 0.0, None)
    return stacked / np.maximum(stacked.sum(axis=1, keepdims=True), _TINY)


def to_log_probabilities(raw: Any, form: OutputForm) -> np.ndarray:
    """Convert raw model output to log-probabilities, accurate where probabilities underflow.

    Parameters
    ----------
    raw : array of shape (n_samples, units)
        Raw output of the model.
    form : OutputForm
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


def _stack_probabilities(values: np.ndarray, form: OutputForm) -> np.ndarray:
    return np.hstack([1.0 - values, values]) if form == "binary_probability" else values


# --- detection ---------------------------------------------------------------------------------


def inspect_output(
    model: keras.Model, n_classes: int, sample: Any, *, loss: Any = "auto"
) -> OutputForm:
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
    OutputForm
        ``"logits"`` or ``"probabilities"`` for ``n_classes`` units, ``"binary_logit"`` or
        ``"binary_probability"`` for one unit and two classes.

    Raises
    ------
    ObjectiveError
        If the model does not have one output of shape ``(n, units)``, the number of units does not
        fit the classes, or the last activation is not one for exclusive classes.
    """

    def run(rows: Any) -> Any:
        return model(keras.tree.map_structure(ops.convert_to_tensor, rows), training=False)

    return _inspect(run, _OUTPUT, n_classes, sample, loss, _last_activation(model))


def inspect_prediction(
    predict: Callable[[Any], Any], n_classes: int, sample: Any, *, loss: Any = "auto"
) -> OutputForm:
    """Detect the form of what a ``predict_step`` of the user's own returns.

    Parameters
    ----------
    predict : callable
        Maps rows of X to what the step returns.
    n_classes, sample, loss
        As for `inspect_output`.

    Returns
    -------
    OutputForm
        The form, which may differ from that of the model's output.

    Raises
    ------
    ObjectiveError
        As `inspect_output`.
    """
    return _inspect(predict, _PREDICTION, n_classes, sample, loss, None)


def _inspect(
    run: Callable[[Any], Any],
    what: str,
    n_classes: int,
    sample: Any,
    loss: Any,
    activation: str | None,
) -> OutputForm:
    raw = _run(run, sample, what)
    units = int(raw.shape[-1])
    name = "unknown activation" if activation is None else f"{activation} activation"
    output = f"{units} unit{'s' if units > 1 else ''} with {name}"
    if units != n_classes and not (units == 1 and n_classes == 2):
        cure = f"Give the last layer {n_classes} units: Dense({n_classes})"
        cure += " or, for two classes, one unit." if n_classes == 2 else "."
        reason = f"Mutually exclusive classes need one unit for each of the {n_classes} classes."
        raise mismatch_error(n_classes, output, f"loss {describe(loss)}", reason, cure)
    activation = activation or _infer_activation(run, sample, raw, what)
    return _form(activation, units, n_classes, loss)


def _form(activation: str, units: int, n_classes: int, loss: Any) -> OutputForm:
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
            "Sigmoid units are independent of each other: they are for multi-label data, where a "
            "row may have several classes."
        )
    else:
        reason = f"The range of {activation} fits neither logits nor probabilities."
    raise mismatch_error(n_classes, output, loss_text, reason, cure)


def _run(run: Callable[[Any], Any], sample: Any, what: str) -> np.ndarray:
    """Evaluate the model and check that its output is one tensor of rank 2."""
    raw = run(sample)
    cures = ("Give keras.Model one output tensor, not in a list.", _FLATTEN)
    if what != _OUTPUT:
        cures = ("Return one tensor.", "Return one row of probabilities or logits for each row.")
    if isinstance(raw, (list, tuple, dict)):
        n_outputs = len(keras.tree.flatten(raw))
        raise ObjectiveError(
            invalid(
                what,
                "one tensor of shape (n_samples, units)",
                f"a {type(raw).__name__} of {n_outputs} outputs",
                cures[0],
            )
        )
    if len(raw.shape) != 2:
        raise ObjectiveError(
            invalid(
                what,
                "of shape (n_samples, units)",
                f"shape ({', '.join(['n_samples', *(str(d) for d in raw.shape[1:])])})",
                cures[1],
            )
        )
    return np.asarray(ops.convert_to_numpy(ops.cast(raw, "float32")))


_NAMED_LAYERS = {
    keras.layers.Softmax: "softmax",
    keras.layers.ReLU: "relu",
    keras.layers.LeakyReLU: "leaky_relu",
    keras.layers.ELU: "elu",
    keras.layers.PReLU: "prelu",
}
# Softplus, tanh, relu and so on are rejected by name; other activations are inferred from outputs.
_NAMED_ACTIVATIONS = [
    "linear",
    "softmax",
    "log_softmax",
    "sigmoid",
    "hard_sigmoid",
    "tanh",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "softplus",
    "softsign",
    "exponential",
    "mish",
    "celu",
    "glu",
    "squareplus",
    "soft_shrink",
    "hard_tanh",
    "hard_silu",
]


def _last_activation(model: Any) -> str | None:
    """Return the activation of the last layer, or None if the structure does not reveal it."""
    last = _last_operation(model)
    if last is None:
        return None
    if isinstance(last, keras.Model):
        return _last_activation(last)
    if type(last) in _NAMED_LAYERS:
        return _NAMED_LAYERS[type(last)]
    if type(last) in (keras.layers.Dense, keras.layers.Activation):
        name = _activation_name(last.activation)
        # Activation("linear", dtype="float32") ends a model of mixed precision; the activation that
        # matters comes before it.
        is_cast = name == "linear" and type(last) is keras.layers.Activation
        return None if is_cast else name
    return None


def _last_operation(model: Any) -> Any:
    if isinstance(model, keras.Sequential):
        return model.layers[-1] if model.layers else None
    # Operations of a functional model are sorted by depth, so its single output comes last. A
    # subclass may override `call` and differ from its graph.
    plain = type(model).__name__ == "Functional" and type(model).__module__.startswith("keras.")
    return model.operations[-1] if plain else None


def _activation_name(function: Any) -> str | None:
    for name in _NAMED_ACTIVATIONS:
        if function is getattr(keras.activations, name, None):
            return name
    return None


def _infer_activation(run: Callable[[Any], Any], sample: Any, raw: np.ndarray, what: str) -> str:
    """Infer the activation from the outputs for the sample and for much larger inputs."""
    values = np.concatenate([raw, *_scaled_outputs(run, sample, what)])
    values = values[np.isfinite(values).all(axis=1)]
    if not len(values):
        raise ObjectiveError(
            invalid(
                what,
                "finite, unless its structure reveals whether it emits logits or probabilities",
                "NaN or infinity for every row tried",
                "Check the rows of X, or end the model with a Dense, Activation or Softmax layer.",
            )
        )
    low, high = values.min(), values.max()
    if low == high == 0.0:
        return "linear"  # a last layer that starts from zero weights
    if values.shape[1] == 1:
        return "sigmoid" if low >= 0.0 and high <= 1.0 else "linear"
    if low >= 0.0 and np.allclose(values.sum(axis=1), 1.0, atol=_SUM_TOLERANCE):
        return "softmax"
    if low >= 0.0 and high <= 1.0:
        return "sigmoid"
    if low == 0.0 and np.mean(values == 0.0) > 0.1:
        return "relu"
    if low >= -1.0 and high <= 1.0 and np.mean(np.abs(values) > 0.999) > 0.25:
        return "tanh"
    return "linear"


def _scaled_outputs(run: Callable[[Any], Any], sample: Any, what: str) -> list[np.ndarray]:
    """Run the model on much larger inputs: logits grow, probabilities remain bounded."""
    leaves = [np.asarray(leaf) for leaf in keras.tree.flatten(sample)]
    if any(leaf.dtype.kind != "f" for leaf in leaves):
        return []  # scaled token ids have no meaning
    outputs = []
    for factor in (10.0, -10.0, 1000.0):
        scaled = [(leaf * factor + np.sign(factor)).astype(leaf.dtype) for leaf in leaves]
        outputs.append(_run(run, keras.tree.pack_sequence_as(sample, scaled), what))
    return outputs
