"""Routed parameters (``optimizer__learning_rate``) and the objects that are built from them.

Everything that a user may give by name, class, instance or function passes through here:
optimizers, learning-rate schedules, losses, metrics and callbacks.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from keras_multiclass._shared.keras.lookup import schedule_lookup, snake_name
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid
from keras_multiclass._shared.signatures import (
    Accepted,
    accepted_parameters,
    read_signature,
    target_name,
)

__all__ = [
    "build_collection",
    "build_object",
    "extract",
    "flat_choices",
    "is_config",
    "rebuild_from_config",
]

Lookup = Callable[[str], Any]


def extract(params: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the parameters under ``prefix``, with the prefix taken off.

    Parameters
    ----------
    params : mapping of str to object
        Parameters as ``get_params`` gives them.
    prefix : str
        For example ``"optimizer"``.

    Returns
    -------
    dict
        ``{"learning_rate": 0.1}`` for ``{"optimizer__learning_rate": 0.1}``.
    """
    head = f"{prefix}__"
    return {name[len(head) :]: value for name, value in params.items() if name.startswith(head)}


_NESTED_LOOKUPS: dict[str, Lookup] = {
    "learning_rate": schedule_lookup,
}


# --- one object -------------------------------------------------------------------------------


def build_object(
    spec: Any,
    routed: Mapping[str, Any] | None = None,
    *,
    lookup: Lookup | None,
    what: str,
    base: type | None = None,
    functions: bool = False,
) -> Any:
    """Make one fresh object of what the user gave.

    Parameters
    ----------
    spec : str, class, instance, function or dict
        A name, a class, an instance (copied, never touched), a function where ``functions``
        allows one, or a Keras configuration ``{"class_name": ..., "config": ...}``.
    routed : mapping of str to object, default=None
        Arguments without the prefix. ``"learning_rate__decay_steps"`` is an argument of the
        argument ``learning_rate``; ``"0"`` is the first positional argument.
    lookup : callable or None
        Turns a name into a class or function, or raises ``ValueError``.
    what : str
        The parameter's name, for messages: ``"optimizer"``.
    base : type, default=None
        The class that the result must be an instance of.
    functions : bool, default=False
        Whether a function is a valid choice. With routed arguments it comes back as a
        ``functools.partial``.

    Returns
    -------
    object
        A new instance of ``base``, or a function.

    Raises
    ------
    ValueError
        For an unknown name, an argument that the target does not take, or a constructor that
        fails (chained).
    TypeError
        When ``spec`` is of a wrong kind.
    """
    routed = dict(routed or {})
    if is_config(spec):
        routed = {**spec.get("config", {}), **routed}
        spec = spec["class_name"]
    if isinstance(spec, str):
        if lookup is None:
            raise TypeError(invalid(what, _allowed(base, False, functions), describe(spec)))
        spec = lookup(spec)
        functions = True
    if inspect.isclass(spec) or _makes_class(spec):
        built = _construct(spec, routed, what, lookup)
    elif base is not None and isinstance(spec, base):
        return _copy_instance(spec, routed, what, lookup)
    elif callable(spec) and functions:
        arguments = _arguments(spec, routed, what, lookup)
        return functools.partial(spec, **arguments) if arguments else spec
    elif base is None and not callable(spec) and hasattr(spec, "get_config"):
        return _copy_instance(spec, routed, what, lookup)
    else:
        allowed = _allowed(base, lookup is not None, functions)
        raise TypeError(invalid(what, allowed, describe(spec)))
    if base is not None and not isinstance(built, base):
        raise TypeError(
            invalid(what, _allowed(base, lookup is not None, functions), describe(spec))
        )
    return built


def is_config(spec: Any) -> bool:
    """Whether ``spec`` is a Keras configuration, ``{"class_name": ..., "config": ...}``."""
    return isinstance(spec, Mapping) and isinstance(spec.get("class_name"), str)


def _makes_class(spec: Any) -> bool:
    return isinstance(spec, functools.partial) and inspect.isclass(spec.func)


def _allowed(base: type | None, names: bool, functions: bool) -> str:
    kind = "object" if base is None else f"keras {base.__name__}"
    choices = ["a name"] if names else []
    choices += [f"a {kind} class", f"a {kind} instance"]
    if functions:
        choices.append("a function (y_true, y_pred)")
    return ", ".join(choices[:-1]) + f" or {choices[-1]}"


def _construct(target: Any, routed: Mapping[str, Any], what: str, lookup: Lookup | None) -> Any:
    arguments = _arguments(target, routed, what, lookup)
    try:
        return target(**arguments)
    except ImportError:  # which says what is to be installed
        raise
    except Exception as error:
        given = format_list(f"{what}__{name}" for name in arguments) or "no arguments"
        unknown = [n for n in arguments if n not in accepted_parameters(target).names]
        hints = "".join(_near(what, n, target) for n in unknown)
        raise ValueError(
            f"{what}: {target_name(target)} could not be built with {given}: {error}{hints}"
        ) from error


