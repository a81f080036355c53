"""Engines train compiled Keras models; see `Engine` for what they own."""

from keras_multiclass.engine._base import Engine, TrainingData, TrainingPlan, TrainingResult
from keras_multiclass.engine._cache import clear_cache
from keras_multiclass.engine._epochs import EpochRecorder
from keras_multiclass.engine._keras import KerasEngine
from keras_multiclass.engine._selection import predict, train

__all__ = [
    "Engine",
    "EpochRecorder",
    "KerasEngine",
    "TrainingData",
    "TrainingPlan",
    "TrainingResult",
    "clear_cache",
    "predict",
    "train",
]
