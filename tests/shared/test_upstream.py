"""Without an undocumented name of Keras or TensorFlow, results stay the same."""

from __future__ import annotations

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_multiclass
from _toy import tiny
from keras_multiclass._network.scaling import standardized
from keras_multiclass._shared.keras.object_names import fresh_names
from keras_multiclass._shared.keras.snapshots import copy_layer
from keras_multiclass._shared.upstream import (
    keras_globals,
    keras_normalization,
    keras_objects,
    keras_optimizers,
    keras_training,
)
from keras_multiclass._shared.upstream import tensorflow as of_tensorflow
from keras_multiclass._training.engine import adam, fingerprint, flat, threads
from keras_multiclass._training.engine.adam import KernelAdam
from keras_multiclass._training.engine.cache import programs
from keras_multiclass._training.engine.flat import FlatOptimizer
from keras_multiclass._training.engine.threads import Threads, trace_for
from keras_multiclass.exceptions import EngineError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(46, 4))
y = np.arange(46) % 3


def fit(**params):
    keras_multiclass.clear_cache()
    classifier = tiny(**{"epochs": 2, "batch_size": 16, "metrics": ["accuracy"], **params})
    return classifier.fit(X, y)


@pytest.fixture(scope="module")
def usual():
    """What a fit gives when nothing is missing."""
    return fit()


def assert_same(found, expected):
    np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), atol=1e-5)
    for name, values in expected.history_.items():
        np.testing.assert_allclose(found.history_[name], values, rtol=1e-4, err_msg=name)


class KeptPrivate:
    """Shows an attribute of a class to Keras alone, as if it had another name now."""

    def __init__(self, attribute):
        self.attribute = attribute

    def __get__(self, instance, owner):
        if sys._getframe(1).f_globals["__name__"].startswith("keras."):
            return self.attribute.__get__(instance, owner)
        raise AttributeError(instance)


# --- Keras ----------------------------------------------------------------------------------------


def test_without_finalize_state_normalization_is_copied_and_trained_right(usual, monkeypatch):
    hidden = KeptPrivate(keras.layers.Normalization.finalize_state)
    monkeypatch.setattr(keras.layers.Normalization, "finalize_state", hidden)
    layer = keras.layers.Normalization()
    layer.build((None, 2))
    layer.set_weights([np.array([1.0, 2.0]), np.array([4.0, 9.0]), np.array(0)])
    keras_normalization.refresh_derived([layer])
    rows = np.array([[3.0, 5.0]], "float32")
    np.testing.assert_allclose(layer(rows), [[1.0, 1.0]])
    np.testing.assert_allclose(copy_layer(layer)(rows), [[1.0, 1.0]])
    classifier = fit()
    assert classifier.engine_ == "keras"
    assert_same(classifier, usual)


def test_without_adapt_mean_features_are_standardized_all_the_same(monkeypatch):
    inputs = keras.Input((2,))
    mean, variance = np.array([1.0, 2.0]), np.array([4.0, 9.0])
    build = keras.layers.Normalization.build

    def build_without(self, input_shape):
        build(self, input_shape)
        vars(self).pop("adapt_mean", None)

    monkeypatch.setattr(keras.layers.Normalization, "build", build_without)
    model = keras.Model(inputs, standardized(inputs, mean, variance))
    np.testing.assert_allclose(model(np.array([[3.0, 5.0]], "float32")), [[1.0, 1.0]])


def test_without_the_counters_of_names_fits_are_the_same(usual, monkeypatch):
    monkeypatch.setattr(keras_globals, "global_state", None)
    with fresh_names():
        first = keras.layers.Dense(1).name
    with fresh_names():
        assert keras.layers.Dense(1).name != first
    assert_same(fit(), usual)


