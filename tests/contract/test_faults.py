"""Errors in the user's code and a full disk leave estimator and process unchanged."""

from __future__ import annotations

import errno
import random
import signal
import sys
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.datasets import load_iris

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier

X, y = load_iris(return_X_y=True)


class UserError(Exception):
    """Raised by the user's code."""


def fail(*_arguments, **_options):
    raise UserError


def failing(base, method, **others):
    """Return a class of the user's with a method that fails."""
    return type("Failing", (base,), {method: fail, "get_config": lambda self: {}, **others})


def callback(hook):
    return {"callbacks": failing(keras.callbacks.Callback, hook)()}


def only_in_training(self, inputs, training=False):
    return fail() if training else inputs


def network(inputs):
    return failing(keras.layers.Layer, "call", call=only_in_training)()(inputs)


def model(step):
    def build():
        inputs = keras.Input((4,))
        return failing(keras.Model, step)(inputs, keras.layers.Dense(3)(inputs))

    return {"model": build}


FAULTS = {
    **{
        hook: callback(hook)
        for hook in ("set_model", "on_train_begin", "on_train_batch_end", "on_test_end")
    },
    "the last hook": callback("on_train_end"),
    "layer": {"backbone": network},
    "optimizer": {"optimizer": failing(keras.optimizers.SGD, "update_step")},
    "schedule": {
        "optimizer__learning_rate": failing(
            keras.optimizers.schedules.LearningRateSchedule, "__call__"
        )()
    },
    "train_step": model("train_step"),
    "test_step": model("test_step"),
}


def process_state():
    return (
        keras.config.floatx(),
        keras.config.dtype_policy().name,
        random.getstate(),
        np.random.get_state()[1].tolist(),
        signal.getsignal(signal.SIGINT),
        threading.active_count(),
    )


@pytest.fixture(scope="module")
def reference():
    return classifier().fit(X, y).predict_proba(X)


def classifier(**params):
    return tiny(**{"backbone__hidden_units": (4,), "epochs": 3, **params})


@pytest.mark.parametrize("engine", ["auto", "keras"])
@pytest.mark.parametrize("fault", FAULTS)
def test_an_error_of_the_users_code_changes_nothing(fault, engine, reference):
    fitted = KerasMulticlassClassifier(epochs=1, random_state=0, engine=engine).initialize(X, y)
    before, expected = process_state(), fitted.predict_proba(X)
    fitted.set_params(**FAULTS[fault])
    with pytest.raises(UserError):
        fitted.fit(X, y, X_val=X[::5], y_val=y[::5])
    assert process_state() == before
    np.testing.assert_array_equal(fitted.predict_proba(X), expected)
    np.testing.assert_array_equal(classifier().fit(X, y).predict_proba(X), reference)


@pytest.mark.parametrize("batch", [3, 8, 13])
def test_an_error_of_a_stream_changes_nothing(batch, reference):
    """In the first pass over five batches, and in the first and the second epoch."""
    count = 0

    def stream():
        nonlocal count
        for i in range(5):
            count += 1
            if count == batch:
                raise UserError
            yield X[i::5], y[i::5]

    fitted = classifier().fit(X, y)
    before = process_state()
    with pytest.raises(UserError):
        fitted.fit(stream)
    assert process_state() == before
    np.testing.assert_array_equal(fitted.predict_proba(X), reference)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # TensorFlow's
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the size of files")
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("ModelCheckpoint", "model.keras"),
        ("ModelCheckpoint", "model.h5"),
        ("TensorBoard", "logs"),
        ("BackupAndRestore", "backup"),
        ("CSVLogger", "log.csv"),
    ],
)
def test_a_full_disk_is_an_error_and_changes_nothing(name, file, tmp_path, reference):
    writer = getattr(keras.callbacks, name)(str(tmp_path / file))
    fitted = classifier().fit(X, y).set_params(callbacks=writer)
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, limits[1]))
    try:
        message = f"The files of {name} must be writable; got an error: File too large."
        with pytest.raises(OSError, match=message) as caught:
            fitted.fit(X, y)
        assert caught.value.errno == errno.EFBIG
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
        if name == "CSVLogger":  # which leaves its file open
            writer.csv_file.close()
    np.testing.assert_array_equal(fitted.predict_proba(X), reference)


def test_a_folder_that_cannot_be_written_to_is_named_as_such(tmp_path):
    (tmp_path / "file").touch()
    message = "The files of CSVLogger must be writable; got an error: Not a directory"
    with pytest.raises(NotADirectoryError, match=message):
        classifier(callbacks=keras.callbacks.CSVLogger(tmp_path / "file" / "log.csv")).fit(X, y)


def test_file_errors_of_other_code_remain_as_they_are():
    def read(epoch, logs):
        Path("missing").read_text()

    with pytest.raises(FileNotFoundError, match="missing"):
        classifier(callbacks=keras.callbacks.LambdaCallback(on_epoch_end=read)).fit(X, y)
