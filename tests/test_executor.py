"""One thread runs the steps of small networks, TensorFlow's pool those of larger ones."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multiclass.engine._executor import (
    _MOST_ON_ONE_THREAD,
    suits_one_thread,
    trace_for_one_thread,
)


def dense(units=64):
    inputs = keras.Input((units,))
    return keras.Model(inputs, keras.layers.Dense(units)(inputs))


def test_small_steps_suit_one_thread_and_large_ones_the_pool():
    weights = 64 * 64 + 64
    most = _MOST_ON_ONE_THREAD // weights
    assert suits_one_thread(dense(), most)
    assert not suits_one_thread(dense(), most + 1)


def test_a_weight_counts_at_each_position():
    inputs = keras.Input((32, 32, 1))
    model = keras.Model(inputs, keras.layers.Conv2D(4, 3, padding="same")(inputs))
    most = _MOST_ON_ONE_THREAD // (32 * 32 * (9 * 4 + 4))
    assert suits_one_thread(model, most)
    assert not suits_one_thread(model, most + 1)


def test_layers_inside_a_model_count_and_embeddings_are_only_looked_up():
    tokens = keras.Input((4,), dtype="int32")
    embedded = keras.layers.Embedding(10**6, 8)(tokens)
    inner = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)])
    model = keras.Model(tokens, inner(embedded[:, 0]))
    most = _MOST_ON_ONE_THREAD // (8 * 8 + 8)
    assert suits_one_thread(model, most)
    assert not suits_one_thread(model, most + 1)


def test_the_pool_runs_what_is_of_unknown_size_or_of_half_precision():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.layer = keras.layers.Dense(2)
            self.never_called = keras.layers.Dense(2)

        def call(self, inputs):
            return self.layer(inputs)

    own = Own()
    with pytest.warns(UserWarning, match="unbuilt state"):  # Keras minds it, too
        own(np.ones((1, 2), "float32"))
    assert not suits_one_thread(own, 1)
    inputs = keras.Input((2,))
    mixed = keras.Model(inputs, keras.layers.Dense(2, dtype="mixed_bfloat16")(inputs))
    assert not suits_one_thread(mixed, 1)


def loop(x):
    return tf.while_loop(lambda i, _: i < 10, lambda i, x: (i + 1, 2 * x), (0, x))[1]


def branch(x):
    return tf.cond(x > 0, lambda: x * 1024, lambda: x)


def nested(x):
    return tf.map_fn(branch, tf.stack([x, x]))[0]


SECTION = tf.CriticalSection()


def locked(x):
    first = SECTION.execute(lambda: 32 * x)
    return SECTION.execute(lambda: 32 * first)


@pytest.mark.parametrize(
    ("function", "able"), [(loop, True), (branch, False), (nested, False), (locked, False)]
)
def test_one_thread_runs_loops_and_the_pool_what_would_wait_forever(function, able):
    def make():
        traced = tf.function(function, autograph=False)
        return traced.get_concrete_function(tf.TensorSpec([], tf.float32))

    traced = trace_for_one_thread(make)
    assert isinstance(traced, type(make())) is not able
    assert float(traced(tf.constant(1.0))) == 1024
