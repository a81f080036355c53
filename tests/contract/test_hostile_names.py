"""Names of classes, columns, metrics and parameters that would break what shows them."""

from __future__ import annotations

import dataclasses
import pickle
import re
import unicodedata

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._shared.messages import shorten
from keras_multiclass.evaluation import (
    ClassificationReport,
    PerClassDisplay,
    RocCurvesDisplay,
    TrainingHistoryDisplay,
)

mpl.use("Agg")

HOSTILE = [
    "<script>alert(1)</script>",
    "\x1b[31mred\x1b[0m",
    "two\nlines\r",
    "\u202eexe.txt",
    "=HYPERLINK(1)",
    "$x^2$ {0} %s",
    "nul\x00",
    "\ud800",
    "\u2028",
    "a/b",
    "",
]
N = len(HOSTILE)
CODES = np.arange(4 * N) % N
X = np.eye(N)[CODES] + np.random.default_rng(0).normal(size=(4 * N, N)) / 100
LABELS = np.empty(4 * N, dtype=object)
LABELS[:] = [HOSTILE[code] for code in CODES]


def assert_harmless(text, *, html=False):
    """Check that a text changes neither the terminal, nor the lines, nor the page."""
    unsafe = {"Cc", "Cs", "Zl", "Zp"}
    bad = {c for c in text if unicodedata.category(c) in unsafe or c == "\u202e"}
    assert bad <= {"\n"}, ascii(bad)
    assert "two\nlines" not in text
    if html:
        assert "<script>alert" not in text


@pytest.fixture(scope="module")
def fitted():
    return tiny(epochs=2, metrics=["accuracy", "per_class_recall"]).fit(X, LABELS)


def test_hostile_classes_are_classes(fitted):
    assert set(fitted.classes_) == set(HOSTILE)
    assert {f"recall/{label}" for label in HOSTILE} < set(fitted.history_)
    loaded = pickle.loads(pickle.dumps(fitted))
    assert loaded.predict(X).tolist() == fitted.predict(X).tolist()


def test_reports_show_hostile_classes_harmlessly(fitted):
    report = ClassificationReport.from_estimator(fitted, X, LABELS)
    assert_harmless(str(report))
    assert_harmless(repr(report))
    assert_harmless(report._repr_html_(), html=True)
    assert set(report.to_frame().index) >= set(HOSTILE)


def test_displays_show_hostile_classes_harmlessly(fitted, tmp_path):
    displays = [
        PerClassDisplay.from_estimator(fitted, X, LABELS),
        RocCurvesDisplay.from_estimator(fitted, X, LABELS),
        TrainingHistoryDisplay.from_estimator(
            fitted, quantities=["loss", *(f"recall/{label}" for label in HOSTILE)]
        ),
    ]
    for display in displays:
        for text in display.figure_.findobj(mpl.text.Text):
            assert_harmless(text.get_text())
        display.figure_.savefig(tmp_path / "plot.svg")
        mpl.pyplot.close(display.figure_)


def test_the_notebook_shows_hostile_classes_harmlessly(fitted):
    bundle = fitted._repr_mimebundle_()
    assert_harmless(bundle["text/html"], html=True)
    assert_harmless(fitted._repr_html_(), html=True)


def test_tensorboard_logs_hostile_classes(tmp_path):
    tiny(epochs=1, callbacks="tensorboard", callbacks__log_dir=str(tmp_path)).fit(X, LABELS)
    assert list(tmp_path.rglob("events*"))


@pytest.mark.parametrize("label", HOSTILE, ids=ascii)
def test_errors_quote_hostile_classes_harmlessly(label):
    others = LABELS.copy()
    others[np.flatnonzero([known == label for known in LABELS])] = "other"
    fitted = tiny().initialize(X, others)
    for use in (
        lambda: fitted.partial_fit(X, LABELS),
        lambda: tiny(class_weight={label: 2.0}).fit(X, others),
        lambda: tiny().partial_fit(X, LABELS, classes=[*set(HOSTILE) - {label}]),
    ):
        with pytest.raises(ValueError, match=re.escape(repr(label))) as caught:
            use()
        assert_harmless(str(caught.value))


