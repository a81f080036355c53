"""FT-Transformer: a transformer whose tokens are the columns of a table."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from keras_multiclass._network.backbones.building_blocks import activate, normalize
from keras_multiclass._network.backbones.checks import (
    check_inputs,
    check_keras_object,
    check_positive_int,
    check_rate,
)
from keras_multiclass._network.backbones.registry import register_backbone
from keras_multiclass._network.backbones.table_layout import TableLayout
from keras_multiclass._network.backbones.training_defaults import TrainingDefaults
from keras_multiclass._network.layers.dropout import RowDropout
from keras_multiclass._network.layers.feature_tokenizer import FeatureTokenizer
from keras_multiclass._shared.messages import describe, invalid

_DEFAULTS = TrainingDefaults(
    optimizer="scheduled_adam",
    # Ten times the paper's rate; its tokens are three times as long. The authors use early
    # stopping; a schedule with a fixed end needs no validation rows.
    optimizer_arguments={"learning_rate": 1e-3, "schedule": "cosine", "weight_decay": 1e-5},
    epochs=60,
    scaling="quantile",
)


@register_backbone("ft_transformer", kind="table", defaults=_DEFAULTS)
def ft_transformer(
    inputs: keras.KerasTensor,
    *,
    table: TableLayout | None = None,
    units: int = 64,
    num_layers: int = 3,
    num_heads: int = 8,
    feedforward_units: int = 86,
    activation: Any = "relu",
    dropout: float = 0.1,
    attention_dropout: float = 0.0,
    residual_dropout: float = 0.0,
) -> keras.KerasTensor:
    """Build the FT-Transformer of Gorishniy et al. [1]_: a transformer over the columns of a table.

    Each column becomes a token of ``units`` numbers, preceded by a class token that gathers
    information from the others. Each of the ``num_layers`` layers computes, with normalization
    before each part except the very first (section 3.3 and appendix E of [1]_)::

        x = x + residual_dropout(Attention(Norm(x)))
        x = x + residual_dropout(Dense(dropout(Dense(Norm(x)) * activation(Dense(Norm(x))))))

    The features are ``activation(Norm(class token))``. The last layer computes only the class
    token, since no other token is used. The attention projections have no bias: a bias of the keys
    cannot change the softmax, and the surrounding layers can represent the other biases.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, n_inputs)
        The table.
    table : TableLayout, default=None
        Layout of the inputs; None if all are numbers.
    units : int, default=64
        Length of a token and number of features; 192 in [1]_.
    num_layers : int, default=3
        Number of layers.
    num_heads : int, default=8
        Number of attention heads, a divisor of ``units``.
    feedforward_units : int, default=86
        Width of the gated layer between two attentions; four thirds of ``units`` in [1]_.
    activation : str, callable or None, default="relu"
        Activation of the gates and the features, any Keras activation.
    dropout : float, default=0.1
        Dropout rate of the gated values, in [0, 1).
    attention_dropout : float, default=0.0
        Dropout rate of the attention weights, in [0, 1).
    residual_dropout : float, default=0.0
        Dropout rate of the residual updates, in [0, 1).

    Returns
    -------
    KerasTensor of shape (batch, units)
        The features.

    Raises
    ------
    TypeError, ValueError
        If a parameter or the rank of ``inputs`` is invalid; the message names it.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, V. Khrulkov, A. Babenko. "Revisiting deep learning models
       for tabular data", NeurIPS 2021.

    Examples
    --------
    >>> import keras
    >>> from keras_multiclass import get_backbone
    >>> get_backbone("ft_transformer").builder(keras.Input((10,)), units=32).shape
    (None, 32)
    """
    x = check_inputs(inputs, "table")
    units = check_positive_int("units", units)
    num_layers = check_positive_int("num_layers", num_layers)
    num_heads = check_positive_int("num_heads", num_heads)
    if units % num_heads:
        raise ValueError(invalid("num_heads", f"a divisor of units={units}", describe(num_heads)))
    feedforward_units = check_positive_int("feedforward_units", feedforward_units)
    activation = check_keras_object("activation", activation, keras.activations)
    dropout = check_rate("dropout", dropout)
    attention_dropout = check_rate("attention_dropout", attention_dropout)
    residual_dropout = check_rate("residual_dropout", residual_dropout)
    table = TableLayout.of_numbers(x.shape[-1]) if table is None else table

    drop = RowDropout(x)
    x = FeatureTokenizer(units, table.n_numeric, table.block_widths)(x)
    for layer in range(num_layers):
        normalized = x if layer == 0 else normalize(x, "layer")
        queries = normalized
        if layer == num_layers - 1:
            x, queries = x[:, :1], normalized[:, :1]
        attention = layers.MultiHeadAttention(
            num_heads, units // num_heads, dropout=attention_dropout, use_bias=False
        )
        x = layers.Add()([x, drop(attention(queries, normalized), residual_dropout)])
        normalized = normalize(x, "layer")
        gates = layers.Dense(feedforward_units, activation=activation)(normalized)
        hidden = layers.Multiply()([layers.Dense(feedforward_units)(normalized), gates])
        change = layers.Dense(units)(drop(hidden, dropout))
        x = layers.Add()([x, drop(change, residual_dropout)])
    return activate(normalize(layers.Flatten()(x), "layer"), activation)
