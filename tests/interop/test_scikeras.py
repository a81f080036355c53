"""Migration from SciKeras: builders, routed parameters, conversion of classifiers."""

from __future__ import annotations

import copy
import functools
import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from keras_multiclass import KerasMulticlassClassifier, KerasMultilabelClassifier
from keras_multiclass._interop.scikeras import import_scikeras

# A plain import would replace methods of Keras in this process.
scikeras = import_scikeras()

rng = np.random.default_rng(0)
CODES = np.arange(60) % 3
X = (rng.normal(size=(60, 4)) + 3 * np.eye(3, 4)[CODES]).astype("float32")
Y = np.array(["ant", "bee", "cat"])[CODES]
TWO = np.array(["no", "yes"])[(CODES > 0).astype(int)]


def layers(units, activation, hidden=8):
    return [
        keras.layers.Dense(hidden, activation="relu"),
        keras.layers.Dense(units, activation=activation),
    ]


def build(meta, compile_kwargs, hidden=8):
    """The builder of SciKeras' documentation: output and loss depend on the type of target."""
    if meta["target_type_"] == "binary":
        units, activation, loss = 1, "sigmoid", "binary_crossentropy"
    else:
        units, activation, loss = meta["n_classes_"], "softmax", "sparse_categorical_crossentropy"
    inputs = keras.Input((meta["n_features_in_"],))
    model = keras.Sequential([inputs, *layers(units, activation, hidden)])
    model.compile(
        loss=loss, optimizer=compile_kwargs["optimizer"], metrics=compile_kwargs["metrics"]
    )
    return model


def build_uncompiled(meta, hidden=8):
    inputs = keras.Input((meta["n_features_in_"],))
    return keras.Sequential([inputs, *layers(meta["n_classes_"], "softmax", hidden)])


def build_compiled(loss="sparse_categorical_crossentropy", optimizer="sgd", hidden=8):
    model = keras.Sequential([keras.Input((4,)), *layers(3, "softmax", hidden)])
    model.compile(loss=loss, optimizer=optimizer, metrics=["accuracy"])
    return model


def build_sigmoid():
    model = keras.Sequential([keras.Input((4,)), *layers(1, "sigmoid")])
    model.compile(loss="binary_crossentropy", optimizer="adam")
    return model


