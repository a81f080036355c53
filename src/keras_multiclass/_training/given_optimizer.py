"""A warning if the user's optimizer or layers are changed during a fit, which trains copies."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_multiclass._shared.keras.copying import variables_of
from keras_multiclass._shared.keras.earlier_layers import layers_of
from keras_multiclass._shared.keras.variables import value_of
from keras_multiclass._shared.messages import warn
from keras_multiclass._training.fit_parameters import FitParameters


@contextlib.contextmanager
def warning_if_optimizer_changes(parameters: FitParameters) -> Iterator[None]:
    """Warn if a callback changes the optimizer or schedule, or a scalar of a layer, of the user's.

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
    before = _values(scalars)
    yield
    if not np.array_equal(before, _values(scalars), equal_nan=True):
        warn(
            "The optimizer, schedule or network that was passed was changed by a callback, which "
            "has no effect, because each fit trains a copy. In callbacks, change self.model: find "
            "layers with self.model.get_layer; pass a number as learning rate and call "
            "self.model.optimizer.learning_rate.assign."
        )


def _values(scalars: list[Any]) -> list[float]:
    return [float(value_of(variable)) for variable in scalars]
