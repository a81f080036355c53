"""Backbones: named builders that turn Keras inputs into features, one row of them per sample.

A backbone knows nothing of classes: the classifier puts its own head on the features.
"""

from __future__ import annotations

from . import (  # noqa: F401  (importing them registers the built-ins)
    _ft_transformer,
    _image,
    _realmlp,
    _recurrent,
    _sequence,
    _tabm,
    _tabular,
)
from ._recipe import TrainingRecipe
from ._registry import Backbone, get_backbone, list_backbones, register_backbone
from ._table import Table

__all__ = [
    "Backbone",
    "Table",
    "TrainingRecipe",
    "get_backbone",
    "list_backbones",
    "register_backbone",
]
