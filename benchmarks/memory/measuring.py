"""What is measured in a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from keras_multiclass import KerasMulticlassClassifier

WORK = {
    "fit": {"engine": "graph"},
    "fit, validation_split": {"engine": "graph", "validation_split": 0.2},
    "fit, Keras engine": {"engine": "keras"},
    "predict": {"engine": "graph"},
    "predict, Keras engine": {"engine": "keras"},
}
N_SMALL = 256


def coarse(inputs: Any) -> Any:
    """Return few features of images: what is measured is the data, not the network."""
    x = keras.layers.Conv2D(4, 8, strides=8, activation="relu")(inputs)
    return keras.layers.GlobalAveragePooling2D()(x)


def measure(path: str, *, mapped: bool, work: str) -> float:
    """Return the peak of the process beyond its peak for a few of the images.

    The array itself is part of the peak if it is in memory. Pages of mapped files, which the system
    drops as needed, are not.
    """
    images = np.load(path, mmap_mode="r")
    y = np.arange(len(images)) % 3
    few = np.array(images[:N_SMALL])
    classifier = KerasMulticlassClassifier(coarse, epochs=2, random_state=0, **WORK[work])
    with peak_memory() as peak_of_few:
        classifier.fit(few, y[:N_SMALL])
        classifier.predict(few)
    with peak_memory() as peak:
        if not mapped:
            images = np.load(path)
        if work.startswith("fit"):
            classifier.fit(images, y)
        else:
            classifier.predict(images)
    return peak() - peak_of_few()


@contextmanager
def peak_memory() -> Iterator[Callable[[], float]]:
    """Watch the memory of this process; yield a function that returns the largest, in bytes."""
    largest, done = own_memory(), threading.Event()

    def watch() -> None:
        nonlocal largest
        while not done.wait(0.001):
            largest = max(largest, own_memory())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield lambda: largest
    finally:
        done.set()
        watcher.join()


def own_memory() -> float:
    """Return the resident memory of this process in bytes, without pages of mapped files."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024.0 for line in status if line.startswith("RssAnon"))
