"""The raw output of a model, and the activation that it ends with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_multiclass._shared.messages import invalid
from keras_multiclass.exceptions import ObjectiveError

__all__ = ["OUTPUT", "PREDICTION", "infer_activation", "last_activation", "raw_output", "run_model"]

# What is inspected, in messages.
OUTPUT = "The output of `model`"
PREDICTION = "The return value of the model's own `predict_step`"
_FLATTEN = "Put a Flatten or global pooling layer before the last Dense layer."

# Tolerance for rows of a softmax to sum to one in half precision.
_SUM_TOLERANCE = 1e-2


def run_model(model: keras.Model) -> Callable[[Any], Any]:
    """Return a function that evaluates a model on rows of X."""

    def run(rows: Any) -> Any:
        return model(keras.tree.map_structure(ops.convert_to_tensor, rows), training=False)

    return run


def raw_output(run: Callable[[Any], Any], sample: Any, what: str) -> np.ndarray:
    """Evaluate the model and check that its output is one tensor of rank 2."""
    raw = run(sample)
    cures = ("Give keras.Model one output tensor, not in a list.", _FLATTEN)
    if what != OUTPUT:
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


def last_activation(model: Any) -> str | None:
    """Return the activation of the last layer, or None if the structure does not reveal it."""
    last = _last_operation(model)
    if last is None:
        return None
    if isinstance(last, keras.Model):
        return last_activation(last)
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


def infer_activation(run: Callable[[Any], Any], sample: Any, raw: np.ndarray, what: str) -> str:
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
        outputs.append(raw_output(run, keras.tree.pack_sequence_as(sample, scaled), what))
    return outputs
