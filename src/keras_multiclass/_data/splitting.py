"""Owns the split into training and validation rows: shuffled, stratified, losing no class."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit

from keras_multiclass._shared.messages import describe, invalid


def validation_split(codes: np.ndarray, fraction: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into training and validation.

    This is scikit-learn's ``StratifiedShuffleSplit`` wherever that can split without taking a
    class away from training. Otherwise (a class with one row, fewer validation rows than
    classes) the shares of the classes are rounded so that each keeps a row in training.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Class indices of the rows.
    fraction : float
        Share of the validation rows, above 0 and below 1.
    seed : int
        Seed of the shuffling.

    Returns
    -------
    train_idx, val_idx : ndarray of shape (n_train,) and (n_val,)
        Row indices in ascending order.

    Raises
    ------
    ValueError
        If `fraction` is out of range, or there are too few rows.
    """
    is_number = isinstance(fraction, numbers.Real) and not isinstance(fraction, (bool, np.bool_))
    if not is_number or not 0 < fraction < 1:
        raise ValueError(
            invalid("validation_split", "a number above 0 and below 1", describe(fraction))
        )
    counts = np.bincount(codes)
    n_classes = int(np.sum(counts > 0))
    n_val = math.ceil(fraction * len(codes))
    if n_val > len(codes) - n_classes:
        raise ValueError(
            invalid(
                "validation_split",
                f"small enough to leave each of the {n_classes} classes a row for training",
                f"{describe(fraction)}, {n_val} of {len(codes)} rows",
                "Give X_val and y_val, more rows, or a smaller validation_split.",
            )
        )
    if counts[counts > 0].min() > 1 and n_val >= n_classes:
        splitter = StratifiedShuffleSplit(n_splits=1, test_size=n_val, random_state=seed)
        train, val = next(splitter.split(codes, codes))
        if len(np.unique(codes[train])) == n_classes:
            return np.sort(train), np.sort(val)
    return _split_by_quota(codes, counts, n_val, seed)


def _split_by_quota(
    codes: np.ndarray, counts: np.ndarray, n_val: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Take from each class its share, rounded by largest remainder, and never its last row."""
    generator = np.random.default_rng(np.random.SeedSequence(seed))
    most = np.maximum(counts - 1, 0)
    share = n_val * counts / counts.sum()
    quota = np.minimum(np.floor(share).astype(int), most)
    ties = generator.random(len(counts))
    while quota.sum() < n_val:
        lacking = np.where(quota < most, share - quota, -np.inf)
        quota[np.lexsort((ties, lacking))[-1]] += 1
    chosen = [
        generator.choice(np.flatnonzero(codes == index), size=size, replace=False)
        for index, size in enumerate(quota)
        if size
    ]
    is_val = np.zeros(len(codes), dtype=bool)
    is_val[np.concatenate(chosen)] = True
    return np.flatnonzero(~is_val), np.flatnonzero(is_val)
