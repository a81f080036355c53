"""Features: validated like in scikit-learn, without copies, and with advice in errors."""

import datetime
import decimal
import os
import pickle

import numpy as np
import pytest
from scipy import sparse

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.columns.categories import CategoricalColumns
from keras_multiclass._data.features import FeatureSchema

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")


def learn(X, **options):
    return FeatureSchema.learn(X, estimator_name="Net", **options)


def fit_check(X, **options):
    return learn(X, **options)[1]


ROWS = [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize(
    "X",
    [
        ROWS,
        tuple(map(tuple, ROWS)),
        np.array(ROWS, dtype=np.uint8),
        np.array(ROWS, dtype=np.float16),
        np.array(ROWS, dtype=np.float64),
        np.array(ROWS, dtype=object),
        pd.DataFrame(ROWS),
        pd.DataFrame(ROWS, dtype=object),
        pd.DataFrame(ROWS).astype("Int64"),
        pd.DataFrame(ROWS).astype("Float64"),
        pl.DataFrame(ROWS, schema=["a", "b"], orient="row"),
        pl.DataFrame({"a": [1, 3, 5], "b": [2.0, 4.0, 6.0]}),
    ],
    ids=lambda X: type(X).__name__,
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_in_any_container_become_an_array_of_the_requested_dtype(X, dtype):
    checked = fit_check(X, dtype=dtype)
    assert type(checked) is np.ndarray
    assert checked.dtype == dtype
    assert checked.tolist() == ROWS


def test_booleans_become_zeros_and_ones():
    for X in (
        [[True], [False]],
        pd.DataFrame({"a": [True, False]}),
        pd.DataFrame({"a": [True, False]}, dtype="boolean"),
        pl.DataFrame({"a": [True, False]}),
    ):
        assert fit_check(X).tolist() == [[1], [0]]


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2), (4, 3, 2, 2), (4, 3, 2, 2, 2)])
def test_two_to_five_dimensions_are_accepted_and_set_the_fitted_shape(shape):
    schema, checked = learn(np.ones(shape))
    assert checked.shape == shape
    assert schema.n_features_in == 3
    assert schema.input_shape == shape[1:]


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_sparse_input_becomes_csr_and_stays_sparse(make):
    checked = fit_check(make(np.eye(3)))
    assert sparse.issparse(checked)
    assert checked.format == "csr"
    assert checked.dtype == np.float32
    np.testing.assert_array_equal(checked.toarray(), np.eye(3))


def test_an_array_of_the_right_dtype_is_not_copied(tmp_path):
    X = np.ones((5, 3), dtype=np.float32)
    assert np.shares_memory(fit_check(X), X)
    image = np.ones((5, 3, 2, 1), dtype=np.float32)
    assert np.shares_memory(fit_check(image), image)
    path = os.fspath(tmp_path / "X.npy")
    np.save(path, X)
    mapped = np.load(path, mmap_mode="r")
    assert np.shares_memory(fit_check(mapped), mapped)
    ids = np.ones((5, 3), dtype=np.int32)
    assert np.shares_memory(fit_check(ids, token_ids=True), ids)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([1.0, 2.0], ValueError, "Reshape your data"),
        (3.0, ValueError, "Reshape your data"),
        (np.ones((2,) * 6), ValueError, "X must be of 2 to 5 dimensions"),
        (np.empty((0, 3)), ValueError, r"0 sample\(s\)"),
        (np.empty((3, 0)), ValueError, r"0 feature\(s\)"),
        (np.empty((3, 2, 0)), ValueError, "one value in each"),
        ([[1, 2], [3]], ValueError, "rows of equal length.*pad_sequences"),
        ([[1 + 1j]], ValueError, "Complex data not supported"),
        (pd.DataFrame({"a": [1 + 1j]}), ValueError, "Complex data not supported.*column 'a'"),
        ([["a", "b"]], ValueError, "strings or categories.*OneHotEncoder"),
        (np.array([["1.5"]]), ValueError, "strings or categories"),
        (np.array([[1, "b"]], dtype=object), ValueError, "strings or categories"),
        (np.array([["2020-01-01"]], "M8[D]"), ValueError, "dates or times"),
        (np.array([[{"foo": "bar"}]]), TypeError, "argument must be .* string.* number.*objects"),
        (np.ma.masked_array([[1.0, 2]], mask=[[0, 1]]), ValueError, "contains NaN"),
        ([[1.0, np.nan]], ValueError, "Input X contains NaN.\nNet does not .*(.|\n)*SimpleImputer"),
        ([[1.0, None]], ValueError, "Input X contains NaN"),
        (pd.DataFrame({"a": [1, None]}, dtype="Int64"), ValueError, "Input X contains NaN"),
        (pl.DataFrame({"a": [1, None]}), ValueError, "Input X contains NaN"),
        (np.ones((2, 2, 2)) * np.nan, ValueError, "Input X contains NaN"),
        (sparse.csr_array([[1.0, np.nan]]), ValueError, "Input X contains NaN"),
        ([[1.0, np.inf]], ValueError, "Input X contains infinity.*np.clip"),
        ([[1.0, 1e300]], ValueError, r"too large for dtype\('float32'\)"),
        (pd.DataFrame(ROWS, columns=["a", "a"]), ValueError, "different column names.*'a'"),
    ],
    ids=str,
)
def test_anything_but_finite_numbers_is_rejected(X, error, message):
    with pytest.raises(error, match=message):
        fit_check(X)


