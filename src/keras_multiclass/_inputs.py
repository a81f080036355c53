"""Owns the features: checks X with scikit-learn's validation, measures mean and variance."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils.validation import validate_data

from ._memory_map import MemoryMap, is_to_be_mapped
from ._messages import describe, fault, listing
from ._streams import is_stream

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

_MOST_DIMENSIONS = 5
_CHUNK_VALUES = 2**22  # numbers converted to float64 at a time: 32 MiB
_NAN_CURE = (
    "Fill the gaps first, for example with make_pipeline(SimpleImputer(add_indicator=True), "
    "classifier), or drop these rows."
)
_INF_CURE = (
    "Replace infinite values; bring very large ones to a usual scale, for example with a "
    "logarithm or QuantileTransformer."
)
_ONE_INPUT_CURE = (
    "A network with several inputs gets them side by side in one array, and takes them apart."
)
_STREAM_CURE = (
    "A stream of batches is for fit, partial_fit and initialize; other methods take one batch "
    "at a time."
)
_ENCODE_CURE = (
    "Encode them first, for example with ColumnTransformer and OneHotEncoder or OrdinalEncoder "
    "in a pipeline."
)
_DATE_CURE = (
    "Turn dates into numbers first, for example year, month and weekday, or days since a "
    "fixed date."
)


def check_features(
    estimator: Any,
    X: Any,
    *,
    reset: bool,
    dtype: DTypeLike = np.float32,
    tokens: bool = False,
    allow_nan: bool = False,
) -> Any:
    """Check X and make it an array of one dtype.

    Sets (``reset=True``) or checks ``n_features_in_``, ``feature_names_in_`` and
    ``input_shape_`` on `estimator`, which may be half changed when this raises.

    Parameters
    ----------
    estimator : estimator
        Where the attributes are kept, and the name in scikit-learn's messages.
    X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
        The features: 2 to 5 dimensions, 2 for frames and sparse matrices.
    reset : bool
        True in ``fit``; False when X must agree with what was fitted.
    dtype : dtype, default=np.float32
        Dtype of the result. An array that has it already is not copied.
    tokens : bool, default=False
        Whether X holds token ids: whole numbers >= 0, of shape (n_samples, n_steps). The result
        is then int32.
    allow_nan : bool, default=False
        Whether NaN may stay, for a backbone that can take it.

    Returns
    -------
    ndarray, CSR matrix or MemoryMap
        Shape as X. A memory-mapped array of another dtype is converted as it is read.

    Raises
    ------
    ValueError, TypeError
        If X holds anything but finite numbers, is empty, or does not agree with the fitted shape
        or names.
    """
    if is_stream(X):
        raise TypeError(
            fault("X", "one array, data frame or sparse matrix", describe(X), _STREAM_CURE)
        )
    if isinstance(X, (list, tuple)):
        X = _list_to_array(X)
    _refuse_not_numbers(X)
    if sparse.issparse(X) and tokens:
        raise TypeError(fault("X", "a dense array of token ids", f"sparse {describe(X)}"))
    mapped = is_to_be_mapped(X, dtype) and not tokens
    options: dict[str, Any] = {
        "accept_sparse": "csr",
        "allow_nd": True,
        "dtype": None if mapped else "numeric" if tokens else dtype,
        "ensure_all_finite": False if mapped else "allow-nan" if allow_nan else True,
    }
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is reported as inf
            checked = _validate(estimator, X, reset, options)
            if mapped:
                checked = MemoryMap(checked, dtype)
                for chunk in checked.chunks():
                    assert_all_finite(
                        chunk,
                        allow_nan=allow_nan,
                        estimator_name=type(estimator).__name__,
                        input_name="X",
                    )
    except ValueError as error:
        raise _with_cure(error) from None
    _check_shape(estimator, checked, reset)
    return _to_tokens(checked) if tokens else checked


def standardization(
    X: Any,
    sample_weight: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    rows: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Measure mean and variance of each feature (last axis) with scikit-learn's StandardScaler.

    Works in float64 and in chunks, so that memory stays small; sparse X stays sparse.

    Parameters
    ----------
    X : ndarray of shape (n_rows, ..., n_features) or CSR matrix
        Checked features.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights of the rows; all steps or pixels of a row have its weight.
    mask : ndarray of bool of shape (n_rows, n_steps), default=None
        Which steps of padded sequences are real, see :func:`padding_mask`.
    rows : ndarray of shape (n_samples,), default=None
        The rows that count; None for all.

    Returns
    -------
    mean, variance : ndarray of shape (n_features,) and dtype float64
        The variance of a constant feature is given as 1, so that dividing by it is safe.
    """
    scaler = _scaler()
    _learn_moments(scaler, X, sample_weight, mask, rows)
    return _moments(scaler, X.shape[-1])


