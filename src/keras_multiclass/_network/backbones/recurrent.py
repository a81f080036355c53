"""Recurrent sequence backbones: LSTM and GRU."""

from __future__ import annotations

import keras
from keras import layers

from keras_multiclass._network.backbones.checks import (
    check_choice,
    check_flag,
    check_inputs,
    check_mask,
    check_positive_int,
    check_rate,
)
from keras_multiclass._network.backbones.padding import POOLINGS, blank_padding, pool_steps
from keras_multiclass._network.backbones.registry import register_backbone


@register_backbone("lstm", kind="sequence")
def lstm(
    inputs: keras.KerasTensor,
    *,
    mask: keras.KerasTensor | None = None,
    units: int = 64,
    num_layers: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    pooling: str = "last",
) -> keras.KerasTensor:
    """Build a network of long short-term memory (LSTM) layers [1]_.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, steps, channels)
        The sequences.
    mask : KerasTensor of shape (batch, steps) and dtype bool, default=None
        True at real steps; None if there is no padding.
    units : int, default=64
        Width of each layer per direction.
    num_layers : int, default=1
        Number of layers.
    bidirectional : bool, default=False
        Whether each layer also runs backwards [2]_, which doubles the number of features.
    dropout : float, default=0.0
        Dropout rate of each layer's inputs, in [0, 1).
    recurrent_dropout : float, default=0.0
        Dropout rate of each layer's recurrent inputs, in [0, 1).
    pooling : {"last", "average", "max"}, default="last"
        Pooling over steps: the state after the last real step (the first one for the backward
        direction), or the average or maximum over the real steps.

    Returns
    -------
    KerasTensor of shape (batch, n_features)
        ``n_features`` is ``units``, or twice that if bidirectional. Zeros for a sequence of padding
        only.

    Raises
    ------
    TypeError, ValueError
        If a parameter, the mask or the rank of ``inputs`` is invalid; the message names it.

    References
    ----------
    .. [1] S. Hochreiter, J. Schmidhuber. "Long short-term memory", Neural Computation 9(8),
       1997.
    .. [2] M. Schuster, K. K. Paliwal. "Bidirectional recurrent neural networks", IEEE
       Transactions on Signal Processing 45(11), 1997.

    Examples
    --------
    >>> import keras
    >>> from keras_multiclass import get_backbone
    >>> get_backbone("lstm").builder(keras.Input((20, 3)), units=16, bidirectional=True).shape
    (None, 32)
    """
    return _recurrent(
        layers.LSTM,
        inputs,
        mask,
        units=units,
        num_layers=num_layers,
        bidirectional=bidirectional,
        dropout=dropout,
        recurrent_dropout=recurrent_dropout,
        pooling=pooling,
    )


@register_backbone("gru", kind="sequence")
def gru(
    inputs: keras.KerasTensor,
    *,
    mask: keras.KerasTensor | None = None,
    units: int = 64,
    num_layers: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    pooling: str = "last",
) -> keras.KerasTensor:
    """Build a network of gated recurrent units (GRU) [1]_.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, steps, channels)
        The sequences.
    mask : KerasTensor of shape (batch, steps) and dtype bool, default=None
        True at real steps; None if there is no padding.
    units : int, default=64
        Width of each layer per direction.
    num_layers : int, default=1
        Number of layers.
    bidirectional : bool, default=False
        Whether each layer also runs backwards [2]_, which doubles the number of features.
    dropout : float, default=0.0
        Dropout rate of each layer's inputs, in [0, 1).
    recurrent_dropout : float, default=0.0
        Dropout rate of each layer's recurrent inputs, in [0, 1).
    pooling : {"last", "average", "max"}, default="last"
        Pooling over steps: the state after the last real step (the first one for the backward
        direction), or the average or maximum over the real steps.

    Returns
    -------
    KerasTensor of shape (batch, n_features)
        ``n_features`` is ``units``, or twice that if bidirectional. Zeros for a sequence of padding
        only.

    Raises
    ------
    TypeError, ValueError
        If a parameter, the mask or the rank of ``inputs`` is invalid; the message names it.

    References
    ----------
    .. [1] K. Cho et al. "Learning phrase representations using RNN encoder-decoder for
       statistical machine translation", EMNLP 2014.
    .. [2] M. Schuster, K. K. Paliwal. "Bidirectional recurrent neural networks", IEEE
       Transactions on Signal Processing 45(11), 1997.

    Examples
    --------
    >>> import keras
    >>> from keras_multiclass import get_backbone
    >>> get_backbone("gru").builder(keras.Input((20, 3)), units=16).shape
    (None, 16)
    """
    return _recurrent(
        layers.GRU,
        inputs,
        mask,
        units=units,
        num_layers=num_layers,
        bidirectional=bidirectional,
        dropout=dropout,
        recurrent_dropout=recurrent_dropout,
        pooling=pooling,
    )


def _recurrent(
    layer_class: type[keras.layers.Layer],
    inputs: keras.KerasTensor,
    mask: keras.KerasTensor | None,
    *,
    units: int,
    num_layers: int,
    bidirectional: bool,
    dropout: float,
    recurrent_dropout: float,
    pooling: str,
) -> keras.KerasTensor:
    """Build an LSTM or GRU network."""
    x = check_inputs(inputs, "sequence")
    mask = check_mask(mask, x)
    units = check_positive_int("units", units)
    num_layers = check_positive_int("num_layers", num_layers)
    bidirectional = check_flag("bidirectional", bidirectional)
    dropout = check_rate("dropout", dropout)
    recurrent_dropout = check_rate("recurrent_dropout", recurrent_dropout)
    pooling = check_choice("pooling", pooling, ("last", *POOLINGS))

    x = blank_padding(x, mask)
    for index in range(num_layers):
        layer = layer_class(
            units,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            return_sequences=index < num_layers - 1 or pooling != "last",
        )
        if bidirectional:
            layer = layers.Bidirectional(layer)
        x = layer(x, mask=mask)
    return x if pooling == "last" else pool_steps(x, mask, pooling)
