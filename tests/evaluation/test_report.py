"""`ClassificationReport`: scores as in scikit-learn; text, HTML, data frame and dict."""

from __future__ import annotations

import copy
import json
import pickle
import sys
import warnings
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.fixes import parse_version

from _toy import tiny
from keras_multiclass.evaluation import ClassificationReport

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["ash", "fir", "oak"])
NEWER = parse_version(sklearn.__version__) >= parse_version("1.7")
report_of = ClassificationReport.from_predictions


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


def close_reports(a, b):
    a, b = a.to_dict(), b.to_dict()
    assert a.keys() == b.keys()
    assert a["classes"] == b["classes"]
    close(a["confusion_matrix"], b["confusion_matrix"])
    pairs = [(a["overall"], b["overall"]), (a["per_class"], b["per_class"])]
    pairs += [(a["averages"][kind], b["averages"][kind]) for kind in a["averages"]]
    for left, right in pairs:
        assert left.keys() == right.keys()
        for name, values in left.items():
            close(values, right[name])


@st.composite
def problems(draw, least_classes=2, most_classes=5):
    """Draw class indices, predictions, probabilities (with many ties) and weights or None."""
    k, n = draw(st.integers(least_classes, most_classes)), draw(st.integers(1, 25))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    true = rng.choice(draw(st.lists(st.integers(0, k - 1), min_size=1, max_size=k)), n)
    coarse = rng.integers(1, 4, (n, k)).astype(float)
    proba = rng.dirichlet(np.ones(k), n) if draw(st.booleans()) else coarse
    proba /= proba.sum(axis=1, keepdims=True)
    predicted = proba.argmax(axis=1)
    if draw(st.booleans()):
        predicted = rng.choice(draw(st.lists(st.integers(0, k - 1), min_size=1, max_size=k)), n)
    weights = draw(st.sampled_from(["none", "whole", "any"]))
    weight = rng.integers(0, 3, n) if weights == "whole" else rng.uniform(0, 2, n)
    weight = weight.astype(float)
    weight[rng.integers(n)] = 1.5
    return k, true, predicted, proba, None if weights == "none" else weight


def expected_calibration_error(true, proba, weights, n_bins):
    """Equation 3 of Guo et al. (2017), bin by bin, with their bins ((m - 1) / M, m / M]."""
    weights = np.ones(len(true)) if weights is None else weights
    edges = np.linspace(0, 1, n_bins + 1)
    error = 0.0
    for m in range(1, n_bins + 1):
        total = hits = confidences = 0.0
        for row, label, weight in zip(proba, true, weights, strict=True):
            if edges[m - 1] < max(row) <= edges[m]:
                total += weight
                hits += weight * (list(row).index(max(row)) == label)
                confidences += weight * max(row)
        if total:
            error += total / weights.sum() * abs(hits / total - confidences / total)
    return error


# --- scores -------------------------------------------------------------------------------------

few_examples = settings(max_examples=40)


@few_examples
@given(problems())
def test_precision_recall_and_f1_match_scikit_learn(problem):
    k, true, predicted, proba, weight = problem
    report = report_of(true, predicted, proba, labels=range(k), sample_weight=weight)
    options = {"labels": range(k), "sample_weight": weight}
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        true, predicted, zero_division=0.0, **options
    )
    matrix = metrics.confusion_matrix(true, predicted, **options)
    close(report.confusion_matrix, matrix)
    close(report.per_class["support"], support)
    occurs = (support > 0) | (matrix.sum(axis=0) > 0)
    close(report.per_class["precision"], np.where(occurs, precision, np.nan))
    close(report.per_class["recall"], np.where(support > 0, recall, np.nan))
    close(report.per_class["f1"], np.where(occurs, f1, np.nan))
    for kind in ("macro", "weighted", "micro"):
        _, recall, f1, _ = metrics.precision_recall_fscore_support(
            true, predicted, average=kind, zero_division=np.nan, **options
        )
        close([report.averages[kind]["recall"], report.averages[kind]["f1"]], [recall, f1])
    # Restricted to the labels that occur, scikit-learn's average includes precisions of 0 too.
    for kind in ("macro", "weighted", "micro"):
        precision = metrics.precision_score(
            true,
            predicted,
            labels=np.flatnonzero(occurs),
            average=kind,
            sample_weight=weight,
            zero_division=0.0,
        )
        close(report.averages[kind]["precision"], precision)


