"""Tables of results, for terminals or in Markdown."""

from __future__ import annotations

from statistics import median
from typing import Any

from ..layout import format_table
from .results import CaseResult, Row


def format_case(result: CaseResult, *, markdown: bool) -> str:
    """Format one case: title, table, notes."""
    names = list(dict.fromkeys(name for row in result.rows for name in row.details))
    table = [["", "contestant", "runs", "median (min - max)", f"/ {result.reference}", *names]]
    previous = None
    for row in result.rows:
        setting = "" if row.setting == previous else row.setting
        previous = row.setting
        cells = [setting, row.contestant, str(len(row.values)), _format_values(row)]
        cells.append(_format_spread([f"{value:.2f}" for value in _spread(row.ratios)]))
        cells += [format_number(row.details[name]) if name in row.details else "" for name in names]
        table.append(cells)
    if not any(row.setting for row in result.rows):
        table = [cells[1:] for cells in table]
    title = f"({result.letter}) {result.title}"
    heading = f"### {title}\n" if markdown else title
    notes = [f"- {note}" for note in result.notes]
    return "\n".join([heading, format_table(table, markdown=markdown), "", *notes, ""])


def format_number(value: Any) -> str:
    """Format a number with about four digits; return text unchanged."""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _spread(values: list[float]) -> tuple[float, ...]:
    return (median(values), min(values), max(values)) if values else ()


def _format_values(row: Row) -> str:
    factor, unit = _prefix(median(row.values)) if row.unit == "s" else (1, row.unit)
    return _format_spread([f"{value * factor:,.2f}" for value in _spread(row.values)]) + f" {unit}"


def _prefix(seconds: float) -> tuple[float, str]:
    if seconds >= 1:
        return 1, "s"
    return (1e3, "ms") if seconds >= 1e-3 else (1e6, "us")


def _format_spread(texts: list[str]) -> str:
    """Format median, minimum and maximum; a single number if all are equal."""
    if not texts:
        return ""
    middle, low, high = texts
    return middle if low == high else f"{middle} ({low} - {high})"
