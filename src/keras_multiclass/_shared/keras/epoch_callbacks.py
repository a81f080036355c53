"""Keras callbacks that observe the epochs of a training run."""

from __future__ import annotations

from typing import Any, TypeAlias

import keras
import numpy as np

from keras_multiclass._shared.interrupts import shielded
from keras_multiclass.exceptions import DivergenceError

Logs: TypeAlias = dict[str, Any]


class EpochListener(keras.callbacks.Callback):
    """A callback that only observes: it neither changes nor stops the training.

    An engine may therefore report several completed epochs to it at once, and call its
    `on_train_batch_end` after some of the batches only.
    It never affects which engine trains, or how.
    """


class EpochRecorder(keras.callbacks.Callback):
    """Records the logs of completed epochs, and stops at the first loss that is not finite.

    Attributes
    ----------
    history : dict of str to list
        One list per logged quantity, one entry per epoch.
    n_epochs : int
        Number of completed epochs.
    last : dict
        Logs of the last of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.n_epochs = 0
        self.last: Logs = {}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Record the logs of an epoch.

        Parameters
        ----------
        epoch : int
            Number of the epoch, from 0.
        logs : dict, default=None
            Loss and metrics.

        Raises
        ------
        DivergenceError
            If the loss is not finite.
        """
        with shielded():
            self._record(dict(logs or {}))
        loss = self.last.get("loss")
        if loss is not None and not np.all(np.isfinite(loss)):
            raise DivergenceError(
                f"The training loss must stay finite; got {float(loss)} in epoch {epoch + 1}. "
                "Usual causes: a learning rate that is too high (lower "
                "`optimizer__learning_rate`), features on very large scales (keep "
                "`scaling`, or put a StandardScaler in front), a loss function of your own "
                "that takes the logarithm of 0, or float16 overflow (use dtype='float32')."
            )

    def _record(self, logs: Logs) -> None:
        for name, value in logs.items():
            self.history.setdefault(name, []).append(_plain(value))
        self.last = logs
        self.n_epochs += 1


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    return array.item() if array.ndim == 0 else array
