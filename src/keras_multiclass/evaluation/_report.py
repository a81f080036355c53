"""Classification report: scores of each class, averages and overall scores."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass.evaluation._checks import check_count
from keras_multiclass.evaluation._layout import report_tables, report_title
from keras_multiclass.evaluation._predictions import Predictions
from keras_multiclass.evaluation._scores import average_scores, score_classes, score_rows
from keras_multiclass.evaluation._tables import to_html, to_text

if TYPE_CHECKING:
    from keras_multiclass.evaluation._multilabel_report import MultilabelReport


class ConfusedPair(NamedTuple):
    """Rows of one class that were predicted as another.

    Parameters
    ----------
    true : object
        True label.
    predicted : object
        Predicted label.
    n_samples : int or float
        Number of rows, or the sum of their weights.
    share : float
        The same as a fraction of all rows of the true class.
    """

    true: Any
    predicted: Any
    n_samples: float
    share: float


def check_zero_division(value: Any) -> None:
    """Raise unless a value of the parameter `zero_division` is 0, 1 or NaN.

    Parameters
    ----------
    value : object
        The user's value.
    """
    if not isinstance(value, numbers.Real) or not (value in (0, 1) or math.isnan(value)):
        raise ValueError(invalid("`zero_division`", "0, 1 or NaN", describe(value)))


@dataclass(frozen=True)
class ReportOptions:
    """Options of a report, checked.

    Attributes
    ----------
    top_k : int or None
        Number of most probable classes that count for the top-k accuracy; None for the default.
    zero_division : float
        Precision of a class that has rows but is never predicted.
    n_bins : int
        Number of bins of the calibration error.
    """

    top_k: int | None
    zero_division: float
    n_bins: int

    def __post_init__(self) -> None:
        check_count("`top_k`", self.top_k, or_none=True)
        check_zero_division(self.zero_division)
        check_count("`n_bins`", self.n_bins)

    def top_k_for(self, n_classes: int) -> int | None:
        """Return the k of the top-k accuracy; None if there are too few classes for it.

        Parameters
        ----------
        n_classes : int
            Number of classes.
        """
        if self.top_k is None:
            return None if n_classes < 3 else min(3, n_classes - 1)
        if n_classes < 3 or self.top_k >= n_classes:
            raise ValueError(
                invalid(
                    "`top_k`",
                    "None, or less than the number of classes, which must be at least 3",
                    f"{self.top_k} for {n_classes} classes",
                    "Otherwise the top-k accuracy would be 1 or the plain accuracy.",
                )
            )
        return self.top_k


@dataclass(frozen=True, eq=False, repr=False)
class ClassificationReport:
    r"""Scores of a classifier: of each class, averaged over classes, and over all rows.

    Create one with `from_estimator` or `from_predictions`, for any scikit-learn classifier.
    ``print`` shows it as text, a notebook as tables.

    Undefined scores are NaN, shown as ``-``: recall, ROC AUC and average precision of a class
    without rows; the ROC AUC of a class that has all rows; precision and F1 of a class that has no
    rows and is never predicted; Cohen's kappa if there is only one label. Averages skip them, as
    scikit-learn does with ``zero_division=nan``. The precision of a class that has rows but is
    never predicted is `zero_division`. Rows of weight zero are ignored.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Class labels, in the order of all arrays below.
    n_samples : int
        Number of rows, not counting those of weight zero.
    per_class : dict of str to ndarray of shape (n_classes,)
        ``precision``, ``recall``, ``f1`` and ``support`` and, with probabilities, ``roc_auc`` and
        ``average_precision``, of each class against the rest.
    averages : dict of str to dict of str to float
        The same scores (without support) averaged: ``macro`` over classes, ``weighted`` by their
        support, and ``micro`` over all pairs of a row and a class.
    overall : dict of str to float
        ``accuracy``, ``balanced_accuracy``, ``cohen_kappa``, ``matthews_corrcoef`` and, with
        probabilities, ``log_loss``, ``brier_score``, ``top_k_accuracy`` (for three or more
        classes) and ``expected_calibration_error``.
    confusion_matrix : ndarray of shape (n_classes, n_classes)
        Number of rows, or the sum of their weights, by true class (first axis) and predicted class.
    top_k : int or None
        Number of most probable classes that count for ``top_k_accuracy``.

    See Also
    --------
    cross_validated_report : The same by cross-validation.
    sklearn.metrics.classification_report : Precision, recall and F1 as text.

    Notes
    -----
    All but two scores are scikit-learn's. The Brier score is the mean over rows of
    :math:`\sum_k (p_k - y_k)^2`, halved for two classes: ``brier_score_loss`` with
    ``scale_by_half="auto"``, available for several classes since scikit-learn 1.7. The expected
    calibration error is equation 3 of [1]_ with `n_bins` bins of equal width.

    References
    ----------
    .. [1] Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.

    Examples
    --------
    >>> from keras_multiclass.evaluation import ClassificationReport
    >>> report = ClassificationReport.from_predictions(
    ...     ["ash", "ash", "fir", "oak", "oak"], ["ash", "oak", "fir", "oak", "oak"]
    ... )
    >>> print(report)
    5 rows of 3 classes
    <BLANKLINE>
    class     precision  recall     F1  support
    ash           1.000   0.500  0.667        2
    fir           1.000   1.000  1.000        1
    oak           0.667   1.000  0.800        2
    <BLANKLINE>
    macro         0.889   0.833  0.822
    weighted      0.867   0.800  0.787
    micro         0.800   0.800  0.800
    <BLANKLINE>
    measure               value
    accuracy              0.800
    balanced accuracy     0.833
    Cohen's kappa         0.688
    Matthews correlation  0.735
    <BLANKLINE>
    true  predicted  rows  share of class
    ash   oak           1           0.500
    """

    classes: np.ndarray
    n_samples: int
    per_class: dict[str, np.ndarray]
    averages: dict[str, dict[str, float]]
    overall: dict[str, float]
    confusion_matrix: np.ndarray
    top_k: int | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        sample_weight: Any = None,
        top_k: int | None = None,
        zero_division: float = 0.0,
        n_bins: int = 15,
    ) -> ClassificationReport:
        """Evaluate a fitted classifier, preferably on rows not used for training.

        Parameters
        ----------
        estimator : classifier
            Any fitted scikit-learn classifier; ``predict_proba`` is used if available.
        X : array-like of shape (n_samples, ...), or stream
            Features. Or a stream of batches ``(X, y)`` or
            ``(X, y, sample_weight)``, as `fit` of this package reads, instead of the next two.
            It is read once.
        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Labels in any format, including one-hot. A label unknown to the estimator becomes a
            class of its own; with probabilities, which have no column for it, it is an error.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        top_k : int, default=None
            Number of most probable classes that count for ``top_k_accuracy``. By default 3 for
            more than three classes and 2 for three; not reported for two.
        zero_division : {0.0, 1.0, nan}, default=0.0
            Precision of a class that has rows but is never predicted.
        n_bins : int, default=15
            Number of bins of the expected calibration error.

        Returns
        -------
        ClassificationReport
            The report.

        Raises
        ------
        TypeError
            If `estimator` is not a classifier.
        NotFittedError
            If it is not fitted.
        ValueError
            If an argument is invalid.

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> from keras_multiclass.evaluation import ClassificationReport
        >>> X, y = load_wine(return_X_y=True)
        >>> tree = DecisionTreeClassifier(max_depth=1).fit(X[::2], y[::2])
        >>> report = ClassificationReport.from_estimator(tree, X[1::2], y[1::2])
        >>> report
        ClassificationReport(n_samples=89, n_classes=3, accuracy=0.685)
        """
        options = ReportOptions(top_k, zero_division, n_bins)
        predictions = Predictions.from_estimator(estimator, X, y, sample_weight=sample_weight)
        return build_report(predictions, options)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any = None,
        y_proba: Any = None,
        *,
        labels: Any = None,
        sample_weight: Any = None,
        top_k: int | None = None,
        zero_division: float = 0.0,
        n_bins: int = 15,
    ) -> ClassificationReport:
        """Evaluate predictions from any source.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels in any format, including one-hot.
        y_pred : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Predicted labels; by default the most probable ones according to `y_proba`.
        y_proba : array-like of shape (n_samples, n_classes), default=None
            Probabilities. Without them, the scores that need them are omitted.
        labels : array-like of shape (n_classes,), default=None
            All classes, in the order of the columns of `y_proba`. By default the sorted labels
            of `y_true` and `y_pred`, or the columns of a one-hot table.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        top_k : int, default=None
            See `from_estimator`.
        zero_division : {0.0, 1.0, nan}, default=0.0
            See `from_estimator`.
        n_bins : int, default=15
            See `from_estimator`.

        Returns
        -------
        ClassificationReport
            The report.

        Raises
        ------
        ValueError
            If an argument is invalid, or the arrays are inconsistent.

        Examples
        --------
        >>> from keras_multiclass.evaluation import ClassificationReport
        >>> proba = [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.5, 0.2, 0.3]]
        >>> report = ClassificationReport.from_predictions(
        ...     ["ash", "fir", "oak"], y_proba=proba, labels=["ash", "fir", "oak"]
        ... )
        >>> round(report.overall["log_loss"], 3)
        0.646
        """
        options = ReportOptions(top_k, zero_division, n_bins)
        predictions = Predictions.from_predictions(
            y_true, y_pred, y_proba, labels=labels, sample_weight=sample_weight
        )
        return build_report(predictions, options)

    def confused_pairs(self, n: int | None = 5) -> list[ConfusedPair]:
        """Return the pairs of classes that are confused, most frequent first.

        Parameters
        ----------
        n : int, default=5
            Maximum number of pairs; None for all.

        Returns
        -------
        list of ConfusedPair
            Named tuples ``(true, predicted, n_samples, share)``: true label, predicted label,
            number of rows (or the sum of their weights), and the same as a fraction of all rows of
            the true class. Pairs that do not occur are omitted.

        Examples
        --------
        >>> from keras_multiclass.evaluation import ClassificationReport
        >>> report = ClassificationReport.from_predictions([1, 1, 1, 2], [1, 2, 2, 2])
        >>> pair = report.confused_pairs()[0]
        >>> print(pair.true, pair.predicted, pair.n_samples, round(pair.share, 2))
        1 2 2 0.67
        """
        return confused_pairs(self, n)

    def to_frame(self) -> Any:
        """Return the scores of the classes as a pandas data frame.

        Returns
        -------
        pandas.DataFrame
            One row per class, one column per entry of `per_class`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return to_frame_by_class(self.per_class, self.classes, "class")

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dict of plain Python values, for JSON or a log.

        Returns
        -------
        dict
            ``classes``, ``n_samples``, ``per_class`` (lists in the order of ``classes``),
            ``averages``, ``overall``, ``confusion_matrix`` and ``top_k``.
        """
        return {**plain_values(self), "top_k": self.top_k}

    def __repr__(self) -> str:
        return (
            f"ClassificationReport(n_samples={self.n_samples}, n_classes={len(self.classes)}, "
            f"accuracy={self.overall['accuracy']:.3f})"
        )

    def __str__(self) -> str:
        return to_text(report_title(self), report_tables(self))

    def _repr_html_(self) -> str:
        return to_html(report_title(self), report_tables(self))


def confused_pairs(
    report: ClassificationReport | MultilabelReport, n: int | None
) -> list[ConfusedPair]:
    """Return the pairs of classes that are confused, most frequent first.

    Parameters
    ----------
    report : ClassificationReport or MultilabelReport
        The report.
    n : int or None
        Maximum number of pairs; None for all.
    """
    check_count("n", n, or_none=True)
    counts = report.confusion_matrix.copy()
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[: np.count_nonzero(counts)]
    labels = report.classes.tolist()
    return [
        ConfusedPair(
            labels[true],
            labels[predicted],
            counts[true, predicted].item(),
            float(counts[true, predicted] / report.per_class["support"][true]),
        )
        for true, predicted in zip(*np.unravel_index(order[:n], counts.shape), strict=True)
    ]


def plain_values(report: ClassificationReport | MultilabelReport) -> dict[str, Any]:
    """Return what both kinds of report hold as plain Python values.

    Parameters
    ----------
    report : ClassificationReport or MultilabelReport
        The report.
    """
    return {
        "classes": report.classes.tolist(),
        "n_samples": report.n_samples,
        "per_class": {name: values.tolist() for name, values in report.per_class.items()},
        "averages": {name: dict(scores) for name, scores in report.averages.items()},
        "overall": dict(report.overall),
        "confusion_matrix": report.confusion_matrix.tolist(),
    }


def import_pandas() -> Any:
    """Import pandas, or raise an error that says how to install it."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "A data frame needs pandas, which is not installed. Install it (pip install pandas), "
            "or use to_dict()."
        ) from error
    return pd


