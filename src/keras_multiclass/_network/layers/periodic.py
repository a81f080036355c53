"""Periodic embeddings of numbers."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import initializers, ops


@keras.saving.register_keras_serializable(package="keras_multiclass")
class PeriodicEmbedding(keras.layers.Layer):
    """Embed each number by cosines with learned frequency and phase, followed by a linear layer.

    A number ``x`` becomes the vector ``[x, V cos(2 pi w x + b) + c]``, with separate ``w``, ``b``,
    ``V`` and ``c`` for each column. These are the "PBLD" (periodic, bias, linear, DenseNet)
    embeddings of RealMLP [1]_, section 3 and appendix A; those of Gorishniy et al. [2]_ use sines
    and cosines instead of phases, and a ReLU.

    Parameters
    ----------
    units : int, default=4
        Length of the vector, including ``x`` itself.
    n_frequencies : int, default=16
        Number of cosines.
    frequency_scale : float, default=0.1
        Standard deviation of the initial frequencies.
    learning_rate_factor : float, default=1.0
        Learning rate of the layer under Adam, relative to the rest of the network: its variables
        are those of the formula divided by this factor.
    **kwargs : dict
        Keyword arguments of ``keras.layers.Layer``.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart. "Better by default: Strong pre-tuned MLPs
       and boosted trees on tabular data", NeurIPS 2024.
    .. [2] Y. Gorishniy, I. Rubachev, A. Babenko. "On embeddings for numerical features in tabular
       deep learning", NeurIPS 2022.
    """

    def __init__(
        self,
        units: int = 4,
        n_frequencies: int = 16,
        frequency_scale: float = 0.1,
        learning_rate_factor: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.n_frequencies = n_frequencies
        self.frequency_scale = frequency_scale
        self.learning_rate_factor = learning_rate_factor

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Create separate variables for each column."""
        n, k, d = input_shape[-1], self.n_frequencies, self.units - 1
        c = self.learning_rate_factor
        spread = 1 / math.sqrt(k)
        normal = initializers.RandomNormal(stddev=self.frequency_scale / c)
        phase = initializers.RandomUniform(-math.pi / c, math.pi / c)
        kernel = initializers.RandomUniform(-spread / c, spread / c)
        bias = initializers.RandomUniform(-spread / c, spread / c)
        self.frequency = self.add_weight(shape=(n, 1, k), initializer=normal, name="frequency")
        self.phase = self.add_weight(shape=(n, 1, k), initializer=phase, name="phase")
        self.kernel = self.add_weight(shape=(n, k, d), initializer=kernel, name="kernel")
        self.bias = self.add_weight(shape=(n * d,), initializer=bias, name="bias")

    def call(self, inputs: Any) -> Any:
        """Embed a batch of shape ``(batch, n)`` as ``(batch, n * units)``."""
        n, k, c = inputs.shape[-1], self.n_frequencies, self.learning_rate_factor
        # The batch axis is last: operations on few long rows are faster than on many short ones.
        frequency, phase = (ops.reshape(w, (n, k, 1)) for w in (self.frequency, self.phase))
        rows = ops.expand_dims(ops.transpose(inputs), 1)
        waves = ops.cos((2 * math.pi * c) * frequency * rows + c * phase)
        mixed = ops.matmul(ops.transpose(c * self.kernel, (0, 2, 1)), waves)
        mixed = ops.transpose(ops.reshape(mixed, (n * (self.units - 1), -1)))
        return ops.concatenate([mixed + c * self.bias, inputs], axis=-1)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``(batch, n * units)``."""
        return (*input_shape[:-1], input_shape[-1] * self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "n_frequencies": self.n_frequencies,
            "frequency_scale": self.frequency_scale,
            "learning_rate_factor": self.learning_rate_factor,
        }
