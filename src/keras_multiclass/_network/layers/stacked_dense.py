"""The dense layers of independent ensemble members in one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import activations, initializers, ops, regularizers

from keras_multiclass._network.layers.heads import multiply_members


@keras.saving.register_keras_serializable(package="keras_multiclass")
class StackedDense(keras.layers.Layer):
    """Apply to each member of an ensemble the dense layer that it would have alone.

    Parameters
    ----------
    units : int
        Number of outputs of each member.
    activation : str, callable or None, default=None
        Any Keras activation.
    use_bias : bool, default=True
        Whether to add biases.
    kernel_initializer : str or keras.initializers.Initializer, default="glorot_uniform"
        Initializes the kernel of each member.
    kernel_regularizer : str, keras.regularizers.Regularizer or None, default=None
        Penalty on the kernel of each member.
    **kwargs : dict
        Keyword arguments of ``keras.layers.Layer``.

    Notes
    -----
    Maps ``(batch, n_members, n_inputs)`` to ``(batch, n_members, units)``.
    """

    weights_per_position = True

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Create the weights."""
        _, n_members, n_inputs = input_shape
        penalty = self.kernel_regularizer
        self.kernel = self.add_weight(
            shape=(n_members, n_inputs, self.units),
            initializer=_of_each(self.kernel_initializer),
            regularizer=None if penalty is None else _SumOverMembers(penalty),
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            shape = (n_members, self.units)
            self.bias = self.add_weight(shape=shape, initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """Return the outputs."""
        outputs = multiply_members(inputs, self.kernel)
        return self.activation(outputs if self.bias is None else outputs + self.bias)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``(..., units)``."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
        }


def _of_each(initializer: Callable[..., Any]) -> Callable[..., Any]:
    """Return an initializer of stacked kernels that draws those of each member."""

    def initialize(shape: tuple[int, ...], dtype: Any = None) -> Any:
        kernels = []
        for _ in range(shape[0]):
            own = initializer
            if isinstance(initializer, initializers.Initializer):  # one object would repeat itself
                own = type(initializer).from_config(initializer.get_config())
            kernels.append(own(shape[1:], dtype=dtype))
        return ops.stack(kernels)

    return initialize


@keras.saving.register_keras_serializable(package="keras_multiclass")
class _SumOverMembers(regularizers.Regularizer):
    """The sum of the penalties on the kernels of all members."""

    def __init__(self, penalty: Any) -> None:
        self.penalty = regularizers.get(penalty)

    def __call__(self, kernels: Any) -> Any:
        return sum(self.penalty(kernels[member]) for member in range(kernels.shape[0]))

    def get_config(self) -> dict[str, Any]:
        return {"penalty": regularizers.serialize(self.penalty)}
