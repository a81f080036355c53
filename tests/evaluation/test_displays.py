"""Displays: they draw what scikit-learn computes and change no global state."""

from __future__ import annotations

import io
import sys

import keras
import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import (
    auc,
    average_precision_score,
    precision_recall_curve,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from _toy import tiny
from keras_multiclass import KerasMultilabelClassifier
from keras_multiclass.evaluation import (
    ClassificationReport,
    MultilabelReport,
    PerClassDisplay,
    PrecisionRecallCurvesDisplay,
    ReliabilityDisplay,
    RocCurvesDisplay,
    TrainingHistoryDisplay,
)
from keras_multiclass.evaluation._drawing import COLORS

matplotlib.use("Agg")  # needs no screen
from matplotlib import pyplot as plt

X, y = load_iris(return_X_y=True)


@pytest.fixture(autouse=True)
def matplotlib_settings_do_not_change():
    plt.close("all")  # figures left by other tests
    before = dict(matplotlib.rcParams), matplotlib.get_backend()
    yield
    plt.close("all")
    assert (dict(matplotlib.rcParams), matplotlib.get_backend()) == before


@pytest.fixture
def no_matplotlib(monkeypatch):
    """Make imports of matplotlib fail, as if it were not installed."""
    for name in [n for n in sys.modules if n.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)


def pixels(figure) -> np.ndarray:
    with io.BytesIO() as file:
        figure.savefig(file, format="rgba", dpi=25)
        return np.frombuffer(file.getvalue(), np.uint8)


def assert_drawn(figure):
    """Assert that a figure can be rendered and is not blank."""
    assert np.ptp(pixels(figure).reshape(-1, 4), axis=0).any()


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# --- training history ---------------------------------------------------------------------------

HISTORY = {
    "loss": [1.0, 0.7, 0.5, 0.4],
    "accuracy": [0.4, 0.6, 0.7, 0.9],
    "val_loss": [1.1, 0.8, 0.9, 1.0],
    "val_accuracy": [0.3, 0.5, 0.6, 0.55],
}


def test_loss_and_metrics_have_their_own_axes():
    display = TrainingHistoryDisplay.from_history(HISTORY)
    assert [ax.get_title(loc="left") for ax in display.axes_] == ["loss", "accuracy"]
    assert set(display.lines_) == set(HISTORY)
    for name, line in display.lines_.items():
        np.testing.assert_array_equal(line.get_xydata().T, [[1, 2, 3, 4], HISTORY[name]])
        assert line.axes is display.axes_[int(name.endswith("accuracy"))]
    best = "best val_loss: epoch 2"
    assert legend_of(display.axes_[0]) == ["training", "validation", best]
    assert_drawn(display.figure_)


def test_the_loss_comes_first():
    history = {"val_auc": [0.5], "accuracy": [0.4], "loss": [1.0]}
    display = TrainingHistoryDisplay.from_history(history)
    assert [ax.get_title(loc="left") for ax in display.axes_] == ["loss", "auc", "accuracy"]


def test_the_best_epoch_is_marked_with_its_values():
    display = TrainingHistoryDisplay.from_history(HISTORY)
    assert display.best_epoch == 1 + np.argmin(HISTORY["val_loss"])
    for quantity, value in {"loss": 0.8, "accuracy": 0.5}.items():
        assert display.best_lines_[quantity].get_xdata() == [2, 2]
        np.testing.assert_array_equal(display.best_markers_[quantity].get_xydata(), [[2, value]])
    assert [ax.get_title(loc="right") for ax in display.axes_] == ["0.8", "0.5"]


def test_a_quantity_without_a_value_at_the_best_epoch_has_no_marker():
    history = {"loss": [3.0, 2.0, 1.0, 4.0], "val_auc": [0.5, 0.6]}
    display = TrainingHistoryDisplay.from_history(history, monitor="loss")
    assert display.best_lines_["auc"].get_xdata() == [3, 3]
    assert set(display.best_markers_) == {"loss"}


def test_unused_axes_of_a_grid_are_removed():
    history = {name: [1.0, 2.0] for name in ("loss", "a", "b", "c", "d")}
    display = TrainingHistoryDisplay.from_history(history)
    assert display.figure_.axes == display.axes_.tolist()
    assert len(display.axes_) == 5


def test_scores_of_individual_classes_are_drawn_on_request():
    history = {**HISTORY, "recall/fir": [0.1, 0.2, 0.3, 0.2], "recall/oak": [0.4, 0.5, 0.4, 0.4]}
    plain = TrainingHistoryDisplay.from_history(history)
    assert [ax.get_title(loc="left") for ax in plain.axes_] == ["loss", "accuracy"]
    requested = TrainingHistoryDisplay.from_history(
        history, quantities=["recall/oak", "recall/fir"]
    )
    assert set(requested.lines_) == {"recall/oak", "recall/fir"}
    monitored = TrainingHistoryDisplay.from_history(history, monitor="recall/fir", mode="max")
    assert set(monitored.lines_) == {*HISTORY, "recall/fir"}
    assert monitored.best_epoch == 3


@pytest.mark.parametrize(
    ("options", "best"),
    [
        ({"monitor": "loss"}, 4),
        ({"monitor": "val_accuracy", "mode": "max"}, 3),
        ({"monitor": "val_accuracy", "mode": "min"}, 1),
        ({"monitor": "val_loss", "mode": "max"}, 1),
    ],
)
def test_monitor_and_mode_determine_the_best_epoch(options, best):
    assert TrainingHistoryDisplay.from_history(HISTORY, **options).best_epoch == best


@pytest.mark.parametrize("name", ["val_accuracy", "macro_f1", "val_brier", "surface_error"])
def test_a_history_does_not_say_which_values_of_a_metric_are_better(name):
    history = {"loss": [1.0, 1.0], name: [0.1, 0.2]}
    with pytest.raises(ValueError, match=f"`mode` must be 'min' or 'max' to monitor '{name}'"):
        TrainingHistoryDisplay.from_history(history, monitor=name)
    assert not plt.get_fignums()


def test_the_first_of_equal_epochs_is_best_and_nan_never_is():
    history = {"loss": [float("nan"), 0.5, 0.4, 0.4]}
    assert TrainingHistoryDisplay.from_history(history).best_epoch == 3


def test_dollar_signs_in_class_names_are_not_rendered_as_formulas():
    history = {"loss": [2.0, 1.0], "recall/$x$": [0.1, 0.2]}
    display = TrainingHistoryDisplay.from_history(history, monitor="recall/$x$", mode="max")
    assert display.axes_[1].get_title(loc="left") == r"recall/\$x\$"
    assert legend_of(display.axes_[0])[-1] == r"best recall/\$x\$: epoch 2"
    assert_drawn(display.figure_)


def test_without_validation_the_training_loss_determines_the_best_epoch():
    display = TrainingHistoryDisplay.from_history({"loss": [1.0, 0.3, 0.5]})
    assert (display.monitor, display.best_epoch) == ("loss", 2)
    np.testing.assert_array_equal(display.best_markers_["loss"].get_xydata(), [[2, 0.3]])
    assert_drawn(display.figure_)


@pytest.mark.parametrize(
    ("n_entries", "frequency", "epochs"),
    [
        (3, None, [3, 6, 9]),
        (5, 2, [2, 4, 6, 8, 10]),
        (2, 4, [4, 8]),
        (3, [1, 5, 10], [1, 5, 10]),
        (8, 1, [1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_validation_need_not_run_in_every_epoch(n_entries, frequency, epochs):
    history = {"loss": [1.0] * 10, "val_loss": [0.5] * n_entries}
    history["val_loss"][1] = 0.1
    display = TrainingHistoryDisplay.from_history(history, validation_freq=frequency)
    assert display.lines_["val_loss"].get_xdata().tolist() == epochs
    assert display.best_epoch == epochs[1]


@pytest.mark.parametrize("frequency", [None, 3, [2]])
def test_an_inconsistent_validation_frequency_is_rejected(frequency):
    history = {"loss": [1.0] * 10, "val_loss": [0.5, 0.5] if frequency is None else [0.5] * 4}
    with pytest.raises(ValueError, match="`validation_freq` must be that of the training"):
        TrainingHistoryDisplay.from_history(history, validation_freq=frequency)
    assert not plt.get_fignums()


@pytest.fixture(scope="module")
def trained():
    classifier = tiny(epochs=6, validation_split=0.2, metrics=["accuracy"], fit__validation_freq=2)
    return classifier.fit(X, y)


def test_a_classifier_says_which_epochs_were_validated(trained):
    display = TrainingHistoryDisplay.from_estimator(trained)
    assert set(display.lines_) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for name, line in display.lines_.items():
        epochs = [2, 4, 6] if name.startswith("val_") else [1, 2, 3, 4, 5, 6]
        np.testing.assert_array_equal(line.get_xydata().T, [epochs, trained.history_[name]])
    assert display.best_epoch == 2 * (1 + np.argmin(trained.history_["val_loss"]))
    assert_drawn(display.figure_)


def brier(y_true, y_pred):
    return keras.ops.sum((y_true - y_pred) ** 2, axis=-1)


def test_a_classifier_says_which_values_of_a_metric_are_better():
    """The name of the Brier score does not."""
    early = {"monitor": "val_brier", "patience": 9}
    classifier = tiny(epochs=4, metrics=[brier, "accuracy"], early_stopping=early).fit(X, y)
    display = TrainingHistoryDisplay.from_estimator(classifier, monitor="val_brier")
    assert display.best_epoch == 1 + np.argmin(classifier.history_["val_brier"])
    assert classifier.history_["val_brier"][0] > min(classifier.history_["val_brier"])
    display = TrainingHistoryDisplay.from_estimator(classifier, monitor="accuracy")
    assert display.best_epoch == 1 + np.argmax(classifier.history_["accuracy"])
    display = TrainingHistoryDisplay.from_estimator(classifier, monitor="accuracy", mode="min")
    assert display.best_epoch == 1 + np.argmin(classifier.history_["accuracy"])


def test_validation_after_a_warm_start_is_drawn_at_its_epochs():
    classifier = tiny(epochs=2, warm_start=True).fit(X, y)
    classifier.fit(X, y, X_val=X[::3], y_val=y[::3])
    display = TrainingHistoryDisplay.from_estimator(classifier)
    np.testing.assert_array_equal(display.lines_["val_loss"].get_xdata(), [3, 4])
    assert display.best_epoch == 3 + np.argmin(classifier.history_["val_loss"])


class Recorded(ClassifierMixin, BaseEstimator):
    """A classifier with a history, and nothing that says how to read it."""

    def fit(self, X, y):
        self.history_ = HISTORY
        return self

    def predict(self, X):
        return np.zeros(len(X))


def test_a_classifier_is_found_in_pipelines_and_searches():
    pipeline = make_pipeline(StandardScaler(), Recorded())
    search = GridSearchCV(pipeline, {"standardscaler__with_mean": [True]}, cv=2).fit(X, y)
    display = TrainingHistoryDisplay.from_estimator(search)
    np.testing.assert_array_equal(display.lines_["loss"].get_ydata(), HISTORY["loss"])
    assert display.best_epoch == 2


def test_the_mode_is_required_for_a_metric_of_any_other_estimator():
    estimator = Recorded().fit(X, y)
    with pytest.raises(ValueError, match="`mode` must be 'min' or 'max' to monitor"):
        TrainingHistoryDisplay.from_estimator(estimator, monitor="val_accuracy")
    options = {"monitor": "val_accuracy", "mode": "max"}
    assert TrainingHistoryDisplay.from_estimator(estimator, **options).best_epoch == 3


def test_an_unknown_quantity_of_a_classifier_cannot_be_monitored(trained):
    with pytest.raises(ValueError, match="`monitor` must be None or one of .* 'val_loss'"):
        TrainingHistoryDisplay.from_estimator(trained, monitor="val_los")


def test_a_history_of_keras_is_drawn():
    history = keras.callbacks.History()
    history.set_model(keras.Sequential())
    history.on_train_begin()
    for epoch, loss in enumerate(HISTORY["loss"]):
        history.on_epoch_end(epoch, {"loss": loss})
    display = TrainingHistoryDisplay.from_history(history)
    np.testing.assert_array_equal(display.lines_["loss"].get_ydata(), HISTORY["loss"])


def test_a_history_is_drawn_on_given_axes():
    one = Figure().subplots()
    options = {"monitor": "val_accuracy", "mode": "max"}
    display = TrainingHistoryDisplay.from_history(HISTORY, ax=one, **options)
    assert (display.axes_.tolist(), display.figure_) == ([one], one.figure)
    assert set(display.lines_) == {"accuracy", "val_accuracy"}
    pair = Figure().subplots(2, 1)
    display = TrainingHistoryDisplay.from_history(HISTORY, ax=pair)
    assert display.axes_.tolist() == pair.tolist()
    assert display.plot(one, quantities=["loss"]) is display
    assert set(display.lines_) == {"loss", "val_loss"}
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"monitor": "val_los"}, "`monitor` must be None or one of .* Did you mean 'val_loss'"),
        ({"mode": "least"}, "`mode` must be one of 'auto', 'min', 'max'; got 'least'"),
        ({"quantities": ["acuracy"]}, "`quantities` must be names from .* Did you mean 'accuracy'"),
        ({"quantities": []}, "`quantities` must be names from 'loss', 'accuracy'; got none"),
        ({"quantities": 3}, "`quantities` must be names from 'loss', 'accuracy'; got 3"),
        ({"monitor": ["loss"]}, "`monitor` must be None or one of .*; got list of length 1"),
        ({"validation_freq": "2"}, "`validation_freq` must be an integer of .*; got '2'"),
        ({"ax": 3}, "`ax` must be None or one matplotlib Axes; got 3"),
        ({"ax": [None] * 3}, "`ax` must be None or an array of 2 matplotlib Axes; got 3 of them"),
        ({"validation_freq": 0}, "`validation_freq` must be an integer of at least 1"),
    ],
)
def test_invalid_arguments_for_a_history_are_rejected(options, message):
    with pytest.raises(ValueError, match=message):
        TrainingHistoryDisplay.from_history(HISTORY, **options)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    "history", [None, [1, 2], {}, {"loss": []}, {"loss": "good"}, {"a": [[1]]}]
)
def test_an_invalid_history_is_rejected(history):
    with pytest.raises(ValueError, match="`history` must be a dict of lists of numbers"):
        TrainingHistoryDisplay.from_history(history)


