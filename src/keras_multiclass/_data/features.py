"""The features: X checked with scikit-learn's validation, and what `fit` learns about it."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils.validation import validate_data

from keras_multiclass._data.advice import advise_on_infinite, advise_on_missing
from keras_multiclass._data.cast_on_read import CastOnRead, needs_cast_on_read
from keras_multiclass._data.categories import CategoricalColumns
from keras_multiclass._data.column_names import Names, check_names, names_of
from keras_multiclass._data.foreign import check_container
from keras_multiclass._data.frames import library_of_frame
from keras_multiclass._data.offsets import Offsets, has_precision, some_rows
from keras_multiclass._data.precision import warn_of_precision
from keras_multiclass._data.refusals import refuse_not_numbers, refuse_repeated
from keras_multiclass._data.rows import Features
from keras_multiclass._data.streams import is_stream
from keras_multiclass._data.values import to_plain
from keras_multiclass._shared.messages import describe, invalid

_MOST_DIMENSIONS = 5
_STREAM_CURE = (
    "Only fit, partial_fit and initialize accept a stream of batches; pass one batch at a time to "
    "other methods."
)
_FILL_VALUE_CURE = "Pass X.sparse.to_dense(), or columns of dtype pandas.SparseDtype(float, 0)."


@dataclass(frozen=True, eq=False)
class FeatureSchema:
    """What `fit` learns about X, and how X is checked from then on.

    Made by `learn` and `learn_values`; never changed, so that it can be shared and pickled.

    Attributes
    ----------
    input_shape : tuple of int
        Shape of one row.
    n_features_in : int
        Size of the second axis of X.
    feature_names_in : ndarray of str of shape (n_features_in,) or None
        Column names, if X was a data frame whose column names are all strings.
    dtype : {"float32", "float64"}
        Dtype in which numbers are passed to the network.
    token_ids : bool
        Whether X holds token ids, whole numbers of at least 0.
    integer_dtype : str or None
        Dtype of an input layer of the user's own for integers, to which X is cast instead.
    columns : CategoricalColumns or None
        The categorical columns, which become codes; None if all columns are numeric.
    allow_nan : bool
        Whether a table may have NaN, for a network that fills missing values.
    estimator_name : str
        Name of the estimator in scikit-learn's messages.
    names : tuple or None
        Column names of any type, if X was a data frame.
    offsets : Offsets or None
        What is subtracted from X before it is cast; None if nothing is.
    """

    input_shape: tuple[int, ...]
    n_features_in: int
    feature_names_in: np.ndarray | None
    dtype: str = "float32"
    token_ids: bool = False
    columns: CategoricalColumns | None = None
    allow_nan: bool = False
    estimator_name: str = "Estimator"
    names: Names | None = None
    offsets: Offsets | None = None
    integer_dtype: str | None = None

    @classmethod
    def learn(
        cls,
        X: Any,
        *,
        dtype: str = "float32",
        token_ids: bool = False,
        columns: CategoricalColumns | None = None,
        allow_nan: bool = False,
        estimator_name: str = "Estimator",
        integer_dtype: str | None = None,
    ) -> tuple[FeatureSchema, Features]:
        """Learn shape and names of X, and check it.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
            The features: 2 to 5 dimensions, 2 for frames and sparse matrices.
        dtype, token_ids, columns, allow_nan, estimator_name, integer_dtype
            As the attributes.

        Returns
        -------
        schema : FeatureSchema
            What was learned.
        X : ndarray, CSR matrix or CastOnRead
            As from `check`.

        Raises
        ------
        ValueError, TypeError
            If X holds anything but finite numbers, or is empty.
        """
        reader = _Reader(
            dtype, token_ids, columns, allow_nan, estimator_name, integer_dtype=integer_dtype
        )
        estimator = _stand_in(estimator_name)()
        checked = reader.read(X, estimator, reset=True)
        schema = cls(
            tuple(int(size) for size in checked.shape[1:]),
            int(estimator.n_features_in_),
            getattr(estimator, "feature_names_in_", None),
            dtype,
            token_ids,
            columns,
            allow_nan,
            estimator_name,
            names=names_of(X),
            integer_dtype=integer_dtype,
        )
        return schema, checked

    def learn_values(
        self,
        X: Any,
        checked: Features,
        rows: np.ndarray | None = None,
        *,
        subtract_offsets: bool = True,
        is_part: bool = False,
    ) -> tuple[FeatureSchema, Features]:
        """Learn what depends on values, from the training rows: categories and offsets.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
            The features.
        checked : ndarray, CSR matrix or CastOnRead
            The same, checked; its codes of categories may be changed.
        rows : ndarray of int, default=None
            Indices of the training rows; None for all.
        subtract_offsets : bool, default=True
            Whether `offsets` are subtracted where a cast would make values equal; otherwise this is
            a warning.
        is_part : bool, default=False
            Whether more rows follow, so that it is too early for warnings.

        Returns
        -------
        schema : FeatureSchema
            What was learned.
        X : ndarray, CSR matrix or CastOnRead
            As from its `check`.
        """
        columns = self.columns
        if columns is not None and rows is not None:
            columns = columns.limited_to(rows, np.asarray(checked))
        schema = replace(self, columns=columns)
        if not schema.may_be_rounded(X):
            return schema, checked
        sample = schema.sample(some_rows(X, checked.shape[0], checked.size, rows))
        if subtract_offsets:
            schema = replace(schema, offsets=schema._reader.find_offsets(sample))
        if not is_part:
            schema.warn_of_precision(sample, is_raw=not subtract_offsets)
        return schema, checked if schema.offsets is None else schema.check(X)

    def may_be_rounded(self, X: Any) -> bool:
        """Return whether X may hold numbers that a cast would round."""
        return not self._reader.reads_integers and has_precision(X, self.dtype)

    def sample(self, X: Any) -> Any:
        """Check some rows, and return them in 64 bits and without offsets."""
        reader = replace(self._reader, dtype="float64", offsets=None)
        checked = reader.read(X, _stand_in(self.estimator_name)(), reset=True)
        return checked[:] if isinstance(checked, CastOnRead) else checked

    def warn_of_precision(self, sample: Any, **options: bool) -> None:
        """Warn of features that the dtype cannot hold, see the function of this name."""
        warn_of_precision(sample, self.dtype, self.offsets, self.names, **options)

    def check(self, X: Any) -> Features:
        """Check X against what was learned, and convert it to one dtype.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
            The features.

        Returns
        -------
        ndarray, CSR matrix or CastOnRead
            Shape as X, int32 for token ids. An array that has the dtype already is not copied; a
            memory-mapped array of another dtype, and a large one of fewer bits, is converted as it
            is read.

        Raises
        ------
        ValueError, TypeError
            If X holds anything but finite numbers, is empty, or differs from the learned shape
            or names.
        """
        check_names(X, self.names, self.estimator_name)
        self._check_length(X)
        estimator = _stand_in(self.estimator_name)()
        estimator.n_features_in_ = self.n_features_in
        if self.feature_names_in is not None:
            estimator.feature_names_in_ = self.feature_names_in
        checked = self._reader.read(X, estimator, reset=False)
        shape = tuple(int(size) for size in checked.shape[1:])
        if shape != self.input_shape:
            raise ValueError(
                invalid(
                    "Each row of X",
                    f"of shape {self.input_shape}, as in fit",
                    f"shape {shape}",
                    "Reshape X, or fit again.",
                )
            )
        return checked

    def _check_length(self, X: Any) -> None:
        """Raise for sequences of another length, which scikit-learn would call features."""
        shape = tuple(getattr(X, "shape", ()))[1:]
        expected = self.input_shape
        if shape == expected or len(shape) != len(expected) or shape[1:] != expected[1:]:
            return
        if self.token_ids or len(expected) == 2:
            dtype = "int32" if self.token_ids else "float32"
            raise ValueError(
                invalid(
                    "Each row of X",
                    f"of shape {expected}, as in fit",
                    f"shape {shape}",
                    "Pad or cut sequences to this length: X = keras.utils.pad_sequences(X, "
                    f"maxlen={expected[0]}, padding='post', truncating='post', dtype='{dtype}').",
                )
            )

    @property
    def _reader(self) -> _Reader:
        return _Reader(
            self.dtype,
            self.token_ids,
            self.columns,
            self.allow_nan,
            self.estimator_name,
            offsets=self.offsets,
            integer_dtype=self.integer_dtype,
        )

    @property
    def input_dtype(self) -> str:
        """Dtype of the checked X."""
        return "int32" if self.token_ids else self.integer_dtype or self.dtype

    @property
    def column_names(self) -> list[str]:
        """Names of the columns of a table, ``x0``, ``x1``, ... if it has none."""
        if self.feature_names_in is None:
            return [f"x{i}" for i in range(self.n_features_in)]
        return list(self.feature_names_in)


@functools.lru_cache(maxsize=64)
def _stand_in(name: str) -> type[BaseEstimator]:
    """Return the class of an estimator on which scikit-learn notes names and number of columns."""
    return type(name, (BaseEstimator,), {})


@dataclass(frozen=True)
class _Reader:
    """Checks one X with scikit-learn's validation; see the attributes of `FeatureSchema`."""

    dtype: str
    token_ids: bool
    columns: CategoricalColumns | None
    allow_nan: bool
    estimator_name: str
    offsets: Offsets | None = None
    integer_dtype: str | None = None

    @property
    def reads_integers(self) -> bool:
        """Whether X holds integers, which no float may round."""
        return self.token_ids or self.integer_dtype is not None

    def find_offsets(self, sample: Any) -> Offsets | None:
        """Find the offsets that the numeric columns need."""
        offsets = Offsets.learn(sample, self.dtype)
        if offsets is None or self.columns is None:
            return offsets
        return offsets.without(column.position for column in self.columns.categorical)

    def read(self, X: Any, estimator: BaseEstimator, *, reset: bool) -> Any:
        """Check X, and set (``reset``) or compare number and names of its columns."""
        if is_stream(X):
            raise TypeError(
                invalid("X", "one array, data frame or sparse matrix", describe(X), _STREAM_CURE)
            )
        check_container(X)
        if library_of_frame(X):
            refuse_repeated(X)
        if self.columns is not None:
            X = X if hasattr(X, "shape") else np.asarray(X, dtype=object)
            _check_names(estimator, X, reset)
        elif isinstance(X, (list, tuple)):
            X = _list_to_array(X)
        categorical = self.columns.positions if self.columns else frozenset()
        refuse_not_numbers(X, categorical, token_ids=self.token_ids)
        if sparse.issparse(X) and self.token_ids:
            raise TypeError(invalid("X", "a dense array of token ids", f"sparse {describe(X)}"))
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # overflow is reported as infinity
                checked = self._convert(to_plain(X, categorical), estimator, reset)
        except ValueError as error:
            raise _with_cure(error, X, token_ids=self.token_ids) from None
        _check_dimensions(checked)
        if self.integer_dtype is not None:
            return _to_integers(checked, self.integer_dtype)
        return _to_tokens(checked) if self.token_ids else checked

    def _convert(self, X: Any, estimator: BaseEstimator, reset: bool) -> Any:
        is_plain = self.columns is None and not self.reads_integers
        is_lazy = is_plain and needs_cast_on_read(X, self.dtype, self.offsets)
        options: dict[str, Any] = {
            "accept_sparse": "csr",
            "allow_nd": True,
            "dtype": None if is_lazy else "numeric" if self.reads_integers else self.dtype,
            "ensure_all_finite": False if is_lazy else "allow-nan" if self.allow_nan else True,
        }
        checked = _validate(estimator, X, reset, options, self.columns)
        if is_lazy:
            checked = CastOnRead(checked, self.dtype, self.offsets)
        elif self.offsets is not None:
            checked = self.offsets.subtract(X, checked)
        if X.dtype.kind == "f" if is_lazy else self.allow_nan and checked.ndim > 2:
            for chunk in checked.chunks() if is_lazy else [checked]:
                assert_all_finite(
                    chunk,
                    allow_nan=self.allow_nan and checked.ndim == 2,
                    estimator_name=self.estimator_name,
                    input_name="X",
                )
        return checked


