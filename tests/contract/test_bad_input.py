"""Bad input raises one helpful error, before training, and leaves a fitted classifier unchanged.

Each error is raised on a classifier that is already fitted and must predict exactly the same
afterwards. The features are between 987 and 996, so a message that shows data is detected.
"""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV

from _toy import stable_id
from keras_multiclass import KerasMulticlassClassifier, KerasMultilabelClassifier
from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._data.labels.indicator import IndicatorCodec
from keras_multiclass.exceptions import (
    BackboneError,
    DivergenceError,
    ObjectiveError,
    TrainingInterruptedWarning,
)

IRIS = load_iris()
X = IRIS.data + 987.0
y = IRIS.target_names[IRIS.target]
SHOWN_DATA = re.compile(r"\b9[89]\d\.\d")
TINY = {"backbone__hidden_units": (8,), "optimizer__learning_rate": 0.05, "random_state": 0}


def tiny(**params: Any) -> KerasMulticlassClassifier:
    backbone = {} if "model" in params else {"backbone": "mlp"}
    return KerasMulticlassClassifier(**{**backbone, **TINY, "epochs": 2, **params})


@pytest.fixture(scope="module")
def fitted():
    return tiny().fit(X, y)


def one_layer(inputs, units=4):
    """Build a backbone for rows of any rank."""
    return keras.layers.Dense(units)(keras.layers.Flatten()(inputs))


def fit(classifier):
    return classifier.fit(X, y)


def error_message(fitted, run=fit, *, error=ValueError, **params) -> str:
    """Run something that must fail, check that nothing changed, and return the message."""
    classifier = copy.deepcopy(fitted).set_params(**params)
    before = {name: value for name, value in vars(classifier).items() if name.endswith("_")}
    history = copy.deepcopy(before["history_"])
    with pytest.raises(error) as caught:
        run(classifier)
    after = {name: value for name, value in vars(classifier).items() if name.endswith("_")}
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)
    assert after["history_"] == history
    classifier._routed = {n: v for n, v in classifier._routed.items() if n[:9] != "predict__"}
    np.testing.assert_array_equal(classifier.predict_proba(X), fitted.predict_proba(X))
    message = str(caught.value)
    assert not SHOWN_DATA.search(message)
    return message


# --- X ----------------------------------------------------------------------------------------


def test_an_error_about_infinite_features_says_how_to_fix_it(fitted):
    X_invalid = X.copy()
    X_invalid[3, 1] = np.inf
    for run in (
        lambda c: c.fit(X_invalid, y),
        lambda c: c.partial_fit(X_invalid, y),
        lambda c: c.fit(X, y, X_val=X_invalid, y_val=y),
        lambda c: c.predict(X_invalid),
    ):
        message = error_message(fitted, run)
        assert all(word in message for word in ["X", "infinity", "np.clip"])


def test_an_error_about_missing_values_in_sequences_says_how_to_fix_it(fitted):
    X_invalid = np.repeat(X[:, None], 3, axis=1)
    X_invalid[3, 1] = np.nan
    message = error_message(fitted, lambda c: c.fit(X_invalid, y))
    assert all(word in message for word in ["X", "NaN", "np.nan_to_num"])


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (X[:, 0], ["1D array", "reshape"]),
        (X[:0], ["0 sample"]),
        (X[:, :0], ["0 feature"]),
        (X.astype(str), ["X must be real numbers", "strings", "OneHotEncoder"]),
        (X.astype(complex), ["Complex"]),
        (np.ones((150, 2, 2, 2, 2, 2)), ["2 to 5 dimensions"]),
        ([[1.0], [1.0, 2.0]] * 75, ["rows of equal length", "Pad"]),
    ],
    ids=["1-d", "no rows", "no features", "strings", "complex", "6-d", "ragged"],
)
def test_features_must_be_rows_of_numbers(fitted, features, words):
    message = error_message(fitted, lambda c: c.fit(features, y))
    assert all(word in message for word in words), message


def test_features_must_match_those_of_fit(fitted):
    for run in (
        lambda c: c.predict(X[:, :3]),
        lambda c: c.partial_fit(X[:, :3], y),
        lambda c: c.set_params(warm_start=True).fit(X[:, :3], y),
        lambda c: c.fit(X, y, X_val=X[:, :3], y_val=y),
    ):
        message = error_message(fitted, run)
        assert "X has 3 features, but KerasMulticlassClassifier is expecting 4" in message
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    named = tiny().fit(frame, y)
    with pytest.raises(ValueError, match="feature names should match"):
        named.predict_proba(frame[["b", "a", "c", "d"]])
    with pytest.raises(ValueError, match="feature names should match"):
        named.predict_proba(frame.rename(columns={"a": "e"}))
    with pytest.raises(ValueError, match="feature names should match"):
        named.fit(frame, y, X_val=frame[["b", "a", "c", "d"]], y_val=y)


