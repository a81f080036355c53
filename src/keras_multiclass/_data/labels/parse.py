"""Parsing a target of any format into labels or column indices, and rejecting the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import numpy as np
from scipy import sparse
from sklearn.utils import column_or_1d

from keras_multiclass._data.frames import MISSING_TYPES, library_of
from keras_multiclass._data.labels.distributions import check_distributions, most_likely, shares
from keras_multiclass._data.labels.frame_format import column_dtypes
from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass._shared.typing import FloatArray

Form = Literal["vector", "one_hot", "one_hot_frame"]
Container = Literal["array", "csr_matrix", "csr_array", "pandas", "polars"]

_ALLOWED = "integers, strings or booleans"
_NESTED_TYPES = (list, tuple, set, frozenset, dict, np.ndarray)


@dataclass(frozen=True, eq=False)
class ParsedTarget:
    """The content and the format of a target.

    Attributes
    ----------
    values : ndarray of shape (n_samples,)
        The labels of a vector, or the column index of the largest value in each row of a table.
    form : {"vector", "one_hot", "one_hot_frame"}
        Format of the target; soft labels have that of a one-hot table.
    container : {"array", "csr_matrix", "csr_array", "pandas", "polars"}
        Type of a table (``"array"`` for vectors).
    dtype : object, default=None
        Dtype of a table (a tuple with that of each column, for a data frame).
    n_columns : int, default=0
        Number of columns of a table.
    names : ndarray of shape (n_columns,), default=None
        Column names of a data frame, as labels.
    columns : object, default=None
        Columns of a data frame, as its library represents them.
    soft : ndarray of float of shape (n_samples, n_columns), default=None
        The table, if its rows are soft labels.
    """

    values: np.ndarray
    form: Form = "vector"
    container: Container = "array"
    dtype: Any = None
    n_columns: int = 0
    names: Any = None
    columns: Any = None
    soft: FloatArray | None = None


def parse_target(y: Any, name: str, *, soft: bool = False) -> ParsedTarget:
    """Detect the format of y, and raise unless it is a multi-class target.

    Parameters
    ----------
    y : array-like of shape (n_samples,), (n_samples, 1) or (n_samples, n_classes)
        Labels, or a one-hot table with exactly one 1 in each row.
    name : str
        Name of the target in error messages.
    soft : bool, default=False
        Whether a table may have soft labels.
    """
    if y is None:
        raise ValueError(
            f"This classifier requires y to be passed, but the target y is None. "
            f"Pass the class labels as {name}."
        )
    if sparse.issparse(y):
        return _read_sparse(y, name, soft)
    library = library_of(y)
    if library and hasattr(y, "collect"):
        raise TypeError(invalid(name, "in memory", describe(y), f"Call {name}.collect() first."))
    if library and hasattr(y, "columns"):
        return _read_frame(y, library, name, soft)
    values = to_array(y, library, name)
    if values.ndim not in (1, 2):
        raise ValueError(
            invalid(
                name,
                "1-d labels or a 2-d one-hot matrix",
                describe(y if values.ndim == 0 else values),
                "A classifier predicts one label for each row of X.",
            )
        )
    if values.shape[0] == 0 or (values.ndim == 2 and values.shape[1] == 0):
        raise ValueError(invalid(name, "at least one label", describe(values)))
    if values.ndim == 2 and values.shape[1] == 1:
        values = column_or_1d(values, warn=True)
    if values.ndim == 1:
        return ParsedTarget(to_natural_dtype(values, name, soft=soft))
    table = _to_numeric_table(values, name)
    codes, distributions = _read_table(table, "array", name, soft)
    width = table.shape[1]
    return ParsedTarget(codes, "one_hot", "array", table.dtype, width, soft=distributions)


def _read_sparse(y: Any, name: str, soft: bool) -> ParsedTarget:
    if y.ndim != 2:
        raise ValueError(
            invalid(name, "a dense vector, or a one-hot matrix", f"sparse {describe(y)}")
        )
    if 0 in y.shape:
        raise ValueError(invalid(name, "at least one label", describe(y)))
    if y.shape[1] == 1:
        values = column_or_1d(y.toarray(), warn=True)
        return ParsedTarget(to_natural_dtype(values, name, soft=soft))
    rows = sparse.csr_array(y)
    rows.sum_duplicates()
    rows.eliminate_zeros()
    container: Container = "csr_matrix" if sparse.isspmatrix(y) else "csr_array"
    if np.all(rows.data == 1):
        _check_ones_per_row(np.diff(rows.indptr), name)
        codes, distributions = rows.indices.astype(np.intp), None
    else:
        if rows.dtype.kind == "f" and np.isnan(rows.data).any():
            raise_missing(name)
        if not soft or not _may_be_soft(rows.data):  # before memory is taken for a dense matrix
            _raise_not_one_hot(rows.data, describe(y), container, name, soft)
        codes, distributions = _read_table(rows.toarray(), container, name, soft)
    width = rows.shape[1]
    return ParsedTarget(codes, "one_hot", container, rows.dtype, width, soft=distributions)


def _read_frame(
    y: Any, library: Literal["pandas", "polars"], name: str, soft: bool
) -> ParsedTarget:
    if y.shape[0] == 0 or y.shape[1] == 0:
        raise ValueError(invalid(name, "at least one label", describe(y)))
    if y.shape[1] == 1:
        first = y.iloc[:, 0] if library == "pandas" else y.to_series(0)
        labels = to_array(first, library, name)
        return ParsedTarget(to_natural_dtype(column_or_1d(labels.reshape(-1, 1), warn=True), name))
    missing = y.isna().to_numpy().any() if library == "pandas" else sum(y.null_count().row(0))
    if missing:
        raise_missing(name)
    table = _to_numeric_table(y.to_numpy(), name)
    codes, distributions = _read_table(table, library, name, soft)
    names, dtypes = column_labels(y, name), column_dtypes(y, library)
    columns = len(names), names, y.columns
    return ParsedTarget(codes, "one_hot_frame", library, dtypes, *columns, distributions)


def column_labels(y: Any, name: str) -> np.ndarray:
    """Return the column names of a data frame as labels, and raise unless they differ.

    Parameters
    ----------
    y : data frame
        A target with one column for each label.
    name : str
        Name of the target in error messages.
    """
    what = f"The columns of {name}"
    n_levels = getattr(y.columns, "nlevels", 1)
    if n_levels > 1:
        cure = f"{name}.columns = ['_'.join(map(str, names)) for names in {name}.columns]"
        raise ValueError(
            invalid(what, "of one level", f"{n_levels} levels", f"Join their names: {cure}.")
        )
    labels = to_natural_dtype(np.asarray(y.columns), what)
    if len(unique_in_order(labels)) < len(labels):
        raise ValueError(invalid(what, "different labels", "repeated names"))
    return labels


def to_array(y: Any, library: str | None, name: str) -> np.ndarray:
    """Convert y to an array without hiding missing values or mixed types.

    Parameters
    ----------
    y : array-like
        Labels.
    library : {"pandas", "polars"} or None
        Library of y, see :func:`library_of`.
    name : str
        Name of the labels in error messages.
    """
    if library == "pandas" and hasattr(y, "isna"):  # not pandas.NA and other scalars
        missing = bool(np.any(y.isna()))
    elif library == "polars" and hasattr(y, "null_count"):
        missing = not hasattr(y, "columns") and bool(y.null_count())
    else:
        missing = bool(np.ma.is_masked(y))
    if missing:
        raise_missing(name)
    if library and hasattr(y, "to_numpy"):
        return y.to_numpy()
    try:
        values = np.asarray(y)
    except ValueError:  # lists of different lengths
        values = np.empty(len(y), dtype=object)
        for row, value in enumerate(y):
            values[row] = value
    # NumPy would convert ["a", 1, nan] to three strings, and drop null characters at the end of a
    # string; an object array keeps them.
    if values.dtype.kind in "US" and isinstance(y, Sequence) and values.ndim == 1:
        objects = np.empty(len(y), dtype=object)
        objects[:] = y
        if not all(isinstance(v, str) and v[-1:] != "\0" for v in objects):
            return objects
    return values


def to_natural_dtype(labels: np.ndarray, name: str, *, soft: bool = False) -> np.ndarray:
    """Convert objects to the dtype of their values, and raise unless the labels can be classes.

    Parameters
    ----------
    labels : ndarray of shape (n_labels,)
        Labels of any dtype.
    name : str
        Name of the labels in error messages.
    soft : bool, default=False
        Whether a table could have soft labels, for messages alone.
    """
    if labels.dtype.kind in "OT":
        labels = _from_objects(labels.astype(object), name)
    kind = labels.dtype.kind
    if kind == "f":
        _check_whole_numbers(labels, name, soft)
    elif kind in "mM" and np.isnat(labels).any():
        raise_missing(name)
    elif kind == "S":
        _raise_bytes(labels, name)
    elif kind in "cV":
        # scikit-learn's estimator checks expect these prefixes.
        prefix = "Complex data not supported" if kind == "c" else "Unknown label type: unknown"
        message = invalid(name, _ALLOWED, describe(labels), "Convert the labels.")
        raise ValueError(f"{prefix}. {message}")
    return labels


def _raise_bytes(labels: np.ndarray, name: str) -> NoReturn:
    # scikit-learn's splitters and metrics reject bytes, too.
    decode = f"{name} = np.char.decode(np.asarray({name}, dtype='S'), 'utf-8')"
    got = f"bytes ({describe(labels)})"
    raise ValueError(
        f"Unknown label type: unknown. {invalid(name, _ALLOWED, got, f'Decode them: {decode}.')}"
    )


def _check_whole_numbers(labels: np.ndarray, name: str, soft: bool) -> None:
    if np.isnan(labels).any():
        raise_missing(name)
    if np.isinf(labels).any():
        raise ValueError(
            f"Input {name} contains infinity or a value too large for "
            f"dtype('{labels.dtype}'). Labels must be finite: drop these rows."
        )
    if np.any(labels != np.trunc(labels)):
        cure = "Bin the target into classes, or use a regressor."
        if soft and labels.min() >= 0 and labels.max() <= 1:
            cure += (
                " For probabilities of the second of two classes, pass soft labels: "
                f"np.column_stack([1 - {name}, {name}])."
            )
        raise ValueError(
            "Unknown label type: continuous. "
            + invalid(
                name,
                "class labels",
                f"{describe(labels)} with values that are not whole numbers",
                cure,
            )
        )


def _from_objects(labels: np.ndarray, name: str) -> np.ndarray:
    values = labels.tolist()
    types = set(map(type, values))
    if any(kind.__name__ in MISSING_TYPES for kind in types):
        raise_missing(name)
    if any(issubclass(kind, _NESTED_TYPES) for kind in types):
        _raise_nested(name)
    floats = any(issubclass(kind, (float, np.floating)) for kind in types)
    if floats and any(isinstance(v, (float, np.floating)) and v != v for v in values):
        raise_missing(name)
    if all(issubclass(kind, str) for kind in types):
        return labels
    if all(issubclass(kind, bytes) for kind in types):
        _raise_bytes(labels, name)
    booleans = [issubclass(kind, (bool, np.bool_)) for kind in types]
    numbers = [issubclass(kind, (int, float, np.integer, np.floating)) for kind in types]
    if all(booleans) or (all(numbers) and not any(booleans)):
        return np.asarray(values)
    simple = any(booleans) or any(numbers) or any(issubclass(kind, str) for kind in types)
    if simple and len(types) > 1:
        raise_mixed_types(types, name)
    return labels


def _to_numeric_table(table: np.ndarray, name: str) -> np.ndarray:
    """Convert a 2-d target to a numeric dtype, or raise."""
    if table.dtype.kind == "O":
        table = _from_objects(table.ravel(), name).reshape(table.shape)
    if table.dtype.kind not in "biuf":
        _raise_not_one_hot(table, describe(table), "array", name, False)
    if table.dtype.kind == "f" and np.isnan(table).any():
        raise_missing(name)
    return table


def _read_table(
    table: np.ndarray, container: Container, name: str, soft: bool
) -> tuple[np.ndarray, FloatArray | None]:
    """Return the column of the largest value in each row, and the rows if they are soft labels."""
    ones = table == 1
    if np.all(ones | (table == 0)):
        _check_ones_per_row(ones.sum(axis=1), name)
        return ones.argmax(axis=1), None
    if not soft or not _may_be_soft(table):
        _raise_not_one_hot(table, describe(table), container, name, soft)
    distributions = check_distributions(table, container, name)
    return distributions.argmax(axis=1), distributions


def _may_be_soft(table: np.ndarray) -> bool:
    """Whether a table has numbers that are not whole."""
    return table.dtype.kind == "f" and bool(np.any(table != np.trunc(table)))


def _check_ones_per_row(counts: np.ndarray, name: str) -> None:
    n_several, n_none = int(np.sum(counts > 1)), int(np.sum(counts == 0))
    if n_several:
        raise ValueError(
            invalid(
                name,
                "one class for each row",
                f"a multi-label target ({n_several} of {len(counts)} rows have several ones)",
                "For labels that are not mutually exclusive, use KerasMultilabelClassifier and "
                "keras_multiclass.evaluation.MultilabelReport.",
            )
        )
    if n_none:
        raise ValueError(
            invalid(
                name,
                "one-hot with exactly one 1 in each row",
                f"{n_none} of {len(counts)} rows without a one",
                "Drop these rows, or add a column for their class.",
            )
        )


def _raise_not_one_hot(
    table: np.ndarray, got: str, container: Container, name: str, soft: bool
) -> NoReturn:
    is_number = table.dtype.kind in "biuf"
    if is_number and _may_be_soft(table) and np.all((table >= 0) & (table <= 1)):
        what, cure = "soft labels", f"Use the most likely class: {most_likely(container, name)}."
    else:
        what = "a multi-output target"
        cure = "Fit one classifier for each column: sklearn.multioutput.MultiOutputClassifier."
        if soft and np.all(table >= 0):
            cure += f" For votes on the class of each row, use {shares(container, name)}."
    raise ValueError(invalid(name, "1-d labels or a one-hot matrix", f"{what}, {got}", cure))


def raise_missing(name: str) -> NoReturn:
    """Raise the error for missing labels."""
    raise ValueError(f"Input {name} contains NaN. Drop the rows without a label.")


def _raise_nested(name: str) -> NoReturn:
    raise ValueError(
        invalid(
            name,
            "one label for each row",
            "lists of labels (a multi-label target)",
            "Use KerasMultilabelClassifier and sklearn.preprocessing.MultiLabelBinarizer.",
        )
    )


def raise_mixed_types(types: set[type], name: str) -> NoReturn:
    """Raise the error for labels of types that cannot be sorted together.

    Parameters
    ----------
    types : set of type
        Types of the labels.
    name : str
        Name of the labels in error messages.
    """
    names = ", ".join(sorted({kind.__name__ for kind in types}))
    raise ValueError(
        invalid(
            name,
            "labels of one type that can be sorted",
            f"labels of type {names}",
            "Convert them, for example with [str(label) for label in y].",
        )
    )


def unique_in_order(labels: np.ndarray) -> list[Any]:
    """Return the distinct labels in order of first occurrence."""
    return list(dict.fromkeys(labels.tolist()))
