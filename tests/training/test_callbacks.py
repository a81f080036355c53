"""Keras callbacks work as in Keras, in every form, and the user's own are the ones that run."""

from __future__ import annotations

import copy
import csv
import pickle
import queue
import threading

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

from keras_multiclass import KerasMulticlassClassifier

X, y = load_iris(return_X_y=True)


def tiny(**params):
    defaults = {
        "backbone": "mlp",
        "backbone__hidden_units": (8,),
        "optimizer__learning_rate": 0.05,
        "epochs": 4,
        "batch_size": 50,
        "random_state": 0,
    }
    return KerasMulticlassClassifier(**{**defaults, **params})


class Recorder(keras.callbacks.Callback):
    """Records every hook that is called, in a list shared by all copies."""

    calls: list = []  # noqa: RUF012

    def __init__(self, tag=""):
        super().__init__()
        self.tag = tag
        self.used = False


def _hook(name):
    def called(self, number=None, logs=None):
        self.used = True
        type(self).calls.append((name, number if isinstance(number, int) else None))

    return called


HOOKS = [
    f"on_{name}"
    for name in (
        "train_begin", "train_end", "epoch_begin", "epoch_end", "train_batch_begin",
        "train_batch_end", "test_begin", "test_end", "test_batch_begin", "test_batch_end",
    )
]  # fmt: skip
for name in HOOKS:
    setattr(Recorder, name, _hook(name))


@pytest.fixture(autouse=True)
def clear_calls():
    Recorder.calls.clear()


@pytest.fixture(scope="module")
def split():
    is_validation = np.arange(150) % 3 == 0
    return {
        "X": X[~is_validation],
        "y": y[~is_validation],
        "X_val": X[is_validation],
        "y_val": y[is_validation],
    }


def test_all_hooks_are_called_in_the_same_order_as_by_keras(split):
    tiny(epochs=2, callbacks=Recorder()).fit(**split)
    ours = list(Recorder.calls)
    Recorder.calls.clear()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(
        split["X"],
        split["y"],
        validation_data=(split["X_val"], split["y_val"]),
        epochs=2,
        batch_size=50,
        verbose=0,
        callbacks=[Recorder()],
    )
    assert ours == Recorder.calls
    assert ("on_train_batch_end", 1) in ours


def test_the_logs_of_an_epoch_equal_the_history(split):
    seen = {}
    recorder = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.update({epoch: dict(logs)})
    )
    classifier = tiny(callbacks=[recorder], metrics=["accuracy"]).fit(**split)
    assert set(seen[0]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for name, values in classifier.history_.items():
        np.testing.assert_allclose([float(seen[i][name]) for i in range(4)], values)


@pytest.mark.parametrize(
    ("callbacks", "routed"),
    [
        (Recorder(tag="a"), {}),
        (Recorder, {"callbacks__tag": "a"}),
        ([Recorder], {"callbacks__0__tag": "a"}),
        ({"note": Recorder}, {"callbacks__note__tag": "a"}),
        ({"note": Recorder(tag="b")}, {"callbacks__note__tag": "a"}),
        (None, {"fit__callbacks": [Recorder(tag="a")]}),
    ],
    ids=["instance", "class", "list", "dict", "dict of instances", "fit__callbacks"],
)
def test_callbacks_are_accepted_in_every_form(callbacks, routed, monkeypatch):
    tags = []
    monkeypatch.setattr(Recorder, "on_train_begin", lambda self, logs=None: tags.append(self.tag))
    tiny(epochs=1, callbacks=callbacks, **routed).fit(X, y)
    assert tags == ["a"]


class Collector(keras.callbacks.Callback):
    """Collects losses, reports them and stops when told to, as a pruning callback does."""

    def __init__(self, trial, stop_at=99):
        super().__init__()
        self.trial = trial
        self.stop_at = stop_at
        self.losses = []

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["loss"])
        self.trial.report(epoch, logs["loss"])
        if epoch == self.stop_at:
            raise PrunedError


class PrunedError(Exception):
    pass


class Trial:
    """Cannot be copied, and holds what the user looks at afterwards."""

    def __init__(self):
        self.lock = threading.Lock()
        self.queue = queue.Queue()

    def report(self, step, value):
        with self.lock:
            self.queue.put((step, value))


