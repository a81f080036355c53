"""`n_ensemble`: members trained together, each as if alone, whose probabilities are averaged."""

from __future__ import annotations

import functools
import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.utils.class_weight import compute_sample_weight

import _toy
import keras_multiclass
from keras_multiclass import KerasMulticlassClassifier, get_backbone
from keras_multiclass._network import table_preprocessing
from keras_multiclass._network.backbones import TrainingDefaults, register_backbone
from keras_multiclass._network.backbones import registry as _registry
from keras_multiclass._shared.upstream.keras_optimizers import slots_of
from keras_multiclass._training.engine import programs as _programs

RNG = np.random.default_rng(0)
X, y = load_iris(return_X_y=True)


def separate_mlp(
    inputs, *, hidden_units=(16,), dropout=0.0, normalization=None, kernel_regularizer=None
):
    """Build a network whose copies cannot be stacked."""
    return get_backbone("mlp").builder(
        inputs,
        hidden_units=hidden_units,
        dropout=dropout,
        normalization=normalization,
        kernel_regularizer=kernel_regularizer,
    )


tiny = functools.partial(_toy.tiny, backbone=separate_mlp)


def members_of(fitted):
    return [layer for layer in fitted.model_.layers if isinstance(layer, keras.Model)]


def logits_of_members(fitted, X):
    """Each member's logits, computed from the scaled inputs of a table without missing values."""
    members = members_of(fitted)
    read = keras.Model(fitted.model_.input, fitted.model_.get_layer("fill_gaps").output)
    scaled = read(X.astype("float32"))
    return np.stack([np.asarray(m(scaled)) for m in members], axis=1)


def weights_of(fitted):
    return fitted.model_.get_weights()


# --- computation --------------------------------------------------------------------------------


def test_an_ensemble_of_one_is_the_plain_network():
    plain, one = tiny().fit(X, y), tiny(n_ensemble=1).fit(X, y)
    assert type(one.model_) is type(plain.model_)
    assert plain.model_.get_config() == one.model_.get_config()
    for a, b in zip(weights_of(plain), weights_of(one), strict=True):
        np.testing.assert_array_equal(a, b)


def test_probabilities_are_the_mean_over_members():
    fitted = tiny(n_ensemble=3).fit(X, y)
    of_members = logits_of_members(fitted, X).astype("float64")
    assert np.abs(of_members[:, 0] - of_members[:, 1]).mean() > 0.1
    mean = softmax(of_members, axis=2).mean(axis=1)
    np.testing.assert_allclose(fitted.predict_proba(X), mean, atol=1e-6)
    # The output of an exported network is a logit of these.
    raw = fitted.model_.predict(X, verbose=0)
    np.testing.assert_allclose(raw, fitted.decision_function(X), atol=1e-5)
    np.testing.assert_allclose(softmax(raw, axis=1), mean, atol=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "scheduled_adam"])
