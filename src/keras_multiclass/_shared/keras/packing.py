"""Copy and pickle Keras objects by their attributes, with new variables, not by `get_config`.

Keras copies and pickles losses, metrics and optimizers by their configuration, which users' classes
rarely complete: `get_config` of a base class knows nothing about the arguments of a subclass.
"""

from __future__ import annotations

import copyreg
import importlib
import io
import pickle
import re
import sys
import types
from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeAlias

import keras
import numpy as np

from keras_multiclass._shared.keras.reductions import (
    Reduction,
    container_contents,
    current_strategy,
    fill_container,
    is_closed,
    is_strategy,
    new_instance,
    reduce_by_state,
    reduce_variable,
    without_model,
)
from keras_multiclass._shared.upstream.keras_objects import (
    is_tracker,
    set_tracker_state,
    tracker_state,
)

__all__ = ["Packed", "PickledCode", "StatePickler", "pack"]

Reduce: TypeAlias = Callable[[Any], Reduction]

# What copies share with the original. Pickles store it as usual: classes and functions by name.
_CODE = (
    type,
    types.FunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    np.ufunc,
    re.Pattern,
)
_PLAIN = (str, int, float, type(None), bool, bytes, list, dict, tuple, set, frozenset)
_COPYABLE = (np.ndarray, np.generic, np.dtype, keras.DTypePolicy)


class Packed:
    """A value as bytes, without what copies share with it.

    Parameters
    ----------
    data : bytes
        The value. It names no classes or functions, so that unpacking calls only those in
        ``shared``, which formats such as that of skops check.
    shared : list
        The classes, functions, strings and other objects that it refers to.
    """

    def __init__(self, data: bytes, shared: list[Any]) -> None:
        self.data = data
        self.shared = shared

    def unpack(self) -> Any:
        """Return a new copy of the value."""
        return _Unpickler(io.BytesIO(self.data), self.shared).load()

    def __deepcopy__(self, memo: dict[int, Any]) -> Packed:
        return self  # nothing changes it, and each `unpack` makes a new copy


