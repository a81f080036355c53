"""Build several Keras objects, such as metrics or callbacks, and route arguments to them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from keras_multiclass._shared.keras.lookup import snake_name
from keras_multiclass._shared.keras.objects import Lookup, build_object, is_config, is_partial_class
from keras_multiclass._shared.messages import did_you_mean, invalid
from keras_multiclass._shared.signatures import accepted_parameters, target_name

__all__ = ["build_objects", "flatten"]


class _Entry(NamedTuple):
    """One of the user's values, and the names by which routed arguments address it."""

    key: str
    value: Any
    names: frozenset[str]
    is_instance: bool


class _Route(NamedTuple):
    """Where a routed argument goes."""

    positions: list[int]
    argument: str
    by_name: bool


def build_objects(
    values: Any,
    routed: Mapping[str, Any] | None = None,
    *,
    lookup: Lookup | None,
    what: str,
    base: type | None = None,
    functions: bool = False,
    copy: bool = True,
) -> list[tuple[str, Any]]:
    """Build new objects from one or several values.

    Parameters
    ----------
    values : None, a single value, list, tuple or dict
        Values as for :func:`~keras_multiclass._shared.keras.objects.build_object`. The values of
        a dict may be lists.
    routed : mapping of str to object, default=None
        ``"0__patience"`` addresses an entry by position, ``"stop__patience"`` by dict key and
        ``"early_stopping__patience"`` by name. ``"patience"`` goes to every class or name that
        accepts it, or if there is none, to every instance that does.
    lookup, what, base, functions, copy
        As for ``build_object``.

    Returns
    -------
    list of (str, object)
        Dict key (``"key__0"`` for entries of a list) or position, and object.

    Raises
    ------
    ValueError
        If a routed argument matches no entry, or as in ``build_object``.
    TypeError
        As in ``build_object``.
    """
    entries = list(_entries(values))
    common: list[dict[str, Any]] = [{} for _ in entries]
    addressed: list[dict[str, Any]] = [{} for _ in entries]
    for full_name, argument in (routed or {}).items():
        route = _find_route(entries, full_name, lookup, what)
        for i in route.positions:
            (addressed if route.by_name else common)[i][route.argument] = argument
    return [
        (
            entry.key,
            build_object(
                entry.value,
                {**common[i], **addressed[i]},
                lookup=lookup,
                what=what if _is_single(values) else f"{what}__{entry.key}",
                base=base,
                functions=functions,
                copy=copy,
            ),
        )
        for i, entry in enumerate(entries)
    ]


def flatten(values: Any) -> list[Any]:
    """List the values that :func:`build_objects` would build objects from."""
    return [entry.value for entry in _entries(values)]


def _is_single(values: Any) -> bool:
    return is_config(values) or not isinstance(values, (list, tuple, Mapping))


def _entries(values: Any) -> Iterator[_Entry]:
    if values is None:
        return
    if _is_single(values):
        yield _make_entry("0", values, {"0"})
    elif isinstance(values, Mapping):
        for position, (key, value) in enumerate(values.items()):
            outer_names = {str(key), str(position)}
            if _is_single(value):
                if value is not None:
                    yield _make_entry(str(key), value, outer_names)
                continue
            if isinstance(value, Mapping):
                raise TypeError(invalid(f"the entry {key!r}", "a single value or a list", "a dict"))
            for i, inner in enumerate(value):
                names = outer_names | {f"{name}__{i}" for name in outer_names}
                yield _make_entry(f"{key}__{i}", inner, names)
    else:
        for i, value in enumerate(values):
            yield _make_entry(str(i), value, {str(i)})


def _make_entry(key: str, value: Any, names: set[str]) -> _Entry:
    names = set(names)
    if isinstance(value, str):
        names |= {value, snake_name(value)}
    elif isinstance(value, Mapping):
        names.add(snake_name(value["class_name"]))
    else:
        target = value if callable(value) and hasattr(value, "__name__") else type(value)
        names |= {target_name(target), snake_name(target_name(target))}
        if isinstance(own_name := getattr(value, "name", None), str):
            names.add(own_name)
    is_instance = not (
        isinstance(value, (str, Mapping, functools.partial))
        or inspect.isclass(value)
        or inspect.isroutine(value)
    )
    return _Entry(key, value, frozenset(names), is_instance)


def _find_route(entries: list[_Entry], full_name: str, lookup: Lookup | None, what: str) -> _Route:
    parts = full_name.split("__")
    for depth in (2, 1):
        name, argument = "__".join(parts[:depth]), "__".join(parts[depth:])
        named = [i for i, entry in enumerate(entries) if name in entry.names]
        if argument and named:
            return _Route(named, argument, by_name=True)
    accepting = [i for i, e in enumerate(entries) if parts[0] in _accepted_by(e.value, lookup)]
    if accepting:
        unbuilt = [i for i in accepting if not entries[i].is_instance]
        return _Route(unbuilt or accepting, full_name, by_name=False)
    accepted = [(entry, _accepted_by(entry.value, lookup)) for entry in entries]
    known = [f"{what}__{argument}" for _, arguments in accepted for argument in arguments]
    known += [
        f"{what}__{name}__{argument}"
        for entry, arguments in accepted
        for name in entry.names
        for argument in arguments
    ]
    reason = f"no entry of {what} takes it" if entries else f"{what} has no entries"
    raise ValueError(
        f"{what}__{full_name} matches nothing: {reason}."
        f"{did_you_mean(f'{what}__{full_name}', known)}"
    )


def _accepted_by(value: Any, lookup: Lookup | None) -> tuple[str, ...]:
    if is_config(value):
        value = value["class_name"]
    if isinstance(value, str):
        if lookup is None:
            return ()
        value = lookup(value)
    is_target = inspect.isclass(value) or inspect.isroutine(value) or is_partial_class(value)
    return accepted_parameters(value if is_target else type(value)).names
