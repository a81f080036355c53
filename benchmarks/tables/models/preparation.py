"""What a raw table needs before a model that takes numbers only."""

from __future__ import annotations

from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = make_column_selector(dtype_include="number")
CATEGORIES = make_column_selector(dtype_exclude="number")


def all_numbers() -> ColumnTransformer:
    """Fill gaps with the mean and say where they were, standardize, write categories as one-hot.

    A missing category is a category of its own.
    """
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore")
    return ColumnTransformer(
        [("numbers", numbers, NUMBERS), ("categories", categories, CATEGORIES)], sparse_threshold=0
    )


def no_gaps() -> ColumnTransformer:
    """Fill gaps in numbers as `all_numbers` does, and leave categories as they are."""
    numbers = SimpleImputer(add_indicator=True)
    transformer = ColumnTransformer([("numbers", numbers, NUMBERS)], remainder="passthrough")
    return transformer.set_output(transform="pandas")
