"""Multi-class classification with Keras networks, as a scikit-learn estimator."""

from importlib.metadata import version

import keras_multiclass._shared.keras.environment  # noqa: F401  (first: it imports Keras quietly)
from keras_multiclass._classifiers.multiclass import KerasMulticlassClassifier
from keras_multiclass._classifiers.multilabel import KerasMultilabelClassifier
from keras_multiclass._data.images.directory import images_from_directory
from keras_multiclass._data.inputs import Inputs
from keras_multiclass._data.streams.tables.batches import TableBatches
from keras_multiclass._network.backbones import (
    Backbone,
    TableLayout,
    TrainingDefaults,
    get_backbone,
    list_backbones,
    register_backbone,
)
from keras_multiclass._training.engine import clear_cache

__version__ = version("keras-multiclass")

__all__ = [
    "Backbone",
    "Inputs",
    "KerasMulticlassClassifier",
    "KerasMultilabelClassifier",
    "TableBatches",
    "TableLayout",
    "TrainingDefaults",
    "__version__",
    "clear_cache",
    "get_backbone",
    "images_from_directory",
    "list_backbones",
    "register_backbone",
]
