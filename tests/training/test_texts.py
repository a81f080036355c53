"""Texts as X: training, prediction and everything that the classifiers do with them."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.model_selection import GridSearchCV, GroupShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from _toy import assert_same, tiny
from keras_multiclass import KerasMulticlassClassifier, KerasMultilabelClassifier
from keras_multiclass._network.layers.term_sums import TermSums
from keras_multiclass.exceptions import BackboneError

NOUNS = {"animal": ["cat", "dog", "ape"], "plant": ["oak", "rose", "moss"], "rock": ["ore", "ash"]}
X = np.array(
    [
        f"The {noun} is {how}, {i}?"
        for i in range(4)
        for ns in NOUNS.values()
        for noun in ns
        for how in ("old", "far away")
    ],
    dtype=object,
)
y = np.array([kind for _ in range(4) for kind, nouns in NOUNS.items() for _ in 2 * nouns])
SMALL = {
    "backbone__units": 4,
    "backbone__hidden_units": (8,),
    "epochs": 20,
    "n_ensemble": 1,
    "random_state": 0,
}
SEQUENCE = {"backbone": "gru", "backbone__units": 4, "epochs": 1, "random_state": 0}


def small(**params):
    return KerasMulticlassClassifier(**{**SMALL, **params})


@pytest.fixture(scope="module")
def fitted():
    return small().fit(X, y)


def test_texts_are_learned_with_the_default(fitted):
    assert fitted.resolved_params_["backbone"] == "bag_of_ngrams"
    assert fitted.engine_ == "graph"
    assert fitted.score(X, y) > 0.9
    assert fitted.predict(["The old oak", "A dog!", None]).shape == (3,)
    assert not hasattr(fitted, "n_features_in_")
    assert {"the oak", "?", "^ the"} <= set(fitted.text_vectorizer_.get_feature_names_out())


def test_the_sums_are_tfidf_rows_times_the_embeddings():
    classifier = small(text_vectorizer=TfidfVectorizer(ngram_range=(1, 2)), epochs=1).fit(X, y)
    layer = next(x for x in classifier.model_.layers if isinstance(x, TermSums))
    sums = keras.Model(classifier.model_.inputs, layer.output)
    texts = [*X[:5], "the far cat the", ""]
    found = sums.predict(classifier._state.features.check(texts), verbose=0)
    rows = TfidfVectorizer(ngram_range=(1, 2)).fit(X).transform(texts)
    np.testing.assert_allclose(found, rows @ np.asarray(layer.embeddings), atol=1e-6)


@pytest.mark.parametrize("n_members", [1, 3])
def test_both_engines_train_the_same_network(n_members):
    fits = [
        small(engine=engine, n_ensemble=n_members, epochs=2, batch_size=16).fit(
            X, y, sample_weight=np.arange(len(X))
        )
        for engine in ("graph", "keras")
    ]
    assert_same(*fits)


@pytest.mark.parametrize("params", [SMALL, SEQUENCE], ids=["bag", "sequence"])
def test_the_vocabulary_is_that_of_the_training_rows(params):
    texts = [f"{text} number{i}" for i, text in enumerate(X)]
    split = [(np.arange(4, 60), np.arange(2))]
    classifier = KerasMulticlassClassifier(**{**params, "validation_split": split})
    classifier.fit(texts, y)
    expected = KerasMulticlassClassifier(**params).fit(
        texts[4:60], y[4:60], X_val=(texts[:2], y[:2])
    )
    names = classifier.text_vectorizer_.get_feature_names_out()
    assert {"number4", "number59"} <= set(names)
    assert not {"number0", "number2", "number60"} & set(names)
    assert list(names) == list(expected.text_vectorizer_.get_feature_names_out())
    np.testing.assert_array_equal(classifier.predict_proba(X), expected.predict_proba(X))


def test_a_vectorizer_is_not_changed_and_can_be_searched():
    vectorizer = CountVectorizer(lowercase=False)
    classifier = small(text_vectorizer=vectorizer, text_vectorizer__max_features=6, epochs=1)
    classifier.fit(X, y)
    assert vectorizer.get_params() == CountVectorizer(lowercase=False).get_params()
    expected = CountVectorizer(lowercase=False, max_features=6).fit(X)
    assert classifier.text_vectorizer_.vocabulary_ == expected.vocabulary_
    idf = TfidfTransformer().fit(expected.transform(X)).idf_
    np.testing.assert_array_equal(classifier._state.features.text.weights.idf_, idf)
    grid = {"text_vectorizer__ngram_range": [(1, 1), (1, 3)]}
    search = GridSearchCV(classifier, grid, cv=2).fit(X, y)
    best = search.best_estimator_
    assert best.text_vectorizer_.ngram_range == search.best_params_["text_vectorizer__ngram_range"]
    assert clone(classifier).get_params()["text_vectorizer__max_features"] == 6


@pytest.mark.parametrize("params", [SMALL, SEQUENCE], ids=["bag", "sequence"])
def test_a_fitted_classifier_is_pickled_with_its_vocabulary(params):
    classifier = KerasMulticlassClassifier(**{**params, "text_vectorizer": TfidfVectorizer()})
    classifier.fit(X, y)
    loaded = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    loaded.set_params(warm_start=True, epochs=1).fit(X, y)
    with pytest.raises(NotFittedError):
        clone(classifier).predict(X)


def test_further_training_keeps_the_vocabulary(fitted):
    classifier = small(warm_start=True, epochs=1).fit(X, y)
    vocabulary = classifier.text_vectorizer_.vocabulary_
    classifier.fit(["Entirely new words", *X[1:]], y)
    classifier.partial_fit(["And others"], y[:1])
    assert classifier.text_vectorizer_.vocabulary_ == vocabulary
    with pytest.raises(ValueError, match=r"`text_vectorizer__max_features` must stay unset"):
        classifier.set_params(text_vectorizer__max_features=3).fit(X, y)
    parts = small().partial_fit(X[:8], y[:8], classes=sorted(NOUNS)).partial_fit(X[8:], y[8:])
    expected = small(epochs=1).fit(X[:8], y[:8]).text_vectorizer_.vocabulary_
    assert parts.text_vectorizer_.vocabulary_ == expected


OPTIONS = {
    "folds": {"n_ensemble": 2, "validation_split": 2, "calibration": "temperature"},
    "float64": {"dtype": "float64", "early_stopping": True, "class_weight": "balanced"},
    "half precision": {"dtype": "mixed_bfloat16"},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_texts_work_with_every_option(name):
    classifier = small(**{"epochs": 2, **OPTIONS[name]}).fit(X, y)
    probabilities = classifier.predict_proba([*X[:3], ""])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("backbone", ["conv1d", "lstm", "gru", "transformer"])
def test_sequence_backbones_read_words_in_order(backbone):
    sizes = {"conv1d": {"backbone__filters": 4}, "transformer": {"backbone__num_layers": 1}}
    params = sizes.get(backbone, {"backbone__units": 4})
    classifier = KerasMulticlassClassifier(backbone, epochs=1, random_state=0, **params).fit(X, y)
    swapped = classifier.predict_proba(["The oak is far away", "The away is far oak", ""])
    assert np.isfinite(swapped).all()
    assert abs(swapped[0] - swapped[1]).max() > 0


def test_a_function_reads_embedded_words_and_their_mask():
    shapes = []

    def average(inputs, mask):
        shapes.append((inputs.shape, mask.shape))
        return keras.layers.GlobalAveragePooling1D()(inputs, mask=mask)

    classifier = KerasMulticlassClassifier(average, epochs=1, random_state=0).fit(X, y)
    assert shapes == [((None, 8, 32), (None, 8))]
    assert classifier.input_shape_ == (8,)


def test_several_labels_and_groups():
    labels = np.column_stack([y == "rock", y != "plant"]).astype(int)
    classifier = KerasMultilabelClassifier(**SMALL).fit(X, labels)
    assert classifier.score(X, labels) > 0.9
    groups = GroupShuffleSplit(1, test_size=0.25, random_state=0)
    split = small(validation_split=groups, epochs=1).fit(list(X), y, groups=np.arange(64) % 4)
    assert len(split.history_["val_loss"]) == 1


def test_a_pipeline_may_clean_texts():
    clean = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    pipeline = make_pipeline(clean, small()).fit(pd.Series(X), y)
    assert pipeline.score(pd.Series(X), y) > 0.9


def fit_with(**params):
    return lambda: small(**params).fit(X, y)


ERRORS = {
    "unsuited backbone": (
        fit_with(backbone="mlp"),
        BackboneError,
        "X for backbone='mlp' must be of shape .*; got strings. Backbones for texts: "
        "'bag_of_ngrams', 'conv1d'",
    ),
    "numbers for texts": (
        lambda: small(backbone="bag_of_ngrams").fit(np.zeros((64, 3)), y),
        BackboneError,
        "must be a 1-d array, list or series of strings; got shape",
    ),
    "no vectorizer": (
        fit_with(text_vectorizer=TfidfVectorizer),
        ValueError,
        "`text_vectorizer` must be 'auto', or a CountVectorizer .* Pass an instance",
    ),
    "unknown argument": (
        fit_with(text_vectorizer__ngram=2),
        ValueError,
        "must be a parameter of NgramVectorizer .* Did you mean .*'text_vectorizer__ngram_range'",
    ),
    "vectorizer for numbers": (
        lambda: KerasMulticlassClassifier(text_vectorizer__min_df=2).fit(np.zeros((64, 3)), y),
        ValueError,
        "`text_vectorizer__min_df` has no effect unless X holds texts",
    ),
    "no vocabulary": (
        lambda: small().fit(["", " "] * 32, y),
        ValueError,
        "texts in X must contain at least one term; got none",
    ),
    "mixed types": (
        lambda: small().fit([*X[:-1], 3], y),
        TypeError,
        "Each text in X must be a string, or missing; got values of type 'int'. Convert",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_to_do(name):
    call, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("one text", r"got 'one text'. For a single text, pass \[X\]"),
        (np.zeros((2, 3)), "must be a 1-d array, list or series of strings, as in fit; got nd"),
        (pd.DataFrame({"text": ["a"]}), "Pass one column of it"),
        ([], "0 sample"),
        ([1.0], "Each text in X must be a string"),
        ([["a", "b"]], "Each text in X must be a string, or missing; got values of type 'list'"),
    ],
    ids=["string", "matrix", "frame", "empty", "number", "list"],
)
def test_other_data_are_errors_after_a_fit_on_texts(fitted, given, message):
    with pytest.raises((ValueError, TypeError), match=message):
        fitted.predict(given)


def test_texts_are_an_error_after_a_fit_on_numbers():
    classifier = KerasMulticlassClassifier("mlp", epochs=1).fit(np.zeros((64, 3)), y)
    with pytest.raises(ValueError, match="X must be real numbers; got strings"):
        classifier.predict(X)


def network(shape=(), *, with_head=True, adapted=True):
    """Return a network that reads strings."""
    vectorize = keras.layers.TextVectorization(max_tokens=40, output_sequence_length=6)
    if adapted:
        vectorize.adapt(list(X))
    inputs = keras.Input(shape, dtype="string")
    words = keras.layers.Embedding(40, 4)(vectorize(inputs))
    features = keras.layers.GlobalAveragePooling1D()(words)
    return keras.Model(inputs, keras.layers.Dense(3)(features) if with_head else features)


STRING_NETWORKS = {
    "model": lambda: {"model": network()},
    "column": lambda: {"model": network((1,))},
    "function": lambda: {"model": network},
    "backbone": lambda: {"backbone": network(with_head=False)},
}


@pytest.mark.parametrize("name", STRING_NETWORKS)
def test_networks_that_read_strings_keep_their_vocabulary(name):
    classifier = KerasMulticlassClassifier(
        **STRING_NETWORKS[name](), optimizer__learning_rate=0.1, epochs=25, random_state=0
    )
    classifier.fit(X, y)
    assert (classifier.engine_, classifier.score(X, y) > 0.7) == ("keras", True)
    loaded = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_allclose(loaded.predict_proba(X), classifier.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"model": network(adapted=False)}, r"without a vocabulary. Call adapt\(X\)"),
        (
            {"backbone": keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])},
            "`backbone` must be a network that begins with .*; got one that reads numbers",
        ),
    ],
    ids=["not adapted", "numbers"],
)
def test_networks_that_cannot_read_strings_are_errors(params, message):
    with pytest.raises(BackboneError, match=message):
        KerasMulticlassClassifier(**params, epochs=1).fit(X, y)


@pytest.mark.parametrize("name", ["categorical_features", "text_features"])
def test_columns_of_texts_cannot_be_named(name):
    with pytest.raises(ValueError, match=f"`{name}` must be 'from_dtype' or None for texts"):
        KerasMulticlassClassifier(**{name: [0]}).fit(["a b", "c d"] * 5, np.arange(10) % 2)


@pytest.mark.parametrize("texts", [["a b", "c d"], np.array(["a b", "c d"])])
@pytest.mark.parametrize(
    "columns", [{"x": [0.0, 1, 2, 3]}, {"x": list("uvuv"), "y": [0.0, 1, 2, 3]}]
)
def test_texts_after_a_table_are_an_error_with_a_cure(columns, texts):
    pd = pytest.importorskip("pandas")
    fitted = tiny(epochs=1, n_ensemble=1).fit(pd.DataFrame(columns), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="X must be real numbers; got strings .* fit on texts"):
        fitted.predict(texts)
