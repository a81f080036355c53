"""Targets whose rows may have several labels: 0/1 matrices in any format, and back."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

import numpy as np
from scipy import sparse
from sklearn.metrics import accuracy_score

from keras_multiclass._data.frames import MISSING_TYPES, library_of
from keras_multiclass._data.label_weights import resolve_label_weight, total_weights
from keras_multiclass._data.labels.classes import parse_classes
from keras_multiclass._data.labels.frame_format import build_frame, column_dtypes
from keras_multiclass._data.labels.hints import hint_for
from keras_multiclass._data.labels.parse import (
    Container,
    column_labels,
    raise_missing,
    to_array,
)
from keras_multiclass._data.labels.target import Weighting
from keras_multiclass._data.splitting.folds import check_fraction
from keras_multiclass._data.splitting.iterative import assign_parts
from keras_multiclass._shared.messages import (
    describe,
    format_list,
    invalid,
    list_differences,
    list_first,
    warn,
)
from keras_multiclass._shared.typing import FloatArray

_ALLOWED = "a matrix of zeros and ones with one column for each label"
_BINARIZE = "sklearn.preprocessing.MultiLabelBinarizer().fit_transform"
_OF_STRINGS = (
    f"If its rows list labels, use {_BINARIZE}; for columns of two words, compare: (y == 'yes')."
)


# With fewer rows or labels, targets of several labels per row may look like one-hot matrices by
# chance: in 50 rows once in 40 samples, if 93 % of all rows have one label.
_FEWEST_ROWS = 50
_FEWEST_LABELS = 3


@dataclass(frozen=True, eq=False)
class Indicator:
    """The content and the format of a multi-label target.

    Attributes
    ----------
    values : ndarray of uint8 of shape (n_samples, n_labels)
        1 where a row has a label.
    container : {"array", "csr_matrix", "csr_array", "pandas", "polars"}
        Type of the target.
    dtype : object
        Dtype of the target (a tuple with that of each column, for a data frame).
    names : ndarray of shape (n_labels,), default=None
        Column names of a data frame, as labels.
    columns : object, default=None
        Columns of a data frame, as its library represents them.
    """

    values: np.ndarray
    container: Container
    dtype: Any
    names: Any = None
    columns: Any = None


def is_one_column(y: Any) -> bool:
    """Return whether a target is 1-d or a single column, a binary target for scikit-learn.

    Parameters
    ----------
    y : object
        The user's target.
    """
    if sparse.issparse(y):
        return len(y.shape) == 2 and y.shape[1] == 1
    if hasattr(y, "columns"):
        if hasattr(y, "collect") or y.shape[1] != 1:
            return False
        y = y.to_numpy().ravel()
    try:
        values = np.asarray(y)
    except ValueError:  # lists of labels
        return False
    if values.ndim == 2:
        return values.shape[1] == 1
    nested = (list, tuple, set, frozenset, np.ndarray)
    return values.ndim == 1 and not any(isinstance(v, nested) for v in values[:1])


def has_one_in_each_row(indicator: np.ndarray) -> bool:
    """Return whether each row has exactly one label.

    Parameters
    ----------
    indicator : ndarray of shape (n_samples, n_labels)
        1 where a row has a label.
    """
    return bool(np.all(indicator.sum(axis=1, dtype=np.int64) == 1))


def parse_indicator(y: Any, name: str) -> Indicator:
    """Read a multi-label target.

    Parameters
    ----------
    y : array-like, sparse matrix or data frame of shape (n_samples, n_labels)
        Zeros and ones, or booleans.
    name : str
        Name of the target in error messages.

    Returns
    -------
    Indicator
        Its content and format.

    Raises
    ------
    ValueError
        If y is something else.
    """
    if y is None:
        raise ValueError(
            f"This classifier requires y to be passed, but the target y is None. Pass {_ALLOWED} "
            f"as {name}."
        )
    if sparse.issparse(y):
        return _read_sparse(y, name)
    library = library_of(y)
    if library and hasattr(y, "collect"):
        raise TypeError(invalid(name, "in memory", describe(y), f"Call {name}.collect() first."))
    if library and hasattr(y, "columns"):
        return _read_frame(y, library, name)
    values = to_array(y, library, name)
    _check_shape(values, y, name)
    if values.dtype.kind == "O":
        values = _numbers_of_objects(values, name)
    return Indicator(_check_values(values, name), "array", values.dtype)


def _read_sparse(y: Any, name: str) -> Indicator:
    _check_shape(y, y, name)
    rows = sparse.csr_array(y)
    rows.sum_duplicates()
    _check_values(rows.data.reshape(-1, 1), name)
    container: Container = "csr_matrix" if sparse.isspmatrix(y) else "csr_array"
    return Indicator(rows.astype(np.uint8).toarray(), container, rows.dtype)


def _read_frame(y: Any, library: Any, name: str) -> Indicator:
    _check_shape(y, y, name)
    missing = y.isna().to_numpy().any() if library == "pandas" else sum(y.null_count().row(0))
    if missing:
        raise_missing(name)
    names = column_labels(y, name)
    values = _check_values(y.to_numpy(), name)
    return Indicator(values, library, column_dtypes(y, library), names, y.columns)


def _check_shape(values: Any, y: Any, name: str) -> None:
    if len(values.shape) == 1:
        _raise_one_dimensional(values, name)
    if len(values.shape) != 2 or 0 in values.shape:
        raise ValueError(invalid(name, _ALLOWED, describe(y)))


def _raise_one_dimensional(values: np.ndarray, name: str) -> NoReturn:
    if values.dtype.kind == "O" and all(
        isinstance(v, (list, tuple, set, frozenset, np.ndarray)) for v in values
    ):
        digits = all(np.isscalar(v) and v in (0, 1) for row in values for v in row)
        got = "rows of different lengths" if digits else "the labels of each row"
        cure = f"{'If they list labels, c' if digits else 'C'}onvert them: {_BINARIZE}({name})."
    else:
        got = f"1-d labels ({describe(values)})"
        cure = "For one label for each row, use KerasMulticlassClassifier."
    raise ValueError(invalid(name, _ALLOWED, got, cure))


def _check_values(values: np.ndarray, name: str) -> np.ndarray:
    if values.dtype.kind == "O":
        values = _numbers_of_objects(values, name)
    if values.dtype.kind not in "biuf":
        cure = _OF_STRINGS if values.dtype.kind in "UT" else ""
        raise ValueError(invalid(name, _ALLOWED, describe(values), cure))
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise_missing(name)
    ones = values == 1
    n_others = int(np.sum(~ones & (values != 0)))
    if n_others:
        if np.all(ones | (values == -1)):
            cure = "Convert it: (y > 0)."
        elif values.dtype.kind in "iu":
            cure = (
                f"If its rows list labels, use {_BINARIZE}; for counts, pass (y > 0); for several "
                "targets with several classes each, use MultiOutputClassifier."
            )
        else:
            cure = "Convert it: (y > 0.5), or the threshold that applies."
        raise ValueError(invalid(name, _ALLOWED, f"{n_others} other values", cure))
    return ones.astype(np.uint8)


def _numbers_of_objects(values: np.ndarray, name: str) -> np.ndarray:
    """Return objects as numbers if all are numbers or booleans, as in frames of both."""
    objects = values.tolist()
    types = {type(value) for row in objects for value in row}
    if any(kind.__name__ in MISSING_TYPES for kind in types):
        raise_missing(name)
    if all(issubclass(kind, (bool, int, np.bool_, np.integer)) for kind in types):
        return np.asarray(objects)
    if all(issubclass(kind, (numbers.Real, Decimal, np.bool_)) for kind in types):
        return values.astype(np.float64)
    if all(issubclass(kind, (list, tuple, set, frozenset, np.ndarray)) for kind in types):
        got, cure = "the labels of each row", f"Convert them: {_BINARIZE}, for a single column."
    else:
        got = f"objects of type {format_list(sorted(kind.__name__ for kind in types))}"
        cure = _OF_STRINGS if str in types else ""
    raise ValueError(invalid(name, _ALLOWED, got, cure))


@dataclass(frozen=True, eq=False)
class IndicatorCodec:
    """The labels of a multi-label target and its format.

    Created by :meth:`learn_and_encode`, immutable and picklable.

    Attributes
    ----------
    classes : ndarray of shape (n_labels,)
        The labels, in the order of the columns.
    container : {"array", "csr_matrix", "csr_array", "pandas", "polars"}
        Type of the target.
    dtype : object
        Dtype of the target (a tuple with that of each column, for a data frame).
    columns : object, default=None
        Columns of a data frame, as its library represents them.
    """

    classes: np.ndarray
    container: Container
    dtype: Any
    columns: Any = None

    @classmethod
    def learn_and_encode(
        cls, y: Any, classes: Any = None, name: str = "y"
    ) -> tuple[IndicatorCodec, np.ndarray]:
        """Learn labels and format of a target, and encode it.

        Parameters
        ----------
        y : array-like, sparse matrix or data frame of shape (n_samples, n_labels)
            Zeros and ones.
        classes : array-like of shape (n_labels,), default=None
            Names of the columns of a matrix; for a data frame, its column names in any order.
        name : str, default="y"
            Name of the target in error messages.

        Returns
        -------
        codec : IndicatorCodec
            The labels and the format.
        indicator : ndarray of uint8 of shape (n_samples, n_labels)
            1 where a row has a label.

        Raises
        ------
        ValueError
            If y is not such a target, or does not fit `classes`.
        """
        target = parse_indicator(y, name)
        labels = np.arange(target.values.shape[1]) if target.names is None else target.names
        columns = target.columns
        if classes is not None:
            declared = parse_classes(classes)
            if target.names is None:
                labels = declared
            else:
                cls(declared, target.container, target.dtype)._select(target, name)
        codec = cls(labels, target.container, target.dtype, columns)
        return codec, codec._select(target, name)

    @classmethod
    def learn_or_check(
        cls, y: Any, classes: Any = None, known: IndicatorCodec | None = None
    ) -> tuple[IndicatorCodec, np.ndarray]:
        """Learn labels and format, or check that they are those of earlier data, and encode."""
        return cls.learn_and_encode(y, classes) if known is None else (known, known.encode(y))

    @property
    def n_classes(self) -> int:
        """Number of labels."""
        return len(self.classes)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The labels as strings."""
        return tuple(map(str, self.classes))

    @property
    def target_type(self) -> str:
        """The type of the target, as SciKeras names it."""
        return "multilabel-indicator"

    def encode(self, y: Any, name: str = "y") -> np.ndarray:
        """Encode a target with the same labels.

        Parameters
        ----------
        y : array-like, sparse matrix or data frame of shape (n_samples, n_labels)
            The columns of a data frame are matched by name, others by position.
        name : str, default="y"
            Name of the target in error messages.

        Returns
        -------
        ndarray of uint8 of shape (n_samples, n_labels)

        Raises
        ------
        ValueError
            If y is not a multi-label target with these labels.
        """
        return self._select(parse_indicator(y, name), name)

    def decode(self, indicator: np.ndarray) -> Any:
        """Return an indicator matrix in the format of the learned target.

        Parameters
        ----------
        indicator : ndarray of bool of shape (n_samples, n_labels)
            Where rows have labels.

        Returns
        -------
        ndarray, sparse matrix or data frame of shape (n_samples, n_labels)
        """
        if self.container == "pandas" or self.container == "polars":
            return build_frame(indicator, self.container, self.columns, self.dtype)
        values = indicator.astype(self.dtype)
        if self.container == "array":
            return values
        return (
            sparse.csr_matrix(values)
            if self.container == "csr_matrix"
            else sparse.csr_array(values)
        )

    def check_same_classes(self, classes: Any) -> None:
        """Raise ``ValueError`` unless the labels are the learned ones; None passes."""
        if classes is None:
            return
        given = parse_classes(classes).tolist()
        known = self.classes.tolist()
        if different := list_differences(given, known, "label"):
            raise ValueError(
                invalid(
                    "classes",
                    f"None or the {self.n_classes} labels that were fitted",
                    different,
                    "The output layer is fixed; fit a new classifier for other labels."
                    + hint_for([x for x in given if x not in set(known)], known, "The labels"),
                )
            )

    def check_learned(self, encoded: np.ndarray) -> None:
        """Warn of labels that no row has, or every row, and if each row has exactly one."""
        counts = encoded.sum(axis=0, dtype=np.int64)
        self.warn_of_constant(counts == 0, counts == len(encoded))
        self.warn_if_one_hot(len(encoded), one_in_each=has_one_in_each_row(encoded))

    def warn_if_one_hot(self, n_rows: int, *, one_in_each: bool) -> None:
        """Warn if each row has exactly one label, which is hardly chance if there are many rows."""
        if one_in_each and n_rows >= _FEWEST_ROWS and self.n_classes >= _FEWEST_LABELS:
            warn(
                f"Each of the {n_rows} rows of y has exactly one of the {self.n_classes} labels. "
                "If they exclude each other, use KerasMulticlassClassifier, which takes the same y."
            )

    def warn_of_constant(self, never: np.ndarray, always: np.ndarray) -> None:
        """Warn of labels that no row has, or every row, by masks of shape (n_labels,)."""
        for what, mask in (("no row has", never), ("every row has", always)):
            names = self.classes[mask].tolist()
            if names:
                shown = list_first(names)
                warn(f"y has {len(names)} of {self.n_classes} labels that {what}: {shown}.")

    def check_present(self, encoded: np.ndarray, n_rows: int, min_classes: int) -> None:
        """Labels need not occur."""

    def weighting(
        self, class_weight: object, encoded: np.ndarray, sample_weight: FloatArray | None
    ) -> Weighting:
        """Resolve the parameter `class_weight` as weights of labels in the loss."""
        return self.weighting_of_totals(class_weight, total_weights(encoded, sample_weight))

    def weighting_of_totals(self, class_weight: object, totals: np.ndarray) -> Weighting:
        """Do so from the total weights of negatives and positives, of shape (2, n_labels)."""
        return Weighting(labels=resolve_label_weight(class_weight, self, totals))

    def weighted_rows(
        self, encoded: np.ndarray, weights: FloatArray | None, min_classes: int
    ) -> np.ndarray | None:
        """Return a mask of the rows of positive weight; None to keep all rows."""
        return None if weights is None or weights.all() else weights > 0

    def split(
        self, encoded: np.ndarray, fraction: float, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Split rows into training and validation rows, stratified by label."""
        check_fraction(fraction)
        if len(encoded) < 2:
            raise ValueError(
                invalid(
                    "validation_split",
                    "None for a single row",
                    describe(fraction),
                    "Pass X_val and y_val, or more rows.",
                )
            )
        labels = sparse.csr_array(encoded)
        parts = assign_parts(labels, (1 - fraction, fraction), order=1, seed=seed)
        if not parts.any():
            parts[np.random.default_rng(seed).integers(len(parts))] = 1
        return np.flatnonzero(parts == 0), np.flatnonzero(parts)

    def folds(self, encoded: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
        """Return the fold of each row, stratified by label; of few rows, the first folds have one.

        The only row of a label may be held out, because labels need not occur.
        """
        shares = (1 / n_folds,) * n_folds
        parts = assign_parts(sparse.csr_array(encoded), shares, order=1, seed=seed)
        return np.unique(parts, return_inverse=True)[1]

    def splitter_target(self, encoded: np.ndarray) -> np.ndarray:
        """Return the matrix of zeros and ones."""
        return encoded

    def check_training_rows(self, encoded: np.ndarray, training: np.ndarray) -> None:
        """Labels need not occur."""

    def accuracy(self, y: Any, predicted: Any, sample_weight: Any) -> float:
        """Return the fraction of rows whose labels are all predicted correctly."""
        true, found = self.encode(y), self.encode(predicted, "predict(X)")
        return float(accuracy_score(true, found, sample_weight=sample_weight))

    def _select(self, target: Indicator, name: str) -> np.ndarray:
        """Return the columns of a target in the order of the labels."""
        n_columns = target.values.shape[1]
        if target.names is None:
            if n_columns != self.n_classes:
                raise ValueError(
                    invalid(
                        name,
                        f"a matrix with one column for each of the {self.n_classes} labels",
                        f"{n_columns} columns",
                        "Add a column of zeros for a label that does not occur.",
                    )
                )
            return target.values
        positions = {label: i for i, label in enumerate(target.names.tolist())}
        known = self.classes.tolist()
        if different := list_differences(positions, known, "label"):
            raise ValueError(
                invalid(
                    f"The columns of {name}",
                    f"the {self.n_classes} labels",
                    different,
                    "Add a column of zeros for a label that does not occur."
                    + hint_for([x for x in positions if x not in set(known)], known, "The labels"),
                )
            )
        return target.values[:, [positions[label] for label in known]]
