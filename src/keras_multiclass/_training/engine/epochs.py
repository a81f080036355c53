"""What the engines share: callbacks, the record of the epochs, and interruption.

An engine provides a loop over epochs; this module surrounds it as `keras.Model.fit` would.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_multiclass._data.rows import Data
from keras_multiclass._shared.interrupts import interruptible
from keras_multiclass._shared.keras.epoch_callbacks import EpochRecorder, Logs
from keras_multiclass._shared.messages import warn
from keras_multiclass._shared.upstream.keras_training import take_initial_epoch
from keras_multiclass._training.engine.base import TrainingPlan, TrainingResult
from keras_multiclass._training.engine.compiled import CompiledCheck
from keras_multiclass._training.engine.file_errors import named_writers


def run_training(
    model: keras.Model,
    data: Data,
    plan: TrainingPlan,
    loop: Callable[[keras.callbacks.CallbackList, range], None],
) -> TrainingResult:
    """Run a loop over epochs with callbacks, a record, and interruption by the user.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    data : TrainingData or StreamData
        Training rows.
    plan : TrainingPlan
        How to train.
    loop : callable
        Trains the epochs of the numbers that it gets, and calls the epoch hooks of the callbacks.
    """
    recorder = EpochRecorder()
    params = {
        "verbose": plan.verbose,
        "epochs": plan.first_epoch + plan.epochs,
        "steps": data.n_steps(plan.batch_size),
    }
    with interruptible(), named_writers():
        callbacks = _Callbacks(
            [*plan.callbacks, recorder, CompiledCheck(model.loss)],
            model=model,
            **params,
        )
    for callback in plan.callbacks:
        if isinstance(callback, keras.callbacks.ProgbarLogger):  # the user wants it to print
            callback.set_params({**params, "verbose": plan.verbose or 1})
    model.stop_training = False
    take_initial_epoch(model)
    callbacks.on_train_begin()
    numbers = _without_restored(plan, take_initial_epoch(model))
    interrupted = False
    try:
        loop(callbacks, numbers)
    except KeyboardInterrupt:
        if not (plan.keeps_interrupted and recorder.n_epochs):
            raise
        interrupted = True
    if plan.epochs:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    callbacks.on_train_end(recorder.last)
    return TrainingResult(
        recorder.history, recorder.n_epochs, interrupted, first_epoch=numbers.start
    )


def _interruptible(hook: str) -> Callable[..., None]:
    def call(self: keras.callbacks.CallbackList, *arguments: Any, **logs: Any) -> None:
        with interruptible(), named_writers():
            getattr(keras.callbacks.CallbackList, hook)(self, *arguments, **logs)

    return call


class _Callbacks(keras.callbacks.CallbackList):
    """Callbacks whose hooks can be interrupted, and name themselves if they cannot write."""


for _hook in [name for name in vars(keras.callbacks.CallbackList) if name.startswith("on_")]:
    setattr(_Callbacks, _hook, _interruptible(_hook))


def _without_restored(plan: TrainingPlan, first: int) -> range:
    """Return the numbers of the epochs from one on, as `BackupAndRestore` lets training resume."""
    numbers = range(min(max(first, plan.first_epoch), plan.numbers.stop), plan.numbers.stop)
    if plan.epochs and not numbers:
        warn(
            f"All {plan.epochs} epochs are skipped, because a callback restored a model that was "
            "trained for as many. Delete the folder of the backup to train again, or increase "
            "`epochs`.",
        )
    return numbers


def walk_epochs(
    model: keras.Model,
    plan: TrainingPlan,
    callbacks: keras.callbacks.CallbackList,
    numbers: range,
    train: Callable[[int], Logs],
    validate: Callable[[], Logs] | None,
) -> None:
    """Train epoch by epoch, and call the callbacks in between.

    Parameters
    ----------
    model : keras.Model
        Training stops when a callback sets its ``stop_training``.
    plan : TrainingPlan
        How to train.
    callbacks : keras.callbacks.CallbackList
        Their epoch hooks are called.
    numbers : range
        Numbers of the epochs.
    train : callable
        Trains the epoch of a given number and returns its logs.
    validate : callable or None
        Returns the logs of the validation rows.
    """
    for epoch in numbers:
        callbacks.on_epoch_begin(epoch)
        logs = dict(train(epoch))
        if validate is not None and is_due(plan, epoch):
            logs |= named_as_validation(validate())
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break


def named_as_validation(logs: Logs) -> Logs:
    """Name logs as Keras names those of the validation rows."""
    return {f"val_{name}": value for name, value in logs.items()}


def flat(logs: Logs) -> Logs:
    """Merge the values of a metric that returns several into the logs, as Keras does."""
    merged: Logs = {}
    for name, value in logs.items():
        merged |= flat(value) if isinstance(value, dict) else {name: value}
    return merged


def is_due(plan: TrainingPlan, epoch: int) -> bool:
    """Whether to validate after an epoch."""
    frequency = plan.options.get("validation_freq", 1)
    if isinstance(frequency, (int, np.integer)):
        return bool((epoch + 1) % frequency == 0)
    return epoch + 1 in frequency


def padded(rows: np.ndarray, batch_size: int) -> np.ndarray:
    """Repeat the last row until all batches are full."""
    n_rows = rows.shape[0]
    lacking = -n_rows % batch_size
    if not lacking:
        return rows
    full = np.empty((n_rows + lacking, *rows.shape[1:]), rows.dtype)
    full[:n_rows], full[n_rows:] = rows, rows[-1]
    return full
