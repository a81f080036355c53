"""X with the channels first is announced, where its shape suggests that."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.ragged import arrange, shape_of
from keras_multiclass._network.backbone_resolution import NetworkParameters


@pytest.mark.parametrize(
    ("backbone", "shape", "layout"),
    [
        ("auto", (9, 3, 32, 32), "channels_last"),
        ("cnn", (9, 1, 28, 28), "channels_last"),
        ("auto", (9, 4, 64, 48), "channels_last"),
        ("cnn", (9, 1, 16, 32, 32), "channels_last"),
        ("auto", (9, 1, 150), "channels_last"),
        ("gru", (9, 6, 500), "channels_last"),
        ("conv1d", (9, 12, 1000), "channels_last"),
        ("auto", (9, 32, 32, 3), "channels_first"),
        ("cnn", (9, 16, 32, 32, 1), "channels_first"),
        ("auto", (9, 150, 1), "channels_first"),
    ],
)
def test_the_warning_names_the_parameter_and_a_cure_that_silences_it(backbone, shape, layout):
    def warn_if_ambiguous(layout):
        arranged = shape_of(arrange(np.empty(shape), layout))
        NetworkParameters(backbone).warn_if_ambiguous(arranged, layout)

    n_channels = shape[-1] if layout == "channels_last" else shape[1]
    message = f"with layout='{layout}', backbone='{backbone}' reads .* {n_channels} channels"
    with pytest.warns(UserWarning, match=message) as w:
        warn_if_ambiguous(layout)
    assert w[0].filename == __file__
    assert str(tuple(shape[1:])) in str(w[0].message)
    other = re.search(r"set layout='(\w+)'\.$", str(w[0].message))[1]
    assert other != layout
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_ambiguous(other)


@pytest.mark.parametrize(
    "shape",
    [
        (9, 32, 32, 3),
        (9, 28, 28, 1),
        (9, 3, 3, 64),
        (9, 4, 4, 512),
        (9, 1, 200, 4),
        (9, 150, 1),
        (9, 20, 64),
        (9, 50, 300),
        (9, 10, 300),
        (9, 1, 4),
        (9, 4),
        (9, 30_000),
        (9, 16, 16, 16, 1),
        (9, 3, 32, 32, 3),
    ],
)
def test_other_shapes_are_silent(shape):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NetworkParameters("auto").warn_if_ambiguous(shape)


def test_the_users_own_networks_may_have_channels_first():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NetworkParameters(lambda inputs: inputs).warn_if_ambiguous((9, 3, 32, 32))
        NetworkParameters("auto", model=object()).warn_if_ambiguous((9, 3, 32, 32))


def test_fit_warns_before_it_trains():
    X, y = np.random.default_rng(0).normal(size=(6, 3, 16, 16)), [0, 1, 2] * 2
    with pytest.warns(UserWarning, match=r"reads rows of shape \(3, 16, 16\) as having"):
        KerasMulticlassClassifier(backbone__filters=(2,), epochs=1).initialize(X, y)
