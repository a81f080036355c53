"""Encoding labels of any format as class indices, and decoding in the same format."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import type_of_target

from keras_multiclass._data.frames import library_of
from keras_multiclass._data.labels.checks import check_learned_labels
from keras_multiclass._data.labels.frame_format import build_frame
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
from keras_multiclass._data.labels.target import Weighting, class_indices
from keras_multiclass._data.splitting import validation_split
from keras_multiclass._data.weights import nonzero_weight_mask, resolve_class_weight
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid, quote
from keras_multiclass._shared.typing import FloatArray

_MAX_SHOWN = 5
# Kinds of dtypes that np.searchsorted compares without rounding.
_EXACT_FAMILIES = ("bi", "bu", "f", "U", "M", "m")


@dataclass(frozen=True, eq=False)
class LabelCodec:
    """The classes of a target and its format.

    Created by :meth:`learn`, immutable and picklable.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The labels in the order of the class indices: sorted like ``np.unique`` for a vector of
        labels, in the order of the columns for a one-hot table.
    form : {"vector", "one_hot", "one_hot_frame"}
        Format of y.
    container : {"array", "csr_matrix", "csr_array", "pandas", "polars"}
        Type of a one-hot table (``"array"`` for vectors).
    dtype : object, default=None
        Dtype of a one-hot table (a tuple with that of each column, for a data frame).
    columns : object, default=None
        Columns of a one-hot data frame, as its library represents them.

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
    def learn(cls, y: Any, classes: Any = None, name: str = "y") -> Self:
        """Learn the classes and the format of a target, see `learn_and_encode`."""
        return cls.learn_and_encode(y, classes, name)[0]

    @classmethod
    def learn_and_encode(
        cls, y: Any, classes: Any = None, name: str = "y"
    ) -> tuple[Self, np.ndarray]:
        """Learn the classes and the format of a target, and encode it.

        Parameters
        ----------
        y : array-like of shape (n_samples,), (n_samples, 1) or (n_samples, n_classes)
            Labels, or a one-hot table with exactly one 1 in each row.
        classes : array-like of shape (n_classes,), default=None
            All classes, if y may lack some. They are sorted for a vector, name the columns of a
            one-hot matrix, and include the column names of a one-hot data frame.
        name : str, default="y"
            Name of the target in error messages.

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
            has labels that are not in `classes`.
        """
        target = parse_target(y, name)
        codec = cls.of_target(target, classes, name)
        return codec, codec._encode_target(target, y, name)

    @classmethod
    def learn_or_check(
        cls, y: Any, classes: Any = None, known: LabelCodec | None = None
    ) -> tuple[LabelCodec, np.ndarray]:
        """Learn classes and format, or check that they are those of earlier data, and encode."""
        return cls.learn_and_encode(y, classes) if known is None else (known, known.encode(y))

    @classmethod
    def of_target(cls, target: ParsedTarget, classes: Any, name: str) -> Self:
        """Return the classes and the format of a parsed target, see `learn_and_encode`."""
        allowed = None if classes is None else parse_classes(classes)
        if target.form == "vector":
            learned = _vector_classes(target.values, allowed, name)
        else:
            learned = _table_classes(target, allowed, name)
        if len(learned) < 2:
            source = name if classes is None else "classes"
            raise ValueError(
                f"The classifier needs at least 2 classes; got 1 class in {source} "
                f"({describe(learned.tolist()[0])}). Check how the rows were selected."
            )
        columns = target.columns
        if target.names is not None and learned.tolist() != target.names.tolist():
            columns = None  # `classes` has more labels, or another order
        return cls(learned, target.form, target.container, target.dtype, columns)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The labels as strings."""
        return tuple(map(str, self.classes))

    @property
    def target_type(self) -> str:
        """The type of the target, as SciKeras names it."""
        if self.form != "vector":
            return "multiclass-onehot"
        return "binary" if self.n_classes == 2 else "multiclass"

    def encode(self, y: Any, name: str = "y") -> np.ndarray:
        """Encode labels as class indices.

        Parameters
        ----------
        y : array-like of shape (n_samples,), (n_samples, 1) or (n_samples, n_classes)
            Labels in any format. The columns of a data frame are matched by name, those of a
            one-hot matrix by position; it must have one column for each class.
        name : str, default="y"
            Name of the target in error messages.

        Returns
        -------
        ndarray of shape (n_samples,) and dtype int32

        Raises
        ------
        ValueError
            If y is not a multi-class target or has a label that is not a class.
        """
        return self._encode_target(parse_target(y, name), y, name)

    def _encode_target(self, target: ParsedTarget, y: Any, name: str) -> np.ndarray:
        return self._indices_of(target, y, name)

    def _indices_of(self, target: ParsedTarget, y: Any, name: str) -> np.ndarray:
        if target.form == "vector":
            codes = _positions(self.classes, target.values)
            self._check_known(target.values, codes, name)
        else:
            codes = self._positions_of_columns(target, y, name)[target.values]
        return codes.astype(np.int32, copy=False)

    def _positions_of_columns(self, target: ParsedTarget, y: Any, name: str) -> np.ndarray:
        """Return the class index of each column of a table."""
        if target.form == "one_hot_frame":
            positions = _positions(self.classes, target.names)
            self._check_known(target.names, positions, f"The columns of {name}")
            return positions
        if target.n_columns != self.n_classes:
            raise ValueError(
                invalid(
                    name,
                    f"labels, or a one-hot matrix with one column for each of the "
                    f"{self.n_classes} classes",
                    describe(y),
                    "Add a column of zeros for a class that does not occur.",
                )
            )
        return np.arange(self.n_classes)

    def find(self, y: Any, name: str = "y") -> np.ndarray:
        """Encode labels as class indices, and labels that are no class as -1.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels; a one-hot table has no others than the classes. Of soft labels, the largest.
        name : str, default="y"
            Name of the target in error messages.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If y is not a multi-class target, or its labels are of other types than the classes.
        """
        target = parse_target(y, name, soft=True)
        if target.form != "vector":
            return self._indices_of(target, y, name)
        codes = _positions(self.classes, target.values)
        if np.all(codes < 0) and not _types(target.values) & _types(self.classes):
            self._check_known(target.values, codes, name)
        return codes

    def unknown(self, labels: np.ndarray) -> np.ndarray:
        """Return the labels that are not classes.

        Parameters
        ----------
        labels : ndarray of shape (n_labels,)
            Labels, see `ParsedTarget.values`.
        """
        return labels[_positions(self.classes, labels) < 0]

    def check_same_classes(self, classes: Any) -> None:
        """Raise unless the classes are the learned ones.

        Parameters
        ----------
        classes : array-like of shape (n_classes,) or None
            The labels in any order; None passes.

        Raises
        ------
        ValueError
            If a learned class is missing, or a new class is listed.
        """
        if classes is None:
            return
        labels = parse_classes(classes)
        positions = _positions(self.classes, labels)
        if np.all(positions >= 0) and len(labels) == self.n_classes:
            return
        missing = np.delete(self.classes, positions[positions >= 0])
        parts = [
            _count_and_list(labels[positions < 0], "new label"),
            _count_and_list(missing, "missing label"),
        ]
        raise ValueError(
            invalid(
                "classes",
                f"None or the {self.n_classes} classes that were fitted",
                " and ".join(part for part in parts if not part.startswith("0 ")),
                "The output layer is fixed; fit a new classifier for other classes."
                + type_hint(labels[positions < 0].tolist(), self.classes.tolist()),
            )
        )

    def decode(self, indices: Any) -> Any:
        """Decode class indices as labels in the learned format.

        Parameters
        ----------
        indices : array-like of shape (n_samples,)
            Class indices.

        Returns
        -------
        ndarray of shape (n_samples,), or a one-hot table of shape (n_samples, n_classes)
            A table has the type, dtype and columns of the learned target.
        """
        indices = np.asarray(indices, dtype=np.intp)
        if self.form == "vector":
            return self.classes[indices]
        if self.container in ("csr_matrix", "csr_array"):
            csr = sparse.csr_matrix if self.container == "csr_matrix" else sparse.csr_array
            ones = np.ones(len(indices), dtype=self.dtype)
            indptr = np.arange(len(indices) + 1)
            return csr((ones, indices, indptr), shape=(len(indices), self.n_classes))
        dtype = self.dtype if self.form == "one_hot" else np.uint8
        table = np.zeros((len(indices), self.n_classes), dtype=dtype)
        table[np.arange(len(indices)), indices] = 1
        return table if self.form == "one_hot" else self._to_frame(table)

    def check_learned(self, encoded: np.ndarray) -> None:
        """Check labels that are learned from a target: ids and measurements are no classes."""
        check_learned_labels(self, len(encoded))

    def check_present(self, encoded: np.ndarray, n_rows: int, min_classes: int) -> None:
        """Raise ``ValueError`` if fewer classes than ``min_classes`` have rows."""
        n_present = len(np.unique(encoded))
        if n_present < min_classes:
            raise ValueError(
                f"y must contain at least {min_classes} classes; got {n_present} class in "
                f"{n_rows} rows ({self.n_classes} classes are known)."
            )

    def weighting(
        self, class_weight: object, encoded: np.ndarray, sample_weight: FloatArray | None
    ) -> Weighting:
        """Resolve the parameter `class_weight` as factors of the weights of rows."""
        return Weighting(rows=resolve_class_weight(class_weight, self, encoded, sample_weight))

    def weighted_rows(
        self, encoded: np.ndarray, weights: FloatArray | None, min_classes: int
    ) -> np.ndarray | None:
        """Return a mask of the rows of positive weight; None to keep all rows."""
        return nonzero_weight_mask(weights, encoded, min_classes)

    def split(
        self, encoded: np.ndarray, fraction: float, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Split rows into training and validation rows, stratified by class."""
        return validation_split(encoded, fraction, seed)

    def splitter_target(self, encoded: np.ndarray) -> np.ndarray:
        """Return one label for each row; of soft labels, the largest."""
        return self.classes[class_indices(encoded)]

    def check_training_rows(self, encoded: np.ndarray, training: np.ndarray) -> None:
        """Raise ``ValueError`` if a class has rows, but none to train on."""
        missing = self.classes[np.setdiff1d(encoded, training)]
        if len(missing):
            raise ValueError(
                invalid(
                    "`validation_split`",
                    "a split that leaves each class a row for training",
                    f"none for {format_list(missing.tolist())}",
                    "Choose another split, or drop the rows of these classes.",
                )
            )

    def accuracy(self, y: Any, predicted: Any, sample_weight: Any) -> float:
        """Return the fraction of correctly predicted rows; labels may be of any type.

        Of soft labels, the largest is the true one.
        """
        if self.form == "vector" and _sklearn_compares(y):
            return float(accuracy_score(y, predicted, sample_weight=sample_weight))
        found = self.find(predicted, "predict(X)")
        return float(accuracy_score(self.find(y), found, sample_weight=sample_weight))

    def _to_frame(self, table: np.ndarray) -> Any:
        assert self.container == "pandas" or self.container == "polars"
        if self.columns is None:  # more classes than y had columns
            dtypes = self.dtype[:1] * self.n_classes
            return build_frame(table, self.container, self.classes.tolist(), dtypes)
        return build_frame(table, self.container, self.columns, self.dtype)

    def hint(self, unknown: Sequence[Any]) -> str:
        """Return what unknown labels may have been meant to be; empty if there is no guess.

        Parameters
        ----------
        unknown : sequence
            Labels that are no classes.
        """
        classes = self.classes.tolist()
        if hint := type_hint(unknown, classes):
            return hint
        if len(unknown) != 1 or not isinstance(unknown[0], str):
            return ""
        return self._spelling_hint(unknown[0])

    def _spelling_hint(self, unknown: str) -> str:
        if _composed(unknown) in map(_composed, self.classes.tolist()):
            return (
                " It differs from a class only in its Unicode form: apply "
                "unicodedata.normalize('NFC', label) to all labels."
            )
        return did_you_mean(unknown, self.classes)

    def _check_known(self, labels: np.ndarray, codes: np.ndarray, name: str) -> None:
        if np.all(codes >= 0):
            return
        unknown = unique_in_order(labels[codes < 0])
        raise ValueError(
            invalid(
                name,
                f"labels among the {self.n_classes} known classes",
                _count_and_list(unknown, "unknown label"),
                f"Drop these rows, or fit with every class present.{self.hint(unknown)}",
            )
        )


