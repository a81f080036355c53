"""A report on rows that the classifier has not seen, by cross-validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import check_cv
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import has_fit_parameter

from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._data.weights import check_sample_weight
from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass.evaluation._layout import measure_title, report_tables, report_title
from keras_multiclass.evaluation._predictions import (
    Predictions,
    check_classifier,
    check_lengths,
    fitted_classes,
    predict_proba_of,
    read_labels,
    row_count,
)
from keras_multiclass.evaluation._report import (
    ClassificationReport,
    ReportOptions,
    build_report,
    import_pandas,
)
from keras_multiclass.evaluation._tables import Table, to_html, to_text


@dataclass(frozen=True, eq=False, repr=False)
class CrossValidatedReport:
    """How well a kind of classifier does on rows that it was not fitted on.

    Made by `cross_validated_report`.

    Attributes
    ----------
    report : ClassificationReport
        Over the predictions for all rows, each by a classifier that was not fitted on the row.
    folds : list of ClassificationReport
        One for the held-out rows of each fold, over the same classes.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from keras_multiclass.evaluation import cross_validated_report
    >>> X, y = load_wine(return_X_y=True)
    >>> found = cross_validated_report(DecisionTreeClassifier(random_state=0), X, y)
    >>> found
    CrossValidatedReport(n_samples=178, n_classes=3, n_folds=5, accuracy=0.888 ± 0.040)
    """

    report: ClassificationReport
    folds: list[ClassificationReport]

    @property
    def spread(self) -> dict[str, dict[str, float]]:
        """Mean and standard deviation over the folds.

        Returns
        -------
        dict of str to dict of str to float
            For each overall measure and each macro average (``macro_f1``, ...) its ``mean`` and
            ``std`` over the folds for which it is defined; as in ``cv_results_`` of
            scikit-learn's searches, ``std`` divides by the number of folds.
        """
        scores = [_summary(fold) for fold in self.folds]
        return {name: _spread([fold[name] for fold in scores]) for name in scores[0]}

    def to_frame(self) -> Any:
        """Make a pandas data frame of the scores of the folds.

        That of the classes is ``report.to_frame()``.

        Returns
        -------
        pandas.DataFrame
            One row for each fold, one column for each measure of `spread`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pd = import_pandas()
        index = pd.RangeIndex(len(self.folds), name="fold")
        return pd.DataFrame([_summary(fold) for fold in self.folds], index=index)

    def to_dict(self) -> dict[str, Any]:
        """Make a dict of plain Python values, for JSON or a log.

        Returns
        -------
        dict
            ``report``, ``folds`` (as `ClassificationReport.to_dict` gives them) and ``spread``.
        """
        return {
            "report": self.report.to_dict(),
            "folds": [fold.to_dict() for fold in self.folds],
            "spread": self.spread,
        }

    def __repr__(self) -> str:
        accuracy = self.spread["accuracy"]
        return (
            f"CrossValidatedReport(n_samples={self.report.n_samples}, "
            f"n_classes={len(self.report.classes)}, n_folds={len(self.folds)}, "
            f"accuracy={accuracy['mean']:.3f} ± {accuracy['std']:.3f})"
        )

    def __str__(self) -> str:
        return to_text(self._title(), self._tables())

    def _repr_html_(self) -> str:
        return to_html(self._title(), self._tables())

    def _title(self) -> str:
        return f"{report_title(self.report)}, predicted in {len(self.folds)} folds"

    def _tables(self) -> list[Table]:
        """Give the tables of the report, that of all rows with the spread beside the values."""
        classes, _, *pairs = report_tables(self.report)
        values, spread = _summary(self.report), self.spread
        rows = [
            (
                measure_title(name, self.report.top_k),
                value,
                spread[name]["mean"],
                spread[name]["std"],
            )
            for name, value in values.items()
        ]
        columns = ("measure", "all rows", "mean of folds", "deviation")
        return [classes, Table(columns, list(rows)), *pairs]


