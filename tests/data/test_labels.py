"""Labels: encoding and decoding keep every format, and invalid targets are rejected."""

import datetime
import pickle
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import DataConversionWarning

from keras_multiclass._data.labels.codec import LabelCodec

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

NAMES = ["pear", "apple", "fig", "apple", "pear"]
NAME_CODES = [2, 0, 1, 0, 2]
ONE_HOT = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]])
ONE_HOT_CODES = [2, 0, 1, 0]

any_labels = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=30),
    st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=30),
    st.lists(st.text(max_size=8).filter(lambda t: "\x00" not in t), min_size=2, max_size=30),
    st.lists(st.booleans(), min_size=2, max_size=30),
    st.lists(st.integers(-1000, 1000).map(float), min_size=2, max_size=30),
    st.lists(st.dates(), min_size=2, max_size=30),
).filter(lambda labels: len(set(labels)) > 1)


@settings(max_examples=150, deadline=None)
@given(any_labels)
def test_labels_round_trip_and_classes_equal_numpy_unique(labels):
    y = np.asarray(labels)
    codec = LabelCodec.learn(labels)
    codes = codec.encode(labels)
    expected_classes, expected_codes = np.unique(y, return_inverse=True)
    assert codes.dtype == np.int32
    np.testing.assert_array_equal(codec.classes, expected_classes)
    np.testing.assert_array_equal(codes, expected_codes)
    np.testing.assert_array_equal(codec.decode(codes), y)
    np.testing.assert_array_equal(codec.encode(np.asarray(labels, dtype=object)), codes)


@pytest.mark.parametrize(
    "y",
    [
        NAMES,
        tuple(NAMES),
        np.array(NAMES),
        np.array(NAMES, dtype=object),
        pd.Series(NAMES, index=[9, 8, 7, 6, 5]),
        pd.Series(NAMES, dtype=object),
        pd.Series(NAMES, dtype="string"),
        pd.Series(NAMES, dtype="category"),
        pd.Categorical(NAMES, categories=["pear", "fig", "apple", "unused"], ordered=True),
        pd.Index(NAMES),
        pl.Series(NAMES),
        pl.Series(NAMES, dtype=pl.Categorical),
        pl.Series(NAMES, dtype=pl.Enum(["pear", "fig", "apple"])),
    ],
    ids=lambda y: f"{type(y).__name__}-{getattr(y, 'dtype', '')}"[:30],
)
def test_strings_in_any_container_become_sorted_classes(y):
    codec = LabelCodec.learn(y)
    assert codec.classes.tolist() == ["apple", "fig", "pear"]
    assert codec.encode(y).tolist() == NAME_CODES
    assert codec.decode(NAME_CODES).tolist() == NAMES
    assert codec.form == "vector"


@pytest.mark.parametrize(
    ("y", "classes", "kind"),
    [
        ([5, -3, 5, 100], [-3, 5, 100], "i"),
        (np.array([5, 3, 5], dtype=np.uint8), [3, 5], "u"),
        (np.array([5, 3, 5], dtype=object), [3, 5], "i"),
        ([2.0, 1.0, 2.0], [1.0, 2.0], "f"),
        ([True, False], [False, True], "b"),
        (np.array([True, False], dtype=object), [False, True], "b"),
        (pd.Series([5, 3, 5], dtype="Int64"), [3, 5], "i"),
        (pd.Series([True, False], dtype="boolean"), [False, True], "b"),
        (pd.Series([5, 3], dtype="category"), [3, 5], "i"),
        (pl.Series([5, 3, 5]), [3, 5], "i"),
        (pl.Series([True, False]), [False, True], "b"),
    ],
    ids=str,
)
def test_classes_keep_their_natural_dtype(y, classes, kind):
    codec = LabelCodec.learn(y)
    assert codec.classes.tolist() == classes
    assert codec.classes.dtype.kind == kind
    assert codec.decode(codec.encode(y)).tolist() == np.asarray(y).tolist()


@pytest.mark.parametrize(
    "y",
    [
        np.array([[1], [0], [1]]),
        [[1], [0], [1]],
        pd.DataFrame({"target": [1, 0, 1]}),
        pl.DataFrame({"target": [1, 0, 1]}),
        sparse.csr_array([[1], [0], [1]]),
    ],
    ids=lambda y: type(y).__name__,
)
def test_a_column_vector_is_flattened_with_scikit_learns_warning(y):
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        codec = LabelCodec.learn(y)
    assert codec.form == "vector"
    with pytest.warns(DataConversionWarning):
        assert codec.encode(y).tolist() == [1, 0, 1]


