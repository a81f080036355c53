"""Tables in files, and lazy frames, train as the same rows in memory."""

from __future__ import annotations

import datetime
import errno
import gzip
import os
import pickle
import time
import warnings

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import DataConversionWarning

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier, KerasMultilabelClassifier, TableBatches
from keras_multiclass._data.row_selection import join_rows
from keras_multiclass._data.streams.tables.source import readable
from keras_multiclass.evaluation import ClassificationReport
from keras_multiclass.evaluation._stream_folds import NumberedRows

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
csv = pytest.importorskip("pyarrow.csv")
ds = pytest.importorskip("pyarrow.dataset")
feather = pytest.importorskip("pyarrow.feather")

IRIS = load_iris(as_frame=True)
ORDER = np.random.default_rng(0).permutation(150)
FRAME = IRIS.data.iloc[ORDER].reset_index(drop=True).astype("float32")
FRAME.columns = ["sl", "sw", "pl", "pw"]
FEATURES = list(FRAME)
FRAME["kind"] = IRIS.target_names[IRIS.target[ORDER]]
TABLE = pa.Table.from_pandas(FRAME)


@pytest.fixture
def files(tmp_path):
    """Three Parquet files of 50 rows, in row groups of 20."""
    for i in range(3):
        part = TABLE.slice(50 * i, 50)
        pq.write_table(part, tmp_path / f"part{i}.parquet", row_group_size=20)
    return tmp_path


def rows_of(batches):
    """Return all features, labels and weights that an iteration yields."""
    return [
        np.concatenate([np.asarray(part) for part in parts]) for parts in zip(*batches, strict=True)
    ]


def write_csv(folder):
    csv.write_csv(TABLE, folder / "iris.csv")
    return folder / "iris.csv"


def write_compressed(folder):
    with gzip.open(folder / "iris.csv.gz", "wt") as file:
        FRAME.to_csv(file, index=False)
    return str(folder / "iris.csv.gz")


def write_tabs(folder):
    FRAME.to_csv(folder / "iris.tsv", index=False, sep="\t")
    return folder / "iris.tsv"


def write_arrow(folder):
    feather.write_feather(TABLE, folder / "iris.arrow")
    return folder / "iris.arrow"


SOURCES = {
    "a folder": lambda folder: folder,
    "a list of files": lambda folder: sorted(folder.glob("*.parquet")),
    "a dataset of pyarrow": lambda folder: ds.dataset(folder, format="parquet"),
    "several datasets": lambda folder: ds.dataset(
        [ds.dataset(file) for file in sorted(folder.glob("*.parquet"))]
    ),
    "tables in memory": lambda folder: ds.dataset(TABLE),
    "CSV": write_csv,
    "compressed CSV": write_compressed,
    "separated by tabs": write_tabs,
    "Arrow": write_arrow,
    "a lazy frame": lambda folder: pl.scan_parquet(folder / "*.parquet"),
    "a lazy frame of CSV": lambda folder: pl.scan_csv(write_csv(folder)),
}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("shuffle", [False, True])
def test_each_pass_has_all_rows_once(files, kind, shuffle):
    batches = TableBatches(
        SOURCES[kind](files), "kind", batch_size=32, shuffle=shuffle, random_state=0
    )
    X, y = rows_of(batches)
    assert [len(labels) for _, labels in batches] == [32, 32, 32, 32, 22]
    assert (len(batches), batches.n_rows, batches.feature_names) == (5, 150, FEATURES)
    expected = FRAME[FEATURES].to_numpy()
    if shuffle:
        assert not np.array_equal(y, FRAME["kind"])
        found = np.c_[X.astype(np.float32), np.unique(y, return_inverse=True)[1]]
        known = np.c_[expected, np.unique(FRAME["kind"], return_inverse=True)[1]]
        np.testing.assert_allclose(
            found[np.lexsort(found.T)], known[np.lexsort(known.T)], rtol=1e-6
        )
    else:
        np.testing.assert_allclose(X, expected, rtol=1e-6)
        np.testing.assert_array_equal(y, FRAME["kind"])


