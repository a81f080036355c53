"""Padded steps of sequences: set to zero and excluded from pooling.

Masks are always passed explicitly. An implicit Keras mask survives neither every operation nor a
round trip through a model's configuration.
"""

from __future__ import annotations

import keras
from keras import layers, ops

POOLINGS = ("average", "max")

_LOWEST_HALF = -6.0e4
_LOWEST = -3.0e38


def blank_padding(x: keras.KerasTensor, mask: keras.KerasTensor | None) -> keras.KerasTensor:
    """Set padded steps to zero, even if they are NaN."""
    if mask is None:
        return x
    return ops.where(ops.expand_dims(mask, -1), x, 0.0)


def every_step(x: keras.KerasTensor) -> keras.KerasTensor:
    """Return a mask of sequences without padding, also where they are NaN.

    Not by `keras.ops.ones_like`, because networks with that one do not load in other versions of
    Keras.
    """
    missing = ops.isnan(x[..., 0])
    return ops.logical_or(missing, ops.logical_not(missing))


def pool_steps(
    x: keras.KerasTensor, mask: keras.KerasTensor | None, pooling: str
) -> keras.KerasTensor:
    """Average or maximum over the real steps; zeros if there are none."""
    if mask is None:
        if pooling == "average":
            return layers.GlobalAveragePooling1D(data_format="channels_last")(x)
        return layers.GlobalMaxPooling1D(data_format="channels_last")(x)
    real = ops.expand_dims(mask, -1)
    if pooling == "average":
        # Weights are normalized before summation: in half precision the sum would overflow.
        weight = ops.cast(real, "float32")
        weight = weight / ops.maximum(ops.sum(weight, axis=1, keepdims=True), 1.0)
        return ops.sum(blank_padding(x, mask) * ops.cast(weight, x.dtype), axis=1)
    half = keras.backend.standardize_dtype(x.dtype) == "float16"
    largest = ops.max(ops.where(real, x, _LOWEST_HALF if half else _LOWEST), axis=1)
    return ops.where(ops.any(real, axis=1), largest, 0.0)
