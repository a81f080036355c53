"""`model=`: the user's whole networks, in every combination of labels, output layer and loss."""

from __future__ import annotations

import copy
import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from keras import ops
from sklearn.datasets import load_iris

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.exceptions import BackboneError, ObjectiveError

IRIS = load_iris()
X, y = (IRIS.data - IRIS.data.mean(axis=0)) / IRIS.data.std(axis=0), IRIS.target
X32 = X.astype("float32")
ONE_HOT = np.eye(3, dtype=int)[y]


def network(activation=None, units=3, hidden=8):
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(hidden, "tanh"),
            keras.layers.Dense(units, activation),
        ]
    )


def classifier(model, **params):
    defaults = {"optimizer__learning_rate": 0.05, "epochs": 8, "random_state": 0}
    return KerasMulticlassClassifier(model=model, **{**defaults, **params})


# --- labels x output layer x loss -----------------------------------------------------------------


def brier(y_true, y_pred):
    """A user's loss for one-hot labels and probabilities."""
    return ops.sum(ops.square(y_true - y_pred), axis=-1)


def chosen(y_true, y_pred):
    """A user's loss for class indices and probabilities."""
    return -ops.log(ops.take_along_axis(y_pred, ops.reshape(y_true, (-1, 1)), axis=-1)[:, 0])


def smoothed(p):
    target = 0.9 * ONE_HOT + 0.1 / 3
    return -np.sum(target * np.log(p), axis=1)


def cross_entropy(p):
    return -np.log(p[np.arange(150), y])


def focal(p):
    p_true = p[np.arange(150), y]
    return -0.25 * (1 - p_true) ** 2 * np.log(p_true)


LOSSES = {
    "auto": ({}, cross_entropy),
    "sparse": ({"loss": "sparse_categorical_crossentropy"}, cross_entropy),
    "categorical": ({"loss": "categorical_crossentropy"}, cross_entropy),
    "Keras class": ({"loss": keras.losses.CategoricalCrossentropy}, cross_entropy),
    "wrong from_logits": (
        {"loss": keras.losses.CategoricalCrossentropy(from_logits=True)}, cross_entropy,
    ),
    "focal": ({"loss": "categorical_focal_crossentropy"}, focal),
    "KL": ({"loss": "kl_divergence"}, cross_entropy),
    "label smoothing": ({"loss__label_smoothing": 0.1}, smoothed),
    "user's, one-hot": ({"loss": brier}, lambda p: np.sum((ONE_HOT - p) ** 2, axis=1)),
    "user's, indices": ({"loss": chosen}, cross_entropy),
}  # fmt: skip


