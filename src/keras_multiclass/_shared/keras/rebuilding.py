"""Instances of Keras classes that the user passed: copied, or constructed again.

An instance is copied by its state. It is constructed again only if an argument changes, or if it is
an optimizer that has variables for the weights of another network. The result is compared with the
instance, so that no argument is lost that a class of the user's leaves out of its configuration.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any

import keras

from keras_multiclass._shared.keras.comparison import differences
from keras_multiclass._shared.keras.copying import copy_state, shared_objects
from keras_multiclass._shared.keras.weight_decay import (
    apply_patterns,
    read_exclusions,
    read_patterns,
)
from keras_multiclass._shared.library_code import is_library_code
from keras_multiclass._shared.messages import format_list
from keras_multiclass._shared.signatures import accepted_parameters, read_signature
from keras_multiclass._shared.upstream.keras_objects import wrapped_arguments

__all__ = [
    "config_with_schedule",
    "copy_instance",
    "rebuild_from_config",
    "reconstruct",
    "unreported_settings",
    "without_variables",
]

_Schedule = keras.optimizers.schedules.LearningRateSchedule
_CODE = (types.FunctionType, types.BuiltinFunctionType, type, types.ModuleType)


def copy_instance(instance: Any, what: str) -> Any:
    """Copy an instance, with the values of all its attributes.

    Parameters
    ----------
    instance : object
        A loss, metric, optimizer, schedule or callback.
    what : str
        Name of the parameter in error messages.
    """
    if isinstance(instance, (keras.losses.Loss, keras.metrics.Metric)):
        return copy_state(instance, share=shared_objects())
    if not isinstance(instance, keras.optimizers.Optimizer):
        return copy_state(instance)
    read_patterns(instance, what)  # raises if variables are excluded one by one
    # Its variables have the precision of where it was made.
    if instance.built or keras.config.floatx() != "float32":
        return without_variables(instance, what)
    return copy_state(instance)


def reconstruct(
    instance: Any,
    arguments: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    what: str,
) -> Any:
    """Construct an object like an instance with other arguments.

    Parameters
    ----------
    instance : object
        A loss, metric, optimizer, schedule or callback.
    arguments : callable
        Returns the changed arguments, given those of the instance.
    what : str
        Name of the parameter in error messages.

    Raises
    ------
    ValueError
        If the instance does not say which arguments it was made with.
    """
    cls = type(instance)
    known = _known_arguments(instance, what)
    changes = arguments(known)
    reason = _missing(instance, known, changes)
    if not reason and _may_lose_arguments(instance):
        try:
            lost = differences(instance, _construct(instance, known))
        except Exception as error:
            reason = f"constructing it again failed: {type(error).__name__}: {error}"
        else:
            if isinstance(instance, keras.callbacks.Callback):  # the others change while it runs
                lost = [] if instance.model else [n for n in lost if n in known]
            if lost:
                reason = f"rebuilding it would change {format_list(lost)}"
    if reason:
        first = next(iter(changes))
        raise ValueError(
            f"{what}__{first} cannot be changed on this instance of {cls.__name__}, because "
            f"{reason}. Pass the class with its arguments as {what}__*, or store each constructor "
            "argument as an attribute of the same name."
        )
    try:
        built = _construct(instance, {**known, **changes})
    except Exception as error:
        raise ValueError(
            f"{what}: {cls.__name__} could not be built with "
            f"{format_list(f'{what}__{name}' for name in changes)}: {error}"
        ) from error
    if isinstance(instance, keras.optimizers.Optimizer):
        apply_patterns(built, read_patterns(instance, what), what)
    return built


def rebuild_from_config(instance: Any, config: Mapping[str, Any]) -> Any:
    """Build an object like ``instance`` from a configuration.

    The configuration may name functions and classes that Keras does not know but the instance
    holds, and may lack constructor arguments that the instance passes on to a wrapped function.
    """
    accepted = accepted_parameters(type(instance)).names
    wrapped = {n: v for n, v in wrapped_arguments(instance).items() if n in accepted}
    held: list[Any] = [v for v in vars(instance).values() if inspect.isfunction(v)]
    held += [type(v) for v in vars(instance).values() if hasattr(v, "get_config")]
    with keras.saving.custom_object_scope({v.__name__: v for v in held}):
        return type(instance).from_config({**wrapped, **config})


def unreported_settings(instance: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a Keras object that its configuration leaves out."""
    is_optimizer = isinstance(instance, keras.optimizers.Optimizer)
    return {
        "arguments": {n: v for n, v in wrapped_arguments(instance).items() if n not in config},
        "weight decay": list(map(tuple, read_exclusions(instance))) if is_optimizer else [],
    }


# --- optimizers of another network -------------------------------------------------------------