@pytest.mark.parametrize("engine", ["graph", "keras"])
@pytest.mark.parametrize("kind", ["a folder", "CSV", "a lazy frame"])
def test_a_table_trains_like_a_frame(files, kind, engine):
    batches = TableBatches(SOURCES[kind](files), "kind", batch_size=32, shuffle=False)
    streamed = tiny(epochs=3, engine=engine).fit(batches, X_val=batches)
    in_memory = tiny(epochs=3, batch_size=32, shuffle=False).fit(
        FRAME[FEATURES], FRAME["kind"], X_val=FRAME[FEATURES], y_val=FRAME["kind"]
    )
    assert streamed.engine_ == engine
    assert list(streamed.feature_names_in_) == FEATURES
    for name, values in in_memory.history_.items():
        np.testing.assert_allclose(streamed.history_[name], values, rtol=1e-4)
    actual, expected = (c.predict_proba(FRAME[FEATURES]) for c in (streamed, in_memory))
    np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_blocks_of_batches_do_not_change_the_training(files):
    many = TableBatches(files, "kind", batch_size=10, shuffle=False)
    few = TableBatches(files, "kind", batch_size=10, shuffle=False, buffer_size=20)
    weights = [tiny(epochs=3).fit(each).model_.get_weights() for each in (many, few)]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_columns_weights_and_several_labels_are_chosen_by_name(tmp_path):
    frame = FRAME.assign(weight=np.arange(150.0) % 3, a=np.arange(150) % 2, b=np.arange(150) // 75)
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "t.parquet")
    options = {"batch_size": 50, "shuffle": False}
    weighted = TableBatches(
        tmp_path / "t.parquet",
        "kind",
        columns=["pw", "sl"],
        sample_weight="weight",
        **options,
    )
    X, _, weights = next(iter(weighted))
    assert list(X) == ["pw", "sl"]
    np.testing.assert_array_equal(weights, frame["weight"][:50])
    streamed = tiny(epochs=2).fit(weighted)
    kept = frame[frame["weight"] > 0]
    params = {"batch_size": 150, "shuffle": False}
    whole = TableBatches(
        tmp_path / "t.parquet",
        "kind",
        columns=["pw", "sl"],
        sample_weight="weight",
        batch_size=150,
        shuffle=False,
    )
    expected = tiny(epochs=2, **params).fit(
        kept[["pw", "sl"]], kept["kind"], sample_weight=kept["weight"]
    )
    actual = tiny(epochs=2).fit(whole)
    np.testing.assert_allclose(actual.history_["loss"], expected.history_["loss"], rtol=1e-5)
    assert streamed.n_iter_ == 2
    labels = TableBatches(tmp_path / "t.parquet", ["a", "b"], columns=FEATURES, **options)
    classifier = KerasMultilabelClassifier("mlp", epochs=1).fit(labels)
    assert classifier.predict(FRAME[FEATURES]).columns.tolist() == ["a", "b"]


@pytest.mark.parametrize("name", [None, "row"])
def test_an_index_of_pandas_is_a_feature_only_if_it_is_chosen(tmp_path, name):
    stored, path = name or "__index_level_0__", tmp_path / "2.parquet"
    FRAME.sort_values("kind").rename_axis(name).to_parquet(path)
    assert TableBatches(path, "kind").feature_names == FEATURES
    assert TableBatches(ds.dataset(path), "kind").feature_names == FEATURES
    columns = [stored, "kind"]
    X, _ = next(iter(TableBatches(path, "sl", columns=columns, shuffle=False)))
    assert list(X) == columns
    assert X[stored].tolist() == FRAME.sort_values("kind").index.tolist()
    X, _ = next(iter(TableBatches(ds.dataset(path), "sl", columns=columns)))
    assert list(X) == columns
    for first in ("1", "3"):  # files without an index before and behind
        FRAME.to_parquet(tmp_path / f"{first}.parquet")
        assert TableBatches(tmp_path, "kind").feature_names == FEATURES
        assert TableBatches(ds.dataset(tmp_path), "kind").n_rows >= 300


def test_an_unnamed_index_of_pandas_in_a_lazy_frame_is_a_feature_only_if_it_is_chosen(tmp_path):
    FRAME.sort_values("kind").to_parquet(tmp_path / "t.parquet")
    frame = pl.scan_parquet(tmp_path / "t.parquet")
    assert TableBatches(frame, "kind").feature_names == FEATURES
    columns = ["__index_level_0__", "sl"]
    assert TableBatches(frame, "kind", columns=columns).feature_names == columns


