"""Layers of RealMLP, with separate learning rates for kernels, biases, scales and activations.

Inputs of shape ``(batch, n_members, n_features)`` are those of independent members, each of which
has weights of its own.

Adam moves every variable by about the learning rate. A weight computed as ``c`` times its variable
therefore learns ``c`` times as fast, without any support from the optimizer.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import activations, initializers

from keras_multiclass._network.layers.heads import multiply_members


@keras.saving.register_keras_serializable(package="keras_multiclass")
class FeatureScale(keras.layers.Layer):
    """Multiply each feature by a learned scale, initially 1.

    Parameters
    ----------
    learning_rate_factor : float, default=1.0
        Learning rate of the scales under Adam, relative to the rest of the network. Their weight
        decay is multiplied by its square.
    **kwargs : dict
        Keyword arguments of ``keras.layers.Layer``.
    """

    weights_per_position = True

    def __init__(self, learning_rate_factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.learning_rate_factor = learning_rate_factor

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Create the variable."""
        one = initializers.Constant(1 / self.learning_rate_factor)
        self.scale = self.add_weight(shape=input_shape[1:], initializer=one, name="scale")
        # As in the authors' implementation (pytabkit 1.7.3); this matters on small tables.
        self.scale.decay_share = self.learning_rate_factor**2

    def call(self, inputs: Any) -> Any:
        """Return the scaled inputs."""
        return inputs * (self.learning_rate_factor * self.scale)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "learning_rate_factor": self.learning_rate_factor}


@keras.saving.register_keras_serializable(package="keras_multiclass")
class NTKDense(keras.layers.Layer):
    """A dense layer in the neural tangent parametrization: ``x @ kernel / sqrt(n_inputs) + bias``.

    Kernel elements are initialized with variance 1 for any width (Jacot, Gabriel and Hongler,
    NeurIPS 2018), so they all learn equally fast.

    Parameters
    ----------
    units : int
        Number of outputs.
    bias_learning_rate_factor : float, default=1.0
        Learning rate of the bias under Adam, relative to the kernel.
    **kwargs : dict
        Keyword arguments of ``keras.layers.Layer``.
    """

    weights_per_position = True

    def __init__(self, units: int, bias_learning_rate_factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.bias_learning_rate_factor = bias_learning_rate_factor

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Create a kernel drawn from the standard normal distribution, and a zero bias."""
        *members, n_inputs = input_shape[1:]
        normal = initializers.RandomNormal(stddev=1.0)
        self.kernel = self.add_weight(
            shape=(*members, n_inputs, self.units), initializer=normal, name="kernel"
        )
        self.bias = self.add_weight(shape=(*members, self.units), initializer="zeros", name="bias")
        self.gain = 1 / math.sqrt(max(1, n_inputs))

    def call(self, inputs: Any) -> Any:
        """Return the outputs."""
        outputs = multiply_members(inputs, self.gain * self.kernel)
        return outputs + self.bias_learning_rate_factor * self.bias

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``(..., units)``."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "bias_learning_rate_factor": self.bias_learning_rate_factor,
        }


@keras.saving.register_keras_serializable(package="keras_multiclass")
class ParametricActivation(keras.layers.Layer):
    """Interpolate between identity and activation: ``x + a (activation(x) - x)``.

    Each feature has its own learned ``a``, initially 1.

    Parameters
    ----------
    activation : str or callable
        Any Keras activation.
    learning_rate_factor : float, default=1.0
        Learning rate of ``a`` under Adam, relative to the rest of the network.
    **kwargs : dict
        Keyword arguments of ``keras.layers.Layer``.
    """

    weights_per_position = True

    def __init__(self, activation: Any, learning_rate_factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.learning_rate_factor = learning_rate_factor

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Create the variable."""
        one = initializers.Constant(1 / self.learning_rate_factor)
        self.share = self.add_weight(shape=input_shape[1:], initializer=one, name="share")

    def call(self, inputs: Any) -> Any:
        """Return the activations."""
        share = self.learning_rate_factor * self.share
        return inputs + share * (self.activation(inputs) - inputs)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "activation": activations.serialize(self.activation),
            "learning_rate_factor": self.learning_rate_factor,
        }
