"""Render tables of names and numbers as text and HTML."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

Cell: TypeAlias = str | float
"""A name or count as text, or a score; NaN if it is undefined."""

_GAP = "  "
# Translucent, to suit light and dark pages.
_LINE = "rgba(128,128,128,.5)"
_BAR = "rgba(66,133,244,.3)"
# Tables inherit neither color nor font on pages without a doctype.
_TABLE = "border-collapse:collapse;border:0;margin:0;color:inherit;font:inherit"


@dataclass(frozen=True)
class Table:
    """One table of a report.

    Attributes
    ----------
    columns : tuple of str
        Headings.
    rows : list of tuple of (str or float)
        Names first, then counts as text and scores as numbers.
    n_names : int, default=1
        Number of columns with names, which are left-aligned.
    n_averages : int, default=0
        Number of rows at the end that are set apart.
    bars : bool, default=False
        Whether to show scores, which must be between 0 and 1, as bars in HTML.
    note : str, default=""
        Sentence above the table.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    n_names: int = 1
    n_averages: int = 0
    bars: bool = False
    note: str = ""


def format_count(count: float) -> str:
    """Format a count, which is fractional if it is a sum of weights.

    Parameters
    ----------
    count : float
        The count.
    """
    return f"{count:.4g}" if abs(count) < 1e4 else f"{count:.0f}"


def to_text(title: str, tables: list[Table]) -> str:
    """Render tables as text, one below the other.

    Parameters
    ----------
    title : str
        First line.
    tables : list of Table
        The tables.
    """
    return "\n\n".join([title, *map(_table_text, tables)])


def _table_text(table: Table) -> str:
    rows = [table.columns, *([_cell_text(cell) for cell in row] for row in table.rows)]
    widths = [max(map(_display_width, column)) for column in zip(*rows, strict=True)]
    lines = [
        _GAP.join(
            _pad(cell, width, left=column < table.n_names)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    if table.n_averages:
        lines.insert(len(lines) - table.n_averages, "")
    return "\n".join([*([table.note] if table.note else []), *lines])


def _display_width(text: str) -> int:
    """Return the width in a terminal: wide characters take two columns, combining marks none."""
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def _pad(text: str, width: int, *, left: bool) -> str:
    space = " " * (width - _display_width(text))
    return text + space if left else space + text


def _cell_text(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell
    return "-" if math.isnan(cell) else f"{cell:.3f}"


def to_html(title: str, tables: list[Table]) -> str:
    """Render tables as HTML that needs no style sheet and inherits the colors of the page.

    Parameters
    ----------
    title : str
        First line.
    tables : list of Table
        The tables, side by side if there is room.
    """
    return (
        '<div style="font-size:13px;line-height:1.5">'
        f'<div style="font-weight:600;margin:0 0 6px">{escape(title)}</div>'
        '<div style="display:flex;flex-wrap:wrap;gap:16px 32px;align-items:flex-start">'
        f"{''.join(map(_table_html, tables))}</div></div>"
    )


def _table_html(table: Table) -> str:
    first_average = len(table.rows) - table.n_averages
    head = "".join(
        f'<th style="{_style(table, column)};border-bottom:1px solid {_LINE}">{escape(title)}</th>'
        for column, title in enumerate(table.columns)
    )
    body = "".join(
        f"<tr>{_row_html(table, row, set_apart=i == first_average > 0)}</tr>"
        for i, row in enumerate(table.rows)
    )
    note = f'<div style="margin:0 0 4px">{escape(table.note)}</div>' if table.note else ""
    return (
        f'<div>{note}<table style="{_TABLE}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row_html(table: Table, row: tuple[Cell, ...], set_apart: bool) -> str:
    line = f";border-top:1px solid {_LINE}" if set_apart else ""
    return "".join(
        f'<td style="{_style(table, column)}{line}{_bar(cell) if table.bars else ""}">'
        f"{escape(_cell_text(cell))}</td>"
        for column, cell in enumerate(row)
    )


def _style(table: Table, column: int) -> str:
    side = "left" if column < table.n_names else "right"
    return (
        f"text-align:{side};padding:2px 8px;white-space:nowrap;background:transparent;border:0;"
        "font-variant-numeric:tabular-nums"
    )


def _bar(cell: Cell) -> str:
    if isinstance(cell, str) or math.isnan(cell):
        return ""
    width = f"{100 * min(max(cell, 0.0), 1.0):.1f}%"
    bar = f"linear-gradient({_BAR},{_BAR}) 0 0/{width} 100% no-repeat content-box"
    return f";min-width:64px;background:{bar}"
