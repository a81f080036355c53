"""How much a network computes, as far as its layers tell."""

from __future__ import annotations

import weakref

import keras
import numpy as np


def multiplications(model: keras.Model) -> float:
    """Estimate the multiplications per row: each weight once at each position of its layer.

    Parameters
    ----------
    model : keras.Model
        Built.

    Returns
    -------
    float
        Infinity if a layer has no known shapes.
    """
    known = _known.get(model)
    if known is None:
        known = _count(model)
        if np.isfinite(known):  # a layer may be built later
            _known[model] = known
    return known


# It takes longer than to look it up, and is needed several times.
_known: weakref.WeakKeyDictionary[keras.Model, float] = weakref.WeakKeyDictionary()


def _count(model: keras.Model) -> float:
    total = 0.0
    for layer in model.layers:
        if not layer.built:
            return float("inf")
        if isinstance(layer, keras.Model):
            total += multiplications(layer)
        elif not isinstance(layer, keras.layers.Embedding):
            # Scalars are counters and rates.
            weights = sum(int(np.prod(w.shape)) for w in layer.weights if len(w.shape))
            if weights:  # positions may be infinite, and zero times infinity is not a number
                total += weights * _positions(layer)
    return total


def _positions(layer: keras.Layer) -> float:
    """Count the steps or pixels that a layer works on; infinity if they are unknown.

    It is one for a layer whose attribute ``weights_per_position`` declares that each position has
    its own weights.
    """
    if getattr(layer, "weights_per_position", False):
        return 1.0
    try:
        tensors = keras.tree.flatten([layer.input, layer.output])
        return max(float(np.prod(tensor.shape[1:-1])) for tensor in tensors)
    except (AttributeError, TypeError, ValueError):  # outside a graph of layers, or of any length
        return float("inf")
