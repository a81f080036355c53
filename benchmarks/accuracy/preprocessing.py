"""Preprocessing of raw tables for models that need it."""

from __future__ import annotations

from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = make_column_selector(dtype_include="number")
CATEGORIES = make_column_selector(dtype_exclude="number")


def encode_table() -> ColumnTransformer:
    """Impute numbers with the mean and flag them, standardize, and one-hot encode categories.

    Missing values of categorical columns are a separate category.
    """
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore")
    return ColumnTransformer(
        [("numbers", numbers, NUMBERS), ("categories", categories, CATEGORIES)], sparse_threshold=0
    )


def impute_numbers() -> ColumnTransformer:
    """Impute numbers as `encode_table` does, and pass categories through."""
    numbers = SimpleImputer(add_indicator=True)
    transformer = ColumnTransformer([("numbers", numbers, NUMBERS)], remainder="passthrough")
    return transformer.set_output(transform="pandas")
