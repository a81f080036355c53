"""Whatever the input, the result is correct or a ValueError or TypeError is raised."""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import uuid
import warnings
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.datasets import load_iris
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import cross_val_predict, cross_val_score

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.evaluation import ClassificationReport

ROWS = 6


def one_layer(inputs, units=3):
    """Build a backbone for rows of any rank."""
    return keras.layers.Dense(units)(keras.layers.Flatten()(inputs))


def trains_correctly(X, y, run="initialize", **params) -> bool:
    """Return whether the input is accepted; if so, check the predictions."""
    classifier = KerasMulticlassClassifier(
        **{"backbone": one_layer, "epochs": 1, "random_state": 0, **params}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataConversionWarning)  # a column vector of labels
        try:
            getattr(classifier, run)(X, y)
            probabilities = classifier.predict_proba(X)
        except (ValueError, TypeError):
            return False
    n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
    assert probabilities.shape == (n_rows, len(classifier.classes_))
    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    predicted = classifier.predict(X)
    assert len(predicted) == n_rows
    if np.ndim(predicted) == 1:
        assert np.isin(predicted, classifier.classes_).all()
        np.testing.assert_array_equal(predicted, classifier.classes_[probabilities.argmax(axis=1)])
    else:
        np.testing.assert_array_equal(np.asarray(predicted).sum(axis=1), 1)
    return True


