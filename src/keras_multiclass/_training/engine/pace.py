"""How much work a call of the graph gets, which does not affect the results."""

from __future__ import annotations

from collections.abc import Sequence

from keras_multiclass._shared.keras.epoch_callbacks import EpochListener, Logs

# Training can be interrupted only between calls of the graph, so none should take much longer.
SECONDS_PER_CALL = 0.25


class Pace:
    """How many steps the next call of the graph takes.

    Parameters
    ----------
    listeners : sequence of EpochListener, default=()
        They are told the number of the last step after each call.
    """

    def __init__(self, listeners: Sequence[EpochListener] = ()) -> None:
        self.steps = 1
        self._listeners = listeners
        self._done = 0

    def start(self) -> None:
        """Count the steps of another epoch."""
        self._done = 0

    def took(self, n_steps: int, seconds: float) -> None:
        """Tell how long steps took; fewer than planned, as at the end of an epoch, tell less."""
        if n_steps >= self.steps or seconds > SECONDS_PER_CALL:
            self.steps = next_size(n_steps, seconds)

    def report(self, n_steps: int, logs: Logs) -> None:
        """Tell that steps are done."""
        self._done += n_steps
        for listener in self._listeners:
            listener.on_train_batch_end(self._done - 1, logs)


def next_size(size: int, seconds: float) -> int:
    """Choose the amount of work of the next call.

    Parameters
    ----------
    size : int
        That of the last call.
    seconds : float
        How long it took.
    """
    return min(fitting(size * SECONDS_PER_CALL, seconds), 4 * size)


def fitting(available: float, each: float) -> int:
    """Return how many things fit into what is available, at least one.

    Parameters
    ----------
    available : float
        How much there is.
    each : float
        How much each takes.
    """
    return max(1, int(available / max(each, 1e-6)))


def is_far_too_long(seconds: float) -> bool:
    """Return whether work takes more than twice as long as a call should."""
    return seconds > 2 * SECONDS_PER_CALL
