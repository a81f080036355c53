"""`Inputs` selects rows of several arrays at once; each becomes columns of one matrix."""

import pickle

import joblib
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split
from sklearn.utils import resample, shuffle
from sklearn.utils.validation import check_consistent_length

from keras_multiclass import Inputs, KerasMulticlassClassifier
from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.inputs import as_inputs
from keras_multiclass._data.packed import PackedSchema
from keras_multiclass._data.ragged import arrange
from keras_multiclass._data.sequences import Sequences

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

N = 7
NUMBERS = np.arange(N)
IMAGES = np.arange(N * 6.0).reshape(N, 3, 2)
PARTS = {
    "array": IMAGES,
    "vector": NUMBERS * 1.0,
    "list": NUMBERS.tolist(),
    "nested list": IMAGES.tolist(),
    "pandas": pd.DataFrame({"a": NUMBERS}, index=NUMBERS[::-1]),
    "series": pd.Series(NUMBERS, index=NUMBERS[::-1]),
    "polars": pl.DataFrame({"a": NUMBERS}),
    "sparse": scipy.sparse.coo_array(np.eye(N)),
}
SELECTIONS = {
    "slice": slice(2, None, 2),
    "indices": np.array([4, 0, 0]),
    "list": [3, -1],
    "mask": NUMBERS % 2 == 0,
    "list of flags": [True, False] * 3 + [True],
    "of scikit-learn": (np.array([5, 1]), ...),
    "nothing": [],
}
ROWS = {"of scikit-learn": [5, 1], "nothing": slice(0)}


def plain(part):
    return part.toarray() if scipy.sparse.issparse(part) else np.asarray(part)


@pytest.mark.parametrize("selection", SELECTIONS)
def test_rows_of_all_inputs_are_selected(selection):
    key = SELECTIONS[selection]
    rows = NUMBERS[ROWS.get(selection, key)]
    selected = Inputs(PARTS)[key]
    assert selected.shape == (len(rows), len(PARTS))
    assert len(selected) == len(rows)
    for name, part in selected.items():
        assert type(part) in (type(PARTS[name]), scipy.sparse.csr_array)
        np.testing.assert_array_equal(plain(part).ravel(), plain(PARTS[name])[rows].ravel())


def test_inputs_are_found_by_name():
    X = Inputs({"the photo": IMAGES}, facts=NUMBERS)
    assert X["the photo"] is IMAGES
    assert list(X) == list(X.keys()) == ["the photo", "facts"]
    assert "facts" in X
    assert [id(part) for part in X.values()] == [id(IMAGES), id(NUMBERS)]
    with pytest.raises(KeyError, match="no input 'fact'; the inputs are 'the photo', 'facts'"):
        X["fact"]


def test_the_repr_shows_no_data():
    assert repr(Inputs({"the photo": IMAGES}, facts=PARTS["pandas"])) == (
        "Inputs('the photo': ndarray of shape (7, 3, 2) and dtype float64, "
        "facts: DataFrame of shape (7, 1))"
    )


