"""skorch's `NeuralNetClassifier` (PyTorch), without validation and callbacks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from skorch import NeuralNetClassifier

from .base import Contestant, Network, equal_layers


class Perceptron(torch.nn.Module):
    """Dense ReLU layers and a layer of logits, initialized as in Keras."""

    def __init__(self, n_features: int, hidden_units: tuple[int, ...], n_classes: int) -> None:
        super().__init__()
        layers: list[torch.nn.Module] = []
        for n_in, n_out in pairwise((n_features, *hidden_units, n_classes)):
            layers += [_dense(n_in, n_out), torch.nn.ReLU()]
        self.layers = torch.nn.Sequential(*layers[:-1])

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Compute logits."""
        return self.layers(X)


def _dense(n_in: int, n_out: int) -> torch.nn.Linear:
    layer = torch.nn.Linear(n_in, n_out)
    torch.nn.init.xavier_uniform_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    return layer


def build(network: Network) -> NeuralNetClassifier:
    return NeuralNetClassifier(
        Perceptron,
        module__n_features=network.n_features,
        module__hidden_units=network.hidden_units,
        module__n_classes=network.n_classes,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=network.learning_rate,
        max_epochs=network.epochs,
        batch_size=network.batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks="disable",
        verbose=0,
    )


def grid(network: Network, widths: Sequence[int], rates: Sequence[float]) -> dict[str, list[Any]]:
    return {"module__hidden_units": equal_layers(network, widths), "lr": list(rates)}


CONTESTANT = Contestant(build, grid)