def _types(labels: np.ndarray) -> set[type]:
    return set(map(type, labels.tolist()))


def type_hint(labels: Sequence[Any], classes: Sequence[Any], name: str = "The classes") -> str:
    """Return that labels are of another type than the classes; empty if they are not.

    Parameters
    ----------
    labels : sequence
        Labels that are no classes.
    classes : sequence
        The classes.
    name : str, default="The classes"
        What has them.
    """
    kinds, expected = (sorted(set(map(_kind, values))) for values in (labels, classes))
    if not kinds or not expected or set(kinds) & set(expected):
        return ""
    texts = {str(known): known for known in classes}
    twins = ((texts.get(_text(label)), label) for label in labels)
    example = next(
        (f": write {quote(k)}, not {quote(label)}" for k, label in twins if k is not None), ""
    )
    return f" {name} are {' and '.join(expected)}, not {' and '.join(kinds)}{example}."


def _kind(label: Any) -> str:
    if isinstance(label, (bool, np.bool_)):
        return "booleans"
    if isinstance(label, (int, np.integer)):
        return "integers"
    if isinstance(label, (float, np.floating)):
        return "floats"
    if isinstance(label, str):
        return "strings"
    return "bytes" if isinstance(label, bytes) else f"of type {type(label).__name__}"