def build_logits():
    model = keras.Sequential([keras.Input((4,)), *layers(3, None)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss, optimizer="adam")
    return model


def build_tokens():
    parts = [
        keras.Input((5,)),
        keras.layers.Embedding(7, 3),
        keras.layers.Flatten(),
        *layers(3, "softmax"),
    ]
    model = keras.Sequential(parts)
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
    return model


class Workshop:
    """Builders that are not plain functions."""

    def __init__(self, hidden=8):
        self.hidden = hidden

    def method(self, meta):
        return build_uncompiled(meta, self.hidden)

    def __call__(self, meta, hidden=8):
        return build_uncompiled(meta, hidden)


@keras.saving.register_keras_serializable("test_scikeras")
class Network(keras.Model):
    def __init__(self, hidden=8, **kwargs):
        super().__init__(**kwargs)
        self.hidden = hidden
        self.inner, self.outer = layers(3, "softmax", hidden)

    def call(self, inputs):
        return self.outer(self.inner(inputs))

    def get_config(self):
        return {**super().get_config(), "hidden": self.hidden}


class Perceptron(scikeras.KerasClassifier):
    """A SciKeras classifier with a builder of its own, as in SciKeras' documentation."""

    def __init__(self, hidden=8, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.hidden = hidden
        self.activation = activation

    def _keras_build_fn(self, compile_kwargs):
        inputs = keras.Input((self.n_features_in_,))
        inner = keras.layers.Dense(self.hidden, activation=self.activation)
        outer = keras.layers.Dense(self.n_classes_, activation="softmax")
        model = keras.Sequential([inputs, inner, outer])
        model.compile(loss="sparse_categorical_crossentropy", optimizer=compile_kwargs["optimizer"])
        return model


def make(**parameters):
    defaults = {"batch_size": -1, "random_state": 0, "optimizer__learning_rate": 0.05}
    return KerasMulticlassClassifier(**{**defaults, **parameters})


def hidden_units(classifier):
    return classifier.model_.layers[-2].units


# --- builders -----------------------------------------------------------------------------------


@pytest.mark.parametrize("y", [Y, TWO, CODES, np.eye(3)[CODES]], ids=["str", "two", "int", "hot"])
def test_a_builder_gets_the_same_metadata_as_from_scikeras(y):
    seen = []

    def spy(meta):
        seen.append(dict(meta))
        return build_uncompiled(meta)

    scikeras.KerasClassifier(spy, loss="mse").initialize(X, y)
    make(model=spy).initialize(X, y)
    theirs, mine = seen
    names = {"n_features_in_", "X_shape_", "X_dtype_", "n_classes_", "n_outputs_"}
    names |= {"n_outputs_expected_", "y_dtype_", "y_ndim_"}
    assert {n: mine[n] for n in names} == {n: theirs[n] for n in names}
    assert mine["classes_"].tolist() == theirs["classes_"].tolist()
    if y.ndim == 1:
        assert mine["target_type_"] == theirs["target_type_"]


def test_a_builder_for_several_labels_gets_the_same_metadata_as_from_scikeras():
    seen = []

    def spy(meta):
        seen.append(dict(meta))
        return keras.Sequential([keras.Input((4,)), *layers(meta["n_classes_"], "sigmoid")])

    labels = np.stack([CODES > 0, CODES < 2], axis=1).astype(int)
    scikeras.KerasClassifier(spy, loss="bce").initialize(X, labels)
    KerasMultilabelClassifier(model=spy).initialize(X, labels)
    theirs, mine = seen
    names = ["n_classes_", "n_outputs_", "n_outputs_expected_", "target_type_", "y_ndim_"]
    assert [mine[name] for name in names] == [theirs[name] for name in names]
    assert mine["classes_"].tolist() == theirs["classes_"].tolist()


def test_a_builder_gets_compile_kwargs_that_keras_accepts():
    seen = {}

    def spy(meta, compile_kwargs):
        seen.update(compile_kwargs)
        model = build_uncompiled(meta)
        model.compile(**compile_kwargs)
        return model

    make(model=spy, optimizer=keras.optimizers.SGD, metrics="accuracy").initialize(X, Y)
    assert isinstance(seen["optimizer"], keras.optimizers.SGD)
    assert float(seen["optimizer"].learning_rate) == pytest.approx(0.05)


def test_a_builder_gets_all_parameters_and_its_own_under_both_names():
    seen = {}

    def spy(meta, params, hidden):
        seen.update(params)
        return build_uncompiled(meta, hidden)

    classifier = make(model=spy, model__hidden=5, epochs=7)
    classifier.initialize(X, Y)
    assert classifier.get_params(deep=False).items() <= seen.items()
    assert (seen["hidden"], seen["model__hidden"], seen["epochs"]) == (5, 5, 7)


@pytest.mark.parametrize(
    ("builder", "arguments", "expected"),
    [
        (build, {"hidden": 5}, 5),
        (functools.partial(build, hidden=6), {}, 6),
        (functools.partial(build_uncompiled, hidden=6), {"hidden": 5}, 5),
        (Workshop(7).method, {}, 7),
        (Workshop(), {"hidden": 5}, 5),
        (lambda hidden=3: build_compiled(hidden=hidden), {"hidden": 4}, 4),
        (lambda meta, **kwargs: build_uncompiled(meta), {}, 8),
    ],
    ids=["function", "partial", "partial-over", "method", "object", "lambda", "kwargs"],
)
def test_any_callable_builds_the_model(builder, arguments, expected):
    arguments = {f"model__{name}": value for name, value in arguments.items()}
    classifier = make(model=builder, **arguments).initialize(X, Y)
    assert hidden_units(classifier) == expected
    assert classifier.model_.output_shape == (None, 3)


def test_a_model_class_is_a_builder():
    classifier = make(model=Network, model__hidden=5, epochs=15).fit(X, Y)
    assert classifier.model_.inner.units == 5
    assert classifier.score(X, Y) > 0.9


def test_a_builder_without_input_layer_gets_the_width_from_x():
    classifier = make(model=lambda: keras.Sequential(layers(3, "softmax"))).initialize(X, Y)
    assert classifier.model_.layers[0].kernel.shape == (4, 8)


def test_an_unknown_argument_of_the_builder_is_an_error():
    with pytest.raises(ValueError, match=r"model__hiden.*Did you mean '(model__)?hidden'"):
        make(model=build, model__hiden=5).fit(X, Y)


@pytest.mark.parametrize(
    "loss",
    [
        "sparse_categorical_crossentropy",
        "categorical_crossentropy",
        "CategoricalCrossentropy",
        "kl_divergence",
        "categorical_hinge",
    ],
)
def test_a_builder_may_compile_with_a_loss_for_any_form_of_target(loss):
    classifier = make(model=build_compiled, model__loss=loss).initialize(X, Y)
    raw = classifier.model_(X)
    one_hot = keras.ops.one_hot(CODES, 3)
    sparse = keras.losses.get(loss)
    target = CODES if loss.startswith("sparse") else one_hot
    expected = float(np.mean(sparse(target, raw)))
    assert float(classifier.loss_(CODES, raw)) == pytest.approx(expected, rel=1e-5)


def test_optimizer_loss_and_metrics_of_a_compiling_builder_are_used():
    classifier = make(model=build_compiled, model__loss="categorical_crossentropy", epochs=60)
    classifier.fit(X, Y)
    assert isinstance(classifier.model_.optimizer, keras.optimizers.SGD)
    assert set(classifier.history_) == {"loss", "accuracy"}
    assert classifier.score(X, Y) > 0.9


def test_the_builder_s_optimizer_replaces_the_default_but_no_other():
    plain = KerasMulticlassClassifier(model=build_compiled)
    assert isinstance(plain.initialize(X, Y).model_.optimizer, keras.optimizers.SGD)
    explicit = KerasMulticlassClassifier(model=build_compiled, optimizer="rmsprop")
    assert isinstance(explicit.initialize(X, Y).model_.optimizer, keras.optimizers.RMSprop)


def test_the_builder_s_optimizer_replaces_the_default_of_scikeras():
    wrappers = import_scikeras()
    converted = KerasMulticlassClassifier.from_scikeras(wrappers.KerasClassifier(build_compiled))
    for classifier in (converted, clone(converted), pickle.loads(pickle.dumps(converted))):
        assert classifier.optimizer == "rmsprop"
        assert isinstance(classifier.initialize(X, Y).model_.optimizer, keras.optimizers.SGD)
    plain = KerasMulticlassClassifier.from_scikeras(wrappers.KerasClassifier(build_uncompiled))
    assert isinstance(plain.initialize(X, Y).model_.optimizer, keras.optimizers.RMSprop)


def test_an_uncompiled_model_is_compiled():
    classifier = make(model=build_uncompiled, epochs=20).fit(X, Y)
    assert classifier.score(X, Y) > 0.9


def test_one_sigmoid_unit_predicts_two_classes():
    classifier = make(model=build, epochs=20).fit(X, TWO)
    assert classifier.model_.output_shape == (None, 1)
    raw = np.asarray(classifier.model_(X), dtype="float64")
    np.testing.assert_allclose(classifier.predict_proba(X), np.hstack([1 - raw, raw]), atol=1e-6)
    assert classifier.score(X, TWO) > 0.9


# --- routed names -------------------------------------------------------------------------------


def test_optimizer_arguments_are_routed():
    classifier = make(
        model=build, optimizer=keras.optimizers.SGD, optimizer__momentum=0.5
    ).initialize(X, Y)
    assert classifier.model_.optimizer.momentum == 0.5
    assert float(classifier.model_.optimizer.learning_rate) == pytest.approx(0.05)


def test_a_schedule_class_takes_routed_arguments():
    classifier = KerasMulticlassClassifier(
        model=build,
        optimizer__learning_rate=keras.optimizers.schedules.ExponentialDecay,
        optimizer__learning_rate__initial_learning_rate=0.1,
        optimizer__learning_rate__decay_steps=1,
        optimizer__learning_rate__decay_rate=0.5,
        batch_size=-1,
        epochs=2,
    ).fit(X, Y)
    assert float(classifier.model_.optimizer.learning_rate) == pytest.approx(0.1 * 0.5**2)


@pytest.mark.parametrize(
    "loss", ["categorical_crossentropy", "CategoricalCrossentropy", keras.losses.CategoricalHinge]
)
def test_loss_arguments_are_routed_to_names_and_classes(loss):
    classifier = make(model=build_uncompiled, loss=loss, loss__name="mine").initialize(X, Y)
    assert classifier.loss_.name == "mine"


@pytest.mark.parametrize(
    "metrics",
    [
        {"metrics": [keras.metrics.SparseTopKCategoricalAccuracy], "metrics__0__k": 1},
        {"metrics": {"top": "sparse_top_k_categorical_accuracy"}, "metrics__top__k": 1},
        {"metrics": keras.metrics.SparseTopKCategoricalAccuracy, "metrics__k": 1},
    ],
    ids=["position", "key", "all"],
)
def test_metric_arguments_are_routed(metrics):
    classifier = make(model=build_uncompiled, **metrics, metrics__name="top", epochs=1)
    classifier.set_params(optimizer__learning_rate=0.0).fit(X, Y)
    # With k=1 this is the accuracy; the default of 5 would always be 1.
    assert classifier.history_["top"] == [pytest.approx(classifier.score(X, Y))]


class Part:
    def __init__(self, *args, **kwargs):
        self.args, self.kwargs = args, kwargs


class Outline(keras.callbacks.Callback):
    """A callback that takes any arguments, as users write them."""

    def __init__(self, first="none", *args, **kwargs):
        super().__init__()
        self.got = (first, *args, kwargs)

    def on_train_end(self, logs=None):
        received.append(self.got)


received: list = []


class Scaled:
    """A loss that is no `keras.losses.Loss`, as in SciKeras' own tests."""

    def __init__(self, parts):
        self.parts = parts

    def __call__(self, y_true, y_pred):
        received.append(self.parts)
        return keras.losses.categorical_crossentropy(y_true, y_pred)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"callbacks": Outline, "callbacks__foo": 1}, ("none", {"foo": 1})),
        ({"callbacks": [Outline], "callbacks__0__foo": 1}, ("none", {"foo": 1})),
        ({"callbacks": {"cb": Outline}, "callbacks__cb__first": 2}, (2, {})),
        ({"callbacks": Outline, "callbacks__0": 1, "callbacks__1": 2}, (1, 2, {})),
        ({"fit__callbacks": [Outline], "fit__callbacks__0__1": 2}, ("none", 2, {})),
        (
            {"callbacks": Outline, "callbacks__foo": 1, "callbacks__2": 4, "callbacks__1": 3},
            ("none", 3, 4, {"foo": 1}),
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_callback_with_args_and_kwargs_gets_routed_arguments(arguments, expected):
    received.clear()
    make(model=build, epochs=1, **arguments).fit(X, Y)
    assert received == [expected]
    if "fit__callbacks__0__1" not in arguments and "callbacks__1" not in arguments:
        received.clear()  # SciKeras does not fill in the default of an argument before *args
        scikeras.KerasClassifier(build, verbose=0, **arguments).fit(X, Y)
        assert received == [expected]


def test_entries_of_a_list_that_is_an_argument_get_routed_arguments():
    received.clear()
    arguments = {
        "loss": Scaled,
        "loss__parts": [Part, Part],
        "loss__parts__weight": 1,
        "loss__parts__0__weight": 2,
    }
    make(model=build_uncompiled, **arguments).initialize(X, Y)
    assert [part.kwargs for part in received[-1]] == [{"weight": 2}, {"weight": 1}]


def test_a_search_sets_arguments_of_builder_and_optimizer():
    search = GridSearchCV(
        make(model=build, epochs=15),
        [
            {"model__hidden": [6], "optimizer__learning_rate": [0.05]},
            {"model__hidden": [5], "optimizer__learning_rate": [1e-7]},
        ],
        cv=2,
    ).fit(X, Y)
    assert search.best_params_ == {"model__hidden": 6, "optimizer__learning_rate": 0.05}
    assert hidden_units(search.best_estimator_) == 6
    assert search.cv_results_["mean_test_score"].max() > 0.9


def test_epochs_are_counted_over_initialize_partial_fit_and_fit():
    classifier = make(model=build, epochs=3, warm_start=True)
    assert classifier.current_epoch == 0
    assert classifier.initialize(X, Y).current_epoch == 0
    before = classifier.model_.get_weights()
    classifier.partial_fit(X, Y).partial_fit(X, Y)
    assert classifier.current_epoch == 2
    assert classifier.model_.get_weights()[0].shape == before[0].shape
    assert not np.array_equal(classifier.model_.get_weights()[0], before[0])
    assert classifier.fit(X, Y).current_epoch == 5
    assert len(classifier.history_["loss"]) == 5
    assert classifier.set_params(warm_start=False).fit(X, Y).current_epoch == 3


def test_the_history_of_an_epoch_covers_all_its_batches():
    # With a learning rate of 0, the final network is the one that was evaluated.
    classifier = make(model=build, metrics="accuracy", epochs=1, optimizer__learning_rate=0.0)
    classifier.set_params(batch_size=25).fit(X, Y, X_val=X[:40], y_val=Y[:40])
    history = classifier.history_
    assert history["accuracy"] == [pytest.approx(classifier.score(X, Y))]
    assert history["val_accuracy"] == [pytest.approx(classifier.score(X[:40], Y[:40]))]
    scores = [keras.losses.sparse_categorical_crossentropy(CODES, classifier.model_(X))]
    assert history["loss"] == [pytest.approx(float(np.mean(scores)), rel=1e-5)]


# --- differences that the migration page names ---------------------------------------------------


def build_from_kwargs(compile_kwargs):
    model = keras.Sequential([keras.Input((4,)), *layers(3, "softmax")])
    model.layers[-1].name = "out"
    model.compile(**compile_kwargs)
    return model


class OwnFit(keras.Sequential):
    def fit(self, *args, **kwargs):
        received.append("fit")
        return super().fit(*args, **kwargs)


def build_with_own_fit():
    model = OwnFit([keras.Input((4,)), *layers(3, "softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize(
    ("metrics", "mine", "theirs"),
    [
        ({"out": "accuracy"}, "out", "accuracy"),
        (["mse"], "mse", "mean_squared_error"),
        (["CategoricalAccuracy"], "CategoricalAccuracy", "categorical_accuracy"),
        (["acc"], "acc", "acc"),
    ],
    ids=str,
)
def test_the_history_has_the_names_that_the_user_passes(metrics, mine, theirs):
    shared = {"loss": "categorical_crossentropy", "metrics": metrics, "epochs": 1}
    classifier = make(model=build_from_kwargs, **shared).fit(X, Y)
    assert set(classifier.history_) == {"loss", mine}
    estimator = scikeras.KerasClassifier(build_from_kwargs, verbose=0, **shared).fit(X, Y)
    assert set(estimator.history_) == {"loss", theirs}


def test_a_random_state_advances_unlike_in_scikeras():
    for cls, advances in ((KerasMulticlassClassifier, True), (scikeras.KerasClassifier, False)):
        estimator = cls(model=build, epochs=1, verbose=0, random_state=np.random.RandomState(0))
        first, second = (estimator.fit(X, Y).model_.get_weights()[0] for _ in range(2))
        assert np.array_equal(first, second) is not advances


def test_the_optimizer_and_metrics_of_the_estimator_replace_the_builder_s_unlike_in_scikeras():
    shared = {"model": build_sigmoid, "optimizer": "rmsprop", "metrics": ["mse"], "epochs": 1}
    classifier = KerasMulticlassClassifier(**shared).fit(X, TWO)
    assert isinstance(classifier.model_.optimizer, keras.optimizers.RMSprop)
    assert "mse" in classifier.history_
    estimator = scikeras.KerasClassifier(verbose=0, **shared).fit(X, TWO)
    assert isinstance(estimator.model_.optimizer, keras.optimizers.Adam)
    assert list(estimator.history_) == ["loss"]


@pytest.mark.filterwarnings("ignore")  # a method that is not called may be named in a warning
def test_a_model_s_own_fit_is_not_called_unlike_in_scikeras():
    received.clear()
    make(model=build_with_own_fit, epochs=1).fit(X, Y)
    assert received == []
    scikeras.KerasClassifier(build_with_own_fit, verbose=0).fit(X, Y)
    assert received == ["fit"]


def test_arguments_are_routed_to_instances_unlike_in_scikeras():
    stop = keras.callbacks.EarlyStopping(monitor="loss", min_delta=10.0)
    arguments = {"callbacks": stop, "callbacks__patience": 2, "epochs": 9, "verbose": 0}
    assert make(model=build, **arguments).fit(X, Y).n_iter_ == 3
    with pytest.raises(TypeError, match="does not accept parameters"):
        scikeras.KerasClassifier(build, **arguments).fit(X, Y)


def test_an_argument_without_address_reaches_a_class_with_kwargs_last_unlike_in_scikeras():
    arguments = {
        "callbacks": [keras.callbacks.EarlyStopping, Outline],
        "callbacks__0__monitor": "loss",
        "callbacks__patience": 2,
    }
    for cls, got in ((KerasMulticlassClassifier, {}), (scikeras.KerasClassifier, {"patience": 2})):
        received.clear()
        cls(model=build, epochs=1, verbose=0, **arguments).fit(X, Y)
        assert received == [("none", got)]


# --- conversion: parameters ---------------------------------------------------------------------


def convert(*args, **kwargs):
    estimator = scikeras.KerasClassifier(*args, **kwargs)
    return KerasMulticlassClassifier.from_scikeras(estimator)


def test_conversion_makes_the_defaults_of_scikeras_explicit():
    expected = KerasMulticlassClassifier(
        model=build, optimizer="rmsprop", epochs=1, batch_size=32, verbose=1
    )
    assert convert(build).get_params() == expected.get_params()


CALLBACK = keras.callbacks.EarlyStopping(monitor="loss")


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        ({"build_fn": build}, {"model": build}),
        ({"hidden": 5}, {"model__hidden": 5}),
        ({"model__hidden": 5}, {"model__hidden": 5}),
        ({"loss": "mse"}, {"loss": "mse"}),
        ({"metrics": ["accuracy"]}, {"metrics": ["accuracy"]}),
        ({"optimizer": keras.optimizers.Adam}, {"optimizer": keras.optimizers.Adam}),
        ({"optimizer__learning_rate": 0.5}, {"optimizer__learning_rate": 0.5}),
        ({"loss__label_smoothing": 0.5}, {"loss__label_smoothing": 0.5}),
        ({"metrics__0__k": 2}, {"metrics__0__k": 2}),
        ({"callbacks": [CALLBACK]}, {"callbacks": [CALLBACK]}),
        ({"callbacks__stop__patience": 2}, {"callbacks__stop__patience": 2}),
        ({"fit__callbacks": [CALLBACK]}, {"fit__callbacks": [CALLBACK]}),
        ({"epochs": 5, "batch_size": 7}, {"epochs": 5, "batch_size": 7}),
        ({"batch_size": -1}, {"batch_size": -1}),
        ({"fit__batch_size": None}, {"fit__batch_size": 32}),
        ({"fit__epochs": 3}, {"fit__epochs": 3}),
        ({"validation_split": 0.25}, {"validation_split": 0.25}),
        ({"validation_batch_size": 9}, {"fit__validation_batch_size": 9}),
        ({"validation_batch_size": -1}, {"fit__validation_batch_size": -1}),
        ({"shuffle": False, "warm_start": True}, {"shuffle": False, "warm_start": True}),
        ({"class_weight": {"ant": 2.0}}, {"class_weight": {"ant": 2.0}}),
        ({"random_state": 3}, {"random_state": 3}),
        ({"verbose": 0}, {"verbose": 0}),
        ({"verbose": "auto"}, {"verbose": 1}),
        ({"run_eagerly": True}, {"compile__run_eagerly": True}),
        ({"compile__jit_compile": False}, {"compile__jit_compile": False}),
        ({"compile__run_eagerly": True}, {"compile__run_eagerly": True}),
        ({"compile__optimizer": "sgd"}, {"optimizer": "sgd"}),
        ({"predict__batch_size": 9}, {"predict__batch_size": 9}),
        ({"predict__batch_size": -1}, {"predict__batch_size": -1}),
        ({"predict__batch_size": None}, {"predict__batch_size": None}),
        ({"predict__verbose": 0}, {}),
        ({"fit__verbose": "auto"}, {"fit__verbose": 1}),
    ],
    ids=lambda value: "-".join(value),
)
def test_parameters_are_converted(theirs, mine):
    model = {} if "build_fn" in theirs else {"model": build}
    expected = {**convert(build).get_params(), **mine}
    assert convert(**model, **theirs).get_params() == expected


def test_callbacks_used_by_scikeras_are_converted_without_its_network():
    used = keras.callbacks.EarlyStopping(monitor="loss", patience=7)
    used.set_model(build_compiled())
    [copied] = convert(build, callbacks=[used]).callbacks
    assert (copied.patience, copied.model) == (7, None)
    assert used.model is not None


def test_conversion_shares_the_random_state_without_drawing_from_it():
    state = np.random.RandomState(3)
    expected = np.random.RandomState(3).randint(100)
    assert convert(build, random_state=state).random_state is state
    assert state.randint(100) == expected


@pytest.mark.parametrize("policy", ["float64", "mixed_bfloat16"])
def test_conversion_keeps_the_dtype_policy(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        assert convert(build).dtype == policy
    finally:
        keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(
    "name",
    [
        "predict__callbacks",
        "predict__steps",
        "fit__validation_data",
        "fit__sample_weight",
        "fit__initial_epoch",
        "score__normalize",
        "compile__loss_weights",
        "compile__weighted_metrics",
        "optmizer__learning_rate",
    ],
)
def test_a_setting_without_counterpart_is_an_error(name):
    with pytest.raises(ValueError, match=f"cannot be converted: `{name}`"):
        convert(build, **{name: 1})


def test_all_settings_without_counterpart_are_reported_together():
    with pytest.raises(ValueError, match=r"predict__callbacks.*score__normalize"):
        convert(build, predict__callbacks=[], score__normalize=True)


def test_an_attribute_that_the_builder_does_not_take_is_an_error():
    estimator = scikeras.KerasClassifier(build)
    estimator.color = "red"
    with pytest.raises(ValueError, match="`color`"):
        KerasMulticlassClassifier.from_scikeras(estimator)


@pytest.mark.parametrize(
    ("estimator", "got"),
    [
        (scikeras.KerasRegressor(build), "KerasRegressor. Regressors cannot be converted"),
        (scikeras.KerasClassifier, "the class KerasClassifier. Pass an instance"),
        (LogisticRegression(), "LogisticRegression"),
        (build, "the function build"),
        (None, "None"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_only_scikeras_classifiers_are_converted(estimator, got):
    with pytest.raises(TypeError, match=f"scikeras.wrappers.KerasClassifier; got .*{got}"):
        KerasMulticlassClassifier.from_scikeras(estimator)


def test_a_scikeras_classifier_without_builder_is_an_error():
    with pytest.raises(ValueError, match="must be a function or a keras.Model; got None"):
        convert()


@pytest.mark.parametrize(
    "name", ["target_encoder", "feature_encoder", "scorer", "fit", "_get_compile_kwargs"]
)
def test_an_overridden_method_is_an_error(name):
    changed = type("Changed", (scikeras.KerasClassifier,), {name: lambda self: None})
    with pytest.raises(ValueError, match=f"Changed overrides '{name}'"):
        KerasMulticlassClassifier.from_scikeras(changed(build))


def test_a_subclass_with_its_own_builder_is_converted():
    estimator = Perceptron(hidden=5, optimizer="adam", verbose=0)
    classifier = KerasMulticlassClassifier.from_scikeras(estimator)
    assert classifier.get_params()["model__hidden"] == 5
    assert hidden_units(classifier.initialize(X, Y)) == 5
    changed = clone(classifier).set_params(model__hidden=6, model__activation="tanh")
    assert hidden_units(changed.initialize(X, Y)) == 6
    assert estimator.hidden == 5
    assert not hasattr(estimator, "n_features_in_")
    with pytest.raises(ValueError, match="hiden"):
        changed.set_params(model__hiden=6).initialize(X, Y)


# --- conversion: fitted classifiers -------------------------------------------------------------

TOKENS = rng.integers(0, 7, size=(60, 5))
FITTED = {
    "softmax": (build, {}, X, Y),
    "one sigmoid unit": (build, {}, X, TWO),
    "one sigmoid unit, compiled": (build_sigmoid, {}, X, TWO == "no"),
    "integers with gaps": (build, {}, X, CODES * 10 - 10),
    "one-hot loss": (build_compiled, {"model__loss": "categorical_crossentropy"}, X, Y),
    "one-hot labels": (build_uncompiled, {"loss": "categorical_crossentropy"}, X, np.eye(3)[CODES]),
    "model class": (lambda: Network(), {"loss": "sparse_categorical_crossentropy"}, X, Y),
    "a model": (build_compiled(), {}, X, Y),
    "tokens": (build_tokens, {}, TOKENS, Y),
    "float64 X": (build, {}, X.astype("float64"), Y),
}


@pytest.mark.parametrize("case", FITTED)
def test_a_converted_classifier_predicts_the_same_as_scikeras(case):
    builder, parameters, features, y = FITTED[case]
    estimator = scikeras.KerasClassifier(builder, verbose=0, **parameters)
    estimator.initialize(features, y)
    estimator.model_(features[:1])  # a model class has no weights before its first call
    classifier = KerasMulticlassClassifier.from_scikeras(estimator)
    expected = np.asarray(estimator.model_(features))
    if expected.shape[1] == 1:
        expected = np.hstack([1 - expected, expected])
    np.testing.assert_allclose(classifier.predict_proba(features), expected, atol=1e-6)
    if y.ndim == 1:
        assert classifier.classes_.tolist() == np.unique(y).tolist()
        predicted = np.unique(y)[expected.argmax(axis=1)]
    else:
        predicted = np.eye(3)[expected.argmax(axis=1)]
    np.testing.assert_array_equal(classifier.predict(features), predicted)
    assert classifier.n_features_in_ == features.shape[1]
    assert (classifier.current_epoch, classifier.history_) == (0, {})


def test_logits_become_probabilities_unlike_in_scikeras():
    estimator = scikeras.KerasClassifier(build_logits, verbose=0).initialize(X, Y)
    classifier = KerasMulticlassClassifier.from_scikeras(estimator)
    logits = np.asarray(estimator.model_(X), dtype="float64")
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.predict_proba(X), expected, rtol=1e-5)
    np.testing.assert_array_equal(classifier.predict(X), estimator.classes_[logits.argmax(axis=1)])


@pytest.fixture(scope="module")
def trained():
    """A SciKeras classifier after two epochs of one batch, and the converted one."""
    estimator = scikeras.KerasClassifier(
        build, hidden=5, epochs=2, batch_size=-1, metrics=["accuracy"], optimizer="adam", verbose=0
    )
    estimator.set_params(warm_start=True, optimizer__learning_rate=0.02)
    estimator.fit(X, Y)
    return estimator, KerasMulticlassClassifier.from_scikeras(estimator)


def test_a_converted_trained_classifier_has_the_same_predictions_and_history(trained):
    estimator, classifier = trained
    np.testing.assert_allclose(classifier.predict_proba(X), estimator.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(classifier.predict(X), estimator.predict(X))
    assert classifier.score(X, Y) == pytest.approx(estimator.score(X, Y))
    assert classifier.history_ == dict(estimator.history_)
    assert classifier.current_epoch == estimator.current_epoch == 2
    assert hidden_units(classifier) == 5


def test_a_converted_classifier_can_be_pickled_copied_and_cloned(trained):
    _, classifier = trained
    expected = classifier.predict_proba(X)
    for copied in (pickle.loads(pickle.dumps(classifier)), copy.deepcopy(classifier)):
        np.testing.assert_array_equal(copied.predict_proba(X), expected)
        assert copied.get_params() == classifier.get_params()
        assert copied.model_.optimizer.iterations == 2
    cloned = clone(classifier)
    assert cloned.get_params() == classifier.get_params()
    assert not hasattr(cloned, "model_")


def test_training_continues_where_scikeras_stopped(trained):
    estimator, classifier = copy_of(trained)
    before = [np.array(w) for w in estimator.model_.get_weights()]
    classifier.partial_fit(X, Y)
    for weight, kept in zip(estimator.model_.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)  # SciKeras' own network is unchanged
    estimator.partial_fit(X, Y)
    # With one batch of all rows, only the order of the rows may differ.
    ours, theirs = classifier.model_.get_weights(), estimator.model_.get_weights()
    for our_weight, their_weight in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(our_weight, their_weight, atol=1e-5)
    assert classifier.current_epoch == 3
    assert classifier.history_["loss"] == pytest.approx(estimator.history_["loss"], rel=1e-4)
    assert classifier.history_["accuracy"] == pytest.approx(estimator.history_["accuracy"])


def copy_of(trained):
    """Return the pair with a new conversion, for tests that train it."""
    estimator, _ = trained
    return estimator, KerasMulticlassClassifier.from_scikeras(estimator)


def test_a_warm_start_continues_and_a_cold_start_begins_again(trained):
    _, classifier = copy_of(trained)
    n_before = classifier.current_epoch
    classifier.set_params(optimizer__learning_rate=0.5).fit(X, Y)
    assert classifier.current_epoch == n_before + 2
    assert float(classifier.model_.optimizer.learning_rate) == pytest.approx(0.5)
    classifier.set_params(warm_start=False, epochs=1).fit(X, Y)
    assert classifier.current_epoch == len(classifier.history_["loss"]) == 1


def test_a_learning_rate_that_a_callback_lowered_is_kept():
    estimator = scikeras.KerasClassifier(build, verbose=0, optimizer="adam").initialize(X, Y)
    estimator.model_.optimizer.learning_rate = 1e-5
    classifier = KerasMulticlassClassifier.from_scikeras(estimator)
    assert float(classifier.model_.optimizer.learning_rate) == pytest.approx(1e-5)


def test_the_converted_history_has_the_names_of_later_fits():
    metrics = ["AUC", "accuracy", keras.metrics.F1Score]
    classifier = make(model=build_uncompiled, metrics=metrics, epochs=1, validation_split=0.2)
    expected = set(classifier.fit(X, Y).history_)
    estimator = scikeras.KerasClassifier(build_uncompiled, loss="categorical_crossentropy")
    estimator.initialize(X, Y).set_params(metrics=metrics)
    # SciKeras' spelling, which differs between training and validation metrics.
    names = ["a_u_c", "val_auc", "accuracy", "val_accuracy", "f1_score", "val_f1_score"]
    estimator.history_ = {name: [0.5] for name in [*names, "loss", "val_loss"]}
    converted = KerasMulticlassClassifier.from_scikeras(estimator)
    assert set(converted.history_) == expected


def test_classes_that_scikeras_lost_in_a_warm_start_are_restored():
    estimator = scikeras.KerasClassifier(build, verbose=0).initialize(X, Y)
    estimator.classes_ = None  # as after its second `fit` with warm_start
    classifier = KerasMulticlassClassifier.from_scikeras(estimator)
    assert classifier.classes_.tolist() == ["ant", "bee", "cat"]


def test_classes_keep_the_order_in_which_they_were_declared():
    estimator = scikeras.KerasClassifier(build_compiled, verbose=0)
    estimator.partial_fit(X, Y, classes=np.array(["cat", "ant", "bee"]))
    classifier = KerasMulticlassClassifier.from_scikeras(estimator)
    np.testing.assert_array_equal(classifier.predict(X), estimator.predict(X))
    classifier.partial_fit(X, Y)


@pytest.mark.parametrize("y", [(rng.random((60, 3)) > 0.5).astype(int)])
def test_a_fitted_multi_label_classifier_is_an_error(y):
    y[0] = 1
    estimator = scikeras.KerasClassifier(build_uncompiled, loss="mse").initialize(X, y)
    with pytest.raises(ValueError, match="got a multilabel-indicator target"):
        KerasMulticlassClassifier.from_scikeras(estimator)


def test_a_network_that_cannot_be_copied_is_an_error():
    class Secret(keras.layers.Layer):
        def __init__(self, width):
            super().__init__()

        def call(self, inputs):
            return inputs

    def secretive():
        model = keras.Sequential([keras.Input((4,)), Secret(3), *layers(3, "softmax")])
        model.compile(loss="sparse_categorical_crossentropy")
        return model

    estimator = scikeras.KerasClassifier(secretive).initialize(X, Y)
    with pytest.raises(TypeError, match="get_config"):
        KerasMulticlassClassifier.from_scikeras(estimator)


# --- what importing SciKeras changes ------------------------------------------------------------

IN_A_NEW_PROCESS = """
import copy, pickle, sys
import keras, numpy as np

PATCHED = [(keras.Model, "__reduce__"), (keras.Model, "__deepcopy__"),
           (keras.losses.Loss, "__reduce__"), (keras.metrics.Metric, "__reduce__"),
           (keras.optimizers.Optimizer, "__reduce__")]
X, y = np.eye(6), ["a", "b", "c"] * 2

def methods():
    return [getattr(owner, name, None) for owner, name in PATCHED]

def build(meta):
    last = keras.layers.Dense(meta["n_classes_"], activation="softmax")
    return keras.Sequential([keras.Input((6,)), last])

def forget(*packages):
    for name in [n for n in sys.modules if n.split(".")[0] in packages]:
        del sys.modules[name]

# A user who never imports SciKeras.
of_keras = methods()
from keras_multiclass import KerasMulticlassClassifier
assert "scikeras" not in sys.modules
KerasMulticlassClassifier().initialize(X, y).predict(X)
assert "scikeras" not in sys.modules
KerasMulticlassClassifier(model=build, epochs=1).fit(X, y)
assert "scikeras" in sys.modules
assert methods() == of_keras
plain = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: 2 * x)])
assert copy.deepcopy(plain)(np.ones((1, 2))).shape == (1, 2)

# A user who has imported SciKeras before.
forget("scikeras", "keras_multiclass")
from scikeras.wrappers import KerasClassifier
of_scikeras = methods()
assert of_scikeras != of_keras
from keras_multiclass import KerasMulticlassClassifier
assert methods() == of_scikeras
old = KerasClassifier(build, loss="categorical_crossentropy", verbose=0, random_state=0)
new = KerasMulticlassClassifier.from_scikeras(old.fit(X, y))
assert methods() == of_scikeras
loaded = pickle.loads(pickle.dumps(new))
assert np.array_equal(loaded.predict_proba(X), new.predict_proba(X))
assert np.allclose(old.predict_proba(X), new.predict_proba(X), atol=1e-6)
"""


def test_methods_of_keras_are_left_as_keras_or_the_user_s_own_import_of_scikeras_set_them():
    result = subprocess.run(
        [sys.executable, "-c", IN_A_NEW_PROCESS], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]
