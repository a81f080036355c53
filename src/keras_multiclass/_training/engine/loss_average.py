"""The average of the loss over the batches of an epoch, where rows have weights.

The loss of a batch is the weighted mean over its rows. Keras averages these means by the numbers of
rows, so that the average depends on which rows share a batch. Here each counts by its sum of
weights, which gives the weighted mean over all rows, whatever the batches. (In an ensemble whose
members train on different rows, the loss of a batch is the mean of the members' means.)
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras

from keras_multiclass._shared.keras.member_weights import largest_weights
from keras_multiclass._shared.keras.overrides import overridden
from keras_multiclass._shared.upstream.keras_training import loss_tracker_weight
from keras_multiclass.exceptions import EngineError

_MEAN = "mean_with_sample_weight"
_STEPS = ("train_step", "test_step")


def step_of(model: keras.Model, name: str) -> Callable[..., Any]:
    """Return a step of a model that averages the loss by weights.

    A step of the model's own is returned unchanged, since it may log anything.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    name : {"train_step", "test_step"}
        The step.
    """
    own: Callable[..., Any] = getattr(model, name)
    if overridden(model, [name]):
        return own

    @functools.wraps(own)
    def step(*arguments: Any) -> Any:
        *_, sample_weight = keras.utils.unpack_x_y_sample_weight(arguments[-1])
        with contextlib.ExitStack() as stack:
            if sample_weight is not None and len(sample_weight.shape) == 2:
                average = model.get_layer("logits")  # of the members of an ensemble
                stack.enter_context(average.weighted_by(sample_weight))
                sample_weight = largest_weights(sample_weight)
            if sample_weight is not None and getattr(model.loss, "reduction", None) == _MEAN:
                stack.enter_context(_averaging(model, keras.ops.sum(sample_weight)))
            return own(*arguments)

    return step


@contextlib.contextmanager
def _averaging(model: keras.Model, weight: Any) -> Iterator[None]:
    try:
        with loss_tracker_weight(model, weight):
            yield
    except NotImplementedError as error:
        raise EngineError(
            f"The loss of weighted rows cannot be averaged: {error}. Install another version of "
            "Keras, or train without weights."
        ) from error


def prepare_functions(model: keras.Model) -> None:
    """Make the functions of a model that Keras trains and tests with from these steps.

    Parameters
    ----------
    model : keras.Model
        Compiled. Functions that it has from an earlier call are kept, with their traces.
    """
    for name in _STEPS:
        function_name = name.replace("step", "function")
        make_name = f"make_{function_name}"
        known = getattr(model, function_name, None)
        overrides = overridden(model, [make_name])
        if overrides or getattr(known, "averages_by_weight", False):
            continue
        set_on_instance = {name: vars(model)[name]} if name in vars(model) else {}
        vars(model)[name] = step_of(model, name)
        try:
            getattr(model, make_name)(force=True)
        finally:
            del vars(model)[name]
            vars(model).update(set_on_instance)
        made = getattr(model, function_name)
        if callable(made):
            made.averages_by_weight = True