@pytest.mark.parametrize("name", ["callbacks", "fit__callbacks"])
def test_the_user_s_own_callback_runs_and_has_what_it_collected(name):
    collector, history = Collector(Trial()), keras.callbacks.History()
    given = [collector, "terminate_on_nan", history]
    classifier = tiny(**{name: given}).fit(X, y)
    assert collector.losses == history.history["loss"] == classifier.history_["loss"]
    ran = classifier.callbacks_
    assert [type(each).__name__ for each in ran] == ["Collector", "TerminateOnNaN", "History"]
    assert (ran[0], ran[2]) == (collector, history)
    classifier.partial_fit(X, y)
    assert collector.losses == classifier.history_["loss"]
    assert len(collector.losses) == 5


def test_a_pruning_callback_reports_to_the_user_s_trial_and_stops_the_fit():
    trial = Trial()
    with pytest.raises(PrunedError):
        tiny(callbacks=Collector(trial, stop_at=1)).fit(X, y)
    assert [step for step, _ in trial.queue.queue] == [0, 1]


@pytest.mark.parametrize("copied", [clone, copy.deepcopy], ids=["clone", "deepcopy"])
def test_copies_have_callbacks_of_their_own_but_share_what_cannot_be_copied(copied):
    collector = Collector(Trial())
    classifier = tiny(callbacks={"collect": collector}).fit(X, y)
    (ours,) = copied(classifier).callbacks.values()
    assert ours is not collector
    assert ours.losses == collector.losses
    assert ours.losses is not collector.losses
    assert ours.trial is collector.trial
    assert collector.model is classifier.model_
    assert ours.model is None


def test_every_fit_of_a_search_has_callbacks_of_its_own():
    collector = Collector(Trial())
    search = GridSearchCV(tiny(callbacks=collector), {"epochs": [1, 2]}, cv=2, n_jobs=1)
    search.fit(X, y)
    assert collector.losses == []
    assert search.best_estimator_.callbacks_[0].losses == search.best_estimator_.history_["loss"]
    assert collector.trial.queue.qsize() == 2 * (1 + 2) + search.best_params_["epochs"]


def test_callbacks_that_have_run_can_be_pickled_without_the_model(tmp_path):
    callbacks = [
        keras.callbacks.EarlyStopping("loss", patience=9),
        keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
        Recorder(tag="mine"),
    ]
    classifier = tiny(callbacks=callbacks).fit(X, y)
    loaded = pickle.loads(pickle.dumps(classifier))
    assert all(
        ours is given for ours, given in zip(loaded.callbacks_, loaded.callbacks, strict=True)
    )
    assert [each.model for each in loaded.callbacks] == [None] * 3
    bare = pickle.dumps(classifier.set_params(callbacks=None))
    del classifier.callbacks_
    assert len(pickle.dumps(classifier)) > len(bare) - 3000
    loaded.fit(X, y)
    assert loaded.history_ == classifier.history_


class Weighted(keras.losses.Loss):
    """A loss with a weight that a callback changes."""

    def __init__(self, weight):
        super().__init__(name="weighted")
        self.weight = weight

    def call(self, y_true, y_pred):
        return self.weight * keras.losses.categorical_crossentropy(y_true, y_pred)


class Anneal(keras.callbacks.Callback):
    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def on_epoch_begin(self, epoch, logs=None):
        self.weight.assign(10.0**-epoch)


def by_attribute(weight):
    return Anneal(weight)


def by_closure(weight):
    return keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: weight.assign(10.0**-epoch)
    )


@pytest.mark.parametrize("anneal", [by_attribute, by_closure])
def test_a_callback_changes_a_variable_of_the_loss_while_it_trains(anneal):
    weight = keras.Variable(1.0)
    classifier = tiny(
        epochs=2,
        loss=Weighted(weight),
        callbacks=[anneal(weight)],
        optimizer__learning_rate=1e-8,
        warm_start=True,
    ).fit(X, y)
    fitted = [classifier, clone(classifier).fit(X, y)]
    if anneal is by_attribute:  # the other callback cannot be pickled
        fitted.append(pickle.loads(pickle.dumps(classifier)))
    for each in fitted:
        history = each.fit(X, y).history_["loss"]
        np.testing.assert_allclose(history, history[0] * 10.0 ** -np.arange(4), rtol=1e-3)


