"""Plain Keras: the networks that wrappers train, and `keras.Model.fit` compared with ours."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np

from .contestants import OURS, Network, load
from .timing import Work

MODEL_FIT = "keras Model.fit"
MODEL_FIT_NOTE = (
    f"{MODEL_FIT} is timed without building and compiling, {OURS} with everything its fit does, "
    "including tracing; a short fit of each beforehand is not counted"
)


def build_layers(
    n_features: int, hidden_units: tuple[int, ...], n_classes: int, activation: str | None = None
) -> keras.Sequential:
    """Build an uncompiled multi-layer perceptron, by default with logits."""
    hidden = [keras.layers.Dense(width, activation="relu") for width in hidden_units]
    output = keras.layers.Dense(n_classes, activation=activation)
    return keras.Sequential([keras.Input((n_features,)), *hidden, output])


def build_compiled(network: Network) -> keras.Sequential:
    """Build and compile a network with logits, as a user of plain Keras would."""
    model = build_layers(network.n_features, network.hidden_units, network.n_classes)
    model.compile(
        optimizer=keras.optimizers.Adam(network.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def ours_and_model_fit(
    network: Network, X: np.ndarray, y: np.ndarray, *, with_model_fit: bool = True
) -> dict[str, Work]:
    """Compare ``fit`` of our classifier with ``Model.fit`` on the same arrays.

    Both start with a new network each time, and our cache is cleared so that each fit includes
    tracing. For plain Keras, only ``Model.fit`` is timed, without building and compiling; for ours,
    everything that ``fit`` does.
    """
    ours = load(OURS)

    def prepare() -> Any:
        ours.reset()
        return ours.build(network)

    def fit_ours(estimator: Any) -> None:
        estimator.fit(X, y)

    def fit_model(model: keras.Model) -> None:
        model.fit(X, y, batch_size=network.batch_size, epochs=network.epochs, verbose=0)

    works = {OURS: Work(fit_ours, prepare)}
    if with_model_fit:
        works[MODEL_FIT] = Work(fit_model, prepare=partial(build_compiled, network))
    return works


def start_tensorflow() -> None:
    """Make TensorFlow set up its devices and threads before the first contestant runs."""
    ones = keras.ops.ones((8, 8))
    keras.ops.matmul(ones, ones)
