"""scikit-learn's callbacks (since 1.9): progress bars and scores of each epoch."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier, KerasMultilabelClassifier
from keras_multiclass.exceptions import DivergenceError, TrainingInterruptedWarning

skl = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks since 1.9")

X, y = load_iris(return_X_y=True)
ENGINES = ["graph", "keras"]


class Recorder:
    """Records calls of all hooks and the fitted estimators; fails or stops on demand."""

    def __init__(self, fail_at=None, stop_after=None):
        self.fail_at = fail_at
        self.stop_after = stop_after
        self.calls = []
        self.fitted = {}

    def _record(self, moment, context):
        self.calls.append((moment, context.task_name, context.task_id))
        if self.fail_at in (moment, f"{moment} {context.task_name}"):
            raise RuntimeError("this callback fails")

    def setup(self, estimator, context):
        self._record("setup", context)

    def teardown(self, estimator, context):
        self._record("teardown", context)

    def on_fit_task_begin(self, estimator, context, *, fitted_estimator=None):
        self.fitted["begin", context.task_name, context.task_id] = fitted_estimator
        self._record("begin", context)

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator=None):
        self.fitted["end", context.task_name, context.task_id] = fitted_estimator
        self.data = {"X": X, "y": y, "metadata": metadata}
        self._record("end", context)
        return context.task_name == "epoch" and context.task_id == self.stop_after

    def count(self, moment, name):
        return sum(call[:2] == (moment, name) for call in self.calls)


class PropagatedRecorder(Recorder):
    max_propagation_depth = None


def calls_of_a_fit(n_epochs):
    epochs = [(moment, "epoch", i) for i in range(n_epochs) for moment in ("begin", "end")]
    return [
        ("setup", "fit", 0), ("begin", "fit", 0), *epochs, ("end", "fit", 0), ("teardown", "fit", 0)
    ]  # fmt: skip


@pytest.fixture
def progress_bar():
    """scikit-learn's progress bar, on a console wide enough to show it whole."""
    rich = pytest.importorskip("rich", reason="scikit-learn draws its progress bars with rich")
    rich.reconfigure(width=300)
    yield skl.ProgressBar
    rich.reconfigure()


@pytest.mark.parametrize("engine", ENGINES)
def test_each_epoch_is_a_task_of_the_fit(engine):
    recorder = Recorder()
    tiny(epochs=3, engine=engine).set_callbacks(recorder).fit(X, y)
    assert recorder.calls == calls_of_a_fit(3)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_progress_bar_shows_the_fit(engine, progress_bar, capsys):
    tiny(epochs=2, engine=engine).set_callbacks(progress_bar()).fit(X, y)
    printed = capsys.readouterr().out
    assert "KerasMulticlassClassifier - fit" in printed
    assert "100%" in printed


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_progress_bars_show_a_search_and_its_fits(n_jobs, progress_bar, capfd):
    search = GridSearchCV(tiny(epochs=2), {"batch_size": [50, 75]}, cv=2, n_jobs=n_jobs)
    search.set_callbacks(progress_bar()).fit(X, y)
    printed = capfd.readouterr().out
    shown = "candidate-split-evaluation | KerasMulticlassClassifier - fit #{}"
    for bar in ("GridSearchCV - fit", *map(shown.format, range(4))):
        assert bar in printed
    assert "refit-with-best-params | KerasMulticlassClassifier - fit" in printed
    assert not hasattr(search.best_estimator_, "_skl_callbacks")


def test_a_search_passes_its_callbacks_on_through_a_pipeline():
    recorder = PropagatedRecorder()
    pipeline = make_pipeline(StandardScaler(), tiny(epochs=3))
    search = GridSearchCV(pipeline, {"kerasmulticlassclassifier__batch_size": [50, 75]}, cv=2)
    search.set_callbacks(recorder).fit(X, y)
    assert recorder.count("begin", "epoch") == recorder.count("end", "epoch") == 5 * 3
    assert recorder.count("setup", "fit") == recorder.count("teardown", "fit") == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_the_scores_of_an_epoch_equal_those_of_a_fit_that_ends_there(engine):
    monitor = skl.ScoringMonitor(scoring=["neg_log_loss", "accuracy"])
    labels = np.array(["setosa", "versicolor", "virginica"])[y]
    classifier = tiny(engine=engine).set_callbacks(monitor)
    classifier.set_params(epochs=4).fit(X, labels)
    whole, *epochs = monitor.get_logs().data
    for n_epochs, row in enumerate(epochs, start=1):
        probabilities = tiny(engine=engine, epochs=n_epochs).fit(X, labels).predict_proba(X)
        assert row["task_name"] == "epoch"
        assert row["neg_log_loss"] == pytest.approx(-log_loss(labels, probabilities), rel=1e-5)
    assert len(epochs) == 4
    for row in (whole, epochs[-1]):
        assert row["accuracy"] == classifier.score(X, labels)
        assert row["neg_log_loss"] == -log_loss(labels, classifier.predict_proba(X))