def test_an_estimator_without_a_history_is_rejected():
    with pytest.raises(NotFittedError):
        TrainingHistoryDisplay.from_estimator(tiny())
    for other in (GaussianNB().fit(X, y), 3):
        with pytest.raises(ValueError, match="`estimator` must be a fitted classifier of keras_m"):
            TrainingHistoryDisplay.from_estimator(other)


# --- predictions --------------------------------------------------------------------------------

TREES = ("alder", "birch", "cedar", "elm")


def make_predictions(n_classes=4, n_samples=240, seed=0):
    """Return labels, and probabilities that are mostly correct."""
    generator = np.random.default_rng(seed)
    true = generator.permutation(np.arange(n_samples) % n_classes)
    scores = generator.normal(size=(n_samples, n_classes)) + 1.5 * np.eye(n_classes)[true]
    return true, np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


TRUE, PROBA = make_predictions()
WEIGHT = np.random.default_rng(1).uniform(0.5, 2, len(TRUE))
LABELS = np.array(TREES)[TRUE]
PREDICTED = np.array(TREES)[PROBA.argmax(axis=1)]
CURVES = [RocCurvesDisplay, PrecisionRecallCurvesDisplay]
FROM_PROBABILITIES = [*CURVES, ReliabilityDisplay]


def points_of(line):
    return line.get_xdata(), line.get_ydata()