def test_scikit_learn_splits_and_copies_inputs():
    X = Inputs(PARTS)
    check_consistent_length(X, NUMBERS)
    train, test, y_train, y_test = train_test_split(X, NUMBERS, random_state=0)
    np.testing.assert_array_equal(train["vector"], y_train)
    np.testing.assert_array_equal(test["pandas"]["a"], y_test)
    for tool in (shuffle, resample):
        some, y = tool(X, NUMBERS, random_state=0)
        np.testing.assert_array_equal(some["series"], y)
    restored = pickle.loads(pickle.dumps(X))
    np.testing.assert_array_equal(restored["array"], IMAGES)
    assert joblib.hash(restored["array"]) == joblib.hash(IMAGES)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Inputs(), ValueError, "at least one input"),
        (lambda: Inputs([IMAGES]), TypeError, "made from a dict or keyword arguments; got list"),
        (lambda: Inputs({1: IMAGES}), TypeError, "name of an input must be a string; got 1"),
        (lambda: Inputs(a__b=IMAGES), ValueError, "without '__'; got 'a__b'"),
        (lambda: Inputs(a=None), TypeError, "Input 'a' must be one array.*; got None"),
        (lambda: Inputs(a="text"), TypeError, "Input 'a' must be one array"),
        (lambda: Inputs(a=np.float64(1)), TypeError, "Input 'a' must be one array"),
        (
            lambda: Inputs(a=IMAGES, b=NUMBERS[:3]),
            ValueError,
            "same number of rows; got 7 in 'a', 3 in 'b'",
        ),
        (lambda: Inputs(a=IMAGES)[0], TypeError, "selection from Inputs .*; got 0"),
        (lambda: Inputs(a=IMAGES)[:, 0], TypeError, "selection from Inputs"),
        (lambda: Inputs(a=IMAGES)[["a"]], TypeError, r"selected one by one: X\['name'\]"),
        (lambda: Inputs(a=IMAGES)[[9]], IndexError, "out of bounds"),
        (lambda: np.asarray(Inputs(a=IMAGES)), TypeError, r"such as X\['a'\]"),
    ],
)
def test_what_cannot_be_inputs_is_an_error(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_columns_and_records_are_not_inputs():
    for X in ({"a": [1.0, 2.0], "b": [3.0, 4.0]}, {"a": 1.0}, {}, PARTS["pandas"], IMAGES, [1]):
        assert as_inputs(X) is None


def test_cells_of_a_frame_that_hold_arrays_become_inputs():
    frame = pd.DataFrame({"a": NUMBERS, "photo": list(IMAGES), "b": NUMBERS.astype(str)})
    X = as_inputs(frame)
    assert list(X) == ["table", "photo"]
    np.testing.assert_array_equal(X["photo"], IMAGES)
    assert list(X["table"].columns) == ["a", "b"]
    frame.at[2, "photo"] = None
    with pytest.raises(ValueError, match="cells of column 'photo' must be arrays .* got 1 cells"):
        as_inputs(frame)
    with pytest.raises(ValueError, match="named otherwise than 'table'"):
        as_inputs(frame.rename(columns={"photo": "table"}))


@pytest.mark.parametrize("shape", [(2,), (2, 3)])
def test_cells_that_hold_lists_of_numbers_become_inputs(shape):
    values = np.arange(N * np.prod(shape, dtype=float)).reshape(N, *shape)
    lists = {"photo": values.tolist(), "a": NUMBERS}
    frames = [pd.DataFrame(lists), pl.DataFrame(lists)]
    if len(shape) == 1:
        array = pl.Series("photo", values, dtype=pl.Array(pl.Float64, shape[0]))
        frames.append(pl.DataFrame([array, pl.Series("a", NUMBERS)]))
    for frame in frames:
        X = as_inputs(frame)
        assert list(X) == ["table", "photo"]
        np.testing.assert_array_equal(X["photo"], values)
        assert list(X["table"].columns) == ["a"]


def test_cells_that_hold_lists_of_unequal_length_become_sequences():
    rows = [list(range(1 + i % 3)) for i in range(N)]
    for frame in (pd.DataFrame({"steps": rows}), pl.DataFrame({"steps": rows})):
        schema, packed = learn(as_inputs(frame))
        assert schema.shape_of(packed) == {"steps": (N, None, 1)}
        found = schema.blocks["steps"].of(packed)
        np.testing.assert_array_equal(found.lengths, list(map(len, rows)))


def test_cells_that_hold_lists_of_strings_are_no_inputs():
    tags = [["a", "b"], ["c"]]
    for frame in (pd.DataFrame({"tags": tags}), pl.DataFrame({"tags": tags})):
        assert as_inputs(frame) is None


def random_part(draw, n_rows):
    """Return one input of some kind, whose values identify its rows."""
    rows = np.arange(n_rows) + 1.0
    kind = draw(st.sampled_from(["vector", "matrix", "images", "sparse", "frame", "steps"]))
    if kind == "vector":
        return rows.astype(draw(st.sampled_from(["float64", "float32", "int64", "uint8"])))
    if kind == "steps":
        lengths = draw(st.lists(st.integers(1, 4), min_size=n_rows, max_size=n_rows))
        return objects([np.full((n, 2), row) for n, row in zip(lengths, rows, strict=True)])
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3 if kind == "images" else 1))
    values = np.multiply.outer(rows, np.arange(np.prod(shape)) + 1.0).reshape(n_rows, *shape)
    made = {
        "sparse": scipy.sparse.csr_array,
        "frame": lambda v: pd.DataFrame(v, columns=[f"c{i}" for i in range(v.shape[1])]),
    }
    return made.get(kind, np.asarray)(values)


