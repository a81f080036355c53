"""Report of a multi-label classifier: scores of each label, averages and overall scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_multiclass.evaluation._layout import LABELS, report_tables, report_title
from keras_multiclass.evaluation._multilabel_predictions import MultilabelPredictions
from keras_multiclass.evaluation._multilabel_scores import (
    average_label_scores,
    confusion_of_labels,
    score_label_sets,
)
from keras_multiclass.evaluation._report import (
    ConfusedPair,
    check_zero_division,
    confused_pairs,
    plain_values,
    to_frame_by_class,
)
from keras_multiclass.evaluation._scores import score_classes
from keras_multiclass.evaluation._tables import to_html, to_text


@dataclass(frozen=True, eq=False, repr=False)
class MultilabelReport:
    """Scores of a multi-label classifier: of each label, averaged, and over all rows.

    Create one with `from_estimator` or `from_predictions`, for any scikit-learn classifier.
    ``print`` shows it as text, a notebook as tables.

    Undefined scores are NaN, shown as ``-``, without a warning: recall, ROC AUC and average
    precision of a label that no row has; the ROC AUC of a label that every row has; precision and
    F1 of a label that no row has and that is never predicted. Averages skip them, as scikit-learn
    does with ``zero_division=nan``. The precision of a label that rows have but that is never
    predicted is `zero_division`. Rows of weight zero are ignored.

    Attributes
    ----------
    classes : ndarray of shape (n_labels,)
        The labels, in the order of all arrays below.
    n_samples : int
        Number of rows, not counting those of weight zero.
    per_class : dict of str to ndarray of shape (n_labels,)
        ``precision``, ``recall``, ``f1`` and ``support`` of each label; with probabilities also
        ``roc_auc`` and ``average_precision``; and ``threshold`` if the thresholds are known.
    averages : dict of str to dict of str to float
        The same scores (without support and threshold) averaged: ``macro`` over labels,
        ``weighted`` by their support, and ``micro`` over all pairs of a row and a label;
        ``precision``, ``recall`` and ``f1`` also over ``samples``: the mean over rows.
    overall : dict of str to float
        ``subset_accuracy``, the fraction of rows whose labels are all predicted correctly;
        ``hamming_loss``, the fraction of wrong pairs of a row and a label; and, with
        probabilities, ``log_loss``, ``label_ranking_average_precision``, ``ranking_loss`` and
        ``coverage_error``.
    confusion_matrix : ndarray of shape (n_labels, n_labels)
        Number of rows, or the sum of their weights, that lack a label in the prediction (first
        axis) and have another in its place. The diagonal counts the rows whose label is predicted.

    See Also
    --------
    ClassificationReport : For classes that exclude each other.
    MultilabelStratifiedKFold : Cross-validation for rows with several labels.

    Notes
    -----
    All scores are scikit-learn's. The log loss is the mean of the labels' binary log losses. If
    each row has and is given exactly one label, the confusion matrix is that of
    `ClassificationReport`.

    Examples
    --------
    >>> from keras_multiclass.evaluation import MultilabelReport
    >>> report = MultilabelReport.from_predictions(
    ...     [[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1]],
    ...     [[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 1]],
    ...     labels=["leaf", "bark", "cone"],
    ... )
    >>> print(report)
    4 rows of 3 labels
    <BLANKLINE>
    label     precision  recall     F1  support
    leaf          1.000   1.000  1.000        2
    bark          1.000   0.500  0.667        2
    cone          0.500   0.500  0.500        2
    <BLANKLINE>
    macro         0.833   0.667  0.722
    weighted      0.833   0.667  0.722
    micro         0.800   0.667  0.727
    samples       0.875   0.750  0.792
    <BLANKLINE>
    measure          value
    subset accuracy  0.500
    Hamming loss     0.250
    <BLANKLINE>
    missed  added instead  rows  share of label
    bark    cone              1           0.500
    """

    classes: np.ndarray
    n_samples: int
    per_class: dict[str, np.ndarray]
    averages: dict[str, dict[str, float]]
    overall: dict[str, float]
    confusion_matrix: np.ndarray

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        sample_weight: Any = None,
        zero_division: float = 0.0,
    ) -> MultilabelReport:
        """Evaluate a fitted multi-label classifier, preferably on rows not used for training.

        Parameters
        ----------
        estimator : classifier
            Any fitted multi-label classifier; ``predict_proba`` is used if available, whether it
            returns a matrix or a list with an array for each label, and ``thresholds_`` are shown.
        X : array-like of shape (n_samples, ...), or stream
            Features. Or a stream of batches ``(X, y)`` or
            ``(X, y, sample_weight)``, as `fit` of this package reads, instead of the next two.
            It is read once.
        y : array-like, sparse matrix or data frame of shape (n_samples, n_labels), default=None
            1 where a row has a label, else 0. The columns of a data frame name the labels, and are
            matched by name if the classifier knows the names.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        zero_division : {0.0, 1.0, nan}, default=0.0
            Precision of a label that rows have but that is never predicted.

        Returns
        -------
        MultilabelReport
            The report.

        Raises
        ------
        TypeError
            If `estimator` is not a classifier.
        NotFittedError
            If it is not fitted.
        ValueError
            If it does not predict several labels, or an argument is invalid.

        Examples
        --------
        >>> from sklearn.datasets import make_multilabel_classification
        >>> from sklearn.ensemble import RandomForestClassifier
        >>> from keras_multiclass.evaluation import MultilabelReport
        >>> X, y = make_multilabel_classification(n_classes=3, random_state=0)
        >>> forest = RandomForestClassifier(10, random_state=0).fit(X[::2], y[::2])
        >>> report = MultilabelReport.from_estimator(forest, X[1::2], y[1::2])
        >>> report
        MultilabelReport(n_samples=50, n_labels=3, macro_f1=0.787)
        """
        check_zero_division(zero_division)
        predictions = MultilabelPredictions.from_estimator(
            estimator, X, y, sample_weight=sample_weight
        )
        return build_multilabel_report(predictions, zero_division)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any = None,
        y_proba: Any = None,
        *,
        labels: Any = None,
        thresholds: Any = None,
        sample_weight: Any = None,
        zero_division: float = 0.0,
    ) -> MultilabelReport:
        """Evaluate predictions from any source.

        Parameters
        ----------
        y_true : array-like, sparse matrix or data frame of shape (n_samples, n_labels)
            1 where a row has a label, else 0.
        y_pred : array-like of shape (n_samples, n_labels), default=None
            Predicted labels, in any of these formats; by default those whose probabilities exceed
            `thresholds`.
        y_proba : array-like of shape (n_samples, n_labels), or list of arrays, default=None
            Probability of each label; or, as some classifiers predict them, a list with an array
            of shape (n_samples, 2) for each label. Without them, the scores that need them are
            omitted. Columns of data frames that are named after the labels are matched by name.
        labels : array-like of shape (n_labels,), default=None
            Names of the columns. By default those of a data frame, or their numbers.
        thresholds : float, array-like of shape (n_labels,) or dict, default=None
            Thresholds of the probabilities, used if `y_pred` is None, and shown. The default is
            then 0.5. Those of a dict, or of a pandas Series with an index of labels, are matched
            by label.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        zero_division : {0.0, 1.0, nan}, default=0.0
            See `from_estimator`.

        Returns
        -------
        MultilabelReport
            The report.

        Raises
        ------
        ValueError
            If an argument is invalid, or the arrays are inconsistent.

        Examples
        --------
        >>> from keras_multiclass.evaluation import MultilabelReport
        >>> report = MultilabelReport.from_predictions(
        ...     [[1, 0], [1, 1], [0, 1]],
        ...     y_proba=[[0.9, 0.2], [0.4, 0.7], [0.3, 0.6]],
        ...     thresholds=[0.35, 0.5],
        ... )
        >>> report.overall["subset_accuracy"]
        1.0
        """
        check_zero_division(zero_division)
        predictions = MultilabelPredictions.from_predictions(
            y_true,
            y_pred,
            y_proba,
            labels=labels,
            thresholds=thresholds,
            sample_weight=sample_weight,
        )
        return build_multilabel_report(predictions, zero_division)

    def confused_pairs(self, n: int | None = 5) -> list[ConfusedPair]:
        """Return the pairs of labels of which one is predicted instead of the other.

        Parameters
        ----------
        n : int, default=5
            Maximum number of pairs; None for all.

        Returns
        -------
        list of ConfusedPair
            Named tuples ``(true, predicted, n_samples, share)``, most frequent first: the missed
            label, the label added in the same row, number of rows (or the sum of their weights),
            and the same as a fraction of all rows that have the missed label. Pairs that do not
            occur are omitted.

        Examples
        --------
        >>> from keras_multiclass.evaluation import MultilabelReport
        >>> report = MultilabelReport.from_predictions([[1, 0], [1, 1]], [[0, 1], [1, 1]])
        >>> report.confused_pairs()
        [ConfusedPair(true=0, predicted=1, n_samples=1, share=0.5)]
        """
        return confused_pairs(self, n)

    def to_frame(self) -> Any:
        """Return the scores of the labels as a pandas data frame.

        Returns
        -------
        pandas.DataFrame
            One row per label, one column per entry of `per_class`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return to_frame_by_class(self.per_class, self.classes, "label")

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dict of plain Python values, for JSON or a log.

        Returns
        -------
        dict
            ``classes``, ``n_samples``, ``per_class`` (lists in the order of ``classes``),
            ``averages``, ``overall`` and ``confusion_matrix``.
        """
        return plain_values(self)

    def __repr__(self) -> str:
        return (
            f"MultilabelReport(n_samples={self.n_samples}, n_labels={len(self.classes)}, "
            f"macro_f1={self.averages['macro']['f1']:.3f})"
        )

    def __str__(self) -> str:
        return to_text(report_title(self, LABELS), report_tables(self, LABELS))

    def _repr_html_(self) -> str:
        return to_html(report_title(self, LABELS), report_tables(self, LABELS))


def build_multilabel_report(
    predictions: MultilabelPredictions, zero_division: float
) -> MultilabelReport:
    """Compute all scores.

    Parameters
    ----------
    predictions : MultilabelPredictions
        Predictions and labels of the rows.
    zero_division : float
        Precision where there are labels but none is predicted.
    """
    predictions = predictions.drop_zero_weight_rows()
    per_class = score_classes(predictions, zero_division)
    averages = average_label_scores(predictions, per_class, zero_division)
    if predictions.thresholds is not None:
        per_class["threshold"] = predictions.thresholds
    return MultilabelReport(
        classes=predictions.classes,
        n_samples=len(predictions.true),
        per_class=per_class,
        averages=averages,
        overall=score_label_sets(predictions),
        confusion_matrix=confusion_of_labels(predictions),
    )
