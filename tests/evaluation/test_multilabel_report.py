"""`MultilabelReport`: scores as in scikit-learn, for any multi-label classifier."""

from __future__ import annotations

import json
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn import metrics
from sklearn.datasets import make_multilabel_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from keras_multiclass import KerasMultilabelClassifier
from keras_multiclass.evaluation import ClassificationReport, MultilabelReport

X, Y = make_multilabel_classification(60, 6, n_classes=3, random_state=0)
NAMES = ["leaf", "bark", "cone"]
report_of = MultilabelReport.from_predictions
few_examples = settings(max_examples=25)


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


def close_reports(a, b):
    a, b = a.to_dict(), b.to_dict()
    assert a["classes"] == b["classes"]
    close(a["confusion_matrix"], b["confusion_matrix"])
    pairs = [(a["overall"], b["overall"]), (a["per_class"], b["per_class"])]
    pairs += [(a["averages"][kind], b["averages"][kind]) for kind in a["averages"]]
    for left, right in pairs:
        assert left.keys() == right.keys()
        for name, values in left.items():
            close(values, right[name])


@st.composite
def problems(draw):
    """Draw labels (some of no row or of every row), predictions, probabilities and weights."""
    n, k = draw(st.integers(1, 20)), draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shares = rng.choice([0, 0.2, 0.5, 1], k)
    true = (rng.random((n, k)) < shares).astype(int)
    proba = rng.random((n, k)) if draw(st.booleans()) else rng.integers(0, 4, (n, k)) / 3
    predicted = (rng.random((n, k)) < rng.choice([0, 0.5, 1], k)).astype(int)
    weight = draw(st.sampled_from([None, rng.uniform(0.1, 2, n)]))
    return true, predicted, proba, weight


@few_examples
@given(problems())
def test_scores_of_labels_and_averages_match_scikit_learn(problem):
    true, predicted, proba, weight = problem
    report = report_of(true, predicted, proba, sample_weight=weight, zero_division=np.nan)
    names = ["precision", "recall", "f1"]
    for kind in (None, "macro", "weighted", "micro", "samples"):
        *expected, support = metrics.precision_recall_fscore_support(
            true, predicted, average=kind, sample_weight=weight, zero_division=np.nan
        )
        scores = report.averages[kind] if kind else report.per_class
        for name, value in zip(names, expected, strict=True):
            defined = ~np.isnan(report.per_class[name]) & true.any(axis=0)
            if kind != "weighted" or defined.any():  # otherwise scikit-learn returns 0
                close(scores[name], value)
        if kind is None:
            close(report.per_class["support"], support)
    expected = {"roc_auc": [], "average_precision": []}
    for y, p in zip(true.T, proba.T, strict=True):
        auc = ap = np.nan
        if y.any():
            ap = metrics.average_precision_score(y, p, sample_weight=weight)
            if not y.all():
                auc = metrics.roc_auc_score(y, p, sample_weight=weight)
        expected["roc_auc"].append(auc)
        expected["average_precision"].append(ap)
    for name, values in expected.items():
        close(report.per_class[name], values)
        if not np.isnan(values).all():
            close(report.averages["macro"][name], np.nanmean(values))
    if 0 < true.mean() < 1:
        options = {"average": "micro", "sample_weight": weight}
        micro = report.averages["micro"]
        close(micro["roc_auc"], metrics.roc_auc_score(true, proba, **options))
        close(micro["average_precision"], metrics.average_precision_score(true, proba, **options))


@few_examples
@given(problems())
def test_overall_scores_match_scikit_learn_without_warnings(problem):
    true, predicted, proba, weight = problem
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        overall = report_of(true, predicted, proba, sample_weight=weight).overall
    options = {"sample_weight": weight}
    ranking = true, proba
    losses = [
        metrics.log_loss(y, p, labels=[0, 1], **options)
        for y, p in zip(true.T, proba.T, strict=True)
    ]
    expected = {
        "subset_accuracy": metrics.accuracy_score(true, predicted, **options),
        "hamming_loss": metrics.hamming_loss(true, predicted, **options),
        "log_loss": np.mean(losses),
        "label_ranking_average_precision": metrics.label_ranking_average_precision_score(
            *ranking, **options
        ),
        "ranking_loss": metrics.label_ranking_loss(*ranking, **options),
        "coverage_error": metrics.coverage_error(*ranking, **options),
    }
    assert list(overall) == list(expected)
    for name, value in expected.items():
        close(overall[name], value)


