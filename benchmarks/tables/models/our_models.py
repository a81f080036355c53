"""Our classifier with one of its backbones, on the raw table.

With the option ``one_hot=True``, the table is preprocessed as for scikit-learn's models.
"""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import make_pipeline

from keras_multiclass import KerasMulticlassClassifier

from ...accuracy.preprocessing import encode_table


def build(name: str, options: dict[str, Any], seed: int) -> Any:
    parameters = {"backbone": name, "random_state": seed, **options}
    one_hot = parameters.pop("one_hot", False)
    classifier = KerasMulticlassClassifier(**parameters)
    return make_pipeline(encode_table(), classifier) if one_hot else classifier
