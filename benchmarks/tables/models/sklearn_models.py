"""scikit-learn's classifiers, with the preprocessing they need and without tuning."""

from __future__ import annotations

from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from ...accuracy.preprocessing import encode_table

CLASSES = {
    "LogisticRegression": LogisticRegression,
    "MLPClassifier": MLPClassifier,
    "RandomForestClassifier": RandomForestClassifier,
    "HistGradientBoostingClassifier": HistGradientBoostingClassifier,
}
# 100 iterations are too few for LogisticRegression to converge.
DEFAULTS = {
    "LogisticRegression": {"max_iter": 1000},
    "HistGradientBoostingClassifier": {"categorical_features": "from_dtype"},
}
TAKES_RAW_TABLES = ("HistGradientBoostingClassifier",)


def build(name: str, options: dict[str, Any], seed: int) -> Any:
    parameters = {"random_state": seed, **DEFAULTS.get(name, {}), **options}
    classifier = CLASSES[name](**parameters)
    return classifier if name in TAKES_RAW_TABLES else make_pipeline(encode_table(), classifier)