def test_a_training_step_that_resets_metrics_itself_is_an_error(monkeypatch):
    monkeypatch.setattr(keras_training, "kept_metrics", keras_training.contextlib.nullcontext)
    train_on_batch, test_on_batch = keras.Model.train_on_batch, keras.Model.test_on_batch

    def resetting(method):
        def on_batch(self, *arguments, **options):
            keras.Model.reset_metrics(self)
            return method(self, *arguments, **options)

        return on_batch

    monkeypatch.setattr(keras.Model, "train_on_batch", resetting(train_on_batch))
    monkeypatch.setattr(keras.Model, "test_on_batch", resetting(test_on_batch))
    keras_training.can_keep_metrics.cache_clear()
    try:
        with pytest.raises(EngineError, match="cannot log whole epochs with Keras"):
            fit(engine="keras", compile__run_eagerly=True)
    finally:
        keras_training.can_keep_metrics.cache_clear()


def test_tensorboard_counts_as_acting_on_batches_if_it_may_profile_them(monkeypatch, tmp_path):
    pytest.importorskip("tensorboard")
    callback = keras.callbacks.TensorBoard(tmp_path, write_graph=False)
    del callback._should_trace
    assert keras_training.profiles_batches(callback)


def test_exclusions_from_weight_decay_keep_the_users_optimizer(monkeypatch):
    plain, decaying, sparing = (
        keras.optimizers.SGD(),
        keras.optimizers.SGD(weight_decay=0.1),
        keras.optimizers.SGD(weight_decay=0.1),
    )
    sparing.exclude_from_weight_decay(var_names=["bias"])
    optimizers = (plain, decaying, sparing)
    assert [keras_optimizers.may_spare_from_decay(o) for o in optimizers] == [False, False, True]
    monkeypatch.setattr(keras_optimizers, "_knows_exclusions", lambda: False)
    assert [keras_optimizers.may_spare_from_decay(o) for o in optimizers] == [False, True, True]


def test_without_names_of_exclusions_optimizers_with_weight_decay_are_passed_by_class(monkeypatch):
    monkeypatch.setattr(keras_optimizers, "_knows_exclusions", lambda: False)
    with pytest.raises(ValueError, match=r"SGD.* Pass the class"):
        fit(optimizer=keras.optimizers.SGD(weight_decay=0.1))
    arguments = {"optimizer__weight_decay": 0.1, "optimizer__learning_rate": 0.01}
    assert fit(optimizer=keras.optimizers.SGD, **arguments).n_iter_ == 2
    assert fit(optimizer=keras.optimizers.SGD()).n_iter_ == 2


def test_without_wrapped_arguments_losses_are_copied_only_if_their_configuration_is_complete(
    monkeypatch,
):
    complete, incomplete = (
        keras_objects._unreported_arguments(loss)
        for loss in (keras.losses.CategoricalCrossentropy(), keras.losses.CosineSimilarity(axis=0))
    )
    assert (complete, incomplete) == ([], ["axis"])
    monkeypatch.setattr(keras_objects, "_knows_wrapped_arguments", lambda: False)
    loss = keras.losses.CosineSimilarity(axis=0)
    assert keras_objects.wrapped_arguments(loss) == {"axis": 0}
    del loss._fn_kwargs
    with pytest.raises(ValueError, match=r"argument 'axis'.* Pass the class"):
        keras_objects.wrapped_arguments(loss)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_where_slots_have_other_names_no_optimizer_stands_in(optimizer, monkeypatch):
    expected = fit(optimizer=optimizer)
    named = keras.optimizers.Optimizer.variables.fget

    class Renamed:
        """A slot whose name does not begin with the path of its weight."""

        def __init__(self, slot):
            self.slot, self.shape, self.name = slot, slot.shape, f"slot_{slot.name}"

    def slots_of(optimizer, trainable):
        renamed = type("Optimizer", (), {"variables": list(map(Renamed, named(optimizer)))})
        return keras_optimizers.slots_of(renamed, trainable)

    for module in (adam, flat):
        monkeypatch.setattr(module, "slots_of", slots_of)
    classifier = fit(optimizer=optimizer)
    assert classifier.engine_ == "graph"
    assert KernelAdam.of(classifier.model_) is None
    assert FlatOptimizer.of(classifier.model_) is None
    assert_same(classifier, expected)


