"""Padding of sequences: all-zero steps at their ends."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

_CHUNK_VALUES = 2**22
# Padded data may have all-zero steps by accident, in this share of the sequences.
_MOST_ACCIDENTS = 0.01


def padding_mask(X: np.ndarray) -> np.ndarray:
    """Return a mask of the steps up to the last one that is not all zero.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_steps, n_features)
        Validated sequences, before any scaling.

    Returns
    -------
    ndarray of bool of shape (n_samples, n_steps)
        True for real steps, False for padding.
    """
    size = max(1, _CHUNK_VALUES * X.shape[0] // X.size)
    parts = [_up_to_last(np.any(X[i : i + size] != 0, 2)) for i in range(0, X.shape[0], size)]
    return np.concatenate(parts)


def _up_to_last(nonzero: np.ndarray) -> np.ndarray:
    return np.logical_or.accumulate(nonzero[:, ::-1], axis=1)[:, ::-1]


class ZeroSteps:
    """Where sequences have all-zero steps, which tells padding from data.

    Padding is at the end. If other steps are all zero, too, zeros are values like any other.
    """

    def __init__(self) -> None:
        self._n_rows = 0
        self._n_early = 0
        self._n_gaps = 0
        self._n_late = 0

    def add(self, X: Any, rows: np.ndarray | None = None) -> None:
        """Add a batch of sequences.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_steps, n_features)
            Validated sequences, before any scaling.
        rows : ndarray of int, default=None
            The sequences to look at; None for all.
        """
        n_samples = X.shape[0] if rows is None else len(rows)
        size = max(1, _CHUNK_VALUES * X.shape[0] // X.size)
        for start in range(0, n_samples, size):
            part = slice(start, start + size)
            nonzero = np.any(X[part if rows is None else rows[part]] != 0, 2)
            nonzero = nonzero[nonzero.any(axis=1)]
            before_last = _up_to_last(nonzero)
            after_first = np.logical_or.accumulate(nonzero, axis=1)
            self._n_early += int((before_last & ~nonzero).any(axis=1).sum())
            self._n_gaps += int((before_last & after_first & ~nonzero).any(axis=1).sum())
            self._n_late += int((~before_last).any(axis=1).sum())
        self._n_rows += n_samples

    def __add__(self, other: ZeroSteps) -> ZeroSteps:
        total = ZeroSteps()
        for name in vars(total):
            setattr(total, name, getattr(self, name) + getattr(other, name))
        return total

    @property
    def padding(self) -> Literal["end", "start"] | None:
        """Where padding is; None if zeros are data, or if this is unclear."""
        if self._n_early <= _MOST_ACCIDENTS * self._n_rows:
            return "end"
        return None if self._n_gaps or self._n_late else "start"
