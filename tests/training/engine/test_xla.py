"""XLA compiles long training of small networks, and changes nothing but the time it takes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_multiclass
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._training.engine import programs as _programs
from keras_multiclass._training.engine import xla as _xla
from keras_multiclass._training.engine.cache import programs
from keras_multiclass.exceptions import EngineError

RNG = np.random.default_rng(0)
# 46 rows in batches of 16 leave a short last one.
X = RNG.normal(size=(46, 5))
y = np.arange(46) % 3
WEIGHTS = RNG.uniform(0.5, 2.0, 46)


def fit(**params):
    defaults = {
        "backbone": "mlp",
        "epochs": 3,
        "batch_size": 16,
        "random_state": 3,
        "metrics": ["accuracy"],
    }
    return KerasMulticlassClassifier(**{**defaults, **params}).fit(X, y, sample_weight=WEIGHTS)


def is_compiled(classifier):
    return "XLA compiled the steps" in classifier.engine_reason_


def assert_same(found, expected):
    for one, other in zip(found.model_.variables, expected.model_.variables, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=one.path)
    assert list(found.history_) == list(expected.history_)
    for name, values in expected.history_.items():
        np.testing.assert_allclose(found.history_[name], values, rtol=1e-4, atol=1e-5)


@pytest.fixture
def eager_to_compile(monkeypatch):
    monkeypatch.setattr(_xla, "_FEWEST_STEPS", 1)
    monkeypatch.setattr(_xla, "_FEWEST_STEPS_PER_EPOCH", 1)


@pytest.mark.parametrize(
    "params",
    [
        {"optimizer": "sgd", "optimizer__momentum": 0.9, "backbone__normalization": "batch"},
        {"batch_size": 46, "validation_split": 0.3, "early_stopping": 2},
        {"batch_size": 4, "shuffle": False, "dtype": "float64"},
    ],
    ids=lambda params: "-".join(params),
)
def test_compiled_steps_train_alike(eager_to_compile, params):
    compiled, plain = fit(**params), fit(**params, compile__jit_compile=False)
    assert is_compiled(compiled)
    assert not is_compiled(plain)
    assert_same(compiled, plain)


def test_blocks_of_several_steps_may_be_incomplete(monkeypatch, eager_to_compile):
    monkeypatch.setattr(_xla, "_MOST_STEPS_PER_BLOCK", 3)
    compiled, plain = fit(batch_size=6), fit(batch_size=6, compile__jit_compile=False)
    assert is_compiled(compiled)
    assert_same(compiled, plain)


def test_on_request_it_draws_the_random_numbers_of_keras_with_xla():
    params = {"backbone__dropout": 0.5, "compile__jit_compile": True, "batch_size": 23}
    compiled, keras_own = fit(**params), fit(**params, engine="keras")
    assert is_compiled(compiled)
    assert_same(compiled, keras_own)


def test_on_request_it_trains_networks_for_tables():
    network = {"backbone": "realmlp", "backbone__hidden_units": [8]}
    params = {**network, "optimizer": "scheduled_adam", "batch_size": 23}
    compiled, plain = (fit(**params, compile__jit_compile=value) for value in (True, False))
    assert is_compiled(compiled)
    np.testing.assert_allclose(compiled.history_["loss"], plain.history_["loss"], rtol=0.05)


@pytest.mark.parametrize(
    ("epochs", "batch_size", "expected"),
    [(3, 1, False), (10, 1, True), (10, 2, False), (100, 46, False)],
    ids=["few steps", "enough", "short epochs", "one step per epoch"],
)
def test_without_a_request_it_compiles_only_long_training(
    monkeypatch, epochs, batch_size, expected
):
    monkeypatch.setattr(_xla, "_FEWEST_STEPS", 400)
    monkeypatch.setattr(_xla, "_FEWEST_STEPS_PER_EPOCH", 46)
    assert is_compiled(fit(epochs=epochs, batch_size=batch_size)) is expected
    monkeypatch.undo()
    assert not is_compiled(fit(epochs=epochs, batch_size=batch_size))


@pytest.mark.parametrize(
    "params",
    [
        {"backbone__dropout": 0.1},
        {"backbone__hidden_units": (2048, 2048), "epochs": 1},
        {"backbone": lambda inputs: keras.layers.GaussianNoise(0.1)(inputs)},
        {"dtype": "mixed_bfloat16"},
    ],
    ids=["dropout", "large", "other layer", "half precision"],
)
def test_without_a_request_it_compiles_only_what_gets_faster_and_stays_the_same(
    eager_to_compile, params
):
    classifier = fit(**params)
    assert classifier.engine_ == "graph"
    assert not is_compiled(classifier)


class Doubling(keras.layers.Layer):
    """Declares that XLA runs it fast."""

    xla_is_fast = True

    def call(self, inputs):
        return 2 * inputs


class Tripling(Doubling):
    def call(self, inputs):
        return 3 * inputs


@pytest.mark.parametrize(("layer", "expected"), [(Doubling, True), (Tripling, False)])
def test_layers_that_declare_it_are_compiled_but_not_their_subclasses(
    eager_to_compile, layer, expected
):
    classifier = fit(backbone=lambda inputs: keras.layers.Dense(4)(layer()(inputs)), epochs=1)
    assert is_compiled(classifier) is expected


def noisy(values):
    return values + 0.1 * tf.random.stateless_normal(tf.shape(values), [1, 2])


def test_random_numbers_of_a_function_remain_those_of_tensorflow(eager_to_compile):
    def build(inputs):
        return keras.layers.Dense(8, activation=noisy)(inputs)

    classifier, plain = fit(backbone=build), fit(backbone=build, compile__jit_compile=False)
    assert not is_compiled(classifier)
    assert_same(classifier, plain)


def test_traces_of_many_batch_sizes_do_not_accumulate(monkeypatch):
    keras_multiclass.clear_cache()
    monkeypatch.setattr(_programs, "_MOST_TRACES", 1)
    for batch_size in (23, 46):  # without a short last batch, which would be compiled, too
        assert is_compiled(fit(batch_size=batch_size, epochs=1, compile__jit_compile=True))
    assert [len(program._shared) for program in programs._shared.values()] == [1]


def unsupported_loss(y_true, y_pred):
    """A loss with an operation that XLA does not support."""
    loss = keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
    tf.py_function(lambda value: None, [tf.stop_gradient(loss)], [])
    return loss


def test_the_graph_engine_trains_without_xla_where_xla_fails(eager_to_compile, capfd):
    classifier = fit(loss=unsupported_loss, metrics=None)
    assert classifier.engine_ == "graph"
    assert not is_compiled(classifier)
    assert np.isfinite(classifier.history_["loss"]).all()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("engine", ["auto", "graph", "keras"])
def test_requesting_xla_where_it_fails_is_an_error(engine):
    with pytest.raises(EngineError, match="`compile__jit_compile` must be False or 'auto' here"):
        fit(loss=unsupported_loss, metrics=None, compile__jit_compile=True, engine=engine)


def test_other_rows_need_no_new_compilation(eager_to_compile, monkeypatch):
    from keras_multiclass._training.engine import binding as _binding

    monkeypatch.setattr(_xla, "_MOST_STEPS_PER_BLOCK", 2)
    fit()
    traced = []

    def trace(*arguments, **options):
        traced.append(arguments)
        return _binding.trace(*arguments, **options)

    monkeypatch.setattr(_programs, "trace", trace)
    longer = KerasMulticlassClassifier(
        "mlp", epochs=2, batch_size=16, random_state=5, metrics=["accuracy"]
    ).fit(np.tile(X, (5, 1)), np.tile(y, 5), sample_weight=np.tile(WEIGHTS, 5))
    assert is_compiled(longer)
    assert not traced
