"""The results of the benchmark of several labels per row."""

from __future__ import annotations

from dataclasses import dataclass

from ..accuracy.results import Result


@dataclass(frozen=True, kw_only=True)
class LabelsResult(Result):
    """One fit; see `Result`.

    Attributes
    ----------
    micro_f1, macro_f1, ranking_precision, hamming_loss : float
        Scores on the test rows.
    """

    micro_f1: float
    macro_f1: float
    ranking_precision: float
    hamming_loss: float
