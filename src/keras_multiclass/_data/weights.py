"""Sample weights and class weights: validation, and their product for each row."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_array

from keras_multiclass._data.labels.hints import hint_for
from keras_multiclass._data.labels.target import class_indices
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid, quote

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from keras_multiclass._data.labels.codec import LabelCodec

# Sums of weights up to 2 to this power are far from the limits of float32, even over many rows.
_LARGEST_EXPONENT = 40

ALL_WEIGHTS_ZERO = (
    "The weights of all rows are zero; sample_weight and class_weight must leave at least one "
    "row with a non-zero weight."
)


def check_sample_weight(
    sample_weight: Any,
    n_samples: int,
    dtype: DTypeLike = np.float32,
    name: str = "sample_weight",
    *,
    allow_all_zero: bool = False,
) -> np.ndarray | None:
    """Validate the sample weights.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), number or None
        The weights; a number is the weight of every row.
    n_samples : int
        Number of rows of X.
    dtype : dtype, default=np.float32
        Dtype of the result.
    name : str, default="sample_weight"
        Name of the weights in error messages.
    allow_all_zero : bool, default=False
        Whether all weights may be zero, as in one batch of a stream.

    Returns
    -------
    ndarray of shape (n_samples,) or None
        The weights, which may share memory with the argument; None for no weights.

    Raises
    ------
    ValueError
        If the weights are not 1-d, finite and non-negative, are all zero, or are not one for each
        row.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, numbers.Number):
        sample_weight = np.full(n_samples, sample_weight)
    if np.asarray(sample_weight).dtype.kind in "USmMc":
        raise ValueError(invalid(name, "real numbers", describe(np.asarray(sample_weight))))
    # check_array reports values that overflow as infinity.
    with np.errstate(over="ignore", invalid="ignore"):
        weights = check_array(
            sample_weight, ensure_2d=False, allow_nd=True, dtype=dtype, input_name=name
        )
    if weights.shape != (n_samples,):
        raise ValueError(
            invalid(
                name,
                f"1-d with one weight for each of the {n_samples} rows of X",
                describe(weights),
            )
        )
    if weights.min() < 0:
        raise ValueError(
            invalid(name, "non-negative", f"{int(np.sum(weights < 0))} negative weights")
        )
    if not allow_all_zero and not weights.any():
        raise ValueError(
            f"Sample weights must contain at least one non-zero number; got {name} all zero. "
            "Pass None for equal weights."
        )
    return weights


def rounded(weights: np.ndarray | None, dtype: DTypeLike) -> np.ndarray | None:
    """Round weights to the precision of a dtype, whatever their size.

    Parameters
    ----------
    weights : ndarray of float64 of shape (n_samples,) or None
        Validated sample weights.
    dtype : dtype
        The dtype that they will be converted to.
    """
    if weights is None or np.dtype(dtype) == np.float64:
        return weights
    mantissas, exponents = np.frexp(weights)
    return np.ldexp(mantissas.astype(dtype).astype(np.float64), exponents)


