"""A check of one plain value, and its wording."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Check(NamedTuple):
    """What a value must be, in words and as a function."""

    allowed: str
    accepts: Callable[[object], bool]


def one_of(*values: object) -> Callable[[object], bool]:
    """Return a function that is true for these strings, and for None if it is among them."""
    return lambda value: (value is None or isinstance(value, str)) and value in values
