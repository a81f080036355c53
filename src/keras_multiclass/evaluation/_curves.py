"""ROC and precision-recall curves of all classes in one plot, each class against the rest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_curve

from keras_multiclass._shared.messages import describe, format_list, invalid
from keras_multiclass.evaluation._drawing import (
    INK,
    PALE,
    axes_for,
    class_colors,
    class_legend,
    class_line_style,
    label_width,
    label_with_value,
    require_probabilities,
    require_pyplot,
    style_axes,
)
from keras_multiclass.evaluation._multilabel_predictions import (
    MultilabelPredictions,
    predictions_from_arrays,
    predictions_from_estimator,
)
from keras_multiclass.evaluation._predictions import Predictions

__all__ = ["Curve", "PrecisionRecallCurvesDisplay", "RocCurvesDisplay"]

_AVERAGES = ("macro", "micro")
_GRID = np.linspace(0, 1, 1001)  # where curves are averaged


@dataclass(frozen=True, eq=False)
class Curve:
    """Curve of one class against the rest, or of an average.

    Attributes
    ----------
    name : object
        Label of the class, or name of the average.
    x : ndarray
        False positive rate, or recall.
    y : ndarray
        True positive rate, or precision.
    area : float
        Area under the ROC curve, or average precision.
    """

    name: Any
    x: np.ndarray
    y: np.ndarray
    area: float


class _CurvesDisplay(ABC):
    """Base of both displays: one curve per class, averages, and a chance level."""

    _AREA: ClassVar[str]
    _AXES: ClassVar[tuple[str, str]]
    _DRAWSTYLE: ClassVar[str]
    _NEEDS_OTHERS: ClassVar[bool]  # whether a label that every row has lacks a curve

    def __init__(
        self,
        curves: Sequence[Curve],
        averages: Sequence[Curve] = (),
        *,
        chance: float = 0.5,
        absent: Sequence[Any] = (),
    ) -> None:
        self.curves = curves
        self.averages = averages
        self.chance = chance
        self.absent = absent

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        sample_weight: Any = None,
        averages: Collection[str] = ("macro",),
        ax: Any = None,
        highlight: int = 5,
    ) -> Self:
        """Plot the curves of a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            Any fitted scikit-learn classifier with ``predict_proba``.
        X : array-like of shape (n_samples, ...), or stream
            Features, preferably of rows not used for training. Or a stream of batches ``(X, y)`` or
            ``(X, y, sample_weight)``, as `fit` of this package reads, instead of the next two.
            It is read once.
        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Labels, or a matrix of zeros and ones with any number of labels for each row.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        averages : collection of {"macro", "micro"}, default=("macro",)
            Averages to draw as well: the mean over classes, or all decisions pooled.
        ax : Axes, default=None
            Axes to draw on; by default those of a new figure.
        highlight : int, default=5
            Number of worst classes to color if there are more than ten classes.

        Returns
        -------
        display
            The display, already drawn.
        """
        require_pyplot(f"{cls.__name__}.from_estimator")
        predictions = predictions_from_estimator(estimator, X, y, sample_weight=sample_weight)
        return cls._compute(predictions, averages).plot(ax, highlight=highlight)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_proba: Any,
        *,
        labels: Any = None,
        sample_weight: Any = None,
        averages: Collection[str] = ("macro",),
        ax: Any = None,
        highlight: int = 5,
    ) -> Self:
        """Plot the curves of predicted probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels, or a matrix of zeros and ones with any number of labels for each row.
        y_proba : array-like of shape (n_samples, n_classes)
            Probabilities.
        labels : array-like of shape (n_classes,), default=None
            The classes, in the order of the columns of `y_proba`; by default the sorted labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        averages : collection of {"macro", "micro"}, default=("macro",)
            Averages to draw as well: the mean over classes, or all decisions pooled.
        ax : Axes, default=None
            Axes to draw on; by default those of a new figure.
        highlight : int, default=5
            Number of worst classes to color if there are more than ten classes.

        Returns
        -------
        display
            The display, already drawn.
        """
        require_pyplot(f"{cls.__name__}.from_predictions")
        predictions = predictions_from_arrays(
            y_true, y_proba=y_proba, labels=labels, sample_weight=sample_weight
        )
        return cls._compute(predictions, averages).plot(ax, highlight=highlight)

    @classmethod
    def _compute(cls, predictions: Predictions, averages: Collection[str]) -> Self:
        _check_averages(averages)
        predictions = predictions.drop_zero_weight_rows()
        probabilities = require_probabilities(predictions)
        weight = predictions.sample_weight
        is_class = predictions.is_class
        shares = np.average(is_class, axis=0, weights=weight)
        present = np.flatnonzero(shares)
        if isinstance(predictions, MultilabelPredictions):
            present = cls._drawable(is_class)
        elif len(present) < 2:
            raise ValueError(
                invalid(
                    "The labels",
                    "of at least two classes",
                    f"{len(present)} among rows of positive weight",
                    "A curve shows how well a class is separated from the others.",
                )
            )
        curves = [
            cls._curve(predictions.classes[k], is_class[:, k], probabilities[:, k], weight)
            for k in present
        ]
        mean_curves = []
        if "macro" in averages:
            x, y = cls._mean(curves)
            area = float(np.mean([curve.area for curve in curves]))
            mean_curves.append(Curve("macro average", x, y, area))
        if "micro" in averages:
            weights = None if weight is None else np.repeat(weight, predictions.n_classes)
            mean_curves.append(
                cls._curve("micro average", is_class.ravel(), probabilities.ravel(), weights)
            )
        absent = np.delete(predictions.classes, present).tolist()
        return cls(curves, mean_curves, chance=float(shares[present].mean()), absent=absent)

    @classmethod
    def _drawable(cls, has_label: np.ndarray) -> np.ndarray:
        """Return the indices of the labels that have a curve."""
        drawable = has_label.any(axis=0)
        if cls._NEEDS_OTHERS:
            drawable &= ~has_label.all(axis=0)
        if not drawable.any():
            others = ", and others lack it" if cls._NEEDS_OTHERS else ""
            allowed = f"such that some rows have one{others}"
            raise ValueError(invalid("The labels", allowed, "no such label"))
        return np.flatnonzero(drawable)

    @classmethod
    @abstractmethod
    def _curve(
        cls, name: Any, is_class: np.ndarray, probability: np.ndarray, weight: np.ndarray | None
    ) -> Curve:
        """Compute the curve of one class, or of pooled decisions."""

    @classmethod
    @abstractmethod
    def _mean(cls, curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y of the mean of curves."""

    @abstractmethod
    def _chance(self) -> tuple[str, list[float]]:
        """Return label and heights of the line at chance level."""

    def plot(self, ax: Any = None, *, highlight: int = 5) -> Self:
        """Draw the curves, the averages and the chance level.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw on; by default those of a new figure. The legend is to the right of the
            axes: create your own figures with ``layout="constrained"`` to leave room for it.
        highlight : int, default=5
            Number of worst classes to color if there are more than ten classes.

        Returns
        -------
        display
            The display itself.
        """
        caller = f"{type(self).__name__}.plot"
        require_pyplot(caller)
        areas = np.array([curve.area for curve in self.curves])
        colors = class_colors(-areas, highlight)
        width = 5.6 + label_width(curve.name for curve in (*self.curves, *self.averages))
        (self.ax_,) = axes_for(ax, 1, caller, figsize=(width, 4.4))
        self.figure_ = self.ax_.figure
        self.lines_ = [
            self._draw(curve, **class_line_style(color))
            for curve, color in zip(self.curves, colors, strict=True)
        ]
        self.average_lines_ = [
            self._draw(curve, color=INK, linewidth=1.6, linestyle=style, zorder=2.2)
            for curve, style in zip(self.averages, ("--", "-."), strict=False)
        ]
        label, heights = self._chance()
        (self.chance_line_,) = self.ax_.plot(
            [0, 1], heights, color=PALE, linestyle=":", label=label, zorder=1.9
        )
        x_label, y_label = self._AXES
        self.ax_.set_xlabel(x_label, color=INK)
        self.ax_.set_ylabel(y_label, color=INK)
        self.ax_.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        class_legend(
            self.ax_,
            self.lines_,
            f"class  ({self._AREA})",
            areas,
            colors,
            others=[*self.average_lines_, self.chance_line_],
            absent=self.absent,
            absent_title="no curve",
        )
        style_axes(self.ax_)
        return self

    def _draw(self, curve: Curve, **style: Any) -> Any:
        label = label_with_value(curve.name, curve.area)
        (line,) = self.ax_.plot(curve.x, curve.y, drawstyle=self._DRAWSTYLE, label=label, **style)
        return line


