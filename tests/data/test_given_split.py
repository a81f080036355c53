"""Splits that the user gives: what counts as one, and which rows it may hold."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)

from keras_multiclass._data.splitting.given import (
    check_groups,
    hint,
    is_given_split,
    split_rows,
    uses_groups,
)
from keras_multiclass.evaluation import MultilabelStratifiedKFold

X = np.arange(12).reshape(-1, 1)
Y = np.tile(["a", "b"], 6)
GROUPS = np.repeat([3, 1, 2, 0], 3)
FOLDS = np.repeat([-1, 0, 1], 4)


class OwnSplitter:
    def __init__(self, *splits):
        self.splits = splits

    def split(self, X, y):
        yield from self.splits


@pytest.mark.parametrize(
    "splitter",
    [
        GroupShuffleSplit(3, random_state=0),
        GroupKFold(2),
        LeaveOneGroupOut(),
        StratifiedGroupKFold(2),
        StratifiedKFold(3),
        KFold(3, shuffle=True, random_state=1),
        ShuffleSplit(2, random_state=0),
        TimeSeriesSplit(3, gap=1),
        PredefinedSplit(FOLDS),
        OwnSplitter(([0, 1], [2]), ([5, 3], [2, 7])),
    ],
    ids=lambda splitter: type(splitter).__name__,
)
def test_the_last_split_of_a_splitter_is_used(splitter):
    groups = GROUPS if uses_groups(splitter) else None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train, validation = split_rows(splitter, X, Y, groups)
    arguments = (X, Y) if isinstance(splitter, OwnSplitter) else (X, Y, groups)
    *_, (expected_train, expected_validation) = splitter.split(*arguments)
    np.testing.assert_array_equal(np.flatnonzero(train), np.sort(expected_train))
    np.testing.assert_array_equal(np.flatnonzero(validation), np.sort(expected_validation))


def test_scikit_learns_splitters_say_whether_they_use_groups():
    class TakesGroups:
        def split(self, X, y=None, groups=None):
            raise NotImplementedError

    class WithoutGroups(KFold):
        def split(self, X, y=None):
            return super().split(X, y)

    assert uses_groups(WithoutGroups()) is False
    for splitter in (
        GroupShuffleSplit(1),
        GroupKFold(),
        LeaveOneGroupOut(),
        StratifiedGroupKFold(),
    ):
        assert uses_groups(splitter) is True
    for other in (None, 0.1, [(X, X)], KFold(), TimeSeriesSplit(), PredefinedSplit(FOLDS)):
        assert uses_groups(other) is False
    assert uses_groups(MultilabelStratifiedKFold()) is False
    assert uses_groups(OwnSplitter()) is False
    assert uses_groups(TakesGroups()) is None


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (KFold, "Pass an instance: KFold()."),
        (KFold(3).split(X), "[list(splits)[-1]]"),
        (list(KFold(3).split(X)), "Choose one of the splits: [splits[-1]]."),
        (next(KFold(3).split(X)), "[(train, validation)]"),
        ("0.1", ""),
        ([], ""),
        (5, ""),
    ],
)
def test_what_is_not_one_split_is_recognized(value, meant):
    assert not is_given_split(value)
    assert meant in hint(value)
    assert bool(meant) == bool(hint(value))


def test_masks_and_row_numbers_of_any_kind_are_the_same_rows():
    train, validation = np.arange(12) % 3 == 0, np.arange(12) % 3 == 1
    for pair in (
        (train, validation),
        (train.tolist(), validation.tolist()),
        (np.flatnonzero(train)[::-1], pd.Series(np.flatnonzero(validation), index=list("wxyz"))),
        (range(0, 12, 3), [1, 4, 7, 10]),
    ):
        np.testing.assert_array_equal(split_rows([pair], X, Y, None), [train, validation])


@pytest.mark.parametrize(
    ("train", "validation", "message"),
    [
        ([0, 1], [1, 2], "different from those that are trained on; got 1 rows in both"),
        ([0, 12], [1], "training rows .* must be numbers from 0 to 11; got 0 to 12.*splitter"),
        ([0, 1], [-1], "validation rows .* from 0 to 11; got -1 to -1"),
        ([0, 0, 1], [2], "training rows .* different from each other; got 1 repetitions"),
        ([0, 1], [2.0, 3.0], "validation rows .* 1-d row numbers, or a mask of 12 .*float64"),
        ([True] * 11, [False] * 11, "training rows .* or a mask of 12 booleans; got .*11.*bool"),
        (["a", "b"], [1], "training rows .* 1-d row numbers"),
        (0, [1], "training rows .* 1-d row numbers"),
    ],
)
def test_rows_that_cannot_be_selected_are_an_error(train, validation, message):
    with pytest.raises(ValueError, match=message):
        split_rows([(train, validation)], X, Y, None)
    with pytest.raises(ValueError, match=message.partition(".*splitter")[0]):
        split_rows(OwnSplitter((train, validation)), X, Y, None)


@pytest.mark.parametrize(
    ("splitter", "message"),
    [
        (TimeSeriesSplit(20), "TimeSeriesSplit, cannot split the 12 rows: .*folds=21"),
        (OwnSplitter(), "`split` of OwnSplitter yields must be pairs .*; got no split"),
        (OwnSplitter(np.arange(12)), "OwnSplitter yields must be pairs .*; got ndarray of shape"),
    ],
    ids=["too few rows", "no split", "no pair"],
)
def test_errors_of_a_splitter_name_it(splitter, message):
    with pytest.raises(ValueError, match=message):
        split_rows(splitter, X, Y, None)


@pytest.mark.parametrize(
    "groups",
    [
        ["p1", "p2", "p1"],
        [1, 2, 1],
        np.array(["p1", "p2", "p1"], dtype=object),
        pd.Series(["p1", "p2", "p1"], index=[7, 7, 1]),
        pd.Series(["p1", "p2", "p1"], dtype="category"),
        pd.Series([1, 2, 1], dtype="Int64"),
        pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-01"])),
        pl.Series(["p1", "p2", "p1"]),
    ],
    ids=str,
)
def test_groups_of_any_kind_keep_rows_together(groups):
    checked = check_groups(groups, 3)
    train, validation = split_rows(LeaveOneGroupOut(), X[:3], Y[:3], checked)
    assert train.tolist() == [True, False, True]
    assert validation.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([1, 2], "1-d with one group for each of the 3 rows of X; got list of length 2"),
        (np.ones((3, 1)), "1-d with one group .*shape \\(3, 1\\)"),
        ("abc", "1-d with one group .*'abc'"),
        (np.array([1, np.nan, 2]), "known for each row; got 1 of 3 rows without a group"),
        (["a", np.nan, None], "got 2 of 3 rows without a group"),
        (pd.Series(["a", None, "b"]), "got 1 of 3 rows without a group"),
        (pd.Series([1, None, 2], dtype="Int64"), "got 1 of 3 rows without a group"),
        (pl.Series([1, None, 2]), "got 1 of 3 rows without a group"),
        (np.ma.masked_equal([1, 2, 3], 2), "got 1 of 3 rows without a group"),
        (["a", 1, "b"], "of one type that can be sorted; got groups of type int, str"),
    ],
    ids=str,
)
def test_groups_that_cannot_be_used_are_an_error(groups, message):
    with pytest.raises(ValueError, match=f"`groups` must be .*{message}"):
        check_groups(groups, 3)
