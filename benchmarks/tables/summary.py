"""Means, ranks, wins and ratios, from a data frame with a row for each fit."""

from __future__ import annotations

import pandas as pd

from .models import REFERENCE

# Means that should be equal may differ in their last digits.
DECIMALS = 9


def keep_common(fits: pd.DataFrame) -> pd.DataFrame:
    """Keep the splits of tables that all models were fitted on, for others cannot be compared."""
    n_models = fits["model"].nunique()
    fitted = fits.groupby(["table", "split"])["model"].transform("nunique")
    return fits[fitted == n_models]


def mean_by_table(fits: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Average a measure over splits: a row for each table, a column for each model."""
    means = fits.pivot_table(index="table", columns="model", values=measure, aggfunc="mean")
    return means.round(DECIMALS)


def summarize(fits: pd.DataFrame) -> pd.DataFrame:
    """Say in a row for each model how it did on all tables, the best rank first.

    Tables count alike, however many splits they have.

    Parameters
    ----------
    fits : DataFrame
        A row for each `Result`, a column for each of its attributes.

    Returns
    -------
    DataFrame
        Columns ``error``, ``log_loss`` and ``macro_f1``: means. ``rank``: the mean over tables of
        the place by error, where equal ones share their places. ``wins``, ``ties``, ``losses``: on
        how many tables the error is below, equal to and above the reference's. ``fit_seconds``:
        median of all fits, and ``ratio``: median of the fit time divided by the reference's on the
        same split, both of fits that were timed. NaN where there is nothing to compare.
    """
    errors = mean_by_table(fits, "error")
    summary = pd.DataFrame(
        {
            "error": errors.mean(),
            "log_loss": mean_by_table(fits, "log_loss").mean(),
            "macro_f1": mean_by_table(fits, "macro_f1").mean(),
            "rank": errors.rank(axis="columns").mean(),
            **_compare_errors(errors),
            **_compare_times(fits[fits["timed"]]),
        },
        index=errors.columns,
    )
    return summary.sort_values(["rank", "error"])


def _compare_errors(errors: pd.DataFrame) -> dict[str, pd.Series | float]:
    if REFERENCE not in errors:
        return {"wins": float("nan"), "ties": float("nan"), "losses": float("nan")}
    reference = errors[REFERENCE]
    return {
        "wins": errors.lt(reference, axis="index").sum(),
        "ties": errors.eq(reference, axis="index").sum(),
        "losses": errors.gt(reference, axis="index").sum(),
    }


def _compare_times(timed: pd.DataFrame) -> dict[str, pd.Series | float]:
    seconds = timed.pivot_table(index=["table", "split"], columns="model", values="fit_seconds")
    ratio = float("nan")
    if REFERENCE in seconds:
        ratio = seconds.div(seconds[REFERENCE], axis="index").median()
    return {"fit_seconds": seconds.median(), "ratio": ratio}
