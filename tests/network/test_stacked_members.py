"""Members of an ensemble in one network with stacked weights: each trains as it would alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.datasets import load_iris

from keras_multiclass import KerasMulticlassClassifier, register_backbone
from keras_multiclass._network.backbones import registry
from keras_multiclass._network.layers.realmlp import NTKDense
from keras_multiclass.exceptions import BackboneError

X, y = load_iris(return_X_y=True)
X[::5, 1] = np.nan
N_MEMBERS = 3


def stackable(backbone="realmlp_small", **params):
    width = {"units": 8} if backbone == "resnet" else {"hidden_units": (8,)}
    usual = {
        **{f"backbone__{name}": value for name, value in width.items()},
        "backbone__dropout": 0.0,  # members draw their own masks
        "batch_size": 32,
        "epochs": 3,
        "n_ensemble": 1,
        "early_stopping": False,
        "calibration": None,
        "random_state": 0,
    }
    return KerasMulticlassClassifier(backbone, **{**usual, **params})


def has_models(fitted):
    return any(isinstance(layer, keras.Model) for layer in fitted.model_.layers)


def assert_alike(ensemble, alone, **tolerance):
    """Each variable of the ensemble holds those of all members, one after the other."""
    of_each = [network.model_.trainable_weights for network in (ensemble, *alone)]
    pairs = zip(*of_each, strict=True)
    for stacked, *separate in pairs:
        parts = np.reshape(stacked, (N_MEMBERS, -1))
        for part, variable in zip(parts, separate, strict=True):
            np.testing.assert_allclose(part, np.ravel(variable), **tolerance)


L2 = keras.regularizers.L2(0.1)
STACKABLE = {
    "realmlp_small": ("realmlp_small", {}),
    "mlp": ("mlp", {"backbone__kernel_regularizer": L2}),
    "mlp_with_layer_normalization": ("mlp", {"backbone__normalization": "layer"}),
    "mlp_with_batch_normalization": ("mlp", {"backbone__normalization": "batch"}),
    "mlp_without_layers": ("mlp", {"backbone__hidden_units": ()}),
    "mlp_plr": ("mlp_plr", {}),
    "resnet": ("resnet", {}),
}


@pytest.mark.parametrize("engine", ["graph", "keras"])
@pytest.mark.parametrize("embedding", ["periodic", "piecewise", None])
@pytest.mark.parametrize("optimizer", ["sgd", "scheduled_adam"])
def test_each_member_trains_as_it_would_alone(optimizer, embedding, engine):
    check_members("realmlp_small", optimizer, engine, backbone__numeric_embedding=embedding)


@pytest.mark.parametrize("name", [name for name in STACKABLE if name != "realmlp_small"])
def test_each_member_of_any_backbone_trains_as_it_would_alone(name):
    backbone, params = STACKABLE[name]
    check_members(backbone, "sgd", "graph", **params)


def check_members(backbone, optimizer, engine, **params):
    params = {
        **params,
        "backbone": backbone,
        "optimizer": optimizer,
        "optimizer__learning_rate": 0.1 if optimizer == "sgd" else 0.01,
        "class_weight": {0: 1, 1: 2, 2: 3},
        "dtype": "float64",
        "engine": engine,
    }
    if optimizer == "scheduled_adam":
        params["optimizer__weight_decay"] = 0.1
    ensemble = stackable(n_ensemble=N_MEMBERS, **params).initialize(X, y)
    assert not has_models(ensemble)
    alone = [stackable(**params, warm_start=True).initialize(X, y) for _ in range(N_MEMBERS)]
    for k, single in enumerate(alone):
        variables = zip(
            single.model_.trainable_weights, ensemble.model_.trainable_weights, strict=True
        )
        for variable, stacked in variables:
            part = np.reshape(stacked, (N_MEMBERS, -1))[k]
            variable.assign(part.reshape(variable.shape))
    ensemble.set_params(warm_start=True).fit(X, y)
    for single in alone:
        single.fit(X, y)
    assert_alike(ensemble, alone, rtol=1e-7, atol=1e-10)
    losses = np.mean([single.history_["loss"] for single in alone], axis=0)
    np.testing.assert_allclose(ensemble.history_["loss"], losses, rtol=1e-7)
    mean = np.mean([single.predict_proba(X) for single in alone], axis=0)
    np.testing.assert_allclose(ensemble.predict_proba(X), mean, atol=1e-7)


def test_members_differ_in_initial_weights_and_dropout():
    fitted = stackable(n_ensemble=N_MEMBERS, backbone__dropout=0.5).initialize(X, y)
    kernels = fitted.model_.get_layer("member_logits").kernel
    assert kernels.shape == (N_MEMBERS, 8, 3)
    assert np.abs(np.diff(kernels, axis=0)).min(axis=(1, 2)).max() > 0
    logits = keras.Model(fitted.model_.input, fitted.model_.get_layer("logits").input)
    drawn = np.asarray(logits(X[:20].astype("float32"), training=True))
    assert (np.abs(drawn[:, 0] - drawn[:, 1]) > 1e-6).all()


def test_the_network_does_not_grow_with_the_number_of_members():
    n_layers = {n: len(stackable(n_ensemble=n).initialize(X, y).model_.layers) for n in (2, 8)}
    assert n_layers[2] == n_layers[8]


@pytest.mark.parametrize(
    "params",
    [
        {"optimizer": "lamb"},
        {"optimizer": "muon"},
        {"optimizer": "adam", "optimizer__clipnorm": 1.0},
        {"optimizer": keras.optimizers.SGD(0.1, clipnorm=1.0)},
    ],
    ids=["lamb", "muon", "routed_clipnorm", "clipnorm"],
)
def test_members_whose_steps_depend_on_norms_are_separate(params):
    assert has_models(stackable(n_ensemble=2, epochs=1, **params).fit(X, y))


def test_members_that_share_variables_keep_an_optimizer_that_suits_them():
    fitted = stackable(n_ensemble=2, epochs=1, warm_start=True).fit(X, y)
    before = fitted.predict_proba(X)
    with pytest.raises(
        ValueError, match="optimizer of `model_` must be .* got an instance of Lamb"
    ):
        fitted.set_params(optimizer="lamb").fit(X, y)
    np.testing.assert_array_equal(fitted.predict_proba(X), before)
    fitted.set_params(optimizer="auto").fit(X, y)
    fitted.model_.compile(keras.optimizers.Adam(clipnorm=1.0), fitted.loss_)
    with pytest.raises(ValueError, match="without clipnorm"):
        fitted.partial_fit(X, y)
    fitted.set_params(optimizer="lamb")
    assert has_models(fitted.set_params(warm_start=False).fit(X, y))
    assert not has_models(stackable(n_ensemble=2, epochs=1, optimizer="adam").fit(X, y))


def test_the_number_of_members_is_set_by_the_classifier_alone():
    with pytest.raises(BackboneError, match="`backbone__n_members` must be an argument"):
        stackable(backbone__n_members=2).fit(X, y)


@pytest.mark.parametrize("head", [None, NTKDense])
def test_a_registered_builder_may_stack_its_members(head):
    given = []

    def build(inputs, *, units=4, n_members=1):
        given.append(n_members)
        x = inputs if n_members == 1 else keras.layers.RepeatVector(n_members)(inputs)
        return NTKDense(units)(x)

    register_backbone("one_stacked_layer", build, kind="table", head=head, stacked=True)
    try:
        classifier = KerasMulticlassClassifier("one_stacked_layer", epochs=2, random_state=0)
        assert classifier.fit(X, y).predict_proba(X).shape == (150, 3)
        assert classifier.set_params(n_ensemble=4).fit(X, y).predict_proba(X).shape == (150, 3)
        assert given == [1, 4]
        assert not has_models(classifier)
        assert classifier.model_.get_layer("member_logits").kernel.shape == (4, 4, 3)
    finally:
        registry._REGISTRY._backbones.pop("one_stacked_layer")
