"""A forked process either works or says at once why it cannot; it never hangs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")

SCRIPT = """
import json, os, sys
import numpy as np
import keras
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._shared.upstream import tensorflow as upstream

upstream.runs_functions.__defaults__ = (1.0,)  # seconds
X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2

def small(**params):
    return KerasMulticlassClassifier("mlp", backbone__hidden_units=(4,), epochs=1, **params)

def in_child(call):
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            answer = f"{len(call())} rows"
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(write, answer.encode())
        os._exit(0)
    os.close(write)
    with open(read) as file:
        return file.read()

found = {}
forked = small()
found["unused"] = in_child(lambda: small().fit(X, y).predict_proba(X))
keras.optimizers.Adam()  # starts TensorFlow
found["used by others"] = in_child(lambda: small().fit(X, y).predict_proba(X))
fitted = {engine: small(engine=engine).fit(X, y) for engine in ("graph", "keras")}
for engine, classifier in fitted.items():
    found[f"predict, {engine}"] = in_child(lambda: classifier.predict_proba(X))
found["fit"] = in_child(lambda: small().fit(X, y).predict_proba(X))
import pickle
pickled = pickle.dumps(fitted["graph"])
found["load"] = in_child(lambda: pickle.loads(pickled).predict_proba(X))
found["parent"] = f"{len(fitted['graph'].predict_proba(X))} rows"
json.dump(found, sys.stdout)
"""


def test_tensorflow_after_a_fork_works_or_raises_an_error_with_the_cure():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("unused") == "40 rows"
    assert found.pop("parent") == "40 rows"
    assert len(found) == 5
    for case, answer in found.items():
        assert answer.startswith("RuntimeError: TensorFlow must not be used in a process"), case
        assert "'spawn'" in answer, case
        assert "'loky'" in answer, case
