"""`verbose`: a live line or one line per epoch, in terminals, notebooks and logs."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import re
import sys
import threading
import time
import types

import joblib
import keras
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

from _toy import tiny
from keras_multiclass._training import progress
from keras_multiclass.exceptions import DivergenceError, TrainingInterruptedWarning

X, y = load_iris(return_X_y=True)
ENGINES = ["graph", "keras"]
CONTROL = re.compile(r"[^\n\x20-\x7e]")


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self):
        return True


class Clock:
    """Replacement for the module `time`, advanced by callbacks."""

    now = 0.0

    @classmethod
    def monotonic(cls):
        return cls.now


class TenSeconds(keras.callbacks.Callback):
    """Make each epoch last ten seconds."""

    def on_epoch_end(self, epoch, logs=None):
        Clock.now += 10


class TenSecondsAStep(keras.callbacks.Callback):
    """Make each step last ten seconds."""

    def on_train_batch_end(self, batch, logs=None):
        Clock.now += 10


@pytest.fixture
def clock(monkeypatch):
    Clock.now = 0.0
    monkeypatch.setattr(progress, "time", Clock)


@pytest.fixture
def every_update_is_shown(monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_UPDATES", 0)


def output_of(method, *args, to=Terminal):
    with contextlib.redirect_stdout(to()) as out:
        method(*args)
    return out.getvalue()


def screen(text):
    """Return the lines that a terminal shows after a text was written to it."""
    lines = []
    for line in text.split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return lines


def value_of(name, line):
    return float(re.search(rf"(?<!\w){name} (\S+)", line)[1])


# --- live line ------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("params", [{}, {"validation_split": 0.2}, {"early_stopping": 3}])
def test_a_fit_is_one_line_in_a_terminal(engine, params):
    classifier = tiny(verbose=1, epochs=4, engine=engine, **params)
    text = output_of(classifier.fit, X, y)
    line, after = screen(text)
    assert after == ""
    assert value_of("loss", line) == pytest.approx(classifier.history_["loss"][-1], abs=5.1e-5)
    assert re.search(r"\d m?s$", line)
    assert "preparing" in text.split("\r")[1]
    assert classifier.engine_ == engine


def test_the_summary_contains_the_best_epoch():
    classifier = tiny(verbose=1, validation_split=0.2, epochs=5)
    line = screen(output_of(classifier.fit, X, y))[0]
    losses = classifier.history_["val_loss"]
    assert line.startswith("5 epochs  loss ")
    assert value_of("val_loss", line) == pytest.approx(losses[-1], abs=5.1e-5)
    assert value_of("best", line) == pytest.approx(min(losses), abs=5.1e-5)
    assert f"in epoch {np.argmin(losses) + 1})" in line


@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy", "loss"])
def test_the_summary_contains_the_monitored_quantity(monitor):
    early = {"monitor": monitor, "patience": 1, "min_delta": 0.05}
    classifier = tiny(verbose=1, metrics="accuracy", early_stopping=early, epochs=50)
    line = screen(output_of(classifier.fit, X, y))[0]
    values, best = classifier.history_[monitor], classifier.n_iter_ - 1
    assert line.startswith(f"stopped early after {best + 1} of 50 epochs  loss ")
    assert value_of(monitor, line) == pytest.approx(values[-1], abs=5.1e-5)
    assert value_of("best", line) == pytest.approx(values[best - 1], abs=5.1e-5)
    assert f"in epoch {best})" in line


def test_the_score_of_a_class_is_shown_if_early_stopping_monitors_it():
    early = {"monitor": "val_recall/1", "patience": 1}
    classifier = tiny(verbose=1, metrics="per_class_recall", early_stopping=early, epochs=50)
    line = screen(output_of(classifier.fit, X, y))[0]
    values = classifier.history_["val_recall/1"]
    assert value_of("loss", line) == pytest.approx(classifier.history_["loss"][-1], abs=5.1e-5)
    shown = f"val_recall/1 {values[-1]:.4f} (best {max(values):.4f} in epoch "
    assert f"{shown}{np.argmax(values) + 1})" in line
    assert "recall/0" not in line


def test_a_validation_loss_that_is_nan_is_not_the_best():
    class NanFirst(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                logs["val_loss"] = np.nan

    classifier = tiny(verbose=1, validation_split=0.2, epochs=3, callbacks=NanFirst())
    line = screen(output_of(classifier.fit, X, y))[0]
    rest = classifier.history_["val_loss"][1:]
    assert f"(best {min(rest):.4f} in epoch {np.argmin(rest) + 2})" in line
    assert f"best val_loss {min(rest):.4g} in epoch" in classifier._repr_html_()


def test_without_validation_the_first_metric_is_shown():
    classifier = tiny(verbose=1, metrics=["accuracy", "macro_f1"])
    line = screen(output_of(classifier.fit, X, y))[0]
    assert value_of("accuracy", line) == pytest.approx(
        classifier.history_["accuracy"][-1], abs=5.1e-5
    )
    assert "best" not in line
    assert "macro_f1" not in line


@pytest.mark.usefixtures("clock")
def test_the_line_shows_elapsed_and_remaining_time():
    shown = output_of(tiny(verbose=1, callbacks=TenSeconds()).fit, X, y).split("\r")
    third = next(part for part in shown if "epoch  3/10" in part)
    assert third.rstrip().endswith("30 s, 1 min 10 s left")
    bar = re.match(r"\[(=*)( *)\]", third)
    assert len(bar[1]) == int(0.3 * (len(bar[1]) + len(bar[2])))
    assert shown[-1].rstrip().endswith("1 min 40 s")


@pytest.mark.usefixtures("clock")
def test_the_remaining_time_is_estimated_within_the_first_long_epoch():
    classifier = tiny(verbose=1, epochs=2, batch_size=50, callbacks=TenSecondsAStep())
    shown = output_of(classifier.fit, X, y).split("\r")
    assert re.search(r"epoch 1/2  step 1/3  loss \S+  10 s, 50 s left", shown[2])


def test_the_line_is_updated_a_few_times_per_second():
    started = time.perf_counter()
    text = output_of(tiny(verbose=1, epochs=300, callbacks=keras.callbacks.Callback()).fit, X, y)
    seconds = time.perf_counter() - started
    assert text.count("\r") <= 3 + seconds / 0.25


@pytest.mark.usefixtures("every_update_is_shown")
@pytest.mark.parametrize("batch_size", [50, 75])
def test_steps_of_long_epochs_are_shown_if_the_engine_reports_them(monkeypatch, batch_size):
    monkeypatch.setattr(progress, "_LONG_EPOCH", 0)
    classifier = tiny(verbose=1, epochs=2, engine="keras", batch_size=batch_size)
    text = output_of(classifier.fit, X, y)
    steps = 150 // batch_size
    assert f"epoch 2/2  step 1/{steps}  loss" in text
    assert f"epoch 2/2  step {steps}/{steps}  loss" in text


@pytest.mark.usefixtures("every_update_is_shown")
def test_steps_of_a_stream_are_shown(monkeypatch):
    monkeypatch.setattr(progress, "_LONG_EPOCH", 0)

    def batches():
        yield X[::2], y[::2]
        yield X[1::2], y[1::2]

    text = output_of(tiny(verbose=1, epochs=2).fit, batches)
    assert "epoch 2/2  step 2/2  loss" in text
    assert screen(text)[0].startswith("2 epochs  loss")


@pytest.mark.usefixtures("every_update_is_shown")
@pytest.mark.parametrize("width", [30, 60, 100])
def test_lines_fit_the_width_of_a_real_terminal(width):
    pty = pytest.importorskip("pty", reason="needs pseudo-terminals")
    termios = pytest.importorskip("termios")
    reading, writing = pty.openpty()
    termios.tcsetwinsize(writing, (24, width))
    with os.fdopen(writing, "w") as terminal, contextlib.redirect_stdout(terminal):
        tiny(verbose=1, epochs=5, engine="keras").fit(X, y)
    text = b""
    with contextlib.suppress(OSError), os.fdopen(reading, "rb", buffering=0) as read:
        while part := read.read(1024):
            text += part
    *updates, last, _ = text.decode().replace("\r\n", "\n").replace("\n", "\r").split("\r")
    assert len(updates) >= 6
    assert all(len(update) < width for update in updates)
    assert last.startswith("5 epochs  loss")
    assert any("[====" in update for update in updates) == (width > 30)


# --- logs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_a_short_fit_writes_one_line_to_a_log(capsys, engine):
    tiny(verbose=1, engine=engine).fit(X, y)
    printed = capsys.readouterr()
    assert re.fullmatch(r"10 epochs  loss \d\.\d{4}  [\d.]+ m?s\n", printed.out)
    assert printed.err == ""


@pytest.mark.usefixtures("clock")
def test_a_long_fit_writes_a_line_to_a_log_at_each_tenth():
    classifier = tiny(verbose=1, epochs=40, callbacks=TenSeconds())
    text = output_of(classifier.fit, X, y, to=io.StringIO)
    *lines, last, end = text.split("\n")
    assert [line[:11] for line in lines] == [f"epoch {n:2}/40" for n in range(4, 41, 4)]
    assert last.startswith("40 epochs")
    assert end == ""
    assert not CONTROL.search(text)
    for line, loss in zip(lines, classifier.history_["loss"][3::4], strict=True):
        assert value_of("loss", line) == pytest.approx(loss, abs=5.1e-5)


def test_fits_in_other_threads_write_complete_lines():
    search = GridSearchCV(tiny(verbose=1, epochs=2), {"batch_size": [50, 75]}, cv=2, refit=False)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        text = output_of(search.fit, X, y)
    lines = text.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("2 epochs  loss") for line in lines)
    assert not CONTROL.search(text)


# --- one line per epoch ---------------------------------------------------------------------------


@pytest.mark.parametrize(("engine", "to"), [("graph", Terminal), ("keras", io.StringIO)])
def test_each_epoch_has_a_line_with_all_metrics(engine, to):
    metrics = ["accuracy", keras.metrics.F1Score(average=None, name="by_class")]
    classifier = tiny(
        verbose=2, epochs=12, engine=engine, metrics=metrics, validation_split=0.2, batch_size=40
    )
    text = output_of(classifier.fit, X, y, to=to)
    lines = text.splitlines()
    assert len(lines) == 12
    assert np.ndim(classifier.history_["by_class"][0]) == 1
    pattern = (
        r"epoch [ \d]\d/12  loss \d\.\d{4}   accuracy \d\.\d{4}   "
        r"val_loss \d\.\d{4}   val_accuracy \d\.\d{4}   [\d.]+ m?s"
    )
    for number, line in enumerate(lines):
        assert re.fullmatch(pattern, line)
        assert int(re.match(r"epoch +(\d+)/", line)[1]) == number + 1
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            expected = classifier.history_[name][number]
            assert value_of(name, line) == pytest.approx(expected, abs=5.1e-5)
    assert not CONTROL.search(text)


def test_scores_of_individual_classes_are_not_shown():
    classifier = tiny(verbose=2, epochs=1, metrics=["per_class_f1", "accuracy"])
    text = output_of(classifier.fit, X, y)
    assert "f1/0" in classifier.history_
    assert re.fullmatch(r"epoch 1/1  loss \S+ +accuracy \S+ +[\d.]+ m?s\n", text)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0.0000"),
        (0.43123, "0.4312"),
        (12.3456, "12.346"),
        (-1234.56, "-1234.6"),
        (0.00012345, "1.2e-04"),
        (1234567.0, "1.2e+06"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_of_any_size_are_short(value, shown):
    assert progress._format_number(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0021, "2 ms"),
        (0.02, "0.02 s"),
        (3.14, "3.1 s"),
        (59.4, "59 s"),
        (59.9, "1 min 00 s"),
        (3599.9, "1 h 00 min"),
        (7380, "2 h 03 min"),
    ],
)
def test_durations_are_short(seconds, shown):
    assert progress._format_duration(seconds) == shown


# --- kinds of training ----------------------------------------------------------------------------


@pytest.mark.parametrize("verbose", [1, 2])
def test_epoch_numbers_continue_over_warm_starts(verbose, capsys):
    classifier = tiny(verbose=verbose, epochs=2, warm_start=True)
    shown = []
    for train in (classifier.fit, classifier.fit, classifier.partial_fit):
        train(X, y)
        shown.append([line.split("  ")[0] for line in capsys.readouterr().out.splitlines()])
    if verbose == 1:
        assert shown == [["2 epochs"], ["2 epochs (4 in all)"], ["1 epoch (5 in all)"]]
    else:
        assert shown == [["epoch 1/2", "epoch 2/2"], ["epoch 3/4", "epoch 4/4"], ["epoch 5/5"]]


@pytest.mark.parametrize(
    ("choice", "engine", "early_stopping"),
    [("auto", "graph", False), ("auto", "graph", 1), ("keras", "keras", 1)],
)
def test_verbose_changes_neither_result_nor_engine(choice, engine, early_stopping):
    results = []
    for verbose in (0, 1, 2):
        params = {"early_stopping": early_stopping, "backbone__dropout": 0.2, "batch_size": 40}
        classifier = tiny(verbose=verbose, epochs=4, engine=choice, validation_split=0.2, **params)
        output_of(classifier.fit, X, y)
        assert classifier.engine_ == engine
        results.append((classifier.predict_proba(X), classifier.history_))
    for probabilities, history in results[1:]:
        np.testing.assert_array_equal(probabilities, results[0][0])
        assert history == results[0][1]


@pytest.mark.parametrize("verbose", [1, 2])
def test_the_display_is_not_kept_after_fit(verbose):
    classifier = tiny(verbose=verbose, epochs=2)
    output_of(classifier.fit, X, y)
    pickled = pickle.dumps(classifier)
    assert progress.__name__.encode() not in pickled
    assert "preparing" not in output_of(pickle.loads(pickled).predict, X)


def test_nothing_is_printed_without_training(capfd):
    tiny(verbose=1).initialize(X, y).predict(X)
    tiny(epochs=2).fit(X, y)
    assert capfd.readouterr() == ("", "")


def test_a_callback_that_prints_still_prints(capsys):
    tiny(epochs=2, callbacks="ProgbarLogger").fit(X, y)
    assert "Epoch 2/2" in capsys.readouterr().out


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_callbacks_find_verbose_in_their_params(verbose, capsys):
    callback = keras.callbacks.Callback()
    tiny(epochs=1, callbacks=[callback], verbose=verbose).fit(X, y)
    assert callback.params["verbose"] == verbose
    capsys.readouterr()


# --- unplanned ends -------------------------------------------------------------------------------


class InterruptAt(keras.callbacks.Callback):
    """Interrupt the training at the beginning of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.usefixtures("every_update_is_shown")
