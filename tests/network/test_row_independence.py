"""Networks whose predictions depend on other rows are errors."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.exceptions import BackboneError

layers = keras.layers
X, y = np.zeros((16, 3, 2)), np.arange(16) % 2


def recurrent():
    return keras.Sequential(
        [keras.Input(batch_shape=(8, 3, 2)), layers.LSTM(2, stateful=True, name="memory")]
    )


def whole():
    return keras.Sequential([recurrent(), layers.Dense(2)])


def both_ways():
    memory = layers.LSTM(2, stateful=True, name="memory")
    inputs = keras.Input(batch_shape=(8, 3, 2))
    return keras.Model(inputs, layers.Dense(2)(layers.Bidirectional(memory)(inputs)))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.memory = layers.LSTM(2, stateful=True, name="memory")
        self.head = layers.Dense(2)

    def call(self, inputs):
        return self.head(self.memory(inputs))


@pytest.mark.parametrize("build", [whole, both_ways, Subclassed], ids=lambda build: build.__name__)
def test_recurrent_layers_that_keep_their_state_are_an_error(build):
    expected = r"`model` must be .* independently .* LSTM layer '\w*memory' has stateful=True"
    with pytest.raises(BackboneError, match=expected):
        KerasMulticlassClassifier(model=build, batch_size=8).fit(X, y)


def test_backbones_that_keep_their_state_are_an_error():
    with pytest.raises(BackboneError, match=r"`backbone` must be .* LSTM layer 'memory'"):
        KerasMulticlassClassifier(recurrent(), batch_size=8).fit(X, y)


def test_a_fixed_batch_size_is_no_limit_for_other_networks():
    inputs = keras.Input(batch_shape=(8, 3, 2))
    model = keras.Model(inputs, layers.Dense(2)(layers.LSTM(2)(inputs)))
    classifier = KerasMulticlassClassifier(model=model, epochs=1).fit(X[:13], y[:13])
    assert classifier.predict_proba(X[:5]).shape == (5, 2)
