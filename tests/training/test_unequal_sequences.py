"""Sequences of unequal length, from fit to prediction."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from _toy import SMALL_BACKBONES
from keras_multiclass import KerasMulticlassClassifier

rng = np.random.default_rng(0)
y = np.arange(36) % 3
X = [rng.normal(size=(n, 2)) + label for n, label in zip(rng.integers(1, 9, 36), y, strict=True)]
BACKBONES = ["conv1d", "gru", "lstm", "transformer"]


def small(backbone="gru", **params):
    """Return a classifier that is fitted in a moment."""
    sizes = {f"backbone__{k}": v for k, v in SMALL_BACKBONES.get(backbone, ((), {}))[1].items()}
    return KerasMulticlassClassifier(
        backbone, **{**sizes, "epochs": 2, "random_state": 0, "batch_size": 16, **params}
    )


def objects(rows):
    """Return an array of objects with one row in each cell."""
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


@pytest.fixture(scope="module", params=BACKBONES)
def fitted(request):
    return small(request.param).fit(X, y)


def test_it_trains_like_sequences_padded_by_hand_with_their_mask(fitted):
    """The builder gets the scaled steps, zeros behind them, and the mask of the lengths."""
    model, name = fitted.model_, fitted.backbone
    normalization = model.get_layer("standardization")
    steps = np.concatenate(X)
    np.testing.assert_allclose(np.ravel(normalization.mean), steps.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(np.ravel(normalization.variance), steps.var(axis=0), rtol=1e-5)
    lengths = np.array(list(map(len, X)))
    scaled = [(row - steps.mean(axis=0)) / steps.std(axis=0) for row in X]
    padded = keras.utils.pad_sequences(scaled, padding="post", dtype="float32", value=np.nan)
    mask = np.arange(padded.shape[1]) < lengths[:, None]
    inputs = keras.Input(padded.shape[1:]), keras.Input(mask.shape[1:], dtype="bool")
    from keras_multiclass import get_backbone

    features = get_backbone(name).builder(inputs[0], mask=inputs[1], **SMALL_BACKBONES[name][1])
    by_hand = keras.Model(inputs, keras.layers.Dense(3)(features))
    ours = ("standardization", "fill_gaps")
    weights = [w for w in model.weights if w.path.split("/")[0] not in ours]
    by_hand.set_weights([np.asarray(w) for w in weights])
    expected = by_hand([padded, mask], training=False)
    np.testing.assert_allclose(fitted.decision_function(X), expected, atol=1e-5)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12))
@settings(max_examples=8, deadline=None)
def test_a_prediction_does_not_depend_on_the_other_rows(fitted, lengths):
    rows = [np.random.default_rng(i).normal(size=(n, 2)) for i, n in enumerate(lengths)]
    together = fitted.decision_function(rows)
    alone = np.concatenate([fitted.decision_function([row]) for row in rows])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    order = np.random.default_rng(0).permutation(len(rows))
    permuted = fitted.decision_function([rows[i] for i in order])
    np.testing.assert_allclose(permuted, together[order], atol=1e-5)


def test_real_zeros_at_the_end_count(fitted):
    with_zeros = [np.concatenate([row, np.zeros((3, 2))]) for row in X]
    assert np.abs(fitted.decision_function(with_zeros) - fitted.decision_function(X)).max() > 1e-3


def test_both_engines_train_alike():
    graph, plain = (small("conv1d", engine=engine).fit(X, y) for engine in ("graph", "keras"))
    np.testing.assert_allclose(graph.decision_function(X), plain.decision_function(X), atol=1e-4)


def test_a_copy_predicts_alike():
    fitted = small().fit(X, y)
    assert fitted.input_shape_ == (None, 2)
    assert fitted.n_features_in_ == 2
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.predict_proba(X), fitted.predict_proba(X))
    again = clone(fitted).fit(objects(X), y)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))


def test_auto_chooses_what_it_does_for_other_sequences():
    classifier = KerasMulticlassClassifier(backbone__filters=2).initialize(X, y)
    assert classifier.resolved_params_["backbone"] == "conv1d"


def test_a_stream_of_sequences_trains_as_the_lists_do():
    batches = [(X[i : i + 12], y[i : i + 12]) for i in (0, 12, 24)]
    streamed = small("conv1d").set_params(batch_size="auto").fit(lambda: batches)
    listed = small("conv1d", batch_size=12, shuffle=False, engine="keras").fit(X, y)
    np.testing.assert_allclose(
        streamed.decision_function(X), listed.decision_function(X), atol=1e-4
    )


def with_mask(inputs, mask):
    return keras.ops.sum(inputs * keras.ops.cast(mask, inputs.dtype)[..., None], axis=1)


def test_a_function_gets_zeros_behind_the_real_steps_and_their_mask():
    classifier = small(with_mask, scaling=None).initialize(X, y)
    features = keras.Model(classifier.model_.input, classifier.model_.get_layer("logits").input)
    padded = keras.utils.pad_sequences(X, padding="post", dtype="float32", value=np.inf)
    np.testing.assert_allclose(features(padded), [row.sum(axis=0) for row in X], rtol=1e-5)


@pytest.mark.parametrize(
    ("params", "cure"),
    [
        ({"backbone": "mlp"}, "use backbone='auto' or 'conv1d'"),
        ({"backbone": "cnn"}, "use backbone='auto' or 'conv1d'"),
        ({"backbone": lambda inputs: inputs}, "a function backbone.inputs, mask."),
        ({"backbone": keras.Sequential([keras.layers.LSTM(2)])}, "backbone.inputs, mask."),
        ({"model": keras.Sequential([keras.layers.LSTM(3)])}, "backbone.inputs, mask."),
    ],
    ids=["table", "image", "function", "network", "model"],
)
def test_networks_without_a_mask_are_an_error(params, cure):
    message = f"X must be rows of equal length .*; got list of length 36 .*pad_sequences.*{cure}"
    with pytest.raises(ValueError, match=message):
        KerasMulticlassClassifier(**params).fit(X, y)


def test_integers_are_token_ids_where_they_are_in_arrays():
    ids = [[1, 2], [3]] * 6
    message = "token ids of equal length for backbone='gru'.*; got list of length 12 .*as floats"
    with pytest.raises(ValueError, match=message):
        small("gru").fit(ids, y[:12])
    fitted = small("gru").fit(keras.utils.pad_sequences(ids, padding="post"), y[:12])
    with pytest.raises(ValueError, match="sequences of 1 to 2 steps.*maxlen=2"):
        fitted.predict(ids)
    assert small("gru").fit([[1.0, 2], [3.0]] * 6, y[:12]).input_shape_ == (None, 1)


def test_auto_warns_that_lists_of_integers_are_read_as_numbers():
    ids = [[1, 2], [3], [4, 5, 6]] * 20
    classifier = KerasMulticlassClassifier(epochs=1)
    with pytest.warns(UserWarning, match="as series of numbers. If they are token ids, pad them"):
        classifier.fit(ids, np.arange(60) % 2)
    assert classifier.input_shape_ == (None, 1)
    classifier.fit([[float(i) for i in row] for row in ids], np.arange(60) % 2)  # no warning
