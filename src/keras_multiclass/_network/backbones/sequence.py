"""Sequence backbones that process all steps at once: convolutions and a transformer encoder."""

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
from keras_multiclass._network.backbones.padding import (
    POOLINGS,
    blank_padding,
    every_step,
    pool_steps,
)
from keras_multiclass._network.backbones.registry import register_backbone
from keras_multiclass._network.layers.embedding import Embedding
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
    """Build a residual network of dilated convolutions over time.

    Each step is projected to ``filters`` channels. The convolutions of block ``i`` (from 0) are
    dilated by ``2 ** i``, as in temporal convolutional networks [1]_ but not causal, and with
    pre-activation [2]_::

        Block(x) = x + Conv(dropout(activation(Norm(Conv(activation(Norm(x)))))))

    The receptive field before pooling is ``1 + 2 * (kernel_size - 1) * (2 ** num_layers - 1)``
    steps (57 with the defaults). No step is skipped and ``Norm`` treats each step separately, so
    the result does not depend on the padded length.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, steps, channels)
        The sequences.
    mask : KerasTensor of shape (batch, steps) and dtype bool, default=None
        True at real steps; None if there is no padding.
    filters : int, default=64
        Number of channels and of features.
    num_layers : int, default=3
        Number of residual blocks.
    kernel_size : int, default=5
        Width of the convolutions in steps.
    activation : str, callable or None, default="relu"
        Any Keras activation.
    dropout : float, default=0.0
        Dropout rate inside a block, in [0, 1).
    normalization : {"layer"} or None, default="layer"
        Normalization over the channels of each step.
    pooling : {"average", "max"}, default="average"
        Pooling over the real steps.

    Returns
    -------
    KerasTensor of shape (batch, filters)
        The features; zeros for a sequence of padding only.

    Raises
    ------
    TypeError, ValueError
        If a parameter, the mask or the rank of ``inputs`` is invalid; the message names it.

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
    """Build a transformer encoder [1]_ with pre-normalization [2]_.

    Each step is projected to ``units`` channels and its position among the real steps added. Then
    each layer computes::

        x = x + dropout(Attention(Norm(x)))
        x = x + dropout(Dense(dropout(activation(Dense(Norm(x))))))

    ``Norm`` and pooling over the real steps follow. The attention projections have no bias: a bias
    of the keys cannot change the softmax, and ``Norm`` can represent the other biases.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, steps, channels)
        The sequences.
    mask : KerasTensor of shape (batch, steps) and dtype bool, default=None
        True at real steps; None if there is no padding.
    units : int, default=64
        Width of the residual stream and number of features.
    num_layers : int, default=2
        Number of encoder layers.
    num_heads : int, default=4
        Number of attention heads, a divisor of ``units``.
    feedforward_units : int, default=128
        Width of the hidden layer between two attentions.
    activation : str, callable or None, default="gelu"
        Activation of that hidden layer, any Keras activation.
    dropout : float, default=0.0
        Dropout rate, in [0, 1), of the projected steps, the hidden layers and the residual updates
        (section 5.4 of [1]_). Attention weights are not dropped.
    positions : {"sinusoidal", "learned"} or None, default="sinusoidal"
        Position encoding: sines and cosines (section 3.5 of [1]_), a trained vector per position,
        which requires a fixed number of steps, or none.
    pooling : {"average", "max"}, default="average"
        Pooling over the real steps.

    Returns
    -------
    KerasTensor of shape (batch, units)
        The features; zeros for a sequence of padding only.

    Raises
    ------
    TypeError, ValueError
        If a parameter, the mask or the rank of ``inputs`` is invalid; the message names it.

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
    x = drop(_add_positions(x, mask, positions), dropout)
    # The same keys are allowed for all queries: (batch, 1, steps).
    keys = None if mask is None else ops.expand_dims(mask, 1)
    for _ in range(num_layers):
        normalized = normalize(x, "layer")
        change = layers.MultiHeadAttention(num_heads, units // num_heads, use_bias=False)(
            normalized, normalized, attention_mask=keys
        )
        x = layers.Add()([x, drop(change, dropout)])
        hidden = layers.Dense(feedforward_units, activation=activation)(normalize(x, "layer"))
        change = layers.Dense(units)(drop(hidden, dropout))
        x = layers.Add()([x, drop(change, dropout)])
    return pool_steps(normalize(x, "layer"), mask, pooling)


def _add_positions(
    x: keras.KerasTensor, mask: keras.KerasTensor | None, positions: str | None
) -> keras.KerasTensor:
    """Add to each step a vector that depends only on its position among the real steps."""
    if positions is None:
        return x
    steps, units = x.shape[1:]
    # 0, 1, 2, ... over the real steps, of shape (batch, steps, 1). Computed rather than constant,
    # so that the number of steps may vary and the model configuration stays small.
    real = ops.expand_dims(ops.cast(every_step(x) if mask is None else mask, "float32"), -1)
    position = ops.maximum(ops.cumsum(real, axis=1) - 1.0, 0.0)
    if positions == "learned":
        if steps is None:
            raise ValueError(
                invalid(
                    "positions",
                    "'sinusoidal' or None for sequences of varying length",
                    "'learned'",
                )
            )
        position = ops.cast(ops.squeeze(position, -1), "int32")
        return layers.Add()([x, Embedding(steps, units)(position)])
    exponents = np.arange(0, units, 2, dtype="float32") / units
    angles = position * (_LONGEST_WAVELENGTH**-exponents).astype("float32")
    # Sines first, then cosines; the paper alternates them, which only permutes the channels. An odd
    # width has one cosine fewer.
    waves = ops.concatenate([ops.sin(angles), ops.cos(angles[:, :, : units // 2])], axis=-1)
    return layers.Add()([x, ops.cast(waves, x.dtype)])
