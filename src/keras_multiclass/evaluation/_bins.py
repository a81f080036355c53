"""Binned probabilities, for the calibration error and reliability diagrams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """Predicted probabilities and observed frequencies, in bins of the predicted probability.

    Attributes
    ----------
    name : object
        Label of the class, or None for the probabilities of the predicted labels.
    edges : ndarray of shape (n_bins + 1,)
        Edges of the bins; each bin includes its right edge.
    predicted : ndarray of shape (n_bins,)
        Mean probability of the rows in each bin; NaN for an empty bin.
    observed : ndarray of shape (n_bins,)
        Fraction of the rows in each bin that are positive; NaN for an empty bin.
    weight : ndarray of shape (n_bins,)
        Number of rows in each bin, or the sum of their weights.
    """

    name: Any
    edges: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray
    weight: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: the mean distance between predicted and observed."""
        filled = self.weight > 0
        gaps = np.abs(self.predicted - self.observed)[filled]
        return float(np.average(gaps, weights=self.weight[filled]))


def equal_edges(n_bins: int) -> np.ndarray:
    """Return the edges of bins of equal width.

    Parameters
    ----------
    n_bins : int
        Number of bins.
    """
    return np.linspace(0, 1, int(n_bins) + 1)


def reliability_curve(
    name: Any,
    probability: np.ndarray,
    is_positive: np.ndarray,
    weight: np.ndarray,
    edges: np.ndarray,
) -> ReliabilityCurve:
    """Bin rows by probability.

    Parameters
    ----------
    name : object
        Name of the curve.
    probability : ndarray of shape (n_samples,)
        Predicted probabilities.
    is_positive : ndarray of bool of shape (n_samples,)
        Whether the predicted event occurred.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    edges : ndarray of shape (n_bins + 1,)
        Edges of the bins; each bin includes its right edge.
    """
    bins = np.searchsorted(edges[1:-1], probability)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(bins, values * weight, minlength=len(edges) - 1)

    weights = total(np.ones(len(weight)))
    divisor = np.where(weights > 0, weights, np.nan)
    return ReliabilityCurve(
        name, edges, total(probability) / divisor, total(is_positive) / divisor, weights
    )