@pytest.mark.parametrize("classifier", [KerasMulticlassClassifier, KerasMultilabelClassifier])
def test_a_list_of_one_target_is_the_target_and_causes_no_warnings(classifier):
    frame = pl.DataFrame({"a": range(40), "u": [0, 1] * 20})
    batches = TableBatches(frame.lazy(), ["u"], batch_size=8)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataConversionWarning)
        fitted = classifier("mlp", epochs=1).fit(batches)
    assert fitted.classes_.tolist() == [0, 1]
    assert fitted.predict(batches).shape == (40,)


def test_numbers_are_one_array_of_32_bits_if_these_hold_them(tmp_path):
    narrow = pa.table(
        {
            "small": pa.array([1, None, 3], pa.int16()),
            "flag": [True, None, False],
            "half": pa.array([0.5, 1, 2], pa.float32()),
            "none": pa.nulls(3),
            "y": [0, 1, 0],
        }
    )
    pq.write_table(narrow, tmp_path / "narrow.parquet")
    X, y = next(iter(TableBatches(tmp_path / "narrow.parquet", "y", shuffle=False)))
    assert (set(X.dtypes), y.dtype) == ({np.dtype("float32")}, np.int64)
    nan = np.nan
    expected = [[1, 1, 0.5, nan], [nan, nan, 1, nan], [3, 0, 2, nan]]
    np.testing.assert_array_equal(X.to_numpy(), expected)
    wide = narrow.append_column("time", pa.array([1_700_000_000, None, 1_700_000_001]))
    pq.write_table(wide, tmp_path / "wide.parquet")
    X, _ = next(iter(TableBatches(tmp_path / "wide.parquet", "y", shuffle=False)))
    assert set(X.dtypes) == {np.dtype("float64")}
    np.testing.assert_array_equal(X["time"], [1_700_000_000, nan, 1_700_000_001])


def test_other_columns_arrive_as_frames(tmp_path):
    days = [datetime.date(2024, 1, 1 + i) for i in range(6)]
    frame = pl.DataFrame({"n": range(6), "s": list("abcabc"), "day": days, "y": [0, 1] * 3})
    frame.write_parquet(tmp_path / "t.parquet")
    for source, kind in (
        (tmp_path / "t.parquet", (pd.DataFrame, pl.DataFrame)),
        (frame.lazy(), pl.DataFrame),
    ):
        parts = list(TableBatches(source, "y", batch_size=4, shuffle=False))
        assert [len(X) for X, _ in parts] == [4, 2]
        assert all(isinstance(X, kind) for X, _ in parts)
        assert list(parts[0][0]["s"]) == list("abca")
        assert np.concatenate([y for _, y in parts]).tolist() == [0, 1] * 3


def test_categories_and_dates_of_files_train_like_a_frame(tmp_path):
    n = 60
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n) % 9, "D")
    frame = pd.DataFrame({"n": np.arange(n) / n, "s": list("abc") * 20, "day": days})
    frame.assign(y=np.arange(n) % 3).to_parquet(tmp_path / "t.parquet", row_group_size=20)
    batches = TableBatches(tmp_path / "t.parquet", "y", batch_size=20, shuffle=False)
    streamed = tiny(epochs=3).fit(batches)
    in_memory = tiny(epochs=3, batch_size=20, shuffle=False).fit(frame, np.arange(n) % 3)
    assert streamed.engine_ == "graph"
    np.testing.assert_allclose(
        streamed.predict_proba(frame), in_memory.predict_proba(frame), atol=1e-4
    )


def test_names_of_folders_become_a_column(tmp_path):
    for year in (2023, 2024):
        (tmp_path / f"year={year}").mkdir()
        pq.write_table(TABLE.slice(75 * (year - 2023), 75), tmp_path / f"year={year}" / "t.parquet")
    X, y = rows_of(TableBatches(tmp_path, "kind", shuffle=False, columns=["year", "pw"]))
    np.testing.assert_array_equal(X[:, 0], np.repeat([2023, 2024], 75))
    np.testing.assert_array_equal(y, FRAME["kind"])


