"""`cross_validated_report`: each row is predicted by a classifier not fitted on it."""

from __future__ import annotations

import json
import threading

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from test_report import Page, close, close_reports

from _toy import tiny
from keras_multiclass import KerasMultilabelClassifier
from keras_multiclass.evaluation import (
    ClassificationReport,
    MultilabelReport,
    MultilabelStratifiedKFold,
    cross_validated_report,
)

X, CODES = load_iris(return_X_y=True)
NAMES = ["ash", "fir", "oak"]
Y = np.array(NAMES)[CODES]
WEIGHT = np.random.default_rng(0).uniform(0, 2, 150)
TREE = DecisionTreeClassifier(max_depth=2, random_state=0)


def out_of_fold(estimator, X, y, splits, weight=None):
    """Return out-of-fold labels and probabilities; every fold must have all classes."""
    predicted, proba = np.empty(len(y), dtype=y.dtype), np.empty((len(y), len(np.unique(y))))
    for train, test in splits:
        fit_weight = {} if weight is None else {"sample_weight": weight[train]}
        fitted = clone(estimator).fit(X[train], y[train], **fit_weight)
        predicted[test], proba[test] = fitted.predict(X[test]), fitted.predict_proba(X[test])
    return predicted, proba


@pytest.mark.parametrize("cv", [None, 3, StratifiedKFold(4, shuffle=True, random_state=0)])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_the_report_matches_a_loop_over_the_folds(cv, weight):
    splitter = StratifiedKFold(cv or 5) if cv in (None, 3) else cv
    splits = list(splitter.split(X, Y))
    predicted, proba = out_of_fold(TREE, X, Y, splits, weight)
    result = cross_validated_report(TREE, X, Y, cv=cv, sample_weight=weight)
    close_reports(
        result.report,
        ClassificationReport.from_predictions(Y, predicted, proba, sample_weight=weight),
    )
    assert len(result.folds) == len(splits)
    for fold, (_, test) in zip(result.folds, splits, strict=True):
        of_fold = ClassificationReport.from_predictions(
            Y[test],
            predicted[test],
            proba[test],
            sample_weight=None if weight is None else weight[test],
        )
        close_reports(fold, of_fold)


def test_scores_of_the_folds_match_scikit_learn():
    result = cross_validated_report(TREE, X, Y, cv=5)
    close(
        [fold.overall["accuracy"] for fold in result.folds],
        cross_val_score(TREE, X, Y, cv=5),
    )
    scores = cross_val_score(TREE, X, Y, cv=5, scoring="f1_macro")
    close(list(result.spread["macro_f1"].values()), [scores.mean(), scores.std()])
    assert list(result.spread["macro_f1"]) == ["mean", "std"]
    out_of_fold = cross_val_predict(TREE, X, Y, cv=5)
    close(result.report.overall["accuracy"], accuracy_score(Y, out_of_fold))
    close(result.report.averages["macro"]["f1"], f1_score(Y, out_of_fold, average="macro"))


def test_options_are_passed_to_the_reports():
    result = cross_validated_report(TREE, X, Y, top_k=1, n_bins=3, zero_division=1.0)
    assert result.report.top_k == 1
    assert all(fold.top_k == 1 for fold in result.folds)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame(X, columns=list("abcd")),
        pl.DataFrame(X, schema=list("abcd")),
        X.tolist(),
        sparse.coo_array(X),
    ],
    ids=["pandas", "polars", "list", "sparse"],
)
@pytest.mark.parametrize(
    "labels",
    [list(Y), pd.Series(Y, index=np.arange(150)[::-1]), pl.Series(Y)],
    ids=["list", "pandas", "polars"],
)
def test_tables_and_labels_of_any_type_are_supported(table, labels):
    close_reports(
        cross_validated_report(TREE, table, labels, cv=3).report,
        cross_validated_report(TREE, X, Y, cv=3).report,
    )


class Meeting(DecisionTreeClassifier):
    """A tree whose `fit` waits until another one is being fitted."""

    barrier = threading.Barrier(2)

    def fit(self, X, y):
        self.barrier.wait(timeout=60)
        return super().fit(X, y)


