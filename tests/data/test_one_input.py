"""Several arrays where one X is needed, and lists of them, are an error with a cure."""

import re

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf
from sklearn.datasets import load_iris

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.one_input import check_one_input, count_rows
from keras_multiclass.exceptions import BackboneError

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

X, y = load_iris(return_X_y=True)
A, B = X[:, :1], X[:, 1:]
FRAME = pd.DataFrame(X, columns=list("abcd"))
IMAGES = np.arange(150 * 8.0).reshape(150, 2, 2, 2)
NAMES = {"np": np, "pandas": pd, "polars": pl, "scipy": scipy, "tf": tf, "keras": keras}

# Several arrays, and one with the same values.
SEVERAL = {
    "list": ([A, B], X),
    "tuple": ((A, B), X),
    "of equal widths": ([X[:, :2], X[:, 2:]], X),
    "dict": ({"a": A, "b": B}, X),
    "three": ([A, A, B], np.column_stack([A, X])),
    "vector and array": ([X[:, 0], B], X),
    "nested lists": ([A.tolist(), B.tolist()], X),
    "array of objects": (np.array([A, B, None], dtype=object)[:-1], X),
    "pandas": ([FRAME[["a"]], FRAME[["b", "c", "d"]]], FRAME),
    "polars": ([pl.DataFrame({"a": X[:, 0]}), pl.DataFrame(B, list("bcd"))], X),
    "sparse": ([scipy.sparse.csr_array(A), scipy.sparse.coo_array(B)], X),
    "tensors": ((tf.constant(A), tf.constant(B)), X),
    "images and table": ([IMAGES, X], np.column_stack([IMAGES.reshape(150, -1), X])),
    "images": ({"a": IMAGES, "b": IMAGES}, np.concatenate([IMAGES, IMAGES], axis=-1)),
    "vectors": ([X[:, 0], X[:, 1]], X[:, :2]),
    "named vectors": ({"a": X[:, 0], "b": X[:, 1]}, FRAME[["a", "b"]]),
    "list of one": ([X], X),
}


def followed(message, several):
    """Execute the code in a message that makes another X of several arrays."""
    code = re.search(r"X = (.*?[\])}])\.(?: |$)", message)[1]
    return eval(code, {**NAMES, "X": several})


@pytest.mark.parametrize("name", SEVERAL)
def test_the_advice_on_several_arrays_makes_one_or_names_them(name):
    several, expected = SEVERAL[name]
    with pytest.raises(TypeError, match="X must be one array, data frame or sparse ma") as caught:
        check_one_input(several, n_rows=count_rows(y))
    one = followed(str(caught.value), several)
    if isinstance(one, dict):
        assert list(one) == [f"input{i}" for i in range(len(several))]
        return
    one = one.toarray() if scipy.sparse.issparse(one) else one
    np.testing.assert_array_equal(one, expected)
    if isinstance(expected, pd.DataFrame):
        assert list(one.columns) == list(expected.columns)


@pytest.mark.parametrize("name", ["list", "tuple", "vector and array", "images and table"])
def test_the_advice_on_a_list_of_arrays_names_them(name):
    several, _ = SEVERAL[name]
    with pytest.raises(TypeError, match="A list holds rows. Name the inputs: X = {") as caught:
        tiny().fit(several, y)
    named = followed(str(caught.value), several)
    assert list(named) == ["input0", "input1"]
    assert KerasMulticlassClassifier(epochs=1).fit(named, y).predict(named).shape == y.shape


def test_the_advice_on_many_arrays_names_them():
    with pytest.raises(TypeError) as caught:
        tiny().fit([A, A, B, B, B], y)
    named = followed(str(caught.value), [A, A, B, B, B])
    assert list(named) == [f"input{i}" for i in range(5)]


@pytest.fixture(scope="module")
def fitted():
    return tiny(epochs=1).initialize(X, y)


def batches(several):
    return lambda: iter([(several, y)])


