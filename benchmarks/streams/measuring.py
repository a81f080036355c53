"""The files, and the measurements, each in a process of its own."""

from __future__ import annotations

import resource
import threading
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_multiclass import KerasMulticlassClassifier, TableBatches

N_FEATURES, N_CLASSES = 20, 5
ROWS_PER_FILE, ROWS_PER_GROUP = 10**6, 2**17
BATCH_SIZE = 1024


def write_table(folder: Path, n_rows: int) -> None:
    """Write normal features in 32 bits and labels that depend on them, a million rows a file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    weights = np.random.default_rng(0).normal(size=(N_FEATURES, N_CLASSES))
    for start in range(0, n_rows, ROWS_PER_FILE):
        rng = np.random.default_rng([1, start])
        X = rng.normal(size=(min(ROWS_PER_FILE, n_rows - start), N_FEATURES)).astype(np.float32)
        noise = rng.normal(scale=2.0, size=(len(X), N_CLASSES))
        labels = (X @ weights + noise).argmax(axis=1).astype(np.int16)
        table = pa.table({**{f"x{i}": X[:, i] for i in range(N_FEATURES)}, "label": labels})
        pq.write_table(table, folder / f"{start:09}.parquet", row_group_size=ROWS_PER_GROUP)


class Clock(keras.callbacks.Callback):
    """Notes wall time, processor time and memory at the beginning and at the end of epochs."""

    def __init__(self) -> None:
        super().__init__()
        self.start: list[float] = []
        self.epochs: list[tuple[float, float, float]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Note the end of the first pass and of tracing."""
        self.began = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start both clocks."""
        self.start = [time.perf_counter(), time.process_time()]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stop them."""
        wall, processor = time.perf_counter() - self.start[0], time.process_time() - self.start[1]
        self.epochs.append((wall, processor, resident()))


def resident() -> float:
    """Return the resident memory of this process in MiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def make(network: str, epochs: int, **params: Any) -> KerasMulticlassClassifier:
    """Return one network that trains on all rows, as streams do by default."""
    return KerasMulticlassClassifier(
        network,
        epochs=epochs,
        n_ensemble=1,
        validation_split=None,
        early_stopping=False,
        calibration=None,
        random_state=0,
        **params,
    )


def timed_fit(classifier: KerasMulticlassClassifier, *data: Any) -> tuple[float, Clock]:
    """Return the seconds before the first epoch, and the clock of the epochs."""
    clock, start = Clock(), time.perf_counter()
    classifier.set_params(callbacks=clock).fit(*data)
    assert classifier.engine_ == "graph", classifier.engine_reason_
    return clock.began - start, clock


def stream_of(folder: str) -> TableBatches:
    """Return the batches of the files of a folder."""
    return TableBatches(folder, "label", batch_size=BATCH_SIZE, random_state=0)


def measure_stream(folder: str, network: str, epochs: int) -> dict[str, Any]:
    """Train on the stream alone, and note the memory over time."""
    before, samples, stop = resident(), [], threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            samples.append(resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    batches = stream_of(folder)
    first_pass, clock = timed_fit(make(network, epochs), batches)
    stop.set()
    watcher.join()
    return {
        "rows": batches.n_rows,
        "first pass": first_pass,
        "wall": min(wall for wall, _, _ in clock.epochs),
        "processor": min(processor for _, processor, _ in clock.epochs),
        "before": before,
        "peak": max(samples),
        "after epochs": [memory for _, _, memory in clock.epochs],
    }


def measure_both(folder: str, network: str, repeats: int) -> dict[str, list[list[float]]]:
    """Train on the rows in memory and on the stream, in turn, in one process."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder)
    y = table.column("label").to_numpy()
    X = np.empty((len(y), N_FEATURES), np.float32)
    for i in range(N_FEATURES):
        X[:, i] = table.column(f"x{i}").to_numpy()
    del table
    make(network, 1, batch_size=BATCH_SIZE).fit(X[: 8 * BATCH_SIZE], y[: 8 * BATCH_SIZE])
    found: dict[str, list[list[float]]] = {"in memory": [], "streamed": []}
    for _ in range(repeats):
        for name, data, params in (
            ("in memory", (X, y), {"batch_size": BATCH_SIZE}),
            ("streamed", (stream_of(folder),), {}),
        ):
            first, clock = timed_fit(make(network, 1, **params), *data)
            found[name].append([first, *clock.epochs[0][:2]])
    return found
