"""Speed-up of a long grid search with a second process."""

from __future__ import annotations

import time

import joblib

from ...processes import run_in_new_process
from ..contestants import OURS, load
from ..data import load_digits
from ..digits import build_search, digits_network
from ..options import Options
from ..results import CaseResult, compare
from ..timing import Run

N_JOBS = (1, 2)


def run(options: Options) -> CaseResult:
    """Time the search with one process and with two, in turns."""
    epochs = options.pick(200, quick=2)
    runs: dict[str, list[Run]] = {f"n_jobs={n_jobs}": [] for n_jobs in N_JOBS}
    for _ in range(options.repeats(3)):
        for n_jobs in N_JOBS:
            seconds = run_in_new_process(
                time_search, n_jobs=n_jobs, epochs=epochs, quick=options.quick
            )
            runs[f"n_jobs={n_jobs}"].append(Run(seconds, None))
    reference = f"n_jobs={N_JOBS[-1]}"
    notes = [
        "each search runs in a new process; beforehand, the workers (with n_jobs=1, the process "
        "itself) import everything and run a small fit, which is not counted",
        f"the ratio of n_jobs=1 to {reference} is the speed-up; default thread counts",
    ]
    title = (
        f"GridSearchCV of case (a) with {OURS} only and {epochs} epochs, in one and two processes"
    )
    return CaseResult(title, compare(runs, reference=reference), notes, reference)


def time_search(n_jobs: int, epochs: int, quick: bool) -> float:
    """Warm up the workers, then time one search in seconds."""
    X, y = load_digits()
    search = build_search(load(OURS), Options(quick=quick), epochs, n_jobs)
    joblib.Parallel(n_jobs)(joblib.delayed(_warm_up)() for _ in range(2 * n_jobs))
    start = time.perf_counter()
    search.fit(X, y)
    return time.perf_counter() - start


def _warm_up() -> None:
    """Run a small fit to import everything, then clear the cache."""
    X, y = load_digits()
    contestant = load(OURS)
    contestant.build(digits_network(epochs=1)).fit(X[:100], y[:100])
    contestant.reset()
