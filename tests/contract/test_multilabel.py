"""KerasMultilabelClassifier: any number of labels for each row."""

from __future__ import annotations

import functools
import pickle
import warnings
from decimal import Decimal

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    get_scorer,
    log_loss,
    roc_auc_score,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from keras_multiclass import KerasMulticlassClassifier, KerasMultilabelClassifier
from keras_multiclass._data.labels.indicator import IndicatorCodec
from keras_multiclass.evaluation import (
    MultilabelReport,
    MultilabelStratifiedKFold,
    cross_validated_report,
)
from keras_multiclass.exceptions import ObjectiveError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
# No label, some labels and all labels occur.
Y = (X[:, :3] + 0.3 * RNG.normal(size=(90, 3)) > 0.2).astype(int)
NAMES = ["fast", "red", "small"]


def tiny(**params):
    """Return a small classifier that learns X and Y."""
    defaults = {
        "backbone": "mlp",
        "backbone__hidden_units": (16,),
        "epochs": 20,
        "batch_size": 30,
        "optimizer__learning_rate": 0.03,
        "random_state": 0,
    }
    if "model" in params:
        defaults = {k: v for k, v in defaults.items() if not k.startswith("backbone")}
    return KerasMultilabelClassifier(**{**defaults, **params})


def score(classifier, y=Y):
    return f1_score(y, np.asarray(classifier.predict(X)), average="macro")


def frame(dtype=None):
    return lambda y: pd.DataFrame(y, columns=named(y)).astype(dtype or {})


def named(y):
    return [f"label {i}" for i in range(y.shape[1])]


def alternate(*dtypes):
    """Return a dtype for each column, in turn."""
    return lambda y: {n: dtypes[i % len(dtypes)] for i, n in enumerate(named(y))}


MIXED = alternate("bool", "int8", "float32", "boolean", "Int8", pd.CategoricalDtype([0, 1]))
POLARS_MIXED = alternate(pl.Boolean, pl.Int8, pl.Float64)
# Formats that predictions keep exactly.
FORMATS = {
    **{name: lambda y, name=name: y.astype(name) for name in ("int64", "uint8", "float16", "bool")},
    "csr_matrix": sparse.csr_matrix,
    "csr_array of booleans": lambda y: sparse.csr_array(y.astype(bool)),
    "pandas": frame(),
    "pandas bool": frame("bool"),
    "pandas object": frame("object"),
    "pandas nullable": frame("Int8"),
    "pandas nullable bool": frame("boolean"),
    "pandas sparse": frame(pd.SparseDtype("int8", 0)),
    "pandas category": frame(pd.CategoricalDtype([0, 1])),
    "pandas mixed": lambda y: frame(MIXED(y))(y),
    "polars": lambda y: pl.DataFrame(y, schema=named(y)),
    "polars mixed": lambda y: pl.DataFrame(y, schema=named(y)).cast(POLARS_MIXED(y)),
}
# Formats of which predictions are arrays, or CSR matrices or arrays.
CONVERTED = {
    "list": np.ndarray.tolist,
    "list of arrays": list,
    "object": lambda y: y.astype(object),
    "object bool": lambda y: y.astype(bool).astype(object),
    "masked": np.ma.array,
    "csc_matrix": sparse.csc_matrix,
    "coo_array": sparse.coo_array,
    "one category": lambda y: frame("category")(y),
    "Decimal": lambda y: np.vectorize(Decimal, otypes=[object])(y),
}


def dense(y):
    return y.toarray() if sparse.issparse(y) else np.asarray(y)


indicators = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, 1), min_size=n, max_size=n), min_size=1)
)


@pytest.mark.parametrize("form", [*FORMATS, *CONVERTED])
@given(rows=indicators)
@settings(max_examples=12)
def test_predictions_have_the_format_of_y(form, rows):
    values = np.array(rows)
    y = {**FORMATS, **CONVERTED}[form](values)
    codec, encoded = IndicatorCodec.learn_and_encode(y)
    np.testing.assert_array_equal(encoded, values)
    np.testing.assert_array_equal(codec.encode(y), values)
    decoded = codec.decode(values.astype(bool))
    np.testing.assert_array_equal(dense(decoded).astype(int), values)
    if form in FORMATS:
        assert type(decoded) is type(y)
        if isinstance(y, pd.DataFrame):
            pd.testing.assert_frame_equal(decoded, y)
        elif isinstance(y, pl.DataFrame):
            assert decoded.equals(y)
            assert decoded.schema == y.schema
        else:
            assert decoded.dtype == y.dtype
    elif not isinstance(y, pd.DataFrame):
        assert dense(decoded).dtype.kind in "bif"
        assert (dense(decoded).dtype.kind == "b") == (form == "object bool")


