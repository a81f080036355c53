"""Sequences of unequal length: how containers of them are read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.foreign import check_container
from keras_multiclass._data.ragged import arrange, as_sequences, shape_of
from keras_multiclass._data.sequences import Sequences
from keras_multiclass._data.statistics import ArrayStatistics, Standardization

try:  # not required
    import awkward as ak
except ImportError:
    ak = None

rng = np.random.default_rng(0)
ROWS = [rng.normal(size=(n, 2)) for n in (3, 1, 4, 2)]


def objects(rows):
    """Return an array of objects with one row in each cell."""
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


def rows_of(sequences):
    """Return the real steps of each sequence."""
    return [padded[:n] for padded, n in zip(sequences[:], sequences.lengths, strict=True)]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.integers(1, 3), st.randoms())
@settings(max_examples=50, deadline=None)
def test_rows_are_padded_with_infinity_up_to_the_longest_of_all(lengths, n_channels, random):
    rows = [np.arange(n * n_channels, dtype=float).reshape(n, n_channels) for n in lengths]
    sequences = Sequences(np.concatenate(rows), np.array(lengths))
    chosen = random.choices(range(len(rows)), k=5)
    for selected in (chosen, slice(1, None), slice(None, None, 2), slice(None)):
        part = sequences[np.array(chosen) if selected is chosen else selected]
        expected = [rows[i] for i in chosen] if selected is chosen else rows[selected]
        assert part.shape == (len(expected), max(lengths), n_channels)
        for padded, row in zip(part, expected, strict=True):
            np.testing.assert_array_equal(padded[: len(row)], row)
            assert np.isposinf(padded[len(row) :]).all()
    taken = sequences.take(np.array(chosen))
    assert taken.shape[1] == max(lengths[i] for i in chosen)
    np.testing.assert_array_equal(taken.steps, np.concatenate([rows[i] for i in chosen]))


@pytest.mark.parametrize(
    "X",
    [
        ROWS,
        tuple(ROWS),
        objects(ROWS),
        [row.tolist() for row in ROWS],
        objects([row.tolist() for row in ROWS]),
        [ROWS[0], *(row.tolist() for row in ROWS[1:])],
    ],
    ids=["list", "tuple", "objects", "nested", "objects of lists", "mixed"],
)
def test_containers_of_arrays_are_read(X):
    schema, checked = FeatureSchema.learn(arrange(X))
    assert (schema.input_shape, schema.n_features_in, checked.shape) == ((None, 2), 2, (4, 4, 2))
    assert checked.dtype == np.float32
    for found, row in zip(rows_of(checked), ROWS, strict=True):
        np.testing.assert_array_equal(found, row.astype(np.float32))


def of_other_libraries():
    """Return the rows, and series of their first channel, in containers of other libraries."""
    nested = [row.tolist() for row in ROWS]
    series = [row[:, 0].tolist() for row in ROWS]
    yield "ragged tensor", tf.ragged.constant(nested, ragged_rank=1, dtype="float64"), 2
    yield "nested ragged tensor", tf.ragged.constant(nested, dtype="float64"), 2
    yield "ragged tensor of series", tf.ragged.constant(series, dtype="float64"), 1
    yield "tensors", [tf.constant(row) for row in ROWS], 2
    yield "pandas", pd.Series(ROWS, index=list("abcd")), 2
    yield "pandas of series", pd.Series(series), 1
    yield "pandas of arrays of arrays", pd.Series([objects(list(row)) for row in ROWS]), 2
    yield "frames", [pd.DataFrame(row) for row in ROWS], 2
    yield "polars", pl.Series(nested), 2
    yield "polars of series", pl.Series(series), 1
    if ak is not None:
        yield "awkward", ak.Array(nested), 2
        yield "awkward of series", ak.Array(series), 1
        yield "rows of awkward", list(ak.Array(nested)), 2
    yield "arrow", pa.array(nested), 2
    yield "arrow of series", pa.chunked_array([pa.array(series)]), 1
    yield "large lists", pa.array(series, pa.large_list(pa.float64())), 1
    yield "rows of arrow", list(pa.array(series)), 1
    kind = pd.ArrowDtype(pa.list_(pa.float64()))
    yield "pandas of arrow", pd.Series(series, dtype=kind), 1


def test_containers_of_other_libraries_are_read():
    for name, X, n_channels in of_other_libraries():
        check_container(X)
        schema, checked = FeatureSchema.learn(arrange(X), dtype="float64")
        assert schema.input_shape == (None, n_channels), name
        for found, row in zip(rows_of(checked), ROWS, strict=True):
            np.testing.assert_array_equal(found, row[:, :n_channels], err_msg=name)


def test_an_equal_ragged_tensor_holds_sequences():
    assert shape_of(arrange(tf.ragged.constant([[1.0, 2.0], [3.0, 4.0]]))) == (2, None, 1)


def test_missing_values_in_lists_are_read():
    _schema, checked = FeatureSchema.learn(arrange([[1.0, None, 3.0], [4.0]]), allow_nan=True)
    np.testing.assert_array_equal(checked.steps[:, 0], [1, np.nan, 3, 4])


@pytest.mark.parametrize(
    "make",
    [
        objects,
        pd.Series,
        pl.Series,
        lambda rows: pl.Series(np.array(rows), dtype=pl.Array(pl.Float64, 3)),
        lambda rows: pd.Series([row.tolist() for row in rows]),
    ],
    ids=["objects", "pandas", "polars lists", "polars arrays", "pandas lists"],
)
def test_vectors_of_one_length_are_the_rows_of_a_matrix(make):
    rows = list(rng.normal(size=(4, 3)))
    schema, checked = FeatureSchema.learn(arrange(make(rows)), dtype="float64")
    assert schema.input_shape == (3,)
    np.testing.assert_array_equal(checked, rows)
    np.testing.assert_array_equal(schema.check(make(rows[1:])), rows[1:])


def test_series_of_one_channel_are_read():
    X = arrange([row[:, 0] for row in ROWS])
    assert shape_of(X) == (4, None, 1)
    np.testing.assert_array_equal(X.steps[:, 0], np.concatenate(ROWS)[:, 0])


@pytest.mark.parametrize(
    "X",
    [
        np.ones((3, 4, 2)),
        [np.ones((4, 2))] * 3,
        [[1.0, 2.0], [3.0, 4.0]],
        [["a", "b"], ["c"]],
        [{"a": 1}, {"b": 2}],
        [1.0, 2.0],
        [[1.0], 2.0],
        [],
        "text",
    ],
    ids=str,
)
def test_anything_else_is_left_as_it_is(X):
    assert arrange(X) is X


def test_an_array_of_objects_holds_sequences_of_any_length_even_if_they_are_equal():
    X = arrange(objects([np.ones((4, 2)), np.zeros((4, 2))]))
    assert shape_of(X) == (2, None, 2)


def test_a_schema_of_any_length_reads_longer_and_equal_ones():
    schema, _ = FeatureSchema.learn(arrange(ROWS))
    assert schema.check([np.ones((9, 2)), np.ones((2, 2))]).shape == (2, 9, 2)
    for equal in (np.ones((3, 5, 2)), [np.ones((5, 2))] * 3, objects([np.ones((5, 2))] * 3)):
        checked = schema.check(equal)
        assert checked.lengths.tolist() == [5, 5, 5]
    one, _ = FeatureSchema.learn(arrange([row[:, 0] for row in ROWS]))
    assert one.check([[1.0, 2.0], [3.0, 4.0]]).shape == (2, 2, 1)
    with pytest.raises(ValueError, match="X has 3 features, but .* expecting 2 features"):
        schema.check([np.ones((4, 3)), np.ones((2, 3))])
    with pytest.raises(ValueError, match=r"of shape \(None, 2\), as in fit; got shape \(2,"):
        schema.check(np.ones((4, 2)))  # a single sequence


def test_a_schema_of_one_length_refuses_unequal_ones_and_names_a_cure_that_works():
    schema, _ = FeatureSchema.learn(np.ones((3, 4, 2)))
    with pytest.raises(ValueError, match=r"of shape \(4, 2\), as in fit; got sequences of 1 to 4"):
        schema.check(ROWS)
    schema, _ = FeatureSchema.learn(arrange(objects([*np.ones((3, 4, 2))])))
    assert schema.check(ROWS).shape == (4, 4, 2)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([np.ones((3, 2)), np.ones((0, 2))], r"at least one step; got 1 sequence .*X\[1\].*Drop"),
        ([[1.0], []], "at least one step; got 1 sequence without"),
        ([np.ones((3, 2)), None, np.ones((4, 2)), None], r"got 2 sequences .*X\[1\]"),
        ([np.ones((3, 2)), np.ones((4, 3))], "number of channels; got from 2 to 3.*shapes"),
        ([np.ones((3, 4)), np.ones((3, 5))], "layout='channels_first'"),
        ([np.ones((3, 2)), np.ones(4)], "or all of shape .n_steps,.; got .* 1, 2 dimensions"),
        ([np.ones((3, 2, 3)), np.ones((4, 2, 3))], "Resize images"),
    ],
    ids=str,
)
def test_rows_that_do_not_fit_together_are_an_error(X, message):
    with pytest.raises(ValueError, match=message):
        arrange(X)


def test_values_are_checked_like_those_of_arrays():
    learn = FeatureSchema.learn
    with pytest.raises(ValueError, match="contains infinity"):
        learn(arrange([[1.0, np.inf], [2.0]]))
    with pytest.raises(ValueError, match="too large for dtype"):
        learn(arrange([[1.0, 1e300], [2.0]]))
    with pytest.raises(ValueError, match="dates or times"):
        learn(arrange([np.array(["2020-01-01"], "M8[D]"), np.array(["2020-01-01"] * 2, "M8[D]")]))


def test_statistics_are_those_of_the_real_steps():
    _schema, checked = FeatureSchema.learn(arrange(ROWS))
    rows, weights = np.array([2, 0]), np.array([1.0, 3.0])
    found = ArrayStatistics(checked, weights, rows).moments(Standardization())
    steps = np.concatenate([ROWS[2], ROWS[0], ROWS[0], ROWS[0]])
    np.testing.assert_allclose(found, [steps.mean(axis=0), steps.var(axis=0)], rtol=1e-5)


def test_large_offsets_are_subtracted():
    rows = [1.7e9 + rng.integers(0, 60, (n, 1)) for n in (3, 1, 4, 2)]
    X = arrange(rows)
    schema, checked = FeatureSchema.learn(X)
    schema, checked = schema.learn_values(X, checked)
    offset = schema.offsets.values[0]
    np.testing.assert_array_equal(checked.steps, np.concatenate(rows) - offset)
    np.testing.assert_array_equal(schema.check(rows[:2]).steps, np.concatenate(rows[:2]) - offset)


def test_a_matrix_is_a_set_of_series_for_a_schema_of_one_channel():
    assert as_sequences(np.ones((3, 5)), 1).shape == (3, 5, 1)