@pytest.mark.parametrize("several", [SEVERAL["list"][0], SEVERAL["dict"][0]], ids=["list", "dict"])
@pytest.mark.parametrize(
    "run",
    [
        lambda classifier, several: classifier.predict(several),
        lambda classifier, several: classifier.score(several, y),
        lambda classifier, several: classifier.partial_fit(several, y),
        lambda classifier, several: classifier.fit(X, y, X_val=several, y_val=y),
        lambda classifier, several: classifier.fit(X, y, X_val=(several, y)),
        lambda classifier, several: classifier.fit(X, y, X_val=batches(several)),
        lambda classifier, several: classifier.partial_fit(batches(several)),
    ],
)
def test_several_arrays_are_an_error_where_one_is_needed(fitted, run, several):
    with pytest.raises(TypeError, match=r"X must be one array.* X = np.column_stack"):
        run(fitted, several)


def test_several_arrays_in_a_stream_are_inputs_if_they_have_names():
    several, _ = SEVERAL["list"]
    with pytest.raises(TypeError, match="Batch 1 of X .* Name the inputs: X = {") as caught:
        tiny().fit(batches(several))
    named = followed(str(caught.value), several)
    assert tiny(epochs=1).fit(batches(named)).feature_names_in_.tolist() == ["input0", "input1"]


@pytest.mark.parametrize(
    "rows",
    [
        X.tolist(),
        list(X),
        tuple(X),
        [row for _, row in FRAME.iterrows()],
        [[1.0, 2, 3]],
        [[1.0, 2, 3]] * 4,
        [[1.0]] * 4,
        ["text"],
        [],
        None,
    ],
)
def test_lists_of_rows_are_not_several_arrays(rows):
    check_one_input(rows, n_rows=None if rows is None else len(rows))
    check_one_input(rows, row_shape=(4,))


def test_lists_of_images_and_sequences_are_not_several_arrays():
    for rows in (list(IMAGES), [*IMAGES[:2, ..., 0]], [np.zeros((5, 2)), np.zeros((7, 2))]):
        check_one_input(rows, n_rows=len(rows))
        check_one_input(rows, row_shape=(2, 2) if rows[0].ndim == 2 else (2, 2, 2))
    check_one_input([np.zeros((6, 2)), np.zeros((6, 2))], row_shape=(5, 2))


@pytest.mark.parametrize(
    ("mapping", "cure"),
    [
        (load_iris(), r"X\['data'\] and X\['target'\]"),
        ({"a": 1.0, "b": 2.0}, r"pandas.DataFrame\(\[X\]\)"),
        ({}, "pandas"),
    ],
)
def test_other_mappings_are_an_error(mapping, cure):
    with pytest.raises(TypeError, match=f"X must be one array.*{cure}"):
        tiny().fit(mapping, y)


@pytest.mark.parametrize("form", [list, dict])
@pytest.mark.parametrize("parameter", ["model", "backbone"])
def test_a_network_with_several_inputs_needs_them_by_name(parameter, form):
    first, second = keras.Input((1,), name="a"), keras.Input((3,), name="b")
    outputs = keras.layers.Dense(3)(keras.layers.Concatenate()([first, second]))
    structure = {"a": first, "b": second} if form is dict else [first, second]
    network = keras.Model(structure, outputs)
    params = {parameter: network, "epochs": 10, "optimizer__learning_rate": 0.05}
    classifier = KerasMulticlassClassifier(**params, random_state=0)
    with pytest.raises(BackboneError, match=f"`{parameter}` must .* with the keys 'a', 'b'"):
        classifier.fit(X, y)
    assert classifier.fit({"b": B, "a": A}, y).score({"a": A, "b": B}, y) > 0.6


def test_a_builder_of_a_network_with_several_inputs_needs_them_by_name():
    def build():
        images, table = keras.Input((2, 2), name="images"), keras.Input((3,), name="table")
        joined = keras.layers.Concatenate()([keras.layers.Flatten()(images), table])
        return keras.Model([images, table], keras.layers.Dense(3)(joined))

    classifier = KerasMulticlassClassifier(model=build, epochs=1)
    with pytest.raises(BackboneError, match="one with 2 inputs. Pass X as a dict of its inputs"):
        classifier.fit(X, y)
    classifier.fit({"images": IMAGES[..., 0], "table": B}, y)
