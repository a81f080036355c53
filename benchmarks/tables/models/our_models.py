"""Our classifier with one of its backbones, on the raw table.

The option ``one_hot=True`` prepares the table as for scikit-learn's models instead.
"""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import make_pipeline

from keras_multiclass import KerasMulticlassClassifier

from .preparation import all_numbers


def build(name: str, options: dict[str, Any], seed: int) -> Any:
    parameters = {"backbone": name, "random_state": seed, **options}
    one_hot = parameters.pop("one_hot", False)
    classifier = KerasMulticlassClassifier(**parameters)
    return make_pipeline(all_numbers(), classifier) if one_hot else classifier
