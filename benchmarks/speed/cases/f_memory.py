"""Memory growth over many fits in one process."""

from __future__ import annotations

import gc
import os
import resource
import sys
from pathlib import Path

from ...processes import run_in_new_process
from ..contestants import OURS, Network, load
from ..data import load_iris
from ..options import Options
from ..results import CaseResult, Row

# Number of fits per contestant; fewer for slow ones.
FITS = {OURS: 200, "SciKeras": 40}
QUICK_FITS = 4
WARM_FITS = 20
QUICK_WARM_FITS = 2


def run(options: Options) -> CaseResult:
    """Compare resident memory after a few fits with that after many."""
    warm = options.pick(WARM_FITS, QUICK_WARM_FITS)
    rows = []
    for name, usual in FITS.items():
        n_fits = options.pick(usual, QUICK_FITS)
        grown = [
            run_in_new_process(grow, contestant=name, n_fits=n_fits, warm=warm)
            for _ in range(options.repeats(1))
        ]
        per_fit = [(end - start) / (n_fits - warm) for start, end in grown]
        start, end = grown[-1]
        details = {"fits": n_fits, f"MB after {warm}": start, "MB after all": end}
        rows.append(Row("", name, per_fit, unit="MB per fit", details=details))
    note = (
        f"one process per contestant; MB per fit: growth after fit {warm} divided by the number of "
        "subsequent fits. Ratios are omitted because they are meaningless near zero"
    )
    return CaseResult("Resident memory over fits of an MLP 4-8-3 on iris, 2 epochs", rows, [note])


def grow(contestant: str, n_fits: int, warm: int) -> tuple[float, float]:
    """Fit repeatedly in this process; return the MB after ``warm`` fits and at the end."""
    X, y = load_iris()
    network = Network(4, 3, hidden_units=(8,), epochs=2, batch_size=32)
    build = load(contestant).build
    start = 0.0
    for number in range(1, n_fits + 1):
        build(network).fit(X, y)
        if number == warm:
            start = resident_megabytes()
    return start, resident_megabytes()


def resident_megabytes() -> float:
    """Return the resident memory of this process after garbage collection.

    Falls back to peak memory on systems other than Linux.
    """
    gc.collect()
    statm = Path("/proc/self/statm")
    if statm.exists():
        pages = int(statm.read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
