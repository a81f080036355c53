"""Splits into training and validation rows: stratified, with every class left in training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit

from keras_multiclass._shared.checks import is_number
from keras_multiclass._shared.messages import describe, invalid


def validation_split(codes: np.ndarray, fraction: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into training and validation rows.

    Uses scikit-learn's ``StratifiedShuffleSplit`` wherever it leaves every class in training.
    Otherwise (a class has a single row, or there are fewer validation rows than classes) the
    shares of the classes are rounded so that each class keeps a training row.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Class indices of the rows.
    fraction : float
        Fraction of validation rows, above 0 and below 1.
    seed : int
        Seed for shuffling.

    Returns
    -------
    train_idx, val_idx : ndarray of shape (n_train,) and (n_val,)
        Row indices in ascending order.

    Raises
    ------
    ValueError
        If `fraction` is out of range, or there are too few rows.
    """
    check_fraction(fraction)
    counts = np.bincount(codes)
    n_classes = int(np.sum(counts > 0))
    n_val = math.ceil(fraction * len(codes))
    if n_val > len(codes) - n_classes:
        raise ValueError(
            invalid(
                "validation_split",
                f"small enough to leave each of the {n_classes} classes a row for training",
                f"{describe(fraction)}, {n_val} of {len(codes)} rows",
                "Pass X_val and y_val, more rows, or a smaller validation_split.",
            )
        )
    if counts[counts > 0].min() > 1 and n_val >= n_classes:
        splitter = StratifiedShuffleSplit(n_splits=1, test_size=n_val, random_state=seed)
        train, val = next(splitter.split(codes, codes))
        if len(np.unique(codes[train])) == n_classes:
            return np.sort(train), np.sort(val)
    return _split_by_quota(codes, counts, n_val, seed)


def assign_folds(codes: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """Assign rows to folds of equal size, stratified by class.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Class indices of the rows.
    n_folds : int
        Number of folds.
    seed : int
        Seed for shuffling.

    Returns
    -------
    ndarray of shape (n_samples,)
        Index of the fold of each row; -1 for a row that is the only one of its class, which would
        be missing if it was held out.
    """
    order = np.random.default_rng(np.random.SeedSequence(seed)).permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    folds = np.empty(len(codes), dtype=np.int64)
    folds[order] = np.arange(len(codes)) % n_folds
    folds[np.bincount(codes)[codes] == 1] = -1
    return folds


def check_fraction(fraction: Any) -> None:
    """Raise ``ValueError`` unless the fraction of validation rows is above 0 and below 1."""
    if not is_number(fraction) or not 0 < fraction < 1:
        raise ValueError(
            invalid("validation_split", "a number above 0 and below 1", describe(fraction))
        )


def _split_by_quota(
    codes: np.ndarray, counts: np.ndarray, n_val: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw each class's share, rounded by largest remainder, but never its last row."""
    generator = np.random.default_rng(np.random.SeedSequence(seed))
    max_quota = np.maximum(counts - 1, 0)
    share = n_val * counts / counts.sum()
    quota = np.minimum(np.floor(share).astype(int), max_quota)
    tie_breakers = generator.random(len(counts))
    while quota.sum() < n_val:
        remainder = np.where(quota < max_quota, share - quota, -np.inf)
        quota[np.lexsort((tie_breakers, remainder))[-1]] += 1
    drawn = [
        generator.choice(np.flatnonzero(codes == index), size=size, replace=False)
        for index, size in enumerate(quota)
        if size
    ]
    is_val = np.zeros(len(codes), dtype=bool)
    is_val[np.concatenate(drawn)] = True
    return np.flatnonzero(~is_val), np.flatnonzero(is_val)