@few_examples
@given(problems())
def test_ranking_scores_match_scikit_learn(problem):
    k, true, predicted, proba, weight = problem
    report = report_of(true, predicted, proba, labels=range(k), sample_weight=weight)
    total = np.ones(len(true)) if weight is None else weight
    present = [total[true == number].sum() > 0 for number in range(k)]
    several = sum(present) > 1
    for number in range(k):
        ranked = (true == number).astype(int), proba[:, number]
        auc = average_precision = np.nan
        if present[number]:
            average_precision = metrics.average_precision_score(*ranked, sample_weight=weight)
            if several:
                auc = metrics.roc_auc_score(*ranked, sample_weight=weight)
        close(report.per_class["roc_auc"][number], auc)
        close(report.per_class["average_precision"][number], average_precision)
    indicator = np.eye(k, dtype=int)[true]
    for name, score in [
        ("roc_auc", metrics.roc_auc_score),
        ("average_precision", metrics.average_precision_score),
    ]:
        micro = score(indicator, proba, average="micro", sample_weight=weight)
        close(report.averages["micro"][name], micro)
        if all(present):
            for kind in ("macro", "weighted"):
                average = score(indicator, proba, average=kind, sample_weight=weight)
                close(report.averages[kind][name], average)
    if k > 2 and all(present):
        auc = metrics.roc_auc_score(
            true, proba, multi_class="ovr", labels=range(k), sample_weight=weight
        )
        close(report.averages["macro"]["roc_auc"], auc)


@few_examples
@given(problems())
def test_overall_scores_match_scikit_learn(problem):
    k, true, predicted, proba, weight = problem
    report = report_of(true, predicted, proba, labels=range(k), sample_weight=weight)
    options = {"sample_weight": weight}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about undefined scores
        expected = {
            "accuracy": metrics.accuracy_score(true, predicted, **options),
            "balanced_accuracy": metrics.balanced_accuracy_score(true, predicted, **options),
            "cohen_kappa": metrics.cohen_kappa_score(true, predicted, **options),
            "matthews_corrcoef": metrics.matthews_corrcoef(true, predicted, **options),
        }
    if min(len(np.unique(true)), len(np.unique(predicted))) == 1:
        expected["matthews_corrcoef"] = 0.0  # where scikit-learn's rounding may give NaN
    options["labels"] = list(range(k))
    expected["log_loss"] = metrics.log_loss(true, proba, **options)
    if NEWER:
        expected["brier_score"] = metrics.brier_score_loss(true, proba, **options)
    if k > 2:
        expected["top_k_accuracy"] = metrics.top_k_accuracy_score(
            true, proba, k=3 if k > 3 else 2, **options
        )
    expected["expected_calibration_error"] = expected_calibration_error(true, proba, weight, 15)
    if NEWER:
        assert list(report.overall) == list(expected)
    for name, value in expected.items():
        close(report.overall[name], value)


def test_the_correlation_with_constant_labels_is_0_despite_rounding():
    rng = np.random.default_rng(0)
    for weight in rng.uniform(0.1, 2, (20, 19)):
        report = report_of(np.zeros(19, int), rng.integers(0, 3, 19), sample_weight=weight)
        assert report.overall["matthews_corrcoef"] == 0


def test_the_brier_score_matches_a_manual_computation():
    """0.2² + 0.1² + 0.1² + ... over three rows; halved for two classes."""
    three = report_of([0, 1, 2], y_proba=[[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.2, 0.2, 0.6]])
    close(three.overall["brier_score"], (0.06 + 0.14 + 0.24) / 3)
    two = report_of([0, 1], y_proba=[[0.9, 0.1], [0.4, 0.6]], sample_weight=[3, 1])
    close(two.overall["brier_score"], (3 * 0.01 + 0.16) / 4)


@few_examples
@given(problems(), st.integers(1, 30))
def test_the_calibration_error_is_that_of_guo_et_al(problem, n_bins):
    k, true, predicted, proba, weight = problem
    error = report_of(
        true, predicted, proba, labels=range(k), sample_weight=weight, n_bins=n_bins
    ).overall["expected_calibration_error"]
    close(error, expected_calibration_error(true, proba, weight, n_bins))


@few_examples
@given(problems())
def test_weights_act_as_repetitions_and_a_zero_weight_drops_the_row(problem):
    k, true, predicted, proba, _ = problem
    times = np.arange(len(true)) % 3
    times[0] = 1
    weighted = report_of(true, predicted, proba, labels=range(k), sample_weight=times)
    rows = np.repeat(np.arange(len(true)), times)
    repeated = report_of(true[rows], predicted[rows], proba[rows], labels=range(k))
    close_reports(weighted, repeated)
    assert weighted.n_samples == np.count_nonzero(times)


