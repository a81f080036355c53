"""Columns of free text become the components of their TF-IDF weights."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.columns.expansion.expansion import learn_columns
from keras_multiclass._data.columns.expansion.text_choice import looks_like_text
from keras_multiclass._data.features import FeatureSchema

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

WORDS = ["red", "green", "blue", "cat", "dog", "house", "runs", "sleeps", "eats", "quickly"]
RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice(WORDS, RNG.integers(3, 9))) for _ in range(60)]
Y = np.array(["animal" if "cat" in t or "dog" in t else "thing" for t in TEXTS])
X = pd.DataFrame({"n": np.arange(60.0), "text": TEXTS, "c": ["x", "y", "z"] * 20})


def read(X, text_features="from_dtype", rows=None, categorical_features="from_dtype"):
    columns, expansion = learn_columns(X, categorical_features, text_features)
    schema, checked = FeatureSchema.learn(X, columns=columns, expansion=expansion, allow_nan=True)
    schema, checked = schema.learn_values(X, checked, rows)
    np.testing.assert_array_equal(schema.check(X), checked)
    return checked, schema


def kinds(X, **options):
    """Return for each column whether it is text, category or number."""
    columns, expansion = learn_columns(
        X, options.get("categorical_features", "from_dtype"), options.get("text", "from_dtype")
    )
    texts = {c.position for c in expansion.columns} if expansion else ()
    categories = columns.positions if columns else ()
    return "".join(
        "t" if i in texts else "c" if i in categories else "n" for i in range(np.shape(X)[1])
    )


def test_components_keep_the_products_of_tfidf_weights():
    checked, schema = read(X, rows=np.arange(50))
    weights = [
        TfidfVectorizer(**options, sublinear_tf=True).fit(TEXTS[:50]).transform(TEXTS[:50])
        for options in ({"ngram_range": (1, 2)}, {"analyzer": "char_wb", "ngram_range": (3, 4)})
    ]
    expected = sum((w @ w.T).toarray() for w in weights)
    (block,) = schema.network_blocks
    components = checked[:50, block]  # 50 texts span no more than 50 components
    scale = components.var(axis=0).mean() / (expected.trace() / 50)
    actual = components @ components.T
    np.testing.assert_allclose(actual / actual[0, 0], expected / expected[0, 0], atol=1e-3)
    np.testing.assert_allclose(components.var(axis=0).mean(), 1, rtol=1e-3)
    assert scale > 0


def test_all_numbers_have_names():
    _, schema = read(X)
    names = schema.network_names
    assert names[:4] == ["n", "text_topic0", "c", "text_topic1"]
    assert len(set(names)) == len(names) == schema.network_shape[0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (TEXTS, True),
        ([*TEXTS, None, None], True),
        ([f"{i} is unique" for i in range(20)], True),
        ([f"{i} is unique" for i in range(19)], False),  # fewer than 20
        ([f"{i} name" for i in range(60)], False),  # two words
        ([f"{i % 30} is not unique" for i in range(60)], True),  # half of them
        ([f"{i % 29} is not unique" for i in range(60)], False),
        (list(range(60)), False),
    ],
)
@pytest.mark.parametrize("library", [pd, pl])
def test_strings_are_text_if_they_are_mostly_different_and_have_three_words(
    values, expected, library
):
    column = library.Series(values)
    assert looks_like_text(column) is expected


@pytest.mark.filterwarnings("ignore:The strings in")
@pytest.mark.parametrize("to_frame", [lambda X: X, lambda X: pl.DataFrame(X.to_dict("list"))])
def test_parameters_decide_what_is_text(to_frame):
    table = to_frame(X)
    assert kinds(table) == "ntc"
    assert kinds(table, text=None) == "ncc"
    for choice in (["c"], [2], [False, False, True]):
        assert kinds(table, text=choice) == "nct"
    assert kinds(table, text=["text", "c"]) == "ntt"
    assert kinds(table, categorical_features=["text", "c"]) == "ncc"
    assert kinds(table, categorical_features=["c"]) == "ntc"
    assert kinds(X.to_numpy(object), text=[1], categorical_features=[2]) == "ntc"
    category = X.astype({"text": "category"})
    assert kinds(category) == "ncc"
    assert kinds(category, text=["text"]) == "ntc"


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("auto", "`text_features` must be 'from_dtype', None, or a mask"),
        ("text", r"`text_features` .*pass a list: \['text'\]"),
        (["txt"], "`text_features` must be names of columns of X; got 'txt'. Did you mean 'text'"),
        ([5], "`text_features` as indices must be from 0 to 2"),
        ([True], "`text_features` as a mask must be one value for each of the 3 .*of the text"),
    ],
)
def test_an_invalid_choice_is_an_error(choice, message):
    with pytest.raises(ValueError, match=message):
        read(X, choice)


def test_a_column_cannot_be_text_and_categorical():
    with pytest.raises(ValueError, match="other columns than `categorical_features`; got 'text'"):
        read(X, ["text"], categorical_features=["text"])


def test_numbers_are_no_texts_until_they_are_converted():
    with pytest.raises(TypeError, match=r"X\['n'\] = X\['n'\].astype\(str\)"):
        read(X[["n"]], ["n"])
    read(X[["n"]].astype(str), ["n"])
    polars = pl.DataFrame({"n": np.arange(60.0)})
    with pytest.raises(TypeError, match=r"X\['n'\].cast\(polars.String\)"):
        read(polars, ["n"])
    read(polars.with_columns(pl.col("n").cast(pl.String)), ["n"])


@pytest.mark.filterwarnings("ignore:The strings in")
def test_missing_and_unknown_texts_are_zeros():
    _, schema = read(X)
    (block,) = schema.network_blocks
    for text in (None, np.nan, "", "?!", "xyzzy"):
        assert not schema.check(X[:1].assign(text=[text]))[:, block].any()
    checked, schema = read(X.assign(text=""), ["text"])
    assert schema.network_shape == (3,)
    assert not checked[:, 1].any()
    for same in ("one", "a", "?", "one and the same"):
        checked, schema = read(X.assign(text=same), ["text"])
        assert schema.network_shape == (3,)
        assert np.ptp(checked[:, 1]) < 1e-5
        assert np.abs(checked[:, 1]).max() < 10


def test_only_training_rows_are_learned_from():
    checked, schema = read(X, rows=np.arange(40))
    expected, alone = read(X[:40])
    np.testing.assert_array_equal(checked[:40], expected)
    np.testing.assert_array_equal(schema.check(X), alone.check(X))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            [f"id{i}" for i in range(60)],
            "read as 60 categories of 60 rows.*name all columns of text in text_features",
        ),
        ([f"2024-{i % 12 + 1:02}-{i % 5 + 1:02}" for i in range(60)], "look like dates"),
        ([f"{i % 5 + 1}/{i % 12 + 1}/2024 10:30" for i in range(60)], "look like dates"),
    ],
)
def test_strings_that_are_no_categories_are_a_warning(values, message):
    table = X.assign(s=values)
    with pytest.warns(UserWarning, match=f"The strings in column 's' of X .*{message}"):
        read(table)
    read(table, categorical_features=["s", "c"])
    with pytest.warns(UserWarning, match=message):
        read(pl.DataFrame({"s": values}))


def test_the_cure_for_strings_that_are_dates_works():
    days = [f"2024-{i % 12 + 1:02}-{i % 5 + 1:02}" for i in range(60)]
    for table in (pd.DataFrame({"s": days}), pl.DataFrame({"s": days})):
        with pytest.warns(UserWarning, match="dates") as caught:
            read(table)
        names = {"X": table, "pandas": pd, "polars": pl}
        exec(str(caught[0].message).partition("Convert them: ")[2].partition(". If")[0], names)
        assert "s_elapsed" in read(names["X"])[1].network_names


@pytest.mark.parametrize("backbone", ["mlp", "ft_transformer", "tabm_small"])
def test_backbones_learn_from_text(backbone):
    sizes = {
        "ft_transformer": {"backbone__units": 8, "backbone__num_layers": 1},
        "mlp": {"backbone__hidden_units": (16,)},
    }
    classifier = KerasMulticlassClassifier(
        backbone,
        epochs=30,
        optimizer__learning_rate=0.02,
        random_state=0,
        **sizes.get(backbone, {}),
    )
    assert classifier.fit(X, Y).score(X, Y) > 0.9


def test_folds_partial_fit_and_validation_rows_read_text():
    classifier = tiny(n_ensemble=2, validation_split=3, early_stopping=True, epochs=3)
    classifier.fit(X, Y, sample_weight=np.where(np.arange(60) < 50, 1, 0))
    names = list(classifier.network_feature_names_)
    classifier.partial_fit(X[:5].assign(text="cat"), Y[:5])
    assert list(classifier.network_feature_names_) == names
    tiny(epochs=1).fit(X[:40], Y[:40], X_val=X[40:], y_val=Y[40:])


def test_text_features_need_a_table():
    with pytest.raises(ValueError, match="`text_features` must be 'from_dtype' or None unless"):
        KerasMulticlassClassifier("gru", text_features=[0]).fit(np.zeros((6, 3, 2)), [0, 1] * 3)
    with pytest.raises(ValueError, match="Batch 1 of X .*`text_features` must be names of columns"):
        tiny(text_features=["a"]).fit(lambda: iter([(X, Y)]))
    fitted = tiny(epochs=1).fit(X, Y)
    with pytest.raises(ValueError, match="`text_features` must stay"):
        fitted.set_params(text_features=None).partial_fit(X, Y)


def test_a_few_sentences_are_categories_with_a_warning():
    few = X[["n", "text"]][:12]
    with pytest.warns(UserWarning, match="'text' of X look like free text.* fewer than 20"):
        assert kinds(few) == "nc"
    assert kinds(few, text=["text"]) == "nt"  # no warning
    assert kinds(few, categorical_features=["text"]) == "nc"
    assert kinds(X[["n", "c"]][:12]) == "nc"
