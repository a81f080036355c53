"""Build several Keras objects, such as metrics or callbacks, and route arguments to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from keras_multiclass._shared.keras.objects import build_object
from keras_multiclass._shared.keras.routing import (
    Entry,
    Lookup,
    is_container,
    make_entry,
    route_to_entries,
)
from keras_multiclass._shared.messages import invalid

__all__ = ["build_objects", "flatten"]


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
        Arguments, addressed as for
        :func:`~keras_multiclass._shared.keras.routing.route_to_entries`.
    lookup, what, base, functions, copy
        As for ``build_object``.

    Returns
    -------
    list of (str, object)
        Dict key (``"key__0"`` for entries of a list) or position, and object.

    Raises
    ------
    ValueError
        If routed arguments match no entry, or as in ``build_object``.
    TypeError
        As in ``build_object``.
    """
    entries = list(_entries(values))
    shares = route_to_entries(entries, routed or {}, lookup=lookup, what=what)
    return [
        (
            entry.key,
            build_object(
                entry.value,
                arguments,
                lookup=lookup,
                what=f"{what}__{entry.key}" if is_container(values) else what,
                base=base,
                functions=functions,
                copy=copy,
            ),
        )
        for entry, arguments in zip(entries, shares, strict=True)
    ]


def flatten(values: Any) -> list[Any]:
    """List the values that :func:`build_objects` would build objects from."""
    return [entry.value for entry in _entries(values)]


def _entries(values: Any) -> Iterator[Entry]:
    if values is None:
        return
    if not is_container(values):
        yield make_entry("0", values, {"0"})
    elif isinstance(values, Mapping):
        for position, (key, value) in enumerate(values.items()):
            outer_names = {str(key), str(position)}
            if not is_container(value):
                if value is not None:
                    yield make_entry(str(key), value, outer_names)
                continue
            if isinstance(value, Mapping):
                raise TypeError(invalid(f"the entry {key!r}", "a single value or a list", "a dict"))
            for i, inner in enumerate(value):
                names = outer_names | {f"{name}__{i}" for name in outer_names}
                yield make_entry(f"{key}__{i}", inner, names)
    else:
        for i, value in enumerate(values):
            yield make_entry(str(i), value, {str(i)})
