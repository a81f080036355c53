"""What a contestant is, and the network that all of them train."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Network:
    """A multi-layer perceptron and its training: the same work for every contestant.

    Hidden layers are ReLU, weights begin as Glorot uniform, the loss is cross-entropy, the
    optimizer Adam, rows are shuffled in each epoch; nothing is standardised, held out or
    regularised. What a package does not let one choose (how `MLPClassifier` begins its biases,
    the epsilon of Adam) is left as it is.
    """

    n_features: int
    n_classes: int
    hidden_units: tuple[int, ...]
    epochs: int
    batch_size: int
    learning_rate: float = 1e-3


def _keep_nothing() -> None:
    """Forget nothing, for nothing is kept."""


@dataclass(frozen=True)
class Contestant:
    """How one package does the work.

    Attributes
    ----------
    build : callable
        Takes a `Network`, returns an unfitted scikit-learn classifier that trains it.
    grid : callable
        Takes a `Network`, widths for its hidden layers and learning rates; returns a
        ``param_grid`` of `GridSearchCV` over all pairs for what ``build`` returned.
    reset : callable, default=nothing
        Makes the package forget what it keeps from one fit for the next.
    """

    build: Callable[[Network], Any]
    grid: Callable[[Network, Sequence[int], Sequence[float]], dict[str, list[Any]]]
    reset: Callable[[], None] = _keep_nothing


def layers_of(network: Network, widths: Sequence[int]) -> list[tuple[int, ...]]:
    """Give every hidden layer of the network each of the widths in turn."""
    return [(width,) * len(network.hidden_units) for width in widths]
