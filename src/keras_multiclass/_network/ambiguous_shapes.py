"""Shapes of X that may be meant otherwise than they are read."""

from __future__ import annotations

import keras

from keras_multiclass._data.ragged import LAYOUTS
from keras_multiclass._shared.messages import warn

# Of rows of rank 2, squares of this size are images; others may be if their sides are long enough
# and not too different.
_SHORTEST_SQUARE = 8
_SHORTEST_IMAGE = 16
_MOST_UNEQUAL = 1.5
# Rows of images with so many channels, and rows of so few steps with so many times more channels,
# may have the channels first.
_CHANNELS = (1, 3, 4)
_MOST_SERIES = 16
_TIMES_LONGER = 40


def warn_if_ambiguous(backbone: str | None, shape: tuple[int | None, ...], layout: str) -> None:
    """Warn if the shape of X is ambiguous, or read otherwise than Keras' settings suggest.

    Parameters
    ----------
    backbone : str or None
        Name of the backbone, or ``"auto"``; None for the user's own.
    shape : tuple of int
        Shape of X; nothing is ambiguous about sequences of any length.
    layout : {"channels_last", "channels_first"}
        Where the channels of the user's X are. The shape is always that of the former.
    """
    if None in shape:
        return
    is_default = layout == "channels_last"
    if len(shape) > 2 and is_default and keras.config.image_data_format() == "channels_first":
        warn(
            "Keras' image_data_format 'channels_first' has no effect on how X is read: its "
            f"last axis holds the channels, {shape[-1]} here. If they are first, set "
            "layout='channels_first'; otherwise, reset the setting: "
            "keras.config.set_image_data_format('channels_last')."
        )
        return
    if backbone is None:
        return
    row_shape = tuple(size for size in shape[1:] if size is not None)
    if backbone == "auto" and len(shape) == 3:
        _warn_of_rank_3(*row_shape)
    given = row_shape if is_default else (row_shape[-1], *row_shape[:-1])
    if _has_channels_first(given if is_default else given[::-1]):
        first, other = ("first", LAYOUTS[1]) if is_default else ("last", LAYOUTS[0])
        warn(
            f"X seems to have its channels {first}: with layout={layout!r}, "
            f"backbone={backbone!r} reads rows of shape {given} as having "
            f"{shape[-1]} channels. If they are {first}, set layout={other!r}."
        )


def _has_channels_first(row_shape: tuple[int, ...]) -> bool:
    """Whether rows look like images or sequences whose first axis holds the channels."""
    if len(row_shape) == 1:
        return False
    first, last = row_shape[0], row_shape[-1]
    if len(row_shape) == 2:
        return first <= _MOST_SERIES and last >= _TIMES_LONGER * first
    return first in _CHANNELS and last not in _CHANNELS and min(row_shape[1:]) >= _SHORTEST_SQUARE


def is_square(height: int | None, width: int | None) -> bool:
    """Whether rows of rank 2 are squares that are large enough for an image."""
    return height is not None and height == width and height >= _SHORTEST_SQUARE


def _warn_of_rank_3(height: int, width: int) -> None:
    """Warn if X of rank 3 may be grayscale images or sequences."""
    shorter, longer = sorted((height, width))
    image = "For grayscale images, pass backbone='cnn' or X[..., None]."
    sequence = f"For sequences of {height} steps with {width} channels, pass backbone='conv1d'."
    if is_square(height, width):
        read, cures = "grayscale images by 'cnn', because they are square", (image, sequence)
    elif shorter >= _SHORTEST_IMAGE and longer <= _MOST_UNEQUAL * shorter:
        read, cures = "sequences by 'conv1d', because they are not square", (sequence, image)
    else:
        return
    warn(f"backbone='auto' reads rows of shape {(height, width)} as {read}. " + " ".join(cures))
