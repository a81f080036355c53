"""Token ids: unknown ones, high ones, padding at any position, and sequences of another length."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.tokens import MOST_TOKEN_IDS

rng = np.random.default_rng(0)
y = np.arange(48) % 3
X = rng.choice([1, 2, 4, 5, 7, 9], size=(48, 5))
X[:, 1] = y + 1
X[X == 3] = 4
SIZES = {
    "conv1d": {"backbone__filters": 4, "backbone__num_layers": 1},
    "gru": {"backbone__units": 4},
    "lstm": {"backbone__units": 4, "backbone__bidirectional": True},
    "transformer": {"backbone__units": 8, "backbone__num_layers": 1},
}


def fit(X, backbone="gru", labels=y, **params):
    params = {**SIZES[backbone], "epochs": 1, "random_state": 0, **params}
    return KerasMulticlassClassifier(backbone, **params).fit(X, labels)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("form", ["array", "stream"])
def test_all_ids_that_do_not_occur_in_training_share_a_vector(optimizer, form):
    data, labels = (X, y) if form == "array" else (lambda: iter([(X, y)]), None)
    classifier = fit(data, "gru", labels, optimizer=optimizer, epochs=3)
    vectors = next(
        layer for layer in classifier.model_.layers if isinstance(layer, keras.layers.Embedding)
    ).embeddings
    vectors = np.asarray(vectors)
    unknown = sorted(set(range(1, 11)) - set(X.ravel()))
    assert unknown == [3, 6, 8, 10]
    assert len(np.unique(vectors, axis=0)) == len(set(X.ravel())) + 1
    given = np.repeat(X[:1], 5, axis=0)
    given[:, 2] = [3, 6, 8, 10, 2**31 - 1]
    probabilities = classifier.predict_proba(given)
    np.testing.assert_array_equal(probabilities, probabilities[[0] * 5])
    given[:, 2] = [3, 1, 2, 4, 5]
    assert len(np.unique(classifier.predict_proba(given), axis=0)) == 5


@pytest.mark.parametrize("form", ["array", "stream"])
@pytest.mark.parametrize("padded", [False, True])
def test_ids_too_high_for_embeddings_are_an_error_whose_cure_works(form, padded):
    ids = X.astype(np.int64) * MOST_TOKEN_IDS + 1
    if padded:
        ids[:, -1] = 0
    data = (ids, y) if form == "array" else (lambda: iter([(ids, y)]), None)
    with pytest.raises(ValueError, match="token ids below 10000000") as caught:
        KerasMulticlassClassifier("gru").initialize(*data)
    names = {"np": np, "X": ids}
    exec(re.search(r"X = np\.unique.*\)(?=, in which)", str(caught.value))[0], names)
    numbered = names["X"]
    assert numbered.max() == len(np.unique(ids)) - padded
    np.testing.assert_array_equal(numbered == 0, ids == 0)
    KerasMulticlassClassifier("gru", backbone__units=2).initialize(numbered, y)


@pytest.mark.parametrize("params", [*SIZES.items(), ("transformer", {"backbone__pooling": "max"})])
def test_padding_at_the_start_equals_none(params):
    backbone, sizes = params
    width = (3, 0)
    plain, padded = fit(X, backbone, **sizes), fit(np.pad(X, ((0, 0), width)), backbone, **sizes)
    both = [
        classifier.predict_proba(np.pad(X, ((0, 0), w)))
        for classifier, w in ((plain, (0, 0)), (padded, width))
    ]
    np.testing.assert_allclose(*both, rtol=1e-4, atol=1e-6)


def test_a_transformer_with_learned_positions_counts_real_steps():
    padded = fit(np.pad(X, ((0, 0), (3, 0))), "transformer", backbone__positions="learned")
    probabilities = [padded.predict_proba(np.pad(X, ((0, 0), width))) for width in ((3, 0), (0, 3))]
    np.testing.assert_allclose(*probabilities, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("steps", [3, 8])
@pytest.mark.parametrize("kind", ["tokens", "vectors"])
def test_sequences_of_another_length_are_an_error_whose_cure_works(kind, steps):
    train = X if kind == "tokens" else rng.normal(size=(48, 5, 2))
    classifier = fit(train, "gru")
    other = np.resize(train, (48, steps, *train.shape[2:]))
    with pytest.raises(
        ValueError, match=r"Each row of X must be of shape \(5,.*as in fit"
    ) as error:
        classifier.predict_proba(other)
    names = {"keras": keras, "X": other}
    exec(re.search(r"X = keras.*\)(?=\.$)", str(error.value))[0], names)
    assert names["X"].shape[1] == 5
    np.testing.assert_allclose(names["X"][:, :3], other[:, :3], rtol=1e-6)
    classifier.predict_proba(names["X"])