def one_axes(display):
    return display.axes_[0] if hasattr(display, "axes_") else display.ax_


# --- ROC and precision-recall -------------------------------------------------------------------


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_roc_curves_match_scikit_learn(weight):
    display = RocCurvesDisplay.from_predictions(LABELS, PROBA, sample_weight=weight)
    assert len(display.lines_) == 4
    for k, line in enumerate(display.lines_):
        x, y, _ = roc_curve(k == TRUE, PROBA[:, k], sample_weight=weight)
        np.testing.assert_array_equal(points_of(line), (x, y))
        assert display.curves[k].area == auc(x, y)
        assert line.get_label() == f"{TREES[k]}  {auc(x, y):.3f}"
    np.testing.assert_array_equal(points_of(display.chance_line_), [[0, 1], [0, 1]])
    assert_drawn(display.figure_)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_precision_recall_curves_match_scikit_learn(weight):
    display = PrecisionRecallCurvesDisplay.from_predictions(LABELS, PROBA, sample_weight=weight)
    for k, line in enumerate(display.lines_):
        truth = k == TRUE
        precision, recall, _ = precision_recall_curve(
            truth, PROBA[:, k], sample_weight=weight, drop_intermediate=True
        )
        np.testing.assert_array_equal(points_of(line), (recall, precision))
        area = average_precision_score(truth, PROBA[:, k], sample_weight=weight)
        assert line.get_label() == f"{TREES[k]}  {area:.3f}"
    # Each row has one class, so the mean share of four classes is a quarter.
    np.testing.assert_allclose(display.chance_line_.get_ydata(), 0.25)
    assert_drawn(display.figure_)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("display_class", "score"),
    [(RocCurvesDisplay, roc_auc_score), (PrecisionRecallCurvesDisplay, average_precision_score)],
)
def test_areas_of_averages_match_scikit_learn(display_class, score, weight):
    display = display_class.from_predictions(
        LABELS, PROBA, sample_weight=weight, averages=("micro", "macro")
    )
    assert [curve.name for curve in display.averages] == ["macro average", "micro average"]
    for curve, average in zip(display.averages, ("macro", "micro"), strict=True):
        expected = score(np.eye(4)[TRUE], PROBA, average=average, sample_weight=weight)
        np.testing.assert_allclose(curve.area, expected)
        # The drawn curve has this area up to the resolution of the averaging grid.
        order = np.argsort(curve.x, kind="stable")
        drawn = auc(curve.x[order], curve.y[order])
        assert drawn == pytest.approx(expected, abs=0.01)
    assert len(display.average_lines_) == 2