def test_a_scalar_weight_means_equal_weights():
    true, proba = [0, 1, 2, 2], np.eye(3)[[0, 1, 1, 2]]
    total = report_of(true, y_proba=proba, sample_weight=1.0)
    close_reports(total, report_of(true, y_proba=proba))


def test_a_report_can_be_pickled():
    report = report_of([0, 1, 2, 2], y_proba=np.eye(3)[[0, 1, 1, 2]])
    close_reports(pickle.loads(pickle.dumps(report)), report)


@settings(max_examples=20)
@given(problems(3, 3))
def test_class_names_do_not_change_scores(problem):
    _, true, predicted, proba, weight = problem
    numbers = report_of(true, predicted, proba, labels=range(3), sample_weight=weight)
    order = ["oak", "ash", "fir"]
    named = report_of(
        np.array(order)[true],
        np.array(order)[predicted],
        proba,
        labels=order,
        sample_weight=weight,
    )
    assert named.classes.tolist() == order
    assert numbers.classes.tolist() == [0, 1, 2]
    for name in numbers.per_class:
        close(named.per_class[name], numbers.per_class[name])


@pytest.mark.parametrize("zero_division", [0.0, 1.0, np.nan])
def test_zero_division_is_the_precision_of_a_class_that_is_never_predicted(zero_division):
    true, predicted = [0, 1, 2, 2], [0, 0, 2, 2]
    report = report_of(true, predicted, zero_division=zero_division)
    options = {"zero_division": zero_division}
    expected = metrics.classification_report(true, predicted, output_dict=True, **options)
    close(report.per_class["precision"][1], expected["1"]["precision"])
    for name, key in [("macro", "macro avg"), ("weighted", "weighted avg")]:
        close(report.averages[name]["precision"], expected[key]["precision"])
        close(report.averages[name]["f1"], expected[key]["f1-score"])


def test_undefined_scores_are_nan():
    """Class 1 has no rows, class 2 neither rows nor predictions; class 3 is never predicted."""
    proba = np.full((4, 4), 0.25)
    report = report_of([0, 0, 0, 3], [0, 0, 1, 0], proba, labels=range(4))
    close(report.per_class["precision"], [2 / 3, 0, np.nan, 0])
    close(report.per_class["recall"], [2 / 3, np.nan, np.nan, 0])
    close(report.per_class["f1"], [2 / 3, 0, np.nan, 0])
    close(report.per_class["roc_auc"], [0.5, np.nan, np.nan, 0.5])
    close(report.per_class["average_precision"], [0.75, np.nan, np.nan, 0.25])


def test_a_report_on_one_row():
    report = report_of(["a"], y_proba=[[0.75, 0.25]], labels=["a", "b"])
    close(report.overall["accuracy"], 1)
    close(report.overall["cohen_kappa"], np.nan)
    close(report.overall["log_loss"], -np.log(0.75))
    close(report.per_class["roc_auc"], [np.nan, np.nan])
    close(report.averages["macro"]["roc_auc"], np.nan)
    assert report.confusion_matrix.tolist() == [[1, 0], [0, 0]]
    assert "1 row of 2 classes" in str(report)


def test_a_report_on_one_class():
    report = report_of(["a", "a"], y_proba=[[1.0], [1.0]])
    assert report.overall["log_loss"] == 0.0
    assert np.isnan(report.averages["micro"]["roc_auc"])
    assert str(report).startswith("2 rows of 1 class\n")


# --- top k --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_classes", "expected"), [(2, None), (3, 2), (4, 3), (9, 3)])
def test_the_default_top_k_depends_on_the_number_of_classes(n_classes, expected):
    proba = np.full((n_classes, n_classes), 1 / n_classes)
    report = report_of(range(n_classes), y_proba=proba)
    assert report.top_k == expected
    assert ("top_k_accuracy" in report.overall) == (expected is not None)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_top_k_accuracy_matches_scikit_learn(k):
    rng = np.random.default_rng(0)
    true, proba = rng.integers(0, 5, 60), rng.dirichlet(np.ones(5), 60)
    report = report_of(true, y_proba=proba, top_k=k)
    close(report.overall["top_k_accuracy"], metrics.top_k_accuracy_score(true, proba, k=k))
    assert f"top-{k} accuracy" in str(report)


# --- confused pairs -----------------------------------------------------------------------------


