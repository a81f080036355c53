"""`Predictions`: labels in any format and probabilities, from any classifier."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from keras_multiclass.evaluation._predictions import Predictions

X, CODES = load_iris(return_X_y=True)
NAMES = np.array(["ash", "fir", "oak"])
ONE_HOT = np.eye(3, dtype=int)[CODES]
PROBA = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.5, 0.4, 0.1]])


read = Predictions.from_predictions


# --- from an estimator --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(max_depth=2),
        LinearDiscriminantAnalysis(),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=["tree", "linear", "pipeline"],
)
@pytest.mark.parametrize("labels", [CODES, NAMES[CODES], CODES * 10 - 10], ids=["0", "abc", "-10"])
def test_predictions_of_a_classifier_with_probabilities(estimator, labels):
    estimator.fit(X, labels)
    result = Predictions.from_estimator(estimator, X, labels)
    np.testing.assert_array_equal(result.classes, np.unique(labels))
    np.testing.assert_array_equal(result.true, CODES)
    np.testing.assert_array_equal(result.classes[result.predicted], estimator.predict(X))
    np.testing.assert_array_equal(result.probabilities, estimator.predict_proba(X))
    assert result.sample_weight is None
    assert result.n_classes == 3


@pytest.mark.parametrize("estimator", [SVC(), RidgeClassifier()], ids=["SVC", "ridge"])
def test_predictions_of_a_classifier_without_probabilities(estimator):
    result = Predictions.from_estimator(estimator.fit(X, CODES), X, CODES)
    assert result.probabilities is None
    np.testing.assert_array_equal(result.predicted, estimator.predict(X))


FORMATS = {
    "list": (list(NAMES[CODES]), ["ash", "fir", "oak"]),
    "objects": (NAMES[CODES].astype(object), ["ash", "fir", "oak"]),
    "booleans": (CODES > 0, [False, True]),
    "whole floats": (CODES.astype(float), [0.0, 1.0, 2.0]),
    "pandas categories": (pd.Series(pd.Categorical(NAMES[CODES])), ["ash", "fir", "oak"]),
    "pandas strings": (pd.Series(NAMES[CODES], dtype="string"), ["ash", "fir", "oak"]),
    "polars": (pl.Series(NAMES[CODES]), ["ash", "fir", "oak"]),
    "one-hot": (ONE_HOT, [0, 1, 2]),
    "sparse one-hot": (sparse.csr_array(ONE_HOT), [0, 1, 2]),
    "pandas one-hot": (pd.DataFrame(ONE_HOT, columns=NAMES[::-1]), ["oak", "fir", "ash"]),
    "polars one-hot": (pl.DataFrame(ONE_HOT, schema=list(NAMES)), ["ash", "fir", "oak"]),
}


class Oracle(ClassifierMixin, BaseEstimator):
    """Predicts the labels it was fitted on, in their format, as our classifier does."""

    def __init__(self, classes, codes):
        self.classes, self.codes = classes, codes

    def fit(self, X, y):
        self.classes_, self.labels_ = np.array(self.classes), y
        return self

    def predict(self, X):
        return self.labels_

    def predict_proba(self, X):
        return np.eye(len(self.classes))[self.codes]


@pytest.mark.parametrize("name", FORMATS)
def test_labels_in_any_format(name):
    labels, classes = FORMATS[name]
    codes = CODES if len(classes) == 3 else (CODES > 0).astype(int)
    oracle = Oracle(classes, codes).fit(X, labels)
    for result in (Predictions.from_estimator(oracle, X, labels), read(labels, labels)):
        assert result.classes.tolist() == classes
        np.testing.assert_array_equal(result.true, codes)
        np.testing.assert_array_equal(result.predicted, codes)


def test_labels_may_be_one_hot_if_the_estimator_was_fitted_on_class_indices():
    tree = DecisionTreeClassifier(max_depth=1).fit(X, CODES)
    plain, one_hot = (Predictions.from_estimator(tree, X, y) for y in (CODES, ONE_HOT))
    np.testing.assert_array_equal(plain.true, one_hot.true)
    np.testing.assert_array_equal(plain.predicted, one_hot.predicted)


def test_without_probabilities_an_unknown_label_becomes_a_class():
    fitted = RidgeClassifier().fit(X, NAMES[CODES])
    labels = NAMES[CODES].tolist()
    labels[:2] = ["elm", "yew"]
    result = Predictions.from_estimator(fitted, X, labels)
    assert result.classes.tolist() == ["ash", "elm", "fir", "oak", "yew"]
    assert result.classes[result.true].tolist() == labels
    np.testing.assert_array_equal(result.classes[result.predicted], fitted.predict(X))


def test_with_probabilities_an_unknown_label_is_rejected():
    fitted = LogisticRegression(max_iter=500).fit(X, NAMES[CODES])
    with pytest.raises(ValueError, match="y must be labels among the 3 classes; got 1 unknown"):
        Predictions.from_estimator(fitted, X[:3], ["ash", "elm", "oak"])


@pytest.mark.parametrize(
    "estimator",
    [DecisionTreeRegressor().fit(X, CODES), KMeans(2, n_init=1).fit(X), DecisionTreeClassifier],
    ids=["regressor", "clusters", "class"],
)
def test_estimators_that_are_not_classifiers_are_rejected(estimator):
    with pytest.raises(TypeError, match="`estimator` must be a scikit-learn classifier"):
        Predictions.from_estimator(estimator, X, CODES)


@pytest.mark.parametrize("value", [None, "tree", 3, len])
def test_objects_that_are_not_estimators_are_rejected(value):
    with pytest.raises(TypeError, match="`estimator` must be a scikit-learn classifier"):
        Predictions.from_estimator(value, X, CODES)


def test_an_unfitted_classifier_is_rejected():
    with pytest.raises(NotFittedError):
        Predictions.from_estimator(make_pipeline(StandardScaler(), SVC()), X, CODES)


def test_a_classifier_of_several_targets_is_rejected():
    tree = DecisionTreeClassifier().fit(X, np.column_stack([CODES, CODES > 1]))
    with pytest.raises(ValueError, match="`estimator` must be a classifier of one target"):
        Predictions.from_estimator(tree, X, CODES)


def test_predictions_without_a_single_label_are_rejected():
    """The network has one sigmoid per class, none of them above a half if X is constant."""
    network = MLPClassifier((2,), learning_rate_init=0.1, max_iter=1000, random_state=0)
    network.fit(np.zeros_like(X), ONE_HOT)
    with pytest.raises(
        ValueError, match=r"predict\(X\) must be one-hot .* 150 of 150 rows without"
    ):
        Predictions.from_estimator(network, np.zeros_like(X), CODES)


# --- from arrays --------------------------------------------------------------------------------


def test_the_classes_are_the_sorted_union_of_true_and_predicted_labels():
    result = read(["b", "c", "b"], ["d", "a", "b"])
    assert result.classes.tolist() == ["a", "b", "c", "d"]
    assert result.true.tolist() == [1, 2, 1]
    assert result.predicted.tolist() == [3, 0, 1]


def test_labels_give_the_order_of_the_columns():
    result = read(["oak", "fir", "oak", "ash"], y_proba=PROBA, labels=["oak", "ash", "fir"])
    assert result.true.tolist() == [0, 2, 0, 1]
    assert result.predicted.tolist() == [0, 1, 2, 0]
    np.testing.assert_array_equal(result.probabilities, PROBA)


def test_predicted_labels_need_not_be_the_most_probable():
    result = read([0, 1, 2, 0], [1, 1, 1, 1], PROBA)
    assert result.predicted.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("true", "predicted", "classes"),
    [
        ([0, 1, 1], [True, False, True], [0, 1]),
        ([0, 1, 2], [0.0, 1.0, 1.0], [0, 1, 2]),
        (np.array(["a", "b", "a"]), np.array(["b", "c", "b"], dtype=object), ["a", "b", "c"]),
        (np.eye(3, dtype=int), [2, 0, 1], [0, 1, 2]),
        (pd.DataFrame(np.eye(3), columns=["c", "b", "a"]), ["c", "b", "b"], ["c", "b", "a"]),
    ],
)
def test_true_and_predicted_labels_may_have_different_formats(true, predicted, classes):
    assert read(true, predicted).classes.tolist() == classes


def test_float32_probabilities_are_rescaled_to_sum_to_one():
    rows = np.random.default_rng(0).dirichlet(np.ones(3), 50).astype(np.float32)
    result = read(np.arange(50) % 3, y_proba=rows).probabilities
    np.testing.assert_allclose(result.sum(axis=1), 1, rtol=1e-15)
    np.testing.assert_allclose(result, rows, rtol=1e-6)


def test_a_single_row_of_a_single_class():
    result = read(["a"], ["a"])
    assert (result.classes.tolist(), result.true.tolist(), result.predicted.tolist()) == (
        ["a"],
        [0],
        [0],
    )


ERRORS = {
    "nothing predicted": (([0, 1],), {}, "y_pred or y_proba must be given"),
    "lengths": (([0, 1], [0]), {}, r"numbers of samples: \[2, 1\]"),
    "lengths of probabilities": (
        ([0, 1, 2], None, PROBA),
        {},
        r"y_true and y_proba must .*: \[3, 4\]",
    ),
    "columns": (([0, 1, 1, 0], None, PROBA), {}, r"y_proba must be of shape \(4, 2\).*labels"),
    "one column": (([0, 1], None, [0.3, 0.7]), {}, r"np.column_stack\(\[1 - p, p\]\)"),
    "unknown": (
        (["a", "x"], ["a", "b"]),
        {"labels": ["a", "b"]},
        "y_true must be labels among the 2 classes; got 1 unknown label: 'x'",
    ),
    "labels twice": (([0], [0]), {"labels": [0, 0]}, "labels must be different labels"),
    "labels of two axes": (([0], [0]), {"labels": [[0, 1]]}, "labels must be a 1-d list"),
    "negative": (
        ([0, 1], None, [[1.5, -0.5], [0.5, 0.5]]),
        {},
        "y_proba must be probabilities; got 1 negative",
    ),
    "no sum of one": (
        ([0, 1], None, [[0.4, 0.4], [0.5, 0.5]]),
        {},
        "y_proba must be probabilities that sum to 1 in each row; got 1 of 2",
    ),
    "not finite": (([0, 1], None, [[np.nan, 1], [0, 1]]), {}, "y_proba contains NaN"),
    "empty": (([], []), {}, "y_true must be at least one label"),
    "several labels": (([[1, 1], [0, 1]], [0, 1]), {}, "multi-label"),
    "mixed": (([0, 1], ["a", "b"]), {}, "y_true and y_pred must be labels of one type"),
    "missing": (([0, 1], [0, np.nan]), {}, "Input y_pred contains NaN"),
    "negative weights": (([0, 1], [0, 1]), {"sample_weight": [1, -1]}, "must be non-negative"),
    "no weight": (([0, 1], [0, 1]), {"sample_weight": [0, 0]}, "at least one non-zero"),
    "weights": (([0, 1], [0, 1]), {"sample_weight": [1, 1, 1]}, "one weight for each of the 2"),
}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_columns_named_after_the_classes_must_be_in_their_order(make):
    table = make({"fir": [0.9, 0.2], "ash": [0.1, 0.8]})
    with pytest.raises(ValueError, match="y_proba must be a data frame with its columns in the or"):
        read(["fir", "ash"], None, table)
    result = read(["fir", "ash"], None, table, labels=table.columns)
    assert result.classes.tolist() == ["fir", "ash"]
    assert result.predicted.tolist() == result.true.tolist() == [0, 1]


@pytest.mark.parametrize("name", ERRORS)
def test_invalid_arrays_are_rejected(name):
    arrays, options, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        read(*arrays, **options)
