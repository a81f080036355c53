"""Refuses layers and models that Keras cannot rebuild as they are."""

from __future__ import annotations

import inspect
from typing import Any

import keras

from keras_multiclass._shared.keras.layer_tree import iterate_layers
from keras_multiclass._shared.keras.overrides import CALLED, NOT_CALLED
from keras_multiclass._shared.library_code import is_custom
from keras_multiclass._shared.messages import format_list, quote_error
from keras_multiclass._shared.signatures import accepted_parameters, read_signature


def check_copyable(layer: keras.Layer) -> None:
    """Raise ``TypeError`` for a layer or model that a copy would not be equal to."""
    _refuse_same_names(layer)
    for inner in reversed(list(iterate_layers(layer))):  # those inside others first
        if isinstance(inner, keras.Model):
            _refuse_own_methods(inner)
            _refuse_lost_arguments(type(inner))
        if is_custom(type(inner)):
            _refuse_unusable_config(inner)
        if not is_custom(type(inner)) and not isinstance(inner, keras.layers.Lambda):
            _refuse_lambdas(inner)


def _refuse_same_names(layer: keras.Layer) -> None:
    """Raise for different classes of layers, or functions, of the same name.

    Keras looks them up by name, so that all of these layers would be built with one of them.
    """
    found: dict[str, Any] = {}
    for inner in iterate_layers(layer):
        names = accepted_parameters(type(inner)).names
        functions = (v for k, v in vars(inner).items() if k in names and inspect.isfunction(v))
        for code in (type(inner), *functions):
            name = keras.saving.get_registered_name(code)
            if is_custom(code) and found.setdefault(name, code) is not code:
                kind = "classes of layers" if inspect.isclass(code) else "functions"
                raise TypeError(
                    f"The model {layer.name!r} cannot be copied or saved, because its layers use "
                    f"different {kind} of the same name, {name!r}: rename them."
                )


def _refuse_own_methods(model: keras.Model) -> None:
    """Raise for methods set on a model rather than in its class, which a copy would lose."""
    own = [name for name in (*CALLED, *NOT_CALLED) if name in vars(model)]
    if own:
        raise TypeError(
            f"The model {model.name!r} cannot be copied or saved, because {format_list(own)} "
            f"{'is' if len(own) == 1 else 'are'} set on the instance: override "
            f"{'it' if len(own) == 1 else 'them'} in a subclass of keras.Model."
        )


def _refuse_lost_arguments(cls: type[keras.Model]) -> None:
    """Raise for subclassed models without `get_config`, which would be rebuilt with defaults.

    Keras records the arguments of custom layers automatically. For models, it records only the
    defaults.
    """
    owners = (cls.__init__.__module__, cls.get_config.__module__)
    keras_init, keras_config = (owner.startswith("keras.") for owner in owners)
    if keras_init or not keras_config:
        return
    names = read_signature(cls.__init__, skip_first=True).names
    lost = set(names) - {"name", "trainable", "dtype"}
    if lost:
        raise TypeError(
            f"The model {cls.__name__} cannot be copied or saved, because its configuration "
            f"lacks the constructor arguments {format_list(sorted(lost))}: give it a "
            "`get_config` method that returns them too."
        )


def _refuse_unusable_config(layer: keras.Layer) -> None:
    """Raise for a class of the user's whose constructor does not take what `get_config` returns."""
    cls = type(layer)
    kind = "model" if isinstance(layer, keras.Model) else "layer"
    has_own = not cls.get_config.__module__.startswith("keras.")
    start = f"The {kind} {cls.__name__} cannot be copied or saved, because its `get_config`"
    cure = "Let it return exactly the arguments of the constructor."
    try:
        config = layer.get_config()
    except Exception as error:
        arguments = format_list(read_signature(cls.__init__, skip_first=True).names)
        if not has_own and isinstance(error, NotImplementedError):
            reason = f"cannot save what the constructor was passed as {arguments or 'arguments'}"
            cure = "Give the class a `get_config` and a `from_config` of its own."
        else:
            reason = f"raises {quote_error(error)}"
        raise TypeError(f"{start} {reason}. {cure}") from error
    is_functional = kind == "model" and "layers" in config
    if not has_own or is_functional or not cls.from_config.__module__.startswith("keras."):
        return
    accepted = accepted_parameters(cls)
    lost = [name for name in _required(cls.__init__) if name not in config]
    unknown = [] if accepted.open else [name for name in config if name not in accepted.names]
    reasons = [f"lacks {format_list(lost)}"] if lost else []
    if unknown:
        reasons.append(f"returns {format_list(unknown)}, which the constructor does not take")
    if reasons:
        raise TypeError(f"{start} {' and '.join(reasons)}. {cure}")


def _required(constructor: Any) -> list[str]:
    """List the arguments, except for the first, that have no default."""
    parameters = list(inspect.signature(constructor).parameters.values())[1:]
    named = (p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD))
    return [p.name for p in named if p.default is p.empty]


def _refuse_lambdas(layer: keras.Layer) -> None:
    """Raise for lambdas among the arguments of a layer of Keras, whose class cannot rebuild them.

    ``keras.layers.Lambda`` can.
    """
    for name in accepted_parameters(type(layer)).names:
        if getattr(vars(layer).get(name), "__name__", None) == "<lambda>":
            raise TypeError(
                f"The layer {layer.name!r} cannot be copied or saved, because its `{name}` is "
                "a lambda, which Keras cannot rebuild: pass a function with a name (def) "
                "instead."
            )