class RocCurvesDisplay(_CurvesDisplay):
    """ROC curves of all classes in one plot, each class against the rest.

    Create one with `from_estimator` or `from_predictions`, which also draw it. A class without
    rows has no curve and is named in the legend. With more than ten classes, only the worst are
    colored and named; the rest are thin and gray.

    Parameters
    ----------
    curves : list of Curve
        One per class with rows.
    averages : list of Curve, default=()
        Averages to draw as well.
    chance : float, default=0.5
        Mean share of a class; not drawn.
    absent : list, default=()
        Labels of classes without a curve.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the curves.
    figure_ : matplotlib Figure
        Figure containing the axes.
    lines_ : list of matplotlib Line2D
        Lines of ``curves``.
    average_lines_ : list of matplotlib Line2D
        Lines of ``averages``.
    chance_line_ : matplotlib Line2D
        Result of guessing.

    See Also
    --------
    PrecisionRecallCurvesDisplay : More informative if classes are rare.

    Notes
    -----
    The micro average pools the decisions on all classes. The macro average is the mean of the
    curves at each false positive rate, and its area the mean of their areas, as in
    ``roc_auc_score(..., multi_class="ovr")``.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from keras_multiclass.evaluation import RocCurvesDisplay
    >>> X, y = load_wine(return_X_y=True)
    >>> classifier = GaussianNB().fit(X[::2], y[::2])
    >>> axes = Figure(layout="constrained").subplots()
    >>> display = RocCurvesDisplay.from_estimator(classifier, X[1::2], y[1::2], ax=axes)
    >>> len(display.lines_)
    3
    """

    _AREA = "AUC"
    _AXES = ("false positive rate", "true positive rate")
    _DRAWSTYLE = "default"
    _NEEDS_OTHERS = True

    @classmethod
    def _curve(
        cls, name: Any, is_class: np.ndarray, probability: np.ndarray, weight: np.ndarray | None
    ) -> Curve:
        x, y, _ = roc_curve(is_class, probability, sample_weight=weight)
        return Curve(name, x, y, float(auc(x, y)))

    @classmethod
    def _mean(cls, curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
        heights = np.mean([np.interp(_GRID, curve.x, curve.y) for curve in curves], axis=0)
        return np.append(0.0, _GRID), np.append(0.0, heights)

    def _chance(self) -> tuple[str, list[float]]:
        return "chance  0.500", [0.0, 1.0]


class PrecisionRecallCurvesDisplay(_CurvesDisplay):
    """Precision-recall curves of all classes in one plot, each class against the rest.

    Create one with `from_estimator` or `from_predictions`, which also draw it. A class without
    rows has no curve and is named in the legend. With more than ten classes, only the worst are
    colored and named; the rest are thin and gray.

    Parameters
    ----------
    curves : list of Curve
        One per class with rows.
    averages : list of Curve, default=()
        Averages to draw as well.
    chance : float, default=0.5
        Mean share of a class, which is the precision of guessing.
    absent : list, default=()
        Labels of classes without a curve.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the curves.
    figure_ : matplotlib Figure
        Figure containing the axes.
    lines_ : list of matplotlib Line2D
        Lines of ``curves``.
    average_lines_ : list of matplotlib Line2D
        Lines of ``averages``.
    chance_line_ : matplotlib Line2D
        Result of guessing, averaged over classes.

    See Also
    --------
    RocCurvesDisplay : The same for ROC curves.

    Notes
    -----
    The micro average pools the decisions on all classes. The macro average is the mean of the
    precisions at each recall, and its area the mean of the average precisions, as in
    ``average_precision_score(..., average="macro")``.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from keras_multiclass.evaluation import PrecisionRecallCurvesDisplay
    >>> X, y = load_wine(return_X_y=True)
    >>> classifier = GaussianNB().fit(X[::2], y[::2])
    >>> axes = Figure(layout="constrained").subplots()
    >>> display = PrecisionRecallCurvesDisplay.from_estimator(classifier, X[1::2], y[1::2], ax=axes)
    >>> len(display.lines_)
    3
    """

    _AREA = "AP"
    _AXES = ("recall", "precision")
    _DRAWSTYLE = "steps-post"  # no interpolation, as in average precision
    _NEEDS_OTHERS = False

    @classmethod
    def _curve(
        cls, name: Any, is_class: np.ndarray, probability: np.ndarray, weight: np.ndarray | None
    ) -> Curve:
        precision, recall, _ = precision_recall_curve(
            is_class, probability, sample_weight=weight, drop_intermediate=True
        )
        area = average_precision_score(is_class, probability, sample_weight=weight)
        return Curve(name, recall, precision, float(area))

    @classmethod
    def _mean(cls, curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
        # The precision at the highest threshold that reaches a recall.
        indices = [np.searchsorted(curve.x[::-1], _GRID) for curve in curves]
        heights = [curve.y[::-1][i] for curve, i in zip(curves, indices, strict=True)]
        return _GRID[::-1], np.mean(heights, axis=0)[::-1]

    def _chance(self) -> tuple[str, list[float]]:
        return f"chance (mean)  {self.chance:.3f}", [self.chance, self.chance]


def _check_averages(averages: Any) -> None:
    allowed = f"a collection of {format_list(_AVERAGES)}"
    if isinstance(averages, str) or not isinstance(averages, Collection):
        raise ValueError(invalid("`averages`", allowed, describe(averages)))
    unknown = [name for name in averages if name not in _AVERAGES]
    if unknown:
        raise ValueError(invalid("`averages`", allowed, f"unknown {format_list(unknown)}"))
