"""What parameters at ``"auto"`` become, from the backbone's defaults or our own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from keras_multiclass._network.backbone_resolution import ResolvedBackbone
from keras_multiclass._network.backbones import TrainingDefaults
from keras_multiclass._network.compile import CompileArguments
from keras_multiclass._network.objective import CALIBRATED_LOSS, Objective, is_automatic
from keras_multiclass._network.optimizers import follows_schedule
from keras_multiclass._training.callbacks import names_tensorboard
from keras_multiclass._training.early_stopping import (
    DEFAULT_PATIENCE,
    DEFAULT_VALIDATION_SPLIT,
    StoppingArguments,
    resolve_early_stopping,
)
from keras_multiclass._training.engine import EngineName
from keras_multiclass._training.fit_parameters import FitParameters
from keras_multiclass._training.parameter_checks import Auto, is_auto
from keras_multiclass._training.thresholds import is_chosen

DEFAULT_EPOCHS = 100
DEFAULT_OPTIMIZER = "adam"
_LARGEST_BATCH_SIZE = 1024
_T = TypeVar("_T")


@dataclass(frozen=True)
class TrainingSettings:
    """The plain parameters that training uses, with ``"auto"`` resolved.

    Attributes
    ----------
    epochs : int
        Number of epochs.
    shuffle : bool
        Whether rows are shuffled before each epoch.
    scaling : str, None, or mapping of str to either
        How the network scales numbers, for several inputs those of each.
    early_stopping : mapping or None
        Arguments of the callback.
    validation_split : float, splitter, list of one pair or None
        Which rows to hold out if no validation data are given.
    n_ensemble : int
        Number of networks side by side.
    calibration : str or None
        How probabilities are calibrated.
    engine : {"auto", "graph", "keras"}
        The training engine.
    fit_options : mapping
        Routed arguments of training.
    batch_size : int or "auto"
        Rows per step, -1 for all; ``"auto"`` where it follows from the number of rows.
    smallest_batch_size : int
        Lower limit if `batch_size` is ``"auto"``.
    """

    epochs: int
    shuffle: bool
    scaling: Any
    early_stopping: StoppingArguments | None
    validation_split: object
    n_ensemble: int
    calibration: str | None
    engine: EngineName
    fit_options: Mapping[str, object]
    batch_size: int | Auto
    smallest_batch_size: int

    def rows_per_batch(self, n_samples: int) -> int:
        """Return the number of rows per step, at most all there are."""
        if self.batch_size == "auto":
            nearest = 2 ** round(math.log2(max(n_samples / 32, 1)))
            return min(max(nearest, self.smallest_batch_size), _LARGEST_BATCH_SIZE, n_samples)
        return n_samples if self.batch_size == -1 else min(self.batch_size, n_samples)


def resolve_auto(
    parameters: FitParameters,
    backbone: ResolvedBackbone | None,
    objective: Objective,
    *,
    can_hold_out: bool,
    has_enough_rows: bool = True,
    n_ensemble: int | None = None,
) -> TrainingSettings:
    """Replace ``"auto"`` by what the backbone recommends, else by our own defaults.

    Parameters
    ----------
    parameters : FitParameters
        The parameters of the estimator.
    backbone : ResolvedBackbone or None
        The backbone; None for a whole model.
    objective : Objective
        An objective of the target's kind.
    can_hold_out : bool
        Whether there are validation rows, or rows that can be held out.
    has_enough_rows : bool, default=True
        Whether there are enough rows to hold out some because the backbone recommends it.
    n_ensemble : int, default=None
        Number of networks that exist; None before they are built.

    Returns
    -------
    TrainingSettings
        The settings of this run.
    """
    settings = parameters.settings
    defaults = TrainingDefaults() if backbone is None else backbone.defaults
    if backbone is None:
        scaling = _first(settings.scaling, None, None)
    else:
        scaling = backbone.resolve_scaling(settings.scaling)
    n_ensemble = n_ensemble or _first(settings.n_ensemble, defaults.n_ensemble, 1)
    has_loss = is_automatic(parameters.loss)
    # Folds are for an ensemble, whose members validate each other.
    validates = can_hold_out and (
        not defaults.has_folds or (has_enough_rows and n_ensemble > 1 and has_loss)
    )
    if not validates:
        defaults = replace(defaults, early_stopping=None, calibration=None, validation_split=None)
    calibration = _first(settings.calibration, defaults.calibration, None)
    epochs = _first(settings.epochs, defaults.epochs, DEFAULT_EPOCHS)
    metric = objective.calibrated_metric if calibration is not None and has_loss else None
    early_stopping = resolve_early_stopping(
        _first(settings.early_stopping, defaults.early_stopping, False),
        _default_patience(parameters, defaults, epochs),
        metric or "loss",
    )
    split = settings.validation_split
    holds_out = early_stopping is not None or calibration is not None
    if split is None and (holds_out or is_chosen(settings.threshold)):
        split = defaults.validation_split or DEFAULT_VALIDATION_SPLIT
    return TrainingSettings(
        epochs=epochs,
        shuffle=settings.shuffle,
        scaling=scaling,
        early_stopping=early_stopping,
        validation_split=split,
        n_ensemble=n_ensemble,
        calibration=calibration,
        engine=settings.engine,
        fit_options=settings.fit_options,
        batch_size=_first(settings.batch_size, defaults.batch_size, "auto"),
        smallest_batch_size=defaults.least_batch_size,
    )


def _default_patience(parameters: FitParameters, defaults: TrainingDefaults, epochs: int) -> int:
    """Return the number of epochs without progress after which training stops.

    A learning rate that follows a schedule rises and falls over the whole run, and the loss with
    it, so that there is no progress in most of a cycle: all epochs are trained, and the best one is
    restored.
    """
    if follows_schedule(*_optimizer(parameters, defaults)):
        return max(epochs, DEFAULT_PATIENCE)
    return DEFAULT_PATIENCE


def _first(value: _T | Auto, recommended: _T | None, default: _T) -> _T:
    if not is_auto(value):
        return value  # type: ignore[return-value]
    return default if recommended is None else recommended


def _optimizer(
    parameters: FitParameters, defaults: TrainingDefaults
) -> tuple[object, Mapping[str, object]]:
    """Return the optimizer and its arguments."""
    optimizer, arguments = parameters.optimizer, parameters.routed_to("optimizer")
    if not is_auto(optimizer):
        return optimizer, arguments
    return defaults.optimizer or DEFAULT_OPTIMIZER, {**defaults.optimizer_arguments, **arguments}


def compile_arguments(
    parameters: FitParameters,
    backbone: ResolvedBackbone | None,
    early_stopping: StoppingArguments | None,
) -> CompileArguments:
    """Collect what to compile with.

    Parameters
    ----------
    parameters : FitParameters
        The parameters of the estimator.
    backbone : ResolvedBackbone or None
        The backbone, which may recommend an optimizer and arguments of the loss.
    early_stopping : mapping or None
        Arguments of the callback, which may monitor a metric that is then added.

    Returns
    -------
    CompileArguments
        Optimizer, loss and metrics, their arguments, and options of compiling.
    """
    defaults = TrainingDefaults() if backbone is None else backbone.defaults
    optimizer, optimizer_arguments = _optimizer(parameters, defaults)
    loss_arguments = parameters.routed_to("loss")
    if is_auto(parameters.loss):
        loss_arguments = {**defaults.loss_arguments, **loss_arguments}
    callbacks = (parameters.callbacks, parameters.routed.get("fit__callbacks"))
    monitor = str(early_stopping["monitor"]) if early_stopping else ""
    return {
        "optimizer": optimizer,
        "optimizer_arguments": optimizer_arguments,
        "loss": parameters.loss,
        "loss_arguments": loss_arguments,
        "metrics": parameters.metrics,
        "metrics_arguments": parameters.routed_to("metrics"),
        "class_scores": any(map(names_tensorboard, callbacks)),
        "calibrated_loss": monitor.removeprefix("val_") == CALIBRATED_LOSS,
        "options": parameters.settings.compile_options,
    }


def resolved_parameters(
    settings: TrainingSettings,
    backbone: ResolvedBackbone | None,
    arguments: CompileArguments,
    batch_size: int,
) -> dict[str, object]:
    """Return what a network was trained with, as parameters of the classifier.

    Parameters
    ----------
    settings : TrainingSettings
        The settings of the run.
    backbone : ResolvedBackbone or None
        The backbone.
    arguments : mapping
        What `compile_arguments` returned.
    batch_size : int
        Rows per step.

    Returns
    -------
    dict
        Values by parameter name, routed ones included.
    """
    return {
        **({} if backbone is None or backbone.named is None else {"backbone": backbone.named}),
        "optimizer": arguments["optimizer"],
        **{f"optimizer__{name}": v for name, v in arguments["optimizer_arguments"].items()},
        "loss": arguments["loss"],
        **{f"loss__{name}": v for name, v in arguments["loss_arguments"].items()},
        "epochs": settings.epochs,
        "batch_size": batch_size,
        "scaling": settings.scaling,
        "n_ensemble": settings.n_ensemble,
        "calibration": settings.calibration,
        "validation_split": settings.validation_split,
        "early_stopping": dict(settings.early_stopping) if settings.early_stopping else False,
    }
