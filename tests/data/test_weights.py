"""Sample weights and class weights: scikit-learn's formulas, products and errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._data.weights import (
    check_sample_weight,
    combine_weights,
    nonzero_weight_mask,
    resolve_class_weight,
)

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

LABELS = ["a", "b", "b", "c", "c", "c"]
CODEC = LabelCodec.learn(LABELS)
CODES = CODEC.encode(LABELS)


@pytest.mark.parametrize(
    "weights",
    [
        [1, 2, 0],
        (1.0, 2.0, 0.0),
        np.array([1, 2, 0]),
        np.array([1, 2, 0], dtype=object),
        pd.Series([1.0, 2, 0], index=[7, 8, 9]),
        pd.Series([1, 2, 0], dtype="Int64"),
        pl.Series([1.0, 2.0, 0.0]),
    ],
    ids=lambda w: type(w).__name__,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_in_any_container_become_an_array_of_the_requested_dtype(weights, dtype):
    checked = check_sample_weight(weights, 3, dtype)
    assert checked.dtype == dtype
    assert checked.tolist() == [1, 2, 0]


def test_none_stays_none_and_a_number_is_the_weight_of_every_row():
    assert check_sample_weight(None, 3) is None
    assert check_sample_weight(2, 3).tolist() == [2, 2, 2]
    assert check_sample_weight(np.float32(0.5), 2).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], "sample_weight must be 1-d with one weight for each of the 3 rows"),
        (np.ones((3, 1)), r"must be 1-d .* shape \(3, 1\)"),
        ([1, -1, 1], "must be non-negative; got 1 negative"),
        (-1, "must be non-negative"),
        ([0, 0, 0], "Sample weights must contain at least one non-zero number"),
        (0, "at least one non-zero"),
        ([1, np.nan, 1], "sample_weight contains NaN"),
        (np.nan, "sample_weight contains NaN"),
        ([1, np.inf, 1], "sample_weight contains infinity"),
        ([1, 1e300, 1], r"too large for dtype\('float32'\)"),
        (["x", "y", "z"], "sample_weight must be real numbers"),
        ([1j, 1, 1], "sample_weight must be real numbers"),
        ([], "sample_weight|minimum of 1"),
    ],
)
def test_invalid_weights_are_rejected(weights, message):
    with pytest.raises(ValueError, match=message):
        check_sample_weight(weights, 3)
    with pytest.raises(ValueError, match="w_val"):
        check_sample_weight([1, 2], 3, name="w_val")


def test_balanced_class_weights_match_scikit_learn():
    expected = compute_class_weight("balanced", classes=CODEC.classes, y=np.array(LABELS))
    np.testing.assert_allclose(resolve_class_weight("balanced", CODEC, CODES), expected)
    assert expected.tolist() == pytest.approx([2, 1, 2 / 3])


@given(hnp.arrays(int, len(LABELS), elements=st.integers(1, 4)))
def test_balanced_class_weights_count_a_row_of_weight_k_as_k_rows(weights):
    weighted = resolve_class_weight("balanced", CODEC, CODES, weights.astype(np.float32))
    repeated = resolve_class_weight("balanced", CODEC, np.repeat(CODES, weights))
    np.testing.assert_allclose(weighted, repeated)


def test_balanced_weight_of_absent_classes_and_of_classes_with_weight_zero_is_one():
    codec = LabelCodec.learn([0, 0, 1], classes=[0, 1, 2])
    weights = resolve_class_weight("balanced", codec, np.array([0, 0, 1]))
    np.testing.assert_allclose(weights, [0.75, 1.5, 1])
    dropped = resolve_class_weight("balanced", codec, np.array([0, 1, 2]), np.array([1.0, 1, 0]))
    np.testing.assert_allclose(dropped, [1, 1, 1])


def test_a_dict_is_keyed_by_label_and_missing_labels_have_weight_one():
    weights = resolve_class_weight({"b": 5}, CODEC, CODES)
    assert weights.tolist() == [1, 5, 1]
    np.testing.assert_allclose(
        weights[CODES], compute_sample_weight({"a": 1, "b": 5, "c": 1}, LABELS)
    )


@pytest.mark.parametrize(
    ("y", "class_weight", "expected"),
    [
        ([1, 3], {np.int64(3): 2}, [1, 2]),
        (np.array([1, 3], np.uint8), {3: np.float32(2)}, [1, 2]),
        ([1.0, 3.0], {3: 2}, [1, 2]),
        ([False, True], {True: 2}, [1, 2]),
        ([False, True], {np.True_: 2}, [1, 2]),
        ([0, 1], {True: 2}, [1, 2]),
        (["a", "b"], {np.str_("b"): 2}, [1, 2]),
        (pd.DataFrame({"b": [1, 0], "a": [0, 1]}), {"a": 2}, [1, 2]),
        ([0, 1], {0: 0, 1: 1}, [0, 1]),
    ],
)
def test_keys_match_labels_of_any_equal_type(y, class_weight, expected):
    codec = LabelCodec.learn(y)
    weights = resolve_class_weight(class_weight, codec, codec.encode(y))
    assert weights.tolist() == expected


def test_none_and_an_empty_dict_are_no_class_weights():
    assert resolve_class_weight(None, CODEC, CODES) is None
    assert resolve_class_weight({}, CODEC, CODES) is None


@pytest.mark.parametrize(
    ("class_weight", "error", "message"),
    [
        ("balance", ValueError, "class_weight must be None, 'balanced' or a dict.*Did you mean"),
        ([1, 2, 3], TypeError, "class_weight must be None, 'balanced' or a dict"),
        (np.ones(3), TypeError, r"ndarray of shape \(3,\)"),
        ({"aa": 2}, ValueError, "among the 3 classes; got unknown 'aa'.*'a', 'b', 'c'"),
        ({0: 2}, ValueError, r"unknown 0.* The classes are strings, not integers\.$"),
        ({b"a": 2}, ValueError, r"are strings, not bytes: write 'a', not b'a'\.$"),
        ({"a": -1}, ValueError, "class_weight of 'a' must be a finite number >= 0; got -1"),
        ({"a": np.nan}, ValueError, "finite number"),
        ({"a": np.inf}, ValueError, "finite number"),
        ({"a": "2"}, ValueError, "finite number >= 0; got '2'"),
        ({"a": 0, "b": 0, "c": 0}, ValueError, "all zero"),
    ],
)
def test_invalid_class_weights_are_rejected(class_weight, error, message):
    with pytest.raises(error, match=message):
        resolve_class_weight(class_weight, CODEC, CODES)


def test_an_unknown_label_suggests_a_similar_one():
    codec = LabelCodec.learn(["setosa", "virginica"])
    with pytest.raises(ValueError, match="Did you mean 'setosa'"):
        resolve_class_weight({"Setosa": 2}, codec, np.array([0, 1]))


@pytest.mark.parametrize(
    ("y", "label", "hint"),
    [
        ([0, 1], "0", "The classes are integers, not strings: write 0, not '0'."),
        ([0, 1], 0.5, "The classes are integers, not floats."),
        ([0.0, 1.0], "1.0", "The classes are floats, not strings: write 1.0, not '1.0'."),
        ([False, True], "True", "The classes are booleans, not strings: write True, not 'True'."),
        (["0", "1"], np.int64(0), "The classes are strings, not integers: write '0', not"),
        (["True", "x"], True, "The classes are strings, not booleans: write 'True', not True."),
        ([0, 1], None, "The classes are integers, not of type NoneType."),
    ],
)
def test_labels_of_another_type_are_told_apart_from_typos(y, label, hint):
    with pytest.raises(ValueError, match="among the 2 classes") as caught:
        resolve_class_weight({label: 2}, LabelCodec.learn(y), np.array([0, 1]))
    assert hint in str(caught.value)
    assert "Did you mean" not in str(caught.value)


def test_weights_are_multiplied_into_a_new_array():
    sample_weight = np.array([1, 2, 3], dtype=np.float32)
    class_weight = np.array([1.0, 10.0])
    codes = np.array([0, 1, 1])
    assert combine_weights(sample_weight, class_weight, codes).tolist() == [1, 20, 30]
    assert combine_weights(None, class_weight, codes).tolist() == [1, 10, 10]
    same = combine_weights(sample_weight, None, codes)
    assert same.tolist() == [1, 2, 3]
    assert not np.shares_memory(same, sample_weight)
    assert sample_weight.tolist() == [1, 2, 3]
    assert class_weight.tolist() == [1, 10]
    assert combine_weights(None, None, codes) is None
    assert combine_weights(None, class_weight, codes, np.float64).dtype == np.float64


def test_products_that_are_all_zero_or_overflow_are_rejected():
    codes = np.array([0, 1])
    with pytest.raises(ValueError, match="all rows are zero"):
        combine_weights(np.array([1.0, 0.0]), np.array([0.0, 1.0]), codes)
    with pytest.raises(ValueError, match="must be finite in float32"):
        combine_weights(np.array([1e200, 1.0]), np.array([1e200, 1.0]), codes)


@pytest.mark.parametrize("exponent", [-1000, -126, -41, 41, 127, 1000])
def test_extreme_products_are_divided_by_a_power_of_two(exponent):
    weights, codes = np.array([0.625, 0.75, 0.5]), np.array([0, 1, 1])
    scaled = combine_weights(np.ldexp(weights, exponent), None, codes)
    np.testing.assert_array_equal(scaled, weights)
    scaled = combine_weights(weights, np.ldexp(np.ones(2), exponent), codes)
    np.testing.assert_array_equal(scaled, weights)


def test_other_products_are_not_scaled():
    for weights in ([1e-12, 1e-3], [1e12, 1.0], [0.0, 3.0]):
        np.testing.assert_allclose(combine_weights(np.array(weights), None, [0, 1]), weights)


def test_the_mask_is_false_for_rows_of_weight_zero():
    codes = np.array([0, 1, 2, 2])
    assert nonzero_weight_mask(None, codes) is None
    assert nonzero_weight_mask(np.ones(4), codes) is None
    kept = nonzero_weight_mask(np.array([1, 1, 0, 0.0]), codes)
    assert kept.tolist() == [True, True, False, False]


def test_a_single_remaining_class_is_rejected_unless_allowed():
    codes, weights = np.array([0, 1, 1]), np.array([0, 1.0, 1])
    with pytest.raises(ValueError, match="at least 2 classes; got 1 class after dropping"):
        nonzero_weight_mask(weights, codes)
    assert nonzero_weight_mask(weights, codes, min_classes=1).tolist() == [False, True, True]