@few_examples
@given(problems())
def test_weights_act_as_repetitions(problem):
    true, predicted, proba, _ = problem
    times = np.arange(1, len(true) + 1) % 3
    rows = np.repeat(np.arange(len(true)), times)
    weighted = report_of(true, predicted, proba, sample_weight=times)
    close_reports(weighted, report_of(true[rows], predicted[rows], proba[rows]))
    assert weighted.n_samples == np.count_nonzero(times)


@pytest.mark.parametrize("zero_division", [0.0, 1.0])
def test_zero_division_is_the_precision_where_labels_are_never_predicted(zero_division):
    report = report_of([[1, 0], [1, 0]], np.zeros((2, 2)), zero_division=zero_division)
    close(report.per_class["precision"], [zero_division, np.nan])
    assert {kind: s["precision"] for kind, s in report.averages.items()} == dict.fromkeys(
        ["macro", "weighted", "micro", "samples"], zero_division
    )


def test_the_confusion_matrix_counts_labels_added_where_others_are_missed():
    true = [[1, 1, 0], [1, 0, 0], [0, 1, 1]]
    predicted = [[1, 0, 1], [0, 0, 1], [0, 1, 1]]
    report = report_of(true, predicted, labels=NAMES)
    assert report.confusion_matrix.tolist() == [[1, 0, 1], [0, 1, 1], [0, 0, 1]]
    assert report.confused_pairs(1) == [("leaf", "cone", 1, 0.5)]


def test_with_one_label_in_each_row_confusions_are_those_of_classes():
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 4, (2, 30))
    weight = rng.uniform(0, 2, 30)
    one_hot = np.eye(4, dtype=int)
    labels = report_of(one_hot[true], one_hot[predicted], sample_weight=weight)
    classes = ClassificationReport.from_predictions(true, predicted, sample_weight=weight)
    close(labels.confusion_matrix, classes.confusion_matrix)
    for name in ("precision", "recall", "f1", "support"):
        close(labels.per_class[name], classes.per_class[name])


# --- classifiers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(5, random_state=0),
        KNeighborsClassifier(),
        MultiOutputClassifier(GaussianNB()),
        make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=3, random_state=0)),
        GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [2]}, cv=2),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_probabilities_may_be_a_list_of_arrays(estimator):
    estimator.fit(X, Y)
    each = estimator.predict_proba(X)
    expected = report_of(Y, estimator.predict(X), np.column_stack([p[:, 1] for p in each]))
    close_reports(MultilabelReport.from_estimator(estimator, X, Y), expected)
    close_reports(report_of(Y, estimator.predict(X), each), expected)
    close_reports(report_of(Y, estimator.predict(X), np.array(each)), expected)


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (OneVsRestClassifier(GaussianNB()), Y),
        (OneVsRestClassifier(LogisticRegression(max_iter=500)), sparse.csr_matrix(Y)),
        (ClassifierChain(LogisticRegression(max_iter=500)), Y.astype(float)),
    ],
    ids=["array", "sparse", "chain"],
)
def test_probabilities_may_be_a_matrix(estimator, y):
    estimator.fit(X, y)
    report = MultilabelReport.from_estimator(estimator, X, y)
    close_reports(report, report_of(Y, estimator.predict(X), estimator.predict_proba(X)))


def test_scores_that_need_probabilities_are_omitted_without_them():
    report = MultilabelReport.from_estimator(MultiOutputClassifier(LinearSVC()).fit(X, Y), X, Y)
    assert list(report.overall) == ["subset_accuracy", "hamming_loss"]
    assert list(report.per_class) == ["precision", "recall", "f1", "support"]


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("estimator", [DecisionTreeClassifier(), DummyClassifier()])
def test_a_label_may_have_been_constant_in_training(estimator, value):
    constant = Y.copy()
    constant[:, 1] = value
    estimator.fit(X, constant)
    assert estimator.predict_proba(X)[1].shape == (60, 1)
    report = MultilabelReport.from_estimator(estimator, X, Y)
    share = Y[:, 1].mean()
    close(report.per_class["average_precision"][1], share)
    close(report.per_class["recall"][1], value)