def test_folds_run_in_parallel_with_the_same_result():
    with joblib.parallel_config(backend="threading"):
        parallel = cross_validated_report(
            Meeting(max_depth=2, random_state=0), X, Y, cv=4, n_jobs=2
        )
    serial = cross_validated_report(TREE, X, Y, cv=4)
    close_reports(parallel.report, serial.report)
    for a, b in zip(parallel.folds, serial.folds, strict=True):
        close_reports(a, b)


def test_a_class_missing_from_the_training_rows_has_probability_zero():
    """Without shuffling, each fold holds out a whole class."""
    result = cross_validated_report(TREE, X, Y, cv=KFold(3))
    assert result.report.overall["accuracy"] == 0.0
    assert result.report.classes.tolist() == ["ash", "fir", "oak"]
    close([fold.per_class["support"] for fold in result.folds], np.eye(3) * 50)
    # scikit-learn's log_loss clips probabilities to this number.
    close(result.report.overall["log_loss"], -np.log(np.finfo(float).eps))


def test_a_classifier_without_probabilities_has_no_log_loss():
    result = cross_validated_report(RidgeClassifier(), X, Y, cv=KFold(3))
    assert "accuracy" in result.report.overall
    assert "log_loss" not in result.report.overall
    assert "log loss" not in str(result)


def test_groups_stay_together():
    groups = np.arange(150) // 3
    result = cross_validated_report(TREE, X, Y, cv=GroupKFold(4), groups=groups)
    predicted, proba = out_of_fold(TREE, X, Y, GroupKFold(4).split(X, Y, groups))
    close_reports(result.report, ClassificationReport.from_predictions(Y, predicted, proba))


def test_a_row_that_is_predicted_several_times_counts_once():
    """Accuracy is then the mean over repetitions."""
    cv = RepeatedStratifiedKFold(n_splits=3, n_repeats=4, random_state=0)
    result = cross_validated_report(TREE, X, Y, cv=cv)
    close(result.report.per_class["support"], [50, 50, 50])
    assert len(result.folds) == 12
    close(result.report.overall["accuracy"], cross_val_score(TREE, X, Y, cv=cv).mean())


def test_rows_that_are_never_predicted_are_omitted():
    order = np.random.default_rng(0).permutation(150)
    cv = TimeSeriesSplit(4)
    result = cross_validated_report(TREE, X[order], Y[order], cv=cv)
    tests = [test for _, test in cv.split(X)]
    assert result.report.n_samples == len(np.concatenate(tests)) < 150


def test_folds_may_be_masks():
    test = np.arange(150) % 2 == 0
    masks = cross_validated_report(TREE, X, Y, cv=[(~test, test)])
    numbers = cross_validated_report(TREE, X, Y, cv=[(np.flatnonzero(~test), np.flatnonzero(test))])
    close_reports(masks.report, numbers.report)


def test_fit_parameters_with_one_entry_per_row_are_split():
    estimator = make_pipeline(StandardScaler(), TREE)
    weights = {"decisiontreeclassifier__sample_weight": WEIGHT.tolist()}
    result = cross_validated_report(estimator, X, Y, params=weights)
    direct = cross_validated_report(TREE, X, Y, params={"sample_weight": WEIGHT})
    close_reports(result.report, direct.report)


def test_the_estimator_is_not_modified():
    unfitted = clone(TREE)
    cross_validated_report(unfitted, X, Y)
    assert not hasattr(unfitted, "tree_")


@pytest.fixture(scope="module")
def numbered():
    """The report of a Keras classifier on class indices, from a loop over two folds."""
    splits = StratifiedKFold(2).split(X, CODES)
    predicted, proba = out_of_fold(tiny(epochs=2), X, CODES, splits)
    return ClassificationReport.from_predictions(CODES, predicted, proba)


