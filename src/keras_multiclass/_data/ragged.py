"""Containers of sequences of unequal length, and how their values are arranged in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from keras_multiclass._data.frames import MISSING_TYPES, library_of, library_of_frame
from keras_multiclass._data.sequences import Sequences
from keras_multiclass._shared.messages import describe, format_list, invalid

Layout: TypeAlias = Literal["channels_last", "channels_first"]
LAYOUTS: tuple[Layout, ...] = ("channels_last", "channels_first")


def arrange(X: Any, layout: Layout = "channels_last") -> Any:
    """Return X with the channels on the last axis, and unequal sequences as `Sequences`.

    Parameters
    ----------
    X : object
        The user's X.
    layout : {"channels_last", "channels_first"}, default="channels_last"
        Where the channels of sequences, images and volumes are.

    Returns
    -------
    object
        `Sequences`, a view with another order of axes, or the same.

    Raises
    ------
    ValueError
        If the sequences do not have the same channels, or one has no steps.
    """
    if isinstance(X, np.ndarray) and X.dtype.kind != "O":
        return _with_channels_last(X) if layout == "channels_first" else X
    if library_of_frame(X) or isinstance(X, Sequences):
        return X
    sequences = read_ragged(X, layout)
    if sequences is None:
        X = _stacked(X)
    if sequences is not None or layout == "channels_last":
        return X if sequences is None else sequences
    if isinstance(X, (list, tuple)):
        try:
            X = np.asarray(X)
        except ValueError:  # the reader says what is wrong with it
            return X
    elif hasattr(X, "__array__") and len(getattr(X, "shape", ())) > 2:
        X = np.asarray(X)
    return _with_channels_last(X) if isinstance(X, np.ndarray) else X


def _with_channels_last(X: np.ndarray) -> np.ndarray:
    return np.moveaxis(X, 1, -1) if X.ndim > 2 else X


def shape_of(X: Any) -> tuple[int | None, ...]:
    """Return the shape of X as it will be read, as far as it can be seen; None for any length.

    Parameters
    ----------
    X : object
        What `arrange` returned.
    """
    if isinstance(X, Sequences):
        return (len(X), None, X.shape[2])
    if hasattr(X, "shape"):
        return tuple(X.shape)
    try:
        return (len(X), *np.shape(X[0]))
    except (TypeError, ValueError, IndexError, KeyError):
        return ()


def read_ragged(X: Any, layout: Layout = "channels_last") -> Sequences | None:
    """Return sequences of unequal length; None if X holds anything else.

    Parameters
    ----------
    X : object
        A list, tuple, 1-d array or series of arrays or nested lists, or a container of TensorFlow,
        pyarrow or awkward.
    layout : {"channels_last", "channels_first"}, default="channels_last"
        Where the channels of each are.
    """
    rows = _rows_of(X)
    if not rows or not all(map(_is_row, rows)):
        _refuse_missing(rows or ())
        return None
    is_declared = not isinstance(X, (list, tuple))
    is_ragged = type(X).__name__ == "RaggedTensor"
    is_nested = layout == "channels_first" and isinstance(rows[0], (list, tuple))
    if not is_nested and not is_declared and len(set(map(_shape, rows))) == 1:
        return None
    try:
        arrays = list(map(_to_array, rows))
    except ValueError:  # cells of unequal lengths
        return None
    if any(array.dtype.kind in "USTV" for array in arrays):
        return None
    ranks = {array.ndim for array in arrays if array.size}
    lengths = np.array([_length(array, layout) for array in arrays])
    is_equal = len({array.shape for array in arrays}) == 1
    if is_equal and not is_ragged and not (is_declared and ranks == {2}):
        return None
    return _concatenate(X, arrays, lengths, ranks, layout)


def holds_rows(X: Any) -> bool:
    """Whether X is an array of objects, or a series, whose cells are vectors or sequences.

    Parameters
    ----------
    X : object
        The user's X.
    """
    rows = None if isinstance(X, (list, tuple)) else _rows_of(X)
    return bool(rows) and all(map(_is_row, rows))  # type: ignore[arg-type]


def as_sequences(X: Any, n_channels: int) -> Any:
    """Return an array of sequences of one length as `Sequences`, for a network that reads any.

    Parameters
    ----------
    X : object
        What `arrange` returned; sequences of one channel may be rows of a matrix.
    n_channels : int
        Number of channels that the network reads.
    """
    if isinstance(X, Sequences):
        return X
    values = np.asarray(X)
    if values.dtype.kind == "O" and values.ndim == 1 and len(values):
        values = np.array(values.tolist())
    if values.ndim == 2 and n_channels == 1:
        values = values[..., None]
    if values.ndim != 3 or not values.size:
        return X
    n_rows, n_steps, _ = values.shape
    return Sequences(values.reshape(n_rows * n_steps, -1), np.full(n_rows, n_steps))


def _rows_of(X: Any) -> Sequence[Any] | None:
    """Return the rows of a container that may hold sequences; None for any other."""
    if isinstance(X, (list, tuple)):
        return X if not X or not _is_foreign(X[0]) else list(map(_plain_row, X))
    if isinstance(X, np.ndarray):
        return X.tolist() if X.ndim == 1 and X.dtype.kind == "O" else None
    module = type(X).__module__.partition(".")[0]
    if library_of(X) and len(getattr(X, "shape", ())) == 1:
        is_nested = "list" in str(X.dtype).lower() or str(X.dtype).startswith(("object", "Array"))
        return list(map(_plain_row, X.to_list())) if is_nested else None
    if module == "tensorflow" and type(X).__name__ == "RaggedTensor":
        if X.ragged_rank > 1:
            return list(X.to_list())
        return np.split(X.values.numpy(), X.row_starts().numpy()[1:])
    if module == "pyarrow" and "list" in str(getattr(X, "type", "")):
        return list(X.to_pylist())
    if module == "awkward" and getattr(X, "ndim", 1) > 1:
        return list(map(_plain_row, X))
    return None


def _stacked(X: Any) -> Any:
    """Return a container of vectors of one length, such as a series of embeddings, as a matrix."""
    rows = None if isinstance(X, (list, tuple)) else _rows_of(X)
    if not rows or not all(map(_is_row, rows)):
        return X
    try:
        values = np.asarray(list(map(_to_array, rows)))
    except ValueError:  # cells of unequal lengths
        return X
    return values if values.ndim == 2 and values.dtype.kind in "biuf" else X


def _refuse_missing(rows: Sequence[Any]) -> None:
    """Raise if all rows are sequences but some, which are missing."""
    missing = [i for i, row in enumerate(rows) if type(row).__name__ in MISSING_TYPES]
    n_others = sum(map(_is_row, rows))
    if missing and n_others and len(missing) + n_others == len(rows):
        raise _without_steps(missing)


def _without_steps(rows: Sequence[int]) -> ValueError:
    which = "sequence" if len(rows) == 1 else "sequences"
    return ValueError(
        invalid(
            "Each sequence of X",
            "of at least one step",
            f"{len(rows)} {which} without steps (the first is X[{rows[0]}])",
            "Drop these rows.",
        )
    )


def _to_array(row: Any) -> np.ndarray:
    array = np.asarray(row)
    if array.dtype.kind != "O" or array.ndim != 1:
        return array
    # Nested lists of a data frame become arrays of arrays.
    is_nested = all(isinstance(step, (np.ndarray, list, tuple)) for step in array)
    return np.asarray([np.asarray(step) for step in array]) if is_nested else array


def _is_foreign(row: Any) -> bool:
    return type(row).__module__.partition(".")[0] in ("awkward", "pyarrow")


def _plain_row(row: Any) -> Any:
    """Return a row of another library as an array or list."""
    if hasattr(row, "as_py"):
        return row.as_py()
    try:
        return np.asarray(row) if _is_foreign(row) or library_of(row) else row
    except ValueError:  # of unequal lengths
        return row


def _is_row(row: Any) -> bool:
    if isinstance(row, (list, tuple)):
        return True
    return hasattr(row, "__array__") and bool(getattr(row, "shape", ()))


def _shape(row: Any) -> tuple[int, ...]:
    return tuple(row.shape) if hasattr(row, "shape") else (len(row),)


def _length(row: Any, layout: Layout) -> int:
    if layout == "channels_first" and len(getattr(row, "shape", ())) == 2:
        return int(row.shape[1])
    return len(row)


def _concatenate(
    X: Any, arrays: list[np.ndarray], lengths: np.ndarray, ranks: set[int], layout: Layout
) -> Sequences:
    """Put the steps of all sequences into one table."""
    empty = np.flatnonzero([not array.size for array in arrays])
    if len(empty):
        raise _without_steps(empty.tolist())
    shape = "(n_channels, n_steps)" if layout == "channels_first" else "(n_steps, n_channels)"
    allowed = f"of shape {shape}, or all of shape (n_steps,)"
    if len(ranks) != 1 or not ranks <= {1, 2}:
        got = f"{describe(X)} with rows of {format_list(sorted(ranks))} dimensions"
        cure = "Resize images to one size." if min(ranks) > 2 else ""
        raise ValueError(invalid("Each sequence of X", allowed, got, cure))
    if ranks == {1}:
        arrays = [array[:, None] for array in arrays]
    elif layout == "channels_first":
        arrays = [array.T for array in arrays]
    channels = sorted({array.shape[1] for array in arrays})
    if len(channels) > 1:
        cure = "Check their shapes: [np.shape(x) for x in X]."
        if len({array.shape[0] for array in arrays}) == 1:
            where, other = ("last", LAYOUTS[0]) if layout == LAYOUTS[1] else ("first", LAYOUTS[1])
            cure = f"If the channels are on the {where} axis of each, set layout={other!r}."
        raise ValueError(
            invalid(
                "Each sequence of X",
                "of the same number of channels",
                f"from {channels[0]} to {channels[-1]} channels with layout={layout!r}",
                cure,
            )
        )
    return Sequences(np.concatenate(arrays), lengths)