def test_predictions_of_a_frame_of_several_dtypes_have_them():
    y = pd.DataFrame({"fast": Y[:, 0] == 1, "red": Y[:, 1], "small": Y[:, 2] * 1.0})
    classifier = tiny(epochs=1).fit(X, y)
    assert classifier.predict(X).dtypes.tolist() == y.dtypes.tolist()
    assert classifier.score(X, classifier.predict(X)) == 1


def test_a_frame_gives_labels_and_is_matched_by_name():
    frame = pd.DataFrame(Y, columns=NAMES)
    classifier = tiny(epochs=2).fit(X, frame)
    assert classifier.classes_.tolist() == NAMES
    assert classifier.score(X, frame[NAMES[::-1]]) == classifier.score(X, frame)
    message = "columns of y .* 1 new label: 'reed' and 1 missing label: 'red'.* Did you mean 'red'"
    with pytest.raises(ValueError, match=message):
        classifier.score(X, frame.rename(columns={"red": "reed"}))
    assert classifier.predict(X).columns.tolist() == NAMES


ONE_HOT = np.eye(4, dtype=int)[np.arange(60) % 4]
ONE_HOT_WARNING = (
    "Each of the 60 rows of y has exactly one of the 4 labels.*KerasMulticlassClassifier"
)


@pytest.mark.parametrize(
    "y", [ONE_HOT, pd.DataFrame(ONE_HOT, columns=list("abcd")), sparse.csr_array(ONE_HOT)]
)
def test_a_one_hot_target_causes_one_warning_and_is_learned(y):
    rows = np.random.default_rng(0).normal(size=(60, 2))
    with pytest.warns(UserWarning, match=ONE_HOT_WARNING) as caught:
        classifier = tiny(epochs=1, n_ensemble=2).fit(rows, y)
    assert len(caught) == 1
    assert classifier.predict_proba(rows).shape == (60, 4)
    KerasMulticlassClassifier("mlp").initialize(rows, y)


def test_a_one_hot_target_in_batches_causes_the_warning():
    rows = np.zeros((60, 2), "float32")
    parts = [slice(0, 30), slice(30, 60)]
    with pytest.warns(UserWarning, match=ONE_HOT_WARNING):
        tiny(epochs=1, batch_size="auto").fit(
            lambda: ((rows[part], ONE_HOT[part]) for part in parts)
        )
    several = np.maximum(ONE_HOT, ONE_HOT[:, [1, 0, 2, 3]] * (np.arange(60) > 55)[:, None])
    tiny(epochs=1, batch_size="auto").fit(lambda: ((rows[part], several[part]) for part in parts))


@pytest.mark.parametrize(
    "y",
    [
        ONE_HOT[:49],
        np.eye(2, dtype=int)[np.arange(60) % 2],
        np.vstack([ONE_HOT, [1, 1, 0, 0]]),
        np.vstack([ONE_HOT, [0, 0, 0, 0]]),
        np.vstack([ONE_HOT, [0, 0, 0, 0], [1, 1, 0, 0]]),
    ],
    ids=["few rows", "two columns", "several labels", "no label", "one on average"],
)
def test_other_targets_cause_no_warning_of_one_hot_matrices(y):
    codec, encoded = IndicatorCodec.learn_and_encode(y)
    codec.check_learned(encoded)


