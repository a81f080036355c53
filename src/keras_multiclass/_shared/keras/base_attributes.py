"""The attributes that Keras itself gives to layers, models, losses, metrics and the like."""

from __future__ import annotations

import functools
from typing import Any

import keras

from keras_multiclass._shared.keras.object_names import fresh_names
from keras_multiclass._shared.seeding import seeded

__all__ = ["base_attributes", "usage_records"]

# A model is a layer, too.
_BASES = (
    keras.Model,
    keras.Layer,
    keras.losses.Loss,
    keras.metrics.Metric,
    keras.optimizers.Optimizer,
    keras.callbacks.Callback,
)


def base_attributes(value: Any) -> frozenset[str]:
    """Return the names of the attributes that Keras' base class gives to an object.

    Parameters
    ----------
    value : object
        A layer, model, loss, metric, optimizer or callback; there are none for other objects.
    """
    base = next((base for base in _BASES if isinstance(value, base)), None)
    return frozenset() if base is None else _attributes_of(base)


@functools.cache
def usage_records() -> frozenset[str]:
    """Return the names of the attributes in which layers only record how they were used."""
    with fresh_names():
        layer = keras.layers.Identity()
        before = dict(vars(layer))
        layer(keras.Input((1,)))
    changed = {name for name in before if vars(layer)[name] is not before[name]}
    return frozenset(changed | {"stop_training"})


@functools.cache
def _attributes_of(base: type) -> frozenset[str]:
    with fresh_names(), seeded(0):
        if base is keras.Model:
            examples: list[Any] = [_Weighted(), *_models()]
        elif base is keras.Layer:
            layer = _Weighted()
            layer(keras.Input((1,)))
            examples = [keras.Layer(), layer]
        elif base is keras.optimizers.Optimizer:
            examples = [keras.optimizers.Optimizer(1.0, name="any")]
            examples[0].build([keras.Variable([0.0])])
        else:
            examples = [base()]
        names = {name for example in examples for name in vars(example)}
    return frozenset(names - {_Weighted.OWN})


def _models() -> list[keras.Model]:
    class Subclass(keras.Model):
        pass

    inputs = keras.Input((1,))
    functional = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    sequential = keras.Sequential([inputs, keras.layers.Dense(1)])
    for model in (functional, sequential):
        model.compile("sgd", "mse", metrics=["mse"])
    # Keras changes a subclass when its first instance is made.
    return [functional, sequential, *(Subclass(inputs, functional(inputs)) for _ in range(2))]


class _Weighted(keras.Layer):
    """A layer with a weight, which it has as its only attribute of its own."""

    OWN = "weight"

    def build(self, input_shape: Any) -> None:
        setattr(self, self.OWN, self.add_weight(shape=(1,)))

    def call(self, inputs: Any) -> Any:
        return inputs