def test_numbers_of_a_text_file_may_become_fractions_behind_its_first_lines(tmp_path):
    lines = [f"{i},{i},{i % 3}" for i in range(150_000)] + ["0.5,,2"]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *lines]))
    batches = TableBatches(tmp_path / "t.csv", "y", shuffle=False, batch_size=100_000)
    X, y = rows_of(batches)
    np.testing.assert_array_equal(X[-1], [0.5, np.nan])
    assert (len(y), y.dtype.kind) == (150_001, "i")


@pytest.mark.parametrize(("name", "separator"), [("t.csv", ","), ("t.tsv", "\t")])
def test_empty_strings_of_a_text_file_are_missing_as_in_pandas(tmp_path, name, separator):
    lines = ["a,s,y", *["1,x,p", "2,,q", "3,NA,p", '4,"",q'] * 5]
    (tmp_path / name).write_text("\n".join(lines).replace(",", separator))
    X, _ = next(iter(TableBatches(tmp_path / name, "y", shuffle=False)))
    expected = pd.read_csv(tmp_path / name, sep=separator)["s"].isna()
    assert X["s"].isna().tolist() == expected.tolist() == [False, True, True, True] * 5


def test_an_empty_label_of_a_text_file_is_missing_unless_the_dataset_says_otherwise(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a,y", *["1,p", "2,", "3,q"] * 5]))
    with pytest.raises(ValueError, match="y contains NaN"):
        KerasMulticlassClassifier("mlp").fit(TableBatches(path, "y"))
    path.write_text("\n".join(["a,y", *["1,p", "2,NA", "3,q"] * 5]))
    options = csv.ConvertOptions(null_values=[""], strings_can_be_null=True)
    dataset = ds.dataset(path, format=ds.CsvFileFormat(convert_options=options))
    fitted = KerasMulticlassClassifier("mlp", epochs=1).fit(TableBatches(dataset, "y"))
    assert fitted.classes_.tolist() == ["NA", "p", "q"]


def test_files_may_have_numbers_of_different_types(tmp_path):
    pq.write_table(
        pa.table({"a": pa.array([1, 2], pa.int8()), "y": [0, 1]}), tmp_path / "1.parquet"
    )
    pq.write_table(pa.table({"a": [0.5, 2.0], "y": [0, 1]}), tmp_path / "2.parquet")
    X, y = rows_of(TableBatches(tmp_path, "y", shuffle=False))
    np.testing.assert_array_equal(X[:, 0], [1, 2, 0.5, 2])
    np.testing.assert_array_equal(y, [0, 1, 0, 1])


def test_booleans_of_a_text_file_are_zeros_and_ones(tmp_path):
    (tmp_path / "t.csv").write_text("a,full,gaps,y\n1,true,,x\n2,false,True,z\n3,true,False,x\n")
    X, _ = next(iter(TableBatches(tmp_path / "t.csv", "y", shuffle=False)))
    expected = [[1, 1, np.nan], [2, 0, 1], [3, 1, 0]]
    np.testing.assert_array_equal(X.to_numpy(), expected)


def test_booleans_of_one_text_file_and_numbers_of_another_are_an_error(tmp_path):
    (tmp_path / "1.csv").write_text("a,y\ntrue,0\nfalse,1\n")
    (tmp_path / "2.csv").write_text("a,y\n1,0\n0,1\n")
    with pytest.raises(ValueError, match="int64 in column 'a' of the file .*, and bool before"):
        TableBatches(tmp_path, "y")
    with pytest.raises(ValueError, match="int64 in column 'a' of the file .*, and bool before"):
        TableBatches(tmp_path, "a")
    (tmp_path / "2.csv").write_text("a,y\n,0\n,1\n")
    X, _ = rows_of(TableBatches(tmp_path, "y", shuffle=False))
    np.testing.assert_array_equal(X[:, 0], [1, 0, np.nan, np.nan])


def test_a_dataset_keeps_its_types(tmp_path):
    for name, kind in (("1", pa.null()), ("2", pa.string())):
        column = pa.nulls(2, kind) if name == "1" else pa.array(["x", "z"])
        pq.write_table(pa.table({"s": column, "y": [0, 1]}), tmp_path / f"{name}.parquet")
    with pytest.raises(ValueError, match="string in column 's' of the file .*, and null before"):
        TableBatches(ds.dataset(tmp_path), "y")
    schema = pa.schema([("s", pa.string()), ("y", pa.int32())])
    (_, y), *_ = TableBatches(ds.dataset(tmp_path, schema=schema), "y")
    assert y.dtype == np.int32


@pytest.mark.parametrize("first", [pa.int64(), pa.int32(), pa.bool_()])
@pytest.mark.parametrize("second", [pa.int64(), pa.uint8(), pa.bool_()])
def test_labels_that_are_whole_in_all_files_stay_whole(tmp_path, first, second):
    for name, kind in (("1", first), ("2", second)):
        table = pa.table({"a": [1.0, 2.0], "y": pa.array([0, 1]).cast(kind)})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    _, y = rows_of(TableBatches(tmp_path, "y", shuffle=False))
    assert y.dtype.kind == ("b" if first == second == pa.bool_() else "i")
    assert y.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("empty", ["1", "2"])
def test_a_column_may_be_empty_in_one_text_file(tmp_path, empty):
    for name in ("1", "2"):
        cells = ["", ""] if name == empty else ["x", "z"]
        lines = [f"{cell},{i},{i % 2}" for i, cell in enumerate(cells)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["s,n,y", *lines]))
    batches = TableBatches(tmp_path, "y", shuffle=False)
    assert [x for X, _ in batches for x in X["s"].dropna()] == ["x", "z"]
    assert sum(X["s"].isna().sum() for X, _ in batches) == 2


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("categories", ["1", "2"])
def test_categories_of_one_file_may_be_strings_of_another(tmp_path, kind, categories):
    for name in ("1", "2"):
        strings = pa.array(["x", "z"], kind)
        column = strings.dictionary_encode() if name == categories else strings.cast(pa.string())
        pq.write_table(pa.table({"s": column, "y": column}), tmp_path / f"{name}.parquet")
    for source in (tmp_path, ds.dataset(tmp_path)):
        parts = list(TableBatches(source, "y", shuffle=False))
        assert [x for X, _ in parts for x in X["s"]] == ["x", "z"] * 2
        assert [x for _, y in parts for x in y] == ["x", "z"] * 2


