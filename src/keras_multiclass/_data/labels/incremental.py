"""Learns the classes of a target that arrives in batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_multiclass._data.label_weights import total_weights
from keras_multiclass._data.labels.checks import check_learned_labels
from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._data.labels.indicator import IndicatorCodec, has_one_in_each_row
from keras_multiclass._data.labels.parse import ParsedTarget, parse_target, raise_mixed_types
from keras_multiclass._data.labels.soft import SoftLabelCodec, learn_classes
from keras_multiclass._data.labels.target import Weighting, class_indices
from keras_multiclass._data.weights import combine_weights
from keras_multiclass._shared.messages import invalid
from keras_multiclass._shared.typing import FloatArray

# Kinds of NumPy dtypes whose labels may occur in the same target.
_FAMILIES = {**dict.fromkeys("iuf", "number"), **dict.fromkeys("UO", "text")}


class IncrementalLabels:
    """The labels of all batches so far, numbered in order of appearance; of soft ones, the largest.

    Encodes like a `LabelCodec`, but adds labels that it does not know yet.

    Parameters
    ----------
    known : LabelCodec, default=None
        The codec of earlier data; labels that it does not know are an error.
    """

    weighs_rows = True

    def __init__(self, known: LabelCodec | None = None) -> None:
        self._known = known
        self._first_y: Any = None
        self._first: ParsedTarget | None = None
        self._is_soft = False
        self._numbers: dict[Any, int] = {}
        self._labels: list[np.ndarray] = []
        self._total_weights = np.zeros(0)

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
        target = parse_target(y, name, soft=True)
        self._is_soft = self._is_soft or target.soft is not None
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
            new = labels[positions[distinct >= n_known]]
            if self._known is not None and target.form != "one_hot":
                self._known.encode(new, name)
            self._labels.append(new)
        return numbers

    def count(self, encoded: np.ndarray, weights: FloatArray | None) -> None:
        """Add rows that were encoded, with their weights."""
        counts = np.bincount(encoded, weights, minlength=len(self._total_weights))
        totals = counts.astype(np.float64)
        totals[: len(self._total_weights)] += self._total_weights
        self._total_weights = totals

    def check_learned(self, codec: LabelCodec, n_rows: int) -> None:
        """Check labels that were learned: ids and measurements are no classes."""
        check_learned_labels(codec, n_rows)

    def learn(self, classes: Any, known: LabelCodec | None = None) -> LabelCodec:
        """Return the codec of all batches, as `learn_classes` does for one array.

        Parameters
        ----------
        classes : array-like of shape (n_classes,) or None
            All classes, if some may not occur in the batches.
        known : LabelCodec, default=None
            The codec of earlier data, whose classes and format remain.

        Returns
        -------
        LabelCodec
            Encodes all batches; a `SoftLabelCodec` if any of them has soft labels.
        """
        is_vector = self._first is not None and self._first.form == "vector"
        y = self._all_labels() if is_vector else self._first_y
        codec = learn_classes(y, classes)[0] if known is None else known
        return SoftLabelCodec.of(codec) if self._is_soft else codec

    def weighting(
        self, codec: LabelCodec, class_weight: object, n_rows: int, min_classes: int
    ) -> Weighting:
        """Resolve the parameter `class_weight`, and check that enough classes have rows.

        Parameters
        ----------
        codec : LabelCodec
            The classes.
        class_weight : object
            The parameter.
        n_rows : int
            Number of rows.
        min_classes : int
            Number of classes that must have rows of positive weight.
        """
        codes, totals = self.positions(codec), self._total_weights
        codec.check_present(codes, n_rows, min_classes)
        # Equivalent to one row per class that has the total weight of its rows.
        weighting = codec.weighting(class_weight, codes, totals)
        weights = combine_weights(totals, weighting.rows, codes, np.float64)
        codec.weighted_rows(codes, weights, min_classes)
        return weighting

    def positions(self, codec: LabelCodec) -> np.ndarray:
        """Return the class index of each number; raise ``ValueError`` for unknown labels."""
        if self._first is not None and self._first.form == "one_hot":
            codec.encode(self._first_y)  # checks that there is a column for each class
            return self._all_labels().astype(np.int64)
        return class_indices(codec.encode(self._all_labels()))

    def _all_labels(self) -> np.ndarray:
        return np.concatenate(self._labels)


class IncrementalIndicator:
    """The labels of a target of which a row may have several, and how many rows have each.

    Encodes like an `IndicatorCodec`, which it learns from the first batch.

    Parameters
    ----------
    known : IndicatorCodec, default=None
        The codec of earlier data, to encode like.
    """

    weighs_rows = False

    def __init__(self, known: IndicatorCodec | None = None) -> None:
        self._codec = known
        self._first_y: Any = None
        self._totals: Any = 0.0
        self._one_in_each = True

    def encode(self, y: Any, name: str = "y") -> np.ndarray:
        """Convert a batch to an indicator matrix."""
        if self._codec is None:
            self._first_y = y
            self._codec, encoded = IndicatorCodec.learn_and_encode(y, name=name)
            return encoded
        return self._codec.encode(y, name)

    def count(self, encoded: np.ndarray, weights: FloatArray | None) -> None:
        """Add rows that were encoded, with their weights."""
        self._totals = self._totals + total_weights(encoded, weights)
        self._one_in_each = self._one_in_each and has_one_in_each_row(encoded)

    def learn(self, classes: Any, known: IndicatorCodec | None = None) -> IndicatorCodec:
        """Return the codec of all batches; ``classes`` names the columns of a matrix."""
        return known or IndicatorCodec.learn_and_encode(self._first_y, classes)[0]

    def check_learned(self, codec: IndicatorCodec, n_rows: int) -> None:
        """Warn of labels that no row has, or every row, and if each row has exactly one."""
        negative, positive = self._totals
        codec.warn_of_constant(positive == 0, negative == 0)
        codec.warn_if_one_hot(n_rows, one_in_each=self._one_in_each)

    def weighting(
        self, codec: IndicatorCodec, class_weight: object, n_rows: int, min_classes: int
    ) -> Weighting:
        """Resolve the parameter `class_weight`; the arguments are those of `IncrementalLabels`."""
        return codec.weighting_of_totals(class_weight, self._totals)

    def positions(self, codec: IndicatorCodec) -> np.ndarray:
        """Return nothing: weights of labels do not change the statistics of rows."""
        return np.zeros(0, np.int64)


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
