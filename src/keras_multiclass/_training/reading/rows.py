"""X, y and weights of the user, checked and combined into the rows that an engine reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._data.rows import Features, TrainingData
from keras_multiclass._data.weights import (
    check_sample_weight,
    combine_weights,
    nonzero_weight_mask,
    resolve_class_weight,
    rounded,
)
from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass._shared.typing import FloatArray, IndexArray


class Encoder(Protocol):
    """Turns labels into integers."""

    def encode(self, y: object, name: str = "y") -> IndexArray:
        """Return one integer for each row."""


@dataclass(frozen=True)
class RowReader:
    """Checks X, y and weights, both of training and of validation rows.

    Attributes
    ----------
    features : FeatureSchema
        Checks X.
    codec : Encoder
        Encodes y.
    """

    features: FeatureSchema
    codec: Encoder

    def read(
        self,
        X: object,
        y: object,
        sample_weight: object,
        *,
        suffix: str = "",
        is_part: bool = False,
    ) -> TrainingData:
        """Check one set of rows.

        Parameters
        ----------
        X, y, sample_weight : object
            As the user passed them.
        suffix : {"", "_val"}, default=""
            What follows their names in messages.
        is_part : bool, default=False
            Whether these are some rows of many, which may all have weight zero.

        Returns
        -------
        TrainingData
            Its weights, in 64 bits, do not yet include class weights.
        """
        checked = self.features.check(X)
        codes = self.codec.encode(y, name=f"y{suffix}")
        return self.combine(checked, codes, sample_weight, suffix=suffix, is_part=is_part)

    def combine(
        self,
        X: Features,
        codes: IndexArray,
        sample_weight: object,
        *,
        suffix: str = "",
        is_part: bool = False,
    ) -> TrainingData:
        """Combine checked features and encoded labels with weights, as `read` does."""
        if X.shape[0] != len(codes):
            raise ValueError(
                f"X{suffix} and y{suffix} must have one row for each sample; got inconsistent "
                f"numbers of samples: [{X.shape[0]}, {len(codes)}]."
            )
        weights = check_sample_weight(
            sample_weight,
            len(codes),
            np.float64,
            name=f"sample_weight{suffix}",
            allow_all_zero=is_part,
        )
        return TrainingData(X, codes, rounded(weights, self.features.dtype))

    def with_class_weights(
        self,
        data: TrainingData,
        class_weights: FloatArray | None,
        *,
        exponent: int | None = None,
        is_part: bool = False,
    ) -> TrainingData:
        """Multiply class weights into the sample weights, and convert these to the dtype of X.

        Parameters
        ----------
        data : TrainingData
            What `read` returned.
        class_weights : ndarray of shape (n_classes,) or None
            The class weights.
        exponent : int, default=None
            The power of two to divide the weights by, if it is that of more rows than these.
        is_part : bool, default=False
            As in `read`.
        """
        weights = combine_weights(
            data.sample_weight,
            class_weights,
            data.y,
            self.features.dtype,
            exponent=exponent,
            allow_all_zero=is_part,
        )
        return replace(data, sample_weight=weights)

    def weigh(
        self, data: TrainingData, class_weight: object, codec: LabelCodec, *, min_classes: int
    ) -> tuple[TrainingData, FloatArray | None]:
        """Apply the parameter `class_weight`, and drop rows of weight zero.

        Parameters
        ----------
        data : TrainingData
            All training rows.
        class_weight : object
            The parameter.
        codec : LabelCodec
            The classes.
        min_classes : int
            Number of classes that must have rows.

        Returns
        -------
        data : TrainingData
            The rows of positive weight.
        class_weights : ndarray of shape (n_classes,) or None
            The class weights; None if all are 1.
        """
        check_n_classes(len(np.unique(data.y)), data.n_samples, codec, min_classes)
        class_weights = resolve_class_weight(class_weight, codec, data.y, data.sample_weight)
        weighted = self.with_class_weights(data, class_weights)
        kept = nonzero_weight_mask(weighted.sample_weight, weighted.y, min_classes)
        if kept is not None:
            weighted = weighted.take(np.flatnonzero(kept))
        return weighted, class_weights


def check_n_classes(n_present: int, n_rows: int, codec: LabelCodec, min_classes: int) -> None:
    """Raise ``ValueError`` if too few classes have rows."""
    if n_present < min_classes:
        raise ValueError(
            f"y must contain at least {min_classes} classes; got {n_present} class in {n_rows} "
            f"rows ({codec.n_classes} classes are known)."
        )


def refuse_beside_stream(name: str, **arguments: object) -> None:
    """Raise ``ValueError`` if arrays are given that a stream contains itself."""
    for argument, value in arguments.items():
        if value is not None:
            raise ValueError(
                invalid(
                    f"`{argument}`",
                    f"None when {name} is a stream",
                    describe(value),
                    "Put labels and weights into the batches: (X, y) or (X, y, sample_weight). If "
                    f"{name} should hold rows, pass one array, data frame or sparse matrix.",
                )
            )
