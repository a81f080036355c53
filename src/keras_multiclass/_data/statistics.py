"""Statistics of the training features: mean and variance, quantiles, missing values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from scipy import sparse
from scipy.stats import norm
from sklearn.preprocessing import StandardScaler

from keras_multiclass._data.padding import ZeroSteps, padding_mask
from keras_multiclass._data.sequences import Sequences

OUTERMOST_LEVEL = 1e-3  # normal quantiles are infinite at levels 0 and 1
_CHUNK_VALUES = 2**22  # numbers converted to float64 at a time: 32 MiB
# Quantiles of more rows would hardly differ, and a sample of this size fits into memory.
_MAX_QUANTILE_ROWS = 2**17
_MAX_QUANTILE_VALUES = 2**22


def mean_and_variance(
    X: Any,
    sample_weight: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    rows: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Compute mean and variance of each feature (last axis) with scikit-learn's StandardScaler.

    Works in float64 on chunks of rows, to keep memory small; sparse X stays sparse.

    Parameters
    ----------
    X : ndarray of shape (n_rows, ..., n_features) or CSR matrix
        Validated features.
    sample_weight : ndarray of shape (n_samples,), default=None
        Sample weights; all steps or pixels of a row have its weight.
    mask : ndarray of bool of shape (n_rows, n_steps), default=None
        True for the real steps of padded sequences, see :func:`padding_mask`.
    rows : ndarray of shape (n_samples,), default=None
        Indices of the rows to use; None for all.

    Returns
    -------
    mean, variance : ndarray of shape (n_features,) and dtype float64
        The variance of a constant feature is 1, so that dividing by it is safe.
    """
    scaler = _scaler()
    if sample_weight is not None:
        sample_weight = sample_weight * _normalizer(sample_weight)
    _update_moments(scaler, X, sample_weight, mask, rows)
    return _moments(scaler, X.shape[-1])


def _normalizer(weights: np.ndarray) -> float:
    """Return the power of two by which weights have a mean near 1, so that no digit changes.

    StandardScaler takes columns for constant if the sum of the weights is very large.
    """
    mean = float(np.mean(weights, dtype=np.float64))
    return float(2.0 ** -np.round(np.log2(mean))) if mean > 0 else 1.0


