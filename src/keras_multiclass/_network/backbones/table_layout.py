"""Describes the inputs of a table backbone to its builder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_multiclass._data.statistics import normal_quantiles


@dataclass(frozen=True)
class TableLayout:
    """Layout of the inputs of a table backbone: all numbers, then one block per other column.

    Attributes
    ----------
    n_numeric : int
        Number of numeric inputs, which come first, scaled and without missing values.
    block_widths : tuple of int
        Number of inputs of each following block: the one-hot columns or the embedding of a
        categorical column, the missing-value indicator of a number, or the components of a text.
        Together with the numeric inputs, the blocks make up all inputs.
    quantiles : callable
        ``quantiles(levels)`` returns quantiles of each number over the (weighted) training rows,
        scaled like the inputs, at levels from 0 to 1: an array of shape
        ``(n_numeric, len(levels))``, nondecreasing along the last axis.
    """

    n_numeric: int
    block_widths: tuple[int, ...]
    quantiles: Callable[[NDArray[np.floating[Any]]], NDArray[np.floating[Any]]]

    @classmethod
    def of_numbers(cls, n_numeric: int) -> TableLayout:
        """Return the layout of normally distributed numbers only.

        Parameters
        ----------
        n_numeric : int
            Number of inputs.

        Returns
        -------
        TableLayout
            Layout whose quantiles are those of the normal distribution.
        """

        def quantiles(levels: NDArray[Any]) -> NDArray[np.float64]:
            return np.broadcast_to(normal_quantiles(levels), (n_numeric, len(levels))).copy()

        return cls(n_numeric, (), quantiles)
