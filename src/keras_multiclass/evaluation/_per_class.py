"""A picture of precision, recall and F1, class by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid
from keras_multiclass.evaluation._drawing import (
    INK,
    as_names,
    axes_for,
    is_fresh,
    legend_beside,
    pyplot,
    shown,
    tidy,
    width_of,
)
from keras_multiclass.evaluation._predictions import Predictions
from keras_multiclass.evaluation._scores import score_classes
from keras_multiclass.evaluation._tables import count_text

__all__ = ["PerClassDisplay"]

_TICKS = (0, 0.25, 0.5, 0.75, 1)
_TITLES = {"precision": "precision", "recall": "recall", "f1": "F1"}


class PerClassDisplay:
    """Precision, recall and F1 of each class, the best class on top.

    Make one with `from_estimator` or `from_predictions`, which also draw it. Each score has axes
    of its own, with one dot for each class and a dashed line at the mean of the classes. Names
    of classes are followed by their number of rows. To compare several classifiers, draw them on
    the same axes, each with a ``label``; the first one sets the order.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels.
    scores : dict of str to ndarray of shape (n_classes,)
        ``"precision"``, ``"recall"`` and ``"f1"``; NaN where a score is not defined, as the recall
        of a class without rows.
    support : ndarray of shape (n_classes,)
        Rows of each class, or the sums of their weights.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One for each score.
    figure_ : matplotlib Figure
        Their figure.
    dots_ : dict of str to matplotlib Line2D
        The dots, by score.
    mean_lines_ : dict of str to matplotlib Line2D
        The lines at the means, by score.

    See Also
    --------
    RocCurvesDisplay : How well each class is told from the rest at any threshold.

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
        y: Any,
        *,
        sample_weight: Any = None,
        ax: Any = None,
        metrics: Sequence[str] = ("precision", "recall", "f1"),
        sort: str | None = "f1",
        label: str | None = None,
    ) -> PerClassDisplay:
        """Let a fitted classifier predict, and draw.

        Parameters
        ----------
        estimator : classifier
            Any fitted scikit-learn classifier.
        X : array-like of shape (n_samples, ...)
            Features, best of rows that were not trained on.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        ax : Axes or array of Axes, default=None
            Axes to draw on, as of `plot`.
        metrics : list of {"precision", "recall", "f1"}, default=("precision", "recall", "f1")
            What to draw.
        sort : {"precision", "recall", "f1", "support"} or None, default="f1"
            The order of the classes, as of `plot`.
        label : str, default=None
            What the legend says of the dots.

        Returns
        -------
        PerClassDisplay
            Drawn.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        found = Predictions.from_estimator(estimator, X, y, sample_weight=sample_weight)
        return cls._computed(found).plot(ax, metrics=metrics, sort=sort, label=label)

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
        """Draw the scores of labels that were predicted before.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels.
        y_pred : array-like of shape (n_samples,) or (n_samples, n_classes)
            Predicted labels.
        labels : array-like of shape (n_classes,), default=None
            The classes; by default the sorted labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        ax : Axes or array of Axes, default=None
            Axes to draw on, as of `plot`.
        metrics : list of {"precision", "recall", "f1"}, default=("precision", "recall", "f1")
            What to draw.
        sort : {"precision", "recall", "f1", "support"} or None, default="f1"
            The order of the classes, as of `plot`.
        label : str, default=None
            What the legend says of the dots.

        Returns
        -------
        PerClassDisplay
            Drawn.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        found = Predictions.from_predictions(
            y_true, y_pred, labels=labels, sample_weight=sample_weight
        )
        return cls._computed(found).plot(ax, metrics=metrics, sort=sort, label=label)

    @classmethod
    def _computed(cls, predictions: Predictions) -> PerClassDisplay:
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
        """Draw each score in axes of its own, with one dot for each class.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            Axes to draw on, one for each of ``metrics``; by default those of a new figure. Classes
            that another display has drawn there keep their places.
        metrics : list of {"precision", "recall", "f1"}, default=("precision", "recall", "f1")
            What to draw.
        sort : {"precision", "recall", "f1", "support"} or None, default="f1"
            What the classes are sorted by, from the largest down; None for the order of
            ``classes``.
        label : str, default=None
            What the legend says of the dots.

        Returns
        -------
        PerClassDisplay
            Itself.
        """
        caller = f"{type(self).__name__}.plot"
        pyplot(caller)
        names = _check_metrics(metrics)
        order = self._order(sort)
        width = 2.2 + width_of(self.classes) + 1.9 * len(names)
        size = (width, 1.1 + 0.26 * len(self.classes))
        self.axes_ = axes_for(ax, len(names), caller, figsize=size, columns=len(names), sharey=True)
        self.figure_ = self.axes_[0].figure
        self.dots_: dict[str, Any] = {}
        self.mean_lines_: dict[str, Any] = {}
        for axes, name in zip(self.axes_, names, strict=True):
            self._draw(axes, name, order, label or "classes")
            axes.tick_params(labelleft=axes is self.axes_[0])
        legend_beside(self.axes_[-1])
        return self

    def _order(self, sort: str | None) -> np.ndarray:
        keys = {**self.scores, "support": self.support}
        if sort is None:
            return np.arange(len(self.classes))
        if sort not in list(keys):
            raise ValueError(
                invalid("`sort`", f"None or one of {format_list(keys)}", describe(sort))
            )
        return np.argsort(-keys[sort], kind="stable")  # NaN comes last

    def _draw(self, ax: Any, metric: str, order: np.ndarray, label: str) -> None:
        fresh = is_fresh(ax)
        # Matplotlib gives a new name the next row, and a known one the row that it has.
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
        self._name_rows(ax, ax.convert_yunits(names), order, fresh)
        ax.set_xlim(0, 1)
        ax.set_xticks(_TICKS, labels=["0", "", "0.5", "", "1"])
        ax.set_title(_TITLES[metric], loc="left", fontsize="medium", color=INK)
        ax.grid(axis="y", color="0.92")
        tidy(ax)
        ax.tick_params(axis="y", length=0)

    def _name_rows(self, ax: Any, rows: Any, order: np.ndarray, fresh: bool) -> None:
        drawn = [] if fresh else ax.get_yticks()
        written = ax.yaxis.get_major_formatter().format_ticks(drawn)
        names = dict(zip(drawn, written, strict=True))
        for row, number in zip(rows, order, strict=True):
            names.setdefault(row, self._row_name(number))
        ax.set_yticks(list(names), labels=list(names.values()))
        ax.set_ylim(len(names) - 0.5, -0.5)

    def _row_name(self, number: int) -> str:
        return f"{shown(self.classes[number])}  ({count_text(self.support[number])})"


def _check_metrics(metrics: Sequence[str]) -> list[str]:
    names = as_names(metrics, "`metrics`", _TITLES)
    unknown = [name for name in names if name not in list(_TITLES)]
    if unknown or not names:
        raise ValueError(
            invalid(
                "`metrics`",
                f"names from {format_list(_TITLES)}",
                f"unknown {format_list(unknown)}" if unknown else "none",
                did_you_mean(unknown[0], _TITLES).strip() if unknown else "",
            )
        )
    return names