def cross_validated_report(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    cv: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    params: Mapping[str, Any] | None = None,
    n_jobs: int | None = None,
    top_k: int | None = None,
    zero_division: float = 0.0,
    n_bins: int = 15,
) -> CrossValidatedReport:
    """Judge a classifier by cross-validation, class by class.

    For each fold a clone of the estimator is fitted on the other folds and predicts the rows of
    the fold.

    Parameters
    ----------
    estimator : classifier
        Any scikit-learn classifier, fitted or not; it is left as it is.
    X : array-like, data frame or sparse matrix of shape (n_samples, ...)
        Features.
    y : array-like of shape (n_samples,) or (n_samples, n_classes)
        Labels in any format that the estimator takes.
    cv : int, cross-validation generator or iterable, default=None
        As in scikit-learn's ``cross_validate``: 5 stratified folds by default. If it predicts a
        row several times (``RepeatedStratifiedKFold``), each of these predictions counts, with an
        equal part of the weight of the row. Rows that it never predicts (``TimeSeriesSplit``) are
        left out.
    groups : array-like of shape (n_samples,), default=None
        Groups of rows, for splitters that keep groups together.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows, in the scores and, if `fit` of the estimator has this parameter, in
        training. A pipeline's does not: pass weights for training of one of its steps as
        ``params={"<step>__sample_weight": ...}`` too.
    params : dict, default=None
        More parameters for `fit`; of those with one entry for each row, the rows are selected.
    n_jobs : int, default=None
        How many folds run side by side, as in scikit-learn.
    top_k : int, default=None
        As in `ClassificationReport.from_estimator`.
    zero_division : {0.0, 1.0, nan}, default=0.0
        As in `ClassificationReport.from_estimator`.
    n_bins : int, default=15
        As in `ClassificationReport.from_estimator`.

    Returns
    -------
    CrossValidatedReport
        The report over all rows, and one for each fold.

    Raises
    ------
    TypeError
        If `estimator` is no classifier.
    ValueError
        If an argument cannot be used.

    Notes
    -----
    A classifier that was fitted without a class gives it the probability 0. The classes are those
    of all of `y`.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from keras_multiclass.evaluation import cross_validated_report
    >>> X, y = load_wine(return_X_y=True)
    >>> found = cross_validated_report(DecisionTreeClassifier(random_state=0), X, y, cv=3)
    >>> found.report.n_samples, len(found.folds)
    (178, 3)
    >>> sorted(found.spread["macro_f1"])
    ['mean', 'std']
    """
    options = ReportOptions(top_k, zero_division, n_bins)
    check_classifier(estimator)
    classes, true = read_labels(y)
    options.top_k_for(len(classes))  # now, not after the training
    by_row = {"X": X, **({} if groups is None else {"groups": groups})}
    check_lengths({**{name: row_count(v) for name, v in by_row.items()}, "y": len(true)})
    if params is not None and not isinstance(params, Mapping):
        raise ValueError(
            invalid("`params`", "None or a dict of parameters for `fit`", describe(params))
        )
    weights = check_sample_weight(sample_weight, len(true), np.float64)
    splits = _split(cv, X, true, groups, weights)
    # Sparse matrices of other formats have no rows to select.
    X, y = (table.tocsr() if sparse.issparse(table) else table for table in (X, y))
    fit_params = dict(params or {})
    if weights is not None and has_fit_parameter(estimator, "sample_weight"):
        fit_params.setdefault("sample_weight", weights)
    answers = Parallel(n_jobs=n_jobs)(
        delayed(_fit_and_predict)(clone(estimator), X, y, train, test, fit_params, classes)
        for train, test in splits
    )
    tests = [test for _, test in splits]
    folds = [
        Predictions.from_predictions(
            classes[true[test]],
            *answer,
            labels=classes,
            sample_weight=None if weights is None else weights[test],
        )
        for test, answer in zip(tests, answers, strict=True)
    ]
    return CrossValidatedReport(
        build_report(_together(folds, np.concatenate(tests)), options),
        [build_report(fold, options) for fold in folds],
    )


