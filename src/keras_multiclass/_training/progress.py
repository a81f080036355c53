"""Shows how far a fit is: one line that is kept up to date, or a line for each epoch.

Everything is written to the ``sys.stdout`` of the moment, and to nothing else.
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

_SECONDS_BETWEEN_UPDATES = 0.25
_SECONDS_BETWEEN_LOG_LINES = 10.0
_LONG_EPOCH = 1.0  # seconds after which the steps of an epoch are shown
_NOTEBOOK_WIDTH = 100
_LONGEST_BAR = 30
_SHORTEST_BAR = 5

Callbacks = tuple[keras.callbacks.Callback, ...]


class Progress:
    """What the user sees of a fit; this one shows nothing."""

    def behind(self, callbacks: Callbacks) -> Callbacks:
        """Take a place behind other callbacks, which may decide to stop.

        Parameters
        ----------
        callbacks : tuple of keras.callbacks.Callback
            Those that act.

        Returns
        -------
        tuple of keras.callbacks.Callback
            These, and this one if it has to be told of the epochs.
        """
        return callbacks

    def abandon(self) -> None:
        """Leave the cursor where an error message can begin."""


@contextlib.contextmanager
def show_progress(verbose: int) -> Iterator[Progress]:
    """Show the progress of the fit that runs inside.

    Parameters
    ----------
    verbose : {0, 1, 2}
        0 for nothing, 1 for a line that is kept up to date, 2 for a line for each epoch.

    Yields
    ------
    Progress
        To be put behind the callbacks of the fit.
    """
    progress = (Progress, ProgressLine, EpochLines)[verbose]()
    try:
        yield progress
    except BaseException:
        progress.abandon()
        raise


class EpochLines(Progress, keras.callbacks.Callback):
    """Writes a line for each epoch, when it has ended."""

    def behind(self, callbacks: Callbacks) -> Callbacks:
        """Take a place behind other callbacks; see `Progress.behind`."""
        return (*callbacks, self)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Look at the clock."""
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write the line."""
        seconds = time.monotonic() - self._began
        values = [f"{name} {_number(v):7}" for name, v in _over_classes(logs).items()]
        numbered = _numbered(epoch + 1, self.params["epochs"])
        _write(_joined([f"epoch {numbered}", *values, _duration(seconds)]) + "\n")


class ProgressLine(Progress, EpochListener):
    """Keeps one line up to date, a few times a second at most, and ends it with a summary."""

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

    def behind(self, callbacks: Callbacks) -> Callbacks:
        """Take a place behind other callbacks; see `Progress.behind`."""
        stoppers = [c for c in callbacks if isinstance(c, keras.callbacks.EarlyStopping)]
        self._stopper = stoppers[-1] if stoppers else None
        return (*callbacks, self)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Show the steps of a long epoch; not every engine tells of them."""
        now = time.monotonic()
        if now - self._epoch_began < _LONG_EPOCH or not self._is_due(now):
            return
        steps = self.params.get("steps")
        step = f"step {batch + 1}" if steps is None else f"step {_numbered(batch + 1, steps)}"
        part = 0.0 if steps is None else (batch + 1) / steps
        self._update(now, {**self._logs, **(logs or {})}, step, part)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Look at the clock, and at the number of the first epoch."""
        self._epoch_began = time.monotonic()
        if not self._n_epochs:
            self._first_epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note what came out of an epoch, and show it from time to time."""
        now = time.monotonic()
        self._logs.update(logs or {})
        self._note_best(epoch, logs or {})
        self._n_epochs += 1
        if self._n_epochs == 1:
            self._first_end = now
        # Without the first, which traces; an engine may tell of many epochs at once, and those
        # before this one had ended before.
        if self._last_end > self._first_end:
            self._epochs_per_second = (self._n_epochs - 2) / (self._last_end - self._first_end)
        if self._is_due(now):
            self._update(now, self._logs)
        self._last_end = now

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Replace the line by a summary."""
        planned = self.params["epochs"] - self._first_epoch
        epochs = f"{planned} epoch{'s' * (planned != 1)}"
        if self._n_epochs < planned:
            why = "stopped early" if self.model.stop_training else "interrupted"
            epochs = f"{why} after {self._n_epochs} of {epochs}"
        if self._first_epoch:
            epochs += f" ({self._first_epoch + self._n_epochs} in all)"
        values = self._values(self._logs)
        values[-1:] = [f"{value}{self._best_text()}" for value in values[-1:]]
        total = _duration(time.monotonic() - self._began)
        self._display.finish(_joined([epochs, *values, total]))

    def abandon(self) -> None:
        """Leave the cursor where an error message can begin."""
        self._display.abandon()

    def _is_due(self, now: float) -> bool:
        return now - self._updated >= _SECONDS_BETWEEN_UPDATES

    def _update(
        self, now: float, logs: Mapping[str, Any], step: str = "", part: float = 0.0
    ) -> None:
        """Show the epochs that have ended, and the step of the next, which is a part of it."""
        self._updated = now
        last = self.params["epochs"]
        planned = last - self._first_epoch
        number = self._first_epoch + self._n_epochs + bool(step)
        texts = [f"epoch {_numbered(number, last)}", *([step] if step else []), *self._values(logs)]
        seconds = [_duration(now - self._began)]
        done = self._n_epochs + part
        speed = self._epochs_per_second or (done / (now - self._began) if step else 0.0)
        if speed:
            seconds.append(f"{_duration((planned - done) / speed)} left")
        self._display.update(done / planned, _joined([*texts, ", ".join(seconds)]))

    @property
    def _shown(self) -> str:
        """The name of what is shown beside the loss; empty if there is nothing."""
        if self._stopper is not None:
            return str(self._stopper.monitor)
        others = [name for name in _over_classes(self._logs) if name != "loss"]
        return "val_loss" if "val_loss" in others else others[0] if others else ""

    def _values(self, logs: Mapping[str, Any]) -> list[str]:
        logs = _scalars(logs)
        names = dict.fromkeys(("loss", self._shown))
        return [f"{name} {_number(logs[name])}" for name in names if name in logs]

    def _note_best(self, epoch: int, logs: Mapping[str, Any]) -> None:
        loss = logs.get("val_loss", np.nan)
        if not np.isnan(loss) and (self._best is None or loss < self._best[0]):
            self._best = (float(loss), epoch)

    def _best_text(self) -> str:
        best = self._best
        if self._stopper is not None:
            found = self._stopper.best
            best = None if found is None else (float(found), self._stopper.best_epoch)
        return "" if best is None else f" (best {_number(best[0])} in epoch {best[1] + 1})"


class _Display(Protocol):
    """Where the line of a fit stands."""

    def update(self, fraction: float, text: str) -> None:
        """Show that a fraction of the epochs has ended, and more."""

    def finish(self, text: str) -> None:
        """Leave a last text for good."""

    def abandon(self) -> None:
        """Let something else be written."""


class _Terminal:
    """A line that is written over by carriage returns."""

    def __init__(self) -> None:
        self._length = 0

    def update(self, fraction: float, text: str) -> None:
        self._replace(_with_bar(fraction, text, _terminal_width() - 1))

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
    """A text that the notebook replaces."""

    def __init__(self, display: Any) -> None:
        self._handle = display(_as_text(""), raw=True, display_id=True)

    def update(self, fraction: float, text: str) -> None:
        self._handle.update(_as_text(_with_bar(fraction, text, _NOTEBOOK_WIDTH)), raw=True)

    def finish(self, text: str) -> None:
        self._handle.update(_as_text(text), raw=True)

    def abandon(self) -> None:
        pass


class _Log:
    """Whole lines, of which a long fit leaves up to ten and a short one the last alone."""

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
    if not _is_main_thread():  # others would write on the same line
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
    """Whether what is printed now goes to a Jupyter kernel."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    of_kernel = type(sys.stdout).__module__.startswith("ipykernel")
    return of_kernel and getattr(shell, "kernel", None) is not None


