"""Encoding labels of any format as class indices, and decoding in the same format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import type_of_target

from keras_multiclass._data.labels.checks import check_learned_labels
from keras_multiclass._data.labels.classes import (
    parse_classes,
    positions_among,
    table_classes,
    vector_classes,
)
from keras_multiclass._data.labels.frame_format import build_frame
from keras_multiclass._data.labels.hints import hint_for
from keras_multiclass._data.labels.parse import (
    Container,
    Form,
    ParsedTarget,
    parse_target,
    unique_in_order,
)
from keras_multiclass._data.labels.target import Weighting, class_indices
from keras_multiclass._data.splitting.folds import assign_folds, validation_split
from keras_multiclass._data.weights import nonzero_weight_mask, resolve_class_weight
from keras_multiclass._shared.error_marks import mark
from keras_multiclass._shared.messages import (
    count_and_list,
    describe,
    format_list,
    invalid,
    list_differences,
)
from keras_multiclass._shared.typing import FloatArray


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
            learned = vector_classes(target.values, allowed, name)
        else:
            learned = table_classes(target, allowed, name)
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
            codes = positions_among(self.classes, target.values)
            self._check_known(target.values, codes, name)
        else:
            codes = self._positions_of_columns(target, y, name)[target.values]
        return codes.astype(np.int32, copy=False)

    def _positions_of_columns(self, target: ParsedTarget, y: Any, name: str) -> np.ndarray:
        """Return the class index of each column of a table."""
        if target.form == "one_hot_frame":
            positions = positions_among(self.classes, target.names)
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
        codes = positions_among(self.classes, target.values)
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
        return labels[positions_among(self.classes, labels) < 0]

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
        positions = positions_among(self.classes, labels)
        if np.all(positions >= 0) and len(labels) == self.n_classes:
            return
        new = labels[positions < 0].tolist()
        missing = np.delete(self.classes, positions[positions >= 0]).tolist()
        raise ValueError(
            invalid(
                "classes",
                f"None or the {self.n_classes} classes that were fitted",
                list_differences(new, missing, "label"),
                "The output layer is fixed; fit a new classifier for other classes."
                + hint_for(new, self.classes.tolist()),
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

    def folds(self, encoded: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
        """Return the fold of each row, stratified by class; -1 for the only row of a class.

        Of soft labels, the largest counts.
        """
        return assign_folds(class_indices(encoded), n_folds, seed)

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

    def _check_known(self, labels: np.ndarray, codes: np.ndarray, name: str) -> None:
        if np.all(codes >= 0):
            return
        unknown = unique_in_order(labels[codes < 0])
        advice = hint_for(unknown, self.classes.tolist())
        error = ValueError(
            invalid(
                name,
                f"labels among the {self.n_classes} known classes",
                count_and_list(unknown, "unknown label"),
                f"Drop these rows, or fit with every class present.{advice}",
            )
        )
        raise mark(error, "unknown label", name)


def _types(labels: np.ndarray) -> set[type]:
    return set(map(type, labels.tolist()))


def _sklearn_compares(y: Any) -> bool:
    """Whether scikit-learn compares labels of this type, unlike dates, decimals and others."""
    if y is None or sparse.issparse(y):
        return False
    try:
        return bool(type_of_target(y) != "unknown")
    except TypeError:  # NumPy's StringDType
        return False
