"""Copies, pickles and other processes: same parameters, and predictions equal to the bit."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
from dataclasses import replace

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from keras import ops
from sklearn.base import clone
from sklearn.datasets import load_iris

from keras_multiclass import (
    KerasMulticlassClassifier,
    KerasMultilabelClassifier,
    get_backbone,
    list_backbones,
)

X, y = load_iris(return_X_y=True)
NAMES = load_iris().target_names


class Scale(keras.layers.Layer):
    """A custom layer with a weight, not registered with Keras."""

    def __init__(self, start=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape):
        self.factor = self.add_weight(
            shape=(shape[-1],), initializer=keras.initializers.Constant(self.start)
        )

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return {**super().get_config(), "start": self.start}


def powers(y_true, y_pred):
    """A user's loss for one-hot labels and probabilities."""
    return ops.sum(ops.power(ops.abs(y_true - y_pred), 1.5), axis=-1)


def wide(inputs, units=12):
    return keras.layers.Dense(units, "relu")(inputs)


def lambda_backbone():
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Lambda(lambda x: x / 4.0 - 1.0),
            Scale(2.0),
            keras.layers.Dense(12, "tanh"),
            keras.layers.Dropout(0.1),
        ]
    )


def compiled_model():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile(
        keras.optimizers.Adam(0.05), keras.losses.CategoricalCrossentropy(), metrics=["accuracy"]
    )
    return model


def build_model(meta, compile_kwargs, units=8):
    inputs = keras.Input((meta["n_features_in_"],))
    hidden = keras.layers.Dense(units, "relu")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(meta["n_classes_"], "softmax")(hidden))
    model.compile(**compile_kwargs)
    return model


CASES = {
    "name": {"backbone__hidden_units": (12,), "backbone__dropout": 0.2},
    "function": {"backbone": wide, "backbone__units": 10},
    "keras.Model with a lambda and a custom layer": {"backbone": lambda_backbone},
    "custom layer": {"backbone": lambda: Scale(0.5)},
    "builder of a whole model": {"model": build_model, "model__units": 6},
    "compiled keras.Model": {"model": compiled_model},
    "custom loss and metrics": {
        "backbone__hidden_units": (12,),
        "loss": powers,
        "metrics": ["macro_f1", powers],
    },
    "instances": {
        "optimizer": lambda: keras.optimizers.SGD(
            keras.optimizers.schedules.ExponentialDecay(0.05, 10, 0.9), momentum=0.9
        ),
        "loss": lambda: keras.losses.CategoricalFocalCrossentropy(gamma=1.5),
        "metrics": lambda: [keras.metrics.AUC(name="area")],
        "callbacks": lambda: [keras.callbacks.EarlyStopping("loss", patience=3)],
    },
}
BUILT = ("keras.Model with a lambda and a custom layer", "custom layer", "compiled keras.Model")


def make(case) -> KerasMulticlassClassifier:
    params = dict(CASES[case])
    for name, value in params.items():
        if case in (*BUILT, "instances") and callable(value):
            params[name] = value()
    return KerasMulticlassClassifier(epochs=2, batch_size=25, random_state=0, **params)


@pytest.fixture(scope="module")
def fitted():
    """A function that returns the fitted classifier of a case, which tests must not modify."""
    cache = {}

    def get(case):
        if case not in cache:
            cache[case] = make(case).fit(X, NAMES[y])
        return cache[case]

    return get


def through_a_file(classifier, folder):
    joblib.dump(classifier, folder / "classifier.joblib")
    return joblib.load(folder / "classifier.joblib")


COPIERS = {
    "pickle": lambda classifier, folder: pickle.loads(pickle.dumps(classifier)),
    "deepcopy": lambda classifier, folder: copy.deepcopy(classifier),
    "joblib": through_a_file,
}