def test_an_error_about_another_row_shape_names_both_shapes():
    rows = np.random.default_rng(0).normal(size=(30, 4, 3))
    classifier = KerasMulticlassClassifier(epochs=1, backbone=one_layer, random_state=0)
    classifier.fit(rows, np.arange(30) % 3)
    with pytest.raises(ValueError, match=r"Each row of X must be of shape \(4, 3\).*\(4, 2\)"):
        classifier.predict(rows[:, :, :2])


# --- y ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.full(150, "setosa"), ["at least 2 classes", "1 class", "'setosa'"]),
        (np.linspace(0, 1, 150), ["continuous", "regressor"]),
        (np.where(np.arange(150) == 3, np.nan, IRIS.target), ["y contains NaN", "Drop"]),
        ([None, *y[1:]], ["y contains NaN"]),
        (["setosa", 1, *y[2:]], ["one type", "int, str"]),
        ([["a"], ["a", "b"], *[["a"]] * 148], ["KerasMultilabelClassifier", "MultiLabelBinarizer"]),
        (np.ones((150, 3), dtype=int), ["multi-label", "KerasMultilabelClassifier"]),
        (np.zeros((150, 3), dtype=int), ["one-hot", "without a one"]),
        (np.arange(450).reshape(150, 3), ["multi-output", "one-hot"]),
        (np.zeros((150, 3, 1)), ["1-d labels"]),
        (y[:100], ["inconsistent numbers of samples", "150, 100"]),
        (y[:0], ["at least one label"]),
        (None, ["y", "None"]),
        (pd.NA, ["y must be 1-d labels"]),
    ],
    ids=[
        "one class", "continuous", "NaN", "None label", "mixed types", "lists", "multi-label",
        "no ones", "multi-output", "3-d", "too few", "empty", "None", "NA",
    ],
)  # fmt: skip
def test_invalid_labels_raise_an_error(fitted, labels, words):
    message = error_message(fitted, lambda c: c.fit(X, labels))
    assert all(word in message for word in words), message


def test_validation_data_may_lack_classes_but_not_add_any(fitted):
    two = IRIS.target < 2
    classifier = tiny(epochs=1).fit(X, y, X_val=X[two], y_val=y[two])
    assert np.isfinite(classifier.history_["val_loss"]).all()
    unknown = np.where(y == "setosa", "setossa", y)
    message = error_message(fitted, lambda c: c.fit(X, y, X_val=X, y_val=unknown))
    assert "y_val must be labels among the 3 known classes; got 1 unknown label" in message
    assert "Did you mean 'setosa'?" in message
    message = error_message(fitted, lambda c: c.score(X, unknown[:, None] == np.unique(unknown)))
    assert "multilabel" in message  # scikit-learn's word for one-hot y


def test_unknown_classes_raise_an_error_everywhere(fitted):
    message = error_message(fitted, class_weight={"setossa": 2.0})
    assert "class_weight must be among the 3 classes; got unknown 'setossa'" in message
    assert "Did you mean 'setosa'?" in message

    unknown = np.where(y == "virginica", "virgin", y)
    message = error_message(fitted, lambda c: c.partial_fit(X, unknown))
    assert "y must be labels among the 3 known classes; got 1 unknown label: 'virgin'" in message
    message = error_message(fitted, lambda c: c.fit(X, unknown), warm_start=True)
    assert "got 1 unknown label: 'virgin'" in message
    message = error_message(fitted, lambda c: c.partial_fit(X, y, classes=["setosa", "virgin"]))
    assert "classes must be None or the 3 classes that were fitted" in message
    assert "1 new label: 'virgin' and 2 missing labels: 'versicolor', 'virginica'" in message
    with pytest.raises(ValueError, match="classes must be all labels, including those of y"):
        tiny().partial_fit(X, y, classes=["setosa", "versicolor"])
    with pytest.raises(ValueError, match="classes must be different labels"):
        tiny().partial_fit(X, y, classes=[*IRIS.target_names, "setosa"])


# --- weights ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.where(np.arange(150) == 7, -1.0, 1.0), ["non-negative", "1 negative weight"]),
        (np.zeros(150), ["at least one non-zero", "all zero"]),
        (np.ones(149), ["one weight for each of the 150 rows", "(149,)"]),
        (np.ones((150, 2)), ["1-d", "(150, 2)"]),
        (np.full(150, np.nan), ["sample_weight contains NaN"]),
        (["a"] * 150, ["sample_weight must be real numbers"]),
        (np.where(IRIS.target == 0, 1.0, 0.0), ["2 classes", "rows of weight zero"]),
    ],
    ids=["negative", "all zero", "too few", "2-d", "NaN", "strings", "one class left"],
)
def test_sample_weights_are_validated(fitted, weights, words):
    message = error_message(fitted, lambda c: c.fit(X, y, sample_weight=weights))
    assert all(word in message for word in words), message


