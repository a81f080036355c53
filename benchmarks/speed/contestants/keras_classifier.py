"""Keras' wrapper `keras.wrappers.SKLearnClassifier`, with two fixes.

Its clones lose ``fit_kwargs`` (and would train for one epoch), and it predicts with a progress bar;
both are fixed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import keras
import numpy as np

from ..plain_keras import build_layers
from .base import Contestant, Network, equal_layers


class FixedClassifier(keras.wrappers.SKLearnClassifier):
    """The wrapper, with clones that preserve ``fit_kwargs``."""

    def __sklearn_clone__(self) -> FixedClassifier:
        copy = super().__sklearn_clone__()
        copy.fit_kwargs = dict(self.fit_kwargs)
        return copy


class SilentModel(keras.Model):
    """A model without a progress bar by default."""

    def predict(self, x: Any, verbose: int = 0, **arguments: Any) -> np.ndarray:
        """Predict; see `keras.Model.predict`."""
        return super().predict(x, verbose=verbose, **arguments)


def build_model(
    X: np.ndarray, y: np.ndarray, hidden_units: tuple[int, ...], learning_rate: float
) -> keras.Model:
    """Build and compile a network; the wrapper passes one-hot labels."""
    layers = build_layers(X.shape[1], hidden_units, y.shape[1], "softmax")
    model = SilentModel(layers.inputs, layers.outputs)
    model.compile(keras.optimizers.Adam(learning_rate), loss="categorical_crossentropy")
    return model


def build(network: Network) -> FixedClassifier:
    return FixedClassifier(
        build_model,
        model_kwargs=_arguments(network.hidden_units, network.learning_rate),
        fit_kwargs={"epochs": network.epochs, "batch_size": network.batch_size, "verbose": 0},
    )


def _arguments(hidden_units: tuple[int, ...], learning_rate: float) -> dict[str, Any]:
    return {"hidden_units": hidden_units, "learning_rate": learning_rate}


def grid(network: Network, widths: Sequence[int], rates: Sequence[float]) -> dict[str, list[Any]]:
    pairs = product(equal_layers(network, widths), rates)
    return {"model_kwargs": [_arguments(*pair) for pair in pairs]}


CONTESTANT = Contestant(build, grid)
