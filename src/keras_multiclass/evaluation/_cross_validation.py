"""Classification report by cross-validation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import check_cv
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import has_fit_parameter

from keras_multiclass._data.foreign_frames import to_frame
from keras_multiclass._data.inputs import as_inputs
from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._data.labels.indicator import parse_indicator
from keras_multiclass._data.streams.stream import is_stream
from keras_multiclass._data.weights import check_sample_weight
from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass.evaluation._checks import is_integer
from keras_multiclass.evaluation._layout import (
    CLASSES,
    LABELS,
    Terms,
    measure_title,
    report_tables,
    report_title,
)
from keras_multiclass.evaluation._multilabel_predictions import (
    MultilabelPredictions,
    is_multilabel,
)
from keras_multiclass.evaluation._multilabel_report import (
    MultilabelReport,
    build_multilabel_report,
)
from keras_multiclass.evaluation._multilabel_splitter import MultilabelStratifiedKFold
from keras_multiclass.evaluation._predictions import (
    Predictions,
    check_classifier,
    check_lengths,
    fitted_classes,
    read_labels,
    row_count,
)
from keras_multiclass.evaluation._report import (
    ClassificationReport,
    ReportOptions,
    build_report,
    import_pandas,
)
from keras_multiclass.evaluation._rows import check_none_beside_stream, evaluate
from keras_multiclass.evaluation._stream_folds import NumberedRows
from keras_multiclass.evaluation._tables import Table, to_html, to_text


@dataclass(frozen=True, eq=False, repr=False)
class CrossValidatedReport:
    """Out-of-fold report of a classifier, with one report per fold.

    Created by `cross_validated_report`.

    Attributes
    ----------
    report : ClassificationReport or MultilabelReport
        Report on all rows, each predicted by a classifier that was not fitted on it.
    folds : list of ClassificationReport or of MultilabelReport
        One report on the test rows of each fold, over the same classes.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from keras_multiclass.evaluation import cross_validated_report
    >>> X, y = load_wine(return_X_y=True)
    >>> cross_validated_report(DecisionTreeClassifier(random_state=0), X, y)
    CrossValidatedReport(n_samples=178, n_classes=3, n_folds=5, accuracy=0.888 ± 0.040)
    """

    report: ClassificationReport | MultilabelReport
    folds: list[ClassificationReport | MultilabelReport]

    @property
    def spread(self) -> dict[str, dict[str, float]]:
        """Mean and standard deviation over the folds.

        Returns
        -------
        dict of str to dict of str to float
            ``mean`` and ``std`` of each overall score and each macro average (``macro_f1``, ...)
            over the folds for which it is defined; ``std`` divides by the number of folds, as in
            ``cv_results_`` of scikit-learn's searches.
        """
        scores = [_summarize(fold) for fold in self.folds]
        return {name: _mean_and_std([fold[name] for fold in scores]) for name in scores[0]}

    def to_frame(self) -> Any:
        """Return the scores of the folds as a pandas data frame.

        ``report.to_frame()`` returns those of the classes.

        Returns
        -------
        pandas.DataFrame
            One row per fold, one column per score of `spread`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pd = import_pandas()
        index = pd.RangeIndex(len(self.folds), name="fold")
        return pd.DataFrame([_summarize(fold) for fold in self.folds], index=index)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dict of plain Python values, for JSON or a log.

        Returns
        -------
        dict
            ``report`` and ``folds`` (see `ClassificationReport.to_dict`), and ``spread``.
        """
        return {
            "report": self.report.to_dict(),
            "folds": [fold.to_dict() for fold in self.folds],
            "spread": self.spread,
        }

    def __repr__(self) -> str:
        terms = self._terms
        score = "macro_f1" if terms is LABELS else "accuracy"
        spread = self.spread[score]
        return (
            f"CrossValidatedReport(n_samples={self.report.n_samples}, "
            f"n_{terms.several}={len(self.report.classes)}, n_folds={len(self.folds)}, "
            f"{score}={spread['mean']:.3f} ± {spread['std']:.3f})"
        )

    def __str__(self) -> str:
        return to_text(self._title(), self._tables())

    def _repr_html_(self) -> str:
        return to_html(self._title(), self._tables())

    @property
    def _terms(self) -> Terms:
        return LABELS if isinstance(self.report, MultilabelReport) else CLASSES

    def _title(self) -> str:
        return f"{report_title(self.report, self._terms)}, predicted in {len(self.folds)} folds"

    def _tables(self) -> list[Table]:
        """Return the tables of the report, with the spread over folds next to overall scores."""
        classes, _, *pairs = report_tables(self.report, self._terms)
        values, spread = _summarize(self.report), self.spread
        rows = [
            (
                measure_title(name, getattr(self.report, "top_k", None)),
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
    y: Any = None,
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
    """Evaluate a classifier by cross-validation, class by class.

    For each fold, a clone of the estimator is fitted on the other folds and predicts the rows of
    the fold.

    Parameters
    ----------
    estimator : classifier
        Any scikit-learn classifier, fitted or not; it is not modified.
    X : array-like, data frame, sparse matrix, dict of inputs, or stream
        Features, of shape (n_samples, ...). Or a stream of batches ``(X, y)`` or
        ``(X, y, sample_weight)`` that is the same in each pass, for a classifier of this package.
        Folds are then rows of its batches; only labels and weights are in memory. Frames of Arrow
        and other libraries are read as frames of pandas or polars, in memory.
    y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
        Labels in any format that the estimator supports. A matrix of zeros and ones is a
        multi-label target if rows have no or several ones, or if the estimator is only for such
        targets, as `KerasMultilabelClassifier`.
    cv : int, cross-validation generator or iterable, default=None
        As in scikit-learn's ``cross_validate``: 5 stratified folds by default, for multi-label
        targets those of `MultilabelStratifiedKFold`. If a row is predicted several times
        (``RepeatedStratifiedKFold``), its weight is divided equally among these predictions. Rows
        that are never predicted (``TimeSeriesSplit``) are omitted.
    groups : array-like of shape (n_samples,), default=None
        Groups of rows, for splitters that keep groups together. A classifier whose
        `validation_split` uses them also needs ``params={"groups": groups}``.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights, used in the scores and, if `fit` of the estimator has this parameter, in
        training. That of a pipeline does not: also pass the weights to a step as
        ``params={"<step>__sample_weight": ...}`` to train with them.
    params : dict, default=None
        Further parameters of `fit`; those with one entry per row are split like `X`.
    n_jobs : int, default=None
        Number of folds to run in parallel, as in scikit-learn.
    top_k : int, default=None
        See `ClassificationReport.from_estimator`; not for multi-label targets.
    zero_division : {0.0, 1.0, nan}, default=0.0
        See `ClassificationReport.from_estimator`.
    n_bins : int, default=15
        See `ClassificationReport.from_estimator`; ignored for multi-label targets.

    Returns
    -------
    CrossValidatedReport
        The report on all rows, and one per fold.

    Raises
    ------
    TypeError
        If `estimator` is not a classifier.
    ValueError
        If an argument is invalid.

    Notes
    -----
    The classes are those of all of `y`. A class absent from the training rows of a fold has
    probability 0 there.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from keras_multiclass.evaluation import cross_validated_report
    >>> X, y = load_wine(return_X_y=True)
    >>> result = cross_validated_report(DecisionTreeClassifier(random_state=0), X, y, cv=3)
    >>> result.report.n_samples, len(result.folds)
    (178, 3)
    >>> sorted(result.spread["macro_f1"])
    ['mean', 'std']
    """
    options = ReportOptions(top_k, zero_division, n_bins)
    check_classifier(estimator)
    if is_stream(X):
        _check_stream(estimator, n_jobs, y=y, sample_weight=sample_weight)
        X = NumberedRows(X)
        y, sample_weight = X.y, X.sample_weight
    else:
        X = to_frame(X)
    classes, true = _read_target(estimator, y, options)
    if isinstance(X, Mapping):
        X = as_inputs(X) or X
    by_row = {"X": X, **({} if groups is None else {"groups": groups})}
    check_lengths({**{name: row_count(v) for name, v in by_row.items()}, "y": len(true)})
    if params is not None and not isinstance(params, Mapping):
        raise ValueError(
            invalid("`params`", "None or a dict of parameters for `fit`", describe(params))
        )
    weights = check_sample_weight(sample_weight, len(true), np.float64)
    splits = _split(cv, X, true, groups, weights)
    # Other sparse formats do not support selecting rows.
    X, y = (table.tocsr() if sparse.issparse(table) else table for table in (X, y))
    fit_params = dict(params or {})
    if isinstance(X, NumberedRows):  # which has the weights, and yields rows in their order
        splits = [(train, np.sort(test)) for train, test in splits]
    elif weights is not None and has_fit_parameter(estimator, "sample_weight"):
        fit_params.setdefault("sample_weight", weights)
    folds = Parallel(n_jobs=n_jobs)(
        delayed(_fit_and_predict)(
            clone(estimator), X, y, train, test, fit_params, weights, classes, true
        )
        for train, test in splits
    )
    merged = _merge(folds, np.concatenate([test for _, test in splits]))
    return CrossValidatedReport(
        _report_on(merged, options), [_report_on(fold, options) for fold in folds]
    )


def _check_stream(estimator: Any, n_jobs: int | None, **given: Any) -> None:
    if not getattr(estimator, "_reads_streams", False):
        raise TypeError(
            invalid(
                "`estimator`",
                "KerasMulticlassClassifier or KerasMultilabelClassifier when X is a stream",
                describe(estimator),
                "Pass arrays.",
            )
        )
    if n_jobs not in (None, 1):
        raise ValueError(
            invalid("`n_jobs`", "None or 1 when X is a stream", describe(n_jobs), "Set it to None.")
        )
    check_none_beside_stream(**given)


def _read_target(
    estimator: Any, y: Any, options: ReportOptions
) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the classes (None for a multi-label target) and the class of each row, or its labels.

    Options that do not suit them raise an error before training.
    """
    if is_multilabel(estimator, y):
        if options.top_k is not None:
            allowed = "None for a multi-label target"
            raise ValueError(invalid("`top_k`", allowed, describe(options.top_k)))
        return None, parse_indicator(y, "y").values
    classes, true = read_labels(y)
    options.top_k_for(len(classes))
    return classes, true


