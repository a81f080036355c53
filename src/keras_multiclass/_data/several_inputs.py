"""Several arrays passed as X, as Keras takes them for networks with several inputs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from scipy import sparse

from keras_multiclass._data.frames import library_of_frame
from keras_multiclass._shared.messages import describe, invalid

_ALLOWED = "one array, data frame or sparse matrix"
_MOST_SLICES = 3  # an example
_BUNCH = "Pass its features and its labels: X['data'] and X['target']."
_RECORD = "Make one table: pandas.DataFrame([X]) for one row, pandas.DataFrame(X) for columns."


def check_one_input(
    X: Any, n_rows: int | None = None, row_shape: tuple[int, ...] | None = None
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
        The shape of each row, if it is known.

    Raises
    ------
    TypeError
        If X is a mapping, or such a list or tuple.
    """
    if isinstance(X, Mapping):
        shapes = _shapes(list(X.values()))
        if not shapes or len({shape[:1] for shape in shapes}) > 1 or () in shapes:
            raise _error(X, _BUNCH if {"data", "target"} <= X.keys() else _RECORD)
        if all(len(shape) == 1 for shape in shapes):
            raise _error(X, "Make one table of its columns: X = pandas.DataFrame(X).")
        raise _error(X, _advise(list(X.values()), shapes, "list(X.values())"))
    is_vector = isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype.kind == "O"
    if not (is_vector or isinstance(X, (list, tuple))) or not len(X):
        return
    if len(X) == n_rows or _shape(X[0]) in ((), row_shape):
        return
    shapes = _shapes(X)
    if len({shape[:1] for shape in shapes}) > 1 or () in shapes:
        return
    if n_rows == shapes[0][0] or (row_shape is not None and _are_parts(shapes, row_shape)):
        raise _error(X, _advise(list(X), shapes, "X"))


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


def slices(widths: Sequence[int]) -> list[str]:
    """Return the code that takes each input out of the tensor `inputs` of all.

    Parameters
    ----------
    widths : sequence of int
        The sizes of the last axis of each.
    """
    ends = list(accumulate(widths))
    starts = ["", *map(str, ends)]
    stops = [*map(str, ends[:-1]), ""]
    return [f"inputs[..., {start}:{stop}]" for start, stop in zip(starts, stops, strict=False)]


def _are_parts(shapes: list[tuple[int, ...]], row_shape: tuple[int, ...]) -> bool:
    """Whether arrays have too many dimensions for rows, or their rows make one when joined."""
    if any(len(shape) > len(row_shape) for shape in shapes):
        return True
    size = sum(math.prod(shape[1:]) for shape in shapes)
    return size == math.prod(row_shape) and all(len(shape) > 1 for shape in shapes)


def _advise(arrays: list[Any], shapes: list[tuple[int, ...]], name: str) -> str:
    if len(arrays) == 1:
        return f"Pass the array alone: X = {name}[0]."
    code, widths = _side_by_side(arrays, shapes, name)
    cure = f"Put the arrays side by side: X = {code}."
    if all(len(shape) == 1 for shape in shapes):
        return cure
    shown = slices(widths)
    dots = ", ..." if len(shown) > _MOST_SLICES else ""
    return (
        f"Networks with several inputs are not supported. {cure} Split them again inside the "
        f"network, in a function passed as `backbone`: {', '.join(shown[:_MOST_SLICES])}{dots}."
    )


def _side_by_side(
    arrays: list[Any], shapes: list[tuple[int, ...]], name: str
) -> tuple[str, list[int]]:
    """Return the code that joins arrays, and the sizes of its last axis that each takes."""
    libraries = {library_of_frame(array) for array in arrays}
    rows = [shape if len(shape) > 1 else (*shape, 1) for shape in shapes]
    widths = [shape[-1] for shape in rows]
    if libraries == {"pandas"}:
        return f"pandas.concat({name}, axis=1)", widths
    if libraries == {"polars"}:
        return f"polars.concat({name}, how='horizontal')", widths
    if any(map(sparse.issparse, arrays)):
        return f"scipy.sparse.hstack({name}, format='csr')", widths
    if len({shape[:-1] for shape in rows}) > 1:
        code = f"np.hstack([np.reshape(part, (len(part), -1)) for part in {name}])"
        return code, [math.prod(shape[1:]) for shape in rows]
    if all(type(array).__module__.startswith("tensorflow") for array in arrays):
        return f"tf.concat({name}, axis=-1)", widths
    is_table = len(rows[0]) == 2
    return f"np.column_stack({name})" if is_table else f"np.concatenate({name}, axis=-1)", widths


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