def test_several_labels_per_row_are_scored():
    monitor = skl.ScoringMonitor(scoring=["f1_micro", "roc_auc"])
    labels = np.eye(3, dtype=int)[y]
    labels[::5] = 1
    classifier = KerasMultilabelClassifier("mlp", epochs=2, random_state=0).set_callbacks(monitor)
    classifier.fit(X, labels)
    whole, *epochs = monitor.get_logs().data
    for row in (whole, epochs[-1]):
        assert row["f1_micro"] == f1_score(labels, classifier.predict(X), average="micro")
        assert row["roc_auc"] == roc_auc_score(labels, classifier.predict_proba(X))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_every_fit_of_a_search_is_scored(n_jobs):
    monitor = skl.ScoringMonitor(scoring="accuracy")
    classifier = tiny(epochs=2).set_callbacks(monitor)
    search = GridSearchCV(classifier, {"batch_size": [50, 75]}, cv=2, n_jobs=n_jobs).fit(X, y)
    rows = monitor.get_logs().data
    assert sum(row["task_name"] == "epoch" for row in rows) == 5 * 2
    (refit,) = [row for row in rows if row["task_name"] == "fit" and row["task_id_path"] == (0, 1)]
    assert refit["accuracy"] == search.score(X, y)


def _network(meta):
    return keras.Sequential([keras.layers.Dense(8), keras.layers.Dense(meta["n_classes_"])])


@pytest.mark.parametrize(
    "params",
    [
        {"backbone": keras.layers.Dense(8, "relu")},
        {"model": _network},
        {"dtype": "float64"},
        {"optimizer": keras.optimizers.SGD(0.1)},
    ],
    ids=["layer", "model", "float64", "optimizer"],
)
def test_every_kind_of_network_is_scored(params):
    monitor = skl.ScoringMonitor(scoring="neg_log_loss")
    # Calibration follows the last epoch.
    classifier = KerasMulticlassClassifier(
        epochs=2, early_stopping=False, calibration=None, **params
    ).set_callbacks(monitor)
    classifier.fit(X, y)
    whole, first, last = (row["neg_log_loss"] for row in monitor.get_logs().data)
    assert whole == last == -log_loss(y, classifier.predict_proba(X))
    assert first != last


@pytest.mark.parametrize("form", ["data frame", "one-hot"])
def test_every_form_of_data_is_scored(form):
    monitor = skl.ScoringMonitor(scoring="accuracy")
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    data = (frame, pd.Series(y)) if form == "data frame" else (X, np.eye(3)[y])
    classifier = tiny(epochs=2).set_callbacks(monitor).fit(*data)
    assert monitor.get_logs().data[-1]["accuracy"] == classifier.score(*data)


def test_scores_are_weighted_by_sample_weights():
    monitor, recorder = skl.ScoringMonitor(scoring="neg_log_loss"), Recorder()
    weights = np.arange(150) % 4
    classifier = tiny(epochs=2).set_callbacks(monitor, recorder).fit(X, y, sample_weight=weights)
    expected = -log_loss(y, classifier.predict_proba(X), sample_weight=weights)
    assert monitor.get_logs().data[-1]["neg_log_loss"] == expected
    assert recorder.data["X"] is X
    assert recorder.data["y"] is y
    assert recorder.data["metadata"]["sample_weight"] is weights


def test_the_fitted_estimator_of_an_epoch_is_independent():
    recorder = Recorder()
    classifier = tiny(epochs=3, metrics="accuracy").set_callbacks(recorder).fit(X, y)
    for n_epochs in (1, 2, 3):
        expected = tiny(epochs=n_epochs, metrics="accuracy").fit(X, y)
        fitted = recorder.fitted["end", "epoch", n_epochs - 1]
        assert fitted.n_iter_ == n_epochs
        for name, values in expected.history_.items():
            np.testing.assert_allclose(fitted.history_[name], values, rtol=1e-5)
        np.testing.assert_allclose(
            fitted.predict_proba(X), expected.predict_proba(X), rtol=1e-4, atol=1e-6
        )
    before = classifier.predict_proba(X)
    ended = recorder.count("teardown", "fit")
    recorder.fitted["end", "epoch", 2].partial_fit(X, y)
    assert recorder.count("teardown", "fit") == ended
    np.testing.assert_array_equal(classifier.predict_proba(X), before)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_callback_may_stop_training(engine):
    stopping, watching = Recorder(stop_after=1), Recorder()
    classifier = tiny(epochs=9, engine=engine).set_callbacks(stopping, watching).fit(X, y)
    assert classifier.n_iter_ == 2
    assert stopping.calls == watching.calls == calls_of_a_fit(2)


