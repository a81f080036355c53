"""The backbone for images and volumes, a small residual convolutional network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from keras_multiclass._network.backbones.building_blocks import activate, drop, normalize
from keras_multiclass._network.backbones.checks import (
    check_choice,
    check_inputs,
    check_keras_object,
    check_positive_int,
    check_rate,
    check_sizes,
)
from keras_multiclass._network.backbones.registry import register_backbone

_NORMALIZATIONS = ("group", "layer", "batch", None)
_LARGE_SIDE = 64
_LARGEST_STEM_STRIDE = 4


@register_backbone("cnn", kind="image")
def cnn(
    inputs: keras.KerasTensor,
    *,
    filters: int | Sequence[int] = (32, 64, 128),
    num_layers: int = 1,
    kernel_size: int = 3,
    activation: Any = "relu",
    dropout: float = 0.0,
    normalization: str | None = "group",
    stem_strides: int | str = "auto",
) -> keras.KerasTensor:
    """Build a small residual network for images or volumes of any size.

    A convolution (the stem) is followed by stages of pre-activation residual blocks [1]_; every
    stage except the first starts by halving the image. The features are the average over all pixels
    of the last map after normalization and activation. ``"same"`` padding throughout supports tiny
    images and odd sizes. With ``Conv`` a convolution::

        Block(x) = shortcut(x) + Conv(dropout(activation(Norm(Conv(activation(Norm(x)))))))

    Group normalization [2]_ is the default because it treats each image separately: batch
    statistics are poor for the small batches common with images, differ between training and
    prediction, and couple rows, so that weighting a row would differ from repeating it.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, height, width), (batch, height, width, channels) or \
            (batch, depth, height, width, channels)
        The images, ideally scaled to about unit variance. Without channels they are grayscale.
    filters : int or sequence of int, default=(32, 64, 128)
        Number of channels of each stage.
    num_layers : int, default=1
        Number of residual blocks per stage.
    kernel_size : int, default=3
        Side of the convolution windows.
    activation : str, callable or None, default="relu"
        Any Keras activation.
    dropout : float, default=0.0
        Dropout rate inside a block, in [0, 1).
    normalization : {"group", "layer", "batch"} or None, default="group"
        Normalization; ``"layer"`` normalizes over the channels of each pixel.
    stem_strides : int or "auto", default="auto"
        Stride of the first convolution. ``"auto"`` is 1 if the shortest side has fewer than 64
        pixels, 2 for fewer than 128 and 4 otherwise, which limits the cost.

    Returns
    -------
    KerasTensor of shape (batch, n_features)
        ``n_features`` is the last value of ``filters``.

    Raises
    ------
    TypeError, ValueError
        If a parameter or the rank of ``inputs`` is invalid; the message names it.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun. "Identity mappings in deep residual networks",
       ECCV 2016, figure 4(e).
    .. [2] Y. Wu, K. He. "Group normalization", ECCV 2018.

    Examples
    --------
    >>> import keras
    >>> from keras_multiclass import get_backbone
    >>> get_backbone("cnn").builder(keras.Input((8, 8)), filters=(16, 32)).shape
    (None, 32)
    """
    x = check_inputs(inputs, "image")
    filters = check_sizes("filters", filters)
    num_layers = check_positive_int("num_layers", num_layers)
    kernel_size = check_positive_int("kernel_size", kernel_size)
    activation = check_keras_object("activation", activation, keras.activations)
    dropout = check_rate("dropout", dropout)
    normalization = check_choice("normalization", normalization, _NORMALIZATIONS)

    if len(x.shape) == 3:
        x = ops.expand_dims(x, -1)
    stride = _resolve_stem_strides(stem_strides, x.shape[1:-1])
    # Everything that reads the maps starts with Norm, and batch normalization would subtract any
    # bias.
    use_bias = normalization != "batch"
    # With a long stride, the window must still cover every pixel.
    x = _convolve(x, filters[0], max(kernel_size, 2 * stride - 1), stride, use_bias)
    for stage, width in enumerate(filters):
        for layer in range(num_layers):
            stride = 2 if stage > 0 and layer == 0 else 1
            activated = activate(normalize(x, normalization), activation)
            change = _convolve(activated, width, kernel_size, stride, use_bias)
            change = drop(activate(normalize(change, normalization), activation), dropout)
            change = _convolve(change, width, kernel_size, 1, use_bias)
            if stride > 1 or x.shape[-1] != width:
                x = _convolve(activated, width, 1, stride, use_bias=False)
            x = layers.Add()([x, change])
    x = activate(normalize(x, normalization), activation)
    pooling = layers.GlobalAveragePooling2D if len(x.shape) == 4 else layers.GlobalAveragePooling3D
    return pooling(data_format="channels_last")(x)


def _convolve(
    x: keras.KerasTensor, filters: int, kernel_size: int, strides: int, use_bias: bool
) -> keras.KerasTensor:
    convolution = layers.Conv2D if len(x.shape) == 4 else layers.Conv3D
    return convolution(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        # The user's Keras configuration may prefer channels first; our inputs never do.
        data_format="channels_last",
        use_bias=use_bias,
        kernel_initializer="he_normal",
    )(x)


def _resolve_stem_strides(stem_strides: Any, sides: Sequence[int | None]) -> int:
    """Return the stride of the stem, for ``"auto"`` based on the shortest side of the image."""
    if isinstance(stem_strides, str):
        check_choice("stem_strides", stem_strides, ("auto",))
        known = [side for side in sides if side is not None]
        shortest = min(known) if len(known) == len(sides) else 0
        stride = 1
        while stride < _LARGEST_STEM_STRIDE and shortest >= _LARGE_SIDE * stride:
            stride *= 2
        return stride
    return check_positive_int("stem_strides", stem_strides)
