"""Helpers shared by several test files."""

from __future__ import annotations

import re
from typing import Any

from keras_multiclass import KerasMulticlassClassifier


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
