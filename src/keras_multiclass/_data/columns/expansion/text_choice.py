"""Which columns of a table hold free text: as the user says, or by what their strings look like."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from keras_multiclass._data.columns.choice import Table, is_open_choice, named_positions
from keras_multiclass._data.columns.expansion.text import list_values
from keras_multiclass._data.frames import library_of_frame
from keras_multiclass._shared.messages import format_list, invalid

# Strings are free text if they have so many words on average, and are mostly different.
LEAST_WORDS = 3
LEAST_TEXTS = 20
LEAST_DIFFERENT = 0.5
_SAMPLE = 256


def text_positions(
    X: Any, text_features: Any, categorical: Collection[int], *, are_named: bool
) -> list[int]:
    """Return the positions of the columns of free text.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_columns)
        The table.
    text_features : "from_dtype", None or array-like
        The parameter of this name.
    categorical : collection of int
        Positions of the categorical columns.
    are_named : bool
        Whether the user has named the categorical columns.
    """
    if text_features is None:
        return []
    if is_open_choice(text_features):
        if library_of_frame(X) is None:
            return []
        table = Table(X)
        columns = [i for i in range(table.n_columns) if not (are_named and i in categorical)]
        return [i for i in columns if is_string_column(X, i) and looks_like_text(table.column(i))]
    positions = named_positions(X, text_features, "text_features")
    check_not_both(X, categorical if are_named else (), positions)
    return positions


def check_not_both(X: Any, categorical: Collection[int], texts: Collection[int]) -> None:
    """Raise ``ValueError`` if the user has named a column as categorical and as text.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_columns)
        The table.
    categorical, texts : collection of int
        The positions of the named columns.
    """
    both = sorted(set(texts) & set(categorical))
    if both:
        table = Table(X)
        names = [table.X.columns[i] if table.library else i for i in both]
        raise ValueError(
            invalid(
                "`text_features`",
                "other columns than `categorical_features`",
                f"{format_list(names)} in both",
                "Name each column in one of them.",
            )
        )


def is_string_column(X: Any, i: int) -> bool:
    """Whether the dtype of a column of a frame is that of strings, or of objects.

    Parameters
    ----------
    X : DataFrame
        The table.
    i : int
        Position of the column.
    """
    dtypes = X.dtypes
    dtype = dtypes[i] if isinstance(dtypes, list) else dtypes.iloc[i]
    name = str(dtype)
    return name == "object" or name.lower().startswith(("str", "string", "large_string", "utf8"))


def looks_like_text(column: Any) -> bool:
    """Whether the strings of a column are free text rather than categories.

    Parameters
    ----------
    column : Series
        Strings, or other objects.

    Returns
    -------
    bool
        True if there are at least 20 different strings, at least half of all are different, and
        they have at least three words on average.
    """
    values = _strings(column)
    return len(set(values)) >= LEAST_TEXTS and _are_sentences(values)


def looks_like_few_texts(column: Any) -> bool:
    """Whether strings would be free text if there were more of them, as in a first small batch.

    Parameters
    ----------
    column : Series
        Strings, or other objects.
    """
    values = _strings(column)
    return len(values) > 1 and len(set(values)) < LEAST_TEXTS and _are_sentences(values)


def _strings(column: Any) -> list[str]:
    return [value for value in list_values(column) if isinstance(value, str)]


def _are_sentences(values: list[str]) -> bool:
    sample = values[:: -(-len(values) // _SAMPLE)]
    has_words = np.mean([len(value.split()) for value in sample]) >= LEAST_WORDS
    return bool(has_words) and len(set(values)) >= LEAST_DIFFERENT * len(values)
