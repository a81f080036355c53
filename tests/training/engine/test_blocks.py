"""Streams train in the graph, in blocks of batches, as batch by batch with Keras' own step."""

from __future__ import annotations

import itertools
import signal
import threading

import keras
import numpy as np
import pytest
from sklearn.datasets import load_iris, make_multilabel_classification

from _toy import assert_same, tiny
from keras_multiclass import KerasMulticlassClassifier, KerasMultilabelClassifier
from keras_multiclass._training.engine import blocks as _blocks
from keras_multiclass._training.engine import programs as _programs
from keras_multiclass._training.engine import xla as _xla
from keras_multiclass.exceptions import EngineError, TrainingInterruptedWarning

ORDER = np.random.default_rng(0).permutation(150)
IRIS = load_iris()
X, y = IRIS.data[ORDER], IRIS.target_names[IRIS.target[ORDER]]
WEIGHTS = np.random.default_rng(1).choice([0.0, 0.5, 2.0], 150)
SIZES = [40, 40, 7, 40, 1, 22]


def cut(*arrays, sizes=SIZES):
    """Return a function that iterates over batches of these sizes."""
    ends = np.cumsum(sizes)
    parts = [tuple(a[end - size : end] for a in arrays) for end, size in zip(ends, sizes)]  # noqa: B905
    return lambda: iter(parts)


