"""All numbers of one set of predictions, class by class and together."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass.evaluation._checks import check_count
from keras_multiclass.evaluation._layout import report_tables, report_title
from keras_multiclass.evaluation._predictions import Predictions
from keras_multiclass.evaluation._scores import average_scores, score_classes, score_rows
from keras_multiclass.evaluation._tables import to_html, to_text


class ConfusedPair(NamedTuple):
    """Rows of one class that were taken for another.

    Parameters
    ----------
    true : object
        The label of the rows.
    predicted : object
        The label that was predicted.
    n_samples : int or float
        How many rows; with weights, the sum of theirs.
    share : float
        The same as a fraction of all rows of the true class.
    """

    true: Any
    predicted: Any
    n_samples: float
    share: float


@dataclass(frozen=True)
class ReportOptions:
    """Checked choices of the user.

    Attributes
    ----------
    top_k : int or None
        As the user gave it.
    zero_division : float
        The precision of a class that has rows and is never predicted.
    n_bins : int
        Bins of the calibration error.
    """

    top_k: int | None
    zero_division: float
    n_bins: int

    def __post_init__(self) -> None:
        check_count("`top_k`", self.top_k, or_none=True)
        value = self.zero_division
        if not isinstance(value, numbers.Real) or not (value in (0, 1) or math.isnan(value)):
            raise ValueError(invalid("`zero_division`", "0, 1 or NaN", describe(value)))
        check_count("`n_bins`", self.n_bins)

    def top_k_for(self, n_classes: int) -> int | None:
        """Among how many classes a label must be; None where that would tell nothing.

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
                    "None, or below the number of classes where there are at least 3",
                    f"{self.top_k} for {n_classes} classes",
                    "Otherwise every row, or only the likeliest class, would count.",
                )
            )
        return self.top_k