# All use the same state. `test_a_copy_continues_training_like_the_original` deep-copies each case.
@pytest.mark.parametrize(
    ("case", "copier"),
    [
        *((case, "pickle") for case in CASES),
        *((case, copier) for case in ("name", "custom layer") for copier in ("deepcopy", "joblib")),
    ],
)
def test_a_copy_predicts_the_same_as_the_original(fitted, case, copier, tmp_path):
    classifier = fitted(case)
    copied = COPIERS[copier](classifier, tmp_path)
    np.testing.assert_array_equal(copied.predict_proba(X), classifier.predict_proba(X))
    np.testing.assert_array_equal(copied.predict(X), classifier.predict(X))
    assert copied.history_ == classifier.history_
    assert copied.model_ is not classifier.model_
    assert copied.model_.loss is copied.loss_
    assert type(copied.loss_) is type(classifier.loss_)
    assert copied.get_params().keys() == classifier.get_params().keys()


@pytest.mark.parametrize("case", CASES)
def test_a_copy_continues_training_like_the_original(fitted, case):
    first, second = copy.deepcopy(fitted(case)), copy.deepcopy(fitted(case))
    uncopied = clone(fitted(case)).fit(X, NAMES[y])
    for _ in range(2):
        first = copy.deepcopy(first.partial_fit(X, NAMES[y]))
        second.partial_fit(X, NAMES[y])
        uncopied.partial_fit(X, NAMES[y])
    assert first.n_iter_ == 4
    assert first.history_ == second.history_ == uncopied.history_
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    np.testing.assert_array_equal(first.predict_proba(X), uncopied.predict_proba(X))


@pytest.mark.parametrize("case", CASES)
def test_a_clone_has_the_same_parameters_and_no_fitted_attributes(fitted, case):
    classifier = fitted(case)
    cloned = clone(classifier)
    assert not [name for name in vars(cloned) if name.endswith("_")]
    before, after = classifier.get_params(), cloned.get_params()
    assert before.keys() == after.keys()
    plain = (str, int, float, bool, tuple, type(None), keras.Layer)
    assert all(after[name] == before[name] for name in before if isinstance(before[name], plain))
    again = cloned.fit(X, NAMES[y])
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))


@pytest.mark.parametrize("case", ["function", *BUILT])
def test_an_unfitted_estimator_can_be_copied(fitted, case):
    copied = pickle.loads(pickle.dumps(copy.deepcopy(make(case))))
    assert not hasattr(copied, "classes_")
    if case == "function":  # the other cases have initial weights of their own
        copied.fit(X, NAMES[y])
        np.testing.assert_array_equal(copied.predict_proba(X), fitted(case).predict_proba(X))


def test_a_copy_is_independent_of_the_original(fitted):
    classifier = fitted("name")
    before = classifier.predict_proba(X)
    copied = copy.deepcopy(classifier)
    copied.partial_fit(X, NAMES[y])
    assert not np.array_equal(copied.predict_proba(X), before)
    np.testing.assert_array_equal(classifier.predict_proba(X), before)
    assert len(classifier.history_["loss"]) == classifier.n_iter_ == 2


def test_a_copy_of_an_initialized_estimator_has_its_weights():
    classifier = make("name").initialize(X, NAMES[y])
    copied = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(copied.predict_proba(X), classifier.predict_proba(X))
    np.testing.assert_array_equal(
        copied.partial_fit(X, NAMES[y]).predict_proba(X),
        classifier.partial_fit(X, NAMES[y]).predict_proba(X),
    )


def test_labels_of_every_kind_survive_pickling():
    for labels in (NAMES[y], y == 1, y * 10, np.eye(3, dtype="float32")[y]):
        classifier = make("name").initialize(X, labels)
        copied = pickle.loads(pickle.dumps(classifier))
        assert copied.predict(X).dtype == labels.dtype
        np.testing.assert_array_equal(copied.predict(X), classifier.predict(X))


def test_pickles_are_small_and_hold_no_training_data(fitted):
    rows = np.random.default_rng(0).normal(size=(3000, 40))
    classifier = KerasMulticlassClassifier(
        "mlp", epochs=1, backbone__hidden_units=(4,), random_state=0
    ).fit(rows, np.arange(3000) % 3)
    assert len(pickle.dumps(classifier)) < 40_000 < rows.nbytes


def decaying(excluded):
    """Return an optimizer whose steps halve the weights and hardly follow their gradients."""
    optimizer = keras.optimizers.SGD(1e-4, weight_decay=5e3)
    optimizer.exclude_from_weight_decay(var_names=excluded)
    return optimizer


def build_biased(optimizer=None):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, "softmax", bias_initializer="ones")]
    )
    if optimizer is not None:
        model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("compiled", [False, True], ids=["parameter", "compiled by the builder"])