def test_column_names_that_are_tuples_are_an_error_with_a_cure():
    y = pd.DataFrame(Y, columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", "x")]))
    one_hot = pd.DataFrame(np.eye(3, dtype=int)[np.arange(90) % 3], columns=y.columns)
    probabilities = np.full((90, 3), 0.5)
    for use, target in (
        (lambda y: tiny().initialize(X, y), y),
        (lambda y: KerasMulticlassClassifier("mlp").initialize(X, y), one_hot),
        (lambda y: MultilabelReport.from_predictions(y_true=y, y_proba=probabilities), y),
        (lambda y: list(MultilabelStratifiedKFold(2).split(X, y)), y),
    ):
        with pytest.raises(ValueError, match="must be of one level; got 2 levels") as error:
            use(target)
        scope = {"y": target.copy(), "y_true": target.copy()}
        exec(str(error.value).partition("Join their names: ")[2].rstrip("."), scope)
        flat = scope["y_true" if "y_true" in str(error.value) else "y"]
        assert flat.columns.tolist() == ["a_x", "a_y", "b_x"]
        use(flat)


@pytest.mark.parametrize("multilabel", [True, False])
def test_a_frame_of_predictions_has_the_index_of_x(multilabel):
    rows = pd.DataFrame(X, index=np.arange(90)[::-1])
    if multilabel:
        classifier = tiny(epochs=1).fit(rows, pd.DataFrame(Y, columns=NAMES, index=rows.index))
    else:
        one_hot = pd.get_dummies(pd.Series(X.argmax(axis=1), index=rows.index))
        classifier = KerasMulticlassClassifier("mlp", epochs=1, batch_size=90).fit(rows, one_hot)
    assert classifier.predict(rows[5:9]).index.equals(rows.index[5:9])
    assert classifier.predict(X[5:9]).index.tolist() == [0, 1, 2, 3]


LEVELS = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([["a", "b"], ["a"], []] * 30, "for each label; got the labels of each row"),
        ([{"a", "b"}, {"a"}, set()] * 30, "MultiLabelBinarizer"),
        (np.arange(90) % 3, "Only binary classification is supported.*KerasMulticlassClassifier"),
        (Y * 2, "zeros and ones.*other values"),
        (Y * 0.3, "zeros and ones.*other values.*> 0.5"),
        (2 * Y - 1, r"zeros and ones.*other values. Convert it: \(y > 0\)"),
        (sparse.csr_array(2 * Y), "zeros and ones.*MultiLabelBinarizer.*MultiOutputClassifier"),
        (np.where(Y, np.nan, 1.0), "contains NaN"),
        (np.where(Y, np.inf, 1.0), "zeros and ones.*other values"),
        (Y.astype(str), "zeros and ones.*MultiLabelBinarizer"),
        ([["a", "b"], ["c", "a"]] * 45, "zeros and ones.*MultiLabelBinarizer"),
        ([[0, 1], [1]] * 45, "rows of different lengths.*MultiLabelBinarizer"),
        (pd.DataFrame({"tags": [["a"], []] * 45}), "the labels of each row.*MultiLabelBinarizer"),
        (pl.DataFrame({"tags": [["a"], ["b"]] * 45}), "labels of each row.*MultiLabelBinarizer"),
        (pd.DataFrame(Y, columns=["a", "a", "b"]), "different labels; got repeated"),
        (pd.DataFrame(Y, columns=LEVELS), "columns of y must be of one level.*Join their names"),
        (pd.DataFrame({"fast": Y[:, 0], "red": "yes"}), "zeros and ones.*type 'int', 'str'"),
        (pd.DataFrame({"fast": Y[:, 0], "red": [None] * 90}), "contains NaN"),
        (Y[:, :, None], "zeros and ones"),
        (None, "requires y"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else type(value).__name__,
)
def test_other_targets_are_an_error_that_says_what_to_do(y, message):
    with pytest.raises(ValueError, match=message):
        tiny().fit(X, y)


@pytest.mark.parametrize("engine", ["graph", "keras"])
def test_it_learns_and_follows_scikit_learns_conventions(engine):
    classifier = tiny(engine=engine).fit(X, Y)
    assert score(classifier) > 0.85
    probabilities = classifier.predict_proba(X)
    assert probabilities.shape == classifier.decision_function(X).shape == (90, 3)
    np.testing.assert_array_equal(classifier.predict(X), probabilities > 0.5)
    np.testing.assert_array_equal(classifier.predict(X), classifier.decision_function(X) > 0)
    np.testing.assert_allclose(classifier.predict_log_proba(X), np.log(probabilities), rtol=1e-5)
    assert classifier.score(X, Y) == accuracy_score(Y, classifier.predict(X))


def test_both_engines_and_an_ensemble_train_alike():
    params = {
        "metrics": ["micro_f1", "coverage_error"],
        "n_ensemble": 2,
        "class_weight": "balanced",
    }
    fits = [
        tiny(engine=engine, epochs=3, **params).fit(X, Y, np.arange(90) % 3, X_val=X, y_val=Y)
        for engine in ("graph", "keras")
    ]
    for name, values in fits[0].history_.items():
        np.testing.assert_allclose(values, fits[1].history_[name], rtol=1e-3, err_msg=name)
    np.testing.assert_allclose(*(fit.predict_proba(X) for fit in fits), atol=1e-4)


def test_the_validation_loss_is_scikit_learns_log_loss():
    classifier = tiny(epochs=2).fit(
        X, Y, X_val=X[:31], y_val=Y[:31], sample_weight_val=np.arange(31)
    )
    p = classifier.predict_proba(X[:31])
    expected = np.average(
        [log_loss(y, q, labels=[0, 1]) for y, q in zip(Y, p, strict=False)], weights=np.arange(31)
    )
    assert classifier.history_["val_loss"][-1] == pytest.approx(expected, rel=1e-4)


def test_a_weight_equals_a_repetition():
    weights = np.arange(90) % 3
    params = {"epochs": 3, "batch_size": -1, "shuffle": False}
    weighted = tiny(**params).fit(X, Y, weights).predict_proba(X)
    repeated = tiny(**params).fit(np.repeat(X, weights, 0), np.repeat(Y, weights, 0))
    np.testing.assert_allclose(weighted, repeated.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("stream", [False, True])
def test_class_weights_are_those_of_positives(stream):
    def batches():
        for start in range(0, 90, 30):
            yield X[start : start + 30], Y[start : start + 30]

    def fit(class_weight):
        classifier = tiny(class_weight=class_weight, shuffle=False, epochs=3)
        if stream:
            return classifier.set_params(batch_size="auto").fit(batches).predict_proba(X)
        return classifier.fit(X, Y).predict_proba(X)

    plain, heavy = fit(None), fit({1: 10.0})
    assert heavy[:, 1].mean() > plain[:, 1].mean() + 0.1
    balanced = {"negative": 90 / (2 * (90 - Y.sum(0))), "positive": 90 / (2 * Y.sum(0))}
    ratio = balanced["positive"] / balanced["negative"]
    assert (np.sign(fit("balanced").mean(0) - plain.mean(0)) == np.sign(ratio - 1)).all()
    with pytest.raises(ValueError, match="labels of class_weight .* among the 3 labels"):
        fit({"fast": 2.0})


def test_labels_that_never_or_always_occur_are_a_warning():
    y = np.column_stack([Y[:, 0], np.zeros(90, int), np.ones(90, int)])
    with pytest.warns(UserWarning, match="1 of 3 labels that (no|every) row has: [12]") as caught:
        classifier = tiny(epochs=3, class_weight="balanced", validation_split=0.2).fit(X, y)
    assert len(caught) == 2
    assert np.isfinite(classifier.predict_proba(X)).all()


def test_thresholds_are_given_or_chosen_on_validation_rows():
    classifier = tiny(epochs=3, threshold=[0.1, 0.5, 0.9]).fit(X, Y)
    probabilities = classifier.predict_proba(X)
    np.testing.assert_array_equal(classifier.predict(X), probabilities > [0.1, 0.5, 0.9])
    chosen = tiny(epochs=3, threshold="f1").fit(X, Y, X_val=X, y_val=Y)
    for label, threshold in enumerate(chosen.thresholds_):
        p = chosen.predict_proba(X)[:, label]
        best = max(f1_score(Y[:, label], p > t) for t in np.r_[0.0, np.unique(p)])
        assert f1_score(Y[:, label], p > threshold) == pytest.approx(best)
    chosen.partial_fit(X, Y)
    assert np.ptp(chosen.thresholds_) > 0
    for threshold in ("balanced_accuracy", "auto"):
        assert tiny(epochs=1, threshold=threshold).fit(X, Y).thresholds_.shape == (3,)


def test_the_default_backbone_of_tables_is_that_of_the_task():
    def backbone_of(X, y):
        return KerasMultilabelClassifier().initialize(X, y).resolved_params_["backbone"]

    assert backbone_of(X, Y) == "tabm_small"
    assert backbone_of(X, Y[:, 0]) == "mlp_plr"  # one class for each row
    assert backbone_of(np.ones((90, 1001)), Y) == "mlp"
    assert backbone_of(np.ones((90, 12, 2)), Y) == "conv1d"


def test_scorers_of_two_named_labels():
    y = pd.DataFrame(Y[:, :2], columns=NAMES[:2])
    classifier = tiny(epochs=2).fit(X, y)
    probabilities = classifier.predict_proba(X)
    for name, expected in {
        "accuracy": accuracy_score(y, classifier.predict(X)),
        "f1_macro": f1_score(y, classifier.predict(X), average="macro"),
        "roc_auc": roc_auc_score(y, probabilities),
    }.items():
        assert get_scorer(name)(classifier, X, y) == pytest.approx(expected), name

    def average_precision(classifier, X, y):
        return average_precision_score(y, classifier.predict_proba(X))

    scores = cross_validate(classifier, X, y, cv=2, scoring=average_precision)
    assert scores["test_score"].min() > 0.5


def test_thresholds_are_matched_by_label():
    frame = pd.DataFrame(Y, columns=NAMES)
    by_label = {"small": 0.3, "fast": 0.1, "red": 0.2}
    series = pd.Series(by_label)
    for given_thresholds in (by_label, series):
        classifier = tiny(epochs=1, threshold=given_thresholds).fit(X, frame)
        np.testing.assert_array_equal(classifier.thresholds_, [0.1, 0.2, 0.3])
    unnamed = tiny(epochs=1, threshold=pd.Series([0.1, 0.2, 0.3])).fit(X, frame)
    np.testing.assert_array_equal(unnamed.thresholds_, [0.1, 0.2, 0.3])
    probabilities = classifier.predict_proba(X)
    expected = probabilities > [0.1, 0.2, 0.3]
    for given_thresholds in (by_label, series, [0.1, 0.2, 0.3]):
        report = MultilabelReport.from_predictions(
            frame, y_proba=probabilities, thresholds=given_thresholds
        )
        np.testing.assert_array_equal(report.per_class["threshold"], [0.1, 0.2, 0.3])
        classifier.thresholds_ = given_thresholds
        np.testing.assert_array_equal(classifier.predict(X), expected)
    classifier.thresholds_ = series
    classifier.partial_fit(X, frame)
    np.testing.assert_array_equal(classifier.thresholds_, [0.1, 0.2, 0.3])
    wrong = {"fast": 0.1, "rde": 0.2}
    message = "1 new label: 'rde' and 2 missing labels: 'red', 'small'. Did you mean 'red'"
    with pytest.raises(ValueError, match=f"labels of `threshold` must be .*{message}"):
        tiny(threshold=wrong).fit(X, frame)
    with pytest.raises(ValueError, match=f"labels of `thresholds` must be .*{message}"):
        MultilabelReport.from_predictions(frame, y_proba=probabilities, thresholds=wrong)
    with pytest.raises(ValueError, match="must be a number from 0 to 1, one for each"):
        tiny(threshold={"fast": 2}).fit(X, frame)
    with pytest.raises(ValueError, match="The labels are integers, not strings"):
        tiny(threshold={"0": 0.1, "1": 0.1, "2": 0.1}).fit(X, Y)


@pytest.mark.parametrize(
    ("thresholds", "got"),
    [
        ([0.4, 0.5], "2 numbers"),
        ([0.4, np.nan, 0.5], "NaN"),
        ([0.4, 1.5, 0.5], "others"),
        ("auto", "'auto'"),
        ("0.5", "'0.5'"),
        (None, "None"),
        ([[0.1, 0.2, 0.3]], "list of length 1"),
    ],
)
def test_wrong_assigned_thresholds_are_an_error_when_they_are_used(thresholds, got):
    classifier = tiny().initialize(X, Y)
    classifier.thresholds_ = thresholds
    for use in (classifier.predict, lambda rows: classifier.partial_fit(rows, Y)):
        with pytest.raises(ValueError, match=f"`thresholds_` must be .* 3 numbers.*; got {got}"):
            use(X)
    assert classifier.n_iter_ == 0


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        (1.5, "0 to 1"),
        ([0.5, 0.5], "3 numbers"),
        ("atuo", "Did you mean 'auto'"),
        (True, "0 to 1"),
        ("roc_auc", "needs more than predictions"),
    ],
)
def test_wrong_thresholds_are_an_error(threshold, message):
    with pytest.raises(ValueError, match=f"`threshold` must be .*{message}"):
        tiny(threshold=threshold).fit(X, Y)


