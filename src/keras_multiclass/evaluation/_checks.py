"""Checks of numeric parameters shared by the reports and displays."""

from __future__ import annotations

import numbers
from typing import Any

from keras_multiclass._shared.messages import describe, invalid


def is_integer(value: Any) -> bool:
    """Return whether a value is a Python or NumPy integer, and not a boolean.

    Parameters
    ----------
    value : object
        Value to check.
    """
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def check_count(name: str, value: Any, *, or_none: bool = False) -> None:
    """Raise unless a value is an integer of at least 1.

    Parameters
    ----------
    name : str
        Name of the parameter, for the message.
    value : object
        The user's value.
    or_none : bool, default=False
        Whether None is allowed too.
    """
    if (or_none and value is None) or (is_integer(value) and value >= 1):
        return
    allowed = f"{'None or ' * or_none}an integer of at least 1"
    raise ValueError(invalid(name, allowed, describe(value)))