def _split(
    cv: Any, X: Any, true: np.ndarray, groups: Any, weights: np.ndarray | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Find the rows to train on and to predict, fold by fold."""
    every = np.arange(len(true))
    splitter = check_cv(cv, true, classifier=True)
    # A splitter may hand out masks.
    splits = [(every[train], every[test]) for train, test in splitter.split(X, true, groups)]
    if not splits:
        raise ValueError(invalid("`cv`", "folds of rows to train on and to predict", "no fold"))
    for number, (_, test) in enumerate(splits):
        if weights is not None and not weights[test].any():
            raise ValueError(
                invalid(
                    "sample_weight",
                    "above 0 for at least one row of each fold",
                    f"weights of zero for all {len(test)} rows of fold {number}",
                    "Drop the rows of weight zero.",
                )
            )
    return splits


def _fit_and_predict(
    estimator: Any,
    X: Any,
    y: Any,
    train: np.ndarray,
    test: np.ndarray,
    fit_params: dict[str, Any],
    classes: np.ndarray,
) -> tuple[Any, np.ndarray | None]:
    """Fit on some rows; predict labels, and probabilities of all classes, of others."""
    n_samples = row_count(X)
    chosen = {
        name: _rows(value, train) if _is_by_row(value, n_samples) else value
        for name, value in fit_params.items()
    }
    estimator.fit(_rows(X, train), _rows(y, train), **chosen)
    held_out = _rows(X, test)
    known = fitted_classes(estimator)
    probabilities = predict_proba_of(estimator, held_out)
    if probabilities is not None:
        columns = LabelCodec(classes).encode(known, "classes_")
        spread_out = np.zeros((len(test), len(classes)))
        spread_out[:, columns] = probabilities
        probabilities = spread_out
    return estimator.predict(held_out), probabilities


def _rows(values: Any, numbers: np.ndarray) -> Any:
    """Select rows of a list, an array or a table."""
    if hasattr(values, "iloc"):
        return values.iloc[numbers]
    if hasattr(values, "shape"):
        return values[numbers]
    return [values[number] for number in numbers]


def _is_by_row(value: Any, n_samples: int) -> bool:
    is_array = hasattr(value, "shape") or isinstance(value, (list, tuple))
    return is_array and row_count(value) == n_samples


def _together(folds: list[Predictions], rows: np.ndarray) -> Predictions:
    """Put the folds together, in the order of the rows; each row with its weight in all."""
    order = np.argsort(rows, kind="stable")
    first = folds[0]
    weights = None
    times = np.bincount(rows)[rows]
    if first.sample_weight is not None or times.max() > 1:
        each = [np.ones(len(f.true)) if f.sample_weight is None else f.sample_weight for f in folds]
        weights = (np.concatenate(each) / times)[order]
    has_probabilities = first.probabilities is not None
    return Predictions(
        first.classes,
        np.concatenate([fold.true for fold in folds])[order],
        np.concatenate([fold.predicted for fold in folds])[order],
        np.concatenate([fold.probabilities for fold in folds])[order]
        if has_probabilities
        else None,
        weights,
    )


def _summary(report: ClassificationReport) -> dict[str, float]:
    """Give the overall measures and the macro averages; macro recall is the balanced accuracy."""
    macro = {f"macro_{name}": score for name, score in report.averages["macro"].items()}
    del macro["macro_recall"]
    return {**report.overall, **macro}


def _spread(scores: list[float]) -> dict[str, float]:
    known = [score for score in scores if not np.isnan(score)]
    if not known:
        return {"mean": np.nan, "std": np.nan}
    return {"mean": float(np.mean(known)), "std": float(np.std(known))}