@pytest.mark.parametrize("labels", ["indices", "one-hot"])
@pytest.mark.parametrize("activation", ["softmax", None], ids=["softmax", "logits"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_combination_has_the_loss_of_the_formula(loss, activation, labels):
    params, formula = LOSSES[loss]
    keras.utils.set_random_seed(0)
    target = y if labels == "indices" else ONE_HOT
    fitted = classifier(network(activation), **params).initialize(X, target)
    raw = ops.convert_to_numpy(fitted.model_(X32)).astype("float64")
    # Logits are recognized: with either output, probabilities are those of the network.
    p = raw if activation == "softmax" else np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict_proba(X), p, atol=1e-6)
    loss_value = float(fitted.loss_(y.astype("int32"), ops.convert_to_tensor(raw, "float32")))
    assert loss_value == pytest.approx(formula(p).mean(), rel=1e-4)


@pytest.mark.parametrize(
    ("activation", "labels", "loss"),
    [
        ("softmax", "one-hot", "focal"),
        ("softmax", "indices", "user's, one-hot"),
        (None, "indices", "KL"),
        (None, "one-hot", "label smoothing"),
    ],
)
def test_combinations_train(activation, labels, loss):
    params, formula = LOSSES[loss]
    keras.utils.set_random_seed(0)
    target = y if labels == "indices" else ONE_HOT
    untrained = network(activation)
    fitted = classifier(untrained, batch_size=25, **params).fit(X, target)
    assert fitted.score(X, target) > 0.85
    p = fitted.predict_proba(X)
    after = float(fitted.loss_(y, ops.convert_to_tensor(fitted.model_(X32))))
    assert after == pytest.approx(formula(p).mean(), rel=1e-3)


@pytest.mark.parametrize(
    ("activation", "loss"),
    [("sigmoid", "auto"), (None, "auto"), ("sigmoid", "binary_crossentropy"), (None, "hinge")],
)
def test_one_unit_predicts_two_classes(activation, loss):
    two = y > 0
    names = np.array(["", "versicolor", "virginica"])[y[two]]
    keras.utils.set_random_seed(0)
    fitted = classifier(network(activation, units=1), loss=loss, batch_size=10).fit(X[two], names)
    assert fitted.score(X[two], names) > 0.85
    raw = ops.convert_to_numpy(fitted.model_(X32[two])).astype("float64")
    second = raw if activation == "sigmoid" else 1 / (1 + np.exp(-raw))
    np.testing.assert_allclose(fitted.predict_proba(X[two]), np.hstack([1 - second, second]),
                               atol=1e-6)  # fmt: skip


# --- forms of a model -----------------------------------------------------------------------------


def build(hidden=8):
    return network("softmax", hidden=hidden)


def build_from_meta(meta, compile_kwargs, hidden=8):
    model = network(None, units=meta["n_classes_"], hidden=hidden)
    model.compile(**compile_kwargs)
    return model


def build_without_input(hidden=8):
    return keras.Sequential([keras.layers.Dense(hidden, "tanh"), keras.layers.Dense(3)])


class Builder:
    def __call__(self, hidden=8):
        return build(hidden)

    def method(self, hidden=8):
        return build(hidden)


class Subclassed(keras.Model):
    """A subclassed model, built by its first call."""

    def __init__(self, hidden=8, **kwargs):
        super().__init__(**kwargs)
        self.hidden = keras.layers.Dense(hidden, "tanh")
        self.out = keras.layers.Dense(3)

    def call(self, inputs):
        return self.out(self.hidden(inputs))


@pytest.mark.parametrize(
    "model",
    [build, build_from_meta, build_without_input, Builder(), Builder().method, Subclassed],
    ids=["function", "SciKeras builder", "no Input layer", "object", "method", "class"],
)
def test_any_builder_of_a_model_is_accepted(model):
    fitted = classifier(model, model__hidden=5).initialize(X, IRIS.target_names[y])
    assert fitted.model_(X32[:2]).shape == (2, 3)
    assert fitted.model_.weights[0].shape == (4, 5)


def test_a_builder_gets_the_arguments_that_it_takes():
    seen = {}

    def builder(meta, compile_kwargs, params, hidden):
        seen.update(meta=dict(meta), compile_kwargs=dict(compile_kwargs), params=dict(params))
        return build(hidden)

    classifier(builder, model__hidden=6, epochs=1).fit(X, IRIS.target_names[y])
    assert seen["meta"]["n_features_in_"] == 4
    assert seen["meta"]["n_classes_"] == 3
    assert list(seen["meta"]["classes_"]) == list(IRIS.target_names)
    assert seen["meta"]["X_shape_"] == (150, 4)
    assert seen["meta"]["target_type_"] == "multiclass"
    assert isinstance(seen["compile_kwargs"]["optimizer"], keras.optimizers.Adam)
    assert seen["params"]["epochs"] == 1


def test_a_model_is_copied_with_its_weights_and_never_trained():
    model = network("softmax")
    before = [weight.copy() for weight in model.get_weights()]
    expected = ops.convert_to_numpy(model(X32))
    fitted = classifier(model).initialize(X, y)
    np.testing.assert_allclose(fitted.predict_proba(X), expected, atol=1e-6)
    first = fitted.fit(X, y).predict_proba(X)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    # Each fit starts from the user's weights.
    np.testing.assert_array_equal(fitted.fit(X, y).predict_proba(X), first)
    assert fitted.model is model


class Described(Subclassed):
    """The same model with a complete configuration."""

    def get_config(self):
        return {**super().get_config(), "hidden": self.hidden.units}


@pytest.mark.parametrize("built", [False, True])
def test_a_subclassed_model_is_copied_and_trained_whether_built_or_not(built):
    model = Described(hidden=6)
    if built:
        model(X32[:1])
    fitted = classifier(model, batch_size=25, epochs=10).fit(X, y)
    assert fitted.score(X, y) > 0.85
    assert model.built is built
    assert fitted.model_.weights[0].shape == (4, 6)


def test_a_model_without_complete_configuration_is_neither_copied_nor_pickled():
    with pytest.raises(TypeError, match="Subclassed cannot be copied.*'hidden'.*`get_config`"):
        classifier(Subclassed(hidden=6)).fit(X, y)
    # Built from its class, it can be trained but not pickled.
    fitted = classifier(Subclassed, model__hidden=5).initialize(X, y)
    with pytest.raises(TypeError, match="cannot be copied or saved"):
        pickle.dumps(fitted)
    fitted = classifier(Described, model__hidden=5).initialize(X, y)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(fitted)).predict_proba(X), fitted.predict_proba(X)
    )