def test_values_too_large_for_float32_are_accepted_in_float64():
    assert fit_check([[1e300]], dtype="float64").tolist() == [[1e300]]


def test_missing_values_are_kept_for_backbones_that_accept_them():
    checked = fit_check([[1.0, np.nan]], allow_nan=True)
    assert np.isnan(checked[0, 1])
    with pytest.raises(ValueError, match="contains infinity"):
        fit_check([[1.0, np.inf]], allow_nan=True)


ODD = [[1, pd.NA], [decimal.Decimal("2.5"), pd.NaT], [None, 3.0]]


@pytest.mark.parametrize(
    "X",
    [
        ODD,
        np.array(ODD, dtype=object),
        pd.DataFrame(ODD, dtype=object),
        np.ma.masked_equal([[1.0, 9], [2.5, 9], [9, 3]], 9),
        np.ma.masked_equal([[10, 99], [25, 99], [99, 30]], 99) / 10,
    ],
    ids=["list", "array", "frame", "masked", "masked quotient"],
)
def test_missing_values_of_any_type_become_nan(X):
    expected = [[1, np.nan], [2.5, np.nan], [np.nan, 3]]
    schema, learned = learn(X, allow_nan=True)
    np.testing.assert_array_equal(learned, expected)
    np.testing.assert_array_equal(schema.check(X), expected)
    complete = learn(np.ones((3, 2)))[0]
    with pytest.raises(ValueError, match="X contains NaN"):
        complete.check(X.to_numpy() if isinstance(X, pd.DataFrame) else X)


def test_masked_integers_and_categories_are_missing():
    X = np.ma.masked_equal([[1, 7], [2, 9], [3, 7]], 9)
    columns = CategoricalColumns.learn(X, [1])
    schema, learned = learn(X, allow_nan=True, columns=columns)
    np.testing.assert_array_equal(learned, [[1, 0], [2, np.nan], [3, 0]])
    np.testing.assert_array_equal(schema.check(X[1:2]), [[2, np.nan]])
    assert fit_check(np.ma.masked_equal([[1, 2]], 9)).tolist() == [[1, 2]]