@dataclasses.dataclass(frozen=True, order=True)
class Named:
    """A label with a ``repr`` of its own."""

    name: str

    def __repr__(self):
        return self.name


def test_errors_and_reports_quote_hostile_objects_harmlessly():
    known = np.array([Named("\x1b[2Jone"), Named("two\r")], dtype=object)[CODES % 2]
    others = known.copy()
    others[0] = Named("\u202eother")
    fitted = tiny(epochs=1).fit(X, known)
    assert_harmless(str(ClassificationReport.from_estimator(fitted, X, known)))
    for use in (
        lambda: fitted.partial_fit(X, others),
        lambda: fitted.partial_fit(X, known, classes=list(set(others))),
        lambda: tiny(class_weight={others[0]: 2.0}).fit(X, known),
        lambda: tiny(class_weight={known[0]: -2.0}).fit(X, known),
        lambda: ClassificationReport.from_estimator(fitted, X, others),
        lambda: tiny(epochs=1).fit(X, known, X_val=X, y_val=others),
    ):
        with pytest.raises(ValueError, match="one|other") as caught:
            use()
        assert_harmless(str(caught.value))


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_errors_quote_hostile_parameters_harmlessly(name):
    for full_name in (name, f"{name}__x", f"optimizer__{name}", f"callbacks__{name}__x"):
        for use in (
            lambda key=full_name: KerasMulticlassClassifier(**{key: 1}),
            lambda key=full_name: tiny(**{key: 1}).fit(X, LABELS),
            lambda key=full_name: tiny().set_params(**{key: 1}).fit(X, LABELS),
        ):
            try:
                use()
            except (TypeError, ValueError) as error:
                assert_harmless(str(error))


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_the_notebook_shows_hostile_parameters_harmlessly(name):
    try:
        classifier = KerasMulticlassClassifier(**{f"backbone__{name}": name})
    except TypeError:
        classifier = KerasMulticlassClassifier(backbone__x=name, metrics={name: "accuracy"})
    assert_harmless(classifier._repr_html_(), html=True)
    assert_harmless(repr(classifier))


@pytest.mark.parametrize("verbose", [1, 2])
def test_progress_shows_hostile_metrics_harmlessly(verbose, capsys):
    metrics = {name: "accuracy" for name in HOSTILE}
    fitted = tiny(metrics=metrics, verbose=verbose, epochs=1).fit(X, CODES)
    assert set(HOSTILE) < set(fitted.history_)
    assert_harmless(fitted._repr_html_(), html=True)
    assert_harmless(capsys.readouterr().out)


def test_early_stopping_on_a_hostile_metric_is_shown_harmlessly(capsys):
    name = "\x1b[2J<script>alert(1)</script>"
    stop = {"monitor": f"val_{name}", "patience": 1}
    fitted = tiny(metrics={name: "accuracy"}, early_stopping=stop, verbose=1).fit(X, CODES)
    html = fitted._repr_html_()
    assert f"best val_{ascii(name)[1:-1]}".replace("<", "&lt;").replace(">", "&gt;") in html
    assert_harmless(html, html=True)
    assert_harmless(capsys.readouterr().out)


def test_hostile_columns_are_columns():
    # Arrow, in which pandas keeps strings if it is installed, has no surrogates.
    frame = pd.DataFrame(X, columns=pd.Index(HOSTILE, dtype=object))
    fitted = tiny(epochs=1).fit(frame, CODES)
    assert fitted.feature_names_in_.tolist() == HOSTILE
    assert fitted.predict(frame).shape == CODES.shape
    assert_harmless(fitted._repr_html_(), html=True)
    mixed, infinite = frame.astype(object), frame.copy()
    mixed.iloc[0, 1] = complex(1, 2)
    infinite.iloc[0, 1] = np.inf
    for wrong, params in (
        (mixed, {}),
        (infinite, {}),
        (frame, {"categorical_features": ["\x1b[32m"]}),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            tiny(epochs=1, **params).fit(wrong, CODES)
        assert_harmless(str(caught.value))


def test_names_that_only_look_odd_are_shown_as_they_are():
    names = ["na\u00efve", "\u05d0\u05d1", "\U0001f469\u200d\U0001f680", "a  b"]
    assert [shorten(name, 20) for name in names] == [*names[:3], "a b"]
