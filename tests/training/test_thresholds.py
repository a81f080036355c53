"""Thresholds with the highest expected F1, from recalibrated probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from keras_multiclass._training.thresholds import (
    _best_expected_f1,
    _best_f1,
    _best_of,
    _recalibrated,
)

N = 2000
EVEN = (np.arange(N) + 0.5) / N


def present_as_often_as(probability):
    """Return labels that are present as often as their probabilities say, at every level."""
    return np.diff(np.floor(np.cumsum(probability) + 0.5), prepend=0)


def test_the_expected_f1_is_that_of_the_probabilities():
    p, weights = np.array([0.2, 0.9, 0.6]), np.ones(3)
    # F1 of one, two and three predicted rows: 1.8 / 2.7, 3 / 3.7 and 3.4 / 4.7.
    assert _best_f1(p, p, weights) == pytest.approx(0.4)
    # Three rows like the last: 1.2 * 3 + 1.8 = 5.4 of 2.9 + 4, then 5.8 of 2.9 + 5.
    assert _best_f1(p, p, np.array([1.0, 1.0, 3.0])) == pytest.approx(0.4)
    # Observed labels instead: 2 / 3, 2 / 4 and 4 / 5.
    assert _best_f1(p, np.array([1.0, 1.0, 0.0]), weights) == pytest.approx(0.1)


def test_the_threshold_of_right_probabilities_is_half_of_their_f1():
    # F1 of even probabilities above t is (1 - t^2) / (3/2 - t), whose maximum 2t is at this t.
    present = present_as_often_as(EVEN)
    threshold = _best_expected_f1(EVEN, present, np.ones(N))
    assert threshold == pytest.approx((3 - 5**0.5) / 2, abs=0.01)


@pytest.mark.parametrize(("slope", "offset"), [(1.0, -1.0), (0.5, 0.0), (2.0, 1.0)])
def test_wrong_probabilities_are_corrected_by_many_rows_and_not_by_few(slope, offset):
    right = expit(slope * logit(EVEN) + offset)
    present = present_as_often_as(right)
    np.testing.assert_allclose(_recalibrated(EVEN, present, np.ones(N)), right, atol=0.03)
    few = slice(None, None, N // 5)
    changed = _recalibrated(EVEN[few], present[few], np.ones(5))
    assert np.abs(changed - EVEN[few]).max() < np.abs(right - EVEN).max()
    # The best threshold is the probability that corresponds to half of the F1.
    threshold = _best_expected_f1(EVEN, present, np.ones(N))
    expected = _best_f1(right, right, np.ones(N))
    assert expit(slope * logit(threshold) + offset) == pytest.approx(expected, abs=0.02)


def test_only_ratios_of_weights_count_and_certain_probabilities_are_allowed():
    p, present = np.array([0.0, 0.3, 0.8, 1.0]), np.array([0, 1, 0, 1])
    weights = np.array([1.0, 2.0, 1.0, 3.0])
    recalibrated = _recalibrated(p, present, weights)
    assert np.isfinite(recalibrated).all()
    np.testing.assert_allclose(_recalibrated(p, present, 1000 * weights), recalibrated, rtol=1e-4)
    zero = np.append(weights, 0.0)
    more = _recalibrated(np.append(p, 0.9), np.append(present, 0), zero)
    np.testing.assert_allclose(more[:-1], recalibrated, rtol=1e-4)


@pytest.mark.parametrize(("of_none", "threshold"), [(np.nan, 0.5), (1.0, 0.7)])
def test_undefined_scores_are_never_the_best(of_none, threshold):
    def score(present, predicted, weights):
        return of_none if predicted.sum() == 1 else np.nan

    p, present = np.array([0.2, 0.6, 0.8]), np.array([0, 1, 1])
    assert _best_of(score)(p, present, np.ones(3)) == pytest.approx(threshold)