def test_the_summary_of_an_interrupted_fit_says_so():
    with pytest.warns(TrainingInterruptedWarning):
        text = output_of(tiny(verbose=1, callbacks=InterruptAt(3)).fit, X, y)
    line, after = screen(text)
    assert line.startswith("interrupted after 3 of 10 epochs  loss")
    assert after == ""


FAILING = {
    "interrupted": ({"callbacks": InterruptAt(0)}, KeyboardInterrupt),
    "diverged": (
        {"optimizer": "sgd", "optimizer__learning_rate": 1e30, "batch_size": 10},
        DivergenceError,
    ),
    "refused": ({"class_weight": {"no such label": 2}}, ValueError),
}


@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize("how", FAILING)
def test_a_failed_fit_leaves_the_cursor_on_a_new_line(how, verbose):
    params, error = FAILING[how]
    with contextlib.redirect_stdout(Terminal()) as out, pytest.raises(error):
        tiny(verbose=verbose, **params).fit(X, y)
    assert out.getvalue()[-1:] in ("\n", "")
    assert len(screen(out.getvalue())) <= 2


# --- notebooks ------------------------------------------------------------------------------------


class Notebook:
    """Environment of a Jupyter kernel that records displayed and updated texts."""

    def __init__(self, monkeypatch):
        self.shown = []
        stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
        self.stream = stream()
        package, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
        package.get_ipython = lambda: types.SimpleNamespace(kernel=object())
        display.display = self._display
        package.display = display
        monkeypatch.setitem(sys.modules, "IPython", package)
        monkeypatch.setitem(sys.modules, "IPython.display", display)
        monkeypatch.setattr(sys, "stdout", self.stream)

    def _display(self, data, raw, display_id):
        self.shown.append([data["text/plain"]])
        return types.SimpleNamespace(update=self._update)

    def _update(self, data, raw):
        self.shown[-1].append(data["text/plain"])


def test_a_notebook_output_is_updated_in_place(monkeypatch):
    notebook = Notebook(monkeypatch)
    classifier = tiny(verbose=1).fit(X, y)
    (texts,) = notebook.shown
    assert "preparing" in texts[1]
    assert texts[-1].startswith("10 epochs  loss")
    assert value_of("loss", texts[-1]) == pytest.approx(classifier.history_["loss"][-1], abs=5e-5)
    assert notebook.stream.getvalue() == ""


def test_redirected_output_of_a_notebook_is_respected(monkeypatch):
    notebook = Notebook(monkeypatch)
    text = output_of(tiny(verbose=1).fit, X, y, to=io.StringIO)
    assert text.startswith("10 epochs  loss")
    assert notebook.shown == []


def test_another_thread_writes_a_single_line():
    classifier = tiny(verbose=1, epochs=2)
    thread = threading.Thread(target=classifier.fit, args=(X, y))
    with contextlib.redirect_stdout(Terminal()) as out:
        thread.start()
        thread.join()
    assert re.fullmatch(r"2 epochs  loss [^\r\n]+\n", out.getvalue())
