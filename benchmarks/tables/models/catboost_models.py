"""CatBoost, which takes raw tables whose categories are text without missing values."""

from __future__ import annotations

from typing import Any

import pandas as pd
from catboost import CatBoostClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer


class NamedCategories(CatBoostClassifier):
    """Takes each column of text for one of categories."""

    def fit(self, X: pd.DataFrame, y: Any) -> NamedCategories:
        """Train on columns of numbers and of text."""
        return super().fit(X, y, cat_features=list(X.select_dtypes(object)))


def build(name: str, options: dict[str, Any], seed: int) -> Any:
    parameters = {"random_seed": seed, "verbose": False, "allow_writing_files": False, **options}
    return make_pipeline(FunctionTransformer(categories_as_text), NamedCategories(**parameters))


def categories_as_text(X: pd.DataFrame) -> pd.DataFrame:
    """Turn categories into text, and missing ones into a category of their own."""
    columns = {
        name: X[name].astype(object).where(X[name].notna(), "(missing)").astype(str).astype(object)
        for name in X.select_dtypes("category")
    }
    return X.assign(**columns)
