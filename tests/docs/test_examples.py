"""The examples run without optional packages and show what they promise."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

# Runs in a new process that has only the runtime packages and turns warnings into errors: first
# fits that must print nothing, then the examples named on the command line.
NEW_PROCESS = """
import runpy, sys, warnings

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in ("imblearn", "matplotlib", "pandas", "polars"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
warnings.simplefilter("error", UserWarning)
from sklearn.datasets import load_iris
from keras_multiclass import KerasMulticlassClassifier

X, y = load_iris(return_X_y=True)
classifier = KerasMulticlassClassifier(
    epochs=2, early_stopping=1, metrics="accuracy", backbone__hidden_units=(4,)
)
for _ in range(7):  # TensorFlow warns of retracing from the fifth trace on
    classifier.fit(X, y)
classifier.predict_proba(X)
classifier.score(X, y)

warnings.simplefilter("error")
for path in sys.argv[1:]:
    print(f"\\n--- {path}")
    sys.argv[0] = path
    runpy.run_path(path, run_name="__main__")
"""


def _run(name: str) -> dict:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")


def _numbers(pattern: str, text: str) -> list[float]:
    return [float(number) for number in re.findall(pattern, text)]


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """Return what a new process prints, first for the silent fits, then for each example."""
    # SciKeras changes Keras when it is imported, so its example is the last one.
    paths = [str(EXAMPLES / f"{name}.py") for name in ("quickstart", "from_scikeras")]
    done = subprocess.run(
        [sys.executable, "-c", NEW_PROCESS, *paths],
        capture_output=True,
        text=True,
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env={k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"},
        timeout=600,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    fits, quickstart, from_scikeras = re.split(r"\n--- .*\n", done.stdout)
    return {"fits": fits, "quickstart": quickstart, "from_scikeras": from_scikeras}


def test_importing_and_fitting_print_nothing(output):
    assert output["fits"] == ""


def test_the_quickstart_tells_the_vehicles_apart(output):
    (accuracy,) = _numbers(r"\n +accuracy +([\d.]+) +254\n", output["quickstart"])
    assert accuracy > 0.7
    assert "classes: bus opel saab van\n" in output["quickstart"]


def test_the_quickstart_search_compares_four_candidates_and_its_winner_generalizes(output):
    candidates = _numbers(r"hidden_units=.*accuracy ([\d.]+)", output["quickstart"])
    (winner,) = _numbers(r"test accuracy ([\d.]+)", output["quickstart"])
    assert len(candidates) == 4
    assert winner > max(candidates) - 0.1


def test_balanced_weights_raise_the_recall_in_the_quickstart(output):
    (plain,) = _numbers(r"class_weight=None .*macro recall ([\d.]+)", output["quickstart"])
    (balanced,) = _numbers(r"class_weight=balanced .*macro recall ([\d.]+)", output["quickstart"])
    assert balanced > plain + 0.02
    assert balanced > 0.8


def test_the_image_example_recognizes_digits(capsys):
    shown = _run("image_cnn")
    assert shown["accuracy"] > 0.95
    assert f"test accuracy {shown['accuracy']:.3f}" in capsys.readouterr().out


def test_the_sequence_example_learns_the_order_and_predicts_each_alone(capsys):
    shown = _run("sequence_gru")
    assert shown["accuracy"] > 0.9
    assert shown["largest_change"] < 1e-5
    assert "down-up" in capsys.readouterr().out


def test_pretraining_helps_the_custom_backbone_example_and_leaves_the_model_unchanged(capsys):
    shown = _run("custom_backbone")
    assert min(shown["wine_accuracy"].values()) > 0.85
    accuracy = shown["few_labels_accuracy"]
    assert accuracy["pretrained"] > accuracy["from scratch"]
    assert capsys.readouterr().out.endswith("model unchanged: True\n")


def test_the_scikeras_example_searches_a_builder_and_adopts_a_fitted_network(output):
    printed = output["from_scikeras"]
    (folds,) = re.findall(r"stratified folds: \[([\d. ]+)\]", printed)
    assert min(map(float, folds.split())) > 0.85
    (best,) = _numbers(r"best parameters: .* accuracy ([\d.]+)", printed)
    assert best > 0.85
    assert "labels of three rows: setosa versicolor virginica\n" in printed
    assert printed.endswith("same probabilities: True\n")


def test_every_example_is_run_by_a_test():
    here = Path(__file__).read_text(encoding="utf-8")
    # The examples of the gallery, plot_*.py, are tested in test_gallery.py.
    names = [p.stem for p in EXAMPLES.glob("*.py") if not p.stem.startswith("plot_")]
    assert names
    assert not [name for name in names if f'"{name}"' not in here and f"{name}.py" not in here]


def test_every_example_data_set_names_its_source_and_licence():
    text = (EXAMPLES / "data" / "SOURCES.md").read_text(encoding="utf-8")
    tables = [path.name for path in (EXAMPLES / "data").glob("*.csv")]
    assert tables
    (exceptions,) = re.findall(r"^All tables except (.+) come from the UCI", text, re.MULTILINE)
    for name in tables:
        (row,) = re.findall(rf"^\| `{name}` .*$", text, re.MULTILINE)
        assert "archive.ics.uci.edu" in row or f"`{name}`" in exceptions
    assert "CC BY 4.0" in text
