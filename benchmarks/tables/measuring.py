"""Time and accuracy of a single fit."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, log_loss

from ..accuracy.models import Model
from .data import load_table, split_table
from .models import MODELS

# Resolution of 32-bit probabilities, applied to all models.
SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)
N_BINS = 15


def measure(model: Model, path: Path, split: int) -> dict[str, float]:
    """Fit a model on a split of a table and evaluate it."""
    rows = split_table(*load_table(path), split)
    classifier = MODELS.build(model, seed=split)
    start = time.perf_counter()
    classifier.fit(rows.X_train, rows.y_train)
    fitted = time.perf_counter()
    probabilities = classifier.predict_proba(rows.X_test)
    predicted = time.perf_counter()
    scores = evaluate(rows.y_test, np.asarray(probabilities), classifier.classes_)
    return {**scores, "fit_seconds": fitted - start, "predict_seconds": predicted - fitted}


def evaluate(y: np.ndarray, probabilities: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """Score probabilities, with one column per class, against the true labels."""
    predicted = np.asarray(classes)[np.argmax(probabilities, axis=1)]
    clipped = np.clip(probabilities.astype(np.float64), SMALLEST_PROBABILITY, 1)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return {
        "error": 1 - float(accuracy_score(y, predicted)),
        "macro_f1": float(f1_score(y, predicted, average="macro")),
        "log_loss": float(log_loss(y, clipped, labels=classes)),
        "calibration_error": calibration_error(predicted == y, probabilities.max(axis=1)),
    }


def calibration_error(is_correct: np.ndarray, confidence: np.ndarray) -> float:
    """Return the expected calibration error, equation 3 of Guo et al., ICML 2017."""
    bins = np.ceil(confidence * N_BINS).clip(1, N_BINS).astype(int)
    gaps = np.bincount(bins, weights=is_correct - confidence)
    return float(np.abs(gaps).sum() / len(confidence))
