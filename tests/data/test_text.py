"""Texts as numbers: containers, vocabularies, bags and sequences, compared with scikit-learn's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from keras_multiclass._data.texts import encoder as module
from keras_multiclass._data.texts.encoder import (
    NgramVectorizer,
    TextEncoder,
    TextParameters,
    is_text,
    read_texts,
)

TEXTS = ["Who wrote Hamlet ?", "How far is it?", "how far is the moon", "who is it, who?", ""]


def learn(texts=TEXTS, vectorizer="auto", form="bag", **arguments):
    return TextEncoder.learn(texts, TextParameters(vectorizer, arguments, form), "float32")


def to_matrix(bags, n_terms):
    """Return bags as a dense matrix of weights, as vectorizers do."""
    matrix = np.zeros((len(bags), n_terms))
    np.add.at(matrix, (np.arange(len(bags))[:, None], bags[..., 0].astype(int)), bags[..., 1])
    return matrix


CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "objects": lambda texts: np.array(texts, dtype=object),
    "column": lambda texts: np.array(texts, dtype=object)[:, None],
    "variable width": lambda texts: np.array(texts, dtype=np.dtypes.StringDType()),
    "pandas": pd.Series,
    "pandas objects": lambda texts: pd.Series(texts, dtype=object),
    "pandas strings": lambda texts: pd.Series(texts, dtype="string"),
    "categories": lambda texts: pd.Series(texts).astype("category"),
    "index": pd.Index,
    "polars": pl.Series,
    "bytes": lambda texts: np.array([text.encode() for text in texts], dtype=object),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_texts_are_read_from_every_container(name):
    X = CONTAINERS[name](TEXTS)
    assert is_text(X)
    assert read_texts(X) == TEXTS


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_a_missing_text_is_empty(missing):
    X = [missing, *TEXTS, missing]
    assert is_text(X)
    assert is_text(np.array(X, dtype=object))
    assert read_texts(X) == ["", *TEXTS, ""]
    masked = np.ma.MaskedArray(np.array(["a", "b"], dtype=object), [True, False])
    assert read_texts(masked) == ["", "b"]


@pytest.mark.parametrize(
    "X",
    [
        [1.0, 2.0],
        [["a"], ["b"]],
        np.array([["a", "b"]]),
        pd.DataFrame({"a": ["b"]}),
        pl.DataFrame({"a": ["b"]}),
        np.arange(3),
        np.zeros((3, 1)),
        [None, None],
        [],
        "a text",
        {"a": "b"},
    ],
    ids=str,
)
def test_other_data_are_no_texts(X):
    assert not is_text(X)


def test_a_column_of_strings_is_a_table_if_categories_are_named():
    assert not is_text(np.array([["a"], ["b"]]), column=False)


VECTORIZERS = {
    "counts": CountVectorizer(ngram_range=(1, 2)),
    "weights": TfidfVectorizer(sublinear_tf=True, norm=None),
    "characters": TfidfVectorizer(analyzer="char", ngram_range=(1, 3), max_features=30),
    "function": TfidfVectorizer(analyzer=str.split, use_idf=False),
}


@pytest.mark.parametrize("name", VECTORIZERS)
def test_bags_are_the_rows_of_tfidf(name):
    given = VECTORIZERS[name]
    expected = given if isinstance(given, TfidfVectorizer) else TfidfVectorizer(ngram_range=(1, 2))
    expected = expected.fit(TEXTS)
    encoder, bags = learn(vectorizer=given)
    assert not hasattr(given, "vocabulary_") or given is expected
    assert encoder.vectorizer.vocabulary_ == expected.vocabulary_
    assert bags.shape == (5, encoder.length, 2)
    new = ["who knows Hamlet", "", "who who who"]
    for texts, encoded in ((TEXTS, bags), (new, encoder.encode(new, "float32"))):
        found = to_matrix(encoded, encoder.n_terms)
        np.testing.assert_allclose(found, expected.transform(texts).toarray(), rtol=1e-6)


def test_the_automatic_terms_are_ngrams_punctuation_and_parts_of_words():
    vectorizer = NgramVectorizer(ngram_range=(1, 2), token_pattern=module.TOKEN_PATTERN)
    assert vectorizer.build_analyzer()("Is Hamlet real?") == [
        *("is", "hamlet", "real", "?", "is hamlet", "hamlet real", "real ?"),
        *("haml*", "*let", "^ is"),
    ]
    assert vectorizer.build_analyzer()(" ") == []
    characters = NgramVectorizer(analyzer="char").build_analyzer()
    assert characters("ab") == ["a", "b"]
    words = CountVectorizer(token_pattern=module.TOKEN_PATTERN).build_analyzer()
    assert words("東京は12月 привет!") == ["東", "京", "は", "12", "月", "привет", "!"]


def test_sequences_are_the_tokens_in_order_and_end_with_padding():
    encoder, ids = learn(form="sequence")
    names = ["", *encoder.vectorizer.get_feature_names_out()]
    assert [names[i] for i in ids[3]] == ["who", "is", "it", ",", "who", "?", "", ""]
    assert not encoder.has_unknown
    assert not ids[4].any()
    assert ids.dtype == np.int32
    new = encoder.encode(["who was far"], "float32")[0]
    assert [names[i] for i in new if i] == ["who", "far"]


def test_words_outside_the_vocabulary_share_an_id_if_training_texts_have_some():
    encoder, _ = learn(form="sequence", max_features=3)
    unknown = len(encoder.vectorizer.vocabulary_) + 1
    assert unknown == 4
    assert encoder.has_unknown
    names = [*encoder.vectorizer.get_feature_names_out(), "unknown"]
    found = encoder.encode(["who was it really"], "float32")[0]
    known = encoder.vectorizer.vocabulary_
    words = ["who", "was", "it", "really"]
    assert [names[i - 1] for i in found if i] == [w if w in known else "unknown" for w in words]
    stopped, _ = learn(form="sequence", stop_words=["it"])
    assert not stopped.has_unknown


def test_words_of_one_text_are_unknown_if_there_are_many_texts(monkeypatch):
    monkeypatch.setattr(module, "_MANY_TEXTS", 5)
    encoder, _ = learn(form="sequence")
    expected = CountVectorizer(token_pattern=module.TOKEN_PATTERN, min_df=2).fit(TEXTS)
    assert encoder.vectorizer.vocabulary_ == expected.vocabulary_


@pytest.mark.parametrize("form", ["bag", "sequence"])
def test_long_texts_are_cut_with_a_warning(form, monkeypatch):
    monkeypatch.setattr(module, "LONGEST", 4)
    vectorizer = TfidfVectorizer(stop_words=None)
    with pytest.warns(UserWarning, match="at most 4 .* left out. Split long texts"):
        encoder, encoded = learn(["a1 b2 c3 d4 d4 e5 e5"] * 2 + ["x1"], vectorizer, form)
    assert encoded.shape[1] == encoder.length == 4
    names = encoder.vectorizer.get_feature_names_out()
    if form == "sequence":
        assert [names[i - 1] for i in encoded[0]] == ["a1", "b2", "c3", "d4"]
    else:  # the largest weights
        assert {names[int(i)] for i in encoded[0, :2, 0]} == {"d4", "e5"}


def test_the_vocabulary_is_learned_again_from_other_texts():
    encoder, _ = learn()
    limited = encoder.relearn(TEXTS[:2], "float32")
    expected, _ = learn(TEXTS[:2])
    assert limited.vectorizer.vocabulary_ == expected.vectorizer.vocabulary_


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=6))
@pytest.mark.parametrize("form", ["bag", "sequence"])
def test_any_strings_can_be_encoded(form, texts):
    texts = [*texts, "one word"]
    encoder, encoded = learn(texts, form=form)
    again = encoder.encode(texts, "float32")
    np.testing.assert_array_equal(encoded, again)
    assert np.isfinite(again).all()
    if form == "bag":
        norms = np.linalg.norm(encoded[..., 1], axis=1)
        assert np.all((abs(norms - 1) < 1e-5) | (norms == 0))
