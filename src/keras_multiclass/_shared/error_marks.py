"""Marks on errors of this package, so that no caller has to recognize them by their text."""

from __future__ import annotations

from typing import Literal, TypeAlias, TypeVar

Mark: TypeAlias = Literal["text in X", "undeclared label", "unknown argument", "unknown label"]
_Error = TypeVar("_Error", bound=BaseException)

_MARKS = "_keras_multiclass_marks"  # attribute of an error


def mark(error: _Error, kind: Mark, *about: str) -> _Error:
    """Mark an error, and return it.

    Parameters
    ----------
    error : BaseException
        The error.
    kind : {"text in X", "undeclared label", "unknown argument", "unknown label"}
        What it is.
    *about : str
        What it is about, such as the names of parameters.
    """
    vars(error).setdefault(_MARKS, {})[kind] = about
    return error


def marked(error: BaseException, kind: Mark) -> tuple[str, ...]:
    """Return what an error, or one that caused it, is about if it has a mark; else nothing.

    Parameters
    ----------
    error : BaseException
        The error.
    kind : {"text in X", "undeclared label", "unknown argument", "unknown label"}
        The mark.
    """
    cause: BaseException | None = error
    while cause is not None:
        if about := vars(cause).get(_MARKS, {}).get(kind):
            return tuple(about)
        cause = cause.__cause__
    return ()
