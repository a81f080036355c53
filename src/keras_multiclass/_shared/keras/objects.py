"""Build a Keras object from what the user passed: a name, a class, an instance or a function.

Optimizers, learning-rate schedules, losses, metrics and callbacks are all built here, together
with their routed parameters (``optimizer__learning_rate``).
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras

from keras_multiclass._shared.keras.lookup import schedule_lookup
from keras_multiclass._shared.keras.weight_decay import (
    apply_patterns,
    read_exclusions,
    read_patterns,
)
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid
from keras_multiclass._shared.signatures import (
    Accepted,
    accepted_parameters,
    read_signature,
    target_name,
)
from keras_multiclass._shared.upstream.keras import wrapped_arguments

__all__ = [
    "Lookup",
    "build_object",
    "extract",
    "is_config",
    "is_partial_class",
    "rebuild_from_config",
    "unreported_settings",
]

Lookup = Callable[[str], Any]

_NESTED_LOOKUPS: dict[str, Lookup] = {"learning_rate": schedule_lookup}


def extract(params: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the parameters with a prefix, which is removed from their names.

    Parameters
    ----------
    params : mapping of str to object
        Parameters as returned by ``get_params``.
    prefix : str
        For example ``"optimizer"``.

    Returns
    -------
    dict
        ``{"learning_rate": 0.1}`` for ``{"optimizer__learning_rate": 0.1}``.
    """
    head = f"{prefix}__"
    return {name[len(head) :]: value for name, value in params.items() if name.startswith(head)}


def is_config(value: Any) -> bool:
    """Whether a value is a Keras configuration ``{"class_name": ..., "config": ...}``."""
    return isinstance(value, Mapping) and isinstance(value.get("class_name"), str)


def is_partial_class(value: Any) -> bool:
    """Whether a value is a ``functools.partial`` of a class."""
    return isinstance(value, functools.partial) and inspect.isclass(value.func)


def build_object(
    value: Any,
    routed: Mapping[str, Any] | None = None,
    *,
    lookup: Lookup | None,
    what: str,
    base: type | None = None,
    functions: bool = False,
) -> Any:
    """Build a new object from what the user passed.

    Parameters
    ----------
    value : str, class, instance, function or dict
        A name, a class, an instance (copied, never modified), a function if ``functions`` is
        true, or a Keras configuration ``{"class_name": ..., "config": ...}``.
    routed : mapping of str to object, default=None
        Arguments without the prefix. ``"learning_rate__decay_steps"`` is an argument of the
        argument ``learning_rate``; ``"0"`` is the first positional argument.
    lookup : callable or None
        Returns the class or function of a name, or raises ``ValueError``.
    what : str
        Name of the parameter in error messages, such as ``"optimizer"``.
    base : type, default=None
        Class that the result must be an instance of.
    functions : bool, default=False
        Whether functions are allowed. With routed arguments, a function is returned as a
        ``functools.partial``.

    Returns
    -------
    object
        A new instance of ``base``, or a function.

    Raises
    ------
    ValueError
        If the name is unknown, the class or function does not take an argument, or the
        constructor fails (chained).
    TypeError
        If ``value`` has the wrong type.
    """
    routed = dict(routed or {})
    if is_config(value):
        routed = {**value.get("config", {}), **routed}
        value = value["class_name"]
    if isinstance(value, str):
        if lookup is None:
            raise TypeError(invalid(what, _allowed(base, False, functions), describe(value)))
        value = lookup(value)
        functions = True
    if inspect.isclass(value) or is_partial_class(value):
        built = _construct(value, routed, what, lookup)
    elif base is not None and isinstance(value, base):
        return _copy_instance(value, routed, what, lookup)
    elif callable(value) and functions:
        arguments = _build_arguments(value, routed, what, lookup)
        return functools.partial(value, **arguments) if arguments else value
    elif base is None and not callable(value) and hasattr(value, "get_config"):
        return _copy_instance(value, routed, what, lookup)
    else:
        allowed = _allowed(base, lookup is not None, functions)
        raise TypeError(invalid(what, allowed, describe(value)))
    if base is not None and not isinstance(built, base):
        raise TypeError(
            invalid(what, _allowed(base, lookup is not None, functions), describe(value))
        )
    return built


def _allowed(base: type | None, names: bool, functions: bool) -> str:
    kind = "object" if base is None else f"keras {base.__name__}"
    allowed = ["a name"] if names else []
    allowed += [f"a {kind} class", f"a {kind} instance"]
    if functions:
        allowed.append("a function (y_true, y_pred)")
    return ", ".join(allowed[:-1]) + f" or {allowed[-1]}"


def _construct(target: Any, routed: Mapping[str, Any], what: str, lookup: Lookup | None) -> Any:
    arguments = _build_arguments(target, routed, what, lookup)
    try:
        return target(**arguments)
    except ImportError:  # its message says what to install
        raise
    except Exception as error:
        passed = format_list(f"{what}__{name}" for name in arguments) or "no arguments"
        unknown = [n for n in arguments if n not in accepted_parameters(target).names]
        hints = "".join(_suggest(what, n, target) for n in unknown)
        raise ValueError(
            f"{what}: {target_name(target)} could not be built with {passed}: {error}{hints}"
        ) from error


