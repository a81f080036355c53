"""Methods of the user's own model: which are called, and what is said about the others."""

from __future__ import annotations

import pickle
import types
import warnings

import keras
import numpy as np
import pytest
from keras import ops
from sklearn.base import clone
from sklearn.datasets import load_iris

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.exceptions import ObjectiveError

X, y = load_iris(return_X_y=True)
X = X.astype("float32")
LOSS = "sparse_categorical_crossentropy"


def functional(model_class, activation=None):
    inputs = keras.Input((4,))
    kernel = keras.initializers.GlorotUniform(seed=1)
    out = keras.layers.Dense(3, activation, kernel_initializer=kernel)
    return model_class(inputs, out(inputs))


def classifier(model_class, activation=None, **params):
    defaults = {"epochs": 1, "batch_size": 75, "random_state": 0}
    model = lambda: functional(model_class, activation)  # noqa: E731 - a builder without arguments
    return KerasMulticlassClassifier(model=model, **{**defaults, **params})


class Sharpened(keras.Model):
    """Emits logits, and predicts probabilities."""

    def predict_step(self, data):
        return ops.softmax(3.0 * self(data, training=False))


class Halved(keras.Model):
    """Emits and predicts logits."""

    def predict_step(self, data):
        return super().predict_step(data) / 2


class Logits(keras.Model):
    """Emits probabilities, and predicts logits."""

    def predict_step(self, data):
        return ops.log(super().predict_step(data))


class OwnFunction(keras.Model):
    def make_predict_function(self, force=False):
        if self.predict_function is None:
            super().make_predict_function(force)
            usual = self.predict_function
            self.predict_function = lambda data: 2.0 * usual(data)


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("model_class", "activation", "probabilities", "engine"),
    [
        (Sharpened, None, lambda predicted: predicted, "auto"),
        (Sharpened, None, lambda predicted: predicted, "keras"),
        (Halved, None, softmax, "auto"),
        (Logits, "softmax", softmax, "keras"),
        (OwnFunction, None, softmax, "auto"),
    ],
)
def test_what_the_own_predict_step_returns_is_predicted(
    model_class, activation, probabilities, engine
):
    fitted = classifier(model_class, activation, engine=engine, predict__batch_size=64)
    fitted.initialize(X, y)
    expected = probabilities(fitted.model_.predict(X, verbose=0))
    np.testing.assert_allclose(fitted.predict_proba(X), expected, atol=1e-5)
    np.testing.assert_allclose(fitted.predict_proba(X[:3]), expected[:3], atol=1e-5)
    np.testing.assert_allclose(
        softmax(fitted.decision_function(X)), fitted.predict_proba(X), atol=1e-5
    )


def test_the_own_predict_step_counts_for_a_model_and_after_pickling():
    model = functional(Sharpened)
    fitted = clone(KerasMulticlassClassifier(model=model)).initialize(X, y)
    expected = fitted.model_.predict(X, verbose=0)
    for loaded in (fitted, pickle.loads(pickle.dumps(fitted))):
        np.testing.assert_allclose(loaded.predict_proba(X), expected, atol=1e-5)


class Labels(keras.Model):
    def predict_step(self, data):
        return ops.argmax(self(data), axis=-1)


class Two(keras.Model):
    def predict_step(self, data):
        return {"logits": self(data), "other": self(data)}


@pytest.mark.parametrize(
    ("model_class", "match"),
    [
        (Labels, r"own `predict_step` must be of shape .*got shape \(n_samples\)"),
        (Two, "own `predict_step` must be one tensor .* a dict of 2 outputs"),
    ],
)
def test_a_predict_step_that_returns_no_row_of_scores_is_an_error(model_class, match):
    with pytest.raises(ObjectiveError, match=match):
        classifier(model_class).fit(X, y)


class OwnLoops(keras.Model):
    def fit(self, *args, **kwargs):
        raise AssertionError

    evaluate = predict = train_on_batch = test_on_batch = predict_on_batch = fit


@pytest.mark.parametrize("engine", ["graph", "keras"])
def test_methods_that_are_not_called_are_named_in_a_warning(engine):
    with pytest.warns(
        UserWarning, match="OwnLoops overrides `fit`, `evaluate`.*`train_step`"
    ) as caught:
        fitted = classifier(OwnLoops, engine=engine, validation_split=0.2).fit(X, y)
    assert caught[0].filename == __file__
    fitted.predict(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier(keras.Model).initialize(X, y)


class OwnTestFunction(keras.Model):
    def make_test_function(self, force=False):
        if self.test_function is None:
            super().make_test_function(force)
            usual = self.test_function
            self.test_function = lambda data: {**usual(data), "marked": 7.0}


def test_a_test_function_of_the_model_s_own_is_used():
    fitted = classifier(OwnTestFunction, validation_split=0.2).fit(X, y)
    assert fitted.history_["val_marked"] == [7.0]
    assert fitted.engine_reason_.endswith("makes a test function of its own")


class OwnObjective(keras.Model):
    """Its loss and metrics are computed by overridden methods."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return 10.0 * super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return {**super().compute_metrics(x, y, y_pred, sample_weight), "rows": len(X)}


@pytest.mark.parametrize("engine", ["graph", "keras"])
def test_overridden_loss_and_metrics_count(engine):
    plain = classifier(keras.Model, engine=engine, validation_split=0.2).fit(X, y)
    own = classifier(OwnObjective, engine=engine, validation_split=0.2).fit(X, y)
    assert own.history_["rows"] == [150]
    # Adam's steps hardly depend on the scale of the loss.
    for name in ("loss", "val_loss"):
        assert own.history_[name][0] == pytest.approx(10.0 * plain.history_[name][0], rel=1e-3)


@pytest.mark.parametrize("engine", ["graph", "keras"])
def test_steps_set_on_the_instance_count_too(engine):
    def train_step(self, data):
        return {**keras.Model.train_step(self, data), "own": ops.ones(())}

    def predict_step(self, data):
        return 0.0 * self(data)

    def build():
        model = functional(keras.Model)
        model.train_step = types.MethodType(train_step, model)
        model.predict_step = types.MethodType(predict_step, model)
        return model

    fitted = KerasMulticlassClassifier(model=build, epochs=1, engine=engine).fit(X, y)
    assert fitted.history_["own"] == [1.0]
    np.testing.assert_allclose(fitted.predict_proba(X[:2]), 1 / 3)


def test_methods_set_on_a_model_that_must_be_copied_are_an_error():
    model = functional(keras.Model)
    model.train_step = types.MethodType(keras.Model.train_step, model)
    with pytest.raises(TypeError, match="'train_step' is set on the instance.*subclass"):
        KerasMulticlassClassifier(model=model, epochs=1).fit(X, y)
