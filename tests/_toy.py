"""Helpers shared by several test files."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from keras_multiclass import KerasMulticlassClassifier

# A shape of rows and small parameters for each backbone.
SMALL_BACKBONES = {
    "mlp": ((5,), {"hidden_units": (8,), "dropout": 0.3, "normalization": "batch"}),
    "mlp_plr": ((5,), {"hidden_units": (8,), "dropout": 0.3}),
    "realmlp": ((5,), {"hidden_units": (8, 8), "dropout": 0.3}),
    "realmlp_small": ((5,), {"hidden_units": (8,), "dropout": 0.3}),
    "resnet": ((5,), {"units": 8, "num_layers": 1, "dropout": 0.3, "normalization": "batch"}),
    "tabm": ((5,), {"n_members": 3, "units": 8, "num_layers": 2, "numeric_embedding": "piecewise"}),
    "tabm_small": ((5,), {"n_members": 2, "units": 8, "num_layers": 1}),
    "ft_transformer": (
        (5,),
        {"units": 8, "num_heads": 2, "num_layers": 2, "residual_dropout": 0.2},
    ),
    "cnn": ((8, 8, 1), {"filters": (4, 8), "dropout": 0.2, "normalization": "batch"}),
    "conv1d": ((6, 3), {"filters": 6, "num_layers": 1, "dropout": 0.2}),
    "lstm": ((6, 3), {"units": 5, "dropout": 0.2, "recurrent_dropout": 0.2}),
    "gru": ((6, 3), {"units": 5, "bidirectional": True, "dropout": 0.2}),
    "transformer": ((6, 3), {"units": 8, "num_heads": 2, "num_layers": 1, "dropout": 0.2}),
}


def stable_id(value: Any) -> str:
    """Return a test id that is the same in every process, without memory addresses."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


def tiny(**params: Any) -> KerasMulticlassClassifier:
    """Return a classifier that learns iris or wine in a second."""
    defaults = {
        **({} if "model" in params else {"backbone": "mlp"}),
        "backbone__hidden_units": (16,),
        "optimizer__learning_rate": 0.05,
        "epochs": 10,
        "random_state": 0,
    }
    return KerasMulticlassClassifier(**{**defaults, **params})


def assert_same(graph: Any, plain: Any, rtol: float = 1e-4, atol: float = 1e-5) -> None:
    """Check that weights, optimizer state and history agree within the precision of float32."""
    for found, expected in zip(graph.model_.variables, plain.model_.variables, strict=True):
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol, err_msg=found.path)
    states = graph.model_.optimizer.variables, plain.model_.optimizer.variables
    for found, expected in zip(*states, strict=True):
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol, err_msg=found.path)
    assert list(graph.history_) == list(plain.history_)
    for name, values in plain.history_.items():
        np.testing.assert_allclose(graph.history_[name], values, rtol=rtol, atol=atol, err_msg=name)