@pytest.mark.parametrize("kind", ["names", "matrix", "sparse", "pandas", "polars"])
def test_a_keras_classifier_takes_labels_of_any_format(kind, numbered):
    one_hot = np.eye(3, dtype=int)[CODES]
    labels = {
        "names": Y,
        "matrix": one_hot,
        "sparse": sparse.coo_array(one_hot),
        "pandas": pd.DataFrame(one_hot, columns=NAMES),
        "polars": pl.DataFrame(one_hot, schema=NAMES),
    }[kind]
    result = cross_validated_report(tiny(epochs=2), X, labels, cv=2)
    close(result.report.confusion_matrix, numbered.confusion_matrix)
    np.testing.assert_allclose(result.report.overall["log_loss"], numbered.overall["log_loss"])
    assert result.report.classes.tolist() == ([0, 1, 2] if kind in ("matrix", "sparse") else NAMES)


# --- errors -------------------------------------------------------------------------------------


def test_an_estimator_that_is_not_a_classifier_is_rejected():
    with pytest.raises(TypeError, match="`estimator` must be a scikit-learn classifier"):
        cross_validated_report(DecisionTreeRegressor(), X, CODES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": Y[:50]}, r"X and y must have .*: \[150, 50\]"),
        ({"sample_weight": WEIGHT[:50]}, "one weight for each of the 150 rows"),
        ({"sample_weight": -WEIGHT}, "sample_weight must be non-negative"),
        (
            {"sample_weight": np.repeat([0, 1, 1], 50), "cv": KFold(3)},
            "sample_weight must be above 0 for at least one row of each fold; got .* of fold 0",
        ),
        ({"n_bins": -1}, "`n_bins` must be"),
        ({"params": 3}, "`params` must be None or a dict of parameters for `fit`; got 3"),
        ({"cv": []}, "`cv` must be folds of training and test rows; got no fold"),
        ({"groups": [1]}, r"X, groups and y must have one row .* \[150, 1, 150\]"),
        ({"y": np.eye(3, dtype=int)[CODES]}, "`estimator` must be a classifier of one target"),
    ],
)
def test_invalid_or_inconsistent_arguments_are_rejected(arguments, message):
    with pytest.raises(ValueError, match=message):
        cross_validated_report(TREE, **{"X": X, "y": Y, **arguments})


# --- output formats -----------------------------------------------------------------------------


def test_text_html_frame_and_dict_contain_the_same_numbers():
    result = cross_validated_report(TREE, X, Y, cv=3)
    text = str(result)
    assert text.startswith("150 rows of 3 classes, predicted in 3 folds\n")
    spread = result.spread["accuracy"]
    value = result.report.overall["accuracy"]
    line = next(line for line in text.splitlines() if line.startswith("accuracy"))
    assert line.split()[1:] == [f"{v:.3f}" for v in (value, spread["mean"], spread["std"])]
    assert sorted(" ".join(Page(result._repr_html_()).texts).split()) == sorted(text.split())
    frame = result.to_frame()
    assert frame.shape == (3, len(result.spread))
    close(frame.mean()["log_loss"], result.spread["log_loss"]["mean"])
    close(frame.std(ddof=0)["log_loss"], result.spread["log_loss"]["std"])
    plain = json.loads(json.dumps(result.to_dict()))
    assert plain["folds"][2]["overall"] == result.folds[2].overall
    assert repr(result).startswith("CrossValidatedReport(n_samples=150, n_classes=3, n_folds=3, ")


def test_the_spread_skips_folds_where_a_score_is_undefined():
    result = cross_validated_report(RidgeClassifier(), X, Y, cv=KFold(3))
    assert np.isnan(result.folds[0].per_class["recall"]).sum() == 2
    leave_one_out = cross_validated_report(TREE, X[45:55], Y[45:55], cv=KFold(10))
    assert np.isnan(leave_one_out.spread["macro_roc_auc"]["mean"])
    assert leave_one_out.spread["accuracy"]["mean"] == leave_one_out.report.overall["accuracy"]


