"""How rates change over a training run, and how the length of the run is communicated.

A schedule maps the progress, which rises from 0 to 1 over the steps of a run, to a factor. Step and
length are variables of the optimizer or layer that follows the schedule, so that runs of different
lengths share a trace.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras import ops

from keras_multiclass._shared.keras.layer_tree import iterate_layers
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid

Schedule = Callable[[Any], Any]


def constant(progress: Any) -> Any:
    """Return 1."""
    return ops.ones_like(progress)


def linear(progress: Any) -> Any:
    """Decrease linearly from 1 to 0."""
    return 1 - progress


def cosine(progress: Any) -> Any:
    """Decrease from 1 to 0 along half a cosine."""
    return (1 + ops.cos(math.pi * progress)) / 2


def flat_cosine(progress: Any) -> Any:
    """Stay at 1 for the first half, then decrease to 0 along half a cosine."""
    return cosine(ops.maximum(2 * progress - 1, 0))


def coslog4(progress: Any) -> Any:
    """Rise from 0 to 1 and fall again in four cycles, each twice as long as the previous one.

    Holzmüller, Grinsztajn and Steinwart (NeurIPS 2024), section 3: with progress ``t``,
    ``(1 - cos(2 pi log2(1 + 15 t))) / 2``.
    """
    return (1 - ops.cos((2 * math.pi / math.log(2)) * ops.log(1 + 15 * progress))) / 2


SCHEDULES: dict[str, Schedule] = {
    function.__name__: function for function in (constant, linear, cosine, flat_cosine, coslog4)
}


def check_schedule(name: str, value: Any) -> str:
    """Return the name of a schedule; raise if there is no such schedule for parameter ``name``."""
    if isinstance(value, str) and value in SCHEDULES:
        return value
    suggestion = did_you_mean(value, SCHEDULES) if isinstance(value, str) else ""
    message = invalid(name, f"one of {format_list(SCHEDULES)}", describe(value))
    raise ValueError(message + suggestion)


def factor(schedule: str, step: Any, length: Any) -> Any:
    """Compute the factor at a step, counted from 0, of a run; it is 1 for a length of 0."""
    length = ops.cast(length, keras.config.floatx())
    progress = ops.cast(step, length.dtype) / ops.maximum(length, 1)
    value = SCHEDULES[schedule](ops.clip(progress, 0, 1))
    return ops.where(length > 0, value, ops.ones_like(value))


def start_schedules(model: keras.Model, n_steps: int | None) -> None:
    """Start the schedules of a compiled model's optimizer and layers for a new run.

    These are all with a method ``start_schedule(n_steps)``.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.
    n_steps : int or None
        Number of steps of the run; None if it is unknown.
    """
    followers = [part for part in _parts_of(model) if hasattr(part, "start_schedule")]
    if any(part in followers for part in _optimizers_of(model)) and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    for part in followers:
        part.start_schedule(n_steps)


def _parts_of(model: keras.Model) -> Iterator[Any]:
    yield from _optimizers_of(model)
    yield from iterate_layers(model)


def _optimizers_of(model: keras.Model) -> Iterator[Any]:
    """Yield the optimizer, and the one that it wraps for loss scaling."""
    optimizer = model.optimizer
    while optimizer is not None:
        yield optimizer
        optimizer = getattr(optimizer, "inner_optimizer", None)
