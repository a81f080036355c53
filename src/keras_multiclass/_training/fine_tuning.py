"""The parameter `fine_tuning`: a second phase of training, for the backbone, too."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras

from keras_multiclass._network.compile import CompileSpec
from keras_multiclass._network.fine_tuning import FrozenNetworks
from keras_multiclass._shared.checks import is_count
from keras_multiclass._shared.messages import count_of, describe, invalid
from keras_multiclass._training.engine import TrainingPlan, TrainingResult
from keras_multiclass.exceptions import BackboneError

ALLOWED = (
    "None, a number of epochs (at least 1), or a dict with 'epochs' and optionally 'learning_rate'"
)
# As in TensorFlow's tutorial "Transfer learning and fine-tuning".
_SHARE_OF_LEARNING_RATE = 0.1


def is_valid(value: object) -> bool:
    """Whether a value can be the parameter `fine_tuning`."""
    if not isinstance(value, Mapping):
        return value is None or is_count(value)
    rate: Any = value.get("learning_rate", 1.0)
    is_rate = rate is None or (
        isinstance(rate, numbers.Real) and not isinstance(rate, bool) and 0 < float(rate) < 1e9
    )
    return is_rate and is_count(value.get("epochs")) and set(value) <= {"epochs", "learning_rate"}


@dataclass(frozen=True)
class FineTuning:
    """The second phase.

    Attributes
    ----------
    epochs : int
        Number of its epochs.
    learning_rate : float or None
        Its learning rate; None for a tenth of that of the first phase.
    """

    epochs: int
    learning_rate: float | None = None

    @classmethod
    def of(cls, value: Any) -> FineTuning | None:
        """Return what a valid value of the parameter means; None for a single phase."""
        if value is None or not is_valid(value):  # which is reported with the other parameters
            return None
        if not isinstance(value, Mapping):
            return cls(int(value))
        rate = value.get("learning_rate")
        return cls(int(value["epochs"]), None if rate is None else float(rate))

    def optimizer(self, spec: CompileSpec) -> keras.optimizers.Optimizer:
        """Build the optimizer of the second phase.

        Parameters
        ----------
        spec : CompileSpec
            What the model is compiled from.

        Raises
        ------
        ValueError
            If the learning rate is open, and that of the first phase is not a number.
        """
        rate = self.learning_rate
        if rate is None:
            of_first = spec.build_optimizer().get_config().get("learning_rate")
            if not isinstance(of_first, (int, float)):
                raise ValueError(
                    invalid(
                        "`fine_tuning`",
                        "a dict with a 'learning_rate' if that of the optimizer is not a number",
                        str(self.epochs),
                        f"Pass fine_tuning={{'epochs': {self.epochs}, 'learning_rate': 1e-4}}.",
                    )
                )
            rate = _SHARE_OF_LEARNING_RATE * of_first
        arguments = {**spec.optimizer_arguments, "learning_rate": rate}
        return replace(spec, optimizer_arguments=arguments).build_optimizer()

    def plan(self, first: TrainingPlan, result: TrainingResult) -> TrainingPlan:
        """Plan the second phase, after what the first one has done."""
        return replace(first, epochs=self.epochs, first_epoch=result.first_epoch + result.n_epochs)


def check_fine_tuning(value: FineTuning | None, backbone: object, *, is_new_fit: bool) -> None:
    """Raise if there cannot be two phases.

    Parameters
    ----------
    value : FineTuning or None
        The second phase.
    backbone : object
        The parameter `backbone`.
    is_new_fit : bool
        Whether a new network is trained to the end.

    Raises
    ------
    ValueError
        If a network is trained further, or in parts.
    BackboneError
        If no backbone has weights of its own.
    """
    if value is None:
        return
    if not is_new_fit:
        raise ValueError(
            invalid(
                "`fine_tuning`",
                "None to train a network further, with partial_fit or warm_start=True",
                count_of(value.epochs, "epoch"),
                "Set fine_tuning=None to train the layers that are trainable now.",
            )
        )
    parts = backbone.values() if isinstance(backbone, Mapping) else [backbone]
    if not any(isinstance(part, keras.Layer) for part in parts):
        raise BackboneError(
            invalid(
                "`fine_tuning`",
                "None unless `backbone` is a keras.Model or keras.Layer with weights of its own",
                f"{count_of(value.epochs, 'epoch')}, and {describe(backbone)} as `backbone`",
                "Pass a pretrained network, such as one of keras.applications, or set "
                "fine_tuning=None.",
            )
        )


def freeze(model: keras.Model) -> FrozenNetworks:
    """Freeze the user's own networks inside a model for the first phase.

    Raises
    ------
    BackboneError
        If there is nothing to train in the second one.
    """
    frozen = FrozenNetworks(model)
    if not frozen.can_be_trained:
        raise BackboneError(
            invalid(
                "`fine_tuning`",
                "None if no layer of `backbone` can be trained",
                "a network whose layers all have trainable=False, or no weights",
                "Set trainable=True for those to train in the second phase; in the first one, "
                "all are frozen anyway.",
            )
        )
    return frozen
