"""Small steps run on one thread, larger ones with unsplit operations."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multiclass._network.backbones import get_backbone
from keras_multiclass._shared.upstream.tensorflow import call, operations_of
from keras_multiclass._training.engine import threads as _threads
from keras_multiclass._training.engine.operations import ONE_THREAD_OPERATIONS
from keras_multiclass._training.engine.threads import (
    _MOST_ON_ONE_THREAD,
    _MOST_UNSPLIT,
    Threads,
    choose_threads,
    trace_for,
)


def dense(units=64):
    inputs = keras.Input((units,))
    return keras.Model(inputs, keras.layers.Dense(units)(inputs))


def changes_at(model, limit, multiplications):
    """Whether the choice changes between the last batch size within the limit and the next."""
    most = limit // multiplications
    return choose_threads(model, most) is not choose_threads(model, most + 1)


def test_the_choice_depends_on_the_size_of_a_step():
    weights = 64 * 64 + 64
    for limit in (_MOST_ON_ONE_THREAD, _MOST_UNSPLIT):
        assert changes_at(dense(), limit, weights)
    found = [choose_threads(dense(), rows) for rows in (1, 5_000, 10**6)]
    assert found == [Threads.ONE, Threads.UNSPLIT, Threads.POOL]


def test_a_weight_counts_once_per_position():
    inputs = keras.Input((32, 32, 1))
    model = keras.Model(inputs, keras.layers.Conv2D(4, 3, padding="same")(inputs))
    assert changes_at(model, _MOST_ON_ONE_THREAD, 32 * 32 * (9 * 4 + 4))


def test_the_weights_of_attention_count_once_per_position():
    tokens = keras.Input((6, 8))
    attention = keras.layers.MultiHeadAttention(2, 4)
    model = keras.Model(tokens, attention(tokens, tokens))
    # Queries, keys, values and the output: 8 x 8 weights and 8 biases each.
    assert changes_at(model, _MOST_ON_ONE_THREAD, 6 * 4 * (8 * 8 + 8))


@pytest.mark.parametrize("name", ["realmlp", "realmlp_small", "tabm", "ft_transformer", "resnet"])
def test_the_size_of_a_network_for_tables_is_known(name):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, get_backbone(name).builder(inputs))
    assert choose_threads(model, 2) is not Threads.POOL


def test_nested_layers_count_and_embeddings_do_not():
    tokens = keras.Input((4,), dtype="int32")
    embedded = keras.layers.Embedding(10**6, 8)(tokens)
    inner = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)])
    model = keras.Model(tokens, inner(embedded[:, 0]))
    assert changes_at(model, _MOST_ON_ONE_THREAD, 8 * 8 + 8)


def test_the_pool_runs_networks_of_unknown_size_or_half_precision():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.layer = keras.layers.Dense(2)
            self.never_called = keras.layers.Dense(2)

        def call(self, inputs):
            return self.layer(inputs)

    own = Own()
    with pytest.warns(UserWarning, match="unbuilt state"):  # Keras warns about it, too
        own(np.ones((1, 2), "float32"))
    assert choose_threads(own, 1) is Threads.POOL
    inputs = keras.Input((2,))
    mixed = keras.Model(inputs, keras.layers.Dense(2, dtype="mixed_bfloat16")(inputs))
    assert choose_threads(mixed, 1) is Threads.POOL


def loop(x):
    return tf.while_loop(lambda i, _: i < 10, lambda i, x: (i + 1, 2 * x), (0, x))[1]


def branch(x):
    return tf.cond(x > 0, lambda: x * 1024, lambda: x)


def nested(x):
    return tf.map_fn(branch, tf.stack([x, x]))[0]


def called_back(x):
    return tf.reshape(tf.py_function(lambda value: 1024 * value, [x], tf.float32), [])


SECTION = tf.CriticalSection()


def locked(x):
    first = SECTION.execute(lambda: 32 * x)
    return SECTION.execute(lambda: 32 * first)


FUNCTIONS = [(loop, True), (branch, False), (nested, False), (called_back, False), (locked, False)]


@pytest.mark.parametrize("threads", Threads)
@pytest.mark.parametrize("function", [function for function, _ in FUNCTIONS])
def test_the_result_does_not_depend_on_the_threads(function, threads):
    traced = trace_for(threads, function, tf.TensorSpec([], tf.float32))
    assert float(traced(tf.constant(1.0))) == 1024


@pytest.mark.parametrize(("function", "able"), FUNCTIONS)
def test_one_thread_runs_loops_and_several_run_operations_that_could_hang_it(function, able):
    traced = trace_for(Threads.ONE, function, tf.TensorSpec([], tf.float32))
    executors = {node.attr["executor_type"].s for node in operations_of(traced)}
    assert (b"SINGLE_THREADED_EXECUTOR" in executors) is able


def test_an_unknown_operation_runs_on_several_threads(monkeypatch):
    def run():
        traced = trace_for(Threads.ONE, tf.exp, tf.TensorSpec([], tf.float32))
        assert float(traced(tf.constant(0.0))) == 1.0
        return {node.attr["executor_type"].s for node in operations_of(traced)}

    assert b"SINGLE_THREADED_EXECUTOR" in run()
    monkeypatch.setattr(_threads, "ONE_THREAD_OPERATIONS", ONE_THREAD_OPERATIONS - {"Exp"})
    assert run() == {b""}


def test_tensorflow_knows_the_operations_for_one_thread():
    assert not [name for name in ONE_THREAD_OPERATIONS if not hasattr(tf.raw_ops, name)]


@pytest.mark.parametrize("call", [call, lambda traced, *arguments: traced(*arguments)])
@pytest.mark.parametrize("threads", Threads)
def test_traces_take_variables_structures_captures_and_varying_shapes(threads, call):
    variable, captured = tf.Variable([1.0, 2.0]), tf.constant(10.0)

    def function(variables, x):
        variables[0].assign_add([1.0, 1.0])
        return {"rows": x * captured, "sum": (tf.reduce_sum(variables[0]), tf.size(x))}

    traced = trace_for(threads, function, [variable], tf.TensorSpec([None, 2], tf.float32))
    other = tf.Variable([5.0, 6.0])
    for n_rows in (3, 1):
        found = call(traced, [other], tf.ones((n_rows, 2)))
        np.testing.assert_array_equal(found["rows"], np.full((n_rows, 2), 10.0))
        assert int(found["sum"][1]) == 2 * n_rows
    assert float(found["sum"][0]) == 15.0
    assert other.numpy().tolist() == [7.0, 8.0]
    assert variable.numpy().tolist() == [1.0, 2.0]


@pytest.mark.parametrize("threads", Threads)
def test_variables_change_even_if_nothing_reads_them(threads):
    variable = tf.Variable(1.0)

    def reset(variables):
        variables[0].assign(0.0)
        return tf.constant(0)

    assert int(trace_for(threads, reset, [variable])([variable])) == 0
    assert float(variable) == 0.0


@pytest.mark.parametrize("threads", [Threads.ONE, Threads.UNSPLIT])
def test_no_operation_is_split_among_threads(threads):
    traced = trace_for(threads, tf.exp, tf.TensorSpec([None], tf.float32))
    bounds = [n.attr["max_intra_op_parallelism"].i for n in operations_of(traced)]
    assert [bound for bound in bounds if bound] == [1]
    values = np.linspace(-3, 3, 100_001, dtype="float32")
    np.testing.assert_allclose(traced(tf.constant(values)), np.exp(values), rtol=1e-6)