def test_an_invalid_top_k_is_rejected_before_training():
    class NeverTrained(DecisionTreeClassifier):
        def fit(self, X, y):
            raise AssertionError("trained")

    with pytest.raises(
        ValueError, match="`top_k` must be None, or less than the number of classes"
    ):
        cross_validated_report(NeverTrained(), X, CODES, top_k=3)


# --- several labels per row -----------------------------------------------------------------------

X_LABELS, Y_LABELS = make_multilabel_classification(60, 5, n_classes=3, random_state=0)


@pytest.mark.parametrize("cv", [None, 3, KFold(4)])
@pytest.mark.parametrize("kind", [np.asarray, pd.DataFrame, np.ndarray.tolist])
def test_the_report_on_labels_matches_a_loop_over_the_folds(cv, kind):
    splitter = cv if isinstance(cv, KFold) else MultilabelStratifiedKFold(cv or 5)
    predicted, proba = np.empty_like(Y_LABELS), np.empty(Y_LABELS.shape)
    weight = np.random.default_rng(0).uniform(0.1, 2, 60)
    for train, test in splitter.split(X_LABELS, Y_LABELS):
        tree = clone(TREE).fit(X_LABELS[train], Y_LABELS[train], weight[train])
        predicted[test] = tree.predict(X_LABELS[test])
        proba[test] = np.transpose(tree.predict_proba(X_LABELS[test]))[1]
    result = cross_validated_report(TREE, X_LABELS, kind(Y_LABELS), cv=cv, sample_weight=weight)
    expected = MultilabelReport.from_predictions(Y_LABELS, predicted, proba, sample_weight=weight)
    assert json.dumps(result.report.to_dict()) == json.dumps(expected.to_dict())
    assert result.spread["macro_recall"]["mean"] == pytest.approx(
        np.mean([fold.averages["macro"]["recall"] for fold in result.folds])
    )
    assert "60 rows of 3 labels, predicted in" in str(result)
    assert "n_labels=3" in repr(result)


def test_labels_may_be_sparse_and_predicted_sparsely():
    results = [
        cross_validated_report(OneVsRestClassifier(GaussianNB()), X_LABELS, y, cv=2, n_jobs=1)
        for y in (Y_LABELS, sparse.coo_matrix(Y_LABELS))
    ]
    assert json.dumps(results[0].to_dict()) == json.dumps(results[1].to_dict())


def test_repeated_predictions_of_labels_share_the_weight_of_the_row():
    folds = list(KFold(3).split(X_LABELS)) * 2
    repeated = cross_validated_report(TREE, X_LABELS, Y_LABELS, cv=folds).report
    once = cross_validated_report(TREE, X_LABELS, Y_LABELS, cv=folds[:3]).report
    assert repeated.overall == pytest.approx(once.overall)


@pytest.mark.parametrize("one_hot", [True, False])
def test_a_classifier_only_for_labels_is_never_evaluated_on_classes(one_hot):
    y = np.eye(3, dtype=int)[np.arange(60) % 3] if one_hot else Y_LABELS
    network = KerasMultilabelClassifier(
        "mlp", backbone__hidden_units=(4,), epochs=1, threshold=0.4, random_state=0
    )
    pipeline = make_pipeline(StandardScaler(), network)
    result = cross_validated_report(pipeline, X_LABELS, y, cv=2)
    assert isinstance(result.report, MultilabelReport)
    assert "threshold" not in result.report.per_class
    assert result.folds[0].per_class["threshold"].tolist() == [0.4] * 3
    classes = cross_validated_report(TREE, X_LABELS, (np.arange(60) % 3), cv=2)
    assert isinstance(classes.report, ClassificationReport)


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (Y_LABELS, {"top_k": 2}, "`top_k` must be None for a multi-label target"),
        (Y_LABELS[:50], {}, "inconsistent numbers of samples"),
        (Y_LABELS, {"cv": 1}, "n_splits must be an integer of at least 2"),
    ],
)
def test_invalid_arguments_for_labels_are_rejected(y, options, message):
    with pytest.raises(ValueError, match=message):
        cross_validated_report(TREE, X_LABELS, y, **options)
