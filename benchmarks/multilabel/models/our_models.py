"""Our classifier of several labels with one of its backbones, on the raw table."""

from __future__ import annotations

from typing import Any

from keras_multiclass import KerasMultilabelClassifier


def build(name: str, options: dict[str, Any], seed: int) -> Any:
    return KerasMultilabelClassifier(**{"backbone": name, "random_state": seed, **options})
