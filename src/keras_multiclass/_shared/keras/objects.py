"""Build a Keras object from what the user passed: a name, a class, an instance or a function.

Optimizers, learning-rate schedules, losses, metrics and callbacks are all built here, together
with their routed parameters (``optimizer__learning_rate``).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_multiclass._shared.error_marks import mark
from keras_multiclass._shared.keras.lookup import schedule_lookup
from keras_multiclass._shared.keras.rebuilding import copy_instance, reconstruct
from keras_multiclass._shared.keras.routing import (
    Lookup,
    is_config,
    is_container,
    is_partial_class,
    make_entry,
    route_to_entries,
)
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid
from keras_multiclass._shared.signatures import (
    Accepted,
    accepted_parameters,
    target_name,
)

__all__ = [
    "build_object",
    "extract",
]

_NO_FUNCTIONS = (keras.Layer, keras.metrics.Metric)
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
        _check_instance_lists(value, routed, what)
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
    # Instances of a class of the user may be functions.
    is_function = functions and callable(built) and not isinstance(built, _NO_FUNCTIONS)
    if base is not None and not isinstance(built, base) and not is_function:
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
        return _call(target, arguments)
    except ImportError:  # its message says what to install
        raise
    except Exception as error:
        passed = format_list(f"{what}__{name}" for name in arguments) or "no arguments"
        unknown = [n for n in arguments if n not in accepted_parameters(target).names]
        hints = "".join(_suggest(what, n, target) for n in unknown)
        raise ValueError(
            f"{what}: {target_name(target)} could not be built with {passed}: {error}{hints}"
        ) from error


def _call(target: Any, arguments: Mapping[str, Any]) -> Any:
    """Call a class with its arguments; names that are numbers are positions behind ``*args``."""
    positions = sorted((name for name in arguments if name.isdigit()), key=int)
    if not positions:
        return target(**arguments)
    named = {name: value for name, value in arguments.items() if name not in positions}
    leading = []  # what precedes ``*args`` must be passed by position, too
    for parameter in inspect.signature(target).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            break
        leading.append(named.pop(parameter.name, parameter.default))
    if inspect.Parameter.empty in leading:
        raise TypeError("an argument that precedes those of *args is missing")
    return target(*leading, *(arguments[position] for position in positions), **named)


def _suggest(what: str, name: str, target: Any) -> str:
    return did_you_mean(name, accepted_parameters(target).names, prefix=f"{what}__")


def _check_instance_lists(instance: Any, routed: Mapping[str, Any], what: str) -> None:
    """Raise for an argument that an instance's class takes only by ``*args`` or ``**kwargs``.

    Without ``get_config``, nothing tells what other arguments the instance was built with.
    """
    cls = type(instance)
    accepted = accepted_parameters(cls)
    if hasattr(instance, "get_config") or not (accepted.open or accepted.has_args):
        return
    for full_name in routed:
        name = _resolve_position(full_name.partition("__")[0], accepted, cls, what)
        if name not in accepted.names:
            raise ValueError(
                f"{what}__{full_name}: an instance of {cls.__name__}, which takes this argument by "
                "*args or **kwargs, cannot be rebuilt with another value; pass the class instead "
                "of the instance."
            )


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
    unknown: dict[str, str] = {}
    for full_name, value in routed.items():
        head, separator, rest = full_name.partition("__")
        name = _resolve_position(head, accepted, target, what)
        if not (name in accepted.names or name.isdigit() or accepted.open):
            unknown[full_name] = name
        elif separator:
            nested.setdefault(name, {})[rest] = value
        elif name in direct:
            raise ValueError(f"{what}__{full_name}: the argument {name!r} is given twice.")
        else:
            direct[name] = value
    if unknown:
        error = ValueError(_unknown_arguments(unknown, accepted.names, target, what))
        raise mark(error, "unknown argument", what.partition("__")[0])
    arguments = {}
    for name in {**direct, **nested}:
        value = direct[name] if name in direct else _configured(config, name)
        nested_lookup = lookup if name == "inner_optimizer" else _NESTED_LOOKUPS.get(name)
        arguments[name] = _build_argument(
            value, nested.get(name, {}), f"{what}__{name}", nested_lookup
        )
    return arguments


def _unknown_arguments(
    unknown: Mapping[str, str], names: Sequence[str], target: Any, what: str
) -> str:
    """Return the error message for arguments, by full name, that a target does not take."""
    listed = format_list(names) or "none"
    refusals = [
        (f"{what}__{full_name}: {target_name(target)} takes no argument {name!r}", name)
        for full_name, name in unknown.items()
    ]
    if len(refusals) == 1:
        [(refusal, name)] = refusals
        return f"{refusal}; it takes {listed}.{_suggest(what, name, target)}"
    lines = [f"{refusal}.{_suggest(what, name, target)}" for refusal, name in refusals]
    return "\n".join([*lines, f"{target_name(target)} takes {listed}."])


def _resolve_position(name: str, accepted: Accepted, target: Any, what: str) -> str:
    """Return the name of the argument at a position, unless it belongs to ``*args``."""
    if not name.isdigit():
        return name
    if int(name) < (accepted.n_before_args if accepted.has_args else len(accepted.names)):
        return accepted.names[int(name)]
    if accepted.has_args:
        return name
    raise ValueError(
        f"{what}__{name}: {target_name(target)} takes {len(accepted.names)} arguments: "
        f"{format_list(accepted.names) or 'none'}."
    )


def _configured(config: Mapping[str, Any] | None, name: str) -> Any:
    """Return an argument from an instance's configuration; a serialized schedule is rebuilt."""
    value = None if config is None else config.get(name)
    if is_config(value):
        return keras.saving.deserialize_keras_object(value)
    return value


