"""Small helpers that several test files share."""

from __future__ import annotations

import re
from typing import Any

from keras_multiclass import KerasMulticlassClassifier


def stable_id(value: Any) -> str:
    """Name a parameter the same way in every process, without its address in memory."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


def tiny(**params: Any) -> KerasMulticlassClassifier:
    """Make a classifier that learns iris or wine in a second."""
    defaults = {
        **({} if "model" in params else {"backbone": "mlp"}),
        "backbone__hidden_units": (16,),
        "optimizer__learning_rate": 0.05,
        "epochs": 10,
        "random_state": 0,
    }
    return KerasMulticlassClassifier(**{**defaults, **params})