def _as_text(text: str) -> dict[str, str]:
    return {"text/plain": text}


def _terminal_width() -> int:
    try:
        width = os.get_terminal_size(sys.stdout.fileno()).columns
    except (AttributeError, ValueError, OSError):  # not a real terminal
        width = 0
    return width or shutil.get_terminal_size().columns


def _write(text: str) -> None:
    print(text, end="", flush=True)


def _with_bar(fraction: float, text: str, width: int) -> str:
    """Put a bar in front of a text where there is room for it; cut the text where there is not."""
    room = min(width - len(text) - len("[] "), _LONGEST_BAR)
    length = room - room % _SHORTEST_BAR  # does not change with each digit of the text
    if length < _SHORTEST_BAR:
        return text[:width]
    done = int(fraction * length)
    return f"[{'=' * done}{' ' * (length - done)}] {text}"


def _joined(parts: list[str]) -> str:
    return "  ".join(parts)


def _numbered(number: int, last: int) -> str:
    return f"{number:{len(str(last))}}/{last}"


def _scalars(logs: Mapping[str, Any] | None) -> dict[str, float]:
    """Put losses first, and leave out vectors and dicts."""
    found = {
        name: float(value)
        for name, value in (logs or {}).items()
        if not isinstance(value, Mapping) and np.ndim(value) == 0
    }
    return {name: found[name] for name in sorted(found, key=_place)}


def _over_classes(logs: Mapping[str, Any] | None) -> dict[str, float]:
    """Leave out the scores of each class too, such as ``recall/fir``: they are many."""
    return {name: value for name, value in _scalars(logs).items() if "/" not in name}


def _place(name: str) -> tuple[bool, bool]:
    return name.startswith("val_"), name.removeprefix("val_") != "loss"


def _number(value: float) -> str:
    """Write a number with four or five digits."""
    size = abs(value)
    if size and not 1e-3 <= size < 1e5:
        return f"{value:.1e}"
    before = len(str(int(size)))
    return f"{value:.{5 - before}f}"


def _duration(seconds: float) -> str:
    if seconds < 0.0095:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 59.5:
        decimals = 2 if seconds < 0.995 else 1 if seconds < 9.95 else 0
        return f"{seconds:.{decimals}f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"