def objects(rows):
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


def flat(part):
    """Return the values of each row of an input."""
    if isinstance(part, Sequences):
        return [row[:n].ravel() for row, n in zip(part[:], part.lengths, strict=True)]
    if isinstance(part, np.ndarray) and part.dtype.kind == "O":
        return [row.ravel() for row in part]
    return list(plain(part).reshape(part.shape[0], -1))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_inputs_keep_the_values_of_each_row(data):
    n_rows = data.draw(st.integers(1, 6))
    names = data.draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True))
    parts = {name: random_part(data.draw, n_rows) for name in names}
    chosen = data.draw(st.lists(st.integers(0, n_rows - 1), min_size=1, max_size=8))
    schema, packed = learn(parts)
    for selected, rows in ((Inputs(parts), range(n_rows)), (Inputs(parts)[chosen], chosen)):
        packed = schema.check(selected)
        assert packed.shape == (len(rows), schema.input_shape[0])
        for name, part in parts.items():
            expected = [flat(part)[row] for row in rows]
            for found in (flat(selected[name]), flat(schema.blocks[name].of(packed))):
                assert len(found) == len(expected)
                for values, row in zip(found, expected, strict=True):
                    np.testing.assert_array_equal(values, row)


def test_sequences_are_padded_to_the_longest_of_fit():
    steps = [np.full((length, 2), 1.0 + length) for length in (1, 3, 2)]
    X = {"steps": steps, "vector": NUMBERS[:3]}
    schema, packed = learn(X)
    assert schema.shape_of(packed) == {"steps": (3, None, 2), "vector": (3, 1)}
    found = schema.blocks["steps"].of(packed)
    np.testing.assert_array_equal(found.lengths, [1, 3, 2])
    np.testing.assert_array_equal(found.steps, np.concatenate(steps))
    shorter = {"steps": [steps[0], steps[0]], "vector": [1, 2]}
    np.testing.assert_array_equal(schema.blocks["steps"].of(schema.check(shorter)).lengths, [1, 1])
    with pytest.raises(ValueError, match="Input 'steps' .* at most 3 steps, the longest in fit"):
        schema.check({"steps": [np.ones((4, 2)), np.ones((1, 2))], "vector": [1, 2]})


def learn(X):
    return PackedSchema.learn_inputs(
        Inputs(X),
        lambda name, part: FeatureSchema.learn(arrange(part), token_ids=name == "ids"),
        dtype="float32",
        estimator_name="Estimator",
    )


@pytest.mark.parametrize("sparse", [False, True])
def test_inputs_are_packed_side_by_side(sparse):
    eye = scipy.sparse.csr_array(np.eye(N)) if sparse else np.eye(N)
    X = {"images": IMAGES, "ids": NUMBERS.reshape(-1, 1), "eye": eye, "vector": NUMBERS}
    schema, packed = learn(X)
    assert scipy.sparse.issparse(packed) == sparse
    expected = np.hstack([plain(X[name]).reshape(N, -1) for name in X])
    np.testing.assert_array_equal(plain(packed), expected)
    assert packed.dtype == "float32"
    for name, block in schema.blocks.items():
        found = plain(block.of(packed))
        np.testing.assert_array_equal(found.ravel(), plain(X[name]).ravel())
    again = schema.check(dict(reversed(X.items())))
    np.testing.assert_array_equal(plain(again), expected)


