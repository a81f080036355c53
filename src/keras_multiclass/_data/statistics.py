"""Measures the features of the training rows: mean and variance, quantiles, gaps, padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import sparse
from scipy.stats import norm
from sklearn.preprocessing import StandardScaler

OUTERMOST_LEVEL = 1e-3  # of normal quantiles, which are infinite at 0 and 1
_CHUNK_VALUES = 2**22  # numbers converted to float64 at a time: 32 MiB
# Quantiles of more rows would hardly differ, and these fit into memory.
_MOST_RANKED_ROWS = 2**17
_MOST_RANKED_VALUES = 2**22


def mean_and_variance(
    X: Any,
    sample_weight: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    rows: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Measure mean and variance of each feature (last axis) with scikit-learn's StandardScaler.

    Works in float64 and in chunks, so that memory stays small; sparse X stays sparse.

    Parameters
    ----------
    X : ndarray of shape (n_rows, ..., n_features) or CSR matrix
        Checked features.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights of the rows; all steps or pixels of a row have its weight.
    mask : ndarray of bool of shape (n_rows, n_steps), default=None
        Which steps of padded sequences are real, see :func:`padding_mask`.
    rows : ndarray of shape (n_samples,), default=None
        The rows that count; None for all.

    Returns
    -------
    mean, variance : ndarray of shape (n_features,) and dtype float64
        The variance of a constant feature is given as 1, so that dividing by it is safe.
    """
    scaler = _scaler()
    _learn_moments(scaler, X, sample_weight, mask, rows)
    return _moments(scaler, X.shape[-1])


