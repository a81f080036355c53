"""Tables of results, for terminals or in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

import pandas as pd

from ..accuracy.results import keep_common
from ..layout import format_table
from .models import REFERENCE
from .results import TableResult
from .summary import mean_by_table, summarize


def format_report(results: Sequence[TableResult], *, markdown: bool) -> str:
    """Format the summary, and the error and log loss on each table."""
    fits = pd.DataFrame([asdict(result) for result in results])
    common = keep_common(fits)
    if common.empty:
        return "There is no split on which all these models were fitted.\n"
    summary = summarize(common)
    parts = [
        ("Means over tables", _summary_cells(summary)),
        ("Error in %", _table_cells(common, "error", summary.index, lambda x: f"{100 * x:.2f}")),
        ("Log loss", _table_cells(common, "log_loss", summary.index, lambda x: f"{x:.4f}")),
    ]
    notes = _notes(fits, common)
    prefix = "### " if markdown else ""
    tables = [
        f"{prefix}{title}\n\n{format_table(cells, markdown=markdown)}\n" for title, cells in parts
    ]
    return "\n".join([*tables, *(f"- {note}" for note in notes), ""])


def _summary_cells(summary: pd.DataFrame) -> list[list[str]]:
    header = ["model", "error in %", "log loss", "macro F1", "calibration error"]
    header += ["rank by error", "by log loss"]
    header += [f"better/equal/worse than {REFERENCE}", "fit", f"fit / {REFERENCE}"]
    rows = []
    for model, row in summary.iterrows():
        means = [f"{100 * row['error']:.2f}"]
        means += [f"{row[name]:.4f}" for name in ("log_loss", "macro_f1", "calibration_error")]
        ranks = [f"{row[name]:.2f}" for name in ("rank", "log_loss_rank")]
        counts = "{wins:.0f}/{ties:.0f}/{losses:.0f}".format(**row)
        comparison = [
            "" if pd.isna(row["wins"]) else counts,
            "" if pd.isna(row["fit_seconds"]) else f"{row['fit_seconds']:.2f} s",
            "" if pd.isna(row["ratio"]) else f"{row['ratio']:.2f}",
        ]
        rows.append([str(model), *means, *ranks, *comparison])
    return [header, *rows]


def _table_cells(
    fits: pd.DataFrame, measure: str, models: Sequence[str], write: Callable[[float], str]
) -> list[list[str]]:
    means = mean_by_table(fits, measure)
    rows = [[model, *(write(value) for value in means[model])] for model in models]
    return [["model", *means.index], *rows]


def _notes(fits: pd.DataFrame, common: pd.DataFrame) -> list[str]:
    splits = common[["table", "split"]].drop_duplicates()
    n_tables = splits["table"].nunique()
    notes = [f"{len(splits)} splits of {n_tables} tables; lower is better, except for F1"]
    n_left_out = len(fits[["table", "split"]].drop_duplicates()) - len(splits)
    if n_left_out:
        notes.append(f"{n_left_out} splits on which not all models were fitted are left out")
    if not common["timed"].all():
        notes.append("times of fits run with --untimed are left out")
    return notes
