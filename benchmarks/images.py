"""Accuracy on images with and without augmentation, beside other classifiers.

Run ``python -m benchmarks.images --data FOLDER``; the folder holds ``images_mnist5k.npz``, 5,000
images of MNIST. The presets were chosen on the first 1,500 rows of a fixed permutation, so that all
images that classifiers are tested on are from the others.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from keras_multiclass import KerasMulticlassClassifier

CHOICE = 1500
LEARNING_RATE, BATCH_SIZE, FILTERS = 0.003, 32, (32, 64, 128)
# Numbers of training and test images, and epochs.
SIZES = {500: (2000, 30), 4000: (1000, 20)}
N_SPLITS = 3


def load(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels in a fixed random order."""
    data = np.load(folder / "images_mnist5k.npz")
    order = np.random.default_rng(123).permutation(len(data["y"]))
    return data["X"][order][..., None], data["y"][order]


def split(y: np.ndarray, n_train: int, n_test: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return training and test rows; no image that presets were chosen on is for testing."""
    rows = np.arange(CHOICE, len(y))
    left = max(0, n_train + n_test - len(rows))
    train, test = train_test_split(
        rows, train_size=n_train - left, test_size=n_test, stratify=y[rows], random_state=seed
    )
    return np.concatenate([np.arange(left), train]), test


def ours(augmentation: Any, epochs: int, seed: int, filters: tuple[int, ...]) -> Any:
    """Return the backbone `cnn`."""
    return KerasMulticlassClassifier(
        "cnn",
        backbone__filters=filters,
        augmentation=augmentation,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        optimizer__learning_rate=LEARNING_RATE,
        random_state=seed,
    )


class PlainKeras:
    """A convolutional network of about the same size, trained by ``Model.fit``."""

    def __init__(self, epochs: int, seed: int, filters: tuple[int, ...]) -> None:
        self.epochs, self.seed, self.filters = epochs, seed, filters

    def fit(self, X: np.ndarray, y: np.ndarray) -> PlainKeras:
        """Train on images of 0 to 255."""
        keras.utils.set_random_seed(self.seed)
        layers = [keras.Input(X.shape[1:]), keras.layers.Rescaling(1 / 255)]
        for filters in self.filters:
            layers += [
                keras.layers.Conv2D(filters, 3, padding="same"),
                keras.layers.BatchNormalization(),
                keras.layers.ReLU(),
                keras.layers.Conv2D(filters, 3, padding="same"),
                keras.layers.BatchNormalization(),
                keras.layers.ReLU(),
                keras.layers.MaxPooling2D(padding="same"),
            ]
        layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(10)]
        self.model = keras.Sequential(layers)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(keras.optimizers.Adam(LEARNING_RATE), loss)
        self.model.fit(X, y, epochs=self.epochs, batch_size=BATCH_SIZE, verbose=0)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the most likely classes."""
        return self.model.predict(X, verbose=0).argmax(axis=1)


def perceptron(seed: int) -> Any:
    """Return scikit-learn's network with its defaults, for pixels between 0 and 1."""
    flat = FunctionTransformer(lambda X: X.reshape(len(X), -1) / 255)
    return make_pipeline(flat, MLPClassifier(max_iter=1000, random_state=seed))


def classifiers(epochs: int, seed: int, filters: tuple[int, ...]) -> dict[str, Callable[[], Any]]:
    """Return functions that make what is compared."""
    return {
        "cnn": lambda: ours(None, epochs, seed, filters),
        "cnn, 'standard'": lambda: ours("standard", epochs, seed, filters),
        "MLPClassifier": lambda: perceptron(seed),
        "plain Keras": lambda: PlainKeras(epochs, seed, filters),
        "cnn, 'light'": lambda: ours("light", epochs, seed, filters),
    }


def compare_accuracy(
    X: np.ndarray,
    y: np.ndarray,
    n_train: int,
    *,
    epochs: int | None,
    filters: tuple[int, ...],
    only: list[str] | None,
) -> None:
    """Print accuracies, their means and standard errors over splits."""
    n_test, default = SIZES[n_train]
    scores: dict[str, list[float]] = {}
    for seed in range(N_SPLITS):
        train, test = split(y, n_train, n_test, seed)
        for name, make in classifiers(epochs or default, seed, filters).items():
            if only is not None and name not in only:
                continue
            predicted = make().fit(X[train], y[train]).predict(X[test])
            scores.setdefault(name, []).append(float(np.mean(predicted == y[test])))
            print(f"{n_train} images, split {seed}, {name}: {scores[name][-1]:.4f}", flush=True)
    for name, values in scores.items():
        differences = np.subtract(values, scores.get("cnn", values))
        errors = [np.std(v, ddof=1) / len(values) ** 0.5 for v in (values, differences)]
        print(
            f"{n_train} images, {name}: {np.mean(values):.4f} ± {errors[0]:.4f}, "
            f"difference to cnn {np.mean(differences):+.4f} ± {errors[1]:.4f}",
            flush=True,
        )


def compare_speed(X: np.ndarray, y: np.ndarray) -> None:
    """Print the time of epochs divided by that without augmentation, measured in alternation."""
    layers = [
        keras.layers.RandomTranslation(0.1, 0.1),
        keras.layers.RandomRotation(0.04),
        keras.layers.RandomZoom(0.2),
    ]
    variants = {"none": None, "light": "light", "standard": "standard", "three layers": layers}
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(6):
        for name, augmentation in variants.items():
            classifier = ours(augmentation, 2 if number else 1, 0, FILTERS)
            start = time.perf_counter()
            classifier.fit(X[:500], y[:500])
            if number:  # the first fit traces
                seconds[name].append(time.perf_counter() - start)
    for name, values in seconds.items():
        print(f"{name}: {np.median(np.divide(values, seconds['none'])):.2f} of the time")


def main() -> None:
    """Run the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with images_mnist5k.npz")
    parser.add_argument("--images", type=int, choices=SIZES, help="only this size")
    parser.add_argument("--model", nargs="+", help="only these")
    parser.add_argument("--epochs", type=int, help="of all networks")
    parser.add_argument("--filters", type=int, nargs="+", default=FILTERS, help="of all networks")
    arguments = parser.parse_args()
    options = {
        "epochs": arguments.epochs,
        "filters": tuple(arguments.filters),
        "only": arguments.model,
    }
    X, y = load(arguments.data)
    for n_train in [arguments.images] if arguments.images else SIZES:
        compare_accuracy(X, y, n_train, **options)
    if arguments.model is None:
        compare_speed(X, y)


if __name__ == "__main__":
    main()
