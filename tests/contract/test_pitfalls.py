"""Well-known pitfalls of Keras wrappers, each ruled out by a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import is_classifier
from sklearn.datasets import load_iris, load_wine
from sklearn.metrics import recall_score
from sklearn.model_selection import (
    LeaveOneOut,
    cross_val_predict,
    cross_val_score,
    train_test_split,
)

from _toy import tiny

X, y = load_iris(return_X_y=True)
PAGES = Path(__file__).parents[2] / "examples" / "data" / "page_blocks.csv"


def test_cross_validation_stratifies_sorted_labels():
    assert is_classifier(tiny())
    scores = cross_val_score(tiny(), X, y, cv=5)
    assert scores.min() > 0.85
    assert scores.mean() > 0.9


@pytest.mark.parametrize(
    "labels",
    [
        np.array([10, 20, 30]),
        np.array([-7, 0, 2**40]),
        np.array([2.0, 3.0, 5.0]),
        np.array(["setosa", "versicolor", "virginica"]),
        np.array(["c", "a", "b"], dtype=object),
        np.array([True, False, False]),
    ],
    ids=["multiples of ten", "negative", "floats", "strings", "objects", "bools"],
)
def test_predictions_are_the_original_labels(labels):
    named = labels[y]
    classifier = tiny(epochs=6).fit(X, named)
    predicted = classifier.predict(X)
    assert predicted.dtype == labels.dtype
    np.testing.assert_array_equal(classifier.classes_, np.unique(labels))
    assert set(predicted.tolist()) <= set(labels.tolist())
    assert np.mean(predicted == named) > 0.8 if len(classifier.classes_) == 3 else True
    assert classifier.score(X, named) == np.mean(predicted == named)


def test_probability_columns_follow_the_sorted_classes():
    names = np.array(["zebra", "ant", "mole"])[y]
    named = tiny().fit(X, names)
    np.testing.assert_array_equal(named.classes_, ["ant", "mole", "zebra"])
    probabilities = named.predict_proba(X)
    for column, name in enumerate(named.classes_):
        own = names == name
        assert probabilities[own, column].mean() > 0.7 > 0.3 > probabilities[~own, column].mean()
    np.testing.assert_array_equal(named.predict(X), named.classes_[probabilities.argmax(axis=1)])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_predictions_for_one_row_keep_both_axes(n_classes):
    kept = y < n_classes
    classifier = tiny(epochs=2).fit(X[kept], y[kept])
    assert classifier.predict(X[:1]).shape == (1,)
    assert classifier.predict_proba(X[:1]).shape == (1, n_classes)
    assert classifier.predict_log_proba(X[:1]).shape == (1, n_classes)
    assert classifier.decision_function(X[:1]).shape == ((1,) if n_classes == 2 else (1, 3))


def test_leave_one_out_predicts_one_row_of_probabilities_per_fold():
    few = np.r_[0:3, 50:53]
    probabilities = cross_val_predict(
        tiny(epochs=1), X[few], y[few], cv=LeaveOneOut(), method="predict_proba"
    )
    assert probabilities.shape == (6, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


def test_a_prediction_does_not_depend_on_the_other_rows():
    classifier = tiny(epochs=2).fit(X, y)
    together = classifier.predict_proba(X)
    alone = np.concatenate([classifier.predict_proba(X[i : i + 1]) for i in range(0, 150, 29)])
    np.testing.assert_array_equal(alone, together[::29])


def unbalanced_wine():
    features, labels = load_wine(return_X_y=True)
    kept = np.r_[np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)]
    kept = np.r_[kept, np.flatnonzero(labels == 2)[:8]]
    return features[kept], labels[kept]


def page_blocks():
    table = pd.read_csv(PAGES)
    return table.drop(columns="block"), table["block"]


@pytest.mark.parametrize(
    "load",
    [
        unbalanced_wine,
        pytest.param(
            page_blocks,
            marks=pytest.mark.skipif(not PAGES.exists(), reason="the examples are not installed"),
        ),
    ],
)
def test_balanced_class_weights_raise_the_recall_of_the_rare_classes(load):
    parts = train_test_split(*load(), test_size=0.4, stratify=load()[1], random_state=0)
    train_X, test_X, train_y, test_y = parts
    recalls = {}
    for class_weight in (None, "balanced"):
        # Few epochs, because weights have no effect on a network that has memorized its rows.
        classifier = tiny(class_weight=class_weight, epochs=3, optimizer__learning_rate=0.01)
        predicted = classifier.fit(train_X, train_y).predict(test_X)
        recalls[class_weight] = recall_score(test_y, predicted, average="macro")
    assert recalls["balanced"] > recalls[None] + 0.05


def test_fit_does_not_modify_its_arrays():
    features, labels, weights = X.copy(), y.copy(), np.linspace(0, 1, 150)
    for array in (features, labels, weights):
        array.flags.writeable = False
    tiny(epochs=1, class_weight="balanced").fit(features, labels, sample_weight=weights)
    np.testing.assert_array_equal(features, X)
