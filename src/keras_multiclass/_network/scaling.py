"""Standardization of features to mean 0 and variance 1, and scaling by a layer of the user's."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_multiclass._network.user_networks import copy_network
from keras_multiclass._shared.messages import describe, full_error, invalid
from keras_multiclass._shared.typing import FloatArray
from keras_multiclass._shared.upstream.keras_normalization import normalize
from keras_multiclass.exceptions import BackboneError


def standardized(x: Any, mean: FloatArray, variance: FloatArray, *, gray: bool = False) -> Any:
    """Apply a Normalization layer.

    Parameters
    ----------
    x : KerasTensor of shape (batch, ..., n_features)
        Tensor to scale.
    mean, variance : ndarray of shape (n_features,)
        Mean and variance of each feature.
    gray : bool, default=False
        Whether all pixels are treated as one feature.
    """
    x, mean, variance = _rescale_extremes(x, mean, variance, x.dtype)
    if gray:
        mean, variance = mean[0], variance[0]
    axis = None if gray else -1
    return normalize(x, mean, variance, axis=axis, dtype=x.dtype, name="standardization")


def _rescale_extremes(
    x: Any, mean: FloatArray, variance: FloatArray, dtype: str
) -> tuple[Any, FloatArray, FloatArray]:
    """Rescale features of extreme magnitude by powers of two, which is exact.

    The Normalization layer divides by at least Keras' epsilon, which would leave features in units
    such as nanometers near zero, and squares of very large features overflow float32.
    """
    exponent = np.round(np.log2(variance) / 2)
    exponent = np.clip(np.where(np.abs(exponent) > 20, exponent, 0), -120, 120)
    if not exponent.any():
        return x, mean, variance
    unit = 2.0**exponent
    x = keras.layers.Rescaling((1 / unit).tolist(), dtype=dtype, name="units")(x)
    return x, mean / unit, variance / unit**2


def is_own_scaling(scaling: object) -> bool:
    """Whether the parameter `scaling` is a layer or function of the user's."""
    return isinstance(scaling, keras.Layer) or (callable(scaling) and not isinstance(scaling, type))


def scaled_by(x: Any, scaling: Any) -> Any:
    """Apply a copy of a layer, or a function, of the user's.

    Parameters
    ----------
    x : KerasTensor
        The rows.
    scaling : keras.Layer or callable
        The parameter.

    Raises
    ------
    BackboneError
        If it fails, or returns anything but one tensor.
    """
    label = f"`scaling` ({describe(scaling)})"
    if isinstance(scaling, keras.Layer):
        scaling = copy_network(scaling, "scaling")
    try:
        scaled = scaling(x)
    except Exception as error:
        raise BackboneError(
            f"{label} failed on rows of shape {tuple(x.shape)}: {full_error(error)}"
        ) from error
    if not keras.backend.is_keras_tensor(scaled):
        raise BackboneError(
            invalid(f"The return value of {label}", "one Keras tensor", describe(scaled))
        )
    return scaled
