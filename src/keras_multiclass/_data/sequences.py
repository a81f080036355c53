"""Sequences of unequal length: the steps of all of them in one table, padded when they are read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# What steps after the end of a sequence are. No value of X is infinite, so that all others,
# zeros and missing values included, are real.
PADDING = np.inf


class Sequences:
    """Sequences as rows of one array, all as long as the longest, without its memory.

    Parameters
    ----------
    steps : ndarray or CastOnRead of shape (n_all_steps, n_channels)
        The steps of all sequences, one sequence after the other.
    lengths : ndarray of int of shape (n_rows,)
        The number of steps of each.

    Attributes
    ----------
    shape : tuple of int
        ``(n_rows, longest, n_channels)``.
    dtype : dtype
        Dtype of the steps.
    """

    ndim = 3

    def __init__(self, steps: Any, lengths: NDArray[Any]) -> None:
        self.steps = steps
        self.lengths = lengths.astype(np.int64, copy=False)
        self.dtype = steps.dtype
        self._starts = np.cumsum(self.lengths) - self.lengths
        self.shape = (len(lengths), int(self.lengths.max(initial=0)), int(steps.shape[1]))

    @property
    def size(self) -> int:
        """The number of values of all steps, without padding."""
        return self.steps.shape[0] * self.shape[2]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """Return some sequences as an array, as long as the longest of all, with padding."""
        lengths = self.lengths[rows]
        steps = self.steps[self._positions(rows)]
        shape = (len(lengths), *self.shape[1:])
        if (lengths == self.shape[1]).all():
            return np.asarray(steps.reshape(shape))
        padded = np.full(shape, PADDING, self.dtype)
        padded[np.arange(self.shape[1]) < lengths[:, None]] = steps
        return padded

    def take(self, rows: Any) -> Sequences:
        """Return some sequences, in the given order."""
        return Sequences(self.steps[self._positions(rows)], self.lengths[rows])

    def with_steps(self, steps: Any) -> Sequences:
        """Return sequences of the same lengths with other steps."""
        return Sequences(steps, self.lengths)

    def table(self, rows: Any, *per_row: Any) -> tuple[Any, ...]:
        """Return the steps of some sequences as rows of a table, with what each sequence has.

        Parameters
        ----------
        rows : ndarray of int or None
            The sequences; None for all.
        *per_row : ndarray of shape (n_rows,) or None
            Values of the chosen sequences, repeated for their steps.
        """
        lengths = self.lengths if rows is None else self.lengths[rows]
        steps = self.steps[:] if rows is None else self.steps[self._positions(rows)]
        return steps, *(None if v is None else np.repeat(v, lengths) for v in per_row)

    def _positions(self, rows: Any) -> Any:
        """Return where the steps of some sequences are."""
        starts, lengths = self._starts[rows], self.lengths[rows]
        if not len(starts):
            return slice(0, 0)
        if isinstance(rows, slice) and rows.step in (None, 1):
            return slice(int(starts[0]), int(starts[-1] + lengths[-1]))
        before = np.cumsum(lengths) - lengths
        return np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
