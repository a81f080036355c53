"""Keras' own wrapper, `keras.wrappers.SKLearnClassifier`, given its best chance.

Its clones forget ``fit_kwargs`` (and would train one epoch), and it predicts with a progress bar;
both are mended here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import keras
import numpy as np

from ..plain_keras import build_layers
from .base import Contestant, Network, layers_of


class KeptFitKwargs(keras.wrappers.SKLearnClassifier):
    """The wrapper, with clones that keep how to train."""

    def __sklearn_clone__(self) -> KeptFitKwargs:
        copy = super().__sklearn_clone__()
        copy.fit_kwargs = dict(self.fit_kwargs)
        return copy


class SilentModel(keras.Model):
    """A model that draws no progress bar unless it is asked to."""

    def predict(self, x: Any, verbose: int = 0, **arguments: Any) -> np.ndarray:
        """Evaluate the model; see `keras.Model.predict`."""
        return super().predict(x, verbose=verbose, **arguments)


def build_model(
    X: np.ndarray, y: np.ndarray, hidden_units: tuple[int, ...], learning_rate: float
) -> keras.Model:
    """Build and compile a network; the wrapper hands in one-hot labels."""
    layers = build_layers(X.shape[1], hidden_units, y.shape[1], "softmax")
    model = SilentModel(layers.inputs, layers.outputs)
    model.compile(keras.optimizers.Adam(learning_rate), loss="categorical_crossentropy")
    return model


def build(network: Network) -> KeptFitKwargs:
    return KeptFitKwargs(
        build_model,
        model_kwargs=_arguments(network.hidden_units, network.learning_rate),
        fit_kwargs={"epochs": network.epochs, "batch_size": network.batch_size, "verbose": 0},
    )


def _arguments(hidden_units: tuple[int, ...], learning_rate: float) -> dict[str, Any]:
    return {"hidden_units": hidden_units, "learning_rate": learning_rate}


def grid(network: Network, widths: Sequence[int], rates: Sequence[float]) -> dict[str, list[Any]]:
    pairs = product(layers_of(network, widths), rates)
    return {"model_kwargs": [_arguments(*pair) for pair in pairs]}


CONTESTANT = Contestant(build, grid)
