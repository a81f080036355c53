"""XGBoost, which takes raw tables, but only numbers as labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from xgboost import XGBClassifier


class WithEncodedLabels(ClassifierMixin, BaseEstimator):
    """Encodes the labels for a classifier."""

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> WithEncodedLabels:
        """Train on the numbers of the labels in `classes_`."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.classifier.fit(X, codes)
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Return probabilities in the order of `classes_`."""
        return self.classifier.predict_proba(X)


def build(name: str, options: dict[str, Any], seed: int) -> Any:
    parameters = {"random_state": seed, "enable_categorical": True, **options}
    return WithEncodedLabels(XGBClassifier(**parameters))
