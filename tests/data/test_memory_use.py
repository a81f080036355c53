"""Streams and memory maps are never held in memory as a whole, and 8-bit arrays are not copied."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

MEASURE = """
import json, os, sys, threading, time
import numpy as np
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data import cast_on_read, statistics
from keras_multiclass._training.engine import blocks, device_data, graph

# Much smaller chunks than by default (16 and 32 MiB), so that a copy of a small array stands out.
cast_on_read._CHUNK_VALUES = statistics._CHUNK_VALUES = 2**18
graph._PREDICTED_BYTES = device_data._BLOCK_BYTES = blocks._BLOCK_BYTES = 2**22


def own_memory():  # without the pages of mapped files, which the system reclaims at will
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("RssAnon"))


def growth(run):
    before, samples, done = own_memory(), [], threading.Event()

    def watch():
        while not done.wait(0.001):
            samples.append(own_memory())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    run()
    done.set()
    watcher.join()
    return max(samples) - before


def classifier(**parameters):
    return KerasMulticlassClassifier(
        "mlp", backbone__hidden_units=(4,), random_state=0, **parameters
    )


def batches(n):
    rng = np.random.default_rng(0)
    for _ in range(n):
        X = rng.random((10_000, 25), np.float32)
        yield X, (X[:, 0] > 0.5).astype(int)


streamed = classifier(epochs=1).fit(lambda: batches(3))
measured = {"stream": growth(lambda: streamed.fit(lambda: batches(120)))}

values = np.random.default_rng(0).random((16_000, 750), np.float32)
y = (values[:, 0] > 0.5).astype(int)
small = values[:3000].copy()
paths = {dtype: os.path.join(sys.argv[1], dtype + ".npy") for dtype in ("float32", "float64")}
for dtype, path in paths.items():
    np.save(path, values.astype(dtype))
del values
fitted = {}
for dtype, path in paths.items():
    X = np.load(path, mmap_mode="r")
    mapped = classifier(epochs=2, batch_size=1024, engine="graph").fit(small, y[:3000])
    measured[dtype] = growth(lambda: mapped.fit(X, y))
    fitted[dtype] = mapped
for dtype, path in paths.items():
    in_memory = classifier(epochs=2, batch_size=1024, engine="graph").fit(np.load(path), y)
    assert in_memory.history_ == fitted[dtype].history_
few_bits = np.zeros((120_000, 500), np.uint8)  # 57 MiB
few_bits[::2, 0] = 1
y = few_bits[:, 0]
of_few_bits = classifier(epochs=1, batch_size=4096, engine="graph")
of_few_bits.fit(few_bits[:30_000], y[:30_000]).predict(few_bits[:30_000])
measured["uint8"] = growth(lambda: of_few_bits.fit(few_bits, y))
measured["uint8, predicted"] = growth(lambda: of_few_bits.predict(few_bits))
del few_bits
many = np.arange(400) % 200
of_many = classifier(epochs=1).fit(np.random.default_rng(0).random((400, 2)), many)
rows = np.random.default_rng(1).random((60_000, 2), np.float32)
of_many.predict_proba(rows[:1000])
for method in ("predict", "predict_proba"):
    measured[method] = growth(lambda: getattr(of_many, method)(rows))
image = np.zeros((2, 1000, 1000, 1), np.float32)
of_images = KerasMulticlassClassifier("cnn", epochs=1).fit(image, [0, 1])
measured["image"] = growth(lambda: of_images.predict(image[:1]))
print(json.dumps(measured))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_streams_and_memory_maps_are_not_loaded_whole_and_8_bit_arrays_not_copied(tmp_path):
    """Measured in one process, since starting TensorFlow takes most of the time.

    In float32, the dtype of the network, the stream has 114 MiB and each array 46 MiB. A copy of
    any of them exceeds the bound by far; batches and chunks need about 10 MiB, and the sample of
    the stream that quantiles are computed from has up to 16 MiB, twice while it is put together.
    """
    command = [sys.executable, "-c", MEASURE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout.splitlines()[-1])
    assert measured["stream"] < 55
    assert measured["float32"] < 20
    assert measured["float64"] < 20
    assert measured["uint8"] < 25  # a copy would have 57, and 229 in float32
    assert measured["uint8, predicted"] < 25
    assert measured["predict"] < 60  # all probabilities have 92 MiB
    assert measured["predict_proba"] < 92 + 60
    assert measured["image"] < 100  # a batch of 128 would have 512