@pytest.mark.parametrize("display_class", CURVES)
def test_averages_are_optional(display_class):
    display = display_class.from_predictions(LABELS, PROBA, averages=())
    assert display.average_lines_ == []
    assert len(legend_of(display.ax_)) == 4 + 1


@pytest.mark.parametrize("display_class", CURVES)
def test_each_of_two_classes_has_a_curve(display_class):
    true, proba = make_predictions(2)
    display = display_class.from_predictions(true, proba)
    assert [text.split()[0] for text in legend_of(display.ax_)] == ["0", "1", "macro", "chance"]
    assert_drawn(display.figure_)


@pytest.mark.parametrize("display_class", CURVES)
def test_up_to_ten_classes_have_distinct_colors(display_class):
    true, proba = make_predictions(10)
    display = display_class.from_predictions(true, proba)
    assert len({line.get_color() for line in display.lines_}) == 10
    assert_drawn(display.figure_)


@pytest.mark.parametrize(
    ("display_class", "values", "sign"),
    [
        (RocCurvesDisplay, lambda d: [c.area for c in d.curves], 1),
        (PrecisionRecallCurvesDisplay, lambda d: [c.area for c in d.curves], 1),
        (
            lambda *a, **k: ReliabilityDisplay.from_predictions(*a, kind="per_class", **k),
            lambda d: [c.error for c in d.curves],
            -1,
        ),
    ],
    ids=["roc", "pr", "reliability"],
)
def test_the_worst_of_many_classes_are_highlighted(display_class, values, sign):
    true, proba = make_predictions(19, 570)
    names = np.array([f"a long name of kind {n} that takes up space" for n in range(19)])
    make = getattr(display_class, "from_predictions", display_class)
    display = make(names[true], proba, labels=names, highlight=3)
    badness = np.array(values(display))
    worst = np.argsort(sign * badness)[:3]
    grey = [n for n, line in enumerate(display.lines_) if line.get_color() == "0.75"]
    assert set(range(19)) - set(grey) == set(worst)
    legend = legend_of(one_axes(display))
    assert [float(text.split()[-1]) for text in legend[:3]] == np.round(badness[worst], 3).tolist()
    low, high = badness[grey].min(), badness[grey].max()
    assert legend[3] == f"16 others  {low:.3f} to {high:.3f}"
    assert_drawn(display.figure_)


def test_numpy_integers_are_accepted_as_numbers_of_classes_and_bins():
    true, proba = make_predictions(12)
    options = {"kind": "per_class", "highlight": np.int64(1), "n_bins": np.uint8(7)}
    display = ReliabilityDisplay.from_predictions(true, proba, **options)
    assert sum(line.get_color() != "0.75" for line in display.lines_) == 1
    assert all(len(curve.weight) == 7 for curve in display.curves)


def test_long_names_are_shortened_and_dollar_signs_escaped():
    names = np.array(["a" * 30 + "b" * 20, "costs $5 or $6"])
    display = RocCurvesDisplay.from_predictions(
        names[TRUE % 2], make_predictions(2)[1], labels=names
    )
    first, second, *_ = legend_of(display.ax_)
    assert first.split("  ")[0] == "a" * 22 + "..." + "b" * 11
    assert second.startswith(r"costs \$5 or \$6")
    assert_drawn(display.figure_)


