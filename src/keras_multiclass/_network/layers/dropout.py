"""Dropout for tables: it drops the same of rows that are the same, and ends before the training.

Usual dropout draws for each position in a batch. A row given twice then loses different values each
time, and is no longer the same as a row of weight 2. Here row and step decide what is dropped. Only
two numbers are drawn for each feature, which is faster besides.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_multiclass._shared.keras.schedules import check_schedule, factor

# Keys from 0 to 1 times numbers of this size: rows of different keys are dropped independently.
_LEAST, _MOST = 2.0**9, 2.0**13


@keras.saving.register_keras_serializable(package="keras_multiclass")
class RowKeys(keras.layers.Layer):
    """Compute a number from 0 to 1 for each row, equal for equal rows and spread out for others."""

    def call(self, inputs: Any) -> Any:
        """Return keys of shape ``(batch, 1)`` for rows of shape ``(batch, n_inputs)``."""
        sizes = np.random.default_rng(0).uniform(1.0, 9.0, inputs.shape[-1])
        sums = ops.sum(inputs * ops.cast(sizes, inputs.dtype), axis=-1, keepdims=True)
        return sums - ops.floor(sums)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Say that there is one key for each row."""
        return (input_shape[0], 1)


class RowDropout:
    """Puts dropout layers behind tensors that belong to rows of a table.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, n_inputs)
        What a backbone reads: the rows.
    """

    def __init__(self, inputs: keras.KerasTensor) -> None:
        self._inputs = inputs
        self._keys: keras.KerasTensor | None = None

    def __call__(
        self, x: keras.KerasTensor, rate: float, schedule: str = "constant"
    ) -> keras.KerasTensor:
        """Drop a share of the values while training; no layer at all for a rate of 0.

        Parameters
        ----------
        x : KerasTensor of shape (batch, ..., n_features)
            Of the same rows.
        rate : float
            The share, from 0 to less than 1.
        schedule : str, default="constant"
            What becomes of the rate over the steps of the training.
        """
        if not rate:
            return x
        if self._keys is None:
            self._keys = RowKeys(dtype=self._inputs.dtype)(self._inputs)
        return ScheduledDropout(rate, schedule)(x, self._keys)


@keras.saving.register_keras_serializable(package="keras_multiclass")
class ScheduledDropout(keras.layers.Layer):
    """Dropout of rows by their keys, whose rate follows a schedule over the steps of the training.

    Parameters
    ----------
    rate : float
        The largest share of values that is dropped, in [0, 1).
    schedule : str, default="flat_cosine"
        Of the rate: ``"constant"``, ``"linear"``, ``"cosine"``, ``"flat_cosine"`` or ``"coslog4"``.
    **kwargs : dict
        Arguments of every Keras layer.

    Notes
    -----
    The schedule needs the number of steps of the run, which `start_schedule` tells; without it the
    rate is constant.
    """

    def __init__(self, rate: float, schedule: str = "flat_cosine", **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, **kwargs})  # which would shorten the keys
        self.rate = rate
        self.schedule = check_schedule("schedule", schedule)
        self.seed_generator = keras.random.SeedGenerator()
        self.supports_masking = True

    def build(self, inputs_shape: tuple[Any, ...], keys_shape: Any = None) -> None:
        """Make the counter of steps and the length of the run."""
        self.step, self.schedule_length = (
            self.add_weight(shape=(), initializer="zeros", dtype="int", trainable=False, name=name)
            for name in ("step", "schedule_length")
        )

    def start_schedule(self, n_steps: int | None) -> None:
        """Begin a run.

        Parameters
        ----------
        n_steps : int or None
            Its length; None if that is not known, for a constant rate.
        """
        self.step.assign(0)
        self.schedule_length.assign(n_steps or 0)

    def call(self, inputs: Any, keys: Any, training: bool = False) -> Any:
        """Drop values of a batch while training.

        With ``a`` and ``b`` drawn for each feature in each step, the value ``j`` of row ``i`` is
        kept if the fractional part of ``keys[i] * a[j] + b[j]`` is at least the rate.
        """
        if not training:
            return inputs
        rate = self.rate * factor(self.schedule, self.step, self.schedule_length)
        rate = ops.cast(rate, keys.dtype)
        self.step.assign(self.step + 1)
        drawn = keras.random.uniform(
            (2, *inputs.shape[1:]), dtype=keys.dtype, seed=self.seed_generator
        )
        spread = keys if len(inputs.shape) == 2 else ops.expand_dims(keys, -1)
        values = spread * (_LEAST + (_MOST - _LEAST) * drawn[0]) + drawn[1]
        # Minus 1 where a value is dropped, else 0: comparing is slower than rounding.
        dropped = ops.floor(values - ops.floor(values) - rate)
        scale = 1 / (1 - rate)
        return inputs * ops.cast(scale + scale * dropped, inputs.dtype)

    def compute_output_shape(
        self, inputs_shape: tuple[Any, ...], keys_shape: Any = None
    ) -> tuple[Any, ...]:
        """Say that the shape stays."""
        return inputs_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "rate": self.rate, "schedule": self.schedule}
