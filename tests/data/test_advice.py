"""The advice in errors about X works when it is followed, for each container, rank and kind."""

import datetime
import pathlib
import re

import keras
import numpy as np
import pytest
import sklearn.preprocessing
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.columns.categories import CategoricalColumns
from keras_multiclass._data.features import FeatureSchema

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

NAMES = {
    "np": np,
    "keras": keras,
    "pandas": pd,
    "polars": pl,
    "make_pipeline": make_pipeline,
    "SimpleImputer": SimpleImputer,
    "TfidfVectorizer": TfidfVectorizer,
    "sklearn": sklearn,
}


class Reader(ClassifierMixin, BaseEstimator):
    """Reads X as the classifier does, without a network."""

    def __init__(self, token_ids=False, allow_nan=False):
        self.token_ids = token_ids
        self.allow_nan = allow_nan

    def fit(self, X, y=None):
        options = {"token_ids": self.token_ids, "allow_nan": self.allow_nan}
        self.schema_, self.read_ = FeatureSchema.learn(X, estimator_name="Net", **options)
        return self


def follow(message, X, classifier):
    """Execute the code in a message; return the classifier and X to fit it on."""
    names = {**NAMES, "X": X, "classifier": classifier}
    for code in re.findall(r"(?<=where )columns = .*?\)\.columns", message):
        exec(code, names)
    statement = r"[XZ] = .*?\)(?=\.(?:\s|$)| and )|X(?:\.data|\[columns\]) = .*?\)"
    for code in re.findall(statement, message):
        exec(code, names)
    pipeline = re.search(r"make_pipeline\(.*?, classifier\)", message)
    if pipeline:
        names["classifier"] = eval(pipeline.group(), names)
    return names["classifier"], names["X"]


def error_of(X, reader):
    with pytest.raises((ValueError, TypeError)) as caught:
        reader.fit(X)
    return str(caught.value)


def spoiled(shape, value, dtype=float):
    """Return numbers from 1 to 4, one of them replaced."""
    X = (np.arange(np.prod(shape)) % 4 + 1).reshape(shape).astype(dtype)
    X[(1,) + (0,) * (len(shape) - 1)] = value
    return X


RANKS = [(6, 3), (6, 3, 2), (6, 3, 2, 2), (6, 3, 2, 2, 2)]
MISSING = {
    **{f"array of rank {len(shape)}": spoiled(shape, np.nan) for shape in RANKS},
    **{f"objects of rank {len(shape)}": spoiled(shape, pd.NA, object) for shape in RANKS},
    **{
        f"masked of rank {len(shape)}": np.ma.masked_equal(spoiled(shape, 9, int), 9)
        for shape in RANKS
    },
    "masked floats": np.ma.masked_equal(spoiled((6, 3), 9.0), 9),
    "list": spoiled((6, 3), np.nan).tolist(),
    "nested list": spoiled((6, 3, 2), np.nan).tolist(),
    "list with None": spoiled((6, 3), None, object).tolist(),
    "sparse": sparse.csr_array(spoiled((6, 3), np.nan)),
    "pandas": pd.DataFrame(spoiled((6, 3), np.nan), columns=list("abc")),
    "pandas objects": pd.DataFrame(spoiled((6, 3), pd.NA, object), columns=list("abc")),
    "pandas Int64": pd.DataFrame(
        spoiled((6, 3), pd.NA, object), columns=list("abc"), dtype="Int64"
    ),
    "polars": pl.DataFrame(spoiled((6, 3), np.nan), schema=list("abc")),
    "polars null": pl.DataFrame({"a": [1, None, 3, 4], "b": [1.0, 2, 3, None]}),
}


@pytest.mark.parametrize("name", MISSING)
def test_the_advice_on_missing_values_works(name):
    X = MISSING[name]
    message = error_of(X, Reader())
    assert "contains NaN" in message
    classifier, X = follow(message, X, Reader())
    classifier.fit(X, np.zeros(6))


