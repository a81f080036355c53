"""Backbones: builders that map a Keras input to features, and the registry of their names.

Imports only `_data`, `_shared` and `_network.layers`; the rest of `_network`, `_training` and the
public package may import it. Backbones know nothing about classes: the classifier adds the head.
"""

from __future__ import annotations

from keras_multiclass._network.backbones import (  # noqa: F401  (importing them registers the built-ins)
    bag_of_ngrams,
    ft_transformer,
    image,
    mlp_plr,
    realmlp,
    recurrent,
    sequence,
    tabm,
    tabular,
)
from keras_multiclass._network.backbones.registry import (
    Backbone,
    get_backbone,
    list_backbones,
    register_backbone,
)
from keras_multiclass._network.backbones.table_layout import TableLayout
from keras_multiclass._network.backbones.training_defaults import TrainingDefaults

__all__ = [
    "Backbone",
    "TableLayout",
    "TrainingDefaults",
    "get_backbone",
    "list_backbones",
    "register_backbone",
]
