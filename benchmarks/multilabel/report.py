"""Tables of results, for terminals or in Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from ..accuracy.results import keep_common
from ..layout import format_table
from .results import LabelsResult

MEASURES = {
    "micro_f1": "micro F1",
    "macro_f1": "macro F1",
    "ranking_precision": "ranking AP",
    "hamming_loss": "Hamming loss",
}
LOWER_IS_BETTER = ("hamming_loss",)


def format_report(results: Sequence[LabelsResult], *, markdown: bool) -> str:
    """Format means and differences from the best model, for each table."""
    fits = keep_common(pd.DataFrame([asdict(result) for result in results]))
    if fits.empty:
        return "There is no split on which all these models were fitted.\n"
    prefix = "### " if markdown else ""
    parts = []
    for table, of_table in fits.groupby("table"):
        title = f"{table}: means and standard errors of {of_table['split'].nunique()} splits"
        parts.append((title, _mean_cells(of_table)))
        parts.append((f"{table}: differences from the best model", _difference_cells(of_table)))
    tables = [
        f"{prefix}{title}\n\n{format_table(cells, markdown=markdown)}\n" for title, cells in parts
    ]
    notes = [
        "standard errors of differences are those of differences on the same split",
        "higher is better, except for the Hamming loss",
    ]
    if not fits["timed"].all():
        notes.append("times of fits run with --untimed are left out")
    return "\n".join([*tables, *(f"- {note}" for note in notes), ""])


def by_split(fits: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return a measure with splits as rows, and models as columns in order of appearance."""
    values = fits.pivot(index="split", columns="model", values=measure)
    return values[fits["model"].unique()]


def difference_from_best(values: pd.DataFrame, *, lower_is_better: bool) -> pd.DataFrame:
    """Return mean and standard error of the paired differences of each model from the best one.

    Parameters
    ----------
    values : DataFrame
        Splits are rows, models are columns.
    lower_is_better : bool
        Which model is the best: that of the lowest mean or of the highest.
    """
    means = values.mean()
    differences = values.sub(values[means.idxmin() if lower_is_better else means.idxmax()], axis=0)
    return pd.DataFrame({"mean": differences.mean(), "error": standard_error(differences)})


def standard_error(values: pd.DataFrame) -> pd.Series:
    """Return the standard error of the mean of each column; NaN for a single row."""
    return values.std(ddof=1) / math.sqrt(len(values))


def _mean_cells(fits: pd.DataFrame) -> list[list[str]]:
    columns = []
    for measure in MEASURES:
        values = by_split(fits, measure)
        errors = standard_error(values)
        columns.append([_cell(*pair) for pair in zip(values.mean(), errors, strict=True)])
    seconds = by_split(fits[fits["timed"]], "fit_seconds").median()
    models = list(fits["model"].unique())
    columns.append([f"{seconds[model]:.2f} s" if model in seconds else "" for model in models])
    return [["model", *MEASURES.values(), "fit"], *map(list, zip(models, *columns, strict=True))]


def _difference_cells(fits: pd.DataFrame) -> list[list[str]]:
    columns = []
    for measure in MEASURES:
        difference = difference_from_best(
            by_split(fits, measure), lower_is_better=measure in LOWER_IS_BETTER
        )
        columns.append(
            [
                "best" if mean == 0 else _cell(mean, error, sign="+")
                for mean, error in difference.itertuples(index=False)
            ]
        )
    models = list(fits["model"].unique())
    return [["model", *MEASURES.values()], *map(list, zip(models, *columns, strict=True))]


def _cell(mean: float, error: float, sign: str = "") -> str:
    value = f"{mean:{sign}.3f}"
    return value if np.isnan(error) else f"{value} ± {error:.3f}"
