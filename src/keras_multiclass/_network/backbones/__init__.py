"""Backbones: named builders that turn Keras inputs into features, one row of them per sample.

A backbone knows nothing of classes: the classifier puts its own head on the features.
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
