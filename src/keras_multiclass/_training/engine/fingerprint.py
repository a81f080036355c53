"""Describes a compiled model so completely that models of equal description compute the same.

A description leaves out the values of variables, and with them weights, learning rates and seeds.
It contains everything else that a trace of the model could depend on: configurations, classes and
functions, and for the user's code also what it reads from its closure and its module. What cannot
be described raises an error and is never left out.
"""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Hashable, Mapping
from typing import Any

import keras
import numpy as np

from keras_multiclass._shared.keras.base_attributes import base_attributes, usage_records
from keras_multiclass._shared.keras.layer_tree import inner_layers
from keras_multiclass._shared.keras.rebuilding import config_with_schedule, unreported_settings
from keras_multiclass._shared.library_code import is_library_code, top_module
from keras_multiclass._shared.messages import describe
from keras_multiclass._shared.signatures import names_in
from keras_multiclass._shared.upstream.keras_training import compile_arguments_of, compiled_metrics

_LARGEST_ARRAY = 2**20  # bytes
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))
_COMMON = frozenset(_PLAIN)  # found faster than by `isinstance`; most values are of these types
_CODE = (
    *(types.FunctionType, type, types.MethodType, functools.partial, staticmethod, classmethod),
    *(property, types.BuiltinFunctionType, types.MethodDescriptorType),
    types.WrapperDescriptorType,
)
# What an attribute of a Keras object may hold without holding a user's object.
_HARMLESS = (*_PLAIN, keras.Layer, keras.Variable, keras.KerasTensor, np.ndarray)
_CLASS_MACHINERY = frozenset(
    {"__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__annotations__"}
    | {"__abstractmethods__", "_abc_impl", "__parameters__", "__orig_bases__", "__hash__"}
    | {"__firstlineno__", "__static_attributes__", "__annotate_func__", "__annotations_cache__"}
)


class UndescribableError(Exception):
    """A part of a model, named in the message, cannot be compared with that of another model."""


def fingerprint(model: keras.Model) -> Hashable:
    """Describe a built and compiled model.

    Parameters
    ----------
    model : keras.Model
        The model.

    Returns
    -------
    hashable
        Equal only for models that compute and train alike from equal variables.

    Raises
    ------
    UndescribableError
        If a part of the model cannot be described.
    """
    describer = _Describer()
    settings = keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format()
    try:
        metrics = list(compiled_metrics(model.metrics))
    except NotImplementedError as error:
        raise UndescribableError(str(error)) from error
    try:
        weights = compile_arguments_of(model).get("loss_weights") if model.compiled else None
    except Exception as error:  # without Keras' record, its description cannot be read
        raise UndescribableError(str(error)) from error
    variables = [(v.trainable, v.regularizer, v.constraint) for v in model.weights]
    parts = (model, variables, model.loss, weights, *metrics, model.optimizer)
    return settings, *map(describer.describe, parts)


class _Identity:
    """Compares an object by identity, and keeps it alive so that no other takes its address."""

    def __init__(self, target: Any) -> None:
        self.target = target

    def __hash__(self) -> int:
        return id(self.target)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self.target is other.target


