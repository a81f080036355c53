"""Values of X that are not real numbers: found by kind and column, and refused with advice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import numpy as np

from keras_multiclass._data.advice import advise_on_kind, advise_on_other_types
from keras_multiclass._data.frames import library_of
from keras_multiclass._data.values import (
    REFUSED,
    Kind,
    element_types,
    kind_of_array,
    kinds_of_columns,
)
from keras_multiclass._shared.error_marks import mark
from keras_multiclass._shared.messages import describe, format_list, invalid

_KIND_NAMES = {
    "complex": "complex numbers",
    "dates": "dates or times",
    "text": "strings or categories",
    "objects": "objects",
}


def refuse_not_numbers(X: Any, categorical: Collection[int], *, token_ids: bool) -> None:
    """Raise for what scikit-learn would convert silently, or reject without saying what to do.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix
        The features.
    categorical : collection of int
        Positions of columns that need not be numbers.
    token_ids : bool
        Whether the network reads token ids.
    """
    library = library_of(X)
    if library and hasattr(X, "columns"):
        _refuse_columns(X, list(X.columns), categorical, token_ids=token_ids)
        return
    if not hasattr(X, "dtype"):
        as_array = np.asarray(X)
        if as_array.ndim == 0 and as_array.dtype.kind in "OUS":  # NumPy does not see rows in it
            allowed = "one array, data frame or sparse matrix"
            raise TypeError(invalid("X", allowed, describe(X), advise_on_other_types(X)))
    kind = kind_of_array(X)
    if kind == "numbers":
        return
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind == "O":
        _refuse_columns(X, list(range(X.shape[1])), categorical, token_ids=token_ids)
    elif not categorical:
        _refuse(kind, f"({describe(X)})", X, [], token_ids=token_ids)


def refuse_repeated(X: Any) -> None:
    """Raise if two columns of a frame have the same name.

    Parameters
    ----------
    X : DataFrame
        The features.
    """
    repeated = [name for name, times in Counter(X.columns).items() if times > 1]
    if repeated:
        raise ValueError(
            invalid("X", "a frame with different column names", f"repeated {format_list(repeated)}")
        )


def _refuse_columns(
    X: Any, names: list[Any], categorical: Collection[int], *, token_ids: bool
) -> None:
    kinds = kinds_of_columns(X, categorical)
    for kind in REFUSED:
        positions = [i for i, kind_of_column in kinds.items() if kind_of_column == kind]
        if positions:
            plural = "column" if len(positions) == 1 else "columns"
            where = f"in {plural} {format_list([names[i] for i in positions])}"
            _refuse(kind, where, X, positions, token_ids=token_ids)


def _refuse(kind: Kind, where: str, X: Any, positions: list[int], *, token_ids: bool) -> None:
    what = _KIND_NAMES[kind]
    if kind == "objects" and positions:
        types = sorted({t.__name__ for t in element_types(X, positions)})
        what += f" of type {format_list(types)}" if types else ""
    got = f"{what} {where}"
    advice = advise_on_kind(kind, X, token_ids=token_ids, positions=positions)
    message = invalid("X", "real numbers", got, advice)
    # scikit-learn's own words come first: its checks look for them.
    if kind == "objects":
        raise TypeError(f"float() argument must be a string or a real number. {message}")
    error = ValueError(f"Complex data not supported. {message}" if kind == "complex" else message)
    raise mark(error, "text in X", got) if kind == "text" else error