def to_frame_by_class(per_class: Mapping[str, Any], classes: np.ndarray, name: str) -> Any:
    """Return scores of the classes as a pandas data frame.

    Parameters
    ----------
    per_class : mapping of str to ndarray of shape (n_classes,)
        The scores.
    classes : ndarray of shape (n_classes,)
        The labels, which become the index.
    name : str
        Name of the index.
    """
    pd = import_pandas()
    try:
        index = pd.Index(classes, name=name)
    except UnicodeEncodeError:  # Arrow's strings hold no surrogates
        index = pd.Index(classes.astype(object), name=name, dtype=object)
    return pd.DataFrame(per_class, index=index)


def build_report(predictions: Predictions, options: ReportOptions) -> ClassificationReport:
    """Compute all scores.

    Parameters
    ----------
    predictions : Predictions
        Predictions and labels of the rows.
    options : ReportOptions
        Options of the report.
    """
    predictions = predictions.drop_zero_weight_rows()
    per_class = score_classes(predictions, options.zero_division)
    averages = average_scores(predictions, per_class)
    has_probabilities = predictions.probabilities is not None
    top_k = options.top_k_for(predictions.n_classes) if has_probabilities else None
    return ClassificationReport(
        classes=predictions.classes,
        n_samples=len(predictions.true),
        per_class=per_class,
        averages=averages,
        overall=score_rows(predictions, averages["macro"]["recall"], top_k, options.n_bins),
        confusion_matrix=_confusion_matrix(predictions),
        top_k=top_k,
    )


def _confusion_matrix(predictions: Predictions) -> np.ndarray:
    """Compute `sklearn.metrics.confusion_matrix`, which would warn if there is only one class."""
    k = predictions.n_classes
    cells = predictions.true * k + predictions.predicted
    return np.bincount(cells, predictions.sample_weight, minlength=k * k).reshape(k, k)
