"""Building blocks shared by several backbones: normalization, activation and dropout."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers

_LARGEST_GROUPS = 8


def normalize(x: keras.KerasTensor, normalization: str | None) -> keras.KerasTensor:
    """Normalize over the channels (last axis): "layer", "group", "batch" or None."""
    if normalization == "layer":
        return layers.LayerNormalization(epsilon=1e-5)(x)
    if normalization == "group":
        # At least four channels per group: smaller groups would erase the contents of a 1x1 map.
        channels = x.shape[-1]
        groups = math.gcd(channels, min(_LARGEST_GROUPS, max(1, channels // 4)))
        return layers.GroupNormalization(groups=groups, epsilon=1e-5)(x)
    if normalization == "batch":
        # The running averages adapt within tens of steps, since small data sets take few steps.
        return layers.BatchNormalization(momentum=0.9)(x)
    return x


def activate(x: keras.KerasTensor, activation: Any) -> keras.KerasTensor:
    """Apply an activation; None returns ``x`` unchanged."""
    return x if activation is None else layers.Activation(activation)(x)


def drop(x: keras.KerasTensor, rate: float) -> keras.KerasTensor:
    """Apply dropout; a rate of 0 adds no layer."""
    return layers.Dropout(rate)(x) if rate > 0 else x
