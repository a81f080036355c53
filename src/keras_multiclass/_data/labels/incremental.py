"""Learns the classes of a target that comes in parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._data.labels.parse import ParsedTarget, parse_target, raise_mixed_types
from keras_multiclass._shared.messages import invalid

# Kinds of NumPy dtypes whose labels may stand beside each other.
_FAMILIES = {**dict.fromkeys("iuf", "number"), **dict.fromkeys("UO", "text")}


class LabelUnion:
    """The labels of all parts so far, numbered in the order in which they came.

    It encodes as a `LabelCodec` does, but learns while it encodes.
    """

    def __init__(self) -> None:
        self._first: Any = None
        self._read: ParsedTarget | None = None
        self._numbers: dict[Any, int] = {}
        self._labels: list[np.ndarray] = []

    def encode(self, y: Any, name: str = "y") -> np.ndarray:
        """Turn labels into numbers, new labels into new ones.

        Parameters
        ----------
        y : array-like of shape (n_rows,), (n_rows, 1) or (n_rows, n_classes)
            Labels, in the same form in each call.
        name : str, default="y"
            How messages call the target.

        Returns
        -------
        ndarray of shape (n_rows,) and dtype int64

        Raises
        ------
        ValueError
            If y is malformed, or does not go with what came before.
        """
        read = parse_target(y, name)
        if self._read is None:
            self._first, self._read = y, read
        self._check_form(read, self._read, name)
        labels = read.values if read.names is None else np.asarray(read.names)[read.values]
        known = len(self._numbers)
        numbers = np.fromiter(
            (self._numbers.setdefault(label, len(self._numbers)) for label in labels.tolist()),
            np.int64,
            len(labels),
        )
        new, places = np.unique(numbers, return_index=True)
        if len(self._numbers) > known:
            self._labels.append(labels[places[new >= known]])
        return numbers

    def learn(self, classes: Any) -> LabelCodec:
        """Make the codec of all parts, as `LabelCodec.learn` does of one array.

        Parameters
        ----------
        classes : array-like of shape (n_classes,) or None
            All classes, when the parts may lack some.
        """
        is_vector = self._read is not None and self._read.form == "vector"
        return LabelCodec.learn(self._seen() if is_vector else self._first, classes)

    def positions(self, codec: LabelCodec) -> np.ndarray:
        """Find the class index of each number; labels that are no class are an error."""
        if self._read is not None and self._read.form == "one_hot":
            codec.encode(self._first)  # has a column for each class
            return self._seen().astype(np.int64)
        return codec.encode(self._seen())

    def _seen(self) -> np.ndarray:
        return np.concatenate(self._labels)

    def _check_form(self, read: ParsedTarget, first: ParsedTarget, name: str) -> None:
        if (read.form, read.n_columns) != (first.form, first.n_columns):
            raise ValueError(
                invalid(
                    name,
                    f"in the same form in each batch, here {_form(first)}",
                    _form(read),
                )
            )
        kinds = [target.values.dtype.kind for target in (first, read)]
        families = {_FAMILIES.get(kind, kind) for kind in kinds}
        if read.form == "vector" and len(families) > 1:
            raise_mixed_types({type(target.values.tolist()[0]) for target in (first, read)}, name)


def _form(target: ParsedTarget) -> str:
    return "labels" if target.form == "vector" else f"one-hot of {target.n_columns} columns"
