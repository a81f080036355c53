"""Soft labels: tables of probabilities in any format become those of each class."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from scipy.special import softmax

from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._data.labels.indicator import IndicatorCodec
from keras_multiclass._data.labels.soft import SoftLabelCodec, learn_classes

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

SOFT = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.125, 0.375, 0.5], [0.375, 0.25, 0.375]])
LARGEST = [0, 1, 2, 0]  # the first of the largest
ONE_HOT = np.eye(3)[LARGEST]

FORMATS = {
    "float16": SOFT.astype(np.float16),
    "float32": SOFT.astype(np.float32),
    "float64": SOFT,
    "objects": SOFT.astype(object),
    "list": SOFT.tolist(),
    "csr_matrix": sparse.csr_matrix(SOFT),
    "csr_array": sparse.csr_array(SOFT),
    "coo_array": sparse.coo_array(SOFT),
    "pandas": pd.DataFrame(SOFT, columns=["fir", "ash", "oak"], index=[3, 1, 4, 1]),
    "Float64": pd.DataFrame(SOFT, columns=["fir", "ash", "oak"], dtype="Float64"),
    "polars": pl.DataFrame(SOFT, schema=["fir", "ash", "oak"]),
}


def dense(table):
    return table.toarray() if sparse.issparse(table) else np.asarray(table, dtype=float)


@pytest.mark.parametrize("name", FORMATS)
def test_soft_labels_of_any_format_are_learned_and_predictions_are_one_hot_in_it(name):
    codec, encoded = learn_classes(FORMATS[name])
    np.testing.assert_array_equal(encoded, SOFT)
    assert encoded.dtype == ("float32" if name in ("float16", "float32") else "float64")
    np.testing.assert_array_equal(codec.encode(FORMATS[name]), SOFT)
    is_frame = name in ("pandas", "Float64", "polars")
    assert codec.classes.tolist() == (["fir", "ash", "oak"] if is_frame else [0, 1, 2])
    decoded = codec.decode(LARGEST)
    expected = {"list": np.ndarray, "coo_array": sparse.csr_array}
    assert type(decoded) is expected.get(name, type(FORMATS[name]))
    np.testing.assert_array_equal(dense(decoded), ONE_HOT)
    assert codec.accuracy(FORMATS[name], decoded, None) == 1.0


@settings(max_examples=50, deadline=None)
@given(
    st.integers(2, 5).flatmap(
        lambda k: arrays(
            np.float64, st.tuples(st.integers(1, 6), st.just(k)), elements=st.floats(-9, 9)
        )
    ),
    st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_every_softmax_is_soft_labels(logits, dtype):
    y = softmax(logits, axis=1).astype(dtype)
    codec, encoded = learn_classes(y)
    assert isinstance(codec, SoftLabelCodec) or np.all((y == 0) | (y == 1))
    if isinstance(codec, SoftLabelCodec):
        np.testing.assert_array_equal(encoded, y)
        np.testing.assert_array_equal(codec.find(y), y.argmax(axis=1))


def test_zeros_and_ones_are_one_hot_of_any_dtype():
    codec, encoded = learn_classes(ONE_HOT)
    assert type(codec) is LabelCodec
    assert encoded.tolist() == LARGEST


def test_columns_are_matched_by_name_and_missing_ones_are_zero():
    frame = FORMATS["pandas"]
    codec, encoded = learn_classes(frame, classes=["oak", "elm", "ash", "fir"])
    expected = np.column_stack([SOFT[:, 2], np.zeros(4), SOFT[:, 1], SOFT[:, 0]])
    np.testing.assert_array_equal(encoded, expected)
    assert codec.classes.tolist() == ["oak", "elm", "ash", "fir"]
    assert codec.decode([1]).columns.tolist() == ["oak", "elm", "ash", "fir"]
    np.testing.assert_array_equal(codec.encode(frame[["ash", "oak", "fir"]]), expected)
    names, _ = learn_classes(SOFT, classes=["a", "b", "c"])
    assert names.classes.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="classes must be 3 names"):
        learn_classes(SOFT, classes=["a", "b"])
    with pytest.raises(ValueError, match="1 unknown label: 'elm'"):
        learn_classes(frame)[0].encode(frame.rename(columns={"oak": "elm"}))


@pytest.mark.parametrize("y", [["ash", "oak"], [[0, 1, 0], [0, 0, 1]]], ids=["labels", "one-hot"])
def test_labels_and_soft_labels_may_follow_each_other(y):
    expected = [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    soft, _ = learn_classes(FORMATS["pandas"])
    assert soft.encode(y).tolist() == expected
    hard = LabelCodec.learn(["ash", "fir", "oak"] if isinstance(y[0], str) else np.eye(3))
    codec, encoded = learn_classes(SOFT, known=hard)
    np.testing.assert_array_equal(encoded, SOFT)
    assert type(codec.decode([0])) is type(hard.decode([0]))


def test_a_declared_order_of_columns_applies_to_predictions():
    frame = pd.DataFrame({"fir": [1, 0], "ash": [0, 1]})
    codec, codes = LabelCodec.learn_and_encode(frame, classes=["ash", "fir"])
    assert codes.tolist() == [1, 0]
    pd.testing.assert_frame_equal(
        codec.decode(codes), frame[["ash", "fir"]], check_column_type=False
    )


def invalid_tables():
    other = SOFT * [[2], [1], [1], [1]]
    empty = SOFT.copy()
    empty[1] = 0
    return {
        "sums": (other, "1 of 4 rows with another sum. If each row has one class, normalize: "),
        "empty": (empty, "1 of 4 rows with another sum, 1 of them without a positive value"),
        "nan": (np.where(SOFT == 0.5, np.nan, SOFT), "Input y contains NaN"),
        "inf": (np.where(SOFT == 0.5, np.inf, SOFT), "Input y contains infinity"),
        "negative": (SOFT - 0.25, "3 negative values. Convert logits: scipy.special.softmax"),
        "votes": ((SOFT * 8).astype(int), "a multi-output target.*For votes on the class"),
    }


@pytest.mark.parametrize("case", invalid_tables())
def test_tables_that_are_no_distributions_are_rejected(case):
    table, message = invalid_tables()[case]
    for y in (table, pd.DataFrame(table), pl.DataFrame(table), sparse.csr_array(table)):
        with pytest.raises(ValueError, match=message):
            learn_classes(y)


@pytest.mark.parametrize(
    "make",
    [np.asarray, list, pd.DataFrame, pl.DataFrame, sparse.csr_matrix, sparse.csr_array],
    ids=lambda make: make.__name__,
)
def test_other_sums_are_cured_as_the_error_advises(make):
    y = make(SOFT * [[2], [1], [0.5], [1]])
    with pytest.raises(ValueError, match="another sum") as caught:
        learn_classes(y)
    normalize, several = re.search(
        r"normalize: (.*)\. If rows .* such as (.*)\.$", str(caught.value)
    ).groups()
    names = {"y": y, "np": np}
    np.testing.assert_allclose(learn_classes(eval(normalize, names))[1], SOFT)
    if not isinstance(y, list):
        indicator = IndicatorCodec.learn_and_encode(eval(several, names))[1]
        np.testing.assert_array_equal(indicator, dense(y) > 0.5)


@pytest.mark.parametrize("name", FORMATS)
def test_a_target_of_labels_refuses_soft_labels_with_a_cure(name):
    is_frame = name in ("pandas", "Float64", "polars")
    codec = LabelCodec.learn(["fir", "ash", "oak"] if is_frame else [0, 1, 2])
    y = FORMATS[name]
    if name == "coo_array":
        y = y.tocsr()
    with pytest.raises(ValueError, match="y_val must be .*soft labels.*most likely") as caught:
        codec.encode(y, "y_val")
    cure = str(caught.value).rsplit("class: ", 1)[1][:-1]
    expected = np.array(["fir", "ash", "oak"])[LARGEST] if is_frame else LARGEST
    found = codec.encode(eval(cure, {"y_val": y, "np": np}))
    np.testing.assert_array_equal(found, codec.encode(expected))


def test_probabilities_of_the_second_class_become_soft_labels_as_the_error_advises():
    y = np.array([0.25, 1.0, 0.5])
    with pytest.raises(ValueError, match=r"continuous.*np.column_stack\(\[1 - y, y\]\)"):
        learn_classes(y)
    assert learn_classes(np.column_stack([1 - y, y]))[1][:, 1].tolist() == y.tolist()
    with pytest.raises(ValueError, match="or use a regressor.$"):
        learn_classes(y * 2)
