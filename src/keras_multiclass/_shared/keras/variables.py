"""The values of the variables of layers, models and optimizers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_multiclass._shared.keras.layer_tree import iterate_layers
from keras_multiclass._shared.messages import describe
from keras_multiclass._shared.upstream.keras_normalization import refresh_derived


def value_of(variable: keras.Variable) -> np.ndarray:
    """Copy the value of a variable."""
    value = variable.value
    # NumPy would read a variable of TensorFlow by way of two more operations.
    return np.array(value.value() if hasattr(value, "value") else value)


def read_values(owner: Any) -> list[np.ndarray]:
    """Copy the values of all variables of a layer, model or optimizer, random states included."""
    return list(map(value_of, owner.variables))


def write_values(owner: Any, values: Any) -> None:
    """Assign the values that `read_values` returned for an object of the same structure."""
    variables = owner.variables
    if len(variables) != len(values):
        raise TypeError(
            f"{describe(owner)} has {len(variables)} variables, but {len(values)} were saved: "
            "it does not rebuild the same variables from its configuration."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    if isinstance(owner, keras.Layer):
        refresh_derived(iterate_layers(owner))