def _text(label: Any) -> str:
    return label.decode(errors="replace") if isinstance(label, bytes) else str(label)


def _sklearn_compares(y: Any) -> bool:
    """Whether scikit-learn compares labels of this type, unlike dates, decimals and others."""
    if sparse.issparse(y):
        return False
    try:
        return bool(type_of_target(y) != "unknown")
    except TypeError:  # NumPy's StringDType
        return False


def _composed(label: Any) -> Any:
    return unicodedata.normalize("NFC", label) if isinstance(label, str) else label


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


def _vector_classes(labels: np.ndarray, classes: np.ndarray | None, name: str) -> np.ndarray:
    observed = _sorted_unique(labels, name)
    if classes is None:
        return observed
    classes = _sorted_unique(classes, "classes")
    _check_listed(observed, classes, name)
    return classes


def _table_classes(target: ParsedTarget, classes: np.ndarray | None, name: str) -> np.ndarray:
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
    unlisted = labels[_positions(classes, labels) < 0]
    if len(unlisted):
        raise ValueError(
            invalid(
                "classes",
                f"all labels, including those of {name}",
                f"a list without {_count_and_list(unlisted, 'label')}",
                type_hint(classes.tolist(), unlisted.tolist(), "The labels").strip(),
            )
        )


def _sorted_unique(labels: np.ndarray, name: str) -> np.ndarray:
    try:
        if labels.dtype.kind == "O":  # hashing millions of strings is faster than sorting them
            unique = unique_in_order(labels)
            labels = np.empty(len(unique), dtype=object)
            labels[:] = unique
        return np.unique(labels)
    except TypeError:
        raise_mixed_types(set(map(type, labels.tolist())), name)


def _positions(known: np.ndarray, labels: np.ndarray) -> np.ndarray:
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


def _count_and_list(labels: Any, noun: str) -> str:
    """Return the number of labels and the first few; they name classes, not the user's data."""
    labels = labels.tolist() if isinstance(labels, np.ndarray) else labels
    plural = "" if len(labels) == 1 else "s"
    tail = "" if len(labels) <= _MAX_SHOWN else ", ..."
    return f"{len(labels)} {noun}{plural}: {format_list(labels[:_MAX_SHOWN])}{tail}"