TWO_DIMENSIONAL = [
    name for name, X in MISSING.items() if not sparse.issparse(X) and np.ndim(X) == 2
]


@pytest.mark.parametrize("name", TWO_DIMENSIONAL)
def test_the_advice_on_missing_token_ids_works(name):
    X = MISSING[name]
    message = error_of(X, Reader(token_ids=True))
    assert "contains NaN" in message
    assert "Use 0 for padding" in message
    fitted = Reader(token_ids=True).fit(follow(message, X, None)[1])
    assert fitted.read_.min() == 0
    assert fitted.read_.dtype == np.int32


INFINITE = {
    **{f"array of rank {len(shape)}": spoiled(shape, np.inf) for shape in RANKS},
    "minus infinity": spoiled((6, 3), -np.inf),
    "too large": spoiled((6, 3, 2), 1e300),
    "objects": spoiled((6, 3), np.inf, object),
    "list": spoiled((6, 3), np.inf).tolist(),
    "csr": sparse.csr_array(spoiled((6, 3), np.inf)),
    "coo": sparse.coo_array(spoiled((6, 3), np.inf)),
    "lil": sparse.lil_array(spoiled((6, 3), np.inf)),
    "pandas": pd.DataFrame(spoiled((6, 3), np.inf), columns=list("abc")),
    "pandas Float64": pd.DataFrame(spoiled((6, 3), 1e300), columns=list("abc"), dtype="Float64"),
    "polars": pl.DataFrame(spoiled((6, 3), np.inf), schema=list("abc")),
}


@pytest.mark.parametrize("name", INFINITE)
@pytest.mark.parametrize("allow_nan", [False, True])
def test_the_advice_on_infinite_values_works(name, allow_nan):
    X = INFINITE[name]
    X = X.clone() if name == "polars" else X.copy()
    message = error_of(X, Reader(allow_nan=allow_nan))
    assert "contains infinity" in message
    Reader(allow_nan=allow_nan).fit(follow(message, X, None)[1])


@pytest.mark.parametrize("name", ["array of rank 2", "minus infinity", "pandas", "polars", "list"])
def test_the_advice_on_infinite_token_ids_works(name):
    message = error_of(INFINITE[name], Reader(token_ids=True))
    Reader(token_ids=True).fit(follow(message, INFINITE[name], None)[1])


@pytest.mark.parametrize("shape", [(6,), *RANKS])
def test_the_advice_on_complex_numbers_works(shape):
    X = np.ones(shape) + 1j
    if len(shape) == 1:
        X = X[:, None]
    expected = np.concatenate([np.ones(X.shape), np.ones(X.shape)], axis=-1)
    for given in (X, X.tolist(), X.astype(object)):
        fixed = follow(error_of(given, Reader()), given, None)[1]
        np.testing.assert_array_equal(Reader().fit(fixed).read_, expected)


WORDS = np.array(["ash", "fir", "oak", "elm", "yew", "fig"])


def test_the_advice_on_text_works():
    assert "To classify texts, fit on texts" in error_of(WORDS, Reader())
    words = KerasMulticlassClassifier(n_ensemble=1, epochs=1).fit(list(WORDS), np.arange(6) % 2)
    assert words.predict(WORDS).shape == (6,)
    table = np.repeat(WORDS[:, None], 2, axis=1)
    assert "OneHotEncoder or OrdinalEncoder" in error_of(table, Reader())
    for encoder in (OneHotEncoder(), OrdinalEncoder()):
        make_pipeline(make_column_transformer((encoder, [0, 1])), Reader()).fit(table)
    images = np.broadcast_to(WORDS[:, None, None], (6, 2, 3))
    for X in (images, images.tolist()):
        Reader().fit(follow(error_of(X, Reader()), X, None)[1])
    message = error_of(table, Reader(token_ids=True))
    lookup = re.search(r"keras\.layers\.StringLookup\(.*?\)\)", message).group()
    ids = np.asarray(eval(lookup, {**NAMES, "X": table})(table))
    assert Reader(token_ids=True).fit(ids).read_.min() > 0