def test_calibration_finds_a_temperature_for_each_label():
    classifier = tiny(epochs=60, calibration="temperature").fit(X, Y, X_val=X[::2], y_val=Y[::2])
    assert classifier.temperature_.shape == (3,)
    before = classifier.decision_function(X) * classifier.temperature_
    plain = tiny(epochs=60).fit(X, Y, X_val=X[::2], y_val=Y[::2])
    np.testing.assert_allclose(before, plain.decision_function(X), rtol=1e-3, atol=1e-3)


def test_two_labels_and_classes_of_two():
    assert tiny(epochs=1).fit(X, Y[:, :2]).decision_function(X).shape == (90, 2)
    binary = tiny().fit(X, np.where(Y[:, 0], "yes", "no"))
    assert binary.classes_.tolist() == ["no", "yes"]
    assert binary.predict_proba(X).shape == (90, 2)


ONE = Y[:, :1]
COLUMNS = {
    "array": ONE,
    "list": ONE.tolist(),
    "csr_array": sparse.csr_array(ONE),
    "pandas": pd.DataFrame(ONE, columns=["fast"]),
    "pandas bool": pd.DataFrame(ONE == 1, columns=["fast"]),
    "polars": pl.DataFrame(ONE, schema=["fast"]),
    "stream": lambda: iter([(X[:30], ONE[:30]), (X[30:], ONE[30:])]),
}


