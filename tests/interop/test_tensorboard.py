"""`callbacks="tensorboard"` logs the history of each network to a separate folder."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score

from _toy import tiny
from keras_multiclass import KerasMultilabelClassifier

event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

iris = load_iris()
X, y = iris.data, iris.target_names[iris.target]
SPLIT = {"X": X[::2], "y": y[::2], "X_val": X[1::2], "y_val": y[1::2]}


@pytest.fixture(autouse=True)
def in_a_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def summaries_are_recorded_afterwards():
    """Undo what Keras' callback leaves behind of a fit that failed while it logged batches."""
    with tf.summary.record_if(True):
        yield


def scalars(folder):
    """Read all scalars of a folder as ``{tag: {step: value}}``."""
    found = event_accumulator.EventAccumulator(str(folder), size_guidance={"tensors": 0})
    found.Reload()
    read = {}
    for tag in found.Tags()["tensors"]:
        events = found.Tensors(tag)
        read[tag] = {event.step: float(tf.make_ndarray(event.tensor_proto)) for event in events}
    return read


def runs(folder="logs"):
    return sorted(Path(folder).iterdir())


def assert_logged(run, history, first=0):
    train = scalars(run / "train")
    validation = scalars(run / "validation") if any("val_" in name for name in history) else {}
    for name, values in history.items():
        where = validation if name.startswith("val_") else train
        logged = where[f"epoch_{name.removeprefix('val_')}"]
        assert list(logged) == list(range(first, first + len(values)))
        np.testing.assert_allclose(list(logged.values()), values, rtol=1e-6)


@pytest.mark.parametrize("engine", ["graph", "keras"])
def test_every_value_of_the_history_is_logged_for_training_and_validation(engine, capfd):
    metrics = ["accuracy", "macro_auc", "per_class_recall", "per_class_precision", "per_class_f1"]
    classifier = tiny(callbacks="tensorboard", metrics=metrics, epochs=3, engine=engine)
    classifier.fit(**SPLIT)
    assert classifier.engine_ == engine
    (run,) = runs()
    assert_logged(run, classifier.history_)
    assert "val_recall/versicolor" in classifier.history_
    assert "learning_rate" not in classifier.history_
    rates = scalars(run / "train")["epoch_learning_rate"]
    np.testing.assert_allclose(list(rates.values()), 0.05, rtol=1e-6)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("callbacks", "metrics"),
    [
        ("TensorBoard", None),
        (["terminate_on_nan", "tensorboard"], "per_class_recall"),
        ({"board": "tensorboard"}, ["accuracy", "per_class_f1"]),
    ],
)
@pytest.mark.parametrize("parameter", ["callbacks", "fit__callbacks"])
def test_the_scores_of_each_class_are_logged_by_default(parameter, callbacks, metrics):
    classifier = tiny(**{parameter: callbacks}, metrics=metrics, epochs=2).fit(**SPLIT)
    assert_logged(runs()[0], classifier.history_)
    scores = {
        f"val_{s}/{label}" for s in ("precision", "recall", "f1") for label in iris.target_names
    }
    assert scores <= set(classifier.history_)
    assert len([name for name in classifier.history_ if name.endswith("/setosa")]) == 6


def test_the_scores_of_each_label_are_logged_by_default():
    labels = pd.DataFrame(np.eye(3, dtype=int)[iris.target], columns=iris.target_names)
    labels[::5] = 1
    params = {"backbone__hidden_units": (4,), "epochs": 2, "validation_split": 0.3}
    classifier = KerasMultilabelClassifier("mlp", callbacks="tensorboard", **params).fit(X, labels)
    assert_logged(runs()[0], classifier.history_)
    assert {f"val_{s}/setosa" for s in ("precision", "recall", "f1")} <= set(classifier.history_)


def test_a_tensorboard_instance_adds_no_metrics(tmp_path):
    board = keras.callbacks.TensorBoard(tmp_path)
    assert set(tiny(callbacks=board, epochs=1).fit(X, y).history_) == {"loss"}


def test_the_graph_engine_trains_unless_batches_are_logged():
    classifier = tiny(callbacks="tensorboard", epochs=2).fit(X, y)
    assert classifier.engine_ == "graph"
    classifier.set_params(callbacks__tensorboard__update_freq="batch").fit(X, y)
    assert classifier.engine_ == "keras"
    assert "TensorBoard" in classifier.engine_reason_
    assert len(scalars(runs()[-1] / "train")["batch_loss"]) > 2


@pytest.mark.parametrize(
    "callbacks",
    [
        "tensorboard",
        "TensorBoard",
        ["tensorboard", keras.callbacks.TerminateOnNaN],
        {"tensorboard": "tensorboard", "stop": keras.callbacks.EarlyStopping("loss")},
    ],
    ids=["snake_case", "CamelCase", "list", "dict"],
)
def test_the_folder_is_a_routed_parameter(callbacks):
    name = "TensorBoard" if callbacks == "TensorBoard" else "tensorboard"
    folder = {f"callbacks__{name}__log_dir": Path("mine") / "deep"}
    classifier = tiny(callbacks=callbacks, epochs=2, **folder).fit(X, y)
    (run,) = runs("mine/deep")
    assert_logged(run, classifier.history_)
    assert not Path("logs").exists()


