"""Texts as X: found, read as strings, and encoded with a vocabulary of the training rows.

A text becomes either a *bag*, pairs of the number and the weight of each term that occurs in it, or
a *sequence* of token ids, with 0 as padding at the end. Networks of the user's own that begin with
a layer for strings read the texts themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer

from keras_multiclass._data.foreign_frames import to_rows
from keras_multiclass._data.frames import is_missing, library_of_frame
from keras_multiclass._data.values import fill_masked, to_strings
from keras_multiclass._shared.error_marks import mark
from keras_multiclass._shared.messages import (
    describe,
    did_you_mean,
    format_list,
    invalid,
    quote_error,
    warn,
)

TextForm: TypeAlias = Literal["bag", "sequence", "strings"]

LONGEST = 512  # terms of a bag, or tokens of a sequence
_MOST_TERMS = 20_000
_LIMIT_OF_IDS = 2**24  # from here on, floats round the numbers of terms
_MANY_TEXTS = 1_000
_MUCH = 0.1
_LONG_WORD = 4
# Words, and each other character on its own, such as "?"; so, too, the characters of scripts that
# put no spaces between words: Chinese characters and Japanese kana.
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
TOKEN_PATTERN = rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+|[^\w\s]"
_ALLOWED = "a 1-d array, list or series of strings"
_TO_STRINGS = "Convert them: X = [str(text) for text in X]."


def is_text(X: Any, *, column: bool = True) -> bool:
    """Whether X holds texts, which may be missing: the first that is not is a string.

    Parameters
    ----------
    X : object
        The user's X.
    column : bool, default=True
        Whether an array of a single column may hold texts.
    """
    X = to_rows(X) if hasattr(X, "to_pylist") else X
    if isinstance(X, (list, tuple)):
        return _begins_with_text(X)
    shape = getattr(X, "shape", None)
    if shape is None or library_of_frame(X) or len(shape) != 1 + (tuple(shape[1:]) == (1,)):
        return False
    if (len(shape) == 2 and not column) or sparse.issparse(X):
        return False
    if not _may_be_text(X):
        return False
    values = np.asarray(X)
    return values.dtype.kind in "UT" or _begins_with_text(values.ravel().tolist())


def _may_be_text(X: Any) -> bool:
    """Whether a dtype is that of strings or objects; those of NumPy's numbers are not."""
    kind = getattr(getattr(X, "dtype", None), "kind", "O")
    return kind in "OUTS"


def _begins_with_text(values: Any) -> bool:
    return isinstance(next((v for v in values if not is_missing(v)), None), (str, bytes))


def check_no_vectorizer(
    vectorizer: Any,
    arguments: Mapping[str, Any],
    condition: str = "X holds texts, strings in 1-d",
) -> None:
    """Raise if there is a vectorizer, or an argument for one, that has no effect.

    Parameters
    ----------
    vectorizer : object
        The parameter `text_vectorizer`.
    arguments : mapping
        Arguments routed to it.
    condition : str
        When it would have an effect.
    """
    if isinstance(vectorizer, str) and vectorizer == "auto" and not arguments:
        return
    name = f"text_vectorizer__{next(iter(arguments))}" if arguments else "text_vectorizer"
    raise ValueError(f"`{name}` has no effect unless {condition}. Remove it.")


def read_texts(X: Any) -> list[str]:
    """Return texts as strings: missing ones are empty, and bytes are decoded as UTF-8.

    Parameters
    ----------
    X : object
        The user's X.

    Raises
    ------
    TypeError, ValueError
        If X holds anything else, or nothing.
    """
    if isinstance(X, (str, bytes)):
        raise TypeError(invalid("X", _ALLOWED, describe(X), "For a single text, pass [X]."))
    X = to_rows(X) if hasattr(X, "to_pylist") else X
    values = X
    if not isinstance(X, (list, tuple)):
        shape = tuple(getattr(X, "shape", ()))
        if library_of_frame(X) or sparse.issparse(X) or shape[1:] not in ((), (1,)) or not shape:
            cure = "Pass one column of it." if library_of_frame(X) else ""
            raise TypeError(invalid("X", f"{_ALLOWED}, as in fit", describe(X), cure))
        array = fill_masked(X) if isinstance(X, np.ma.MaskedArray) else X
        values = np.asarray(array, dtype=object).ravel().tolist()
    if not len(values):
        raise ValueError(
            f"Found array with 0 sample(s) while a minimum of 1 is required: {describe(X)}."
        )
    texts, others = to_strings(values)
    if others:
        got = f"values of type {format_list(others)}"
        raise TypeError(invalid("Each text in X", "a string, or missing", got, _TO_STRINGS))
    return texts


