"""scikit-learn's `MLPClassifier`, without L2 penalty and early stopping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.neural_network import MLPClassifier

from .base import Contestant, Network, equal_layers


def build(network: Network) -> MLPClassifier:
    return MLPClassifier(
        hidden_layer_sizes=network.hidden_units,
        solver="adam",
        learning_rate_init=network.learning_rate,
        max_iter=network.epochs,
        batch_size=network.batch_size,
        alpha=0.0,
        n_iter_no_change=network.epochs + 1,
        random_state=0,
    )


def grid(network: Network, widths: Sequence[int], rates: Sequence[float]) -> dict[str, list[Any]]:
    return {
        "hidden_layer_sizes": equal_layers(network, widths),
        "learning_rate_init": list(rates),
    }


CONTESTANT = Contestant(build, grid)
