"""The validation split: shuffled, stratified, and every class stays in training."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedShuffleSplit

from keras_multiclass._data.splitting.folds import validation_split


@given(
    st.lists(st.integers(0, 30), min_size=2, max_size=6),
    st.floats(0.01, 0.99),
    st.integers(0, 2**32 - 1),
)
def test_every_row_is_used_once_and_every_class_stays_in_training(counts, fraction, seed):
    codes = np.repeat(np.arange(len(counts)), counts)
    present = np.flatnonzero(counts)
    n_val = math.ceil(fraction * len(codes))
    assume(len(present) > 0 and n_val <= len(codes) - len(present))
    train, val = validation_split(codes, fraction, seed)
    assert len(val) == n_val
    assert sorted([*train, *val]) == list(range(len(codes)))
    assert np.all(np.diff(train) > 0)
    np.testing.assert_array_equal(np.unique(codes[train]), present)


def test_the_split_equals_scikit_learns_where_possible():
    codes = np.repeat([0, 1, 2], [20, 30, 50])
    splitter = StratifiedShuffleSplit(n_splits=1, test_size=0.2, random_state=5)
    expected_train, expected_val = next(splitter.split(codes, codes))
    train, val = validation_split(codes, 0.2, 5)
    np.testing.assert_array_equal(train, np.sort(expected_train))
    np.testing.assert_array_equal(val, np.sort(expected_val))
    assert np.bincount(codes[val]).tolist() == [4, 6, 10]


def test_a_class_with_one_row_stays_in_training_and_the_others_are_stratified():
    codes = np.repeat([0, 1, 2], [60, 40, 1])
    train, val = validation_split(codes, 0.1, 0)
    assert 100 in train
    np.testing.assert_allclose(np.bincount(codes[val], minlength=3), [6.5, 4.5, 0], atol=0.6)


def test_there_may_be_fewer_validation_rows_than_classes():
    codes = np.repeat(np.arange(10), 3)
    train, val = validation_split(codes, 0.1, 0)
    assert len(val) == 3
    assert len(np.unique(codes[train])) == 10


def test_rounding_never_removes_a_rare_class_from_training():
    codes = np.repeat([0, 1], [98, 2])
    for seed in range(5):
        train, _ = validation_split(codes, 0.8, seed)
        assert 1 in codes[train]


def test_the_seed_determines_the_split():
    codes = np.repeat([0, 1, 2], [20, 20, 1])
    first, again, other = (validation_split(codes, 0.3, seed)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("bad", [0, 1, -0.1, 1.5, True, "0.1", None, float("nan")])
def test_a_fraction_out_of_range_is_rejected(bad):
    with pytest.raises(ValueError, match="validation_split must be a number above 0 and below 1"):
        validation_split(np.array([0, 1] * 10), bad, 0)


def test_too_few_rows_are_rejected():
    with pytest.raises(ValueError, match=r"validation_split must be small enough .* 1 of 2 rows"):
        validation_split(np.array([0, 1]), 0.1, 0)
    with pytest.raises(ValueError, match="validation_split"):
        validation_split(np.repeat([0, 1, 2], 3), 0.9, 0)
