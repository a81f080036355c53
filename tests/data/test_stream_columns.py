"""Columns of categories, dates and text in a stream are learned as from an array of all rows."""

from __future__ import annotations

import datetime
import functools

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.feature_extraction.text import CountVectorizer

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.columns.expansion import incremental
from keras_multiclass._training.reading import stream_features

N, SIZE = 150, 32  # leaves a last batch of 22 rows
RNG = np.random.default_rng(0)
Y = np.array(["ash", "fir", "oak"])[RNG.integers(0, 3, N)]
WEIGHTS = RNG.uniform(0.5, 2.0, N)
WORDS = np.array(
    ["red", "green", "blue", "big", "small", "old", "new", "leaf", "bark", "cone", "root"]
)


@functools.cache
def table():
    """Numbers, gaps, nullable integers, categories, strings, booleans, dates and free text."""
    dates = pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.integers(0, 10**8, N), unit="s")
    X = pd.DataFrame(
        {
            "number": np.where(RNG.random(N) < 0.2, np.nan, RNG.normal(size=N)),
            "integer": pd.array(
                np.where(np.arange(N) % 40 > 34, None, RNG.integers(0, 9, N)), dtype="Int64"
            ),
            "category": pd.Categorical(RNG.choice(list("abcdef"), N)),
            "string": RNG.choice(["u", "v", "w", None], N),
            "bool": RNG.random(N) < 0.5,
            "date": dates,
            "text": [" ".join(RNG.choice(WORDS, 6)) for _ in range(N)],
        }
    )
    X.loc[: SIZE + 8, "string"] = None  # unknown in the first batch
    X.loc[::5, "date"] = pd.NaT
    return X


def cut(X, *others, of_batch=lambda X: X):
    """Return a function that iterates over batches."""
    starts = range(0, N, SIZE)
    return lambda: (
        (of_batch(X[i : i + SIZE]), *(other[i : i + SIZE] for other in others)) for i in starts
    )


def classifier(backbone="mlp", **params):
    small = {"backbone__hidden_units": (8,)} if backbone == "mlp" else {}
    return KerasMulticlassClassifier(backbone, epochs=2, random_state=0, **small, **params)


def fitted_to_rows(X, y=Y, weights=None, **params):
    common = {"shuffle": False, "batch_size": SIZE, "engine": "keras"}
    return classifier(**common, **params).fit(X, y, weights)


def assert_same(streamed, in_memory, X):
    assert streamed._state.features.columns == in_memory._state.features.columns
    if hasattr(in_memory, "network_feature_names_"):
        names = in_memory.network_feature_names_.tolist()
        assert streamed.network_feature_names_.tolist() == names
    np.testing.assert_allclose(
        streamed.history_["loss"], in_memory.history_["loss"], rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        streamed.predict_proba(X), in_memory.predict_proba(X), rtol=1e-4, atol=1e-5
    )


def other_dtypes(X):
    """The dtypes that the rows of a batch get when it is read alone."""
    X = X.assign(category=X["category"].cat.remove_unused_categories())
    if X["integer"].notna().all():
        return X.astype({"integer": "int64"})
    return X.astype({"integer": float})


def objects(X):
    return X.astype({"category": object, "string": object, "integer": object})


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "of_batch", [lambda X: X, other_dtypes, objects], ids=["", "own", "objects"]
)
def test_a_stream_of_mixed_columns_trains_like_the_frame(of_batch, weighted):
    X, weights = table(), WEIGHTS if weighted else None
    others = (Y, WEIGHTS) if weighted else (Y,)
    expected = fitted_to_rows(X if of_batch is not objects else objects(X), weights=weights)
    assert_same(classifier().fit(cut(X, *others, of_batch=of_batch)), expected, X)


@pytest.mark.parametrize("backbone", ["tabm_small", "realmlp_small", "mlp_plr"])
def test_every_kind_of_table_backbone_reads_mixed_columns_from_a_stream(backbone):
    X = table()
    params = {"backbone": backbone, "n_ensemble": 1}
    off = {"early_stopping": False, "calibration": None}
    expected = fitted_to_rows(X, **params, **off)
    assert_same(classifier(**params).fit(cut(X, Y)), expected, X)


def test_arrow_batches_are_read_as_frames():
    pyarrow = pytest.importorskip("pyarrow")
    X = table().drop(columns="integer")
    batches = pyarrow.Table.from_pandas(X).to_batches(max_chunksize=SIZE)

    def read():
        for i, batch in enumerate(batches):
            yield batch, Y[i * SIZE : (i + 1) * SIZE]

    assert_same(classifier().fit(read), fitted_to_rows(X), X)


def test_polars_batches_train_like_the_frame():
    polars = pytest.importorskip("polars")
    X = polars.DataFrame(
        {
            "number": np.arange(float(N)),
            "string": [None] * SIZE + list("uvw" * 40)[: N - SIZE],
            "date": [datetime.date(2024, 1 + i % 12, 1 + i % 28) for i in range(N)],
        }
    )
    assert_same(classifier().fit(cut(X, Y)), fitted_to_rows(X), X)


