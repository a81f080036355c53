"""What callbacks change about the user's objects counts as in `keras.Model.fit`.

Keras reads attributes of Python objects when it traces the first training or validation step, so
that later changes count only with ``run_eagerly=True``; values of variables count at any time.
"""

from __future__ import annotations

import copy
import pickle

import keras
import numpy as np
import pytest
from keras import ops
from sklearn.base import clone

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.exceptions import ObjectiveError

X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
y = np.arange(24) % 3


class Settings:
    """A plain object that a loss and a callback share."""

    def __init__(self, factor):
        self.factor = factor


class Scaled(keras.losses.Loss):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, y_true, y_pred):
        return read(self) * keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


class Counted(keras.metrics.Metric):
    """The number of right rows, times a factor."""

    def __init__(self, factor, name="counted"):
        super().__init__(name=name)
        self.factor = factor
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        right = ops.equal(ops.cast(ops.reshape(y_true, (-1,)), "int32"), ops.argmax(y_pred, -1))
        self.count.assign_add(read(self) * ops.sum(ops.cast(right, "float32")))

    def result(self):
        return self.count


class Times(keras.layers.Layer):
    factor = 1.0

    def call(self, inputs):
        return inputs * self.factor


def scaled(y_true, y_pred):
    return scaled.factor * keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


def read(owner):
    return getattr(owner.factor, "factor", owner.factor)


def write(owner, value):
    if isinstance(owner.factor, keras.Variable):
        owner.factor.assign(value)
    elif isinstance(owner.factor, Settings):
        owner.factor.factor = value
    else:
        owner.factor = value


class Change(keras.callbacks.Callback):
    """Sets a factor to 2 at the beginning of an epoch."""

    def __init__(self, find, epoch, target=None):
        super().__init__()
        self.find, self.epoch, self.target = find, epoch, target

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            write(self.find(self), 2.0)


def held(callback):
    return callback.target


def loss_of_model(callback):
    return callback.model.loss


def layer_of_model(callback):
    return callback.model.get_layer("times")


def build():
    inputs = keras.Input((3,))
    hidden = Times(name="times")(inputs)
    initializer = keras.initializers.Orthogonal(seed=1)
    outputs = keras.layers.Dense(3, "softmax", kernel_initializer=initializer)(hidden)
    return keras.Model(inputs, outputs)


def objects(case, first):
    """Return a loss, a metric, and how the callback finds what it changes."""
    loss, metric, find, target = Scaled(1.0), Counted(1.0), held, None
    if case in ("loss", "loss of the model"):
        loss = target = Scaled(first)
    elif case == "variable of the loss":
        loss = target = Scaled(keras.Variable(first))
    elif case == "object in the loss":
        shared = Settings(first)
        loss, target = Scaled(shared), Settings(shared)
    elif case == "function":
        loss = target = scaled
        scaled.factor = first
    elif case == "metric":
        metric = target = Counted(first)
    if case.endswith("of the model"):
        find, target = {"loss": loss_of_model, "layer": layer_of_model}[case.split()[0]], None
    return loss, metric, find, target


def expected_history(case, first, epoch, eager):
    loss, metric, find, target = objects(case, first)
    model = build()
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=[metric], run_eagerly=eager)
    return model.fit(
        X, y, batch_size=24, shuffle=False, epochs=3, verbose=0,
        callbacks=[Change(find, epoch, target)],
    ).history  # fmt: skip


def make(case, first, epoch, **params):
    loss, metric, find, target = objects(case, first)
    return KerasMulticlassClassifier(
        model=build, loss=loss, metrics=[metric], optimizer="sgd", optimizer__learning_rate=0.1,
        batch_size=-1, shuffle=False, epochs=3, callbacks=[Change(find, epoch, target)],
        random_state=0, **params,
    )  # fmt: skip


def check(classifier, expected):
    for name, values in expected.items():
        found = classifier.history_[name]
        np.testing.assert_allclose(found, values, rtol=1e-5, atol=1e-6, err_msg=name)


CASES = [
    *("loss", "loss of the model", "variable of the loss", "object in the loss"),
    *("function", "metric", "layer of the model"),
]


@pytest.mark.parametrize(
    ("case", "epoch"),
    [*((case, 1) for case in CASES), ("loss", 0), ("object in the loss", 0), ("metric", 0)],
)
def test_changes_by_callbacks_count_as_in_keras(case, epoch):
    """A factor that begins at 0 says nothing about the labels that a loss takes."""
    first = 1.0 if case == "layer of the model" else 0.0
    expected = expected_history(case, first, epoch, eager=False)
    eager = expected_history(case, first, epoch, eager=True)
    equal = all(values == pytest.approx(eager[name]) for name, values in expected.items())
    assert equal is (epoch == 0 or "variable" in case)
    check(make(case, first, epoch, engine="graph").fit(X, y), expected)
    check(make(case, first, epoch, engine="keras").fit(X, y), expected)
    check(make(case, first, epoch, compile__run_eagerly=True).fit(X, y), eager)


weight = 0.0


def weighted(y_true, y_pred):
    return weight * keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


def test_the_cure_for_a_loss_that_is_0_whatever_the_labels_works(monkeypatch):
    classifier = KerasMulticlassClassifier(model=build, loss=weighted, epochs=1)
    with pytest.raises(ObjectiveError, match="let that number begin at 1e-9"):
        classifier.fit(X, y)
    monkeypatch.setitem(globals(), "weight", 1e-9)
    assert 0 < classifier.fit(X, y).history_["loss"][0] < 1e-8


@pytest.mark.parametrize("copied", [clone, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_copies_of_a_classifier_keep_what_loss_and_callback_share(copied):
    classifier = make("loss", 0.0, 0)
    expected = expected_history("loss", 0.0, 0, eager=False)
    check(copied(classifier).fit(X, y), expected)
    assert classifier.loss.factor == 0.0


def test_functions_with_other_attributes_share_no_traces():
    histories = []
    for factor in (1.0, 2.0):
        scaled.factor = factor
        histories.append(KerasMulticlassClassifier(model=build, loss=scaled, epochs=1).fit(X, y))
    first, second = (classifier.history_["loss"][0] for classifier in histories)
    assert second == pytest.approx(2 * first, rel=1e-4)