@dataclass(frozen=True)
class Standardization:
    """Which values mean and variance are computed over.

    Attributes
    ----------
    single_channel : bool, default=False
        Whether all pixels of an image are one feature; otherwise the last axis holds features.
    skip_padding : bool, default=False
        Whether to skip padding steps, see :func:`padding_mask`.
    """

    single_channel: bool = False
    skip_padding: bool = False

    def moments(
        self, X: Any, sample_weight: np.ndarray | None = None, rows: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute mean and variance, see :func:`mean_and_variance`."""
        if isinstance(X, Sequences):
            return mean_and_variance(*X.table(rows, sample_weight))
        mask = padding_mask(X) if self.skip_padding else None
        return mean_and_variance(
            X[..., None] if self.single_channel else X, sample_weight, mask, rows
        )


class Statistics(Protocol):
    """Statistics of the training rows that a network is built from."""

    def moments(self, standardization: Standardization) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance of each feature, see :func:`mean_and_variance`."""

    def quantiles(self, positions: Sequence[int], levels: np.ndarray) -> np.ndarray:
        """Return quantiles of some columns of a table, see :func:`weighted_quantiles`."""

    def has_missing(self) -> np.ndarray:
        """Return for each column or channel whether it has NaN in some row."""

    def padding(self) -> Literal["end", "start"] | None:
        """Return where sequences are padded, see :class:`ZeroSteps`."""


@dataclass(frozen=True)
class ArrayStatistics:
    """Statistics of the rows of an array.

    Attributes
    ----------
    X : ndarray of shape (n_rows, ..., n_features), CSR matrix or CastOnRead
        Validated features.
    sample_weight : ndarray of shape (n_samples,) or None
        Sample weights.
    rows : ndarray of shape (n_samples,) or None
        Index of the row of each sample; None for all rows.
    """

    X: Any
    sample_weight: np.ndarray | None = None
    rows: np.ndarray | None = None

    def moments(self, standardization: Standardization) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance of each feature."""
        return standardization.moments(self.X, self.sample_weight, self.rows)

    def quantiles(self, positions: Sequence[int], levels: np.ndarray) -> np.ndarray:
        """Return quantiles of some columns, of shape (n_positions, n_levels)."""
        rows = np.arange(self.X.shape[0]) if self.rows is None else self.rows
        step = -(-len(rows) // most_quantile_rows(self.X.shape[1]))
        weights = None if self.sample_weight is None else self.sample_weight[::step]
        sample = self.X[rows[::step]]
        quantiles = np.empty((len(positions), len(levels)))
        for i, position in enumerate(positions):
            column = sample[:, [position]]
            column = column.toarray() if sparse.issparse(column) else column
            quantiles[i] = weighted_quantiles(column.ravel(), weights, levels)
        return quantiles

    def has_missing(self) -> np.ndarray:
        """Return for each column or channel whether it has NaN in some row."""
        if isinstance(self.X, Sequences):
            return ArrayStatistics(*self.X.table(self.rows)).has_missing()
        missing = np.zeros(self.X.shape[-1], bool)
        row_values = max(1, math.prod(self.X.shape[1:]))
        size = max(1, _CHUNK_VALUES // 16 // row_values)
        n_samples = self.X.shape[0] if self.rows is None else len(self.rows)
        for start in range(0, n_samples, size):
            part = slice(start, start + size)
            values = self.X[part if self.rows is None else self.rows[part]]
            if sparse.issparse(values):
                missing[values.indices[np.isnan(values.data)]] = True
            else:
                missing |= np.isnan(values).any(axis=tuple(range(values.ndim - 1)))
        return missing

    def padding(self) -> Literal["end", "start"] | None:
        """Return where sequences are padded."""
        steps = ZeroSteps()
        steps.add(self.X, self.rows)
        return steps.padding


def most_quantile_rows(n_columns: int) -> int:
    """Return the number of rows that quantiles are computed from, if there are more.

    Parameters
    ----------
    n_columns : int
        Number of columns of the table.
    """
    return max(1, min(_MAX_QUANTILE_ROWS, _MAX_QUANTILE_VALUES // n_columns))


def normal_quantiles(levels: np.ndarray) -> np.ndarray:
    """Return quantiles of the standard normal distribution, clipped to about -3.1 and 3.1.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
        Quantile levels from 0 to 1.

    Returns
    -------
    ndarray of shape (n_levels,)
        Finite.
    """
    return np.asarray(norm.ppf(np.clip(levels, OUTERMOST_LEVEL, 1 - OUTERMOST_LEVEL)))


def weighted_quantiles(
    values: np.ndarray, weights: np.ndarray | None, levels: np.ndarray
) -> np.ndarray:
    """Compute quantiles for which a weight of 2 equals a repeated value.

    NumPy calls this definition ``"averaged_inverted_cdf"``.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Values; NaN is ignored.
    weights : ndarray of shape (n_values,) or None
        Weights of the values.
    levels : ndarray of shape (n_levels,)
        Quantile levels from 0 to 1.

    Returns
    -------
    ndarray of shape (n_levels,) and dtype float64
        Zeros if there are no values.
    """
    counted = ~np.isnan(values)
    if weights is not None:
        counted &= weights > 0
    values = values[counted].astype(np.float64)
    if not len(values):
        return np.zeros(len(levels))
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(np.ones(len(values)) if weights is None else weights[counted][order])
    targets, rounding = levels * sums[-1], 1e-9 * sums[-1]
    low = np.searchsorted(sums, targets - rounding, side="left")
    high = np.minimum(np.searchsorted(sums, targets + rounding, side="right"), len(values) - 1)
    # Halved before adding, since the sum of two large numbers may overflow.
    return values[order[low]] / 2 + values[order[high]] / 2


class Moments:
    """Mean and variance of features, accumulated batch by batch.

    Parameters
    ----------
    standardization : Standardization
        Which values to compute them over.
    """

    def __init__(self, standardization: Standardization) -> None:
        self.standardization = standardization
        self._scalers: dict[int, StandardScaler] = {}
        self._n_features = 0
        self._n_values = 0
        self._normalizer = 0.0

    def add(self, X: Any, sample_weight: np.ndarray | None, groups: np.ndarray | None) -> None:
        """Add a batch of rows.

        Parameters
        ----------
        X : ndarray of shape (n_rows, ...) or CSR matrix
            Validated features.
        sample_weight : ndarray of shape (n_rows,) or None
            Sample weights.
        groups : ndarray of int of shape (n_rows,) or None
            Group of each row; :meth:`combine` weights the groups.
        """
        is_padded = self.standardization.skip_padding and not isinstance(X, Sequences)
        mask = padding_mask(X) if is_padded else None
        X = X[..., None] if self.standardization.single_channel else X
        if isinstance(X, Sequences):
            X, sample_weight, groups = X.table(None, sample_weight, groups)
        self._n_features = X.shape[-1]
        # Always pass weights: without, scikit-learn counts rows as integers and would truncate the
        # fractional weights of earlier batches.
        all_weights = np.ones(X.shape[0]) if sample_weight is None else sample_weight
        self._normalizer = self._normalizer or _normalizer(all_weights)
        all_weights = all_weights * self._normalizer
        self._n_values += X.shape[0] * int(np.prod(X.shape[1:-1]))
        for group in [0] if groups is None else np.unique(groups).tolist():
            rows = None if groups is None else np.flatnonzero(groups == group)
            weights = all_weights if rows is None else all_weights[rows]
            scaler = self._scalers.setdefault(group, _scaler())
            _update_moments(scaler, X, weights, mask, rows)

    def combine(self, group_weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the weighted mean and variance over all groups.

        Parameters
        ----------
        group_weights : ndarray of shape (n_groups,) or None
            Factor for the sample weights of each group; None if there is a single group.

        Returns
        -------
        mean, variance : ndarray of shape (n_features,) and dtype float64
            See :func:`mean_and_variance`.
        """
        if group_weights is None:
            return _moments(self._scalers[0], self._n_features)
        scalers = {
            group: scaler
            for group, scaler in self._scalers.items()
            if group_weights[group] > 0 and hasattr(scaler, "scale_")
        }
        if not scalers:
            return np.zeros(self._n_features), np.ones(self._n_features)
        weights = np.stack(
            [
                group_weights[group] * np.broadcast_to(scaler.n_samples_seen_, len(scaler.mean_))
                for group, scaler in scalers.items()
            ]
        )
        means, variances = (
            np.nan_to_num(np.stack([getattr(scaler, name) for scaler in scalers.values()]))
            for name in ("mean_", "var_")
        )
        total = np.maximum(weights.sum(axis=0), np.finfo(np.float64).tiny)
        mean = np.sum(weights * means, axis=0) / total
        variance = np.sum(weights * (variances + (means - mean) ** 2), axis=0) / total
        # StandardScaler's bound for the rounding error in the variance of a constant.
        rounding = self._n_values * np.finfo(np.float64).eps
        constant = variance <= rounding * variance + (rounding * mean) ** 2
        return mean, np.where(constant, 1.0, variance)


def _scaler() -> StandardScaler:
    # Learns mean and variance nevertheless, of dense and sparse rows.
    return StandardScaler(with_mean=False, copy=False)


def _update_moments(
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
            selected = part if rows is None else rows[part]
            values, weights = _flatten(
                X[selected],
                None if sample_weight is None else sample_weight[part],
                None if mask is None else mask[selected],
            )
            if values.shape[0]:
                _partial_fit(scaler, values, weights)


def _partial_fit(scaler: StandardScaler, values: Any, weights: np.ndarray | None) -> None:
    """Update a scaler, which keeps the moments of columns that have no value in these rows.

    scikit-learn's own update makes them NaN.
    """
    n_features = values.shape[1]
    empty = {"mean_": 0.0, "var_": 0.0, "scale_": 1.0, "n_samples_seen_": 0}
    before = {
        name: np.array(np.broadcast_to(getattr(scaler, name, initial), n_features))
        for name, initial in empty.items()
    }
    scaler.partial_fit(values, sample_weight=weights)
    lost = np.isnan(scaler.mean_) | np.isnan(scaler.var_)
    if lost.any():
        for name, old in before.items():
            new = np.broadcast_to(getattr(scaler, name), n_features)
            setattr(scaler, name, np.where(lost, old, new))


def _moments(scaler: StandardScaler, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    if not hasattr(scaler, "scale_"):  # all steps are padding
        return np.zeros(n_features), np.ones(n_features)
    variance = np.where(scaler.scale_ == 1.0, 1.0, scaler.var_)
    mean = np.nan_to_num(np.asarray(scaler.mean_, dtype=np.float64))
    return mean, np.nan_to_num(variance.astype(np.float64), nan=1.0)


def _flatten(
    X: Any, weights: np.ndarray | None, mask: np.ndarray | None
) -> tuple[Any, np.ndarray | None]:
    """Flatten a chunk to (n, n_features) in float64, without padding and rows of weight zero."""
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
