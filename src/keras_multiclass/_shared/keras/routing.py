"""Which of several Keras objects a routed argument is for."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from keras_multiclass._shared.error_marks import mark
from keras_multiclass._shared.keras.lookup import snake_name
from keras_multiclass._shared.messages import did_you_mean
from keras_multiclass._shared.signatures import Accepted, accepted_parameters, target_name

__all__ = [
    "Entry",
    "Lookup",
    "is_config",
    "is_container",
    "is_partial_class",
    "make_entry",
    "route_to_entries",
]

Lookup = Callable[[str], Any]


class Entry(NamedTuple):
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


def is_config(value: Any) -> bool:
    """Whether a value is a Keras configuration ``{"class_name": ..., "config": ...}``."""
    return isinstance(value, Mapping) and isinstance(value.get("class_name"), str)


def is_partial_class(value: Any) -> bool:
    """Whether a value is a ``functools.partial`` of a class."""
    return isinstance(value, functools.partial) and inspect.isclass(value.func)


def is_container(value: Any) -> bool:
    """Whether a value is a list, tuple or dict of values."""
    return isinstance(value, (list, tuple, Mapping)) and not is_config(value)


def make_entry(key: str, value: Any, names: set[str]) -> Entry:
    """Return an entry that is addressed by the given names, and by those of its value."""
    names = set(names)
    if isinstance(value, str):
        names |= {value, snake_name(value)}
    elif is_config(value):
        names.add(snake_name(value["class_name"]))
    elif not is_container(value):
        target = value if callable(value) and hasattr(value, "__name__") else type(value)
        names |= {target_name(target), snake_name(target_name(target))}
        if isinstance(own_name := getattr(value, "name", None), str):
            names.add(own_name)
    is_instance = not (
        isinstance(value, (str, Mapping, functools.partial))
        or is_container(value)
        or inspect.isclass(value)
        or inspect.isroutine(value)
    )
    return Entry(key, value, frozenset(names), is_instance)


def route_to_entries(
    entries: Sequence[Entry], routed: Mapping[str, Any], *, lookup: Lookup | None, what: str
) -> list[dict[str, Any]]:
    """Return the arguments for each entry.

    Parameters
    ----------
    entries : sequence of Entry
        The user's values.
    routed : mapping of str to object
        ``"0__patience"`` addresses an entry by position, ``"stop__patience"`` by dict key and
        ``"early_stopping__patience"`` by name. ``"patience"`` goes to every class or name that
        lists it, or if there is none, to every class that takes ``**kwargs``, or else to every
        instance that lists it.
    lookup : callable or None
        Returns the class or function of a name, or raises ``ValueError``.
    what : str
        Name of the parameter in error messages.

    Returns
    -------
    list of dict
        Arguments by name, in the order of the entries; those that address an entry take
        precedence.

    Raises
    ------
    ValueError
        If arguments match no entry; names them all.
    """
    if not routed:
        return [{} for _ in entries]
    common: list[dict[str, Any]] = [{} for _ in entries]
    addressed: list[dict[str, Any]] = [{} for _ in entries]
    accepted = [_accepted_by(entry.value, lookup) for entry in entries]
    unmatched = []
    for full_name, argument in routed.items():
        route = _find_route(entries, accepted, full_name, routed)
        if route is None:
            unmatched.append(full_name)
            continue
        for i in route.positions:
            (addressed if route.by_name else common)[i][route.argument] = argument
    if unmatched:
        error = ValueError(_no_match(entries, accepted, unmatched, what))
        raise mark(error, "unknown argument", what.partition("__")[0])
    return [{**first, **second} for first, second in zip(common, addressed, strict=True)]


def _find_route(
    entries: Sequence[Entry],
    accepted: Sequence[Accepted],
    full_name: str,
    routed: Mapping[str, Any],
) -> _Route | None:
    parts = full_name.split("__")
    for depth in (2, 1):
        name, argument = "__".join(parts[:depth]), "__".join(parts[depth:])
        named = [i for i, entry in enumerate(entries) if name in entry.names]
        if argument and named:
            return _Route(named, argument, by_name=True)
    head = parts[0]
    if head.isdigit() and len(entries) == 1 and len(parts) == 1:
        return _Route([0], full_name, by_name=True)
    listing = [i for i, taken in enumerate(accepted) if head in taken.names]
    unbuilt = [i for i in listing if not entries[i].is_instance]
    # An argument of an argument needs an argument.
    if not unbuilt and (len(parts) == 1 or head in routed):
        unbuilt = [i for i, e in enumerate(entries) if accepted[i].open and not e.is_instance]
    positions = unbuilt or listing
    return _Route(positions, full_name, by_name=False) if positions else None


def _no_match(
    entries: Sequence[Entry], accepted: Sequence[Accepted], unmatched: Sequence[str], what: str
) -> str:
    known = [f"{what}__{argument}" for taken in accepted for argument in taken.names]
    known += [
        f"{what}__{name}__{argument}"
        for entry, taken in zip(entries, accepted, strict=True)
        for name in entry.names
        for argument in taken.names
    ]
    reason = f"no entry of {what} takes it" if entries else f"{what} has no entries"
    return "\n".join(
        f"{what}__{name} matches nothing: {reason}.{did_you_mean(f'{what}__{name}', known)}"
        for name in unmatched
    )


def _accepted_by(value: Any, lookup: Lookup | None) -> Accepted:
    if is_container(value):
        inner = value.values() if isinstance(value, Mapping) else value
        taken = [_accepted_by(entry, lookup) for entry in inner]
        names = tuple(name for accepted in taken for name in accepted.names)
        return Accepted(names, any(accepted.open for accepted in taken))
    if is_config(value):
        value = value["class_name"]
    if isinstance(value, str):
        if lookup is None:
            return Accepted((), False)
        value = lookup(value)
    is_target = inspect.isclass(value) or inspect.isroutine(value) or is_partial_class(value)
    return accepted_parameters(value if is_target else type(value))
