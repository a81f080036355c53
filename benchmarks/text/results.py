"""The results of the benchmark on texts."""

from __future__ import annotations

from dataclasses import dataclass

from ..accuracy.results import Result


@dataclass(frozen=True, kw_only=True)
class TextResult(Result):
    """One fit; see `Result`.

    Attributes
    ----------
    accuracy, log_loss : float
        Scores on the test rows.
    memory : float
        Peak resident memory of the process in MiB, with that of the imports.
    texts_per_second : float
        Speed of a second prediction of the test rows.
    """

    accuracy: float
    log_loss: float
    memory: float
    texts_per_second: float