def _near(what: str, name: str, target: Any) -> str:
    return did_you_mean(name, accepted_parameters(target).names, prefix=f"{what}__")


def _arguments(
    target: Any,
    routed: Mapping[str, Any],
    what: str,
    lookup: Lookup | None,
    config: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Check routed arguments against a signature and build the nested ones."""
    accepted = accepted_parameters(target)
    flat: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    for full, value in routed.items():
        head, separator, rest = full.partition("__")
        name = _positional(head, accepted, target, what)
        if name not in accepted.names and not accepted.open:
            raise ValueError(
                f"{what}__{full}: {target_name(target)} takes no argument {name!r}; it takes "
                f"{format_list(accepted.names) or 'none'}.{_near(what, name, target)}"
            )
        if not separator:
            if name in flat:
                raise ValueError(f"{what}__{full}: the argument {name!r} was given twice.")
            flat[name] = value
        else:
            nested.setdefault(name, {})[rest] = value
    for name in {**flat, **nested}:
        value = flat.get(name, _configured(config, name))
        nested_lookup = lookup if name == "inner_optimizer" else _NESTED_LOOKUPS.get(name)
        flat[name] = _nested_value(value, nested.get(name, {}), f"{what}__{name}", nested_lookup)
    return flat


def _positional(name: str, accepted: Accepted, target: Any, what: str) -> str:
    if not name.isdigit():
        return name
    if int(name) >= len(accepted.names):
        raise ValueError(
            f"{what}__{name}: {target_name(target)} takes {len(accepted.names)} arguments: "
            f"{format_list(accepted.names) or 'none'}."
        )
    return accepted.names[int(name)]


def _configured(config: Mapping[str, Any] | None, name: str) -> Any:
    """Read an argument that an instance already has (a serialised schedule is revived)."""
    value = None if config is None else config.get(name)
    if is_config(value):
        import keras

        return keras.saving.deserialize_keras_object(value)
    return value


def _nested_value(value: Any, routed: Mapping[str, Any], what: str, lookup: Lookup | None) -> Any:
    if isinstance(value, str) and lookup is not None:
        return build_object(value, routed, lookup=lookup, what=what)
    if inspect.isclass(value) and (routed or hasattr(value, "from_config")):
        return build_object(value, routed, lookup=None, what=what)
    if not routed:
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
    """Make a fresh object of the same class and settings, with ``routed`` put over them."""
    cls = type(instance)
    if hasattr(instance, "get_config") and hasattr(cls, "from_config"):
        try:
            config = dict(instance.get_config())
        except Exception as error:
            raise ValueError(
                f"{what}: the instance of {cls.__name__} cannot be copied because its "
                f"get_config failed: {error} Pass the class and routed arguments instead."
            ) from error
        config.update(_arguments(cls, routed, what, lookup, config))
        try:
            return rebuild_from_config(instance, config)
        except Exception as error:
            raise ValueError(
                f"{what}: the instance of {cls.__name__} cannot be rebuilt from its "
                f"configuration: {error} Let get_config return every constructor argument, or "
                "pass the class and routed arguments."
            ) from error
    if routed:
        return _rebuild(instance, routed, what, lookup)
    return _duplicate(instance)


def rebuild_from_config(instance: Any, config: Mapping[str, Any]) -> Any:
    """Rebuild from a configuration that may name functions and classes Keras doesn't know."""
    import keras

    held: list[Any] = [v for v in vars(instance).values() if inspect.isfunction(v)]
    held += [type(v) for v in vars(instance).values() if hasattr(v, "get_config")]
    with keras.saving.custom_object_scope({v.__name__: v for v in held}):
        return type(instance).from_config(dict(config))


def _rebuild(instance: Any, routed: Mapping[str, Any], what: str, lookup: Lookup | None) -> Any:
    """Construct again from attributes: Keras callbacks have no ``get_config``."""
    cls = type(instance)
    overrides = _arguments(cls, routed, what, lookup)
    names = read_signature(cls.__init__, skip_first=True).names
    missing = [n for n in names if n not in overrides and not hasattr(instance, n)]
    if missing:
        raise ValueError(
            f"{what}__{next(iter(routed))}: an instance of {cls.__name__} does not keep its "
            f"arguments {format_list(missing)}, so it cannot be rebuilt with another value; pass "
            "the class instead of the instance."
        )
    kept = {n: getattr(instance, n) for n in names if n not in overrides}
    return _construct(cls, {**kept, **overrides}, what, lookup)


def _duplicate(instance: Any) -> Any:
    # A callback that was used before still holds its model, which must not be copied.
    model = getattr(instance, "model", None)
    memo: dict[int, Any] = {} if model is None else {id(model): None}
    try:
        return copy.deepcopy(instance, memo)
    except Exception:
        return copy.copy(instance)


# --- several objects --------------------------------------------------------------------------


class _Item(NamedTuple):
    key: str
    spec: Any
    tokens: frozenset[str]
    described: bool  # by name, class or function; an instance was already built by the user


def build_collection(
    specs: Any,
    routed: Mapping[str, Any] | None = None,
    *,
    lookup: Lookup | None,
    what: str,
    base: type | None = None,
    functions: bool = False,
) -> list[tuple[str, Any]]:
    """Make fresh objects of one or several choices.

    Parameters
    ----------
    specs : None, one choice, list, tuple or dict
        Each choice as in :func:`build_object`; a dict may hold lists.
    routed : mapping of str to object, default=None
        ``"0__patience"`` by position, ``"stop__patience"`` by dict key,
        ``"early_stopping__patience"`` by name, ``"patience"`` for every class or name that
        takes it (for the instances that take it where there is none).
    lookup, what, base, functions
        As in :func:`build_object`.

    Returns
    -------
    list of (str, object)
        Dict key (``"key__0"`` within a list) or position, and object.

    Raises
    ------
    ValueError
        When a routed name reaches nothing, or as in :func:`build_object`.
    """
    items = list(_items(specs))
    shares: list[dict[str, Any]] = [{} for _ in items]
    direct: list[dict[str, Any]] = [{} for _ in items]
    for full, value in (routed or {}).items():
        targets, name, aimed = _receivers(items, full, lookup, what)
        for i in targets:
            (direct if aimed else shares)[i][name] = value
    return [
        (
            item.key,
            build_object(
                item.spec,
                {**shares[i], **direct[i]},
                lookup=lookup,
                what=what if _is_single(specs) else f"{what}__{item.key}",
                base=base,
                functions=functions,
            ),
        )
        for i, item in enumerate(items)
    ]


def flat_choices(specs: Any) -> list[Any]:
    """List the choices that :func:`build_collection` would make objects of.

    Parameters
    ----------
    specs : None, one choice, list, tuple or dict
        As there.
    """
    return [item.spec for item in _items(specs)]


def _is_single(specs: Any) -> bool:
    return is_config(specs) or not isinstance(specs, (list, tuple, Mapping))


def _items(specs: Any) -> Iterable[_Item]:
    if specs is None:
        return
    if _is_single(specs):
        yield _item("0", specs, {"0"})
    elif isinstance(specs, Mapping):
        for position, (key, value) in enumerate(specs.items()):
            outer = {str(key), str(position)}
            if _is_single(value):
                if value is not None:
                    yield _item(str(key), value, outer)
                continue
            if isinstance(value, Mapping):
                raise TypeError(invalid(f"the entry {key!r}", "one choice or a list", "a dict"))
            for i, spec in enumerate(value):
                yield _item(f"{key}__{i}", spec, outer | {f"{token}__{i}" for token in outer})
    else:
        for i, spec in enumerate(specs):
            yield _item(str(i), spec, {str(i)})


def _item(key: str, spec: Any, tokens: set[str]) -> _Item:
    names = set(tokens)
    if isinstance(spec, str):
        names |= {spec, snake_name(spec)}
    elif isinstance(spec, Mapping):
        names.add(snake_name(spec["class_name"]))
    else:
        target = spec if callable(spec) and hasattr(spec, "__name__") else type(spec)
        names |= {target_name(target), snake_name(target_name(target))}
        if isinstance(own := getattr(spec, "name", None), str):
            names.add(own)
    described = isinstance(spec, (str, Mapping, functools.partial))
    described = described or inspect.isclass(spec) or inspect.isroutine(spec)
    return _Item(key, spec, frozenset(names), described)


def _receivers(
    items: list[_Item], full: str, lookup: Lookup | None, what: str
) -> tuple[list[int], str, bool]:
    """Find the items that a routed name is meant for, and its name within them."""
    parts = full.split("__")
    for depth in (2, 1):
        head, name = "__".join(parts[:depth]), "__".join(parts[depth:])
        hits = [i for i, item in enumerate(items) if head in item.tokens]
        if name and hits:
            return hits, name, True
    takers = [i for i, item in enumerate(items) if parts[0] in _accepted_by(item.spec, lookup)]
    if takers:
        described = [i for i in takers if items[i].described]
        return described or takers, full, False
    names = [f"{what}__{n}" for item in items for n in _accepted_by(item.spec, lookup)]
    names += [
        f"{what}__{token}__{n}"
        for item in items
        for token in item.tokens
        for n in _accepted_by(item.spec, lookup)
    ]
    reason = f"no entry of {what} takes it" if items else f"{what} has no entries"
    raise ValueError(
        f"{what}__{full} reaches nothing: {reason}.{did_you_mean(f'{what}__{full}', names)}"
    )


def _accepted_by(spec: Any, lookup: Lookup | None) -> tuple[str, ...]:
    if is_config(spec):
        spec = spec["class_name"]
    if isinstance(spec, str):
        if lookup is None:
            return ()
        spec = lookup(spec)
    described = inspect.isclass(spec) or inspect.isroutine(spec) or _makes_class(spec)
    return accepted_parameters(spec if described else type(spec)).names