@pytest.mark.parametrize("display_class", CURVES)
def test_a_class_without_rows_has_no_curve_but_a_legend_entry(display_class):
    weight = np.where(TRUE == 1, 0.0, WEIGHT)
    rows = TRUE != 1
    weighted = display_class.from_predictions(LABELS, PROBA, sample_weight=weight)
    dropped = display_class.from_predictions(
        LABELS[rows], PROBA[rows], labels=TREES, sample_weight=WEIGHT[rows]
    )
    for display in (weighted, dropped):
        assert display.absent == ["birch"]
        assert [curve.name for curve in display.curves] == ["alder", "cedar", "elm"]
        assert legend_of(display.ax_)[-1] == "no curve: birch"
        assert_absent_classes_have_no_marker(display.ax_)
    for one, other in zip(weighted.lines_, dropped.lines_, strict=True):
        np.testing.assert_array_equal(points_of(one), points_of(other))


def assert_absent_classes_have_no_marker(axes):
    handle = axes.get_legend().legend_handles[-1]
    assert (handle.get_marker(), handle.get_linestyle()) == ("none", "None")


def test_a_class_without_rows_has_no_marker_in_a_reliability_diagram():
    display = ReliabilityDisplay.from_predictions(
        LABELS[LABELS != "birch"], PROBA[LABELS != "birch"], labels=TREES, kind="per_class"
    )
    assert legend_of(display.axes_[0])[-1] == "no rows: birch"
    assert_absent_classes_have_no_marker(display.axes_[0])


@pytest.mark.parametrize("display_class", CURVES)
def test_curves_need_at_least_two_classes(display_class):
    with pytest.raises(ValueError, match="labels must be of at least two classes; got 1 among"):
        display_class.from_predictions(["elm"] * 3, PROBA[:3], labels=TREES)
    assert not plt.get_fignums()


# --- reliability --------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("n_bins", [5, 15])
def test_the_curve_of_predicted_labels_matches_scikit_learn(strategy, n_bins):
    display = ReliabilityDisplay.from_predictions(LABELS, PROBA, n_bins=n_bins, strategy=strategy)
    observed, predicted = calibration_curve(
        PROBA.argmax(axis=1) == TRUE, PROBA.max(axis=1), n_bins=n_bins, strategy=strategy
    )
    (line,) = display.lines_
    np.testing.assert_allclose(points_of(line), (predicted, observed))
    np.testing.assert_array_equal(points_of(display.diagonal_), [[0, 1], [0, 1]])
    assert_drawn(display.figure_)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_curves_of_each_class_match_scikit_learn(strategy):
    display = ReliabilityDisplay.from_predictions(
        LABELS, PROBA, kind="per_class", n_bins=8, strategy=strategy
    )
    assert len(display.lines_) == 4
    for k, line in enumerate(display.lines_):
        observed, predicted = calibration_curve(k == TRUE, PROBA[:, k], n_bins=8, strategy=strategy)
        np.testing.assert_allclose(points_of(line), (predicted, observed))
    assert [text.split()[0] for text in legend_of(display.axes_[0])[:4]] == list(TREES)
    assert display.histogram_ is None
    assert_drawn(display.figure_)


def test_the_calibration_error_matches_the_paper():
    """Of four bins, two are filled: 0.6 is correct in one of two rows, 0.9 in three of four."""
    confidence = np.array([0.6, 0.6, 0.9, 0.9, 0.9, 0.9])
    proba = np.column_stack([confidence, 1 - confidence])
    true = [0, 1, 0, 0, 0, 1]
    display = ReliabilityDisplay.from_predictions(true, proba, n_bins=4, label="net")
    assert display.curves[0].error == pytest.approx(2 / 6 * 0.1 + 4 / 6 * 0.15)
    assert legend_of(display.axes_[0]) == ["perfectly calibrated", "net  (ECE 0.133)"]
    np.testing.assert_array_equal(display.curves[0].weight, [0, 0, 2, 4])
    assert len(display.lines_[0].get_xdata()) == 2
    shares = display.histogram_.get_data()
    np.testing.assert_allclose(shares.values, [0, 0, 2 / 6, 4 / 6])
    np.testing.assert_allclose(shares.edges, [0, 0.25, 0.5, 0.75, 1])


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("kind", ["top_label", "per_class"])
def test_a_weight_of_two_equals_a_repeated_row(kind, strategy):
    weight = np.arange(len(TRUE)) % 3
    options = {"kind": kind, "strategy": strategy, "n_bins": 6}
    weighted = ReliabilityDisplay.from_predictions(LABELS, PROBA, sample_weight=weight, **options)
    repeated = ReliabilityDisplay.from_predictions(
        np.repeat(LABELS, weight), np.repeat(PROBA, weight, axis=0), **options
    )
    for one, other in zip(weighted.curves, repeated.curves, strict=True):
        np.testing.assert_allclose(one.predicted, other.predicted)
        np.testing.assert_allclose(one.observed, other.observed)
        assert one.error == pytest.approx(other.error)


