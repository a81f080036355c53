"""Dropout that ends before the training does."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from .._schedules import check_schedule, factor

# Of 23 random bits of a number in 32 bits; 12 are left for the second.
_FIRST_BITS = 2**11


@keras.saving.register_keras_serializable(package="keras_multiclass")
class ScheduledDropout(keras.layers.Layer):
    """Dropout whose rate follows a schedule over the steps of the training.

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
        super().__init__(**kwargs)
        self.rate = rate
        self.schedule = check_schedule("schedule", schedule)
        self.seed_generator = keras.random.SeedGenerator()
        self.supports_masking = True

    def build(self, input_shape: tuple[Any, ...]) -> None:
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

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Drop values of a batch while training."""
        if not training:
            return inputs
        rate = self.rate * factor(self.schedule, self.step, self.schedule_length)
        self.step.assign(self.step + 1)
        kept = ops.floor(self._drawn(inputs, rate.dtype) + (1 - rate)) / (1 - rate)
        return inputs * ops.cast(kept, inputs.dtype)

    def _drawn(self, inputs: Any, dtype: str) -> Any:
        """Draw numbers from 0 to 1 in the shape of the inputs.

        To draw them is the most of dropout's work. The last bits of a number do not matter for
        whether it is below the rate, and serve as a second number.
        """
        *others, n_features = ops.shape(inputs)
        shape = (*others, (n_features + 1) // 2)
        first = keras.random.uniform(shape, dtype=dtype, seed=self.seed_generator)
        second = _FIRST_BITS * first
        second = second - ops.floor(second)
        return ops.concatenate([first, second], axis=-1)[..., :n_features]

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Say that the shape stays."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "rate": self.rate, "schedule": self.schedule}
