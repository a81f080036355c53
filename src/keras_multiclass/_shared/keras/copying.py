"""Copies of Keras objects by their state, and what they share with the originals."""

from __future__ import annotations

import contextlib
import contextvars
import io
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from keras_multiclass._shared.keras.packing import StatePickler, pack
from keras_multiclass._shared.library_code import is_library_code
from keras_multiclass._shared.signatures import names_in

__all__ = [
    "copy_state",
    "objects_of",
    "shared_objects",
    "sharing_with",
    "values_in",
    "variables_of",
]


def copy_state(value: Any, *, share: Sequence[Any] = ()) -> Any:
    """Copy a value and all Keras objects in it by their state, except for layers.

    Parameters
    ----------
    value, share
        As for `pack`.
    """
    packed = pack(value, share=share)
    # Functions are shared, and so must be the variables that they change.
    used = _referred_to(packed.shared, _is_variable)
    return (pack(value, share=[*share, *used]) if used else packed).unpack()


@contextlib.contextmanager
def sharing_with(callbacks: Any) -> Iterator[None]:
    """Let copies of losses and metrics share the variables and objects that callbacks have, too.

    A callback may change what a loss computes, such as a weight, from epoch to epoch. A loss or
    metric that a callback has is therefore used itself.

    Parameters
    ----------
    callbacks : object
        One or several callbacks, or anything else.
    """
    token = _shared_objects.set(tuple(objects_of(callbacks)))
    try:
        yield
    finally:
        _shared_objects.reset(token)


def shared_objects() -> list[Any]:
    """List the objects that copies of losses and metrics share at present."""
    return list(_shared_objects.get())


_shared_objects: contextvars.ContextVar[tuple[Any, ...]] = contextvars.ContextVar(
    "shared_objects", default=()
)


def objects_of(value: Any) -> list[Any]:
    """List the variables and objects of users' classes in a value, or that functions refer to."""
    return _found_in(value, _may_be_shared)


def variables_of(value: Any) -> list[Any]:
    """List the variables that a value holds, or that functions in it refer to."""
    return _found_in(value, _is_variable)


def _found_in(value: Any, is_wanted: Callable[[Any], bool]) -> list[Any]:
    """List objects that a value holds, or that functions in it refer to."""
    if value is None or isinstance(value, str):
        return []
    pickler = _Finder(io.BytesIO(), None, ())
    try:
        pickler.dump(value)
    except Exception:  # what the error is about will be raised where the value is used
        return []
    found = [each for each in pickler.seen.values() if is_wanted(each)]
    return found + _referred_to(pickler.shared, is_wanted)


class _Finder(StatePickler):
    """Finds variables, for which it need not look into arrays and networks."""

    def persistent_id(self, obj: Any) -> int | None:
        if isinstance(obj, (np.ndarray, bytes, keras.Layer)):
            return self._number(obj)
        return super().persistent_id(obj)


def _referred_to(code: Iterable[Any], is_wanted: Callable[[Any], bool]) -> list[Any]:
    """List objects that functions, and methods of users' classes, refer to by name."""
    found = []
    for each in code:
        functions = [each]
        if isinstance(each, type) and not is_library_code(each):
            functions = list(vars(each).values())
        for function in functions:
            if isinstance(function, types.FunctionType):
                found += [v for v in values_in(function) if is_wanted(v)]
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


def _may_be_shared(value: Any) -> bool:
    """Whether a value is a variable, or an object of a class of the user's."""
    is_own = not isinstance(value, (keras.Layer, type)) and not is_library_code(type(value))
    return is_own or _is_variable(value)
