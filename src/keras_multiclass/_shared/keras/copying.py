"""Copies of Keras objects by their state, and which variables they share with the originals."""

from __future__ import annotations

import contextlib
import contextvars
import io
import sys
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from keras_multiclass._shared.keras.packing import StatePickler, pack
from keras_multiclass._shared.library_code import is_library_code
from keras_multiclass._shared.signatures import names_in

__all__ = ["copy_state", "shared_variables", "sharing_variables_with", "values_in", "variables_of"]


def copy_state(value: Any, *, share: Sequence[Any] = ()) -> Any:
    """Copy a value and all Keras objects in it by their state, except for layers.

    Parameters
    ----------
    value, share
        As for `pack`.
    """
    packed = pack(value, share=share)
    # Functions are shared, and so must be the variables that they change.
    used = _variables_in(packed.shared)
    return (pack(value, share=[*share, *used]) if used else packed).unpack()


@contextlib.contextmanager
def sharing_variables_with(callbacks: Any) -> Iterator[None]:
    """Let copies of losses share the variables that callbacks have, too.

    A callback may change what a loss computes, such as a weight, from epoch to epoch.

    Parameters
    ----------
    callbacks : object
        One or several callbacks, or anything else.
    """
    token = _shared_variables.set(tuple(variables_of(callbacks)))
    try:
        yield
    finally:
        _shared_variables.reset(token)


def shared_variables() -> list[Any]:
    """List the variables that copies of losses share at present."""
    return list(_shared_variables.get())


_shared_variables: contextvars.ContextVar[tuple[Any, ...]] = contextvars.ContextVar(
    "shared_variables", default=()
)


def variables_of(value: Any) -> list[Any]:
    """List the variables that a value holds, or that functions in it refer to."""
    if value is None or isinstance(value, str):
        return []
    pickler = _Finder(io.BytesIO(), None, ())
    try:
        pickler.dump(value)
    except Exception:  # what the error is about will be raised where the value is used
        return []
    found = [each for each in pickler.seen.values() if _is_variable(each)]
    return found + _variables_in(pickler.shared)


class _Finder(StatePickler):
    """Finds variables, for which it need not look into arrays and networks."""

    def persistent_id(self, obj: Any) -> int | None:
        if isinstance(obj, (np.ndarray, bytes, keras.Layer)):
            return self._number(obj)
        return super().persistent_id(obj)


def _variables_in(code: Iterable[Any]) -> list[Any]:
    """List the variables that functions, and methods of users' classes, refer to by name."""
    found = []
    for each in code:
        functions = [each]
        if isinstance(each, type) and not is_library_code(each):
            functions = list(vars(each).values())
        for function in functions:
            if isinstance(function, types.FunctionType):
                found += [v for v in values_in(function) if _is_variable(v)]
    return found


def values_in(function: types.FunctionType) -> list[Any]:
    """List what a function of the user's refers to by the names of globals and closures."""
    if is_library_code(function):
        return []
    values = [function.__globals__.get(name) for name in names_in(function.__code__)]
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # an empty cell
            values.append(cell.cell_contents)
    return values


def _is_variable(value: Any) -> bool:
    tensorflow = sys.modules.get("tensorflow")
    return isinstance(value, keras.Variable) or (
        tensorflow is not None and isinstance(value, tensorflow.Variable)
    )
