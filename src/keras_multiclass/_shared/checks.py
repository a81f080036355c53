"""Predicates for parameter values: Python's and NumPy's numbers and booleans."""

from __future__ import annotations

import math
import numbers
from typing import Any, TypeGuard

import numpy as np


def is_flag(value: Any) -> TypeGuard[bool]:
    """Whether ``value`` is True or False, possibly NumPy's."""
    return isinstance(value, (bool, np.bool_))


def is_integer(value: Any) -> TypeGuard[int]:
    """Whether ``value`` is a whole number, perhaps a float such as 3.0; booleans are not.

    Searches such as hyperopt's draw integers as floats.
    """
    if is_flag(value):
        return False
    is_whole = isinstance(value, (float, np.floating)) and float(value).is_integer()
    return isinstance(value, numbers.Integral) or is_whole


def is_count(value: Any) -> TypeGuard[int]:
    """Whether ``value`` is a whole number of at least 1."""
    return is_integer(value) and value >= 1


def is_number(value: Any) -> TypeGuard[float]:
    """Whether ``value`` is a finite real number; booleans are not."""
    return isinstance(value, numbers.Real) and not is_flag(value) and math.isfinite(value)