# --- strategies -----------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.floats(width=32),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.sampled_from([1e300, -1e39, 1e-45, np.nan, np.inf, 2**63, -(2**63)]),
)
ODDITIES = st.one_of(
    st.none(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.complex_numbers(),
    st.dates(),
    st.sampled_from([object(), ..., {}, set(), (), [], int, pd.NA, pd.NaT, decimal.Decimal(1)]),
    st.lists(st.integers(0, 2), max_size=3),
)


def shapes(rows):
    rest = st.lists(st.integers(0, 3), max_size=4)
    return st.one_of(st.just(()), st.builds(lambda n, r: (n, *r), rows, rest))


def arrays(shape):
    plain = hnp.arrays(
        st.one_of(
            hnp.boolean_dtypes(),
            hnp.integer_dtypes(endianness="?"),
            hnp.unsigned_integer_dtypes(),
            hnp.floating_dtypes(endianness="="),
            hnp.complex_number_dtypes(sizes=(64, 128)),
            hnp.unicode_string_dtypes(max_len=3),
            hnp.byte_string_dtypes(max_len=3),
            hnp.datetime64_dtypes(max_period="D", min_period="s"),
            hnp.timedelta64_dtypes(max_period="D", min_period="s"),
            st.just(np.dtype([("a", "i4"), ("b", "f4")])),
        ),
        shape,
    )
    objects = hnp.arrays(object, shape, elements=st.one_of(NUMBERS, ODDITIES))
    numbers = hnp.arrays(object, shape, elements=NUMBERS)
    return st.one_of(plain, objects, numbers)


def wrapped(array):
    """Return a strategy for the array in one of the usual containers."""
    makers: list[Any] = [lambda a: a, lambda a: a.tolist(), lambda a: np.asfortranarray(a)]
    makers += [lambda a: np.ma.masked_array(a, mask=np.arange(a.size).reshape(a.shape) % 5 == 1)]
    if array.ndim == 2 and array.dtype.names is None:
        makers.append(lambda a: pd.DataFrame(a))
        makers.append(lambda a: pd.DataFrame(a, columns=[f"c{i}" for i in range(a.shape[1])]))
        if array.dtype.kind in "biuf" and array.dtype != np.float16:
            makers += [scipy.sparse.csr_array, scipy.sparse.coo_matrix, scipy.sparse.lil_matrix]
    if array.ndim == 1 and array.dtype.names is None:
        makers += [pd.Series, lambda a: pd.Series(a).astype("category"), tuple]
    return st.sampled_from(makers).map(lambda make: contain(make, array))


def contain(make, array):
    try:
        return make(array)
    except Exception:  # not every container supports every dtype, or such distant dates
        reject()


SANE_X = st.just(np.arange(ROWS * 2.0).reshape(ROWS, 2))
SANE_Y = st.just(np.array(["a", "b", "c"] * (ROWS // 3)))
ODD = st.one_of(ODDITIES, NUMBERS, arrays(shapes(st.integers(0, ROWS))).flatmap(wrapped))
FEW = settings(max_examples=40, deadline=None)


# --- data -----------------------------------------------------------------------------------------


@FEW
@given(X=st.one_of(ODD, arrays(shapes(st.just(ROWS))).flatmap(wrapped)), y=SANE_Y)
def test_any_features_are_handled(X, y):
    trains_correctly(X, y)


@FEW
@given(X=SANE_X, y=st.one_of(ODD, arrays(st.just((ROWS,))).flatmap(wrapped)))
def test_any_labels_are_handled(X, y):
    trains_correctly(X, y)


@settings(max_examples=20, deadline=None)
@given(
    X=SANE_X,
    y=hnp.arrays(
        st.sampled_from(["i1", "u8", "f2", "f4", "f8", "?", "U3", "M8[D]"]), (ROWS, 1)
    ).flatmap(lambda a: wrapped(a.ravel())),
)
def test_labels_of_any_dtype_are_handled(X, y):
    trains_correctly(X, y)


@FEW
@given(X=ODD, y=ODD)
def test_any_features_with_any_labels_are_handled(X, y):
    trains_correctly(X, y)


@FEW
@given(odd=ODD)
def test_any_features_are_handled_in_prediction(odd):
    if "fitted" not in _CACHE:
        _CACHE["fitted"] = KerasMulticlassClassifier(one_layer, random_state=0).initialize(
            np.arange(12.0).reshape(6, 2), np.arange(6) % 3
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X has feature names, but", UserWarning)
        try:
            probabilities = _CACHE["fitted"].predict_proba(odd)
        except (ValueError, TypeError):
            return
    assert probabilities.shape[1] == 3
    assert np.isfinite(probabilities).all()


_CACHE: dict = {}


@settings(max_examples=15, deadline=None)
@given(
    weights=st.one_of(
        ODD,
        arrays(st.just((ROWS,))).flatmap(wrapped),
        hnp.arrays(st.sampled_from(["f2", "f4", "f8", "i8", "u1", "?"]), (ROWS,)),
        hnp.arrays("f8", (ROWS,), elements=st.sampled_from([0.0, 1e-310, 1e-50, 1.0, 1e37, 1e300])),
    )
)
def test_any_sample_weights_are_handled(weights):
    X, y = np.arange(12.0).reshape(6, 2), np.arange(6) % 3
    classifier = KerasMulticlassClassifier(one_layer, epochs=1, random_state=0)
    try:
        classifier.fit(X, y, sample_weight=weights)
    except (ValueError, TypeError):
        return
    probabilities = classifier.predict_proba(X)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


class Colour(enum.Enum):
    RED, BLUE = 1, 2


class Size(enum.IntEnum):
    S, L = 1, 2


CAFE = "caf\u00e9", "cafe\u0301"  # the same word in two Unicode forms
LABELS = {
    "dates": [datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)],
    "datetimes": [datetime.datetime(2020, 1, 1), datetime.datetime(2021, 1, 1)],
    "zones": [pd.Timestamp("2020-01-01", tz="UTC"), pd.Timestamp("2021-01-01", tz="UTC")],
    "periods": [pd.Period("2020-01"), pd.Period("2020-02")],
    "intervals": [pd.Interval(0, 1), pd.Interval(1, 2)],
    "decimals": [decimal.Decimal(1), decimal.Decimal("2.5")],
    "fractions": [fractions.Fraction(1, 2), fractions.Fraction(2)],
    "uuids": [uuid.UUID(int=1), uuid.UUID(int=2)],
    "integers of an enumeration": list(Size),
    "whole floats and integers": [1.0, 2],
    "integers beyond 64 bits": [2**70, 2**71],
    "a zero with a sign": [-0.0, 1],
    "10 kB": ["a" * 10_000, "b" * 10_000],
    "one is empty": ["", "a"],
    "a null character": ["a\0", "a"],
    "a lone surrogate": ["\ud800", "a"],
    "numbers in strings": ["1", "01"],
    "objects that are integers": [0, 1],
    "objects that are booleans": [False, True],
    "objects that are integers of NumPy": [np.int64(3), np.int64(5)],
}
NOT_LABELS = {
    "int, str": [1, "a"],
    "bool, int": [True, 2],
    "date, datetime": [datetime.date(2020, 1, 1), datetime.datetime(2021, 1, 1)],
    "labels of type Colour": list(Colour),
    "labels of type object": [object(), object()],
    "labels of type complex": [1j, 2j],
    "lists of labels": [(1, 2), (3, 4)],
    "one label for each row": [frozenset([1]), frozenset([2])],
    "contains NaN": ["a", "b", np.nan],
    "contains NaN. Drop": ["a", "b", None],
    "y contains NaN": ["a", "b", pd.NA],
    "NaN. Drop the rows": [pd.Timestamp("2020-01-01"), pd.NaT],
    "contains infinity": [1.0, np.inf],
}


def repeated(labels, n_rows=12):
    """Return an array of objects with the labels in turn."""
    y = np.empty(n_rows, dtype=object)
    y[:] = [labels[i % len(labels)] for i in range(n_rows)]
    return y


@pytest.mark.parametrize("case", LABELS)
def test_unusual_labels_are_predicted_and_scored(case):
    y = repeated(LABELS[case])
    X = np.array([[float(label == LABELS[case][0])] for label in y])
    for labels in (y, y.tolist()):
        classifier = KerasMulticlassClassifier(one_layer, epochs=1, random_state=0)
        classifier.fit(X, labels)
        predicted = classifier.predict(X)
        expected = np.mean([mine == label for mine, label in zip(predicted, y, strict=True)])
        assert classifier.score(X, y) == pytest.approx(expected)
        assert classifier.partial_fit(X, labels).predict_proba(X).shape == (12, 2)
        assert len(classifier._repr_html_()) < 100_000


@pytest.mark.parametrize("case", NOT_LABELS)
def test_what_cannot_be_labels_is_an_error_that_says_why(case):
    y = repeated(NOT_LABELS[case])
    with pytest.raises(ValueError, match=case):
        KerasMulticlassClassifier(one_layer, epochs=1).fit(np.zeros((12, 1)), y)


def test_labels_that_were_never_seen_count_as_wrong():
    y = repeated(LABELS["dates"])
    classifier = KerasMulticlassClassifier(one_layer, random_state=0).initialize(np.eye(12), y)
    others = repeated([datetime.date(1999, 1, 1), *LABELS["dates"]])
    expected = np.mean(classifier.predict(np.eye(12)) == others)
    assert classifier.score(np.eye(12), others) == pytest.approx(expected)
    assert classifier.score(np.eye(12), repeated([datetime.date(1999, 1, 1)])) == 0
    with pytest.raises(ValueError, match="labels among the 2 known classes; got 1 unknown label"):
        classifier.score(np.eye(12), repeated([decimal.Decimal(1)]))


@pytest.mark.parametrize("case", ["dates", "decimals", "objects that are integers"])
def test_cross_validation_scores_what_fit_takes(case):
    X, y = np.eye(8)[:, :2], repeated(LABELS[case], 8)
    classifier = KerasMulticlassClassifier(one_layer, epochs=1, random_state=0)
    scores = cross_val_score(classifier, X, y, cv=2, error_score="raise")
    predicted = cross_val_predict(classifier, X, y, cv=2)
    assert scores.mean() == pytest.approx(np.mean(predicted == y))
    report = ClassificationReport.from_predictions(y, predicted)
    assert report.overall["accuracy"] == pytest.approx(scores.mean())


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="a dtype of NumPy 2")
def test_strings_of_variable_width_are_scored():
    y = np.array(["a", "b"] * 6, dtype=np.dtypes.StringDType())
    classifier = KerasMulticlassClassifier(one_layer, random_state=0).initialize(np.eye(12), y)
    expected = np.mean(classifier.predict(np.eye(12)) == y.tolist())
    assert classifier.score(np.eye(12), y) == pytest.approx(expected)


def test_score_counts_what_predict_of_a_subclass_returns():
    class First(KerasMulticlassClassifier):
        def predict(self, X):
            return np.repeat(self.classes_[:1], len(X))

    y = repeated(LABELS["dates"][:1] * 3 + LABELS["dates"][1:])
    classifier = First(one_layer, random_state=0).initialize(np.eye(12), y)
    assert classifier.score(np.eye(12), y) == 0.75


@pytest.mark.parametrize(
    ("y", "n"),
    [
        (np.arange(100_000.0), "100000 distinct labels of dtype float64"),
        (np.arange(100_000), "100000 distinct labels of dtype int64"),
        (np.array([f"user{i}" for i in range(5000)]), "5000 distinct labels"),
        (np.repeat(np.arange(2000.0), 5), "2000 distinct labels of dtype float64 in 10000 rows"),
    ],
    ids=["float ids", "integer ids", "names", "floats"],
)
def test_ids_as_labels_are_an_error(y, n):
    X = np.zeros((len(y), 1), dtype="float32")
    for use in (
        lambda: KerasMulticlassClassifier(one_layer).fit(X, y),
        lambda: KerasMulticlassClassifier(one_layer).partial_fit(X, y),
        lambda: KerasMulticlassClassifier(one_layer).fit(lambda: iter([(X, y)])),
    ):
        with pytest.raises(ValueError, match=f"y must be class labels that repeat; got {n}"):
            use()


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.arange(60), "60 distinct labels of dtype int64 in 60 rows.*pass the column of"),
        (np.arange(60.0), "60 distinct labels of dtype float64 in 60 rows"),
        (np.arange(60).astype(str), "60 distinct labels"),
        (np.repeat(np.arange(1001.0), 10), "in 10010 rows.*convert them to integers"),
    ],
    ids=["integers", "floats", "strings", "many floats"],
)
def test_labels_that_are_probably_no_classes_cause_one_warning(y, words):
    X = np.zeros((len(y), 1), dtype="float32")
    for use in (
        lambda: KerasMulticlassClassifier(one_layer, random_state=0).initialize(X, y),
        lambda: KerasMulticlassClassifier(one_layer).initialize(lambda: iter([(X, y)])),
    ):
        with pytest.warns(UserWarning, match=words) as caught:
            use()
        assert len(caught) == 1


