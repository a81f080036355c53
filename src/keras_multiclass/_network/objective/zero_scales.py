"""Numbers that are 0 until a callback changes them, such as the weight of a loss."""

from __future__ import annotations

import contextlib
import numbers
from collections.abc import Iterator
from typing import Any

import keras

from keras_multiclass._shared.keras.copying import objects_of
from keras_multiclass._shared.keras.variables import value_of

_RAISED = 0.5  # neither 0 nor 1, which has a meaning of its own for many arguments


@contextlib.contextmanager
def without_zeros(value: Any) -> Iterator[bool]:
    """Let variables and attributes of a loss or metric that are 0 have another value.

    A loss that is multiplied by 0 is the same for all labels and predictions.

    Parameters
    ----------
    value : object
        The loss or metric.

    Yields
    ------
    bool
        Whether any were 0.
    """
    objects = [*objects_of(value), value]  # functions have attributes, too
    variables = [v for v in objects if _is_variable(v) and not value_of(v).any()]
    zeros = [value_of(v) for v in variables]
    attributes = [
        (vars(each), name, number)
        for each in objects
        for name, number in getattr(each, "__dict__", {}).items()
        if _is_number(number) and not number
    ]
    try:
        for variable, zero in zip(variables, zeros, strict=True):
            variable.assign(zero + zero.dtype.type(_RAISED))
        for namespace, name, _ in attributes:
            namespace[name] = _RAISED
        yield bool(variables or attributes)
    finally:
        for variable, zero in zip(variables, zeros, strict=True):
            variable.assign(zero)
        for namespace, name, number in attributes:
            namespace[name] = number


def _is_variable(value: Any) -> bool:
    return hasattr(value, "assign") and keras.backend.is_float_dtype(str(value.dtype))


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
