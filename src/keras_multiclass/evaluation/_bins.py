"""Probabilities in bins, and whether they come true: for the report and for pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """What was predicted and what came true, in bins of the predicted probability.

    Attributes
    ----------
    name : object
        The label of the class, or None for the probabilities of the predicted labels.
    edges : ndarray of shape (n_bins + 1,)
        Edges of the bins; a bin has its right edge.
    predicted : ndarray of shape (n_bins,)
        Mean probability of the rows of each bin; NaN for an empty bin.
    observed : ndarray of shape (n_bins,)
        In which part of the rows it came true; NaN for an empty bin.
    weight : ndarray of shape (n_bins,)
        Number of rows, or the sum of their weights.
    """

    name: Any
    edges: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray
    weight: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: the mean distance of predicted and observed."""
        filled = self.weight > 0
        gaps = np.abs(self.predicted - self.observed)[filled]
        return float(np.average(gaps, weights=self.weight[filled]))


def equal_edges(n_bins: int) -> np.ndarray:
    """Give the edges of bins of equal width.

    Parameters
    ----------
    n_bins : int
        Number of bins.
    """
    return np.linspace(0, 1, int(n_bins) + 1)


def bin_rows(
    name: Any,
    probability: np.ndarray,
    came_true: np.ndarray,
    weight: np.ndarray,
    edges: np.ndarray,
) -> ReliabilityCurve:
    """Put rows into bins by probability.

    Parameters
    ----------
    name : object
        What the curve is called.
    probability : ndarray of shape (n_samples,)
        Probabilities of something.
    came_true : ndarray of bool of shape (n_samples,)
        Whether it came true.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    edges : ndarray of shape (n_bins + 1,)
        Edges of the bins; a bin has its right edge.
    """
    numbers = np.searchsorted(edges[1:-1], probability)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(numbers, values * weight, minlength=len(edges) - 1)

    weights = total(np.ones(len(weight)))
    filled = np.where(weights > 0, weights, np.nan)
    return ReliabilityCurve(
        name, edges, total(probability) / filled, total(came_true) / filled, weights
    )
