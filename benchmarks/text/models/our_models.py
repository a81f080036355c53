"""Our classifier with one of its backbones for texts."""

from __future__ import annotations

from typing import Any

from keras_multiclass import KerasMulticlassClassifier


def build(name: str, options: dict[str, Any], seed: int) -> Any:
    return KerasMulticlassClassifier(**{"backbone": name, "random_state": seed, **options})
