"""Which classes and functions are those of libraries, and not the user's."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["is_custom", "is_library_code", "top_module"]

_KERAS_AND_BACKENDS = frozenset(
    {"keras", "keras_multiclass", "tensorflow", "numpy", "jax", "jaxlib", "torch"}
)
_LIBRARIES = _KERAS_AND_BACKENDS | {"scipy", "sklearn"} | (sys.stdlib_module_names - {"__main__"})
_NOT_CUSTOM = _KERAS_AND_BACKENDS | {
    *("builtins", "collections", "functools", "threading", "types", None)
}


def is_library_code(code: Any) -> bool:
    """Whether a class or function is of a library, and so does not change while a program runs."""
    return top_module(code) in _LIBRARIES


def is_custom(code: Any) -> bool:
    """Whether a layer refers to a class or function as to one of the user's.

    Unlike `is_library_code`, this includes classes of SciPy, scikit-learn and most modules of
    Python, such as a `random.Random`: what a layer has of them is copied with it.
    """
    return top_module(code) not in _NOT_CUSTOM


def top_module(code: Any) -> str | None:
    """Return the first part of the name of the module that defines a class or function."""
    module = getattr(code, "__module__", None)
    return module.partition(".")[0] if isinstance(module, str) else None
