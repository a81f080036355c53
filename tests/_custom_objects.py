"""Objects of the user's whose configurations lack the arguments of their constructors."""

from __future__ import annotations

import keras
from keras import ops


class Filled(keras.initializers.Initializer):
    """Its configuration is Keras' empty default, and its constructor needs an argument."""

    def __init__(self, value):
        self.value = value

    def __call__(self, shape, dtype=None):
        return ops.full(shape, self.value, dtype)


class Penalty(keras.regularizers.Regularizer):
    def __init__(self, factor=0.0):
        self.factor = factor

    def __call__(self, weights):
        return self.factor * ops.sum(ops.abs(weights))

    def get_config(self):
        return {}


class Clipped(keras.constraints.Constraint):
    def __init__(self, largest=1e9):
        self.largest = largest

    def __call__(self, weights):
        return ops.maximum(ops.minimum(weights, self.largest), -self.largest)
