"""Statistics of features: scikit-learn's mean and variance, weights, padding, missing values."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from keras_multiclass._data import statistics
from keras_multiclass._data.padding import padding_mask
from keras_multiclass._data.statistics import Moments, Standardization, mean_and_variance


@given(
    hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=2, max_dims=4, min_side=2, max_side=5),
        elements=st.floats(-100, 100, width=32),
    ),
    st.integers(1, 40),
)
def test_mean_and_variance_match_standard_scaler_for_any_chunk_size(X, chunk):
    expected = StandardScaler().fit(X.reshape(-1, X.shape[-1]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "_CHUNK_VALUES", chunk)
        mean, variance = mean_and_variance(X)
    np.testing.assert_allclose(mean, expected.mean_, rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(np.sqrt(variance), expected.scale_, rtol=1e-6, atol=1e-6)
    assert mean.dtype == variance.dtype == np.float64


@pytest.mark.parametrize("chunk", [4, 2**22])
def test_sparse_and_dense_rows_have_the_same_statistics(monkeypatch, chunk):
    monkeypatch.setattr(statistics, "_CHUNK_VALUES", chunk)
    X = sparse.random(50, 6, density=0.3, format="csr", random_state=0, dtype=np.float32)
    weights = np.arange(50.0)
    for w in (None, weights):
        expected = mean_and_variance(X.toarray(), w)
        np.testing.assert_allclose(mean_and_variance(X, w), expected, rtol=1e-6)


def test_integer_weights_equal_repeated_rows_and_zero_drops_a_row():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(20, 3, 2)).astype(np.float32)
    weights = generator.integers(0, 4, size=20).astype(np.float32)
    expected = mean_and_variance(np.repeat(X, weights.astype(int), axis=0))
    np.testing.assert_allclose(mean_and_variance(X, weights), expected, rtol=1e-9)


def test_masked_steps_are_ignored():
    X = np.array([[[1.0], [3.0], [0.0]], [[5.0], [0.0], [0.0]]])
    mask = padding_mask(X)
    assert mask.tolist() == [[True, True, False], [True, False, False]]
    mean, variance = mean_and_variance(X, mask=mask)
    assert mean.tolist() == [3]
    assert variance == pytest.approx(8 / 3)
    mean, _ = mean_and_variance(X, np.array([1.0, 2.0]), mask)
    assert mean == pytest.approx((1 + 3 + 5 * 2) / 4)
    mean, variance = mean_and_variance(X, mask=np.zeros((2, 3), bool))
    assert (mean.tolist(), variance.tolist()) == ([0], [1])


def test_constant_features_have_variance_one():
    mean, variance = mean_and_variance(np.array([[7.0, 1], [7, 2], [7, 3]]))
    assert mean.tolist() == [7, 2]
    np.testing.assert_allclose(variance, [1, 2 / 3])


def test_missing_values_are_ignored():
    mean, variance = mean_and_variance(np.array([[1.0, np.nan], [3.0, np.nan]]))
    assert mean.tolist() == [2, 0]
    assert variance.tolist() == [1, 1]


def test_statistics_of_a_large_array_need_little_memory():
    X = np.ones((1_500_000, 10), dtype=np.float32)  # 60 MB; as float64 120 MB
    X[::2] = 0
    tracemalloc.start()
    try:
        mean, _ = mean_and_variance(X, np.ones(len(X), dtype=np.float32))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(mean, 0.5)
    assert peak < 2.5 * X.nbytes


def test_the_users_array_is_not_modified():
    X = np.arange(12.0).reshape(4, 3)
    X.flags.writeable = False
    mean_and_variance(X, np.array([1.0, 0, 1, 1]))
    assert X.sum() == 66


@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("missing_batch", [0, 1, 2])
def test_batches_without_values_of_a_column_do_not_change_its_moments(missing_batch, by_class):
    """scikit-learn's StandardScaler loses the moments of such columns."""
    X = np.random.default_rng(0).normal(100.0, 3.0, size=(12, 2))
    X[4 * missing_batch : 4 * missing_batch + 4, 0] = np.nan
    groups = np.arange(12) % 3
    moments = Moments(Standardization())
    for start in range(0, 12, 4):
        part = slice(start, start + 4)
        moments.add(X[part], None, groups[part] if by_class else None)
    mean, variance = moments.combine(np.ones(3) if by_class else None)
    np.testing.assert_allclose(mean, np.nanmean(X, axis=0))
    np.testing.assert_allclose(variance, np.nanvar(X, axis=0))


@pytest.mark.parametrize("scale", [1e-30, 1e-9, 1.0, 1e13, 1e30])
def test_the_scale_of_the_weights_does_not_matter(scale):
    generator = np.random.default_rng(0)
    X, weights = generator.normal(5000.0, 1000.0, size=(200, 2)), generator.uniform(1, 2, 200)
    mean, variance = mean_and_variance(X, weights * scale)
    expected = np.average(X, axis=0, weights=weights)
    np.testing.assert_allclose(mean, expected)
    np.testing.assert_allclose(variance, np.average((X - expected) ** 2, axis=0, weights=weights))
    moments = Moments(Standardization())
    for part in (slice(0, 90), slice(90, 200)):
        moments.add(X[part], weights[part] * scale, None)
    np.testing.assert_allclose(moments.combine(None), (mean, variance))