def test_optimizer_loss_and_metrics_of_a_compiled_model_are_adopted():
    model = network("softmax")
    model.compile(
        keras.optimizers.SGD(0.3, momentum=0.5),
        keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        metrics=[keras.metrics.CategoricalAccuracy(name="right")],
    )
    fitted = KerasMulticlassClassifier(model=model, epochs=5, random_state=0).fit(X, y)
    assert isinstance(fitted.model_.optimizer, keras.optimizers.SGD)
    assert fitted.model_.optimizer is not model.optimizer
    assert float(ops.convert_to_numpy(fitted.model_.optimizer.learning_rate)) == pytest.approx(0.3)
    assert set(fitted.history_) == {"loss", "right"}
    p = fitted.predict_proba(X)
    value = float(fitted.loss_(y, ops.convert_to_tensor(p, "float32")))
    assert value == pytest.approx(smoothed(p).mean(), rel=1e-4)
    assert not model.optimizer.built or int(model.optimizer.iterations) == 0


def test_parameters_of_the_estimator_take_precedence_over_a_compiled_model():
    model = network("softmax")
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    fitted = KerasMulticlassClassifier(
        model=model, loss="categorical_focal_crossentropy", optimizer="adamax",
        optimizer__learning_rate=0.02, metrics=["macro_f1"], epochs=1, random_state=0,
    ).fit(X, y)  # fmt: skip
    assert isinstance(fitted.model_.optimizer, keras.optimizers.Adamax)
    assert float(ops.convert_to_numpy(fitted.model_.optimizer.learning_rate)) == pytest.approx(0.02)
    assert set(fitted.history_) == {"loss", "macro_f1"}


class ScaledStep(keras.Model):
    """A functional model with its own training step, which counts the steps."""

    steps = 0

    def train_step(self, data):
        type(self).steps += 1  # once for each trace, in eager mode once for each batch
        logs = super().train_step(data)
        return {**logs, "twice": 2.0 * logs["loss"]}


def build_scaled():
    inputs = keras.Input((4,))
    return ScaledStep(inputs, keras.layers.Dense(3, "softmax")(inputs))


def test_a_custom_train_step_is_used():
    ScaledStep.steps = 0
    fitted = classifier(build_scaled, epochs=2, batch_size=50, compile__run_eagerly=True).fit(X, y)
    assert ScaledStep.steps >= 6
    np.testing.assert_allclose(
        fitted.history_["twice"], 2.0 * np.array(fitted.history_["loss"]), rtol=1e-5
    )


