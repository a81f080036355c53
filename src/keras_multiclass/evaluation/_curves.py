"""ROC and precision-recall curves of many classes in one picture, each class against the rest."""

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
    class_colours,
    class_style,
    legend_of_classes,
    named_value,
    probabilities_of,
    pyplot,
    tidy,
    width_of,
)
from keras_multiclass.evaluation._predictions import Predictions

__all__ = ["Curve", "PrecisionRecallCurvesDisplay", "RocCurvesDisplay"]

_AVERAGES = ("macro", "micro")
_GRID = np.linspace(0, 1, 1001)  # where curves are averaged


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve of one class against the rest, or of an average.

    Attributes
    ----------
    name : object
        The label of the class, or the name of the average.
    x : ndarray
        Horizontal positions: false positive rate, or recall.
    y : ndarray
        Vertical positions: true positive rate, or precision.
    area : float
        Area under the ROC curve, or average precision.
    """

    name: Any
    x: np.ndarray
    y: np.ndarray
    area: float


class _CurvesDisplay(ABC):
    """What both pictures share: one curve per class, averages, and the level of chance."""

    _AREA: ClassVar[str]
    _AXES: ClassVar[tuple[str, str]]
    _DRAWSTYLE: ClassVar[str]

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
        y: Any,
        *,
        sample_weight: Any = None,
        averages: Collection[str] = ("macro",),
        ax: Any = None,
        highlight: int = 5,
    ) -> Self:
        """Let a fitted classifier predict, and draw.

        Parameters
        ----------
        estimator : classifier
            Any fitted scikit-learn classifier with ``predict_proba``.
        X : array-like of shape (n_samples, ...)
            Features, best of rows that were not trained on.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        averages : collection of {"macro", "micro"}, default=("macro",)
            Which averages to draw too: the mean of the classes, or all decisions pooled.
        ax : Axes, default=None
            Axes to draw on; by default those of a new figure.
        highlight : int, default=5
            How many of the worst classes get a colour, if there are more than ten.

        Returns
        -------
        display
            Drawn.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        found = Predictions.from_estimator(estimator, X, y, sample_weight=sample_weight)
        return cls._computed(found, averages).plot(ax, highlight=highlight)

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
        """Draw the curves of probabilities that were predicted before.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels.
        y_proba : array-like of shape (n_samples, n_classes)
            Probabilities.
        labels : array-like of shape (n_classes,), default=None
            The classes, in the order of the columns of `y_proba`; by default the sorted labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        averages : collection of {"macro", "micro"}, default=("macro",)
            Which averages to draw too: the mean of the classes, or all decisions pooled.
        ax : Axes, default=None
            Axes to draw on; by default those of a new figure.
        highlight : int, default=5
            How many of the worst classes get a colour, if there are more than ten.

        Returns
        -------
        display
            Drawn.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        found = Predictions.from_predictions(
            y_true, y_proba=y_proba, labels=labels, sample_weight=sample_weight
        )
        return cls._computed(found, averages).plot(ax, highlight=highlight)

    @classmethod
    def _computed(cls, predictions: Predictions, averages: Collection[str]) -> Self:
        wanted = _check_averages(averages)
        predictions = predictions.drop_zero_weight_rows()
        probabilities = probabilities_of(predictions)
        weight = predictions.sample_weight
        is_class = predictions.true[:, None] == np.arange(predictions.n_classes)
        shares = np.average(is_class, axis=0, weights=weight)
        present = np.flatnonzero(shares)
        if len(present) < 2:
            raise ValueError(
                invalid(
                    "The labels",
                    "of at least two classes",
                    f"{len(present)} among rows of positive weight",
                    "A curve shows how well a class is told from the others.",
                )
            )
        curves = [
            cls._curve(predictions.classes[k], is_class[:, k], probabilities[:, k], weight)
            for k in present
        ]
        found = []
        if "macro" in wanted:
            x, y = cls._mean(curves)
            area = float(np.mean([curve.area for curve in curves]))
            found.append(Curve("macro average", x, y, area))
        if "micro" in wanted:
            weights = None if weight is None else np.repeat(weight, predictions.n_classes)
            found.append(
                cls._curve("micro average", is_class.ravel(), probabilities.ravel(), weights)
            )
        absent = predictions.classes[shares == 0].tolist()
        return cls(curves, found, chance=float(shares[present].mean()), absent=absent)

    @classmethod
    @abstractmethod
    def _curve(
        cls, name: Any, is_class: np.ndarray, probability: np.ndarray, weight: np.ndarray | None
    ) -> Curve: ...

    @classmethod
    @abstractmethod
    def _mean(cls, curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]: ...

    @abstractmethod
    def _chance(self) -> tuple[str, list[float]]: ...

    def plot(self, ax: Any = None, *, highlight: int = 5) -> Self:
        """Draw the curves, averages and the level of chance.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw on; by default those of a new figure. The legend is beside them: make
            figures of your own with ``layout="constrained"``, so that it has room.
        highlight : int, default=5
            How many of the worst classes get a colour, if there are more than ten.

        Returns
        -------
        display
            Itself.
        """
        caller = f"{type(self).__name__}.plot"
        pyplot(caller)
        areas = np.array([curve.area for curve in self.curves])
        colours = class_colours(-areas, highlight)
        width = 5.6 + width_of(curve.name for curve in (*self.curves, *self.averages))
        (self.ax_,) = axes_for(ax, 1, caller, figsize=(width, 4.4))
        self.figure_ = self.ax_.figure
        self.lines_ = [
            self._line(curve, **class_style(colour))
            for curve, colour in zip(self.curves, colours, strict=True)
        ]
        self.average_lines_ = [
            self._line(curve, color=INK, linewidth=1.6, linestyle=style, zorder=2.2)
            for curve, style in zip(self.averages, ("--", "-."), strict=False)
        ]
        name, heights = self._chance()
        (self.chance_line_,) = self.ax_.plot(
            [0, 1], heights, color=PALE, linestyle=":", label=name, zorder=1.9
        )
        horizontal, vertical = self._AXES
        self.ax_.set_xlabel(horizontal, color=INK)
        self.ax_.set_ylabel(vertical, color=INK)
        self.ax_.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        legend_of_classes(
            self.ax_,
            self.lines_,
            f"class  ({self._AREA})",
            areas,
            colours,
            others=[*self.average_lines_, self.chance_line_],
            absent=self.absent,
        )
        tidy(self.ax_)
        return self

    def _line(self, curve: Curve, **style: Any) -> Any:
        label = named_value(curve.name, curve.area)
        (line,) = self.ax_.plot(curve.x, curve.y, drawstyle=self._DRAWSTYLE, label=label, **style)
        return line


class RocCurvesDisplay(_CurvesDisplay):
    """ROC curves of all classes, each against the rest, in one picture.

    Make one with `from_estimator` or `from_predictions`, which also draw it. A class without rows
    has no curve; the legend names it. Of more than ten classes the worst have colours and names,
    and the others are thin and grey.

    Parameters
    ----------
    curves : list of Curve
        One for each class with rows.
    averages : list of Curve, default=()
        Averages that are drawn too.
    chance : float, default=0.5
        The mean share of a class.
    absent : list, default=()
        Labels of classes without rows.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        Its figure.
    lines_ : list of matplotlib Line2D
        As ``curves``.
    average_lines_ : list of matplotlib Line2D
        As ``averages``.
    chance_line_ : matplotlib Line2D
        What guessing would give.

    See Also
    --------
    PrecisionRecallCurvesDisplay : Tells more where classes are rare.

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
    """Precision-recall curves of all classes, each against the rest, in one picture.

    Make one with `from_estimator` or `from_predictions`, which also draw it. A class without rows
    has no curve; the legend names it. Of more than ten classes the worst have colours and names,
    and the others are thin and grey.

    Parameters
    ----------
    curves : list of Curve
        One for each class with rows.
    averages : list of Curve, default=()
        Averages that are drawn too.
    chance : float, default=0.5
        The mean share of a class, which is the precision of guessing.
    absent : list, default=()
        Labels of classes without rows.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        Its figure.
    lines_ : list of matplotlib Line2D
        As ``curves``.
    average_lines_ : list of matplotlib Line2D
        As ``averages``.
    chance_line_ : matplotlib Line2D
        What guessing would give in the mean of the classes.

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
        reached = [np.searchsorted(curve.x[::-1], _GRID) for curve in curves]
        heights = [curve.y[::-1][at] for curve, at in zip(curves, reached, strict=True)]
        return _GRID[::-1], np.mean(heights, axis=0)[::-1]

    def _chance(self) -> tuple[str, list[float]]:
        return f"chance (mean)  {self.chance:.3f}", [self.chance, self.chance]


def _check_averages(averages: Collection[str]) -> Collection[str]:
    allowed = f"a collection of {format_list(_AVERAGES)}"
    if isinstance(averages, str) or not isinstance(averages, Collection):
        raise ValueError(invalid("`averages`", allowed, describe(averages)))
    unknown = [name for name in averages if name not in _AVERAGES]
    if unknown:
        raise ValueError(invalid("`averages`", allowed, f"unknown {format_list(unknown)}"))
    return averages
