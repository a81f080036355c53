"""A large table: rows per second compared with `keras.Model.fit` and with hardware limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

from .. import sgemm
from ..contestants import Network
from ..data import make_table
from ..options import Options
from ..plain_keras import MODEL_FIT_NOTE, ours_and_model_fit
from ..results import CaseResult, Row, compare
from ..timing import Run, Work, alternate

CEILINGS = ("NumPy, products of the forward pass", "NumPy, 2048 x 2048 x 2048")


def run(options: Options) -> CaseResult:
    """Time training and matrix products in turns."""
    X, y = make_table(options.pick(500_000, quick=4_000), n_features=50, n_classes=10)
    network = Network(50, 10, hidden_units=(256, 256), epochs=3, batch_size=1024)
    works = ours_and_model_fit(network, X, y)
    few = slice(0, 5 * network.batch_size)
    alternate(ours_and_model_fit(replace(network, epochs=1), X[few], y[few]), repeats=1)
    runs = alternate(works | _ceilings(network, options.pick(0.5, quick=0.01)), options.repeats(3))
    trained = {name: runs[name] for name in works}
    sizes = _sizes(network)
    speeds = {name: [run.result for run in runs[name]] for name in CEILINGS}
    details = _details(len(X) * network.epochs, sizes, median(speeds[CEILINGS[0]]))
    rows = compare(trained, "training", details=details)
    rows += [Row("sgemm", name, values, unit="GFLOP/s") for name, values in speeds.items()]
    notes = [
        MODEL_FIT_NOTE,
        f"{sgemm.training_flops_per_row(sizes):,} flops per row: 3 products of 2 flops per weight",
        "share of sgemm: relative to NumPy's products of the forward pass, weighted by flops",
    ]
    title = (
        f"{len(X):,} x 50 float32 rows, 10 classes, MLP 50-256-256-10, {network.epochs} epochs, "
        f"batches of {network.batch_size:,}"
    )
    return CaseResult(title, rows, notes)


def _sizes(network: Network) -> tuple[int, ...]:
    return (network.n_features, *network.hidden_units, network.n_classes)


def _ceilings(network: Network, seconds: float) -> dict[str, Work]:
    shapes = (sgemm.layer_shapes(network.batch_size, _sizes(network)), [sgemm.PEAK_SHAPE])
    measures = [partial(sgemm.measure_gflops, products, seconds) for products in shapes]
    return {
        name: Work(lambda _, measure=measure: measure())
        for name, measure in zip(CEILINGS, measures, strict=True)
    }


def _details(
    n_rows: int, sizes: Sequence[int], ceiling: float
) -> Callable[[Sequence[Run]], dict[str, Any]]:
    """Return a function that computes rows and flops per second, and the share of the ceiling."""

    def details(runs: Sequence[Run]) -> dict[str, Any]:
        speed = n_rows / median(run.seconds for run in runs)
        gflops = speed * sgemm.training_flops_per_row(sizes) / 1e9
        return {"rows/s": speed, "GFLOP/s": gflops, "share of sgemm": f"{gflops / ceiling:.0%}"}

    return details