def _build_argument(value: Any, routed: Mapping[str, Any], what: str, lookup: Lookup | None) -> Any:
    if is_container(value):
        return _build_each(value, routed, what, lookup)
    if isinstance(value, str) and lookup is not None:
        return build_object(value, routed, lookup=lookup, what=what)
    if inspect.isclass(value) and (routed or hasattr(value, "from_config")):
        return build_object(value, routed, lookup=None, what=what)
    if not routed and not isinstance(value, keras.optimizers.Optimizer):
        return value
    if inspect.isroutine(value):
        return build_object(value, routed, lookup=None, what=what, functions=True)
    if value is None or isinstance(value, (str, bool, int, float)):
        first = next(iter(routed))
        raise ValueError(
            f"{what}__{first}: {what} must be a class or an instance to take arguments; "
            f"got {describe(value)}."
        )
    return build_object(value, routed, lookup=lookup, what=what, base=type(value))


def _build_each(values: Any, routed: Mapping[str, Any], what: str, lookup: Lookup | None) -> Any:
    """Build the entries of an argument that is a list, tuple or dict."""
    keyed = values.items() if isinstance(values, Mapping) else enumerate(values)
    entries = [make_entry(str(key), value, {str(key)}) for key, value in keyed]
    shares = route_to_entries(entries, routed, lookup=lookup, what=what)
    built = [
        _build_argument(entry.value, arguments, f"{what}__{entry.key}", lookup)
        for entry, arguments in zip(entries, shares, strict=True)
    ]
    if all(new is entry.value for new, entry in zip(built, entries, strict=True)):
        return values
    if isinstance(values, Mapping):
        return dict(zip(values, built, strict=True))
    return tuple(built) if isinstance(values, tuple) else built


def _copy_instance(
    instance: Any, routed: Mapping[str, Any], what: str, lookup: Lookup | None
) -> Any:
    """Build a new object of the same class and settings, except for those in ``routed``."""
    if not routed:
        return copy_instance(instance, what)
    cls = type(instance)
    return reconstruct(
        instance, lambda known: _build_arguments(cls, routed, what, lookup, known), what
    )
