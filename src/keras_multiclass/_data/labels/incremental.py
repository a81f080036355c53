"""Learns the classes of a target that arrives in batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._data.labels.parse import ParsedTarget, parse_target, raise_mixed_types
from keras_multiclass._shared.messages import invalid

# Kinds of NumPy dtypes whose labels may occur in the same target.
_FAMILIES = {**dict.fromkeys("iuf", "number"), **dict.fromkeys("UO", "text")}


class IncrementalLabels:
    """The labels of all batches so far, numbered in order of appearance.

    Encodes like a `LabelCodec`, but adds labels that it does not know yet.
    """

    def __init__(self) -> None:
        self._first_y: Any = None
        self._first: ParsedTarget | None = None
        self._numbers: dict[Any, int] = {}
        self._labels: list[np.ndarray] = []

    def encode(self, y: Any, name: str = "y") -> np.ndarray:
        """Convert labels to numbers; new labels get the next ones.

        Parameters
        ----------
        y : array-like of shape (n_rows,), (n_rows, 1) or (n_rows, n_classes)
            Labels, in the same format in each call.
        name : str, default="y"
            Name of the target in messages.

        Returns
        -------
        ndarray of shape (n_rows,) and dtype int64
            The numbers.

        Raises
        ------
        ValueError
            If y is malformed, or does not match earlier batches.
        """
        target = parse_target(y, name)
        if self._first is None:
            self._first_y, self._first = y, target
        _check_same_format(target, self._first, name)
        labels = target.values if target.names is None else np.asarray(target.names)[target.values]
        n_known = len(self._numbers)
        numbers = np.fromiter(
            (self._numbers.setdefault(label, len(self._numbers)) for label in labels.tolist()),
            np.int64,
            len(labels),
        )
        distinct, positions = np.unique(numbers, return_index=True)
        if len(self._numbers) > n_known:
            self._labels.append(labels[positions[distinct >= n_known]])
        return numbers

    def learn(self, classes: Any) -> LabelCodec:
        """Return the codec of all batches, as `LabelCodec.learn` does for one array.

        Parameters
        ----------
        classes : array-like of shape (n_classes,) or None
            All classes, if some may not occur in the batches.

        Returns
        -------
        LabelCodec
            Encodes all batches.
        """
        is_vector = self._first is not None and self._first.form == "vector"
        return LabelCodec.learn(self._all_labels() if is_vector else self._first_y, classes)

    def positions(self, codec: LabelCodec) -> np.ndarray:
        """Return the class index of each number; raise ``ValueError`` for unknown labels."""
        if self._first is not None and self._first.form == "one_hot":
            codec.encode(self._first_y)  # checks that there is a column for each class
            return self._all_labels().astype(np.int64)
        return codec.encode(self._all_labels())

    def _all_labels(self) -> np.ndarray:
        return np.concatenate(self._labels)


def _check_same_format(target: ParsedTarget, first: ParsedTarget, name: str) -> None:
    if (target.form, target.n_columns) != (first.form, first.n_columns):
        raise ValueError(
            invalid(
                name,
                f"in the same format in every batch, here {_describe(first)}",
                _describe(target),
            )
        )
    kinds = [parsed.values.dtype.kind for parsed in (first, target)]
    families = {_FAMILIES.get(kind, kind) for kind in kinds}
    if target.form == "vector" and len(families) > 1:
        raise_mixed_types({type(parsed.values.tolist()[0]) for parsed in (first, target)}, name)


def _describe(target: ParsedTarget) -> str:
    return "labels" if target.form == "vector" else f"one-hot of {target.n_columns} columns"
