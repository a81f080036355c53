"""Time of a fit by number of rows."""

from __future__ import annotations

from statistics import median

from ..contestants import Network
from ..data import make_table
from ..options import Options
from ..plain_keras import MODEL_FIT, MODEL_FIT_NOTE, ours_and_model_fit
from ..results import CaseResult, Row, compare
from ..timing import alternate

SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUICK_SIZES = (1_000, 2_000)
MODEL_FIT_LIMIT = 100_000  # above this, Model.fit runs only with --full


def run(options: Options) -> CaseResult:
    """Time one epoch for each number of rows."""
    sizes = options.pick(SIZES, QUICK_SIZES)
    _measure(sizes[0], repeats=1, with_model_fit=True)
    rows = []
    for n_rows in sizes:
        with_model_fit = options.full or n_rows <= MODEL_FIT_LIMIT
        rows += _measure(n_rows, options.repeats(5), with_model_fit)
    notes = [MODEL_FIT_NOTE]
    if not options.full and sizes[-1] > MODEL_FIT_LIMIT:
        notes.append(f"{MODEL_FIT} up to {MODEL_FIT_LIMIT:,} rows; use --full for all sizes")
    title = "Fits of an MLP 20-64-64-5, 1 epoch, batches of 256, by number of rows"
    return CaseResult(title, rows, notes)


def _measure(n_rows: int, repeats: int, with_model_fit: bool) -> list[Row]:
    X, y = make_table(n_rows, n_features=20, n_classes=5)
    network = Network(20, 5, hidden_units=(64, 64), epochs=1, batch_size=256)
    works = ours_and_model_fit(network, X, y, with_model_fit=with_model_fit)
    return compare(
        alternate(works, repeats),
        f"{n_rows:,} rows",
        details=lambda runs: {"rows/s": n_rows / median(run.seconds for run in runs)},
    )
