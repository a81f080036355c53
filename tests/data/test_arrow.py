"""Frames of pandas with Arrow's dtypes are read like those with NumPy's and pandas' own."""

import datetime
import decimal

import numpy as np
import pytest

from keras_multiclass._data.categories import CategoricalColumns
from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.labels.codec import LabelCodec

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")

DAY = datetime.date(2020, 1, 1)
TIME = datetime.datetime(2020, 1, 1)


def arrow(values, kind):
    """Return a column with Arrow's dtype."""
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(values, kind)])))


def read(X):
    """Read a frame as a table backbone does."""
    columns = CategoricalColumns.learn(X, "from_dtype")
    schema, read = FeatureSchema.learn(X, columns=columns, allow_nan=True)
    np.testing.assert_array_equal(schema.check(X), read)
    return columns, read


@pytest.mark.parametrize(
    ("values", "kind", "equivalent"),
    [
        (["x", "y", None], pa.string(), "string"),
        (["x", "y", None], pa.large_string(), "string"),
        (["x", "y", None], pa.string_view(), "string"),
        (["x", "y", None], pa.dictionary(pa.int32(), pa.string()), "category"),
        ([5, 7, None], pa.dictionary(pa.int8(), pa.int64()), "category"),
        ([True, False, None], pa.bool_(), "boolean"),
        ([b"x", b"y", None], pa.binary(), object),
        ([1, 2, None], pa.int64(), "Int64"),
        ([1, 2, None], pa.uint8(), "UInt8"),
        ([1.5, 2, None], pa.float64(), "Float64"),
        ([1.5, 2, None], pa.float16(), "Float64"),
        ([decimal.Decimal("1.5"), decimal.Decimal(2), None], pa.decimal128(5, 2), object),
        ([decimal.Decimal("1.5"), decimal.Decimal(2), None], pa.decimal256(50, 2), object),
        ([None, None, None], pa.null(), "Float64"),
    ],
    ids=str,
)
def test_columns_are_read_like_those_of_pandas(values, kind, equivalent):
    numbers = [1.0, 2.0, 3.0]
    columns, actual = read(pd.DataFrame({"n": numbers, "c": arrow(values, kind)}))
    like, expected = read(pd.DataFrame({"n": numbers, "c": pd.Series(values, dtype=equivalent)}))
    np.testing.assert_array_equal(actual, expected)
    assert (columns is None) == (like is None)
    if columns is not None:
        assert columns.categorical[0].categories == like.categorical[0].categories


@pytest.mark.parametrize(
    ("values", "kind", "what"),
    [
        ([DAY], pa.date32(), "dates or times"),
        ([DAY], pa.date64(), "dates or times"),
        ([datetime.time(1)], pa.time32("s"), "dates or times"),
        ([datetime.time(1)], pa.time64("us"), "dates or times"),
        ([TIME], pa.timestamp("us"), "dates or times"),
        ([TIME], pa.timestamp("us", "UTC"), "dates or times"),
        ([datetime.timedelta(1)], pa.duration("us"), "dates or times"),
        ([[1, 2]], pa.list_(pa.int64()), "objects"),
        ([{"a": 1}], pa.struct({"a": pa.int64()}), "objects"),
    ],
    ids=str,
)
def test_other_columns_are_named_as_what_they_are(values, kind, what):
    X = pd.DataFrame({"n": [1.0], "c": arrow(values, kind)})
    with pytest.raises((ValueError, TypeError), match=f"got {what} in column 'c'"):
        read(X)


def test_a_table_that_was_read_with_arrow_dtypes_is_a_table():
    plain = pd.DataFrame({"n": [1, 2, 3], "c": ["x", "y", "x"], "b": [True, False, True]})
    _, expected = read(plain)
    np.testing.assert_array_equal(read(plain.convert_dtypes(dtype_backend="pyarrow"))[1], expected)
    columns = CategoricalColumns.learn(plain, "from_dtype")
    schema, _ = FeatureSchema.learn(plain, columns=columns, allow_nan=True)
    new = plain.convert_dtypes(dtype_backend="pyarrow")
    np.testing.assert_array_equal(schema.check(new), expected)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["x", "y"], pa.string()),
        (["x", "y"], pa.large_string()),
        (["x", "y"], pa.dictionary(pa.int32(), pa.string())),
        ([1, 2], pa.int64()),
        ([True, False], pa.bool_()),
    ],
    ids=str,
)
def test_labels_with_arrow_dtypes_are_labels(values, kind):
    column = arrow(values, kind)
    codec, codes = LabelCodec.learn_and_encode(column)
    assert codec.classes.tolist() == sorted(values)
    assert [codec.classes.tolist()[code] for code in codes] == values
    assert LabelCodec.learn(pa.array(values, kind)).classes.tolist() == sorted(values)
    with pytest.raises(ValueError, match="contains NaN"):
        LabelCodec.learn(arrow([*values, None], kind))


def test_a_table_of_arrow_must_be_converted():
    table = pa.table({"a": [1, 2]})
    with pytest.raises(TypeError, match=r"X must be one array.*X\.to_pandas\(\)"):
        FeatureSchema.learn(table)
    assert FeatureSchema.learn(table.to_pandas())[1].tolist() == [[1], [2]]
    with pytest.raises(TypeError, match=r"X\.to_pandas\(\)"):
        FeatureSchema.learn(table.to_batches()[0])