def test_confused_pairs_are_sorted_by_frequency():
    true = ["a"] * 6 + ["b"] * 3 + ["c"] * 4
    predicted = list("aaabbc") + list("baa") + list("cccc")
    report = report_of(true, predicted)
    assert report.confused_pairs() == [
        ("a", "b", 2, 2 / 6),
        ("b", "a", 2, 2 / 3),
        ("a", "c", 1, 1 / 6),
    ]
    assert report.confused_pairs(1) == report.confused_pairs(None)[:1]
    assert report_of(true, true).confused_pairs() == []


def test_confused_pairs_sum_sample_weights():
    report = report_of([0, 0, 0, 1], [0, 1, 2, 0], sample_weight=[1, 0.5, 2, 1])
    assert report.confused_pairs() == [(0, 2, 2.0, 2 / 3.5), (1, 0, 1.0, 1.0), (0, 1, 0.5, 1 / 7)]


# --- from an estimator --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(max_depth=2),
        make_pipeline(StandardScaler(), LogisticRegression()),
        SVC(),
    ],
    ids=["tree", "pipeline", "SVC"],
)
def test_any_scikit_learn_classifier_can_be_evaluated(estimator):
    estimator.fit(X[::2], NAMES[Y[::2]])
    weight = np.linspace(0, 1, 75)
    report = ClassificationReport.from_estimator(
        estimator, X[1::2], NAMES[Y[1::2]], sample_weight=weight
    )
    has_proba = hasattr(estimator, "predict_proba")
    proba = estimator.predict_proba(X[1::2]) if has_proba else None
    expected = report_of(
        NAMES[Y[1::2]], estimator.predict(X[1::2]), proba, labels=NAMES, sample_weight=weight
    )
    close_reports(report, expected)
    close(report.overall["accuracy"], estimator.score(X[1::2], NAMES[Y[1::2]], weight))


@pytest.mark.parametrize("labels", [NAMES[Y], np.eye(3, dtype=int)[Y]], ids=["names", "one-hot"])
def test_a_keras_classifier_can_be_evaluated(labels):
    classifier = tiny(epochs=2).fit(X, labels)
    report = ClassificationReport.from_estimator(classifier, X, labels)
    close(report.overall["accuracy"], classifier.score(X, labels))
    close(report.overall["log_loss"], metrics.log_loss(Y, classifier.predict_proba(X)))


def test_scores_that_need_probabilities_are_omitted_without_them():
    report = report_of([0, 1, 2], [0, 1, 1])
    assert list(report.per_class) == ["precision", "recall", "f1", "support"]
    assert list(report.overall) == [
        "accuracy",
        "balanced_accuracy",
        "cohen_kappa",
        "matthews_corrcoef",
    ]
    assert all("roc_auc" not in scores for scores in report.averages.values())
    for word in ("AUC", "log loss", "top", "calibration"):
        assert word not in str(report)


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"zero_division": "warn"}, "`zero_division` must be 0, 1 or NaN; got 'warn'"),
        ({"zero_division": 0.5}, "`zero_division` must be 0, 1 or NaN; got 0.5"),
        ({"n_bins": 0}, "`n_bins` must be an integer of at least 1; got 0"),
        ({"n_bins": 2.5}, "`n_bins` must be an integer of at least 1; got 2.5"),
        ({"top_k": 0}, "`top_k` must be None or an integer of at least 1; got 0"),
        ({"top_k": True}, "`top_k` must be None or an integer of at least 1; got True"),
        ({"top_k": 3}, "`top_k` must be None, or less than .*; got 3 for 3 classes"),
    ],
)
def test_invalid_options_are_rejected(options, message):
    with pytest.raises(ValueError, match=message):
        report_of([0, 1, 2], y_proba=np.eye(3), **options)


def test_an_invalid_number_of_pairs_is_rejected():
    with pytest.raises(ValueError, match="n must be None or an integer of at least 1; got 0"):
        report_of([0, 1], [1, 0]).confused_pairs(0)


# --- output formats -----------------------------------------------------------------------------


def test_the_data_frame_has_one_row_per_class():
    report = report_of(["b", "a", "b"], ["b", "a", "a"])
    frame = report.to_frame()
    assert frame.index.tolist() == ["a", "b"]
    assert frame.columns.tolist() == ["precision", "recall", "f1", "support"]
    pd.testing.assert_series_equal(
        frame["recall"], pd.Series([1.0, 0.5], index=frame.index, name="recall")
    )


def test_a_data_frame_without_pandas_raises_a_helpful_error(monkeypatch):
    report = report_of([0, 1], [1, 0])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="needs pandas, which is not installed"):
        report.to_frame()


