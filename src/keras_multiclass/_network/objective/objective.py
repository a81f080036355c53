"""What the units of an output layer stand for, and which loss and metrics fit them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import keras
import numpy as np

from keras_multiclass._network.layers.heads import MemberAverage

__all__ = ["Objective"]


@dataclass(frozen=True)
class Objective(ABC):
    """What labels, output layer, loss, metrics and predictions have in common.

    Attributes
    ----------
    n_classes : int
        Number of classes or labels; a network built from a backbone has as many units.
    class_names : tuple of str, default=None
        Their names in metrics of each of them; their indices if None.
    ensemble : bool, default=False
        Whether the model emits the members' logits during training.
    average_layer : type
        Layer that averages the members of an ensemble.
    automatic_loss : str
        Keras' name of the loss that ``"auto"`` stands for.
    table_backbone, small_table_backbone : str
        The backbones that ``"auto"`` is for tables, and for those of few rows.
    temperature_of_each : bool
        Whether calibration gives each unit a temperature of its own.
    calibrated_metric : str or None
        The metric that is the automatic loss after calibration.
    metrics_of_each : tuple of str
        Metrics of each class, for TensorBoard.
    """

    n_classes: int
    class_names: tuple[str, ...] | None = None
    ensemble: bool = False

    average_layer: ClassVar[type[MemberAverage]]
    automatic_loss: ClassVar[str]
    table_backbone: ClassVar[str]
    small_table_backbone: ClassVar[str]
    temperature_of_each: ClassVar[bool]
    calibrated_metric: ClassVar[str | None] = None
    metrics_of_each: ClassVar[tuple[str, ...]]

    def with_ensemble(self, ensemble: bool) -> Self:
        """Return the objective of a network built from a backbone."""
        return replace(self, ensemble=ensemble)

    def build_metrics(
        self,
        metrics: Any,
        arguments: Mapping[str, Any],
        *,
        of_each: bool = False,
        calibrated: bool = False,
    ) -> list[keras.metrics.Metric]:
        """Build metrics of encoded targets and raw model output.

        With ``of_each``, precision, recall and F1 of each class are added, with ``calibrated`` the
        loss after calibration.
        """
        built = self.resolve_metrics(metrics, arguments)
        names = {metric.name for metric in built}
        added = list(self.metrics_of_each) if of_each else []
        if calibrated and self.calibrated_metric is not None:
            added.append(self.calibrated_metric)
        return built + self.resolve_metrics([name for name in added if name not in names], {})

    @abstractmethod
    def resolve_metrics(
        self, metrics: Any, arguments: Mapping[str, Any]
    ) -> list[keras.metrics.Metric]:
        """Build exactly the given metrics."""

    @abstractmethod
    def build_loss(self, loss: Any, arguments: Mapping[str, Any]) -> keras.losses.Loss:
        """Build a loss of encoded targets and raw model output."""

    @abstractmethod
    def of_model(self, model: keras.Model, sample: Any, loss: Any) -> Self:
        """Return the objective of a whole model; raise ``ObjectiveError`` if it does not fit."""

    @abstractmethod
    def of_prediction(self, predict: Callable[[Any], Any], sample: Any) -> Self:
        """Return the objective of a model with a ``predict_step`` of its own."""

    @abstractmethod
    def continued(self, now: Self) -> Self:
        """Return the objective with the class weights and kind of labels of further training."""

    @abstractmethod
    def of_mixed_rows(self) -> Self:
        """Return the objective of targets that are mixed during training."""

    @abstractmethod
    def probabilities(self, raw: Any) -> np.ndarray:
        """Convert what the network predicts to probabilities."""

    @abstractmethod
    def log_probabilities(self, raw: Any) -> np.ndarray:
        """Convert what the network predicts to log-probabilities."""

    @abstractmethod
    def decisions(self, raw: Any) -> np.ndarray:
        """Convert what the network predicts to what `decision_function` returns."""

    @abstractmethod
    def choose(self, probabilities: np.ndarray, thresholds: np.ndarray | None) -> np.ndarray:
        """Return encoded predictions; ``thresholds`` are for labels alone."""