@pytest.mark.parametrize("engine", ["graph", "keras"])
def test_each_member_trains_as_it_would_alone(optimizer, engine):
    """With regularization and sample weights, and optimizers that depend on the loss's scale."""
    params = {
        "backbone__kernel_regularizer": keras.regularizers.L2(0.05),
        "optimizer": optimizer,
        "optimizer__learning_rate": 0.1 if optimizer == "sgd" else 0.01,
        "batch_size": 32,
        "epochs": 3,
        "class_weight": {0: 1, 1: 2, 2: 3},
        "engine": engine,
    }
    if optimizer == "scheduled_adam":
        params["optimizer__weight_decay"] = 0.1
    ensemble = tiny(n_ensemble=2, **params).initialize(X, y)
    alone = [tiny(**params, warm_start=True).initialize(X, y) for _ in range(2)]
    for member, single in zip(members_of(ensemble), alone, strict=True):
        scaling = single.model_.non_trainable_weights
        single.model_.set_weights([*map(np.asarray, scaling), *member.get_weights()])
    ensemble.set_params(warm_start=True).fit(X, y)
    for member, single in zip(members_of(ensemble), alone, strict=True):
        single.fit(X, y)
        for a, b in zip(member.get_weights(), single.model_.trainable_weights, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    losses = np.mean([single.history_["loss"] for single in alone], axis=0)
    np.testing.assert_allclose(ensemble.history_["loss"], losses, rtol=1e-4)


def test_the_ensemble_has_a_lower_log_loss_than_its_members():
    rng = np.random.default_rng(1)
    noisy = X + rng.normal(size=X.shape)
    fitted = tiny(n_ensemble=4, epochs=20).fit(noisy[::2], y[::2])
    true = y[1::2]

    def log_loss(probabilities):
        return -np.log(probabilities[np.arange(len(true)), true]).mean()

    members = softmax(logits_of_members(fitted, noisy[1::2]).astype("float64"), axis=2)
    alone = [log_loss(members[:, k]) for k in range(4)]
    assert ((members.argmax(axis=2) == true[:, None]).mean(axis=0) > 0.5).all()
    # Jensen's inequality for the logarithm.
    assert log_loss(fitted.predict_proba(noisy[1::2])) < np.mean(alone)


# --- kinds of networks --------------------------------------------------------------------------

SEQUENCES = RNG.normal(size=(60, 6, 3))
SEQUENCES[::3, 4:] = 0.0  # padding
TOKENS = RNG.integers(0, 9, (60, 6))
IMAGES = RNG.integers(0, 255, (60, 8, 8, 1)).astype("uint8")
LABELS = np.arange(60) % 3


def named_layers(inputs):
    return keras.layers.Dense(5, name="hidden")(inputs)


def no_use_for_a_mask(inputs, mask=None):
    return keras.layers.GlobalAveragePooling1D()(inputs)


NETWORKS = {
    "batch normalization and dropout": (
        X,
        {"backbone": separate_mlp, "backbone__normalization": "batch"},
    ),
    # Members whose gradients are clipped by their norm are separate networks.
    "realmlp": (
        X,
        {"backbone": "realmlp", "backbone__hidden_units": (8,), "optimizer__clipnorm": 100.0},
    ),
    "gru": (SEQUENCES, {"backbone": "gru", "backbone__units": 4, "backbone__dropout": 0.1}),
    # Not Adam: for embeddings, Keras squares gradients before it sums those of the same row.
    "tokens": (
        TOKENS,
        {"backbone": "conv1d", "backbone__filters": 4, "optimizer": "sgd", "dtype": "float64"},
    ),
    "images": (IMAGES, {"backbone": "cnn", "backbone__filters": (4, 8)}),
    "layers of the same name": (X, {"backbone": named_layers}),
    "an input that is not read": (SEQUENCES, {"backbone": no_use_for_a_mask}),
    "layer class": (X, {"backbone": keras.layers.Dense, "backbone__units": 4}),
    "layer with a seed": (X, {"backbone": keras.layers.Dropout(0.5, seed=1)}),
    "model": (
        X,
        {"backbone": keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, name="d")])},
    ),
}


def ensemble(name, **params):
    data, own = NETWORKS[name]
    if name.startswith("batch"):
        own = {**own, "backbone__dropout": 0.2, "backbone__hidden_units": (8,)}
    defaults = {"n_ensemble": 2, "epochs": 3, "random_state": 0, "optimizer__learning_rate": 0.05}
    labels = y if data is X else LABELS
    return data, labels, KerasMulticlassClassifier(**{**defaults, **own, **params})