@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32", "float64", "bool"])
def test_decoded_one_hot_matrices_keep_their_dtype(dtype):
    y = ONE_HOT.astype(dtype)
    codec = LabelCodec.learn(y)
    assert codec.form == "one_hot"
    assert codec.classes.tolist() == [0, 1, 2]
    assert codec.encode(y).tolist() == ONE_HOT_CODES
    decoded = codec.decode(ONE_HOT_CODES)
    assert decoded.dtype == y.dtype
    np.testing.assert_array_equal(decoded, y)


def test_one_hot_lists_and_object_matrices_are_accepted():
    for y in (ONE_HOT.tolist(), ONE_HOT.astype(object), ONE_HOT.astype(bool).tolist()):
        codec = LabelCodec.learn(y)
        assert codec.encode(y).tolist() == ONE_HOT_CODES
        np.testing.assert_array_equal(codec.decode(ONE_HOT_CODES), ONE_HOT)


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.coo_matrix, sparse.csc_array])
def test_decoded_sparse_one_hot_matrices_stay_matrices_or_arrays(make):
    y = make(ONE_HOT)
    codec = LabelCodec.learn(y)
    assert codec.encode(y).tolist() == ONE_HOT_CODES
    decoded = codec.decode(ONE_HOT_CODES)
    assert sparse.isspmatrix(decoded) == sparse.isspmatrix(y)
    assert decoded.dtype == y.dtype
    np.testing.assert_array_equal(decoded.toarray(), ONE_HOT)


@pytest.mark.parametrize("dtype", ["bool", "int64", "float32", "boolean", "Int64", "Sparse[int]"])
def test_decoded_one_hot_pandas_frames_keep_columns_and_dtype(dtype):
    y = pd.DataFrame(ONE_HOT, columns=["pear", "apple", "fig"]).astype(dtype)
    codec = LabelCodec.learn(y)
    assert codec.form == "one_hot_frame"
    assert codec.classes.tolist() == ["pear", "apple", "fig"]
    assert codec.encode(y).tolist() == ONE_HOT_CODES
    pd.testing.assert_frame_equal(codec.decode(ONE_HOT_CODES), y)


def test_decoded_one_hot_frames_of_several_dtypes_have_them():
    frame = pd.DataFrame(np.eye(3, dtype=int), columns=list("cab"))
    frame = frame.astype({"c": "Int8", "a": "float32", "b": pd.CategoricalDtype([0, 1])})
    pd.testing.assert_frame_equal(LabelCodec.learn(frame).decode([0, 1, 2]), frame)
    table = pl.DataFrame(frame.astype(int)).cast({"a": pl.Float32, "b": pl.UInt8})
    decoded = LabelCodec.learn(table).decode([0, 1, 2])
    assert decoded.equals(table)
    assert decoded.schema == table.schema


def test_pandas_get_dummies_round_trips():
    y = pd.get_dummies(pd.Series(NAMES))
    codec = LabelCodec.learn(y)
    assert codec.encode(y).tolist() == NAME_CODES
    pd.testing.assert_frame_equal(codec.decode(NAME_CODES), y)


@pytest.mark.parametrize("dtype", [pl.UInt8, pl.Int64, pl.Boolean, pl.Float32])
def test_decoded_one_hot_polars_frames_keep_columns_and_dtype(dtype):
    y = pl.DataFrame(ONE_HOT, schema=["pear", "apple", "fig"]).cast(dtype)
    codec = LabelCodec.learn(y)
    assert codec.classes.tolist() == ["pear", "apple", "fig"]
    assert codec.encode(y).tolist() == ONE_HOT_CODES
    assert codec.decode(ONE_HOT_CODES).equals(y)
    assert codec.decode(ONE_HOT_CODES).schema == y.schema


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_as_many_rows_as_classes_are_not_taken_for_columns(library):
    frame = library.DataFrame({"ash": [1, 0, 0], "fir": [0, 1, 0], "oak": [0, 0, 1]})
    codec = LabelCodec.learn(frame)
    decoded = codec.decode([1, 2, 0])
    np.testing.assert_array_equal(decoded.to_numpy(), [[0, 1, 0], [0, 0, 1], [1, 0, 0]])


def test_a_one_hot_column_without_rows_is_a_class():
    codec = LabelCodec.learn(np.eye(4, dtype=int)[[0, 1, 3]])
    assert codec.n_classes == 4
    assert codec.decode([2]).tolist() == [[0, 0, 1, 0]]


