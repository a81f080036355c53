"""Output layers: logits of ensemble members, their average, and temperature scaling."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

__all__ = [
    "LabelAverage",
    "MemberAverage",
    "MemberDense",
    "Temperature",
    "average_labels",
    "average_members",
    "repeat_for_members",
]

_register = keras.saving.register_keras_serializable(package="keras_multiclass")


def average_members(logits: Any, weights: Any = None) -> Any:
    """Average the probabilities of ensemble members.

    Parameters
    ----------
    logits : tensor of shape (batch, n_members, n_classes)
        Logits of each member.
    weights : tensor of shape (batch, n_members), default=None
        Weights of the members; None if all are equal.

    Returns
    -------
    tensor of shape (batch, n_classes)
        Logarithms of the mean probabilities, which are valid logits.
    """
    return _log_average(ops.log_softmax(logits, axis=-1), weights)


def average_labels(logits: Any, weights: Any = None) -> Any:
    """Average the probabilities of ensemble members for labels that do not exclude each other.

    Parameters
    ----------
    logits : tensor of shape (batch, n_members, n_labels)
        Logits of each member.
    weights : tensor of shape (batch, n_members), default=None
        Weights of the members; None if all are equal.

    Returns
    -------
    tensor of shape (batch, n_labels)
        Logits of the mean probabilities.
    """
    present, absent = (
        _log_average(ops.log_sigmoid(values), weights) for values in (logits, -logits)
    )
    return present - absent


def _log_average(logs: Any, weights: Any) -> Any:
    """Return the logarithm of the weighted mean over the members of what ``logs`` are logs of."""
    if weights is None:
        return ops.logsumexp(logs, axis=1) - float(np.log(logs.shape[1]))
    weights = ops.cast(weights, logs.dtype)
    shares = weights / ops.sum(weights, axis=1, keepdims=True)
    return ops.logsumexp(logs + ops.log(shares)[..., None], axis=1)


def repeat_for_members(weights: Any, n_members: int) -> Any:
    """Repeat the weights of ensemble members, each of which may be an ensemble itself.

    Parameters
    ----------
    weights : tensor of shape (batch, n_ensemble)
        Weights.
    n_members : int
        A multiple of `n_ensemble`.
    """
    weights = ops.cast(weights, keras.config.floatx())
    n_inner = n_members // weights.shape[1]
    return weights if n_inner == 1 else ops.repeat(weights, n_inner, axis=1)


def multiply_members(inputs: Any, kernel: Any) -> Any:
    """Multiply the inputs of each member by its own kernel.

    Parameters
    ----------
    inputs : tensor of shape (batch, n_members, n_inputs) or (batch, n_inputs)
        The inputs; those of rank 2 are not of an ensemble.
    kernel : tensor of shape (n_members, n_inputs, n_outputs) or (n_inputs, n_outputs)
        The kernels.

    Returns
    -------
    tensor of shape (batch, n_members, n_outputs) or (batch, n_outputs)
        The products.
    """
    if len(inputs.shape) == 2:
        return ops.matmul(inputs, kernel)
    # With the members first, forward pass and gradient are one batched product each.
    outputs = ops.matmul(ops.transpose(inputs, (1, 0, 2)), kernel)
    return ops.transpose(outputs, (1, 0, 2))


@_register
class MemberDense(keras.layers.Layer):
    """A separate dense layer for each member.

    Parameters
    ----------
    units : int
        Number of outputs of each member.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Notes
    -----
    Maps ``(batch, n_members, n_features)`` to ``(batch, n_members, units)``. Kernels and biases are
    initialized like those of PyTorch's linear layer, uniformly within ``1 / sqrt(n_features)``, so
    that the initial scale does not depend on the number of members.
    """

    weights_per_position = True

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Create the weights."""
        _, n_members, n_features = input_shape
        bound = 1.0 / np.sqrt(n_features)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(n_members, n_features, self.units),
            initializer=keras.initializers.RandomUniform(-bound, bound),
        )
        self.bias = self.add_weight(
            name="bias",
            shape=(n_members, self.units),
            initializer=keras.initializers.RandomUniform(-bound, bound),
        )

    def call(self, inputs: Any) -> Any:
        """Return the outputs of the members."""
        return multiply_members(inputs, self.kernel) + self.bias

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``(batch, n_members, units)``."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "units": self.units}


@_register
class MemberAverage(keras.layers.Layer):
    """Return the members' logits during training and their average otherwise.

    Each member thus gets its own loss, while predictions are ordinary logits.

    Parameters
    ----------
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Notes
    -----
    Maps ``(batch, n_members, n_classes)`` to itself during training, and to ``(batch, n_classes)``
    otherwise: the logarithms of the members' mean probabilities.
    """

    xla_is_fast = True
    _weights_of_batch: Any = None

    @contextlib.contextmanager
    def weighted_by(self, weights: Any) -> Iterator[None]:
        """Weigh the members of the batch that is processed inside.

        Parameters
        ----------
        weights : tensor of shape (batch, n_ensemble)
            Weights of the members of each row.
        """
        self._weights_of_batch = weights
        try:
            yield
        finally:
            self._weights_of_batch = None

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the logits."""
        if training:
            return inputs
        weights = self._weights_of_batch
        if weights is not None:
            weights = repeat_for_members(weights, inputs.shape[1])
        return self.average(inputs, weights)

    def average(self, logits: Any, weights: Any = None) -> Any:
        """Average logits, as `average_members` does."""
        return average_members(logits, weights)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the shape outside training."""
        return (input_shape[0], input_shape[2])


@_register
class LabelAverage(MemberAverage):
    """A `MemberAverage` for labels that do not exclude each other.

    Parameters
    ----------
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.
    """

    xla_is_fast = True

    def average(self, logits: Any, weights: Any = None) -> Any:
        """Average logits, as `average_labels` does."""
        return average_labels(logits, weights)


@_register
class Temperature(keras.layers.Layer):
    """Divide logits by a temperature, which is 1 during training.

    Parameters
    ----------
    per_unit : bool, default=False
        Whether each unit has a temperature of its own.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Notes
    -----
    The weight ``inverse_temperature`` is not trainable; calibration sets it after training.
    """

    xla_is_fast = True

    def __init__(self, per_unit: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.per_unit = per_unit

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Create the weight."""
        self.inverse_temperature = self.add_weight(
            name="inverse_temperature",
            shape=(input_shape[-1],) if self.per_unit else (),
            initializer="ones",
            trainable=False,
        )

    def call(self, inputs: Any) -> Any:
        """Return the scaled logits."""
        return inputs * self.inverse_temperature

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "per_unit": self.per_unit}
