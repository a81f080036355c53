"""Weights that rows have for each member of an ensemble."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def largest_weights(weights: Any) -> Any:
    """Return the largest weight of each row; None for masks, whose rows all count the same.

    Parameters
    ----------
    weights : tensor of shape (batch, n_ensemble)
        Weights, or a mask, of the rows for each member.
    """
    is_mask = keras.backend.standardize_dtype(weights.dtype) == "bool"
    return None if is_mask else ops.max(weights, axis=1)
