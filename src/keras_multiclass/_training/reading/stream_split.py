"""Rows of a stream that are held out for validation: the same in each pass."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from keras_multiclass._data.labels.target import class_indices
from keras_multiclass._data.rows import TrainingData
from keras_multiclass._data.sequences import Sequences
from keras_multiclass._data.streams.batches import count_batches
from keras_multiclass._shared.messages import invalid


class RowSplit:
    """Holds out rows at random places of the batches.

    A row is held out if the random number of its place is below the fraction, unless it is the
    first of its class, so that each class is trained on. No row of a stream of the same batches in
    each pass is both trained on and validated; the held-out rows are compared with those of the
    first pass, before anything else is done with their batch.

    Parameters
    ----------
    fraction : float
        Fraction of the rows to hold out.
    seed : int
        Seed of the places.
    name : str
        Name of the stream in error messages.
    unit : {"Batch", "Block"}, default="Batch"
        What it yields.

    Attributes
    ----------
    largest_weight : float
        The largest weight of a held-out row.
    """

    def __init__(self, fraction: float, seed: int, name: str, unit: str = "Batch") -> None:
        self.fraction = fraction
        self.seed = seed
        self.name = name
        self.unit = unit
        self.largest_weight = 0.0
        self._digests: list[bytes] = []
        self._n_rows: list[tuple[int, int]] = []

    def first_pass(self) -> SplitPass:
        """Return what splits the batches of the first pass, and remembers the held-out rows."""
        return SplitPass(self, self._remember)

    def places(self) -> SplitPass:
        """Return what finds the places of held-out rows, without looking at the rows."""
        return SplitPass(self, lambda number, training, held_out: None)

    def training(self, parts: Iterator[TrainingData]) -> Iterator[TrainingData]:
        """Yield the training rows of the batches of a pass."""
        yield from (training for training, _ in self._later_pass(parts))

    def held_out(self, parts: Iterator[TrainingData]) -> Iterator[TrainingData]:
        """Yield the held-out rows of the batches of a pass."""
        yield from (held_out for _, held_out in self._later_pass(parts) if held_out.n_samples)

    def _later_pass(
        self, parts: Iterator[TrainingData]
    ) -> Iterator[tuple[TrainingData, TrainingData]]:
        split = SplitPass(self, self._compare)
        for part in parts:
            yield split.split(part)
        if split.n_seen != len(self._digests):
            n_batches = count_batches(split.n_seen, self.unit)
            raise self._differs(f"{n_batches} instead of the {len(self._digests)} of")

    def check(self) -> None:
        """Raise ``ValueError`` if the first pass has held out no rows."""
        if not any(n_held_out for _, n_held_out in self._n_rows):
            raise ValueError(
                invalid(
                    "`validation_split`",
                    "a fraction that holds out some rows of each pass over the stream",
                    f"{self.fraction}, which holds out none of the rows in "
                    f"{count_batches(len(self._digests), self.unit)}",
                    "Increase it, or pass X_val.",
                )
            )

    def count_batches(self, rows_per_batch: int | None, *, held_out: bool) -> int:
        """Count the batches of training rows, or those of held-out rows.

        Parameters
        ----------
        rows_per_batch : int or None
            Rows of a batch if the stream yields blocks of several.
        held_out : bool
            Which rows to count.
        """
        sizes = [n_rows[held_out] for n_rows in self._n_rows if n_rows[held_out]]
        return sum(-(-size // (rows_per_batch or size)) for size in sizes)

    def _remember(self, number: int, training: TrainingData, held_out: TrainingData) -> None:
        self._digests.append(_digest(held_out.X))
        self._n_rows.append((training.n_samples, held_out.n_samples))
        self.largest_weight = max(self.largest_weight, held_out.largest_weight)

    def _compare(self, number: int, training: TrainingData, held_out: TrainingData) -> None:
        if number > len(self._digests):
            raise self._differs(f"more than the {count_batches(len(self._digests), self.unit)} of")
        if self._digests[number - 1] != _digest(held_out.X):
            raise self._differs(f"other rows in {self.unit.lower()} {number} than in")

    def _differs(self, got: str) -> ValueError:
        return ValueError(
            invalid(
                f"A stream {self.name} without X_val",
                "the same in each pass, because some of its rows are held out for validation",
                f"{got} the first pass",
                "Pass X_val, or keep the order: .shuffle(n, reshuffle_each_iteration=False) for a "
                "tf.data.Dataset, TableBatches(..., shuffle=False).",
            )
        )


class SplitPass:
    """Splits the batches of one pass, one after the other.

    Parameters
    ----------
    split : RowSplit
        The split.
    observe : callable
        Gets the number of each batch, its training rows and its held-out rows.
    """

    def __init__(self, split: RowSplit, observe: Any) -> None:
        self.n_seen = 0
        self._split = split
        self._observe = observe
        self._classes: set[int] = set()

    def mask(self, y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        """Return which rows of the next batch are held out.

        Parameters
        ----------
        y : ndarray of shape (n_rows,) or (n_rows, n_labels)
            The encoded labels.
        weights : ndarray of shape (n_rows,) or None
            The sample weights; rows of weight zero are not held out.
        """
        self.n_seen += 1
        random = np.random.default_rng([self._split.seed, self.n_seen])
        mask = random.random(len(y)) < self._split.fraction
        if weights is not None:
            mask &= weights > 0
        if y.ndim == 1 or y.dtype.kind == "f":  # classes, not several labels
            counted = np.arange(len(y)) if weights is None else np.flatnonzero(weights)
            classes, first = np.unique(class_indices(y[counted]), return_index=True)
            for label, row in zip(classes.tolist(), counted[first].tolist(), strict=True):
                if label not in self._classes:
                    mask[row] = False
                    self._classes.add(label)
        return mask

    def split(
        self, part: TrainingData, mask: np.ndarray | None = None
    ) -> tuple[TrainingData, TrainingData]:
        """Return the training rows of a checked batch, and those that are held out.

        Parameters
        ----------
        part : TrainingData
            The batch; the next one, unless there is a mask.
        mask : ndarray of bool of shape (n_rows,), default=None
            What `mask` has returned for it.
        """
        if mask is None:
            mask = self.mask(part.y, part.sample_weight)
        training, held_out = (_select(part, np.flatnonzero(m)) for m in (~mask, mask))
        self._observe(self.n_seen, training, held_out)
        return training, held_out


def _select(part: TrainingData, rows: np.ndarray) -> TrainingData:
    X = part.X.take(rows) if isinstance(part.X, Sequences) else part.X[rows]
    weights = None if part.sample_weight is None else part.sample_weight[rows]
    return replace(part, X=X, y=part.y[rows], sample_weight=weights)


def _digest(X: Any) -> bytes:
    if isinstance(X, Sequences):
        arrays = [X.steps, X.lengths]
    elif sparse.issparse(X):
        arrays = [X.data, X.indices, X.indptr]
    else:
        arrays = [np.asarray(X)]
    digest = hashlib.blake2b(digest_size=8)
    for array in arrays:
        values = "\0".join(map(str, array.ravel())).encode() if array.dtype == object else array
        digest.update(
            values if isinstance(values, bytes) else np.ascontiguousarray(values).tobytes()
        )
    return digest.digest()
