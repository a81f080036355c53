"""Means, ranks, wins and ratios, from a data frame with one row per fit."""

from __future__ import annotations

import pandas as pd

from .models import REFERENCE

# Equal means can differ in their last digits.
DECIMALS = 9


def mean_by_table(fits: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Average a measure over splits; tables are rows, models are columns."""
    means = fits.pivot_table(index="table", columns="model", values=measure, aggfunc="mean")
    return means.round(DECIMALS)


def summarize(fits: pd.DataFrame) -> pd.DataFrame:
    """Summarize each model over all tables in one row, the best rank first.

    Tables have equal weight, regardless of their number of splits.

    Parameters
    ----------
    fits : DataFrame
        One row per `TableResult`, one column per attribute.

    Returns
    -------
    DataFrame
        Columns ``error``, ``log_loss``, ``macro_f1`` and ``calibration_error``: means. ``rank`` and
        ``log_loss_rank``: mean rank by error and by log loss over tables; ties share their ranks.
        ``wins``, ``ties``, ``losses``: number of tables on which the error is below, equal to or
        above that of the reference. ``fit_seconds``: median fit time. ``ratio``: median fit time
        relative to the reference on the same split. Both use timed fits only. NaN if there is
        nothing to compare.
    """
    errors, losses = mean_by_table(fits, "error"), mean_by_table(fits, "log_loss")
    summary = pd.DataFrame(
        {
            "error": errors.mean(),
            "log_loss": losses.mean(),
            "macro_f1": mean_by_table(fits, "macro_f1").mean(),
            "calibration_error": mean_by_table(fits, "calibration_error").mean(),
            "rank": errors.rank(axis="columns").mean(),
            "log_loss_rank": losses.rank(axis="columns").mean(),
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
