"""Wording of error messages: descriptions of values, suggestions for typos, lists of names."""

from __future__ import annotations

import contextlib
import contextvars
import difflib
import inspect
import numbers
import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_LONGEST_REPR = 80
_LONGEST_QUOTE = 160
_MOST_SHOWN = 5
# Colors in messages of Keras, and names of operations in front of those of TensorFlow.
_DECORATION = re.compile(r"\x1b\[[0-9;]*m|\{\{[^{}]*\}\} *")
# What would change how the text around it is shown: control characters, lone surrogates, separators
# of lines and paragraphs, and marks that change the direction of text.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def describe(value: Any) -> str:
    """Describe a value without printing the user's data.

    Arrays and tables are described by type, shape and dtype, short scalars and strings by their
    ``repr``, and everything else by its type.
    """
    if value is None or isinstance(value, (bool, numbers.Number, str, bytes)):
        text = printable(repr(value))
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
    """Format an error message: what is invalid, what is allowed, what was passed, how to fix it."""
    sentence = f"{what} must be {allowed}; got {got}."
    return f"{sentence} {cure}" if cure else sentence


def did_you_mean(name: str, candidates: Iterable[str], prefix: str = "") -> str:
    """Return ``" Did you mean 'x'?"``, or an empty string if no candidate is similar.

    Neither case nor underscores count; of candidates that differ in nothing else, the first one is
    suggested. ``prefix``, such as ``optimizer__``, is put in front of the suggestions.
    """
    similar = similar_names(name, candidates)
    return f" Did you mean {' or '.join(repr(prefix + n) for n in similar)}?" if similar else ""


def similar_names(name: str, candidates: Iterable[str]) -> list[str]:
    """Return up to three similar candidates, the most similar first, see `did_you_mean`."""
    if len(str(name)) > _LONGEST_REPR:
        return []
    distinct: dict[str, str] = {}
    for candidate in map(str, candidates):
        distinct.setdefault(_bare(candidate), candidate)
    if _bare(str(name)) in distinct:
        return [distinct[_bare(str(name))]]
    lowered = {candidate.lower(): candidate for candidate in distinct.values()}
    found = difflib.get_close_matches(str(name).lower(), lowered, n=3, cutoff=0.6)
    return [lowered[key] for key in found]


def _bare(name: str) -> str:
    return re.sub("[_ -]", "", name).lower()


def format_list(names: Iterable[Any]) -> str:
    """Join names with commas, truncating long names and lists."""
    shown = [quote(n) for n in names]
    if len(shown) > 12:
        return ", ".join(shown[:12]) + f", ... ({len(shown)} in all)"
    return ", ".join(shown)


def list_first(names: Sequence[Any]) -> str:
    """Join the first few names with commas."""
    return format_list(names[:_MOST_SHOWN]) + ", ..." * (len(names) > _MOST_SHOWN)


def count_of(number: int, noun: str) -> str:
    """Return a number of things, such as ``1 epoch`` and ``2 epochs``."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def count_and_list(names: Sequence[Any], noun: str) -> str:
    """Return the number of names and the first few, such as ``2 new labels: 'a', 'b'``."""
    return f"{count_of(len(names), noun)}: {list_first(names)}"


def list_differences(given: Iterable[Any], known: Iterable[Any], noun: str) -> str:
    """Return how many names are new, and how many are missing; empty if none is.

    Parameters
    ----------
    given, known : iterable of hashable
        Distinct names.
    noun : str
        What they are, in the singular.
    """
    given, known = dict.fromkeys(given), dict.fromkeys(known)
    differences = {
        f"new {noun}": [name for name in given if name not in known],
        f"missing {noun}": [name for name in known if name not in given],
    }
    return " and ".join(count_and_list(names, what) for what, names in differences.items() if names)


def quote(name: Any) -> str:
    """Return the ``repr`` of a name or label, harmless and shortened."""
    text = printable(repr(name))
    return text if len(text) <= _LONGEST_REPR else f"{text[:50]}...{text[-20:]}"


def printable(text: str) -> str:
    """Escape characters that would change how the text around them is shown.

    These are terminal escapes, line breaks, and marks that change the direction of text.
    """
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode()
        if unicodedata.category(char) in _UNSAFE_CATEGORIES or char in _DIRECTIONS
        else char
        for char in text
    )


def shorten(label: Any, longest: int) -> str:
    """Return a label on one line, shortened in the middle to ``longest`` characters."""
    text = printable(" ".join(str(label).split()))
    if len(text) <= longest:
        return text
    kept = longest - 3
    return f"{text[: kept - kept // 3]}...{text[-(kept // 3) :]}"


def quote_error(error: BaseException) -> str:
    """Return type and message of an error on one line, shortened."""
    return f"{type(error).__name__}: {shorten(_DECORATION.sub('', str(error)), _LONGEST_QUOTE)}"


def full_error(error: BaseException) -> str:
    """Return type and message of an error that a function of the user raised in Keras.

    Keras raises ``NotImplementedError`` instead of what the function of a ``Lambda`` layer raises.
    """
    text = f"{type(error).__name__}: {_DECORATION.sub('', str(error))}"
    cause = error
    while isinstance(error, NotImplementedError) and cause.__context__ is not None:
        cause = cause.__context__
    return text if cause is error else f"{text}\nIt was raised because of {quote_error(cause)}"


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line of the caller's code that called into this package."""
    held_back = _held_back.get()
    if held_back is not None:
        held_back.append((message, category))
        return
    package = __name__.partition(".")[0]
    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


@contextlib.contextmanager
def warnings_held_back() -> Iterator[list[tuple[str, type[Warning]]]]:
    """Collect the arguments of `warn` instead of warning.

    Yields
    ------
    list of tuple
        The arguments, for as long as the block runs.
    """
    held_back: list[tuple[str, type[Warning]]] = []
    token = _held_back.set(held_back)
    try:
        yield held_back
    finally:
        _held_back.reset(token)


_held_back: contextvars.ContextVar[list[tuple[str, type[Warning]]] | None] = contextvars.ContextVar(
    "held_back", default=None
)
