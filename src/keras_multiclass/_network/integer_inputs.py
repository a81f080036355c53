"""Networks that read integers, which floats would round from 2**24 on."""

from __future__ import annotations

from typing import Any

import keras

from keras_multiclass._shared.keras.overrides import CALLED, NOT_CALLED, overridden


def integer_input(network: object) -> str | None:
    """Return the dtype of the input of a network, if it is for integers.

    Parameters
    ----------
    network : object
        A network, which may be a `keras.Sequential` without an input layer, or anything else.
    """
    if not isinstance(network, keras.Model):
        return None
    if _lacks_input(network):
        return _dtype_of_ids(network)
    inputs = getattr(network, "inputs", None)
    if not inputs or len(inputs) != 1:
        return None
    dtype = str(keras.backend.standardize_dtype(inputs[0].dtype))
    return dtype if dtype.startswith(("int", "uint")) else None


def with_integer_input(network: Any, shape: tuple[int, ...]) -> Any:
    """Give a `keras.Sequential` that lacks an input layer one for the ids that it reads.

    Keras would give it one for floats.

    Parameters
    ----------
    network : keras.Layer
        Any network.
    shape : tuple of int
        Shape of one row.

    Returns
    -------
    keras.Layer
        The same network if it has an input layer, or does not begin with a layer for ids.
    """
    if not isinstance(network, keras.Model) or not _lacks_input(network):
        return network
    dtype = _dtype_of_ids(network)
    if dtype is None:
        return network
    first, *others = network.layers
    layers = [keras.Input(shape, dtype=dtype), with_integer_input(first, shape), *others]
    extended = keras.Sequential(layers, trainable=network.trainable, name=network.name)
    extended.dtype_policy = network.dtype_policy
    return extended


def _lacks_input(network: keras.Model) -> bool:
    if type(network) is not keras.Sequential or network.built or not network.layers:
        return False
    return not overridden(network, (*CALLED, *NOT_CALLED))  # by methods set on the instance


def _dtype_of_ids(layer: Any) -> str | None:
    """Return the dtype of the ids that a layer, or the first one of several, looks up."""
    if type(layer) is keras.Sequential and layer.layers:
        return None if layer.built else _dtype_of_ids(layer.layers[0])
    if isinstance(layer, keras.layers.Embedding):
        return "int32" if layer.input_dim < 2**31 else "int64"
    return "int64" if isinstance(layer, _LOOKUPS) else None


_LOOKUPS = (keras.layers.Hashing, keras.layers.IntegerLookup)