def test_each_fit_has_its_own_folder_and_continued_training_stays_in_it():
    classifier = tiny(callbacks="tensorboard", epochs=2, random_state=0).fit(X, y)
    (first,) = runs()
    classifier.partial_fit(X, y)
    classifier.set_params(warm_start=True).fit(X, y)
    again = pickle.loads(pickle.dumps(classifier)).partial_fit(X, y)
    assert runs() == [first]
    logged = scalars(first / "train")["epoch_loss"]
    np.testing.assert_allclose(list(logged.values()), again.history_["loss"], rtol=1e-6)
    clone(classifier).fit(X, y)
    assert len(runs()) == 2
    classifier.set_params(warm_start=False).fit(X, y)
    assert len(runs()) == 3


def test_folder_names_sort_by_time():
    tiny(callbacks="tensorboard", epochs=1).fit(X, y)
    (first,) = runs()
    tiny(callbacks="tensorboard", epochs=1).fit(X, y)
    assert runs()[0] == first


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_fits_of_a_search_log_to_separate_folders(n_jobs):
    classifier = tiny(callbacks="tensorboard", epochs=1)
    if n_jobs == 1:
        search = GridSearchCV(classifier, {"epochs": [1, 2]}, cv=2).fit(X, y)
        assert search.best_estimator_.n_iter_ in (1, 2)
        assert len(runs()) == 2 * 2 + 1
    else:
        from joblib import parallel_config

        with parallel_config("threading"):
            cross_val_score(classifier, X, y, cv=4, n_jobs=n_jobs)
        assert len(runs()) == 4
    lengths = {len(scalars(run / "train")["epoch_loss"]) for run in runs()}
    assert lengths == ({1, 2} if n_jobs == 1 else {1})


def test_each_value_of_a_metric_with_several_is_logged():
    for engine in ("graph", "keras"):
        classifier = tiny(
            callbacks="tensorboard", metrics=keras.metrics.F1Score, epochs=2, engine=engine
        ).fit(**SPLIT)
        assert np.shape(classifier.history_["f1_score"]) == (2, 3)
    for run in runs():
        for part, prefix in (("train", ""), ("validation", "val_")):
            logged = scalars(run / part)
            for i in range(3):
                values = [row[i] for row in classifier.history_[f"{prefix}f1_score"]]
                found = list(logged[f"epoch_f1_score/{i}"].values())
                np.testing.assert_allclose(found, values, atol=1e-3)


@pytest.mark.parametrize(
    "callbacks",
    ["tensorboard", keras.callbacks.TensorBoard, keras.callbacks.TensorBoard("logs")],
    ids=["name", "class", "instance"],
)
def test_a_fitted_classifier_can_be_pickled_and_copied(callbacks):
    classifier = tiny(callbacks=callbacks, epochs=1).fit(X, y)
    for again in (pickle.loads(pickle.dumps(classifier)), copy.deepcopy(classifier)):
        np.testing.assert_array_equal(again.predict(X), classifier.predict(X))
        assert again.fit(X, y).n_iter_ == 1


def open_logs():
    folder = Path("/proc/self/fd")
    targets = [os.readlink(link) for link in folder.iterdir() if link.exists()]
    return [target for target in targets if "tfevents" in target]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_no_file_stays_open_after_fits_that_succeed_or_fail():
    tiny(callbacks="tensorboard", epochs=1).fit(**SPLIT)
    assert open_logs() == []
    diverging = {"optimizer": "sgd", "optimizer__learning_rate": 1e30}
    with pytest.raises(ValueError, match="must stay finite"):
        tiny(callbacks="tensorboard", **diverging).fit(**SPLIT)
    gc.collect()
    assert open_logs() == []


def test_the_error_for_a_missing_package_says_what_to_install(monkeypatch):
    classifier = tiny(callbacks="tensorboard", epochs=1)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ImportError, match="'tensorboard' needs the package tensorboard"):
        classifier.fit(X, y)
    assert not hasattr(classifier, "model_")
    assert not Path("logs").exists()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("log_dir", None, "`log_dir` must be a path; got None"),
        ("log_dir", 3, "`log_dir` must be a path; got 3"),
        ("log_dir", "file/logs", "`log_dir` of 'tensorboard' must be a folder that can be written"),
        (
            "update_freq",
            "x",
            "`update_freq` must be 'epoch' or 'batch' or an integer of at least 1",
        ),
        ("update_freq", 0, "`update_freq` must be .*; got 0"),
        ("histogram_freq", "x", "`histogram_freq` must be an integer of at least 0; got 'x'"),
    ],
)
def test_invalid_arguments_are_errors(name, value, message):
    Path("file").touch()
    classifier = tiny(callbacks="tensorboard", epochs=1)
    classifier.set_params(**{f"callbacks__tensorboard__{name}": value})
    with pytest.raises(ValueError, match=message):
        classifier.fit(X, y)
    assert not hasattr(classifier, "model_")
    assert [path.name for path in Path().iterdir()] == ["file"]


def test_a_fit_that_fails_while_logging_batches_does_not_affect_the_next():
    def fail(epoch, logs):
        raise RuntimeError("stopped by the test")

    failing = tiny(
        callbacks=["tensorboard", keras.callbacks.LambdaCallback(on_epoch_end=fail)],
        callbacks__tensorboard__log_dir="failed",
        callbacks__tensorboard__update_freq=1000,
    )
    with pytest.raises(RuntimeError, match="stopped by the test"):
        failing.fit(X, y)
    classifier = tiny(callbacks="tensorboard", epochs=2).fit(**SPLIT)
    (run,) = runs()
    assert_logged(run, classifier.history_)
