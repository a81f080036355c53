"""Selection of rows from whatever holds them, and the rows of several batches in one."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from scipy import sparse

from keras_multiclass._data.frames import library_of
from keras_multiclass._data.sequences import Sequences
from keras_multiclass._shared.messages import describe, invalid


def take_rows(X: Any, rows: slice | np.ndarray) -> Any:
    """Return some rows of X, in a container of the same kind.

    Parameters
    ----------
    X : array-like, data frame, series, sparse matrix or Sequences of shape (n_rows, ...)
        The features.
    rows : slice or ndarray of int
        Which rows.
    """
    library = library_of(X)
    if library is not None:
        return X.iloc[rows] if library == "pandas" else X[rows]
    if isinstance(X, Sequences):
        return X.take(rows)
    if sparse.issparse(X):
        return X.tocsr()[rows]
    if isinstance(X, (list, tuple)):
        return X[rows] if isinstance(rows, slice) else [X[i] for i in rows]
    return np.asarray(X)[rows]


def join_rows(parts: Sequence[Any], name: str) -> Any:
    """Return the rows of several batches in one container.

    Values of different types stay what they are: numbers beside strings do not become strings.

    Parameters
    ----------
    parts : sequence of array-like, data frame, series or sparse matrix of shape (n_rows, ...)
        Labels or predictions of each batch.
    name : str
        What they are, in error messages.

    Raises
    ------
    ValueError
        If the batches have different numbers of columns.
    """
    if len(parts) == 1:
        return parts[0]
    if all(isinstance(part, list) for part in parts):
        return [row for part in parts for row in part]
    shapes = {np.shape(part)[1:] if isinstance(part, list) else part.shape[1:] for part in parts}
    if len(shapes) > 1:
        first = next(part for part in parts if np.shape(part)[1:] != np.shape(parts[0])[1:])
        raise ValueError(
            invalid(
                name,
                f"in the same format in every batch, here {describe(parts[0])}",
                describe(first),
            )
        )
    library = library_of(parts[0])
    if library is not None and all(type(part) is type(parts[0]) for part in parts):
        module = import_module(library)
        if library == "pandas":
            return module.concat(parts, ignore_index=True)
        if hasattr(parts[0], "columns"):
            return module.concat(parts, how="vertical_relaxed")
        if all(part.dtype == parts[0].dtype for part in parts):
            return module.concat(parts)
    if all(map(sparse.issparse, parts)):
        return sparse.vstack(parts, format="csr")
    arrays = [np.asarray(part.toarray() if sparse.issparse(part) else part) for part in parts]
    are_numbers = {array.dtype.kind in "iuf" for array in arrays} == {True}
    if are_numbers or len({array.dtype.kind for array in arrays}) == 1:
        return np.concatenate(arrays)
    return np.concatenate([array.astype(object) for array in arrays])
