"""Class weights for labels of which a row may have several."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_multiclass._data.labels.hints import hint_for
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid, quote

if TYPE_CHECKING:
    from keras_multiclass._data.labels.indicator import IndicatorCodec


def resolve_label_weight(
    class_weight: Any,
    codec: IndicatorCodec,
    totals: np.ndarray,
) -> np.ndarray | None:
    """Return the weights of the negatives and of the positives of each label.

    Parameters
    ----------
    class_weight : {"balanced"}, dict of {label: weight} or None
        ``"balanced"`` gives positives and negatives of each label the same total weight, as
        scikit-learn's ``compute_class_weight`` does for each column; a label that all rows have,
        or none, has weight 1. A dict holds the weights of positives; negatives have weight 1.
    codec : IndicatorCodec
        Codec of the labels.
    totals : ndarray of shape (2, n_labels)
        Sums of the sample weights of the negatives and of the positives of each label.

    Returns
    -------
    ndarray of shape (2, n_labels) and dtype float64, or None
        None if `class_weight` is None or empty.

    Raises
    ------
    ValueError
        If a label is unknown, or a weight is not finite and non-negative.
    TypeError
        If `class_weight` is of another type.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str) and class_weight == "balanced":
        return _balanced(totals)
    allowed = "None, 'balanced' or a dict of {label: weight of a positive}"
    if isinstance(class_weight, str):
        hint = did_you_mean(class_weight, ["balanced"])
        raise ValueError(invalid("class_weight", allowed, describe(class_weight), hint.strip()))
    if not isinstance(class_weight, Mapping):
        raise TypeError(invalid("class_weight", allowed, describe(class_weight)))
    return _from_mapping(class_weight, codec) if class_weight else None


def total_weights(indicator: np.ndarray, sample_weight: np.ndarray | None) -> np.ndarray:
    """Return the sums of the weights of the negatives and of the positives of each label.

    Parameters
    ----------
    indicator : ndarray of shape (n_samples, n_labels)
        1 where a row has a label.
    sample_weight : ndarray of shape (n_samples,) or None
        Validated sample weights.

    Returns
    -------
    ndarray of shape (2, n_labels) and dtype float64
    """
    weights = np.ones(len(indicator)) if sample_weight is None else sample_weight
    weights = weights.astype(np.float64)
    positive = weights @ indicator
    return np.stack([weights.sum() - positive, positive])


def _balanced(totals: np.ndarray) -> np.ndarray:
    balanced = np.ones(totals.shape)
    both = (totals > 0).all(axis=0)
    balanced[:, both] = totals.sum(axis=0)[both] / (2 * totals[:, both])
    return balanced


def _from_mapping(class_weight: Mapping[Any, Any], codec: IndicatorCodec) -> np.ndarray:
    positions = {label: i for i, label in enumerate(codec.classes.tolist())}
    unknown = [label for label in class_weight if label not in positions]
    if unknown:
        known = codec.classes.tolist()
        raise ValueError(
            invalid(
                "The labels of class_weight",
                f"among the {codec.n_classes} labels",
                f"unknown {format_list(unknown[:5])}",
                f"The labels are {format_list(known)}.{hint_for(unknown, known, 'The labels')}",
            )
        )
    weights = np.ones((2, codec.n_classes))
    for label, weight in class_weight.items():
        if not isinstance(weight, numbers.Real) or not 0 <= float(weight) < np.inf:
            raise ValueError(
                invalid(
                    f"The class_weight of {quote(label)}",
                    "a finite number >= 0",
                    describe(weight),
                )
            )
        weights[1, positions[label]] = float(weight)
    return weights