@pytest.mark.parametrize("name", NETWORKS)
def test_an_ensemble_of_any_backbone_is_reproducible_and_can_be_copied(name):
    data, labels, fitted = ensemble(name, engine="graph")
    fitted.fit(data, labels)
    first, second = (
        np.concatenate([w.ravel() for w in m.get_weights()]) for m in members_of(fitted)
    )
    assert not np.allclose(first, second)
    expected = fitted.predict_proba(data)
    again = ensemble(name, engine="graph")[2].fit(data, labels)
    np.testing.assert_array_equal(again.predict_proba(data), expected)
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.predict_proba(data), expected)
    copied.partial_fit(data, labels)


# Networks with special state or gradients; the others have dense layers only.
@pytest.mark.parametrize(
    "name", ["batch normalization and dropout", "gru", "tokens", "layers of the same name"]
)
def test_both_engines_train_an_ensemble_equally(name):
    data, labels, graph = ensemble(name, engine="graph", epochs=2)
    keras_engine = ensemble(name, engine="keras", epochs=2)[2]
    graph.fit(data, labels)
    keras_engine.fit(data, labels)
    for a, b in zip(weights_of(graph), weights_of(keras_engine), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("name", ["batch normalization and dropout", "layer with a seed"])
def test_dropout_differs_between_members(name):
    data, labels, classifier = ensemble(name)
    members = members_of(classifier.initialize(data, labels))
    seeds = [
        np.asarray(layer.seed_generator.state.value)
        for member in members
        for layer in member.layers
        if hasattr(layer, "seed_generator")
    ]
    assert len(seeds) == 2
    assert not np.array_equal(*seeds)


def test_scheduled_dropout_of_every_member_knows_the_number_of_steps():
    data, labels, classifier = ensemble("realmlp", batch_size=50)
    classifier.fit(data, labels)
    lengths = [
        int(layer.schedule_length)
        for member in members_of(classifier)
        for layer in member.layers
        if hasattr(layer, "schedule_length")
    ]
    assert lengths == [9, 9]  # 3 steps in each of 3 epochs


@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16", "mixed_float16"])
def test_ensembles_train_in_any_precision(dtype):
    fitted = tiny(n_ensemble=2, dtype=dtype, backbone__normalization="layer").fit(X, y)
    assert fitted.score(X, y) > 0.8
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1.0)


@pytest.mark.parametrize(("most_one_hot", "n_embeddings"), [(20, 0), (19, 2)])
def test_members_share_no_category_embeddings(most_one_hot, n_embeddings, monkeypatch):
    monkeypatch.setattr(table_preprocessing, "_MOST_ONE_HOT_COLUMNS", most_one_hot)
    frame = pd.DataFrame({"number": X[:, 0], "level": [f"l{i % 20}" for i in range(150)]})
    frame.loc[3, "number"] = np.nan
    fitted = tiny(n_ensemble=2, backbone="realmlp").fit(frame, y)
    paths = [v.path for v in fitted.model_.trainable_variables if "embedding" in v.path]
    assert sum("code" in path for path in paths) == n_embeddings
    assert fitted.predict_proba(frame).shape == (150, 3)


def test_an_ensemble_of_ensemble_backbones_has_all_their_members(monkeypatch):
    known = dict(_registry._REGISTRY._backbones)
    monkeypatch.setattr(_registry._REGISTRY, "_backbones", known)

    @register_backbone(
        "pairs", kind="table", ensemble=True, defaults=TrainingDefaults(n_ensemble=3, epochs=2)
    )
    def pairs(inputs):
        return keras.layers.Reshape((2, 4))(keras.layers.Dense(8)(inputs))

    fitted = KerasMulticlassClassifier("pairs", random_state=0).fit(X, y)
    assert fitted.resolved_params_["n_ensemble"] == 3
    assert fitted.model_.get_layer("logits").input.shape == (None, 6, 3)
    assert fitted.predict_proba(X).shape == (150, 3)
    single = KerasMulticlassClassifier("pairs", n_ensemble=1, random_state=0).fit(X, y)
    assert single.model_.get_layer("logits").input.shape == (None, 2, 3)


# --- refits, files and copies -------------------------------------------------------------------


