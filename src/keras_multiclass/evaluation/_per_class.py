"""Plot precision, recall and F1 of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from keras_multiclass._shared.messages import describe, format_list, invalid
from keras_multiclass.evaluation._drawing import (
    INK,
    axes_for,
    check_names,
    class_label,
    label_width,
    legend_outside,
    require_pyplot,
    set_cycle_if_empty,
    style_axes,
)
from keras_multiclass.evaluation._multilabel_predictions import (
    predictions_from_arrays,
    predictions_from_estimator,
)
from keras_multiclass.evaluation._predictions import Predictions
from keras_multiclass.evaluation._scores import score_classes
from keras_multiclass.evaluation._tables import format_count

__all__ = ["PerClassDisplay"]

_TICKS = (0, 0.25, 0.5, 0.75, 1)
_TITLES = {"precision": "precision", "recall": "recall", "f1": "F1"}


class PerClassDisplay:
    """Precision, recall and F1 of each class, best class first.

    Create one with `from_estimator` or `from_predictions`, which also draw it. Each score has its
    own axes, with one dot per class and a dashed line at the mean over classes. Class names are
    followed by their number of rows. To compare several classifiers, draw them on the same axes,
    each with a ``label``; the first one determines the order.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Class labels.
    scores : dict of str to ndarray of shape (n_classes,)
        ``"precision"``, ``"recall"`` and ``"f1"``; NaN where a score is undefined, such as the
        recall of a class without rows.
    support : ndarray of shape (n_classes,)
        Number of rows of each class, or the sum of their weights.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One per score.
    figure_ : matplotlib Figure
        Figure containing the axes.
    dots_ : dict of str to matplotlib Line2D
        Dots, by score.
    mean_lines_ : dict of str to matplotlib Line2D
        Lines at the means, by score.

    See Also
    --------
    RocCurvesDisplay : How well each class is separated from the rest at any threshold.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from keras_multiclass.evaluation import PerClassDisplay
    >>> axes = Figure(layout="constrained").subplots(1, 3)
    >>> display = PerClassDisplay.from_predictions(
    ...     ["ash", "fir", "fir", "oak"], ["ash", "fir", "oak", "oak"], ax=axes
    ... )
    >>> display.scores["recall"].tolist()
    [1.0, 0.5, 1.0]
    """

    def __init__(
        self, classes: np.ndarray, scores: Mapping[str, np.ndarray], support: np.ndarray
    ) -> None:
        self.classes = classes
        self.scores = scores
        self.support = support

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        sample_weight: Any = None,
        ax: Any = None,
        metrics: Sequence[str] = ("precision", "recall", "f1"),
        sort: str | None = "f1",
        label: str | None = None,
    ) -> PerClassDisplay:
        """Plot the scores of a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            Any fitted scikit-learn classifier.
        X : array-like of shape (n_samples, ...), or stream
            Features, preferably of rows not used for training. Or a stream of batches ``(X, y)`` or
            ``(X, y, sample_weight)``, as `fit` of this package reads, instead of the next two.
            It is read once.
        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Labels, or a matrix of zeros and ones with any number of labels for each row.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        ax : Axes or array of Axes, default=None
            Axes to draw on, see `plot`.
        metrics : list of {"precision", "recall", "f1"}, default=("precision", "recall", "f1")
            Scores to draw.
        sort : {"precision", "recall", "f1", "support"} or None, default="f1"
            Order of the classes, see `plot`.
        label : str, default=None
            Name of the dots in the legend.

        Returns
        -------
        PerClassDisplay
            The display, already drawn.
        """
        require_pyplot(f"{cls.__name__}.from_estimator")
        predictions = predictions_from_estimator(estimator, X, y, sample_weight=sample_weight)
        return cls._compute(predictions).plot(ax, metrics=metrics, sort=sort, label=label)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        labels: Any = None,
        sample_weight: Any = None,
        ax: Any = None,
        metrics: Sequence[str] = ("precision", "recall", "f1"),
        sort: str | None = "f1",
        label: str | None = None,
    ) -> PerClassDisplay:
        """Plot the scores of predicted labels.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels, or a matrix of zeros and ones with any number of labels for each row.
        y_pred : array-like of shape (n_samples,) or (n_samples, n_classes)
            Predicted labels.
        labels : array-like of shape (n_classes,), default=None
            The classes; by default the sorted labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        ax : Axes or array of Axes, default=None
            Axes to draw on, see `plot`.
        metrics : list of {"precision", "recall", "f1"}, default=("precision", "recall", "f1")
            Scores to draw.
        sort : {"precision", "recall", "f1", "support"} or None, default="f1"
            Order of the classes, see `plot`.
        label : str, default=None
            Name of the dots in the legend.

        Returns
        -------
        PerClassDisplay
            The display, already drawn.
        """
        require_pyplot(f"{cls.__name__}.from_predictions")
        predictions = predictions_from_arrays(
            y_true, y_pred, labels=labels, sample_weight=sample_weight
        )
        return cls._compute(predictions).plot(ax, metrics=metrics, sort=sort, label=label)

    @classmethod
    def _compute(cls, predictions: Predictions) -> PerClassDisplay:
        labels_only = replace(predictions.drop_zero_weight_rows(), probabilities=None)
        scores = score_classes(labels_only, zero_division=0.0)
        support = scores["support"]
        return cls(predictions.classes, {name: scores[name] for name in _TITLES}, support)

    def plot(
        self,
        ax: Any = None,
        *,
        metrics: Sequence[str] = ("precision", "recall", "f1"),
        sort: str | None = "f1",
        label: str | None = None,
    ) -> PerClassDisplay:
        """Draw each score on its own axes, with one dot per class.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            Axes to draw on, one per entry of ``metrics``; by default those of a new figure. Classes
            already drawn there by another display keep their positions.
        metrics : list of {"precision", "recall", "f1"}, default=("precision", "recall", "f1")
            Scores to draw.
        sort : {"precision", "recall", "f1", "support"} or None, default="f1"
            What to sort the classes by, in descending order; None for the order of ``classes``.
        label : str, default=None
            Name of the dots in the legend.

        Returns
        -------
        PerClassDisplay
            The display itself.
        """
        caller = f"{type(self).__name__}.plot"
        require_pyplot(caller)
        names = check_names(metrics, "`metrics`", _TITLES)
        order = self._order(sort)
        width = 2.2 + label_width(self.classes) + 1.9 * len(names)
        size = (width, 1.1 + 0.26 * len(self.classes))
        self.axes_ = axes_for(ax, len(names), caller, figsize=size, columns=len(names), sharey=True)
        self.figure_ = self.axes_[0].figure
        self.dots_: dict[str, Any] = {}
        self.mean_lines_: dict[str, Any] = {}
        for axes, name in zip(self.axes_, names, strict=True):
            self._draw(axes, name, order, label or "classes")
            axes.tick_params(labelleft=axes is self.axes_[0])
        legend_outside(self.axes_[-1])
        return self

    def _order(self, sort: str | None) -> np.ndarray:
        keys = {**self.scores, "support": self.support}
        if sort is None:
            return np.arange(len(self.classes))
        if sort not in list(keys):
            raise ValueError(
                invalid("`sort`", f"None or one of {format_list(keys)}", describe(sort))
            )
        return np.argsort(-keys[sort], kind="stable")  # NaN sorts last

    def _draw(self, ax: Any, metric: str, order: np.ndarray, label: str) -> None:
        is_empty = set_cycle_if_empty(ax)
        # Matplotlib appends new names as rows, and reuses the rows of names it has seen.
        names = [str(self.classes[k]) for k in order]
        (self.dots_[metric],) = ax.plot(
            self.scores[metric][order], names, linestyle="none", label=label, clip_on=False
        )
        self.mean_lines_[metric] = ax.axvline(
            float(np.nanmean(self.scores[metric])),
            color=self.dots_[metric].get_color(),
            linestyle="--",
            linewidth=1,
            zorder=1,
            label=f"mean of {label}",
        )
        self._label_rows(ax, ax.convert_yunits(names), order, is_empty)
        ax.set_xlim(0, 1)
        ax.set_xticks(_TICKS, labels=["0", "", "0.5", "", "1"])
        ax.set_title(_TITLES[metric], loc="left", fontsize="medium", color=INK)
        ax.grid(axis="y", color="0.92")
        style_axes(ax)
        ax.tick_params(axis="y", length=0)

    def _label_rows(self, ax: Any, rows: Any, order: np.ndarray, is_empty: bool) -> None:
        """Label the rows of the classes, and keep the labels of an earlier display."""
        earlier = [] if is_empty else ax.get_yticks()
        texts = ax.yaxis.get_major_formatter().format_ticks(earlier)
        labels = dict(zip(earlier, texts, strict=True))
        for row, k in zip(rows, order, strict=True):
            text = f"{class_label(self.classes[k])}  ({format_count(self.support[k])})"
            labels.setdefault(row, text)
        ax.set_yticks(list(labels), labels=list(labels.values()))
        ax.set_ylim(len(labels) - 0.5, -0.5)
