"""Reports the routed arguments that nothing takes together, not one target after the other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

import keras

from keras_multiclass._network.backbone_resolution import BackboneParameter
from keras_multiclass._network.backbones import get_backbone
from keras_multiclass._network.builder_arguments import check_arguments
from keras_multiclass._network.compile import build_optimizer
from keras_multiclass._network.objective import resolve_loss, resolve_metrics
from keras_multiclass._shared.keras.object_lists import build_objects
from keras_multiclass._shared.keras.objects import extract
from keras_multiclass._training.auto_parameters import DEFAULT_OPTIMIZER
from keras_multiclass._training.callbacks import callback_lookup
from keras_multiclass._training.settings import is_auto

# What the errors of `build_object` and `check_arguments` say.
_PHRASES = ("takes no argument", "matches nothing", "must be an argument", "a supported argument")


@contextlib.contextmanager
def reported_together(values: Mapping[str, object], routed: Mapping[str, object]) -> Iterator[None]:
    """Add unknown arguments of other targets to an error about unknown arguments of one.

    Parameters
    ----------
    values : mapping of str to object
        The parameters by name.
    routed : mapping of str to object
        Routed parameters by full name.
    """
    try:
        yield
    except ValueError as error:
        message = str(error)
        if not any(phrase in message for phrase in _PHRASES):
            raise
        others = [text for name, text in _find(values, routed) if f"{name}__" not in message]
        if not others:
            raise
        raise type(error)("\n".join([message, *others])) from error


def _find(values: Mapping[str, object], routed: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the targets that do not take some of their arguments, with the error messages."""
    for name, build in _BUILD.items():
        arguments = extract(routed, name)
        if not arguments:
            continue
        try:
            build(values, arguments)
        except (ValueError, TypeError) as error:
            if any(phrase in str(error) for phrase in _PHRASES):
                yield name, str(error)


def _check_backbone(values: Mapping[str, object], arguments: Mapping[str, object]) -> None:
    backbone = values["backbone"]
    if values["model"] is not None or is_auto(backbone):
        return
    if isinstance(backbone, str):
        builder, label = get_backbone(backbone).builder, f"backbone {backbone!r}"
    else:
        resolved = BackboneParameter(backbone).resolve(())
        assert resolved is not None
        builder, label = resolved.build, resolved.label
    check_arguments(builder, arguments, prefix="backbone", target=label, skip=1)


def _build_optimizer(values: Mapping[str, object], arguments: Mapping[str, object]) -> None:
    optimizer, backbone = values["optimizer"], values["backbone"]
    if is_auto(optimizer):
        named = isinstance(backbone, str) and not is_auto(backbone)
        defaults = get_backbone(str(backbone)).defaults if named else None
        optimizer = (defaults and defaults.optimizer) or DEFAULT_OPTIMIZER
    build_optimizer(optimizer, arguments)


def _build_loss(values: Mapping[str, object], arguments: Mapping[str, object]) -> None:
    resolve_loss(values["loss"], arguments, n_classes=3, output_form="logits")


def _build_metrics(values: Mapping[str, object], arguments: Mapping[str, object]) -> None:
    resolve_metrics(values["metrics"], arguments, n_classes=3, output_form="logits")


def _build_callbacks(values: Mapping[str, object], arguments: Mapping[str, object]) -> None:
    build_objects(
        values["callbacks"],
        arguments,
        lookup=callback_lookup,
        what="callbacks",
        base=keras.callbacks.Callback,
        copy=False,
    )


_BUILD: dict[str, Callable[[Mapping[str, object], Mapping[str, object]], None]] = {
    "backbone": _check_backbone,
    "optimizer": _build_optimizer,
    "loss": _build_loss,
    "metrics": _build_metrics,
    "callbacks": _build_callbacks,
}
