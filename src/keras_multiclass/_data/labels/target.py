"""What the data of a fit ask about the target, whether it holds classes or several labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from keras_multiclass._shared.typing import FloatArray


def class_indices(encoded: np.ndarray) -> np.ndarray:
    """Return the class index of each encoded row; of soft labels, that of the largest."""
    return encoded if encoded.ndim == 1 else encoded.argmax(axis=1)


@dataclass(frozen=True)
class Weighting:
    """What the parameter `class_weight` means for a target.

    Attributes
    ----------
    rows : ndarray of shape (n_classes,), default=None
        Factors of the weights of the rows of each class.
    labels : ndarray of shape (2, n_labels), default=None
        Weights of the negatives and of the positives of each label in the loss.
    """

    rows: FloatArray | None = None
    labels: FloatArray | None = None


class TargetCodec(Protocol):
    """The classes or labels of a target, and its format."""

    @property
    def classes(self) -> np.ndarray:
        """The classes or labels."""

    @property
    def n_classes(self) -> int:
        """Their number."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """They as strings."""

    @property
    def target_type(self) -> str:
        """The type of the target, as SciKeras names it."""

    def check_learned(self, encoded: np.ndarray) -> None:
        """Check what was learned from a target without declared classes."""

    def encode(self, y: Any, name: str = "y") -> np.ndarray:
        """Encode a target, row by row."""

    def decode(self, encoded: Any) -> Any:
        """Decode predictions in the format of the learned target."""

    def accuracy(self, y: Any, predicted: Any, sample_weight: Any) -> float:
        """Return the fraction of correctly predicted rows."""

    def check_same_classes(self, classes: Any) -> None:
        """Raise unless the classes are the learned ones."""

    def check_present(self, encoded: np.ndarray, n_rows: int, min_classes: int) -> None:
        """Raise if rows to train on lack classes."""

    def weighting(
        self, class_weight: object, encoded: np.ndarray, sample_weight: FloatArray | None
    ) -> Weighting:
        """Resolve the parameter `class_weight`."""

    def weighted_rows(
        self, encoded: np.ndarray, weights: FloatArray | None, min_classes: int
    ) -> np.ndarray | None:
        """Return a mask of the rows of positive weight; None to keep all rows."""

    def split(
        self, encoded: np.ndarray, fraction: float, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Split rows into training and validation rows, stratified."""

    def folds(self, encoded: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
        """Return the fold of each row, stratified; -1 for a row that must not be held out."""

    def splitter_target(self, encoded: np.ndarray) -> np.ndarray:
        """Return the labels that a splitter gets as y."""

    def check_training_rows(self, encoded: np.ndarray, training: np.ndarray) -> None:
        """Raise if something in a target must be trained on, but is not in the training rows."""


class IncrementalTarget(Protocol):
    """Learns a codec from a target that arrives in batches.

    Attributes
    ----------
    weighs_rows : bool
        Whether class weights are factors of the weights of rows.
    """

    weighs_rows: bool

    def encode(self, y: Any, name: str = "y") -> np.ndarray:
        """Encode a batch, so that it can be counted."""

    def count(self, encoded: np.ndarray, weights: FloatArray | None) -> None:
        """Add rows that were encoded, with their weights."""

    def learn(self, classes: Any, known: Any = None) -> TargetCodec:
        """Return the codec of all batches, or a known one that they fit."""

    def check_learned(self, codec: Any, n_rows: int) -> None:
        """Check what was learned from a target without declared classes."""

    def weighting(
        self, codec: Any, class_weight: object, n_rows: int, min_classes: int
    ) -> Weighting:
        """Resolve the parameter `class_weight`, and check that classes have rows."""

    def positions(self, codec: Any) -> np.ndarray:
        """Return the class index of each class of encoded rows."""
