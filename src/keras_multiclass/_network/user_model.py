"""The ``model`` parameter: the user's whole network, built or copied."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_multiclass._data.packed import PackedSchema
from keras_multiclass._interop.scikeras import build_scikeras_model, follows_scikeras
from keras_multiclass._network.builder_arguments import check_arguments
from keras_multiclass._network.integer_inputs import with_integer_input
from keras_multiclass._network.name_collisions import NameCollisionError, is_name_collision
from keras_multiclass._network.named_inputs import as_one_input
from keras_multiclass._network.row_independence import check_stateless
from keras_multiclass._network.user_networks import (
    check_network_input,
    check_reads_strings,
    copy_if_used_before,
    copy_network,
)
from keras_multiclass._shared.keras.earlier_layers import EarlierLayers
from keras_multiclass._shared.messages import describe, format_list, full_error, invalid
from keras_multiclass.exceptions import BackboneError


def build_whole_model(
    model: Any,
    params: Mapping[str, Any],
    arguments: Mapping[str, Any],
    compile_kwargs: Mapping[str, Any],
    metadata: Mapping[str, Any],
    sample: np.ndarray,
    inputs: PackedSchema | None = None,
) -> tuple[keras.Model, keras.Model]:
    """Build or copy the user's model.

    Parameters
    ----------
    model : callable or keras.Model
        The ``model`` parameter.
    params : mapping
        All parameters of the estimator.
    arguments : mapping
        Arguments of the builder.
    compile_kwargs : mapping
        Arguments of `keras.Model.compile`, for SciKeras-style builders.
    metadata : mapping
        Metadata of the data, for SciKeras-style builders.
    sample : ndarray
        A few rows of X.
    inputs : PackedSchema, default=None
        The inputs that these rows hold, if there are several.

    Returns
    -------
    model : keras.Model
        A model to train.
    compiled : keras.Model
        The model that the user may have compiled: the same one, or the original of a copy.
    """

    def reading_rows(network: Any) -> Any:
        if inputs is not None:
            return as_one_input(network, inputs)
        return with_integer_input(network, sample.shape[1:])

    if isinstance(model, keras.Model):
        if arguments:
            raise BackboneError(
                f"{format_list(f'model__{name}' for name in arguments)} must reach a function that "
                "builds the model; got a finished keras.Model as `model`. Pass the function "
                "instead."
            )
        copied = copy_network(model, "model", n_inputs=1 if inputs is None else None)
        return check_model(reading_rows(copied), sample), model
    if not callable(model):
        raise BackboneError(
            invalid(
                "`model`",
                "a function that returns a keras.Model, or a keras.Model",
                describe(model),
                "Pass names such as 'mlp' as `backbone`.",
            )
        )
    label = f"the model builder {getattr(model, '__name__', type(model).__name__)}"
    is_model_class = inspect.isclass(model) and issubclass(model, keras.Model)
    if not is_model_class:
        check_arguments(model, arguments, prefix="model", target=label)
    earlier = EarlierLayers(model)
    with earlier.while_building():
        try:
            if not is_model_class and follows_scikeras(model):
                built = build_scikeras_model(
                    model, metadata=metadata, compile_kwargs=compile_kwargs, params=params
                )
            else:
                built = model(**arguments)
        except Exception as error:
            error_class = NameCollisionError if is_name_collision(error) else BackboneError
            raise error_class(f"Building with {label} failed: {full_error(error)}") from error
        network = check_model(reading_rows(built), sample)
    return copy_if_used_before(network, earlier, label), built


def check_model(model: Any, sample: np.ndarray) -> keras.Model:
    """Return a whole model once it is built; raise if it is not a Keras model, or cannot run."""
    if not isinstance(model, keras.Model):
        raise BackboneError(
            invalid(
                "The return value of the `model` builder",
                "a keras.Model",
                describe(model),
                "Pass a function that returns features as `backbone`.",
            )
        )
    check_stateless(model, "model")
    check_network_input(model, "model")
    if sample.dtype == object:
        check_reads_strings(model, "model")
    try:
        model(ops.convert_to_tensor(sample), training=False)
    except Exception as error:
        raise BackboneError(
            "`model` cannot be evaluated on X of shape "
            f"(n_samples, {', '.join(map(str, sample.shape[1:]))}): {full_error(error)}"
        ) from error
    return model
