"""Ensemble backbones: a head and a loss per member, and the mean of their probabilities."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.datasets import load_iris
from sklearn.metrics import f1_score

import keras_multiclass
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._network.backbones import register_backbone
from keras_multiclass._network.backbones import registry as _registry
from keras_multiclass._network.layers.heads import MemberAverage, MemberDense
from keras_multiclass._network.objective.classes.losses import resolve_loss
from keras_multiclass._network.objective.classes.metrics import resolve_metrics
from keras_multiclass._training.engine import programs as _programs
from keras_multiclass.exceptions import BackboneError

RNG = np.random.default_rng(0)
N, K, C = 11, 4, 3
LOGITS = RNG.normal(size=(N, K, C)).astype("float32")
INDEX = RNG.integers(0, C, N)
WEIGHTS = RNG.uniform(0.5, 2.0, N).astype("float32")
MEAN = softmax(LOGITS.astype("float64"), axis=2).mean(axis=1)


@pytest.fixture
def triplets(monkeypatch):
    """Register a backbone of three small members for one test."""
    known = dict(_registry._REGISTRY._backbones)
    monkeypatch.setattr(_registry._REGISTRY, "_backbones", known)

    @register_backbone("triplets", kind="table", ensemble=True)
    def triplets(inputs, *, units=8):
        hidden = keras.layers.Dense(3 * units, activation="tanh")(inputs)
        return keras.layers.Reshape((3, units))(hidden)

    return triplets


def classifier(**params):
    defaults = {"epochs": 3, "optimizer__learning_rate": 0.03, "random_state": 0}
    return KerasMulticlassClassifier("triplets", **{**defaults, **params})


# --- head, loss and metrics ---------------------------------------------------------------------


def test_each_member_has_its_own_dense_layer():
    layer = MemberDense(2)
    X = RNG.normal(size=(5, K, C)).astype("float32")
    result = keras.ops.convert_to_numpy(layer(X))
    kernel, bias = layer.get_weights()
    for member in range(K):
        expected = X[:, member] @ kernel[member] + bias[member]
        np.testing.assert_allclose(result[:, member], expected, atol=1e-5)


def test_members_are_averaged_only_outside_training():
    layer = MemberAverage()
    averaged = keras.ops.convert_to_numpy(layer(LOGITS))
    np.testing.assert_allclose(np.exp(averaged), MEAN, atol=1e-6)
    np.testing.assert_array_equal(layer(LOGITS, training=True), LOGITS)


def test_averages_of_extreme_logits_are_finite():
    sure = np.array([[[0.0, 2000.0], [0.0, 3000.0]]], "float32")
    averaged = keras.ops.convert_to_numpy(MemberAverage()(sure))
    np.testing.assert_allclose(averaged, [[-2000.0 - np.log(2), 0.0]], rtol=1e-6)


def one_hot(index):
    return np.eye(C)[index]


@pytest.mark.parametrize(
    ("loss", "of_member"),
    [
        ("auto", lambda z: -log_softmax(z, axis=1)[np.arange(N), INDEX]),
        ("kl_divergence", lambda z: -log_softmax(z, axis=1)[np.arange(N), INDEX]),
        (
            lambda y_true, y_pred: keras.ops.mean((y_true - y_pred) ** 2, axis=-1),
            lambda z: ((one_hot(INDEX) - softmax(z, axis=1)) ** 2).mean(axis=1),
        ),
    ],
    ids=["auto", "kl_divergence", "function"],
)
def test_the_loss_of_a_row_is_the_mean_over_members(loss, of_member):
    resolved = resolve_loss(loss, n_classes=C, output_form="logits", ensemble=True)
    rows = np.mean([of_member(LOGITS[:, k].astype("float64")) for k in range(K)], axis=0)
    result = float(resolved(INDEX, LOGITS, sample_weight=WEIGHTS))
    np.testing.assert_allclose(result, np.average(rows, weights=WEIGHTS), rtol=1e-4)


def test_the_loss_of_averaged_logits_is_that_of_the_mean_probabilities():
    """This is the validation loss."""
    resolved = resolve_loss("auto", n_classes=C, output_form="logits", ensemble=True)
    expected = -np.log(MEAN[np.arange(N), INDEX]).mean()
    np.testing.assert_allclose(resolved(INDEX, np.log(MEAN)), expected, rtol=1e-5)


def test_metrics_use_the_mean_of_the_members_probabilities():
    accuracy, f1, entropy = resolve_metrics(
        ["accuracy", "macro_f1", "crossentropy"], n_classes=C, output_form="logits", ensemble=True
    )
    for metric in (accuracy, f1, entropy):
        metric.update_state(INDEX, LOGITS)
    labels = MEAN.argmax(axis=1)
    np.testing.assert_allclose(accuracy.result(), (labels == INDEX).mean(), atol=1e-6)
    np.testing.assert_allclose(f1.result(), f1_score(INDEX, labels, average="macro"), atol=1e-6)
    expected = -np.log(MEAN[np.arange(N), INDEX]).mean()
    np.testing.assert_allclose(entropy.result(), expected, rtol=1e-5)


# --- a classifier -------------------------------------------------------------------------------


@pytest.fixture
def iris():
    return load_iris(return_X_y=True)


@pytest.mark.usefixtures("triplets")
@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16"])
def test_the_network_emits_ordinary_logits(iris, dtype):
    X, y = iris
    fitted = classifier(dtype=dtype).fit(X, y)
    raw = fitted.model_.predict(X, verbose=0)
    assert raw.shape == (150, 3)
    np.testing.assert_allclose(raw, fitted.decision_function(X), atol=1e-5)
    np.testing.assert_allclose(np.exp(raw).sum(axis=1), 1.0, atol=1e-5)


@pytest.mark.usefixtures("triplets")
def test_both_engines_train_members_to_the_same_weights(iris):
    X, y = iris
    fitted = [
        classifier(engine=engine, metrics=["accuracy"], validation_split=0.2).fit(X, y)
        for engine in ("graph", "keras")
    ]
    for one, other in zip(*(f.model_.get_weights() for f in fitted), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    for name, values in fitted[0].history_.items():
        np.testing.assert_allclose(values, fitted[1].history_[name], atol=1e-5)


@pytest.mark.usefixtures("triplets")
def test_a_weight_of_two_is_equivalent_to_a_repeated_row(iris):
    X, y = iris
    weights = np.arange(150) % 3
    all_rows = classifier(batch_size=-1, dtype="float64", epochs=10)
    weighted = all_rows.fit(X, y, sample_weight=weights).predict_proba(X)
    repeated = all_rows.fit(np.repeat(X, weights, 0), np.repeat(y, weights)).predict_proba(X)
    np.testing.assert_allclose(weighted, repeated, atol=1e-7)


@pytest.mark.usefixtures("triplets")
def test_an_ensemble_survives_saving_and_pickling(iris, tmp_path):
    X, y = iris
    fitted = classifier(metrics=["accuracy"]).fit(X, y)
    expected = fitted.decision_function(X)
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.decision_function(X), expected)
    fitted.model_.save(tmp_path / "members.keras")
    loaded = keras.models.load_model(tmp_path / "members.keras")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), expected, atol=1e-5)
    loaded.fit(X, y, verbose=0)  # the saved loss still handles members
    copied.partial_fit(X, y)


@pytest.mark.usefixtures("triplets")
def test_fits_of_the_same_structure_share_a_trace(iris, monkeypatch):
    X, y = iris
    keras_multiclass.clear_cache()
    traced = []
    original = _programs.trace

    def counted(*arguments, **options):
        traced.append(arguments)
        return original(*arguments, **options)

    monkeypatch.setattr(_programs, "trace", counted)
    classifier().fit(X, y).predict(X)
    first = len(traced)
    assert first
    classifier(random_state=1).fit(X[::2] * 3, y[::2]).predict(X)
    assert len(traced) == first


@pytest.mark.usefixtures("triplets")
def test_each_member_learns_independently(iris):
    """If the loss were that of their average, members would depend on one another."""
    X, y = iris
    fitted = classifier(epochs=60).fit(X, y)
    of_members = fitted.model_(X.astype("float32"), training=True)
    hits = keras.ops.convert_to_numpy(of_members).argmax(axis=2) == y[:, None]
    assert hits.mean(axis=0).min() > 0.9


def test_features_must_have_the_registered_rank(iris, triplets):
    X, y = iris
    flat = KerasMulticlassClassifier("flat")
    register_backbone("flat", lambda inputs: inputs, kind="table", ensemble=True)
    with pytest.raises(BackboneError, match=r"n_members, n_features\).* got shape \(None, 4\)"):
        flat.fit(X, y)
    unregistered = KerasMulticlassClassifier(triplets)
    with pytest.raises(
        BackboneError, match=r"of shape \(batch, n_features\).* got shape \(None, 3"
    ):
        unregistered.fit(X, y)