class PickledCode:
    """A value that contains code, such as the configuration of a `keras.layers.Lambda`.

    Pickles and copies restore it. Formats that are meant to be safe do not, because they restore
    objects by their state, which this class does not have.

    Parameters
    ----------
    value : object
        The value.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> Reduction:
        return _pickled_code, (self.value,)

    def __getstate__(self) -> Any:
        raise TypeError(
            "A network whose configuration contains code, such as a keras.layers.Lambda with a "
            "lambda, can be saved by pickle and joblib only. For other formats, replace lambdas by "
            "functions with names."
        )

    def __setstate__(self, state: Any) -> None:
        self.__getstate__()


def _pickled_code(value: Any) -> PickledCode:
    return PickledCode(value)


def pack(value: Any, *, reduce: Reduce | None = None, share: Iterable[Any] = ()) -> Packed:
    """Pack a value and all Keras objects in it by their state.

    Parameters
    ----------
    value : object
        The value. Objects that occur several times in it do so in copies, too.
    reduce : callable, default=None
        Returns for a layer or a built optimizer how to make it again, as ``__reduce__`` does.
        Copies share these objects if it is None.
    share : iterable of objects, default=()
        Further objects that copies share.

    Returns
    -------
    Packed
        The packed value. What cannot be copied, such as a lock and whatever holds one, is shared.
    """
    file = io.BytesIO()
    pickler = StatePickler(file, reduce, share)
    pickler.dump(value)
    return Packed(file.getvalue(), pickler.shared)


class StatePickler(pickle.Pickler):
    """Pickles by state, and by reference what copies share.

    With ``strict``, what cannot be pickled raises an error instead of being shared.
    """

    def __init__(
        self, file: io.BytesIO, reduce: Reduce | None, share: Iterable[Any], strict: bool = False
    ) -> None:
        super().__init__(file, protocol=5)
        self.shared: list[Any] = []
        self.seen: dict[int, Any] = {}  # kept alive, so that no other object has the same id
        self._share = list(share)
        self._always_shared = set(map(id, self._share))
        self._numbers: dict[Hashable, int] = {}
        self._reduce = reduce
        self._strict = strict
        self._can_be_pickled: dict[int, Any] = {}

    def persistent_id(self, obj: Any) -> int | None:
        kind = type(obj)
        if kind is str:  # by value: which of them are one object differs between copies
            return self._number(obj)
        if kind in _PLAIN:
            return None
        if kind is _Shared:
            return self._number(obj.target)
        if kind is PickledCode:
            return self._number(obj)
        if isinstance(obj, _CODE) or id(obj) in self._always_shared or _is_plain_builtin(obj):
            return self._number(obj)
        return None

    def _number(self, obj: Any) -> int:
        key = obj if type(obj) is str else id(obj)
        if key not in self._numbers:
            self._numbers[key] = len(self.shared)
            self.shared.append(obj)
        return self._numbers[key]

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, _COPYABLE):
            return NotImplemented
        self.seen[id(obj)] = obj
        reduction = self._reduce_known(obj)
        if reduction is not None:
            return reduction
        is_ours = type(obj).__module__.startswith("keras_multiclass.")
        if _is_pickled_by_name(obj):
            return self._share_whole(obj)
        if self._strict or is_ours or id(obj) in self._can_be_pickled:
            return NotImplemented
        # A copy of a queue or a trial that shared nothing but its lock would be of no use.
        trial = StatePickler(io.BytesIO(), self._reduce, self._share, strict=True)
        try:
            trial.dump(obj)
        except Exception:
            return self._share_whole(obj)
        self._can_be_pickled |= trial.seen
        return NotImplemented

    def _reduce_known(self, obj: Any) -> Reduction | None:
        if isinstance(obj, keras.Variable):
            return reduce_variable(obj)
        if isinstance(obj, keras.Layer) or (
            isinstance(obj, keras.optimizers.Optimizer) and obj.built
        ):
            return self._share_whole(obj) if self._reduce is None else self._reduce(obj)
        if isinstance(obj, types.ModuleType) and sys.modules.get(obj.__name__) is obj:
            return importlib.import_module, (obj.__name__,)
        if is_tracker(obj):
            return new_instance, (type(obj),), tracker_state(obj), None, None, set_tracker_state
        if isinstance(obj, (list, dict, set)) and type(obj).__module__.startswith("keras."):
            return new_instance, (type(obj),), container_contents(obj), None, None, fill_container
        if is_strategy(obj):
            return self._share_whole(obj) if self._reduce is None else (current_strategy, ())
        if isinstance(obj, keras.callbacks.Callback):
            return without_model(obj, obj.__reduce_ex__(5))
        if str(getattr(type(obj).__reduce__, "__module__", "")).startswith(("keras.", "scikeras.")):
            return reduce_by_state(obj)
        return None

    def _share_whole(self, obj: Any) -> Reduction:
        if self._reduce is not None and is_closed(obj):
            return type(None), ()
        return _identity, (_Shared(obj),)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, shared: list[Any]) -> None:
        super().__init__(file)
        self._shared = shared

    def persistent_load(self, pid: Any) -> Any:
        return self._shared[pid]

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(
            f"What a packed value calls must be among the objects listed with it; got "
            f"{module}.{name}. Do not use this file."
        )


class _Shared:
    """Stands for an object that is pickled by reference."""

    def __init__(self, target: Any) -> None:
        self.target = target


def _is_pickled_by_name(obj: Any) -> bool:
    """Whether pickles refer to an object by a name in its module, as to a `typing.TypeVar`."""
    bases, names = type(obj).__mro__[:-1], ("__reduce__", "__reduce_ex__")
    own = [name for name in names if any(name in vars(base) for base in bases)]
    if own != ["__reduce__"] or type(obj) in copyreg.dispatch_table:
        return False
    try:
        return isinstance(obj.__reduce__(), str)
    except Exception:  # pickling reports it
        return False


def _identity(value: Any) -> Any:
    return value


def _is_plain_builtin(value: Any) -> bool:
    """Whether a value is a function in C, and not a method of some object."""
    return isinstance(value, types.BuiltinFunctionType) and (
        value.__self__ is None or isinstance(value.__self__, types.ModuleType)
    )
