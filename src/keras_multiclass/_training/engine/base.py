"""Who owns what while a network is trained.

The classifier owns labels, class weights, parameters and what is kept after training. An engine
gets a compiled model, arrays and a frozen plan; it owns epochs, batch order, validation and the
calls of Keras callbacks, and does not know who built the model. The batch order is a function of
the plan's seed and the epoch number alone, so every engine visits the rows in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, get_args

import keras
import numpy as np

from keras_multiclass._data.rows import Data, Features
from keras_multiclass._shared.typing import History

EngineName: TypeAlias = Literal["auto", "graph", "keras"]
ENGINES = get_args(EngineName)


@dataclass(frozen=True)
class TrainingPlan:
    """Everything an engine needs in addition to model and data.

    Attributes
    ----------
    epochs : int
        Number of epochs.
    first_epoch : int
        Number of the first epoch, counted from 0 over the whole life of the model.
    batch_size : int
        Rows per step; the last step of an epoch may have fewer. A stream determines its batches and
        their order itself; this is the size of the first one.
    shuffle : bool
        Whether to reorder the rows in each epoch.
    seed : int
        Seed of these orders.
    callbacks : tuple of keras.callbacks.Callback, default=()
        Called in Keras' order; those that are an `EpochListener` possibly later.
    jit_compile : bool or "auto", default="auto"
        Whether XLA compiles the steps; "auto" compiles where it pays off.
    options : mapping, default={}
        ``validation_freq`` and ``validation_batch_size``, as in `keras.Model.fit`.
    verbose : int, default=0
        What callbacks find in their ``params``.
    keeps_interrupted : bool, default=False
        Whether an interrupt ends the training normally if an epoch is complete.
    """

    epochs: int
    first_epoch: int
    batch_size: int
    shuffle: bool
    seed: int
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    jit_compile: bool | Literal["auto"] = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    verbose: int = 0
    keeps_interrupted: bool = False

    @property
    def numbers(self) -> range:
        """Numbers of the epochs."""
        return range(self.first_epoch, self.first_epoch + self.epochs)

    @property
    def validation_batch_size(self) -> int:
        """Rows per validation step."""
        return int(self.options.get("validation_batch_size") or self.batch_size)


@dataclass(frozen=True)
class TrainingResult:
    """The outcome of a training run.

    Attributes
    ----------
    history : dict of str to list
        One list per logged quantity, one entry per completed epoch.
    n_epochs : int
        Number of completed epochs.
    interrupted : bool, default=False
        Whether the user stopped the training.
    engine : str, default=""
        Name of the engine that ran.
    reason : str, default=""
        Why this engine ran.
    compiled : bool, default=False
        Whether XLA compiled the steps.
    first_epoch : int, default=0
        Number of the first epoch: a later one than planned if a callback restored the training.
    """

    history: History
    n_epochs: int
    interrupted: bool = False
    engine: str = ""
    reason: str = ""
    compiled: bool = False
    first_epoch: int = 0


class Engine(Protocol):
    """Trains a compiled Keras model in place, and computes its output."""

    def fit(
        self,
        model: keras.Model,
        data: Data,
        validation: Data | None,
        plan: TrainingPlan,
    ) -> TrainingResult:
        """Train a model.

        Parameters
        ----------
        model : keras.Model
            Compiled, with a loss that takes class indices; changed in place.
        data : TrainingData or StreamData
            Training rows.
        validation : TrainingData, StreamData or None
            Rows to validate on after each epoch.
        plan : TrainingPlan
            How to train.

        Returns
        -------
        TrainingResult
            The history, and whether the user stopped the training after a completed epoch.

        Raises
        ------
        DivergenceError
            If the loss of an epoch is not finite.
        """

    def predict(self, model: keras.Model, X: Features, batch_size: int) -> Iterator[np.ndarray]:
        """Compute the output of a model, some rows at a time.

        Parameters
        ----------
        model : keras.Model
            The model.
        X : ndarray or CSR matrix of shape (n_samples, ...)
            Features.
        batch_size : int
            Rows per batch.

        Yields
        ------
        ndarray of shape (n_rows, n_units)
            The raw output for the next rows, independent of the number of rows.
        """
