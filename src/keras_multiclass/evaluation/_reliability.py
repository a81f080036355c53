"""Reliability diagrams of many classes: whether probabilities come true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from keras_multiclass._data.statistics import weighted_quantiles
from keras_multiclass._shared.messages import describe, format_list, invalid
from keras_multiclass.evaluation._bins import ReliabilityCurve, bin_rows, equal_edges
from keras_multiclass.evaluation._checks import check_count
from keras_multiclass.evaluation._drawing import (
    INK,
    PALE,
    axes_for,
    class_colours,
    class_style,
    is_fresh,
    legend_of_classes,
    named_value,
    probabilities_of,
    pyplot,
    tidy,
    width_of,
)
from keras_multiclass.evaluation._predictions import Predictions

__all__ = ["ReliabilityDisplay"]

_KINDS = ("top_label", "per_class")
_STRATEGIES = ("uniform", "quantile")


class ReliabilityDisplay:
    """Reliability diagram: how often what is predicted with some probability comes true.

    Make one with `from_estimator` or `from_predictions`, which also draw it. Points below the
    diagonal are predictions that are too sure. To compare several classifiers, draw them on the
    same axes, each with a ``label``.

    Parameters
    ----------
    curves : list of ReliabilityCurve
        One for ``kind="top_label"``, else one for each class with rows.
    kind : {"top_label", "per_class"}
        What the curves are of.
    absent : list, default=()
        Labels of classes without rows.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        Those of the curves and, if there is one, of the histogram.
    figure_ : matplotlib Figure
        Their figure.
    lines_ : list of matplotlib Line2D
        As ``curves``, without empty bins.
    diagonal_ : matplotlib Line2D
        Where perfectly calibrated probabilities would be.
    histogram_ : matplotlib StepPatch or None
        Which part of the rows is in each bin.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : The same for two classes.

    Notes
    -----
    ``kind="top_label"`` looks at the largest probability of each row and whether that class is
    right [1]_. The expected calibration error, the mean distance from the diagonal weighted by the
    rows, is then that of the paper's equation 3. ``kind="per_class"`` looks at the probabilities of
    each class and which rows are of it.

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
        y: Any,
        *,
        sample_weight: Any = None,
        kind: Literal["top_label", "per_class"] = "top_label",
        n_bins: int = 15,
        strategy: Literal["uniform", "quantile"] = "uniform",
        ax: Any = None,
        label: str | None = None,
        highlight: int = 5,
    ) -> ReliabilityDisplay:
        """Let a fitted classifier predict, and draw.

        Parameters
        ----------
        estimator : classifier
            Any fitted scikit-learn classifier with ``predict_proba``.
        X : array-like of shape (n_samples, ...)
            Features of rows that were not trained on.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        kind : {"top_label", "per_class"}, default="top_label"
            The probabilities of the predicted labels, or of each class.
        n_bins : int, default=15
            Number of bins.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of equal width, or with equally many rows.
        ax : Axes or array of Axes, default=None
            Axes to draw on, as of `plot`.
        label : str, default=None
            What the legend says of the curve.
        highlight : int, default=5
            How many of the worst classes get a colour, if there are more than ten.

        Returns
        -------
        ReliabilityDisplay
            Drawn.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        found = Predictions.from_estimator(estimator, X, y, sample_weight=sample_weight)
        computed = cls._computed(found, kind, n_bins, strategy)
        return computed.plot(ax, label=label, highlight=highlight)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_proba: Any,
        *,
        labels: Any = None,
        sample_weight: Any = None,
        kind: Literal["top_label", "per_class"] = "top_label",
        n_bins: int = 15,
        strategy: Literal["uniform", "quantile"] = "uniform",
        ax: Any = None,
        label: str | None = None,
        highlight: int = 5,
    ) -> ReliabilityDisplay:
        """Draw the reliability of probabilities that were predicted before.

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
        kind : {"top_label", "per_class"}, default="top_label"
            The probabilities of the predicted labels, or of each class.
        n_bins : int, default=15
            Number of bins.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of equal width, or with equally many rows.
        ax : Axes or array of Axes, default=None
            Axes to draw on, as of `plot`.
        label : str, default=None
            What the legend says of the curve.
        highlight : int, default=5
            How many of the worst classes get a colour, if there are more than ten.

        Returns
        -------
        ReliabilityDisplay
            Drawn.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        found = Predictions.from_predictions(
            y_true, y_proba=y_proba, labels=labels, sample_weight=sample_weight
        )
        computed = cls._computed(found, kind, n_bins, strategy)
        return computed.plot(ax, label=label, highlight=highlight)

    @classmethod
    def _computed(
        cls, predictions: Predictions, kind: Any, n_bins: int, strategy: str
    ) -> ReliabilityDisplay:
        if kind not in _KINDS:
            raise ValueError(invalid("`kind`", f"one of {format_list(_KINDS)}", describe(kind)))
        check_count("`n_bins`", n_bins)
        if strategy not in _STRATEGIES:
            allowed = f"one of {format_list(_STRATEGIES)}"
            raise ValueError(invalid("`strategy`", allowed, describe(strategy)))
        found = predictions.drop_zero_weight_rows()
        probabilities = probabilities_of(found)
        weight = np.ones(len(found.true)) if found.sample_weight is None else found.sample_weight

        def curve(name: Any, probability: np.ndarray, came_true: np.ndarray) -> ReliabilityCurve:
            edges = equal_edges(n_bins)
            if strategy == "quantile":
                edges = weighted_quantiles(probability, weight, edges)
            return bin_rows(name, probability, came_true, weight, edges)

        if kind == "top_label":
            right = probabilities.argmax(axis=1) == found.true
            return cls([curve(None, probabilities.max(axis=1), right)], kind=kind)
        is_there = np.isin(np.arange(found.n_classes), found.true)
        curves = [
            curve(found.classes[k], probabilities[:, k], found.true == k)
            for k in np.flatnonzero(is_there)
        ]
        return cls(curves, kind=kind, absent=found.classes[~is_there].tolist())

    def plot(
        self, ax: Any = None, *, label: str | None = None, highlight: int = 5
    ) -> ReliabilityDisplay:
        """Draw the curves and, beneath that of the predicted labels, a histogram of the bins.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            Axes to draw on; by default those of a new figure. With ``kind="top_label"`` they may be
            two, for curve and histogram, or one, without histogram.
        label : str, default=None
            What the legend says of the curve, with ``kind="top_label"``.
        highlight : int, default=5
            How many of the worst classes get a colour, if there are more than ten.

        Returns
        -------
        ReliabilityDisplay
            Itself.
        """
        caller = f"{type(self).__name__}.plot"
        pyplot(caller)
        self.histogram_: Any = None
        if self.kind == "top_label":
            self._plot_top_label(ax, caller, label)
        else:
            self._plot_classes(ax, caller, highlight)
        for axes in self.axes_:
            axes.set_xlim(-0.01, 1.01)
            tidy(axes)
        return self

    def _plot_top_label(self, ax: Any, caller: str, label: str | None) -> None:
        (curve,) = self.curves
        n_axes = 1 if ax is not None and np.size(ax) == 1 else 2
        ratios = {"height_ratios": (4, 1)}
        self.axes_ = axes_for(
            ax, n_axes, caller, figsize=(4.6, 5.4), sharex=True, gridspec_kw=ratios
        )
        main, last = self.axes_[0], self.axes_[-1]
        self._frame(main)
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
            self.histogram_ = last.stairs(
                shares, curve.edges, color=line.get_color(), fill=True, alpha=0.5
            )
            last.set_ylabel("share of rows", color=INK)
        last.set_xlabel("confidence", color=INK)
        main.set_ylabel("accuracy", color=INK)
        main.legend(loc="upper left", frameon=False, fontsize="small", labelcolor=INK)

    def _plot_classes(self, ax: Any, caller: str, highlight: int) -> None:
        errors = np.array([curve.error for curve in self.curves])
        colours = class_colours(errors, highlight)
        width = 5.6 + width_of([curve.name for curve in self.curves] + ["perfectly calibrated"])
        self.axes_ = axes_for(ax, 1, caller, figsize=(width, 4.4))
        (main,) = self.axes_
        self._frame(main)
        self.lines_ = []
        for curve, colour in zip(self.curves, colours, strict=True):
            filled = curve.weight > 0
            self.lines_ += main.plot(
                curve.predicted[filled],
                curve.observed[filled],
                marker="o" if colour else "",
                markersize=3,
                label=named_value(curve.name, curve.error),
                **class_style(colour),
            )
        main.set_xlabel("mean predicted probability", color=INK)
        main.set_ylabel("share of rows of the class", color=INK)
        title = "class  (calibration error)"
        others = [self.diagonal_]
        legend_of_classes(
            main, self.lines_, title, errors, colours, others=others, absent=self.absent
        )

    def _frame(self, ax: Any) -> None:
        self.figure_ = ax.figure
        label = "perfectly calibrated" if is_fresh(ax) else None
        style = {"color": PALE, "linestyle": ":", "marker": "", "fillstyle": "none"}
        # With all of these given it takes no colour from the cycle.
        (self.diagonal_,) = ax.plot([0, 1], [0, 1], label=label, zorder=1.9, **style)
        ax.set_ylim(-0.01, 1.01)
