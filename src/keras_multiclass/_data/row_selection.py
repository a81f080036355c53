"""Selection of rows from whatever holds them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from keras_multiclass._data.frames import library_of
from keras_multiclass._data.sequences import Sequences


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
