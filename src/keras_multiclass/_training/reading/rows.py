"""X, y and weights of the user, checked and combined into the rows that an engine reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.labels.target import TargetCodec, Weighting
from keras_multiclass._data.rows import Features, TrainingData
from keras_multiclass._data.weights import (
    check_sample_weight,
    combine_weights,
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
        self, data: TrainingData, class_weight: object, codec: TargetCodec, *, min_classes: int
    ) -> tuple[TrainingData, Weighting]:
        """Apply the parameter `class_weight`, and drop rows of weight zero.

        Parameters
        ----------
        data : TrainingData
            All training rows.
        class_weight : object
            The parameter.
        codec : TargetCodec
            The classes or labels.
        min_classes : int
            Number of classes that must have rows.

        Returns
        -------
        data : TrainingData
            The rows of positive weight.
        weighting : Weighting
            What the parameter means.
        """
        codec.check_present(data.y, data.n_samples, min_classes)
        weighting = codec.weighting(class_weight, data.y, data.sample_weight)
        weighted = self.with_class_weights(data, weighting.rows)
        kept = codec.weighted_rows(weighted.y, weighted.sample_weight, min_classes)
        if kept is not None:
            weighted = weighted.take(np.flatnonzero(kept))
        return weighted, weighting


def check_not_given_beside_stream(name: str, **arguments: object) -> None:
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
