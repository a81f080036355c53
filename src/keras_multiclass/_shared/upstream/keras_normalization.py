"""The statistics of `Normalization` layers, and the tensors that these layers derive from them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

UNDOCUMENTED = {
    "finalize_state": (
        "recomputes the tensors that `Normalization` derives from its weights",
        "loading the layer's own variables recomputes them; the Keras engine trains",
    ),
    "adapt_mean": (
        "the mean of `Normalization` as a weight, so that all rows share a trace",
        "mean and variance are arguments of the layer, and traces are not shared",
    ),
    "adapt_variance": ("the variance of `Normalization` as a weight", "as without `adapt_mean`"),
}


def normalize(
    x: Any, mean: np.ndarray | float, variance: np.ndarray | float, **options: Any
) -> Any:
    """Apply a `keras.layers.Normalization` layer with known statistics.

    They are weights and not arguments of the layer, so that networks for other rows have the same
    structure.

    Parameters
    ----------
    x : KerasTensor
        What to normalize.
    mean, variance : float or ndarray
        The statistics.
    **options
        Further arguments of the layer.
    """
    layer = keras.layers.Normalization(**options)
    normalized = layer(x)
    try:
        layer.adapt_mean.assign(mean)
        layer.adapt_variance.assign(variance)
    except AttributeError:
        return keras.layers.Normalization(mean=mean, variance=variance, **options)(x)
    refresh_derived([layer])
    return normalized


def refresh_derived(layers: Iterable[keras.Layer]) -> None:
    """Recompute the tensors that layers keep besides their variables, after an assignment."""
    for layer in _normalizations(layers):
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
        else:
            store: dict[str, Any] = {}
            layer.save_own_variables(store)
            layer.load_own_variables(store)


@contextlib.contextmanager
def derived_from_variables(layers: Iterable[keras.Layer]) -> Iterator[None]:
    """Recompute the tensors that layers keep besides their variables; restore them afterwards.

    Raises
    ------
    AttributeError
        If this version of Keras cannot do that inside a trace.
    """
    normalizations = _normalizations(layers)
    own = [dict(vars(layer)) for layer in normalizations]
    try:
        for layer in normalizations:
            layer.finalize_state()
        yield
    finally:
        for layer, attributes in zip(normalizations, own, strict=True):
            vars(layer).update(attributes)


def _normalizations(layers: Iterable[keras.Layer]) -> list[Any]:
    return [x for x in layers if isinstance(x, keras.layers.Normalization) and x.built]
