"""Splits into training and validation rows that the user gives: a splitter, or the rows themselves.

A splitter is an object with a method ``split(X, y, groups)``, as in scikit-learn.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_multiclass._data.frames import MISSING_TYPES, library_of
from keras_multiclass._shared.library_code import top_module
from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass._shared.signatures import read_signature

ALLOWED = "a splitter of scikit-learn, or a list of one pair [(train, validation)]"


def is_splitter(value: Any) -> bool:
    """Whether a value has a method `split` as splitters have; strings and classes do not count."""
    is_object = not isinstance(value, (str, bytes)) and not inspect.isclass(value)
    return is_object and callable(getattr(value, "split", None))


def is_given_split(value: Any) -> bool:
    """Whether a value is a splitter, or a list of one pair of training and validation rows."""
    is_list = isinstance(value, (list, tuple))
    return (is_list and len(value) == 1 and _is_pair(value[0])) or is_splitter(value)


def hint(value: Any) -> str:
    """Return what may have been meant by a value that is no split; empty if there is no guess."""
    if inspect.isclass(value) and hasattr(value, "split"):
        return f"Pass an instance: {value.__name__}()."
    if isinstance(value, Iterator):
        return "It could be read only once. Choose one of its splits: [list(splits)[-1]]."
    if isinstance(value, (list, tuple)) and len(value) > 1 and all(map(_is_pair, value)):
        return "Choose one of the splits: [splits[-1]]."
    if _is_pair(value):
        return "Put the pair into a list: [(train, validation)]."
    return ""


def _is_pair(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2


def uses_groups(split: Any) -> bool | None:
    """Whether a split needs `groups`; None if a splitter may use them or not.

    Parameters
    ----------
    split : object
        What `is_given_split` accepts, or a number.
    """
    if not is_splitter(split):
        return False
    accepted = read_signature(split.split)
    if "groups" not in accepted.names:
        return None if accepted.open or accepted.has_args else False
    if hasattr(split, "get_metadata_routing"):
        if split.get_metadata_routing().consumes("split", {"groups"}):
            return True
        if top_module(type(split)) in ("sklearn", "keras_multiclass"):
            return False
    return None


def check_groups(groups: Any, n_rows: int) -> np.ndarray:
    """Convert groups to an array, and check it.

    Parameters
    ----------
    groups : array-like of shape (n_rows,)
        The group of each row.
    n_rows : int
        Number of rows of X.

    Returns
    -------
    ndarray of shape (n_rows,)
        The groups.

    Raises
    ------
    ValueError
        If there is not one group for each row, or they cannot be sorted.
    """
    is_series = library_of(groups) is not None and hasattr(groups, "to_numpy")
    # NumPy would convert ["a", nan] and ["a", 1] to strings.
    dtype = object if isinstance(groups, Sequence) and not isinstance(groups, str) else None
    values = groups.to_numpy() if is_series else np.asarray(groups, dtype=dtype)
    if values.shape != (n_rows,):
        allowed = f"1-d with one group for each of the {n_rows} rows of X"
        raise ValueError(invalid("`groups`", allowed, describe(groups)))
    n_missing = int(np.sum(_is_missing(values)))
    if isinstance(groups, np.ma.MaskedArray):
        n_missing += int(np.ma.count_masked(groups))
    if n_missing:
        raise ValueError(
            invalid(
                "`groups`",
                "known for each row",
                f"{n_missing} of {n_rows} rows without a group",
                "Drop these rows, or give each of them a group of its own.",
            )
        )
    _check_sortable(values)
    return values if dtype is None else np.asarray(groups)


def _check_sortable(groups: np.ndarray) -> None:
    types = set(map(type, groups.tolist()))
    try:
        if len(types) > 1:
            np.unique(groups)
    except TypeError as error:
        names = ", ".join(sorted(kind.__name__ for kind in types))
        raise ValueError(
            invalid(
                "`groups`",
                "of one type that can be sorted",
                f"groups of type {names}",
                "Convert them, for example with [str(group) for group in groups].",
            )
        ) from error


def _is_missing(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind in "mM":
        return np.isnat(values)
    if values.dtype.kind != "O":
        return np.zeros(len(values), dtype=bool)
    return np.array(
        [type(value).__name__ in MISSING_TYPES or value != value for value in values], dtype=bool
    )


def split_rows(split: Any, X: Any, y: Any, groups: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Return which rows to train on, and which to validate on.

    Parameters
    ----------
    split : splitter or list of one pair
        Of a splitter with several splits, the last one is used.
    X, y : array-like of shape (n_rows, ...)
        What a splitter gets.
    groups : ndarray of shape (n_rows,) or None
        The group of each row.

    Returns
    -------
    train, validation : ndarray of bool of shape (n_rows,)
        Masks of different rows; rows may be in neither.

    Raises
    ------
    ValueError, TypeError
        If the splitter fails, or rows are not row numbers, repeated, or in both parts.
    """
    if is_splitter(split):
        pair, cure = _last_split(split, X, y, groups), ""
    else:
        pair, cure = split[0], _FOLDS
    names = ("training", "validation")
    train, validation = (
        _mask(part, len(y), name, cure) for part, name in zip(pair, names, strict=True)
    )
    if n_both := int(np.sum(train & validation)):
        allowed = "different from those that are trained on"
        got = f"{n_both} rows in both"
        raise ValueError(invalid("The validation rows of `validation_split`", allowed, got, cure))
    return train, validation


_FOLDS = (
    "They are numbers of the rows that fit receives; in searches, cross-validation and ensembles, "
    "which pass others each time, use a splitter."
)


def _last_split(splitter: Any, X: Any, y: Any, groups: np.ndarray | None) -> Any:
    arguments = (X, y) if uses_groups(splitter) is False else (X, y, groups)
    try:
        last = deque(splitter.split(*arguments), maxlen=1)
    except (ValueError, TypeError) as error:
        error_class = TypeError if isinstance(error, TypeError) else ValueError
        name = type(splitter).__name__
        raise error_class(
            f"`validation_split`, {name}, cannot split the {len(y)} rows: {error}"
        ) from error
    if last and _is_pair(last[0]):
        return last[0]
    got = describe(last[0]) if last else "no split"
    raise ValueError(
        invalid(
            f"What `split` of {type(splitter).__name__} yields", "pairs (train, validation)", got
        )
    )


def _mask(part: Any, n_rows: int, name: str, cure: str) -> np.ndarray:
    """Return the mask of some rows, given by their numbers or as a mask."""
    what = f"The {name} rows of `validation_split`"
    rows = np.asarray(part)
    if rows.dtype == bool and rows.shape == (n_rows,):
        return rows
    mask = np.zeros(n_rows, dtype=bool)
    if rows.shape == (0,):
        return mask
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        allowed = f"1-d row numbers, or a mask of {n_rows} booleans"
        raise ValueError(invalid(what, allowed, describe(rows), cure))
    if rows.min() < 0 or rows.max() >= n_rows:
        got = f"{rows.min()} to {rows.max()}"
        raise ValueError(invalid(what, f"numbers from 0 to {n_rows - 1}", got, cure))
    mask[rows] = True
    if n_repeated := len(rows) - int(mask.sum()):
        raise ValueError(invalid(what, "different from each other", f"{n_repeated} repetitions"))
    return mask
