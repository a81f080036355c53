"""What kinds of values X holds, and numbers in unusual representations as plain numbers."""

from __future__ import annotations

import datetime
import decimal
import numbers
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from keras_multiclass._data.frames import MISSING_TYPES, is_missing, library_of, library_of_frame

Kind: TypeAlias = Literal["numbers", "complex", "dates", "text", "objects"]

# In the order in which they are reported.
REFUSED: tuple[Kind, ...] = ("complex", "dates", "text", "objects")
_DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
_NUMBERS = (numbers.Number, decimal.Decimal, np.number, np.bool_)
# Kinds of Arrow's types, by the beginning of their names; all others are numbers.
_ARROW_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("string", "large_string", "dictionary"), "text"),
    **dict.fromkeys(("binary", "large_binary", "fixed_size_binary"), "text"),
    **dict.fromkeys(("date", "time", "duration", "month_day_nano_interval"), "dates"),
    **dict.fromkeys(("list", "large_list", "fixed_size_list", "struct", "map"), "objects"),
}


def kinds_of_columns(X: Any, but: Collection[int] = ()) -> dict[int, Kind]:
    """Return the kinds of columns by their positions.

    Parameters
    ----------
    X : DataFrame or ndarray of objects of shape (n_rows, n_columns)
        The table.
    but : collection of int, default=()
        Positions of columns that are left out.
    """
    kinds: dict[int, Kind] = {}
    dtypes = X.dtypes if library_of(X) else [X.dtype] * X.shape[1]
    for i, dtype in enumerate(dtypes):
        if i in but:
            continue
        if library_of(X) == "polars":
            kinds[i] = _kind_of_polars(dtype)
        elif library_of(X) == "pandas":
            kinds[i] = _kind_of_pandas(X, i, dtype)
        else:
            kinds[i] = _kind_of_types(types_of(X[:, i]))
    return kinds


def element_types(X: Any, positions: Iterable[int]) -> set[type]:
    """Return the types of the values of some columns that are no missing values.

    Parameters
    ----------
    X : DataFrame or ndarray of objects of shape (n_rows, n_columns)
        The table.
    positions : iterable of int
        Positions of the columns.
    """
    types: set[type] = set()
    for i in positions:
        column = X.iloc[:, i] if library_of(X) == "pandas" else X[:, i]
        types |= set(map(type, column.tolist() if isinstance(X, np.ndarray) else column))
    return {kind for kind in types if _kind_of_type(kind) == "objects"}


def kind_of_array(X: Any) -> Kind:
    """Return the kind of the values of anything but a data frame.

    Parameters
    ----------
    X : array-like or sparse matrix
        The values.
    """
    if library_of(X) and hasattr(X, "to_numpy"):
        X = X.to_numpy()
    kind = getattr(getattr(X, "dtype", None), "kind", "")
    if kind == "O" and isinstance(X, np.ndarray):
        return _kind_of_types(types_of(X))
    return _kind_of_numpy(X.dtype) if kind else "numbers"


def types_of(values: np.ndarray) -> set[type]:
    """Return the types of the elements of an array of objects."""
    return set(map(type, values.ravel().tolist()))


def is_categorical(X: Any, i: int) -> bool:
    """Whether the dtype of a column of a pandas frame is that of categories.

    Parameters
    ----------
    X : DataFrame
        A frame of pandas.
    i : int
        Position of the column.
    """
    dtype = X.dtypes.iloc[i]
    if dtype.kind == "b":
        return True
    arrow = _arrow_name(dtype)
    if arrow is not None:
        return _kind_of_arrow(arrow) == "text"
    if dtype.kind != "O":
        return False
    if not isinstance(dtype, np.dtype):
        return str(dtype).startswith(("category", "string")) or str(dtype) == "str"
    return any(issubclass(t, (str, bytes, bool, np.bool_)) for t in set(map(type, X.iloc[:, i])))


def to_strings(values: Sequence[Any]) -> tuple[list[str], list[str]]:
    """Return texts as strings: missing ones are empty, and bytes are decoded as UTF-8.

    Parameters
    ----------
    values : sequence of object
        The texts.

    Returns
    -------
    texts : list of str
        The strings; those of other values are empty.
    others : list of str
        Names of the types of values that are neither texts nor missing.
    """
    if set(map(type, values)) == {str}:
        return list(values), []
    others = {
        type(value).__name__
        for value in values
        if not isinstance(value, (str, bytes)) and not is_missing(value)
    }
    return [_to_string(value) for value in values], sorted(others)


