"""Reliability diagrams of many classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from keras_multiclass._data.statistics import weighted_quantiles
from keras_multiclass._shared.messages import describe, format_list, invalid
from keras_multiclass.evaluation._bins import ReliabilityCurve, equal_edges, reliability_curve
from keras_multiclass.evaluation._checks import check_count
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
    set_cycle_if_empty,
    style_axes,
)
from keras_multiclass.evaluation._multilabel_predictions import (
    MultilabelPredictions,
    predictions_from_arrays,
    predictions_from_estimator,
)
from keras_multiclass.evaluation._predictions import Predictions

__all__ = ["ReliabilityDisplay"]

_KINDS = ("top_label", "per_class")
_STRATEGIES = ("uniform", "quantile")


class ReliabilityDisplay:
    """Reliability diagram: predicted probabilities against observed frequencies.

    Create one with `from_estimator` or `from_predictions`, which also draw it. Points below the
    diagonal are overconfident predictions. To compare several classifiers, draw them on the same
    axes, each with a ``label``.

    Parameters
    ----------
    curves : list of ReliabilityCurve
        A single one for ``kind="top_label"``, otherwise one per class with rows.
    kind : {"top_label", "per_class"}
        Kind of the curves.
    absent : list, default=()
        Labels of classes without rows.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        Axes of the curves and of the histogram, if there is one.
    figure_ : matplotlib Figure
        Figure containing the axes.
    lines_ : list of matplotlib Line2D
        Lines of ``curves``, without empty bins.
    diagonal_ : matplotlib Line2D
        Perfect calibration.
    histogram_ : matplotlib StepPatch or None
        Fraction of the rows in each bin.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : The same for two classes.

    Notes
    -----
    ``kind="top_label"`` uses the highest probability of each row and whether that class is correct
    [1]_. The expected calibration error, the mean distance from the diagonal weighted by the rows,
    is then equation 3 of the paper. ``kind="per_class"`` uses the probabilities of each class and
    whether rows belong to it.

    References
    ----------
    .. [1] Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from keras_multiclass.evaluation import ReliabilityDisplay
    >>> X, y = load_wine(return_X_y=True)
    >>> classifier = GaussianNB().fit(X[::2], y[::2])
    >>> axes = Figure(layout="constrained").subplots(2, 1)
    >>> display = ReliabilityDisplay.from_estimator(classifier, X[1::2], y[1::2], ax=axes)
    >>> 0 <= display.curves[0].error <= 1
    True
    """

    def __init__(
        self,
        curves: Sequence[ReliabilityCurve],
        *,
        kind: Literal["top_label", "per_class"],
        absent: Sequence[Any] = (),
    ) -> None:
        self.curves = curves
        self.kind = kind
        self.absent = absent

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        sample_weight: Any = None,
        kind: Literal["top_label", "per_class"] | None = None,
        n_bins: int = 15,
        strategy: Literal["uniform", "quantile"] = "uniform",
        ax: Any = None,
        label: str | None = None,
        highlight: int = 5,
    ) -> ReliabilityDisplay:
        """Plot the reliability of a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            Any fitted scikit-learn classifier with ``predict_proba``.
        X : array-like of shape (n_samples, ...), or stream
            Features of rows not used for training. Or a stream of batches ``(X, y)`` or
            ``(X, y, sample_weight)``, as `fit` of this package reads, instead of the next two.
            It is read once.
        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Labels, or a matrix of zeros and ones with any number of labels for each row.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        kind : {"top_label", "per_class"}, default=None
            Whether to plot the probabilities of the predicted labels or of each class. By default
            the former; the latter if rows have any number of labels, where it is the only one.
        n_bins : int, default=15
            Number of bins.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of equal width, or with equal numbers of rows.
        ax : Axes or array of Axes, default=None
            Axes to draw on, see `plot`.
        label : str, default=None
            Name of the curve in the legend.
        highlight : int, default=5
            Number of worst classes to color if there are more than ten classes.

        Returns
        -------
        ReliabilityDisplay
            The display, already drawn.
        """
        require_pyplot(f"{cls.__name__}.from_estimator")
        predictions = predictions_from_estimator(estimator, X, y, sample_weight=sample_weight)
        display = cls._compute(predictions, kind, n_bins, strategy)
        return display.plot(ax, label=label, highlight=highlight)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_proba: Any,
        *,
        labels: Any = None,
        sample_weight: Any = None,
        kind: Literal["top_label", "per_class"] | None = None,
        n_bins: int = 15,
        strategy: Literal["uniform", "quantile"] = "uniform",
        ax: Any = None,
        label: str | None = None,
        highlight: int = 5,
    ) -> ReliabilityDisplay:
        """Plot the reliability of predicted probabilities.

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
        kind : {"top_label", "per_class"}, default=None
            Whether to plot the probabilities of the predicted labels or of each class. By default
            the former; the latter if rows have any number of labels, where it is the only one.
        n_bins : int, default=15
            Number of bins.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of equal width, or with equal numbers of rows.
        ax : Axes or array of Axes, default=None
            Axes to draw on, see `plot`.
        label : str, default=None
            Name of the curve in the legend.
        highlight : int, default=5
            Number of worst classes to color if there are more than ten classes.

        Returns
        -------
        ReliabilityDisplay
            The display, already drawn.
        """
        require_pyplot(f"{cls.__name__}.from_predictions")
        predictions = predictions_from_arrays(
            y_true, y_proba=y_proba, labels=labels, sample_weight=sample_weight
        )
        display = cls._compute(predictions, kind, n_bins, strategy)
        return display.plot(ax, label=label, highlight=highlight)

    @classmethod
    def _compute(
        cls, predictions: Predictions, kind: Any, n_bins: int, strategy: str
    ) -> ReliabilityDisplay:
        multilabel = isinstance(predictions, MultilabelPredictions)
        if kind is None:
            kind = "per_class" if multilabel else "top_label"
        if kind not in _KINDS:
            raise ValueError(invalid("`kind`", f"one of {format_list(_KINDS)}", describe(kind)))
        if multilabel and kind == "top_label":
            allowed = "None or 'per_class' if rows have any number of labels"
            raise ValueError(invalid("`kind`", allowed, describe(kind)))
        check_count("`n_bins`", n_bins)
        if strategy not in _STRATEGIES:
            allowed = f"one of {format_list(_STRATEGIES)}"
            raise ValueError(invalid("`strategy`", allowed, describe(strategy)))
        predictions = predictions.drop_zero_weight_rows()
        probabilities = require_probabilities(predictions)
        is_class, weight = predictions.is_class, predictions.sample_weight
        weights = np.ones(len(is_class)) if weight is None else weight

        def curve(name: Any, probability: np.ndarray, is_positive: np.ndarray) -> ReliabilityCurve:
            edges = equal_edges(n_bins)
            if strategy == "quantile":
                edges = weighted_quantiles(probability, weights, edges)
            return reliability_curve(name, probability, is_positive, weights, edges)

        if kind == "top_label":
            is_correct = probabilities.argmax(axis=1) == predictions.true
            return cls([curve(None, probabilities.max(axis=1), is_correct)], kind=kind)
        is_present = is_class.any(axis=0)
        curves = [
            curve(predictions.classes[k], probabilities[:, k], is_class[:, k])
            for k in np.flatnonzero(is_present)
        ]
        return cls(curves, kind=kind, absent=predictions.classes[~is_present].tolist())

    def plot(
        self, ax: Any = None, *, label: str | None = None, highlight: int = 5
    ) -> ReliabilityDisplay:
        """Draw the curves and, for ``kind="top_label"``, a histogram of the bins below.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            Axes to draw on; by default those of a new figure. With ``kind="top_label"``, pass two
            for curve and histogram, or one for the curve only.
        label : str, default=None
            Name of the curve in the legend, with ``kind="top_label"``.
        highlight : int, default=5
            Number of worst classes to color if there are more than ten classes.

        Returns
        -------
        ReliabilityDisplay
            The display itself.
        """
        caller = f"{type(self).__name__}.plot"
        require_pyplot(caller)
        self.histogram_: Any = None
        if self.kind == "top_label":
            self._plot_top_label(ax, caller, label)
        else:
            self._plot_classes(ax, caller, highlight)
        for axes in self.axes_:
            axes.set_xlim(-0.01, 1.01)
            style_axes(axes)
        return self

    def _plot_top_label(self, ax: Any, caller: str, label: str | None) -> None:
        (curve,) = self.curves
        n_axes = 1 if ax is not None and np.size(ax) == 1 else 2
        ratios = {"height_ratios": (4, 1)}
        self.axes_ = axes_for(
            ax, n_axes, caller, figsize=(4.6, 5.4), sharex=True, gridspec_kw=ratios
        )
        main, bottom = self.axes_[0], self.axes_[-1]
        self._draw_diagonal(main)
        filled = curve.weight > 0
        (line,) = main.plot(
            curve.predicted[filled],
            curve.observed[filled],
            markersize=5,
            linewidth=1.6,
            label=f"{label or 'predicted labels'}  (ECE {curve.error:.3f})",
        )
        self.lines_ = [line]
        if n_axes == 2:
            shares = curve.weight / curve.weight.sum()
            self.histogram_ = bottom.stairs(
                shares, curve.edges, color=line.get_color(), fill=True, alpha=0.5
            )
            bottom.set_ylabel("share of rows", color=INK)
        bottom.set_xlabel("confidence", color=INK)
        main.set_ylabel("accuracy", color=INK)
        main.legend(loc="upper left", frameon=False, fontsize="small", labelcolor=INK)

    def _plot_classes(self, ax: Any, caller: str, highlight: int) -> None:
        errors = np.array([curve.error for curve in self.curves])
        colors = class_colors(errors, highlight)
        width = 5.6 + label_width([curve.name for curve in self.curves] + ["perfectly calibrated"])
        self.axes_ = axes_for(ax, 1, caller, figsize=(width, 4.4))
        (main,) = self.axes_
        self._draw_diagonal(main)
        self.lines_ = []
        for curve, color in zip(self.curves, colors, strict=True):
            filled = curve.weight > 0
            self.lines_ += main.plot(
                curve.predicted[filled],
                curve.observed[filled],
                marker="o" if color else "",
                markersize=3,
                label=label_with_value(curve.name, curve.error),
                **class_line_style(color),
            )
        main.set_xlabel("mean predicted probability", color=INK)
        main.set_ylabel("share of rows of the class", color=INK)
        class_legend(
            main,
            self.lines_,
            "class  (calibration error)",
            errors,
            colors,
            others=[self.diagonal_],
            absent=self.absent,
        )

    def _draw_diagonal(self, ax: Any) -> None:
        self.figure_ = ax.figure
        label = "perfectly calibrated" if set_cycle_if_empty(ax) else None
        style = {"color": PALE, "linestyle": ":", "marker": "", "fillstyle": "none"}
        # Setting all of these leaves the cycle where it is.
        (self.diagonal_,) = ax.plot([0, 1], [0, 1], label=label, zorder=1.9, **style)
        ax.set_ylim(-0.01, 1.01)
