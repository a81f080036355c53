"""Predictions for the batches of a stream, beside their labels: all from one pass."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from keras_multiclass._data.labels.named import check_named, class_names_of, may_lack_names
from keras_multiclass._data.row_selection import join_rows
from keras_multiclass._data.streams.batches import errors_name_batch, read_labeled
from keras_multiclass._data.streams.stream import read_once
from keras_multiclass._data.weights import check_sample_weight


def evaluate_stream(
    X: Any, predict: Callable[[Any], tuple[Any, ...]]
) -> tuple[Any, np.ndarray | None, tuple[Any, ...]]:
    """Predict the rows of a stream, and return them with their labels, in the same order.

    The stream is read once, since some have other batches in each pass. Only labels and
    predictions of all rows are in memory at the same time.

    Parameters
    ----------
    X : object
        A stream of batches ``(X, y)`` or ``(X, y, sample_weight)``.
    predict : callable
        Returns predictions of any number of kinds for the features of a batch.

    Returns
    -------
    y : array-like of shape (n_samples, ...)
        The labels, in the format of the batches.
    sample_weight : ndarray of shape (n_samples,) or None
        The weights; None if no batch has any.
    predictions : tuple
        What `predict` returned, one of each kind for all rows.

    Raises
    ------
    ValueError, TypeError
        If the stream or a batch of it cannot be used.
    """
    labels, weights, predictions = [], [], []
    class_names, lacks_names = class_names_of(X), may_lack_names(X)
    for unit, number, item in read_once(X):
        batch = read_labeled(item, f"{unit} {number} of X", class_names)
        with errors_name_batch("X", number, unit):
            predicted = predict(batch.X)
            n_rows = _count_rows(predicted[0])
            if _count_rows(batch.y) != n_rows:
                raise ValueError(
                    "X and y must have one row for each sample; got inconsistent numbers of "
                    f"samples: [{n_rows}, {_count_rows(batch.y)}]."
                )
            if lacks_names:
                check_named(batch.y, predicted[0])
            weight = check_sample_weight(
                batch.sample_weight, n_rows, np.float64, allow_all_zero=True
            )
        labels.append(deepcopy(batch.y))  # generators may use their arrays again
        weights.append((deepcopy(weight), n_rows))
        predictions.append(predicted)
    return (
        join_rows(labels, "y"),
        _join_weights(weights),
        tuple(_join(parts) for parts in zip(*predictions, strict=True)),
    )


def _join_weights(parts: list[tuple[np.ndarray | None, int]]) -> np.ndarray | None:
    if all(weight is None for weight, _ in parts):
        return None
    return np.concatenate([np.ones(n_rows) if w is None else w for w, n_rows in parts])


def _join(parts: tuple[Any, ...]) -> Any:
    """Join predictions of one kind: an array, None, or a list with an array for each label."""
    if parts[0] is None:
        return None
    if isinstance(parts[0], list) and np.ndim(parts[0][0]) == 2:
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    return join_rows(parts, "predictions")


def _count_rows(values: Any) -> int:
    if isinstance(values, list) and values and np.ndim(values[0]) == 2:
        return len(values[0])
    shape = getattr(values, "shape", None)
    return len(values) if shape is None else int(shape[0])
