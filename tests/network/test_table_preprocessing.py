"""Raw tables: categories, missing values, extreme scales, and names of the network's inputs."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, RobustScaler

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.columns.categories import CategoricalColumns
from keras_multiclass._data.statistics import weighted_quantiles

DATA = Path(__file__).resolve().parents[2] / "examples" / "data"


def read(name):
    """Load features, as a frame of numbers and categories, and labels."""
    table = pd.read_csv(DATA / f"{name}.csv")
    y = table.pop("target").to_numpy(dtype=object)
    text = [column for column in table if not pd.api.types.is_numeric_dtype(table[column])]
    return table.astype(dict.fromkeys(text, "category")), y


def quick(**params):
    return KerasMulticlassClassifier(
        **{"backbone": "mlp", "epochs": 30, "backbone__hidden_units": (32,), "random_state": 0}
        | params
    )


def inputs_of(classifier, X):
    """Inputs of a fitted classifier's backbone for encoded rows."""
    first = next(
        layer for layer in classifier.model_.layers if isinstance(layer, keras.layers.Dense)
    )
    network = keras.Model(classifier.model_.input, first.input)
    return np.asarray(network(np.asarray(X, dtype="float32")))


@pytest.fixture(scope="module", params=["soybean", "eucalyptus"])
def real(request):
    return read(request.param)


# --- real tables with missing values ------------------------------------------------------------


def test_fit_accepts_a_raw_table_and_beats_the_majority_class(real):
    X, y = real
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    classifier = KerasMulticlassClassifier(random_state=0).fit(X_train, y_train)
    guessing = pd.Series(y_test).value_counts(normalize=True).max()
    assert classifier.score(X_test, y_test) > guessing + 0.3
    probabilities = classifier.predict_proba(X_test)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-9)
    names = classifier.network_feature_names_
    assert len(names) == len(set(names))


def test_grid_search_accepts_a_raw_table(real):
    X, y = real
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    scalings = {"scaling": ["standard", "quantile"]}
    classifier = quick(epochs=8, optimizer__learning_rate=0.01)
    search = GridSearchCV(classifier, scalings, cv=folds, error_score="raise").fit(X, y)
    assert search.predict(X).shape == (len(X),)
    assert (search.cv_results_["mean_test_score"] > 0.4).all()


def test_polars_and_string_columns_equal_pandas_categories():
    X, y = read("eucalyptus")
    text = X.select_dtypes("category").columns
    expected = quick(epochs=2).fit(X, y).predict_proba(X)
    as_strings = X.astype(dict.fromkeys(text, object))
    as_polars = pl.DataFrame({name: as_strings[name].tolist() for name in X.columns}, strict=False)
    for table in (
        as_strings,
        as_polars,
        as_polars.with_columns(pl.col(*text).cast(pl.Categorical)),
    ):
        probabilities = quick(epochs=2).fit(table, y).predict_proba(table)
        np.testing.assert_array_equal(probabilities, expected)


def test_a_changed_column_order_is_an_error_as_in_scikit_learn(real):
    X, y = real
    classifier = quick(epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="in the same order as they were in fit"):
        classifier.predict(X[X.columns[::-1]])


def test_a_new_category_is_unknown_and_an_unused_one_has_no_effect(real):
    X, y = real
    name = X.select_dtypes("category").columns[0]
    classifier = quick(epochs=3).fit(X, y)
    before = classifier.predict_proba(X)
    levels = X[name].cat.categories
    # Rows of a single category, in a column without any other category.
    some = (X[name] == levels[0]).to_numpy()
    alone = X[some].assign(**{name: X.loc[some, name].cat.remove_unused_categories()})
    np.testing.assert_allclose(classifier.predict_proba(alone), before[some], atol=1e-6)
    odd = X.astype({name: object}).assign(**{name: "never seen before"})
    other = X.astype({name: object}).assign(**{name: "not seen either"})
    unknown = classifier.predict_proba(odd)
    assert np.isfinite(unknown).all()
    np.testing.assert_array_equal(unknown, classifier.predict_proba(other))
    assert not np.allclose(unknown, before)


def test_predict_imputes_a_column_of_missing_values(real):
    X, y = real
    classifier = quick(epochs=3).fit(X, y)
    for name in (X.columns[0], X.columns[-1]):
        empty = X.astype({name: object}).assign(**{name: None})
        probabilities = classifier.predict_proba(empty)
        assert probabilities.shape == (len(X), len(classifier.classes_))
        assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(classifier.predict_proba(empty).sum(axis=1), 1.0, atol=1e-9)


