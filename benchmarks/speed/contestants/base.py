"""Definition of a contestant, and of the network that all of them train."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Network:
    """Multi-layer perceptron and its training, the same for every contestant.

    Hidden layers use ReLU, weights are initialized with Glorot uniform, the loss is cross-entropy,
    the optimizer is Adam, and rows are shuffled in each epoch. There is no scaling, validation or
    regularization. What a package does not let users choose (the initial biases of `MLPClassifier`,
    the epsilon of Adam) keeps its default.
    """

    n_features: int
    n_classes: int
    hidden_units: tuple[int, ...]
    epochs: int
    batch_size: int
    learning_rate: float = 1e-3


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Contestant:
    """How a package trains the network.

    Attributes
    ----------
    build : callable
        Takes a `Network` and returns an unfitted scikit-learn classifier that trains it.
    grid : callable
        Takes a `Network`, widths of hidden layers and learning rates, and returns a ``param_grid``
        for `GridSearchCV` over all pairs, for the classifier returned by ``build``.
    reset : callable, default=nothing
        Clears what the package caches between fits.
    """

    build: Callable[[Network], Any]
    grid: Callable[[Network, Sequence[int], Sequence[float]], dict[str, list[Any]]]
    reset: Callable[[], None] = _nothing


def equal_layers(network: Network, widths: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the hidden layers for each width, with all layers of equal width."""
    return [(width,) * len(network.hidden_units) for width in widths]
