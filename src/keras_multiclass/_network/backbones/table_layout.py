"""What a builder may be told of the table behind its inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_multiclass._data.statistics import normal_quantiles


@dataclass(frozen=True)
class TableLayout:
    """The inputs of a table backbone: first all numbers, then one block for each other column.

    Attributes
    ----------
    n_numeric : int
        How many of the first inputs are numbers; scaled, without gaps.
    block_widths : tuple of int
        How many inputs each of the blocks has that follow: the one-hot columns or the embedding
        of a category, or the indicator of gaps in a number. Their sum and ``n_numeric`` make up
        all inputs.
    quantiles : callable
        ``quantiles(levels)`` gives quantiles of each number over the (weighted) training rows,
        scaled as the inputs are, for levels from 0 to 1: an array of shape
        ``(n_numeric, len(levels))``, not decreasing along the last axis.
    """

    n_numeric: int
    block_widths: tuple[int, ...]
    quantiles: Callable[[NDArray[np.floating[Any]]], NDArray[np.floating[Any]]]

    @classmethod
    def of_numbers(cls, n_numeric: int) -> TableLayout:
        """Describe inputs that are all numbers, with the quantiles of a normal distribution.

        Parameters
        ----------
        n_numeric : int
            How many there are.

        Returns
        -------
        TableLayout
            The description.
        """

        def quantiles(levels: NDArray[Any]) -> NDArray[np.float64]:
            return np.broadcast_to(normal_quantiles(levels), (n_numeric, len(levels))).copy()

        return cls(n_numeric, (), quantiles)
