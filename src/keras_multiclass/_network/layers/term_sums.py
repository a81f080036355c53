"""Weighted sums of embeddings of the terms of texts."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_multiclass._network.layers.embedding import take_rows

# Almost zero, so that a term says nothing before it is trained.
_INITIAL = 0.005


@keras.saving.register_keras_serializable(package="keras_multiclass")
class TermSums(keras.layers.Layer):
    """Sum the embeddings of the terms of each text, times their weights.

    Parameters
    ----------
    n_terms : int
        Number of terms in the vocabulary.
    units : int
        Length of an embedding.
    n_members : int, default=1
        Number of members of an ensemble, each with embeddings of its own.
    dropout : float, default=0.0
        Fraction of the terms to drop during training, in [0, 1).
    **kwargs : dict
        Keyword arguments of ``keras.layers.Layer``.

    Notes
    -----
    Maps ``(batch, length, 2)``, the number and the weight of each term, to ``(batch, units)``, or
    to ``(batch, n_members, units)`` for several members. Terms of weight 0 are padding.
    """

    def __init__(
        self, n_terms: int, units: int, n_members: int = 1, dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**{"autocast": False, **kwargs})  # autocasting would round the numbers
        self.n_terms = n_terms
        self.units = units
        self.n_members = n_members
        self.dropout = dropout
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Create the embeddings."""
        self.embeddings = self.add_weight(
            shape=(self.n_terms, self.n_members * self.units),
            initializer=keras.initializers.RandomUniform(-_INITIAL, _INITIAL),
            name="embeddings",
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the sums."""
        numbers = ops.clip(ops.cast(inputs[..., 0], "int32"), 0, self.n_terms - 1)
        weights = inputs[..., 1]
        if training and self.dropout:
            weights = keras.random.dropout(weights, self.dropout, seed=self.seed_generator)
        sums = _sum_rows(ops.convert_to_tensor(self.embeddings), numbers, weights)
        if self.n_members > 1:
            sums = ops.reshape(sums, (-1, self.n_members, self.units))
        return ops.cast(sums, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``(batch, units)``, or with the members in between."""
        members = (self.n_members,) if self.n_members > 1 else ()
        return (input_shape[0], *members, self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "n_terms": self.n_terms,
            "units": self.units,
            "n_members": self.n_members,
            "dropout": self.dropout,
        }


def _sum_rows(rows: Any, numbers: Any, weights: Any) -> Any:
    weights = ops.cast(weights, rows.dtype)
    if keras.backend.backend() != "tensorflow":
        return ops.einsum("bl,blu->bu", weights, take_rows(rows, numbers))
    # The product with a sparse matrix skips the padding and copies no embeddings.
    import tensorflow as tf

    where = tf.where(tf.not_equal(weights, 0))
    terms = tf.cast(tf.gather_nd(numbers, where), where.dtype)
    shape = tf.cast(tf.stack([tf.shape(weights)[0], tf.shape(rows)[0]]), where.dtype)
    matrix = tf.SparseTensor(
        tf.stack([where[:, 0], terms], axis=1), tf.gather_nd(weights, where), shape
    )
    return tf.sparse.sparse_dense_matmul(matrix, rows)
