"""Classes of a target with soft labels: the probability of each class in each row."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._data.labels.parse import ParsedTarget, parse_target
from keras_multiclass._data.labels.target import Weighting, class_indices
from keras_multiclass._data.splitting.folds import validation_split
from keras_multiclass._data.weights import resolve_class_weight
from keras_multiclass._shared.typing import FloatArray

__all__ = ["SoftLabelCodec", "learn_classes"]


def learn_classes(
    y: Any, classes: Any = None, known: LabelCodec | None = None
) -> tuple[LabelCodec, np.ndarray]:
    """Learn the classes and the format of a target, which may have soft labels, and encode it.

    Parameters
    ----------
    y : array-like of shape (n_samples,), (n_samples, 1) or (n_samples, n_classes)
        Labels, a one-hot table, or soft labels: numbers of at least 0 whose rows sum to one.
    classes : array-like of shape (n_classes,), default=None
        All classes, see `LabelCodec.learn_and_encode`.
    known : LabelCodec, default=None
        The codec of earlier data, whose classes and format remain.

    Returns
    -------
    codec : LabelCodec
        A `SoftLabelCodec` if these or earlier data have soft labels.
    encoded : ndarray of shape (n_samples,) or (n_samples, n_classes)
        Class indices, or soft labels.

    Raises
    ------
    ValueError
        As `LabelCodec.learn_and_encode`, or if y does not fit the known classes.
    """
    target = parse_target(y, "y", soft=True)
    codec = known or LabelCodec.of_target(target, classes, "y")
    if target.soft is not None:
        codec = SoftLabelCodec.of(codec)
    return codec, codec._encode_target(target, y, "y")


class SoftLabelCodec(LabelCodec):
    """The classes of soft labels, see `LabelCodec`; the format is that of a one-hot table.

    Encodes each row as the probability of each class, and labels as probabilities of 0 and 1. Where
    a single class is asked for, it is the largest, and the first of the largest.

    Examples
    --------
    >>> codec, encoded = learn_classes([[0.75, 0.25], [0.5, 0.5]])
    >>> encoded.tolist()
    [[0.75, 0.25], [0.5, 0.5]]
    >>> codec.encode([1]).tolist()
    [[0.0, 1.0]]
    """

    @classmethod
    def of(cls, codec: LabelCodec) -> SoftLabelCodec:
        """Return a codec of the same classes and format."""
        return cls(**{field.name: getattr(codec, field.name) for field in fields(codec)})

    def encode(self, y: Any, name: str = "y") -> np.ndarray:
        """Encode labels as probabilities; the parameters and errors are those of `LabelCodec`."""
        return self._encode_target(parse_target(y, name, soft=True), y, name)

    def _encode_target(self, target: ParsedTarget, y: Any, name: str) -> np.ndarray:
        if target.soft is None:
            return np.eye(self.n_classes, dtype=np.float32)[self._indices_of(target, y, name)]
        positions = self._positions_of_columns(target, y, name)
        if np.array_equal(positions, np.arange(self.n_classes)):
            return target.soft
        encoded = np.zeros((len(target.soft), self.n_classes), target.soft.dtype)
        encoded[:, positions] = target.soft
        return encoded

    def check_present(self, encoded: np.ndarray, n_rows: int, min_classes: int) -> None:
        """Soft labels are of several classes."""

    def weighting(
        self, class_weight: object, encoded: np.ndarray, sample_weight: FloatArray | None
    ) -> Weighting:
        """Resolve the parameter `class_weight`; the class of a row is the largest, as in Keras."""
        codes = class_indices(encoded)
        return Weighting(rows=resolve_class_weight(class_weight, self, codes, sample_weight))

    def weighted_rows(
        self, encoded: np.ndarray, weights: FloatArray | None, min_classes: int
    ) -> np.ndarray | None:
        """Return a mask of the rows of positive weight; None to keep all rows."""
        return None if weights is None or weights.all() else weights > 0

    def split(
        self, encoded: np.ndarray, fraction: float, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Split rows into training and validation rows, stratified by the largest."""
        return validation_split(class_indices(encoded), fraction, seed)

    def check_training_rows(self, encoded: np.ndarray, training: np.ndarray) -> None:
        """Raise ``ValueError`` if a class has probability in some rows, but in none to train on."""
        occurring, trained = (np.flatnonzero(rows.any(axis=0)) for rows in (encoded, training))
        super().check_training_rows(occurring, trained)