def test_integers_that_floats_would_round_are_an_error():
    fine = {"ids": np.full((N, 2), 2**24), "images": IMAGES}
    schema, packed = learn(fine)
    assert packed[0, 0] == 2**24
    with pytest.raises(ValueError, match=r"Input 'ids' .* at most 2\*\*24.*dtype='float64'"):
        schema.check({**fine, "ids": fine["ids"] + 1})


def test_a_sparse_matrix_that_is_a_dict_is_a_matrix():
    dense = np.random.default_rng(0).normal(size=(20, 3)) * (np.arange(3) != 1)
    y = np.arange(20) % 2
    predicted = [
        KerasMulticlassClassifier("mlp", epochs=1, random_state=0).fit(X, y).predict_proba(X)
        for X in (scipy.sparse.csr_array(dense), scipy.sparse.dok_array(dense))
    ]
    np.testing.assert_array_equal(*predicted)


def test_rows_of_frames_of_other_libraries_keep_their_columns():
    frame = pl.DataFrame({"kind": ["a", "b"] * 10, "size": np.arange(20.0)})
    inputs = Inputs(facts=frame.lazy(), series=pl.Series([[1.0] * (1 + i % 3) for i in range(20)]))
    assert inputs[5:8]["facts"].equals(frame[5:8])
    y = np.arange(20) % 2
    fitted, selected = (
        KerasMulticlassClassifier(epochs=1, random_state=0).fit(X, y)
        for X in (inputs, inputs[np.arange(20)])
    )
    assert list(fitted.network_feature_names_) == ["facts__size", "facts__kind_b"]
    np.testing.assert_array_equal(fitted.predict_proba(inputs), selected.predict_proba(inputs))


def test_a_series_of_categories_is_a_table_and_one_of_strings_holds_texts():
    values = pd.Series(["u", "v"] * 10)
    X = {"text": values, "kind": values.astype("category"), "numbers": np.ones((20, 2))}
    classifier = KerasMulticlassClassifier(epochs=1).fit(X, np.arange(20) % 2)
    names = {"text": "bag_of_ngrams", "kind": "realmlp_small", "numbers": "realmlp_small"}
    assert classifier.resolved_params_["backbone"] == names


@pytest.mark.parametrize(
    "params",
    [
        {"backbone": {"title": "bag_of_ngrams", "text": "bag_of_ngrams"}},
        {"backbone": "bag_of_ngrams", "backbone__title__dropout": 0.0},
    ],
    ids=["dict", "routed"],
)
def test_a_backbone_that_names_inputs_makes_a_dict_of_texts_several_inputs(params):
    y = NUMBERS.repeat(2) % 2
    X = {"title": [f"title {i % 2}" for i in y], "text": [f"text {i}" for i in range(2 * N)]}
    classifier = KerasMulticlassClassifier(**params, epochs=1, random_state=0)
    expected = classifier.fit(Inputs(X), y).predict_proba(Inputs(X))
    actual = classifier.fit(X, y, X_val=X, y_val=y).predict_proba(X)
    np.testing.assert_allclose(actual, expected, atol=1e-6)

    def batches():
        return iter([({name: part[i::2] for name, part in X.items()}, y[i::2]) for i in (0, 1)])

    assert classifier.fit(batches, X_val=batches).score(batches) == classifier.score(X, y)


def test_the_refusal_of_a_dict_of_texts_names_the_container_of_several_inputs():
    X = {"title": ["a", "b"] * N, "text": ["c", "d"] * N}
    with pytest.raises(TypeError, match=r"For several inputs: X = keras_multiclass.Inputs\(X\)"):
        KerasMulticlassClassifier(epochs=1).fit(X, [0, 1] * N)