def test_two_classifiers_can_share_the_axes_of_a_reliability_diagram():
    first = ReliabilityDisplay.from_predictions(LABELS, PROBA, label="one")
    flat = (PROBA + 0.25) / 2
    second = ReliabilityDisplay.from_predictions(LABELS, flat, ax=first.axes_, label="two")
    assert second.figure_ is first.figure_
    assert [text.split()[0] for text in legend_of(first.axes_[0])] == ["perfectly", "one", "two"]
    colors = [display.lines_[0].get_color() for display in (first, second)]
    assert colors == list(COLORS[:2])


def test_a_single_axes_has_no_histogram():
    ax = Figure().subplots()
    display = ReliabilityDisplay.from_predictions(LABELS, PROBA, ax=ax)
    assert display.axes_.tolist() == [ax]
    assert display.histogram_ is None
    assert_drawn(ax.figure)


# --- scores of each class -----------------------------------------------------------------------


def rows_of(ax):
    """Return the labels of the rows from top to bottom."""
    names = dict(zip(ax.get_yticks(), [t.get_text() for t in ax.get_yticklabels()], strict=True))
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    return [names[row] for row in sorted(names)]


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_scores_of_each_class_match_scikit_learn(weight):
    display = PerClassDisplay.from_predictions(LABELS, PREDICTED, sample_weight=weight, sort=None)
    *scores, support = precision_recall_fscore_support(LABELS, PREDICTED, sample_weight=weight)
    assert [ax.get_title(loc="left") for ax in display.axes_] == ["precision", "recall", "F1"]
    for name, expected in zip(("precision", "recall", "f1"), scores, strict=True):
        dots = display.dots_[name]
        np.testing.assert_allclose(dots.get_xdata(), expected)
        assert list(dots.get_ydata()) == list(TREES)
        np.testing.assert_allclose(display.mean_lines_[name].get_xdata(), expected.mean())
    named = [f"{tree}  ({rows:.4g})" for tree, rows in zip(TREES, support, strict=True)]
    assert rows_of(display.axes_[0]) == named
    assert_drawn(display.figure_)


@pytest.mark.parametrize("sort", ["precision", "recall", "f1", "support"])
def test_classes_are_sorted_in_descending_order(sort):
    rows = slice(0, 101)
    display = PerClassDisplay.from_predictions(LABELS[rows], PREDICTED[rows], sort=sort)
    names = ("precision", "recall", "f1", "support")
    scores = dict(
        zip(names, precision_recall_fscore_support(LABELS[rows], PREDICTED[rows]), strict=True)
    )
    expected = [TREES[k] for k in np.argsort(-scores[sort], kind="stable")]
    assert [row.split("  ")[0] for row in rows_of(display.axes_[0])] == expected


def test_a_single_score_can_be_drawn_on_given_axes():
    ax = Figure().subplots()
    display = PerClassDisplay.from_predictions(LABELS, PREDICTED, ax=ax, metrics=["recall"])
    assert display.axes_.tolist() == [ax]
    assert set(display.dots_) == {"recall"}
    assert_drawn(ax.figure)
    assert not plt.get_fignums()


def test_a_second_classifier_on_the_same_axes_keeps_the_rows_of_the_first():
    first = PerClassDisplay.from_predictions(LABELS, PREDICTED, label="plain", sort="f1")
    rows = rows_of(first.axes_[0])
    other = np.array(TREES)[np.where(TRUE == 2, 2, PROBA.argmax(axis=1))]
    second = PerClassDisplay.from_predictions(
        LABELS, other, ax=first.axes_, label="balanced", sort="recall"
    )
    assert rows_of(first.axes_[0]) == rows
    for name in ("precision", "recall", "f1"):
        ax = second.dots_[name].axes
        assert ax is first.dots_[name].axes
        for display in (first, second):
            placed = dict(
                zip(
                    ax.convert_yunits(list(display.dots_[name].get_ydata())),
                    display.dots_[name].get_xdata(),
                    strict=True,
                )
            )
            in_rows = [placed[row] for row in range(4)]
            by_name = dict(zip(TREES, display.scores[name], strict=True))
            assert in_rows == [by_name[row.split("  ")[0]] for row in rows]
    for name in ("precision", "recall", "f1"):
        colors = [display.dots_[name].get_color() for display in (first, second)]
        assert colors == list(COLORS[:2])
    labels = ["plain", "mean of plain", "balanced", "mean of balanced"]
    assert legend_of(first.axes_[-1]) == labels
    assert_drawn(first.figure_)


def test_a_class_of_the_second_classifier_only_gets_a_row_below():
    first = PerClassDisplay.from_predictions(["elm", "oak"], ["elm", "oak"])
    second = PerClassDisplay.from_predictions(
        ["ash", "elm", "oak"], ["ash", "elm", "oak"], ax=first.axes_
    )
    assert [row.split()[0] for row in rows_of(second.axes_[0])] == ["elm", "oak", "ash"]


def test_sums_of_weights_are_shown_with_four_digits():
    display = PerClassDisplay.from_predictions(
        ["ash", "fir"], ["ash", "fir"], sample_weight=[119.36912, 0.25]
    )
    names = [text.get_text() for text in display.axes_[0].get_yticklabels()]
    assert names == ["ash  (119.4)", "fir  (0.25)"]


def test_undefined_scores_have_no_dot():
    """Birch is never predicted, and elm has no rows."""
    display = PerClassDisplay.from_predictions(
        ["alder", "birch", "alder"], ["alder", "alder", "elm"], sort=None
    )
    assert display.classes.tolist() == ["alder", "birch", "elm"]
    np.testing.assert_array_equal(display.support, [2, 1, 0])
    np.testing.assert_array_equal(display.dots_["precision"].get_xdata(), [0.5, 0, 0])
    np.testing.assert_array_equal(display.dots_["recall"].get_xdata(), [0.5, 0, np.nan])
    assert_drawn(display.figure_)


