"""From the user's X, y and weights to the rows that are trained and validated on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from keras_multiclass._data.categories import CategoricalColumns
from keras_multiclass._data.features import check_features
from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._data.rows import TrainingData
from keras_multiclass._data.splitting import validation_split
from keras_multiclass._data.streams import is_stream
from keras_multiclass._data.weights import (
    check_sample_weight,
    combine_weights,
    nonzero_weight_mask,
    resolve_class_weight,
)
from keras_multiclass._shared.keras.environment import array_dtype
from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass._shared.seeding import epoch_seed


class Encoder(Protocol):
    """Turns labels into numbers."""

    def encode(self, y: Any, name: str = "y") -> np.ndarray:
        """Turn labels into one number for each row."""


@dataclass(frozen=True)
class Rows:
    """The checker of X, y and weights of one fit: training and validation go the same way."""

    estimator: Any
    codec: Encoder
    dtype: str
    tokens: bool
    columns: CategoricalColumns | None = None
    allow_nan: bool = False

    def read(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        reset: bool,
        suffix: str = "",
        part: bool = False,
    ) -> TrainingData:
        """Check one set of rows, or a part of one; class weights are not yet in its weights."""
        X = check_features(
            self.estimator,
            X,
            reset=reset,
            dtype=array_dtype(self.dtype),
            tokens=self.tokens,
            columns=self.columns,
            allow_nan=self.allow_nan,
        )
        codes = self.codec.encode(y, name=f"y{suffix}")
        if X.shape[0] != len(codes):
            raise ValueError(
                f"X{suffix} and y{suffix} must have one row for each sample; got inconsistent "
                f"numbers of samples: [{X.shape[0]}, {len(codes)}]."
            )
        weights = check_sample_weight(
            sample_weight,
            len(codes),
            array_dtype(self.dtype),
            name=f"sample_weight{suffix}",
            allow_all_zero=part,
        )
        return TrainingData(X, codes, weights)


def weigh(
    data: TrainingData, class_weight: Any, codec: LabelCodec, dtype: str, *, min_classes: int
) -> tuple[TrainingData, np.ndarray | None]:
    """Bring the class weights, which the training rows define, into the weights.

    Rows of weight zero are dropped: they are the same as no rows. The weights of the classes are
    returned too.
    """
    n_present = len(np.unique(data.y))
    check_n_classes(n_present, data.n_samples, codec, min_classes)
    per_class = resolve_class_weight(class_weight, codec, data.y, data.sample_weight)
    weighted = with_class_weights(data, per_class, dtype)
    kept = nonzero_weight_mask(weighted.sample_weight, weighted.y, min_classes)
    return weighted if kept is None else weighted.take(np.flatnonzero(kept)), per_class


def check_n_classes(n_present: int, n_rows: int, codec: LabelCodec, min_classes: int) -> None:
    """Refuse rows of too few classes to learn from."""
    if n_present < min_classes:
        raise ValueError(
            f"y needs at least {min_classes} classes to learn from; got {n_present} class "
            f"in {n_rows} rows, of {codec.n_classes} known."
        )


def with_class_weights(
    data: TrainingData, per_class: np.ndarray | None, dtype: str, *, part: bool = False
) -> TrainingData:
    """Multiply the weights of the classes into those of the rows."""
    weights = combine_weights(
        data.sample_weight, per_class, data.y, array_dtype(dtype), allow_all_zero=part
    )
    return replace(data, sample_weight=weights)


def split(data: TrainingData, fraction: float, seed: int) -> tuple[TrainingData, TrainingData]:
    """Hold out a stratified part for validation."""
    # Of 32 bits, as the engines count rows: of many rows, they are much of what is kept.
    train, held_out = (
        samples.astype(np.int32)
        for samples in validation_split(data.y, fraction, epoch_seed(seed, 0))
    )
    return data.take(train), data.take(held_out)


def describe_target(codec: LabelCodec, y: Any) -> dict[str, Any]:
    """Tell a builder about the labels, under SciKeras' names."""
    kind = "binary" if codec.n_classes == 2 else "multiclass"
    labels = y if hasattr(y, "dtype") and hasattr(y, "ndim") else np.asarray(y)
    return {
        "classes_": codec.classes,
        "n_classes_": codec.n_classes,
        "n_outputs_": 1,
        "n_outputs_expected_": 1,
        "target_type_": kind if codec.form == "vector" else "multiclass-onehot",
        "y_dtype_": getattr(labels, "dtype", None),
        "y_ndim_": getattr(labels, "ndim", None),
    }


def check_validation_pair(X_val: Any, y_val: Any, sample_weight_val: Any) -> bool:
    """Whether validation data came; complain about half of it."""
    if is_stream(X_val):
        refuse_beside_stream("X_val", y_val=y_val, sample_weight_val=sample_weight_val)
        return True
    if (X_val is None) != (y_val is None):
        missing, given = ("y_val", X_val) if y_val is None else ("X_val", y_val)
        raise ValueError(
            f"`X_val` and `y_val` must be given together; got {describe(given)} without "
            f"`{missing}`."
        )
    if X_val is None and sample_weight_val is not None:
        raise ValueError("`sample_weight_val` must come with `X_val` and `y_val`; they are None.")
    return X_val is not None


def refuse_beside_stream(name: str, **arguments: Any) -> None:
    """Refuse arrays that a stream of batches brings itself."""
    for argument, value in arguments.items():
        if value is not None:
            raise ValueError(
                invalid(
                    f"`{argument}`",
                    f"None when {name} is a stream",
                    describe(value),
                    "Labels and weights go into the batches: (X, y) or (X, y, sample_weight). If "
                    f"{name} is meant to hold rows, pass one array, data frame or sparse matrix.",
                )
            )
