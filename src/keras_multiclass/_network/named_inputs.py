"""Networks of the user's with several inputs, which are fed by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_multiclass._data.packed import PackedSchema
from keras_multiclass._network.layers.input_block import layer_names, take_input
from keras_multiclass._shared.keras.overrides import CALLED, overridden
from keras_multiclass._shared.messages import did_you_mean, format_list, invalid
from keras_multiclass.exceptions import BackboneError

__all__ = ["as_one_input", "integer_inputs", "read_by_name"]


def integer_inputs(network: object) -> dict[str, str]:
    """Return the dtypes of the input layers of a network that are for integers, by name.

    Parameters
    ----------
    network : object
        A network, or anything else.
    """
    dtypes = {
        name: str(keras.backend.standardize_dtype(tensor.dtype))
        for name, tensor in (_inputs_of(network) or {}).items()
    }
    return {name: dtype for name, dtype in dtypes.items() if dtype.startswith(("int", "uint"))}


def read_by_name(network: Any, inputs: Mapping[str, Any], parameter: str) -> Any:
    """Call a network on several inputs.

    Parameters
    ----------
    network : keras.Layer
        Takes a dict, or has input layers of these names.
    inputs : mapping of str to KerasTensor
        The inputs.
    parameter : {"backbone", "model"}
        The parameter that the network was passed as.

    Returns
    -------
    KerasTensor
        What it returns.

    Raises
    ------
    BackboneError
        If its input layers have other names.
    """
    declared = _inputs_of(network)
    if declared is None:
        return network(dict(inputs))
    different = [name for name in inputs if name not in declared]
    if different or len(declared) != len(inputs):
        hint = did_you_mean(different[0], declared).strip() if different else ""
        raise BackboneError(
            invalid(
                f"`{parameter}`",
                f"a network whose input layers are named as the inputs of X, {format_list(inputs)}",
                f"one with {format_list(declared)}",
                hint or "Name them: keras.Input(shape, name=...), or rename the inputs of X.",
            )
        )
    read = {name: ops.cast(inputs[name], tensor.dtype) for name, tensor in declared.items()}
    if isinstance(network.input, dict):
        return network(read)
    return network(list(read.values()) if len(read) > 1 else read.popitem()[1])


def as_one_input(network: Any, features: PackedSchema) -> Any:
    """Return a model that takes several inputs out of one matrix, and calls the user's model.

    Parameters
    ----------
    network : keras.Model
        The user's; anything else is returned as it is.
    features : PackedSchema
        The inputs.

    Raises
    ------
    BackboneError
        If the model has training steps of its own, which would be lost.
    """
    if not isinstance(network, keras.Model):
        return network
    own = overridden(network, CALLED)
    if own:
        raise BackboneError(
            invalid(
                "`model`",
                "a model without a training step of its own if X has several inputs",
                f"{type(network).__name__}, which overrides {format_list(own)}",
                "Give the model one input, and take the inputs apart in its `call`.",
            )
        )
    packed = keras.Input(features.input_shape, dtype=features.dtype, name="features")
    called = layer_names(features.blocks)
    inputs = {
        name: take_input(
            packed, block.start, block.shape, features.schemas[name].input_dtype, called[name]
        )
        for name, block in features.blocks.items()
    }
    return keras.Model(packed, read_by_name(network, inputs, "model"))


def _inputs_of(network: object) -> dict[str, Any] | None:
    """Return the tensors of the input layers by name; None if a network declares none."""
    if not isinstance(network, keras.Model) or not getattr(network, "inputs", None):
        return None
    if isinstance(network.input, dict):
        return dict(network.input)
    return {tensor.name: tensor for tensor in network.inputs}
