"""Keras on JAX: the same networks and predictions as on TensorFlow, trained by Keras' own step.

Keras chooses its backend once per process, so all of this runs in another process, and in a single
one because JAX compiles each operation anew in each.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from keras_multiclass import KerasMulticlassClassifier

TESTS = Path(__file__).resolve().parents[1]
DATA = TESTS.parent / "examples" / "data"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed"
)

# Tests of other files that must pass on JAX too.
SCHEDULES = (
    "network/test_realmlp.py::test_dropout_follows_its_schedule",
    "network/test_realmlp.py::test_dropout_decays_during_fit_but_not_during_partial_fit",
    "shared/test_schedules.py::test_steps_equal_adam_with_the_schedules_of_the_paper",
    "shared/test_schedules.py::test_the_schedule_has_the_length_of_the_fit",
)

END_OF_FIT = "-- end of the fit --"
PROGRAM = f"""
import pickle, sys
from sklearn.datasets import load_iris
from keras_multiclass import KerasMulticlassClassifier
X, y = load_iris(return_X_y=True)
classifier = KerasMulticlassClassifier(epochs=1).fit(X, y)
classifier.predict(X)
assert "tensorflow" not in sys.modules
pickle.dumps(classifier)

for stream in (sys.stdout, sys.stderr):
    print({END_OF_FIT!r}, file=stream, flush=True)
import pytest, tensorflow
tensorflow.config.list_physical_devices()  # logs an error where there is no GPU
sys.exit(pytest.main(sys.argv[1:]))
"""


@functools.cache
def eucalyptus():
    """Return a table with categories and missing values, and its labels."""
    table = pd.read_csv(DATA / "eucalyptus.csv")
    columns = ["Sp", "Abbrev", "Year", "DBH", "Ht"]  # JAX compiles the layers of each column
    return table[columns], table["target"].to_numpy(dtype=object)


# Every kind of layer of the table backbones occurs, the first of a stack and a later one if they
# differ. The program's first fit trains "mlp_plr" on folds, and most tests train an "mlp".
SMALL = {
    "ft_transformer": {"units": 8, "num_heads": 2, "num_layers": 2},
    "realmlp": {"hidden_units": (16, 16)},
    "resnet": {"units": 16, "num_layers": 1},
    "tabm": {"units": 16, "num_layers": 2, "n_members": 4},
}


def classifier_of(backbone, **params):
    """Return a small classifier; 736 rows make 4 equal batches, so it compiles a single step."""
    size = {f"backbone__{name}": value for name, value in SMALL[backbone].items()}
    return KerasMulticlassClassifier(
        backbone, epochs=3, batch_size=184, random_state=0, **size, **params
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the finished process on JAX: a first fit, then _jax_checks.py and the schedules."""
    results = {}
    for name in SMALL:
        classifier = classifier_of(name).initialize(*eucalyptus())
        results[name] = pickle.dumps(classifier), classifier.predict_proba(eucalyptus()[0])
    path = tmp_path_factory.mktemp("jax") / "tensorflow.pickle"
    path.write_bytes(pickle.dumps(results))
    inherited = {
        k: v for k, v in os.environ.items() if not k.startswith(("COV_", "PYTEST_", "TF_"))
    }
    tests = [str(TESTS / test) for test in ("contract/_jax_checks.py", *SCHEDULES)]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "-q", "-p", "no:cacheprovider", "--tb=short", *tests],
        capture_output=True,
        text=True,
        check=False,
        cwd=TESTS.parent,
        env={
            **inherited,
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            # Compiling takes longer than running, because most functions are called once.
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "TENSORFLOW_RESULTS": str(path),
        },
    )


def test_a_fit_prints_nothing_and_does_not_load_tensorflow(finished):
    assert finished.stdout.startswith(f"{END_OF_FIT}\n"), finished.stdout + finished.stderr
    assert finished.stderr.startswith(f"{END_OF_FIT}\n"), finished.stderr


def test_the_classifier_fits_and_predicts_as_on_tensorflow(finished):
    assert finished.returncode == 0, finished.stdout + finished.stderr