@pytest.mark.filterwarnings("ignore:A column-vector y")
@pytest.mark.parametrize("form", COLUMNS)
def test_a_single_column_is_a_binary_target(form):
    y = COLUMNS[form]
    data, batch_size = ((y,), "auto") if form == "stream" else ((X, y), 30)
    classifier = tiny(batch_size=batch_size, epochs=10, shuffle=False).fit(*data)
    assert classifier.classes_.tolist() == [0, 1]
    probabilities = classifier.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    expected = {
        "roc_auc": roc_auc_score(ONE, probabilities[:, 1]),
        "f1": f1_score(ONE, classifier.predict(X)),
        "neg_log_loss": -log_loss(ONE, probabilities),
        "accuracy": classifier.score(X, ONE if form == "stream" else y),
    }
    for name, value in expected.items():
        assert get_scorer(name)(classifier, X, ONE) == pytest.approx(value), name
    assert expected["roc_auc"] > 0.8
    classifier.partial_fit(*data)
    others = (lambda: iter([(X, Y)]),) if form == "stream" else (X, Y[:, :2])
    with pytest.raises(ValueError, match="y must be a single column of labels, as in fit"):
        classifier.partial_fit(*others)


@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_searches_reports_and_thresholds_of_a_single_column():
    y = COLUMNS["pandas"]
    cv = StratifiedKFold(2)
    grid = {"optimizer__learning_rate": [1e-6, 0.03]}
    search = GridSearchCV(tiny(epochs=5), grid, scoring="roc_auc", cv=cv, refit=False).fit(X, y)
    assert search.best_params_ == {"optimizer__learning_rate": 0.03}
    report = cross_validated_report(tiny(epochs=5), X, y, cv=cv).report
    assert report.overall["accuracy"] > 0.7
    with pytest.raises(ValueError, match=r"must be 0\.5 .*FixedThresholdClassifier"):
        tiny(threshold=0.1).fit(X, y)
    with pytest.raises(ValueError, match=r"must be 0\.5"):
        tiny(threshold=np.array([0.1, 0.2])).fit(X, y)
    fixed = FixedThresholdClassifier(tiny(epochs=5), threshold=0.1).fit(X, Y[:, 0])
    expected = fixed.estimator_.predict_proba(X)[:, 1] >= 0.1
    np.testing.assert_array_equal(fixed.predict(X), expected)
    with pytest.raises(ValueError, match="ClassificationReport"):
        MultilabelReport.from_estimator(fixed.estimator_, X, y)
    with pytest.raises(ValueError, match="one column for each of the 3 labels, as in fit"):
        tiny(epochs=1).fit(X, Y).partial_fit(X, y)


