"""The parameter `augmentation`: which layers change training rows at random."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_multiclass._data.inputs import check_keys
from keras_multiclass._network.layers.augmentation import (
    Augmentation,
    RandomAffine,
    apply,
    mixes_rows,
)
from keras_multiclass._shared.keras.layer_tree import iterate_layers
from keras_multiclass._shared.keras.snapshots import copy_layer
from keras_multiclass._shared.messages import describe, invalid, quote_error, warn
from keras_multiclass.exceptions import BackboneError

__all__ = [
    "ALLOWED",
    "PRESETS",
    "augmented",
    "check_augmentation",
    "hint",
    "is_valid",
    "mixes",
    "reads_values",
]

PRESETS: Mapping[str, Callable[[str], list[keras.Layer]]] = {
    "light": lambda dtype: [RandomAffine(shift=0.1, rotation=10.0, zoom=0.1, dtype=dtype)],
    "standard": lambda dtype: [
        RandomAffine(shift=0.1, rotation=15.0, zoom=0.2, shear=10.0, dtype=dtype)
    ],
}
ALLOWED = "None, 'light', 'standard', a Keras layer, a list of these, or a dict of these by input"
_DRAWS_ONCE = tuple(getattr(keras.layers, n) for n in ("AugMix",) if hasattr(keras.layers, n))
_OPEN_SIZE = 8  # of sequences of any length, to try layers
_NARROW = 8.0  # A layer for 0 to 255 gets images of 0 to 1 if the user forgot its `value_range`.


def is_valid(value: object) -> bool:
    """Whether a value is one that the parameter may have."""
    if isinstance(value, Mapping):
        return all(not isinstance(part, Mapping) and is_valid(part) for part in value.values())
    return value is None or all(map(_is_entry, _as_list(value)))


def hint(value: object) -> str:
    """Say what to pass instead of a value that is not valid."""
    parts = list(value.values()) if isinstance(value, Mapping) else _as_list(value)
    for part in parts:
        if isinstance(part, type) and issubclass(part, keras.Layer):
            return f"Pass an instance, such as keras.layers.{part.__name__}(...)."
        if callable(part) and not _is_entry(part):
            return "Write a keras.Layer whose `call` takes `training` and changes nothing without."
    return ""


def _as_list(value: object) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _is_entry(value: object) -> bool:
    return isinstance(value, keras.Layer) or (isinstance(value, str) and value in PRESETS)


def mixes(value: object) -> bool:
    """Whether a value of the parameter mixes rows (MixUp, CutMix)."""
    parts = list(value.values()) if isinstance(value, Mapping) else [value]
    return any(mixes_rows(layer) for part in parts for layer in _as_list(part))


def reads_values(value: object) -> bool:
    """Whether layers get the values of X; presets move them, whatever they are.

    Parameters
    ----------
    value : object
        The parameter, for one X.
    """
    return any(isinstance(entry, keras.Layer) for entry in _as_list(value))


def check_augmentation(value: object, names: Sequence[str] | None) -> None:
    """Raise ``ValueError`` if the parameter is a dict and X is not, or the other way round.

    Parameters
    ----------
    value : object
        The parameter.
    names : sequence of str or None
        Names of the inputs, if X holds several.
    """
    if isinstance(value, Mapping) and names is not None:
        check_keys(value, names, "`augmentation`")
        return
    if value is None or not (isinstance(value, Mapping) or names is not None):
        return
    allowed = "None, a preset, a layer or a list of these unless X is a dict of inputs"
    cure = ""
    if names is not None:
        allowed = "None or a dict by input if X is one"
        cure = "Write augmentation={'photo': ...}, with the name of an input."
    raise ValueError(invalid("`augmentation`", allowed, describe(value), cure))


def augmented(inputs: Any, value: Any, rows: Any, kind: str | None) -> Any:
    """Add the layer that changes rows at random during training, if any.

    Parameters
    ----------
    inputs : KerasTensor
        The rows, with the values that the user passed.
    value : object
        The parameter, for these rows.
    rows : InputDescription
        Describes the rows.
    kind : {"table", "sequence", "image", "text"} or None
        What the backbone is made for.

    Returns
    -------
    KerasTensor
        Of the same shape and dtype.

    Raises
    ------
    BackboneError
        If the layers cannot change these rows.
    """
    entries = [] if value is None else _as_list(value)
    if not entries:
        return inputs
    _check_rows(rows)
    is_gray = kind == "image" and len(rows.shape) == 2
    shape = (*inputs.shape[1:], 1) if is_gray else inputs.shape[1:]
    dtype = inputs.dtype if inputs.dtype.startswith("float") else keras.config.floatx()
    sizes = [size or _OPEN_SIZE for size in shape]
    trial = np.linspace(0.0, 1.0, 2 * math.prod(sizes), dtype=dtype).reshape(2, *sizes)
    layers: list[keras.Layer] = []
    for entry in entries:
        if isinstance(entry, str):
            _check_images(f"{entry!r}", shape)
            layers += PRESETS[entry](dtype)
            continue
        if hasattr(entry, "transform_images"):  # Keras' layers for images
            _check_images(_label(entry), shape)
            _check_data_format(entry)
        _check_inner(entry)
        _check_value_range(entry, rows)
        _try(_copy(entry, dtype), trial)
        layers.append(_copy(entry, dtype))
    layer = Augmentation(layers, adds_channel=is_gray, dtype=dtype, name="augmentation")
    return layer(inputs)


def _label(layer: keras.Layer) -> str:
    return f"a {type(layer).__name__} layer"


def _error(allowed: str, got: str, cure: str = "") -> BackboneError:
    return BackboneError(invalid("`augmentation`", allowed, got, cure))


def _check_rows(rows: Any) -> None:
    """Raise if rows hold what no layer can change: tokens, terms, or categories as numbers."""
    if rows.tokens is not None or rows.n_terms is not None or rows.dtype == "string":
        got = "texts" if rows.tokens is None else "token ids"
        raise _error("None for texts and token ids", f"layers for {got}")
    if rows.is_table and (rows.columns is not None or rows.blocks):
        raise _error(
            "None for tables with categorical or text columns",
            "layers for such a table",
            "Pass the numbers as another input, X={'numbers': ..., 'others': ...}, or encode the "
            "columns in a pipeline.",
        )


def _check_images(what: str, shape: tuple[int | None, ...]) -> None:
    if len(shape) != 3:
        raise _error(
            "layers that suit X",
            f"{what}, which is for images, and rows of shape {shape}",
            "X must be of shape (n_samples, height, width, channels), or (n_samples, height, "
            "width) with backbone='cnn'. A layer of your own may change other rows.",
        )


def _check_data_format(layer: Any) -> None:
    data_format = getattr(layer, "data_format", "channels_last")
    if data_format != "channels_last":
        raise _error(
            "layers with data_format='channels_last', as networks get images, whatever `layout`",
            f"{_label(layer)} with data_format={data_format!r}",
            "Pass data_format='channels_last' to the layer.",
        )


def _check_value_range(layer: keras.Layer, rows: Any) -> None:
    """Warn of a layer that takes the images for darker or brighter than they are."""
    for inner in iterate_layers(layer):
        value_range = getattr(inner, "value_range", None)
        if value_range is None or rows.sample is None:
            continue
        lowest, highest = (float(value) for value in value_range)
        sample = rows.sample()
        low, high = float(np.nanmin(sample)), float(np.nanmax(sample))
        if low < lowest or high > highest:
            where = "some values of X are outside of it"
        elif high - low < (highest - lowest) / _NARROW:
            where = "the values of X are in a small part of it"
        else:
            continue
        warn(
            f"`augmentation`: {_label(inner)} has value_range={tuple(value_range)!r}, but {where}. "
            "Pass the lowest and the highest value of X to the layer as `value_range`."
        )
        return


def _check_inner(layer: keras.Layer) -> None:
    """Raise for layers that work only by themselves, or that draw the same in each step."""
    for inner in iterate_layers(layer):
        if isinstance(inner, _DRAWS_ONCE):
            raise _error(
                "layers that draw anew for each batch",
                f"{_label(inner)}, which chooses its operations once for a whole training, by "
                "Python's random numbers",
                "Use keras.layers.RandAugment.",
            )
        if inner is not layer and mixes_rows(inner):
            raise _error(
                "a list with MixUp and CutMix themselves, so that they mix the targets, too",
                f"{_label(layer)} that contains {_label(inner)}",
                "Pass a list of layers instead.",
            )


def _copy(layer: keras.Layer, dtype: str) -> Any:
    """Copy a layer, which computes in the precision of X unless it has weights."""
    try:
        copied = copy_layer(layer, as_new=True)
        if not copied.weights:
            for inner in iterate_layers(copied):
                inner.dtype_policy = dtype
        return copied
    except TypeError as error:
        raise _error(
            "layers that can be copied",
            f"{_label(layer)} ({error})",
            "For a layer of Keras, pass its factors as ranges, such as (0.0, 0.1).",
        ) from error


def _try(layer: keras.Layer, rows: np.ndarray) -> None:
    """Raise if a layer fails, changes the shape of rows, or acts outside of training."""
    inputs: Any = keras.ops.convert_to_tensor(rows)
    if mixes_rows(layer):
        inputs = {"images": inputs, "labels": keras.ops.eye(len(rows))}
    try:
        outputs = [apply(layer, inputs, training=training) for training in (False, True)]
        plain, changed = (each["images"] if mixes_rows(layer) else each for each in outputs)
        plain = keras.ops.convert_to_numpy(plain)
    except Exception as error:
        raise _error(
            "layers that can be called on rows of X",
            f"{_label(layer)}, which fails for shape {rows.shape[1:]} ({quote_error(error)})",
        ) from error
    if tuple(changed.shape) != rows.shape or plain.shape != rows.shape:
        raise _error(
            "layers that keep the shape of rows",
            f"{_label(layer)}, which returns {tuple(changed.shape)[1:]} for {rows.shape[1:]}",
            "Change the shape in the backbone, which acts in prediction, too.",
        )
    if not np.allclose(plain, rows, atol=1e-6):
        raise _error(
            "layers that change nothing outside of training",
            f"{_label(layer)}, which changes rows with training=False, too",
            "Put it into the backbone, or give the `call` of your own layer a `training` argument.",
        )