def test_an_error_about_validation_weights_names_their_parameter(fitted):
    message = error_message(
        fitted, lambda c: c.fit(X, y, X_val=X, y_val=y, sample_weight_val=-np.ones(150))
    )
    assert "sample_weight_val must be non-negative" in message


@pytest.mark.parametrize(
    ("class_weight", "error", "words"),
    [
        ({"setosa": -1.0}, ValueError, ["class_weight of 'setosa'", ">= 0", "-1.0"]),
        ({"setosa": np.nan}, ValueError, ["class_weight of 'setosa'", "finite", "nan"]),
        (dict.fromkeys(IRIS.target_names, 0.0), ValueError, ["class_weight", "all zero"]),
        ("balance", ValueError, ["class_weight", "'balance'", "Did you mean 'balanced'?"]),
        ([1.0, 2.0, 3.0], TypeError, ["class_weight", "dict of {label: weight}", "list"]),
    ],
    ids=["negative", "NaN", "all zero", "misspelt", "list"],
)
def test_class_weights_are_validated(fitted, class_weight, error, words):
    message = error_message(fitted, error=error, class_weight=class_weight)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("labels", "hint"),
    [
        (["setos"], "Did you mean 'setosa'?"),
        (["foo", "setos"], "Did you mean 'setosa' for 'setos'?"),
        (["Virginica", "versicolour"], "mean 'virginica' for 'Virginica', 'versicolor' for 'versi"),
        ([0, 1], "are strings, not integers"),
    ],
)
@pytest.mark.parametrize("several", [False, True], ids=["classes", "labels"])
def test_misspelled_labels_in_class_weight_are_found(several, labels, hint):
    codec = IndicatorCodec if several else LabelCodec
    frame = pd.DataFrame(np.eye(3, dtype=int), columns=IRIS.target_names)
    learned, codes = codec.learn_and_encode(frame)
    with pytest.raises(ValueError, match="The labels of class_weight must be among") as caught:
        learned.weighting(dict.fromkeys(labels, 2.0), codes, None)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        *((n, "FixedThresholdClassifier") for n in ("threshold", "thresholds")),
        ("decision_threshold", "TunedThresholdClassifierCV"),
        ("classes", "fit(X, y, classes=...)"),
        ("sample_weight", "fit(X, y, sample_weight=...)"),
        ("validation_data", "X_val=(X_val, y_val)"),
    ],
)
def test_parameters_that_belong_elsewhere_say_where(name, advice):
    for run in (KerasMulticlassClassifier, KerasMulticlassClassifier().set_params):
        with pytest.raises((TypeError, ValueError), match=f"Unknown parameter '{name}'") as caught:
            run(**{name: 0.5})
        assert advice in str(caught.value)
        assert "Did you mean" not in str(caught.value)


def test_every_argument_of_fit_is_known_to_belong_there():
    arguments = set(inspect.signature(KerasMulticlassClassifier.fit).parameters)
    for name in arguments - {"self", "X", "y"}:
        with pytest.raises(TypeError, match=rf"argument of fit: fit\(X, y, {name}=\.\.\.\)"):
            KerasMulticlassClassifier(**{name: None})


def test_the_advice_on_thresholds_works():
    two = IRIS.target > 0
    fixed = FixedThresholdClassifier(
        tiny(), threshold=1.0, pos_label="virginica", response_method="predict_proba"
    )
    assert set(fixed.fit(X[two], y[two]).predict(X[two])) == {"versicolor"}
    with pytest.raises(TypeError, match="Did you mean 'threshold'"):
        KerasMultilabelClassifier(decision_threshold=0.5)


def test_partial_fit_rejects_balanced_class_weights(fitted):
    message = error_message(fitted, lambda c: c.partial_fit(X, y), class_weight="balanced")
    assert "`class_weight` must be None or a dict for partial_fit; got 'balanced'" in message
    assert "compute_class_weight" in message


# --- networks ---------------------------------------------------------------------------------


def headed(units, activation):
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation)])


@pytest.mark.parametrize(
    ("units", "activation", "words"),
    [
        (5, "softmax", ["labels of 3 classes", "5 units with softmax", "Dense(3)"]),
        (1, "sigmoid", ["labels of 3 classes", "1 unit with sigmoid", "Dense(3)"]),
        (3, "sigmoid", ["independent", "KerasMultilabelClassifier", "Dense(3, 'softmax')"]),
        (3, "relu", ["relu", "Dense(3)"]),
    ],
    ids=["too many", "one unit", "sigmoid", "relu"],
)
def test_the_output_layer_must_match_the_classes(fitted, units, activation, words):
    classifier = tiny(model=headed(units, activation))
    del classifier._routed["backbone__hidden_units"]
    with pytest.raises(ObjectiveError) as caught:
        classifier.fit(X, y)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert not hasattr(classifier, "classes_")


