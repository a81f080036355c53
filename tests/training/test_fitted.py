"""What a run leaves on the estimator: attributes of this fit alone, and records of all its runs."""

from __future__ import annotations

import copy
import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._training.fitted import TrainingRecord, name_modes
from keras_multiclass.exceptions import ObjectiveError

X, y = load_iris(return_X_y=True)


def test_refitting_discards_the_attributes_that_only_the_earlier_fit_had():
    classifier = KerasMulticlassClassifier(
        "mlp", epochs=1, calibration="temperature", random_state=0
    )
    classifier.fit(pd.DataFrame(X, columns=list("abcd")), y)
    optional = {"feature_names_in_", "network_feature_names_", "temperature_"}
    assert optional <= vars(classifier).keys()
    classifier.set_params(backbone="conv1d", calibration=None).fit(X[:, :, None], y)
    assert not optional & vars(classifier).keys()
    assert classifier.input_shape_ == (4, 1)


def test_records_of_later_runs_are_appended():
    first = TrainingRecord({"loss": [3.0, 2.0]}, 2, {"loss": "min"}, (), "graph", "it applies")
    later = TrainingRecord(
        {"loss": [1.0], "val_auc": [0.5]},
        1,
        {"loss": "min", "val_auc": "max"},
        (3,),
        "keras",
        "asked",
    )
    both = first.extended(later)
    assert both.history == {"loss": [3.0, 2.0, 1.0], "val_auc": [0.5]}
    assert both.metric_modes == {"loss": "min", "val_auc": "max"}
    assert both.validated_epochs == (3,)
    assert both.n_epochs == 3
    assert (both.engine, both.engine_reason) == ("keras", "asked")
    assert first.history == {"loss": [3.0, 2.0]}


def test_validation_values_have_the_modes_of_their_metrics():
    history = {"loss": [1.0], "val_loss": [1.0], "val_auc": [0.5], "lr": [0.1]}
    modes = name_modes({"loss": "min", "auc": "max"}, history)
    assert modes == {"loss": "min", "val_loss": "min", "val_auc": "max", "lr": None}


@pytest.mark.parametrize("optimizer", ["adam", "scheduled_adam"])
def test_training_continues_with_the_optimizer_s_state_when_its_rate_becomes_a_schedule(optimizer):
    constant = keras.optimizers.schedules.PiecewiseConstantDecay([10**6], [0.02, 0.02])
    continued = []
    for rate in (0.02, constant):
        classifier = tiny(epochs=2, optimizer=optimizer).fit(X, y)
        classifier.set_params(optimizer__learning_rate=rate)
        continued.append(classifier.partial_fit(X, y).predict_proba(X))
    np.testing.assert_allclose(*continued, atol=1e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        {"loss": "mse"},
        {"loss": keras.losses.MeanSquaredError()},
        {},
        {"loss": keras.losses.SparseCategoricalCrossentropy()},  # of probabilities
    ],
    ids=["name", "instance", "none", "other form"],
)
def test_training_does_not_continue_with_a_loss_that_the_classifier_did_not_compile(arguments):
    classifier = tiny(epochs=1).fit(X, y)
    before = classifier.predict_proba(X)
    classifier.model_.compile(keras.optimizers.SGD(1.0), **arguments)
    with pytest.raises(ObjectiveError, match="The loss of `model_` must be as compiled"):
        classifier.partial_fit(X, y)
    with pytest.raises(ObjectiveError, match="The loss of `model_` must be as compiled"):
        classifier.set_params(warm_start=True).fit(X, y)
    np.testing.assert_array_equal(classifier.predict_proba(X), before)
    classifier.model_.compile(keras.optimizers.SGD(0.0), classifier.loss_)
    np.testing.assert_array_equal(classifier.partial_fit(X, y).predict_proba(X), before)


def test_training_does_not_continue_without_an_optimizer():
    classifier = tiny(epochs=1).fit(X, y)
    classifier.model_.compile(None, classifier.loss_)
    with pytest.raises(ObjectiveError, match="The optimizer of `model_` must be"):
        classifier.partial_fit(X, y)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