@pytest.mark.parametrize(
    "days",
    [
        np.arange("2020-01-01", "2020-01-07", dtype="M8[D]"),
        pd.Series([datetime.date(2020, 1, day) for day in range(1, 7)]),
        pd.Series(pd.date_range("2020-01-01", periods=6, tz="UTC")).astype(object),
    ],
)
def test_the_advice_on_dates_works(days):
    X = days[:, None] if isinstance(days, np.ndarray) else days.to_frame("day")
    assert "days since a fixed date" in error_of(X, Reader())
    code = re.search(r"fixed date: (.*)\.$", error_of(X, Reader()))[1]
    since = eval(code, {**NAMES, "dates": pd.Series(days)})
    read = Reader().fit(pd.DataFrame({"day": since, "month": pd.Series(days).map(lambda d: 1)}))
    assert read.read_[:, 0].tolist() == [7305, 7306, 7307, 7308, 7309, 7310]


VECTORS = [np.full(3, i, float) for i in range(6)]


@pytest.mark.parametrize(
    "X",
    [
        [{"a": 1.0, "b": i} for i in range(6)],
        pd.Series(VECTORS),
        pl.Series([list(v) for v in VECTORS]),
        np.array([*VECTORS[:-1], None], dtype=object)[:-1],
        np.array([(1, 2.0), (3, 4.0)], dtype=[("a", int), ("b", float)]),
    ],
    ids=["records", "series", "polars", "objects", "structure"],
)
def test_the_advice_on_nested_values_works(X):
    message = error_of(X, Reader())
    fixed = follow(message.partition(" Pad ")[0], X, None)[1]
    assert Reader().fit(fixed).read_.ndim == 2


def test_the_advice_on_ragged_rows_works():
    ragged = [[1.5, 2.5], [3.5]]
    expected = [[1.5, 2.5], [3.5, 0]]
    objects = np.array([np.array(row) for row in ragged], dtype=object)
    for X in (ragged, pd.Series(ragged), objects):
        message = error_of(X, Reader())
        code = re.search(r"X = (keras\.utils\.pad_sequences\(.*'\))", message).group(1)
        assert Reader().fit(eval(code, {**NAMES, "X": X})).read_.tolist() == expected


def test_nested_columns_are_named():
    for X in (pd.DataFrame({"a": VECTORS}), pl.DataFrame({"a": [[1, 2], [3]]})):
        assert re.search("objects.* in column 'a'", error_of(X, Reader()))


CELLS = {
    "list": [[i, 2.0] for i in range(6)],
    "tuple": [(i, 2.0) for i in range(6)],
    "ndarray": [np.array([i, 2.0]) for i in range(6)],
    "dict": [{"a": i, "b": 2.0} for i in range(6)],
    "set": [{i % 2, 2 + i % 2} for i in range(6)],
}


def in_form(form, values):
    column = np.empty(6, object)
    column[:] = values
    table = np.column_stack([column, np.ones(6)]).astype(object)
    return {
        "frame": lambda: pd.DataFrame({"a": 1.0, "b": column}, index=range(6, 12)),
        "frame without names": lambda: pd.DataFrame(table),
        "array": lambda: table,
        "list": lambda: [[value, 1.0] for value in values],
    }[form]()


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("form", ["frame", "frame without names", "array", "list"])
def test_the_advice_on_cells_of_several_values_works(kind, form):
    X = in_form(form, CELLS[kind])
    message = error_of(X, Reader())
    name = "'b'" if form == "frame" else "0"
    assert f"objects of type '{kind}' in column {name}." in message
    read = Reader().fit(follow(message, X, None)[1]).read_
    assert read.shape == (6, 5 if kind == "set" else 3)
    assert read[:, 0].tolist() == [1] * 6
    if kind != "set":
        assert read[:, 1].tolist() == list(range(6))


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("form", ["frame", "array"])
def test_the_advice_on_values_that_cannot_be_categories_works(kind, form):
    X, selected = in_form(form, CELLS[kind]), ["b"] if form == "frame" else [0]
    if kind == "tuple":
        assert CategoricalColumns.learn(X, selected) is not None
        return
    with pytest.raises(TypeError, match=f"got values of type '{kind}'") as caught:
        CategoricalColumns.learn(X, selected)
    exec(re.search(r"X\[.*\](?=\.$)", str(caught.value))[0], {"X": X})
    assert len(CategoricalColumns.learn(X, selected).categorical[0].categories) in (2, 6)


