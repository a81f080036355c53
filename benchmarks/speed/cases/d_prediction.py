"""Probabilities for one row, dominated by the overhead of a call, and for many rows."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..contestants import OURS, load_available
from ..data import load_digits
from ..digits import digits_network
from ..options import Options
from ..results import CaseResult, compare
from ..timing import Work, alternate

PLAIN = "keras Model.predict"
LARGE_BATCH = 1024


def run(options: Options) -> CaseResult:
    """Time contestants that predict probabilities, and Keras on the network fitted by ours."""
    fitted = _fit_all()
    rows = []
    for n_rows, calls in ((1, options.pick(50, 2)), (10_000, options.pick(5, 1))):
        works = _works(fitted, n_rows, calls)
        alternate(works, repeats=1)
        runs = alternate(works, options.repeats(10))
        rows += compare(runs, f"{n_rows:,} row{'s' * (n_rows > 1)}")
    notes = [
        f"time per call; {PLAIN} uses the network fitted by {OURS} and returns logits",
        "a first repetition is not counted; contestants without probabilities are left out",
    ]
    return CaseResult("predict_proba of an MLP 64-64-64-10 on digits", rows, notes)


def _fit_all() -> dict[str, Any]:
    X, y = load_digits()
    network = digits_network(epochs=1)
    built = {name: it.build(network) for name, it in load_available().items()}
    return {name: it.fit(X, y) for name, it in built.items() if hasattr(it, "predict_proba")}


def _works(fitted: dict[str, Any], n_rows: int, calls: int) -> dict[str, Work]:
    digits, _ = load_digits()
    X = np.resize(digits, (n_rows, digits.shape[1]))  # repeats the rows
    model = fitted[OURS].model_
    predictions = {name: estimator.predict_proba for name, estimator in fitted.items()}
    predictions[PLAIN] = partial(model.predict, verbose=0)
    if n_rows > LARGE_BATCH:
        predictions[f"{PLAIN}, batches of {LARGE_BATCH:,}"] = partial(
            model.predict, verbose=0, batch_size=LARGE_BATCH
        )
    return {
        name: Work(partial(_call, predict, X), calls=calls) for name, predict in predictions.items()
    }


def _call(predict: Any, X: np.ndarray, prepared: None) -> None:
    predict(X)
