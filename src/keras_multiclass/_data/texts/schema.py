"""What `fit` learns about texts, and the checks of texts from then on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.rows import Features
from keras_multiclass._data.texts.encoder import TextEncoder, TextParameters, read_texts


@dataclass(frozen=True, eq=False)
class TextSchema(FeatureSchema):
    """What `fit` learns about texts.

    Attributes
    ----------
    text : TextEncoder
        What encodes them.
    """

    text: TextEncoder = field(kw_only=True)

    @classmethod
    def learn_text(
        cls, X: Any, parameters: TextParameters, *, dtype: str, estimator_name: str
    ) -> tuple[TextSchema, Features]:
        """Learn how to encode texts, and encode them.

        Parameters
        ----------
        X : array-like of shape (n_samples,) or (n_samples, 1)
            The texts.
        parameters : TextParameters
            How to encode them.
        dtype, estimator_name
            As the attributes.

        Returns
        -------
        schema : TextSchema
            What was learned.
        X : ndarray
            As from `check`.
        """
        encoder, encoded = TextEncoder.learn(read_texts(X), parameters, dtype)
        return cls.of_text(encoder, encoded, dtype=dtype, estimator_name=estimator_name), encoded

    @classmethod
    def of_text(
        cls, encoder: TextEncoder, encoded: Features, *, dtype: str, estimator_name: str
    ) -> TextSchema:
        """Return what was learned about texts.

        Parameters
        ----------
        encoder : TextEncoder
            Encodes them.
        encoded : ndarray
            Some of them, encoded.
        dtype, estimator_name
            As the attributes.
        """
        return cls(
            encoded.shape[1:],
            1,
            None,
            dtype,
            token_ids=encoder.parameters.form == "sequence",
            estimator_name=estimator_name,
            text=encoder,
        )

    def learn_values(
        self,
        X: Any,
        checked: Features,
        rows: np.ndarray | None = None,
        *,
        subtract_offsets: bool = True,
        is_part: bool = False,
    ) -> tuple[TextSchema, Features]:
        """Learn the vocabulary anew if only some rows are trained on."""
        if is_part or rows is None or len(np.unique(rows)) == checked.shape[0]:
            return self, checked
        texts = read_texts(X)
        encoder = self.text.relearn([texts[row] for row in rows], self.dtype)
        encoded = encoder.encode(texts, self.dtype)
        return replace(self, text=encoder, input_shape=encoded.shape[1:]), encoded

    def check(self, X: Any, first: int = 0) -> Features:
        """Encode texts."""
        return self.text.encode(read_texts(X), self.dtype)

    @property
    def n_axes(self) -> int:
        """Number of axes of X."""
        return 1

    @property
    def vectorizer(self) -> Any:
        """The fitted vectorizer; None if the network reads strings."""
        return self.text.vectorizer

    @property
    def input_dtype(self) -> str:
        """Dtype of the checked X."""
        return "string" if self.text.vectorizer is None else super().input_dtype

    @property
    def n_terms(self) -> int | None:
        """Size of the vocabulary if X is read as bags of terms."""
        return self.text.n_terms
