"""Pretrained networks of `keras.applications`: what they expect of images, and how they get it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_multiclass._shared.messages import invalid
from keras_multiclass.exceptions import BackboneError

_RGB = 3
_APPLICATIONS = keras.applications
# By the beginning of the name that their constructor gives them, and by one of their layers, since
# a network of the user's own may be called alike. The first that fits counts.
_FAMILIES: tuple[tuple[str, str, ModuleType], ...] = (
    ("vgg16", "block1_conv1", _APPLICATIONS.vgg16),
    ("vgg19", "block1_conv1", _APPLICATIONS.vgg19),
    ("resnet50v2", "conv2_block1_preact_bn", _APPLICATIONS.resnet_v2),
    ("resnet101v2", "conv2_block1_preact_bn", _APPLICATIONS.resnet_v2),
    ("resnet152v2", "conv2_block1_preact_bn", _APPLICATIONS.resnet_v2),
    ("resnet50", "conv2_block1_1_conv", _APPLICATIONS.resnet),
    ("resnet101", "conv2_block1_1_conv", _APPLICATIONS.resnet),
    ("resnet152", "conv2_block1_1_conv", _APPLICATIONS.resnet),
    ("densenet", "conv2_block1_1_conv", _APPLICATIONS.densenet),
    ("mobilenet_", "conv_dw_1", _APPLICATIONS.mobilenet),
    ("mobilenetv2_", "expanded_conv_depthwise", _APPLICATIONS.mobilenet_v2),
    ("inception_v3", "mixed0", _APPLICATIONS.inception_v3),
    ("inception_resnet_v2", "mixed_5b", _APPLICATIONS.inception_resnet_v2),
    ("xception", "block1_conv1", _APPLICATIONS.xception),
    ("nasnet", "stem_conv1", _APPLICATIONS.nasnet),
    ("MobileNetV3", "expanded_conv_depthwise", _APPLICATIONS.mobilenet_v3),
    ("efficientnetb", "stem_conv", _APPLICATIONS.efficientnet),
    ("efficientnetv2", "stem_conv", _APPLICATIONS.efficientnet_v2),
    ("convnext", "_stem", _APPLICATIONS.convnext),
)
# Their networks scale images themselves, unless they are built with `include_preprocessing=False`.
_SCALE_THEMSELVES = ("mobilenet_v3", "efficientnet", "efficientnet_v2", "convnext")


@dataclass(frozen=True)
class Preprocessing:
    """How images with values from 0 to 255 are scaled: reversed channels, factors and offsets.

    Attributes
    ----------
    is_reversed : bool
        Whether the channels are reversed, from RGB to BGR.
    scale, offset : ndarray of shape (3,)
        What each channel is multiplied by, and what is added then.
    """

    is_reversed: bool
    scale: np.ndarray
    offset: np.ndarray

    @classmethod
    def of(cls, module: ModuleType) -> Preprocessing:
        """Read it off ``preprocess_input`` of a module, which is an affine function."""

        def apply(pixels: np.ndarray) -> np.ndarray:
            images = pixels[:, None, None].astype("float64")
            result = module.preprocess_input(images, data_format="channels_last")
            return np.asarray(result)[:, 0, 0]

        offset = apply(np.zeros((1, _RGB)))[0]
        matrix = (apply(255 * np.eye(_RGB)) - offset) / 255
        is_reversed = matrix[0, 0] == 0
        return cls(is_reversed, np.diag(matrix[:, ::-1] if is_reversed else matrix), offset)

    def __call__(self, x: Any) -> Any:
        """Apply it to a tensor of images."""
        x = ops.flip(x, axis=-1) if self.is_reversed else x
        if (self.scale == 1).all() and not self.offset.any():
            return x
        scale, offset = self.scale.tolist(), self.offset.tolist()
        return keras.layers.Rescaling(scale, offset, dtype=x.dtype, name="pretrained_scaling")(x)


def preprocessing_of(network: object) -> Preprocessing | None:
    """Return how a network of `keras.applications` expects images to be scaled.

    Parameters
    ----------
    network : object
        The parameter `backbone`.

    Returns
    -------
    Preprocessing or None
        None for any other network.

    Raises
    ------
    BackboneError
        If it was built with ``include_preprocessing=False``.
    """
    if not isinstance(network, keras.Model):
        return None
    module = _module_of(network)
    if module is None:
        return None
    name = module.__name__.rpartition(".")[2]
    if name in _SCALE_THEMSELVES and not _scales_itself(network):
        raise BackboneError(
            invalid(
                f"`scaling` for {network.name}, built with include_preprocessing=False,",
                "None, a keras.Layer or a function of tensors",
                "'auto'",
                "Build the network without include_preprocessing=False for images with values "
                "from 0 to 255.",
            )
        )
    return _preprocessing(module)


@functools.cache
def _preprocessing(module: ModuleType) -> Preprocessing:
    return Preprocessing.of(module)


def _module_of(network: keras.Model) -> ModuleType | None:
    try:
        names = [layer.name for layer in network.layers]
    except (AttributeError, ValueError):
        return None
    for prefix, of_layer, module in _FAMILIES:
        if network.name.startswith(prefix) and any(name.endswith(of_layer) for name in names):
            return module
    return None


def _scales_itself(network: keras.Model) -> bool:
    return any(
        isinstance(layer, (keras.layers.Rescaling, keras.layers.Normalization))
        or layer.name.endswith("prestem_normalization")
        for layer in network.layers[:3]
    )


def check_pixels(images: np.ndarray, label: str) -> None:
    """Raise ``ValueError`` unless images have values from 0 to 255, as far as that can be told.

    Parameters
    ----------
    images : ndarray of shape (n_rows, ...)
        Some of the images.
    label : str
        The network, in messages.
    """
    if images.min() < 0:
        got = "values below 0"
    elif images.max() > 255:
        got = "values above 255"
    elif images.max() <= 1:
        got = "no value above 1"
    else:
        return
    raise ValueError(
        invalid(
            f"X for {label}",
            "images with values from 0 to 255, which the network's own preprocessing scales",
            got,
            "Pass the images as they are in their files, or set scaling=None if they have been "
            "preprocessed for the network.",
        )
    )


def with_channels(x: Any, network: object, label: str) -> Any:
    """Give images as many channels as a network reads: gray ones are repeated.

    Parameters
    ----------
    x : KerasTensor of shape (batch, height, width) or (batch, height, width, channels)
        The images.
    network : object
        The network.
    label : str
        The network, in messages.

    Raises
    ------
    BackboneError
        If the network is for images of another size, or with other channels.
    """
    shape = _image_shape(network)
    if shape is None or len(x.shape) not in (3, 4):
        return x
    own = tuple(x.shape[1:]) if len(x.shape) == 4 else (*x.shape[1:], 1)
    n_channels = shape[-1]
    is_grey = own[-1] == 1 and n_channels == _RGB
    fits = all(n is None or n == m for n, m in zip(shape[:2], own[:2], strict=True))
    if not (fits and (is_grey or n_channels in (None, own[-1]))):
        raise BackboneError(_unfit(shape, own, label, fits=fits))
    x = ops.expand_dims(x, -1) if len(x.shape) == 3 else x
    return keras.layers.Concatenate(dtype=x.dtype)([x] * _RGB) if is_grey else x


def _image_shape(network: object) -> tuple[int | None, ...] | None:
    """Return the shape of the images that a network reads; None if it may read something else."""
    tensors = getattr(network, "inputs", None) if isinstance(network, keras.Model) else None
    if not tensors or len(tensors) != 1 or len(tensors[0].shape) != 4:
        return None
    return tuple(tensors[0].shape[1:])


def _unfit(
    shape: tuple[int | None, ...], own: tuple[int | None, ...], label: str, *, fits: bool
) -> str:
    size = ", ".join("any" if n is None else str(n) for n in shape)
    allowed = f"images of shape ({size})" + (
        " or with one channel, which is repeated" if shape[-1] == _RGB else ""
    )
    if fits:
        cure = f"Convert them to {shape[-1]} channels, or build the network for {own[-1]}."
    else:
        cure = (
            "Resize them: X = np.asarray(keras.ops.image.resize(X, "
            f"{shape[:2]})), with the channels on the last axis."
        )
    return invalid(f"X for {label}", allowed, f"images of shape {own}", cure)