def without_variables(optimizer: keras.optimizers.Optimizer, what: str) -> Any:
    """Build an optimizer like one that has trained, without its variables."""
    cls = type(optimizer)
    try:
        built = rebuild_from_config(optimizer, _live(optimizer, _config_of(optimizer)))
    except Exception as error:
        raise ValueError(
            f"{what}: the instance of {cls.__name__} cannot be copied because it already has the "
            f"variables of a network, and building another one failed: {type(error).__name__}: "
            f"{error} Let get_config return every constructor argument, or pass the class and its "
            f"arguments as {what}__*."
        ) from error
    apply_patterns(built, read_patterns(optimizer, what), what)
    for name in differences(built, optimizer):
        value = vars(optimizer).get(name)
        if not _holds_variables(value):
            vars(built)[name] = copy_state(value)
    return built


def _holds_variables(value: Any) -> bool:
    if isinstance(value, Mapping):
        return _holds_variables(list(value.values()))
    if isinstance(value, (list, tuple, set)):
        return any(map(_holds_variables, value))
    return isinstance(value, keras.Variable)


# --- arguments ---------------------------------------------------------------------------------


def _known_arguments(instance: Any, what: str) -> dict[str, Any]:
    """Return the constructor arguments that the configuration or the attributes tell."""
    cls = type(instance)
    config: dict[str, Any] = {}
    if hasattr(instance, "get_config"):
        try:
            config = _config_of(instance)
        except Exception as error:
            if _is_library(instance):
                raise ValueError(
                    f"{what}: the instance of {cls.__name__} cannot be copied because its "
                    f"get_config failed: {error} Pass the class and routed arguments instead."
                ) from error
    config = _live(instance, config)
    if _is_library(instance) and config:
        return config
    config |= {n: v for n, v in wrapped_arguments(instance).items() if n not in config}
    own = read_signature(cls.__init__, skip_first=True).names
    known = {}
    for name in accepted_parameters(cls).names:
        value = config.get(name)
        is_serialized = isinstance(value, Mapping) and "class_name" in value
        if name in config and not is_serialized:
            known[name] = value
        elif name in own and name != "dtype" and hasattr(instance, name):
            known[name] = copy_state(getattr(instance, name))
        elif name in own and is_serialized:
            known[name] = value
    return {**config, **known} if _is_own(cls, "from_config") else known


def config_with_schedule(optimizer: keras.optimizers.Optimizer) -> dict[str, Any]:
    """Return the configuration of an optimizer, with its schedule or function itself.

    Users' schedules may have no configuration, or one that Keras cannot build them from.
    """
    schedules = [n for n, v in vars(optimizer).items() if _is_schedule(v)]
    if len(schedules) != 1:
        return dict(optimizer.get_config())
    (name,) = schedules
    with_another = object.__new__(type(optimizer))
    vars(with_another).update(vars(optimizer))
    vars(with_another)[name] = keras.optimizers.schedules.ExponentialDecay(1.0, 1, 1.0)
    return {**with_another.get_config(), "learning_rate": vars(optimizer)[name]}


def _is_schedule(value: Any) -> bool:
    return isinstance(value, (_Schedule, types.FunctionType, types.MethodType, functools.partial))


def _config_of(instance: Any) -> dict[str, Any]:
    """Return the configuration, with a copy of the schedule of an optimizer."""
    if not isinstance(instance, keras.optimizers.Optimizer):
        return dict(instance.get_config())
    config = config_with_schedule(instance)
    is_live = _is_schedule(config.get("learning_rate"))
    return {n: copy_state(v) if is_live and n == "learning_rate" else v for n, v in config.items()}


def _live(instance: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Replace configurations of the user's objects, such as schedules, by copies of the objects."""
    held = [v for v in vars(instance).values() if hasattr(v, "get_config")]
    live = dict(config)
    for name, value in config.items():
        if not isinstance(value, Mapping) or name == "inner_optimizer":
            continue
        same = [v for v in held if type(v).__name__ == value.get("class_name")]
        if len(same) == 1 and not isinstance(same[0], keras.DTypePolicy):
            live[name] = copy_state(same[0])
    return live


def _missing(instance: Any, known: Mapping[str, Any], changes: Mapping[str, Any]) -> str:
    """Say which arguments without default are unknown."""
    parameters = list(inspect.signature(type(instance).__init__).parameters.values())[1:]
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    missing = [
        p.name
        for p in parameters
        if p.kind in named and p.default is p.empty and p.name not in {*known, *changes}
    ]
    return (
        f"it does not store its arguments {format_list(missing)} as attributes" if missing else ""
    )


def _construct(instance: Any, arguments: Mapping[str, Any]) -> Any:
    cls = type(instance)
    if hasattr(instance, "get_config") and (_is_own(cls, "from_config") or _is_library(instance)):
        return rebuild_from_config(instance, arguments)
    return cls(**arguments)


def _is_own(cls: type, method: str) -> bool:
    function = getattr(cls, method, None)
    return function is not None and not str(function.__module__).startswith("keras.")


def _is_library(value: Any) -> bool:
    return isinstance(value, _CODE) or is_library_code(type(value))


def _may_lose_arguments(instance: Any) -> bool:
    """Whether an instance, or an object that it holds, is of a class outside of Keras."""
    return not all(map(_is_library, [instance, *vars(instance).values()]))