def test_fits_pickles_and_clones_do_not_decay_excluded_biases(compiled):
    def fit(excluded):
        optimizer = {"optimizer": decaying(excluded)}
        if compiled:
            optimizer = {"model__optimizer": decaying(excluded)}
        classifier = KerasMulticlassClassifier(model=build_biased, epochs=1, batch_size=75)
        return classifier.set_params(**optimizer).fit(X, y)

    def bias(classifier):
        return classifier.model_.get_weights()[1]

    np.testing.assert_allclose(bias(fit([])), 0.25, atol=0.01)  # leaves a trace behind
    classifier = fit(["bias"])
    loaded = pickle.loads(pickle.dumps(classifier)).partial_fit(X, y)
    for each in (classifier, loaded, clone(classifier).fit(X, y)):
        np.testing.assert_allclose(bias(each), 1.0, atol=0.01)


@pytest.mark.parametrize(
    ("pickle_format", "cure"),
    [
        (9, "Upgrade keras-multiclass"),
        (3, "fit the classifier again"),
        (None, "fit the classifier again"),
    ],
    ids=["newer", "older", "none"],
)
def test_a_pickle_in_another_format_is_an_error(pickle_format, cure):
    state = {**KerasMulticlassClassifier().__getstate__(), "_format": pickle_format}
    with pytest.raises(ValueError, match=f"must be 8 .*; got {pickle_format}. .*{cure}"):
        KerasMulticlassClassifier().__setstate__(state)


def test_an_error_names_the_versions_that_saved_what_others_cannot_load(fitted):
    classifier = fitted("custom layer")
    state = classifier.__getstate__()
    assert state["_versions"]["keras"] == keras.__version__
    loaded = KerasMulticlassClassifier()
    loaded.__setstate__({**state, "_versions": {"keras": "3.8.0", "tensorflow": "2.18.0"}})
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    assert vars(loaded).keys() == vars(classifier).keys()

    class Retired(Scale):
        """Is built as before and fails when it is called, as do some operations of Keras 3.8."""

        def call(self, inputs):
            raise NotImplementedError("retired")

        def compute_output_shape(self, shape):
            return shape

    model = state["model_"]
    objects = dict.fromkeys(model.snapshot.custom_objects, Retired)
    state["model_"] = replace(model, snapshot=replace(model.snapshot, custom_objects=objects))
    KerasMulticlassClassifier().__setstate__(state)  # saved by these versions
    for saved in ({"keras": "3.8.0", "tensorflow": "2.18.0"}, {"keras": "99.0"}):
        named = " and ".join(f"{name} {version}" for name, version in saved.items())
        pinned = " ".join(f"{name}=={version}" for name, version in saved.items())
        message = f"saved with {named}, which keras {keras.__version__}.*pip install {pinned}"
        with pytest.raises(ValueError, match=message):
            loaded.__setstate__({**state, "_versions": saved})
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))


ROWS = {
    "table": X[:12],
    "columns": pd.DataFrame({"a": [*"xyz"] * 4, "b": [1.5, np.nan, 3.0] * 4}),
    "image": np.random.default_rng(0).normal(size=(12, 8, 8, 1)),
    "sequence": np.random.default_rng(1).normal(size=(12, 6, 2)) * ([[1], [1], [1], [1], [0], [0]]),
    "tokens": np.arange(72).reshape(12, 6) % 9,
    "text": np.array(["red ink?", "blue sky.", "big green tree"] * 4),
}
SMALLER = {
    "cnn": {"backbone__filters": (4,)},
    "conv1d": {"backbone__filters": 4},
    "ft_transformer": {"backbone__num_layers": 1},
    "transformer": {"backbone__num_layers": 1},
}
# Networks that together have every layer, optimizer, loss and metric of ours.
NETWORKS = {
    **{
        name: (get_backbone(name).kind, {"backbone": name, **SMALLER.get(name, {})})
        for name in list_backbones()
    },
    "columns of ft_transformer": (
        "columns",
        {"backbone": "ft_transformer", **SMALLER["ft_transformer"]},
    ),
    "columns of realmlp": ("columns", {"backbone": "realmlp", "scaling": "quantile"}),
    "tokens": ("tokens", {"backbone": "gru"}),
    "ensemble": ("table", {"backbone": "mlp", "n_ensemble": 2, "calibration": "temperature"}),
    "piecewise": ("table", {"backbone": "mlp", "backbone__numeric_embedding": "piecewise"}),
    "periodic": ("table", {"backbone": "mlp", "backbone__numeric_embedding": "periodic"}),
    "objectives": (
        "table",
        {
            "backbone": "mlp",
            "loss": "categorical_hinge",
            "metrics": ["macro_f1", "macro_auc", "AUC", keras.losses.categorical_crossentropy],
        },
    ),
}