def test_columns_of_data_frames_are_matched_by_name_in_any_order():
    codec = LabelCodec.learn(pd.DataFrame(ONE_HOT, columns=["a", "b", "c"]))
    shuffled = pd.DataFrame(ONE_HOT[:, [2, 0, 1]], columns=["c", "a", "b"])
    assert codec.encode(shuffled).tolist() == ONE_HOT_CODES
    assert codec.encode(pl.DataFrame(ONE_HOT, schema=["a", "b", "c"])).tolist() == ONE_HOT_CODES
    fewer = pd.DataFrame({"c": [1, 0], "a": [0, 1]})
    assert codec.encode(fewer).tolist() == [2, 0]


def test_encode_accepts_other_unambiguous_formats():
    matrix = LabelCodec.learn(ONE_HOT)
    assert matrix.encode([2, 0, 1]).tolist() == [2, 0, 1]
    frame = LabelCodec.learn(pd.DataFrame(ONE_HOT, columns=["a", "b", "c"]))
    assert frame.encode(["c", "a"]).tolist() == [2, 0]
    assert frame.encode(ONE_HOT).tolist() == ONE_HOT_CODES
    vector = LabelCodec.learn(["a", "b", "c"])
    assert vector.encode(ONE_HOT).tolist() == ONE_HOT_CODES
    assert vector.encode(pd.get_dummies(pd.Series(["c", "a"]))).tolist() == [2, 0]
    with pytest.raises(ValueError, match="one column for each of the 3 classes"):
        vector.encode(ONE_HOT[:, :2] * 0 + [[0, 1]], "y_val")
    with pytest.raises(ValueError, match="columns of y_val.*1 unknown label: 'd'"):
        frame.encode(pd.DataFrame({"a": [1, 0], "d": [0, 1]}), "y_val")


def test_equal_numbers_of_any_dtype_are_the_same_label():
    codec = LabelCodec.learn(np.array([0, 1, 2]))
    for y in ([2.0, 0.0], np.array([2, 0], np.uint64), np.array([2, 0], object)):
        assert codec.encode(y).tolist() == [2, 0]
    assert LabelCodec.learn([False, True]).encode([1, 0, 1]).tolist() == [1, 0, 1]
    assert LabelCodec.learn([0.0, 1.0]).encode([1, 0]).tolist() == [1, 0]


def test_integers_beyond_float_precision_are_distinguished():
    codec = LabelCodec.learn(np.array([2**53, 2**53 + 1]))
    assert codec.encode(np.array([2**53 + 1, 2**53], np.uint64)).tolist() == [1, 0]
    with pytest.raises(ValueError, match="1 unknown label"):
        codec.encode(np.array([2**53 + 2], np.uint64))


def test_strings_longer_than_the_classes_are_not_truncated():
    codec = LabelCodec.learn(np.array(["cat", "dog"]))
    assert codec.encode(np.array(["dog", "cat"], dtype="U50")).tolist() == [1, 0]
    with pytest.raises(ValueError, match="catfish"):
        codec.encode(np.array(["cat", "catfish"]))


def test_classes_may_include_labels_that_y_lacks():
    codec = LabelCodec.learn([3, 3], classes=[5, 3, 4])
    assert codec.classes.tolist() == [3, 4, 5]
    assert codec.encode([3, 5]).tolist() == [0, 2]
    named = LabelCodec.learn(ONE_HOT, classes=["z", "y", "x"])
    assert named.classes.tolist() == ["z", "y", "x"]
    np.testing.assert_array_equal(named.decode([2]), [[0, 0, 1]])
    frame = pd.DataFrame({"b": [1, 0], "a": [0, 1]})
    wider = LabelCodec.learn(frame, classes=["a", "b", "c"])
    assert wider.encode(frame).tolist() == [1, 0]
    expected = pd.DataFrame({"a": [0], "b": [0], "c": [1]})
    pd.testing.assert_frame_equal(wider.decode([2]), expected, check_column_type=False)


