"""Tables of text, for a terminal or in markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def lay_out(table: Sequence[Sequence[str]], *, markdown: bool) -> str:
    """Align columns; the first row is the head."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in table]
    if not markdown:
        return "\n".join("  ".join(row).rstrip() for row in padded)
    rule = ["-" * max(width, 3) for width in widths]
    return "\n".join("| " + " | ".join(row) + " |" for row in [padded[0], rule, *padded[1:]])


def format_environment(environment: Mapping[str, Any], *, markdown: bool) -> str:
    """Lay out what the numbers depend on."""
    table = [["", ""], *([name, str(value)] for name, value in environment.items())]
    return lay_out(table, markdown=markdown).lstrip("\n") + "\n"
