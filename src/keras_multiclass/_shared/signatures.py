"""Which arguments classes and functions accept."""

from __future__ import annotations

import functools
import inspect
import types
from typing import Any, NamedTuple

__all__ = ["Accepted", "accepted_parameters", "names_in", "read_signature", "target_name"]


class Accepted(NamedTuple):
    """Argument names of a callable, in order, and whether it accepts others.

    With ``**kwargs`` it is open to other names, with ``*args`` to more positions than the
    ``n_before_args`` names before it.
    """

    names: tuple[str, ...]
    open: bool
    has_args: bool = False
    n_before_args: int = 0


# Classes of these packages take ``**kwargs`` only to pass them on to a base class that lists them.
_CLOSED = ("keras.", "keras_multiclass.")


def accepted_parameters(target: Any) -> Accepted:
    """Return the keyword arguments that a class or function accepts.

    If a constructor takes ``**kwargs``, those of the base classes are included, because Keras
    classes pass their keyword arguments on to them.
    """
    if isinstance(target, functools.partial):
        return accepted_parameters(target.func)._replace(has_args=False)
    if not inspect.isclass(target):
        return read_signature(target)._replace(has_args=False)
    signatures = []
    for owner in target.__mro__:
        if owner is object or "__init__" not in vars(owner):
            continue
        own = read_signature(vars(owner)["__init__"], skip_first=True)
        # A user's class may use what it takes by ``**kwargs`` itself.
        is_open = own.open and not owner.__module__.startswith(_CLOSED)
        signatures.append(own._replace(open=is_open))
        if not own.open:
            break
    if not signatures:
        return Accepted((), False)
    names = dict.fromkeys(name for signature in signatures for name in signature.names)
    return signatures[0]._replace(names=tuple(names))


def read_signature(function: Any, skip_first: bool = False) -> Accepted:
    """Return the keyword arguments of a function, without ``self`` if ``skip_first`` is true."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return Accepted((), True)
    if skip_first:
        parameters = parameters[1:]
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    kinds = [p.kind for p in parameters]
    has_args = inspect.Parameter.VAR_POSITIONAL in kinds
    return Accepted(
        tuple(p.name for p in parameters if p.kind in by_name),
        open=inspect.Parameter.VAR_KEYWORD in kinds,
        has_args=has_args,
        n_before_args=kinds.index(inspect.Parameter.VAR_POSITIONAL) if has_args else 0,
    )


def target_name(target: Any) -> str:
    """Return the name of a class or function, also of one in a ``functools.partial``."""
    if isinstance(target, functools.partial):
        target = target.func
    return getattr(target, "__name__", type(target).__name__)


def names_in(code: types.CodeType) -> set[str]:
    """Return the global names and attributes that code, and code nested in it, refers to."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= names_in(constant)
    return names