def test_the_dict_can_be_serialized_as_json():
    report = report_of([0, 1, 2], y_proba=np.eye(3), sample_weight=[1, 2, 3])
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["classes"] == [0, 1, 2]
    assert plain["per_class"]["support"] == [1.0, 2.0, 3.0]
    assert plain["overall"]["accuracy"] == 1.0
    assert plain["confusion_matrix"][2] == [0.0, 0.0, 3.0]


def test_modifying_a_dict_or_copy_does_not_change_the_report():
    report = report_of([0, 1], [1, 0])
    report.to_dict()["overall"]["accuracy"] = 7.0
    copy.deepcopy(report).overall["accuracy"] = 7.0
    assert report.overall["accuracy"] == 0.0


def test_the_repr_is_short():
    report = report_of([0, 1, 1], [1, 1, 1])
    assert repr(report) == "ClassificationReport(n_samples=3, n_classes=2, accuracy=0.667)"


def table_lines(text, first):
    """Return the lines of the table that begins with ``first``, up to an empty line."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(first))
    return lines[start : lines.index("", start) if "" in lines[start:] else None]


def test_long_class_names_are_shortened_in_text():
    names = [f"{'genus ' * 20}species number {k}" for k in range(25)]
    true = [name for name in names for _ in range(4)]
    proba = np.full((100, 25), 1 / 25)
    text = str(report_of(true, y_proba=proba, labels=names))
    lines = table_lines(text, "class ")
    assert len(lines) == 26
    assert max(map(len, text.splitlines())) <= 100
    assert len({len(line) for line in lines}) == 1  # the last column is right-aligned
    assert len(set(lines)) == 26  # the distinct ends of the names are kept
    assert all(line.startswith("genus ") and "..." in line for line in lines[1:])


def test_text_lists_the_worst_of_hundreds_of_classes():
    true = np.repeat(np.arange(300), 2)
    predicted = np.where(true < 7, 299, true)
    lines = table_lines(str(report_of(true, predicted)), "The 40 classes of lowest F1")
    assert len(lines) == 42
    assert [line.split()[0] for line in lines[2:10]] == ["0", "1", "2", "3", "4", "5", "6", "299"]


def test_line_breaks_in_names_become_spaces():
    text = str(report_of(["a\nb", "c\td"], ["a\nb", "a\nb"]))
    assert [line.split("  ")[0] for line in table_lines(text, "class")] == ["class", "a b", "c d"]


def test_columns_are_aligned_despite_wide_and_combining_characters():
    names = ["日本語", "e\u0301te\u0301", "plain"]  # 6, 3 and 5 terminal columns wide
    heading, *rows = table_lines(str(report_of(names, names, labels=names)), "class")
    assert heading.startswith("class     precision")
    assert [row.split("1.000")[0] for row in rows[:3]] == [
        "日本語" + " " * 8,
        "e\u0301te\u0301" + " " * 11,
        "plain" + " " * 9,
    ]


def test_undefined_scores_are_shown_as_dashes():
    text = str(report_of([0, 0], [0, 1], np.array([[1.0, 0], [0, 1]])))
    row = table_lines(text, "class")[2].split()
    assert row == ["1", "0.000", "-", "0.000", "0", "-", "-"]


class Page(HTMLParser):
    """Collect tags and text, and fail if a tag is not closed."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], set(), set(), []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_class_names_are_escaped_in_html():
    names = ["<script>alert(1)</script>", '"><img src=x>', "Q&amp;A & 'more'"]
    html = report_of(names, names[::-1], labels=names)._repr_html_()
    page = Page(html)
    assert set(names) <= set(page.texts)
    assert page.tags == {"div", "table", "thead", "tbody", "tr", "th", "td"}
    assert page.attributes == {"style"}


@given(st.lists(st.text(max_size=12), min_size=1, max_size=4, unique=True))
@settings(max_examples=30)
def test_any_class_name_gives_valid_html_and_text(names):
    names = np.array(names, dtype=object)
    report = report_of(names, names[::-1], np.full((len(names),) * 2, 1 / len(names)), labels=names)
    assert "script" not in Page(report._repr_html_()).tags
    assert str(report).count("\n\n") >= 2


def test_html_and_text_contain_the_same_numbers():
    report = report_of([0, 1, 2, 2], y_proba=np.eye(3)[[0, 1, 1, 2]])
    words = str(report).split()
    texts = " ".join(Page(report._repr_html_()).texts).split()
    assert sorted(words) == sorted(texts)
