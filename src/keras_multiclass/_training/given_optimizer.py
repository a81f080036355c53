"""A warning if the user's optimizer is changed during a fit, which trains with a copy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_multiclass._shared.keras.copying import variables_of
from keras_multiclass._shared.keras.variables import value_of
from keras_multiclass._shared.messages import warn
from keras_multiclass._training.fit_parameters import FitParameters


@contextlib.contextmanager
def warning_if_optimizer_changes(parameters: FitParameters) -> Iterator[None]:
    """Warn if a callback changes the optimizer that was passed, or its schedule.

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
    scalars = [v for v in variables_of(given) if len(v.shape) == 0]
    before = _values(scalars)
    yield
    if not np.array_equal(before, _values(scalars), equal_nan=True):
        warn(
            "The optimizer that was passed, or its schedule, was changed while the network was "
            "trained, which has no effect, because each fit trains with a copy. In callbacks, "
            "change that of self.model: pass a number as learning rate and call "
            "self.model.optimizer.learning_rate.assign."
        )


def _values(scalars: list[Any]) -> list[float]:
    return [float(value_of(variable)) for variable in scalars]
