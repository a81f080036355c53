"""Copies of layers and models whose configuration lacks arguments."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from keras import ops

from keras_multiclass._shared.keras.copying import LayerSnapshot


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
        return self.factor * ops.sum(weights)

    def get_config(self):
        return {}


class AtMost(keras.constraints.Constraint):
    def __init__(self, largest=1e9):
        self.largest = largest

    def __call__(self, weights):
        return ops.minimum(weights, self.largest)


class Shift(keras.layers.Layer):
    """Its configuration leaves out its argument."""

    def __init__(self, by=0.0, **kwargs):
        super().__init__(**kwargs)
        self.by = by
        self.twice = {"by": [2 * by]}
        self.tensor = ops.convert_to_tensor([by])

    def call(self, inputs):
        return inputs + self.by + self.twice["by"][0] + self.tensor

    def get_config(self):
        return super().get_config()


def make_layers():
    dense = keras.layers.Dense(
        1,
        kernel_initializer=Filled(3.0),
        bias_initializer=Filled(4.0),
        kernel_regularizer=Penalty(0.5),
        bias_constraint=AtMost(0.1),
    )
    return [dense, Shift(7.0), Shift(1.0)]


@pytest.mark.parametrize("is_built", [True, False], ids=["built", "not built"])
@pytest.mark.parametrize("pickled", [True, False], ids=["pickled", "not pickled"])
def test_a_copy_has_the_arguments_that_configurations_lack(is_built, pickled):
    start = [keras.Input((2,))] if is_built else []
    original = keras.Sequential([*start, *make_layers()])
    snapshot = LayerSnapshot.take(original)
    copied = (pickle.loads(pickle.dumps(snapshot)) if pickled else snapshot).restore()
    output = float(ops.convert_to_numpy(copied(np.ones((1, 2), "float32")))[0, 0])
    assert output == 3 + 3 + 4 + 4 * (7 + 1)
    assert [float(loss) for loss in copied.losses] == [0.5 * 6]
    dense = copied.layers[0]
    assert float(dense.bias.constraint(100.0)) == pytest.approx(0.1)
    assert dense.kernel_regularizer is not original.layers[0].kernel_regularizer
    assert original.layers[0].kernel_initializer.value == 3.0


@pytest.mark.parametrize(
    ("layer", "argument"),
    [
        (keras.layers.Dense(2, activation=lambda x: x), "activation"),
        (keras.layers.Dense(2, kernel_regularizer=lambda w: ops.sum(w)), "kernel_regularizer"),
        (keras.layers.SimpleRNN(2, activation=lambda x: x), "activation"),
    ],
    ids=["activation", "regularizer", "recurrent"],
)
def test_lambdas_that_keras_cannot_rebuild_are_named(layer, argument):
    with pytest.raises(TypeError, match=f"its `{argument}` is a lambda.*function with a name"):
        LayerSnapshot.take(keras.Sequential([layer]))


def test_lambda_layers_and_named_functions_are_copied():
    def double(x):
        return 2 * x

    layers = [keras.layers.Lambda(lambda x: x + 1), keras.layers.Activation(double)]
    model = keras.Sequential([keras.Input((1,)), *layers])
    np.testing.assert_array_equal(LayerSnapshot.take(model).restore()(np.ones((1, 1))), [[4.0]])


@pytest.mark.parametrize("is_model", [False, True], ids=["layer", "model"])
def test_code_is_restored_from_pickles_and_copies_alone(is_model):
    layer = keras.layers.Lambda(lambda x: 3 * x, output_shape=lambda shape: shape)
    original = keras.Sequential([keras.Input((2,)), layer]) if is_model else layer
    snapshot = LayerSnapshot.take(original)
    x = np.ones((1, 2), "float32")
    for each in (snapshot, snapshot, copy.deepcopy(snapshot), pickle.loads(pickle.dumps(snapshot))):
        np.testing.assert_array_equal(each.restore()(x), 3 * x)
    with pytest.raises(TypeError, match="by pickle and joblib only"):
        snapshot.config.__getstate__()  # how skops would save it
    crafted = dataclasses.replace(snapshot, config=snapshot.config.value)
    with pytest.raises(ValueError, match=r"must be loaded from a pickle .*enable_unsafe_deserial"):
        crafted.restore()

    def opt_out():
        keras.config.enable_unsafe_deserialization()
        return crafted.restore()

    with ThreadPoolExecutor() as pool:  # the setting belongs to its thread
        np.testing.assert_array_equal(pool.submit(opt_out).result()(x), 3 * x)
