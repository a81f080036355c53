"""TensorBoard by name, with a separate folder for each network."""

from __future__ import annotations

import contextlib
import importlib.util
import numbers
import os
import sys
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_multiclass._shared.keras.native_logs import without_native_logs
from keras_multiclass._shared.messages import describe, invalid, printable

__all__ = ["TensorBoard", "name_of_run"]


def name_of_run() -> str:
    """Return a unique name for a run; names sort by time."""
    return f"{datetime.now():%Y%m%d-%H%M%S-%f}-{uuid.uuid4().hex[:8]}"


# Allowed words, and the smallest integer.
_FREQUENCIES: dict[str, tuple[tuple[str, ...], int]] = {
    "update_freq": (("epoch", "batch"), 1),
    "histogram_freq": ((), 0),
    "embeddings_freq": ((), 0),
}


class TensorBoard(keras.callbacks.TensorBoard):
    """Keras' callback, with a folder for each run and support for metrics with several values.

    Parameters
    ----------
    log_dir : str or path, default="logs"
        Folder of all runs.
    write_graph : bool, default=False
        Whether to log the structure of the network, as far as JSON can express it.
    **kwargs : dict
        As in ``keras.callbacks.TensorBoard``.

    Raises
    ------
    ImportError
        If the package ``tensorboard`` is not installed.
    ValueError
        If an argument is invalid.
    """

    log_dir: str
    # An engine may skip the batch hooks whenever it may skip those of Keras' callback.
    batch_hooks_like_base = True

    def __init__(self, log_dir: Any = "logs", write_graph: bool = False, **kwargs: Any) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            raise ImportError(
                "The callback 'tensorboard' needs the package tensorboard. Install it with "
                "pip install tensorboard."
            )
        if not isinstance(log_dir, (str, os.PathLike)):
            raise ValueError(invalid("`log_dir`", "a path", describe(log_dir)))
        for name, (words, least) in _FREQUENCIES.items():
            value = kwargs.get(name, least)
            whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
            if not (value >= least if whole else isinstance(value, str) and value in words):
                allowed = " or ".join([*map(repr, words), f"an integer of at least {least}"])
                raise ValueError(invalid(f"`{name}`", allowed, describe(value)))
        super().__init__(log_dir=log_dir, write_graph=write_graph, **kwargs)

    def enter_run(self, name: str) -> None:
        """Log to the folder of a run inside `log_dir`.

        Parameters
        ----------
        name : str
            Name of the run.
        """
        self.log_dir = str(Path(self.log_dir) / name)

    def set_model(self, model: Any) -> None:
        """Create the folder, as TensorFlow's errors would not name the parameter."""
        if "://" not in self.log_dir:
            try:
                Path(self.log_dir).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ValueError(
                    "callbacks: `log_dir` of 'tensorboard' must be a folder that can be written "
                    f"to; got an error: {error.strerror}. Choose another with "
                    "callbacks__tensorboard__log_dir."
                ) from error
        super().set_model(model)

    def on_train_begin(self, logs: Any = None) -> None:
        """Open the log of the training; with Keras on JAX, this loads TensorFlow."""
        loaded = "tensorflow" in sys.modules
        with contextlib.nullcontext() if loaded else without_native_logs():
            super().on_train_begin(logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Log a batch, if requested."""
        super().on_train_batch_end(batch, _numbers(logs))

    def on_test_end(self, logs: Any = None) -> None:
        """Log a validation."""
        super().on_test_end(_numbers(logs))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Log an epoch."""
        from tensorflow import summary

        # A fit that failed while logging batches leaves its `record_if` behind.
        with summary.record_if(True):
            super().on_epoch_end(epoch, _numbers(logs))


def _numbers(logs: Any) -> dict[str, Any]:
    """Name each value of metrics that return several, as TensorBoard plots single numbers.

    Names must be text that can be encoded.
    """
    flat: dict[str, Any] = {}
    for name, value in (logs or {}).items():
        name = printable(name)
        parts = {f"{name}/{i}": part for i, part in enumerate(np.ravel(value))}
        flat |= parts if np.ndim(value) else {name: value}
    return flat
