"""X with the channels first is announced, where its shape suggests that."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._network.backbone_resolution import NetworkParameters


@pytest.mark.parametrize(
    ("backbone", "shape", "cure"),
    [
        ("auto", (9, 3, 32, 32), "np.moveaxis(X, 1, -1)"),
        ("cnn", (9, 1, 28, 28), "np.moveaxis(X, 1, -1)"),
        ("auto", (9, 4, 64, 48), "np.moveaxis(X, 1, -1)"),
        ("cnn", (9, 1, 16, 32, 32), "np.moveaxis(X, 1, -1)"),
        ("auto", (9, 1, 150), "np.swapaxes(X, 1, 2)"),
        ("gru", (9, 6, 500), "np.swapaxes(X, 1, 2)"),
        ("conv1d", (9, 12, 1000), "np.swapaxes(X, 1, 2)"),
    ],
)
def test_the_warning_names_the_parameter_and_a_cure_that_silences_it(backbone, shape, cure):
    with pytest.warns(UserWarning, match=f"backbone='{backbone}' reads .* {shape[-1]} chan") as w:
        NetworkParameters(backbone).warn_if_ambiguous(shape)
    assert str(w[0].message).endswith(f"pass {cure}.")
    assert w[0].filename == __file__
    X = eval(cure, {"X": np.empty(shape), "np": np})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NetworkParameters(backbone).warn_if_ambiguous(X.shape)


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