def many(*arrays, size=5):
    """Return a function that iterates over many small batches."""
    return cut(*arrays, sizes=[size] * (len(arrays[0]) // size))


def streaming(**params):
    return tiny(**{"epochs": 3, **params})


def sequences(rng):
    labels = np.arange(90) % 3
    values = [rng.normal(size=(rng.integers(1, 9), 2)) + label for label in labels]
    return lambda: ((values[i : i + 5], labels[i : i + 5]) for i in range(0, 90, 5))


def images(rng):
    labels = np.arange(90) % 3
    return rng.normal(size=(90, 6, 6, 1)) + labels[:, None, None, None], labels


def tokens(rng):
    labels = np.arange(90) % 3
    return (rng.integers(1, 5, (90, 4)) + 4 * labels[:, None]).astype(np.int32), labels


RNG = np.random.default_rng(2)
CASES = {
    "batches of unequal sizes": ({}, cut(X, y), {}),
    "weights, some of them zero": ({"class_weight": "balanced"}, cut(X, y, WEIGHTS), {}),
    "some batches with weights": (
        {},
        lambda: iter([(X[:50], y[:50]), (X[50:], y[50:], WEIGHTS[50:])]),
        {},
    ),
    "dropout, normalization of batches": (
        {"backbone__dropout": 0.3, "backbone__normalization": "batch"},
        many(X, y),
        {},
    ),
    "metrics": ({"metrics": ["accuracy", "macro_f1", "auc"]}, cut(X, y), {}),
    "validation on a stream": (
        {"metrics": "accuracy", "epochs": 4, "fit__validation_freq": 2},
        cut(X, y),
        {"X_val": cut(X[::-1], y[::-1], WEIGHTS)},
    ),
    "validation on an array": (
        {"early_stopping": 2, "epochs": 6},
        many(X, y, WEIGHTS + 0.1),
        {"X_val": X[:40], "y_val": y[:40]},
    ),
    "steps per epoch": ({"fit__steps_per_epoch": 4}, lambda: itertools.cycle(cut(X, y)()), {}),
    "sequences of unequal length": (
        {"backbone": "gru", "backbone__units": 4, "backbone__hidden_units": None},
        sequences(RNG),
        {},
    ),
    "images": (
        {"backbone": "cnn", "backbone__filters": (3,), "backbone__hidden_units": None},
        many(*images(RNG), size=9),
        {},
    ),
    "token ids": (
        {"backbone": "gru", "backbone__units": 4, "backbone__hidden_units": None},
        many(*tokens(RNG)),
        {},
    ),
    "an ensemble": ({"n_ensemble": 2}, cut(X, y), {}),
    "the default": (
        {"backbone": "auto", "backbone__hidden_units": None, "epochs": 2, "n_ensemble": 1},
        cut(X, y),
        {},
    ),
    "soft labels": ({}, cut(X, np.random.default_rng(0).dirichlet(np.ones(3), 150)), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_stream_trains_equally_in_both_engines(case):
    params, stream, validation = CASES[case]
    params = {k: v for k, v in {"backbone__hidden_units": (8,), **params}.items() if v is not None}
    graph, plain = (
        KerasMulticlassClassifier(
            **{
                "backbone": "mlp",
                "epochs": 3,
                "random_state": 0,
                "optimizer__learning_rate": 0.01,
                **params,
            },
            engine=engine,
        ).fit(stream, **validation)
        for engine in ("graph", "keras")
    )
    assert (graph.engine_, plain.engine_) == ("graph", "keras")
    assert_same(graph, plain)


def test_a_stream_of_several_labels_trains_equally_in_both_engines():
    X, Y = make_multilabel_classification(60, 5, n_classes=3, random_state=0)
    graph, plain = (
        KerasMultilabelClassifier("mlp", epochs=2, random_state=0, engine=engine).fit(
            many(X, Y, size=10)
        )
        for engine in ("graph", "keras")
    )
    assert_same(graph, plain)


@pytest.mark.parametrize("n_bytes", [0, 1000, 2**24])
def test_the_sizes_of_blocks_do_not_matter(monkeypatch, n_bytes):
    expected = streaming(engine="keras", epochs=6).fit(many(X, y))
    monkeypatch.setattr(_blocks, "_BLOCK_BYTES", n_bytes)
    assert_same(streaming(epochs=6).fit(many(X, y)), expected)


@pytest.mark.parametrize("requested", [False, True], ids=["auto", "requested"])
def test_compiled_steps_train_streams_alike(monkeypatch, requested):
    monkeypatch.setattr(_xla, "_FEWEST_STEPS", 1)
    monkeypatch.setattr(_xla, "_FEWEST_STEPS_PER_EPOCH", 1)
    params = {"optimizer": "sgd", "optimizer__learning_rate": 0.1, "random_state": 0}
    compiled = streaming(compile__jit_compile=True if requested else "auto", **params)
    compiled.fit(cut(X, y))
    assert compiled.engine_reason_.endswith("XLA compiled the steps")
    assert_same(compiled, streaming(engine="keras", **params).fit(cut(X, y)))


def test_streams_and_arrays_share_a_trace(monkeypatch):
    names = []

    def trace(model, variables, function, *arguments, **options):
        names.append(function.__name__)
        return original(model, variables, function, *arguments, **options)

    original = _programs.trace
    monkeypatch.setattr(_programs, "trace", trace)
    params = {
        "backbone__hidden_units": (11,),
        "callbacks": keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
    }
    streaming(**params, batch_size=40).fit(X, y)
    assert "train" in names
    names.clear()
    streaming(**params).fit(cut(X, y))
    assert not names


def test_the_graph_engine_trains_streams_and_says_so():
    for engine, reason in (("auto", "it applies, and is the faster one"), ("graph", "'graph'")):
        classifier = streaming(engine=engine).fit(cut(X, y))
        assert classifier.engine_ == "graph"
        assert reason in classifier.engine_reason_


class ActsInBatches(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


def test_callbacks_that_act_on_batches_of_a_stream_need_the_keras_engine():
    classifier = streaming(callbacks=ActsInBatches).fit(cut(X, y))
    assert classifier.engine_ == "keras"
    assert "callbacks that act on batches" in classifier.engine_reason_
    with pytest.raises(EngineError, match="act on batches"):
        streaming(callbacks=ActsInBatches, engine="graph").fit(cut(X, y))


def test_a_stream_may_fill_the_same_arrays_again():
    def refilled():
        rows, labels = np.empty((30, 4), np.float32), np.empty(30, y.dtype)
        for start in range(0, 150, 30):
            rows[:], labels[:] = X[start : start + 30], y[start : start + 30]
            yield rows, labels

    found = streaming(epochs=8).fit(refilled)
    expected = streaming(epochs=8).fit(many(X.astype(np.float32), y, size=30))
    assert found.history_ == expected.history_


def test_epochs_may_have_other_batches_and_numbers_of_them():
    passes = itertools.count()

    def stream():
        number = next(passes)
        return cut(X, y)() if number % 2 else many(X, y)()

    def logged(**params):
        nonlocal passes
        passes = itertools.count()
        return streaming(epochs=4, **params).fit(stream)

    assert_same(logged(), logged(engine="keras"))


def test_the_stream_is_read_in_the_calling_thread_and_closed():
    found = []

    def stream():
        try:
            for batch in many(X, y)():
                found.append(threading.current_thread())
                yield batch
        finally:
            found.append("closed")

    streaming().fit(stream)
    threads = {each for each in found if each != "closed"}
    assert threads == {threading.current_thread()}
    assert found.count("closed") == 4  # the first pass, and three epochs


def test_an_error_of_the_stream_is_raised_and_leaves_neither_threads_nor_open_streams():
    state, before = {"passes": 0, "closed": 0}, threading.active_count()

    def stream():
        state["passes"] += 1
        try:
            for number, batch in enumerate(many(X, y)()):
                if state["passes"] == 3 and number == 17:
                    raise OSError("the disk is gone")
                yield batch
        finally:
            state["closed"] += 1

    fitted = streaming(warm_start=True).fit(X, y)
    probabilities = fitted.predict_proba(X)
    with pytest.raises(OSError, match="the disk is gone"):
        fitted.fit(stream)
    assert state == {"passes": 3, "closed": 3}
    assert threading.active_count() == before
    np.testing.assert_array_equal(fitted.predict_proba(X), probabilities)


def test_an_invalid_batch_behind_others_is_named_while_the_graph_trains():
    passes = []

    def stream():
        passes.append(0)
        for number, (rows, labels) in enumerate(many(X, y)(), start=1):
            broken = len(passes) == 2 and number == 20
            yield (np.full_like(rows, np.inf) if broken else rows), labels

    with pytest.raises(ValueError, match="Batch 20 of X cannot be used: Input X contains inf"):
        streaming().fit(stream)


def test_an_interrupt_within_an_epoch_keeps_the_epochs_before():
    passes, before = [], threading.active_count()

    def stream():
        passes.append(0)
        for number, batch in enumerate(many(X, y)()):
            if len(passes) == 4 and number == 20:
                signal.raise_signal(signal.SIGINT)
            yield batch

    with pytest.warns(TrainingInterruptedWarning, match="2 of 5 epochs"):
        classifier = streaming(epochs=5).fit(stream)
    assert classifier.n_iter_ == 2
    assert threading.active_count() == before
    assert classifier.score(X, y) > 0.3


def test_a_step_that_fails_in_the_other_thread_raises_in_this_one():
    class Failing(keras.layers.Layer):
        def call(self, inputs):
            import tensorflow as tf

            with tf.control_dependencies([tf.debugging.assert_less(inputs, 100.0)]):
                return tf.identity(inputs)

    values = X.copy()
    values[140] = 1e4
    with pytest.raises(Exception, match="assert"):
        KerasMulticlassClassifier(
            lambda inputs: keras.layers.Dense(4)(Failing()(inputs)), scaling=None, epochs=1
        ).fit(many(values, y))
