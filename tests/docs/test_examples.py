"""The examples run as they are, without optional packages, and show what they promise."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

# The quickstart in a process that has only the runtime packages; warnings of ours are errors.
WITHOUT_OPTIONAL_PACKAGES = """
import runpy, sys, warnings

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in ("imblearn", "matplotlib", "pandas", "polars"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import keras_multiclass
warnings.simplefilter("error")
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def _run(name: str) -> dict:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")


def _numbers(pattern: str, text: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, text)]


def _run_elsewhere(name: str, folder: Path) -> str:
    """Start an example in a new process from another folder; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_OPTIONAL_PACKAGES, str(EXAMPLES / f"{name}.py")],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    return _run_elsewhere("quickstart", tmp_path_factory.mktemp("elsewhere"))


def test_the_quickstart_tells_the_vehicles_apart(quickstart):
    (accuracy,) = _numbers(r"\n +accuracy +([\d.]+) +254\n", quickstart)
    assert accuracy > 0.7
    assert "classes: bus opel saab van\n" in quickstart


def test_the_quickstart_shows_four_candidates_and_a_winner_that_holds_up(quickstart):
    candidates = _numbers(r"hidden_units=.*accuracy ([\d.]+)", quickstart)
    (winner,) = _numbers(r"test accuracy ([\d.]+)", quickstart)
    assert len(candidates) == 4
    assert winner > max(candidates) - 0.1


def test_the_quickstart_shows_that_balanced_weights_find_more_of_the_rare_classes(quickstart):
    (plain,) = _numbers(r"class_weight=None .*macro recall ([\d.]+)", quickstart)
    (balanced,) = _numbers(r"class_weight=balanced .*macro recall ([\d.]+)", quickstart)
    assert balanced > plain + 0.02
    assert balanced > 0.8


def test_the_image_example_reads_the_digits(capsys):
    shown = _run("image_cnn")
    assert shown["accuracy"] > 0.95
    assert f"test accuracy {shown['accuracy']:.3f}" in capsys.readouterr().out


def test_the_sequence_example_knows_the_order_and_ignores_where_the_padding_is(capsys):
    shown = _run("sequence_gru")
    assert shown["accuracy"] > 0.9
    assert shown["largest_change"] < 1e-5
    assert "down-up" in capsys.readouterr().out


def test_the_example_of_own_networks_profits_from_pretraining_and_leaves_the_model_alone(capsys):
    shown = _run("custom_backbone")
    assert min(shown["wine_accuracy"].values()) > 0.85
    accuracy = shown["few_labels_accuracy"]
    assert accuracy["pretrained"] > accuracy["from scratch"]
    assert capsys.readouterr().out.endswith("model unchanged: True\n")


def test_the_example_from_scikeras_searches_a_builder_and_takes_over_a_fitted_network(tmp_path):
    # In a process of its own, because importing SciKeras changes Keras.
    printed = _run_elsewhere("from_scikeras", tmp_path)
    (folds,) = re.findall(r"stratified folds: \[([\d. ]+)\]", printed)
    assert min(map(float, folds.split())) > 0.85
    (best,) = _numbers(r"best parameters: .* accuracy ([\d.]+)", printed)
    assert best > 0.85
    assert "labels of three rows: setosa versicolor virginica\n" in printed
    assert printed.endswith("same probabilities: True\n")


def test_every_example_is_run_by_a_test():
    here = Path(__file__).read_text(encoding="utf-8")
    # Those of the gallery, plot_*.py, have a file of tests of their own.
    names = [p.stem for p in EXAMPLES.glob("*.py") if not p.stem.startswith("plot_")]
    assert names
    assert not [name for name in names if f'"{name}"' not in here and f"{name}.py" not in here]


def test_the_data_of_the_examples_name_their_source_and_licence():
    text = (EXAMPLES / "data" / "SOURCES.md").read_text(encoding="utf-8")
    tables = [path.name for path in (EXAMPLES / "data").glob("*.csv")]
    assert tables
    for name in tables:
        (row,) = re.findall(rf"^\| `{name}` .*$", text, re.MULTILINE)
        assert "archive.ics.uci.edu" in row or f"except `{name}` come from the UCI" in text
    assert "CC BY 4.0" in text