def test_a_model_with_several_outputs_or_inputs_is_an_error():
    inputs = keras.Input((4,))
    two = keras.Model(inputs, [keras.layers.Dense(3)(inputs), keras.layers.Dense(3)(inputs)])
    with pytest.raises(ObjectiveError, match="one tensor of shape .* 2 outputs"):
        classifier(two).fit(X, y)
    pair = [keras.Input((4,)), keras.Input((4,))]
    with pytest.raises(
        BackboneError,
        match="`model` must be a network with one input if X is one array; got one with 2",
    ):
        classifier(keras.Model(pair, keras.layers.Add()(pair))).fit(X, y)


def own_cross_entropy(y_true, y_pred):
    return keras.losses.categorical_crossentropy(y_true, y_pred)


@pytest.mark.parametrize("loss", ["categorical_crossentropy", own_cross_entropy])
@pytest.mark.parametrize("engine", ["graph", "keras"])
def test_losses_take_the_logits_behind_a_softmax_as_in_keras(loss, engine):
    """Otherwise probabilities are clipped, and rows that are wrong for sure have no gradient."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(48, 4))
    classes = X[:, :3].argmax(axis=1)
    layer = keras.layers.Dense(3, activation="softmax")
    model = keras.Sequential([keras.Input((4,)), layer])
    layer.set_weights([np.eye(4, 3) * -14.0, np.zeros(3)])
    options = {"batch_size": 16, "epochs": 2, "shuffle": False}
    classifier = KerasMulticlassClassifier(
        model=model, loss=loss, optimizer="sgd", optimizer__learning_rate=1.0, engine=engine,
        **options,
    ).fit(X, classes)  # fmt: skip
    model.compile(keras.optimizers.SGD(1.0), loss=loss)
    expected = model.fit(X, np.eye(3)[classes], verbose=0, **options)
    np.testing.assert_allclose(classifier.history_["loss"], expected.history["loss"], rtol=1e-4)


def test_what_a_lambda_layer_raises_is_quoted():
    def fails(x):
        raise KeyError("no such column")

    classifier = KerasMulticlassClassifier(lambda x: keras.layers.Lambda(fails)(x))
    with pytest.raises(BackboneError, match="because of KeyError: 'no such column'"):
        classifier.fit(np.eye(4), [0, 1, 0, 1])


# In 32-bit floats, two pairs of them are the same.
IDS = np.array([[3], [2**25], [2**26 + 1], [2**26 + 2], [2**27 + 1], [2**27 + 2]])
GROUPS = np.arange(6) % 3


def count_ids(head, dtype):
    """Build a network whose features are zeros and ones, one for each id."""
    inputs = keras.Input((1,), dtype=dtype)
    found = keras.layers.IntegerLookup(vocabulary=IDS.ravel(), output_mode="one_hot")(inputs)
    if not head:
        return keras.Model(inputs, found)
    model = keras.Model(inputs, keras.layers.Dense(3)(found))
    model.layers[-1].kernel.assign(np.vstack([np.zeros((1, 3)), 9 * np.eye(3)[GROUPS]]))
    return model


def stream():
    yield IDS, GROUPS


@pytest.mark.parametrize("engine", ["graph", "keras"])
@pytest.mark.parametrize(
    ("params", "X"),
    [
        ({"model": lambda: count_ids(True, "int64")}, IDS),
        ({"model": lambda: count_ids(True, "int32")}, IDS.astype("float64")),
        ({"model": lambda: count_ids(True, "int64")}, stream),
        ({"model": lambda: lambda: count_ids(True, "int64")}, IDS),
        ({"model": lambda: lambda: count_ids(True, "int64")}, pd.DataFrame(IDS)),
        ({"backbone": lambda: count_ids(False, "int64")}, IDS),
    ],
    ids=["model", "floats", "stream", "builder", "frame", "backbone"],
)
def test_input_layers_for_integers_receive_them_exactly(params, X, engine):
    (name, make), is_stream = *params.items(), callable(X)
    classifier = KerasMulticlassClassifier(**{name: make()}, optimizer="sgd", epochs=1)
    classifier.set_params(engine="auto" if is_stream else engine)
    classifier.fit(X, None if is_stream else GROUPS)
    assert len(np.unique(classifier.predict_proba(IDS), axis=0)) >= 3
    if name == "model":
        np.testing.assert_array_equal(classifier.predict(IDS), GROUPS)


FROM_2_24 = 2**24 + np.arange(4)[:, None]  # floats of 32 bits hold every other one


def encode():
    return keras.layers.IntegerLookup(vocabulary=FROM_2_24.ravel().tolist(), output_mode="one_hot")


def sequential(*layers):
    return keras.Sequential([*layers, keras.layers.Flatten(), keras.layers.Dense(2)])


WITHOUT_INPUT = {
    "lookup": lambda: {"model": sequential(encode())},
    "builder": lambda: {"model": lambda: sequential(encode())},
    "hashing": lambda: {
        "model": lambda: sequential(keras.layers.Hashing(99, output_mode="one_hot"))
    },
    "nested": lambda: {"model": sequential(keras.Sequential([encode()]))},
    "backbone": lambda: {"backbone": keras.Sequential([encode(), keras.layers.Flatten()])},
    "embedding": lambda: {"model": sequential(keras.layers.Embedding(2**24 + 4, 1))},
}


@pytest.mark.parametrize("make", WITHOUT_INPUT.values(), ids=WITHOUT_INPUT)
def test_networks_that_begin_with_ids_receive_integers_without_an_input_layer(make):
    params = make()
    given = next(iter(params.values()))
    y = np.arange(40) % 4 % 2
    classifier = KerasMulticlassClassifier(**params, optimizer="sgd", random_state=0)
    classifier.set_params(optimizer__learning_rate=10.0, batch_size=-1, epochs=20)
    X = np.tile(FROM_2_24, (10, 1))
    np.testing.assert_array_equal(classifier.fit(X, y).predict(X), y)
    assert classifier.model_.inputs[0].dtype.startswith("int")
    if isinstance(given, keras.Model):
        assert not given.built
    copied = copy.deepcopy(classifier)
    np.testing.assert_array_equal(copied.predict(X), y)


def far_from_zero(parameter, **layer):
    """Return a network that subtracts an offset of its rows, or one that ends there."""
    layers = [keras.Input((1,), **layer), keras.layers.Rescaling(0.1, offset=-1.7e8, **layer)]
    return keras.Sequential(layers + [keras.layers.Dense(1, **layer)] * (parameter == "model"))


@pytest.mark.parametrize("parameter", ["model", "backbone"])
@pytest.mark.parametrize("dtype", ["float64", "mixed_float16"])
def test_networks_of_another_precision_than_dtype_are_an_error(parameter, dtype):
    X, y = np.arange(40.0)[:, None], np.arange(40) // 20
    params = {parameter: far_from_zero(parameter), "dtype": dtype, "scaling": None}
    with pytest.raises(BackboneError, match=f"`{parameter}` must be a network built for .*{dtype}"):
        KerasMulticlassClassifier(**params).fit(X, y)


@pytest.mark.parametrize("parameter", ["model", "backbone"])
def test_networks_of_64_bits_distinguish_what_32_bits_round(parameter):
    X, y = 1.7e9 + np.arange(40.0)[:, None], np.arange(40) // 20
    network = far_from_zero(parameter, dtype="float64")
    fitted = KerasMulticlassClassifier(**{parameter: network}, dtype="float64", epochs=1).fit(X, y)
    assert len(np.unique(fitted.predict_proba(X)[:, 1])) == 40
    with_32_bits = keras.Sequential([keras.Input((1,)), *network.layers])
    fitted.set_params(**{parameter: with_32_bits})
    with pytest.raises(BackboneError, match="input layer of dtype float32.*set_floatx"):
        fitted.fit(X, y)


LARGE_IDS = 2**53 + np.arange(6)[:, None]


@pytest.mark.parametrize(
    "convert",
    [
        np.asarray,
        lambda X: X.astype(object),
        lambda X: X.tolist(),
        pd.DataFrame,
        lambda X: pd.DataFrame(X).astype("Int64"),
        lambda X: pd.DataFrame(X).astype(object),
    ],
    ids=["array", "objects", "list", "frame", "nullable", "frame of objects"],
)
@pytest.mark.parametrize("is_stream", [False, True])
def test_integers_beyond_the_precision_of_floats_arrive_exactly(convert, is_stream):
    inputs = keras.Input((1,), dtype="int64")
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.ops.cast(inputs % 2, "float32")))
    model.set_weights([np.array([[-18.0, 18.0]]), np.array([9.0, -9.0])])
    X, y = convert(LARGE_IDS), LARGE_IDS.ravel() % 2
    classifier = KerasMulticlassClassifier(model=model, epochs=1, optimizer="sgd")
    classifier.fit(*[lambda: [(X, y)]] if is_stream else [X, y])
    probabilities = classifier.predict_proba(X)[:, 1]
    np.testing.assert_array_equal(probabilities > 0.9, y == 1)


@pytest.mark.parametrize(
    "X",
    [
        LARGE_IDS.astype(float),
        np.hstack([LARGE_IDS, np.ones((6, 1))]),
        pd.DataFrame({"id": LARGE_IDS.ravel(), "number": 1.0}),
        (IDS * 2**25).astype("float32"),
    ],
    ids=["floats", "array", "frame", "float32"],
)
def test_integers_that_floats_may_have_rounded_are_an_error(X):
    inputs = keras.Input((X.shape[1],), dtype="int64")
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.ops.cast(inputs, "float32")))
    with pytest.raises(ValueError, match="which float(32|64) rounds. Pass them as integers"):
        KerasMulticlassClassifier(model=model).fit(X, np.arange(len(X)) % 2)


@pytest.mark.parametrize(
    ("dtype", "X", "got"),
    [
        ("int32", IDS + 0.5, "dtype float64 with fractions"),
        ("int32", IDS * 2**20, "dtype int64 with others"),
        ("uint8", -IDS, "dtype int64 with others"),
    ],
)
def test_numbers_that_an_input_layer_for_integers_would_change_are_an_error(dtype, X, got):
    fitted = KerasMulticlassClassifier(model=count_ids(True, dtype), epochs=1)
    with pytest.raises(ValueError, match=f"X must be whole numbers .* {dtype}; got .*{got}. Begin"):
        fitted.fit(X, GROUPS)
    if dtype == "int32":
        fitted.fit(IDS, GROUPS)
        with pytest.raises(ValueError, match=got):
            fitted.predict(X)


class Sub(keras.Model):
    def __init__(self, k=3, **kwargs):
        super().__init__(**kwargs)
        self.outputs_of_k = keras.layers.Dense(k)

    def call(self, inputs):
        return self.outputs_of_k(inputs)


class SubWithConfig(Sub):
    def __init__(self, k=3, **kwargs):
        super().__init__(k, **kwargs)
        self.k = k

    def get_config(self):
        return {**super().get_config(), "k": self.k}


def test_copies_of_networks_without_configuration_are_advised_to_have_one():
    X, y = load_iris(return_X_y=True)
    fitted = KerasMulticlassClassifier(model=Sub, epochs=1).fit(X, y)
    with pytest.raises(TypeError, match=r"give it a `get_config` method that returns them too\.$"):
        copy.deepcopy(fitted)
    with pytest.raises(TypeError, match="too. Alternatively, pass a function that builds it as `m"):
        KerasMulticlassClassifier(model=Sub()).fit(X, y)
    fitted = KerasMulticlassClassifier(model=SubWithConfig, epochs=1).fit(X, y)
    copied = copy.deepcopy(fitted)
    np.testing.assert_array_equal(copied.predict_proba(X), fitted.predict_proba(X))
