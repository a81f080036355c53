"""Data frames of other libraries, read as frames of pandas or polars.

scikit-learn reads column names of pandas and polars, and so does this package. Other frames, which
hold Arrow's data or have a method that converts them, become one of these. None of the libraries is
imported here unless a frame of another needs it.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from typing import Any

from keras_multiclass._shared.messages import describe, invalid

_Convert = Callable[[Any], Any]


def _collect(X: Any) -> Any:
    return X.collect()


def _compute(X: Any) -> Any:
    return to_frame(X.compute())


def _from_dataset(X: Any) -> Any:  # whose rows may be selected or shuffled
    return _from_arrow(X.with_format("arrow")[:])


def _from_arrow(X: Any) -> Any:
    """Convert Arrow's data, to the library that is imported already if there is one."""
    for library in sorted(("pandas", "polars"), key=lambda name: name not in sys.modules):
        try:
            module = importlib.import_module(library)
            if library == "polars":
                return module.DataFrame(X)
            if not type(X).__module__.startswith("pyarrow"):
                X = importlib.import_module("pyarrow").table(X)
            return X.to_pandas(date_as_object=False)
        except ImportError:
            continue
    raise TypeError(
        invalid(
            "X",
            "one array, data frame or sparse matrix",
            describe(X),
            "To read it, install polars, or pandas and pyarrow.",
        )
    )


# By the start of the module that defines a class, and by its name.
_CONVERSIONS: dict[tuple[str, str], _Convert] = {
    ("pyarrow", "Table"): _from_arrow,
    ("pyarrow", "RecordBatch"): _from_arrow,
    ("datasets", "Dataset"): _from_dataset,
    ("dask", "DataFrame"): _compute,
    ("polars", "LazyFrame"): _collect,
    ("modin", "DataFrame"): lambda X: X.modin.to_pandas(),
    ("cudf", "DataFrame"): lambda X: X.to_pandas(),
    ("pyspark", "DataFrame"): lambda X: X.toPandas(),
}


def to_frame(X: Any) -> Any:
    """Convert a data frame of another library to one of pandas or polars.

    Parameters
    ----------
    X : object
        The user's X.

    Returns
    -------
    object
        A frame of pandas or polars; X itself if it is anything but another frame.
    """
    convert = _conversion_of(type(X))  # type: ignore[arg-type]
    return X if convert is None else convert(X)


@functools.lru_cache(maxsize=256)
def _conversion_of(cls: Any) -> _Convert | None:
    for base in cls.__mro__[:-1]:
        for (module, name), convert in _CONVERSIONS.items():
            if base.__name__ == name and f"{base.__module__}.".startswith(f"{module}."):
                return convert
    # The interface by which others share Arrow's data, such as those of DuckDB.
    is_known = any(base.__module__.startswith(("pandas", "polars")) for base in cls.__mro__)
    has_columns = hasattr(cls, "__arrow_c_stream__") and hasattr(cls, "columns")
    return _from_arrow if has_columns and not is_known else None


def to_rows(X: Any) -> Any:
    """Convert what NumPy cannot select rows of: frames of other libraries, and ragged arrays.

    Parameters
    ----------
    X : object
        The user's X, or one of several inputs.

    Returns
    -------
    object
        A frame of pandas or polars, a list with one item for each row, or X itself.
    """
    module = type(X).__module__.partition(".")[0]
    if module == "pyarrow" and hasattr(X, "to_pylist") and not hasattr(X, "columns"):
        return X.to_pylist()
    if module == "awkward" or type(X).__name__ == "RaggedTensor":
        return X.to_list()
    return to_frame(X)
