"""Owns the labels: turns every format of y into class indices, and answers in that format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from keras_multiclass._data.frames import library_of
from keras_multiclass._data.labels.parse import (
    Container,
    Form,
    ParsedTarget,
    parse_target,
    raise_mixed_types,
    to_array,
    to_natural_dtype,
    unique_in_order,
)
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid

_MOST_SHOWN = 5
# Kinds of NumPy dtypes between which np.searchsorted compares without rounding.
_EXACT_FAMILIES = ("bi", "bu", "f", "U", "M", "m")


@dataclass(frozen=True, eq=False)
class LabelCodec:
    """The classes of a problem and the format in which the user writes them.

    Made by :meth:`learn`; never changed afterwards, so that it can be shared and pickled.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The labels, in the order of the class indices: sorted as ``np.unique`` does for a
        vector of labels, the order of the columns for a one-hot table.
    form : {"vector", "one_hot", "one_hot_frame"}
        The format of y.
    container : {"array", "csr_matrix", "csr_array", "pandas", "polars"}
        What holds a one-hot table (``"array"`` for vectors).
    dtype : object, default=None
        The dtype of a one-hot table (of its first column, for a data frame).
    columns : object, default=None
        The columns of a one-hot data frame, as its own library keeps them.

    Examples
    --------
    >>> codec = LabelCodec.learn(["cat", "dog", "cat"])
    >>> codec.encode(["dog", "cat"])
    array([1, 0], dtype=int32)
    >>> codec.decode([0, 1]).tolist()
    ['cat', 'dog']
    """

    classes: np.ndarray
    form: Form = "vector"
    container: Container = "array"
    dtype: Any = None
    columns: Any = None

    @classmethod
    def learn(cls, y: Any, classes: Any = None, name: str = "y") -> LabelCodec:
        """Learn classes and format from the target, see `learn_and_encode`."""
        return cls.learn_and_encode(y, classes, name)[0]

    @classmethod
    def learn_and_encode(
        cls, y: Any, classes: Any = None, name: str = "y"
    ) -> tuple[LabelCodec, np.ndarray]:
        """Learn classes and format from the target, and encode it.

        Parameters
        ----------
        y : array-like of shape (n_samples,), (n_samples, 1) or (n_samples, n_classes)
            Labels, or a one-hot table with exactly one 1 in each row.
        classes : array-like of shape (n_classes,), default=None
            All classes, when y may lack some. They are sorted for a vector; for a one-hot
            matrix they name its columns; for a one-hot data frame they hold its column names.
        name : str, default="y"
            How messages call the target.

        Returns
        -------
        codec : LabelCodec
            The classes and the format.
        indices : ndarray of shape (n_samples,) and dtype int32
            Class indices of the rows.

        Raises
        ------
        ValueError
            If y is not a multi-class target of at least two classes without missing labels, or
            does not agree with `classes`.
        """
        read = parse_target(y, name)
        given = None if classes is None else parse_classes(classes)
        if read.form == "vector":
            known = _vector_classes(read.values, given, name)
        else:
            known = _table_classes(read, given, name)
        if len(known) < 2:
            source = name if classes is None else "classes"
            raise ValueError(
                f"The classifier needs at least 2 classes; got 1 class in {source} "
                f"({describe(known.tolist()[0])}). Check how the rows were selected."
            )
        columns = read.columns
        if read.form == "one_hot_frame" and len(known) != len(read.names):
            columns = None  # `classes` names more columns than this y has
        codec = cls(known, read.form, read.container, read.dtype, columns)
        return codec, codec._encode_target(read, y, name)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The labels as strings."""
        return tuple(map(str, self.classes))

    def index_of(self, label: Any) -> int | None:
        """Return the class index of one label, or None if it is not a class."""
        table = {known: index for index, known in enumerate(self.classes)}
        try:
            return table.get(label)
        except TypeError:  # not hashable, so certainly not a class
            return None

    def encode(self, y: Any, name: str = "y") -> np.ndarray:
        """Turn labels into class indices.

        Parameters
        ----------
        y : array-like of shape (n_samples,), (n_samples, 1) or (n_samples, n_classes)
            Labels in any format. A data frame is matched by its column names, a one-hot matrix
            by position, which must then have one column for each class.
        name : str, default="y"
            How messages call the target.

        Returns
        -------
        ndarray of shape (n_samples,) and dtype int32

        Raises
        ------
        ValueError
            If y is malformed or holds a label that is not among the classes.
        """
        return self._encode_target(parse_target(y, name), y, name)

    def _encode_target(self, read: ParsedTarget, y: Any, name: str) -> np.ndarray:
        if read.form == "vector":
            codes = _positions(self.classes, read.values)
            self._refuse_unknown(read.values, codes, name)
        elif read.form == "one_hot_frame":
            positions = _positions(self.classes, read.names)
            self._refuse_unknown(read.names, positions, f"The columns of {name}")
            codes = positions[read.values]
        else:
            if read.n_columns != self.n_classes:
                raise ValueError(
                    invalid(
                        name,
                        f"labels, or a one-hot matrix with one column for each of the "
                        f"{self.n_classes} classes",
                        describe(y),
                        "Add a column of zeros for a class that does not occur.",
                    )
                )
            codes = read.values
        return codes.astype(np.int32, copy=False)

    def unknown(self, labels: np.ndarray) -> np.ndarray:
        """Find the labels that are no classes.

        Parameters
        ----------
        labels : ndarray of shape (n_labels,)
            Labels as :func:`parse_target` gives them.
        """
        return labels[_positions(self.classes, labels) < 0]

    def check_same_classes(self, classes: Any) -> None:
        """Refuse a list of classes that is not the learned one.

        Parameters
        ----------
        classes : array-like of shape (n_classes,) or None
            The labels in any order; None is always right.

        Raises
        ------
        ValueError
            If a class is missing or new.
        """
        if classes is None:
            return
        given = parse_classes(classes)
        known = _positions(self.classes, given)
        if np.all(known >= 0) and len(given) == self.n_classes:
            return
        lacking = np.delete(self.classes, known[known >= 0])
        parts = [_shown(given[known < 0], "new label"), _shown(lacking, "missing label")]
        raise ValueError(
            invalid(
                "classes",
                f"None or the {self.n_classes} classes that were fitted",
                " and ".join(part for part in parts if not part.startswith("0 ")),
                "The output layer cannot change; for other classes fit anew.",
            )
        )

    def decode(self, indices: Any) -> Any:
        """Turn class indices into labels in the format that was learned.

        Parameters
        ----------
        indices : array-like of shape (n_samples,)
            Class indices.

        Returns
        -------
        ndarray of shape (n_samples,), or a one-hot table of shape (n_samples, n_classes)
            The table has the type, dtype and columns of the learned one.
        """
        indices = np.asarray(indices, dtype=np.intp)
        if self.form == "vector":
            return self.classes[indices]
        if self.container in ("csr_matrix", "csr_array"):
            make = sparse.csr_matrix if self.container == "csr_matrix" else sparse.csr_array
            ones = np.ones(len(indices), dtype=self.dtype)
            rows = np.arange(len(indices) + 1)
            return make((ones, indices, rows), shape=(len(indices), self.n_classes))
        dtype = self.dtype if self.form == "one_hot" else np.uint8
        table = np.zeros((len(indices), self.n_classes), dtype=dtype)
        table[np.arange(len(indices)), indices] = 1
        return table if self.form == "one_hot" else self._to_frame(table)

    def _to_frame(self, table: np.ndarray) -> Any:
        columns = self.classes if self.columns is None else self.columns
        if self.container == "pandas":
            import pandas as pd

            return pd.DataFrame(table, columns=columns).astype(self.dtype)
        import polars as pl

        return pl.DataFrame(table, schema=[str(column) for column in columns]).cast(self.dtype)

    def _refuse_unknown(self, labels: np.ndarray, codes: np.ndarray, name: str) -> None:
        if np.all(codes >= 0):
            return
        unknown = unique_in_order(labels[codes < 0])
        hint = ""
        if len(unknown) == 1 and isinstance(unknown[0], str):
            hint = did_you_mean(unknown[0], self.classes)
        raise ValueError(
            invalid(
                name,
                f"labels among the {self.n_classes} known classes",
                _shown(unknown, "unknown label"),
                f"Drop these rows, or fit with every class present.{hint}",
            )
        )


