"""Results of a case: rows of measured values, and their ratios to a reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .contestants import OURS
from .timing import Run

Details = Callable[[Sequence[Run]], dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """One contestant in one setting.

    Attributes
    ----------
    setting : str
        Setting within the case, such as the number of data rows.
    contestant : str
        Name of the contestant.
    values : list of float
        One measured value per repetition.
    unit : str, default="s"
        Unit of the values; seconds are printed with a suitable prefix.
    ratios : list of float, default=[]
        Values divided by those of the reference in the same turn.
    details : dict, default={}
        Additional columns.
    """

    setting: str
    contestant: str
    values: list[float]
    unit: str = "s"
    ratios: list[float] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CaseResult:
    """All rows of one case.

    Attributes
    ----------
    title : str
        Title of the case.
    rows : list of Row
        Rows of the table.
    notes : list of str, default=[]
        Explanations for readers.
    reference : str, default=OURS
        Contestant by whose values the others are divided.
    letter : str, default=""
        Letter of the case; set by `run_case`.
    """

    title: str
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    reference: str = OURS
    letter: str = ""

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> CaseResult:
        """Create a result from the output of `dataclasses.asdict`."""
        return cls(**{**plain, "rows": [Row(**row) for row in plain["rows"]]})


def no_details(runs: Sequence[Run]) -> dict[str, Any]:
    """Add no columns."""
    return {}


def compare(
    runs: Mapping[str, Sequence[Run]],
    setting: str = "",
    *,
    reference: str = OURS,
    details: Details = no_details,
) -> list[Row]:
    """Create a row for each contestant.

    Parameters
    ----------
    runs : mapping of str to sequence of Run
        Runs by contestant, as returned by `alternate`.
    setting : str, default=""
        Setting of these runs.
    reference : str, default=OURS
        Contestant by whose seconds the others are divided, turn by turn.
    details : callable, default=no_details
        Function that takes the runs of a contestant and returns additional columns.

    Returns
    -------
    list of Row
        One row per contestant.
    """
    rows = []
    for name, own in runs.items():
        pairs = zip(own, runs[reference], strict=True)
        ratios = [run.seconds / other.seconds for run, other in pairs]
        seconds = [run.seconds for run in own]
        rows.append(Row(setting, name, seconds, ratios=ratios, details=details(own)))
    return rows
