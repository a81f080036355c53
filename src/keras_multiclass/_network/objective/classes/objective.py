"""The objective of classes that exclude each other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import keras
import numpy as np

from keras_multiclass._network.layers.heads import MemberAverage
from keras_multiclass._network.objective.classes.calibrated_loss import CALIBRATED_LOSS
from keras_multiclass._network.objective.classes.losses import resolve_loss
from keras_multiclass._network.objective.classes.metrics import resolve_metrics
from keras_multiclass._network.objective.classes.output import (
    inspect_output,
    inspect_prediction,
    to_log_probabilities,
    to_logits,
    to_probabilities,
)
from keras_multiclass._network.objective.forms import ClassOutputForm
from keras_multiclass._network.objective.objective import Objective
from keras_multiclass.exceptions import ObjectiveError

__all__ = ["ClassObjective"]


@dataclass(frozen=True)
class ClassObjective(Objective):
    """Exactly one class for each row; see `Objective`.

    Attributes
    ----------
    output_form : ClassOutputForm, default="logits"
        Output form of the model.
    own_prediction_form : ClassOutputForm, default=None
        Form of what the model's own ``predict_step`` returns; None if it has none.
    soft : bool, default=False
        Whether targets are soft labels, of shape ``(n, n_classes)``, instead of class indices.
    mixed : bool, default=False
        Whether rows are mixed during training, so that class indices become soft labels.
    """

    output_form: ClassOutputForm = "logits"
    own_prediction_form: ClassOutputForm | None = None
    soft: bool = False
    mixed: bool = False

    average_layer: ClassVar[type[MemberAverage]] = MemberAverage
    table_backbone: ClassVar[str] = "realmlp_small"
    small_table_backbone: ClassVar[str] = "mlp_plr"
    metrics_of_each: ClassVar[tuple[str, ...]] = (
        "per_class_precision",
        "per_class_recall",
        "per_class_f1",
    )
    automatic_loss: ClassVar[str] = "sparse_categorical_crossentropy"
    temperature_of_each: ClassVar[bool] = False
    calibrated_metric: ClassVar[str | None] = CALIBRATED_LOSS

    def of_model(self, model: keras.Model, sample: Any, loss: Any) -> ClassObjective:
        """Return the objective of a whole model; raise ``ObjectiveError`` if it does not fit."""
        return replace(self, output_form=inspect_output(model, self.n_classes, sample, loss=loss))

    def of_prediction(self, predict: Callable[[Any], Any], sample: Any) -> ClassObjective:
        """Return the objective of a model with a ``predict_step`` of its own."""
        form = inspect_prediction(predict, self.n_classes, sample)
        return replace(self, own_prediction_form=form)

    def continued(self, now: ClassObjective) -> ClassObjective:
        """Return the objective with the kind of labels of further training."""
        return replace(self, soft=now.soft or self.mixed)

    def of_mixed_rows(self) -> ClassObjective:
        """Return the objective of targets that are mixed during training."""
        return replace(self, soft=True, mixed=True)

    def build_loss(self, loss: Any, arguments: Mapping[str, Any]) -> keras.losses.Loss:
        """Build a loss of class indices, or soft labels, and raw model output."""
        with self._about_mixing("loss", lambda: self._unmixed.build_loss(loss, arguments)):
            return self._resolve_loss(loss, arguments)

    def _resolve_loss(self, loss: Any, arguments: Mapping[str, Any]) -> keras.losses.Loss:
        return resolve_loss(
            loss,
            arguments,
            n_classes=self.n_classes,
            output_form=self.output_form,
            ensemble=self.ensemble,
            soft=self.soft,
        )

    def resolve_metrics(
        self, metrics: Any, arguments: Mapping[str, Any]
    ) -> list[keras.metrics.Metric]:
        """Build exactly the given metrics."""
        unmixed = self._unmixed
        with self._about_mixing("metrics", lambda: unmixed.resolve_metrics(metrics, arguments)):
            return self._resolve_metrics(metrics, arguments)

    def _resolve_metrics(
        self, metrics: Any, arguments: Mapping[str, Any]
    ) -> list[keras.metrics.Metric]:
        return resolve_metrics(
            metrics,
            arguments,
            n_classes=self.n_classes,
            output_form=self.output_form,
            ensemble=self.ensemble,
            class_names=self.class_names,
            soft=self.soft,
        )

    @property
    def _unmixed(self) -> ClassObjective:
        return replace(self, soft=False, mixed=False)

    @contextlib.contextmanager
    def _about_mixing(self, what: str, build: Callable[[], Any]) -> Iterator[None]:
        """Let errors say that targets are soft because rows are mixed, if nothing else is wrong."""
        try:
            yield
        except ObjectiveError as error:
            if not self.mixed:
                raise
            build()  # raises what is wrong without mixing
            raise ObjectiveError(
                f"`{what}` must take soft labels if `augmentation` mixes rows (MixUp, CutMix); got "
                f"one that takes a class for each row. Set `{what}` to another, such as "
                f"{'loss=' + repr('auto') if what == 'loss' else 'metrics=' + repr('accuracy')}, "
                "or leave MixUp and CutMix out."
            ) from error

    @property
    def _prediction_form(self) -> ClassOutputForm:
        return self.own_prediction_form or self.output_form

    def probabilities(self, raw: Any) -> np.ndarray:
        """Convert what the network predicts to probabilities, which sum to one."""
        return to_probabilities(raw, self._prediction_form)

    def log_probabilities(self, raw: Any) -> np.ndarray:
        """Convert what the network predicts to log-probabilities."""
        return to_log_probabilities(raw, self._prediction_form)

    def decisions(self, raw: Any) -> np.ndarray:
        """Convert what the network predicts to logits; for two classes, to their difference."""
        logits = to_logits(raw, self._prediction_form)
        return logits[:, 1] - logits[:, 0] if self.n_classes == 2 else logits

    def choose(self, probabilities: np.ndarray, thresholds: np.ndarray | None) -> np.ndarray:
        """Return encoded predictions; ``thresholds`` are for labels alone."""
        return probabilities.argmax(axis=1)
