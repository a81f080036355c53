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

from _custom_objects import Clipped, Filled, Penalty
from keras_multiclass._shared.keras.copying import copy_state
from keras_multiclass._shared.keras.object_names import fresh_names
from keras_multiclass._shared.keras.packing import pack
from keras_multiclass._shared.keras.snapshots import LayerSnapshot, copy_layer
from keras_multiclass._training.engine.fingerprint import fingerprint


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
        bias_constraint=Clipped(0.1),
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


class Needs(keras.layers.Layer):
    """Its constructor needs an argument."""

    def __init__(self, thing, **kwargs):
        super().__init__(**kwargs)
        self.thing = thing

    def call(self, inputs):
        return inputs


class Incomplete(Needs):
    def get_config(self):
        return keras.layers.Layer.get_config(self)


class Excessive(Needs):
    def __init__(self, thing):
        super().__init__(thing)

    def get_config(self):
        return {"thing": self.thing, "other": 0}


class Failing(Needs):
    def get_config(self):
        raise RuntimeError("no " * 999)


class Refusing(Needs):
    """Its constructor refuses what `get_config` returns."""

    def __init__(self, thing, **kwargs):
        if thing is None:
            raise ValueError("no thing")
        super().__init__(thing, **kwargs)

    def get_config(self):
        return {**super().get_config(), "thing": None}


class NeedsUnits(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.dense = keras.layers.Dense(units)

    def call(self, inputs):
        return self.dense(inputs)


class WithoutUnits(NeedsUnits):
    def get_config(self):
        return {}


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (Needs(object()), "layer Needs .* cannot save what the constructor was passed as 'thing'"),
        (Incomplete(1), "layer Incomplete .* lacks 'thing'"),
        (Excessive(1), "layer Excessive .* returns 'other', which the constructor does not take"),
        (Failing(1), "layer Failing .* raises RuntimeError: no no"),
        (Refusing(1), "building it from its configuration failed .ValueError: no thing"),
        (NeedsUnits(2), "model NeedsUnits .* lacks the constructor arguments 'units'"),
        (WithoutUnits(2), "model WithoutUnits .* lacks 'units'"),
    ],
)
def test_what_cannot_be_copied_is_named_in_a_short_error(layer, words):
    network = keras.Sequential([keras.Input((3,)), layer])
    with pytest.raises(TypeError, match=words) as error:
        copy_layer(network)
    assert len(str(error.value)) < 400


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


def freeze(layer):
    layer.kernel.trainable = False


def regularize(layer):
    layer.kernel.regularizer = Penalty(0.5)


def regularize_as_the_bias(layer):
    layer.kernel.regularizer = layer.bias_regularizer


def constrain(layer):
    layer.kernel.constraint = Clipped(0.1)


def set_after_building(layer):
    """Set what Keras ignores once the layer is built."""
    layer.kernel_regularizer = keras.regularizers.L2(0.5)
    layer.bias_constraint = keras.constraints.NonNeg()


def make_built(change=None):
    with fresh_names():
        dense = keras.layers.Dense(2, kernel_initializer="ones", bias_regularizer=Penalty(2.0))
        model = keras.Sequential([keras.Input((2,)), dense])
        model.compile(keras.optimizers.SGD(0.1), "mse")
    if change is not None:
        change(dense)
    return model


@pytest.mark.parametrize(
    "change", [freeze, regularize, regularize_as_the_bias, constrain, set_after_building]
)
def test_a_copy_has_what_was_set_on_variables(change):
    original = make_built(change)
    snapshot = LayerSnapshot.take(original)
    rows = np.ones((4, 2), "float32")
    copies = [each.restore() for each in (snapshot, pickle.loads(pickle.dumps(snapshot)))]
    losses = [float(loss) for loss in original.losses]
    for copied in copies:
        assert len(copied.trainable_variables) == len(original.trainable_variables)
        assert [float(loss) for loss in copied.losses] == losses
    assert fingerprint(original) == fingerprint(make_built(change)) != fingerprint(make_built())
    for model in (original, *copies):
        model.train_on_batch(rows, 0 * rows)
    for copied in copies:
        for weight, expected in zip(copied.get_weights(), original.get_weights(), strict=True):
            np.testing.assert_allclose(weight, expected, rtol=1e-6)
    dense, copied = original.layers[0], copies[0].layers[0]
    if dense.kernel.regularizer is not None:
        assert copied.kernel.regularizer is not dense.kernel.regularizer
    shared = dense.kernel.regularizer is dense.bias_regularizer
    assert (copied.kernel.regularizer is copied.bias_regularizer) == shared


def test_a_copied_variable_has_the_regularizer_and_the_constraint():
    variable = keras.Variable([1.0, 2.0])
    variable.regularizer, variable.constraint = Penalty(0.5), Clipped(0.1)
    for copied in (copy_state([variable])[0], pack([variable]).unpack()[0]):
        assert float(copied.regularizer(copied)) == 0.5 * 3
        assert float(copied.constraint(5.0)) == pytest.approx(0.1)
        assert copied.regularizer is not variable.regularizer


class Plain(keras.layers.Layer):
    """A layer of the user's own."""

    def call(self, inputs):
        return inputs


class Holder:
    """An object of the user's own."""


@pytest.mark.parametrize("name", ["count", "momentums", "optimizer"])
@pytest.mark.parametrize("value", [[2.0], {"by": 2.0}], ids=["list", "dict"])
@pytest.mark.parametrize("is_layer", [True, False], ids=["of a layer", "of an object"])
def test_attributes_named_like_those_of_other_keras_classes_count(name, value, is_layer):
    def make(value):
        with fresh_names():
            layer = Plain()
            layer.holder = Holder()
            setattr(layer if is_layer else layer.holder, name, value)
            model = keras.Sequential([keras.Input((1,)), layer])
            model.compile("sgd", "mse")
        return model

    model, other = make(value), make([3.0] if isinstance(value, list) else {"by": 3.0})
    assert fingerprint(model) == fingerprint(make(copy.deepcopy(value))) != fingerprint(other)
    [copied] = LayerSnapshot.take(model).restore().layers
    assert getattr(copied if is_layer else copied.holder, name) == value


def make_activation(factor):
    return lambda: keras.layers.Dense(1, activation=make_function(factor))


def make_function(factor):
    def scaled(x):
        return factor * x

    return scaled


def make_layer(factor):
    class Scaled(keras.layers.Layer):
        def call(self, inputs):
            return factor * inputs

    return Scaled


@pytest.mark.parametrize("make", [make_layer, make_activation], ids=["class", "function"])
def test_layers_that_keras_cannot_tell_apart_are_not_copied(make):
    first, second = make(2.0), make(3.0)
    LayerSnapshot.take(keras.Sequential([keras.Input((1,)), first()]))
    model = keras.Sequential([keras.Input((1,)), first(), second()])
    with pytest.raises(
        TypeError, match=r"different .* of the same name, (?i:.*scaled'): rename them"
    ):
        LayerSnapshot.take(model)