def test_two_classes_weights_and_early_stopping_work_together():
    both = y < 2
    fitted = tiny(n_ensemble=2, early_stopping=2, metrics=["accuracy"], class_weight="balanced")
    fitted.fit(X[both], y[both], sample_weight=compute_sample_weight("balanced", y[both]))
    assert fitted.score(X[both], y[both]) == 1.0
    assert fitted.decision_function(X[both]).shape == (100,)


def test_further_training_continues_with_the_same_members():
    fitted = tiny(n_ensemble=2, warm_start=True, epochs=2).fit(X, y)
    model = fitted.model_
    fitted.fit(X, y).partial_fit(X, y)
    assert fitted.model_ is model
    assert fitted.n_iter_ == 5
    assert len(members_of(fitted)) == 2


def test_an_ensemble_survives_saving(tmp_path):
    fitted = tiny(n_ensemble=2).fit(X, y)
    fitted.model_.save(tmp_path / "members.keras")
    loaded = keras.models.load_model(tmp_path / "members.keras")
    expected = fitted.model_.predict(X, verbose=0)
    np.testing.assert_allclose(loaded.predict(X, verbose=0), expected, atol=1e-6)
    loaded.fit(X, y, verbose=0)


def test_a_copy_continues_training_like_the_original():
    fitted = tiny(n_ensemble=2, backbone__dropout=0.2).fit(X, y)
    copied = pickle.loads(pickle.dumps(fitted))
    for one in (fitted, copied):
        one.partial_fit(X, y)
    np.testing.assert_array_equal(copied.predict_proba(X), fitted.predict_proba(X))


def test_the_parameter_can_be_cloned_and_set():
    cloned = clone(tiny(n_ensemble=2))
    assert cloned.get_params()["n_ensemble"] == 2
    assert cloned.set_params(n_ensemble=4).n_ensemble == 4


def test_fits_of_the_same_structure_share_a_trace(monkeypatch):
    keras_multiclass.clear_cache()
    traced = []
    original = _programs.trace

    def counted(*arguments, **options):
        traced.append(arguments)
        return original(*arguments, **options)

    monkeypatch.setattr(_programs, "trace", counted)
    tiny(n_ensemble=2).fit(X, y).predict(X)
    first = len(traced)
    assert first
    tiny(n_ensemble=2, random_state=1).fit(X[::2] * 3, y[::2]).predict(X)
    assert len(traced) == first
    tiny(n_ensemble=3).fit(X, y)
    assert len(traced) > first


def test_weights_of_equal_names_have_separate_optimizer_slots():
    """As in members whose layers have user-defined names."""
    _, _, classifier = ensemble("layers of the same name")
    model = classifier.initialize(X, y).model_
    paths = [variable.path for variable in model.trainable_variables]
    assert len(set(paths)) < len(paths)
    model.optimizer.build(model.trainable_variables)
    momentums = slots_of(model.optimizer, model.trainable_variables)["momentum"]
    assert len(set(map(id, momentums))) == len(paths)
    for weight, momentum in zip(model.trainable_variables, momentums, strict=True):
        assert momentum.shape == weight.shape


# --- invalid values -----------------------------------------------------------------------------


@pytest.mark.parametrize("n_ensemble", [0, -1, 2.5, True, "a", None])
def test_n_ensemble_must_be_a_positive_integer(n_ensemble):
    with pytest.raises(ValueError, match="`n_ensemble` must be an integer of at least 1 or 'auto'"):
        tiny(n_ensemble=n_ensemble).fit(X, y)


def test_n_ensemble_is_rejected_for_a_whole_model():
    def build():
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])

    with pytest.raises(ValueError, match=r"`n_ensemble` must be 'auto' or 1 .* got 2\."):
        KerasMulticlassClassifier(model=build, n_ensemble=2).fit(X, y)
    KerasMulticlassClassifier(model=build, n_ensemble=1, epochs=1).fit(X, y)
