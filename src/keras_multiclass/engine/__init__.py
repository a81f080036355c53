"""Engines train compiled Keras models; see `Engine` for what they own."""

from keras_multiclass.engine._base import Engine, TrainingData, TrainingPlan, TrainingResult
from keras_multiclass.engine._cache import clear_cache
from keras_multiclass.engine._epochs import EpochListener, EpochRecorder
from keras_multiclass.engine._keras import KerasEngine
from keras_multiclass.engine._selection import STREAMED, graph_refused, predict, train
from keras_multiclass.engine._stream import Data, StreamData

__all__ = [
    "STREAMED",
    "Data",
    "Engine",
    "EpochListener",
    "EpochRecorder",
    "KerasEngine",
    "StreamData",
    "TrainingData",
    "TrainingPlan",
    "TrainingResult",
    "clear_cache",
    "graph_refused",
    "predict",
    "train",
]
