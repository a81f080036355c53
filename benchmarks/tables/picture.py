"""A picture of error and log loss against fit time, each model a point.

Run with ``python -m benchmarks.tables.picture --results FILE PICTURE``. Matplotlib chooses the
format by the ending of the name.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ..accuracy.results import keep_common, read_results
from .results import TableResult
from .summary import summarize

_MEASURES = {"error": "error", "log_loss": "log loss"}
_OURS = "#d1495b"
_OTHERS = "#30638e"


def draw(summary: pd.DataFrame, ours: list[str]) -> Figure:
    """Draw the mean of each measure against the median fit time.

    Parameters
    ----------
    summary : DataFrame
        What `summarize` returned.
    ours : list of str
        Names of the models to emphasize.

    Returns
    -------
    Figure
        One panel for each measure.
    """
    figure, panels = plt.subplots(1, len(_MEASURES), figsize=(9, 3.6), layout="constrained")
    for panel, (measure, label) in zip(panels, _MEASURES.items(), strict=True):
        for model, row in summary.iterrows():
            color = _OURS if model in ours else _OTHERS
            panel.scatter(row["fit_seconds"], row[measure], color=color)
            panel.annotate(
                str(model),
                (row["fit_seconds"], row[measure]),
                xytext=(4, 4),
                textcoords="offset points",
                color=color,
                fontsize=8,
            )
        panel.set(xscale="log", xlabel="median fit time in seconds", ylabel=f"mean {label}")
        panel.margins(0.25, 0.15)
    return figure


def main() -> None:
    """Draw the models of a results file that were fitted on the same splits, and timed."""
    parser = argparse.ArgumentParser(prog="benchmarks.tables.picture", description=main.__doc__)
    parser.add_argument("--results", type=Path, required=True, metavar="FILE", help="results file")
    parser.add_argument("--ours", action="append", default=[], metavar="MODEL", help="emphasize")
    parser.add_argument("picture", type=Path, help="file to write, such as tables.svg")
    arguments = parser.parse_args()
    fits = pd.DataFrame([asdict(r) for r in read_results(arguments.results, TableResult)])
    common = keep_common(fits[fits["timed"]])
    if common.empty:
        parser.error("there is no split on which all models were fitted and timed")
    plt.rcParams["svg.hashsalt"] = "tables"  # the same picture for the same results
    figure = draw(summarize(common), arguments.ours or ["auto"])
    figure.savefig(arguments.picture, metadata={"Date": None} if _is_svg(arguments) else None)


def _is_svg(arguments: argparse.Namespace) -> bool:
    return arguments.picture.suffix == ".svg"


if __name__ == "__main__":
    main()
