"""Time, memory and accuracy of a single fit."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import numpy as np

from ..accuracy.models import Model
from ..tables.measuring import evaluate
from .data import load_texts, split_texts
from .models import MODELS

_REPEATS = 10  # of the test rows, whose prediction is timed


def measure(model: Model, path: Path, split: int) -> dict[str, float]:
    """Fit a model on a split of the texts and evaluate it."""
    rows = split_texts(*load_texts(path), split)
    classifier = MODELS.build(model, seed=split)
    start = time.perf_counter()
    classifier.fit(rows.X_train, rows.y_train)
    fitted = time.perf_counter()
    probabilities = np.asarray(classifier.predict_proba(rows.X_test))
    predicted = time.perf_counter()
    many = np.tile(rows.X_test, _REPEATS)
    repeated = time.perf_counter()
    classifier.predict_proba(many)
    seconds = time.perf_counter() - repeated
    known = np.isin(rows.y_test, classifier.classes_)  # a class may have a single row
    scores = evaluate(rows.y_test[known], probabilities[known], classifier.classes_)
    return {
        "accuracy": (1 - scores["error"]) * known.mean(),
        "log_loss": scores["log_loss"],
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "texts_per_second": len(many) / seconds,
        "fit_seconds": fitted - start,
        "predict_seconds": predicted - fitted,
    }
