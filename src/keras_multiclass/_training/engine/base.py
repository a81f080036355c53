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
from typing import Any, Literal, Protocol, TypeAlias, get_args

import keras
import numpy as np

from keras_multiclass._data.rows import Features, TrainingData
from keras_multiclass._shared.typing import History

EngineName: TypeAlias = Literal["auto", "graph", "keras"]
ENGINES = get_args(EngineName)


@dataclass(frozen=True)
class TrainingPlan:
    """Everything an engine has to know beside model and data.

    Attributes
    ----------
    epochs : int
        How many epochs to train.
    first_epoch : int
        Number of the first of them, counted from 0 over the whole life of the model.
    batch_size : int
        Rows of a step; the last step of an epoch may have fewer.
    shuffle : bool
        Whether the rows come in a new order in each epoch.
    seed : int
        Seed of these orders.
    callbacks : tuple of keras.callbacks.Callback, default=()
        Called as Keras calls them; an `EpochListener` perhaps later.
    jit_compile : bool or "auto", default="auto"
        Whether XLA compiles the steps; "auto" for where it pays.
    options : mapping, default={}
        ``validation_freq`` and ``validation_batch_size``, as in `keras.Model.fit`.
    """

    epochs: int
    first_epoch: int
    batch_size: int
    shuffle: bool
    seed: int
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    jit_compile: bool | Literal["auto"] = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def numbers(self) -> range:
        """Numbers of the epochs."""
        return range(self.first_epoch, self.first_epoch + self.epochs)

    @property
    def validation_batch_size(self) -> int:
        """Rows of a step of validation."""
        return int(self.options.get("validation_batch_size") or self.batch_size)


@dataclass(frozen=True)
class TrainingResult:
    """What training gave.

    Attributes
    ----------
    history : dict of str to list
        One list per logged quantity, one entry per epoch that ended.
    interrupted : bool, default=False
        Whether the user stopped the training.
    engine : str, default=""
        Name of the engine that ran.
    reason : str, default=""
        Why it was this one.
    compiled : bool, default=False
        Whether XLA compiled the steps.
    """

    history: History
    interrupted: bool = False
    engine: str = ""
    reason: str = ""
    compiled: bool = False


class Engine(Protocol):
    """Trains a compiled Keras model in place and evaluates it."""

    def fit(
        self,
        model: keras.Model,
        data: TrainingData,
        validation: TrainingData | None,
        plan: TrainingPlan,
    ) -> TrainingResult:
        """Train a model.

        Parameters
        ----------
        model : keras.Model
            Compiled, with a loss that takes class indices; changed in place.
        data : TrainingData
            Rows to train on. The Keras engine takes ``StreamData`` as well.
        validation : TrainingData or None
            Rows to validate on after each epoch; the same holds for them.
        plan : TrainingPlan
            What to do.

        Returns
        -------
        TrainingResult
            The history, and whether the user stopped the training after an epoch had ended.

        Raises
        ------
        DivergenceError
            If the loss of an epoch is not finite.
        """

    def predict(self, model: keras.Model, X: Features, batch_size: int) -> np.ndarray:
        """Evaluate a model.

        Parameters
        ----------
        model : keras.Model
            The model.
        X : ndarray or CSR matrix of shape (n_samples, ...)
            Features.
        batch_size : int
            Rows that are evaluated together.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            The raw output for each row, which does not depend on the number of rows.
        """
