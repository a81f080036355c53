"""The objective of labels of which a row may have several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import keras
import numpy as np

from keras_multiclass._network.layers.heads import LabelAverage, MemberAverage
from keras_multiclass._network.objective.forms import LabelOutputForm
from keras_multiclass._network.objective.labels.losses import resolve_label_loss
from keras_multiclass._network.objective.labels.metrics import resolve_label_metrics
from keras_multiclass._network.objective.labels.output import (
    inspect_label_output,
    inspect_label_prediction,
    label_log_probabilities,
    label_logits,
    label_probabilities,
)
from keras_multiclass._network.objective.objective import Objective

__all__ = ["LabelObjective"]


@dataclass(frozen=True)
class LabelObjective(Objective):
    """Any number of labels for each row; see `Objective`.

    Attributes
    ----------
    output_form : LabelOutputForm, default="label_logits"
        Output form of the model.
    own_prediction_form : LabelOutputForm, default=None
        Form of what the model's own ``predict_step`` returns; None if it has none.
    label_weights : tuple of tuple of float, default=None
        Weights of the negatives and of the positives of each label in the loss.
    """

    output_form: LabelOutputForm = "label_logits"
    own_prediction_form: LabelOutputForm | None = None
    label_weights: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    average_layer: ClassVar[type[MemberAverage]] = LabelAverage
    table_backbone: ClassVar[str] = "tabm_small"
    small_table_backbone: ClassVar[str] = "tabm_small"
    metrics_of_each: ClassVar[tuple[str, ...]] = (
        "per_label_precision",
        "per_label_recall",
        "per_label_f1",
    )
    automatic_loss: ClassVar[str] = "binary_crossentropy"
    temperature_of_each: ClassVar[bool] = True

    def of_model(self, model: keras.Model, sample: Any, loss: Any) -> LabelObjective:
        """Return the objective of a whole model; raise ``ObjectiveError`` if it does not fit."""
        form = inspect_label_output(model, self.n_classes, sample, loss=loss)
        return replace(self, output_form=form)

    def of_prediction(self, predict: Callable[[Any], Any], sample: Any) -> LabelObjective:
        """Return the objective of a model with a ``predict_step`` of its own."""
        form = inspect_label_prediction(predict, self.n_classes, sample)
        return replace(self, own_prediction_form=form)

    def continued(self, now: LabelObjective) -> LabelObjective:
        """Return the objective with the class weights of further training."""
        return replace(self, label_weights=now.label_weights)

    def of_mixed_rows(self) -> LabelObjective:
        """Return the same objective: a mixed indicator is a number from 0 to 1."""
        return self

    def build_loss(self, loss: Any, arguments: Mapping[str, Any]) -> keras.losses.Loss:
        """Build a loss of an indicator matrix and raw model output."""
        return resolve_label_loss(
            loss,
            arguments,
            n_labels=self.n_classes,
            output_form=self.output_form,
            label_weights=self.label_weights,
        )

    def resolve_metrics(
        self, metrics: Any, arguments: Mapping[str, Any]
    ) -> list[keras.metrics.Metric]:
        """Build exactly the given metrics."""
        return resolve_label_metrics(
            metrics,
            arguments,
            n_labels=self.n_classes,
            output_form=self.output_form,
            label_names=self.class_names,
        )

    @property
    def _prediction_form(self) -> LabelOutputForm:
        return self.own_prediction_form or self.output_form

    def probabilities(self, raw: Any) -> np.ndarray:
        """Convert what the network predicts to the probability of each label."""
        return label_probabilities(raw, self._prediction_form)

    def log_probabilities(self, raw: Any) -> np.ndarray:
        """Convert what the network predicts to log-probabilities."""
        return label_log_probabilities(raw, self._prediction_form)

    def decisions(self, raw: Any) -> np.ndarray:
        """Convert what the network predicts to logits."""
        return label_logits(raw, self._prediction_form)

    def choose(self, probabilities: np.ndarray, thresholds: np.ndarray | None) -> np.ndarray:
        """Return encoded predictions; ``thresholds`` are for labels alone."""
        return probabilities > thresholds