# --- orders ---------------------------------------------------------------------------------------


def test_passes_have_different_orders_that_the_seed_determines(files):
    first = TableBatches(files, "kind", random_state=1)
    passes = [rows_of(first)[1].tolist() for _ in range(2)]
    again = TableBatches(files, "kind", random_state=1)
    assert [rows_of(again)[1].tolist() for _ in range(2)] == passes
    assert passes[0] != passes[1]
    assert rows_of(TableBatches(files, "kind", random_state=2))[1].tolist() != passes[0]


def test_row_groups_are_read_in_random_order_and_shuffled_within_a_buffer(tmp_path):
    numbers = pa.table({"n": np.arange(1000, dtype=np.float32), "y": np.arange(1000) % 2})
    pq.write_table(numbers, tmp_path / "t.parquet", row_group_size=100)
    batches = TableBatches(
        tmp_path / "t.parquet", "y", batch_size=50, buffer_size=100, random_state=0
    )
    parts = [X.to_numpy().ravel() for X, _ in batches]
    groups = [set((part // 100).tolist()) for part in parts]
    assert all(len(group) == 1 for group in groups)  # the buffer holds one row group
    order = [group.pop() for group in groups][::2]
    assert sorted(order) == list(range(10))
    assert order != sorted(order)
    assert all((np.diff(part) < 0).any() for part in parts)


def test_a_fit_is_the_same_whatever_was_read_before_and_in_another_process(files):
    batches = TableBatches(files, "kind", batch_size=32, random_state=3)
    expected = tiny(epochs=2).fit(batches).history_
    next(iter(batches))
    assert tiny(epochs=2).fit(batches).history_ == expected
    assert tiny(epochs=2).fit(pickle.loads(pickle.dumps(batches))).history_ == expected


def test_a_lazy_frame_can_be_pickled(files):
    batches = TableBatches(pl.scan_parquet(files / "*.parquet"), "kind", shuffle=False)
    actual, expected = rows_of(pickle.loads(pickle.dumps(batches))), rows_of(batches)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_predictions_are_in_the_order_of_the_rows(files):
    batches = TableBatches(files, "kind", batch_size=32, random_state=0)
    classifier = tiny().fit(batches)
    np.testing.assert_allclose(
        classifier.predict_proba(batches), classifier.predict_proba(FRAME[FEATURES]), atol=1e-6
    )
    assert classifier.score(batches) == classifier.score(FRAME[FEATURES], FRAME["kind"])


def test_steps_per_epoch_count_batches(files):
    batches = TableBatches(files, "kind", batch_size=10, random_state=0)
    classifier = tiny(epochs=2, fit__steps_per_epoch=4).fit(batches)
    assert int(classifier.model_.optimizer.iterations) == 8


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"target": "species"}, "columns of source; got 'species', which it lacks"),
        ({"target": "kinds"}, "Did you mean 'kind'?"),
        ({"columns": ["sl", "height"]}, "got 'height', which it lacks"),
        (
            {"columns": ["sl", "kind"]},
            "'kind' more than once. A label among the features would give the answer away.",
        ),
        ({"columns": []}, "columns must be a list of names"),
        ({"columns": "sl"}, "columns must be a list of names"),
        ({"target": 3}, "target must be the name of a column, or a list of names; got 3"),
        ({"sample_weight": ["sl"]}, "sample_weight must be the name of a column"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1; got 0"),
        ({"buffer_size": "big"}, "buffer_size must be a whole number"),
        ({"shuffle": "yes"}, "shuffle must be a bool; got 'yes'"),
        ({"source": 5}, "source must be a path, a list of paths"),
        ({"source": []}, "source must be at least one file"),
        ({"source": "nowhere.parquet"}, "'nowhere.parquet' must exist"),
        ({"source": "table.xlsx"}, "of one format, named '.parquet'"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(map(str, value.items())),
)
def test_wrong_arguments_are_errors(files, arguments, words):
    arguments = {"source": files, "target": "kind", **arguments}
    with pytest.raises((ValueError, TypeError, FileNotFoundError)) as error:
        TableBatches(**arguments)
    assert words in str(error.value)


def test_files_with_other_columns_are_errors(tmp_path):
    def against(table):
        pq.write_table(pa.table({"a": [1.0, 2.0], "b": [1.0, 2.0], "y": [0, 1]}), tmp_path / "1.pq")
        pq.write_table(table, tmp_path / "2.pq")
        return TableBatches(tmp_path, "y")

    with pytest.raises(ValueError, match="2.pq' without 'b'"):
        against(pa.table({"a": [1.0], "y": [0]}))
    with pytest.raises(ValueError, match="2.pq' with 'c', which others lack"):
        against(pa.table({"a": [1.0], "b": [1.0], "c": [1.0], "y": [0]}))
    with pytest.raises(ValueError, match="string in column 'b' of the file .*, and double"):
        against(pa.table({"a": [1.0], "b": ["x"], "y": [0]}))
    assert TableBatches(tmp_path, "y", columns=["a"]).n_rows == 3


def test_a_filtered_dataset_is_an_error_and_a_filtered_frame_is_read(files):
    filtered = ds.dataset(files).filter(ds.field("pw") > 1)
    with pytest.raises(ValueError, match="without a filter; got one with a filter. Filter a Lazy"):
        TableBatches(filtered, "kind")
    frame = pl.scan_parquet(files / "*.parquet").filter(pl.col("pw") > 1)
    assert TableBatches(frame, "kind").n_rows == (FRAME["pw"] > 1).sum()


def test_files_that_cannot_be_read_are_errors(files, tmp_path):
    path = files / "part1.parquet"
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ValueError, match="must be readable; got an error: .*part1.parquet"):
        TableBatches(files, "kind")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="must be of at least one file; got no files"):
        TableBatches(tmp_path / "empty", "kind")
    (tmp_path / "none.csv").write_text("a,y\n")
    with pytest.raises(ValueError, match="source must be a table of at least one row; got no rows"):
        tiny().fit(TableBatches(tmp_path / "none.csv", "y"))
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "a.csv").write_text("a,y\n1,2\n")
    pq.write_table(TABLE, tmp_path / "mixed" / "b.parquet")
    with pytest.raises(ValueError, match="of one format, .*; got files named '.csv', '.parquet'"):
        TableBatches(tmp_path / "mixed", "y")


