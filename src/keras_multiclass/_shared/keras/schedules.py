"""How rates change over a training run, and how those that follow a schedule learn its length.

A schedule is a function of the progress, which goes from 0 to 1 over the steps of a run, and gives
a factor. Steps and length are variables of whoever follows it: a trace is shared by runs of
different lengths.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol, runtime_checkable

import keras
from keras import ops

from keras_multiclass._shared.keras.copying import iterate_layers
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid

Schedule = Callable[[Any], Any]


def constant(progress: Any) -> Any:
    """Stay at 1."""
    return ops.ones_like(progress)


def linear(progress: Any) -> Any:
    """Fall from 1 to 0 on a line."""
    return 1 - progress


def cosine(progress: Any) -> Any:
    """Fall from 1 to 0 along half a cosine."""
    return (1 + ops.cos(math.pi * progress)) / 2


def flat_cosine(progress: Any) -> Any:
    """Stay at 1 for half of the time, then fall to 0 along half a cosine."""
    return cosine(ops.maximum(2 * progress - 1, 0))


def coslog4(progress: Any) -> Any:
    """Rise from 0 to 1 and fall again in four cycles, each twice as long as the one before.

    Holzmüller, Grinsztajn and Steinwart (NeurIPS 2024), section 3: with progress ``t``,
    ``(1 - cos(2 pi log2(1 + 15 t))) / 2``.
    """
    return (1 - ops.cos((2 * math.pi / math.log(2)) * ops.log(1 + 15 * progress))) / 2


SCHEDULES: dict[str, Schedule] = {
    function.__name__: function for function in (constant, linear, cosine, flat_cosine, coslog4)
}


def check_schedule(name: str, value: Any) -> str:
    """Return the name of a schedule if there is such a one; ``name`` is the parameter's."""
    if isinstance(value, str) and value in SCHEDULES:
        return value
    near = did_you_mean(value, SCHEDULES) if isinstance(value, str) else ""
    raise ValueError(invalid(name, f"one of {format_list(SCHEDULES)}", describe(value)) + near)


def factor(schedule: str, step: Any, length: Any) -> Any:
    """Compute the factor at a step (from 0) of a run of some length; 1 if the length is 0."""
    length = ops.cast(length, keras.config.floatx())
    progress = ops.cast(step, length.dtype) / ops.maximum(length, 1)
    value = SCHEDULES[schedule](ops.clip(progress, 0, 1))
    return ops.where(length > 0, value, ops.ones_like(value))


@runtime_checkable
class FollowsSchedule(Protocol):
    """An optimizer or layer whose rates change over a run."""

    def start_schedule(self, n_steps: int | None) -> None:
        """Begin anew.

        Parameters
        ----------
        n_steps : int or None
            The length of the run; None if it is not known, for constant rates.
        """


def start_schedules(model: keras.Model, n_steps: int | None) -> None:
    """Tell all of a compiled model that follows a schedule how many steps the run has.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.
    n_steps : int or None
        None for a run of unknown length.
    """
    followers = [part for part in _parts_of(model) if isinstance(part, FollowsSchedule)]
    if any(part in followers for part in _optimizers_of(model)) and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    for part in followers:
        part.start_schedule(n_steps)


def _parts_of(model: keras.Model) -> Iterator[Any]:
    yield from _optimizers_of(model)
    yield from iterate_layers(model)


def _optimizers_of(model: keras.Model) -> Iterator[Any]:
    """Yield the optimizer, and the one inside it where it scales losses."""
    optimizer = model.optimizer
    while optimizer is not None:
        yield optimizer
        optimizer = getattr(optimizer, "inner_optimizer", None)