def test_missing_objects_beside_categories_become_nan():
    X = pd.DataFrame({"n": [1, pd.NA, 2], "c": ["x", "y", pd.NA]}, dtype=object)
    columns = CategoricalColumns.learn(X, "from_dtype")
    _, learned = learn(X, allow_nan=True, columns=columns)
    np.testing.assert_array_equal(learned, [[1, 0], [np.nan, 1], [2, np.nan]])
    assert X["n"].iloc[1] is pd.NA


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "int4"])
def test_numbers_of_ml_dtypes_are_numbers(dtype):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    X = np.array([[1, 2], [3, 4]]).astype(getattr(ml_dtypes, dtype))
    assert fit_check(X).tolist() == [[1, 2], [3, 4]]
    assert fit_check(X, token_ids=True).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"n": [1.0, 2], "city": ["x", "y"], "color": ["r", "g"]}),
        pd.DataFrame({"n": [1, 2], "city": ["x", "y"], "color": ["r", "g"]}, dtype=object),
        pd.DataFrame({"n": [1.0, 2], "city": ["x", "y"], "color": [1, 2]}).astype(
            {"city": "string", "color": "category"}
        ),
        pl.DataFrame({"n": [1.0, 2], "city": ["x", "y"], "color": ["r", "g"]}),
        pl.DataFrame({"n": [1.0, 2], "city": ["x", "y"], "color": ["r", "g"]}).cast(
            {"color": pl.Categorical}
        ),
    ],
    ids=lambda X: type(X).__module__.split(".")[0],
)
def test_errors_name_string_columns_and_suggest_encoders(X):
    message = "strings or categories in columns 'city', 'color'.*ColumnTransformer"
    with pytest.raises(ValueError, match=message):
        fit_check(X)


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"n": [1.0], "day": pd.to_datetime(["2020-01-01"])}),
        pd.DataFrame({"n": [1.0], "day": pd.to_datetime(["2020-01-01"], utc=True)}),
        pd.DataFrame({"n": [1.0], "day": pd.to_timedelta(["1 day"])}),
        pd.DataFrame({"n": [1.0], "day": [datetime.date(2020, 1, 1)]}),
        pd.DataFrame({"n": [1.0, 2], "day": [pd.NaT, datetime.time(1)]}, dtype=object),
        pd.DataFrame({"n": [1.0], "day": pd.period_range("2020-01", periods=1)}),
        pl.DataFrame({"n": [1.0], "day": [datetime.date(2020, 1, 1)]}),
    ],
)
def test_errors_name_date_columns_and_suggest_numbers(X):
    with pytest.raises(ValueError, match="dates or times in column 'day'.*year, month"):
        fit_check(X)


@pytest.mark.parametrize(
    "X",
    [
        [[1.0, datetime.date(2020, 1, 1)]],
        np.array([[datetime.datetime(2020, 1, 1), 1]], dtype=object),
        np.array([[[pd.Timestamp("2020-01-01")]]], dtype=object),
        [[datetime.timedelta(1), None]],
    ],
)
def test_dates_among_objects_are_dates(X):
    with pytest.raises(ValueError, match="X must be real numbers; got dates or times"):
        fit_check(X)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_feature_names_are_stored_and_compared(frame):
    schema, _ = learn(frame({"a": [1.0, 2.0], "b": [3.0, 4.0]}))
    assert schema.feature_names_in.tolist() == ["a", "b"]
    assert schema.n_features_in == 2
    same = frame({"a": [5.0], "b": [6.0]})
    assert schema.check(same).tolist() == [[5, 6]]
    with pytest.raises(ValueError, match="same order as they were in fit"):
        schema.check(frame({"b": [6.0], "a": [5.0]}))
    with pytest.raises(ValueError, match="unseen at fit time"):
        schema.check(frame({"a": [5.0], "c": [6.0]}))
    with pytest.warns(UserWarning, match="X does not have valid feature names, but Net was"):
        schema.check([[5.0, 6.0]])


def test_feature_names_are_compared_across_data_frame_libraries():
    schema, _ = learn(pd.DataFrame({"a": [1.0], "b": [2.0]}))
    schema.check(pl.DataFrame({"a": [1.0], "b": [2.0]}))
    with pytest.raises(ValueError, match="same order"):
        schema.check(pl.DataFrame({"b": [1.0], "a": [2.0]}))


DATES = pd.date_range("2020-01-01", periods=3)
PAIRS = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)])
NAMES = [[30, 10, 20], [0, 1, 2], DATES, PAIRS, [1.5, np.nan, 2.5], [("a", 1), 7, None]]


def numbered(columns):
    return pd.DataFrame(np.arange(6.0).reshape(2, 3), columns=columns)


@pytest.mark.parametrize("columns", NAMES, ids=lambda names: str(names[0]))
def test_column_names_of_any_type_are_compared(columns):
    X = numbered(columns)
    schema = pickle.loads(pickle.dumps(learn(X)[0]))
    assert schema.check(X).tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ValueError, match="those of fit, in the same order; got the same names in"):
        schema.check(X.iloc[:, [1, 2, 0]])
    with pytest.raises(ValueError, match="1 missing name"):
        schema.check(X.iloc[:, :2])
    with pytest.raises(ValueError, match="1 new name: 99.*X_train.columns"):
        schema.check(
            pd.DataFrame(np.ones((2, 4)), columns=pd.Index([*X.columns, 99], dtype=object))
        )
    with pytest.raises(ValueError, match="3 new names: 97, 98, 99 and 3 missing names"):
        schema.check(X.set_axis([97, 98, 99], axis=1))
    with pytest.raises(ValueError, match="different column names|those of fit"):
        schema.check(X.iloc[:, [0, 0, 1]])


