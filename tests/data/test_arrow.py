"""Frames of pandas with Arrow's dtypes are read like those with NumPy's and pandas' own."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn
from sklearn.model_selection import StratifiedKFold, cross_val_score

from _toy import tiny
from keras_multiclass._data.columns.categories import CategoricalColumns
from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.labels.codec import LabelCodec

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
    with pytest.raises((ValueError, TypeError), match=f"got {what}.* in column 'c'"):
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


DAYS = [datetime.date(2024, month, 1) for month in range(1, 13)]
WAITS = [datetime.timedelta(hours=5 * i) for i in range(12)]
COLUMNS = {
    "integers": pa.array([*range(11), None], pa.int16()),
    "decimals": pa.array([decimal.Decimal(i) / 8 for i in range(12)], pa.decimal128(8, 3)),
    "strings": pa.array(["x", "y", None] * 4, pa.large_string()),
    "categories": pa.array(["x", "y", "x", None] * 3).dictionary_encode(),
    "booleans": pa.array([True, False, None] * 4),
    "days": pa.array([*DAYS[:11], None], pa.date32()),
    "times": pa.array(
        [TIME + datetime.timedelta(hours=5 * i) for i in range(12)], pa.timestamp("ms")
    ),
    "zones": pa.array([TIME + datetime.timedelta(i) for i in range(12)], pa.timestamp("ns", "UTC")),
    "waits": pa.array([datetime.timedelta(hours=i) for i in range(12)], pa.duration("s")),
    "clock": pa.array([datetime.time(i) for i in range(12)], pa.time32("s")),
    "nothing": pa.nulls(12),
}
TABLE = pa.table(COLUMNS)
LABELS = np.arange(12) % 3


@pytest.mark.parametrize(
    "convert",
    [
        lambda table: table.to_batches()[0],
        lambda table: table.to_pandas(),
        lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
        lambda table: pytest.importorskip("polars").from_arrow(table),
        lambda table: pytest.importorskip("polars").from_arrow(table).lazy(),
        lambda table: pytest.importorskip("narwhals").from_native(table),
    ],
    ids=["batch", "pandas", "Arrow dtypes", "polars", "lazy", "narwhals"],
)
def test_a_table_of_arrow_is_read_like_other_frames(fitted, convert):
    X = convert(TABLE)
    np.testing.assert_allclose(fitted.predict_proba(X), fitted.predict_proba(TABLE), atol=1e-5)
    assert list(tiny(epochs=1).fit(X, LABELS).feature_names_in_) == list(COLUMNS)


@pytest.fixture(scope="module")
def fitted():
    classifier = tiny(epochs=2).fit(TABLE, LABELS, X_val=TABLE, y_val=LABELS)
    names = set(classifier.network_feature_names_)
    assert {"integers", "decimals", "strings_missing", "days_elapsed", "clock_hour_sin"} <= names
    return classifier


@pytest.mark.filterwarnings("ignore")  # of datasets' own pickling
@pytest.mark.parametrize("library", ["datasets", "dask.dataframe"])
def test_datasets_and_frames_in_partitions_are_read_at_once(library):
    module = pytest.importorskip(library)
    table = TABLE.select(["integers", "strings", "times"]).append_column("label", [LABELS])
    if library == "datasets":
        data = module.Dataset(table, fingerprint="a")
        data = data.select(range(11, -1, -1), new_fingerprint="b")
        X, y = data.remove_columns("label", new_fingerprint="c"), data["label"]
        assert list(y) == LABELS[::-1].tolist()
    else:
        X = module.from_pandas(table.drop_columns(["label"]).to_pandas(), npartitions=2)
        y = LABELS
    classifier = tiny(epochs=60).fit(X, y)
    assert list(classifier.feature_names_in_) == ["integers", "strings", "times"]
    assert classifier.score(X, y) == 1.0


def test_rows_of_a_table_of_arrow_are_selected_by_searches_and_splitters():
    if not hasattr(sklearn.utils, "_dataframe"):
        pytest.skip("this scikit-learn does not select rows of Arrow's tables")
    scores = cross_val_score(tiny(epochs=1), TABLE, LABELS, cv=2, error_score="raise")
    assert len(scores) == 2
    tiny(epochs=1, validation_split=StratifiedKFold(3)).fit(TABLE, LABELS)


def test_columns_of_lists_of_numbers_are_inputs_and_others_an_error():
    table = pa.table({"n": [1.0, 2.0], "c": [[1, 2], [2, 3]], "tags": [["a"], ["b", "c"]]})
    with pytest.raises(TypeError, match="in column 'tags'"):
        tiny().fit(table, [0, 1])
    fitted = tiny().initialize(table.drop_columns(["tags"]), [0, 1])
    assert fitted.input_shape_ == {"table": (1,), "c": (2,)}
    assert tiny().initialize(table.select(["n"]), [0, 1]).n_features_in_ == 1
