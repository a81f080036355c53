"""What Ctrl-C does: where it keeps a part of the training, and where it stops everything."""

from __future__ import annotations

import multiprocessing
import pickle
import random
import signal
import sys
import types
import warnings

import keras
import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from _toy import tiny
from keras_multiclass.evaluation import cross_validated_report
from keras_multiclass.exceptions import TrainingInterruptedWarning

X, y = load_iris(return_X_y=True)

fits = []


class Interrupt(keras.callbacks.Callback):
    """Interrupts every fit in its second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            fits.append(self)
            raise KeyboardInterrupt


def interrupted(**params):
    fits.clear()
    return tiny(**{"epochs": 3, "backbone__hidden_units": (4,), "callbacks": Interrupt(), **params})


def call_from(module, file, function, *arguments):
    """Call a function from the code of a module in a file."""
    caller = types.ModuleType(module)
    exec(compile("def call(f, *a): return f(*a)", file, "exec"), vars(caller))
    return caller.call(function, *arguments)


INSTALLED = "/usr/lib/python3/site-packages/other/search.py"
SEARCHES = {
    "search": lambda c: GridSearchCV(c, {"batch_size": [50, 150]}).fit(X, y),
    "cross-validation": lambda c: cross_validate(c, X, y),
    "report": lambda c: cross_validated_report(c, X, y),
    "bagging": lambda c: BaggingClassifier(c).fit(X, y),
    "one-vs-rest": lambda c: OneVsRestClassifier(c).fit(X, y),
    "calibration": lambda c: CalibratedClassifierCV(c).fit(X, y),
    "pipeline in a search": lambda c: cross_validate(make_pipeline(StandardScaler(), c), X, y),
    "joblib": lambda c: Parallel()(delayed(clone(c).fit)(X, y) for _ in range(2)),
    "objective": lambda c: call_from("optuna.study", "study.py", lambda: c.fit(X, y)),
    "other package": lambda c: call_from("other.search", INSTALLED, c.fit, X, y),
}
ALONE = {
    "fit": lambda c: c.fit(X, y),
    "pipeline": lambda c: make_pipeline(StandardScaler(), c).fit(X, y)[-1],
    "own function": lambda c: call_from("other", "/home/user/other.py", c.fit, X, y),
    # Command lines, notebooks and test runners call the user's code, too.
    "runner": lambda c: call_from("other.run", INSTALLED, lambda: c.fit(X, y)),
}


@pytest.mark.parametrize("call", SEARCHES.values(), ids=SEARCHES)
def test_an_interrupt_stops_whatever_fits_many_classifiers(call):
    with pytest.raises(KeyboardInterrupt):
        call(interrupted())
    assert len(fits) == 1


@pytest.mark.parametrize("call", ALONE.values(), ids=ALONE)
def test_an_interrupt_ends_a_fit_that_the_user_has_called(call):
    with pytest.warns(TrainingInterruptedWarning, match="1 of 3 epochs"):
        fitted = call(interrupted())
    assert fitted.n_iter_ == 1


def test_an_interrupt_stops_a_worker_process(monkeypatch):
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: object())
    with pytest.raises(KeyboardInterrupt):
        interrupted().fit(X, y)


def test_an_interrupted_partial_fit_changes_nothing():
    fitted = interrupted(callbacks=None).partial_fit(X, y)
    before = fitted.predict_proba(X)
    fitted.set_params(callbacks=Interrupt())
    with pytest.raises(KeyboardInterrupt):
        fitted.partial_fit(X, y)
    assert fitted.n_iter_ == 1
    np.testing.assert_array_equal(fitted.predict_proba(X), before)


def interrupt_at_call(number, function):
    """Press Ctrl-C when a function is called in Python for the n-th time; return their number."""
    count = 0

    def count_calls(frame, event, argument):
        nonlocal count
        count += event == "call"
        if count == number and event == "call":
            signal.raise_signal(signal.SIGINT)

    sys.setprofile(count_calls)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def process_settings():
    generators = random.getstate(), np.random.get_state()[1].tolist()
    return signal.getsignal(signal.SIGINT), keras.config.floatx(), generators


RUNS = {
    "fit": ({}, lambda c: c.fit(X, y)),
    "continued fit": ({"warm_start": True, "early_stopping": 2}, lambda c: c.fit(X, y)),
    "partial_fit": ({"optimizer": "sgd"}, lambda c: c.partial_fit(X, y)),
    "Keras engine": ({"engine": "keras"}, lambda c: c.partial_fit(X, y)),
    "stream": ({}, lambda c: c.partial_fit(lambda: [(X[::2], y[::2]), (X[1::2], y[1::2])])),
    "predict": ({}, lambda c: c.predict(X)),
}


@pytest.mark.parametrize("name", RUNS)
def test_an_interrupt_at_any_moment_leaves_a_consistent_classifier(name):
    """The weights are those that the history describes, and what was fitted remains usable."""
    params, run = RUNS[name]
    packed = pickle.dumps(interrupted(callbacks=None, epochs=2, **params).fit(X, y))
    whole = pickle.loads(packed)
    n_calls = interrupt_at_call(0, lambda: run(whole))
    states = {tuple(c.history_["loss"]): c.predict_proba(X) for c in (pickle.loads(packed), whole)}
    outcomes, settings = set(), process_settings()
    for number in np.linspace(1, n_calls - 1, 8).astype(int):
        fitted = pickle.loads(packed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", TrainingInterruptedWarning)
                interrupt_at_call(number, lambda fitted=fitted: run(fitted))
        except KeyboardInterrupt:
            outcomes.add("raised")
        assert process_settings() == settings
        restored = pickle.loads(pickle.dumps(fitted))
        history, probabilities = restored.history_, restored.predict_proba(X)
        np.testing.assert_array_equal(fitted.predict_proba(X), probabilities)
        assert {len(values) for values in history.values()} == {fitted.n_iter_}
        if tuple(history["loss"]) in states:
            np.testing.assert_array_equal(probabilities, states[tuple(history["loss"])])
    assert outcomes == {"raised"}
