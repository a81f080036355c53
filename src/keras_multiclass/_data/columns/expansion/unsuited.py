"""Warnings of string columns that are read as categories, but are probably something else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from keras_multiclass._data.columns.categories import CategoricalColumn, CategoricalColumns
from keras_multiclass._data.columns.choice import Table
from keras_multiclass._data.columns.expansion.text_choice import LEAST_TEXTS, looks_like_few_texts
from keras_multiclass._data.images.paths import has_image_name
from keras_multiclass._shared.messages import warn

_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([T ].*)?|\d\d?/\d\d?/\d{4}([T ].*)?")
_LEAST_DATES = 10
_LEAST_ROWS = 50
_ALMOST_ALL = 0.9


def warn_of_many_categories(
    X: Any,
    columns: CategoricalColumns,
    n_values: Mapping[int, int] | None = None,
    samples: Mapping[int, Any] | None = None,
) -> None:
    """Warn of strings that are dates or free text, or that almost all differ.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        The training rows.
    columns : CategoricalColumns
        The categorical columns, by their dtypes.
    n_values : mapping of int to int, default=None
        Number of values of each column, if X holds some of the rows only.
    samples : mapping of int to array-like, default=None
        Values of columns of strings, in that case.
    """
    table = Table(X)
    for column in columns.categorical:
        if column.is_declared or not all(isinstance(value, str) for value in column.categories):
            continue
        position = column.position
        values = table.column(position)
        sample = values if samples is None else samples.get(position, [])
        if (
            _warn_of_dates(table, column)
            or _warn_of_images(table, column)
            or _warn_of_few_texts(table, column, sample)
        ):
            continue
        dtype = str(values.dtype).lower()
        if dtype.startswith(("cat", "enum", "dictionary")):  # as the user says
            continue
        if n_values is None:
            n_missing = int(values.isna().sum() if table.library == "pandas" else 0)
            _warn_of_identifiers(table, column, table.n_rows - n_missing)
        else:
            _warn_of_identifiers(table, column, n_values[position])


def _warn_of_dates(table: Table, column: CategoricalColumn) -> bool:
    categories = column.categories
    if len(categories) < _LEAST_DATES or not all(map(_DATE.fullmatch, map(str, categories))):
        return False
    item = table.item(column.position)
    convert = (
        f"X = X.with_columns(polars.col({item[1:-1]}).str.to_datetime())"
        if table.library == "polars"
        else f"X{item} = pandas.to_datetime(X{item})"
    )
    warn(
        f"The strings in {table.name(column.position)} of X look like dates, but are read as "
        f"{len(categories)} categories. Convert them: {convert}. If they are categories, name all "
        "categorical columns in categorical_features."
    )
    return True


def _warn_of_few_texts(table: Table, column: CategoricalColumn, values: Any) -> bool:
    if not looks_like_few_texts(values):
        return False
    warn(
        f"The strings in {table.name(column.position)} of X look like free text, but are read as "
        f"categories, because there are fewer than {LEAST_TEXTS} different ones. Name all columns "
        "of text in text_features, or all categorical columns in categorical_features."
    )
    return True


def _warn_of_images(table: Table, column: CategoricalColumn) -> bool:
    categories = list(map(str, column.categories))
    if not categories or not all(map(has_image_name, categories)):
        return False
    name, item = table.name(column.position), table.item(column.position)
    named = "columns=" if table.library == "pandas" else ""
    warn(
        f"The strings in {name} of X end like names of image files, but are read as "
        f"{len(categories)} categories. To read the files, pass them as an input of their own: "
        f"X = {{'photo': X{item}, 'facts': X.drop({named}{item})}}."
    )
    return True


def _warn_of_identifiers(table: Table, column: CategoricalColumn, n_rows: int) -> None:
    if n_rows < _LEAST_ROWS or len(column.categories) < _ALMOST_ALL * n_rows:
        return
    warn(
        f"The strings in {table.name(column.position)} of X are read as {len(column.categories)} "
        f"categories of {n_rows} rows, from which little can be learned. If they are free text, "
        "name all columns of text in text_features. If they identify rows, drop the column; if "
        "they are categories, name all categorical columns in categorical_features."
    )