def test_it_continues_and_survives_copies():
    classifier = tiny(epochs=2, warm_start=True).fit(X, Y)
    copy = pickle.loads(pickle.dumps(classifier))
    for each in (classifier, copy):
        each.fit(X, Y).partial_fit(X, Y)
    assert copy.n_iter_ == 5
    np.testing.assert_array_equal(copy.predict_proba(X), classifier.predict_proba(X))
    same = clone(classifier)
    assert same.get_params() == classifier.get_params()
    with pytest.raises(ValueError, match="one column for each of the 3 labels"):
        classifier.partial_fit(X, Y[:, :2])


def test_balanced_weights_of_partial_fit_are_those_that_its_error_describes():
    weights = (1 - Y).sum(0) / Y.sum(0)
    with pytest.raises(ValueError, match="each label the number of rows without it divided by"):
        tiny(class_weight="balanced").partial_fit(X, Y)
    balanced = tiny(class_weight=dict(enumerate(weights))).partial_fit(X, Y).predict_proba(X)
    plain = tiny().partial_fit(X, Y).predict_proba(X)
    assert (np.sign(balanced.mean(0) - plain.mean(0)) == np.sign(weights - 1)).all()


def test_it_works_in_searches_and_pipelines():
    pipeline = make_pipeline(StandardScaler(), tiny(epochs=5))
    scoring = ["f1_micro", "average_precision", "roc_auc"]
    results = cross_validate(pipeline, X, Y, cv=2, scoring=scoring)
    assert all(results[f"test_{name}"].min() > 0.5 for name in scoring)
    scoring = ["f1_micro", "average_precision", "roc_auc"]
    grid = {"threshold": [0.2, 0.5]}
    search = GridSearchCV(tiny(epochs=2), grid, scoring=scoring, refit="f1_micro", cv=2).fit(X, Y)
    assert search.best_score_ == search.cv_results_["mean_test_f1_micro"].max()
    areas = search.cv_results_["mean_test_roc_auc"]
    assert areas[0] == areas[1]  # thresholds do not count
    predicted = cross_val_predict(tiny(epochs=2), X, Y, cv=2, method="predict_proba")
    assert np.shape(predicted) == (90, 3)


