"""What the backbones for tables do with numbers: leave them as they are, or embed them."""

from __future__ import annotations

import keras
from keras import layers

from ._checks import check_choice, check_positive_int
from ._piecewise import embed_piecewise
from ._table import Table

__all__ = ["embed_numbers"]

_EMBEDDINGS = ("piecewise", None)
_BINS = 48  # as in TabM


def embed_numbers(
    inputs: keras.KerasTensor,
    table: Table | None,
    numeric_embedding: str | None,
    embedding_units: int,
    n_bins: int = _BINS,
) -> keras.KerasTensor:
    """Replace the numbers of a table by their embeddings; the other inputs follow as they are."""
    embedding = check_choice("numeric_embedding", numeric_embedding, _EMBEDDINGS)
    units = check_positive_int("embedding_units", embedding_units)
    n_bins = check_positive_int("n_bins", n_bins)
    table = Table.of_numbers(inputs.shape[-1]) if table is None else table
    n_numeric = table.n_numeric
    if embedding is None or n_numeric == 0:
        return inputs
    embedded = layers.Flatten()(embed_piecewise(inputs[:, :n_numeric], table, units, n_bins))
    if n_numeric == inputs.shape[-1]:
        return embedded
    return layers.Concatenate()([embedded, inputs[:, n_numeric:]])