@pytest.mark.parametrize(
    ("y", "classes", "message"),
    [
        ([1, 2], [1, 3], "classes must be all labels.*a list without 1 label: 2"),
        ([1, 2], [1, 2, 2], "classes must be different labels"),
        ([1, 2], [[1, 2]], "classes must be a 1-d list"),
        ([1, 2], 2, "classes must be a 1-d list"),
        ([1, 2], [], "classes must be a 1-d list"),
        ([1, 2], pl.DataFrame({"a": [1]}), "classes must be a 1-d list"),
        ([1, 1], [1], "at least 2 classes; got 1 class in classes"),
        ([1, 2], [1, None], "Input classes contains NaN"),
        (ONE_HOT, ["a", "b"], "classes must be 3 names"),
        (pd.DataFrame(ONE_HOT, columns=list("abc")), ["a", "b"], "without 1 label: 'c'"),
    ],
)
def test_invalid_classes_are_rejected(y, classes, message):
    with pytest.raises(ValueError, match=message):
        LabelCodec.learn(y, classes=classes)


MULTI_LABEL = [[1, 1, 0], [0, 0, 1]]
NAN_MESSAGE = re.escape("Input y contains NaN.")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed, but the target y is None"),
        ([], "at least one label"),
        (np.empty((0, 3)), "at least one label"),
        (pd.Series([], dtype=float), "at least one label"),
        (pd.DataFrame({"a": [], "b": []}), "at least one label"),
        (sparse.csr_matrix((0, 3)), "at least one label"),
        ("cat", "1-d labels"),
        (3, "1-d labels"),
        (np.zeros((2, 2, 2)), r"1-d labels.*shape \(2, 2, 2\)"),
        ([1, 1, 1], "needs at least 2 classes; got 1 class in y"),
        (["a"] * 3, "needs at least 2 classes; got 1 class in y"),
        (MULTI_LABEL, "multi-label.*1 of 2 rows.*KerasMultilabelClassifier"),
        (np.array(MULTI_LABEL, bool), "multi-label"),
        (sparse.csr_array(MULTI_LABEL), "multi-label"),
        (pd.DataFrame(MULTI_LABEL), "multi-label"),
        (pl.DataFrame(MULTI_LABEL, orient="row"), "multi-label"),
        ([[1, 0], [0, 0]], "1 of 2 rows without a one"),
        (sparse.csr_array([[1, 0], [0, 0]]), "1 of 2 rows without a one"),
        ([[1, 2], [0, 3]], "multi-output"),
        (sparse.csr_array([[1, 2], [0, 3]]), "multi-output"),
        ([["a", "b"], ["c", "d"]], "multi-output"),
        ([[0.5, 0.5], [0.1, 0.9]], "soft labels.*argmax"),
        ([[1, 2], [3]], "multi-label.*KerasMultilabelClassifier.*MultiLabelBinarizer"),
        ([[1, 2], [3, [4]]], "multi-label"),
        (np.array([[1], [2, 3]], dtype=object), "multi-label"),
        ([0.5, 1.5, 2.0], "Unknown label type: continuous"),
        (pd.Series([0.5, 1.5]), "Unknown label type: continuous"),
        ([1 + 1j, 2], "Complex data not supported"),
        (np.array([b"a", b"b"]), "Unknown label type.*bytes.*np.char.decode"),
        ([b"a", b"b"], "Unknown label type.*bytes.*np.char.decode"),
        (pd.Series([b"a", b"b"]), "Unknown label type.*bytes.*np.char.decode"),
        (["a", b"b"], "labels of type bytes, str"),
        ([1.0, np.nan], NAN_MESSAGE),
        ([[1, 0], [np.nan, 1]], NAN_MESSAGE),
        (["a", None], NAN_MESSAGE),
        (["a", np.nan], NAN_MESSAGE),
        (np.array(["a", np.nan], dtype=object), NAN_MESSAGE),
        (pd.Series(["a", None]), NAN_MESSAGE),
        (pd.Series([1, None], dtype="Int64"), NAN_MESSAGE),
        (pd.Categorical(["a", None]), NAN_MESSAGE),
        (pd.DataFrame({"a": [1, None], "b": [0, 1]}), NAN_MESSAGE),
        (pl.Series(["a", None]), NAN_MESSAGE),
        (pl.DataFrame({"a": [1, None], "b": [0, 1]}), NAN_MESSAGE),
        (np.ma.masked_array([1, 2], mask=[0, 1]), NAN_MESSAGE),
        (np.array(["2020-01-01", "NaT"], dtype="M8[D]"), NAN_MESSAGE),
        ([1.0, np.inf], re.escape("Input y contains infinity or a value too large for dtype('fl")),
        (["a", 1], "labels of type int, str"),
        (np.array([True, 2], dtype=object), "labels of type bool, int"),
        (np.array([datetime.date(2020, 1, 1), datetime.timedelta(1)]), "labels of type date, tim"),
        (pd.DataFrame(np.eye(2, dtype=int), columns=["a", "a"]), "different labels"),
        (
            pd.DataFrame(
                np.eye(2, dtype=int), columns=pd.MultiIndex.from_product([["a"], ["b", "c"]])
            ),
            r"columns of y must be of one level; got 2 levels. Join their names: y.columns = \[",
        ),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_targets_that_are_not_multi_class_are_rejected(y, message):
    with pytest.raises(ValueError, match=message):
        LabelCodec.learn(y)