def test_routed_arguments_make_a_new_callback_of_the_same_class():
    stop = keras.callbacks.EarlyStopping("loss", patience=9)
    classifier = tiny(callbacks=[stop], callbacks__0__min_delta=100.0, callbacks__0__patience=1)
    assert classifier.fit(X, y).n_iter_ == 2
    assert (stop.patience, stop.model) == (9, None)
    assert classifier.callbacks_[0].patience == 1


def test_arguments_of_callbacks_can_be_set_after_construction():
    classifier = tiny(epochs=9, callbacks={"stop": keras.callbacks.EarlyStopping})
    classifier.set_params(callbacks__stop__monitor="loss", callbacks__stop__min_delta=100.0)
    assert classifier.set_params(callbacks__stop__patience=1).fit(X, y).n_iter_ == 2
    assert clone(classifier).set_params(callbacks__stop__patience=3).fit(X, y).n_iter_ == 4


def test_a_learning_rate_schedule_counts_epochs_over_all_fits():
    epochs = []

    def schedule(epoch, rate):
        epochs.append(epoch)
        return 0.1 / (1 + epoch)

    rates = keras.callbacks.LearningRateScheduler(schedule)
    classifier = tiny(epochs=2, callbacks=rates, warm_start=True).fit(X, y)
    np.testing.assert_allclose(classifier.history_["learning_rate"], [0.1, 0.05])
    classifier.fit(X, y).partial_fit(X, y)
    assert epochs == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(classifier.history_["learning_rate"], 0.1 / np.arange(1, 6))


def test_the_learning_rate_is_reduced_on_a_plateau():
    plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=100.0)
    classifier = tiny(callbacks=plateau).fit(X, y)
    np.testing.assert_allclose(
        classifier.history_["learning_rate"], [0.05, 0.05, 0.005, 0.0005], rtol=1e-5
    )


def test_early_stopping_as_a_callback_restores_the_best_epoch():
    stop = keras.callbacks.EarlyStopping("loss", mode="max", patience=2, restore_best_weights=True)
    stopped = tiny(epochs=9, callbacks=stop).fit(X, y)
    assert stopped.n_iter_ == 3  # the loss falls, so the first epoch is the "best"
    once = tiny(epochs=1).fit(X, y)
    np.testing.assert_array_equal(stopped.predict_proba(X), once.predict_proba(X))


def test_checkpoints_and_logs_are_written(tmp_path):
    checkpoint = keras.callbacks.ModelCheckpoint(str(tmp_path / "{epoch}.weights.h5"),
                                                 save_weights_only=True)  # fmt: skip
    logger = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    classifier = tiny(epochs=2, callbacks=[checkpoint, logger]).fit(X, y)
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == pytest.approx(classifier.history_["loss"])
    assert sorted(path.name for path in tmp_path.glob("*.h5")) == [
        "1.weights.h5", "2.weights.h5",
    ]  # fmt: skip
    expected = classifier.predict_proba(X)
    classifier.partial_fit(X, y)
    classifier.model_.load_weights(tmp_path / "2.weights.h5")
    np.testing.assert_array_equal(classifier.predict_proba(X), expected)


def test_a_callback_may_stop_training_within_an_epoch():
    class StopAtSecondBatch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    classifier = tiny(callbacks=StopAtSecondBatch()).fit(X, y)
    assert classifier.n_iter_ == 1
    classifier.set_params(callbacks=None).partial_fit(X, y)
    assert classifier.n_iter_ == 2


def test_terminate_on_nan_raises_the_usual_error():
    diverging = {"optimizer": "sgd", "optimizer__learning_rate": 1e30, "batch_size": 10}
    with pytest.raises(ValueError, match="in epoch 1. Usual causes"):
        tiny(callbacks=keras.callbacks.TerminateOnNaN(), **diverging).fit(X, y)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_a_copy_of_a_fitted_classifier_keeps_its_callbacks_and_continues_training(copied):
    callbacks = [
        keras.callbacks.EarlyStopping("loss", patience=9),
        keras.callbacks.ReduceLROnPlateau,
        Recorder(tag="mine"),
    ]
    monitor = {"callbacks__1__monitor": "loss"}
    classifier = tiny(epochs=2, callbacks=callbacks, **monitor).fit(X, y)
    second = copied(classifier)
    assert second.callbacks[2].tag == "mine"
    Recorder.calls.clear()
    second.partial_fit(X, y)
    assert ("on_epoch_end", 2) in Recorder.calls
    np.testing.assert_array_equal(
        second.predict_proba(X), classifier.partial_fit(X, y).predict_proba(X)
    )


