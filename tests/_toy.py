"""Small helpers that several test files share."""

from __future__ import annotations

import re
from typing import Any


def stable_id(value: Any) -> str:
    """Name a parameter the same way in every process, without its address in memory."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))