class _NamedColumns:
    """The shape and names of a frame, in the way that scikit-learn before 1.9 reads names."""

    def __init__(self, X: Any) -> None:
        self.shape = X.shape
        self._names = list(X.columns)

    def __dataframe__(self) -> _NamedColumns:
        return self

    def column_names(self) -> list[str]:
        return self._names


def _validate(
    estimator: Any, X: Any, reset: bool, options: dict[str, Any], columns: CategoricalColumns | None
) -> Any:
    if columns is not None:  # whose names were looked at before
        X = columns.encode(X, options["dtype"])
    elif _has_unread_names(X):
        _check_names(estimator, X, reset)
    else:
        return validate_data(estimator, X, reset=reset, **options)
    return check_array(X, estimator=estimator, input_name="X", **options)


def _check_names(estimator: Any, X: Any, reset: bool) -> None:
    """Set, or compare, number and names of the columns."""
    named = _NamedColumns(X) if _has_unread_names(X) else X
    validate_data(estimator, named, reset=reset, skip_check_array=True)


def _has_unread_names(X: Any) -> bool:
    """Try whether this scikit-learn does not read the column names of this kind of frame."""
    if library_of_frame(X) != "polars":
        return False
    probe = BaseEstimator()
    validate_data(probe, X, reset=True, skip_check_array=True)
    return not hasattr(probe, "feature_names_in_")


