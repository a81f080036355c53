"""Building blocks shared by several backbones: normalization, activation and dropout."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers

from keras_multiclass._network.layers.stacked_dense import StackedDense

_LARGEST_GROUPS = 8
_EPSILON = 1e-5


def dense(x: keras.KerasTensor, units: int, **arguments: Any) -> keras.KerasTensor:
    """Apply a dense layer, or that of each member to ``(batch, n_members, n_features)``."""
    layer = StackedDense if len(x.shape) == 3 else layers.Dense
    return layer(units, **arguments)(x)


def normalize_rows(x: keras.KerasTensor, normalization: str | None) -> keras.KerasTensor:
    """Normalize rows of a table, or those of each member; see `normalize`."""
    if len(x.shape) == 2 or normalization is None:
        return normalize(x, normalization)
    n_members, n_features = x.shape[1:]
    x = layers.Reshape((n_members * n_features,))(x)
    if normalization == "layer":
        x = layers.GroupNormalization(groups=n_members, epsilon=_EPSILON)(x)
    else:
        x = normalize(x, normalization)
    return layers.Reshape((n_members, n_features))(x)


def normalize(x: keras.KerasTensor, normalization: str | None) -> keras.KerasTensor:
    """Normalize over the channels (last axis): "layer", "group", "batch" or None."""
    if normalization == "layer":
        return layers.LayerNormalization(epsilon=_EPSILON)(x)
    if normalization == "group":
        # At least four channels per group: smaller groups would erase the contents of a 1x1 map.
        channels = x.shape[-1]
        groups = math.gcd(channels, min(_LARGEST_GROUPS, max(1, channels // 4)))
        return layers.GroupNormalization(groups=groups, epsilon=_EPSILON)(x)
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
