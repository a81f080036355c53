"""Finds public Keras classes by name, in CamelCase or snake_case, with suggestions for typos."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid

__all__ = [
    "look_up",
    "loss_lookup",
    "metric_lookup",
    "public_members",
    "schedule_lookup",
    "snake_name",
]

_SHORT_NAMES = {
    "mse": "MeanSquaredError",
    "rmse": "RootMeanSquaredError",
    "mae": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
    "bce": "BinaryCrossentropy",
    "kld": "KLDivergence",
}


def snake_name(name: str) -> str:
    """Write a CamelCase name as Keras does in snake_case (``F1Score`` -> ``f1_score``)."""
    pieces: list[str] = []
    for i, char in enumerate(name):
        before = name[i - 1] if i else ""
        after = name[i + 1] if i + 1 < len(name) else ""
        starts_word = char.isupper() and i > 0 and before != "_"
        if starts_word and (before.islower() or before.isdigit() or after.islower()):
            pieces.append("_")
        pieces.append(char.lower())
    return "".join(pieces)


def _plain(name: str) -> str:
    """Reduce a name so that CamelCase and snake_case spellings meet."""
    return name.replace("_", "").lower()


def look_up(name: str, what: str, public: Mapping[str, Any], others: Sequence[str] = ()) -> Any:
    """Find a class or function by name, in CamelCase or snake_case, or raise ``ValueError``."""
    wanted = _plain(_SHORT_NAMES.get(name.lower(), name))
    for known, target in public.items():
        if _plain(known) == wanted:
            return target
    candidates = [*others, *(n for known in public for n in (known, snake_name(known)))]
    raise ValueError(
        invalid(
            what,
            f"one of {format_list([*others, *sorted(public)])}",
            describe(name),
            did_you_mean(name, candidates).strip(),
        )
    )


def public_members(module: Any, base: type, *, functions: bool = False) -> dict[str, Any]:
    """Collect the public classes (and functions) of a Keras namespace, classes first."""
    members = {n: v for n, v in vars(module).items() if not n.startswith("_")}
    found: dict[str, Any] = {
        n: v
        for n, v in members.items()
        if inspect.isclass(v) and issubclass(v, base) and v is not base
    }
    if functions:
        tools = {"get", "serialize", "deserialize"}
        taken = {_plain(n) for n in found}
        for n, v in members.items():
            if inspect.isfunction(v) and n not in tools and _plain(n) not in taken:
                found[n] = v
    return found


def schedule_lookup(name: str) -> type:
    """Find a Keras learning-rate schedule class by name: ``"cosine_decay"``, ..."""
    schedules = keras.optimizers.schedules
    return look_up(
        name, "optimizer__learning_rate", public_members(schedules, schedules.LearningRateSchedule)
    )


def loss_lookup(name: str) -> Any:
    """Find a Keras loss class (or function) by CamelCase or snake_case name."""
    return look_up(name, "loss", public_members(keras.losses, keras.losses.Loss, functions=True))


def metric_lookup(name: str, others: Sequence[str] = ()) -> Any:
    """Find a Keras metric class (or function); the message for an unknown name has others too."""
    known = public_members(keras.metrics, keras.metrics.Metric, functions=True)
    return look_up(name, "metrics", known, others)