def _suggest(what: str, name: str, target: Any) -> str:
    return did_you_mean(name, accepted_parameters(target).names, prefix=f"{what}__")


def _build_arguments(
    target: Any,
    routed: Mapping[str, Any],
    what: str,
    lookup: Lookup | None,
    config: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Check routed arguments against a signature and build nested objects.

    Nested arguments without a value of their own modify the one in ``config``.
    """
    accepted = accepted_parameters(target)
    direct: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    for full_name, value in routed.items():
        head, separator, rest = full_name.partition("__")
        name = _resolve_position(head, accepted, target, what)
        if name not in accepted.names and not accepted.open:
            raise ValueError(
                f"{what}__{full_name}: {target_name(target)} takes no argument {name!r}; it takes "
                f"{format_list(accepted.names) or 'none'}.{_suggest(what, name, target)}"
            )
        if not separator:
            if name in direct:
                raise ValueError(f"{what}__{full_name}: the argument {name!r} is given twice.")
            direct[name] = value
        else:
            nested.setdefault(name, {})[rest] = value
    arguments = {}
    for name in {**direct, **nested}:
        value = direct[name] if name in direct else _configured(config, name)
        nested_lookup = lookup if name == "inner_optimizer" else _NESTED_LOOKUPS.get(name)
        arguments[name] = _build_argument(
            value, nested.get(name, {}), f"{what}__{name}", nested_lookup
        )
    return arguments


def _resolve_position(name: str, accepted: Accepted, target: Any, what: str) -> str:
    if not name.isdigit():
        return name
    if int(name) >= len(accepted.names):
        raise ValueError(
            f"{what}__{name}: {target_name(target)} takes {len(accepted.names)} arguments: "
            f"{format_list(accepted.names) or 'none'}."
        )
    return accepted.names[int(name)]


def _configured(config: Mapping[str, Any] | None, name: str) -> Any:
    """Return an argument from an instance's configuration; a serialized schedule is rebuilt."""
    value = None if config is None else config.get(name)
    if is_config(value):
        return keras.saving.deserialize_keras_object(value)
    return value


def _build_argument(value: Any, routed: Mapping[str, Any], what: str, lookup: Lookup | None) -> Any:
    if isinstance(value, str) and lookup is not None:
        return build_object(value, routed, lookup=lookup, what=what)
    if inspect.isclass(value) and (routed or hasattr(value, "from_config")):
        return build_object(value, routed, lookup=None, what=what)
    if not routed and not isinstance(value, keras.optimizers.Optimizer):
        return value
    if value is None or isinstance(value, (str, bool, int, float)):
        first = next(iter(routed))
        raise ValueError(
            f"{what}__{first}: {what} must be a class or an instance to take arguments; "
            f"got {describe(value)}."
        )
    return build_object(value, routed, lookup=lookup, what=what, base=type(value))


def _copy_instance(
    instance: Any, routed: Mapping[str, Any], what: str, lookup: Lookup | None
) -> Any:
    """Build a new object of the same class and settings, except for those in ``routed``."""
    cls = type(instance)
    if hasattr(instance, "get_config") and hasattr(cls, "from_config"):
        try:
            config = dict(instance.get_config())
        except Exception as error:
            raise ValueError(
                f"{what}: the instance of {cls.__name__} cannot be copied because its "
                f"get_config failed: {error} Pass the class and routed arguments instead."
            ) from error
        config.update(_build_arguments(cls, routed, what, lookup, config))
        try:
            rebuilt = rebuild_from_config(instance, config)
        except Exception as error:
            raise ValueError(
                f"{what}: the instance of {cls.__name__} cannot be rebuilt from its "
                f"configuration: {error} Let get_config return every constructor argument, or "
                "pass the class and routed arguments."
            ) from error
        if isinstance(instance, keras.optimizers.Optimizer):
            apply_patterns(rebuilt, read_patterns(instance, what), what)
        return rebuilt
    if routed:
        return _rebuild_from_attributes(instance, routed, what, lookup)
    return _duplicate(instance)


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


def _rebuild_from_attributes(
    instance: Any, routed: Mapping[str, Any], what: str, lookup: Lookup | None
) -> Any:
    """Construct again from attributes, because Keras callbacks have no ``get_config``."""
    cls = type(instance)
    arguments = _build_arguments(cls, routed, what, lookup)
    names = read_signature(cls.__init__, skip_first=True).names
    missing = [n for n in names if n not in arguments and not hasattr(instance, n)]
    if missing:
        raise ValueError(
            f"{what}__{next(iter(routed))}: an instance of {cls.__name__} does not store its "
            f"arguments {format_list(missing)} as attributes, so it cannot be rebuilt with "
            "another value; pass the class instead of the instance."
        )
    unchanged = {n: getattr(instance, n) for n in names if n not in arguments}
    return _construct(cls, {**unchanged, **arguments}, what, lookup)


def _duplicate(instance: Any) -> Any:
    # A callback that has been used still holds its model, which must not be copied.
    model = getattr(instance, "model", None)
    memo: dict[int, Any] = {} if model is None else {id(model): None}
    try:
        return copy.deepcopy(instance, memo)
    except Exception:
        return copy.copy(instance)
