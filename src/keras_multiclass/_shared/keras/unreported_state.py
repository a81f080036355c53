"""What configurations of layers leave out: state of users' objects, and attributes of variables."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_multiclass._shared.keras.base_attributes import base_attributes
from keras_multiclass._shared.keras.copying import copy_state
from keras_multiclass._shared.keras.layer_tree import iterate_layers
from keras_multiclass._shared.library_code import is_custom
from keras_multiclass._shared.messages import describe


def collect_unreported(layer: keras.Layer) -> list[dict[str, Any]]:
    """Collect the state that configurations of users' classes may lack, for each layer.

    This is the state of initializers, regularizers and the like, and plain attributes of layers.
    """
    return [_unreported_by(inner) for inner in iterate_layers(layer)]


def _unreported_by(layer: keras.Layer) -> dict[str, Any]:
    is_custom_layer = is_custom(type(layer))
    # They are compiled again, or have variables among those of the layer.
    others: tuple[type, ...] = (keras.Layer, keras.metrics.Metric, keras.optimizers.Optimizer)
    if isinstance(layer, keras.Model):
        others = (*others, keras.losses.Loss)
    usual, unreported = base_attributes(layer), {}
    for name, value in vars(layer).items():
        is_code = inspect.isclass(value) or inspect.isroutine(value)
        is_object = hasattr(value, "__dict__") and is_custom(type(value)) and not is_code
        is_setting = is_custom_layer and name not in usual and _is_plain(value)
        if is_setting or (is_object and not isinstance(value, others)):
            unreported[name] = plain_copy(value)
    return unreported


def plain_copy(value: Any) -> Any:
    """Copy lists and dicts, also those with which Keras tracks what a layer contains."""
    if isinstance(value, dict):
        return {name: plain_copy(item) for name, item in value.items()}
    return [plain_copy(item) for item in value] if isinstance(value, list) else value


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, (*value, *value.values())))
    if isinstance(value, (keras.Variable, keras.KerasTensor)):
        return False
    plain = (bool, int, float, complex, str, bytes, type(None), np.ndarray, np.generic)
    return isinstance(value, plain) or keras.ops.is_tensor(value)


def restore_unreported(layer: keras.Layer, unreported: list[dict[str, Any]]) -> None:
    """Give a rebuilt layer, and the layers in it, the state that `collect_unreported` returned."""
    if not any(unreported):
        return
    layers = list(iterate_layers(layer))
    if len(layers) != len(unreported):
        raise TypeError(
            f"{describe(layer)} has {len(unreported)} layers, but {len(layers)} when rebuilt "
            "from its configuration: let `get_config` and `from_config` rebuild all of its layers."
        )
    for inner, own in zip(layers, unreported, strict=True):
        for name, value in own.items():
            rebuilt = vars(inner).get(name)
            if is_custom(type(value)) and type(rebuilt) is type(value):
                # In place, because the variables of the layer refer to it too.
                vars(rebuilt).clear()
                vars(rebuilt).update(vars(value))
            else:
                setattr(inner, name, value)


def describe_variables(layer: keras.Layer) -> list[tuple[Any, ...]]:
    """Return what may be set on each variable: whether it is trained, regularizer and constraint.

    The latter may be those of a layer, which are then named.
    """
    names = {
        id(value): _OfLayer(number, name)
        for number, inner in enumerate(iterate_layers(layer))
        for name, value in vars(inner).items()
        if value is not None
    }
    return [
        (v.trainable, *(names.get(id(part), part) for part in (v.regularizer, v.constraint)))
        for v in layer.variables
    ]


def restore_variables(layer: keras.Layer, described: list[tuple[Any, ...]]) -> None:
    layers = list(iterate_layers(layer))
    for variable, (trainable, *parts) in zip(layer.variables, described, strict=True):
        variable.trainable = trainable
        variable.regularizer, variable.constraint = (
            vars(layers[part.layer])[part.name] if isinstance(part, _OfLayer) else part
            for part in parts
        )


class _OfLayer(NamedTuple):
    """An attribute of one of the layers."""

    layer: int
    name: str


class _StandIn:
    """Rebuilds objects whose constructor needs arguments that their configuration lacks."""

    def __init__(self, example: Any) -> None:
        self.example = example

    def from_config(self, config: dict[str, Any]) -> Any:
        try:
            return type(self.example).from_config(config)
        except TypeError:
            return copy_state(self.example)  # gets its own state from `restore_unreported`


def stand_ins(unreported: list[dict[str, Any]]) -> dict[str, Any]:
    values = [value for own in unreported for value in own.values()]
    return {
        name: _StandIn(value)
        for value in values
        if hasattr(value, "from_config") and is_custom(type(value))
        for name in (type(value).__name__, keras.saving.get_registered_name(type(value)))
    }
