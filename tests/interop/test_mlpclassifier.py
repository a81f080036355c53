"""Differences from scikit-learn's `MLPClassifier` that its migration page names."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from _toy import tiny

CODES = np.arange(60) % 3
X = np.eye(3)[CODES] + np.random.default_rng(0).normal(size=(60, 3)) / 10
Y = np.array(["ant", "bee", "cat"])[CODES]
TWO = CODES < 2

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def perceptron(**params):
    return MLPClassifier((8,), max_iter=3, random_state=0, **params)


def test_epochs_are_counted_over_warm_starts_and_partial_fit():
    before = perceptron(warm_start=True).fit(X, Y).fit(X, Y)
    assert (before.n_iter_, len(before.loss_curve_)) == (3, 6)
    assert before.partial_fit(X, Y).n_iter_ == 1
    classifier = tiny(epochs=3, warm_start=True).fit(X, Y).fit(X, Y)
    assert classifier.n_iter_ == len(classifier.history_["loss"]) == 6
    assert classifier.partial_fit(X, Y).n_iter_ == 7


def test_a_warm_start_may_have_fewer_classes():
    with pytest.raises(ValueError, match="same classes"):
        perceptron(warm_start=True).fit(X, Y).fit(X[TWO], Y[TWO])
    classifier = tiny(epochs=3, warm_start=True).fit(X, Y).fit(X[TWO], Y[TWO])
    assert classifier.classes_.tolist() == ["ant", "bee", "cat"]
    for estimator in (perceptron(warm_start=True), tiny(epochs=3, warm_start=True)):
        with pytest.raises(ValueError, match="same classes|known classes"):
            estimator.fit(X[TWO], Y[TWO]).fit(X, Y)


def test_partial_fit_may_follow_early_stopping():
    with pytest.raises(ValueError, match="does not support early_stopping"):
        perceptron(early_stopping=True).fit(X, Y).partial_fit(X, Y)
    classifier = tiny(epochs=3, early_stopping=True).fit(X, Y)
    n_validated = len(classifier.history_["val_loss"])
    classifier.partial_fit(X, Y)
    assert (classifier.n_iter_, len(classifier.history_["loss"])) == (4, 4)
    assert len(classifier.history_["val_loss"]) == n_validated
