"""Checks of numbers that the reports and the pictures share."""

from __future__ import annotations

import numbers
from typing import Any

from keras_multiclass._shared.messages import describe, invalid


def is_whole(value: Any) -> bool:
    """Tell whether a value is an integer, of Python or NumPy, and no truth value.

    Parameters
    ----------
    value : object
        What the user gave.
    """
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def check_count(name: str, value: Any, *, or_none: bool = False) -> None:
    """Check that a value is an integer of at least 1.

    Parameters
    ----------
    name : str
        How messages call it.
    value : object
        What the user gave.
    or_none : bool, default=False
        Whether None is allowed too.
    """
    if (or_none and value is None) or (is_whole(value) and value >= 1):
        return
    allowed = f"{'None or ' * or_none}an integer of at least 1"
    raise ValueError(invalid(name, allowed, describe(value)))
