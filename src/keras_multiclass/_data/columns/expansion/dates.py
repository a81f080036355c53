"""Dates and times as numbers: the time since a date of the training rows, and cycles.

Cycles are positions in the year, month, week, day and hour, as sine and cosine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from keras_multiclass._data.columns.choice import Table
from keras_multiclass._data.columns.expansion.date_values import (
    NotTimesError,
    TimeKind,
    Times,
    read_times,
    to_microseconds,
    to_wall_clock,
)
from keras_multiclass._data.row_sample import RowSample
from keras_multiclass._shared.messages import invalid

_DAY = 86_400_000_000  # microseconds
_MOST_DATES = 2**20  # of which the median is found
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
        collector = DateCollector(self.position)
        collector.add(table, rows)
        return collector.column

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
        times = self.checked(table)
        missing = np.isnat(times.values)
        microseconds = np.where(missing, 0, to_microseconds(times.values))
        first = (microseconds - self.reference) / (_HOUR if self.kind == "time" else _DAY)
        if np.datetime_data(times.values.dtype)[0] in ("ns", "ps", "fs", "as"):
            rest = times.values - times.values.astype(f"{times.values.dtype.kind}8[us]")
            first += rest / np.timedelta64(1, "D")
        numbers = [np.where(missing, np.nan, first if self.varies else 0.0)]
        clock = _Clock(self.wall(microseconds))
        for cycle in self.cycles:
            angle = 2 * np.pi * clock.position(cycle)
            numbers += [np.where(missing, 0, wave(angle)) for wave in (np.sin, np.cos)]
        return np.stack(numbers, axis=1)

    def names(self, name: str) -> list[str]:
        """Return the names of the numbers."""
        first = f"{name}_elapsed" if self.kind == "datetime" else name
        return [first, *(f"{name}_{cycle}_{w}" for cycle in self.cycles for w in ("sin", "cos"))]

    def wall(self, microseconds: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return points in time as the clocks of the time zone show them."""
        return microseconds if self.zone is None else to_wall_clock(microseconds, self.zone)

    def checked(self, table: Table) -> Times:
        """Return the values of any rows, or raise ``TypeError`` if they are of another kind."""
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


class DateCollector:
    """Learns a column of dates or times from the training rows, all at once or batch by batch.

    Parameters
    ----------
    position : int
        Index of the column in the table.
    """

    def __init__(self, position: int) -> None:
        self._column = DateColumn(position)
        self._has_kind = False
        self._limits: list[Any] = []
        self._steps: dict[str, set[float]] = {}
        self._sample = RowSample(_MOST_DATES)

    def add(self, table: Table, rows: NDArray[Any] | None) -> None:
        """Learn from some rows.

        Parameters
        ----------
        table : Table
            The rows.
        rows : ndarray of int or None
            Indices of the training rows among them; None for all.
        """
        if self._has_kind:
            times = self._column.checked(table)
        else:
            allowed = "of one kind: dates or times, all with or all without a time zone"
            times = _read(table, self._column.position, allowed, "datetime")
        if times.kind is None:
            return
        if not self._has_kind:
            self._column = replace(self._column, kind=times.kind, zone=times.zone)
            self._has_kind = True
        values = times.values if rows is None else times.values[rows]
        values = values[~np.isnat(values)]
        if not len(values):
            return
        self._limits = [min([*self._limits, values.min()]), max([*self._limits, values.max()])]
        microseconds = to_microseconds(values)
        chosen = microseconds[self._sample.select(len(microseconds))]
        if len(chosen):
            self._sample.add(chosen)
        clock = _Clock(self._column.wall(microseconds))
        for cycle in _CYCLES[times.kind]:
            steps = clock.step(cycle)
            self._steps.setdefault(cycle, set()).update((float(steps.min()), float(steps.max())))

    @property
    def column(self) -> DateColumn:
        """The column as learned from these rows."""
        column = self._column
        if not self._limits:
            return column
        (sample,) = self._sample.arrays()
        reference = 0 if column.kind == "time" else int(np.sort(sample)[len(sample) // 2])
        cycles = tuple(c for c in _CYCLES[column.kind] if len(self._steps[c]) > 1)
        varies = bool(self._limits[0] != self._limits[1])
        return replace(column, reference=reference, cycles=cycles, varies=varies)


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