@pytest.mark.parametrize(
    "arguments",
    [
        {"optimizer": keras.optimizers.SGD(0.5, momentum=0.9)},
        {"optimizer": keras.optimizers.Adam(0.01, beta_1=0.5)},
        {"optimizer": keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.5, 2))},
        {"optimizer": keras.optimizers.Adam(0.05), "loss_weights": 0.5},
    ],
    ids=["class", "setting", "schedule", "weight"],
)
def test_copies_continue_with_what_the_model_was_compiled_with_after_the_fit(copied, arguments):
    classifier = tiny(epochs=1).fit(X, y)
    optimizer = arguments["optimizer"]
    optimizer = optimizer.from_config(optimizer.get_config())  # not used before
    classifier.model_.compile(loss=classifier.loss_, **{**arguments, "optimizer": optimizer})
    copies = [copied(classifier), copied(classifier.partial_fit(X, y))]
    copies[0].partial_fit(X, y)
    expected = classifier.partial_fit(X, y).predict_proba(X)
    for each in copies:
        found = each.partial_fit(X, y).predict_proba(X)
        np.testing.assert_allclose(found, expected, rtol=1e-4)
        np.testing.assert_allclose(each.history_["loss"], classifier.history_["loss"], rtol=1e-4)


class OwnCompile(keras.Model):
    """Keeps its loss to itself."""

    def compile(self, optimizer, loss, weighted_metrics=None):
        super().compile(optimizer)
        self.own_loss = loss

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return self.own_loss(y, y_pred)


def test_training_continues_if_a_model_of_the_user_s_compiles_itself_without_a_loss():
    def build():
        inputs = keras.Input((4,))
        return OwnCompile(inputs, keras.layers.Dense(3)(inputs))

    classifier = KerasMulticlassClassifier(model=build, epochs=1, random_state=0).fit(X, y)
    losses = classifier.partial_fit(X, y).history_["loss"]
    assert losses[1] < losses[0]


class Compiles(keras.callbacks.Callback):
    """Compiles the model in one of its hooks."""

    def __init__(self, hook, epoch=0, **arguments):
        super().__init__()
        self.arguments, self.epoch, self.now = arguments, epoch, 0
        setattr(self, hook, self.compile)

    def compile(self, *_, **__):
        if self.now == self.epoch:
            self.model.compile(keras.optimizers.SGD(1.0), **self.arguments)
        self.now += 1


@pytest.mark.parametrize("engine", ["graph", "keras"])
@pytest.mark.parametrize(
    ("hook", "arguments"),
    [
        ("on_train_begin", {}),
        ("on_epoch_begin", {"loss": "mse"}),
        ("on_epoch_end", {"loss": keras.losses.SparseCategoricalCrossentropy()}),
        ("on_test_begin", {"loss": "categorical_crossentropy"}),
    ],
)
def test_a_callback_must_compile_with_the_classifier_s_loss(engine, hook, arguments):
    classifier = tiny(epochs=1, engine=engine).fit(X, y)
    before = classifier.predict_proba(X)
    classifier.set_params(callbacks=[Compiles(hook, **arguments)], warm_start=True, epochs=2)
    with pytest.raises(ObjectiveError, match="pass loss=self.model.loss"):
        classifier.fit(X, y, X_val=X, y_val=y)
    np.testing.assert_array_equal(classifier.predict_proba(X), before)
    classifier.set_params(callbacks=None).partial_fit(X, y)


def test_what_a_callback_compiles_at_the_end_is_an_error_when_training_continues():
    classifier = tiny(epochs=1, callbacks=[Compiles("on_train_end", loss="mse")]).fit(X, y)
    classifier.set_params(callbacks=None)
    with pytest.raises(ObjectiveError, match="The loss of `model_` must be as compiled"):
        classifier.partial_fit(X, y)
    classifier.model_.compile(classifier.model_.optimizer, classifier.loss_)
    classifier.partial_fit(X, y)
