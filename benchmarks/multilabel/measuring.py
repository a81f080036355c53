"""Time and accuracy of a single fit."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score, hamming_loss, label_ranking_average_precision_score

from ..accuracy.models import Model
from .data import load_table, split_table
from .models import MODELS


def measure(model: Model, path: Path, split: int) -> dict[str, float]:
    """Fit a model on a split of a table and evaluate it."""
    rows = split_table(*load_table(path), split)
    classifier = MODELS.build(model, seed=split)
    start = time.perf_counter()
    classifier.fit(rows.X_train, rows.y_train)
    fitted = time.perf_counter()
    predicted = np.asarray(classifier.predict(rows.X_test))
    done = time.perf_counter()
    scores = evaluate(rows.y_test, predicted, label_probabilities(classifier, rows.X_test))
    return {**scores, "fit_seconds": fitted - start, "predict_seconds": done - fitted}


def label_probabilities(classifier: Any, X: Any) -> np.ndarray:
    """Return the probability of each label; some classifiers return a list of two columns each."""
    probabilities = classifier.predict_proba(X)
    if isinstance(probabilities, list):
        return np.column_stack([columns[:, 1] for columns in probabilities])
    return np.asarray(probabilities)


def evaluate(y: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Score predictions and probabilities against a matrix of labels."""
    return {
        "micro_f1": float(f1_score(y, predicted, average="micro", zero_division=0)),
        "macro_f1": float(f1_score(y, predicted, average="macro", zero_division=0)),
        "ranking_precision": float(label_ranking_average_precision_score(y, probabilities)),
        "hamming_loss": float(hamming_loss(y, predicted)),
    }
