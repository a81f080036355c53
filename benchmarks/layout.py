"""Text tables for terminals or in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def format_table(table: Sequence[Sequence[str]], *, markdown: bool) -> str:
    """Format a table with aligned columns; the first row is the header."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in table]
    if not markdown:
        return "\n".join("  ".join(row).rstrip() for row in padded)
    rule = ["-" * max(width, 3) for width in widths]
    return "\n".join("| " + " | ".join(row) + " |" for row in [padded[0], rule, *padded[1:]])


def format_environment(environment: Mapping[str, Any], *, markdown: bool) -> str:
    """Format the environment as a table."""
    table = [["", ""], *([name, str(value)] for name, value in environment.items())]
    return format_table(table, markdown=markdown).lstrip("\n") + "\n"
