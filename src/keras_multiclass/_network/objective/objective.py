"""What the units of an output layer stand for, and which loss and metrics fit them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self

import keras
import numpy as np

from keras_multiclass._network.layers.heads import MemberAverage

__all__ = ["Objective"]


class Objective(Protocol):
    """What labels, output layer, loss, metrics and predictions have in common.

    Attributes
    ----------
    n_classes : int
        Number of classes or labels; a network built from a backbone has as many units.
    average_layer : type
        Layer that averages the members of an ensemble.
    temperature_of_each : bool
        Whether calibration gives each unit a temperature of its own.
    """

    @property
    def n_classes(self) -> int:
        """See above."""

    @property
    def average_layer(self) -> type[MemberAverage]:
        """See above."""

    @property
    def temperature_of_each(self) -> bool:
        """See above."""

    def with_ensemble(self, ensemble: bool) -> Self:
        """Return the objective of a network built from a backbone."""

    def of_model(self, model: keras.Model, sample: Any, loss: Any) -> Self:
        """Return the objective of a whole model; raise ``ObjectiveError`` if it does not fit."""

    def of_prediction(self, predict: Callable[[Any], Any], sample: Any) -> Self:
        """Return the objective of a model with a ``predict_step`` of its own."""

    def reweighted(self, now: Self) -> Self:
        """Return the objective with the class weights of further training."""

    def build_loss(self, loss: Any, arguments: Mapping[str, Any]) -> keras.losses.Loss:
        """Build a loss of encoded targets and raw model output."""

    def build_metrics(
        self, metrics: Any, arguments: Mapping[str, Any], *, of_each: bool = False
    ) -> list[keras.metrics.Metric]:
        """Build metrics of encoded targets and raw model output.

        With ``of_each``, precision, recall and F1 of each class are added.
        """

    def probabilities(self, raw: Any) -> np.ndarray:
        """Convert what the network predicts to probabilities."""

    def log_probabilities(self, raw: Any) -> np.ndarray:
        """Convert what the network predicts to log-probabilities."""

    def decisions(self, raw: Any) -> np.ndarray:
        """Convert what the network predicts to what `decision_function` returns."""

    def choose(self, probabilities: np.ndarray, thresholds: np.ndarray | None) -> np.ndarray:
        """Return encoded predictions; ``thresholds`` are for labels alone."""
