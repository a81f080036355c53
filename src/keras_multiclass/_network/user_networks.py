"""Copies of networks of the user's, so that a fit trains none that something else uses."""

from __future__ import annotations

import contextlib

import keras

from keras_multiclass._shared.keras.earlier_layers import EarlierLayers
from keras_multiclass._shared.keras.environment import array_dtype
from keras_multiclass._shared.keras.layer_tree import iterate_layers
from keras_multiclass._shared.keras.snapshots import copy_layer
from keras_multiclass._shared.keras.vocabularies import lacks_vocabulary
from keras_multiclass._shared.messages import describe, format_list, invalid
from keras_multiclass.exceptions import BackboneError


def copy_network(network: keras.Layer, parameter: str, n_inputs: int | None = 1) -> keras.Layer:
    """Copy a layer or model that the user passed as a parameter.

    Parameters
    ----------
    network : keras.Layer
        Value of the parameter.
    parameter : {"backbone", "model"}
        Name of the parameter.
    n_inputs : int or None, default=1
        Number of inputs that it must have; None for any.

    Raises
    ------
    BackboneError
        If it has several inputs, or none of its layers has the precision that the parameter
        `dtype` asks for.
    """
    if n_inputs is not None:
        check_network_input(network, parameter)
    policy = keras.config.dtype_policy().name
    if policy != "float32":  # the default leaves the network its own precision
        _check_precision(network, parameter, policy)
    try:
        return copy_layer(network)
    except TypeError as error:
        raise TypeError(
            f"{error} Alternatively, pass a function that builds it as `{parameter}`."
        ) from error


def check_network_input(network: keras.Layer, parameter: str) -> None:
    """Raise ``BackboneError`` if a network has several inputs, and say how to give it one.

    Parameters
    ----------
    network : keras.Layer
        The network.
    parameter : {"backbone", "model"}
        Name of the parameter.
    """
    tensors = getattr(network, "inputs", None) or []
    if len(tensors) < 2:
        return
    struct = network.input
    names = list(struct) if isinstance(struct, dict) else [tensor.name for tensor in tensors]
    raise BackboneError(
        invalid(
            f"`{parameter}`",
            "a network with one input if X is one array",
            f"one with {len(tensors)} inputs",
            f"Pass X as a dict of its inputs, with the keys {format_list(names)}.",
        )
    )


def check_reads_strings(network: keras.Layer, parameter: str) -> None:
    """Raise ``BackboneError`` if a network cannot read texts as strings.

    Parameters
    ----------
    network : keras.Layer
        The network.
    parameter : {"backbone", "model"}
        Name of the parameter.
    """
    dtypes = {
        keras.backend.standardize_dtype(tensor.dtype)
        for tensor in getattr(network, "inputs", None) or []
    }
    if dtypes == {"string"} and not lacks_vocabulary(network):
        return
    raise BackboneError(
        invalid(
            f"`{parameter}`",
            "a network that begins with keras.Input((), dtype='string') and an adapted "
            "keras.layers.TextVectorization if X holds texts",
            "one without a vocabulary" if dtypes == {"string"} else "one that reads numbers",
            "Call adapt(X) of the layer before you build the network."
            if dtypes == {"string"}
            else "Or pass the name of a backbone for texts.",
        )
    )


def copy_if_used_before(network: keras.Model, earlier: EarlierLayers, label: str) -> keras.Model:
    """Copy a network that a function returned if it did not create all layers, or keeps some.

    Parameters
    ----------
    network : keras.Model
        The network.
    earlier : EarlierLayers
        What existed before.
    label : str
        Name of the function in error messages.

    Returns
    -------
    keras.Model
        The same network if all of its layers are new and nobody else's. One that cannot be copied
        is trained itself, until the function returns its layers again.

    Raises
    ------
    BackboneError
        If it cannot be copied.
    """
    if not earlier.are_in(network):
        if earlier.keeps(network):
            with contextlib.suppress(Exception):
                return copy_layer(network)
        return network
    try:
        return copy_layer(network)
    except Exception as error:
        raise BackboneError(
            f"{label[0].upper()}{label[1:]} must create its layers in each call, or use layers "
            f"that can be copied; got some that exist already. {error}"
        ) from error


def _check_precision(network: keras.Layer, parameter: str, policy: str) -> None:
    policies = {layer.dtype_policy.name for layer in iterate_layers(network)}
    tensors = getattr(network, "inputs", None) or []
    inputs = {keras.backend.standardize_dtype(tensor.dtype) for tensor in tensors}
    if policy not in policies:
        got = f"{describe(network)} whose layers have {format_list(sorted(policies))}"
    elif array_dtype(policy) == "float64" and "float32" in inputs:
        got = f"{describe(network)} with an input layer of dtype float32"
    else:
        return
    before = (
        "keras.config.set_floatx('float64')"
        if policy == "float64"
        else f"keras.config.set_dtype_policy({policy!r})"
    )
    raise BackboneError(
        invalid(
            f"`{parameter}`",
            f"a network built for dtype={policy!r}",
            got,
            f"Pass a function that builds it, or call {before} before you build it.",
        )
    )
