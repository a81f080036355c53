"""Pieces of networks that several builders share: normalisation, activation, dropout."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers

_LARGEST_GROUPS = 8


def normalize(x: keras.KerasTensor, normalization: str | None) -> keras.KerasTensor:
    """Normalise the channels (last axis) as named: "layer", "group", "batch" or None."""
    if normalization == "layer":
        return layers.LayerNormalization(epsilon=1e-5)(x)
    if normalization == "group":
        # At least four channels in a group: in smaller ones a 1x1 map would lose its contents.
        channels = x.shape[-1]
        groups = math.gcd(channels, min(_LARGEST_GROUPS, max(1, channels // 4)))
        return layers.GroupNormalization(groups=groups, epsilon=1e-5)(x)
    if normalization == "batch":
        # The running averages follow within tens of steps: small data has few of them.
        return layers.BatchNormalization(momentum=0.9)(x)
    return x


def activate(x: keras.KerasTensor, activation: Any) -> keras.KerasTensor:
    """Apply an activation; None leaves ``x`` as it is."""
    return x if activation is None else layers.Activation(activation)(x)


def drop(x: keras.KerasTensor, rate: float) -> keras.KerasTensor:
    """Drop a share of the values while training; no layer at all for a rate of 0."""
    return layers.Dropout(rate)(x) if rate > 0 else x
