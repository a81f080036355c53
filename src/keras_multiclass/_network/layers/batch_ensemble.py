"""Layers of BatchEnsemble networks, whose members share most of their weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

__all__ = ["BatchEnsembleDense", "MemberScaling"]

_register = keras.saving.register_keras_serializable(package="keras_multiclass")


def _scaling(name: str) -> Any:
    """Return the initializer of the factors: ones, random signs or normally distributed."""
    if name != "signs":
        return {"ones": "ones", "normal": keras.initializers.RandomNormal(stddev=1.0)}[name]
    uniform = keras.initializers.RandomUniform(-1.0, 1.0)
    return lambda shape, dtype=None: ops.sign(uniform(shape, dtype))


@_register
class MemberScaling(keras.layers.Layer):
    """Multiply the inputs by separate factors for each member.

    Parameters
    ----------
    n_members : int
        Number of members.
    scaling : {"ones", "signs", "normal"}, default="signs"
        Initialization of the factors.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Notes
    -----
    Maps ``(batch, n_features)`` to ``(batch, n_members, n_features)``.
    """

    weights_per_position = True

    def __init__(self, n_members: int, scaling: str = "signs", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_members = n_members
        self.scaling = scaling

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Create the factors."""
        self.factors = self.add_weight(
            name="factors",
            shape=(self.n_members, input_shape[-1]),
            initializer=_scaling(self.scaling),
        )

    def call(self, inputs: Any) -> Any:
        """Return the inputs of the members."""
        return ops.expand_dims(inputs, 1) * self.factors

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``(batch, n_members, n_features)``."""
        return (input_shape[0], self.n_members, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "n_members": self.n_members,
            "scaling": self.scaling,
        }


@_register
class BatchEnsembleDense(keras.layers.Layer):
    r"""A dense layer whose members share the kernel (equation 5 of [1]_).

    Member :math:`i` computes :math:`((x_i \circ r_i) W) \circ s_i + b_i`.

    Parameters
    ----------
    units : int
        Number of outputs of each member.
    scaled : bool, default=True
        Whether each member has its own factors and bias. Otherwise all members share one plain
        dense layer.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Notes
    -----
    Maps ``(batch, n_members, n_features)`` to ``(batch, n_members, units)``. As in TabM [2]_, all
    factors start at 1 and all members start with the same bias; only their inputs differ. Kernel
    and bias are initialized uniformly within ``1 / sqrt(n_features)``.

    References
    ----------
    .. [1] Y. Wen, D. Tran, J. Ba. "BatchEnsemble: an alternative approach to efficient ensemble
       and lifelong learning", ICLR 2020.
    .. [2] Y. Gorishniy, A. Kotelnikov, A. Babenko. "TabM: Advancing tabular deep learning with
       parameter-efficient ensembling", ICLR 2025.
    """

    def __init__(self, units: int, scaled: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.scaled = scaled

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Create the weights."""
        _, n_members, n_features = input_shape
        bound = 1.0 / np.sqrt(n_features)
        uniform = keras.initializers.RandomUniform(-bound, bound)
        self.kernel = self.add_weight(
            name="kernel", shape=(n_features, self.units), initializer=uniform
        )
        bias = keras.initializers.RandomUniform(-bound, bound)
        self.bias = self.add_weight(
            name="bias",
            shape=(n_members, self.units) if self.scaled else (self.units,),
            initializer=lambda shape, dtype=None: ops.tile(
                bias(shape[-1:], dtype), (*shape[:-1], 1)
            ),
        )
        if self.scaled:
            self.input_factors = self.add_weight(
                name="input_factors", shape=(n_members, n_features), initializer="ones"
            )
            self.output_factors = self.add_weight(
                name="output_factors", shape=(n_members, self.units), initializer="ones"
            )

    def call(self, inputs: Any) -> Any:
        """Return the outputs of the members."""
        n_members, n_features = inputs.shape[1:]
        if self.scaled:
            inputs = inputs * self.input_factors
        # One product for all members.
        outputs = ops.matmul(ops.reshape(inputs, (-1, n_features)), self.kernel)
        outputs = ops.reshape(outputs, (-1, n_members, self.units))
        if self.scaled:
            outputs = outputs * self.output_factors
        return outputs + self.bias

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``(batch, n_members, units)``."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "units": self.units, "scaled": self.scaled}
