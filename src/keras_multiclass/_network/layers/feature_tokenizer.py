"""Turns each column of a table into a token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="keras_multiclass")
class FeatureTokenizer(keras.layers.Layer):
    """Turn each column of a table into a token and prepend a class token (section 3.3 of [1]_).

    The token of a number is ``x * kernel + bias`` and that of a block ``x @ kernel + bias``, with
    separate weights for each column. The class token is a trained vector, equal for all rows.

    Parameters
    ----------
    units : int
        Length of a token.
    n_numeric : int
        Number of numeric inputs, which come first.
    block_widths : sequence of int, default=()
        Number of inputs of each block after the numeric inputs.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Notes
    -----
    Maps ``(batch, n_inputs)`` to ``(batch, 1 + n_columns, units)``. All weights are initialized
    uniformly within ``1 / sqrt(units)``.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, V. Khrulkov, A. Babenko. "Revisiting deep learning models
       for tabular data", NeurIPS 2021.
    """

    weights_per_position = True

    def __init__(
        self, units: int, n_numeric: int, block_widths: Sequence[int] = (), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.n_numeric = n_numeric
        self.block_widths = tuple(block_widths)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Create the weights."""
        n_columns = self.n_numeric + len(self.block_widths)
        bound = 1.0 / np.sqrt(self.units)
        shapes = {"kernel": input_shape[-1], "bias": n_columns, "first_token": 1}
        for name, length in shapes.items():
            weight = self.add_weight(
                name=name,
                shape=(length, self.units),
                initializer=keras.initializers.RandomUniform(-bound, bound),
            )
            setattr(self, name, weight)

    def call(self, inputs: Any) -> Any:
        """Return the tokens."""
        n = self.n_numeric
        tokens = [ops.expand_dims(inputs[:, :n], -1) * self.kernel[:n]]
        for width in self.block_widths:
            token = ops.matmul(inputs[:, n : n + width], self.kernel[n : n + width])
            tokens.append(ops.expand_dims(token, 1))
            n += width
        columns = ops.concatenate(tokens, axis=1) + self.bias
        return ops.concatenate([ops.zeros_like(columns[:, :1]) + self.first_token, columns], axis=1)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``(batch, 1 + n_columns, units)``."""
        return (input_shape[0], 1 + self.n_numeric + len(self.block_widths), self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "n_numeric": self.n_numeric,
            "block_widths": self.block_widths,
        }