@dataclass(frozen=True, eq=False, repr=False)
class ClassificationReport:
    r"""How well a classifier does: for each class, on average and over all rows.

    Made by `from_estimator` or `from_predictions`, for any scikit-learn classifier. ``print`` shows
    it as text, a notebook as a table.

    A measure that is undefined is NaN, which the text shows as ``-``: recall, ROC AUC and average
    precision of a class without rows; the ROC AUC of a class that has all rows; precision and F1
    of a class that has no rows and is never predicted; Cohen's kappa if there is but one label.
    Averages leave such classes out, as scikit-learn does with ``zero_division=nan``. The precision
    of a class that has rows and is never predicted is `zero_division`. Rows of weight zero count
    as no rows.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The labels, in the order of all arrays below.
    n_samples : int
        Number of rows, those of weight zero left out.
    per_class : dict of str to ndarray of shape (n_classes,)
        ``precision``, ``recall``, ``f1`` and ``support`` and, with probabilities, ``roc_auc`` and
        ``average_precision``, each of a class against the rest.
    averages : dict of str to dict of str to float
        The same (without support) as ``macro`` average over classes, ``weighted`` by their
        support, and ``micro``: of all pairs of a row and a class together.
    overall : dict of str to float
        ``accuracy``, ``balanced_accuracy``, ``cohen_kappa``, ``matthews_corrcoef`` and, with
        probabilities, ``log_loss``, ``brier_score``, ``top_k_accuracy`` (for three or more
        classes) and ``expected_calibration_error``.
    confusion_matrix : ndarray of shape (n_classes, n_classes)
        How many rows of each class (first axis) were predicted as each class; with weights, the
        sum of theirs.
    top_k : int or None
        Among how many of the likeliest classes a label must be for ``top_k_accuracy``.

    See Also
    --------
    cross_validated_report : The same for rows that the classifier has not seen.
    sklearn.metrics.classification_report : Precision, recall and F1 as text.

    Notes
    -----
    All but two measures are scikit-learn's. The Brier score is the mean over rows of
    :math:`\sum_k (p_k - y_k)^2`, halved for two classes: ``brier_score_loss`` with
    ``scale_by_half="auto"``, which scikit-learn has for several classes since 1.7. The expected
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
    true  taken for  rows  share of true
    ash   oak           1          0.500
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
        y: Any,
        *,
        sample_weight: Any = None,
        top_k: int | None = None,
        zero_division: float = 0.0,
        n_bins: int = 15,
    ) -> ClassificationReport:
        """Judge a fitted classifier by rows that it should not have been fitted on.

        Parameters
        ----------
        estimator : classifier
            Any fitted scikit-learn classifier; probabilities are used if it has ``predict_proba``.
        X : array-like of shape (n_samples, ...)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels in any format, also one-hot. A label that is no class of the estimator is an
            error if there are probabilities, which have no column for it, and else a class.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        top_k : int, default=None
            Among how many of the likeliest classes a label must be for ``top_k_accuracy``. By
            default 3 for more than three classes, 2 for three, and not reported for two.
        zero_division : {0.0, 1.0, nan}, default=0.0
            The precision of a class that has rows and is never predicted.
        n_bins : int, default=15
            Number of bins of the expected calibration error.

        Returns
        -------
        ClassificationReport

        Raises
        ------
        TypeError
            If `estimator` is no classifier.
        NotFittedError
            If it is not fitted.
        ValueError
            If an argument cannot be used.

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
        found = Predictions.from_estimator(estimator, X, y, sample_weight=sample_weight)
        return build_report(found, options)

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
        """Judge predictions, wherever they come from.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels in any format, also one-hot.
        y_pred : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Predicted labels; by default the likeliest ones by `y_proba`.
        y_proba : array-like of shape (n_samples, n_classes), default=None
            Probabilities. Without them the measures that need them are left out.
        labels : array-like of shape (n_classes,), default=None
            All classes, in the order of the columns of `y_proba`. By default the sorted labels
            of `y_true` and `y_pred`; those of a one-hot table are its columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        top_k : int, default=None
            As in `from_estimator`.
        zero_division : {0.0, 1.0, nan}, default=0.0
            As in `from_estimator`.
        n_bins : int, default=15
            As in `from_estimator`.

        Returns
        -------
        ClassificationReport

        Raises
        ------
        ValueError
            If an argument cannot be used, or the arrays do not go together.

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
        found = Predictions.from_predictions(
            y_true, y_pred, y_proba, labels=labels, sample_weight=sample_weight
        )
        return build_report(found, options)

    def confused_pairs(self, n: int | None = 5) -> list[ConfusedPair]:
        """List which classes are taken for which others, the most frequent first.

        Parameters
        ----------
        n : int, default=5
            How many pairs at most; None for all.

        Returns
        -------
        list of ConfusedPair
            Named tuples ``(true, predicted, n_samples, share)``: label, predicted label, number of
            rows (with weights, the sum of theirs), and the same as a fraction of all rows of the
            true class. Pairs that do not occur are left out.

        Examples
        --------
        >>> from keras_multiclass.evaluation import ClassificationReport
        >>> report = ClassificationReport.from_predictions([1, 1, 1, 2], [1, 2, 2, 2])
        >>> pair = report.confused_pairs()[0]
        >>> print(pair.true, pair.predicted, pair.n_samples, round(pair.share, 2))
        1 2 2 0.67
        """
        check_count("n", n, or_none=True)
        counts = self.confusion_matrix.copy()
        np.fill_diagonal(counts, 0)
        order = np.argsort(-counts, axis=None, kind="stable")[: np.count_nonzero(counts)]
        labels = self.classes.tolist()
        return [
            ConfusedPair(
                labels[true],
                labels[predicted],
                counts[true, predicted].item(),
                float(counts[true, predicted] / self.per_class["support"][true]),
            )
            for true, predicted in zip(*np.unravel_index(order[:n], counts.shape), strict=True)
        ]

    def to_frame(self) -> Any:
        """Make a pandas data frame of the scores of the classes.

        Returns
        -------
        pandas.DataFrame
            One row for each class, one column for each entry of `per_class`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pd = import_pandas()
        return pd.DataFrame(self.per_class, index=pd.Index(self.classes, name="class"))

    def to_dict(self) -> dict[str, Any]:
        """Make a dict of plain Python values, for JSON or a log.

        Returns
        -------
        dict
            ``classes``, ``n_samples``, ``per_class`` (for each measure the values in the order of
            ``classes``), ``averages``, ``overall``, ``confusion_matrix`` and ``top_k``.
        """
        return {
            "classes": self.classes.tolist(),
            "n_samples": self.n_samples,
            "per_class": {name: values.tolist() for name, values in self.per_class.items()},
            "averages": {name: dict(scores) for name, scores in self.averages.items()},
            "overall": dict(self.overall),
            "confusion_matrix": self.confusion_matrix.tolist(),
            "top_k": self.top_k,
        }

    def __repr__(self) -> str:
        return (
            f"ClassificationReport(n_samples={self.n_samples}, n_classes={len(self.classes)}, "
            f"accuracy={self.overall['accuracy']:.3f})"
        )

    def __str__(self) -> str:
        return to_text(report_title(self), report_tables(self))

    def _repr_html_(self) -> str:
        return to_html(report_title(self), report_tables(self))


def import_pandas() -> Any:
    """Import pandas, or say how to get it."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "A data frame needs pandas, which is not installed. Install it (pip install pandas), "
            "or use to_dict()."
        ) from error
    return pd


def build_report(found: Predictions, options: ReportOptions) -> ClassificationReport:
    """Compute all numbers.

    Parameters
    ----------
    found : Predictions
        The rows.
    options : ReportOptions
        Checked choices of the user.
    """
    found = found.drop_zero_weight_rows()
    per_class = score_classes(found, options.zero_division)
    averages = average_scores(found, per_class)
    top_k = options.top_k_for(found.n_classes) if found.probabilities is not None else None
    return ClassificationReport(
        classes=found.classes,
        n_samples=len(found.true),
        per_class=per_class,
        averages=averages,
        overall=score_rows(found, averages["macro"]["recall"], top_k, options.n_bins),
        confusion_matrix=_confusion_matrix(found),
        top_k=top_k,
    )


def _confusion_matrix(found: Predictions) -> np.ndarray:
    """Count as `sklearn.metrics.confusion_matrix` does, which warns where there is one class."""
    k = found.n_classes
    cells = found.true * k + found.predicted
    return np.bincount(cells, found.sample_weight, minlength=k * k).reshape(k, k)
