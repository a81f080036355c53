"""Attributes of Keras losses and metrics that their configurations leave out."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import keras

try:
    from keras.src.utils.tracking import Tracker
except ImportError:
    Tracker = None

UNDOCUMENTED = {
    "_direction": (
        "whether larger or smaller values of a metric are better",
        "the direction is unknown, and callbacks need an explicit `mode`",
    ),
    "_fn_kwargs": (
        "arguments of losses and metrics that `get_config` leaves out",
        "instances of these classes are rejected",
    ),
    "Tracker": (
        "which variables and metrics a metric or optimizer has, for copies and pickles of it",
        "a copy may list a variable twice, and pickles need cloudpickle, which joblib uses",
    ),
}


def direction_of(metric: keras.metrics.Metric) -> Any:
    """Return "up" or "down", where better values of a metric are; None if that is unknown."""
    return getattr(metric, "_direction", None)


def set_direction(metric: keras.metrics.Metric, direction: str) -> None:
    """Tell Keras' callbacks with ``mode="auto"`` which values of a metric are better."""
    metric._direction = direction


def wrapped_arguments(instance: Any) -> dict[str, Any]:
    """Return the arguments that a loss or metric passes on to the function it wraps.

    Some classes leave theirs out of ``get_config``, such as ``axis`` of ``CosineSimilarity``.

    Parameters
    ----------
    instance : object
        A loss, metric or another Keras object.

    Raises
    ------
    ValueError
        If `instance` is of such a class, and this version of Keras keeps the arguments elsewhere.
    """
    if hasattr(instance, "_fn_kwargs") or _knows_wrapped_arguments():
        return dict(getattr(instance, "_fn_kwargs", {}))
    unreported = _unreported_arguments(instance)
    if unreported:
        raise ValueError(
            f"An instance of {type(instance).__name__} cannot be copied, because this version of "
            f"Keras does not say what its argument {unreported[0]!r} is. Pass the class, and its "
            "arguments as loss__* or metrics__*."
        )
    return {}


@functools.cache
def _knows_wrapped_arguments() -> bool:
    return "axis" in getattr(keras.losses.CosineSimilarity(), "_fn_kwargs", {})


def _unreported_arguments(instance: Any) -> list[str]:
    """List the arguments of a loss or metric of Keras that its configuration leaves out."""
    cls = type(instance)
    is_wrapper = isinstance(instance, (keras.losses.Loss, keras.metrics.Metric))
    if not is_wrapper or cls.__module__.partition(".")[0] != "keras":
        return []
    names = inspect.signature(cls).parameters.keys() - {"name", "dtype", "reduction"}
    return sorted(names - instance.get_config().keys())


def is_tracker(value: Any) -> bool:
    """Whether a value is the part of a Keras object that collects its variables and metrics."""
    return Tracker is not None and isinstance(value, Tracker)


def tracker_state(tracker: Any) -> dict[str, Any]:
    """Return the attributes of a tracker, without addresses and with tests that can be pickled."""
    state = {name: value for name, value in vars(tracker).items() if name != "stored_ids"}
    state["config"] = {
        name: (_TRACKED.get(name, test), store) for name, (test, store) in tracker.config.items()
    }
    return state


def set_tracker_state(tracker: Any, state: dict[str, Any]) -> None:
    """Set the attributes of a copied tracker, which collects copies."""
    vars(tracker).update(state)
    stores = {name: store for name, (_, store) in tracker.config.items()}
    tracker.stored_ids = {name: set(map(id, store)) for name, store in stores.items()}


def _is_variable(value: Any) -> bool:
    return isinstance(value, keras.Variable)


def _is_metric(value: Any) -> bool:
    return isinstance(value, keras.metrics.Metric)


_TRACKED = {"variables": _is_variable, "metrics": _is_metric}
