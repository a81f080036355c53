"""The engines, which train compiled Keras models; `Engine` says what they own.

May import `_data` and `_shared`. Layers, optimizers and callbacks of this package declare what an
engine must know about them in attributes, which CONTRIBUTING.md lists.
"""

from keras_multiclass._training.engine.base import (
    ENGINES,
    Engine,
    EngineName,
    TrainingPlan,
    TrainingResult,
)
from keras_multiclass._training.engine.cache import clear_cache
from keras_multiclass._training.engine.keras import KerasEngine
from keras_multiclass._training.engine.selection import STREAMED, graph_refused, predict, train

__all__ = [
    "ENGINES",
    "STREAMED",
    "Engine",
    "EngineName",
    "KerasEngine",
    "TrainingPlan",
    "TrainingResult",
    "clear_cache",
    "graph_refused",
    "predict",
    "train",
]
