"""How contestants are timed: in alternation, so that a slow minute of the machine hits them all."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


def _nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True)
class Work:
    """Something to be timed.

    Attributes
    ----------
    run : callable
        The work that is timed; gets what ``prepare`` returned.
    prepare : callable, default=nothing
        Called without arguments before each repetition, and not timed.
    calls : int, default=1
        How often ``run`` is called in one repetition, for work that is too short to time once.
    """

    run: Callable[[Any], Any]
    prepare: Callable[[], Any] = _nothing
    calls: int = 1


@dataclass(frozen=True)
class Run:
    """One repetition: the seconds of one call, and what the last call returned.

    Results are kept until the table is made, so ``run`` should return no fitted networks.
    """

    seconds: float
    result: Any


def alternate(works: Mapping[str, Work], repeats: int) -> dict[str, list[Run]]:
    """Run all works in turn (A B C A B C ...).

    Parameters
    ----------
    works : mapping of str to Work
        What to time, by the name of the contestant.
    repeats : int
        How many turns there are.

    Returns
    -------
    dict of str to list of Run
        For each contestant its repetitions; those at the same place belong to the same turn.
    """
    runs: dict[str, list[Run]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            runs[name].append(_time(work))
    return runs


def _time(work: Work) -> Run:
    prepared = work.prepare()
    gc.collect()  # so that nobody pays for what another left behind
    start = time.perf_counter()
    for _ in range(work.calls):
        result = work.run(prepared)
    return Run((time.perf_counter() - start) / work.calls, result)
