"""Build a Keras object from what the user passed: a name, a class, an instance or a function.

Optimizers, learning-rate schedules, losses, metrics and callbacks are all built here, together
with their routed parameters (``optimizer__learning_rate``).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras

from keras_multiclass._shared.keras.lookup import schedule_lookup
from keras_multiclass._shared.keras.rebuilding import construct_again, copy_instance
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid
from keras_multiclass._shared.signatures import (
    Accepted,
    accepted_parameters,
    target_name,
)

__all__ = [
    "Lookup",
    "build_object",
    "extract",
    "is_config",
    "is_partial_class",
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
    copy: bool = True,
) -> Any:
    """Build an object from what the user passed.

    Parameters
    ----------
    value : str, class, instance, function or dict
        A name, a class, an instance (copied), a function if ``functions`` is
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
    copy : bool, default=True
        Whether to copy an instance to which no arguments are routed.

    Returns
    -------
    object
        An instance of ``base``, or a function.

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
        if not copy and not routed:
            return value
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
    if not routed:
        return copy_instance(instance, what)
    cls = type(instance)
    return construct_again(
        instance, lambda known: _build_arguments(cls, routed, what, lookup, known), what
    )
