"""Backbones that see all steps of a sequence at once: convolutions and a transformer encoder."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_multiclass._network.backbones.building_blocks import activate, drop, normalize
from keras_multiclass._network.backbones.checks import (
    check_choice,
    check_inputs,
    check_keras_object,
    check_mask,
    check_positive_int,
    check_rate,
)
from keras_multiclass._network.backbones.padding import POOLINGS, blank_padding, pool_steps
from keras_multiclass._network.backbones.registry import register_backbone
from keras_multiclass._shared.messages import describe, invalid

_LONGEST_WAVELENGTH = 10_000.0  # Vaswani et al. 2017, section 3.5


@register_backbone("conv1d", kind="sequence")
def conv1d(
    inputs: keras.KerasTensor,
    *,
    mask: keras.KerasTensor | None = None,
    filters: int = 64,
    num_layers: int = 3,
    kernel_size: int = 5,
    activation: Any = "relu",
    dropout: float = 0.0,
    normalization: str | None = "layer",
    pooling: str = "average",
) -> keras.KerasTensor:
    """Build a residual network of dilated convolutions along time.

    After a projection of each step to ``filters`` channels, block ``i`` (from 0) sees steps
    ``2 ** i`` apart, as in temporal convolutional networks [1]_, but to both sides, and with
    pre-activation [2]_::

        Block(x) = x + Conv(dropout(activation(Norm(Conv(activation(Norm(x)))))))

    A feature thus sees ``1 + 2 * (kernel_size - 1) * (2 ** num_layers - 1)`` steps (57 with the
    defaults) before pooling. No step is skipped and ``Norm`` looks at one step at a time, so
    the result does not depend on the length to which sequences are padded.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, steps, channels)
        The sequences.
    mask : KerasTensor of shape (batch, steps) and dtype bool, default=None
        True at real steps; None if all are real.
    filters : int, default=64
        Number of channels, and so of features.
    num_layers : int, default=3
        Number of residual blocks.
    kernel_size : int, default=5
        Number of steps that a convolution sees at once.
    activation : str, callable or None, default="relu"
        Any Keras activation.
    dropout : float, default=0.0
        Share of the values inside a block that is dropped while training, in [0, 1).
    normalization : {"layer"} or None, default="layer"
        Normalisation over the channels of each step.
    pooling : {"average", "max"}, default="average"
        How the real steps become one row.

    Returns
    -------
    KerasTensor of shape (batch, filters)
        The features; zeros for a sequence without a real step.

    Raises
    ------
    TypeError, ValueError
        If a parameter, the mask or the rank of ``inputs`` is wrong; the message names it.

    References
    ----------
    .. [1] S. Bai, J. Z. Kolter, V. Koltun. "An empirical evaluation of generic convolutional
       and recurrent networks for sequence modeling", arXiv:1803.01271, 2018.
    .. [2] K. He, X. Zhang, S. Ren, J. Sun. "Identity mappings in deep residual networks",
       ECCV 2016.

    Examples
    --------
    >>> import keras
    >>> from keras_multiclass import get_backbone
    >>> get_backbone("conv1d").builder(keras.Input((None, 3)), filters=16).shape
    (None, 16)
    """
    x = check_inputs(inputs, "sequence")
    mask = check_mask(mask, x)
    filters = check_positive_int("filters", filters)
    num_layers = check_positive_int("num_layers", num_layers)
    kernel_size = check_positive_int("kernel_size", kernel_size)
    activation = check_keras_object("activation", activation, keras.activations)
    dropout = check_rate("dropout", dropout)
    normalization = check_choice("normalization", normalization, ("layer", None))
    pooling = check_choice("pooling", pooling, POOLINGS)

    x = layers.Dense(filters)(blank_padding(x, mask))
    for layer in range(num_layers):
        change = x
        for rate in (0.0, dropout):
            change = drop(activate(normalize(change, normalization), activation), rate)
            change = layers.Conv1D(
                filters,
                kernel_size,
                dilation_rate=2**layer,
                padding="same",
                data_format="channels_last",
                kernel_initializer="he_normal",
            )(blank_padding(change, mask))
        x = layers.Add()([x, change])
    return pool_steps(activate(normalize(x, normalization), activation), mask, pooling)


@register_backbone("transformer", kind="sequence")
def transformer(
    inputs: keras.KerasTensor,
    *,
    mask: keras.KerasTensor | None = None,
    units: int = 64,
    num_layers: int = 2,
    num_heads: int = 4,
    feedforward_units: int = 128,
    activation: Any = "gelu",
    dropout: float = 0.0,
    positions: str | None = "sinusoidal",
    pooling: str = "average",
) -> keras.KerasTensor:
    """Build a transformer encoder [1]_ with normalisation before each part [2]_.

    After a projection of each step to ``units`` channels and the addition of its position::

        x = x + dropout(Attention(Norm(x)))
        x = x + dropout(Dense(dropout(activation(Dense(Norm(x))))))

    ``num_layers`` times, then ``Norm`` and the pooling of the real steps. The projections
    inside the attention have no bias: that of the keys cannot change the softmax, and those of
    the others can be had from ``Norm``.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, steps, channels)
        The sequences.
    mask : KerasTensor of shape (batch, steps) and dtype bool, default=None
        True at real steps; None if all are real.
    units : int, default=64
        Width of the residual stream, and so the number of features.
    num_layers : int, default=2
        Number of encoder layers.
    num_heads : int, default=4
        Number of attention heads, a divisor of ``units``.
    feedforward_units : int, default=128
        Width of the hidden layer between two attentions.
    activation : str, callable or None, default="gelu"
        Activation of that hidden layer, any of Keras.
    dropout : float, default=0.0
        Share of values that is dropped while training, in [0, 1): of the steps with their
        positions, of the hidden layers, and of what is added to the residual stream (section
        5.4 of [1]_). Attention weights are not dropped.
    positions : {"sinusoidal", "learned"} or None, default="sinusoidal"
        How a step knows its place: by sines and cosines (section 3.5 of [1]_), by a trained
        vector for each place, which needs a fixed number of steps, or not at all.
    pooling : {"average", "max"}, default="average"
        How the real steps become one row.

    Returns
    -------
    KerasTensor of shape (batch, units)
        The features; zeros for a sequence without a real step.

    Raises
    ------
    TypeError, ValueError
        If a parameter, the mask or the rank of ``inputs`` is wrong; the message names it.

    References
    ----------
    .. [1] A. Vaswani et al. "Attention is all you need", NeurIPS 2017.
    .. [2] R. Xiong et al. "On layer normalization in the transformer architecture", ICML 2020.

    Examples
    --------
    >>> import keras
    >>> from keras_multiclass import get_backbone
    >>> get_backbone("transformer").builder(keras.Input((None, 3)), units=32).shape
    (None, 32)
    """
    x = check_inputs(inputs, "sequence")
    mask = check_mask(mask, x)
    units = check_positive_int("units", units)
    num_layers = check_positive_int("num_layers", num_layers)
    num_heads = check_positive_int("num_heads", num_heads)
    if units % num_heads:
        raise ValueError(invalid("num_heads", f"a divisor of units={units}", describe(num_heads)))
    feedforward_units = check_positive_int("feedforward_units", feedforward_units)
    activation = check_keras_object("activation", activation, keras.activations)
    dropout = check_rate("dropout", dropout)
    positions = check_choice("positions", positions, ("sinusoidal", "learned", None))
    pooling = check_choice("pooling", pooling, POOLINGS)

    x = layers.Dense(units)(blank_padding(x, mask))
    x = drop(_add_positions(x, positions), dropout)
    # One row of allowed keys for all queries: (batch, 1, steps).
    keys = None if mask is None else ops.expand_dims(mask, 1)
    for _ in range(num_layers):
        ready = normalize(x, "layer")
        change = layers.MultiHeadAttention(num_heads, units // num_heads, use_bias=False)(
            ready, ready, attention_mask=keys
        )
        x = layers.Add()([x, drop(change, dropout)])
        hidden = layers.Dense(feedforward_units, activation=activation)(normalize(x, "layer"))
        change = layers.Dense(units)(drop(hidden, dropout))
        x = layers.Add()([x, drop(change, dropout)])
    return pool_steps(normalize(x, "layer"), mask, pooling)


def _add_positions(x: keras.KerasTensor, positions: str | None) -> keras.KerasTensor:
    """Add to each step a vector that depends on its place only."""
    if positions is None:
        return x
    steps, units = x.shape[1:]
    # 0, 1, 2, ... along time, of shape (batch, steps, 1). Counted, not a constant, so that the
    # number of steps may vary and the configuration of the model stays small.
    place = ops.cumsum(ops.ones_like(x[:, :, :1], dtype="float32"), axis=1) - 1.0
    if positions == "learned":
        if steps is None:
            raise ValueError(
                invalid(
                    "positions",
                    "'sinusoidal' or None for sequences of varying length",
                    "'learned'",
                )
            )
        place = ops.cast(ops.squeeze(place, -1), "int32")
        return layers.Add()([x, layers.Embedding(steps, units)(place)])
    exponents = np.arange(0, units, 2, dtype="float32") / units
    angles = place * (_LONGEST_WAVELENGTH**-exponents).astype("float32")
    # Sines first, then cosines, where the paper has them in turn: the same up to the order of
    # channels, which mean nothing yet. An odd width has one cosine fewer.
    waves = ops.concatenate([ops.sin(angles), ops.cos(angles[:, :, : units // 2])], axis=-1)
    return layers.Add()([x, ops.cast(waves, x.dtype)])
