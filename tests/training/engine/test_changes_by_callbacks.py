"""What callbacks change about a model counts, or does not, as in `keras.Model.fit`."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import keras_multiclass
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.exceptions import EngineError

X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
y = np.arange(24) % 3


class Scale(keras.layers.Layer):
    factor = 1.0

    def call(self, x):
        return x * self.factor


class Unknown(Scale):
    """Has no description, so that it shares no traces."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.anything = iter([])


class Shifted(keras.Model):
    factor = 1.0

    def call(self, inputs, training=False):
        return super().call(inputs * self.factor, training=training)


def build(scale=Scale):
    x = inputs = keras.Input((3,))
    x = scale(name="scale")(x)
    x = keras.layers.Dense(4, "relu", kernel_initializer="ones", name="hidden")(x)
    outputs = keras.layers.Dense(
        3, "softmax", kernel_initializer=keras.initializers.Orthogonal(seed=1), name="out"
    )(x)
    return Shifted(inputs, outputs)


def change_layer(model):
    model.get_layer("scale").factor = 3.0


def change_activation(model):
    model.get_layer("hidden").activation = keras.activations.tanh


def change_model(model):
    model.factor = 2.0


def freeze(model):
    model.get_layer("hidden").trainable = False


def clip(model):
    model.optimizer.clipnorm = 1e-6


def replace(model):
    model.optimizer = keras.optimizers.SGD(2.0)


class Changes(keras.callbacks.Callback):
    def __init__(self, change, hook, epoch):
        super().__init__()
        self.change, self.hook, self.epoch, self.now = change, hook, epoch, 0

    def _call(self, hook):
        if (hook, self.now) == (self.hook, self.epoch):
            self.change(self.model)

    def on_train_begin(self, logs=None):
        self.now = 0
        self._call("on_train_begin")

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch
        self._call("on_epoch_begin")

    def on_epoch_end(self, epoch, logs=None):
        self._call("on_epoch_end")

    def on_test_begin(self, logs=None):
        self._call("on_test_begin")

    def on_train_end(self, logs=None):
        self._call("on_train_end")


def fit(engine="graph", scale=Scale, frequency=1, callbacks=None):
    return KerasMulticlassClassifier(
        model=lambda: build(scale), optimizer="sgd", optimizer__learning_rate=0.1, engine=engine,
        batch_size=10, shuffle=False, epochs=3, callbacks=callbacks, random_state=0,
        fit__validation_freq=frequency,
    ).fit(X, y, X_val=X, y_val=y)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "hook", "epoch", "options"),
    [
        (change_activation, "on_train_begin", 0, {}),
        (change_layer, "on_epoch_begin", 0, {"scale": Unknown}),
        (change_model, "on_test_begin", 0, {}),
        (change_layer, "on_epoch_end", 0, {"frequency": 2}),
        (change_layer, "on_epoch_end", 0, {"frequency": 2, "engine": "keras"}),
        (change_layer, "on_test_begin", 0, {"engine": "keras"}),
        (change_layer, "on_train_end", 2, {}),
        (freeze, "on_train_begin", 0, {}),
        (clip, "on_epoch_begin", 0, {}),
        (replace, "on_epoch_begin", 0, {}),
        (replace, "on_epoch_end", 0, {}),
    ],
)
def test_changes_of_a_model_count_as_in_keras_fit(change, hook, epoch, options):
    """Keras takes them into its functions until their first step."""
    callback = Changes(change, hook, epoch)
    classifier = fit(callbacks=callback, **options)
    model = build(options.get("scale", Scale))
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    history = model.fit(
        X, y, batch_size=10, shuffle=False, verbose=0, epochs=3, validation_data=(X, y),
        validation_freq=options.get("frequency", 1), callbacks=[callback],
    ).history  # fmt: skip
    for name, expected in history.items():
        found = np.asarray(classifier.history_[name])
        np.testing.assert_allclose(found[np.isfinite(found)], expected, rtol=1e-5, err_msg=name)
    predicted = model.predict(X, verbose=0)
    np.testing.assert_allclose(classifier.predict_proba(X), predicted, rtol=1e-5)


def test_changes_of_one_model_do_not_affect_others():
    """Its traces would otherwise be those of all models that were described like it."""
    keras_multiclass.clear_cache()
    changed = fit(callbacks=Changes(change_layer, "on_epoch_end", 2)).predict_proba(X)
    found = fit().predict_proba(X)
    keras_multiclass.clear_cache()
    np.testing.assert_array_equal(found, fit().predict_proba(X))
    assert not np.allclose(found, changed)


def test_a_changed_model_keeps_its_later_traces_to_itself():
    def train_with_weights(classifier):
        return classifier.partial_fit(X, y, sample_weight=np.ones(24)).predict_proba(X)

    keras_multiclass.clear_cache()
    changed = fit()
    change_layer(changed.model_)
    train_with_weights(changed)
    found = train_with_weights(fit())
    keras_multiclass.clear_cache()
    np.testing.assert_array_equal(found, train_with_weights(fit()))


def compile_again(model):
    model.compile(keras.optimizers.SGD(0.0), model.loss, weighted_metrics=["accuracy"])


@pytest.mark.parametrize("engine", ["graph", "keras"])
def test_a_callback_may_compile_the_model(engine):
    history = fit(engine, callbacks=Changes(compile_again, "on_epoch_begin", 1)).history_
    assert history["loss"][0] != history["loss"][1] == pytest.approx(history["loss"][2], rel=1e-6)
    assert history["val_loss"][1] == pytest.approx(history["loss"][1], rel=1e-6)
    assert "accuracy" in history


def test_an_error_names_the_engine_that_can_train_what_a_callback_made():
    def make_untraceable(model):
        model.get_layer("scale").call = lambda x: x + np.asarray(x)

    with pytest.raises(EngineError, match="Pass engine='keras'"):
        fit(callbacks=Changes(make_untraceable, "on_train_begin", 0))
