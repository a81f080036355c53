"""Keras without wrappers: the networks that wrappers train, and `keras.Model.fit` beside ours."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np

from .contestants import OURS, Network, load
from .timing import Work

MODEL_FIT = "keras Model.fit"
MODEL_FIT_NOTE = (
    f"{MODEL_FIT} is timed without building and compiling, {OURS} with all that its fit does, "
    "tracing included; a short fit of each before is not counted"
)


def build_layers(
    n_features: int, hidden_units: tuple[int, ...], n_classes: int, activation: str | None = None
) -> keras.Sequential:
    """Build a perceptron that is not compiled, by default one of logits."""
    hidden = [keras.layers.Dense(width, activation="relu") for width in hidden_units]
    output = keras.layers.Dense(n_classes, activation=activation)
    return keras.Sequential([keras.Input((n_features,)), *hidden, output])


def build_compiled(network: Network) -> keras.Sequential:
    """Build and compile a network of logits, as a user of plain Keras does."""
    model = build_layers(network.n_features, network.hidden_units, network.n_classes)
    model.compile(
        optimizer=keras.optimizers.Adam(network.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def ours_and_model_fit(
    network: Network, X: np.ndarray, y: np.ndarray, *, with_model_fit: bool = True
) -> dict[str, Work]:
    """Set ``fit`` of our classifier beside ``Model.fit`` on the same arrays.

    Both begin with a new network each time, and ours forgets what it kept, so that each fit pays
    for its own tracing. Of plain Keras ``Model.fit`` alone is timed, without building and
    compiling; of ours all that its ``fit`` does.
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
    """Let TensorFlow set up its devices and threads, so that the first contestant need not."""
    ones = keras.ops.ones((8, 8))
    keras.ops.matmul(ones, ones)
