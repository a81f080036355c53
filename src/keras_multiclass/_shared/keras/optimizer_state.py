"""The state of an optimizer, carried over to another one by the names of its variables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
import numpy as np

from keras_multiclass._shared.keras.variables import value_of

LEARNING_RATE = "learning_rate"

Key: TypeAlias = tuple[str, int]
"""The name of a variable without that of its optimizer, and how many of this name precede it."""


@dataclass(frozen=True)
class OptimizerState:
    """The values of an optimizer's variables: its step, learning rate and slots.

    The name of a slot consists of the path of its weight and the kind of slot.
    """

    values: dict[Key, np.ndarray]

    @classmethod
    def take(cls, optimizer: keras.optimizers.Optimizer | None) -> OptimizerState | None:
        """Copy the state of an optimizer; None if it has not been used yet."""
        if optimizer is None or not optimizer.built:
            return None
        return cls({key: value_of(v) for key, v in _by_name(optimizer.variables).items()})

    def restore(
        self, model: keras.Model, *, omit: Iterable[str] = (), complete: bool = True
    ) -> bool:
        """Assign the values to the optimizer of a model, which is built first.

        Parameters
        ----------
        model : keras.Model
            Compiled.
        omit : iterable of str, default=()
            Names of variables that keep their values.
        complete : bool, default=True
            Whether each value must belong to a variable. In any case, each variable must get a
            value: new slots would not fit the number of steps.

        Returns
        -------
        bool
            Whether the values were assigned; otherwise the optimizer starts anew.
        """
        model.optimizer.build(model.trainable_variables)
        targets = _without(_by_name(model.optimizer.variables), omit)
        values = _without(self.values, omit)
        if complete and values.keys() != targets.keys():  # named otherwise, in the same order
            if len(values) != len(targets):
                return False
            values = dict(zip(targets, values.values(), strict=True))
        if any(
            key not in values or values[key].shape != tuple(targets[key].shape) for key in targets
        ):
            return False
        for key, target in targets.items():
            target.assign(values[key])
        return True


def _by_name(variables: Iterable[keras.Variable]) -> dict[Key, keras.Variable]:
    counts: Counter[str] = Counter()
    found = {}
    for variable in variables:
        name = variable.path.partition("/")[2]
        found[name, counts[name]] = variable
        counts[name] += 1
    return found


def _without(mapping: dict[Key, Any], names: Iterable[str]) -> dict[Key, Any]:
    return {key: value for key, value in mapping.items() if key[0] not in names}
