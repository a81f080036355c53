"""Plot a training run: loss and metrics by epoch."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid
from keras_multiclass.evaluation._drawing import (
    INK,
    PALE,
    axes_for,
    check_names,
    escape_math,
    require_pyplot,
    style_axes,
)
from keras_multiclass.evaluation._predictions import find_inside

__all__ = ["TrainingHistoryDisplay"]

_VALIDATION = "val_"
_TRAINING_COLOR, _VALIDATION_COLOR = "#9ccbee", "#1f6fb2"  # two shades of the same blue
_MODES = ("auto", "min", "max")


class TrainingHistoryDisplay:
    """Loss and metrics by epoch, with the best epoch marked.

    Create one with `from_estimator` or `from_history`, which also draw it.

    Parameters
    ----------
    history : dict of str to ndarray
        One number per epoch for each quantity: ``loss``, ``val_loss``, ...
    epochs : dict of str to ndarray of int
        Epochs of the numbers in ``history``, counted from 1.
    monitor : str
        Quantity that determines the best epoch.
    best_epoch : int
        Best epoch, counted from 1.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure containing the curves.
    axes_ : ndarray of matplotlib Axes
        One per quantity.
    lines_ : dict of str to matplotlib Line2D
        Curves, by name in ``history``.
    best_lines_ : dict of str to matplotlib Line2D
        Vertical lines at the best epoch, by quantity.
    best_markers_ : dict of str to matplotlib Line2D
        Markers of the values at the best epoch, by quantity.

    See Also
    --------
    ReliabilityDisplay : Whether probabilities can be trusted.
    PerClassDisplay : Precision, recall and F1 of each class.

    Notes
    -----
    A quantity that was recorded in some epochs only, such as a metric added before a warm start, is
    drawn from the first epoch on.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from keras_multiclass.evaluation import TrainingHistoryDisplay
    >>> history = {"loss": [1.0, 0.6, 0.4], "val_loss": [1.1, 0.8, 0.9]}
    >>> axes = Figure().subplots()
    >>> display = TrainingHistoryDisplay.from_history(history, ax=axes)
    >>> display.best_epoch
    2
    """

    def __init__(
        self,
        history: Mapping[str, np.ndarray],
        epochs: Mapping[str, np.ndarray],
        *,
        monitor: str,
        best_epoch: int,
    ) -> None:
        self.history = history
        self.epochs = epochs
        self.monitor = monitor
        self.best_epoch = best_epoch

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        monitor: str | None = None,
        mode: Literal["auto", "min", "max"] = "auto",
        ax: Any = None,
        quantities: Sequence[str] | None = None,
    ) -> TrainingHistoryDisplay:
        """Plot the history of a fitted classifier.

        Parameters
        ----------
        estimator : KerasMulticlassClassifier, Pipeline or search
            Fitted. The last step of a pipeline and the best estimator of a search are used.
        monitor : str, default=None
            Quantity that determines the best epoch; by default ``val_loss``, or ``loss`` without
            validation.
        mode : {"auto", "min", "max"}, default="auto"
            Whether lower or higher values of ``monitor`` are better. "auto" follows the
            classifier's ``metric_modes_``.
        ax : Axes or array of Axes, default=None
            Axes to draw on, see `plot`.
        quantities : list of str, default=None
            Quantities to draw, see `plot`.

        Returns
        -------
        TrainingHistoryDisplay
            The display, already drawn.
        """
        require_pyplot(f"{cls.__name__}.from_estimator")
        classifier = _find_classifier(estimator)
        monitor = _check_monitor(monitor, _read_history(classifier.history_))
        if mode == "auto":
            mode = getattr(classifier, "metric_modes_", {}).get(monitor) or "auto"
        return cls.from_history(
            classifier.history_,
            monitor=monitor,
            mode=mode,
            # Without validation, only a callback can have logged ``val_`` values.
            validation_freq=getattr(classifier, "validated_epochs_", None) or 1,
            ax=ax,
            quantities=quantities,
        )

    @classmethod
    def from_history(
        cls,
        history: Any,
        *,
        monitor: str | None = None,
        mode: Literal["auto", "min", "max"] = "auto",
        validation_freq: int | Iterable[int] | None = None,
        ax: Any = None,
        quantities: Sequence[str] | None = None,
    ) -> TrainingHistoryDisplay:
        """Plot a history.

        Parameters
        ----------
        history : dict of str to list, or keras.callbacks.History
            One number per epoch for each quantity; the prefix ``val_`` marks validation.
            Quantities with several numbers per epoch are left out.
        monitor : str, default=None
            Quantity that determines the best epoch; by default ``val_loss``, or ``loss`` without
            validation.
        mode : {"auto", "min", "max"}, default="auto"
            Whether lower or higher values of ``monitor`` are better. "auto" is enough for
            ``loss`` and ``val_loss``; a history does not say it of metrics.
        validation_freq : int or collection of int, default=None
            Number of epochs from one validation to the next, or the epochs after which validation
            ran, as in ``keras.Model.fit``. By default it is inferred from the number of entries
            if only one frequency fits.
        ax : Axes or array of Axes, default=None
            Axes to draw on, see `plot`.
        quantities : list of str, default=None
            Quantities to draw, see `plot`.

        Returns
        -------
        TrainingHistoryDisplay
            The display, already drawn.
        """
        require_pyplot(f"{cls.__name__}.from_history")
        values = _read_history(history)
        epochs = _epochs_of(values, validation_freq)
        monitor = _check_monitor(monitor, values)
        best = _best_entry(values[monitor], _check_mode(mode, monitor))
        display = cls(values, epochs, monitor=monitor, best_epoch=int(epochs[monitor][best]))
        return display.plot(ax, quantities=quantities)

    def plot(
        self, ax: Any = None, *, quantities: Sequence[str] | None = None
    ) -> TrainingHistoryDisplay:
        """Draw each quantity on its own axes, with one line for training and one for validation.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            Axes to draw on, one per quantity; by default those of a new figure. On a single Axes,
            only the quantity of ``monitor`` is drawn.
        quantities : list of str, default=None
            Quantities to draw, without ``val_``. By default all except the scores of individual
            classes, such as ``recall/fir``; that of ``monitor`` is always drawn.

        Returns
        -------
        TrainingHistoryDisplay
            The display itself.
        """
        caller = f"{type(self).__name__}.plot"
        require_pyplot(caller)
        names = self._select(ax, quantities)
        columns = 2 if len(names) == 4 else min(len(names), 3)
        size = (1 + 3.2 * columns, 3.0 * -(-len(names) // columns))
        self.axes_ = axes_for(ax, len(names), caller, figsize=size, columns=columns)
        self.figure_ = self.axes_[0].figure
        self.lines_: dict[str, Any] = {}
        self.best_lines_: dict[str, Any] = {}
        self.best_markers_: dict[str, Any] = {}
        for axes, name in zip(self.axes_, names, strict=True):
            self._draw(axes, name)
        self.axes_[0].legend(edgecolor="none", fontsize="small", labelcolor=INK)
        return self

    def _select(self, ax: Any, quantities: Sequence[str] | None) -> list[str]:
        """Return the quantities to draw, the loss first."""
        bare = dict.fromkeys(name.removeprefix(_VALIDATION) for name in self.history)
        available = sorted(bare, key=lambda name: name != "loss")
        if quantities is not None:
            return check_names(quantities, "`quantities`", available)
        monitored = self.monitor.removeprefix(_VALIDATION)
        if ax is not None and np.size(ax) == 1:
            return [monitored]
        return [name for name in available if "/" not in name or name == monitored]

    def _draw(self, ax: Any, quantity: str) -> None:
        styles = {
            quantity: ("training", _TRAINING_COLOR),
            _VALIDATION + quantity: ("validation", _VALIDATION_COLOR),
        }
        for name, (label, color) in styles.items():
            if name in self.history:
                # A single epoch has no line.
                marker = "o" if len(self.history[name]) == 1 else None
                style = {"color": color, "marker": marker, "markersize": 4, "linewidth": 1.8}
                (self.lines_[name],) = ax.plot(
                    self.epochs[name], self.history[name], label=label, **style
                )
        self.best_lines_[quantity] = ax.axvline(
            self.best_epoch,
            color=PALE,
            linestyle=":",
            zorder=1,
            label=escape_math(f"best {self.monitor}: epoch {self.best_epoch}"),
        )
        for name in reversed(styles):
            value = self._value_at_best(name)
            if value is not None:
                self._mark(ax, quantity, value, styles[name][1])
                break
        ax.set_xlabel("epoch", color=INK)
        ax.set_title(escape_math(quantity), loc="left", fontsize="medium", color=INK)
        ax.xaxis.get_major_locator().set_params(integer=True)
        style_axes(ax)

    def _value_at_best(self, name: str) -> float | None:
        if name not in self.history:
            return None
        values = self.history[name][self.epochs[name] == self.best_epoch]
        return float(values[0]) if len(values) else None

    def _mark(self, ax: Any, quantity: str, value: float, color: str) -> None:
        """Mark the value at the best epoch, and write it above the axes, clear of the lines."""
        (self.best_markers_[quantity],) = ax.plot(
            self.best_epoch, value, "o", color=color, markersize=7, markeredgecolor="white"
        )
        ax.set_title(f"{value:.3g}", loc="right", fontsize="medium", color=color)


def _find_classifier(estimator: Any) -> Any:
    """Find the trained classifier inside pipelines and searches."""
    inner = find_inside(estimator, "history_")
    if hasattr(inner, "history_"):
        return inner
    if hasattr(inner, "fit"):
        check_is_fitted(inner)
    raise ValueError(
        invalid(
            "`estimator`",
            "a fitted classifier of keras_multiclass, or a pipeline or search that ends in one",
            describe(estimator),
            "Draw other histories with from_history.",
        )
    )


def _read_history(history: Any) -> dict[str, np.ndarray]:
    entries = getattr(history, "history", history)
    allowed = "a dict of lists of numbers, one per epoch, or a keras.callbacks.History"
    if not isinstance(entries, Mapping):
        raise ValueError(invalid("`history`", allowed, describe(history)))
    values = {}
    for name, numbers in entries.items():
        try:
            array = np.asarray(numbers, dtype=float)
        except (TypeError, ValueError):
            got = f"{describe(numbers)} for {name!r}"
            raise ValueError(invalid("`history`", allowed, got)) from None
        if array.ndim == 1 and array.size:
            values[str(name)] = array
    if not values:
        raise ValueError(
            invalid("`history`", allowed, "one without any epoch", "Train for at least one epoch.")
        )
    return values


def _epochs_of(
    history: Mapping[str, np.ndarray], validation_freq: int | Iterable[int] | None
) -> dict[str, np.ndarray]:
    """Return the epochs of each quantity; validation need not run after each of them."""
    n_epochs = max(map(len, history.values()))
    epochs = {}
    for name, values in history.items():
        candidates = np.arange(1, n_epochs + 1)
        if name.startswith(_VALIDATION):
            frequency = _check_frequency(validation_freq, n_epochs, len(values))
            candidates = candidates[_is_validated(candidates, frequency)]
        if len(candidates) < len(values):
            raise _wrong_frequency(f"{len(values)} entries of {name!r} in {n_epochs} epochs")
        # Validation may have ended earlier: `partial_fit` has none.
        epochs[name] = candidates[: len(values)]
    return epochs


def _is_validated(epochs: np.ndarray, frequency: int | Container[int]) -> np.ndarray:
    """Return whether validation ran after each epoch, as in ``keras.Model.fit``."""
    if isinstance(frequency, int):
        return np.asarray(epochs % frequency == 0)
    return np.array([epoch in frequency for epoch in epochs.tolist()])


def _check_frequency(value: Any, n_epochs: int, n_entries: int) -> int | Container[int]:
    if value is None:
        possible = [n for n in range(1, n_epochs + 1) if n_epochs // n == n_entries]
        if len(possible) != 1:
            raise _wrong_frequency(f"{n_entries} validations in {n_epochs} epochs")
        return possible[0]
    if isinstance(value, (int, np.integer)) and value >= 1:
        return int(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return set(value)
    raise ValueError(
        invalid("`validation_freq`", "an integer of at least 1 or epochs", describe(value))
    )


def _wrong_frequency(got: str) -> ValueError:
    return ValueError(
        invalid(
            "`validation_freq`",
            "that of the training, which the number of entries does not determine",
            got,
            "Pass the number of epochs between validations, or the epochs with validation.",
        )
    )


def _check_monitor(monitor: str | None, history: Mapping[str, np.ndarray]) -> str:
    if monitor is None:
        return next(name for name in ("val_loss", "loss", *history) if name in history)
    if monitor not in list(history):
        raise ValueError(
            invalid(
                "`monitor`",
                f"None or one of {format_list(history)}",
                describe(monitor),
                did_you_mean(monitor, history).strip(),
            )
        )
    return monitor


def _check_mode(mode: str, monitor: str) -> str:
    """Return "min" or "max"; "auto" is resolved only for the loss."""
    if mode not in _MODES:
        raise ValueError(invalid("`mode`", f"one of {format_list(_MODES)}", describe(mode)))
    if mode != "auto":
        return mode
    if monitor.removeprefix(_VALIDATION) == "loss":
        return "min"
    raise ValueError(
        invalid(
            "`mode`",
            f"'min' or 'max' to monitor {monitor!r}",
            "'auto', and it is not known which values are better",
            "Pass mode='min' if lower values are better, else mode='max'.",
        )
    )


def _best_entry(values: np.ndarray, mode: str) -> int:
    """Return the index of the first of the best values; NaN is never best."""
    badness = values if mode == "min" else -values
    return int(np.argmin(np.where(np.isnan(badness), np.inf, badness)))
