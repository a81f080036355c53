"""Data that never lie in memory as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from keras_multiclass.engine._base import TrainingData


@dataclass(frozen=True)
class StreamData:
    """Batches to train or validate on, one after the other.

    Attributes
    ----------
    epoch : callable
        Returns an iterator over the batches of the next epoch.
    n_batches : int or None
        How many these are; None if that is not known.
    weighted : bool
        Whether there are weights.
    """

    epoch: Callable[[], Iterator[TrainingData]]
    n_batches: int | None
    weighted: bool

    def n_steps(self, batch_size: int) -> int | None:
        """Count the batches of an epoch.

        Parameters
        ----------
        batch_size : int
            Does not matter: the stream decides how large its batches are.

        Returns
        -------
        int or None
            `n_batches`.
        """
        return self.n_batches


Data: TypeAlias = TrainingData | StreamData
"""Rows in an array, or in a stream of batches."""
