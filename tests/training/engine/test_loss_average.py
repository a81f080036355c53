"""The logged loss is the mean over rows by their weights, whatever rows share a batch."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import log_loss

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.rows import TrainingData
from keras_multiclass._training.engine import KerasEngine, TrainingPlan
from keras_multiclass._training.engine.graph import GraphEngine

ENGINES = {"graph": GraphEngine, "keras": KerasEngine}
N = 24
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4)).astype("float32")
Y = RNG.permutation(np.arange(N) % 3).astype("int32")


def network(loss_options=None, regularizer=None, cls=keras.Model):
    """A network that training leaves unchanged."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    model = cls(inputs, keras.layers.Dense(3, kernel_regularizer=regularizer)(inputs))
    options = {"reduction": "mean_with_sample_weight", **(loss_options or {})}
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, **options)
    model.compile(keras.optimizers.SGD(0.0), loss)
    return model


def logged(engine, model, rows, weights, batch_size):
    """The loss that an engine logs of training and validation rows."""
    weights = None if weights is None else weights.astype("float32")
    data = TrainingData(X[rows], Y[rows], weights)
    plan = TrainingPlan(epochs=1, first_epoch=0, batch_size=batch_size, shuffle=False, seed=0)
    history = ENGINES[engine]().fit(model, data, data, plan).history
    return history["loss"][0], history["val_loss"][0]


def probabilities(model, rows=slice(None)):
    logits = keras.ops.convert_to_numpy(model(X[rows]))
    return softmax(logits.astype("float64"), axis=1)


@functools.cache
def shared_network(engine):
    return network()


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_order_batch_size_and_weights_give_scikit_learns_log_loss(engine, data):
    model = shared_network(engine)
    rows = np.array(data.draw(st.permutations(range(N))))
    weight = st.sampled_from([0.0, 1e-3, 0.5, 1.0, 2.0, 100.0])
    weights = np.array(data.draw(st.lists(weight, min_size=N, max_size=N)))
    weights[data.draw(st.integers(0, N - 1))] = 3.0
    # Few sizes, since the Keras engine traces the step for each.
    batch_size = data.draw(st.sampled_from([1, 7, N] if engine == "graph" else [7, N]))
    expected = log_loss(Y[rows], probabilities(model, rows), sample_weight=weights)
    losses = logged(engine, model, rows, weights, batch_size)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_weight_of_two_equals_a_repeated_row(engine):
    weights = 1.0 + (np.arange(N) % 5 == 0)
    repeated = np.repeat(np.arange(N), weights.astype(int))
    model = network()
    weighted = logged(engine, model, np.arange(N), weights, 5)
    np.testing.assert_allclose(weighted, logged(engine, model, repeated, None, 5), rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_regularization_counts_once(engine):
    model = network(regularizer=keras.regularizers.L2(0.1))
    weights = np.linspace(0, 5, N)
    expected = log_loss(Y, probabilities(model), sample_weight=weights)
    expected += 0.1 * np.sum(np.square(model.get_weights()[0]))
    losses = logged(engine, model, np.arange(N), weights, 7)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum"])
def test_other_reductions_and_rows_without_weights_are_logged_as_by_keras(engine, reduction):
    model = network({"reduction": reduction})
    weights = np.linspace(0, 5, N).astype("float32")
    for own in (None, weights):
        expected = model.evaluate(X, Y, batch_size=7, sample_weight=own, verbose=0)
        losses = logged(engine, model, np.arange(N), own, 7)
        np.testing.assert_allclose(losses, expected, rtol=1e-5)


class OwnTest(keras.Model):
    def test_step(self, data):
        logs = super().test_step(data)
        return {**logs, "double": 2 * logs["loss"]}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_step_of_the_models_own_logs_what_it_does_in_keras(engine):
    weights = np.linspace(0, 5, N)
    model = network(cls=OwnTest)
    options = {"batch_size": 7, "sample_weight": weights, "return_dict": True, "verbose": 0}
    expected = model.evaluate(X, Y, **options)
    loss, val_loss = logged(engine, model, np.arange(N), weights, 7)
    assert val_loss == pytest.approx(float(expected["loss"]), rel=1e-5)
    right = log_loss(Y, probabilities(model), sample_weight=weights)
    assert loss == pytest.approx(right, rel=1e-5)  # the training step is Keras'
    assert abs(val_loss - right) > 1e-3


@pytest.mark.parametrize("engine", ENGINES)
def test_the_order_of_validation_rows_does_not_change_the_fit(engine):
    X_val, y_val = RNG.normal(size=(90, 4)), np.repeat([0, 1, 2], [60, 20, 10])
    order = RNG.permutation(90)
    params = {"class_weight": "balanced", "early_stopping": 2, "epochs": 6, "batch_size": 8}
    found = []
    for rows in (np.arange(90), order):
        classifier = KerasMulticlassClassifier(
            "mlp", backbone__hidden_units=(4,), engine=engine, random_state=0, **params
        )
        classifier.fit(X, Y, X_val=X_val[rows], y_val=y_val[rows])
        found.append(classifier.history_["val_loss"])
    np.testing.assert_allclose(*found, rtol=1e-5)
