"""Who owns what while a network is trained.

The classifier owns labels, weights per class, parameters and what is kept after training. An
engine gets a compiled model, arrays and a frozen plan; it owns epochs, the order of the batches,
validation and the calls of Keras callbacks, and never knows who built the model. Batch order is a
function of the plan's seed and the number of the epoch alone, so every engine walks the rows in
the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import keras
import numpy as np

from keras_multiclass._typing import Features, FloatArray, History, IndexArray


@dataclass(frozen=True)
class TrainingData:
    """Rows to train or validate on; ``y`` holds class indices."""

    X: Features
    y: IndexArray
    sample_weight: FloatArray | None = None

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return int(self.X.shape[0])


@dataclass(frozen=True)
class TrainingPlan:
    """Everything an engine has to know beside model and data."""

    epochs: int
    first_epoch: int
    batch_size: int
    shuffle: bool
    seed: int
    verbose: int = 0
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingResult:
    """What training gave: one list per logged quantity, and whether the user stopped it."""

    history: History
    interrupted: bool = False


class Engine(Protocol):
    """Trains a compiled Keras model in place and evaluates it."""

    def fit(
        self,
        model: keras.Model,
        data: TrainingData,
        validation: TrainingData | None,
        plan: TrainingPlan,
    ) -> TrainingResult:
        """Train for ``plan.epochs`` epochs; raise `DivergenceError` when the loss is not finite."""

    def predict(self, model: keras.Model, X: Features, batch_size: int) -> np.ndarray:
        """Return the model's raw output for each row of ``X``."""