def returns_text(inputs):
    return "features"


def returns_model(inputs):
    return keras.Model(inputs, keras.layers.Dense(3)(inputs))


def returns_images(inputs):
    return keras.layers.Reshape((2, 2))(inputs)


def fails(inputs):
    raise KeyError("mistake")


@pytest.mark.parametrize(
    ("backbone", "words"),
    [
        (returns_text, ["returns_text", "Keras tensor", "'features'"]),
        (returns_model, ["returns_model", "Keras tensor", "pass a whole keras.Model as `model`"]),
        (returns_images, ["returns_images", "(batch, n_features)", "(None, 2, 2)", "Flatten"]),
        (fails, ["fails", "KeyError", "mistake"]),
        (3, ["`backbone` must be 'auto', one of", "got 3"]),
        ("mpl", ["'mpl'", "Did you mean 'mlp' or 'mlp_plr'?"]),
        ("cnn", ["backbone='cnn'", "(150, 4)", "'mlp'"]),
    ],
)
def test_a_backbone_must_return_features(fitted, backbone, words):
    classifier = copy.deepcopy(fitted).set_params(backbone=backbone)
    del classifier._routed["backbone__hidden_units"]
    message = error_message(fitted, lambda _: fit(classifier), error=BackboneError)
    assert all(word in message for word in words), message
    np.testing.assert_array_equal(classifier.predict_proba(X), fitted.predict_proba(X))


def whole_text():
    return "model"


def whole_needs(units):
    return headed(units, "softmax")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (whole_text, ["`model` builder", "keras.Model", "'model'", "backbone"]),
        (whole_needs, ["needs arguments", "'model__units'"]),
        ("mlp", ["`model` must be a function", "'mlp'", "backbone"]),
        (lambda: headed(3, "softmax")(np.ones((1, 4))), ["keras.Model"]),
        (
            keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)]),
            ["cannot be evaluated on X of shape (n_samples, 4)"],
        ),
    ],
    ids=["text", "argument missing", "name", "tensor", "other inputs"],
)
def test_model_must_be_a_model_or_build_one(model, words):
    with pytest.raises(BackboneError) as caught:
        KerasMulticlassClassifier(model=model, epochs=1).fit(X, y)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_model_and_backbone_are_mutually_exclusive():
    model = headed(3, "softmax")
    with pytest.raises(ValueError, match="`backbone` must be 'auto' when `model` is given"):
        KerasMulticlassClassifier("mlp", model=model).fit(X, y)
    with pytest.raises(ValueError, match="`backbone__hidden_units` has no effect, because"):
        tiny(model=model).fit(X, y)
    with pytest.raises(ValueError, match="`model__units` has no effect, because `model` is None"):
        tiny(model__units=3).fit(X, y)


@pytest.mark.parametrize(
    ("loss", "error", "words"),
    [
        ("crossentropyy", ValueError, ["loss", "crossentropyy", "Did you mean"]),
        ("mse", ObjectiveError, ["3 classes", "regression", "loss='auto'"]),
        ("binary_crossentropy", ObjectiveError, ["single output unit", "loss='auto'"]),
        (3, TypeError, ["loss must be", "got 3"]),
        (lambda y_true, y_pred: y_pred * 0.0, ObjectiveError, ["did not return smaller values"]),
    ],
    ids=["misspelt", "regression", "binary", "number", "senseless"],
)
def test_an_unsuitable_loss_raises_an_error(fitted, loss, error, words):
    for run in (fit, lambda c: c.partial_fit(X, y)):
        message = error_message(fitted, run, error=error, loss=loss)
        assert all(word in message for word in words), message


# --- parameters -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("epochs", [0, -1, 2.5, "10", None, True]),
        ("batch_size", [0, -2, 1.5, "all", None, False]),
        ("shuffle", ["yes", 1, None]),
        ("validation_split", [-0.1, 1, 1.0, "0.1", True, np.nan]),
        ("early_stopping", [0, -3, 2.5, "yes", None]),
        ("scaling", ["no", 1, True]),
        ("warm_start", ["yes", 1, None]),
        ("dtype", ["float16", "double", np.float32, None, 32]),
        ("random_state", [-1, 2**32, 1.5, "seed", True, np.arange(3)]),
        ("verbose", [3, -1, "auto", 1.5, None]),
        ("predict__batch_size", [0, -2, 2.5, "all"]),
        ("fit__validation_freq", [0, "1", 1.5]),
        ("fit__validation_batch_size", [0, -2, "all"]),
        ("fit__steps_per_epoch", [0, -1, 2.5, "all", True]),
        ("compile__run_eagerly", ["yes", None]),
        ("compile__jit_compile", ["yes", 1]),
        ("compile__steps_per_execution", [0, "2"]),
    ],
)
def test_an_error_about_a_plain_parameter_names_it(fitted, name, values):
    for value in values:
        # A new classifier, because `warm_start` changes what `fit` does with a fitted one.
        with pytest.raises(ValueError, match=f"`?{name}`? must be") as caught:
            tiny(**{name: value}).fit(X, y)
        shown = {np.float32: "the class float32", np.ndarray: "ndarray of shape (3,)"}
        got = shown.get(value if isinstance(value, type) else type(value), repr(value))
        assert f"; got {got}" in str(caught.value)
    error_message(fitted, **{name: values[0]})