def test_a_text_among_the_numbers_of_a_file_is_an_error_that_names_the_column(tmp_path):
    path = tmp_path / "t.csv"
    lines = [f"{i},{i % 9},{i % 3}" for i in range(150_000)] + ["1,A-1,2"]
    path.write_text("\n".join(["a,zip,y", *lines]))
    options = {"batch_size": 10_000, "shuffle": False}
    words = "Column 'zip' of the file .*t.csv' must be numbers in all rows, as .*; got another"
    with pytest.raises(ValueError, match=words) as error:
        tiny(epochs=1).fit(TableBatches(path, "y", **options))
    assert "A-1" not in str(error.value)
    *_, (X, _) = TableBatches(path, "y", columns=["a"], **options)  # the cures
    assert X["a"].tolist() == [1]
    convert = csv.ConvertOptions(column_types={"zip": pa.string()})
    typed = ds.dataset(path, format=ds.CsvFileFormat(convert_options=convert))
    *_, (X, _) = TableBatches(typed, "y", **options)
    assert X["zip"].tolist() == ["A-1"]
    schema = pa.schema([("a", pa.float64()), ("zip", pa.string()), ("y", pa.int64())])
    *_, (X, _) = TableBatches(ds.dataset(path, format="csv", schema=schema), "y", **options)
    assert X["zip"].tolist() == ["A-1"]
    with pytest.raises(ValueError, match="Column 'zip' of the file .* must be whole numbers"):
        list(TableBatches(path, "zip", **options))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (os.remove, "must exist as long as it is read"),
        (lambda path: pq.write_table(TABLE, path), "has changed since TableBatches was made"),
        (lambda path: path.write_bytes(path.read_bytes()[:400]), "has changed since"),
    ],
    ids=["removed", "replaced", "cut off"],
)
def test_a_file_that_changes_between_epochs_is_an_error_and_the_network_is_kept(
    files, change, words
):
    batches = TableBatches(files, "kind", batch_size=32, random_state=0)
    classifier = tiny(epochs=1).fit(batches)
    before = classifier.predict_proba(FRAME[FEATURES])

    def after(epoch, logs):
        if epoch == 1:  # the first one of the second fit
            change(files / "part1.parquet")

    classifier.set_params(
        epochs=3, warm_start=True, callbacks=keras.callbacks.LambdaCallback(on_epoch_end=after)
    )
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        classifier.fit(batches)
    np.testing.assert_array_equal(classifier.predict_proba(FRAME[FEATURES]), before)