def test_the_advice_on_sets_and_structures_works():
    X = CELLS["set"]
    assert Reader().fit(follow(error_of(X, Reader()), X, None)[1]).read_.shape == (6, 4)
    X = pl.DataFrame({"a": CELLS["dict"]})
    assert Reader().fit(follow(error_of(X, Reader()), X, None)[1]).read_.shape == (6, 2)


TABLE = np.arange(12.0).reshape(6, 2)


@pytest.mark.parametrize(
    ("X", "selected", "message"),
    [
        (sparse.csr_array(TABLE), [0], "must be a dense array.*got csr_array.*Pass X.toarray()"),
        (TABLE, [True], "one value for each of the 2 columns of X; got 1. Pass as many"),
        (TABLE, [-1], "from 0 to 1, the columns of X; got -1 to -1. Columns are counted from 0"),
        (TABLE, 1, r"pass a list: \[1\]"),
        (pd.DataFrame({"a": TABLE[:, 0]}), "a", r"pass a list: \['a'\]"),
        (pd.DataFrame({"a": TABLE[:, 0]}), {"a"}, r"list\(categorical_features\)"),
        (pd.DataFrame({"a": TABLE[:, 0]}), ["a", 1], "names of columns of X; got 1"),
    ],
    ids=str,
)
def test_a_choice_of_categorical_columns_that_does_not_fit_says_what_does(X, selected, message):
    with pytest.raises(ValueError, match=f"`categorical_features`.* {message}"):
        CategoricalColumns.learn(X, selected)


@pytest.mark.parametrize("X", [TABLE, sparse.csr_array(TABLE), pd.DataFrame(TABLE)], ids=type)
@pytest.mark.parametrize("selected", [[], (), np.array([], int), [False, False]], ids=str)
def test_an_empty_choice_selects_no_columns(X, selected):
    assert CategoricalColumns.learn(X, selected) is None


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ("iris.csv", "got 'iris.csv'. Read the file first"),
        (pathlib.Path("iris.csv"), "Read the file first, for example with pandas.read_csv"),
        ({"a": [1]}, "pandas.DataFrame(X)"),
        ({1, 2}, "got set of length 2."),
        (None, "got None."),
    ],
    ids=str,
)
def test_what_holds_no_rows_is_an_error_with_the_way_to_an_array(X, words):
    assert "X must be one array, data frame or sparse matrix; got" in error_of(X, Reader())
    assert words in error_of(X, Reader())


def test_the_advice_on_sparse_columns_works():
    X = pd.DataFrame(np.eye(3)).astype(pd.SparseDtype(float, np.nan))
    assert "X.sparse.to_dense()" in error_of(X, Reader())
    assert Reader().fit(X.sparse.to_dense()).read_.tolist() == np.eye(3).tolist()
    read = Reader().fit(X.astype(pd.SparseDtype(float, 0))).read_
    assert read.toarray().tolist() == np.eye(3).tolist()


def test_values_of_a_vector_are_not_printed():
    message = error_of(np.array([9.25, 8.5, 9.75]), Reader())
    assert "Reshape your data" in message
    assert not re.search(r"9\.25|8\.5|9\.75", message)
