"""Command-line options passed to every case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """Options of a run.

    Attributes
    ----------
    quick : bool, default=False
        Whether to use tiny sizes, as a smoke test; the numbers are then meaningless.
    full : bool, default=False
        Whether to include the longest runs.
    repeat : int, default=None
        Number of repetitions per contestant; None uses the default of the case.
    """

    quick: bool = False
    full: bool = False
    repeat: int | None = None

    def pick(self, usual: T, quick: T) -> T:
        """Return the usual or the tiny size."""
        return quick if self.quick else usual

    def repeats(self, usual: int) -> int:
        """Return the number of repetitions; ``usual`` is the default of the case."""
        return self.repeat or self.pick(usual, quick=1)
