"""The rows that an engine trains and validates on, in memory or as a stream of batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from keras_multiclass._data.cast_on_read import CastOnRead
from keras_multiclass._data.sequences import Sequences
from keras_multiclass._shared.typing import FloatArray, IndexArray

Features: TypeAlias = NDArray[Any] | sparse.csr_matrix | sparse.csr_array | CastOnRead | Sequences


@dataclass(frozen=True)
class TrainingData:
    """Rows to train or validate on.

    Attributes
    ----------
    X : ndarray or CSR matrix of shape (n_rows, ...)
        Features; training and validation rows may be in the same array.
    y : ndarray of int32 of shape (n_samples,), or of uint8 or float of shape (n_samples, n_labels)
        Class indices, an indicator matrix of labels, or soft labels.
    sample_weight : ndarray of shape (n_samples,) or (n_samples, n_members), default=None
        Weights of the samples, or those that they have for each member of an ensemble; the latter
        are boolean if the samples have no weights.
    rows : ndarray of shape (n_samples,), default=None
        The row of `X` that each sample is; None for all rows in their order. Selecting samples then
        does not copy `X`.
    """

    X: Features
    y: IndexArray
    sample_weight: FloatArray | None = None
    rows: IndexArray | None = None

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return len(self.y)

    @property
    def weighted(self) -> bool:
        """Whether there are weights."""
        return self.weight_of_rows is not None

    @property
    def weighs_members(self) -> bool:
        """Whether samples have another weight for each member of an ensemble."""
        return self.sample_weight is not None and self.sample_weight.ndim == 2

    @property
    def weight_of_rows(self) -> FloatArray | None:
        """One weight for each sample: the largest that it has for any member."""
        weights = self.sample_weight
        if weights is None or weights.ndim == 1:
            return weights
        return None if weights.dtype == bool else weights.max(axis=1)

    @property
    def largest_weight(self) -> float:
        """The largest weight; 1 if there are none."""
        return 1.0 if self.sample_weight is None else float(self.sample_weight.max(initial=0.0))

    def n_steps(self, batch_size: int) -> int:
        """Count the batches of an epoch.

        Parameters
        ----------
        batch_size : int
            Rows of a batch; the last may have fewer.

        Returns
        -------
        int
            Number of batches.
        """
        return -(-self.n_samples // batch_size)

    def take(self, samples: IndexArray) -> TrainingData:
        """Select samples by their numbers.

        Parameters
        ----------
        samples : ndarray of shape (n_chosen,)
            The numbers, from 0.

        Returns
        -------
        TrainingData
            Shares `X`.
        """
        weights = None if self.sample_weight is None else self.sample_weight[samples]
        rows = samples if self.rows is None else self.rows[samples]
        return TrainingData(self.X, self.y[samples], weights, rows)

    def features(self, samples: IndexArray | slice) -> NDArray[Any]:
        """Copy the features of some samples.

        Parameters
        ----------
        samples : ndarray of shape (n_chosen,) or slice
            Their numbers, from 0.

        Returns
        -------
        ndarray of shape (n_chosen, ...)
            Dense and contiguous.
        """
        return dense(self.X[samples if self.rows is None else self.rows[samples]])

    @property
    def chosen(self) -> NDArray[Any] | Sequences:
        """A copy of the features of all samples, without padding if they are `Sequences`."""
        if isinstance(self.X, Sequences):
            return self.X if self.rows is None else self.X.take(self.rows)
        return self.features(slice(None))


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
        Whether there are weights; then each batch has some.
    example : TrainingData
        A batch, for the shapes and dtypes of all.
    """

    epoch: Callable[[], Iterator[TrainingData]]
    n_batches: int | None
    weighted: bool
    example: TrainingData

    def n_steps(self, batch_size: int) -> int | None:
        """Count the batches of an epoch.

        Parameters
        ----------
        batch_size : int
            Ignored: the stream determines its batch sizes.

        Returns
        -------
        int or None
            `n_batches`.
        """
        return self.n_batches


Data: TypeAlias = TrainingData | StreamData
"""Rows in an array, or in a stream of batches."""


def dense(batch: Any) -> np.ndarray:
    """Return a contiguous array in memory for a batch of rows, sparse or memory-mapped."""
    return batch.toarray() if sparse.issparse(batch) else np.ascontiguousarray(batch)
