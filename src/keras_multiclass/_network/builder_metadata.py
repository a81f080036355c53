"""Metadata on the data for model builders, under the names that SciKeras uses."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.labels.target import TargetCodec
from keras_multiclass._data.rows import Features


def describe_features(features: FeatureSchema, X: Features) -> dict[str, Any]:
    """Return the metadata on X.

    Parameters
    ----------
    features : FeatureSchema
        What was learned about X.
    X : ndarray, CSR matrix or CastOnRead
        The checked training rows.
    """
    names = features.feature_names_in
    return {
        "n_features_in_": features.n_features_in,
        "X_shape_": features.shape_of(X),
        "X_dtype_": X.dtype,
        **({} if names is None else {"feature_names_in_": names}),
    }


def describe_target(codec: TargetCodec, y: object) -> dict[str, Any]:
    """Return the metadata on the labels.

    Parameters
    ----------
    codec : TargetCodec
        The classes or labels.
    y : object
        The target as the user passed it.
    """
    labels = y if hasattr(y, "dtype") and hasattr(y, "ndim") else np.asarray(y)
    return {
        "classes_": codec.classes,
        "n_classes_": codec.n_classes,
        "n_outputs_": 1,
        "n_outputs_expected_": 1,
        "target_type_": codec.target_type,
        "y_dtype_": getattr(labels, "dtype", None),
        "y_ndim_": getattr(labels, "ndim", None),
    }
