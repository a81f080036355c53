"""Dropout for tables whose mask depends on the row and whose rate follows a schedule.

Ordinary dropout draws a mask for each position in a batch, so that the two copies of a repeated row
lose different values and no longer equal one row of weight 2. Here the row and the step determine
the mask. This is also faster: only two random numbers are drawn per feature.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_multiclass._shared.keras.schedules import check_schedule, factor

# Multiplying keys in [0, 1) by numbers of this size makes masks of different keys independent.
_MIN_MULTIPLIER, _MAX_MULTIPLIER = 2.0**9, 2.0**13


@keras.saving.register_keras_serializable(package="keras_multiclass")
class RowKeys(keras.layers.Layer):
    """Hash each row to a number in [0, 1); equal rows have equal keys."""

    def call(self, inputs: Any) -> Any:
        """Return keys of shape ``(batch, 1)`` for rows of shape ``(batch, n_inputs)``."""
        sizes = np.random.default_rng(0).uniform(1.0, 9.0, inputs.shape[-1])
        sums = ops.sum(inputs * ops.cast(sizes, inputs.dtype), axis=-1, keepdims=True)
        return sums - ops.floor(sums)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``(batch, 1)``."""
        return (input_shape[0], 1)


class RowDropout:
    """Apply row-wise dropout to tensors computed from the rows of a table.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, n_inputs)
        The rows, as the backbone receives them.
    """

    def __init__(self, inputs: keras.KerasTensor) -> None:
        self._inputs = inputs
        self._keys: keras.KerasTensor | None = None

    def __call__(
        self, x: keras.KerasTensor, rate: float, schedule: str = "constant"
    ) -> keras.KerasTensor:
        """Apply dropout; a rate of 0 adds no layer.

        Parameters
        ----------
        x : KerasTensor of shape (batch, ..., n_features)
            Tensor computed from the same rows.
        rate : float
            Fraction of the values to drop, in [0, 1).
        schedule : str, default="constant"
            Schedule of the rate over the training steps.
        """
        if not rate:
            return x
        if self._keys is None:
            self._keys = RowKeys(dtype=self._inputs.dtype)(self._inputs)
        return ScheduledDropout(rate, schedule)(x, self._keys)


@keras.saving.register_keras_serializable(package="keras_multiclass")
class ScheduledDropout(keras.layers.Layer):
    """Dropout whose mask depends on row keys and whose rate follows a schedule.

    Parameters
    ----------
    rate : float
        Largest dropout rate, in [0, 1).
    schedule : str, default="flat_cosine"
        Schedule of the rate: ``"constant"``, ``"linear"``, ``"cosine"``, ``"flat_cosine"`` or
        ``"coslog4"``.
    **kwargs : dict
        Keyword arguments of ``keras.layers.Layer``.

    Notes
    -----
    The schedule needs the number of training steps, set by `start_schedule`; without it the rate is
    constant.
    """

    def __init__(self, rate: float, schedule: str = "flat_cosine", **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, **kwargs})  # autocasting would round the keys
        self.rate = rate
        self.schedule = check_schedule("schedule", schedule)
        self.seed_generator = keras.random.SeedGenerator()
        self.supports_masking = True

    def build(self, inputs_shape: tuple[Any, ...], keys_shape: Any = None) -> None:
        """Create the step counter and the schedule length."""
        self.step, self.schedule_length = (
            self.add_weight(shape=(), initializer="zeros", dtype="int", trainable=False, name=name)
            for name in ("step", "schedule_length")
        )

    def start_schedule(self, n_steps: int | None) -> None:
        """Start a training run.

        Parameters
        ----------
        n_steps : int or None
            Number of steps; None, for an unknown number, keeps the rate constant.
        """
        self.step.assign(0)
        self.schedule_length.assign(n_steps or 0)

    def call(self, inputs: Any, keys: Any, training: bool = False) -> Any:
        """Drop values during training.

        With ``a`` and ``b`` drawn for each feature at each step, value ``j`` of row ``i`` is kept
        if the fractional part of ``keys[i] * a[j] + b[j]`` is at least the rate.
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
        values = (
            spread * (_MIN_MULTIPLIER + (_MAX_MULTIPLIER - _MIN_MULTIPLIER) * drawn[0]) + drawn[1]
        )
        # -1 where a value is dropped, 0 elsewhere; rounding is faster than comparing.
        dropped = ops.floor(values - ops.floor(values) - rate)
        scale = 1 / (1 - rate)
        return inputs * ops.cast(scale + scale * dropped, inputs.dtype)

    def compute_output_shape(
        self, inputs_shape: tuple[Any, ...], keys_shape: Any = None
    ) -> tuple[Any, ...]:
        """Return the input shape."""
        return inputs_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "rate": self.rate, "schedule": self.schedule}