def test_users_tools_read_the_named_history(capsys, tmp_path):
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    params = {"metrics": ["macro_f1", "per_label_recall"], "callbacks": logger, "verbose": 1}
    classifier = tiny(epochs=2, **params).fit(X, pd.DataFrame(Y, columns=NAMES))
    log = pd.read_csv(tmp_path / "log.csv")
    assert {"macro_f1", *(f"recall/{name}" for name in NAMES)} < set(log.columns)
    for name, values in classifier.history_.items():
        np.testing.assert_allclose(log[name], values, rtol=1e-6, err_msg=name)
    assert "macro_f1" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrap", [OneVsRestClassifier, MultiOutputClassifier, ClassifierChain], ids=lambda w: w.__name__
)
def test_scikit_learns_multilabel_strategies_train_a_network_for_each_label(wrap):
    network = KerasMulticlassClassifier(
        "mlp", backbone__hidden_units=(4,), epochs=1, batch_size=-1, random_state=0
    )
    labels = Y[:, :2]
    report = MultilabelReport.from_estimator(wrap(network).fit(X, labels), X, labels)
    assert np.isfinite(report.per_class["roc_auc"]).all()


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (lambda network: CalibratedClassifierCV(network, cv=2), "y should be a 1d array"),
        (lambda network: BaggingClassifier(network, 2), "y should be a 1d array"),
        (lambda network: VotingClassifier([("a", network)]), "Multilabel.* not supported"),
    ],
    ids=["calibration", "bagging", "voting"],
)
def test_meta_estimators_without_labels_raise_scikit_learns_own_error(wrap, message):
    with pytest.raises((ValueError, NotImplementedError), match=message):
        wrap(tiny()).fit(X, Y)


def test_stacking_and_a_column_transformer_work_with_frames():
    table = pd.DataFrame(X, columns=list("wxyz")).assign(color=np.where(Y[:, 0], "r", "b"))
    labels = pd.DataFrame(Y.astype(bool), columns=NAMES)
    encode = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["color"]), remainder=StandardScaler()
    )
    pipeline = make_pipeline(encode, tiny(epochs=1))
    predicted = cross_val_predict(pipeline, table, labels, cv=2)
    assert predicted.shape == (90, 3)
    assert pipeline.fit(table, labels).predict(table).dtypes.tolist() == [np.dtype(bool)] * 3
    stack = StackingClassifier([("a", tiny(epochs=1))], DecisionTreeClassifier(max_depth=1), cv=2)
    assert stack.fit(X, Y).predict(X).shape == (90, 3)


# --- objects of the user's own ----------------------------------------------------------------


class Scaled(keras.losses.Loss):
    """Its configuration lacks the factor."""

    def __init__(self, factor=1.0):
        super().__init__(name="scaled")
        self.factor = factor

    def call(self, y_true, y_pred):
        return scaled(y_true, y_pred, self.factor)


def scaled(y_true, y_pred, factor=1.0):
    return factor * keras.losses.binary_crossentropy(y_true, y_pred)


class Right(keras.metrics.Metric):
    """Counts labels that are right; its configuration lacks the factor."""

    def __init__(self, factor=1.0, name="right"):
        super().__init__(name=name)
        self.factor = factor
        self.right = self.add_variable((), "zeros", name="right")

    def update_state(self, y_true, y_pred, sample_weight=None):
        right = keras.ops.equal(y_true > 0.5, y_pred > 0.5)
        self.right.assign_add(self.factor * keras.ops.sum(keras.ops.cast(right, "float32")))

    def result(self):
        return self.right