@dataclass(frozen=True)
class Scaling:
    """What counts as one feature when mean and variance are measured.

    Attributes
    ----------
    grey : bool, default=False
        Whether all pixels are one feature.
    masked : bool, default=False
        Whether steps of padding are left out, see :func:`padding_mask`.
    """

    grey: bool = False
    masked: bool = False

    def measure(
        self, X: Any, sample_weight: np.ndarray | None = None, rows: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Measure mean and variance as :func:`standardization` does."""
        mask = padding_mask(X) if self.masked else None
        return standardization(X[..., None] if self.grey else X, sample_weight, mask, rows)


class Moments:
    """Mean and variance of features that come in parts.

    Parameters
    ----------
    scaling : Scaling
        What counts as one feature.
    """

    def __init__(self, scaling: Scaling) -> None:
        self.scaling = scaling
        self._scalers: dict[int, StandardScaler] = {}
        self._n_features = 0

    def add(self, X: Any, sample_weight: np.ndarray | None, groups: np.ndarray | None) -> None:
        """Learn from some rows.

        Parameters
        ----------
        X : ndarray of shape (n_rows, ...) or CSR matrix
            Checked features.
        sample_weight : ndarray of shape (n_rows,) or None
            Weights of the rows.
        groups : ndarray of int of shape (n_rows,) or None
            The group of each row; rows of one group can be weighted when all is learned.
        """
        mask = padding_mask(X) if self.scaling.masked else None
        X = X[..., None] if self.scaling.grey else X
        self._n_features = X.shape[-1]
        # Without weights scikit-learn would count whole rows, and lose fractions of earlier ones.
        all_weights = np.ones(X.shape[0]) if sample_weight is None else sample_weight
        for group in [0] if groups is None else np.unique(groups).tolist():
            rows = None if groups is None else np.flatnonzero(groups == group)
            weights = all_weights if rows is None else all_weights[rows]
            scaler = self._scalers.setdefault(group, _scaler())
            _learn_moments(scaler, X, weights, mask, rows)

    def measure(self, group_weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Put the groups together.

        Parameters
        ----------
        group_weights : ndarray of shape (n_groups,) or None
            What multiplies the weights of the rows of each group; None if there is one group.

        Returns
        -------
        mean, variance : ndarray of shape (n_features,) and dtype float64
            As from :func:`standardization`.
        """
        if group_weights is None:
            return _moments(self._scalers[0], self._n_features)
        learned = [
            (group_weights[group] * np.max(scaler.n_samples_seen_), scaler)
            for group, scaler in self._scalers.items()
            if group_weights[group] > 0 and hasattr(scaler, "scale_")
        ]
        if not learned:
            return np.zeros(self._n_features), np.ones(self._n_features)
        weights = np.array([weight for weight, _ in learned])
        means = np.stack([scaler.mean_ for _, scaler in learned])
        variances = np.stack([scaler.var_ for _, scaler in learned])
        mean = np.average(means, axis=0, weights=weights)
        variance = np.average(variances + (means - mean) ** 2, axis=0, weights=weights)
        # StandardScaler's bound for what rounding leaves of the variance of a constant.
        rounding = weights.sum() * np.finfo(np.float64).eps
        constant = variance <= rounding * variance + (rounding * mean) ** 2
        return mean, np.where(constant, 1.0, variance)


def _scaler() -> StandardScaler:
    # Mean and variance are learned all the same, of dense and sparse rows.
    return StandardScaler(with_mean=False, copy=False)


def _learn_moments(
    scaler: StandardScaler,
    X: Any,
    sample_weight: np.ndarray | None,
    mask: np.ndarray | None,
    rows: np.ndarray | None,
) -> None:
    row_values = max(1, (X.nnz if sparse.issparse(X) else X.size) // X.shape[0])
    size = max(1, _CHUNK_VALUES // row_values)
    n_samples = X.shape[0] if rows is None else len(rows)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, n_samples, size):
            part = slice(start, start + size)
            chosen = part if rows is None else rows[part]
            values, weights = _real_rows(
                X[chosen],
                None if sample_weight is None else sample_weight[part],
                None if mask is None else mask[chosen],
            )
            if values.shape[0]:
                scaler.partial_fit(values, sample_weight=weights)


def _moments(scaler: StandardScaler, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    if not hasattr(scaler, "scale_"):  # every step is padding
        return np.zeros(n_features), np.ones(n_features)
    variance = np.where(scaler.scale_ == 1.0, 1.0, scaler.var_)
    mean = np.nan_to_num(np.asarray(scaler.mean_, dtype=np.float64))
    return mean, np.nan_to_num(variance.astype(np.float64), nan=1.0)


def padding_mask(X: np.ndarray) -> np.ndarray:
    """Mark the real steps of padded sequences.

    A step whose features are all zero is padding wherever it stands, first, last or between, as
    in ``keras.layers.Masking(mask_value=0.)``.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_steps, n_features)
        Checked sequences, before any scaling.

    Returns
    -------
    ndarray of bool of shape (n_samples, n_steps)
        True for real steps.
    """
    size = max(1, _CHUNK_VALUES * X.shape[0] // X.size)
    parts = [np.any(X[i : i + size] != 0, axis=2) for i in range(0, X.shape[0], size)]
    return np.concatenate(parts)


def dense(batch: Any) -> np.ndarray:
    """Return a contiguous array in memory for a batch of rows, sparse or memory-mapped."""
    return batch.toarray() if sparse.issparse(batch) else np.ascontiguousarray(batch)


class _NamedColumns:
    """The shape and names of a frame, in the way that scikit-learn before 1.9 reads names."""

    def __init__(self, X: Any) -> None:
        self.shape = X.shape
        self._names = list(X.columns)

    def __dataframe__(self) -> _NamedColumns:
        return self

    def column_names(self) -> list[str]:
        return self._names


def _validate(estimator: Any, X: Any, reset: bool, options: dict[str, Any]) -> Any:
    if _library(X) == "polars" and hasattr(X, "columns") and not _names_are_read(X):
        validate_data(estimator, _NamedColumns(X), reset=reset, skip_check_array=True)
        return check_array(X, estimator=estimator, input_name="X", **options)
    return validate_data(estimator, X, reset=reset, **options)


def _names_are_read(X: Any) -> bool:
    """Try whether this scikit-learn reads the column names of this kind of frame."""
    probe = BaseEstimator()
    validate_data(probe, X, reset=True, skip_check_array=True)
    return hasattr(probe, "feature_names_in_")


def _library(X: Any) -> str | None:
    top = type(X).__module__.partition(".")[0]
    return top if top in ("pandas", "polars") and top in sys.modules else None


def _list_to_array(X: Any) -> Any:
    try:
        return np.asarray(X)
    except ValueError:
        raise ValueError(
            fault(
                "X",
                "rows of equal length",
                f"{describe(X)} with rows of different lengths",
                "Pad sequences to one length, for example with keras.utils.pad_sequences.",
            )
        ) from None


def _refuse_not_numbers(X: Any) -> None:
    """Refuse what scikit-learn would convert without asking, or refuse without naming a cure."""
    library = _library(X)
    if library and hasattr(X, "collect"):
        raise TypeError(fault("X", "in memory", describe(X), "Call X.collect() first."))
    if library and hasattr(X, "columns"):
        repeated = [name for name, times in Counter(X.columns).items() if times > 1]
        if repeated:
            raise ValueError(
                fault("X", "a frame with different column names", f"repeated {listing(repeated)}")
            )
        kinds = _pandas_kinds(X) if library == "pandas" else _polars_kinds(X)
        for kind in ("complex", "dates", "text"):
            _refuse_kind(kind, [name for name, found in kinds if found == kind], X)
        return
    if np.ma.is_masked(X):
        raise ValueError(f"Input X contains NaN (masked values). {_NAN_CURE}")
    if not hasattr(X, "dtype"):
        as_array = np.asarray(X)
        if as_array.ndim == 0 and as_array.dtype.kind == "O":  # NumPy does not see rows in it
            raise TypeError(
                fault("X", "one array, data frame or sparse matrix", describe(X), _ONE_INPUT_CURE)
            )
    array_kind = getattr(getattr(X, "dtype", None), "kind", "")
    if array_kind:
        kind = _kind_of(array_kind, X)
        if kind:
            _refuse_kind(kind, None, X)


def _kind_of(dtype_kind: str, values: Any) -> str:
    if dtype_kind == "c":
        return "complex"
    if dtype_kind in "mM":
        return "dates"
    if dtype_kind in "USTV":
        return "text"
    if dtype_kind == "O" and isinstance(values, np.ndarray):
        return "text" if any(isinstance(v, (str, bytes)) for v in values.ravel()) else ""
    return ""


def _pandas_kinds(X: Any) -> list[tuple[Any, str]]:
    kinds = []
    for position, (name, dtype) in enumerate(zip(X.columns, X.dtypes, strict=True)):
        if dtype.kind == "O" and not isinstance(dtype, np.dtype):
            kinds.append((name, "text"))  # category, string, interval, period
        else:
            values = X.iloc[:, position].to_numpy() if dtype.kind == "O" else None
            kinds.append((name, _kind_of(dtype.kind, values)))
    return kinds


def _polars_kinds(X: Any) -> list[tuple[Any, str]]:
    kinds = []
    for name, dtype in zip(X.columns, X.dtypes, strict=True):
        if dtype.is_temporal():
            kinds.append((name, "dates"))
        elif dtype.is_numeric() or str(dtype) in ("Boolean", "Null"):
            kinds.append((name, ""))
        else:
            kinds.append((name, "text"))
    return kinds


def _refuse_kind(kind: str, names: list[Any] | None, X: Any) -> None:
    if names is not None and not names:
        return
    what, cure = {
        "complex": ("complex numbers", "Pass real and imaginary parts as features of their own."),
        "dates": ("dates or times", _DATE_CURE),
        "text": ("strings or categories", _ENCODE_CURE),
    }[kind]
    if names is None:
        got = f"{what} ({describe(X)})"
    else:
        plural = "column" if len(names) == 1 else "columns"
        got = f"{what} in {plural} {listing(names)}"
    # scikit-learn's own words come first for complex numbers: its checks look for them.
    prefix = "Complex data not supported. " if kind == "complex" else ""
    raise ValueError(prefix + fault("X", "real numbers", got, cure))


def _with_cure(error: ValueError) -> ValueError:
    text = str(error)
    head, shown, tail = text.partition(":\narray=")
    if shown:  # scikit-learn prints a whole 1-d X
        return ValueError(f"{head}. {tail[tail.rindex('Reshape your data') :]}")
    if "contains NaN" in text:
        return ValueError(f"{text}\n{_NAN_CURE}")
    if "contains infinity" in text:
        return ValueError(f"{text} {_INF_CURE}")
    return error


def _check_shape(estimator: Any, X: Any, reset: bool) -> None:
    if X.ndim > _MOST_DIMENSIONS:
        raise ValueError(fault("X", f"of 2 to {_MOST_DIMENSIONS} dimensions", describe(X)))
    if 0 in X.shape:
        raise ValueError(fault("X", "at least one row and one value in each", describe(X)))
    shape = tuple(int(size) for size in X.shape[1:])
    if reset:
        estimator.input_shape_ = shape
        return
    fitted = getattr(estimator, "input_shape_", shape)
    if shape != fitted:
        raise ValueError(
            fault(
                "Each row of X",
                f"of shape {fitted}, as in fit",
                f"shape {shape}",
                "Reshape X, or fit anew.",
            )
        )


def _to_tokens(X: np.ndarray) -> np.ndarray:
    def refuse(got: str) -> NoReturn:
        raise ValueError(
            fault("X", "2-d token ids, whole numbers from 0 to 2**31 - 1", got, "Use 0 to pad.")
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


def _real_rows(
    X: Any, weights: np.ndarray | None, mask: np.ndarray | None
) -> tuple[Any, np.ndarray | None]:
    """Flatten a chunk to (n, n_features) float64 and leave out padding and rows of weight zero."""
    if weights is not None and not weights.all():
        kept = weights > 0
        X, weights, mask = X[kept], weights[kept], None if mask is None else mask[kept]
    if X.ndim > 2:
        if weights is not None:
            steps = X.shape[1:-1]
            weights = np.broadcast_to(weights.reshape(-1, *[1] * len(steps)), X.shape[:-1])
            weights = weights.ravel() if mask is None else weights[mask]
        X = X.reshape(-1, X.shape[-1]) if mask is None else X[mask]
    weights = None if weights is None else weights.astype(np.float64)
    return X.astype(np.float64), weights