@pytest.mark.parametrize("weight", [None, WEIGHT * (TRUE != 1)], ids=["plain", "weighted"])
def test_displays_and_reports_agree(weight):
    """Even if a class has no rows of positive weight."""
    report = ClassificationReport.from_predictions(
        LABELS, y_proba=PROBA, sample_weight=weight, n_bins=15
    )
    reliability = ReliabilityDisplay.from_predictions(LABELS, PROBA, sample_weight=weight)
    error = report.overall["expected_calibration_error"]
    assert reliability.curves[0].error == pytest.approx(error)
    scores = PerClassDisplay.from_predictions(LABELS, PREDICTED, sample_weight=weight)
    for name in ("precision", "recall", "f1"):
        np.testing.assert_allclose(
            scores.mean_lines_[name].get_xdata()[0], report.averages["macro"][name]
        )
    for display_class, area in zip(CURVES, ("roc_auc", "average_precision"), strict=True):
        display = display_class.from_predictions(
            LABELS, PROBA, sample_weight=weight, averages=("macro", "micro")
        )
        for curve, average in zip(display.averages, ("macro", "micro"), strict=True):
            assert curve.area == pytest.approx(report.averages[average][area])


# --- all displays -------------------------------------------------------------------------------

DISPLAYS = {
    "history": lambda **o: TrainingHistoryDisplay.from_history({"loss": [2, 1]}, **o),
    "ROC": lambda **o: RocCurvesDisplay.from_predictions(LABELS, PROBA, **o),
    "precision-recall": lambda **o: PrecisionRecallCurvesDisplay.from_predictions(
        LABELS, PROBA, **o
    ),
    "reliability": lambda **o: ReliabilityDisplay.from_predictions(LABELS, PROBA, **o),
    "classes": lambda **o: ReliabilityDisplay.from_predictions(
        LABELS, PROBA, kind="per_class", **o
    ),
    "scores": lambda **o: PerClassDisplay.from_predictions(LABELS, PREDICTED, **o),
}


@pytest.mark.parametrize("name", DISPLAYS)
def test_without_matplotlib_the_error_says_how_to_install_it(name, no_matplotlib):
    with pytest.raises(ImportError, match=r'pip install "keras-multiclass\[plot\]"'):
        DISPLAYS[name]()


@pytest.mark.parametrize("name", DISPLAYS)
def test_a_display_can_be_drawn_again(name):
    display = DISPLAYS[name]()
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first
    np.testing.assert_array_equal(pixels(display.figure_), pixels(first))


@pytest.mark.parametrize("name", DISPLAYS)
def test_given_axes_are_used_and_no_figure_is_opened(name):
    if name == "scores":
        axes = Figure(layout="constrained").subplots(1, 3)
    else:
        axes = Figure(layout="constrained").subplots()
    display = DISPLAYS[name](ax=axes)
    assert display.figure_ is np.ravel(axes)[0].figure
    assert np.ravel(axes)[0] is one_axes(display)
    assert not plt.get_fignums()
    assert_drawn(display.figure_)


@pytest.mark.parametrize("name", DISPLAYS)
def test_invalid_axes_are_rejected(name):
    with pytest.raises(ValueError, match="`ax` must be None or"):
        DISPLAYS[name](ax="axes")
    assert not plt.get_fignums()


@pytest.mark.parametrize("display_class", FROM_PROBABILITIES)
def test_any_classifier_with_probabilities_can_be_drawn(display_class):
    names = np.array(["ash", "fir", "oak"])[y]
    classifier = make_pipeline(StandardScaler(), GaussianNB()).fit(X, names)
    display = display_class.from_estimator(classifier, X, names)
    same = display_class.from_predictions(names, classifier.predict_proba(X))
    for one, other in zip(display.lines_, same.lines_, strict=True):
        np.testing.assert_array_equal(points_of(one), points_of(other))


def test_a_keras_classifier_can_be_drawn(trained):
    display = RocCurvesDisplay.from_estimator(trained, X, y)
    x, height, _ = roc_curve(y == 1, trained.predict_proba(X)[:, 1])
    np.testing.assert_allclose(points_of(display.lines_[1]), (x, height))
    scores = PerClassDisplay.from_estimator(trained, X, y, sort=None)
    _, recall, _, _ = precision_recall_fscore_support(y, trained.predict(X))
    np.testing.assert_allclose(scores.dots_["recall"].get_xdata(), recall)


@pytest.mark.parametrize("display_class", FROM_PROBABILITIES)
def test_a_classifier_without_probabilities_is_rejected(display_class):
    with pytest.raises(ValueError, match="`estimator` must be a classifier with `predict_proba`"):
        display_class.from_estimator(RidgeClassifier().fit(X, y), X, y)
    assert not plt.get_fignums()


