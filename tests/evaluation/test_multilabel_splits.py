"""Stratified folds of rows that may have several labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, cross_validate

from keras_multiclass._data.splitting.iterative import assign_parts
from keras_multiclass.evaluation import MultilabelStratifiedKFold, cross_validated_report

RNG = np.random.default_rng(0)
SHARES = np.array([0.5, 0.3, 0.2, 0.05, 0.02])
Y = (RNG.random((400, 5)) < SHARES).astype(int)


def folds_of(y, **params):
    splitter = MultilabelStratifiedKFold(**params)
    folds = np.full(len(y), -1)
    for fold, (train, test) in enumerate(splitter.split(np.zeros((len(y), 1)), y)):
        assert (folds[test] == -1).all()
        folds[test] = fold
        np.testing.assert_array_equal(np.sort(np.r_[train, test]), np.arange(len(y)))
    assert (folds >= 0).all()
    return folds


def counts(y, folds):
    return np.array([y[folds == fold].sum(axis=0) for fold in range(folds.max() + 1)])


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("shuffle", [False, True])
def test_every_fold_has_its_share_of_every_label(order, shuffle):
    folds = folds_of(Y, n_splits=4, order=order, shuffle=shuffle)
    of_fold = counts(Y, folds)
    assert (np.ptp(of_fold, axis=0) <= (1 if order == 1 else 6)).all()
    assert (of_fold >= 1).all()
    assert np.ptp(np.bincount(folds)) <= 8


def test_pairs_of_labels_are_balanced_by_order_two():
    base = RNG.random((600, 1))
    y = (RNG.random((600, 6)) * 0.5 + base * 0.5 > 0.6).astype(int)
    pairs = np.array([y[:, i] * y[:, j] for i in range(6) for j in range(i)]).T
    spread = {
        order: np.ptp(counts(pairs, folds_of(y, n_splits=5, order=order)), axis=0).mean()
        for order in (1, 2)
    }
    assert spread[2] < 0.5 * spread[1]


@given(
    st.lists(st.integers(0, 3), min_size=6, max_size=60), st.integers(2, 5), st.integers(0, 1000)
)
def test_one_label_per_row_is_split_as_by_stratification(labels, n_splits, seed):
    """With exclusive labels, counts of a label in any two folds differ by at most one."""
    y = np.eye(4, dtype=int)[labels]
    shares = [1 / n_splits] * n_splits
    parts = assign_parts(sparse.csr_array(y), shares, order=1, seed=seed)
    of_part = np.array([y[parts == part].sum(axis=0) for part in range(n_splits)])
    assert (np.ptp(of_part, axis=0) <= 1).all()


def test_unequal_shares_and_rows_without_labels():
    y = np.zeros((100, 2), int)
    y[:20, 0] = 1
    parts = assign_parts(sparse.csr_array(y), [0.75, 0.25], order=1, seed=0)
    assert np.bincount(parts).tolist() == [75, 25]
    assert y[parts == 1].sum(axis=0).tolist() == [5, 0]


def test_the_seed_determines_shuffled_folds():
    first, same, other = (
        folds_of(Y, n_splits=3, shuffle=True, random_state=seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()
    np.testing.assert_array_equal(folds_of(Y), folds_of(sparse.csr_matrix(Y).toarray()))


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csr_array, pd.DataFrame])
def test_targets_of_any_form_are_split_alike(form):
    splitter = MultilabelStratifiedKFold(n_splits=3)
    for (_, test), (_, expected) in zip(
        splitter.split(Y, form(Y)), splitter.split(Y, Y), strict=True
    ):
        np.testing.assert_array_equal(test, expected)


def test_it_works_in_scikit_learns_tools():
    forest = RandomForestClassifier(n_estimators=3, random_state=0)
    splitter = MultilabelStratifiedKFold(n_splits=3)
    X = RNG.normal(size=(400, 2)) + Y[:, :2]
    assert len(cross_validate(forest, X, Y, cv=splitter, scoring="f1_micro")["test_score"]) == 3
    search = GridSearchCV(forest, {"max_depth": [1, 3]}, cv=splitter, scoring="f1_micro")
    assert search.fit(X, Y).n_splits_ == 3


@pytest.mark.parametrize(
    ("params", "y", "message"),
    [
        ({"n_splits": 1}, Y, "n_splits must be an integer of at least 2; got 1"),
        ({"n_splits": 500}, Y, "n_splits must be at most the number of rows, 400"),
        ({"order": 3}, Y, "order must be 1 or 2; got 3"),
        ({"shuffle": "yes"}, Y, "shuffle must be True or False"),
        ({"random_state": 0}, Y, "Set shuffle=True"),
        ({}, Y.argmax(axis=1), "zeros and ones.*1-d labels"),
        ({}, [[1, 2], [0, 1]] * 10, "zeros and ones.*other values"),
    ],
)
def test_invalid_parameters_and_targets_are_an_error(params, y, message):
    with pytest.raises(ValueError, match=message):
        next(MultilabelStratifiedKFold(**params).split(np.zeros((len(y), 1)), y))


def test_labels_rarer_than_folds_are_a_warning():
    y = np.zeros((30, 2), int)
    y[:20, 0] = y[:2, 1] = 1
    with pytest.warns(
        UserWarning, match="no row of 1 of the 2 labels, which fewer than n_splits=5"
    ):
        folds_of(y)


def test_groups_are_ignored_with_scikit_learns_warning():
    y, groups = np.eye(2, dtype=int)[np.arange(12) % 2], np.arange(12) // 3
    message = "The groups parameter is ignored by MultilabelStratifiedKFold"
    with pytest.warns(UserWarning, match=message):
        grouped = list(MultilabelStratifiedKFold(2).split(y, y, groups))
    for fold, expected in zip(grouped, MultilabelStratifiedKFold(2).split(y, y), strict=True):
        np.testing.assert_array_equal(fold[1], expected[1])
    forest = RandomForestClassifier(2, random_state=0)
    with pytest.warns(UserWarning, match=message):
        cross_validated_report(forest, Y[:60], Y[:60, :2], cv=2, groups=np.arange(60))