@dataclass(frozen=True)
class Standardization:
    """What counts as one feature when mean and variance are measured.

    Attributes
    ----------
    single_channel : bool, default=False
        Whether all pixels are one feature.
    skip_padding : bool, default=False
        Whether steps of padding are left out, see :func:`padding_mask`.
    """

    single_channel: bool = False
    skip_padding: bool = False

    def moments(
        self, X: Any, sample_weight: np.ndarray | None = None, rows: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Measure mean and variance as :func:`mean_and_variance` does."""
        mask = padding_mask(X) if self.skip_padding else None
        return mean_and_variance(
            X[..., None] if self.single_channel else X, sample_weight, mask, rows
        )


class Statistics(Protocol):
    """What the training rows tell a network that is being built."""

    def moments(self, standardization: Standardization) -> tuple[np.ndarray, np.ndarray]:
        """Give mean and variance of each feature, as :func:`mean_and_variance` does."""

    def quantiles(self, positions: Sequence[int], levels: np.ndarray) -> np.ndarray:
        """Give quantiles of some columns of a table, as :func:`weighted_quantiles` does."""

    def has_missing(self) -> np.ndarray:
        """Say for each column of a table whether some row has NaN there."""


@dataclass(frozen=True)
class ArrayStatistics:
    """Statistics of rows of an array.

    Attributes
    ----------
    X : ndarray of shape (n_rows, ..., n_features), CSR matrix or MemoryMap
        Checked features.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights of the samples.
    rows : ndarray of shape (n_samples,) or None
        The row that each sample is; None for all rows.
    """

    X: Any
    sample_weight: np.ndarray | None = None
    rows: np.ndarray | None = None

    def moments(self, standardization: Standardization) -> tuple[np.ndarray, np.ndarray]:
        """Give mean and variance of each feature."""
        return standardization.moments(self.X, self.sample_weight, self.rows)

    def quantiles(self, positions: Sequence[int], levels: np.ndarray) -> np.ndarray:
        """Give quantiles of some columns: an array of shape (n_positions, n_levels)."""
        rows = np.arange(self.X.shape[0]) if self.rows is None else self.rows
        most = max(1, min(_MOST_RANKED_ROWS, _MOST_RANKED_VALUES // self.X.shape[1]))
        step = -(-len(rows) // most)
        weights = None if self.sample_weight is None else self.sample_weight[::step]
        part = self.X[rows[::step]]
        found = np.empty((len(positions), len(levels)))
        for i, position in enumerate(positions):
            column = part[:, [position]]
            column = column.toarray() if sparse.issparse(column) else column
            found[i] = weighted_quantiles(column.ravel(), weights, levels)
        return found

    def has_missing(self) -> np.ndarray:
        """Say for each column whether some row has NaN there."""
        found = np.zeros(self.X.shape[1], bool)
        size = max(1, _CHUNK_VALUES // 16 // self.X.shape[1])
        n_samples = self.X.shape[0] if self.rows is None else len(self.rows)
        for start in range(0, n_samples, size):
            part = slice(start, start + size)
            values = self.X[part if self.rows is None else self.rows[part]]
            if sparse.issparse(values):
                found[values.indices[np.isnan(values.data)]] = True
            else:
                found |= np.isnan(values).any(axis=0)
        return found


def normal_quantiles(levels: np.ndarray) -> np.ndarray:
    """Give quantiles of the standard normal distribution, 3.1 for levels next to 0 and 1.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
        From 0 to 1.

    Returns
    -------
    ndarray of shape (n_levels,)
        Finite.
    """
    return np.asarray(norm.ppf(np.clip(levels, OUTERMOST_LEVEL, 1 - OUTERMOST_LEVEL)))


def weighted_quantiles(
    values: np.ndarray, weights: np.ndarray | None, levels: np.ndarray
) -> np.ndarray:
    """Compute quantiles for which a weight of 2 is the same as a value given twice.

    It is the definition that NumPy calls ``"averaged_inverted_cdf"``.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        NaN is left out.
    weights : ndarray of shape (n_values,) or None
        Their weights.
    levels : ndarray of shape (n_levels,)
        From 0 to 1.

    Returns
    -------
    ndarray of shape (n_levels,) and dtype float64
        Zeros if there is no value.
    """
    there = ~np.isnan(values)
    if weights is not None:
        there &= weights > 0
    values = values[there].astype(np.float64)
    if not len(values):
        return np.zeros(len(levels))
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(np.ones(len(values)) if weights is None else weights[there][order])
    wanted, rounding = levels * sums[-1], 1e-9 * sums[-1]
    low = np.searchsorted(sums, wanted - rounding, side="left")
    high = np.minimum(np.searchsorted(sums, wanted + rounding, side="right"), len(values) - 1)
    # Half of each, since the sum of two large numbers may overflow.
    return values[order[low]] / 2 + values[order[high]] / 2


class Moments:
    """Mean and variance of features that come in parts.

    Parameters
    ----------
    standardization : Standardization
        What counts as one feature.
    """

    def __init__(self, standardization: Standardization) -> None:
        self.standardization = standardization
        self._scalers: dict[int, StandardScaler] = {}
        self._n_features = 0

    def add(self, X: Any, sample_weight: np.ndarray | None, groups: np.ndarray | None) -> None:
        """Learn from some rows.

        Parameters
        ----------
        X : ndarray of shape (n_rows, ...) or CSR matrix
            Checked features.
        sample_weight : ndarray of shape (n_rows,) or None
            Weights of the rows.
        groups : ndarray of int of shape (n_rows,) or None
            The group of each row; rows of one group can be weighted when all is learned.
        """
        mask = padding_mask(X) if self.standardization.skip_padding else None
        X = X[..., None] if self.standardization.single_channel else X
        self._n_features = X.shape[-1]
        # Without weights scikit-learn would count whole rows, and lose fractions of earlier ones.
        all_weights = np.ones(X.shape[0]) if sample_weight is None else sample_weight
        for group in [0] if groups is None else np.unique(groups).tolist():
            rows = None if groups is None else np.flatnonzero(groups == group)
            weights = all_weights if rows is None else all_weights[rows]
            scaler = self._scalers.setdefault(group, _scaler())
            _learn_moments(scaler, X, weights, mask, rows)

    def combine(self, group_weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Put the groups together.

        Parameters
        ----------
        group_weights : ndarray of shape (n_groups,) or None
            What multiplies the weights of the rows of each group; None if there is one group.

        Returns
        -------
        mean, variance : ndarray of shape (n_features,) and dtype float64
            As from :func:`mean_and_variance`.
        """
        if group_weights is None:
            return _moments(self._scalers[0], self._n_features)
        learned = [
            (
                group_weights[group] * np.broadcast_to(scaler.n_samples_seen_, len(scaler.mean_)),
                scaler,
            )
            for group, scaler in self._scalers.items()
            if group_weights[group] > 0 and hasattr(scaler, "scale_")
        ]
        if not learned:
            return np.zeros(self._n_features), np.ones(self._n_features)
        weights = np.stack([weight for weight, _ in learned])
        means, variances = (
            np.nan_to_num(np.stack([getattr(scaler, name) for _, scaler in learned]))
            for name in ("mean_", "var_")
        )
        total = np.maximum(weights.sum(axis=0), np.finfo(np.float64).tiny)
        mean = np.sum(weights * means, axis=0) / total
        variance = np.sum(weights * (variances + (means - mean) ** 2), axis=0) / total
        # StandardScaler's bound for what rounding leaves of the variance of a constant.
        rounding = total * np.finfo(np.float64).eps
        constant = variance <= rounding * variance + (rounding * mean) ** 2
        return mean, np.where(constant, 1.0, variance)


def _scaler() -> StandardScaler:
    # Mean and variance are learned all the same, of dense and sparse rows.
    return StandardScaler(with_mean=False, copy=False)


def _learn_moments(
    scaler: StandardScaler,
    X: Any,
    sample_weight: np.ndarray | None,
    mask: np.ndarray | None,
    rows: np.ndarray | None,
) -> None:
    row_values = max(1, (X.nnz if sparse.issparse(X) else X.size) // X.shape[0])
    size = max(1, _CHUNK_VALUES // row_values)
    n_samples = X.shape[0] if rows is None else len(rows)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, n_samples, size):
            part = slice(start, start + size)
            chosen = part if rows is None else rows[part]
            values, weights = _real_rows(
                X[chosen],
                None if sample_weight is None else sample_weight[part],
                None if mask is None else mask[chosen],
            )
            if values.shape[0]:
                scaler.partial_fit(values, sample_weight=weights)


def _moments(scaler: StandardScaler, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    if not hasattr(scaler, "scale_"):  # every step is padding
        return np.zeros(n_features), np.ones(n_features)
    variance = np.where(scaler.scale_ == 1.0, 1.0, scaler.var_)
    mean = np.nan_to_num(np.asarray(scaler.mean_, dtype=np.float64))
    return mean, np.nan_to_num(variance.astype(np.float64), nan=1.0)


def padding_mask(X: np.ndarray) -> np.ndarray:
    """Mark the real steps of padded sequences.

    A step whose features are all zero is padding wherever it stands, first, last or between, as
    in ``keras.layers.Masking(mask_value=0.)``.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_steps, n_features)
        Checked sequences, before any scaling.

    Returns
    -------
    ndarray of bool of shape (n_samples, n_steps)
        True for real steps.
    """
    size = max(1, _CHUNK_VALUES * X.shape[0] // X.size)
    parts = [np.any(X[i : i + size] != 0, axis=2) for i in range(0, X.shape[0], size)]
    return np.concatenate(parts)


def _real_rows(
    X: Any, weights: np.ndarray | None, mask: np.ndarray | None
) -> tuple[Any, np.ndarray | None]:
    """Flatten a chunk to (n, n_features) float64 and leave out padding and rows of weight zero."""
    if weights is not None and not weights.all():
        kept = weights > 0
        X, weights, mask = X[kept], weights[kept], None if mask is None else mask[kept]
    if X.ndim > 2:
        if weights is not None:
            steps = X.shape[1:-1]
            weights = np.broadcast_to(weights.reshape(-1, *[1] * len(steps)), X.shape[:-1])
            weights = weights.ravel() if mask is None else weights[mask]
        X = X.reshape(-1, X.shape[-1]) if mask is None else X[mask]
    weights = None if weights is None else weights.astype(np.float64)
    return X.astype(np.float64), weights
