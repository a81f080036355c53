"""Backbones: named builders that turn Keras inputs into one feature vector per sample.

May import `_data`, `_shared` and `_network.layers`, and knows no classes: the classifier adds the
head. Imported by the rest of `_network` and by the rooms that may import that.
"""

from __future__ import annotations

from keras_multiclass._network.backbones import (  # noqa: F401  (importing them registers the built-ins)
    ft_transformer,
    image,
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
from keras_multiclass._network.backbones.table import Table
from keras_multiclass._network.backbones.training_defaults import TrainingDefaults

__all__ = [
    "Backbone",
    "Table",
    "TrainingDefaults",
    "get_backbone",
    "list_backbones",
    "register_backbone",
]