def test_fit_accepts_columns_of_missing_values_only():
    X, y = load_iris(return_X_y=True, as_frame=True)
    holed = X.assign(nothing=np.nan, none=pd.Series([None] * len(X), dtype="category"))
    classifier = quick(epochs=40, optimizer__learning_rate=0.01).fit(holed, y)
    assert classifier.score(holed, y) > 0.9


def test_the_exported_network_needs_only_category_codes():
    X, y = read("eucalyptus")
    classifier = quick(epochs=2).fit(X, y)
    columns = CategoricalColumns.learn(X, "from_dtype")
    codes = columns.encode(X, np.float32)
    for category in columns.categorical:
        pandas_codes = X.iloc[:, category.position].cat.codes.to_numpy()
        np.testing.assert_array_equal(codes[:, category.position], pandas_codes)
    logits = np.asarray(classifier.model_(codes))
    np.testing.assert_allclose(logits, classifier.decision_function(X), rtol=1e-5, atol=1e-5)


# --- categorical columns ------------------------------------------------------------------------

MIXED = pd.DataFrame(
    {
        "size": [1.0, 2.0, np.nan, 4.0, 5.0, 6.0],
        "color": ["red", "green", "blue", "red", None, "green"],
        "sold": [True, False, True, True, False, False],
        "grade": [3, 1, 2, 3, 1, 2],
    }
)
LABELS = np.array(["a", "b", "c", "a", "b", "c"])


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("from_dtype", [1, 2]),
        (["color", "grade", "sold"], [1, 2, 3]),
        ([1, 2, 3], [1, 2, 3]),
        (np.array([False, True, True, True]), [1, 2, 3]),
    ],
    ids=["dtype", "names", "indices", "mask"],
)
def test_categorical_columns_are_detected_by_dtype_or_named(choice, expected):
    classifier = quick(epochs=1, categorical_features=choice).fit(MIXED, LABELS)
    positions = [category.position for category in classifier._state.features.columns.categorical]
    assert positions == expected
    tag = classifier.__sklearn_tags__().input_tags
    assert tag.allow_nan
    assert tag.categorical


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("by_dtype", "`categorical_features` must be 'from_dtype', None, or a mask"),
        (["weight"], r"`categorical_features` must be names of columns of X; got 'weight'"),
        ([7], "`categorical_features` as indices must be from 0 to 3"),
        ([True, False], "`categorical_features` as a mask must be one value for each of the 4"),
        (1.5, "`categorical_features` must be"),
        (["color", ("weight",)], "`categorical_features` must be"),
        (None, "strings or categories in column 'color'"),
    ],
)
def test_an_invalid_selection_of_columns_is_an_error(choice, message):
    with pytest.raises(ValueError, match=message):
        quick(epochs=1, categorical_features=choice).fit(MIXED, LABELS)


def test_names_need_a_frame_and_categories_a_table_backbone():
    with pytest.raises(ValueError, match="mask or indices when X has no column names"):
        quick(categorical_features=["color"]).fit(MIXED.to_numpy(), LABELS)
    with pytest.raises(ValueError, match="unless a table backbone reads X"):
        KerasMulticlassClassifier("gru", categorical_features=[0]).fit(np.zeros((6, 3, 2)), LABELS)


@pytest.mark.parametrize("kind", [list, tuple, pd.MultiIndex.from_tuples])
def test_names_of_categorical_columns_may_be_tuples(kind):
    names = [("u", "a"), ("u", "b"), ("v", "c")]
    X = pd.DataFrame(np.arange(18).reshape(6, 3) % 2, columns=pd.MultiIndex.from_tuples(names))
    columns = CategoricalColumns.learn(X, kind([("u", "b"), ("v", "c")]))
    assert columns.positions == {1, 2}
    assert CategoricalColumns.learn(X, kind([("v", "c")])).positions == {2}
    with pytest.raises(ValueError, match=r"must be names of columns of X; got \('v', 'd'\)"):
        CategoricalColumns.learn(X, kind([("v", "d")]))


def test_numbers_in_an_array_can_be_categories():
    X = np.array([[0, 5.0], [1, 6.0], [7, 7.0], [0, 5.5], [1, 6.5], [7, 7.5]])
    classifier = quick(epochs=60, categorical_features=[0], optimizer__learning_rate=0.03)
    classifier.fit(X, LABELS)
    assert list(classifier.network_feature_names_) == ["x1", "x0_0.0", "x0_1.0", "x0_7.0"]
    assert classifier.score(X, LABELS) == 1.0
    mixed = X.astype(object)
    mixed[:, 0] = ["low", "mid", "high"] * 2
    assert classifier.fit(mixed, LABELS).score(mixed, LABELS) == 1.0


