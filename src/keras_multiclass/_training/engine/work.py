"""How much a network computes, as far as its layers tell."""

from __future__ import annotations

import weakref

import keras
import numpy as np

from keras_multiclass._data.rows import Features
from keras_multiclass._data.sequences import Sequences


def multiplications(model: keras.Model, n_steps: int | None = None) -> float:
    """Estimate the multiplications per row: each weight once at each position of its layer.

    Parameters
    ----------
    model : keras.Model
        Built.
    n_steps : int, default=None
        What sizes that the model leaves open are; None if that is not known.

    Returns
    -------
    float
        Infinity if a layer has no known shapes.
    """
    of_model = _known.setdefault(model, {})
    known = of_model.get(n_steps)
    if known is None:
        known = _count(model, n_steps)
        if np.isfinite(known):  # a layer may be built later
            of_model[n_steps] = known
    return known


# It takes longer than to look it up, and is needed several times.
_known: weakref.WeakKeyDictionary[keras.Model, dict[int | None, float]] = (
    weakref.WeakKeyDictionary()
)


def open_steps(X: Features) -> int | None:
    """Return the typical number of steps of sequences of any length; None for other rows.

    It is a power of two, so that similar data share traces and decisions.

    Parameters
    ----------
    X : ndarray, CSR matrix, CastOnRead or Sequences
        The features.
    """
    if not isinstance(X, Sequences):
        return None
    return 1 << (max(1, X.shape[1]) - 1).bit_length()


def _count(model: keras.Model, n_steps: int | None) -> float:
    total = 0.0
    for layer in model.layers:
        if not layer.built:
            return float("inf")
        if isinstance(layer, keras.Model):
            total += multiplications(layer, n_steps)
        elif not isinstance(layer, keras.layers.Embedding):
            # Scalars are counters and rates.
            weights = sum(int(np.prod(w.shape)) for w in layer.weights if len(w.shape))
            if weights:  # positions may be infinite, and zero times infinity is not a number
                total += weights * _positions(layer, n_steps)
    return total


def _positions(layer: keras.Layer, n_steps: int | None) -> float:
    """Count the steps or pixels that a layer works on; infinity if they are unknown.

    It is one for a layer whose attribute ``weights_per_position`` declares that each position has
    its own weights.
    """
    if getattr(layer, "weights_per_position", False):
        return 1.0
    try:
        tensors = keras.tree.flatten([layer.input, layer.output])
        shapes = [[n_steps if n is None else n for n in t.shape[1:-1]] for t in tensors]
        return max(float(np.prod(shape)) for shape in shapes)  # type: ignore[arg-type]
    except (AttributeError, TypeError, ValueError):  # outside a graph of layers, or of any length
        return float("inf")