def test_early_stopping_ends_the_task_of_the_fit():
    monitor, recorder = skl.ScoringMonitor(scoring="neg_log_loss"), Recorder()
    early = {"patience": 1, "min_delta": 100.0}
    classifier = tiny(epochs=9, early_stopping=early).set_callbacks(monitor, recorder).fit(X, y)
    assert classifier.n_iter_ == 2
    assert recorder.calls == calls_of_a_fit(2)
    whole, best, last = (row["neg_log_loss"] for row in monitor.get_logs().data)
    assert whole == best != last  # the weights of the best epoch are restored


def test_the_task_of_an_interrupted_epoch_ends():
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if self.model.optimizer.iterations.numpy() == 4:
                raise KeyboardInterrupt

    recorder = Recorder()
    classifier = tiny(callbacks=Interrupt(), batch_size=50).set_callbacks(recorder)
    with pytest.warns(TrainingInterruptedWarning):
        classifier.fit(X, y)
    assert classifier.n_iter_ == 1
    assert recorder.calls == calls_of_a_fit(2)
    assert recorder.fitted["end", "epoch", 1] is None


def test_a_warm_start_continues_from_the_previous_fit():
    recorder = Recorder()
    classifier = tiny(epochs=2, warm_start=True).set_callbacks(recorder)
    classifier.fit(X, y).fit(X, y)
    assert recorder.calls == 2 * calls_of_a_fit(2)
    assert recorder.fitted["begin", "epoch", 0].n_iter_ == 2
    last = recorder.fitted["end", "epoch", 1]
    assert last.n_iter_ == len(last.history_["loss"]) == classifier.n_iter_ == 4
    np.testing.assert_array_equal(last.predict_proba(X), classifier.predict_proba(X))


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize(
    "moment", ["setup", "begin fit", "begin epoch", "end epoch", "end fit", "teardown"]
)
def test_a_failing_callback_is_torn_down_and_leaves_the_estimator_unchanged(moment, warm_start):
    classifier = tiny(epochs=2, warm_start=warm_start).fit(X, y)
    before, names = classifier.predict_proba(X), set(vars(classifier))
    failing = Recorder(fail_at=moment)
    with pytest.raises(RuntimeError, match="this callback fails"):
        classifier.set_callbacks(failing).fit(X, y)
    assert failing.count("setup", "fit") == failing.count("teardown", "fit") == 1
    assert set(vars(classifier)) - names == {"_skl_callbacks"}
    assert classifier.n_iter_ == 2
    np.testing.assert_array_equal(classifier.predict_proba(X), before)
    assert classifier.set_callbacks().fit(X, y).n_iter_ == (4 if warm_start else 2)


def test_divergence_is_reported_as_without_callbacks():
    monitor, recorder = skl.ScoringMonitor(scoring="accuracy"), Recorder()
    classifier = tiny(optimizer="sgd", optimizer__learning_rate=1e30, batch_size=10)
    with pytest.raises(DivergenceError, match="in epoch 1. Usual causes"):
        classifier.set_callbacks(monitor, recorder).fit(X, y)
    assert recorder.count("teardown", "fit") == 1
    assert recorder.count("end", "epoch") == 0


def test_no_callback_is_called_for_invalid_data():
    recorder = Recorder()
    with pytest.raises(ValueError, match="inconsistent"):
        tiny().set_callbacks(recorder).fit(X, y[1:])
    assert recorder.calls == []


def test_clones_keep_their_callbacks_like_scikit_learn_s_estimators():
    recorder = Recorder()
    for estimator in (tiny(epochs=1), LogisticRegression(C=0.01)):
        copied = clone(estimator.set_callbacks(recorder).fit(X, y))
        recorder.calls.clear()
        copied.fit(X, y)
        assert recorder.count("setup", "fit") == 1


def test_a_pickled_classifier_keeps_its_callbacks():
    classifier = tiny(epochs=2).set_callbacks(Recorder()).fit(X, y)
    copied = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(copied.predict_proba(X), classifier.predict_proba(X))
    (recorder,) = copied._skl_callbacks
    recorder.calls.clear()
    copied.fit(X, y)
    assert recorder.calls == calls_of_a_fit(2)


def test_only_fit_calls_callbacks():
    recorder = Recorder()
    tiny().set_callbacks(recorder).initialize(X, y).partial_fit(X, y)
    assert recorder.calls == []


def test_callbacks_can_be_removed():
    recorder = Recorder()
    tiny(epochs=1).set_callbacks(recorder).set_callbacks().fit(X, y)
    assert recorder.calls == []