def test_a_keras_classifier_is_evaluated_with_its_names_and_thresholds():
    frame = pd.DataFrame(Y, columns=NAMES)
    thresholds = [0.3, 0.5, 0.6]
    classifier = KerasMultilabelClassifier(
        "mlp", backbone__hidden_units=(4,), epochs=2, threshold=thresholds, random_state=0
    )
    pipeline = make_pipeline(StandardScaler(), classifier).fit(X, frame)
    report = MultilabelReport.from_estimator(pipeline, X, frame[NAMES[::-1]])
    assert report.classes.tolist() == NAMES
    close(report.per_class["threshold"], thresholds)
    proba = pipeline.predict_proba(X)
    close_reports(report, report_of(frame, y_proba=proba, thresholds=thresholds))
    named = pd.DataFrame(proba, columns=NAMES)[NAMES[::-1]]
    for probabilities in (named, pl.DataFrame(dict(named))):  # matched by name
        predicted = pipeline.predict(X)[named.columns]
        close_reports(report, report_of(frame, predicted, probabilities, thresholds=thresholds))


def test_names_come_from_labels_or_a_data_frame():
    frame = pd.DataFrame(Y, columns=NAMES)
    tree = DecisionTreeClassifier(max_depth=1).fit(X, frame)
    assert MultilabelReport.from_estimator(tree, X, frame).classes.tolist() == NAMES
    assert MultilabelReport.from_estimator(tree, X, Y).classes.tolist() == [0, 1, 2]
    assert report_of(Y, frame).classes.tolist() == NAMES
    assert report_of(Y, Y, labels=NAMES).classes.tolist() == NAMES


def test_probabilities_above_the_threshold_are_predicted():
    true = [[1, 0], [0, 1]]
    report = report_of(true, y_proba=[[0.6, 0.5], [0.5, 0.7]])
    assert report.overall["subset_accuracy"] == 1
    assert report.per_class["threshold"].tolist() == [0.5, 0.5]
    assert report_of(true, y_proba=[[0.6, 0.2], [0.5, 0.7]], thresholds=0.1).overall[
        "hamming_loss"
    ] == pytest.approx(0.5)


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "y_pred or y_proba must be given"),
        ({"y_pred": Y[:5]}, "inconsistent numbers of samples"),
        ({"y_pred": Y[:, :2]}, "y_pred must be a matrix with one column for each of the 3 labels"),
        ({"y_pred": Y[:, 0]}, "y_pred must be a matrix of zeros and ones"),
        ({"y_proba": Y[:, :2]}, "y_proba must be a matrix with one column for each of the 3"),
        ({"y_proba": Y * 2.0}, "probabilities between 0 and 1; got .* Apply a sigmoid"),
        ({"y_proba": [Y] * 3}, "y_proba must be of shape .*, or a list with an array"),
        (
            {"y_pred": Y, "thresholds": [0.5]},
            "`thresholds` must be a number from 0 to 1, or 3 numbers",
        ),
        ({"y_pred": Y, "thresholds": 2}, "`thresholds` must be"),
        ({"y_pred": Y, "labels": ["a", "b"]}, "y_true must be a matrix with one column for each"),
        ({"y_pred": Y, "labels": ["a", "b", "b"]}, "labels must be different labels"),
        ({"y_pred": Y, "zero_division": 2}, "`zero_division` must be 0, 1 or NaN"),
    ],
)
def test_invalid_predictions_are_rejected(arguments, message):
    with pytest.raises(ValueError, match=message):
        report_of(Y, **arguments)


def test_classifiers_of_other_targets_are_rejected():
    single = GaussianNB().fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="must be a multi-label classifier.*ClassificationReport"):
        MultilabelReport.from_estimator(single, X, Y)
    with pytest.raises(TypeError, match="must be a scikit-learn classifier"):
        MultilabelReport.from_estimator(StandardScaler().fit(X), X, Y)
    several = DecisionTreeClassifier().fit(X, Y + 1)
    with pytest.raises(ValueError, match=r"list|zeros and ones"):
        MultilabelReport.from_estimator(several, X, Y)
    with pytest.raises(ValueError, match="at least two labels; got a single label"):
        report_of(Y[:, :1], Y[:, :1])


# --- output -------------------------------------------------------------------------------------


def test_the_data_frame_the_dict_and_a_pickle_have_all_scores():
    report = report_of(Y, y_proba=Y * 0.8 + 0.1, labels=NAMES)
    frame = report.to_frame()
    assert frame.index.tolist() == NAMES
    assert frame.index.name == "label"
    assert frame.columns.tolist() == list(report.per_class)
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()
    close_reports(pickle.loads(pickle.dumps(report)), report)


def test_names_are_escaped_in_html():
    html = report_of(Y, 1 - Y, labels=["<b>", "bark", "cone"])._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert "added instead" in html


def test_text_lists_the_worst_of_many_labels():
    true = np.eye(50, dtype=int)
    text = str(report_of(true, true))
    assert "50 rows of 50 labels" in text
    assert "The 40 labels of lowest F1; to_frame() has all 50." in text
