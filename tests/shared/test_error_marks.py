"""Errors are recognized by marks, never by their text."""

import pickle

import keras
import pytest

from keras_multiclass._network.builder_arguments import check_arguments
from keras_multiclass._shared.error_marks import mark, marked
from keras_multiclass._shared.keras.objects import build_object
from keras_multiclass.exceptions import BackboneError


def test_marks_are_found_in_causes_and_survive_pickling():
    error = ValueError("b")
    error.__cause__ = mark(BackboneError("a"), "unknown argument", "model")
    assert marked(error, "unknown argument") == ("model",)
    assert marked(error, "unknown label") == ()
    restored = pickle.loads(pickle.dumps(mark(ValueError("c"), "unknown label", "y")))
    assert marked(restored, "unknown label") == ("y",)


class TakesNothing:
    def __init__(self, **arguments):
        raise TypeError("takes no argument: matches nothing, must be an argument")


@pytest.mark.parametrize(
    ("build", "about"),
    [
        (
            lambda: build_object(keras.optimizers.Adam, {"lr": 1}, lookup=None, what="optimizer"),
            ("optimizer",),
        ),
        (
            lambda: check_arguments(lambda x: x, {"y": 1}, prefix="backbone", target="f", skip=1),
            ("backbone",),
        ),
        (lambda: build_object(TakesNothing, {"y": 1}, lookup=None, what="loss"), ()),
    ],
)
def test_only_errors_about_unknown_arguments_are_marked_as_such(build, about):
    with pytest.raises(ValueError, match="argument") as caught:
        build()
    assert marked(caught.value, "unknown argument") == about