@pytest.mark.parametrize(
    "y", [np.arange(20), np.repeat(np.arange(30), 2), np.repeat(np.arange(1001), 10)]
)
def test_few_rows_of_each_class_cause_no_warning(y):
    X = np.zeros((len(y), 1), dtype="float32")
    classes = KerasMulticlassClassifier(one_layer, random_state=0).initialize(X, y).classes_
    assert len(classes) == len(np.unique(y))


def test_many_classes_are_no_error_if_they_repeat_or_are_declared():
    y = np.arange(2400) % 1200
    X = np.zeros((len(y), 1), dtype="float32")
    classifier = KerasMulticlassClassifier(one_layer, epochs=1, batch_size=-1)
    assert classifier.fit(X, y).n_classes_ == 1200
    assert classifier.partial_fit(X[:10], y[:10]).n_classes_ == 1200
    classifier = KerasMulticlassClassifier(one_layer)
    classifier.partial_fit(X[:10], np.arange(10.0), classes=np.arange(1200.0))
    assert classifier.n_classes_ == 1200


def test_two_unicode_forms_of_a_label_are_pointed_out():
    X, y = np.eye(12), repeated([*CAFE, "tea"])
    for data in ((X, y), (lambda: iter([(X, y)]),)):
        classifier = KerasMulticlassClassifier(one_layer, epochs=1)
        with pytest.warns(UserWarning, match="Unicode form: 'caf\u00e9'") as caught:
            classifier.fit(*data)
        assert [warning.filename for warning in caught] == [__file__]
        assert classifier.n_classes_ == 3
    classifier = KerasMulticlassClassifier(one_layer).initialize(X, repeated([CAFE[0], "tea"]))
    with pytest.raises(ValueError, match="Labels differ only in their Unicode form"):
        classifier.partial_fit(X, repeated([CAFE[1], "tea"]))


