"""Tests of plain values that several rooms share."""

from __future__ import annotations

import math
import numbers

import numpy as np


def is_integer(value: object) -> bool:
    """Whether a value is an integer, of Python or NumPy, and not a bool."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_flag(value: object) -> bool:
    """Whether a value is True or False, of Python or NumPy."""
    return isinstance(value, (bool, np.bool_))


def is_count(value: object) -> bool:
    """Whether a value is an integer of at least 1."""
    return is_integer(value) and int(value) >= 1  # type: ignore[call-overload]


def is_real(value: object) -> bool:
    """Whether a value is a finite real number, and not a bool."""
    is_number = isinstance(value, numbers.Real) and not is_flag(value)
    return is_number and math.isfinite(float(value))  # type: ignore[arg-type]
