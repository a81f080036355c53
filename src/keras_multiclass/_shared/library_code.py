"""Which classes and functions are those of libraries, and not the user's."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["KERAS_AND_BACKENDS", "is_library_code", "top_module"]

KERAS_AND_BACKENDS = frozenset(
    {"keras", "keras_multiclass", "tensorflow", "numpy", "jax", "jaxlib", "torch"}
)
_LIBRARIES = KERAS_AND_BACKENDS | {"scipy", "sklearn"} | (sys.stdlib_module_names - {"__main__"})


def is_library_code(code: Any) -> bool:
    """Whether a class or function is of a library, and so does not change while a program runs."""
    return top_module(code) in _LIBRARIES


def top_module(code: Any) -> str | None:
    """Return the first part of the name of the module that defines a class or function."""
    module = getattr(code, "__module__", None)
    return module.partition(".")[0] if isinstance(module, str) else None