def test_missing_labels_are_errors_that_name_the_block(tmp_path):
    table = pa.table({"a": np.arange(60.0), "y": pa.array([0, 1, None] * 20)})
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="Block 1 of X cannot be used: .*contains NaN"):
        KerasMulticlassClassifier("mlp").fit(TableBatches(tmp_path / "t.parquet", "y"))


def test_without_pyarrow_the_error_says_how_to_install_it(monkeypatch, files):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.dataset", None)
    with pytest.raises(ImportError, match="pip install pyarrow"):
        TableBatches(files, "kind")
    assert TableBatches(pl.scan_parquet(files / "*.parquet"), "kind").n_rows == 150


def test_folds_of_a_table_keep_the_size_of_the_batches():
    table = pl.DataFrame({"a": np.arange(500.0), "y": [0, 1] * 250}).lazy()
    rows = NumberedRows(TableBatches(table, "y", batch_size=100, shuffle=False))
    assert [len(y) for _, y in rows.take(np.arange(500))()] == [100] * 5
    assert [len(y) for _, y in rows.take(np.arange(0, 500, 2))()] == [50, 100, 100]


@pytest.mark.parametrize("batch_size", [40, 150])
def test_a_lazy_frame_is_scored_like_a_frame(batch_size):
    classifier = tiny(epochs=1).fit(FRAME[FEATURES], FRAME["kind"])
    batches = TableBatches(pl.from_pandas(FRAME).lazy(), "kind", batch_size=batch_size)
    assert classifier.score(batches) == classifier.score(FRAME[FEATURES], FRAME["kind"])
    report = ClassificationReport.from_estimator(classifier, batches)
    assert report.n_samples == 150


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [([1, 2], [3], [1, 2, 3]), ([1], [0.5], [1, 0.5]), ([1], ["x"], [1, "x"])],
)
def test_series_of_polars_are_joined_whatever_their_types(first, second, joined):
    assert list(join_rows([pl.Series(first), pl.Series(second)], "y")) == joined


