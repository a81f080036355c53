"""How to turn features that are refused into numbers, for each container, rank and kind of X."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from keras_multiclass._data.frames import library_of, library_of_frame
from keras_multiclass._data.values import Kind, element_types, types_of

_LARGEST = 1e6  # an example
_ENCODE = (
    "Encode them first, for example with ColumnTransformer and OneHotEncoder or OrdinalEncoder "
    "in a pipeline. Table backbones read categories themselves: pass a data frame with "
    "categorical_features='from_dtype', or name the categorical columns."
)
_DROPPED_FRAME = (
    " If X is a data frame, a meta-estimator such as BaggingClassifier has made it an array: give "
    "the positions of the categorical columns, categorical_features=[0, ...]."
)
_NUMBER_TEXT = "Number the values: X = np.unique(X, return_inverse=True)[1].reshape(np.shape(X))."
_LOOK_UP = (
    "Look up token ids, for example with keras.layers.StringLookup(vocabulary=np.unique(X)), or "
    "with keras.layers.TextVectorization for whole texts; pass them as an array of integers."
)
FIT_ON_TEXTS = "To classify texts, fit on texts: a list or 1-d array of strings."
FIT_ON_PATHS = "To read images from files, fit on the paths of files."
_DATES = (
    "Convert dates to numbers first, for example year, month and weekday, or days since a "
    "fixed date: (pandas.to_datetime(dates, utc=True) - pandas.Timestamp('2000-01-01', tz='UTC')) "
    "/ pandas.Timedelta(days=1)."
)
_COMPLEX = (
    "Pass real and imaginary parts as separate features: "
    "Z = np.asarray(X, dtype=complex) and X = np.concatenate([Z.real, Z.imag], axis=-1)."
)
_STACK = (
    "If the rows have one shape, stack them: X = np.stack(list(X)). Pad sequences of different "
    "lengths: X = keras.utils.pad_sequences(list(X), padding='post', dtype='float32')."
)
_RECORDS = "Make a data frame: X = pandas.DataFrame(list(X))."
_STRUCTURE = "Make a data frame: X = pandas.DataFrame(X)."
_IMPUTE = (
    "Impute missing values first, for example with "
    "make_pipeline(SimpleImputer(keep_empty_features=True), classifier), or drop these rows."
)
_EXPAND = "Expand the elements into separate columns, or drop these columns."
_SETS = "Encode sets: X = sklearn.preprocessing.MultiLabelBinarizer().fit_transform(X)."


def advise_on_kind(kind: Kind, X: Any, *, token_ids: bool, positions: Sequence[int] = ()) -> str:
    """Say how to replace values that are not real numbers.

    Parameters
    ----------
    kind : {"complex", "dates", "text", "objects"}
        What the values are.
    X : array-like or data frame
        The features.
    token_ids : bool
        Whether the network reads token ids.
    positions : sequence of int, default=()
        Positions of the columns that hold these values, if they are known.
    """
    rank = len(getattr(X, "shape", ()))
    if kind == "dates":
        return _DATES
    if kind == "complex":
        return _COMPLEX
    if kind == "text":
        if token_ids:
            return _LOOK_UP
        if rank == 2 and not library_of_frame(X):
            return _ENCODE + _DROPPED_FRAME
        return FIT_ON_TEXTS if rank == 1 else _ENCODE if rank == 2 else _NUMBER_TEXT
    return _advise_on_cells(X, positions[0]) if positions else _advise_on_objects(X, rank)


def _advise_on_cells(X: Any, position: int) -> str:
    """Say how to expand the values of a column of lists, dicts, arrays or sets."""
    library = library_of_frame(X)
    if library == "polars":
        is_structure = X.dtypes[position].base_type().__name__ == "Struct"
        return f"Expand them: X = X.unnest({X.columns[position]!r})." if is_structure else _EXPAND
    name = X.columns[position] if library else str(position)
    to_frame = "" if library else "X = pandas.DataFrame(X).rename(columns=str) and "
    if library and not isinstance(name, str):
        to_frame, name = "X = X.rename(columns=str) and ", str(name)
    types = element_types(X, [position])
    cells = f"X[{name!r}]"
    if types <= {list, tuple, dict, np.ndarray}:
        table = f"{cells}.tolist()"
    elif types <= {set, frozenset}:
        table = f"sklearn.preprocessing.MultiLabelBinarizer().fit_transform({cells})"
    else:
        return "Convert them to numbers, or drop these columns."
    return (
        f"Expand the elements into separate columns, for example {to_frame}X = "
        f"X.drop(columns=[{name!r}]).join(pandas.DataFrame({table}, "
        f"index=X.index).add_prefix({f'{name}_'!r}))."
    )


def _advise_on_objects(X: Any, rank: int) -> str:
    if getattr(getattr(X, "dtype", None), "names", None):
        return _STRUCTURE
    if rank != 1:
        return "Convert them to numbers, or drop them."
    values = X.to_numpy() if library_of(X) else X
    types = types_of(np.asarray(values, dtype=object))
    if all(issubclass(kind, (set, frozenset)) for kind in types):
        return _SETS
    return _RECORDS if all(issubclass(kind, dict) for kind in types) else _STACK


def advise_on_other_types(X: Any) -> str:
    """Say how to make an array of something that is no container of rows.

    Parameters
    ----------
    X : object
        The user's X.
    """
    if isinstance(X, (str, bytes, os.PathLike)):
        return "Read the file first, for example with pandas.read_csv."
    return ""


def advise_on_missing(X: Any, *, token_ids: bool) -> str:
    """Say what to do about missing values in X.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix
        The features.
    token_ids : bool
        Whether the network reads token ids.
    """
    library = library_of_frame(X)
    padding = " Use 0 for padding." if token_ids else ""
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        return f"Masked values are missing values. Fill them: X = X.filled(0).{padding}"
    if token_ids and library:
        fill = "X.fillna(0)" if library == "pandas" else "X.fill_null(0).fill_nan(0)"
        return f"Fill them: X = {fill}.{padding}"
    if _has_objects(X) and not library:
        return f"Fill them, for example with X = np.where(pandas.isna(X), 0, X).{padding}"
    if token_ids or _rank(X) > 2:
        return f"Fill them, for example with X = np.nan_to_num(X).{padding}"
    convert = "Convert the columns, X = X.convert_dtypes(). " if _has_objects(X) else ""
    return convert + _IMPUTE


def advise_on_infinite(X: Any, *, token_ids: bool) -> str:
    """Say what to do about values of X that are infinite or too large.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix
        The features.
    token_ids : bool
        Whether the network reads token ids.
    """
    library, limits = library_of_frame(X), f"(-{_LARGEST:.0e}, {_LARGEST:.0e})".replace("+0", "")
    if token_ids:
        return "Use 0 for padding: X = np.nan_to_num(np.asarray(X), posinf=0, neginf=0)."
    if library == "pandas":
        columns = "columns = X.select_dtypes('number').columns"
        how = f"X[columns] = X[columns].clip{limits}, where {columns}"
    elif library == "polars":
        how = f"X = X.with_columns(polars.selectors.float().clip{limits})"
    elif sparse.issparse(X):
        how = f"X = X.tocsr() and X.data = X.data.clip{limits}"
    else:
        how = f"X = np.clip(X, {limits[1:]}"
    return f"Limit infinite and very large values, for example with {how}."


def _has_objects(X: Any) -> bool:
    if library_of_frame(X) == "pandas":
        return any(isinstance(dtype, np.dtype) and dtype.kind == "O" for dtype in X.dtypes)
    return getattr(getattr(X, "dtype", None), "kind", "") == "O"


def _rank(X: Any) -> int:
    return len(X.shape) if hasattr(X, "shape") else np.ndim(X)
