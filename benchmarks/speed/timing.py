"""Time contestants in turns, so that slowdowns of the machine affect all of them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Work:
    """A piece of work to time.

    Attributes
    ----------
    run : callable
        Function to time; receives the return value of ``prepare``.
    prepare : callable, default=nothing
        Called without arguments before each repetition; not timed.
    calls : int, default=1
        Number of calls of ``run`` per repetition, for work too short to time individually.
    """

    run: Callable[[Any], Any]
    prepare: Callable[[], Any] = _nothing
    calls: int = 1


@dataclass(frozen=True)
class Run:
    """One repetition: seconds per call, and the return value of the last call.

    Results are kept until the table is printed, so ``run`` should not return fitted networks.
    """

    seconds: float
    result: Any


def alternate(works: Mapping[str, Work], repeats: int) -> dict[str, list[Run]]:
    """Run all works in turns (A B C A B C ...).

    Parameters
    ----------
    works : mapping of str to Work
        Works to time, by contestant.
    repeats : int
        Number of turns.

    Returns
    -------
    dict of str to list of Run
        Repetitions by contestant; those at the same index belong to the same turn.
    """
    runs: dict[str, list[Run]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            runs[name].append(_time(work))
    return runs


def _time(work: Work) -> Run:
    prepared = work.prepare()
    gc.collect()  # so that contestants do not pay for each other's garbage
    start = time.perf_counter()
    for _ in range(work.calls):
        result = work.run(prepared)
    return Run((time.perf_counter() - start) / work.calls, result)
