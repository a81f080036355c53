"""Rows of a stream by their numbers, for cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import partial
from typing import Any

import joblib
import numpy as np

from keras_multiclass._data.inputs import Inputs
from keras_multiclass._data.one_input import count_rows
from keras_multiclass._data.row_selection import join_rows, take_rows
from keras_multiclass._data.streams.batches import Batch, count_batches, errors_name_batch
from keras_multiclass._data.streams.stream import Stream
from keras_multiclass._data.weights import check_sample_weight
from keras_multiclass._shared.messages import describe, invalid


class NumberedRows:
    """A stream whose rows can be selected by their numbers, without holding them in memory.

    Only labels and weights are. Each selection is a stream that reads all batches and passes on
    some rows of each, blocks of batches cut into batches again; batches that differ from those
    read first are an error.

    Parameters
    ----------
    X : object
        A stream of batches ``(X, y)`` or ``(X, y, sample_weight)`` that can be read several times.

    Attributes
    ----------
    y : array-like of shape (n_samples, ...)
        The labels.
    sample_weight : ndarray of shape (n_samples,) or None
        The weights; None if no batch has any.
    shape : tuple of int
        The number of rows.
    """

    def __init__(self, X: Any) -> None:
        self._stream = Stream(X, "X")
        self._sizes: list[int] = []
        self._digests: list[str] = []
        labels, weights, is_weighted = [], [], False
        for number, batch in enumerate(self._stream.first_pass(), start=1):
            n_rows = count_rows(batch.y)
            with errors_name_batch("X", number, self._stream.unit):
                if n_rows is None:
                    raise ValueError(invalid("y", "one label for each row", describe(batch.y)))
                weight = check_sample_weight(
                    batch.sample_weight, n_rows, np.float64, allow_all_zero=True
                )
            labels.append(deepcopy(batch.y))  # generators may use their arrays again
            weights.append(np.ones(n_rows) if weight is None else deepcopy(weight))
            self._sizes.append(n_rows)
            self._digests.append(joblib.hash(batch.X))
            is_weighted = is_weighted or weight is not None
        self.y = join_rows(labels, "y")
        self.sample_weight = np.concatenate(weights) if is_weighted else None
        self.shape = (sum(self._sizes),)

    def take(self, rows: np.ndarray) -> Callable[[], Iterator[tuple[Any, ...]]]:
        """Return a stream of some rows, in the order of their numbers.

        Parameters
        ----------
        rows : ndarray of int
            The numbers.
        """
        chosen = np.zeros(self.shape[0], bool)
        chosen[rows] = True
        return partial(self._read, chosen)

    def _read(self, chosen: np.ndarray) -> Iterator[tuple[Any, ...]]:
        stop, number = 0, 0
        for number, batch in enumerate(self._stream.first_pass(), start=1):
            if number > len(self._sizes):
                raise _differs(
                    f"more than the {count_batches(len(self._sizes), self._stream.unit)} of"
                )
            if joblib.hash(batch.X) != self._digests[number - 1]:
                unit = self._stream.unit.lower()
                raise _differs(f"other rows in {unit} {number} than in")
            start, stop = stop, stop + self._sizes[number - 1]
            rows = np.flatnonzero(chosen[start:stop])
            n_rows = self._stream.rows_per_batch or max(1, len(rows))
            for first in range(0, len(rows), n_rows):
                yield _take(batch, rows[first : first + n_rows])
        if number < len(self._sizes):
            n_batches = count_batches(number, self._stream.unit)
            raise _differs(f"{n_batches} instead of the {len(self._sizes)} of")


def _differs(got: str) -> ValueError:
    return ValueError(
        invalid(
            "A stream X for cross-validation",
            "the same in each pass, because folds are rows at the same places",
            f"{got} the first pass",
            "Keep the order: .shuffle(n, reshuffle_each_iteration=False) for a tf.data.Dataset, "
            "TableBatches(..., shuffle=False).",
        )
    )


def _take(batch: Batch, rows: np.ndarray) -> tuple[Any, ...]:
    X = batch.X
    if isinstance(X, Inputs):
        chosen: Any = X[rows]
    elif isinstance(X, Mapping):
        chosen = {name: take_rows(part, rows) for name, part in X.items()}
    else:
        chosen = take_rows(X, rows)
    others = (batch.y,) if batch.sample_weight is None else (batch.y, batch.sample_weight)
    return (chosen, *(take_rows(part, rows) for part in others))
