"""Embeddings whose gradient is exact for every optimizer.

The gradient of a variable whose rows are gathered is sparse on TensorFlow, with a value for each
occurrence of a row. Keras' optimizers square these values one by one, so rows that occur repeatedly
in a batch get a sum of squares instead of the square of the sum.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def take_rows(weights: Any, indices: Any) -> Any:
    """Gather rows of weights, with a dense gradient.

    Parameters
    ----------
    weights : variable or tensor of shape (n_rows, ...)
        The weights.
    indices : tensor of integers
        Which rows.
    """
    # The gradient of a reshaped tensor is dense, and nothing is copied for it.
    return ops.take(ops.reshape(weights, weights.shape), indices, axis=0)


@keras.saving.register_keras_serializable(package="keras_multiclass")
class Embedding(keras.layers.Embedding):
    """`keras.layers.Embedding` with a dense gradient."""

    def call(self, inputs: Any) -> Any:
        """Map integers to vectors.

        Parameters
        ----------
        inputs : tensor
            Indices of the vectors.
        """
        rows = take_rows(self.embeddings, ops.cast(inputs, "int32"))
        return ops.cast(rows, self.compute_dtype)
