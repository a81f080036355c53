"""What the command line decides for every case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """Choices of the user.

    Attributes
    ----------
    quick : bool, default=False
        Whether sizes are tiny. The numbers then say nothing; it is a test of the benchmarks.
    full : bool, default=False
        Whether to run also what takes longest.
    repeat : int, default=None
        Repetitions of each contestant; None leaves it to the case.
    """

    quick: bool = False
    full: bool = False
    repeat: int | None = None

    def pick(self, usual: T, quick: T) -> T:
        """Choose between a usual and a tiny size."""
        return quick if self.quick else usual

    def repeats(self, usual: int) -> int:
        """Say how often to repeat what a case usually repeats ``usual`` times."""
        return self.repeat or self.pick(usual, quick=1)
