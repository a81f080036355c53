"""Which arguments classes and functions accept."""

from __future__ import annotations

import functools
import inspect
from typing import Any, NamedTuple

__all__ = ["Accepted", "accepted_parameters", "read_signature", "target_name"]


class Accepted(NamedTuple):
    """Argument names of a callable, in order, and whether it accepts others (``**kwargs``)."""

    names: tuple[str, ...]
    open: bool


def accepted_parameters(target: Any) -> Accepted:
    """Return the keyword arguments that a class or function accepts.

    If a constructor takes ``**kwargs``, those of the base classes are included, because Keras
    classes pass their keyword arguments on to them.
    """
    if isinstance(target, functools.partial):
        return accepted_parameters(target.func)
    if not inspect.isclass(target):
        return read_signature(target)
    names: list[str] = []
    for owner in target.__mro__:
        if owner is object or "__init__" not in vars(owner):
            continue
        own = read_signature(vars(owner)["__init__"], skip_first=True)
        names += [n for n in own.names if n not in names]
        if not own.open:
            return Accepted(tuple(names), False)
    # Keras' own base classes accept ``**kwargs`` only to raise an error for what they contain.
    return Accepted(tuple(names), bool(names) and not target.__module__.startswith("keras."))


def read_signature(function: Any, skip_first: bool = False) -> Accepted:
    """Return the keyword arguments of a function, without ``self`` if ``skip_first`` is true."""
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
    """Return the name of a class or function, also of one in a ``functools.partial``."""
    if isinstance(target, functools.partial):
        target = target.func
    return getattr(target, "__name__", type(target).__name__)