@pytest.mark.parametrize("make", [list, np.array, pd.Series, pl.Series])
def test_bytes_become_labels_as_the_error_advises(make):
    y = make([b"fir", "élan".encode(), b"fir"])
    with pytest.raises(ValueError, match="got bytes") as caught:
        LabelCodec.learn(y)
    advice = re.search(r"y = (np\.char\.decode\(.*?'utf-8'\))", str(caught.value)).group(1)
    decoded = eval(advice, {"np": np, "y": y})
    assert LabelCodec.learn(decoded).classes.tolist() == ["fir", "élan"]
    with pytest.raises(ValueError, match="classes must be .* got bytes"):
        LabelCodec.learn(decoded, classes=y[:2])
    with pytest.raises(ValueError, match="got bytes"):
        LabelCodec.learn(decoded).encode(y)


def test_a_lazy_frame_must_be_collected_first():
    with pytest.raises(TypeError, match=r"y\.collect\(\)"):
        LabelCodec.learn(pl.DataFrame({"a": [1, 0]}).lazy())


def test_errors_count_unknown_labels_and_list_the_first_few():
    codec = LabelCodec.learn(["apple", "fig", "pear"])
    with pytest.raises(ValueError, match="y_val .* 3 known classes; got 1 unknown label: 'aple'"):
        codec.encode(["fig", "aple", "aple"], "y_val")
    with pytest.raises(ValueError, match="Did you mean 'apple'"):
        codec.encode(["aple"])
    with pytest.raises(ValueError, match=r"7 unknown labels: .*, \.\.\.") as caught:
        codec.encode(list("bcdehij"))
    assert "'b', 'c', 'd', 'e', 'h', ..." in str(caught.value)
    with pytest.raises(ValueError, match="1 unknown label: '1'"):
        LabelCodec.learn([0, 1]).encode(["1"])


@pytest.mark.parametrize(
    "y",
    [
        NAMES,
        ONE_HOT,
        pd.DataFrame(ONE_HOT, columns=["a", "b", "c"]),
        pl.DataFrame(ONE_HOT, schema=["a", "b", "c"]),
    ],
    ids=lambda y: type(y).__name__,
)
def test_a_codec_survives_pickling(y):
    codec = LabelCodec.learn(y)
    restored = pickle.loads(pickle.dumps(codec))
    np.testing.assert_array_equal(restored.classes, codec.classes)
    decoded, expected = restored.decode([2, 0, 1]), codec.decode([2, 0, 1])
    assert type(decoded) is type(expected)
    np.testing.assert_array_equal(np.asarray(decoded), np.asarray(expected))


def test_the_users_labels_are_not_modified():
    y = np.array([2.0, 1.0, 2.0])
    y.flags.writeable = False
    codec = LabelCodec.learn(y)
    codes = codec.encode(y)
    codec.decode(codes)
    assert y.tolist() == [2.0, 1.0, 2.0]


def test_errors_say_that_labels_are_of_another_type_than_the_classes():
    codec = LabelCodec.learn([0, 1, 2])
    hint = "are integers, not strings: write 0, not '0'"
    with pytest.raises(ValueError, match=f"3 unknown labels.* The classes {hint}"):
        codec.encode(["0", "1", "2"])
    with pytest.raises(ValueError, match=f"3 new labels.* The classes {hint}"):
        codec.check_same_classes(["0", "1", "2"])
    with pytest.raises(ValueError, match=f"a list without 3 labels.* The labels {hint}"):
        LabelCodec.learn([0, 1, 2], classes=["0", "1", "2"])


def test_errors_suggest_the_class_of_each_misspelled_label():
    codec = LabelCodec.learn(["ash", "fir", "oak"])
    for call, got in (
        (codec.encode, "2 unknown labels"),
        (codec.check_same_classes, "2 new labels: 'Ash', 'frr' and 2 missing labels"),
    ):
        with pytest.raises(
            ValueError, match=f"{got}.* Did you mean 'ash' for 'Ash', 'fir' for 'frr'"
        ):
            call(["Ash", "frr", "oak"])
