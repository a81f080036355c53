"""What a user's model compiles itself with is what it is trained with, as in plain Keras."""

from __future__ import annotations

import functools
import inspect

import keras
import numpy as np
import pytest
from keras import ops
from sklearn.datasets import load_iris

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.exceptions import BackboneError, ObjectiveError

X, y = load_iris(return_X_y=True)
X = X.astype("float32")
SPARSE = "sparse_categorical_crossentropy"


def network(activation="softmax", model_class=keras.Model):
    inputs = keras.Input((4,))
    kernel = keras.initializers.GlorotUniform(seed=1)
    out = keras.layers.Dense(3, activation, kernel_initializer=kernel, name="out")
    return model_class(inputs, out(inputs))


def compiled(**arguments):
    model = network()
    arguments = {"optimizer": keras.optimizers.SGD(0.1), "loss": SPARSE, **arguments}
    model.compile(**arguments)
    return model


def fitted(model, **params):
    defaults = {"epochs": 2, "batch_size": -1, "shuffle": False, "random_state": 0}
    return KerasMulticlassClassifier(model=model, **{**defaults, **params}).fit(X, y)


def assert_trained_like_keras(classifier, model):
    history = model.fit(X, y, batch_size=150, shuffle=False, epochs=2, verbose=0).history
    assert set(classifier.history_) == set(history)
    for name, values in history.items():
        np.testing.assert_allclose(classifier.history_[name], values, rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(classifier.predict_proba(X), model(X), atol=1e-5)


class TrueProbability(keras.metrics.Mean):
    """A metric of the user's own, which Keras cannot find by its name."""

    def __init__(self, name="true_probability", **kwargs):
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(true_probability(y_true, y_pred), sample_weight)


def true_probability(y_true, y_pred):
    index = ops.reshape(ops.cast(y_true, "int32"), (-1, 1))
    return ops.take_along_axis(y_pred, index, axis=-1)[:, 0]


class Cubed(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return (1.0 - true_probability(y_true, y_pred)) ** 3


# --- loss and metrics -----------------------------------------------------------------------------

FORMS = {
    "list": lambda: {"metrics": ["accuracy"]},
    "dict": lambda: {"metrics": {"out": "accuracy"}},
    "nested list": lambda: {"metrics": [["accuracy", SPARSE]]},
    "dict of lists": lambda: {"metrics": {"out": ["accuracy", SPARSE]}},
    "list of losses": lambda: {"loss": [SPARSE]},
    "dict of losses": lambda: {"loss": {"out": keras.losses.SparseCategoricalCrossentropy()}},
    "weighted, too": lambda: {"metrics": ["accuracy"], "weighted_metrics": [["accuracy"]]},
    "own metrics": lambda: {"metrics": {"out": [TrueProbability(), true_probability]},
                            "weighted_metrics": [TrueProbability("weighted")]},
    "own loss": lambda: {"loss": {"out": Cubed(name="cubed")}},
    "loss function": lambda: {"loss": [lambda t, p: 1.0 - true_probability(t, p)]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("form", "given"),
    [*((form, "builder") for form in FORMS), ("own metrics", "model"), ("own loss", "model")],
)
def test_loss_and_metrics_in_any_form_are_those_of_keras(form, given):
    def build():
        return compiled(run_eagerly=True, **FORMS[form]())  # tracing takes most of the time

    classifier = fitted(build if given == "builder" else build())
    assert_trained_like_keras(classifier, build())


def test_own_compiled_metrics_train_in_the_graph_and_monitor():
    model = compiled(metrics=[TrueProbability()])
    classifier = fitted(
        model,
        validation_split=0.2,
        early_stopping={"monitor": "val_true_probability", "patience": 5},
    )
    assert classifier.engine_ == "graph"
    assert classifier.metric_modes_["true_probability"] == "max"


def scaled(y_true, y_pred, factor=1.0):
    return factor * (1.0 - true_probability(y_true, y_pred))


@pytest.mark.parametrize(
    "loss",
    [
        {"loss": functools.partial(scaled, factor=100.0)},
        {"loss": scaled, "loss__factor": 100.0},
    ],
    ids=["partial", "routed"],
)
def test_loss_functions_with_arguments_reach_builders_with_compile_kwargs(loss):
    def build(compile_kwargs):
        model = network()
        model.compile(**compile_kwargs)
        return model

    classifier = fitted(build, **loss, epochs=1)
    expected = 100.0 * (1.0 - np.asarray(network()(X))[np.arange(150), y].mean())
    assert classifier.history_["loss"] == [pytest.approx(expected, rel=1e-5)]


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"loss": "mse"}, ObjectiveError, "In the model's own `compile`: .* regression loss"),
        ({"metrics": {"out": "acuracy"}}, ObjectiveError, "own `compile`: .*'acuracy'"),
        ({"metrics": [3]}, TypeError, "In the model's own `compile`: metrics__0 must be"),
        ({"loss": [SPARSE, SPARSE]}, BackboneError, "`loss` in the model's own `compile`"),
        ({"loss_weights": [1.0, 2.0]}, BackboneError, "`loss_weights` in .* own `compile`"),
    ],
)
def test_errors_say_that_the_model_was_compiled_with_the_cause(arguments, error, match):
    with pytest.raises(error, match=match):
        fitted(compiled(**arguments))


