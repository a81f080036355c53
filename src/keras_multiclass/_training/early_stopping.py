"""Early stopping: the parameter checked, its defaults, and the Keras callback it becomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import keras
import numpy as np

from keras_multiclass._network.objective import CALIBRATED_LOSS
from keras_multiclass._shared.checks import is_count, is_flag, is_integer, is_number
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid, warn
from keras_multiclass._shared.signatures import accepted_parameters
from keras_multiclass._shared.typing import History
from keras_multiclass._training.checks import Check, one_of

StoppingArguments: TypeAlias = Mapping[str, object]
"""Arguments of ``keras.callbacks.EarlyStopping``."""

DEFAULT_PATIENCE = 10
DEFAULT_VALIDATION_SPLIT = 0.1

_NOT_NEGATIVE = Check(
    "an integer of at least 0", lambda v: is_count(v) or (is_integer(v) and v == 0)
)
_ARGUMENTS: dict[str, Check] = {
    "monitor": Check("the name of the loss or of a metric", lambda v: isinstance(v, str)),
    "min_delta": Check("a finite number", is_number),
    "patience": _NOT_NEGATIVE,
    "mode": Check("'auto', 'min' or 'max'", one_of("auto", "min", "max")),
    "baseline": Check("None or a finite number", lambda v: v is None or is_number(v)),
    "restore_best_weights": Check("True or False", is_flag),
    "start_from_epoch": _NOT_NEGATIVE,
}


def invalid_arguments(arguments: StoppingArguments) -> list[str]:
    """Return an error message for each value that Keras would not check itself."""
    return [
        invalid(f"`early_stopping[{name!r}]`", check.allowed, describe(arguments[name]))
        for name, check in _ARGUMENTS.items()
        if name in arguments and not check.accepts(arguments[name])
    ]


def resolve_early_stopping(
    value: object, patience: int = DEFAULT_PATIENCE, metric: str = "loss"
) -> StoppingArguments | None:
    """Convert the parameter `early_stopping`, without ``"auto"``, to arguments of the callback.

    Parameters
    ----------
    value : bool, int or mapping
        The checked parameter.
    patience : int, default=10
        The patience unless the parameter holds one.
    metric : str, default="loss"
        What is monitored on the validation rows unless the parameter says so.

    Returns
    -------
    mapping or None
        None for no early stopping.
    """
    defaults = {"monitor": f"val_{metric}", "patience": patience, "restore_best_weights": True}
    if isinstance(value, Mapping):
        return {**defaults, **value}
    if is_flag(value):
        return defaults if value else None
    return {**defaults, "patience": int(value)}  # type: ignore[call-overload]


def build_early_stopping(
    arguments: StoppingArguments, metric_modes: Mapping[str, str | None], *, logs_any: bool = False
) -> FiniteEarlyStopping:
    """Build the callback.

    Parameters
    ----------
    arguments : mapping
        What `resolve_early_stopping` returned.
    metric_modes : mapping of str to {"min", "max", None}
        For each quantity that is logged, whether lower or higher values are better.
    logs_any : bool, default=False
        Whether the model may log other quantities, which the first epoch will tell.

    Returns
    -------
    FiniteEarlyStopping
        With a ``mode`` that fits what it monitors.

    Raises
    ------
    ValueError
        If the callback has no such argument, if the monitored quantity is not logged, or if it is
        unknown whether lower or higher values are better.
    """
    accepted = accepted_parameters(keras.callbacks.EarlyStopping).names
    for name in arguments:
        if name not in accepted:
            raise ValueError(
                "`early_stopping` must hold arguments of keras.callbacks.EarlyStopping "
                f"({format_list(accepted)}); got {name!r}.{did_you_mean(name, accepted)}"
            )
    return FiniteEarlyStopping(**_with_mode(arguments, metric_modes, logs_any))


def _with_mode(
    arguments: StoppingArguments, metric_modes: Mapping[str, str | None], logs_any: bool
) -> StoppingArguments:
    monitor = arguments["monitor"]
    if monitor in ("loss", "val_loss"):
        return arguments
    known = {**{f"val_{name}": mode for name, mode in metric_modes.items()}, **metric_modes}
    if monitor not in known and not logs_any:
        # The calibrated loss need not be a metric to be monitored.
        similar = did_you_mean(str(monitor), [*known, f"val_{CALIBRATED_LOSS}"])
        raise ValueError(
            f"`early_stopping` must monitor one of {format_list(known)}; got {describe(monitor)}."
            f"{similar} A monitored metric must be in `metrics` and be a single number."
        )
    if arguments.get("mode", "auto") != "auto":
        return arguments
    mode = known.get(str(monitor))
    if mode is None:
        raise ValueError(
            f"`early_stopping` must have a 'mode', 'min' or 'max', to monitor {monitor!r}; got "
            "none, and it is unknown whether higher or lower is better. Pass early_stopping="
            f"{{'monitor': {monitor!r}, 'mode': 'max'}}."
        )
    return {**arguments, "mode": mode}


class FiniteEarlyStopping(keras.callbacks.EarlyStopping):
    """Early stopping that never takes NaN or infinity for the best value.

    Keras takes the first value for the best so far, and nothing is better than NaN. Here epochs
    before the first finite value do not count, and later ones without a finite value are no
    improvement. Epochs without validation do not count either, without a warning. Another quantity
    that is not logged is an error.
    """

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Compare an epoch with the best so far.

        Parameters
        ----------
        epoch : int
            Number of the epoch, from 0.
        logs : mapping, default=None
            Loss and metrics.

        Raises
        ------
        ValueError
            If the monitored quantity is not among them.
        """
        self._check_logged(logs or {})
        value = (logs or {}).get(self.monitor)
        if value is None and self.monitor.startswith("val_"):
            return  # `fit__validation_freq`
        if value is not None and not np.isfinite(value):
            if self.best is None:
                return
            logs = {**(logs or {}), self.monitor: np.nan}
        super().on_epoch_end(epoch, logs)

    def _check_logged(self, logs: Mapping[str, Any]) -> None:
        # Not every epoch has to be validated.
        is_missing = not self.monitor.startswith("val_") or any(n.startswith("val_") for n in logs)
        if self.monitor in logs or not is_missing:
            return
        numbers = [name for name, value in logs.items() if np.ndim(value) == 0]
        example = next((name for name in reversed(numbers) if name.startswith("val_")), "val_loss")
        raise ValueError(
            f"`early_stopping` must monitor one of {format_list(numbers)}, which the network logs; "
            f"got {self.monitor!r}. Pass early_stopping={{'monitor': {example!r}, 'mode': 'min'}}, "
            "or 'max' if higher is better."
        )