def test_an_error_about_a_long_label_is_short():
    X, y = np.eye(12), repeated(LABELS["10 kB"])
    classifier = KerasMulticlassClassifier(one_layer).initialize(X, y)
    for use in (
        lambda: classifier.partial_fit(X, repeated(["c" * 10_000, "b" * 10_000])),
        lambda: classifier.set_params(class_weight={"c" * 10_000: 2.0}).fit(X, y),
    ):
        with pytest.raises(ValueError, match=r"'c{49}\.{3}c{19}'") as caught:
            use()
        assert len(str(caught.value)) < 600


IRIS = load_iris().data
TABLES = {
    "a constant table": np.ones((150, 3)),
    "one column": IRIS[:, :1],
    "one constant column among others": np.column_stack([IRIS, np.ones(150)]),
    "empty and blank column names": pd.DataFrame(IRIS[:, :2], columns=["", " "]),
    "MultiIndex columns": pd.DataFrame(
        IRIS, columns=pd.MultiIndex.from_product([["sepal", "petal"], ["length", "width"]])
    ),
    "one index label for all rows": pd.DataFrame(IRIS, index=[0] * 150),
    "a category for each row": pd.DataFrame({"id": [f"id{i}" for i in range(150)]}),
    "500 columns of categories": pd.DataFrame({i: list("abc") * 50 for i in range(500)}),
}
NOT_TABLES = {
    "repeated column names": (
        pd.DataFrame(IRIS[:, :2], columns=["a", "a"]),
        "different",
    ),
    "no columns": (np.empty((150, 0)), "0 feature"),
    "six dimensions": (np.ones((150, 2, 2, 2, 2, 2)), "2 to 5 dimensions"),
    "numbers beyond float32": (IRIS * 1e300, "too large for dtype"),
    "a file name": ("iris.csv", "got 'iris.csv'|file"),
}


