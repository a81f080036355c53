"""Builders that use layers that exist already: each fit trains a copy of them."""

from __future__ import annotations

import functools
import weakref

import keras
import numpy as np
import pytest

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.exceptions import BackboneError

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4)).astype("float32")
Y = rng.integers(0, 2, 60)


def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(2)]
    )


def body():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "tanh")])


def ending(layer):
    return keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(2)])


def with_compile(meta, compile_kwargs, used):
    used.compile(**compile_kwargs)
    return used


def of_helper(used):
    def helper():
        return used["it"]

    return lambda: helper()


BUILDERS = {
    "a whole network": (network, "model", lambda used: lambda: used),
    "in SciKeras' style": (
        network,
        "model",
        lambda used: functools.partial(with_compile, used=used),
    ),
    "of a helper": (network, "model", lambda used: of_helper({"it": used})),
    "a cached network": (network, "model", lambda used: functools.cache(lambda: used)),
    "a part": (body, "model", lambda used: lambda: ending(used)),
    "a layer": (lambda: keras.layers.Dense(3), "model", lambda used: lambda: ending(used)),
    "a body": (body, "backbone", lambda used: lambda inputs: used(inputs)),
    "a layer of a backbone": (
        lambda: keras.layers.Dense(3),
        "backbone",
        lambda used: lambda inputs: used(inputs),
    ),
}


@pytest.mark.parametrize(("make", "parameter", "build"), BUILDERS.values(), ids=BUILDERS)
def test_fits_share_nothing_that_existed_before(make, parameter, build):
    used = make()
    before = used.get_weights()
    params = {parameter: build(used), "epochs": 2, "optimizer__learning_rate": 0.1}
    first = KerasMulticlassClassifier(**params, random_state=0).fit(X, Y)
    probabilities = first.predict_proba(X)
    second = KerasMulticlassClassifier(**params, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(first.predict_proba(X), probabilities)
    if before:  # an unbuilt layer is initialized in the first fit
        np.testing.assert_array_equal(second.predict_proba(X), probabilities)
        for weight, value in zip(used.get_weights(), before, strict=True):
            np.testing.assert_array_equal(weight, value)
    trained = {id(w) for fitted in (first, second) for w in fitted.model_.weights}
    assert not trained & {id(w) for w in used.weights}
    assert len(trained) == len(first.model_.weights) + len(second.model_.weights)


def test_a_builder_of_an_instance_trains_like_the_instance():
    settings = {"epochs": 2, "random_state": 0}
    used = network()
    expected = KerasMulticlassClassifier(model=used, **settings).fit(X, Y).predict_proba(X)
    found = KerasMulticlassClassifier(model=lambda: used, **settings).fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(found, expected)


def cached():
    return functools.cache(network)


def cached_with_others():
    cache = functools.lru_cache(maxsize=2)(lambda name: network())
    return lambda: cache("it")


def kept_in_a_dict():
    kept = {}

    def build():
        if "it" not in kept:
            kept["it"] = network()
        return kept["it"]

    return build


class Keeper:
    """Makes a network once, in a method."""

    kept = None

    def build(self):
        self.kept = self.kept or network()
        return self.kept


def with_a_cached_body():
    make_body = functools.cache(body)

    def build():
        made = make_body()
        keras.utils.set_random_seed(0)
        return ending(made)

    return build


def as_backbone():
    make_body = functools.cache(body)

    def build(inputs):
        outputs = make_body()(inputs)
        keras.utils.set_random_seed(0)
        return outputs

    return build


KEEPING = {
    "cached": cached,
    "cached with others": cached_with_others,
    "kept in a dict": kept_in_a_dict,
    "kept by an instance": lambda: Keeper().build,
    "a cached body": with_a_cached_body,
    "a cached body as backbone": as_backbone,
}


@pytest.mark.parametrize("make", KEEPING.values(), ids=KEEPING)
def test_a_network_that_its_builder_keeps_is_not_trained_itself(make):
    """Otherwise a second fit would start from the weights of the first one."""
    build = make()
    name = "backbone" if make is as_backbone else "model"
    fits = [
        KerasMulticlassClassifier(
            **{name: build}, epochs=2, optimizer__learning_rate=0.1, random_state=0
        ).fit(X, Y)
        for _ in range(2)
    ]
    probabilities = [fitted.predict_proba(X) for fitted in fits]
    np.testing.assert_array_equal(*probabilities)
    model = build() if name == "model" else keras.Model(x := keras.Input((4,)), build(x))
    trained = {id(weight) for fitted in fits for weight in fitted.model_.weights}
    assert not trained & {id(weight) for weight in model.weights}


def test_new_layers_that_the_builder_does_not_keep_are_not_copied():
    built = weakref.WeakSet()

    def build():
        built.add(model := network())
        return model

    fitted = KerasMulticlassClassifier(model=build, epochs=1).fit(X, Y)
    assert fitted.model_ in built


class WithoutConfig(keras.layers.Dense):
    def __init__(self, size):
        super().__init__(size)

    def get_config(self):
        raise NotImplementedError("no configuration")


def test_earlier_layers_that_cannot_be_copied_are_an_error():
    used = WithoutConfig(3)
    with pytest.raises(BackboneError, match="must create its layers in each call.*no config"):
        KerasMulticlassClassifier(model=lambda: ending(used)).fit(X, Y)
    fitted = KerasMulticlassClassifier(model=lambda: ending(WithoutConfig(3)), epochs=1).fit(X, Y)
    assert fitted.predict(X).shape == Y.shape
    kept = []

    def build():
        kept.append(ending(WithoutConfig(3)))
        return kept[0]

    fitted = KerasMulticlassClassifier(model=build, epochs=1).fit(X, Y)
    assert fitted.model_ is kept[0]
    with pytest.raises(BackboneError, match="must create its layers in each call"):
        KerasMulticlassClassifier(model=build, epochs=1).fit(X, Y)