def test_strings_in_a_numeric_column_are_an_error_and_leave_the_classifier_usable():
    classifier = quick(epochs=1, categorical_features=["grade"]).fit(
        MIXED[["size", "grade"]], LABELS
    )
    before = classifier.predict_proba(MIXED[["size", "grade"]])
    wrong = MIXED[["size", "grade"]].astype({"grade": str})
    with pytest.raises(ValueError, match="column 'grade' of X must be numbers, as in fit; got str"):
        classifier.predict(wrong)
    np.testing.assert_array_equal(classifier.predict_proba(MIXED[["size", "grade"]]), before)


CODES = np.arange(12) % 3
AS_TEXT = [str(code) for code in CODES]
HALF = [*AS_TEXT[:6], *CODES[6:].tolist()]
COLUMNS = {
    "array": lambda values: np.array([[v] for v in values], dtype=object),
    "pandas": lambda values: pd.DataFrame({"zip": pd.Series(values, dtype=object)}),
    "pandas category": lambda values: pd.DataFrame({"zip": pd.Categorical(values)}),
    "polars": lambda values: pl.DataFrame({"zip": pl.Series(values, dtype=pl.Object)}),
}


@pytest.mark.parametrize("form", COLUMNS)
def test_strings_and_numbers_in_one_column_are_an_error_that_says_how_to_convert(form):
    def encode(X, columns):
        try:
            columns = columns or CategoricalColumns.learn(X, [0])
            return columns.encode(X, "float64").ravel(), columns
        except ValueError as error:
            message = str(error)
            assert "must be " in message
            assert "numbers and strings" in message or message.count("strings") == 1
            scope = {"X": X, "polars": pl}
            exec(message.partition("Convert them: ")[2].rstrip("."), scope)
            return encode(scope["X"], columns)

    make = COLUMNS[form]
    codes, of_strings = encode(make(HALF), None)
    np.testing.assert_array_equal(codes, CODES)
    assert of_strings.categorical[0].categories == ("0", "1", "2")
    _, of_numbers = encode(make(CODES.tolist()), None)
    for values, columns in (
        (HALF, of_strings),
        (CODES.tolist(), of_strings),
        (HALF, of_numbers),
        (AS_TEXT, of_numbers),
    ):
        np.testing.assert_array_equal(encode(make(values), columns)[0], CODES)


def test_numbers_rounded_to_float32_are_the_same_category():
    values = np.array([0.1, 0.2, 1 / 3, 123_456_789.0, 0.30000000000000004, 0.3])[:, None]
    exact = CategoricalColumns.learn(values, [0])
    order = exact.encode(values, "float64").ravel()
    rounded = exact.encode(values.astype("float32"), "float64").ravel()
    assert rounded.tolist() == [*order[:4], -1, -1]  # two categories become equal
    single = CategoricalColumns.learn(values[:4].astype("float32"), [0])
    assert single.encode(values[:4], "float64").ravel().tolist() == [0, 1, 2, 3]
    assert single.encode(values[:4] * (1 + 1e-12), "float64").ravel().tolist() == [0, 1, 2, 3]
    assert exact.encode(values[:4] * (1 + 1e-12), "float64").ravel().tolist() == [-1] * 4


def test_a_column_of_unknown_categories_is_a_warning():
    frame = pd.DataFrame({"zip": AS_TEXT, "size": 1.0})
    columns = CategoricalColumns.learn(frame, "from_dtype")
    wrong = frame.assign(zip=[f"{text}.0" for text in AS_TEXT])
    with pytest.warns(UserWarning, match="None of the 3 categories in column 'zip' of X occurs"):
        assert (columns.encode(wrong, "float64")[:, 0] == -1).all()
    for few in (wrong[:9], wrong.assign(zip="9"), pd.concat([frame[:1], wrong])):
        columns.encode(few, "float64")  # no warning


def test_values_that_cannot_be_categories_are_an_error_naming_the_column():
    mixed = MIXED.assign(color=pd.Series([["red"], "green", None, "red", "blue", "red"]))
    with pytest.raises(TypeError, match="Each category in column 'color' of X must be a string"):
        quick(epochs=1).fit(mixed, LABELS)


