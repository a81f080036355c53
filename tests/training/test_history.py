"""`history_`, and what says how to read it: `metric_modes_` and `validated_epochs_`."""

from __future__ import annotations

import pickle

import keras
import pytest
from sklearn.datasets import load_iris

from _toy import tiny

X, y = load_iris(return_X_y=True)
VALIDATION = {"X_val": X[::3], "y_val": y[::3]}
ENGINES = ["graph", "keras"]


def brier(y_true, y_pred):
    """Lower is better, and the name does not say so."""
    return keras.ops.sum((y_true - y_pred) ** 2, axis=-1)


class StopAfter(keras.callbacks.Callback):
    """Stops the training, or presses Ctrl-C, when a number of epochs has ended."""

    def __init__(self, n_epochs, interrupt=False):
        super().__init__()
        self.n_epochs, self.interrupt = n_epochs, interrupt

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch + 1 == self.n_epochs

    def on_epoch_begin(self, epoch, logs=None):
        if self.interrupt and epoch == self.n_epochs:
            raise KeyboardInterrupt


def assert_every_validation_has_its_epoch(classifier):
    for name, values in classifier.history_.items():
        if name.startswith("val_"):
            assert len(values) == len(classifier.validated_epochs_)


# --- metric_modes_ --------------------------------------------------------------------------------


def test_modes_say_which_values_of_a_metric_are_better():
    metrics = [
        "accuracy", "crossentropy", "macro_f1", "per_class_recall", "mean_squared_error", brier,
        "true_negatives", keras.metrics.F1Score(average=None, name="by_class"),
    ]  # fmt: skip
    classifier = tiny(epochs=1, metrics=metrics).fit(X, y, **VALIDATION)
    expected = {
        "loss": "min", "accuracy": "max", "crossentropy": "min", "macro_f1": "max",
        "recall/0": "max", "recall/1": "max", "recall/2": "max", "mean_squared_error": "min",
        "brier": "min", "true_negatives": None, "by_class": None,
    }  # fmt: skip
    assert classifier.metric_modes_ == {
        **expected,
        **{f"val_{name}": mode for name, mode in expected.items()},
    }
    assert classifier.metric_modes_.keys() == classifier.history_.keys()


def test_the_modes_of_metrics_that_were_set_earlier_stay_known():
    classifier = tiny(epochs=1, metrics="accuracy", warm_start=True).fit(X, y)
    classifier.set_params(metrics=brier).fit(X, y)
    assert classifier.metric_modes_ == {"loss": "min", "accuracy": "max", "brier": "min"}


def test_a_value_that_a_callback_logs_has_no_known_mode():
    class Log(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["noise"] = 0.5

    classifier = tiny(epochs=1, callbacks=Log()).fit(X, y)
    assert classifier.metric_modes_ == {"loss": "min", "noise": None}


# --- validated_epochs_ ----------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("frequency", "epochs"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4]), ([1, 4, 9], [1, 4]), (7, [])]
)
def test_epochs_are_validated_as_often_as_requested(engine, frequency, epochs):
    classifier = tiny(epochs=5, fit__validation_freq=frequency, engine=engine)
    assert classifier.fit(X, y, **VALIDATION).validated_epochs_ == epochs
    assert_every_validation_has_its_epoch(classifier)


def test_epochs_are_counted_over_the_whole_life_of_the_model():
    classifier = tiny(epochs=3, fit__validation_freq=2, warm_start=True)
    runs = [
        (classifier.fit, VALIDATION, [2]),
        (classifier.fit, {}, [2]),
        (classifier.partial_fit, {}, [2]),
        (classifier.fit, VALIDATION, [2, 8, 10]),
    ]
    for train, validation, epochs in runs:
        assert train(X, y, **validation).validated_epochs_ == epochs
        assert_every_validation_has_its_epoch(classifier)
    assert classifier.n_iter_ == 10
    assert pickle.loads(pickle.dumps(classifier)).validated_epochs_ == [2, 8, 10]
    assert classifier.set_params(warm_start=False).fit(X, y).validated_epochs_ == []


@pytest.mark.parametrize("interrupt", [False, True])
@pytest.mark.filterwarnings("ignore::keras_multiclass.exceptions.TrainingInterruptedWarning")
def test_epochs_that_were_not_reached_are_not_validated(interrupt):
    callback = StopAfter(3, interrupt)
    classifier = tiny(epochs=9, callbacks=callback).fit(X, y, **VALIDATION)
    assert classifier.validated_epochs_ == [1, 2, 3]
    assert_every_validation_has_its_epoch(classifier)


def test_a_network_without_training_has_no_entries():
    classifier = tiny(metrics="accuracy").initialize(X, y)
    assert (classifier.metric_modes_, classifier.validated_epochs_) == ({}, [])


def test_a_fit_that_fails_leaves_the_earlier_run():
    classifier = tiny(epochs=2, warm_start=True).fit(X, y, **VALIDATION)
    with pytest.raises(ValueError, match="classes"):
        classifier.fit(X, y + 7)
    assert classifier.validated_epochs_ == [1, 2]
