"""Checks X with scikit-learn's validation, and converts it to one dtype."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils.validation import validate_data

from keras_multiclass._data.advice import advise_on_infinite, advise_on_missing
from keras_multiclass._data.cast_on_read import CastOnRead, needs_cast_on_read
from keras_multiclass._data.columns.categories import CategoricalColumns
from keras_multiclass._data.foreign import check_container
from keras_multiclass._data.frames import library_of_frame
from keras_multiclass._data.offsets import Offsets
from keras_multiclass._data.one_input import check_one_input
from keras_multiclass._data.refusals import refuse_not_numbers, refuse_repeated
from keras_multiclass._data.sequences import Sequences
from keras_multiclass._data.streams.stream import is_stream
from keras_multiclass._data.values import to_plain, without_integer_objects
from keras_multiclass._shared.messages import describe, invalid

_MOST_DIMENSIONS = 5
_STREAM_CURE = "A stream of batches cannot be part of other data."
_AS_INTEGERS = "Pass them as integers, all of one dtype."
_SERIES = "Pass series of numbers in shape (n, steps, 1), for example X[..., None]."
_FILL_VALUE_CURE = "Pass X.sparse.to_dense(), or columns of dtype pandas.SparseDtype(float, 0)."


@functools.lru_cache(maxsize=64)
def stand_in(name: str) -> type[BaseEstimator]:
    """Return the class of an estimator on which scikit-learn notes names and number of columns.

    Parameters
    ----------
    name : str
        Name of the class.
    """
    return type(name, (BaseEstimator,), {})


@dataclass(frozen=True)
class Reader:
    """Checks one X with scikit-learn's validation.

    Attributes
    ----------
    dtype, token_ids, columns, allow_nan, estimator_name, offsets
        As those of `FeatureSchema`.
    """

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

    def read(self, X: Any, estimator: BaseEstimator, *, reset: bool) -> Any:
        """Check X and convert it, and note or compare number and names of its columns.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
            The features.
        estimator : BaseEstimator
            Holds number and names.
        reset : bool
            Whether to note them there, instead of comparing.

        Returns
        -------
        ndarray, CSR matrix or CastOnRead
            Shape as X.
        """
        if isinstance(X, Sequences):
            return X.with_steps(self.read(X.steps, estimator, reset=reset))
        if is_stream(X):
            raise TypeError(
                invalid("X", "one array, data frame or sparse matrix", describe(X), _STREAM_CURE)
            )
        check_container(X)
        check_one_input(X)
        if library_of_frame(X):
            refuse_repeated(X)
        if self.columns is not None:
            X = X if hasattr(X, "shape") else np.asarray(X, dtype=object)
            check_column_names(estimator, X, reset=reset)
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
        if self.reads_integers:
            X = without_integer_objects(X)  # which scikit-learn would convert to floats
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
        if is_lazy and X.dtype.kind == "f":
            for chunk in checked.chunks():
                assert_all_finite(
                    chunk,
                    allow_nan=self.allow_nan,
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
        check_column_names(estimator, X, reset=reset)
    else:
        return validate_data(estimator, X, reset=reset, **options)
    return check_array(X, estimator=estimator, input_name="X", **options)


def check_column_names(estimator: Any, X: Any, *, reset: bool) -> None:
    """Note number and names of the columns on an estimator, or compare them with those noted.

    Parameters
    ----------
    estimator : BaseEstimator
        Holds number and names.
    X : ndarray or DataFrame of shape (n_rows, n_columns)
        The table.
    reset : bool
        Whether to note them, instead of comparing.
    """
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
    # Only their texts tell scikit-learn's errors from one another; tests/data/test_advice.py fails
    # if they change.
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
    """Cast X, or raise if a network that reads integers would change its numbers."""
    values, limits = X.data if sparse.issparse(X) else X, np.iinfo(dtype)

    def refuse(
        got: str, cure: str = "Begin it with a keras.Input of the dtype that X needs."
    ) -> NoReturn:
        raise ValueError(
            invalid(
                "X",
                f"whole numbers from {limits.min} to {limits.max}, because the network reads "
                f"integers of dtype {dtype}",
                got,
                cure,
            )
        )

    if values.dtype.kind not in "biuf":
        refuse(describe(X))
    if values.dtype.kind == "f" and np.any(np.trunc(values) != values):
        refuse(f"{describe(X)} with fractions")
    if values.size and not limits.min <= int(values.min()) <= int(values.max()) <= limits.max:
        refuse(f"{describe(X)} with others")
    if _may_be_rounded(values):
        refuse(_rounded(values.dtype), _AS_INTEGERS)
    return X.astype(dtype, copy=False)


def _may_be_rounded(values: Any) -> bool:
    """Whether floats are so large that their dtype does not hold every whole number."""
    if values.dtype.kind != "f" or not values.size:
        return False
    return bool(np.abs(values).max() >= 2 ** (np.finfo(values.dtype).nmant + 1))


def _rounded(dtype: np.dtype[Any]) -> str:
    bits = np.finfo(dtype).nmant + 1
    return f"numbers from 2**{bits}, which {dtype} rounds"


def _to_tokens(X: np.ndarray) -> np.ndarray:
    def refuse(got: str, cure: str = f"Use 0 for padding. {_SERIES}") -> NoReturn:
        raise ValueError(
            invalid("X", "2-d token ids, whole numbers from 0 to 2**31 - 1", got, cure)
        )

    if X.ndim != 2 or X.dtype.kind not in "iuf":
        refuse(describe(X))
    if X.dtype.kind == "f" and np.any(np.trunc(X) != X):
        refuse(f"{describe(X)} with fractions", _SERIES)
    if X.min() < 0:
        refuse("negative numbers")
    if X.max() > np.iinfo(np.int32).max:
        refuse("larger numbers")
    if _may_be_rounded(X):
        refuse(_rounded(X.dtype), _AS_INTEGERS)
    return X.astype(np.int32, copy=False)
