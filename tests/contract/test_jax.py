"""Keras on JAX: the contract of the backbones for tables, and training with Keras' own step.

Keras' backend is chosen once in a process, so all of it runs in processes of their own.
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

from keras_multiclass import KerasMulticlassClassifier, get_backbone, list_backbones

TESTS = Path(__file__).resolve().parent
DATA = TESTS.parent / "examples" / "data"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed"
)

# Tests of other files that must pass on JAX too; {} stands for each backbone for tables.
CONTRACT = (
    "test_backbones.py::test_features_are_a_finite_matrix_of_static_width[{}]",
    "test_backbones.py::test_a_model_rebuilt_from_its_json_computes_the_same[{}]",
    "test_backbones.py::test_the_gradient_reaches_every_trainable_weight[{}]",
    "test_backbones.py::test_features_follow_the_dtype_policy[mixed_float16-float16-{}]",
    "test_backbones.py::test_a_row_alone_has_the_features_that_it_has_in_a_batch[{}]",
)
SCHEDULES = (
    "test_realmlp.py::test_dropout_follows_its_schedule_step_by_step",
    "test_realmlp.py::test_dropout_ends_with_the_fit_and_a_partial_fit_keeps_it",
    "test_schedules.py::test_steps_are_those_of_adam_with_the_papers_schedules",
    "test_schedules.py::test_the_schedule_of_a_fit_is_as_long_as_the_fit",
)


def table_backbones():
    """Those of the package; other tests of the process may have registered more."""
    names = list_backbones("table")
    return [n for n in names if get_backbone(n).builder.__module__.startswith("keras_multiclass")]


@functools.cache
def trees():
    """A table with categories and missing values, and its labels."""
    table = pd.read_csv(DATA / "eucalyptus.csv")
    return table, table.pop("target").to_numpy(dtype=object)


def classifier_of(backbone):
    # 736 rows are 4 equal batches, so one compiled step serves all.
    return KerasMulticlassClassifier(backbone, epochs=3, batch_size=184, random_state=0)


def on_jax(*arguments, **environment):
    """Run Python in a new process where Keras runs on JAX."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COV_", "PYTEST_", "TF_"))}
    # Each small function is compiled, and most are called once.
    quick = {"JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=TESTS.parent,
        env={**kept, **quick, "KERAS_BACKEND": "jax", "PYTHONPATH": path, **environment},
    )


def assert_passing(tests, **environment):
    """Run tests on JAX; what they print is the message if one fails."""
    done = on_jax(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", *tests, **environment
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_backbones_for_tables_and_schedules_keep_their_contract():
    tests = [test.format(name) for test in CONTRACT for name in table_backbones()]
    assert_passing([str(TESTS / test) for test in (*tests, *SCHEDULES)])


def test_the_classifier_fits_and_predicts_as_with_tensorflow(tmp_path):
    found = {}
    for name in table_backbones():
        classifier = classifier_of(name).initialize(*trees())
        found[name] = pickle.dumps(classifier), classifier.predict_proba(trees()[0])
    path = tmp_path / "found.pickle"
    path.write_bytes(pickle.dumps(found))
    assert_passing([str(TESTS / "_jax_checks.py")], TENSORFLOW_RESULTS=str(path))


QUIET = """
import pickle, sys
from sklearn.datasets import load_iris
from keras_multiclass import KerasMulticlassClassifier
X, y = load_iris(return_X_y=True)
classifier = KerasMulticlassClassifier(epochs=1).fit(X, y)
classifier.predict(X)
assert "tensorflow" not in sys.modules
pickle.dumps(classifier)
"""


def test_nothing_is_printed_and_tensorflow_is_not_loaded_for_a_fit():
    done = on_jax("-c", QUIET)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
