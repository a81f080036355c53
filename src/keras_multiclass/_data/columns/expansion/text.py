"""Free text as numbers: TF-IDF weights of words, reduced to a few components."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd

from keras_multiclass._data.columns.choice import Table
from keras_multiclass._data.values import to_strings
from keras_multiclass._shared.messages import format_list, invalid

_COMPONENTS = 200
# Components that explain less, compared with the first, are rounding errors.
_LEAST_COMPONENT = 1e-6
# More texts would hardly change the components.
MOST_TEXTS = 20_000
# Words and pairs of words, and parts of words, which also match other forms of a word.
_VECTORIZERS: tuple[dict[str, Any], ...] = (
    {"ngram_range": (1, 2)},
    {"analyzer": "char_wb", "ngram_range": (3, 4)},
)
_MOST_TERMS = 2**13


@dataclass(frozen=True)
class TextColumn:
    """A column of free text.

    Attributes
    ----------
    position : int
        Index of the column in the table.
    vectorizers : tuple of TfidfVectorizer
        Weight the terms of the training rows; none before `learn`, or if no text has a term.
    components : ndarray of shape (n_components, n_terms)
        What the weights are projected onto, scaled.
    """

    is_block: ClassVar[bool] = True

    position: int
    vectorizers: tuple[TfidfVectorizer, ...] = ()
    components: NDArray[np.float32] = field(default_factory=lambda: np.zeros((1, 0), np.float32))

    def learn(self, table: Table, rows: NDArray[Any] | None) -> TextColumn:
        """Return the column as learned from the training rows.

        Parameters
        ----------
        table : Table
            All rows.
        rows : ndarray of int or None
            Indices of the training rows; None for all.
        """
        texts = read_texts(table, self.position)
        chosen = np.arange(len(texts)) if rows is None else rows
        chosen = chosen[:: -(-len(chosen) // MOST_TEXTS)]
        return TextColumn.of_texts(self.position, [texts[i] for i in chosen.tolist()])

    @classmethod
    def of_texts(cls, position: int, texts: list[str]) -> TextColumn:
        """Return the column as learned from some texts.

        Parameters
        ----------
        position : int
            Index of the column in the table.
        texts : list of str
            At most 20,000 texts of training rows.
        """
        fitted = [_fit(options, texts) for options in _VECTORIZERS]
        vectorizers = tuple(vectorizer for vectorizer in fitted if vectorizer is not None)
        if not vectorizers:
            return cls(position)
        weights = _weigh(vectorizers, texts)
        components = _principal_components(weights)
        # One scale for all, so that the components keep their proportions.
        scale = np.sqrt((weights @ components.T).var(axis=0).mean())
        scale = scale if scale > _LEAST_COMPONENT else 1.0  # all texts are equal
        return cls(position, vectorizers, (components / scale).astype(np.float32))

    def numbers(self, table: Table) -> NDArray[np.float64]:
        """Return the components of each text.

        Parameters
        ----------
        table : Table
            Any rows.

        Returns
        -------
        ndarray of shape (n_rows, n_components)
            Zeros for a missing text, and for one without a known term.
        """
        texts = read_texts(table, self.position)
        if not self.vectorizers:
            return np.zeros((len(texts), 1))
        return np.asarray(_weigh(self.vectorizers, texts) @ self.components.T)

    def names(self, name: str) -> list[str]:
        """Return the names of the components."""
        return [f"{name}_topic{i}" for i in range(len(self.components))]


def _fit(options: dict[str, Any], texts: list[str]) -> TfidfVectorizer | None:
    """Return a fitted vectorizer, or None if no text has a term."""
    vectorizer = TfidfVectorizer(**options, sublinear_tf=True, max_features=_MOST_TERMS)
    try:
        return vectorizer.fit(texts)
    except ValueError:  # scikit-learn's words for an empty vocabulary
        return None


def _principal_components(weights: Any) -> NDArray[np.float64]:
    # The seed is not that of the classifier: equal data have equal columns.
    n_components = min(_COMPONENTS, *weights.shape)
    _, sizes, components = randomized_svd(weights, n_components, n_iter=5, random_state=0)
    return np.asarray(components[sizes > _LEAST_COMPONENT * sizes[0]])


def _weigh(vectorizers: tuple[TfidfVectorizer, ...], texts: list[str]) -> Any:
    return sparse.hstack([v.transform(texts) for v in vectorizers], format="csr")


def read_texts(table: Table, position: int) -> list[str]:
    """Return the texts of a column; missing ones are empty.

    Parameters
    ----------
    table : Table
        The table.
    position : int
        Position of the column.

    Raises
    ------
    TypeError
        If the column has values that are no strings.
    """
    texts, others = to_strings(list_values(table.column(position)))
    if others:
        item = table.item(position)
        raise TypeError(
            invalid(
                f"The texts in {table.name(position)} of X",
                "strings, or missing",
                f"values of type {format_list(others)}",
                f"Convert them: X = X.with_columns(X{item}.cast(polars.String))."
                if table.library == "polars"
                else f"Convert them: X{item} = X{item}.astype(str).",
            )
        )
    return texts


def list_values(column: Any) -> list[Any]:
    """Return the values of a column as objects of Python."""
    return column.to_list() if hasattr(column, "to_list") else np.asarray(column).tolist()
