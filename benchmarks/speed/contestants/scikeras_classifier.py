"""SciKeras: `scikeras.wrappers.KerasClassifier`.

No ``random_state`` is set, because it would enable TensorFlow's slower deterministic operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from scikeras.wrappers import KerasClassifier

from ..plain_keras import build_layers
from .base import Contestant, Network, equal_layers


def build_model(meta: dict[str, Any], hidden_units: tuple[int, ...]) -> keras.Model:
    """Build a network for SciKeras to compile; `predict_proba` expects probabilities."""
    return build_layers(meta["n_features_in_"], hidden_units, meta["n_classes_"], "softmax")


def build(network: Network) -> KerasClassifier:
    return KerasClassifier(
        model=build_model,
        model__hidden_units=network.hidden_units,
        loss="sparse_categorical_crossentropy",
        optimizer="adam",
        optimizer__learning_rate=network.learning_rate,
        epochs=network.epochs,
        batch_size=network.batch_size,
        verbose=0,
    )


def grid(network: Network, widths: Sequence[int], rates: Sequence[float]) -> dict[str, list[Any]]:
    return {
        "model__hidden_units": equal_layers(network, widths),
        "optimizer__learning_rate": list(rates),
    }


CONTESTANT = Contestant(build, grid)