def test_all_invalid_parameters_are_reported_together():
    wrong = {
        "epochs": 0,
        "batch_size": 0,
        "shuffle": "yes",
        "validation_split": 1,
        "early_stopping": "yes",
        "scaling": "no",
        "warm_start": "yes",
        "dtype": "float8",
        "verbose": 7,
        "predict__batch_size": 0,
        "fit__epoch": 3,
    }
    with pytest.raises(ValueError, match="must be") as caught:
        tiny(**wrong).fit(X, y)
    assert all(f"`{name}` must be" in str(caught.value) for name in wrong)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("epoch", ["'epoch'", "Did you mean 'epochs'"]),
        ("hidden_units", ["backbone__hidden_units", "model__hidden_units"]),
        ("hidden", ["backbone__hidden", "model__hidden"]),
        ("optimizer__", ["'optimizer__'. Did you mean 'optimizer'?"]),
        ("__epochs", ["'__epochs'. Did you mean 'epochs'?"]),
        ("nothing__like_it", ["its prefix must be one of 'backbone__'"]),
        *(
            (name, [f"Unknown parameter {name!r}. Did you mean {meant!r}?"])
            for name, meant in [
                ("optmizer__learning_rate", "optimizer__learning_rate"),
                ("optimizer_learning_rate", "optimizer__learning_rate"),
                ("optimizer_momentum", "optimizer__momentum"),
                ("optimiser_learning_rate", "optimizer__learning_rate"),
                ("learning_rate", "optimizer__learning_rate"),
                ("backbonehidden_units", "backbone__hidden_units"),
                ("losslabel_smoothing", "loss__label_smoothing"),
                ("label_smoothing", "loss__label_smoothing"),
                ("callbacks_mycb__foo", "callbacks__mycb__foo"),
                ("callback__mycb__foo", "callbacks__mycb__foo"),
                ("model_width", "model__width"),
                ("fit_validation_freq", "fit__validation_freq"),
                ("predict_batch_size", "predict__batch_size"),
                ("batchsize", "batch_size"),
                ("lr", "optimizer__learning_rate"),
                ("hidden_layer_sizes", "backbone__hidden_units"),
                ("activation", "backbone__activation"),
                ("solver", "optimizer"),
                ("alpha", "optimizer__weight_decay"),
                ("learning_rate_init", "optimizer__learning_rate"),
                ("max_iter", "epochs"),
                ("momentum", "optimizer__momentum"),
                ("nesterovs_momentum", "optimizer__nesterov"),
                ("n_iter_no_change", "early_stopping"),
                ("validation_fraction", "validation_split"),
            ]
        ),
    ],
)
def test_an_error_about_an_unknown_parameter_suggests_similar_names(name, words):
    grid = GridSearchCV(KerasMulticlassClassifier(), {name: [1]}, cv=2)
    for use, error in (
        (lambda: KerasMulticlassClassifier(**{name: 1}), TypeError),
        (lambda: KerasMulticlassClassifier().set_params(**{name: 1}), ValueError),
        (lambda: grid.fit(X, y), ValueError),
    ):
        with pytest.raises(error) as caught:
            use()
        assert all(word in str(caught.value) for word in words), str(caught.value)


def test_all_unknown_parameters_are_reported_together():
    wrong = {"epoch": 1, "optimizer_momentum": 1, "loss__name": "x", "zzz": 1, "a__b": 1}
    lines = [
        "Unknown parameter 'epoch'. Did you mean 'epochs'?",
        "Unknown parameter 'optimizer_momentum'. Did you mean 'optimizer__momentum'?",
        "Unknown parameter 'zzz'. An argument of your own builder",
        "Unknown parameter 'a__b': its prefix must be one of",
        "Parameters: augmentation, backbone, batch_size",
    ]
    for use, error in (
        (lambda: KerasMulticlassClassifier(**wrong), TypeError),
        (lambda: KerasMulticlassClassifier().set_params(**wrong), ValueError),
    ):
        with pytest.raises(error) as caught:
            use()
        found = str(caught.value).splitlines()
        assert [line[: len(start)] for line, start in zip(found, lines, strict=True)] == lines


