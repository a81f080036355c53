"""Piecewise linear encodings and embeddings of numbers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

_register = keras.saving.register_keras_serializable(package="keras_multiclass")


@_register
class PiecewiseLinearEncoding(keras.layers.Layer):
    r"""Encode each number by the fraction of each bin below it (equation 1 of [1]_).

    With edges :math:`b_0 \le b_1 \le \dots \le b_T` the components are
    :math:`e_t = (x - b_{t-1}) / (b_t - b_{t-1})`, clipped to [0, 1]. The first is not clipped from
    below and the last not from above, so that numbers outside all bins remain distinct.

    Parameters
    ----------
    n_bins : int
        Number of bins.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Notes
    -----
    Maps ``(batch, n_features)`` to ``(batch, n_features, n_bins)``. The non-trainable weight
    ``edges``, of shape ``(n_features, n_bins + 1)``, is evenly spaced from -1 to 1 until other
    edges are assigned. The component of an empty bin, between equal edges, is always 0.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko. "On embeddings for numerical features in tabular
       deep learning", NeurIPS 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from keras_multiclass._network.layers.piecewise import PiecewiseLinearEncoding
    >>> layer = PiecewiseLinearEncoding(2)
    >>> layer.build((None, 1))
    >>> layer.edges.assign([[0.0, 1.0, 3.0]])
    >>> np.asarray(layer(np.array([[2.0]])))
    array([[[1. , 0.5]]], dtype=float32)
    """

    def __init__(self, n_bins: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_bins = n_bins

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Create the edges."""
        n_edges = self.n_bins + 1
        self.edges = self.add_weight(
            name="edges",
            shape=(input_shape[-1], n_edges),
            initializer="zeros",
            trainable=False,
            autocast=False,  # half precision cannot distinguish narrow bins from empty ones
        )
        self.edges.assign(np.tile(np.linspace(-1.0, 1.0, n_edges), (input_shape[-1], 1)))

    def call(self, inputs: Any) -> Any:
        """Return the encoding."""
        dtype = self.edges.dtype
        left = self.edges[:, :-1]
        width = self.edges[:, 1:] - left
        real = ops.cast(width > 0, dtype)
        slope = real / ops.where(width > 0, width, ops.ones_like(width))
        number = ops.cumsum(real, axis=1) * real  # 1 for the first nonempty bin, and so on
        last = ops.max(number, axis=1, keepdims=True)
        lowest = ops.where(number == 1, -np.inf, 0.0)
        highest = ops.where(ops.logical_and(number == last, width > 0), np.inf, 1.0)
        parts = (ops.expand_dims(ops.cast(inputs, dtype), -1) - left) * slope
        parts = ops.maximum(parts, ops.cast(lowest, dtype))
        parts = ops.minimum(parts, ops.cast(highest, dtype))
        return ops.cast(parts, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``(batch, n_features, n_bins)``."""
        return (*input_shape, self.n_bins)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "n_bins": self.n_bins}


@_register
class PiecewiseLinearEmbedding(keras.layers.Layer):
    """Embed each number as the sum of a linear map of it and one of its encoding.

    The map of the encoding starts at zero, so that training starts from the plain linear map.

    Parameters
    ----------
    units : int
        Length of each vector.
    n_bins : int
        Number of bins of the encoding.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Notes
    -----
    Maps ``(batch, n_features)`` to ``(batch, n_features, units)``. This is the embedding of TabM
    [1]_, which adds a linear map to the piecewise linear embedding of [2]_.

    References
    ----------
    .. [1] Y. Gorishniy, A. Kotelnikov, A. Babenko. "TabM: Advancing tabular deep learning with
       parameter-efficient ensembling", ICLR 2025.
    .. [2] Y. Gorishniy, I. Rubachev, A. Babenko. "On embeddings for numerical features in tabular
       deep learning", NeurIPS 2022.
    """

    weights_per_position = True

    def __init__(self, units: int, n_bins: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.n_bins = n_bins
        self.encoding = PiecewiseLinearEncoding(n_bins, dtype=self.dtype_policy, name="encoding")

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Create the weights."""
        n_features = input_shape[-1]
        self.encoding.build(input_shape)
        bound = 1.0 / np.sqrt(self.units)
        for name in ("kernel", "bias"):
            weight = self.add_weight(
                name=name,
                shape=(n_features, self.units),
                initializer=keras.initializers.RandomUniform(-bound, bound),
            )
            setattr(self, name, weight)
        self.bin_kernel = self.add_weight(
            name="bin_kernel", shape=(n_features, self.n_bins, self.units), initializer="zeros"
        )

    def call(self, inputs: Any) -> Any:
        """Return the vectors."""
        encoded = ops.transpose(self.encoding(inputs), (1, 0, 2))
        piecewise = ops.transpose(ops.matmul(encoded, self.bin_kernel), (1, 0, 2))
        return ops.expand_dims(inputs, -1) * self.kernel + self.bias + piecewise

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``(batch, n_features, units)``."""
        return (*input_shape, self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "units": self.units, "n_bins": self.n_bins}
