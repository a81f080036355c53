"""Plain parameters: whole floats count as integers, and Keras' global policy is announced."""

import inspect
import re
import threading
import warnings

import keras
import numpy as np
import pytest
from sklearn.datasets import load_iris

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier, get_backbone, list_backbones
from keras_multiclass._shared.checks import is_integer

X, y = load_iris(return_X_y=True)

INTEGERS = {
    "epochs": 3,
    "batch_size": 32,
    "n_ensemble": 2,
    "early_stopping": 2,
    "verbose": 0,
    "backbone__hidden_units": 8,
    "fit__validation_freq": 1,
    "fit__validation_batch_size": 16,
    "predict__batch_size": 64,
    "compile__steps_per_execution": 1,
}


def test_whole_floats_are_integers():
    floats = {name: np.float64(value) for name, value in INTEGERS.items()}
    fitted, expected = tiny(**floats).fit(X, y), tiny(**INTEGERS).fit(X, y)
    assert fitted.history_ == expected.history_
    assert fitted.n_iter_ == 3
    assert fitted.get_params()["epochs"] == 3.0
    np.testing.assert_array_equal(fitted.predict_proba(X), expected.predict_proba(X))
    assert tiny(batch_size=-1.0, epochs=1).fit(X, y).n_iter_ == 1


def test_whole_floats_are_integers_for_streams_and_early_stopping():
    def run(one, two):
        stopping = {"monitor": "loss", "patience": one, "start_from_epoch": one}
        classifier = tiny(epochs=two, fit__steps_per_epoch=two, early_stopping=stopping)
        return classifier.fit(lambda: iter([(X, y)] * 3), X_val=(X, y)).history_

    assert run(1.0, 2.0) == run(1, 2)


SHAPES = {"table": (8,), "sequence": (12, 3), "image": (16, 16, 3), "text": (6, 2)}


@pytest.mark.parametrize("name", list_backbones())
def test_whole_floats_are_integers_for_backbones(name):
    backbone = get_backbone(name)
    defaults = {n: p.default for n, p in inspect.signature(backbone.builder).parameters.items()}
    counts = {n: v for n, v in defaults.items() if is_integer(v) and v > 0}
    sizes = {
        n: v for n, v in defaults.items() if isinstance(v, tuple) and v and all(map(is_integer, v))
    }
    assert counts or sizes
    floats = {
        **{n: float(v) for n, v in counts.items()},
        **{n: tuple(map(float, v)) for n, v in sizes.items()},
    }
    inputs = keras.Input(SHAPES[backbone.kind])
    shapes = [
        [variable.shape for variable in keras.Model(inputs, backbone.builder(inputs, **a)).weights]
        for a in ({}, floats)
    ]
    assert shapes[0] == shapes[1]


@pytest.fixture
def policy():
    def set_policy(name):
        keras.config.set_dtype_policy(name)

    before = keras.config.dtype_policy()
    yield set_policy
    keras.config.set_dtype_policy(before)


@pytest.fixture
def reset_globals():
    before = keras.config.floatx(), keras.config.image_data_format()
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_image_data_format(before[1])


@pytest.mark.parametrize("name", ["float64", "float16"])
def test_a_global_float_type_that_has_no_effect_is_announced(reset_globals, name):
    keras.config.set_floatx(name)
    with pytest.warns(UserWarning, match=f"float type '{name}' has no effect") as warned:
        fitted = tiny().initialize(X, y)
    assert len(warned) == 1
    assert {v.dtype for v in fitted.model_.trainable_variables} == {"float32"}
    assert keras.config.floatx() == name
    if name == "float64":
        tiny(dtype="float64").initialize(X, y)
    exec(re.search(r"keras\.config\S+\)", str(warned[0].message))[0], {"keras": keras})
    tiny().initialize(X, y)


@pytest.mark.parametrize(
    "backbone", ["cnn", "auto", lambda x: keras.layers.Flatten()(x)], ids=["cnn", "auto", "own"]
)
def test_a_global_order_of_axes_that_has_no_effect_is_announced(reset_globals, backbone):
    keras.config.set_image_data_format("channels_first")
    images = np.zeros((len(y), 9, 9, 2), np.float32)
    size = {} if callable(backbone) else {"backbone__filters": (2,)}
    with pytest.warns(UserWarning, match="'channels_first' has no effect.* channels, 2 here") as w:
        KerasMulticlassClassifier(backbone, **size).initialize(images, y)
    tiny().initialize(X, y)  # of no importance for tables
    exec(re.search(r"keras\.config\S+\)", str(w[0].message))[0], {"keras": keras})
    KerasMulticlassClassifier(backbone, **size).initialize(images, y)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("mixed_float16", "'mixed_float16'"),
        ("bfloat16", "one of 'float32', "),
        ("float64", "'float64'"),
    ],
)
def test_a_global_policy_that_has_no_effect_is_announced(policy, name, advice):
    policy(name)
    with pytest.warns(UserWarning, match=f"policy '{name}' has no effect.*to {advice}"):
        fitted = tiny().initialize(X, y)
    assert {v.dtype for v in fitted.model_.trainable_variables} == {"float32"}
    assert keras.config.dtype_policy().name == name


def test_following_the_announcement_silences_it(policy):
    policy("mixed_float16")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = tiny(dtype="mixed_float16").initialize(X, y)
        fitted.predict(X[:2])
        policy("float32")
        tiny().initialize(X, y)


def test_fits_inside_of_fits_and_in_threads_announce_nothing():
    def inner_fit(inputs):
        tiny().initialize(X, y)
        return keras.layers.Dense(4)(inputs)

    def run(dtype):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                tiny(dtype=dtype, epochs=1).fit(X, y)
            except Warning as warning:
                caught.append(warning)

    caught = []
    threads = [threading.Thread(target=run, args=[dtype]) for dtype in ("mixed_float16", "float32")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not caught
    KerasMulticlassClassifier(inner_fit, dtype="mixed_float16").initialize(X, y)


@pytest.mark.parametrize(
    ("argument", "cure"),
    [
        ("compile__weighted_metrics", "Set the parameter `metrics` instead"),
        ("fit__validation_data", r"Call fit\(X, y, X_val=\.\.\., y_val"),
        ("fit__initial_epoch", "set warm_start=True"),
        ("fit__vrebose", "Did you mean 'verbose'"),
    ],
)
def test_the_error_for_an_argument_of_keras_says_what_to_do_instead(argument, cure):
    with pytest.raises(ValueError, match=cure):
        tiny(**{argument: 1}).fit([[0.0], [1.0]], ["a", "b"])