def test_no_callback_runs_during_prediction():
    classifier = tiny(epochs=1, callbacks=Recorder()).fit(X, y)
    Recorder.calls.clear()
    classifier.predict(X)
    assert Recorder.calls == []


@pytest.mark.parametrize(
    ("callbacks", "error", "words"),
    [
        ("EarlyStoping", ValueError, "Did you mean 'EarlyStopping'"),
        (3, TypeError, "callbacks must be a name, a keras Callback class or"),
        ([keras.layers.Dense(3)], TypeError, "keras Callback"),
    ],
)
def test_a_value_that_is_no_callback_is_an_error(callbacks, error, words):
    with pytest.raises(error, match=words):
        tiny(epochs=1, callbacks=callbacks).fit(X, y)


class ScheduleOfVariable(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self):
        self.rate = keras.Variable(0.1, trainable=False)

    def __call__(self, step):
        return self.rate + 0.0

    def get_config(self):
        return {}


def sgd_of_a_schedule():
    schedule = ScheduleOfVariable()
    return {"optimizer": keras.optimizers.SGD(schedule)}, schedule.rate


def routed_schedule():
    schedule = ScheduleOfVariable()
    return {"optimizer": "sgd", "optimizer__learning_rate": schedule}, schedule.rate


def sgd():
    optimizer = keras.optimizers.SGD(0.1)
    return {"optimizer": optimizer}, optimizer.learning_rate


def compiled_model():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return {"model": model}, model.optimizer.learning_rate


class Factor(keras.layers.Layer):
    def build(self, input_shape):
        self.factor = self.add_weight(shape=(), initializer="ones", trainable=False)

    def call(self, inputs):
        return self.factor * inputs


def layer_of_a_builder():
    layer = Factor()
    model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(3)])
    return {"model": lambda: model}, layer.factor


class WithRate(keras.layers.Layer):
    rate = 0.5

    def call(self, inputs):
        return self.rate * inputs


def attribute_of_a_layer():
    layer = WithRate()
    model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(3)])
    return {"model": model}, lambda: setattr(layer, "rate", 2.0)


def activation_of_a_layer():
    params, _ = compiled_model()
    return params, lambda: setattr(params["model"].layers[-1], "activation", keras.ops.sigmoid)


def setting_of_an_optimizer():
    optimizer = keras.optimizers.SGD(0.1)
    return {"optimizer": optimizer}, lambda: setattr(optimizer, "clipnorm", 1e-6)


@pytest.mark.parametrize(
    "given",
    [
        *(sgd, sgd_of_a_schedule, routed_schedule, compiled_model, layer_of_a_builder),
        *(attribute_of_a_layer, activation_of_a_layer, setting_of_an_optimizer),
    ],
)
def test_changing_what_was_passed_causes_a_warning(given):
    params, rate = given()
    zero = rate if callable(rate) else lambda: rate.assign(0.0)
    change = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: zero())
    defaults = {} if "model" in params else {"backbone__hidden_units": (8,)}
    fitted = KerasMulticlassClassifier(**defaults, **params, epochs=2, callbacks=[change])
    with pytest.warns(UserWarning, match=r"trains a copy.*self\.model\.optimizer\.learning"):
        fitted.fit(X, y)


def test_a_builder_may_change_the_layers_that_it_uses():
    base = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, name="unfrozen")])

    def build():
        base.trainable = False
        return keras.Sequential([base, keras.layers.Dense(3)])

    KerasMulticlassClassifier(model=build, epochs=1, callbacks=Recorder()).fit(X, y)


def test_the_optimizer_that_a_callback_is_advised_to_change_is_the_one_that_trains():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.optimizer.learning_rate.assign(0.0)

    sgd = keras.optimizers.SGD(0.1)
    settings = {"optimizer": sgd, "optimizer__learning_rate": 0.1, "callbacks": [Stop()]}
    one, three = (tiny(**settings, epochs=epochs).fit(X, y) for epochs in (1, 3))
    for expected, found in zip(one.model_.get_weights(), three.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
