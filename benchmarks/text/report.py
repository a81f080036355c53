"""Tables of results, for terminals or in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd

from ..accuracy.results import keep_common
from ..layout import format_table
from ..multilabel.report import by_split, standard_error
from .results import TextResult

SCORES = ("accuracy", "log_loss")


def format_report(results: Sequence[TextResult], *, markdown: bool) -> str:
    """Format the means and standard errors of the scores, and the medians of the other measures."""
    fits = keep_common(pd.DataFrame([asdict(result) for result in results]))
    if fits.empty:
        return "There is no split on which all these models were fitted.\n"
    models = list(fits["model"].unique())
    cells = {model: [model] for model in models}
    for score in SCORES:
        values = by_split(fits, score)
        errors = standard_error(values)
        for model in models:
            cells[model].append(f"{values[model].mean():.3f} ± {errors[model]:.3f}")
    timed = fits[fits["timed"]]
    for measure, unit in {"fit_seconds": "s", "texts_per_second": "/s", "memory": "MiB"}.items():
        medians = by_split(fits if measure == "memory" else timed, measure).median()
        for model in models:
            cells[model].append(f"{medians[model]:,.0f} {unit}" if model in medians else "")
    header = ["model", "accuracy", "log loss", "fit", "prediction", "memory"]
    table = format_table([header, *cells.values()], markdown=markdown)
    return f"{table}\n\n- means and standard errors of {fits['split'].nunique()} splits; medians\n"
