"""RealMLP: layers compared with NumPy, the builder with and without categories, and training."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris, load_wine

from keras_multiclass import KerasMulticlassClassifier, get_backbone
from keras_multiclass._network.backbones import TableLayout
from keras_multiclass._network.layers.dropout import RowKeys, ScheduledDropout
from keras_multiclass._network.layers.periodic import PeriodicEmbedding
from keras_multiclass._network.layers.realmlp import FeatureScale, NTKDense, ParametricActivation
from keras_multiclass._shared.keras.layer_tree import iterate_layers

X, y = load_iris(return_X_y=True)
RNG = np.random.default_rng(0)


def layer_on(layer, x):
    """Call a layer with weights other than its initial ones."""
    layer.build(x.shape)
    for weight in layer.trainable_weights:
        weight.assign(RNG.normal(size=weight.shape))
    return keras.ops.convert_to_numpy(layer(x)), [
        keras.ops.convert_to_numpy(weight) for weight in layer.trainable_weights
    ]


def realmlp(**params):
    defaults = {"epochs": 10, "batch_size": 32, "random_state": 0, "optimizer": "scheduled_adam"}
    options = {"backbone__hidden_units": (16, 16), "optimizer__learning_rate": 0.04}
    return KerasMulticlassClassifier("realmlp", **{**defaults, **options, **params})


# --- layers ---------------------------------------------------------------------------------------


def test_a_number_is_embedded_by_cosines_and_itself():
    """PBLD: ``[x, V cos(2 pi w x + b) + c]`` with separate weights for each number."""
    x = RNG.normal(size=(5, 2)).astype("float32")
    layer = PeriodicEmbedding(units=4, n_frequencies=3, learning_rate_factor=0.1)
    out, (frequency, phase, kernel, bias) = layer_on(layer, x)
    expected = np.empty((5, 2 * 4))
    for j in range(2):
        waves = np.cos(2 * np.pi * 0.1 * x[:, [j]] * frequency[j, 0] + 0.1 * phase[j, 0])
        expected[:, 3 * j : 3 * j + 3] = waves @ (0.1 * kernel[j]) + 0.1 * bias[3 * j : 3 * j + 3]
    expected[:, 6:] = x
    np.testing.assert_allclose(out, expected, atol=1e-5)


def test_a_periodic_embedding_is_initialized_as_in_the_paper():
    """Frequencies N(0, 0.1^2), phases U(-pi, pi), linear layers U(-1/4, 1/4)."""
    layer = PeriodicEmbedding(learning_rate_factor=0.1)
    layer.build((None, 500))
    w, b, kernel, bias = (0.1 * np.asarray(weight) for weight in layer.trainable_weights)
    assert w.std() == pytest.approx(0.1, rel=0.05)
    assert np.abs(b).max() == pytest.approx(np.pi, rel=0.01)
    for part in (kernel, bias):
        assert np.abs(part).max() == pytest.approx(0.25, rel=0.01)


def test_a_scale_multiplies_each_feature():
    x = RNG.normal(size=(5, 3)).astype("float32")
    out, (scale,) = layer_on(FeatureScale(6.0), x)
    np.testing.assert_allclose(out, x * 6 * scale, rtol=1e-5)
    np.testing.assert_allclose(FeatureScale(6.0)(x), x, rtol=1e-6)  # initially 1


def test_a_dense_layer_divides_by_the_root_of_its_number_of_inputs():
    x = RNG.normal(size=(5, 7)).astype("float32")
    out, (kernel, bias) = layer_on(NTKDense(3, bias_learning_rate_factor=0.1), x)
    np.testing.assert_allclose(out, x @ kernel / np.sqrt(7) + 0.1 * bias, atol=1e-5)
    layer = NTKDense(300)
    layer.build((None, 200))
    assert np.asarray(layer.kernel).std() == pytest.approx(1.0, rel=0.02)


def test_an_activation_is_interpolated_with_the_identity():
    x = RNG.normal(size=(5, 3)).astype("float32")
    out, (share,) = layer_on(ParametricActivation("relu", 0.1), x)
    a = 0.1 * share
    np.testing.assert_allclose(out, (1 - a) * x + a * np.maximum(x, 0), atol=1e-6)
    np.testing.assert_allclose(ParametricActivation("selu", 0.1)(x), keras.ops.selu(x), atol=1e-5)


@pytest.mark.parametrize("factor", [0.1, 6.0])
def test_adam_moves_a_weight_by_the_factor_times_the_learning_rate(factor):
    """The first step of Adam is the learning rate in the direction of the gradient."""
    inputs = keras.Input((4,))
    model = keras.Model(inputs, FeatureScale(factor)(inputs))
    model.compile(keras.optimizers.Adam(0.01, epsilon=0.0), "mse")
    model.train_on_batch(np.ones((8, 4)), np.zeros((8, 4)))
    scale = factor * np.asarray(model.trainable_variables[0])
    np.testing.assert_allclose(scale, 1 - 0.01 * factor, rtol=1e-5)


def keys_of(n):
    rows = np.random.default_rng(0).normal(size=(n, 5)).astype("float32")
    return np.asarray(RowKeys()(rows))


def test_dropout_acts_only_during_training():
    x, keys = np.ones((400, 50), "float32"), keys_of(400)
    layer = ScheduledDropout(0.4)
    np.testing.assert_array_equal(layer(x, keys), x)
    dropped = np.asarray(layer(x, keys, training=True))
    np.testing.assert_allclose(np.unique(dropped), [0, 1 / 0.6], rtol=1e-6)
    assert (dropped == 0).mean() == pytest.approx(0.4, abs=0.02)
    assert (dropped != np.asarray(layer(x, keys, training=True))).any()


def test_equal_rows_have_equal_masks_and_others_independent_ones():
    keys = keys_of(300)
    twice = np.concatenate([keys, keys])
    dropped = np.asarray(
        ScheduledDropout(0.4)(np.ones((600, 400), "float32"), twice, training=True)
    )
    np.testing.assert_array_equal(dropped[:300], dropped[300:])
    together = np.corrcoef(dropped[:300] == 0) - np.eye(300)
    # Correlations of 400 independent draws have a standard deviation of 1/20.
    assert together.std() == pytest.approx(1 / 20, rel=0.05)


def test_the_key_of_a_row_does_not_depend_on_its_position():
    rows = np.random.default_rng(0).normal(size=(256, 33)).astype("float32")
    keys = np.asarray(RowKeys()(rows))
    assert np.histogram(keys, 8, (0, 1))[0].min() > 15
    for start, size in ((0, 1), (5, 7), (100, 128)):
        part = np.asarray(RowKeys()(rows[start : start + size]))
        np.testing.assert_array_equal(part, keys[start : start + size])


@pytest.mark.parametrize("width", [1, 7, 8])
def test_dropout_is_independent_between_columns(width):
    """Every column has the given rate, and no two columns are correlated.

    Two columns of a step whose draws are close do, a little; so the draws are fixed here.
    """
    keras.utils.set_random_seed(0)
    x = np.ones((20_000, width), "float32")
    dropped = np.asarray(ScheduledDropout(0.3)(x, keys_of(20_000), training=True)) == 0
    assert dropped.shape == x.shape
    np.testing.assert_allclose(dropped.mean(axis=0), 0.3, atol=0.015)
    together = np.corrcoef(dropped.T.astype(float)) - np.eye(width)
    assert np.abs(together).max() < 0.035 or width == 1


def test_dropout_follows_its_schedule():
    """For 4 steps, flat_cosine is 1, 1, 1 and 0.5."""
    x, keys = np.ones((400, 50), "float32"), keys_of(400)
    layer = ScheduledDropout(0.4, "flat_cosine")
    layer.build(x.shape)
    layer.start_schedule(4)
    shares = [(np.asarray(layer(x, keys, training=True)) == 0).mean() for _ in range(4)]
    np.testing.assert_allclose(shares, [0.4, 0.4, 0.4, 0.2], atol=0.02)
    np.testing.assert_array_equal(layer(x, keys, training=True), x)  # the schedule has ended
    layer.start_schedule(None)
    assert (np.asarray(layer(x, keys, training=True)) == 0).mean() == pytest.approx(0.4, abs=0.02)


# --- the network ----------------------------------------------------------------------------------


def table_of(n_numeric, block_widths=()):
    return TableLayout(n_numeric, block_widths, TableLayout.of_numbers(n_numeric).quantiles)


@pytest.mark.parametrize(
    ("table", "width"),
    [(table_of(5), 5 * 4), (table_of(2, (1, 2)), 2 * 4 + 3), (table_of(0, (1, 4)), 5)],
    ids=["numbers", "mixed", "categories"],
)
def test_only_numbers_are_embedded(table, width):
    inputs = keras.Input((5,))
    builder = get_backbone("realmlp").builder
    model = keras.Model(inputs, builder(inputs, table=table, hidden_units=(8,)))
    (scale,) = (layer for layer in iterate_layers(model) if isinstance(layer, FeatureScale))
    assert scale.scale.shape == (width,)
    plain = keras.Model(inputs, builder(inputs, table=table, numeric_embedding=None))
    assert not any(isinstance(layer, PeriodicEmbedding) for layer in iterate_layers(plain))


def test_the_head_uses_the_neural_tangent_parametrization():
    model = realmlp(epochs=1).fit(X, y).model_
    assert isinstance(model.get_layer("logits"), NTKDense)
    assert model.get_layer("logits").dtype == "float32"


def test_scales_decay_faster_and_biases_do_not():
    """Scales by 6 * 6, as in the authors' implementation."""
    optimizer = realmlp(epochs=1, optimizer__weight_decay=0.02).fit(X, y).model_.optimizer
    shares = {part.variable.path: part.share for part in optimizer.decayed}
    assert shares["feature_scale/scale"] == 36
    assert shares["ntk_dense/kernel"] == shares["logits/kernel"] == 1
    assert shares["parametric_activation/share"] == shares["periodic_embedding/kernel"] == 1
    assert not [path for path in shares if path.endswith("bias")]


