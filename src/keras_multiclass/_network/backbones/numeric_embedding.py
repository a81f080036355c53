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
    n_members: int = 1,
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
    n_members : int, default=1
        Number of members of an ensemble, each of which has embeddings of its own.

    Returns
    -------
    KerasTensor of shape (batch, n_features), or (batch, n_members, n_features) for an ensemble
        The embeddings, followed by the other inputs.
    """
    embedding = check_choice("numeric_embedding", numeric_embedding, _EMBEDDINGS)
    units = check_positive_int("embedding_units", embedding_units)
    n_bins = check_positive_int("n_bins", n_bins)
    table = TableLayout.of_numbers(inputs.shape[-1]) if table is None else table
    n_numeric = table.n_numeric
    if embedding is None or n_numeric == 0:
        return for_members(inputs, n_members)
    numbers = inputs[:, :n_numeric]
    if embedding == "periodic":
        parts = _periodic(numbers, units, learning_rate_factor, n_members)
    else:
        parts = [_piecewise(numbers, table, units, n_bins, n_members)]
    if n_numeric < inputs.shape[-1]:
        parts.append(for_members(inputs[:, n_numeric:], n_members))
    return layers.Concatenate()(parts) if len(parts) > 1 else parts[0]


def for_members(inputs: keras.KerasTensor, n_members: int) -> keras.KerasTensor:
    """Repeat the inputs on a second axis of members; a single member needs none.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, n_features)
        The inputs.
    n_members : int
        Number of members.

    Returns
    -------
    KerasTensor of shape (batch, n_features), or (batch, n_members, n_features)
        The inputs of the members.
    """
    return layers.RepeatVector(n_members)(inputs) if n_members > 1 else inputs


def _periodic(
    numbers: keras.KerasTensor, units: int, learning_rate_factor: float, n_members: int
) -> list[keras.KerasTensor]:
    """Embed the numbers of each member as if they were columns of one table."""
    layer = PeriodicEmbedding(units, learning_rate_factor=learning_rate_factor)
    if n_members == 1:
        return [layer(numbers)]
    n = numbers.shape[-1]
    n_learned = n * (units - 1)
    columns = layers.Flatten()(for_members(numbers, n_members))
    learned = layer(columns)[:, : n_members * n_learned]  # without the numbers themselves
    return [layers.Reshape((n_members, n_learned))(learned), for_members(numbers, n_members)]


def _piecewise(
    numbers: keras.KerasTensor, table: TableLayout, units: int, n_bins: int, n_members: int
) -> keras.KerasTensor:
    """Embed the numbers of each member as if they were columns of one table."""
    if n_members == 1:
        return layers.Flatten()(embed_piecewise(numbers, table, units, n_bins))

    def quantiles(levels: np.ndarray) -> np.ndarray:
        return np.tile(table.quantiles(levels), (n_members, 1))

    n = numbers.shape[-1]
    columns = layers.Flatten()(for_members(numbers, n_members))
    layout = TableLayout(n_members * n, (), quantiles)
    vectors = embed_piecewise(columns, layout, units, n_bins)
    return layers.Reshape((n_members, n * units))(vectors)


def embed_piecewise(
    numbers: keras.KerasTensor, table: TableLayout, units: int, n_bins: int
) -> keras.KerasTensor:
    """Apply a `PiecewiseLinearEmbedding` whose bins hold equally many training rows."""
    layer = PiecewiseLinearEmbedding(units, n_bins)
    vectors = layer(numbers)
    # Assigned as weights, so that networks fitted to other rows have the same structure.
    layer.encoding.edges.assign(table.quantiles(np.linspace(0.0, 1.0, n_bins + 1)))
    return vectors
