"""Columns of dates and times, in any representation, as arrays of NumPy."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from keras_multiclass._data.columns.choice import Table
from keras_multiclass._data.frames import is_missing

TimeKind: TypeAlias = Literal["datetime", "duration", "time"]

_UTC = "UTC"
# NumPy casts to microseconds without a check; these years are within their range.
_LARGEST_YEAR = 100_000
_MICROSECONDS_OF = {"Y": 365.2425 * 86_400e6, "M": 365.2425 / 12 * 86_400e6}
_QUARTER_HOUR = 900_000_000  # the offset of a time zone changes at multiples of this only


class NotTimesError(TypeError):
    """The values are no dates or times, or not all of one kind."""


@dataclass(frozen=True)
class Times:
    """The values of a column.

    Attributes
    ----------
    kind : {"datetime", "duration", "time"}
        Points in time, lengths of time, or times of day (since midnight).
    values : ndarray of datetime64 or timedelta64 of shape (n_rows,)
        Points in time are in UTC if they have a time zone. NaT is a missing value.
    zone : str or None
        Time zone, see `to_wall_clock`; None if there is none.
    """

    kind: TimeKind | None
    values: NDArray[Any]
    zone: str | None = None


def read_times(table: Table, position: int) -> Times:
    """Read a column.

    Parameters
    ----------
    table : Table
        The table.
    position : int
        Position of the column.

    Returns
    -------
    Times
        Its kind is None if all values are missing.

    Raises
    ------
    NotTimesError
        If the values are anything else, or of several kinds.
    """
    column = table.column(position)
    zone = None
    if table.library == "pandas":
        values, zone = _from_pandas(column)
    elif table.library == "polars":
        values, zone = column.to_numpy(), getattr(column.dtype, "time_zone", None)
    else:
        values = column
    if values.dtype.kind == "M":
        return Times("datetime", values, zone)
    if values.dtype.kind == "m":
        return Times("duration", values)
    if values.dtype.kind == "O":
        return _from_objects(values.tolist())
    if values.dtype.kind == "f" and np.isnan(values).all():
        return Times(None, np.full(len(values), "NaT", "M8[us]"))
    raise NotTimesError("numbers" if values.dtype.kind in "fiub" else "other values")


def _from_pandas(column: Any) -> tuple[NDArray[Any], str | None]:
    dtype = column.dtype
    if str(dtype).startswith("period"):
        return column.dt.start_time.to_numpy(), None
    zone = getattr(dtype, "tz", None)
    if zone is not None:
        return column.to_numpy(f"M8[{dtype.unit}]"), _name_of(zone, column.dropna())
    return column.to_numpy(), None


def _name_of(zone: datetime.tzinfo, values: Any) -> str:
    """Return the name of a time zone, or its offset if its name means nothing to `zoneinfo`."""
    name = str(getattr(zone, "key", None) or getattr(zone, "zone", None) or zone)
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        first = next(iter(values), datetime.datetime(2000, 1, 1))
        offset = zone.utcoffset(first.replace(tzinfo=None)) or datetime.timedelta()
        return datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone(offset)).isoformat()[19:]
    return name


def _from_objects(values: list[Any]) -> Times:
    present = [i for i, value in enumerate(values) if not is_missing(value)]
    given = [getattr(values[i], "start_time", values[i]) for i in present]  # of periods
    kinds = {_kind_of(type(value)) for value in given}
    if len(kinds) > 1 or None in kinds:
        names = sorted({type(value).__name__ for value in given})
        raise NotTimesError("values of type " + ", ".join(names))
    kind = next(iter(kinds), None)
    zone = None
    if kind == "datetime":
        zones = {getattr(value, "tzinfo", None) is not None for value in given}
        if len(zones) > 1:
            raise NotTimesError("dates and times with and without a time zone")
        if True in zones:
            zone = _name_of(given[0].tzinfo, given)
            given = [value.astimezone(datetime.UTC).replace(tzinfo=None) for value in given]
    elif kind == "time":
        given = [_since_midnight(value) for value in given]
    result = np.full(len(values), "NaT", "M8[us]" if kind in ("datetime", None) else "m8[us]")
    if present:
        result[present] = np.array(given, result.dtype)
    return Times(kind, result, zone)


def _kind_of(kind: type) -> TimeKind | None:
    if issubclass(kind, (datetime.date, np.datetime64)):
        return "datetime"
    if issubclass(kind, (datetime.timedelta, np.timedelta64)):
        return "duration"
    return "time" if issubclass(kind, datetime.time) else None


def _since_midnight(time: datetime.time) -> datetime.timedelta:
    return datetime.timedelta(
        hours=time.hour,
        minutes=time.minute,
        seconds=time.second,
        microseconds=time.microsecond,
    )


def to_microseconds(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return points in time, or lengths of time, in microseconds.

    Parameters
    ----------
    values : ndarray of datetime64 or timedelta64 of shape (n_rows,)
        The values, of any unit; missing ones are some number.
    """
    kind, unit = values.dtype.kind, np.datetime_data(values.dtype)[0]
    if kind == "m" and unit in _MICROSECONDS_OF:
        step = np.datetime_data(values.dtype)[1] * _MICROSECONDS_OF[unit]
        return (values.astype(np.int64) * step).clip(-(2.0**62), 2.0**62).astype(np.int64)
    if unit not in ("generic", "us", "ns", "ps", "fs", "as"):
        if kind == "M":
            limits = [np.datetime64(s * _LARGEST_YEAR, "Y").astype("M8[D]") for s in (-1, 1)]
        else:
            limits = [np.timedelta64(s * _LARGEST_YEAR * 365, "D") for s in (-1, 1)]
        values = np.clip(values, *(limit.astype(values.dtype) for limit in limits))
    return values.astype(f"{kind}8[us]").astype(np.int64)


def to_wall_clock(microseconds: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Return what clocks in a time zone show.

    Parameters
    ----------
    microseconds : ndarray of shape (n_rows,)
        Points in time since 1970 in UTC.
    zone : str
        Name of the time zone, or its offset from UTC, such as ``+01:00``.
    """
    if zone == _UTC:
        return microseconds
    if zone[0] in "+-":
        offset = datetime.datetime.fromisoformat(f"2000-01-01T00:00:00{zone}").utcoffset()
        assert offset is not None
        return microseconds + offset // datetime.timedelta(microseconds=1)
    tz = ZoneInfo(zone)
    quarters, index = np.unique(microseconds // _QUARTER_HOUR, return_inverse=True)
    offsets = [_offset(tz, quarter * _QUARTER_HOUR) for quarter in quarters.tolist()]
    return microseconds + np.array(offsets, np.int64)[index]


def _offset(zone: ZoneInfo, microseconds: int) -> int:
    try:
        moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(
            microseconds=microseconds
        )
        offset = moment.astimezone(zone).utcoffset()
    except (OverflowError, ValueError):  # before the year 1, or after 9999
        return 0
    return 0 if offset is None else int(offset.total_seconds() * 1e6)
