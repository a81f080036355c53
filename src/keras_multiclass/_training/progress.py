"""Show the progress of a fit: a single live line, or one line per epoch.

All output is written to the current ``sys.stdout``.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import keras
import numpy as np

from keras_multiclass._shared.keras.epoch_callbacks import EpochListener
from keras_multiclass._shared.messages import printable

_SECONDS_BETWEEN_UPDATES = 0.25
_SECONDS_BETWEEN_LOG_LINES = 10.0
_LONG_EPOCH = 1.0  # seconds after which the steps of an epoch are shown too
_NOTEBOOK_WIDTH = 100
_MAX_BAR = 30
_MIN_BAR = 5

Callbacks = tuple[keras.callbacks.Callback, ...]


class Progress:
    """Progress display of a fit; this base class shows nothing."""

    def append_to(self, callbacks: Callbacks) -> Callbacks:
        """Append the display to callbacks, some of which may stop the training.

        Parameters
        ----------
        callbacks : tuple of keras.callbacks.Callback
            The other callbacks.

        Returns
        -------
        tuple of keras.callbacks.Callback
            The callbacks, followed by the display if it is a callback itself.
        """
        return callbacks

    def abandon(self) -> None:
        """Move the cursor to a new line for an error message."""


@contextlib.contextmanager
def show_progress(verbose: int) -> Iterator[Progress]:
    """Show the progress of the fit that runs inside.

    Parameters
    ----------
    verbose : {0, 1, 2}
        0 for no output, 1 for a live line, 2 for one line per epoch.

    Yields
    ------
    Progress
        Display to append to the callbacks of the fit.
    """
    progress = (Progress, ProgressLine, EpochLines)[verbose]()
    try:
        yield progress
    except BaseException:
        progress.abandon()
        raise


class EpochLines(Progress, keras.callbacks.Callback):
    """Write one line at the end of each epoch."""

    def append_to(self, callbacks: Callbacks) -> Callbacks:
        """Append the display to callbacks; see `Progress.append_to`."""
        return (*callbacks, self)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Start timing the epoch."""
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write the line of the epoch."""
        seconds = time.monotonic() - self._began
        values = [
            f"{printable(name)} {_format_number(v):7}" for name, v in _overall_scalars(logs).items()
        ]
        count = _fraction(epoch + 1, self.params["epochs"])
        _write(_join([f"epoch {count}", *values, _format_duration(seconds)]) + "\n")


class ProgressLine(Progress, EpochListener):
    """Update a single line at most a few times per second, and end it with a summary."""

    def __init__(self) -> None:
        super().__init__()
        self._display = _choose_display()
        self._stopper: keras.callbacks.EarlyStopping | None = None
        self._logs: dict[str, Any] = {}
        self._first_epoch = 0
        self._n_epochs = 0
        self._epochs_per_second = 0.0
        self._best: tuple[float, int] | None = None
        self._began = self._epoch_began = self._first_end = self._last_end = time.monotonic()
        self._updated = self._began
        self._display.update(0.0, "preparing")

    def append_to(self, callbacks: Callbacks) -> Callbacks:
        """Append the display to callbacks; see `Progress.append_to`."""
        stoppers = [c for c in callbacks if isinstance(c, keras.callbacks.EarlyStopping)]
        self._stopper = stoppers[-1] if stoppers else None
        return (*callbacks, self)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Show the steps of a long epoch; not every engine reports them."""
        now = time.monotonic()
        if now - self._epoch_began < _LONG_EPOCH or not self._is_due(now):
            return
        steps = self.params.get("steps")
        step = f"step {batch + 1}" if steps is None else f"step {_fraction(batch + 1, steps)}"
        part = 0.0 if steps is None else (batch + 1) / steps
        self._update(now, {**self._logs, **(logs or {})}, step, part)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Start timing the epoch, and note the number of the first one."""
        self._epoch_began = time.monotonic()
        if not self._n_epochs:
            self._first_epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Record the logs of the epoch, and show them if an update is due."""
        now = time.monotonic()
        self._logs.update(logs or {})
        self._note_best(epoch, logs or {})
        self._n_epochs += 1
        if self._n_epochs == 1:
            self._first_end = now
        # The first epoch is excluded since it includes tracing. An engine may report several epochs
        # at once, so the speed is that of the epochs before this one.
        if self._last_end > self._first_end:
            self._epochs_per_second = (self._n_epochs - 2) / (self._last_end - self._first_end)
        if self._is_due(now):
            self._update(now, self._logs)
        self._last_end = now

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Replace the line with a summary."""
        planned = self.params["epochs"] - self._first_epoch
        epochs = f"{planned} epoch{'s' * (planned != 1)}"
        if self._n_epochs < planned:
            why = "stopped early" if self.model.stop_training else "interrupted"
            epochs = f"{why} after {self._n_epochs} of {epochs}"
        if self._first_epoch:
            epochs += f" ({self._first_epoch + self._n_epochs} in all)"
        values = self._values(self._logs)
        values[-1:] = [f"{value}{self._best_text()}" for value in values[-1:]]
        total = _format_duration(time.monotonic() - self._began)
        self._display.finish(_join([epochs, *values, total]))

    def abandon(self) -> None:
        """Move the cursor to a new line for an error message."""
        self._display.abandon()

    def _is_due(self, now: float) -> bool:
        return now - self._updated >= _SECONDS_BETWEEN_UPDATES

    def _update(
        self, now: float, logs: Mapping[str, Any], step: str = "", part: float = 0.0
    ) -> None:
        """Show the epochs completed and, within an epoch, the step and the fraction it is."""
        self._updated = now
        last = self.params["epochs"]
        planned = last - self._first_epoch
        number = self._first_epoch + self._n_epochs + bool(step)
        texts = [f"epoch {_fraction(number, last)}", *([step] if step else []), *self._values(logs)]
        times = [_format_duration(now - self._began)]
        done = self._n_epochs + part
        speed = self._epochs_per_second or (done / (now - self._began) if step else 0.0)
        if speed:
            times.append(f"{_format_duration((planned - done) / speed)} left")
        self._display.update(done / planned, _join([*texts, ", ".join(times)]))

    @property
    def _metric(self) -> str:
        """Name of the quantity shown next to the loss; empty if there is none."""
        if self._stopper is not None:
            return str(self._stopper.monitor)
        others = [name for name in _overall_scalars(self._logs) if name != "loss"]
        return "val_loss" if "val_loss" in others else others[0] if others else ""

    def _values(self, logs: Mapping[str, Any]) -> list[str]:
        logs = _scalars(logs)
        names = dict.fromkeys(("loss", self._metric))
        return [f"{printable(name)} {_format_number(logs[name])}" for name in names if name in logs]

    def _note_best(self, epoch: int, logs: Mapping[str, Any]) -> None:
        loss = logs.get("val_loss", np.nan)
        if not np.isnan(loss) and (self._best is None or loss < self._best[0]):
            self._best = (float(loss), epoch)

    def _best_text(self) -> str:
        best = self._best
        if self._stopper is not None:
            value = self._stopper.best
            best = None if value is None else (float(value), self._stopper.best_epoch)
        return "" if best is None else f" (best {_format_number(best[0])} in epoch {best[1] + 1})"


class _Display(Protocol):
    """Output device of the live line."""

    def update(self, fraction: float, text: str) -> None:
        """Show the fraction of the epochs completed and a text."""

    def finish(self, text: str) -> None:
        """Show the final text."""

    def abandon(self) -> None:
        """Prepare for other output."""


class _Terminal:
    """A terminal line, overwritten by means of carriage returns."""

    def __init__(self) -> None:
        self._length = 0

    def update(self, fraction: float, text: str) -> None:
        self._replace(_add_bar(fraction, text, _terminal_width() - 1))

    def finish(self, text: str) -> None:
        self._replace(text)
        self.abandon()

    def abandon(self) -> None:
        if self._length:
            _write("\n")
        self._length = 0

    def _replace(self, line: str) -> None:
        _write("\r" + line.ljust(self._length))
        self._length = len(line)


class _Notebook:
    """A notebook output, replaced on each update."""

    def __init__(self, display: Any) -> None:
        self._handle = display(_mime_bundle(""), raw=True, display_id=True)

    def update(self, fraction: float, text: str) -> None:
        self._handle.update(_mime_bundle(_add_bar(fraction, text, _NOTEBOOK_WIDTH)), raw=True)

    def finish(self, text: str) -> None:
        self._handle.update(_mime_bundle(text), raw=True)

    def abandon(self) -> None:
        pass


class _Log:
    """Complete lines: the final one and, for a long fit, up to ten before it."""

    def __init__(self) -> None:
        self._tenths = 0
        self._written = time.monotonic()

    def update(self, fraction: float, text: str) -> None:
        now, tenths = time.monotonic(), int(10 * fraction)
        if tenths > self._tenths and now - self._written >= _SECONDS_BETWEEN_LOG_LINES:
            self._tenths, self._written = tenths, now
            _write(text + "\n")

    def finish(self, text: str) -> None:
        _write(text + "\n")

    def abandon(self) -> None:
        pass


def _choose_display() -> _Display:
    if not _is_main_thread():  # other threads would write to the same line
        return _Log()
    if _is_notebook():
        from IPython.display import display

        return _Notebook(display)
    isatty = getattr(sys.stdout, "isatty", None)
    return _Terminal() if isatty is not None and isatty() else _Log()


def _is_main_thread() -> bool:
    in_main_process = multiprocessing.current_process().name == "MainProcess"
    return in_main_process and threading.current_thread() is threading.main_thread()


def _is_notebook() -> bool:
    """Return whether standard output currently goes to a Jupyter kernel."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    is_kernel_stream = type(sys.stdout).__module__.startswith("ipykernel")
    return is_kernel_stream and getattr(shell, "kernel", None) is not None


