"""Validation rows that a splitter holds out: whole groups, the last weeks, or given rows."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    ShuffleSplit,
    TimeSeriesSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from _toy import tiny
from keras_multiclass import KerasMultilabelClassifier
from keras_multiclass.evaluation import MultilabelStratifiedKFold

X, y = load_iris(return_X_y=True)
SHUFFLED = np.random.default_rng(0).permutation(len(X))
X, y = X[SHUFFLED], y[SHUFFLED]
PATIENTS = np.array([f"p{i:02}" for i in np.random.default_rng(1).integers(0, 20, len(X))])
WEIGHTS = np.where(np.arange(150) % 5 == 0, 0.0, 1 + np.arange(150) % 3)
BY_PATIENT = GroupShuffleSplit(1, test_size=0.3, random_state=3)


def make(**params):
    return tiny(**{"epochs": 2, **params})


def fit_on(train, validation, X=X, y=y, weights=None, **params):
    """Fit on training rows, with the validation rows as validation data."""
    parts = [None if weights is None else weights[rows] for rows in (train, validation)]
    X_val = (X[validation], y[validation], *([] if weights is None else [parts[1]]))
    return make(**params).fit(X[train], y[train], parts[0], X_val=X_val)


def assert_same_history(fitted, expected):
    pd.testing.assert_frame_equal(*(pd.DataFrame(each.history_) for each in (fitted, expected)))


def assert_same(fitted, expected):
    assert_same_history(fitted, expected)
    np.testing.assert_allclose(fitted.predict_proba(X), expected.predict_proba(X), rtol=1e-5)


def patients_of(train, validation):
    return set(PATIENTS[train]), set(PATIENTS[validation])


@pytest.mark.parametrize(
    ("weights", "params"),
    [
        (None, {"early_stopping": 1, "epochs": 4}),
        (WEIGHTS, {"class_weight": "balanced"}),
        (None, {"class_weight": "balanced", "engine": "keras"}),
        (None, {"calibration": "temperature", "scaling": "robust"}),
    ],
    ids=["early stopping", "weights", "Keras engine", "calibration"],
)
def test_a_fit_holds_out_whole_groups(weights, params):
    train, validation = next(BY_PATIENT.split(X, y, PATIENTS))
    training_patients, validation_patients = patients_of(train, validation)
    assert not training_patients & validation_patients
    expected = fit_on(np.sort(train), np.sort(validation), weights=weights, **params)
    fitted = make(validation_split=BY_PATIENT, **params).fit(X, y, weights, groups=PATIENTS)
    assert_same(fitted, expected)
    assert fitted.resolved_params_["validation_split"] is BY_PATIENT


def test_a_fit_holds_out_the_last_weeks_and_leaves_out_a_gap():
    splitter = TimeSeriesSplit(5, test_size=20, gap=10)
    fitted = make(validation_split=splitter).fit(X, y)
    assert_same(fitted, fit_on(np.arange(120), np.arange(130, 150)))


def test_a_fit_holds_out_given_rows():
    rows = np.arange(150)
    for pair in ((rows[rows % 3 > 0], rows[rows % 3 == 0]), (rows % 3 > 0, rows % 3 == 0)):
        fitted = make(validation_split=[pair]).fit(X, y, WEIGHTS)
        assert_same(fitted, fit_on(rows % 3 > 0, rows % 3 == 0, weights=WEIGHTS))


@pytest.mark.parametrize(
    ("features", "labels", "groups"),
    [
        (pd.DataFrame(X), pd.Series(y, index=SHUFFLED), pd.Series(PATIENTS, index=SHUFFLED[::-1])),
        (pl.DataFrame(X), pl.Series(y), pl.Series(PATIENTS)),
        (X.tolist(), np.eye(3, dtype=int)[y], PATIENTS.tolist()),
    ],
    ids=["pandas", "polars", "lists"],
)
def test_the_containers_of_rows_and_groups_do_not_matter(features, labels, groups):
    params = {"validation_split": BY_PATIENT, "epochs": 1}
    expected = make(**params).fit(X, y, groups=PATIENTS)
    assert_same_history(make(**params).fit(features, labels, groups=groups), expected)


def test_a_splitter_gets_the_rows_and_labels_of_the_user():
    received = []

    class Recording:
        def split(self, X, y, groups):
            received.append((X, y, groups))
            return [(np.arange(100), np.arange(100, 150))]

    names, frame = np.array(["ash", "fir", "oak"])[y], pd.DataFrame(X)
    make(validation_split=Recording(), epochs=1).fit(frame, names, groups=PATIENTS)
    make(validation_split=Recording(), epochs=1).fit(frame, np.eye(3)[y])
    assert received[0][0] is received[1][0] is frame
    assert received[0][1].tolist() == names.tolist()
    assert received[0][2].tolist() == PATIENTS.tolist()
    assert received[1][1].tolist() == y.tolist()
    assert received[1][2] is None


def test_a_fit_with_soft_labels_holds_out_whole_groups():
    soft = np.full((150, 3), 0.1)
    soft[np.arange(150), y] = 0.8
    train, validation = (np.sort(rows) for rows in next(BY_PATIENT.split(X, y, PATIENTS)))
    fitted = make(validation_split=BY_PATIENT).fit(X, soft, groups=PATIENTS)
    assert_same(fitted, fit_on(train, validation, y=soft))
    hard = np.eye(3)[y]
    hard[0] = [0.5, 0.5, 0]
    with pytest.raises(ValueError, match="leaves each class a row for training; got none for 2"):
        make(validation_split=[(y < 2, y == 2)]).fit(X, hard)


def test_a_splitter_without_a_seed_uses_that_of_the_classifier():
    params = {"validation_split": ShuffleSplit(1), "epochs": 1}
    first = make(**params).fit(X, y)
    assert clone(first).fit(X, y).history_ == first.history_
    assert pickle.loads(pickle.dumps(first)).fit(X, y).history_ == first.history_
    other = make(**params, random_state=1, backbone__kernel_initializer="zeros").fit(X, y)
    same = make(**params, backbone__kernel_initializer="zeros").fit(X, y)
    assert other.history_["val_loss"] != same.history_["val_loss"]


def test_a_continued_fit_holds_out_the_same_rows():
    held_out = []

    class Watching(ShuffleSplit):
        def split(self, *data):
            splits = list(super().split(*data))
            held_out.append(splits[0][1].tolist())
            return splits

    make(validation_split=Watching(1), epochs=1, warm_start=True).fit(X, y).fit(X, y)
    assert held_out[0] == held_out[1]


def test_a_search_with_metadata_routing_keeps_groups_together_within_and_between_folds():
    seen = []

    class Recording(type(make())):
        def fit(self, X, y=None, *args, groups=None, **arguments):
            seen.append(set(groups))
            return super().fit(X, y, *args, groups=groups, **arguments)

    with sklearn.config_context(enable_metadata_routing=True):
        classifier = Recording(**make(epochs=1).get_params()).set_fit_request(groups=True)
        grid = {"validation_split": [BY_PATIENT, GroupShuffleSplit(1, test_size=0.5)]}
        search = GridSearchCV(classifier, grid, cv=GroupKFold(2), error_score="raise")
        search.fit(X, y, groups=PATIENTS)
    folds = [set(PATIENTS[train]) for train, _ in GroupKFold(2).split(X, y, PATIENTS)]
    assert seen[:4] == [*folds, *folds]
    assert seen[4] == set(PATIENTS)


def test_a_pipeline_passes_groups_on():
    train, validation = (np.sort(rows) for rows in next(BY_PATIENT.split(X, y, PATIENTS)))
    scaled = StandardScaler().fit_transform(X)
    expected = fit_on(train, validation, scaled)
    by_name = make_pipeline(StandardScaler(), make(validation_split=BY_PATIENT))
    by_name.fit(X, y, kerasmulticlassclassifier__groups=PATIENTS)
    assert_same_history(by_name[-1], expected)
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = make(validation_split=BY_PATIENT).set_fit_request(groups=True)
        routed = make_pipeline(StandardScaler(), classifier).fit(X, y, groups=PATIENTS)
        assert routed[-1].history_ == by_name[-1].history_
        cross_validate(
            routed, X, y, cv=GroupKFold(2), params={"groups": PATIENTS}, error_score="raise"
        )


@pytest.mark.parametrize(
    "wrap",
    [
        lambda classifier: CalibratedClassifierCV(classifier, cv=2),
        lambda classifier: BaggingClassifier(classifier, n_estimators=1),
    ],
    ids=["CalibratedClassifierCV", "BaggingClassifier"],
)
def test_meta_estimators_pass_groups_on_or_say_that_they_are_missing(wrap):
    with pytest.raises(ValueError, match="`groups` must be passed to fit if `validation_split`.*"):
        wrap(make(epochs=1, validation_split=BY_PATIENT)).fit(X, y)
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = make(epochs=1, validation_split=BY_PATIENT).set_fit_request(groups=True)
        if "Bagging" in type(wrap(classifier)).__name__:
            classifier.set_fit_request(groups=True, sample_weight=True)
        wrap(classifier).fit(X, y, groups=PATIENTS)


@pytest.mark.parametrize(
    "splitter", [MultilabelStratifiedKFold(4), BY_PATIENT, [(range(99), [99])]]
)
def test_a_fit_with_several_labels_holds_out_the_rows_of_a_splitter(splitter):
    labels = pd.DataFrame({"short": X[:, 0] < 5.8, "wide": X[:, 1] > 3})
    params = {"backbone": "mlp", "backbone__hidden_units": (4,), "epochs": 1, "random_state": 0}
    groups = PATIENTS if splitter is BY_PATIENT else None
    fitted = KerasMultilabelClassifier(**params, validation_split=splitter, threshold="auto")
    fitted.fit(X, labels, groups=groups)
    splits = splitter if isinstance(splitter, list) else splitter.split(X, labels, groups)
    train, validation = (np.sort(rows) for rows in list(splits)[-1])
    expected = KerasMultilabelClassifier(**params, threshold="auto").fit(
        X[train], labels.iloc[train], X_val=X[validation], y_val=labels.iloc[validation]
    )
    assert_same_history(fitted, expected)
    assert fitted.thresholds_ == pytest.approx(expected.thresholds_)


def stream():
    yield X, y


@pytest.mark.parametrize("final", ["network", "search"])
def test_a_stacking_classifier_passes_groups_to_classifiers_that_use_them(final):
    seen = []

    class Recording(type(make())):
        def fit(self, X, y=None, *args, groups=None, **arguments):
            seen.append(set(groups))
            return super().fit(X, y, *args, groups=groups, **arguments)

    folds = GroupKFold(2)
    params = make(epochs=1, validation_split=BY_PATIENT).get_params()
    with sklearn.config_context(enable_metadata_routing=True):
        network = Recording(**params).set_fit_request(groups=True)
        search = GridSearchCV(LogisticRegression(), {"C": [1.0, 10.0]}, cv=folds)
        stacking = StackingClassifier(
            [("network", network), ("linear", LogisticRegression(max_iter=500))],
            final_estimator=clone(network) if final == "network" else search,
            cv=list(folds.split(X, y, PATIENTS)),
        )
        stacking.fit(X, y, groups=PATIENTS)
    everyone, first, second = seen[:3]
    assert everyone == set(PATIENTS)
    assert not first & second
    assert len(seen) == (4 if final == "network" else 3)


def test_unused_groups_of_a_meta_estimator_are_an_error_that_says_who_passes_them_on():
    with sklearn.config_context(enable_metadata_routing=True):
        network = make(epochs=1, validation_split=BY_PATIENT).set_fit_request(groups=True)
        final = make(epochs=1).set_fit_request(groups=False)
        stacking = StackingClassifier([("network", network)], final_estimator=final, cv=2)
        message = (
            r"validation_split=GroupShuffleSplit.* call set_fit_request\(groups=False\); Stack"
        )
        with pytest.raises(ValueError, match=message):
            stacking.fit(X, y, groups=PATIENTS)
        final.set_params(validation_split=GroupShuffleSplit(n_splits=1))
        stacking.fit(X, y, groups=PATIENTS)
        search = GridSearchCV(
            make(epochs=1).set_fit_request(groups=True),
            {"epochs": [1]},
            cv=GroupKFold(2),
            error_score="raise",
        )
        with pytest.raises(ValueError, match=message):
            search.fit(X, y, groups=PATIENTS)
        search.estimator.set_fit_request(groups=False)
        search.fit(X, y, groups=PATIENTS)
    with pytest.raises(ValueError, match=r"GroupShuffleSplit\(n_splits=1\)\.$"):
        make().fit(X, y, groups=PATIENTS)


FIT = {"X": X, "y": y}
VALIDATION = {"X_val": (X, y)}


@pytest.mark.parametrize(
    ("split", "data", "message"),
    [
        (BY_PATIENT, FIT, r"`groups` must be passed to fit if .* is a GroupShuffleSplit; got None"),
        (BY_PATIENT, {**FIT, **VALIDATION}, "must be None if validation data are passed"),
        ([(X, X)], {**FIT, **VALIDATION}, "must be None if .*; got list of length 1"),
        (BY_PATIENT, {"X": stream}, "passed to fit"),
        (KFold(2), {"X": stream}, "a fraction when X is a stream.* Set it to None and pass X_val"),
        (KFold(2), {"X": stream, "X_val": stream}, "None if validation data are passed"),
        (None, {"X": stream, "groups": PATIENTS}, "`groups` must be None .* Leave them out"),
        (None, {**FIT, "groups": PATIENTS}, "set validation_split=GroupShuffleSplit"),
        (0.2, {**FIT, "groups": PATIENTS}, r"got ndarray of shape \(150,\) .*validation_split=0.2"),
        (KFold(2), {**FIT, "groups": PATIENTS}, "validation_split=an instance of KFold"),
        ([([0], [1])], {**FIT, "groups": PATIENTS}, "validation_split=list of length 1"),
        (None, {**FIT, **VALIDATION, "groups": PATIENTS}, "Leave them out"),
        (BY_PATIENT, {**FIT, "groups": PATIENTS[:9]}, "one group for each of the 150 rows of X"),
        (KFold(151), FIT, "KFold, cannot split the 150 rows: Cannot have number of splits"),
        ([(range(150), [])], FIT, "rows to train and to validate on; got 150 training and 0"),
        ([([], range(150))], FIT, "got 0 training and 150 validation rows"),
        (
            [(range(1, 150), [0])],
            {**FIT, "sample_weight": WEIGHTS},
            "rows of positive weight .*; got 120 training and 0",
        ),
        (
            [(y > 0, y == 0)],
            FIT,
            "leaves each class a row for training; got none for 0",
        ),
        (KFold, FIT, "or a list of one pair .*; got the class KFold. Pass an instance"),
        (iter([1]), FIT, r"\[list\(splits\)\[-1\]\]"),
    ],
)
def test_splits_that_cannot_be_used_are_an_error(split, data, message):
    with pytest.raises(ValueError, match=message):
        make(validation_split=split).fit(**data)


def test_a_failed_split_leaves_a_fitted_classifier_as_it_was():
    fitted = make(epochs=1).fit(X, y)
    before = fitted.predict_proba(X)
    with pytest.raises(ValueError, match="`groups`"):
        fitted.set_params(validation_split=BY_PATIENT, warm_start=True).fit(X, y)
    np.testing.assert_array_equal(fitted.predict_proba(X), before)


def test_partial_fit_and_initialize_hold_out_no_rows():
    plain = make().partial_fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = make(validation_split=BY_PATIENT).initialize(X, y).partial_fit(X, y)
    assert_same_history(fitted, plain)
