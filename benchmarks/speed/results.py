"""What a case hands to the report: rows of measured values, and their ratios to a reference."""

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
        What distinguishes this group of rows within the case, such as the number of data rows.
    contestant : str
        Name of the contestant.
    values : list of float
        One measured value for each repetition.
    unit : str, default="s"
        Unit of the values; seconds are printed in the prefix that suits them.
    ratios : list of float, default=[]
        The values divided by those of the reference in the same turn.
    details : dict, default={}
        More columns.
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
        What is measured.
    rows : list of Row
        The table.
    notes : list of str, default=[]
        What a reader has to know about it.
    reference : str, default=OURS
        By whose values the others are divided.
    letter : str, default=""
        The case; set by `run_case`.
    """

    title: str
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    reference: str = OURS
    letter: str = ""

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> CaseResult:
        """Undo `dataclasses.asdict`."""
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
    """Make a row of each contestant's repetitions.

    Parameters
    ----------
    runs : mapping of str to sequence of Run
        What `alternate` returned.
    setting : str, default=""
        What these runs have in common.
    reference : str, default=OURS
        The contestant by whose seconds those of the others are divided, turn by turn.
    details : callable, default=no_details
        Gets the runs of a contestant and returns its further columns.

    Returns
    -------
    list of Row
        One for each contestant.
    """
    rows = []
    for name, own in runs.items():
        pairs = zip(own, runs[reference], strict=True)
        ratios = [run.seconds / other.seconds for run, other in pairs]
        seconds = [run.seconds for run in own]
        rows.append(Row(setting, name, seconds, ratios=ratios, details=details(own)))
    return rows