def _mime_bundle(text: str) -> dict[str, str]:
    return {"text/plain": text}


def _terminal_width() -> int:
    try:
        width = os.get_terminal_size(sys.stdout.fileno()).columns
    except (AttributeError, ValueError, OSError):  # not a real terminal
        width = 0
    return width or shutil.get_terminal_size().columns


def _write(text: str) -> None:
    print(text, end="", flush=True)


def _add_bar(fraction: float, text: str, width: int) -> str:
    """Put a bar before a text if there is room for it; otherwise truncate the text."""
    room = min(width - len(text) - len("[] "), _MAX_BAR)
    length = room - room % _MIN_BAR  # stable while the text changes by a digit
    if length < _MIN_BAR:
        return text[:width]
    done = int(fraction * length)
    return f"[{'=' * done}{' ' * (length - done)}] {text}"


def _join(parts: list[str]) -> str:
    return "  ".join(parts)


def _fraction(number: int, last: int) -> str:
    return f"{number:{len(str(last))}}/{last}"


def _scalars(logs: Mapping[str, Any] | None) -> dict[str, float]:
    """Return the scalar logs, losses first."""
    scalars = {
        name: float(value)
        for name, value in (logs or {}).items()
        if not isinstance(value, Mapping) and np.ndim(value) == 0
    }
    return {name: scalars[name] for name in sorted(scalars, key=_sort_key)}


def _overall_scalars(logs: Mapping[str, Any] | None) -> dict[str, float]:
    """Return the scalar logs without the scores of individual classes, such as ``recall/fir``."""
    return {name: value for name, value in _scalars(logs).items() if "/" not in name}


def _sort_key(name: str) -> tuple[bool, bool]:
    return name.startswith("val_"), name.removeprefix("val_") != "loss"


def _format_number(value: float) -> str:
    """Format a number with four or five digits."""
    size = abs(value)
    if size and not 1e-3 <= size < 1e5:
        return f"{value:.1e}"
    n_integer_digits = len(str(int(size)))
    return f"{value:.{5 - n_integer_digits}f}"


def _format_duration(seconds: float) -> str:
    if seconds < 0.0095:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 59.5:
        decimals = 2 if seconds < 0.995 else 1 if seconds < 9.95 else 0
        return f"{seconds:.{decimals}f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"