@pytest.mark.parametrize("first", [{}, {"fit__a": 1, "epochs": 0}, {"backbone__a": 1}])
def test_unknown_arguments_of_all_targets_are_reported_together(fitted, first):
    wrong = {**first, "optimizer__a": 1, "loss__b": 2, "metrics__c": 3, "callbacks__x__y": 4}
    message = error_message(fitted, metrics=["auc"], callbacks=["early_stopping"], **wrong)
    lines = message.splitlines()
    for name in wrong:
        assert sum(line.replace("`", "").startswith(name) for line in lines) == 1, message


@pytest.mark.parametrize(
    ("params", "meant"),
    [
        ({"backbone": "MLP"}, "'mlp'"),
        ({"optimizer": "addam"}, "'adam' or "),
        ({"loss": "cross_entropy"}, "'crossentropy'"),
        ({"metrics": "acuracy"}, "'accuracy' or "),
        ({"scaling": "Standard"}, "'standard'"),
    ],
    ids=stable_id,
)
def test_misspelled_values_are_recognized_whatever_their_case(fitted, params, meant):
    assert f"Did you mean {meant}" in error_message(fitted, **params)


def test_all_unknown_arguments_of_a_builder_are_reported_together():
    def build(inputs, width=3):
        return keras.layers.Dense(width)(inputs)

    for backbone, names in ((build, "'width'"), ("mlp", "'hidden_units'")):
        classifier = KerasMulticlassClassifier(backbone, backbone__wdth=3, backbone__hidden_unit=1)
        with pytest.raises(
            BackboneError, match=r"backbone__wdth.*\n.*backbone__hidden_unit"
        ) as got:
            classifier.fit(X, y)
        assert f"Did you mean {names}" in str(got.value)


def test_one_misspelt_parameter_prevents_setting_the_others():
    classifier = KerasMulticlassClassifier(epochs=7)
    with pytest.raises(ValueError, match="Did you mean 'epochs'"):
        classifier.set_params(epochs=9, optimizer__learning_rate=0.1, epoch=3)
    assert classifier.epochs == 7
    assert "optimizer__learning_rate" not in classifier.get_params()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("optimizer__learning_rat", "optimizer__learning_rate"),
        ("backbone__hidden_unit", "hidden_units"),
        ("fit__epoch", "epochs"),
        ("predict__batchsize", "batch_size"),
        ("compile__run_eager", "run_eagerly"),
        ("loss__ignore_clas", "loss__ignore_class"),
        ("metrics__treshold", None),
        ("callbacks__patience", None),
    ],
)
def test_a_routed_argument_must_be_one_of_its_target(fitted, name, near):
    message = error_message(fitted, **{name: 1})
    assert name in message
    assert near is None or f"Did you mean '{near}'" in message
    assert near is not None or "has no entries" in message


def loss_of_a_whole_batch(y_true, y_pred):
    return -keras.ops.mean(keras.ops.log(keras.ops.sum(y_true * y_pred, axis=-1)))


def accuracy_of_a_whole_batch(y_true, y_pred):
    right = keras.ops.equal(keras.ops.argmax(y_true, -1), keras.ops.argmax(y_pred, -1))
    return keras.ops.mean(keras.ops.cast(right, "float32"))


@pytest.mark.parametrize(
    "params",
    [{"loss": loss_of_a_whole_batch}, {"metrics": [accuracy_of_a_whole_batch]}],
    ids=["loss", "metrics"],
)
def test_weights_need_one_value_per_row(fitted, params):
    (name,) = params
    weights = np.linspace(1, 2, 150)
    message = error_message(fitted, lambda c: c.fit(X, y, sample_weight=weights), **params)
    assert f"`{name}` must return one value for each row when rows are weighted by" in message
    message = error_message(fitted, lambda c: c.fit(X, y), class_weight="balanced", **params)
    assert "class_weight" in message
    assert tiny(epochs=1, **params).fit(X, y).n_iter_ == 1  # works without weights


def test_the_mask_of_a_sequence_cannot_be_passed():
    sequences = np.ones((30, 4, 2))
    with pytest.raises(
        ValueError, match="`backbone__mask` must be an argument that .* 'gru' takes"
    ):
        KerasMulticlassClassifier("gru", backbone__mask=None).fit(sequences, y[::5])


