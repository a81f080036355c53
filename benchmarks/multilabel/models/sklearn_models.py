"""scikit-learn's classifiers, with the preprocessing they need and without tuning."""

from __future__ import annotations

from typing import Any

from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from ...accuracy.preprocessing import encode_table


def build(name: str, options: dict[str, Any], seed: int) -> Any:
    """Build a model; those of logistic regressions pass options to these."""
    return make_pipeline(encode_table(), _build_classifier(name, options, seed))


def _build_classifier(name: str, options: dict[str, Any], seed: int) -> Any:
    if name == "MLPClassifier":
        return MLPClassifier(random_state=seed, **options)
    if name == "RandomForestClassifier":
        return RandomForestClassifier(random_state=seed, **options)
    # 100 iterations are too few for LogisticRegression to converge.
    regression = LogisticRegression(**{"max_iter": 1000, **options})
    if name == "OneVsRestClassifier":
        return OneVsRestClassifier(regression)
    return ClassifierChain(regression, order="random", random_state=seed)
