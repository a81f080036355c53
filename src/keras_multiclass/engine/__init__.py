"""Engines train compiled Keras models; see `Engine` for what they own."""

from keras_multiclass.engine._base import Engine, TrainingData, TrainingPlan, TrainingResult
from keras_multiclass.engine._keras import KerasEngine

__all__ = ["Engine", "KerasEngine", "TrainingData", "TrainingPlan", "TrainingResult"]