def parse_classes(classes: Any, name: str = "classes") -> np.ndarray:
    """Check a list of classes: 1-d, different labels, in the order given.

    Parameters
    ----------
    classes : array-like of shape (n_classes,)
        The labels.
    name : str, default="classes"
        How messages call them.
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


def _vector_classes(labels: np.ndarray, given: np.ndarray | None, name: str) -> np.ndarray:
    found = _sorted_distinct(labels, name)
    if given is None:
        return found
    known = _sorted_distinct(given, "classes")
    _refuse_unlisted(found, _positions(known, found), name)
    return known


def _table_classes(read: ParsedTarget, given: np.ndarray | None, name: str) -> np.ndarray:
    if given is None:
        return np.arange(read.n_columns) if read.names is None else read.names
    if read.names is not None:
        _refuse_unlisted(read.names, _positions(given, read.names), f"the columns of {name}")
    elif len(given) != read.n_columns:
        raise ValueError(
            invalid(
                "classes",
                f"{read.n_columns} names, one for each column of the one-hot {name}",
                f"{len(given)} names",
            )
        )
    return given


def _refuse_unlisted(found: np.ndarray, codes: np.ndarray, name: str) -> None:
    if np.all(codes >= 0):
        return
    lacking = _shown(found[codes < 0], "label")
    raise ValueError(
        invalid("classes", f"all labels, among them those of {name}", f"a list without {lacking}")
    )


def _sorted_distinct(labels: np.ndarray, name: str) -> np.ndarray:
    try:
        if labels.dtype.kind == "O":  # hashing millions of strings is faster than sorting them
            found = unique_in_order(labels)
            labels = np.empty(len(found), dtype=object)
            labels[:] = found
        return np.unique(labels)
    except TypeError:
        raise_mixed_types(set(map(type, labels.tolist())), name)


def _positions(known: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Find each label in the known ones: its index, or -1."""
    kinds = {known.dtype.kind, labels.dtype.kind}
    if any(kinds <= set(family) for family in _EXACT_FAMILIES):
        order = np.argsort(known, kind="stable")
        found = np.searchsorted(known, labels, sorter=order)
        positions = order[np.minimum(found, len(known) - 1)]
        return np.where(known[positions] == labels, positions, -1)
    # Hashes compare across types without rounding: 1, 1.0, True and any width of string.
    table = {label: index for index, label in enumerate(known.tolist())}
    return np.fromiter((table.get(label, -1) for label in labels.tolist()), np.intp, len(labels))


def _shown(labels: Any, noun: str) -> str:
    """Count labels and show the first few; labels are names of classes, not data."""
    labels = labels.tolist() if isinstance(labels, np.ndarray) else labels
    plural = "" if len(labels) == 1 else "s"
    tail = "" if len(labels) <= _MOST_SHOWN else ", ..."
    return f"{len(labels)} {noun}{plural}: {format_list(labels[:_MOST_SHOWN])}{tail}"
