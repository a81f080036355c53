"""One seed gives exactly one result, whatever ran before; another seed gives another result."""

from __future__ import annotations

import random

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

from keras_multiclass import KerasMulticlassClassifier

X, y = load_iris(return_X_y=True)
DIGITS = load_digits()
IMAGES, DIGIT_Y = DIGITS.images[:96] / 16.0, DIGITS.target[:96] % 3

NETWORKS = {
    "mlp": ({"backbone": "mlp", "backbone__hidden_units": (8,)}, X, y),
    "mlp with dropout": (
        {"backbone": "mlp", "backbone__hidden_units": (8,), "backbone__dropout": 0.5},
        X,
        y,
    ),
    "cnn": ({"backbone": "cnn", "backbone__filters": (4,)}, IMAGES[..., None], DIGIT_Y),
    "lstm": ({"backbone": "lstm", "backbone__units": 8}, IMAGES, DIGIT_Y),
    "token ids": (
        {"backbone": "gru", "backbone__units": 8},
        (IMAGES[:, 3] * 16).astype(int),
        DIGIT_Y,
    ),
}


def make(params, random_state=0, **others):
    return KerasMulticlassClassifier(
        random_state=random_state, epochs=2, batch_size=32, **params, **others
    )


def disturb():
    """Do what a process may have done before: build models, set seeds, draw random numbers."""
    keras.utils.set_random_seed(random.SystemRandom().randrange(2**31))
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(7), keras.layers.Dropout(0.3)])
    model.compile("adam", "mse")
    model.fit(X[:8], np.ones((8, 7)), verbose=0)
    np.random.normal(size=3)
    random.random()


@pytest.mark.parametrize("network", NETWORKS)
def test_one_seed_gives_one_result_whatever_ran_before(network):
    params, features, labels = NETWORKS[network]
    first = make(params).fit(features, labels)
    disturb()
    second = make(params).fit(features, labels)
    assert first.history_ == second.history_
    for one, other in zip(first.model_.get_weights(), second.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(first.predict_proba(features), second.predict_proba(features))
    other = make(params, random_state=1).fit(features, labels)
    assert not np.array_equal(first.predict_proba(features), other.predict_proba(features))


def initial(random_state):
    """Return what an untrained network predicts: quick, and dependent on the seed."""
    return make(NETWORKS["mlp"][0], random_state).initialize(X, y).predict_proba(X)


def test_every_kind_of_random_state_is_accepted():
    expected = initial(7)
    for same in (np.int64(7), np.uint8(7), np.int32(7)):
        np.testing.assert_array_equal(initial(same), expected)
    for kind in (np.random.RandomState, np.random.default_rng):
        np.testing.assert_array_equal(initial(kind(7)), initial(kind(7)))
        assert not np.array_equal(initial(kind(7)), initial(kind(8)))
    assert not np.array_equal(initial(None), initial(None))


def test_a_generator_seeds_each_fit_differently():
    for state in (np.random.RandomState(0), np.random.default_rng(0)):
        assert not np.array_equal(initial(state), initial(state))


def test_without_a_random_state_global_seeds_have_no_effect():
    results = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        results.append(initial(None))
    assert not np.array_equal(*results)


@pytest.mark.parametrize("network", ["mlp", "mlp with dropout"])
def test_training_in_parts_equals_training_at_once(network):
    params, features, labels = NETWORKS[network]
    whole = make(params).set_params(epochs=4).fit(features, labels)
    warm = make(params, warm_start=True).fit(features, labels)
    disturb()
    warm.fit(features, labels)
    parts = make(params).initialize(features, labels)
    for _ in range(4):
        parts.partial_fit(features, labels)
    for pieces in (warm, parts):
        assert pieces.n_iter_ == 4
        assert pieces.history_ == whole.history_
        np.testing.assert_array_equal(pieces.predict_proba(features), whole.predict_proba(features))


class Losses(keras.callbacks.Callback):
    """Records the running loss after each batch, which reveals the order of the rows."""

    kept: list = []  # noqa: RUF012  (shared by the copies made for each fit)

    def on_train_batch_end(self, batch, logs=None):
        self.kept.append(float(logs["loss"]))


@pytest.mark.parametrize("shuffle", [True, False])
def test_each_epoch_shuffles_the_rows_anew(shuffle):
    Losses.kept.clear()
    still = {"optimizer": "sgd", "optimizer__learning_rate": 0.0, "callbacks": Losses()}
    classifier = make(NETWORKS["mlp"][0], shuffle=shuffle, **still).fit(X, y)
    classifier.partial_fit(X, y)
    first, second, third = np.reshape(Losses.kept, (3, 5))
    assert np.allclose(first, second) is not shuffle
    assert np.allclose(first, third) is not shuffle
    assert np.allclose(second, third) is not shuffle
    # The mean over the epoch does not depend on the order.
    np.testing.assert_allclose([second[-1], third[-1]], first[-1], rtol=1e-5)
