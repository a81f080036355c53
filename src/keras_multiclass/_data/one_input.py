"""Several arrays passed as X where one is needed, or in a list, which holds rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from keras_multiclass._data.frames import library_of_frame
from keras_multiclass._data.inputs import Inputs, is_dict
from keras_multiclass._shared.messages import describe, invalid

_ALLOWED = "one array, data frame or sparse matrix"
_MOST_NAMES = 3  # that are written out
_BUNCH = "Pass its features and its labels: X['data'] and X['target']."
_RECORD = "Make one table: pandas.DataFrame([X]) for one row, pandas.DataFrame(X) for columns."


def check_one_input(
    X: Any,
    n_rows: int | None = None,
    row_shape: tuple[int, ...] | None = None,
) -> None:
    """Raise if X holds one array for each input of a network instead of the rows of one array.

    A list may hold either. Its items are inputs only if they cannot be rows.

    Parameters
    ----------
    X : object
        The user's X.
    n_rows : int, default=None
        The number of rows of y, if there is one.
    row_shape : tuple of int, default=None
        The shape of each row in fit, if X was one array there.

    Raises
    ------
    TypeError
        If X is a mapping, or such a list or tuple.
    """
    may_name = row_shape is None
    if is_dict(X) or isinstance(X, Inputs):
        shapes = _shapes(list(X.values()))
        if not shapes or len({shape[:1] for shape in shapes}) > 1 or () in shapes:
            raise _error(X, _BUNCH if {"data", "target"} <= X.keys() else _RECORD)
        if all(len(shape) == 1 for shape in shapes):
            raise _error(
                X,
                "Make one table of its columns: X = pandas.DataFrame(X). For several inputs: "
                "X = keras_multiclass.Inputs(X).",
            )
        cure = _side_by_side(list(X.values()), shapes, "list(X.values())")
        raise _error(X, cure)
    is_vector = isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype.kind == "O"
    if not (is_vector or isinstance(X, (list, tuple))) or not len(X):
        return
    if len(X) == n_rows or _shape(X[0]) in ((), row_shape):
        return
    shapes = _shapes(X)
    if len({shape[:1] for shape in shapes}) > 1 or () in shapes:
        return
    if n_rows == shapes[0][0] or (row_shape is not None and _are_parts(shapes, row_shape)):
        are_columns = all(len(shape) == 1 for shape in shapes)
        if may_name and len(shapes) > 1 and not are_columns:
            raise _error(X, f"A list holds rows. Name the inputs: X = {_named(len(X))}.")
        raise _error(X, _side_by_side(list(X), shapes, "X"))


def count_rows(y: Any) -> int | None:
    """Return the number of rows of a target that is not checked yet; None if it has no rows.

    Parameters
    ----------
    y : object
        The user's y.
    """
    shape = getattr(y, "shape", None)
    if shape is None:
        return len(y) if isinstance(y, Sequence) else None
    return shape[0] if len(shape) else None


def _are_parts(shapes: list[tuple[int, ...]], row_shape: tuple[int, ...]) -> bool:
    """Whether arrays have too many dimensions for rows, or their rows make one when joined."""
    if any(len(shape) > len(row_shape) for shape in shapes):
        return True
    size = sum(math.prod(shape[1:]) for shape in shapes)
    return size == math.prod(row_shape) and all(len(shape) > 1 for shape in shapes)


def _named(n_inputs: int) -> str:
    """Return the code that makes a dict of the inputs in a list."""
    if n_inputs > _MOST_NAMES:
        return "{f'input{i}': part for i, part in enumerate(X)}"
    return "{" + ", ".join(f"'input{i}': X[{i}]" for i in range(n_inputs)) + "}"


def _side_by_side(arrays: list[Any], shapes: list[tuple[int, ...]], name: str) -> str:
    """Return the advice to join arrays, with the code."""
    if len(arrays) == 1:
        return f"Pass the array alone: X = {name}[0]."
    return f"Put the arrays side by side: X = {_join(arrays, shapes, name)}."


def _join(arrays: list[Any], shapes: list[tuple[int, ...]], name: str) -> str:
    libraries = {library_of_frame(array) for array in arrays}
    rows = [shape if len(shape) > 1 else (*shape, 1) for shape in shapes]
    if libraries == {"pandas"}:
        return f"pandas.concat({name}, axis=1)"
    if libraries == {"polars"}:
        return f"polars.concat({name}, how='horizontal')"
    if any(map(sparse.issparse, arrays)):
        return f"scipy.sparse.hstack({name}, format='csr')"
    if len({shape[:-1] for shape in rows}) > 1:
        return f"np.hstack([np.reshape(part, (len(part), -1)) for part in {name}])"
    if all(type(array).__module__.startswith("tensorflow") for array in arrays):
        return f"tf.concat({name}, axis=-1)"
    is_table = len(rows[0]) == 2
    return f"np.column_stack({name})" if is_table else f"np.concatenate({name}, axis=-1)"


def _shapes(arrays: Sequence[Any]) -> list[tuple[int, ...]]:
    return [_shape(array) for array in arrays]


def _shape(array: Any) -> tuple[int, ...]:
    """Return the shape of an array or nested list; () for anything else."""
    if hasattr(array, "shape"):
        return tuple(array.shape)
    if not isinstance(array, (list, tuple)):
        return ()
    try:
        return np.shape(array)
    except ValueError:  # rows of different lengths
        return ()


def _error(X: Any, cure: str) -> TypeError:
    return TypeError(invalid("X", _ALLOWED, describe(X), cure))