def _report_on(
    predictions: Predictions, options: ReportOptions
) -> ClassificationReport | MultilabelReport:
    if isinstance(predictions, MultilabelPredictions):
        return build_multilabel_report(predictions, options.zero_division)
    return build_report(predictions, options)


def _split(
    cv: Any, X: Any, true: np.ndarray, groups: Any, weights: np.ndarray | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the indices of training and test rows of each fold."""
    indices = np.arange(len(true))
    if true.ndim == 2 and (cv is None or is_integer(cv)):
        cv = MultilabelStratifiedKFold(5 if cv is None else cv)
    splitter = check_cv(cv, true, classifier=True)
    X = indices[:, np.newaxis] if isinstance(X, NumberedRows) else X
    # Splitters may yield masks.
    splits = [(indices[train], indices[test]) for train, test in splitter.split(X, true, groups)]
    if not splits:
        raise ValueError(invalid("`cv`", "folds of training and test rows", "no fold"))
    for fold, (_, test) in enumerate(splits):
        if weights is not None and not weights[test].any():
            raise ValueError(
                invalid(
                    "sample_weight",
                    "above 0 for at least one row of each fold",
                    f"weights of zero for all {len(test)} rows of fold {fold}",
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
    weights: np.ndarray | None,
    classes: np.ndarray | None,
    true: np.ndarray,
) -> Predictions:
    """Fit on the training rows and predict the test rows."""
    n_samples = row_count(X)
    params = {
        name: _take_rows(value, train) if _is_by_row(value, n_samples) else value
        for name, value in fit_params.items()
    }
    weight = None if weights is None else weights[test]
    if isinstance(X, NumberedRows):
        estimator.fit(X.take(train), **params)
        rows = evaluate(estimator, X.take(test), None, None)
    else:
        estimator.fit(_take_rows(X, train), _take_rows(y, train), **params)
        rows = evaluate(estimator, _take_rows(X, test), _take_rows(y, test), weight)
    if classes is None:
        return MultilabelPredictions.of_estimator(estimator, rows)
    return Predictions.from_predictions(
        classes[true[test]],
        rows.predicted,
        _of_all_classes(fitted_classes(estimator), rows.probabilities, classes),
        labels=classes,
        sample_weight=weight,
    )


def _of_all_classes(known: np.ndarray, probabilities: Any, classes: np.ndarray) -> Any:
    """Return the probabilities of all classes, 0 for those absent in training; None if none."""
    if probabilities is None:
        return None
    of_all = np.zeros((row_count(probabilities), len(classes)))
    of_all[:, LabelCodec(classes).encode(known, "classes_")] = probabilities
    return of_all


def _take_rows(values: Any, indices: np.ndarray) -> Any:
    """Select rows of a list, an array or a table."""
    if hasattr(values, "iloc"):
        return values.iloc[indices]
    if hasattr(values, "shape"):
        return values[indices]
    return [values[i] for i in indices]


def _is_by_row(value: Any, n_samples: int) -> bool:
    is_array = hasattr(value, "shape") or isinstance(value, (list, tuple))
    return is_array and row_count(value) == n_samples


def _merge(folds: list[Predictions], rows: np.ndarray) -> Predictions:
    """Merge the folds in the order of their rows, dividing the weight of repeated rows."""
    order = np.argsort(rows, kind="stable")

    def merged(arrays: Iterable[Any]) -> np.ndarray:
        return np.concatenate(list(arrays))[order]

    first = folds[0]
    weights = probabilities = None
    repeats = np.bincount(rows)[rows]
    if first.sample_weight is not None or repeats.max() > 1:
        each = [np.ones(len(f.true)) if f.sample_weight is None else f.sample_weight for f in folds]
        weights = merged(each) / repeats[order]
    if first.probabilities is not None:
        probabilities = merged(fold.probabilities for fold in folds)
    if isinstance(first, MultilabelPredictions):
        first = replace(first, thresholds=None)  # those of folds may differ
    return replace(
        first,
        true=merged(fold.true for fold in folds),
        predicted=merged(fold.predicted for fold in folds),
        probabilities=probabilities,
        sample_weight=weights,
    )


def _summarize(report: ClassificationReport | MultilabelReport) -> dict[str, float]:
    """Return the overall scores and macro averages."""
    macro = {f"macro_{name}": score for name, score in report.averages["macro"].items()}
    if "balanced_accuracy" in report.overall:  # the same
        del macro["macro_recall"]
    return {**report.overall, **macro}


def _mean_and_std(scores: list[float]) -> dict[str, float]:
    defined = [score for score in scores if not np.isnan(score)]
    if not defined:
        return {"mean": np.nan, "std": np.nan}
    return {"mean": float(np.mean(defined)), "std": float(np.std(defined))}
