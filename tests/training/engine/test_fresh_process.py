"""Memory use and output, measured in a process that has done nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads /proc and Linux' unit of ru_maxrss"
)

SCRIPT = """
import json, pickle, resource, sys
import numpy as np
from keras_multiclass import KerasMulticlassClassifier

MIB = 2**20
found = {}

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / MIB

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

# The peak comes first, as it never falls again.
n = 500_000
X = np.empty((n, 60), np.float32)
X[:] = np.random.default_rng(0).normal(size=60)
X[:, 0] = np.arange(n) % 3
y = np.arange(n) % 3
large = KerasMulticlassClassifier(
    "mlp", backbone__hidden_units=(4,), epochs=1, early_stopping=True, validation_split=0.5
)
large.fit(X[:3000], y[:3000])
before = peak() - X.nbytes / MIB
large.set_params(batch_size=8192).fit(X, y)
assert large.engine_ == "graph", large.engine_reason_
found["copies of X"] = (peak() - before) / (X.nbytes / MIB)
del X, y, large

X, y = np.random.default_rng(0).normal(size=(150, 4)), np.arange(150) % 3

def batches():
    for start in range(0, 150, 40):
        yield X[start : start + 40], y[start : start + 40]

def fit(data=(X, y), **params):
    params = {"backbone__hidden_units": (16,), "epochs": 2, **params}
    return KerasMulticlassClassifier(**params).fit(*data)

loaded = pickle.dumps(fit(engine="keras"))
cases = {
    "fits": (60, lambda: fit().predict(X)),
    "fits in the Keras engine": (20, lambda: fit(backbone="mlp", engine="keras").predict(X)),
    "fits in the Keras engine with XLA": (
        10,
        lambda: fit(backbone="mlp", engine="keras", compile__jit_compile=True).predict(X),
    ),
    "fits on streams": (20, lambda: fit((batches,), backbone="mlp").predict(X)),
    "loads and predictions": (20, lambda: pickle.loads(loaded).predict(X)),
}
found["growth in MiB"] = {}
for case, (n, run) in cases.items():
    for i in range(n + 10):
        run()
        if i == 9:
            before = resident()
    found["growth in MiB"][case] = resident() - before

KerasMulticlassClassifier(epochs=1, compile__jit_compile=True).fit(X, y)
json.dump(found, open(sys.argv[1], "w"))
"""


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    path = tmp_path_factory.mktemp("fresh") / "found.json"
    # Freed memory goes back to the system, so that only memory in use counts.
    limits = dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(2**20))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, path],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **limits},
    )
    assert done.returncode == 0, done.stderr
    return done, json.loads(path.read_text())


def test_memory_stays_flat_over_many_fits(process):
    """In 60 or 20 repetitions; a trace that was not shared would keep a megabyte."""
    growth = process[1]["growth in MiB"]
    assert len(growth) == 5
    assert max(growth.values()) < 8, growth


def test_training_on_a_float32_array_needs_little_more_than_a_copy_of_it(process):
    """Validation rows are not copied; X itself counts as a copy."""
    assert process[1]["copies of X"] < 2.4


def test_fits_with_and_without_xla_print_nothing(process):
    done, _ = process
    assert (done.stdout, done.stderr) == ("", "")
