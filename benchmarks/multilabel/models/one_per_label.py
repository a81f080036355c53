"""One binary `KerasMulticlassClassifier` for each label, on the raw table."""

from __future__ import annotations

from typing import Any

from sklearn.multioutput import MultiOutputClassifier

from keras_multiclass import KerasMulticlassClassifier


def build(name: str, options: dict[str, Any], seed: int) -> Any:
    return MultiOutputClassifier(KerasMulticlassClassifier(random_state=seed, **options))
