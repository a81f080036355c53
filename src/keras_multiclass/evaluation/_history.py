"""Pictures of a training run: loss and metrics by epoch."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid
from keras_multiclass.evaluation._drawing import (
    INK,
    PALE,
    as_names,
    as_written,
    axes_for,
    pyplot,
    tidy,
)

__all__ = ["TrainingHistoryDisplay"]

_VALIDATION = "val_"
_TRAINING_COLOUR, _VALIDATION_COLOUR = "#9ccbee", "#1f6fb2"  # two shades of one blue
# What is better when it is smaller, by a part of its name; all else is better when it is larger.
_SMALLER_IS_BETTER = (
    "loss",
    "error",
    "entropy",
    "hinge",
    "divergence",
    "poisson",
    "cosh",
    "false_",
    "mse",
    "mae",
    "mape",
    "msle",
)
_MODES = ("auto", "min", "max")


class TrainingHistoryDisplay:
    """Loss and metrics by epoch, with the best epoch marked.

    Make one with `from_estimator` or `from_history`, which also draw it.

    Parameters
    ----------
    history : dict of str to ndarray
        One number per epoch for each quantity: ``loss``, ``val_loss``, ...
    epochs : dict of str to ndarray of int
        The epochs, counted from 1, that the numbers of ``history`` belong to.
    monitor : str
        The quantity that says which epoch is best.
    best_epoch : int
        The best epoch, counted from 1.

    Attributes
    ----------
    figure_ : matplotlib Figure
        What was drawn on.
    axes_ : ndarray of matplotlib Axes
        One for each quantity.
    lines_ : dict of str to matplotlib Line2D
        The curves, by their names in ``history``.
    best_lines_ : dict of str to matplotlib Line2D
        The vertical lines at the best epoch, by quantity.
    best_markers_ : dict of str to matplotlib Line2D
        The marks of the values at the best epoch, by quantity.

    See Also
    --------
    ReliabilityDisplay : Whether probabilities can be trusted.
    PerClassDisplay : Precision, recall and F1 of each class.

    Notes
    -----
    A history does not tell where a list that is shorter than that of the loss begins. It is taken
    to begin with the first epoch: of a network that was trained without validation first, and with
    it after that, the validation is drawn too early.

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
        """Draw the history of a fitted classifier.

        Parameters
        ----------
        estimator : KerasMulticlassClassifier, Pipeline or search
            Fitted. Of a pipeline the last step counts, of a search the best estimator.
        monitor : str, default=None
            The quantity that says which epoch is best; by default ``val_loss``, or ``loss``
            without validation.
        mode : {"auto", "min", "max"}, default="auto"
            Whether small or large values of ``monitor`` are good. "auto" tells by the name:
            losses and errors are good when small, all else when large.
        ax : Axes or array of Axes, default=None
            Axes to draw on, as of `plot`.
        quantities : list of str, default=None
            What to draw, as of `plot`.

        Returns
        -------
        TrainingHistoryDisplay
            Drawn.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        classifier = _with_history(estimator)
        return cls.from_history(
            classifier.history_,
            monitor=monitor,
            mode=mode,
            validation_freq=classifier.get_params(deep=False).get("fit__validation_freq", 1),
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
        """Draw a history.

        Parameters
        ----------
        history : dict of str to list, or keras.callbacks.History
            One number per epoch for each quantity; ``val_`` marks those of validation rows.
            Quantities with several numbers per epoch are left out.
        monitor : str, default=None
            The quantity that says which epoch is best; by default ``val_loss``, or ``loss``
            without validation.
        mode : {"auto", "min", "max"}, default="auto"
            Whether small or large values of ``monitor`` are good. "auto" tells by the name:
            losses and errors are good when small, all else when large.
        validation_freq : int or collection of int, default=None
            After how many epochs there was a validation, or after which, as in
            ``keras.Model.fit``. By default it is concluded from the number of entries, where that
            leaves no doubt.
        ax : Axes or array of Axes, default=None
            Axes to draw on, as of `plot`.
        quantities : list of str, default=None
            What to draw, as of `plot`.

        Returns
        -------
        TrainingHistoryDisplay
            Drawn.
        """
        pyplot(f"{cls.__name__}.from_history")
        values = _read_history(history)
        epochs = _epochs(values, validation_freq)
        monitor = _check_monitor(monitor, values)
        best = _best(values[monitor], smaller_is_better=_is_minimal(monitor, mode))
        display = cls(values, epochs, monitor=monitor, best_epoch=int(epochs[monitor][best]))
        return display.plot(ax, quantities=quantities)

    def plot(
        self, ax: Any = None, *, quantities: Sequence[str] | None = None
    ) -> TrainingHistoryDisplay:
        """Draw each quantity in axes of its own, with training and validation as two lines.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            Axes to draw on, one for each quantity; by default those of a new figure. If it is one,
            the quantity of ``monitor`` is drawn.
        quantities : list of str, default=None
            What to draw, without ``val_``. By default all there is but the scores of each class,
            such as ``recall/fir``, which are many; that of ``monitor`` is drawn.

        Returns
        -------
        TrainingHistoryDisplay
            Itself.
        """
        caller = f"{type(self).__name__}.plot"
        pyplot(caller)
        names = self._chosen(ax, quantities)
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

    def _chosen(self, ax: Any, quantities: Sequence[str] | None) -> list[str]:
        bare = dict.fromkeys(name.removeprefix(_VALIDATION) for name in self.history)
        known = sorted(bare, key=lambda name: name != "loss")  # the loss first
        if quantities is None:
            monitored = self.monitor.removeprefix(_VALIDATION)
            if ax is not None and np.size(ax) == 1:
                return [monitored]
            return [name for name in known if "/" not in name or name == monitored]
        names = as_names(quantities, "`quantities`", known)
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            raise ValueError(
                invalid(
                    "`quantities`",
                    f"names from {format_list(known)}",
                    f"unknown {format_list(unknown)}" if unknown else "none",
                    did_you_mean(unknown[0], known).strip() if unknown else "",
                )
            )
        return names

    def _draw(self, ax: Any, quantity: str) -> None:
        styles = {
            quantity: ("training", _TRAINING_COLOUR),
            _VALIDATION + quantity: ("validation", _VALIDATION_COLOUR),
        }
        for name, (label, colour) in styles.items():
            if name in self.history:
                # One epoch alone makes no line.
                marker = "o" if len(self.history[name]) == 1 else None
                style = {"color": colour, "marker": marker, "markersize": 4, "linewidth": 1.8}
                (self.lines_[name],) = ax.plot(
                    self.epochs[name], self.history[name], label=label, **style
                )
        self.best_lines_[quantity] = ax.axvline(
            self.best_epoch,
            color=PALE,
            linestyle=":",
            zorder=1,
            label=as_written(f"best {self.monitor}: epoch {self.best_epoch}"),
        )
        for name in reversed(styles):
            value = self._at_best(name)
            if value is not None:
                self._mark(ax, quantity, value, styles[name][1])
                break
        ax.set_xlabel("epoch", color=INK)
        ax.set_title(as_written(quantity), loc="left", fontsize="medium", color=INK)
        ax.xaxis.get_major_locator().set_params(integer=True)
        tidy(ax)

    def _at_best(self, name: str) -> float | None:
        if name not in self.history:
            return None
        found = self.history[name][self.epochs[name] == self.best_epoch]
        return float(found[0]) if len(found) else None

    def _mark(self, ax: Any, quantity: str, value: float, colour: str) -> None:
        """Mark the value of the best epoch, and write it above, where it covers no line."""
        (self.best_markers_[quantity],) = ax.plot(
            self.best_epoch, value, "o", color=colour, markersize=7, markeredgecolor="white"
        )
        ax.set_title(f"{value:.3g}", loc="right", fontsize="medium", color=colour)


def _with_history(estimator: Any) -> Any:
    """Look into pipelines and searches for the classifier that was trained."""
    inner = estimator
    while not hasattr(inner, "history_"):
        if hasattr(inner, "best_estimator_"):
            inner = inner.best_estimator_
        elif hasattr(inner, "steps"):
            inner = inner.steps[-1][1]
        else:
            if hasattr(inner, "fit"):
                check_is_fitted(inner)
            raise ValueError(
                invalid(
                    "`estimator`",
                    "a fitted KerasMulticlassClassifier, or a pipeline or search that ends in one",
                    describe(estimator),
                    "Other histories are drawn by from_history.",
                )
            )
    return inner


def _read_history(history: Any) -> dict[str, np.ndarray]:
    found = getattr(history, "history", history)
    wanted = "a dict of lists of numbers, one per epoch, or a keras.callbacks.History"
    if not isinstance(found, Mapping):
        raise ValueError(invalid("`history`", wanted, describe(history)))
    values = {}
    for name, entries in found.items():
        try:
            array = np.asarray(entries, dtype=float)
        except (TypeError, ValueError):
            got = f"{describe(entries)} for {name!r}"
            raise ValueError(invalid("`history`", wanted, got)) from None
        if array.ndim == 1 and array.size:
            values[str(name)] = array
    if not values:
        raise ValueError(
            invalid("`history`", wanted, "one without any epoch", "Train for at least one epoch.")
        )
    return values


def _epochs(
    history: Mapping[str, np.ndarray], validation_freq: int | Iterable[int] | None
) -> dict[str, np.ndarray]:
    """Give the epochs of each quantity; those of validation rows may be fewer."""
    n_epochs = max(map(len, history.values()))
    epochs = {}
    for name, values in history.items():
        every = np.arange(1, n_epochs + 1)
        if name.startswith(_VALIDATION):
            every = every[_due(every, _frequency(validation_freq, n_epochs, len(values)))]
        if len(every) < len(values):
            raise _wrong_frequency(f"{len(values)} entries of {name!r} in {n_epochs} epochs")
        # Later epochs may have had no validation: `partial_fit` has none.
        epochs[name] = every[: len(values)]
    return epochs


def _due(epochs: np.ndarray, frequency: int | Container[int]) -> np.ndarray:
    """Tell after which epochs there was a validation, as ``keras.Model.fit`` does."""
    if isinstance(frequency, (int, np.integer)):
        return np.asarray(epochs % frequency == 0)
    return np.array([epoch in frequency for epoch in epochs.tolist()])


def _frequency(given: Any, n_epochs: int, n_entries: int) -> int | Container[int]:
    if given is None:
        possible = [n for n in range(1, n_epochs + 1) if n_epochs // n == n_entries]
        if len(possible) != 1:
            raise _wrong_frequency(f"{n_entries} validations in {n_epochs} epochs")
        return possible[0]
    if isinstance(given, (int, np.integer)) and given >= 1:
        return int(given)
    if isinstance(given, Iterable) and not isinstance(given, str):
        return set(given)
    raise ValueError(
        invalid("`validation_freq`", "an integer of at least 1 or epochs", describe(given))
    )


def _wrong_frequency(got: str) -> ValueError:
    return ValueError(
        invalid(
            "`validation_freq`",
            "what the training had, for the number of entries does not tell",
            got,
            "Give the number, or the epochs, with which validation took place.",
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


def _is_minimal(monitor: str, mode: str) -> bool:
    if mode not in _MODES:
        raise ValueError(invalid("`mode`", f"one of {format_list(_MODES)}", describe(mode)))
    if mode == "auto":
        score, _, _ = monitor.partition("/")  # "recall/lost" is the recall of a class "lost"
        return any(part in score for part in _SMALLER_IS_BETTER)
    return mode == "min"


def _best(values: np.ndarray, *, smaller_is_better: bool) -> int:
    """Return the first of the best entries; NaN is never best."""
    badness = values if smaller_is_better else -values
    return int(np.argmin(np.where(np.isnan(badness), np.inf, badness)))