def test_early_stopping_must_monitor_a_loss_or_metric(fitted):
    params = {"early_stopping": {"monitor": "val_acuracy"}, "metrics": ["accuracy"]}
    message = error_message(fitted, lambda c: c.fit(X, y), **params)
    assert "`early_stopping` must monitor one of 'val_loss', 'val_accuracy'" in message
    assert "Did you mean 'val_accuracy'" in message
    message = error_message(fitted, lambda c: c.fit(X, y), early_stopping={"patince": 3})
    assert "`early_stopping` must hold arguments of keras.callbacks.EarlyStopping" in message
    assert "Did you mean 'patience'" in message


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("monitor", None, "the name of the loss or of a metric; got None"),
        ("monitor", ["loss"], "the name of the loss or of a metric; got list of length 1"),
        ("min_delta", "small", "a finite number; got 'small'"),
        ("patience", "5", "an integer of at least 0; got '5'"),
        ("patience", 2.5, "an integer of at least 0; got 2.5"),
        ("patience", -1, "an integer of at least 0; got -1"),
        ("mode", "up", "'auto', 'min' or 'max'; got 'up'"),
        ("baseline", "x", "None or a finite number; got 'x'"),
        ("restore_best_weights", "yes", "True or False; got 'yes'"),
        ("start_from_epoch", -2, "an integer of at least 0; got -2"),
    ],
)
def test_early_stopping_arguments_are_validated(fitted, name, value, allowed):
    message = error_message(fitted, early_stopping={name: value}, epochs=0)
    assert f"`early_stopping[{name!r}]` must be {allowed}." in message
    assert "`epochs` must be" in message  # reported together


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("acuracy", "Did you mean 'accuracy' or "),
        ("macro_f2", "Did you mean 'macro_f1' or "),
        ("f1", "must be one of 'accuracy', 'calibrated_crossentropy', 'crossentropy', "),
        ("top_0_accuracy", "Did you mean 'top_3_accuracy' or "),
    ],
)
def test_an_error_about_an_unknown_metric_suggests_similar_names(fitted, name, near):
    message = error_message(fitted, metrics=[name])
    assert near in message
    assert message.count("Did you mean") <= 1


def test_validation_features_and_labels_must_be_given_together(fitted):
    message = error_message(fitted, lambda c: c.fit(X, y, X_val=X))
    assert "`X_val` and `y_val` must be passed together" in message
    assert "without `y_val`" in message
    assert "without `X_val`" in error_message(fitted, lambda c: c.fit(X, y, y_val=y))
    message = error_message(fitted, lambda c: c.fit(X, y, sample_weight_val=np.ones(150)))
    assert "`sample_weight_val` must be passed together with `X_val` and `y_val`" in message
    message = error_message(fitted, lambda c: c.fit(X, y, X_val=X, y_val=y[:9]))
    assert "inconsistent numbers of samples" in message


def test_a_validation_split_must_leave_every_class_a_training_row(fitted):
    few = [0, 50, 100, 1]
    message = error_message(fitted, lambda c: c.fit(X[few], y[few]), validation_split=0.5)
    assert "validation_split must be small enough to leave each of the 3 classes a row" in message


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_log_proba", "decision_function"]
)
def test_predicting_before_fit_raises_not_fitted_error(method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(tiny(), method)(X)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        tiny().score(X, y)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_ensemble": 3}, "`n_ensemble` must stay 'auto' once the network exists; got 3. Set it"),
        ({"scaling": None}, "`scaling` must stay 'auto'"),
        ({"dtype": "float64"}, "`dtype` must stay 'float32'"),
        ({"categorical_features": [0]}, "got [0]"),
        ({"backbone": "realmlp"}, "`backbone` must stay 'mlp'"),
        ({"backbone__hidden_units": (9,)}, "`backbone__hidden_units` must stay (8,)"),
        ({"backbone__dropout": 0.5}, "must stay unset once the network exists; got 0.5. Call fit"),
        ({"model": one_layer}, "`model` must stay None"),
        ({"scaling": "robust", "n_ensemble": 3}, "got 3.\n`scaling` must stay"),
    ],
    ids=stable_id,
)
def test_what_determines_the_network_cannot_change_while_it_is_trained_further(
    fitted, params, words
):
    assert words in error_message(fitted, warm_start=True, **params)
    message = error_message(fitted, lambda c: c.partial_fit(X, y), **params)
    assert words in message
    assert "warm_start=False" in message


def test_equal_values_of_what_determines_the_network_are_no_change(fitted):
    equal = {"n_ensemble": 1, "scaling": "standard", "backbone__hidden_units": (8,)}
    for classifier in (copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted))):
        assert classifier.set_params(**equal).partial_fit(X, y).n_iter_ == 3
    mask = np.zeros(4, dtype=bool)
    classifier = tiny(categorical_features=mask).initialize(X, y)
    classifier.set_params(categorical_features=mask.copy()).partial_fit(X, y)