def test_names_that_differ_in_type_are_different():
    with pytest.raises(ValueError, match="3 new names: 'a', 'b', 'c'"):
        learn(numbered([30, 10, 20]))[0].check(numbered(["a", "b", "c"]))
    with pytest.raises(ValueError, match="3 new names: 30, 10, 20"):
        learn(numbered(["a", "b", "c"]))[0].check(numbered([30, 10, 20]))


def test_frames_without_names_equal_arrays(recwarn):
    unnamed = numbered(None)
    for fitted, new in [(unnamed, unnamed.to_numpy()), (unnamed.to_numpy(), unnamed)]:
        assert learn(fitted)[0].check(new).shape == (2, 3)
    assert not recwarn


@pytest.mark.parametrize(
    ("fitted", "new", "message"),
    [
        (numbered(DATES), np.ones((2, 3)), "X does not have valid feature names, but Net was"),
        (numbered(DATES), numbered(None), "X does not have valid feature names, but Net was"),
        (np.ones((2, 3)), numbered(DATES), "X has feature names, but Net was fitted without"),
        (np.ones((2, 3)), numbered([2, 0, 1]), "X has feature names, but Net was fitted without"),
        (numbered(None), numbered(["a", "b", "c"]), "X has feature names, but Net was fitted"),
        (numbered(["a", "b", "c"]), numbered(None), "X does not have valid feature names, but"),
    ],
)
def test_names_on_one_side_only_are_a_warning(fitted, new, message):
    schema, _ = learn(fitted)
    with pytest.warns(UserWarning, match=message) as caught:
        schema.check(new)
    assert len(caught) == 1


def test_arrays_have_no_feature_names():
    assert learn([[1.0, 2.0]])[0].feature_names_in is None


def test_the_shape_of_a_row_must_match_fit():
    schema, _ = learn(np.ones((4, 3, 2)))
    schema.check(np.ones((1, 3, 2)))
    with pytest.raises(ValueError, match=r"of shape \(3, 2\), as in fit; got shape \(3, 1\)"):
        schema.check(np.ones((4, 3, 1)))
    with pytest.raises(ValueError, match=r"of shape \(3, 2\), as in fit; got shape \(3,\)"):
        schema.check(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"of shape \(3, 2\), as in fit; got shape \(5, 2\)"):
        schema.check(np.ones((4, 5, 2)))


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float64, object])
def test_token_ids_become_int32(dtype):
    checked = fit_check(np.array([[3, 0], [7, 1]], dtype=dtype), token_ids=True)
    assert checked.dtype == np.int32
    assert checked.tolist() == [[3, 0], [7, 1]]


@pytest.mark.parametrize(
    ("X", "error"),
    [
        ([[1, -1]], "negative"),
        ([[0.5, 1]], "fractions"),
        ([[2**40, 1]], "larger"),
        (np.array([[True, False]]), "dtype bool"),
        (np.ones((2, 2, 2), int), r"shape \(2, 2, 2\)"),
        ([[np.nan, 1]], "contains NaN"),
    ],
)
def test_invalid_token_ids_are_rejected(X, error):
    with pytest.raises(ValueError, match=error):
        fit_check(X, token_ids=True)


def test_sparse_token_ids_are_rejected():
    with pytest.raises(TypeError, match="dense array of token ids"):
        fit_check(sparse.csr_array(np.eye(2, dtype=int)), token_ids=True)


def test_the_users_array_is_not_modified():
    X = np.arange(12.0).reshape(4, 3)
    X.flags.writeable = False
    fit_check(X, dtype="float64")
    assert X.sum() == 66


@pytest.mark.parametrize("shape", [(6, 6, 3), (5, 6, 3), (6, 5, 3), (5, 5)])
def test_images_of_another_shape_are_named_by_their_shape(shape):
    fitted = KerasMulticlassClassifier(backbone="cnn", backbone__filters=(2,), epochs=1)
    fitted.fit(np.arange(600.0).reshape(8, 5, 5, 3), [0, 1] * 4)
    with pytest.raises(ValueError, match=r"row of X must be of shape \(5, 5, 3\).* got shape \("):
        fitted.predict(np.ones((2, *shape)))
