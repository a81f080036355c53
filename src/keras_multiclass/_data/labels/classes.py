"""The classes of a target: learned or declared, and looked up."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_multiclass._data.frames import library_of
from keras_multiclass._data.labels.hints import type_hint
from keras_multiclass._data.labels.parse import (
    ParsedTarget,
    raise_mixed_types,
    to_array,
    to_natural_dtype,
    unique_in_order,
)
from keras_multiclass._shared.error_marks import mark
from keras_multiclass._shared.messages import count_and_list, describe, invalid

# Kinds of dtypes that np.searchsorted compares without rounding.
_EXACT_FAMILIES = ("bi", "bu", "f", "U", "M", "m")


def parse_classes(classes: Any, name: str = "classes") -> np.ndarray:
    """Return a list of classes as an array, or raise unless it is 1-d with distinct labels.

    Parameters
    ----------
    classes : array-like of shape (n_classes,)
        The labels; their order is kept.
    name : str, default="classes"
        Name of the classes in error messages.
    """
    values = to_array(classes, library_of(classes), name)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(
            invalid(name, "a 1-d list of all labels", describe(classes), "Try np.unique(y).")
        )
    labels = to_natural_dtype(values, name)
    if len(unique_in_order(labels)) < len(labels):
        raise ValueError(
            invalid(name, "different labels", "repeated labels", f"Try np.unique({name}).")
        )
    return labels


def vector_classes(labels: np.ndarray, classes: np.ndarray | None, name: str) -> np.ndarray:
    observed = _sorted_unique(labels, name)
    if classes is None:
        return observed
    classes = _sorted_unique(classes, "classes")
    _check_listed(observed, classes, name)
    return classes


def table_classes(target: ParsedTarget, classes: np.ndarray | None, name: str) -> np.ndarray:
    if classes is None:
        return np.arange(target.n_columns) if target.names is None else target.names
    if target.names is not None:
        _check_listed(target.names, classes, f"the columns of {name}")
    elif len(classes) != target.n_columns:
        raise ValueError(
            invalid(
                "classes",
                f"{target.n_columns} names, one for each column of the one-hot {name}",
                f"{len(classes)} names",
            )
        )
    return classes


def _check_listed(labels: np.ndarray, classes: np.ndarray, name: str) -> None:
    unlisted = labels[positions_among(classes, labels) < 0]
    if len(unlisted):
        error = ValueError(
            invalid(
                "classes",
                f"all labels, including those of {name}",
                f"a list without {count_and_list(unlisted.tolist(), 'label')}",
                type_hint(classes.tolist(), unlisted.tolist(), "The labels").strip(),
            )
        )
        raise mark(error, "undeclared label", name)


def _sorted_unique(labels: np.ndarray, name: str) -> np.ndarray:
    try:
        if labels.dtype.kind == "O":  # hashing millions of strings is faster than sorting them
            unique = unique_in_order(labels)
            labels = np.empty(len(unique), dtype=object)
            labels[:] = unique
        return np.unique(labels)
    except TypeError:
        raise_mixed_types(set(map(type, labels.tolist())), name)


def positions_among(known: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the index of each label among the known labels, or -1."""
    kinds = {known.dtype.kind, labels.dtype.kind}
    if any(kinds <= set(family) for family in _EXACT_FAMILIES):
        order = np.argsort(known, kind="stable")
        insertion = np.searchsorted(known, labels, sorter=order)
        positions = order[np.minimum(insertion, len(known) - 1)]
        return np.where(known[positions] == labels, positions, -1)
    # Hashes compare across types without rounding: 1, 1.0, True and any width of string.
    index_of = {label: index for index, label in enumerate(known.tolist())}
    return np.fromiter((index_of.get(label, -1) for label in labels.tolist()), np.intp, len(labels))
