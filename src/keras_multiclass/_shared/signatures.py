"""Reads which arguments a class or function takes."""

from __future__ import annotations

import functools
import inspect
from typing import Any, NamedTuple

__all__ = ["Accepted", "accepted_parameters", "read_signature", "target_name"]


class Accepted(NamedTuple):
    """Names that a callable takes, in order, and whether it may take others (``**kwargs``)."""

    names: tuple[str, ...]
    open: bool


def accepted_parameters(target: Any) -> Accepted:
    """Say which keyword arguments a class or function takes.

    For a class with ``**kwargs`` the constructors along its method resolution order are read
    too, because Keras classes hand them on to their bases.
    """
    if isinstance(target, functools.partial):
        return accepted_parameters(target.func)
    if not inspect.isclass(target):
        return read_signature(target)
    names: list[str] = []
    for owner in target.__mro__:
        if owner is object or "__init__" not in vars(owner):
            continue
        here = read_signature(vars(owner)["__init__"], skip_first=True)
        names += [n for n in here.names if n not in names]
        if not here.open:
            return Accepted(tuple(names), False)
    # Keras' own base classes take ``**kwargs`` only to refuse what is in them.
    return Accepted(tuple(names), bool(names) and not target.__module__.startswith("keras."))


def read_signature(function: Any, skip_first: bool = False) -> Accepted:
    """Read the keyword arguments of one function; ``skip_first`` leaves out ``self``."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return Accepted((), True)
    if skip_first:
        parameters = parameters[1:]
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = tuple(p.name for p in parameters if p.kind in by_name)
    return Accepted(names, any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters))


def target_name(target: Any) -> str:
    """Return the name of a class or function, looking through ``functools.partial``."""
    if isinstance(target, functools.partial):
        target = target.func
    return getattr(target, "__name__", type(target).__name__)
