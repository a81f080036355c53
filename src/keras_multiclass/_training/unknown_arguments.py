"""Reports the routed arguments that nothing takes together, not one target after the other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import keras

from keras_multiclass._network.backbone_resolution import NetworkParameters
from keras_multiclass._network.backbones import get_backbone
from keras_multiclass._network.builder_arguments import check_arguments
from keras_multiclass._network.compile import build_optimizer
from keras_multiclass._network.objective import Objective
from keras_multiclass._shared.error_marks import mark, marked
from keras_multiclass._shared.keras.object_lists import build_objects
from keras_multiclass._shared.keras.objects import extract
from keras_multiclass._training.callbacks import callback_lookup
from keras_multiclass._training.defaults import DEFAULT_OPTIMIZER
from keras_multiclass._training.parameter_checks import is_auto

Values: TypeAlias = Mapping[str, object]


@contextlib.contextmanager
def reported_together(
    values: Mapping[str, object], routed: Mapping[str, object], objective: Objective
) -> Iterator[None]:
    """Add unknown arguments of other targets to an error about unknown arguments of one.

    Parameters
    ----------
    values : mapping of str to object
        The parameters by name.
    routed : mapping of str to object
        Routed parameters by full name.
    objective : Objective
        What to build losses and metrics for; any number of classes will do.
    """
    try:
        yield
    except ValueError as error:
        reported = marked(error, "unknown argument")
        if not reported:
            raise
        others = dict(_find(values, routed, objective, reported))
        if not others:
            raise
        together = type(error)("\n".join([str(error), *others.values()]))
        raise mark(together, "unknown argument", *reported, *others) from error


def _find(
    values: Mapping[str, object],
    routed: Mapping[str, object],
    objective: Objective,
    reported: Sequence[str],
) -> Iterator[tuple[str, str]]:
    """Yield further targets that do not take some of their arguments, with the messages."""
    for name, build in _BUILD.items():
        arguments = extract(routed, name)
        if name in reported or not arguments:
            continue
        try:
            build(values, arguments, objective)
        except (ValueError, TypeError) as error:
            if marked(error, "unknown argument"):
                yield name, str(error)


def _check_backbone(values: Values, arguments: Values, objective: Objective) -> None:
    backbone = values["backbone"]
    if values["model"] is not None or is_auto(backbone):
        return
    if isinstance(backbone, str):
        builder, label = get_backbone(backbone).builder, f"backbone {backbone!r}"
    else:
        resolved = NetworkParameters(backbone).resolve(())
        assert resolved is not None
        builder, label = resolved.build, resolved.label
    check_arguments(builder, arguments, prefix="backbone", target=label, skip=1)


def _build_optimizer(values: Values, arguments: Values, objective: Objective) -> None:
    optimizer, backbone = values["optimizer"], values["backbone"]
    if is_auto(optimizer):
        named = isinstance(backbone, str) and not is_auto(backbone)
        defaults = get_backbone(str(backbone)).defaults if named else None
        optimizer = (defaults and defaults.optimizer) or DEFAULT_OPTIMIZER
    build_optimizer(optimizer, arguments)


def _build_loss(values: Values, arguments: Values, objective: Objective) -> None:
    objective.build_loss(values["loss"], arguments)


def _build_metrics(values: Values, arguments: Values, objective: Objective) -> None:
    objective.build_metrics(values["metrics"], arguments)


def _build_callbacks(values: Values, arguments: Values, objective: Objective) -> None:
    build_objects(
        values["callbacks"],
        arguments,
        lookup=callback_lookup,
        what="callbacks",
        base=keras.callbacks.Callback,
        copy=False,
    )


_BUILD: dict[str, Callable[[Values, Values, Objective], None]] = {
    "backbone": _check_backbone,
    "optimizer": _build_optimizer,
    "loss": _build_loss,
    "metrics": _build_metrics,
    "callbacks": _build_callbacks,
}