def _list_to_array(X: Any) -> Any:
    try:
        return np.asarray(X)
    except ValueError:
        table = _table_of_objects(X)
        if table is not None:
            return table
        raise ValueError(
            invalid(
                "X",
                "rows of equal length",
                f"{describe(X)} with rows of different lengths",
                "Pad sequences to one length, for example with X = keras.utils.pad_sequences(X, "
                "padding='post', dtype='float32').",
            )
        ) from None


def _table_of_objects(X: Any) -> np.ndarray | None:
    """Return rows of equal length some of whose cells hold several values; None for other rows."""
    if not all(isinstance(row, (list, tuple)) for row in X) or len(set(map(len, X))) != 1:
        return None
    table = np.empty((len(X), len(X[0])), dtype=object)
    for i, row in enumerate(X):
        for j, value in enumerate(row):
            table[i, j] = value
    holds_one = [all(np.ndim(value) == 0 for value in column) for column in table.T.tolist()]
    return table if any(holds_one) else None


def _with_cure(error: ValueError, X: Any, *, token_ids: bool) -> ValueError:
    text = str(error)
    head, shown, tail = text.partition(":\narray=")
    if shown:  # scikit-learn prints a whole 1-d X
        return ValueError(f"{head}. {tail[tail.rindex('Reshape your data') :]}")
    if "contains NaN" in text:
        return ValueError(f"{text}\n{advise_on_missing(X, token_ids=token_ids)}")
    if "contains infinity" in text:
        return ValueError(f"{text} {advise_on_infinite(X, token_ids=token_ids)}")
    return ValueError(f"{text}. {_FILL_VALUE_CURE}") if "fill value must be 0" in text else error


