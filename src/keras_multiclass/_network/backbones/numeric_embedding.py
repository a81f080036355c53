"""Optional embedding of the numbers of a table."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from keras_multiclass._network.backbones.checks import check_choice, check_positive_int
from keras_multiclass._network.backbones.table_layout import TableLayout
from keras_multiclass._network.layers.periodic import PeriodicEmbedding
from keras_multiclass._network.layers.piecewise import PiecewiseLinearEmbedding

_EMBEDDINGS = ("periodic", "piecewise", None)
_BINS = 48  # as in TabM


def embed_numbers(
    inputs: keras.KerasTensor,
    table: TableLayout | None,
    numeric_embedding: str | None,
    embedding_units: int,
    n_bins: int = _BINS,
    learning_rate_factor: float = 1.0,
) -> keras.KerasTensor:
    """Replace the numbers of a table by their embeddings and keep the other inputs.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, n_inputs)
        The table.
    table : TableLayout or None
        Layout of the inputs; None if all are numbers.
    numeric_embedding : {"periodic", "piecewise"} or None
        Kind of embedding; None for the numbers themselves.
    embedding_units : int
        Length of each number's embedding.
    n_bins : int, default=48
        Number of bins of a piecewise linear embedding.
    learning_rate_factor : float, default=1.0
        Learning rate of a periodic embedding relative to the rest of the network.

    Returns
    -------
    KerasTensor of shape (batch, n_features)
        The embeddings, followed by the other inputs.
    """
    embedding = check_choice("numeric_embedding", numeric_embedding, _EMBEDDINGS)
    units = check_positive_int("embedding_units", embedding_units)
    n_bins = check_positive_int("n_bins", n_bins)
    table = TableLayout.of_numbers(inputs.shape[-1]) if table is None else table
    n_numeric = table.n_numeric
    if embedding is None or n_numeric == 0:
        return inputs
    numbers = inputs[:, :n_numeric]
    if embedding == "periodic":
        embedded = PeriodicEmbedding(units, learning_rate_factor=learning_rate_factor)(numbers)
    else:
        embedded = layers.Flatten()(embed_piecewise(numbers, table, units, n_bins))
    if n_numeric == inputs.shape[-1]:
        return embedded
    return layers.Concatenate()([embedded, inputs[:, n_numeric:]])


def embed_piecewise(
    numbers: keras.KerasTensor, table: TableLayout, units: int, n_bins: int
) -> keras.KerasTensor:
    """Apply a `PiecewiseLinearEmbedding` whose bins hold equally many training rows."""
    layer = PiecewiseLinearEmbedding(units, n_bins)
    vectors = layer(numbers)
    # Assigned as weights, so that networks fitted to other rows have the same structure.
    layer.encoding.edges.assign(table.quantiles(np.linspace(0.0, 1.0, n_bins + 1)))
    return vectors