class _Describer:
    """Turns values, functions, classes and Keras objects into something hashable."""

    def __init__(self) -> None:
        # The objects so far, so that another occurrence is described by the number of the first.
        self._seen: dict[int, tuple[int, Any]] = {}

    def describe(self, value: Any) -> Hashable:
        """Describe a value; raise `UndescribableError` if that is impossible."""
        if type(value) in _COMMON or isinstance(value, _PLAIN):
            return type(value), value
        if type(value) is dict or isinstance(value, Mapping):
            return ("mapping", *((self.describe(k), self.describe(v)) for k, v in value.items()))
        if isinstance(value, (list, tuple)):
            return ("sequence", *map(self.describe, value))
        if isinstance(value, (set, frozenset)):
            return "set", frozenset(map(self.describe, value))
        if isinstance(value, (np.ndarray, np.generic)):
            return _describe_array(value)
        if isinstance(value, (slice, range, np.dtype)) or type(value).__name__ == "DType":
            return type(value), str(value)
        if isinstance(value, types.ModuleType):
            return "module", value.__name__
        if isinstance(value, keras.Variable):
            return "variable", tuple(value.shape), str(value.dtype), value.trainable
        if isinstance(value, keras.random.SeedGenerator):  # its seed is in a variable
            return (type(value),)
        if id(value) in self._seen:
            return "seen", self._seen[id(value)][0]
        self._seen[id(value)] = len(self._seen), value
        return self._describe_code(value) if _is_code(value) else self._describe_object(value)

    def _describe_code(self, value: Any) -> Hashable:
        if isinstance(value, types.FunctionType):
            return self._describe_function(value)
        if isinstance(value, type):
            return self._describe_class(value)
        parts: tuple[Any, ...] = ()
        if isinstance(value, types.MethodType):
            parts = value.__func__, value.__self__
        elif isinstance(value, functools.partial):
            parts = value.func, value.args, value.keywords
        elif isinstance(value, (staticmethod, classmethod)):
            parts = (value.__func__,)
        elif isinstance(value, property):
            parts = value.fget, value.fset, value.fdel
        return (type(value), *map(self.describe, parts)) if parts else _Identity(value)

    def _describe_function(self, function: types.FunctionType) -> Hashable:
        cells = []
        for cell in function.__closure__ or ():
            with contextlib.suppress(ValueError):  # an empty cell
                cells.append(self.describe(cell.cell_contents))
        read: dict[str, Any] = {}
        attributes: dict[str, Any] = {}
        if not is_library_code(function):
            names = names_in(function.__code__) & function.__globals__.keys()
            read = {name: function.__globals__[name] for name in sorted(names)}
            attributes = vars(function)
        others = (function.__defaults__, function.__kwdefaults__, read, attributes)
        return function.__code__, tuple(cells), *map(self.describe, others)

    def _describe_class(self, cls: type) -> Hashable:
        if is_library_code(cls):
            return _Identity(cls)
        parts = {k: v for k, v in vars(cls).items() if k not in _CLASS_MACHINERY}
        return _Identity(cls), self.describe(parts), *map(self.describe, cls.__bases__)

    def _describe_object(self, value: Any) -> Hashable:
        cls = type(value)
        is_keras = top_module(cls) == "keras"
        is_ours = top_module(cls) == "keras_multiclass"
        has_config = hasattr(value, "get_config")
        if not hasattr(value, "__dict__") or (
            is_library_code(cls) and not is_ours and not (is_keras and has_config)
        ):
            raise UndescribableError(f"{describe(value)} has no description")
        parts: list[Any] = [cls]
        if is_keras or isinstance(value, keras.Model):
            parts += _settings_of(value)
        attributes = dict(vars(value))
        if isinstance(value, keras.Layer):
            parts += [value.trainable, value.dtype_policy.get_config(), *inner_layers(value)]
            attributes = {k: v for k, v in attributes.items() if not isinstance(v, keras.Layer)}
        usual = frozenset() if is_keras else base_attributes(value)
        for name, item in sorted(attributes.items()):
            if is_keras:
                relevant = _is_foreign(item)
            elif name in usual:
                is_setting = isinstance(item, _PLAIN) or _is_schedule(item)
                relevant = is_setting and name not in usage_records()
            else:
                relevant = True
            if relevant:
                parts += [name, item]
        return ("object", *map(self.describe, parts))


def _settings_of(value: Any) -> list[Any]:
    """Return the configuration of a Keras object, and what its class leaves out of it."""
    config = _config_of(value)
    try:
        return [config, unreported_settings(value, config)]
    except ValueError as error:
        raise UndescribableError(f"{describe(value)} has unknown arguments") from error


def _config_of(value: Any) -> Any:
    is_optimizer = isinstance(value, keras.optimizers.Optimizer)
    try:
        return _without_rates(config_with_schedule(value)) if is_optimizer else value.get_config()
    except Exception as error:
        raise UndescribableError(f"{describe(value)} has no usable get_config") from error


def _without_rates(config: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out learning rates that are numbers, as they are in variables."""
    kept = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            kept[name] = _without_rates(value)
        elif name != "learning_rate" or not isinstance(value, (int, float, np.number)):
            kept[name] = value
    return kept


def _describe_array(value: Any) -> Hashable:
    if value.dtype.hasobject or value.nbytes > _LARGEST_ARRAY:
        raise UndescribableError(f"{describe(value)} is too large to compare, or holds objects")
    return "array", value.shape, value.dtype.str, value.tobytes()


def _is_code(value: Any) -> bool:
    return isinstance(value, _CODE)


def _is_schedule(value: Any) -> bool:
    """Whether a value is a learning-rate schedule, which may be a user's function."""
    is_function = isinstance(value, (types.FunctionType, functools.partial))
    schedules = keras.optimizers.schedules.LearningRateSchedule
    return isinstance(value, schedules) or (is_function and _is_foreign(value))


def _is_foreign(value: Any) -> bool:
    """Whether an attribute of a Keras object is, or holds, a user's object."""
    if type(value) in _COMMON:
        return False
    if isinstance(value, _HARMLESS):
        return False
    if isinstance(value, (list, tuple, set)):
        return any(map(_is_foreign, value))
    if isinstance(value, Mapping):
        return any(map(_is_foreign, value.values()))
    if isinstance(value, types.MethodType):
        return _is_foreign(value.__func__)
    return not is_library_code(value if _is_code(value) else type(value))
