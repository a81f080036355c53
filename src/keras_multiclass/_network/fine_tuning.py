"""Which layers of a network are copies of the user's own, and when they are trained."""

from __future__ import annotations

import weakref

import keras

from keras_multiclass._shared.keras.layer_tree import iterate_layers

# Copies of networks of the user's, inside the networks that are built from them.
_copies: weakref.WeakSet[keras.Layer] = weakref.WeakSet()


def note_pretrained(network: keras.Layer) -> None:
    """Note that a layer is a copy of the user's own network."""
    _copies.add(network)


class FrozenNetworks:
    """The user's own networks inside a model, which are not trained until `unfreeze`.

    Parameters
    ----------
    model : keras.Model
        The model.

    Attributes
    ----------
    can_be_trained : bool
        Whether `unfreeze` leaves any weights to train.
    """

    def __init__(self, model: keras.Model) -> None:
        networks = [layer for layer in iterate_layers(model) if layer in _copies]
        # The user may have frozen some layers for good. Batch normalization keeps its averages,
        # which few rows would spoil.
        self._layers = [
            (layer, layer.trainable and not isinstance(layer, keras.layers.BatchNormalization))
            for network in networks
            for layer in iterate_layers(network)
        ]
        self.unfreeze()
        self.can_be_trained = any(network.trainable_variables for network in networks)
        for network in networks:
            network.trainable = False

    def unfreeze(self) -> None:
        """Let those layers be trained that the user has not frozen, but no batch normalization."""
        for layer, is_trained in self._layers:  # the outer ones first, which set the inner ones
            layer.trainable = is_trained