def test_a_user_network_is_unchanged_after_pickling():
    half = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    classifier = pickle.loads(pickle.dumps(KerasMulticlassClassifier(half).initialize(X, y)))
    assert classifier.partial_fit(X, y).n_iter_ == 1
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="`backbone` must stay an instance of Sequential"):
        classifier.set_params(backbone=other).partial_fit(X, y)


# --- failing training ---------------------------------------------------------------------------

DIVERGING = {"optimizer": "sgd", "optimizer__learning_rate": 1e30}
RUNS = {
    "fit": (fit, {}),
    "warm start": (fit, {"warm_start": True}),
    "partial_fit": (lambda c: c.partial_fit(X, y), {}),
}


class Broken(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            raise RuntimeError("broken callback")


class Interrupt(keras.callbacks.Callback):
    def __init__(self, epoch, error=KeyboardInterrupt):
        super().__init__()
        self.epoch = epoch
        self.error = error

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise self.error


@pytest.mark.parametrize("run", RUNS)
def test_a_nan_loss_raises_an_error_with_the_epoch_and_causes(fitted, run):
    call, params = RUNS[run]
    message = error_message(
        fitted, call, error=DivergenceError, batch_size=10, **params, **DIVERGING
    )
    epoch = 1 if run == "fit" else 3
    assert f"in epoch {epoch}. Usual causes" in message
    assert "`optimizer__learning_rate`" in message


@pytest.mark.parametrize("run", RUNS)
def test_divergence_in_the_last_step_is_detected(fitted, run):
    call, params = RUNS[run]
    step = {"batch_size": -1, "optimizer": "sgd", "optimizer__learning_rate": np.inf, "epochs": 1}
    message = error_message(fitted, call, error=DivergenceError, **params, **step)
    assert "weights must stay finite" in message
    assert "`optimizer__learning_rate`" in message


def test_rows_that_overflow_the_network_raise_an_error(fitted):
    message = error_message(fitted, lambda c: c.predict(np.concatenate([X, np.full((2, 4), 3e38)])))
    assert "NaN for 2 of 152 rows" in message
    assert "too large" in message


@pytest.mark.parametrize("run", RUNS)
def test_an_error_in_a_callback_propagates_and_changes_nothing(fitted, run):
    call, params = RUNS[run]
    callback = Broken()
    message = error_message(
        fitted, call, error=RuntimeError, batch_size=10, callbacks=callback, **params
    )
    assert message == "broken callback"


def test_training_resumes_after_a_failure_as_if_it_had_not_happened():
    for start in (lambda c: c.initialize(X, y), fit):
        failed, never = start(tiny(batch_size=10)), start(tiny(batch_size=10))
        failed.set_params(callbacks=Broken(), loss="categorical_focal_crossentropy")
        with pytest.raises(RuntimeError, match="broken callback"):
            failed.partial_fit(X, y)
        failed.set_params(callbacks=None, loss="auto").partial_fit(X, y)
        never.partial_fit(X, y)
        np.testing.assert_array_equal(failed.predict_proba(X), never.predict_proba(X))
        assert failed.history_ == never.history_


def test_an_interrupt_keeps_the_finished_epochs():
    with pytest.warns(TrainingInterruptedWarning, match="fitted with 2 of 9 epochs") as caught:
        stopped = tiny(epochs=9, callbacks=Interrupt(2)).fit(X, y)
    assert caught[0].filename == __file__
    whole = tiny(epochs=2).fit(X, y)
    assert stopped.n_iter_ == stopped.current_epoch == 2
    assert stopped.history_ == whole.history_
    np.testing.assert_array_equal(stopped.predict_proba(X), whole.predict_proba(X))
    stopped.set_params(callbacks=None).partial_fit(X, y)
    whole.partial_fit(X, y)
    np.testing.assert_array_equal(stopped.predict_proba(X), whole.predict_proba(X))


def test_an_interrupted_warm_start_keeps_the_finished_epochs(fitted):
    classifier = copy.deepcopy(fitted).set_params(warm_start=True, callbacks=Interrupt(3))
    with pytest.warns(TrainingInterruptedWarning, match="fitted with 1 of 2 epochs"):
        classifier.fit(X, y)
    assert classifier.n_iter_ == 3
    assert len(classifier.history_["loss"]) == 3


def test_an_interrupt_in_the_first_epoch_propagates_and_changes_nothing(fitted):
    error_message(fitted, error=KeyboardInterrupt, callbacks=Interrupt(0))
    error_message(fitted, error=KeyboardInterrupt, callbacks=Interrupt(2), warm_start=True)
    run = RUNS["partial_fit"][0]
    error_message(fitted, run, error=KeyboardInterrupt, callbacks=Interrupt(2))
    new = tiny(callbacks=Interrupt(0))
    with pytest.raises(KeyboardInterrupt):
        new.fit(X, y)
    assert not hasattr(new, "classes_")
    assert not hasattr(new, "n_features_in_")