def test_it_learns_and_a_pickled_copy_predicts_the_same():
    classifier = realmlp(epochs=40).fit(X, y)
    assert classifier.score(X, y) > 0.95
    loaded = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))


def test_a_pickled_network_of_numbers_and_categories_predicts_the_same():
    """Keras 3.8 cannot rebuild a network with two operations called "concatenate"."""
    table = pd.DataFrame(X).astype({1: "category", 3: "category"})
    classifier = realmlp(epochs=1).fit(table, y)
    loaded = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(loaded.predict_proba(table), classifier.predict_proba(table))


def test_the_network_is_saved_and_loaded_by_keras(tmp_path):
    classifier = realmlp().fit(X, y)
    classifier.model_.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    rows = X.astype("float32")
    np.testing.assert_allclose(loaded(rows), classifier.model_(rows), atol=1e-6)


def test_equal_seeds_give_equal_networks():
    first, second, other = (realmlp(random_state=seed).fit(X, y) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert np.abs(first.predict_proba(X) - other.predict_proba(X)).max() > 1e-3


def test_dropout_decays_during_fit_but_not_during_partial_fit():
    classifier = realmlp(epochs=3, batch_size=50).fit(X, y)
    layers = [la for la in classifier.model_.layers if isinstance(la, ScheduledDropout)]
    assert [(int(la.step), int(la.schedule_length)) for la in layers] == [(9, 9)] * 2
    classifier.partial_fit(X, y)
    layers = [la for la in classifier.model_.layers if isinstance(la, ScheduledDropout)]
    assert {int(la.schedule_length) for la in layers} == {0}


def test_fits_of_different_lengths_and_seeds_share_a_trace():
    from keras_multiclass import clear_cache
    from keras_multiclass._training.engine.cache import programs

    clear_cache()
    X_wine, y_wine = load_wine(return_X_y=True)
    for seed, epochs in ((0, 2), (1, 3)):
        realmlp(random_state=seed, epochs=epochs).fit(X_wine, y_wine)
    assert len(programs) == 1