def resolve_class_weight(
    class_weight: Any,
    codec: LabelCodec,
    codes: np.ndarray,
    sample_weight: np.ndarray | None = None,
) -> np.ndarray | None:
    """Return the weight of each class index.

    Parameters
    ----------
    class_weight : {"balanced"}, dict of {label: weight} or None
        ``"balanced"`` is scikit-learn's ``n_samples / (n_classes * n_samples_of_class)`` over
        the classes that occur, with rows counted by their `sample_weight` as in scikit-learn's
        ``compute_class_weight`` since 1.7: a weight of 2 equals a repeated row. Labels missing
        from a dict, and classes that do not occur, have weight 1.
    codec : LabelCodec
        Codec of the classes.
    codes : ndarray of shape (n_samples,)
        Class indices of the rows.
    sample_weight : ndarray of shape (n_samples,), default=None
        Validated sample weights.

    Returns
    -------
    ndarray of shape (n_classes,) and dtype float64, or None
        None if `class_weight` is None or empty.

    Raises
    ------
    ValueError
        If a label is not a class, or the weights are not finite and non-negative, or all zero.
    TypeError
        If `class_weight` is of another type.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str) and class_weight == "balanced":
        return _balanced(codes, codec.n_classes, sample_weight)
    allowed = "None, 'balanced' or a dict of {label: weight}"
    if isinstance(class_weight, str):
        hint = did_you_mean(class_weight, ["balanced"])
        raise ValueError(invalid("class_weight", allowed, describe(class_weight), hint.strip()))
    if not isinstance(class_weight, Mapping):
        raise TypeError(invalid("class_weight", allowed, describe(class_weight)))
    return _from_mapping(class_weight, codec) if class_weight else None


def combine_weights(
    sample_weight: np.ndarray | None,
    class_weight: np.ndarray | None,
    codes: np.ndarray,
    dtype: DTypeLike = np.float32,
    *,
    exponent: int | None = None,
    allow_all_zero: bool = False,
) -> np.ndarray | None:
    """Multiply sample weights by class weights.

    Only their ratios matter, so products that are too large or too small for sums in float32 are
    divided by a power of two, which is exact.

    Parameters
    ----------
    sample_weight : ndarray of shape (n_samples,) or None
        Validated sample weights.
    class_weight : ndarray of shape (n_classes,) or None
        Result of :func:`resolve_class_weight`.
    codes : ndarray of shape (n_samples,) or (n_samples, n_classes)
        Class indices of the rows, or soft labels, of which the largest counts.
    dtype : dtype, default=np.float32
        Dtype of the result.
    exponent : int, default=None
        The power of two to divide by; by default that of the largest product, see
        :func:`scale_exponent`.
    allow_all_zero : bool, default=False
        As in :func:`check_sample_weight`.

    Returns
    -------
    ndarray of shape (n_samples,) or None
        A new array; None if both weights are None.

    Raises
    ------
    ValueError
        If all products are zero, or one overflows `dtype`.
    """
    if sample_weight is None and class_weight is None:
        return None
    if class_weight is None:
        product = np.array(sample_weight, dtype=np.float64)
    else:
        product = class_weight[class_indices(codes)].astype(np.float64)
        if sample_weight is not None:
            with np.errstate(over="ignore"):
                product *= sample_weight
    if exponent is None:
        exponent = scale_exponent(product.max(initial=0.0))
    if exponent:
        product = np.ldexp(product, -exponent)
    with np.errstate(over="ignore"):
        weights = product.astype(dtype)
    if not np.isfinite(weights).all():
        raise ValueError(
            invalid(
                "sample_weight times class_weight",
                f"finite in {np.dtype(dtype).name}",
                "infinite products",
                "Only the ratios of weights matter: use smaller weights.",
            )
        )
    if not allow_all_zero and not weights.any():
        raise ValueError(ALL_WEIGHTS_ZERO)
    return weights


def scale_exponent(largest: float) -> int:
    """Return the power of two by which weights are to be divided.

    Parameters
    ----------
    largest : float
        The largest weight.

    Returns
    -------
    int
        0 unless the largest weight is extreme.
    """
    if not 0 < largest < np.inf:
        return 0
    exponent = math.frexp(largest)[1]
    return exponent if abs(exponent) > _LARGEST_EXPONENT else 0


def nonzero_weight_mask(
    weights: np.ndarray | None, codes: np.ndarray, min_classes: int = 2
) -> np.ndarray | None:
    """Return a mask of the rows with a non-zero weight; the rest can be dropped.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,) or None
        Products of sample weights and class weights.
    codes : ndarray of shape (n_samples,)
        Class indices of the rows.
    min_classes : int, default=2
        Smallest number of classes that must remain; 1 in ``partial_fit``.

    Returns
    -------
    ndarray of bool of shape (n_samples,) or None
        True for rows to keep; None to keep all rows.

    Raises
    ------
    ValueError
        If fewer classes remain.
    """
    if weights is None or weights.all():
        return None
    kept = weights > 0
    remaining = len(np.unique(codes[kept]))
    if remaining < min_classes:
        plural = "class" if remaining == 1 else "classes"
        raise ValueError(
            f"The classifier needs at least {min_classes} classes; got {remaining} {plural} "
            "after dropping rows of weight zero. Give rows of other classes a weight above 0."
        )
    return kept


def _balanced(codes: np.ndarray, n_classes: int, sample_weight: np.ndarray | None) -> np.ndarray:
    weights = None if sample_weight is None else sample_weight.astype(np.float64)
    counts = np.bincount(codes, weights=weights, minlength=n_classes).astype(np.float64)
    present = counts > 0
    balanced = np.ones(n_classes)
    balanced[present] = counts.sum() / (present.sum() * counts[present])
    return balanced


def _from_mapping(class_weight: Mapping[Any, Any], codec: LabelCodec) -> np.ndarray:
    weights = np.ones(codec.n_classes)
    positions = {label: position for position, label in enumerate(codec.classes)}
    unknown = [label for label in class_weight if label not in positions]
    if unknown:
        known = codec.classes.tolist()
        raise ValueError(
            invalid(
                "The labels of class_weight",
                f"among the {codec.n_classes} classes",
                f"unknown {format_list(unknown[:5])}",
                f"The classes are {format_list(known)}.{hint_for(unknown, known)}",
            )
        )
    for label, weight in class_weight.items():
        if not isinstance(weight, numbers.Real) or not 0 <= float(weight) < np.inf:
            raise ValueError(
                invalid(
                    f"The class_weight of {quote(label)}",
                    "a finite number >= 0",
                    describe(weight),
                )
            )
        weights[positions[label]] = float(weight)
    if not weights.any():
        raise ValueError(
            "The weights in class_weight are all zero; at least two classes need a weight above 0."
        )
    return weights
