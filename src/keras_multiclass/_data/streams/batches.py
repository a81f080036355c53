"""Batches of a stream, as a stream yields them: the parts of each, and tensors as arrays."""

from __future__ import annotations

import contextlib
import numbers
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from keras_multiclass._data.foreign import check_container
from keras_multiclass._data.foreign_frames import to_frame
from keras_multiclass._data.frames import library_of
from keras_multiclass._data.inputs import Inputs
from keras_multiclass._data.labels.named import name_labels
from keras_multiclass._data.ragged import holds_rows
from keras_multiclass._data.texts.encoder import is_text
from keras_multiclass._shared.messages import describe, invalid

_LABELED = "(X, y) or (X, y, sample_weight)"
_MOST_PARTS = 3
_CURE = "Group rows into batches, for example with .batch(64)."


class Batch(NamedTuple):
    """A batch as the stream yields it, but with tensors as NumPy arrays."""

    X: Any
    y: Any = None
    sample_weight: Any = None


def read_labeled(item: Any, name: str, class_names: np.ndarray | None = None) -> Batch:
    """Return the parts of a batch of features and labels.

    Parameters
    ----------
    item : object
        What the stream has yielded.
    name : str
        Name of the batch in error messages.
    class_names : ndarray of shape (n_classes,), default=None
        Names of the classes that the labels are numbers of.

    Raises
    ------
    ValueError, TypeError
        If it is anything but several rows with their labels.
    """
    if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
        cure = "Put the labels into the batches."
        raise TypeError(invalid(name, _LABELED, describe(item), cure))
    batch = _to_batch(item, name)
    _check_rows(batch, name)
    return batch if class_names is None else batch._replace(y=name_labels(batch.y, class_names))


def read_features(item: Any, name: str, n_axes: int) -> Any:
    """Return the features of a batch, which may have labels and weights, too.

    A tuple has parts. A list is one of rows, or has parts if the first of them has as many axes as
    a batch, or holds rows as the second does not: some data loaders make lists of tensors.

    Parameters
    ----------
    item : object
        What the stream has yielded.
    name : str
        Name of the batch in error messages.
    n_axes : int
        Number of axes of the features of a batch.

    Raises
    ------
    ValueError, TypeError
        If it is anything but several rows.
    """
    has_parts = isinstance(item, tuple)
    if isinstance(item, list) and 0 < len(item) <= _MOST_PARTS:
        has_parts = isinstance(item[0], (Mapping, Inputs)) or _count_axes(item[0]) >= n_axes
        if holds_rows(item[0]) and len(item) > 1:
            has_parts = has_parts or not holds_rows(item[1])
    parts = item if has_parts else (item,)
    if not 1 <= len(parts) <= _MOST_PARTS:
        raise TypeError(invalid(name, f"X, {_LABELED}", describe(item)))
    batch = _to_batch(parts, name)
    _check_rows(batch, name)
    return batch.X


@contextlib.contextmanager
def errors_name_batch(name: str, number: int, unit: str = "Batch") -> Iterator[None]:
    """Add the number of the batch to errors raised inside.

    Parameters
    ----------
    name : str
        Name of the stream.
    number : int
        Number of the batch, from 1.
    unit : {"Batch", "Block"}, default="Batch"
        What has the number.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        error_class = TypeError if isinstance(error, TypeError) else ValueError
        raise error_class(f"{unit} {number} of {name} cannot be used: {error}") from error


def count_batches(number: int, unit: str = "Batch") -> str:
    """Return a number of batches in words.

    Parameters
    ----------
    number : int
        How many.
    unit : {"Batch", "Block"}, default="Batch"
        Of what.
    """
    plural = "es" if unit == "Batch" else "s"
    return f"{number} {unit.lower()}{'' if number == 1 else plural}"


def _to_batch(parts: Any, name: str) -> Batch:
    X = to_frame(parts[0])
    check_container(X)
    if isinstance(X, (Mapping, Inputs)):
        arrays = {key: _to_array(value, name) for key, value in X.items()}
        X = Inputs(arrays) if isinstance(X, Inputs) else arrays
    else:
        X = _to_array(X, name)
    return Batch(X, *(_to_array(part, name) for part in parts[1:]))


def _to_array(value: Any, name: str) -> Any:
    """Convert a tensor of any library to a NumPy array; return anything else unchanged."""
    if library_of(value) or isinstance(value, np.ndarray) or not hasattr(value, "__array__"):
        return value
    if type(value).__module__.startswith("awkward"):  # rows may be of unequal lengths
        return value
    values = np.asarray(value)
    if values.dtype.kind == "O" and type(value).__module__.startswith("tensorflow"):
        try:  # TensorFlow keeps strings as bytes
            text = [label.decode() for label in values.ravel()]
        except UnicodeDecodeError:
            raise ValueError(
                invalid(
                    f"The strings of {name[0].lower()}{name[1:]}",
                    "in UTF-8",
                    "other bytes",
                    "Convert them in the stream, for example with tf.strings.unicode_transcode(s, "
                    '"ISO-8859-1", "UTF-8").',
                )
            ) from None
        values = np.array(text, dtype=object).reshape(values.shape)
    return values


def _check_rows(batch: Batch, name: str) -> None:
    has_labels = batch.y is not None
    is_label = isinstance(batch.y, (str, bytes, numbers.Number)) or _rank(batch.y) == 0
    is_row = _rank(batch.X) in (0, 1) or isinstance(batch.X, (str, bytes))
    if _rank(batch.X) == 1 and (is_text(batch.X) or holds_rows(batch.X)):
        is_row = False
    if not (is_label or is_row):
        return
    allowed, got = "several rows, X of at least 2 dimensions", f"X: {describe(batch.X)}"
    if has_labels:
        allowed += " and y of one label for each row"
        got += f", y: {describe(batch.y)}"
    raise ValueError(invalid(name, allowed, got, _CURE))


def _rank(values: Any) -> int | None:
    return getattr(values, "ndim", None)


def _count_axes(values: Any) -> int:
    """Count the axes of an array, or how often lists are nested."""
    if library_of(values):
        return len(values.shape)
    if hasattr(values, "shape"):
        return len(values.shape)
    return 1 + _count_axes(values[0]) if isinstance(values, (list, tuple)) and values else 0
