"""The order of the rows in an epoch, a function of the seed and the epoch number alone."""

from __future__ import annotations

import numpy as np

from keras_multiclass._data.rows import TrainingData
from keras_multiclass._data.sequences import Sequences
from keras_multiclass._shared.seeding import epoch_seed, permutation
from keras_multiclass._training.engine.base import TrainingPlan

# Batches are filled by length where that leaves at most this share of the steps, padding included.
_LARGEST_SHARE = 0.5
# Of so many batches of random rows, each gets those of similar length.
_BATCHES_PER_WINDOW = 16


def lengths_of(data: TrainingData) -> np.ndarray | None:
    """Return the number of steps of each sample; None if all have the same."""
    if not isinstance(data.X, Sequences):
        return None
    return data.X.lengths if data.rows is None else data.X.lengths[data.rows]


def shuffled(
    n_samples: int, plan: TrainingPlan, epoch: int, lengths: np.ndarray | None = None
) -> np.ndarray:
    """Return the order of the samples in an epoch that shuffles them.

    Parameters
    ----------
    n_samples : int
        Number of samples.
    plan : TrainingPlan
        Holds seed and batch size.
    epoch : int
        Number of the epoch.
    lengths : ndarray of int of shape (n_samples,), default=None
        Numbers of steps. If these differ much, batches in random order have rows of similar length,
        so that short ones are not padded to the length of long ones.
    """
    order = permutation(n_samples, plan.seed, epoch)
    size = plan.batch_size
    n_batches = n_samples // size
    if lengths is None or n_batches < 2:
        return order
    whole, rest = order[: n_batches * size], order[n_batches * size :]
    window = _BATCHES_PER_WINDOW * size
    windows = [whole[start : start + window] for start in range(0, len(whole), window)]
    by_length = np.concatenate([w[np.argsort(lengths[w], kind="stable")] for w in windows])
    steps, steps_as_shuffled = (
        int(lengths[rows].reshape(n_batches, size).max(axis=1).sum()) for rows in (by_length, whole)
    )
    if steps > _LARGEST_SHARE * steps_as_shuffled:
        return order
    batches = permutation(n_batches, epoch_seed(plan.seed, epoch), epoch)
    return np.concatenate([by_length.reshape(n_batches, size)[batches].ravel(), rest])