def test_the_inputs_of_dates_are_scaled_like_numbers_and_have_names():
    dated = MIXED.assign(when=pd.date_range("2020-01-31", periods=6))
    classifier = quick(epochs=1).fit(dated, LABELS)
    names = list(classifier.network_feature_names_)
    assert [name for name in names if name.startswith("when")] == [
        "when_elapsed",
        *(f"when_{cycle}_{w}" for cycle in ("month", "day", "weekday") for w in ("sin", "cos")),
    ]
    assert names[:2] == ["size", "grade"]


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_is_an_error_next_to_categories_and_missing_values(value):
    with pytest.raises(ValueError, match="infinity"):
        quick(epochs=1).fit(MIXED.assign(size=[1, 2, value, 4, 5, 6]), LABELS)
    classifier = quick(epochs=1).fit(MIXED, LABELS)
    with pytest.raises(ValueError, match="infinity"):
        classifier.predict(MIXED.assign(size=value))


# --- inputs of the backbone ---------------------------------------------------------------------


def test_inputs_of_the_backbone_have_names_and_match_scikit_learn():
    classifier = quick(epochs=1, scaling="standard").fit(MIXED, LABELS)
    names = list(classifier.network_feature_names_)
    assert names == [
        *("size", "grade", "size_missing"),
        *("color_blue", "color_green", "color_red", "color_missing", "sold_True"),
    ]
    read = pd.DataFrame(
        inputs_of(classifier, classifier._state.features.columns.encode(MIXED, "f4"))
    )
    read.columns = names
    size = MIXED["size"]
    expected = ((size - size.mean()) / size.std(ddof=0)).fillna(0.0)
    np.testing.assert_allclose(read["size"], expected, atol=1e-5)
    np.testing.assert_array_equal(read["size_missing"], size.isna())
    colors = OneHotEncoder(sparse_output=False).fit_transform(MIXED[["color"]])
    np.testing.assert_array_equal(read.loc[:, "color_blue":"color_missing"], colors)
    np.testing.assert_array_equal(read["sold_True"], np.where(MIXED["sold"], 1, -1))


def test_columns_of_many_categories_are_embedded():
    X = pd.DataFrame({"city": [f"city {i % 12}" for i in range(60)]})
    y = np.arange(60) % 12 % 3
    classifier = quick(epochs=60, optimizer__learning_rate=0.03).fit(X, y)
    assert list(classifier.network_feature_names_) == [f"city_embedding{i}" for i in range(8)]
    assert classifier.score(X, y) == 1.0
    unknown = inputs_of(classifier, [[-1.0]])
    np.testing.assert_array_equal(unknown, np.zeros((1, 8)))


def test_robust_scaling_is_robust_scaler_with_smooth_clipping():
    X, y = load_iris(return_X_y=True)
    classifier = quick(epochs=1, scaling="robust").fit(X, y)
    expected = RobustScaler().fit_transform(X)
    expected /= np.sqrt(1 + (expected / 3) ** 2)
    # Here quartiles of 150 rows are values of single rows; scikit-learn interpolates.
    np.testing.assert_allclose(inputs_of(classifier, X), expected, atol=0.06)


def test_quantile_scaling_matches_quantile_transformer():
    X = np.random.default_rng(0).lognormal(size=(2000, 3))
    y = np.arange(2000) % 3
    classifier = quick(epochs=1, scaling="quantile", batch_size=-1).fit(X, y)
    transformer = QuantileTransformer(n_quantiles=65, output_distribution="normal")
    expected = np.clip(transformer.fit_transform(X), -3.09, 3.09)
    np.testing.assert_allclose(inputs_of(classifier, X), expected, atol=0.02)


def test_a_value_shared_by_many_rows_has_the_middle_of_their_ranks():
    X = np.array([0.0] * 50 + [1.0] * 50)[:, None]
    classifier = quick(epochs=1, scaling="quantile").fit(X, np.arange(100) % 2)
    # Ranks 1/4 and 3/4 have normal quantiles -0.674 and 0.674.
    np.testing.assert_allclose(inputs_of(classifier, X)[[0, -1], 0], [-0.6745, 0.6745], atol=0.03)


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile"])
@pytest.mark.parametrize(
    "factor", [1e-30, 1e-9, 1.0, 1e9, 1e30], ids=["1e-30", "1e-9", "1", "1e9", "1e30"]
)
def test_the_unit_of_a_number_does_not_matter(scaling, factor):
    X, y = load_iris(return_X_y=True)
    first = quick(epochs=1, scaling=scaling).fit(X, y)
    second = clone(first).fit(X * factor, y)
    np.testing.assert_allclose(
        inputs_of(second, X * factor), inputs_of(first, X), rtol=1e-3, atol=2e-3
    )


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile", None])
def test_constant_columns_and_heavy_tails_train(scaling):
    X, y = load_iris(return_X_y=True)
    tail = np.random.default_rng(0).standard_cauchy(len(X))
    tail = tail if scaling is None else tail * 1e6
    odd = np.column_stack([X, np.full(len(X), 3.0), np.zeros(len(X)), tail.clip(-1e3, 1e9)])
    if scaling is None:
        odd[:, -1] /= 1e3
    classifier = quick(scaling=scaling, optimizer__learning_rate=0.01).fit(odd, y)
    assert np.isfinite(inputs_of(classifier, odd)).all()
    assert classifier.score(odd, y) > 0.85