@pytest.mark.parametrize("method", ["predict", "score", "cross_validate"])
def test_errors_of_all_methods_call_blocks_of_batches_blocks(method):
    good = FRAME.assign(pw=FRAME["pw"].astype("float64"))
    bad = good.assign(pw=np.where(np.arange(150) < 140, good["pw"], np.inf))
    classifier = tiny(epochs=1).fit(good[FEATURES], good["kind"])
    batches = TableBatches(pl.from_pandas(bad).lazy(), "kind", batch_size=32, shuffle=False)
    read = {
        "predict": lambda: classifier.predict(batches),
        "score": lambda: classifier.score(batches),
        "cross_validate": lambda: NumberedRows(
            TableBatches(
                pl.DataFrame({"a": [1.0] * 90, "y": [0, 1] * 45, "w": [1.0] * 89 + [-1.0]}).lazy(),
                "y",
                sample_weight="w",
                batch_size=32,
                shuffle=False,
            )
        ),
    }
    with pytest.raises(ValueError, match="^Block 2 of X cannot be used: "):
        read[method]()
    with pytest.raises(ValueError, match="^Batch 3 of X cannot be used: "):
        classifier.predict(lambda: (bad[FEATURES].iloc[i : i + 64] for i in range(0, 150, 64)))


def test_a_dataset_of_files_in_buffers_is_read():
    files = []
    for start in (0, 75):
        sink = pa.BufferOutputStream()
        pq.write_table(TABLE.slice(start, 75), sink)
        files.append(ds.ParquetFileFormat().make_fragment(sink.getvalue()))
    dataset = ds.FileSystemDataset(files, TABLE.schema, ds.ParquetFileFormat())
    batches = TableBatches(dataset, "kind", batch_size=100, shuffle=False)
    assert batches.n_rows == 150
    X, y = rows_of(batches)
    np.testing.assert_array_equal(X, FRAME[FEATURES])
    np.testing.assert_array_equal(y, FRAME["kind"])


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (MemoryError("malloc failed"), MemoryError, "^malloc failed$"),
        (pa.ArrowMemoryError("malloc failed"), MemoryError, "^malloc failed$"),
        (PermissionError(errno.EACCES, "no"), PermissionError, "permission was denied. Let this"),
        (OSError(errno.EIO, "bad disk"), ValueError, "bad disk. Check the disk or the connection"),
        (OSError("bad footer"), ValueError, "bad footer. It may be corrupt, cut off, or in"),
        (pa.ArrowInvalid("bad row"), ValueError, "bad row. It may be corrupt, cut off, or in"),
    ],
    ids=lambda value: repr(value) if isinstance(value, Exception) else None,
)
def test_only_files_that_may_be_corrupt_are_called_so(error, kind, words):
    with pytest.raises(kind, match=words), readable("The file 'a'", (pa.ArrowException,)):
        raise error


def test_an_error_of_a_query_says_how_to_see_it_and_does_not_quote_values():
    frame = pl.LazyFrame({"a": ["secret"], "y": [0]}).with_columns(pl.col("a").cast(pl.Int64))
    with pytest.raises(ValueError, match=r"got an error: .*\. Run frame\.collect\(\) to") as error:
        next(iter(TableBatches(frame, "y")))
    assert "secret" not in str(error.value)
    assert error.value.__suppress_context__  # whose text may quote values


def test_a_column_that_is_repeated_is_not_called_a_label(files):
    with pytest.raises(ValueError, match="'sl' more than once") as error:
        TableBatches(files, "kind", columns=["sl", "sl"])
    assert "label among" not in str(error.value)


def test_tables_of_many_columns_are_checked_in_linear_time():
    names = [f"x{i}" for i in range(20_000)]
    frame = pl.DataFrame(np.zeros((1, 20_000)), schema=names).lazy()
    start = time.process_time()
    assert len(TableBatches(frame, "x0").feature_names) == 19_999
    assert time.process_time() - start < 2  # several times as long, if names are compared in pairs