@pytest.mark.filterwarnings("ignore:The strings in column 'id' of X are read as 150 categories")
@pytest.mark.parametrize("case", TABLES)
def test_unusual_tables_are_learned(case):
    X = TABLES[case]
    classifier = tiny(epochs=1).fit(X, np.arange(150) % 3)
    np.testing.assert_allclose(classifier.predict_proba(X).sum(axis=1), 1.0)


@pytest.mark.parametrize("case", NOT_TABLES)
def test_what_cannot_be_a_table_is_an_error_that_says_why(case):
    X, words = NOT_TABLES[case]
    with pytest.raises((TypeError, ValueError), match=words):
        KerasMulticlassClassifier().fit(X, np.arange(150) % 3)


def test_one_row_of_a_class_is_never_held_out_alone():
    y = load_iris().target[:101]  # one row of the last class
    classifier = tiny(epochs=1, validation_split=0.2)
    assert classifier.fit(IRIS[:101], y).classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize("n_rows", [2, 3])
def test_two_or_three_rows_are_enough_to_train_on(n_rows):
    X = np.arange(2.0 * n_rows).reshape(n_rows, 2)
    assert trains_correctly(X, np.arange(n_rows), run="fit")


# --- parameters -----------------------------------------------------------------------------------

JUNK = [
    None, True, np.True_, -1, 0, 1, 3, 1.5, np.nan, np.inf, 1j, "x", "", "auto", b"x", (), [], {},
    {1: 2}, {"a": None}, [None], ["x"], [3], {"class_name": "x"}, object(), int, range(3), ...,
    slice(2), np.array([1, 2]), np.float32(2), np.int8(1), lambda: None, lambda *a: a,
    datetime.date(2000, 1, 1), pd.Series([1, 2]), keras.layers.Dense(3), keras.losses.Dice(),
]  # fmt: skip
PARAMETERS = [
    "backbone", "model", "loss", "optimizer", "metrics", "callbacks", "class_weight", "epochs",
    "batch_size", "validation_split", "early_stopping", "shuffle", "scaling", "warm_start",
    "dtype", "random_state", "verbose", "optimizer__learning_rate", "loss__label_smoothing",
    "loss__reduction", "metrics__x", "callbacks__0__x", "fit__callbacks", "fit__validation_freq",
    "fit__validation_batch_size", "compile__jit_compile", "compile__steps_per_execution",
    "predict__batch_size", "backbone__units", "model__x", "fit__class_weight", "optimizer__0",
    "fit__steps_per_epoch",
]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(PARAMETERS), value=st.sampled_from(JUNK))
def test_any_parameter_value_is_handled(name, value):
    X, y = np.arange(24.0).reshape(12, 2), np.arange(12) % 3
    params = {"backbone": "auto"} if name == "model" else {}
    trains_correctly(X, y, run="fit", **{**params, name: value})