def test_without_scaling_missing_values_are_imputed_by_the_mean():
    X = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]] * 4)
    classifier = quick(epochs=1, scaling=None).fit(X, np.arange(12) % 3)
    np.testing.assert_allclose(inputs_of(classifier, [[np.nan, np.nan]]), [[3.0, 4.0, 1.0]])


def test_table_scalings_are_rejected_for_other_inputs():
    images = np.random.default_rng(0).normal(size=(12, 8, 8, 1))
    with pytest.raises(ValueError, match="`scaling` must be 'auto', 'standard', .* unless X is a"):
        KerasMulticlassClassifier(scaling="robust", epochs=1).fit(images, np.arange(12) % 3)


def test_missing_values_are_an_error_without_a_table_backbone():
    X, y = load_iris(return_X_y=True)
    X[3, 1] = np.nan
    ready = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, "relu")])
    for classifier in (
        KerasMulticlassClassifier(ready, epochs=1),
        KerasMulticlassClassifier(model=lambda: keras.Sequential([keras.layers.Dense(3)])),
    ):
        assert not classifier.__sklearn_tags__().input_tags.allow_nan
        with pytest.raises(ValueError, match="contains NaN"):
            classifier.fit(X, y)
    with pytest.raises(ValueError, match="contains NaN"):
        KerasMulticlassClassifier("cnn", epochs=1).fit(X.reshape(75, 2, 4), y[:75])


def test_weighting_a_row_equals_repeating_it_under_every_scaling():
    rng = np.random.default_rng(0)
    X, y = load_iris(return_X_y=True)
    X[rng.random(X.shape) < 0.1] = np.nan
    weights = rng.integers(0, 4, len(X))
    for scaling in ("standard", "robust", "quantile"):
        params = {"scaling": scaling, "dtype": "float64", "batch_size": -1, "shuffle": False}
        weighted = quick(**params).fit(X, y, sample_weight=weights)
        repeated = quick(**params).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
        np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-7)


def test_further_training_keeps_the_categories_of_the_first_fit():
    classifier = quick(epochs=1).partial_fit(MIXED[:4], LABELS[:4], classes=["a", "b", "c"])
    classifier.partial_fit(MIXED.assign(color="violet"), LABELS)
    assert "color_violet" not in classifier.network_feature_names_
    assert classifier.n_iter_ == 2


def test_streams_may_have_missing_values():
    X, y = load_iris(return_X_y=True)
    X[::7, 2] = np.nan
    batches = [(X[i::10], y[i::10]) for i in range(10)]
    classifier = quick(epochs=1, scaling="standard").fit(lambda: iter(batches))
    whole = quick(epochs=1, scaling="standard").fit(X, y)
    assert "x2_missing" in classifier.network_feature_names_
    np.testing.assert_allclose(inputs_of(classifier, X), inputs_of(whole, X), atol=1e-5)


# --- quantiles ----------------------------------------------------------------------------------


@given(
    values=npst.arrays(
        np.float64, st.integers(1, 30), elements=st.floats(-1e6, 1e6, allow_subnormal=False)
    )
)
def test_quantiles_match_numpy(values):
    levels = np.linspace(0, 1, 9)
    expected = np.quantile(values, levels, method="averaged_inverted_cdf")
    np.testing.assert_allclose(weighted_quantiles(values, None, levels), expected, atol=1e-9)


@given(data=st.data())
def test_a_weight_is_equivalent_to_a_repeated_value_in_quantiles(data):
    n = data.draw(st.integers(1, 20))
    values = np.array(data.draw(st.lists(st.integers(-5, 5), min_size=n, max_size=n)), float)
    weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), float)
    levels = np.array([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])
    repeated = np.repeat(values, weights.astype(int))
    np.testing.assert_array_equal(
        weighted_quantiles(values, weights, levels), weighted_quantiles(repeated, None, levels)
    )


def test_categorical_columns_are_those_detected_by_histogram_boosting():
    X, y = read("eucalyptus")
    boosting = HistGradientBoostingClassifier(max_iter=1, max_leaf_nodes=2).fit(X[:100], y[:100])
    classifier = quick().initialize(X, y)
    positions = [category.position for category in classifier._state.features.columns.categorical]
    assert positions == np.flatnonzero(boosting.is_categorical_).tolist()
