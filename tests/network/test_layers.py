"""Layers of the table backbones compute the equations of their papers."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_multiclass._network.backbones import TableLayout
from keras_multiclass._network.backbones.numeric_embedding import embed_piecewise
from keras_multiclass._network.layers.batch_ensemble import BatchEnsembleDense, MemberScaling
from keras_multiclass._network.layers.feature_tokenizer import FeatureTokenizer
from keras_multiclass._network.layers.heads import MemberDense
from keras_multiclass._network.layers.piecewise import (
    PiecewiseLinearEmbedding,
    PiecewiseLinearEncoding,
)
from keras_multiclass._network.layers.table_columns import (
    CodeEmbedding,
    FillGaps,
    GapIndicator,
    OneHotCodes,
    QuantileToNormal,
    SelectColumns,
    SmoothClip,
)
from keras_multiclass._shared.keras.object_names import fresh_names
from keras_multiclass._training.engine.fingerprint import fingerprint
from keras_multiclass._training.engine.work import multiplications

RNG = np.random.default_rng(0)


def test_every_layer_class_is_defined_in_the_layers_package():
    ours = {
        name: cls.__module__
        for name, cls in keras.saving.get_custom_objects().items()
        if name.startswith("keras_multiclass>")
        and issubclass(cls, keras.Layer)
        and not issubclass(cls, keras.Model)
    }
    assert ours
    home = "keras_multiclass._network.layers."
    assert {name for name, module in ours.items() if not module.startswith(home)} == set()


def to_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def equation_1(x, edges):
    """Gorishniy et al. 2022, equation 1, for one number and distinct edges."""
    n_bins = len(edges) - 1
    encoded = []
    for t in range(1, n_bins + 1):
        if x < edges[t - 1] and t > 1:
            encoded.append(0.0)
        elif x >= edges[t] and t < n_bins:
            encoded.append(1.0)
        else:
            encoded.append((x - edges[t - 1]) / (edges[t] - edges[t - 1]))
    return encoded


def encoding(edges):
    layer = PiecewiseLinearEncoding(edges.shape[1] - 1)
    layer.build((None, len(edges)))
    layer.edges.assign(edges)
    return layer


EDGES = np.array([[-1.0, 0.0, 0.5, 3.0], [10.0, 11.0, 13.0, 14.0]])


def test_the_encoding_follows_the_paper_inside_and_outside_the_bins():
    X = np.stack([np.linspace(-3, 5, 33), np.linspace(8, 16, 33)], axis=1).astype("float32")
    expected = [[equation_1(x, e) for x, e in zip(row, EDGES, strict=True)] for row in X]
    np.testing.assert_allclose(to_numpy(encoding(EDGES)(X)), expected, atol=1e-5)


def test_empty_bins_contribute_nothing():
    tied = np.array([[0.0, 0.0, 0.0, 1.0, 1.0, 3.0, 3.0], [2.0] * 7])
    X = np.array([[-1.0, 2.0], [0.5, 1.0], [2.0, 3.0], [4.0, 2.0]], "float32")
    result = to_numpy(encoding(tied)(X))
    np.testing.assert_array_equal(result[:, 0, [0, 1, 3, 5]], 0.0)
    np.testing.assert_array_equal(result[:, 1], 0.0)
    expected = [equation_1(x, [0.0, 1.0, 3.0]) for x in X[:, 0]]
    np.testing.assert_allclose(result[:, 0, [2, 4]], expected, atol=1e-6)


def test_an_embedding_is_linear_in_the_number_and_its_encoding():
    layer = PiecewiseLinearEmbedding(5, 3)
    layer.build((None, 2))
    layer.encoding.edges.assign(EDGES)
    X = RNG.normal(size=(7, 2)).astype("float32")
    kernel, bias = (to_numpy(w) for w in (layer.kernel, layer.bias))
    plain = X[:, :, None] * kernel + bias
    np.testing.assert_allclose(
        to_numpy(layer(X)), plain, atol=1e-6
    )  # bins contribute nothing initially
    bin_kernel = RNG.normal(size=(2, 3, 5))
    layer.bin_kernel.assign(bin_kernel)
    encoded = np.array([[equation_1(x, e) for x, e in zip(row, EDGES, strict=True)] for row in X])
    expected = plain + np.einsum("bnt,ntu->bnu", encoded, bin_kernel)
    np.testing.assert_allclose(to_numpy(layer(X)), expected, atol=1e-4)


def test_bins_hold_equally_many_training_rows_and_are_not_trained():
    rows = RNG.exponential(size=(400, 2)).astype("float32")
    table = TableLayout(2, (), lambda levels: np.quantile(rows, levels, axis=0).T)
    inputs = keras.Input((2,))
    model = keras.Model(inputs, embed_piecewise(inputs, table, units=3, n_bins=4))
    (edges,) = model.non_trainable_weights
    for j in range(2):
        counts, _ = np.histogram(rows[:, j], to_numpy(edges)[j])
        np.testing.assert_array_equal(counts, 100)


def test_networks_with_different_edges_have_the_same_structure():
    """So that cross-validation folds share a trace."""
    described = []
    for scale in (1.0, 7.0):
        table = TableLayout(2, (), lambda levels, scale=scale: np.tile(levels * scale, (2, 1)))
        with fresh_names():
            inputs = keras.Input((2,))
            hidden = keras.layers.Flatten()(embed_piecewise(inputs, table, units=3, n_bins=4))
            model = keras.Model(inputs, keras.layers.Dense(3)(hidden))
            model.compile("adam", "sparse_categorical_crossentropy")
            model.optimizer.build(model.trainable_variables)
        described.append(fingerprint(model))
    assert described[0] == described[1]


def test_edges_are_saved_with_the_network(tmp_path):
    rows = RNG.normal(size=(50, 2))
    table = TableLayout(2, (), lambda levels: np.quantile(rows, levels, axis=0).T)
    inputs = keras.Input((2,))
    model = keras.Model(inputs, embed_piecewise(inputs, table, units=3, n_bins=4))
    model.save(tmp_path / "embedding.keras")
    loaded = keras.models.load_model(tmp_path / "embedding.keras")
    X = RNG.normal(size=(5, 2)).astype("float32")
    np.testing.assert_array_equal(to_numpy(loaded(X)), to_numpy(model(X)))


@pytest.mark.parametrize("policy", ["float64", "mixed_float16"])
def test_the_encoding_follows_the_dtype_policy_with_full_precision_edges(policy):
    edges = np.array([[0.0, 1e-6, 1.0]])
    layer = PiecewiseLinearEncoding(2, dtype=policy)
    layer.build((None, 1))
    layer.edges.assign(edges)
    result = layer(np.array([[0.5]]))
    assert keras.backend.standardize_dtype(result.dtype) == layer.compute_dtype
    np.testing.assert_allclose(to_numpy(result)[0, 0].astype("float64"), [1.0, 0.5], atol=1e-3)


# --- members ------------------------------------------------------------------------------------


def test_a_batch_ensemble_computes_the_equation_of_its_paper():
    """Wen et al. 2020, equation 5, with a bias."""
    layer = BatchEnsembleDense(4)
    X = RNG.normal(size=(6, 3, 5)).astype("float32")
    layer.build(X.shape)
    layer.input_factors.assign(RNG.normal(size=(3, 5)))
    layer.output_factors.assign(RNG.normal(size=(3, 4)))
    layer.bias.assign(RNG.normal(size=(3, 4)))
    W, r, s, b = (
        to_numpy(w) for w in (layer.kernel, layer.input_factors, layer.output_factors, layer.bias)
    )
    result = to_numpy(layer(X))
    for i in range(3):
        np.testing.assert_allclose(result[:, i], (X[:, i] * r[i]) @ W * s[i] + b[i], atol=1e-5)


def test_without_factors_all_members_share_one_dense_layer():
    layer = BatchEnsembleDense(4, scaled=False)
    X = RNG.normal(size=(6, 3, 5)).astype("float32")
    result = to_numpy(layer(X))
    W, b = layer.get_weights()
    np.testing.assert_allclose(result, X @ W + b, atol=1e-5)


def test_members_start_equal_except_for_the_first_factors():
    """Gorishniy et al. 2025, section 3.3."""
    layer = BatchEnsembleDense(4)
    layer.build((None, 3, 16))
    for factors in (layer.input_factors, layer.output_factors):
        np.testing.assert_array_equal(factors, 1.0)
    bias = to_numpy(layer.bias)
    np.testing.assert_array_equal(bias[0], bias[1])
    assert 0 < np.abs(bias).max() <= 1 / 4
    assert np.abs(to_numpy(layer.kernel)).max() <= 1 / 4
    signs = MemberScaling(8, "signs")
    signs.build((None, 16))
    assert set(np.unique(signs.factors)) == {-1.0, 1.0}
    normal = MemberScaling(8, "normal")
    normal.build((None, 200))
    assert abs(to_numpy(normal.factors).std() - 1) < 0.1


def test_each_member_scales_the_inputs_by_its_own_factors():
    layer = MemberScaling(3, "normal")
    X = RNG.normal(size=(6, 5)).astype("float32")
    result = to_numpy(layer(X))
    np.testing.assert_allclose(result, X[:, None] * to_numpy(layer.factors), atol=1e-6)


# --- tokens -------------------------------------------------------------------------------------


def test_each_column_becomes_a_token_after_the_class_token():
    """Gorishniy et al. 2021, section 3.3: two numbers and blocks of three inputs and one."""
    layer = FeatureTokenizer(4, n_numeric=2, block_widths=(3, 1))
    X = RNG.normal(size=(5, 6)).astype("float32")
    tokens = to_numpy(layer(X))
    kernel, bias, first = (to_numpy(w) for w in (layer.kernel, layer.bias, layer.first_token))
    assert tokens.shape == (5, 1 + 4, 4)
    np.testing.assert_array_equal(tokens[:, 0], np.tile(first, (5, 1)))
    for token, columns in enumerate([[0], [1], [2, 3, 4], [5]]):
        expected = X[:, columns] @ kernel[columns] + bias[token]
        np.testing.assert_allclose(tokens[:, 1 + token], expected, atol=1e-5)


# --- cost ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (BatchEnsembleDense(16, scaled=False), (4, 8), 4 * (8 * 16 + 16)),
        (MemberDense(3), (4, 8), 4 * (8 * 3 + 3)),
        (MemberScaling(4), (8,), 4 * 8),
        (PiecewiseLinearEmbedding(5, 6), (8,), 8 * (5 + 5 + 6 * 5 + 7)),
        (FeatureTokenizer(5, 8), (8,), (8 + 8 + 1) * 5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_multiplications_count_each_weight_as_often_as_it_is_used(layer, shape, expected):
    inputs = keras.Input(shape)
    assert multiplications(keras.Model(inputs, layer(inputs))) == expected


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "make",
    [
        lambda dtype: SelectColumns([2, 0], dtype=dtype),
        lambda dtype: FillGaps(dtype=dtype),
        lambda dtype: GapIndicator(dtype=dtype),
        lambda dtype: SmoothClip(dtype=dtype),
        lambda dtype: QuantileToNormal(dtype=dtype),
        lambda dtype: OneHotCodes([2, 4, 1], [True, False, True], dtype=dtype),
        lambda dtype: CodeEmbedding(4, gaps=True, units=8, dtype=dtype),
    ],
    ids=["select", "fill", "indicate", "clip", "quantile", "one_hot", "embed"],
)
def test_layers_of_columns_declare_the_output_that_they_compute(make, dtype):
    layer = make(dtype)
    X = np.array([[0.0, 1.0, np.nan], [1.0, 3.0, 0.0]], dtype)
    X = X[:, :1] if isinstance(layer, CodeEmbedding) else X
    declared = layer(keras.Input(X.shape[1:], dtype=dtype))
    computed = layer(X)
    assert declared.shape[1:] == tuple(computed.shape[1:])
    assert declared.dtype == keras.backend.standardize_dtype(computed.dtype)