def _to_string(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(value) if isinstance(value, str) else ""


def to_plain(X: Any, categorical: Collection[int] = ()) -> Any:
    """Convert numbers that NumPy and scikit-learn cannot, and missing values of any type to NaN.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix
        The features; never modified.
    categorical : collection of int, default=()
        Positions of columns that need not be numbers.

    Returns
    -------
    array-like, data frame or sparse matrix
        The same if nothing is to be converted.
    """
    if isinstance(X, np.ma.MaskedArray):
        return fill_masked(X)
    if isinstance(X, np.ndarray):
        if X.dtype.kind == "O":
            return _without_missing_objects(X)
        is_number = X.dtype.kind == "V" and _kind_of_numpy(X.dtype) == "numbers"
        return X.astype(np.float32) if is_number else X
    if library_of_frame(X) == "pandas":
        return _to_plain_frame(X, categorical)
    return X


def without_integer_objects(X: Any) -> Any:
    """Convert objects that are integers, and nullable integers of pandas, to dtypes of NumPy.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix
        The features; never modified.

    Returns
    -------
    array-like, data frame or sparse matrix
        The same if nothing is to be converted.
    """
    if library_of_frame(X) != "pandas":
        return _plain_integers(X) if isinstance(X, np.ndarray) else X
    converted = {}
    for i, dtype in enumerate(X.dtypes):
        column = X.iloc[:, i]
        if not isinstance(dtype, np.dtype) and dtype.kind in "iu" and not column.isna().any():
            converted[i] = column.to_numpy(dtype=f"{dtype.kind}8")
        elif isinstance(dtype, np.dtype) and dtype.kind == "O":
            converted[i] = _plain_integers(column.to_numpy())
    return with_columns(X, converted)


def _plain_integers(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "O" or not values.size:
        return values
    if not all(issubclass(t, (int, np.integer, np.bool_)) for t in types_of(values)):
        return values
    return np.array(values.tolist())


def fill_masked(X: np.ma.MaskedArray) -> np.ndarray:
    """Return a masked array as an array with NaN, or None among objects, where it is masked."""
    if not np.ma.is_masked(X):
        return np.asarray(X.data)
    if X.dtype.kind in "fc":
        return np.asarray(X.filled(np.nan))
    if X.dtype.kind in "biu" and X.dtype.itemsize < 8:  # larger integers would be rounded
        return np.where(np.ma.getmaskarray(X), np.nan, X.data)
    values = X.data.astype(object)
    values[np.ma.getmaskarray(X)] = None
    return values


def _to_plain_frame(X: Any, categorical: Collection[int]) -> Any:
    converted = {}
    for i, dtype in enumerate(X.dtypes):
        if i in categorical:
            continue
        if (_arrow_name(dtype) or "").startswith(("decimal", "null")):
            converted[i] = X.iloc[:, i].astype("float64")
        elif dtype.kind == "O" and isinstance(dtype, np.dtype):
            values = X.iloc[:, i].to_numpy()
            plain = _without_missing_objects(values)
            if plain is not values:
                converted[i] = plain
    return with_columns(X, converted)


def with_columns(X: Any, columns: Mapping[int, Any]) -> Any:
    """Return a frame of pandas with some columns replaced.

    Parameters
    ----------
    X : DataFrame
        A frame of pandas; never modified.
    columns : mapping of int to array-like
        New columns by their positions.
    """
    if not columns:
        return X
    X = X.copy(deep=False)
    for i, values in columns.items():
        X.isetitem(i, values)
    return X


def _without_missing_objects(values: np.ndarray) -> np.ndarray:
    names = {kind.__name__ for kind in types_of(values)}
    if not names & (MISSING_TYPES - {"NoneType"}):  # NumPy converts None
        return values
    filled = [np.nan if type(v).__name__ in MISSING_TYPES else v for v in values.ravel().tolist()]
    result = np.empty(len(filled), dtype=object)
    result[:] = filled
    return result.reshape(values.shape)


def _kind_of_numpy(dtype: np.dtype[Any]) -> Kind:
    if dtype.kind == "c":
        return "complex"
    if dtype.kind in "mM":
        return "dates"
    if dtype.kind in "UST":
        return "text"
    if dtype.kind == "V":  # the dtypes of ml_dtypes, such as bfloat16, or structures
        return "numbers" if dtype.names is None and np.can_cast(dtype, "f8") else "objects"
    return "numbers"


def _kind_of_types(types: Iterable[type]) -> Kind:
    kinds = set(map(_kind_of_type, types))
    return next((kind for kind in REFUSED if kind in kinds), "numbers")


def _kind_of_type(kind: type) -> Kind:
    if kind.__name__ in MISSING_TYPES:
        return "numbers"
    if issubclass(kind, (complex, np.complexfloating)):
        return "complex"
    if issubclass(kind, _DATES) or kind.__name__ == "Period":
        return "dates"
    if issubclass(kind, (str, bytes)):
        return "text"
    is_number = issubclass(kind, _NUMBERS)
    is_scalar = hasattr(kind, "__float__") and not hasattr(kind, "__len__")
    return "numbers" if is_number or is_scalar else "objects"


def _kind_of_pandas(X: Any, i: int, dtype: Any) -> Kind:
    arrow = _arrow_name(dtype)
    if arrow is not None:
        return _kind_of_arrow(arrow)
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return _kind_of_types(types_of(X.iloc[:, i].to_numpy()))
    if str(dtype).startswith("period"):
        return "dates"
    if dtype.kind == "O":
        return "text"  # categories, strings, intervals
    return _kind_of_numpy(np.dtype(f"{dtype.kind}8") if dtype.kind in "mM" else dtype)


def _kind_of_arrow(name: str) -> Kind:
    return next((kind for start, kind in _ARROW_KINDS.items() if name.startswith(start)), "numbers")


def _arrow_name(dtype: Any) -> str | None:
    """Return the name of Arrow's type of a column of pandas; None for other columns."""
    arrow = getattr(dtype, "pyarrow_dtype", None)
    return None if arrow is None else str(arrow)


def _kind_of_polars(dtype: Any) -> Kind:
    if dtype.is_temporal():
        return "dates"
    if dtype.is_nested():
        return "objects"
    return "numbers" if dtype.is_numeric() or str(dtype) in ("Boolean", "Null") else "text"
