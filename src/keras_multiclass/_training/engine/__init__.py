"""The engines, which train compiled Keras models; see `Engine` for what they own.

May import `_data` and `_shared`: layers, optimizers and callbacks declare in attributes what an
engine must know (see CONTRIBUTING.md). Imported by the rest of `_training`
and by the package itself.
"""

from keras_multiclass._training.engine.base import (
    ENGINES,
    Engine,
    EngineName,
    TrainingPlan,
    TrainingResult,
)
from keras_multiclass._training.engine.cache import clear_cache
from keras_multiclass._training.engine.epochs import is_due
from keras_multiclass._training.engine.keras import KerasEngine
from keras_multiclass._training.engine.selection import predict, train

__all__ = [
    "ENGINES",
    "Engine",
    "EngineName",
    "KerasEngine",
    "TrainingPlan",
    "TrainingResult",
    "clear_cache",
    "is_due",
    "predict",
    "train",
]
