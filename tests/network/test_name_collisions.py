"""Reused layers may have the names of new ones; no other error makes a builder run again."""

from __future__ import annotations

import keras
import pytest
from sklearn.datasets import load_iris

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.exceptions import BackboneError

X, y = load_iris(return_X_y=True)


@pytest.mark.parametrize("parameter", ["backbone", "model"])
def test_a_builder_that_fails_is_called_once_whatever_its_message(parameter):
    calls = []

    def build(inputs=None):
        calls.append(inputs)
        raise ValueError("the names should be unique")

    with pytest.raises(BackboneError, match="names should be unique"):
        KerasMulticlassClassifier(**{parameter: build}).fit(X, y)
    assert len(calls) == 1


def test_a_sequential_model_may_reuse_a_layer_of_the_name_of_a_new_one():
    reused = keras.layers.Dense(4, name="dense")

    def build():
        return keras.Sequential([reused, keras.layers.Dense(3)])

    classifier = KerasMulticlassClassifier(model=build, epochs=1).fit(X, y)
    assert classifier.model_.layers[0].name == "dense"


@pytest.mark.parametrize("parameter", ["backbone", "model"])
def test_a_layer_made_earlier_may_have_the_name_of_a_new_one(parameter):
    reused = keras.layers.Dense(4, name="dense")

    def build_backbone(inputs):
        return keras.layers.Dense(3)(reused(inputs))

    def build_model():
        inputs = keras.Input((4,))
        return keras.Model(inputs, build_backbone(inputs))

    builder = build_backbone if parameter == "backbone" else build_model
    classifier = KerasMulticlassClassifier(**{parameter: builder}, epochs=1).fit(X, y)
    names = [layer.name for layer in classifier.model_.layers]
    assert "dense" in names
    assert len(set(names)) == len(names)


def test_layer_names_do_not_depend_on_earlier_models():
    first, second = (tiny(epochs=1).fit(X, y) for _ in range(2))
    assert [w.path for w in first.model_.weights] == [w.path for w in second.model_.weights]
    before = keras.layers.Dense(2).name
    tiny(epochs=1).fit(X, y)
    number = int(before.rpartition("_")[2]) if "_" in before else 0
    assert keras.layers.Dense(2).name == f"dense_{number + 1}"
