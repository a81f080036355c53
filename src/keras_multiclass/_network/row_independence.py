"""Whether what a network computes for a row depends on that row alone."""

from __future__ import annotations

import keras

from keras_multiclass._shared.keras.layer_tree import iterate_layers
from keras_multiclass._shared.messages import invalid
from keras_multiclass.exceptions import BackboneError


def check_stateless(model: keras.Model, parameter: str) -> None:
    """Raise if a recurrent layer carries its state from batch to batch.

    Parameters
    ----------
    model : keras.Model
        The network.
    parameter : str
        The parameter that it was built from.
    """
    for layer in iterate_layers(model):
        if isinstance(layer, keras.layers.RNN) and layer.stateful:
            raise BackboneError(
                invalid(
                    f"`{parameter}`",
                    "a network that predicts each row independently of other rows",
                    f"one whose {type(layer).__name__} layer {layer.name!r} has stateful=True",
                    "Set stateful=False, and pass each sequence as one row.",
                )
            )