def test_scores_of_each_class_need_no_probabilities():
    ridge = RidgeClassifier().fit(X, y)
    display = PerClassDisplay.from_estimator(ridge, X, y, sort=None)
    precision, _, _, _ = precision_recall_fscore_support(y, ridge.predict(X))
    np.testing.assert_allclose(display.dots_["precision"].get_xdata(), precision)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("ROC", {"averages": "macro"}, "`averages` must be a collection of 'macro', 'micro'"),
        ("ROC", {"averages": ["weighted"]}, "`averages` must be .*; got unknown 'weighted'"),
        ("ROC", {"averages": None}, "`averages` must be a collection of .*; got None"),
        ("ROC", {"averages": [["macro"]]}, "`averages` must be a collection of .*; got unknown"),
        ("ROC", {"highlight": -1}, "`highlight` must be an integer from 0 to 10; got -1"),
        ("precision-recall", {"highlight": 2.0}, "`highlight` must be an integer from 0 to 10"),
        ("reliability", {"kind": "label"}, "`kind` must be one of 'top_label', 'per_class'"),
        ("reliability", {"n_bins": 0}, "`n_bins` must be an integer of at least 1; got 0"),
        ("reliability", {"strategy": "kmeans"}, "`strategy` must be one of 'uniform', 'quantile'"),
        ("scores", {"metrics": ["f2"]}, "`metrics` must be names from .* got unknown 'f2'"),
        ("scores", {"metrics": ()}, "`metrics` must be names from 'precision', .*; got none"),
        ("scores", {"metrics": 1}, "`metrics` must be names from 'precision', .*; got 1"),
        ("scores", {"sort": ["f1"]}, "`sort` must be None or one of .* got list of length 1"),
        ("scores", {"sort": "name"}, "`sort` must be None or one of 'precision', .* got 'name'"),
    ],
)
def test_invalid_arguments_are_rejected(name, options, message):
    with pytest.raises(ValueError, match=message):
        DISPLAYS[name](**options)
    assert not plt.get_fignums()


# --- several labels per row -----------------------------------------------------------------------

X_LABELS, Y_LABELS = make_multilabel_classification(80, 5, n_classes=3, random_state=0)


@pytest.fixture(scope="module")
def label_tree():
    return DecisionTreeClassifier(max_depth=3, random_state=0).fit(X_LABELS, Y_LABELS)


@pytest.mark.parametrize("one_hot", [False, True])
def test_curves_and_scores_of_labels_are_those_of_the_report(label_tree, one_hot):
    y = np.eye(3, dtype=int)[np.arange(80) % 3] if one_hot else Y_LABELS
    weight = np.random.default_rng(0).uniform(0, 2, 80)
    report = MultilabelReport.from_estimator(label_tree, X_LABELS, y, sample_weight=weight)
    options = {"sample_weight": weight, "averages": ["macro", "micro"]}
    for display_class, name in zip(CURVES, ["roc_auc", "average_precision"], strict=True):
        display = display_class.from_estimator(label_tree, X_LABELS, y, **options)
        np.testing.assert_allclose([c.area for c in display.curves], report.per_class[name])
        np.testing.assert_allclose(
            [c.area for c in display.averages],
            [report.averages[kind][name] for kind in ("macro", "micro")],
        )
    scores = PerClassDisplay.from_estimator(label_tree, X_LABELS, y, sample_weight=weight)
    for name in ("precision", "recall", "f1"):
        np.testing.assert_array_equal(scores.scores[name], report.per_class[name])


def test_displays_of_labels_take_predictions(label_tree):
    proba = np.transpose(label_tree.predict_proba(X_LABELS))[1]
    roc = RocCurvesDisplay.from_predictions(Y_LABELS, proba, labels=["leaf", "bark", "cone"])
    assert [curve.name for curve in roc.curves] == ["leaf", "bark", "cone"]
    scores = PerClassDisplay.from_predictions(Y_LABELS, label_tree.predict(X_LABELS))
    assert scores.support.tolist() == Y_LABELS.sum(axis=0).tolist()


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_the_reliability_of_labels_is_that_of_each(label_tree, strategy):
    display = ReliabilityDisplay.from_estimator(
        label_tree, X_LABELS, Y_LABELS, n_bins=5, strategy=strategy
    )
    assert display.kind == "per_class"
    each = label_tree.predict_proba(X_LABELS)
    for k, line in enumerate(display.lines_):
        single = ReliabilityDisplay.from_predictions(
            Y_LABELS[:, k], each[k], kind="per_class", n_bins=5, strategy=strategy
        )
        np.testing.assert_allclose(points_of(line), points_of(single.lines_[1]))
    with pytest.raises(ValueError, match="`kind` must be None or 'per_class'"):
        ReliabilityDisplay.from_estimator(label_tree, X_LABELS, Y_LABELS, kind="top_label")


def test_labels_of_no_row_or_of_every_row_have_no_roc_curve():
    y = np.array([[0, 1, 1], [0, 1, 0], [0, 1, 1]])
    proba = np.random.default_rng(0).random((3, 3))
    roc = RocCurvesDisplay.from_predictions(y, proba)
    assert (roc.absent, len(roc.curves)) == ([0, 1], 1)
    precision_recall = PrecisionRecallCurvesDisplay.from_predictions(y, proba)
    assert (precision_recall.absent, len(precision_recall.curves)) == ([0], 2)
    with pytest.raises(ValueError, match="rows have one, and others lack it"):
        RocCurvesDisplay.from_predictions(np.ones((3, 2)), proba[:, :2])


def test_the_history_of_a_classifier_of_labels_is_drawn():
    network = KerasMultilabelClassifier("mlp", backbone__hidden_units=(4,), epochs=2)
    network.fit(X_LABELS, Y_LABELS)
    assert len(TrainingHistoryDisplay.from_estimator(network).axes_) == 1
