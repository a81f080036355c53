"""The first layer of networks for sequences of any length."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_multiclass._data.sequences import PADDING


@keras.saving.register_keras_serializable(package="keras_multiclass")
class RealSteps(keras.layers.Layer):
    """Cut a batch of padded sequences to its longest, and say which steps are real.

    Maps ``(batch, steps, channels)`` to the same with at most as many steps, and a mask of shape
    ``(batch, steps)``. Padding is at the end, and infinite.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.supports_jit = False  # XLA needs sizes that do not depend on values

    def call(self, inputs: Any) -> tuple[Any, Any]:
        """Return the sequences and the mask."""
        mask = ops.not_equal(inputs[..., 0], PADDING)
        if keras.backend.backend() == "tensorflow":  # others trace with sizes that are known
            longest = ops.sum(ops.cast(ops.any(mask, axis=0), "int32"))
            inputs, mask = inputs[:, :longest], mask[:, :longest]
        return inputs, mask

    def compute_output_spec(self, inputs: Any) -> tuple[Any, Any]:
        """Return the specs of both, for any number of steps."""
        n_rows, _, n_channels = inputs.shape
        return (
            keras.KerasTensor((n_rows, None, n_channels), inputs.dtype),
            keras.KerasTensor((n_rows, None), "bool"),
        )