CODES = RNG.integers(0, 4, (N, 3)) * 10
OBJECTS = np.array([[f"c{a}", b, datetime.date(2024, 1 + c // 10, 3)] for a, b, c in CODES], object)


@pytest.mark.parametrize(
    ("X", "named"),
    [
        (CODES, [0, 2]),
        (CODES.astype(float), [True, False, False]),
        (pd.DataFrame(CODES, columns=list("abc")), ["b"]),
        (CODES.astype(str).astype(object), [0, 1, 2]),
        (OBJECTS, [0]),
        (np.where(RNG.random((N, 3)) < 0.2, np.nan, CODES), [1]),
    ],
    ids=["integers", "mask", "names", "strings", "dates in objects", "gaps"],
)
def test_categorical_features_hold_for_a_stream(X, named):
    params = {"categorical_features": named}
    expected = fitted_to_rows(X, **params)
    streamed = classifier(**params).fit(cut(X, Y))
    assert_same(streamed, expected, X)
    assert streamed._state.features.columns is not None


@pytest.mark.parametrize("method", ["partial_fit", "initialize"])
def test_categories_are_learned_by_other_methods_too(method):
    X = table()[["category", "number"]]
    streamed = getattr(classifier(), method)(cut(X, Y, of_batch=lambda X: X))
    expected = getattr(classifier(shuffle=False, batch_size=SIZE), method)(X, Y)
    assert streamed._state.features.columns == expected._state.features.columns
    if method == "initialize":
        np.testing.assert_allclose(streamed.predict_proba(X), expected.predict_proba(X), atol=1e-6)


def test_a_column_of_text_may_be_named():
    X = table()[["text", "number"]].assign(text=lambda X: X["text"].str[:5])
    params = {"text_features": ["text"]}
    assert_same(classifier(**params).fit(cut(X, Y)), fitted_to_rows(X, **params), X)
    streamed = classifier(categorical_features=["text"]).fit(cut(X, Y))
    assert_same(streamed, fitted_to_rows(X, categorical_features=["text"]), X)


def test_rows_of_weight_zero_teach_nothing():
    X = table()
    weights = np.ones(N)
    weights[SIZE : 2 * SIZE] = 0
    X = X.assign(category=X["category"].cat.add_categories([f"only{i}" for i in range(12)]))
    X.loc[SIZE : SIZE + 11, "category"] = [f"only{i}" for i in range(12)]
    X.loc[SIZE, "date"] = pd.Timestamp("1950-01-01")
    kept = weights > 0
    streamed = classifier().fit(cut(X, Y, weights))
    expected = classifier().fit(lambda: (b for b in cut(X, Y)() if b[0].index[0] != SIZE))
    assert_same(streamed, expected, X[kept])
    assert not any("only" in name for name in streamed.network_feature_names_)


def test_the_validation_stream_may_have_unknown_and_missing_categories():
    X = table()
    held_out = X[:50].assign(string="z", category=pd.Categorical([None] * 50))
    on_stream = classifier().fit(cut(X, Y), X_val=lambda: iter([(held_out, Y[:50])]))
    on_arrays = classifier().fit(cut(X, Y), X_val=held_out, y_val=Y[:50])
    assert on_stream.history_["val_loss"] == pytest.approx(on_arrays.history_["val_loss"])


def test_only_streams_with_such_columns_are_read_twice_before_training():
    passes = []

    def counted(X):
        def read():
            passes.append(0)
            return cut(X, Y)()

        return read

    classifier().fit(counted(table()[["number", "integer"]]))
    assert len(passes) == 1 + 2  # epochs
    passes.clear()
    classifier().fit(counted(table()))
    assert len(passes) == 2 + 2


def test_an_iterator_learns_its_columns_from_batches_of_its_own():
    X = table()
    read = []

    def endless():
        while True:
            for batch in cut(X, Y)():
                read.append(len(batch[0]))
                yield batch

    streamed = classifier(fit__steps_per_epoch=5).fit(endless())
    assert len(read) == 5 + 5 + 2 * 5
    assert_same(streamed, fitted_to_rows(X), X)


# --- texts as X -----------------------------------------------------------------------------------

TEXTS = np.array([f"{name} {' '.join(RNG.choice(WORDS, 5))}" for name in Y], dtype=object)
TEXTS[3] = None


@pytest.mark.parametrize("kind", ["lists", "arrays", "series", "tf.data"])
def test_texts_of_a_stream_train_like_a_list(kind):
    streams = {
        "lists": cut(TEXTS, Y, of_batch=list),
        "arrays": cut(TEXTS, Y),
        "series": cut(TEXTS, Y, of_batch=pd.Series),
        "tf.data": tf.data.Dataset.from_tensor_slices(
            (["" if text is None else text for text in TEXTS], Y)
        ).batch(SIZE),
    }
    params = {"backbone": "auto", "n_ensemble": 1}
    streamed = classifier(**params).fit(streams[kind])
    expected = fitted_to_rows(list(TEXTS), **params, early_stopping=False, calibration=None)
    vocabularies = [c.text_vectorizer_.vocabulary_ for c in (streamed, expected)]
    assert vocabularies[0] == vocabularies[1]
    assert_same(streamed, expected, list(TEXTS))
    streamed.partial_fit(streams[kind])


def test_sequence_backbones_and_vectorizers_read_texts_of_a_stream():
    params = {"backbone": "gru", "backbone__units": 4, "text_vectorizer": CountVectorizer(min_df=2)}
    streamed = classifier(**params).fit(cut(TEXTS, Y))
    assert_same(streamed, fitted_to_rows(list(TEXTS), **params), list(TEXTS))


def test_a_network_of_strings_reads_texts_of_a_stream():
    texts = ["" if text is None else text for text in TEXTS]
    layer = keras.layers.TextVectorization(output_mode="multi_hot")
    layer.adapt(texts)
    inputs = keras.Input((), dtype="string")
    network = keras.Model(inputs, keras.layers.Dense(4, "relu")(layer(inputs)))
    streamed = classifier(network).fit(cut(TEXTS, Y))
    np.testing.assert_allclose(
        streamed.predict_proba(texts), fitted_to_rows(texts, backbone=network).predict_proba(texts)
    )


def test_the_vocabulary_of_many_texts_is_that_of_a_sample(monkeypatch):
    monkeypatch.setattr(stream_features, "_MOST_CHARACTERS", 3_000)
    with pytest.warns(UserWarning, match="The vocabulary is that of .* of the 150 texts of X"):
        streamed = classifier("auto").fit(cut(TEXTS, Y))
    assert len(streamed.text_vectorizer_.vocabulary_) > 20


# --- limits and errors ----------------------------------------------------------------------------


def test_free_text_is_not_collected_as_if_it_were_categories(monkeypatch):
    monkeypatch.setattr(incremental, "_MANY_CATEGORIES", 40)
    X = table()
    assert_same(classifier().fit(cut(X, Y)), fitted_to_rows(X), X)


def test_identifiers_are_warned_of_and_limited(monkeypatch):
    X = pd.DataFrame({"id": [f"row{i}" for i in range(N)], "number": np.arange(N)})
    with pytest.warns(UserWarning, match="'id' of X are read as 150 categories of 150 rows"):
        classifier().fit(cut(X, Y))
    monkeypatch.setattr(incremental, "_MOST_CATEGORIES", 100)
    with pytest.raises(ValueError, match="Batch 4 of X .* categories in column 'id' of X must be"):
        classifier().fit(cut(X, Y))


FRAME = pd.DataFrame({"a": np.arange(30.0), "b": ["x", "y"] * 15})
LABELS = np.arange(30) % 3


@pytest.mark.parametrize(
    ("second", "params", "words"),
    [
        (
            FRAME.assign(b=1.0),
            {},
            "column 'b' of X must be of one kind in all batches",
        ),
        (FRAME.assign(b=pd.Timestamp("2024")), {}, "strings or categories and dates or times"),
        (FRAME.assign(b=1.0), {"categorical_features": ["b"]}, "of one type; got numbers and"),
        (FRAME.rename(columns={"b": "c"}), {}, "feature names"),
        (FRAME[["a"]], {}, "feature"),
        (FRAME.assign(b=1.0), {"text_features": ["b"]}, "strings, or missing; got values of type"),
    ],
)
def test_batches_with_other_columns_are_errors(second, params, words):
    for batches, number in (([FRAME, second], 2), ([FRAME, FRAME, second], 3)):
        with pytest.raises((ValueError, TypeError), match=f"Batch {number} of X cannot.*{words}"):
            classifier(**params).fit(lambda batches=batches: ((X, LABELS) for X in batches))


def test_strings_after_numbers_are_an_error_whose_advice_works():
    batches = [FRAME.assign(b=1), FRAME]
    with pytest.raises(ValueError, match=r"Batch 2 of X .*first batch; got .*strings in all"):
        classifier().fit(lambda: ((X, LABELS) for X in batches))
    converted = [X.astype({"b": str}) for X in batches]
    fitted = classifier().fit(lambda: ((X, LABELS) for X in converted))
    assert fitted._state.features.columns.categorical[0].categories == ("1", "x", "y")


@pytest.mark.parametrize(
    ("X", "params", "words"),
    [
        (np.array([["x", "u"], ["y", "v"], ["z", "u"]] * 10), {}, "categorical_features=\\[0, "),
        (FRAME, {"categorical_features": None}, "strings or categories in column 'b'"),
        (FRAME, {"categorical_features": ["c"]}, "`categorical_features` must be names of columns"),
        (FRAME, {"backbone": "conv1d", "categorical_features": ["b"]}, "unless a table backbone"),
        (FRAME, {"text_vectorizer": CountVectorizer()}, "`text_vectorizer` has no effect"),
    ],
)
def test_columns_that_cannot_be_read_are_errors(X, params, words):
    with pytest.raises(ValueError, match=f"Batch 1 of X cannot be used: .*{words}"):
        classifier(**params).fit(lambda: iter([(X, LABELS)]))
