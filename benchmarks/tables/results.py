"""The results of the benchmark on tables."""

from __future__ import annotations

from dataclasses import dataclass

from ..accuracy.results import Result


@dataclass(frozen=True, kw_only=True)
class TableResult(Result):
    """One fit; see `Result`.

    Attributes
    ----------
    error, macro_f1, log_loss, calibration_error : float
        Scores on the test rows.
    """

    error: float
    macro_f1: float
    log_loss: float
    calibration_error: float
