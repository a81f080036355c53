"""The gallery: each example ends in a plot, and the claims of its text hold."""

from __future__ import annotations

import runpy
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.metrics import accuracy_score, log_loss

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def _vehicles(variables):
    recall = dict(
        zip(variables["report"].classes, variables["report"].per_class["recall"], strict=True)
    )
    assert min(recall["bus"], recall["van"]) > 0.9
    assert max(recall["opel"], recall["saab"]) < 0.85
    pairs = variables["report"].confused_pairs(2)
    assert {(pair.true, pair.predicted) for pair in pairs} == {("opel", "saab"), ("saab", "opel")}


def _raw_table(variables):
    assert variables["classifier"].score(variables["X_test"], variables["y_test"]) > 0.6
    assert [variables["X"].columns[i] for i in variables["order"][-1:]] == ["Vig"]


def _imbalance(variables):
    plain, balanced = (variables["scores"][weight] for weight in (None, "balanced"))
    rarest = variables["support"].argmin()
    assert balanced["recall"].mean() > plain["recall"].mean() + 0.05
    assert balanced["recall"][rarest] > plain["recall"][rarest] + 0.2
    assert balanced["precision"].mean() < plain["precision"].mean()


def _calibration(variables):
    X, y = variables["X_test"], variables["y_test"]
    plain, calibrated = variables["plain"], variables["calibrated"]
    assert calibrated.temperature_ > 1.2
    assert (plain.predict(X) == calibrated.predict(X)).all()
    assert log_loss(y, calibrated.predict_proba(X)) < 0.9 * log_loss(y, plain.predict_proba(X))


def _digits(variables):
    assert accuracy_score(variables["y_test"], variables["predicted"]) > 0.95
    rows = variables["most_confident"]
    assert (variables["predicted"][rows] != variables["y_test"][rows]).all()
    assert (np.diff(variables["confidence"][rows]) <= 0).all()


def _augmentation(variables):
    plain, augmented = variables["accuracy"].values()
    assert augmented > plain + 0.01
    assert not np.allclose(variables["images"], variables["originals"])


def _pen_strokes(variables):
    accuracy = variables["accuracy"]
    assert accuracy[2] < 0.75 < 0.95 < accuracy[8]
    assert accuracy[2] < accuracy[3] < accuracy[4] < accuracy[5]


def _dna(variables):
    assert variables["classifier"].score(variables["X_test"], variables["y_test"]) > 0.93
    most = {
        kind: set(variables["positions"][np.argsort(drops)[-2:]])
        for kind, drops in variables["drops"].items()
    }
    # An intron begins with GT, right of the junction, and ends with AG, left of it.
    assert {1} < most["EI"] < {0, 1, 3}
    assert {-2} < most["IE"] < {-3, -2, -1}


def _speakers(variables):
    mixed, by_speaker = (
        variables[name].report.overall["accuracy"] for name in ("mixed", "by_speaker")
    )
    assert mixed > 0.9
    assert by_speaker < mixed - 0.2


def _search(variables):
    assert variables["search"].best_score_ > 0.78
    assert np.ptp(variables["scores"].max(axis=0)) > np.ptp(variables["scores"].max(axis=1))


def _learning_history(variables):
    loss = {d: np.array(c.history_["val_loss"]) for d, c in variables["classifiers"].items()}
    assert loss[0.5].min() < loss[0.0].min()
    assert all(values[-1] > values.min() for values in loss.values())
    assert loss[0.0].argmin() < loss[0.5].argmin()


def _ensemble(variables):
    losses = variables["losses"].mean(axis=1)
    assert (losses[1:] < losses[0] - 0.01).all()
    assert variables["errors"].mean(axis=1)[-1] < variables["errors"].mean(axis=1)[0]


def _decision_regions(variables):
    X, y = variables["X"], variables["y"]
    assert all(c.score(X, y) > 0.93 for c in variables["classifiers"].values())


def _emotions(variables):
    fixed, chosen = variables["scores"]["0.5"], variables["scores"]["chosen"]
    assert chosen.mean() > fixed.mean() + 0.02
    happy = list(variables["y"]).index("happy")
    assert chosen[happy] > fixed[happy] + 0.05
    together = variables["together"]
    assert together.loc["quiet", "sad"] > 0.6
    assert together.loc["quiet", "angry"] < 0.05


def _many_classes(variables):
    report = variables["report"]
    assert len(report.classes) == 19
    assert report.overall["accuracy"] > 0.9
    assert report.per_class["f1"].min() < 0.9


def _tour(variables):
    overall = variables["report"].overall
    assert (
        0.55
        < overall["accuracy"]
        == variables["classifier"].score(variables["X_test"], variables["y_test"])
    )


def _torn_digits(variables):
    image, ink, both = variables["accuracy"].values()
    assert both > image + 0.03
    assert image > ink > 0.6
    assert min(map(np.mean, variables["importance"].values())) > 0.3


def _folder_of_images(variables):
    small, whole = variables["accuracy"].values()
    assert whole > small + 0.02
    assert np.mean(variables["predicted"] == variables["y_test"]) > 0.93
    assert not variables["folder"].exists()


def _text_column(variables):
    numbers, both = variables["accuracies"].values()
    assert both > numbers + 0.1


CLAIMS = {
    "vehicles": _vehicles,
    "raw_table": _raw_table,
    "imbalance": _imbalance,
    "calibration": _calibration,
    "augmentation": _augmentation,
    "digits": _digits,
    "pen_strokes": _pen_strokes,
    "dna": _dna,
    "speakers": _speakers,
    "search": _search,
    "learning_history": _learning_history,
    "ensemble": _ensemble,
    "decision_regions": _decision_regions,
    "emotions": _emotions,
    "folder_of_images": _folder_of_images,
    "many_classes": _many_classes,
    "text_column": _text_column,
    "torn_digits": _torn_digits,
    "tour": _tour,
}


@pytest.fixture
def pyplot():
    """Matplotlib without a screen, about which ``show`` warns."""
    before = mpl.get_backend()
    plt.switch_backend("agg")
    yield plt
    plt.close("all")
    plt.switch_backend(before)


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive:UserWarning")
@pytest.mark.parametrize("name", CLAIMS)
def test_an_example_ends_in_a_plot_and_its_claims_hold(name, pyplot):
    variables = runpy.run_path(str(EXAMPLES / f"plot_{name}.py"), run_name="__main__")
    figure = pyplot.gcf()
    assert figure.axes
    assert any(ax.has_data() for ax in figure.axes)
    figure.draw_without_rendering()
    CLAIMS[name](variables)


def test_every_example_of_the_gallery_is_tested():
    names = {path.stem.removeprefix("plot_") for path in EXAMPLES.glob("plot_*.py")}
    assert names == set(CLAIMS)