def describe_network(model, rows):
    """Return what a network computes, and with what it is compiled."""
    output = model(rows)
    compiled = [model.optimizer, model.loss, *model.metrics]
    return {
        "output": ops.convert_to_numpy(output),
        "loss": float(ops.convert_to_numpy(model.loss(ops.arange(12) % 3, output))),
        "state": [ops.convert_to_numpy(v) for v in model.optimizer.variables],
        "compiled": [(type(each).__name__, each.name) for each in compiled],
        "optimizer": model.optimizer.get_config(),
    }


def save_networks(folder):
    """Save networks as files of Keras; return what they compute."""
    expected = {}
    for name, (kind, params) in NETWORKS.items():
        classifier = KerasMulticlassClassifier(random_state=0, **params)
        model = classifier.initialize(ROWS[kind], np.arange(12) % 3).model_
        model.optimizer.build(model.trainable_variables)
        model.optimizer.iterations.assign(3)
        model.save(folder / f"{name}.keras")
        rows = np.ones((12, *model.input_shape[1:]), model.inputs[0].dtype)
        expected[name] = rows, describe_network(model, rows)
    return expected


def load_networks(folder):
    """Load the files in a process that has done nothing but import the package."""
    for name, (rows, expected) in joblib.load(folder / "expected.joblib").items():
        loaded = describe_network(keras.models.load_model(folder / f"{name}.keras"), rows)
        np.testing.assert_equal(loaded, expected, err_msg=name)


def predict_elsewhere(path, folder):
    """Load a classifier in a new process, predict, continue training and predict again."""
    load_networks(folder)
    predicted = {}
    for name, target in TARGETS.items():
        classifier = joblib.load(path)[name]
        predicted[f"{name} first"] = classifier.predict_proba(X)
        classifier.partial_fit(X, target)
        predicted[f"{name} second"] = classifier.predict_proba(X)
    np.savez(folder / "predicted.npz", **predicted)


TARGETS = {
    "classes": NAMES[y],
    "labels": pd.DataFrame({"long": X[:, 2] > 4, "wide": X[:, 1] > 3}),
}


def labels_classifier():
    """A classifier of several labels per row with all that it keeps for each of them."""
    return KerasMultilabelClassifier(
        "mlp",
        backbone__hidden_units=(4,),
        epochs=1,
        loss="asymmetric",
        metrics=["per_label_f1", "macro_auc", "coverage_error"],
        class_weight={"wide": 2.0},
        threshold="auto",
        random_state=0,
    )


def test_a_new_process_loads_predicts_and_trains_identically(fitted, tmp_path, monkeypatch):
    classifiers = {
        "classes": copy.deepcopy(fitted("custom loss and metrics")),
        "labels": labels_classifier().fit(X, TARGETS["labels"]),
    }
    joblib.dump(classifiers, tmp_path / "classifiers.joblib")
    joblib.dump(save_networks(tmp_path), tmp_path / "expected.joblib")
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__), prepend=os.pathsep)
    process = multiprocessing.get_context("spawn").Process(
        target=predict_elsewhere, args=(tmp_path / "classifiers.joblib", tmp_path)
    )
    process.start()
    process.join(timeout=300)
    assert process.exitcode == 0
    with np.load(tmp_path / "predicted.npz") as predicted:
        for name, classifier in classifiers.items():
            probabilities = classifier.predict_proba(X)
            np.testing.assert_array_equal(predicted[f"{name} first"], probabilities)
            classifier.partial_fit(X, TARGETS[name])
            probabilities = classifier.predict_proba(X)
            np.testing.assert_array_equal(predicted[f"{name} second"], probabilities)