def test_where_compiled_metrics_are_not_listed_a_network_shares_no_traces(usual, monkeypatch):
    container = type("CompileMetrics", (), {})()

    def compiled_metrics(metrics):
        return keras_training.compiled_metrics([container])

    monkeypatch.setattr(fingerprint, "compiled_metrics", compiled_metrics)
    classifier = fit()
    assert classifier.engine_ == "graph"
    assert len(programs) == 0
    assert_same(classifier, usual)


def test_without_the_arguments_of_compile_their_configuration_is_read():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.SGD(0.25), "hinge", loss_weights=[2.0], metrics=["accuracy"])
    config = model.get_compile_config()
    del model._compile_config
    model.get_compile_config = lambda: config
    arguments = keras_training.compile_arguments_of(model)
    assert (arguments["loss"], arguments["metrics"]) == ("hinge", ["accuracy"])
    assert arguments["loss_weights"] == [2.0]
    assert float(arguments["optimizer"].learning_rate) == 0.25


def test_without_the_initial_epoch_all_epochs_are_trained():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model._initial_epoch = 2
    assert [keras_training.take_initial_epoch(model) for _ in range(2)] == [2, 0]
    del model._initial_epoch
    assert keras_training.take_initial_epoch(model) == 0


# --- TensorFlow -----------------------------------------------------------------------------------


def without_map_defun(monkeypatch):
    monkeypatch.delattr(tf.raw_ops, "MapDefun")


def without_executor(monkeypatch):
    monkeypatch.setattr(of_tensorflow, "_ONE_THREAD", "NO_SUCH_EXECUTOR")


def without_executor_type(monkeypatch):
    monkeypatch.delattr(tf.experimental, "function_executor_type")


def without_lowering(monkeypatch):
    monkeypatch.setattr(of_tensorflow, "_LOWERED", "no_such_attribute")


def without_adam(monkeypatch):
    monkeypatch.delattr(tf.raw_ops, "ResourceApplyAdam")


def without_captures(monkeypatch):
    class Trace:
        """A trace that does not tell what it captured."""

        def __init__(self, traced):
            self.traced, self.graph = traced, traced.graph
            self.outputs = traced.outputs

        def __call__(self, *arguments):
            return self.traced(*arguments)

    trace = of_tensorflow.trace
    for module in (of_tensorflow, threads):
        monkeypatch.setattr(module, "trace", lambda *arguments: Trace(trace(*arguments)))


def without_graph(monkeypatch):
    def operations_of(traced):
        raise AttributeError("graph")

    monkeypatch.setattr(of_tensorflow, "operations_of", operations_of)


@pytest.fixture
def probed_again():
    of_tensorflow.has_one_thread_executor.cache_clear()
    yield
    of_tensorflow.has_one_thread_executor.cache_clear()


@pytest.mark.usefixtures("probed_again")
@pytest.mark.parametrize(
    "remove",
    [
        without_map_defun,
        without_executor,
        without_executor_type,
        without_lowering,
        without_adam,
        without_captures,
        without_graph,
    ],
)
def test_without_a_name_of_tensorflow_the_graph_engine_computes_the_same(
    remove, usual, monkeypatch
):
    remove(monkeypatch)
    classifier = fit()
    assert classifier.engine_ == "graph"
    assert_same(classifier, usual)


@pytest.mark.usefixtures("probed_again")
@pytest.mark.parametrize(
    ("remove", "unsplit"),
    [(without_executor, True), (without_graph, True), (without_map_defun, False)],
)
def test_without_an_executor_several_threads_run_small_steps(remove, unsplit, monkeypatch):
    remove(monkeypatch)
    traced = trace_for(Threads.ONE, tf.exp, tf.TensorSpec([], tf.float32))
    monkeypatch.undo()
    nodes = of_tensorflow.operations_of(traced)
    assert not any(node.attr["executor_type"].s for node in nodes)
    assert any(node.op == "MapDefun" for node in nodes) is unsplit
    assert float(traced(tf.constant(0.0))) == 1.0
