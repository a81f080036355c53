"""Which attributes of two objects differ."""

from __future__ import annotations

import functools
import numbers
import types
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_multiclass._shared.keras.base_attributes import base_attributes
from keras_multiclass._shared.upstream.keras_objects import is_tracker
from keras_multiclass._shared.upstream.keras_optimizers import WEIGHT_DECAY_EXCLUSIONS

_INCIDENTAL = ("name", "built", "_dtype")


def differences(first: Any, second: Any) -> list[str]:
    """List the attributes of an object that have another value in a second one."""
    return _differences(first, second, set())


def _differences(first: Any, second: Any, compared: set[tuple[int, int]]) -> list[str]:
    compared.add((id(first), id(second)))
    usual, other = _uncompared(first), vars(second)
    return sorted(
        name
        for name, value in vars(first).items()
        if name not in _INCIDENTAL
        and (name not in usual or isinstance(value, (bool, numbers.Number, str, type(None))))
        and not (name in other and _equal(value, other[name], compared))
    )


def _uncompared(value: Any) -> frozenset[str]:
    """Return the names of attributes that are compared only if they are plain values."""
    if isinstance(value, keras.Layer):
        return frozenset()
    return base_attributes(value) | WEIGHT_DECAY_EXCLUSIONS


def _equal(first: Any, second: Any, compared: set[tuple[int, int]]) -> bool:
    def pairwise(values: Any, others: Any) -> bool:
        return len(values) == len(others) and all(
            _equal(a, b, compared) for a, b in zip(values, others, strict=True)
        )

    if first is second or (id(first), id(second)) in compared:
        return True
    if isinstance(first, (numbers.Number, np.generic)):
        return bool(first == second) or (first != first and second != second)
    if type(first) is not type(second):
        return False
    if isinstance(first, Mapping):
        return first.keys() == second.keys() and pairwise(
            first.values(), [second[key] for key in first]
        )
    if isinstance(first, (list, tuple)):
        return pairwise(first, second)
    if isinstance(first, (np.ndarray, keras.Variable)):
        return np.array_equal(np.asarray(first), np.asarray(second))
    if isinstance(first, types.FunctionType):
        return first.__code__ is second.__code__
    if isinstance(first, types.MethodType):
        return first.__func__ is second.__func__
    if isinstance(first, functools.partial):
        parts = ((p.func, p.args, p.keywords) for p in (first, second))
        return pairwise(*parts)
    if is_tracker(first):
        return True
    if hasattr(first, "__dict__") and not _compares(type(first)):
        return not _differences(first, second, compared)
    try:
        return bool(np.all(first == second))
    except Exception:
        return False


def _compares(cls: type) -> bool:
    return any("__eq__" in vars(base) for base in cls.__mro__[:-1])