def _check_dimensions(X: Any) -> None:
    if X.ndim > _MOST_DIMENSIONS:
        raise ValueError(invalid("X", f"of 2 to {_MOST_DIMENSIONS} dimensions", describe(X)))
    if 0 in X.shape:
        raise ValueError(invalid("X", "at least one row and one value in each", describe(X)))


def _to_integers(X: Any, dtype: str) -> Any:
    """Cast X, or raise if an input layer for integers would change its numbers."""
    values, limits = X.data if sparse.issparse(X) else X, np.iinfo(dtype)

    def refuse(got: str) -> NoReturn:
        raise ValueError(
            invalid(
                "X",
                f"whole numbers from {limits.min} to {limits.max}, because the network has an input"
                f" layer of dtype {dtype}",
                got,
                "Give keras.Input the dtype that X needs.",
            )
        )

    if values.dtype.kind not in "biuf":
        refuse(describe(X))
    if values.dtype.kind == "f" and np.any(np.trunc(values) != values):
        refuse(f"{describe(X)} with fractions")
    if values.size and not limits.min <= int(values.min()) <= int(values.max()) <= limits.max:
        refuse(f"{describe(X)} with others")
    return X.astype(dtype, copy=False)


def _to_tokens(X: np.ndarray) -> np.ndarray:
    def refuse(got: str) -> NoReturn:
        raise ValueError(
            invalid(
                "X", "2-d token ids, whole numbers from 0 to 2**31 - 1", got, "Use 0 for padding."
            )
        )

    if X.ndim != 2 or X.dtype.kind not in "iuf":
        refuse(describe(X))
    if X.dtype.kind == "f" and np.any(np.trunc(X) != X):
        refuse(f"{describe(X)} with fractions")
    if X.min() < 0:
        refuse("negative numbers")
    if X.max() > np.iinfo(np.int32).max:
        refuse("larger numbers")
    return X.astype(np.int32, copy=False)
