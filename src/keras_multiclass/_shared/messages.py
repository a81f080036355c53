"""The wording of errors and names: how a value is described, what is near, what is too long."""

from __future__ import annotations

import difflib
import inspect
import numbers
from collections.abc import Iterable
from typing import Any

_LONGEST_REPR = 80


def describe(value: Any) -> str:
    """Say what a value is without ever printing a user's data.

    Arrays and tables are described by type, shape and dtype; short scalars and
    strings by their ``repr``; everything else by its type.
    """
    if value is None or isinstance(value, (bool, numbers.Number, str, bytes)):
        text = repr(value)
        short = len(text) <= _LONGEST_REPR
        return text if short else f"{type(value).__name__} of length {len(text)}"
    if inspect.isclass(value):
        return f"the class {value.__name__}"
    if inspect.isroutine(value):
        return f"the function {getattr(value, '__name__', repr(value))}"
    name = type(value).__name__
    shape = getattr(value, "shape", None)
    if shape is not None:
        dtype = getattr(value, "dtype", None)
        suffix = "" if dtype is None else f" and dtype {dtype}"
        return f"{name} of shape {tuple(shape)}{suffix}"
    if isinstance(value, (list, tuple, dict, set, frozenset)):
        return f"{name} of length {len(value)}"
    return f"an instance of {name}"


def invalid(what: str, allowed: str, got: str, cure: str = "") -> str:
    """One sentence pattern for every error: what, what is allowed, what came, what to do."""
    sentence = f"{what} must be {allowed}; got {got}."
    return f"{sentence} {cure}" if cure else sentence


def did_you_mean(name: str, candidates: Iterable[str], prefix: str = "") -> str:
    """Return ``" Did you mean 'x'?"``, or nothing when no candidate is near.

    ``prefix`` is what goes before each candidate, as in ``optimizer__``; it does not count for
    how near it is.
    """
    near = difflib.get_close_matches(str(name), [str(c) for c in candidates], n=3, cutoff=0.6)
    if not near:
        return ""
    return f" Did you mean {' or '.join(repr(prefix + n) for n in near)}?"


def format_list(names: Iterable[Any]) -> str:
    """Write names as a readable list, cut short when it is long."""
    shown = [repr(n) for n in names]
    if len(shown) > 12:
        return ", ".join(shown[:12]) + f", ... ({len(shown)} in all)"
    return ", ".join(shown)


def shorten(label: Any, longest: int) -> str:
    """Write a label in one line, without its middle if it is longer than that many letters."""
    text = " ".join(str(label).split())
    if len(text) <= longest:
        return text
    kept = longest - 3
    return f"{text[: kept - kept // 3]}...{text[-(kept // 3) :]}"
