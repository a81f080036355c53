"""Sequences of unequal length, passed as a list and padded to the longest.

Run ``python -m benchmarks.sequences [--data FOLDER]``; the folder holds
``series_japanesevowels.parquet`` (the Japanese Vowels of the UEA archive).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import keras
import numpy as np

import keras_multiclass
from keras_multiclass import KerasMulticlassClassifier

from .accuracy.reading import read_frame

N_SYNTHETIC = 1000
SEEDS = range(5)


def heavy_tailed() -> tuple[list[np.ndarray], np.ndarray]:
    """Return synthetic sequences of 10 to 1,000 steps and two channels: most of them are short."""
    rng = np.random.default_rng(0)
    lengths = np.clip((10 / (1 - rng.random(N_SYNTHETIC))).astype(int), 10, 1000)
    y = np.arange(N_SYNTHETIC) % 3
    X = [rng.normal(0.3 * k, 1, (n, 2)).astype("float32") for n, k in zip(lengths, y, strict=True)]
    print(f"{len(X)} sequences, {lengths.mean():.0f} steps on average, {lengths.max()} at most")
    return X, y


def compare_speed(backbone: str, X: list[np.ndarray], y: np.ndarray) -> None:
    """Print the times of an epoch and of a prediction, without tracing."""
    padded = keras.utils.pad_sequences(X, padding="post", dtype="float32")
    for name, rows in (("list", X), ("padded", padded)):
        classifier = KerasMulticlassClassifier(backbone, epochs=1, random_state=0).fit(rows, y)
        classifier.predict(rows)
        start = time.perf_counter()
        classifier.set_params(epochs=3).fit(rows, y)
        fitted = time.perf_counter()
        classifier.predict(rows)
        predicted = time.perf_counter() - fitted
        print(
            f"{backbone}, {name}: {(fitted - start) / 3:.2f} s an epoch, {predicted:.2f} s predict"
        )


def compare_accuracy(backbone: str, folder: Path) -> None:
    """Print accuracy on the given test part, with its standard error, and the times of fits."""
    table = read_frame(folder / "series_japanesevowels.parquet", text=("values", "part"))
    parts = {}
    for part, rows in table.groupby("part"):
        parts[part] = [np.reshape(v, (-1, 12)) for v in rows["values"]], rows["target"].to_numpy()
    for name in ("list", "padded"):
        (X, y), (X_test, y_test) = parts["train"], parts["test"]
        if name == "padded":
            X, X_test = (
                keras.utils.pad_sequences(x, maxlen=29, padding="post", dtype="float32")
                for x in (X, X_test)
            )
        keras_multiclass.clear_cache()
        scores, seconds = [], []
        for seed in SEEDS:
            start = time.perf_counter()
            classifier = KerasMulticlassClassifier(backbone, random_state=seed).fit(X, y)
            seconds.append(time.perf_counter() - start)
            scores.append(classifier.score(X_test, y_test))
        error = np.std(scores, ddof=1) / len(scores) ** 0.5
        print(
            f"{backbone}, {name}: accuracy {np.mean(scores):.4f} ± {error:.4f}, "
            f"median fit {np.median(seconds):.1f} s"
        )


def main() -> None:
    """Run the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with series_japanesevowels.parquet")
    folder = parser.parse_args().data
    synthetic = heavy_tailed()
    for backbone in ("conv1d", "gru"):
        compare_speed(backbone, *synthetic)
        if folder is not None:
            compare_accuracy(backbone, folder)


if __name__ == "__main__":
    main()