class NgramVectorizer(TfidfVectorizer):
    """A `TfidfVectorizer` whose terms are also the beginnings and ends of words.

    Of each word of more than four letters, these are the first four and the last three. They relate
    a word that the training texts lack to those of the same stem or ending. The first word of a
    text is a term of its own, too.
    """

    def build_analyzer(self) -> Callable[[Any], list[str]]:
        """Return a function that splits a text into its terms."""
        analyze = super().build_analyzer()
        return partial(_with_parts, analyze) if self.analyzer == "word" else analyze


def _with_parts(analyze: Callable[[Any], list[str]], text: Any) -> list[str]:
    terms = analyze(text)
    words = [term for term in terms if " " not in term]
    long = [word for word in words if len(word) > _LONG_WORD]
    start = [f"^ {words[0]}"] if words else []
    return [*terms, *(f"{w[:4]}*" for w in long), *(f"*{w[-3:]}" for w in long), *start]


@dataclass(frozen=True)
class TextParameters:
    """How to encode texts.

    Attributes
    ----------
    vectorizer : "auto", CountVectorizer or TfidfVectorizer
        The parameter `text_vectorizer`.
    arguments : mapping
        Arguments routed to it.
    form : {"bag", "sequence", "strings"}
        What the network reads.
    """

    vectorizer: Any
    arguments: Mapping[str, Any]
    form: TextForm

    def build(self, n_texts: int) -> Any:
        """Return an unfitted vectorizer; the user's own is not changed.

        Parameters
        ----------
        n_texts : int
            Number of training texts.
        """
        if isinstance(self.vectorizer, str) and self.vectorizer == "auto":
            made = self._automatic(n_texts)
        elif isinstance(self.vectorizer, CountVectorizer):
            made = clone(self.vectorizer)
        else:
            raise ValueError(
                invalid(
                    "`text_vectorizer`",
                    "'auto', or a CountVectorizer or TfidfVectorizer of scikit-learn",
                    describe(self.vectorizer),
                    "Pass an instance, such as text_vectorizer=TfidfVectorizer().",
                )
            )
        known = made.get_params(deep=False)
        unknown = [name for name in self.arguments if name not in known]
        if unknown:
            near = did_you_mean(unknown[0], known, "text_vectorizer__")
            error = ValueError(
                f"`text_vectorizer__{unknown[0]}` must be a parameter of {type(made).__name__} "
                f"({format_list(known)}).{near}"
            )
            raise mark(error, "unknown argument", "text_vectorizer")
        return made.set_params(**self.arguments)

    def _automatic(self, n_texts: int) -> CountVectorizer:
        if self.form == "bag":
            return NgramVectorizer(
                token_pattern=TOKEN_PATTERN,
                ngram_range=(1, 2),
                sublinear_tf=True,
                max_features=_MOST_TERMS,
            )
        # Words that occur in one text only teach what to make of unknown words.
        return CountVectorizer(
            token_pattern=TOKEN_PATTERN,
            max_features=_MOST_TERMS,
            min_df=2 if n_texts >= _MANY_TEXTS else 1,
        )


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """Encodes texts with the vocabulary of the training rows.

    Attributes
    ----------
    parameters : TextParameters
        How it was learned.
    vectorizer : CountVectorizer or None
        The fitted vectorizer; None if the network reads strings.
    weights : TfidfTransformer or None
        Turns the counts of a vectorizer into the weights of a bag, if it does not itself.
    length : int
        Number of terms or tokens that are kept of each text.
    has_unknown : bool
        Whether tokens outside the vocabulary have an id of their own in sequences: the last. They
        do if some training texts have such tokens, otherwise they are left out.
    """

    parameters: TextParameters
    vectorizer: Any
    weights: TfidfTransformer | None = None
    length: int = 0
    has_unknown: bool = False

    @classmethod
    def learn(
        cls, texts: list[str], parameters: TextParameters, dtype: str
    ) -> tuple[TextEncoder, np.ndarray]:
        """Learn a vocabulary, and encode the texts.

        Parameters
        ----------
        texts : list of str
            The training texts.
        parameters : TextParameters
            How to encode them.
        dtype : {"float32", "float64"}
            Dtype of bags.
        """
        if parameters.form == "strings":
            return cls(parameters, None), _to_array(texts)
        vectorizer = parameters.build(len(texts))
        with_counts = _fit(vectorizer, texts)
        encoder = cls(parameters, vectorizer)
        if parameters.form == "bag":
            if not isinstance(vectorizer, TfidfVectorizer):
                encoder = replace(encoder, weights=TfidfTransformer().fit(with_counts))
            bags = encoder._weigh(with_counts)
            return encoder._padded(np.diff(bags.indptr), lambda e: _pad_bags(bags, e.length, dtype))
        known = encoder._tokens(texts)
        encoder = replace(encoder, has_unknown=any(0 in ids for ids in known))
        ids = [encoder._finish(row) for row in known]
        return encoder._padded(np.array([len(row) for row in ids]), lambda e: _pad(ids, e.length))

    def _padded(self, sizes: np.ndarray, pad: Any) -> tuple[TextEncoder, np.ndarray]:
        longest = max(int(sizes.max()), 1)
        # In steps of 8, so that folds of a cross-validation often have the same.
        encoder = replace(self, length=min(-(-longest // 8) * 8, LONGEST))
        lost = np.maximum(sizes - encoder.length, 0).sum() / max(sizes.sum(), 1)
        if lost > _MUCH:
            unit = "words" if self.parameters.form == "sequence" else "different terms"
            warn(
                f"Texts should have at most {LONGEST} {unit}; got longer ones, of which "
                f"{lost:.0%} of the {unit} of X are left out. Split long texts, or limit the "
                "vocabulary with text_vectorizer__max_features, text_vectorizer__min_df or "
                "text_vectorizer__stop_words."
            )
        return encoder, pad(encoder)

    @property
    def n_terms(self) -> int | None:
        """Size of the vocabulary of a bag; None if texts are no bags."""
        return len(self.vectorizer.vocabulary_) if self.parameters.form == "bag" else None

    def relearn(self, texts: list[str], dtype: str) -> TextEncoder:
        """Return the encoder as if these texts were all there are.

        Parameters
        ----------
        texts : list of str
            The training texts.
        dtype : {"float32", "float64"}
            Dtype of bags.
        """
        return type(self).learn(texts, self.parameters, dtype)[0]

    def encode(self, texts: list[str], dtype: str) -> np.ndarray:
        """Encode texts.

        Parameters
        ----------
        texts : list of str
            The texts.
        dtype : {"float32", "float64"}
            Dtype of bags.

        Returns
        -------
        ndarray of shape (n_texts, length, 2), (n_texts, length) or (n_texts,)
            Bags, sequences of int32, or strings.
        """
        form = self.parameters.form
        if form == "strings":
            return _to_array(texts)
        if form == "bag":
            return _pad_bags(self._weigh(self.vectorizer.transform(texts)), self.length, dtype)
        return _pad([self._finish(row) for row in self._tokens(texts)], self.length)

    def _weigh(self, counts: Any) -> Any:
        bags = counts if self.weights is None else self.weights.transform(counts)
        bags = sparse.csr_matrix(bags)
        bags.sort_indices()
        return bags

    def _tokens(self, texts: list[str]) -> list[list[int]]:
        """Return the number of each token in the vocabulary, from 1; 0 if it is not there."""
        analyze, find = self.vectorizer.build_analyzer(), self.vectorizer.vocabulary_.get
        return [[find(token, -1) + 1 for token in analyze(text)] for text in texts]

    def _finish(self, ids: list[int]) -> list[int]:
        if self.has_unknown:
            unknown = len(self.vectorizer.vocabulary_) + 1
            return [i or unknown for i in ids]
        return [i for i in ids if i]


def _fit(vectorizer: Any, texts: list[str]) -> Any:
    try:
        counts = vectorizer.fit_transform(texts)
    except ValueError as error:
        if "empty vocabulary" not in str(error) and "no terms remain" not in str(error):
            raise ValueError(f"`text_vectorizer` cannot be fitted: {quote_error(error)}") from error
        raise ValueError(
            f"The texts in X must contain at least one term; got none ({quote_error(error)}). "
            "Check that the texts are not empty, and the parameters of `text_vectorizer`."
        ) from error
    if counts.shape[1] > _LIMIT_OF_IDS:
        raise ValueError(
            invalid(
                "The number of different terms in X",
                f"at most {_LIMIT_OF_IDS}",
                f"{counts.shape[1]}",
                "Set text_vectorizer__max_features.",
            )
        )
    return counts


def _to_array(texts: list[str]) -> np.ndarray:
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array


def _pad(rows: list[list[int]], length: int) -> np.ndarray:
    padded = np.zeros((len(rows), length), np.int32)
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = row[:length]
    return padded


def _pad_bags(bags: sparse.csr_matrix, length: int, dtype: str) -> np.ndarray:
    """Return the numbers and weights of the terms of each row; keep the largest of many."""
    sizes = np.diff(bags.indptr)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    terms, weights = bags.indices, bags.data
    if sizes.max(initial=0) > length:
        order = np.lexsort((-np.abs(weights), rows))
        terms, weights = terms[order], weights[order]
    position = np.arange(len(rows)) - np.repeat(bags.indptr[:-1], sizes)
    kept = position < length
    padded = np.zeros((len(sizes), length, 2), dtype)
    padded[rows[kept], position[kept], 0] = terms[kept]
    padded[rows[kept], position[kept], 1] = weights[kept]
    return padded
