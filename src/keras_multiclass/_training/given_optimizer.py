"""A warning if the user's optimizer or layers are changed during a fit, which trains copies."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_multiclass._shared.keras.copying import variables_of
from keras_multiclass._shared.keras.earlier_layers import layers_of
from keras_multiclass._shared.keras.variables import value_of
from keras_multiclass._shared.messages import warn
from keras_multiclass._training.fit_parameters import FitParameters

_WITH_SETTINGS = (keras.optimizers.Optimizer, keras.optimizers.schedules.LearningRateSchedule)
_SETTINGS = (bool, int, float, str, types.FunctionType, type(None))
_RECORDS = ("built", "call", "build", "quantize")


@contextlib.contextmanager
def warning_if_optimizer_changes(parameters: FitParameters) -> Iterator[None]:
    """Warn if a callback changes a setting of the optimizer, schedule or a layer of the user's.

    A setting is a variable of a single number, or an attribute that holds a number, a name or a
    function.

    Parameters
    ----------
    parameters : FitParameters
        The parameters of the estimator.
    """
    if parameters.callbacks is None and "fit__callbacks" not in parameters.routed:
        yield
        return
    given = [parameters.optimizer, *parameters.routed_to("optimizer").values()]
    if isinstance(parameters.model, keras.Model) and parameters.model.compiled:
        given.append(parameters.model.optimizer)
    layers = [*layers_of(parameters.model), *layers_of(parameters.backbone)]
    variables = [*variables_of(given), *(v for layer in layers for v in layer.variables)]
    scalars = [v for v in variables if len(v.shape) == 0]
    owners = [*layers, *(each for each in given if isinstance(each, _WITH_SETTINGS))]
    before = _values(scalars), list(map(_settings_of, owners))
    yield
    is_equal = np.array_equal(before[0], _values(scalars), equal_nan=True)
    if not is_equal or before[1] != list(map(_settings_of, owners)):
        warn(
            "The optimizer, schedule or network that was passed was changed by a callback, which "
            "has no effect, because each fit trains a copy. In callbacks, change self.model: find "
            "layers with self.model.get_layer; pass a number as learning rate and call "
            "self.model.optimizer.learning_rate.assign."
        )


def _settings_of(owner: Any) -> dict[str, Any]:
    """Return what a callback may set; Keras' own records begin with underscores."""
    found = {name: v for name, v in vars(owner).items() if isinstance(v, _SETTINGS)}
    found = {name: v for name, v in found.items() if name[0] != "_" and name not in _RECORDS}
    return {**found, "trainable": getattr(owner, "trainable", None)}


def _values(scalars: list[Any]) -> list[float]:
    return [float(value_of(variable)) for variable in scalars]