class Subclass(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.last = dense_layer("sigmoid")

    def call(self, inputs):
        return self.last(inputs)


def dense_layer(activation, units=3):
    return keras.layers.Dense(units, activation, kernel_initializer="zeros")


def of_metadata(meta, compile_kwargs):
    assert meta["target_type_"] == "multilabel-indicator"
    inputs = keras.Input((meta["n_features_in_"],))
    model = keras.Model(inputs, dense_layer("sigmoid", meta["n_classes_"])(inputs))
    model.compile(**compile_kwargs)
    return model


def compiled():
    model = keras.Sequential([keras.Input((4,)), dense_layer("sigmoid")])
    model.compile(keras.optimizers.SGD(0.1), Scaled(3.0), metrics=[Right(2.0)])
    return model


OWN = {"loss": Scaled(3.0), "metrics": [Right(2.0)]}
FORMS = {
    "instances": {"model": Subclass, **OWN},
    "classes": {
        "model": Subclass,
        "loss": Scaled,
        "loss__factor": 3.0,
        "metrics": Right,
        "metrics__factor": 2.0,
    },
    "partials": {
        "model": Subclass,
        "loss": functools.partial(scaled, factor=3.0),
        "metrics": functools.partial(Right, factor=2.0),
    },
    "function": {"model": of_metadata, "loss": scaled, "loss__factor": 3.0, "metrics": [Right(2)]},
    "compiled": {"model": compiled, "optimizer": "auto"},
    "compiled instance": {"model": compiled(), "optimizer": "auto"},
}


def logistic_regression(epochs):
    """Train by gradient descent on all rows; return losses, numbers of right labels and weights."""
    weights, losses, rights = np.zeros((5, 3)), [], []
    rows = np.column_stack([X, np.ones(len(X))])
    for _ in range(epochs):
        p = expit(rows @ weights)
        losses.append(3 * log_loss(Y.ravel(), p.ravel()))
        rights.append(2 * np.sum((p > 0.5) == Y))
        weights -= 0.1 * 3 * rows.T @ (p - Y) / Y.size
    return losses, rights, expit(rows @ weights)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("engine", ["graph", "keras"])
def test_objects_of_the_users_own_train_as_arithmetic_says(form, engine):
    params = {
        "optimizer": keras.optimizers.SGD(0.1),
        "epochs": 3,
        "batch_size": -1,
        **FORMS[form],
    }
    classifier = KerasMultilabelClassifier(engine=engine, **params).fit(X, Y)
    losses, rights, probabilities = logistic_regression(3)
    np.testing.assert_allclose(classifier.history_["loss"], losses, rtol=1e-4)
    np.testing.assert_allclose(classifier.history_["right"], rights)
    np.testing.assert_allclose(classifier.predict_proba(X), probabilities, atol=1e-5)
    copy = pickle.loads(pickle.dumps(clone(classifier).fit(X, Y)))
    assert copy.partial_fit(X, Y).n_iter_ == 4


# --- whole models: the mistakes that give nonsense without an error ---------------------------


def whole(units, activation, **compile_arguments):
    def build():
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation)])
        if compile_arguments:
            model.compile("adam", **compile_arguments)
        return model

    return build


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (whole(1, "sigmoid", loss="binary_crossentropy"), "Each of the 3 labels needs a unit"),
        (whole(3, "softmax", loss="categorical_crossentropy"), "sum to one"),
        (whole(3, "sigmoid", loss="categorical_crossentropy"), "for classes that exclude each"),
        (whole(3, None, loss="sparse_categorical_crossentropy"), "for classes that exclude each"),
        (whole(4, None), "Each of the 3 labels needs a unit"),
    ],
    ids=["one unit", "softmax", "categorical cross-entropy", "sparse", "four units"],
)
def test_outputs_and_losses_that_do_not_fit_are_an_error(model, message):
    with pytest.raises(ObjectiveError, match=f"must agree.*3 labels.*{message}"):
        tiny(model=model).fit(X, Y)


def test_the_cures_of_these_errors_work():
    cross_entropy = {"loss": "categorical_crossentropy"}
    for model, loss in (
        (whole(3, None), "auto"),
        (whole(3, "sigmoid"), "auto"),
        (whole(3, "sigmoid", **cross_entropy), "crossentropy"),
    ):
        assert tiny(model=model, loss=loss, epochs=1).fit(X, Y).predict(X).shape == Y.shape


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_one_unit_per_label_with_binary_cross_entropy_is_right(activation):
    loss = keras.losses.BinaryCrossentropy(from_logits=activation is None)
    classifier = tiny(model=whole(3, activation, loss=loss, metrics=["binary_accuracy"])).fit(X, Y)
    assert score(classifier) > 0.8
    assert classifier.history_["binary_accuracy"][-1] > 0.8


def test_nothing_is_printed_and_no_warning_given(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tiny(epochs=1).fit(X, Y).predict(X)
    assert capfd.readouterr() == ("", "")
