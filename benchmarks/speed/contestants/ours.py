"""Our classifier, `keras_multiclass.KerasMulticlassClassifier`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras_multiclass

from .base import Contestant, Network, equal_layers


def build(network: Network) -> keras_multiclass.KerasMulticlassClassifier:
    return keras_multiclass.KerasMulticlassClassifier(
        backbone="mlp",
        backbone__hidden_units=network.hidden_units,
        optimizer="adam",
        optimizer__learning_rate=network.learning_rate,
        epochs=network.epochs,
        batch_size=network.batch_size,
        scaling=None,
        random_state=0,
    )


def grid(network: Network, widths: Sequence[int], rates: Sequence[float]) -> dict[str, list[Any]]:
    return {
        "backbone__hidden_units": equal_layers(network, widths),
        "optimizer__learning_rate": list(rates),
    }


def reset() -> None:
    # Versions without a cache of traces have nothing to clear.
    getattr(keras_multiclass, "clear_cache", lambda: None)()


CONTESTANT = Contestant(build, grid, reset)
