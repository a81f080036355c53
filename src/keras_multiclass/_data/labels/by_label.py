"""Thresholds of labels: one number for each, given in the order of the labels or by label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_multiclass._data.frames import library_of
from keras_multiclass._data.labels.hints import hint_for
from keras_multiclass._shared.messages import (
    describe,
    invalid,
    list_differences,
    list_first,
)
from keras_multiclass._shared.typing import FloatArray


def thresholds_of_labels(values: Any, labels: np.ndarray, name: str) -> FloatArray:
    """Return one threshold for each label.

    Parameters
    ----------
    values : float, array-like of shape (n_labels,), mapping or Series
        One threshold for all labels, or one for each. Those of a mapping, and of a pandas Series
        whose index is not 0, 1, ..., are matched by label.
    labels : ndarray of shape (n_labels,)
        The labels.
    name : str
        Name of the thresholds in messages.

    Returns
    -------
    ndarray of shape (n_labels,)

    Raises
    ------
    ValueError
        If there are not as many, they are not from 0 to 1, or their labels are others.
    """

    def error(got: str) -> ValueError:
        allowed = f"a number from 0 to 1, or {len(labels)} numbers, one for each label"
        return ValueError(invalid(name, allowed, got))

    numbers = _to_numbers(_in_order(values, labels, name))
    if numbers is None:
        raise error(describe(values))
    if numbers.shape not in ((), (len(labels),)):
        raise error(f"{len(numbers)} numbers" if numbers.ndim == 1 else describe(values))
    if not np.all((numbers >= 0) & (numbers <= 1)):
        if numbers.ndim == 0:
            raise error(describe(values))
        raise error("NaN" if np.isnan(numbers).any() else "others")
    return np.broadcast_to(numbers, (len(labels),)).copy()


def _to_numbers(values: Any) -> FloatArray | None:
    """Return numbers in 64 bits; None for anything else, also for strings of numbers."""
    try:
        array = np.asarray(values)
        return array.astype(np.float64) if array.dtype.kind in "iufO" else None
    except (TypeError, ValueError):
        return None


def _in_order(values: Any, labels: np.ndarray, name: str) -> Any:
    """Return numbers that are given by label in the order of the labels, and others unchanged."""
    if isinstance(values, Mapping):
        given = list(values.items())
    elif _has_index(values):
        given = list(zip(values.index.tolist(), values.tolist(), strict=True))
    else:
        return values
    by_label, known = dict(given), labels.tolist()
    got = list_differences(by_label, known, "label")
    if not got and len(by_label) < len(given):
        got = "repeated ones"
    if got:
        unknown = [label for label in by_label if label not in set(known)]
        hint = hint_for(unknown, known, "The labels")
        allowed = f"the {len(known)} labels, {list_first(known)}"
        raise ValueError(invalid(f"The labels of {name}", allowed, got, hint.strip()))
    return [by_label[label] for label in known]


def _has_index(values: Any) -> bool:
    """Whether values are a pandas Series with another index than 0, 1, ..."""
    if library_of(values) != "pandas" or not hasattr(values, "index") or values.ndim != 1:
        return False
    return values.index.tolist() != list(range(len(values)))
