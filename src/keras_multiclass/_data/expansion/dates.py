"""Dates and times as numbers: the time since a date of the training rows, and cycles.

Cycles are positions in the year, month, week, day and hour, as sine and cosine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from keras_multiclass._data.column_choice import Table
from keras_multiclass._data.expansion.date_values import (
    NotTimesError,
    TimeKind,
    Times,
    read_times,
    to_microseconds,
    to_wall_clock,
)
from keras_multiclass._shared.messages import invalid

_DAY = 86_400_000_000  # microseconds
_HOUR = 3_600_000_000
_MINUTE = 60_000_000
_THURSDAY = 3  # 1970-01-01, counted from Monday
_CYCLES: dict[TimeKind, tuple[str, ...]] = {
    "datetime": ("month", "day", "weekday", "hour", "minute"),
    "duration": (),
    "time": ("hour", "minute"),
}
_ALLOWED: dict[TimeKind, str] = {
    "datetime": "dates or times",
    "duration": "lengths of time",
    "time": "times of day",
}


@dataclass(frozen=True)
class DateColumn:
    """A column of dates, times of day or lengths of time.

    Attributes
    ----------
    position : int
        Index of the column in the table.
    kind : {"datetime", "duration", "time"}
        What the training values are.
    zone : str or None
        Time zone of the training values; those of later rows are converted to it.
    reference : int
        The median of the training values in microseconds, which is subtracted.
    cycles : tuple of str
        The cycles that differ between training rows.
    varies : bool
        Whether there are different training values; otherwise, those of later rows mean nothing.
    """

    is_block: ClassVar[bool] = False

    position: int
    kind: TimeKind = "datetime"
    zone: str | None = None
    reference: int = 0
    cycles: tuple[str, ...] = ()
    varies: bool = False

    def learn(self, table: Table, rows: NDArray[Any] | None) -> DateColumn:
        """Return the column as learned from the training rows.

        Parameters
        ----------
        table : Table
            All rows.
        rows : ndarray of int or None
            Indices of the training rows; None for all.
        """
        allowed = "of one kind: dates or times, all with or all without a time zone"
        times = _read(table, self.position, allowed, "datetime")
        kind = times.kind or "datetime"
        learned = replace(self, kind=kind, zone=times.zone)
        values = times.values if rows is None else times.values[rows]
        values = values[~np.isnat(values)]
        if not len(values):
            return learned
        microseconds = to_microseconds(values)
        reference = 0 if kind == "time" else int(np.sort(microseconds)[len(values) // 2])
        clock = _Clock(learned._wall(microseconds))
        cycles = tuple(c for c in _CYCLES[kind] if len(np.unique(clock.step(c))) > 1)
        varies = len(np.unique(values)) > 1
        return replace(learned, reference=reference, cycles=cycles, varies=varies)

    def numbers(self, table: Table) -> NDArray[np.float64]:
        """Return days since the reference (hours since midnight), then sine and cosine of cycles.

        Parameters
        ----------
        table : Table
            Any rows.

        Returns
        -------
        ndarray of shape (n_rows, 1 + 2 * n_cycles)
            Of a missing value, the first number is NaN and the others are 0, the center of the
            circle. The first number is 0 if all training rows have the same value.
        """
        times = self._checked(table)
        missing = np.isnat(times.values)
        microseconds = np.where(missing, 0, to_microseconds(times.values))
        first = (microseconds - self.reference) / (_HOUR if self.kind == "time" else _DAY)
        if np.datetime_data(times.values.dtype)[0] in ("ns", "ps", "fs", "as"):
            rest = times.values - times.values.astype(f"{times.values.dtype.kind}8[us]")
            first += rest / np.timedelta64(1, "D")
        numbers = [np.where(missing, np.nan, first if self.varies else 0.0)]
        clock = _Clock(self._wall(microseconds))
        for cycle in self.cycles:
            angle = 2 * np.pi * clock.position(cycle)
            numbers += [np.where(missing, 0, wave(angle)) for wave in (np.sin, np.cos)]
        return np.stack(numbers, axis=1)

    def names(self, name: str) -> list[str]:
        """Return the names of the numbers."""
        first = f"{name}_elapsed" if self.kind == "datetime" else name
        return [first, *(f"{name}_{cycle}_{w}" for cycle in self.cycles for w in ("sin", "cos"))]

    def _wall(self, microseconds: NDArray[np.int64]) -> NDArray[np.int64]:
        return microseconds if self.zone is None else to_wall_clock(microseconds, self.zone)

    def _checked(self, table: Table) -> Times:
        times = _read(table, self.position, f"{_ALLOWED[self.kind]}, as in fit", self.kind)
        if times.kind is None:
            return replace(times, values=times.values.astype("M8[us]"))
        if times.kind != self.kind:
            raise _error(
                table, self.position, f"{_ALLOWED[self.kind]}, as in fit", _ALLOWED[times.kind]
            )
        if (times.zone is None) != (self.zone is None):
            with_zone, without = "dates and times with a time zone", "ones without"
            if self.zone is None:
                with_zone, without = "dates and times without a time zone", "ones with one"
            cure = _how_to_change_zone(table, self.position, self.zone)
            raise _error(table, self.position, f"{with_zone}, as in fit", without, cure)
        return times


def _read(table: Table, position: int, allowed: str, kind: TimeKind) -> Times:
    try:
        return read_times(table, position)
    except NotTimesError as error:
        raise _error(
            table, position, allowed, str(error), _how_to_convert(table, position, kind)
        ) from None


def _error(table: Table, position: int, allowed: str, got: str, cure: str = "") -> TypeError:
    return TypeError(invalid(f"The values in {table.name(position)} of X", allowed, got, cure))


def _how_to_convert(table: Table, position: int, kind: TimeKind) -> str:
    item = table.item(position)
    if table.library == "polars":
        dtype = {"datetime": "Datetime", "duration": "Duration", "time": "Time"}[kind]
        return f"Convert them: X = X.with_columns(X{item}.cast(polars.{dtype}))."
    if kind == "time":
        return f"Convert them: X{item} = pandas.to_datetime(X{item}, format='%H:%M:%S').dt.time."
    function = "to_timedelta" if kind == "duration" else "to_datetime"
    return f"Convert them: X{item} = pandas.{function}(X{item})."


def _how_to_change_zone(table: Table, position: int, zone: str | None) -> str:
    item = table.item(position)
    if table.library == "polars":
        change = (
            f"replace_time_zone({zone!r})"
            if zone
            else "convert_time_zone('UTC').dt.replace_time_zone(None)"
        )
        return f"Change them: X = X.with_columns(X{item}.dt.{change})."
    if table.library == "pandas":
        change = f"tz_localize({zone!r})" if zone else "tz_convert('UTC').dt.tz_localize(None)"
        return f"Change them: X{item} = X{item}.dt.{change}."
    return ""


class _Clock:
    """Calendar and clock of points in time, or of times since midnight.

    Parameters
    ----------
    microseconds : ndarray of shape (n_rows,)
        Time since 1970.
    """

    def __init__(self, microseconds: NDArray[np.int64]) -> None:
        self._of_day = microseconds % _DAY
        self._time = microseconds.view("M8[us]")

    def step(self, cycle: str) -> NDArray[Any]:
        """Return the month of the year, the day of the month, and so on."""
        return np.floor(self.position(cycle) * _STEPS[cycle] + 1e-9)

    def position(self, cycle: str) -> NDArray[np.float64]:
        """Return positions in the cycle, from 0 to 1."""
        if cycle == "minute":
            return self._of_day % _HOUR / _HOUR
        if cycle == "hour":
            return self._of_day / _DAY
        days = self._time.astype("M8[D]")
        if cycle == "weekday":
            return (days.astype(np.int64) + _THURSDAY) % 7 / 7
        months = days.astype("M8[M]")
        day = (days - months.astype("M8[D]")).astype(np.int64)
        if cycle == "day":
            return day / 31
        return (months.astype(np.int64) % 12 + day / 31) / 12


_STEPS = {"month": 12, "day": 31, "weekday": 7, "hour": 24, "minute": 60}