# --- the other arguments --------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [0.5, [0.5], {"out": 0.5}], ids=str)
def test_the_weight_of_the_loss_counts(weights):
    model = compiled(loss_weights=weights, run_eagerly=True)
    assert_trained_like_keras(fitted(model), model)


def test_models_whose_losses_have_different_weights_share_no_traces():
    losses = [fitted(compiled(loss_weights=w)).history_["loss"][0] for w in (None, 0.5, 2.0)]
    np.testing.assert_allclose(losses, losses[0] * np.array([1.0, 0.5, 2.0]), rtol=1e-5)


@pytest.mark.parametrize("given", ["builder", "model"])
@pytest.mark.parametrize(
    ("option", "value", "usual"),
    [("run_eagerly", True, False), ("steps_per_execution", 3, 1), ("jit_compile", True, False)],
)
def test_options_of_compile_are_taken_over_unless_the_estimator_sets_them(
    option, value, usual, given
):
    def build():
        return compiled(**{option: value})

    classifier = KerasMulticlassClassifier(model=build if given == "builder" else build())
    assert getattr(classifier.initialize(X, y).model_, option) == value
    classifier.set_params(**{f"compile__{option}": usual})
    assert getattr(classifier.initialize(X, y).model_, option) == usual


def test_a_model_that_runs_eagerly_does_so():
    eager = []

    class Watched(keras.Model):
        def train_step(self, data):
            eager.append(not hasattr(data[0], "graph") or data[0].graph is None)
            return super().train_step(data)

    def build():
        model = network(model_class=Watched)
        model.compile("sgd", SPARSE, run_eagerly=True)
        return model

    classifier = fitted(build)
    assert classifier.engine_ == "keras"
    assert classifier.engine_reason_ == "the model is compiled with run_eagerly=True"
    assert len(eager) == 2


def test_a_builder_that_compiles_with_our_arguments_leaves_xla_to_the_engine():
    def build(compile_kwargs):
        model = network()
        model.compile(**compile_kwargs)
        return model

    specs = [KerasMulticlassClassifier(model=m).initialize(X, y)._state.compile_spec
             for m in (build, lambda: compiled())]  # fmt: skip
    assert [spec.jit_compile for spec in specs] == ["auto", False]


@pytest.mark.parametrize("scaled", [True, False])
def test_the_loss_is_scaled_in_half_precision_unless_compiled_otherwise(scaled):
    def build():
        return compiled(auto_scale_loss=scaled)

    classifier = KerasMulticlassClassifier(model=build, dtype="mixed_float16").initialize(X, y)
    optimizer = classifier.model_.optimizer
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer) is scaled
    inner = optimizer.inner_optimizer if scaled else optimizer
    assert isinstance(inner, keras.optimizers.SGD)


def test_every_argument_of_compile_is_known():
    arguments = list(inspect.signature(keras.Model.compile).parameters)[1:]
    assert set(arguments) <= {
        "optimizer", "loss", "loss_weights", "metrics", "weighted_metrics", "run_eagerly",
        "steps_per_execution", "jit_compile", "auto_scale_loss",
    }  # fmt: skip


class OwnCompile(keras.Model):
    """As in Keras' guides, with a loss function that its training step uses."""

    def compile(self, optimizer, loss_function):
        super().compile(optimizer=optimizer)
        self.loss_function = loss_function

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(self.loss_function(y, y_pred))


def test_a_builder_may_use_a_compile_method_with_arguments_of_its_own():
    def build():
        model = network(model_class=OwnCompile)
        model.compile(keras.optimizers.SGD(0.1), Cubed(reduction=None))
        return model

    classifier = fitted(build)
    expected = np.mean((1 - np.asarray(network()(X))[np.arange(150), y]) ** 3)
    assert classifier.history_["loss"][0] == pytest.approx(expected, rel=1e-5)
    with pytest.raises(BackboneError, match="function that builds and compiles OwnCompile"):
        fitted(build())