def warn_of_undefined(
    callbacks: Iterable[keras.callbacks.Callback], history: History, first_epoch: int
) -> None:
    """Warn if what callbacks monitor was NaN or infinite.

    Parameters
    ----------
    callbacks : iterable of keras.callbacks.Callback
        The callbacks of a training run.
    history : dict of str to list
        What the run logged.
    first_epoch : int
        Number of its first epoch, from 0.
    """
    for callback in callbacks:
        if isinstance(callback, FiniteEarlyStopping) and callback.monitor not in history:
            warn(
                f"{callback.monitor!r}, monitored by `early_stopping`, was not computed in any "
                "epoch. Lower `fit__validation_freq`."
            )
    monitoring: dict[str, list[keras.callbacks.Callback]] = {}
    for callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if isinstance(monitor, str) and monitor in history:
            monitoring.setdefault(monitor, []).append(callback)
    for monitor, users in monitoring.items():
        values = np.asarray(history[monitor], dtype=np.float64)
        undefined = np.flatnonzero(~np.isfinite(values))
        if len(undefined) and values.ndim == 1:
            warn(
                f"{monitor!r}, monitored by {_names_of(users)}, must be finite; got "
                f"{values[undefined[0]]} in {len(undefined)} of {len(values)} epochs, first in "
                f"epoch {first_epoch + undefined[0] + 1}. {_effect(users, values)} Usual causes: "
                "a class without validation rows, an extreme value in the validation rows, or "
                "float16 overflow (use dtype='float32').",
            )


def _names_of(callbacks: Iterable[keras.callbacks.Callback]) -> str:
    names = dict.fromkeys(
        "`early_stopping`" if isinstance(c, FiniteEarlyStopping) else type(c).__name__
        for c in callbacks
    )
    return " and ".join(names)


def _effect(callbacks: Iterable[keras.callbacks.Callback], values: np.ndarray) -> str:
    if not all(isinstance(c, FiniteEarlyStopping) for c in callbacks):
        return "Keras' callbacks take an initial NaN for the best value; `early_stopping` does not."
    if np.isfinite(values).any():
        return "These epochs were ignored."
    return "There is no best epoch, so the weights are those of the last one."
