"""The order of the rows in an epoch: shuffled, with batches of similar lengths where it pays."""

from __future__ import annotations

import numpy as np
import pytest

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._shared.seeding import permutation
from keras_multiclass._training.engine import TrainingPlan
from keras_multiclass._training.engine.row_order import shuffled

rng = np.random.default_rng(0)
PLAN = TrainingPlan(3, 0, 8, True, seed=5)
SKEWED = np.where(rng.random(203) < 0.1, 500, rng.integers(5, 9, 203))


def steps_of(order, lengths):
    """Return the steps of all batches, padding included."""
    return sum(int(lengths[rows].max()) for rows in np.split(order, range(8, len(order), 8)))


def test_batches_have_rows_of_similar_length_in_random_order():
    orders = [shuffled(203, PLAN, epoch, SKEWED) for epoch in range(40)]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(203))
    as_shuffled = permutation(203, 5, 0)
    assert steps_of(orders[0], SKEWED) < 0.5 * steps_of(as_shuffled, SKEWED)
    # The short batch has any rows, and a row is in the first batch as often as elsewhere.
    np.testing.assert_array_equal(orders[0][200:], as_shuffled[200:])
    is_first = np.mean([SKEWED[order[:8]].max() == 500 for order in orders])
    is_last = np.mean([SKEWED[order[192:200]].max() == 500 for order in orders])
    assert abs(is_first - is_last) < 0.25


@pytest.mark.parametrize("lengths", [None, rng.integers(90, 110, 203), SKEWED[:9]])
def test_rows_are_only_shuffled_where_it_does_not_pay(lengths):
    n = 203 if lengths is None else len(lengths)
    np.testing.assert_array_equal(shuffled(n, PLAN, 1, lengths), permutation(n, 5, 1))


def test_both_engines_visit_the_rows_in_the_same_order():
    X = [rng.normal(size=(n, 1)) + i % 2 for i, n in enumerate(np.minimum(SKEWED[:60], 40))]
    X_val = X[::3]
    fits = [
        KerasMulticlassClassifier(
            "conv1d",
            backbone__filters=2,
            backbone__num_layers=1,
            batch_size=6,
            epochs=2,
            random_state=0,
            engine=engine,
        ).fit(X, np.arange(60) % 2, X_val=X_val, y_val=np.arange(0, 60, 3) % 2)
        for engine in ("graph", "keras")
    ]
    for name, values in fits[0].history_.items():
        np.testing.assert_allclose(values, fits[1].history_[name], rtol=1e-4, err_msg=name)
