"""Early stopping restores the best epoch, by any metric, on the rows it is meant to use."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import train_test_split

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.splitting.folds import validation_split
from keras_multiclass._shared.seeding import epoch_seed
from keras_multiclass._training.early_stopping import build_early_stopping, resolve_early_stopping

X, y = load_iris(return_X_y=True)
TRAIN_X, VAL_X, TRAIN_Y, VAL_Y = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)


@pytest.mark.parametrize("early_stopping", [2, {"patience": 2}])
def test_early_stopping_restores_the_best_epoch(early_stopping):
    wrong = np.where(np.arange(len(VAL_Y)) % 2 == 0, (VAL_Y + 1) % 3, VAL_Y)
    classifier = tiny(epochs=60, early_stopping=early_stopping)
    classifier.fit(TRAIN_X, TRAIN_Y, X_val=VAL_X, y_val=wrong)
    losses = classifier.history_["val_loss"]
    best = int(np.argmin(losses))
    assert classifier.n_iter_ == len(losses) == best + 1 + 2 < 60
    loss = log_loss(wrong, classifier.predict_proba(VAL_X))
    assert loss == pytest.approx(losses[best], rel=1e-5)
    assert abs(loss - losses[-1]) > 1e-4


def test_early_stopping_can_monitor_a_metric():
    early_stopping = {"monitor": "val_macro_f1", "patience": 1, "min_delta": 1.0}
    classifier = tiny(epochs=60, early_stopping=early_stopping, metrics=["macro_f1"])
    classifier.fit(TRAIN_X, TRAIN_Y, X_val=VAL_X, y_val=VAL_Y)
    best = max(classifier.history_["val_macro_f1"][:1])
    assert classifier.n_iter_ == 2
    score = f1_score(VAL_Y, classifier.predict(VAL_X), average="macro")
    assert score == pytest.approx(best)


def test_early_stopping_holds_out_a_tenth_by_default():
    for params, n_held_out in (({}, 15), ({"validation_split": 0.2}, 30)):
        classifier = tiny(epochs=2, early_stopping=True, **params).fit(X, y)
        _, val = validation_split(y, n_held_out / 150, epoch_seed(0, 0))
        loss = log_loss(y[val], classifier.predict_proba(X[val]))
        assert min(classifier.history_["val_loss"]) == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize(("metric", "mode"), [("brier", "min"), ("val_auc", "max")])
def test_the_mode_follows_from_the_metric_unless_it_is_given(metric, mode):
    modes = {"brier": "min", "auc": "max"}
    arguments = resolve_early_stopping({"monitor": metric})
    assert build_early_stopping(arguments, modes).mode == mode
    other = {"min": "max", "max": "min"}[mode]
    assert build_early_stopping({**arguments, "mode": other}, modes).mode == other


def test_a_metric_of_unknown_mode_needs_one():
    arguments = resolve_early_stopping({"monitor": "val_counts"})
    with pytest.raises(ValueError, match=r"must have a 'mode'.* unknown whether higher"):
        build_early_stopping(arguments, {"counts": None})
    assert build_early_stopping({**arguments, "mode": "max"}, {"counts": None}).mode == "max"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_early_stopping_keeps_the_best_finite_epoch(bad, mode):
    """The values are shifted by one epoch from the weights, which the model has one of."""
    sign = 1 if mode == "min" else -1
    values = [bad, bad, sign * 3.0, sign * 1.0, bad, sign * 2.0, bad]
    stopper = build_early_stopping(
        resolve_early_stopping({"monitor": "val_m", "mode": mode, "patience": 3}), {"m": mode}
    )
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    stopper.set_model(model)
    stopper.on_train_begin()
    model.stop_training = False
    for epoch, value in enumerate(values):
        model.set_weights([np.full((1, 1), epoch)])
        stopper.on_epoch_end(epoch, {"val_m": value})
        assert model.stop_training == (epoch == 6)  # three epochs after the best
    stopper.on_train_end()
    assert stopper.best_epoch == 3
    assert model.get_weights()[0] == 3


def test_a_monitored_value_that_is_never_finite_is_reported():
    one_class = TRAIN_Y == 0
    classifier = tiny(
        epochs=4, early_stopping={"monitor": "val_macro_auc", "patience": 1}, metrics="macro_auc"
    )
    with pytest.warns(UserWarning, match=r"'val_macro_auc'.*got nan in 4 of 4 epochs, first in"):
        classifier.fit(TRAIN_X, TRAIN_Y, X_val=TRAIN_X[one_class], y_val=TRAIN_Y[one_class])
    assert classifier.n_iter_ == 4
    without = tiny(epochs=4, metrics="macro_auc").fit(TRAIN_X, TRAIN_Y)
    np.testing.assert_array_equal(classifier.predict_proba(X), without.predict_proba(X))


def test_callbacks_of_keras_that_monitor_nan_are_reported():
    one_class = TRAIN_Y == 0
    own = keras.callbacks.EarlyStopping(monitor="val_macro_auc", mode="max")
    classifier = tiny(epochs=2, callbacks=[own], metrics="macro_auc")
    with pytest.warns(
        UserWarning, match=r"monitored by EarlyStopping, must be finite.*Keras' callbacks"
    ):
        classifier.fit(TRAIN_X, TRAIN_Y, X_val=TRAIN_X[one_class], y_val=TRAIN_Y[one_class])


@pytest.mark.parametrize(
    ("params", "patience"),
    [
        ({"backbone": "realmlp_small"}, 24),  # whose learning rate rises and falls in cycles
        ({"optimizer": "scheduled_adam"}, 24),
        ({"optimizer": "scheduled_adam", "optimizer__schedule": "constant"}, 10),
        ({"backbone": "realmlp_small", "optimizer": "adam"}, 10),
        ({"backbone": "realmlp_small", "early_stopping": 3}, 3),
        ({"backbone": "realmlp_small", "early_stopping": {"monitor": "val_loss"}}, 24),
        ({}, 10),
    ],
)
def test_training_does_not_stop_inside_a_cycle_of_the_learning_rate(params, patience):
    own = {"epochs": 24, "early_stopping": True, "batch_size": 40, **params}
    wrong = (VAL_Y + 1) % 3
    classifier = KerasMulticlassClassifier(
        **{"backbone": "mlp", **own}, backbone__hidden_units=(4,), random_state=0
    )
    classifier.fit(TRAIN_X, TRAIN_Y, X_val=VAL_X, y_val=wrong)
    assert classifier.resolved_params_["early_stopping"]["patience"] == patience
    best = int(np.argmin(classifier.history_["val_loss"])) + 1
    assert classifier.n_iter_ == min(best + patience, 24)


@pytest.mark.parametrize("engine", ["graph", "keras"])
def test_epochs_without_validation_do_not_count(engine):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier = tiny(epochs=7, early_stopping=1, fit__validation_freq=3, engine=engine)
        classifier.fit(TRAIN_X, TRAIN_Y, X_val=VAL_X, y_val=VAL_Y)
    assert classifier.validated_epochs_ == [3, 6]
    assert classifier.n_iter_ == 7
    never = tiny(epochs=2, early_stopping=1, fit__validation_freq=3, engine=engine)
    with pytest.warns(UserWarning, match="'val_loss'.* was not computed in any epoch") as caught:
        never.fit(TRAIN_X, TRAIN_Y, X_val=VAL_X, y_val=VAL_Y)
    assert len(caught) == 1


class OwnLogs(keras.Model):
    """Logs a quantity of its own, and no loss."""

    def build(self, input_shape):
        self.head = keras.layers.Dense(3)
        self.head.build(input_shape)
        self.mine = keras.metrics.Mean(name="mine")

    def call(self, inputs):
        return self.head(inputs)

    def train_step(self, data):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=data[1], y_pred=self(data[0], training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.mine.update_state(loss)
        return {"mine": self.mine.result()}

    def test_step(self, data):
        self.mine.update_state(self.compute_loss(y=data[1], y_pred=self(data[0])))
        return {"mine": self.mine.result()}


ENGINES = ("graph", "keras")


def own_logs(**params):
    return KerasMulticlassClassifier(model=OwnLogs, random_state=0, **params)


@pytest.mark.parametrize("engine", ENGINES)
def test_epochs_without_a_logged_loss_count(engine):
    whole = own_logs(engine=engine, epochs=3, validation_split=0.2).fit(X, y)
    assert whole.n_iter_ == 3
    assert whole.validated_epochs_ == [1, 2, 3]
    assert "3 epochs" in whole._repr_html_()
    parts = own_logs(engine=engine, epochs=1, validation_split=0.2, warm_start=True).fit(X, y)
    parts.set_params(epochs=2).fit(X, y)
    assert parts.n_iter_ == 3
    np.testing.assert_allclose(parts.predict_proba(X), whole.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_whatever_a_step_of_the_model_s_own_logs_can_be_monitored(engine):
    stopping = {"monitor": "val_mine", "mode": "min", "min_delta": 100.0, "patience": 1}
    assert own_logs(engine=engine, epochs=9, early_stopping=stopping).fit(X, y).n_iter_ == 2
    with pytest.raises(ValueError, match="must have a 'mode'"):
        own_logs(engine=engine, early_stopping={"monitor": "val_mine"}).fit(X, y)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "params",
    [
        {"early_stopping": True},
        {"early_stopping": {"monitor": "val_accuracy"}, "metrics": ["accuracy"]},
    ],
    ids=["loss", "metric"],
)
def test_a_monitored_quantity_that_is_not_logged_is_an_error_after_the_first_epoch(engine, params):
    with pytest.raises(ValueError, match=r"monitor one of 'mine', 'val_mine', which .* 'val_mine'"):
        own_logs(engine=engine, **params).fit(X, y)
