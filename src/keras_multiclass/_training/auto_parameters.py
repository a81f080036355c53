"""What the parameters become that the user left at ``"auto"``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from keras_multiclass._network.backbones import TrainingDefaults
from keras_multiclass._network.build import ResolvedBackbone
from keras_multiclass._shared.keras.objects import extract
from keras_multiclass._training.callbacks import names_tensorboard
from keras_multiclass._training.settings import (
    DEFAULT_EARLY_STOPPING_SPLIT,
    DEFAULT_EPOCHS,
    Settings,
    is_auto,
    resolve_early_stopping,
)

DEFAULT_OPTIMIZER = "adam"


def complete(
    settings: Settings, choice: ResolvedBackbone | None, *, can_hold_out: bool
) -> Settings:
    """Put the recipe of a backbone, or our own defaults, in place of ``"auto"``.

    Parameters
    ----------
    settings : Settings
        As the user set them.
    choice : ResolvedBackbone or None
        The backbone; None for a whole model.
    can_hold_out : bool
        Whether there are, or can be, validation rows that the user did not ask for.

    Returns
    -------
    Settings
        Without ``"auto"``, except for the size of a batch that the data decide on.
    """
    recipe = TrainingDefaults() if choice is None else choice.recipe
    scaled = choice is not None and choice.scaled
    stopping, held_out = settings.early_stopping, DEFAULT_EARLY_STOPPING_SPLIT
    if is_auto(stopping):
        stopping = bool(can_hold_out) and (recipe.early_stopping or False)
        held_out = recipe.validation_split or held_out
    stopping = resolve_early_stopping(stopping)
    needs_rows = stopping is not None or settings.calibration is not None
    default_split = held_out if needs_rows else None
    return replace(
        settings,
        epochs=_first(settings.epochs, recipe.epochs, DEFAULT_EPOCHS),
        batch_size=_first(settings.batch_size, recipe.batch_size, "auto"),
        least_batch_size=recipe.least_batch_size,
        scaling=_first(settings.scaling, recipe.scaling, "standard" if scaled else None),
        early_stopping=stopping,
        n_ensemble=_first(settings.n_ensemble, recipe.n_ensemble, 1),
        held_out=default_split if settings.validation_split is None else settings.validation_split,
    )


def _first(set_by_user: Any, of_recipe: Any, default: Any) -> Any:
    if not is_auto(set_by_user):
        return set_by_user
    return default if of_recipe is None else of_recipe


def compile_choices(
    twin: Any, settings: Settings, choice: ResolvedBackbone | None
) -> dict[str, Any]:
    """Collect what to compile with, under the names of `CompileSpec`.

    Parameters
    ----------
    twin : KerasMulticlassClassifier
        Holds the parameters.
    settings : Settings
        Checked.
    choice : ResolvedBackbone or None
        The backbone, which may bring an optimizer and arguments of the loss.
    """
    recipe = TrainingDefaults() if choice is None else choice.recipe
    routed = twin._routed
    optimizer, arguments = twin.optimizer, extract(routed, "optimizer")
    if is_auto(optimizer):
        optimizer = recipe.optimizer or DEFAULT_OPTIMIZER
        arguments = {**recipe.optimizer_arguments, **arguments}
    loss_arguments = extract(routed, "loss")
    if is_auto(twin.loss):
        loss_arguments = {**recipe.loss_arguments, **loss_arguments}
    return {
        "optimizer": optimizer,
        "optimizer_arguments": arguments,
        "loss": twin.loss,
        "loss_arguments": loss_arguments,
        "metrics": twin.metrics,
        "metrics_arguments": extract(routed, "metrics"),
        "class_scores": any(map(names_tensorboard, (twin.callbacks, routed.get("fit__callbacks")))),
        "options": settings.compile_options,
    }


def resolved_parameters(
    settings: Settings, choice: ResolvedBackbone | None, choices: Mapping[str, Any], batch_size: int
) -> dict[str, Any]:
    """Name what a network was trained with, as parameters of the classifier.

    Parameters
    ----------
    settings : Settings
        Completed.
    choice : ResolvedBackbone or None
        The backbone.
    choices : mapping
        What `compile_choices` gave.
    batch_size : int
        Rows of a step.
    """
    return {
        **({} if choice is None or choice.name is None else {"backbone": choice.name}),
        "optimizer": choices["optimizer"],
        **{f"optimizer__{name}": v for name, v in choices["optimizer_arguments"].items()},
        "loss": choices["loss"],
        **{f"loss__{name}": v for name, v in choices["loss_arguments"].items()},
        "epochs": settings.epochs,
        "batch_size": batch_size,
        "scaling": settings.scaling,
        "n_ensemble": settings.n_ensemble,
        "validation_split": settings.held_out,
        "early_stopping": dict(settings.early_stopping) if settings.early_stopping else False,
    }
