"""What a Keras model was compiled with, and how it logs and begins a training."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from keras_multiclass._shared.upstream.keras_globals import get_name_counters, set_name_counters

UNDOCUMENTED = {
    "Model.reset_metrics": (
        "overridden on the model, lets metrics run on over the batches of an epoch",
        "the Keras engine raises an error instead of logging the last batch alone",
    ),
    "_loss_tracker": (
        "averages the loss over batches by their sums of weights instead of their numbers of rows",
        "training with weights raises an error",
    ),
    "_compile_config": (
        "the arguments that a model was compiled with, as the user passed them",
        "`get_compile_config` describes them, which fails for losses and metrics of one's own",
    ),
    "CompileMetrics.metrics": (
        "the metrics in the container of compiled metrics",
        "the network has no description, and shares no traces",
    ),
    "_initial_epoch": (
        "the epoch at which `BackupAndRestore` resumes an interrupted training",
        "the weights are restored, and all epochs are trained again",
    ),
    "_should_trace": (
        "whether `TensorBoard` profiles batches",
        "`TensorBoard` counts as acting on batches, and the Keras engine trains",
    ),
}


def compile_arguments_of(model: keras.Model) -> dict[str, Any]:
    """Return the arguments of the last ``compile`` of a model, the objects themselves.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    """
    arguments = getattr(getattr(model, "_compile_config", None), "config", None)
    if isinstance(arguments, dict):
        return dict(arguments)
    config: dict[str, Any] = model.get_compile_config() or {}
    return {n: keras.saving.deserialize_keras_object(value) for n, value in config.items()}


def compiled_metrics(metrics: Iterable[Any]) -> Iterator[keras.metrics.Metric]:
    """Yield the metrics of a model, those in Keras' container of compiled metrics included.

    Raises
    ------
    NotImplementedError
        If the container does not list them.
    """
    for metric in metrics:
        inner = getattr(metric, "metrics", None)
        if inner is not None:
            yield from compiled_metrics(inner)
        elif type(metric).__name__ == "CompileMetrics":
            raise NotImplementedError("this version of Keras does not list the compiled metrics")
        else:
            yield metric


@contextlib.contextmanager
def kept_metrics(model: keras.Model) -> Iterator[None]:
    """Let the metrics run on in a `train_on_batch` or `test_on_batch`, which may reset them."""
    vars(model)["reset_metrics"] = lambda: None
    try:
        yield
    finally:
        del vars(model)["reset_metrics"]


@functools.cache
def can_keep_metrics() -> bool:
    """Whether `kept_metrics` works in this version of Keras."""
    previous = get_name_counters()
    set_name_counters(None)
    try:
        output = keras.layers.Dense(1, kernel_initializer="ones", trainable=False)
        model = keras.Sequential([keras.Input((1,)), output])
        model.compile(keras.optimizers.SGD(), "mse", run_eagerly=True)
        model.reset_metrics()
        loss = 0.0
        for value in (1.0, 3.0):
            with kept_metrics(model):
                x = np.full((1, 1), value, "float32")
                loss = model.test_on_batch(x, np.zeros((1, 1), "float32"), return_dict=True)["loss"]
        return bool(np.isclose(float(loss), 5.0))  # the mean of 1 and 9
    finally:
        set_name_counters(previous)


_batch = threading.local()


@contextlib.contextmanager
def loss_tracker_weight(model: keras.Model, count: Any) -> Iterator[None]:
    """Let the loss of the batch inside count as ``count`` rows in the loss that Keras logs.

    Parameters
    ----------
    model : keras.Model
        Compiled; the block calls its training or test step once.
    count : tensor
        A scalar.

    Raises
    ------
    NotImplementedError
        If this version of Keras keeps the loss elsewhere.
    """
    tracker = getattr(model, "_loss_tracker", None)
    if tracker is not None and "update_state" not in vars(tracker):
        vars(tracker)["update_state"] = functools.partial(_update_loss, tracker)
    previous = getattr(_batch, "count", None)
    _batch.count = count
    try:
        yield
        if tracker is None or _batch.count is not None:
            raise NotImplementedError(f"Keras {keras.__version__} does not track the loss as known")
    finally:
        _batch.count = previous


def _update_loss(tracker: keras.metrics.Metric, loss: Any, sample_weight: Any = None) -> None:
    """Count a loss as `loss_tracker_weight` says, and as Keras does outside of it."""
    count = getattr(_batch, "count", None)
    _batch.count = None
    type(tracker).update_state(tracker, loss, sample_weight if count is None else count)


def take_initial_epoch(model: keras.Model) -> int:
    """Return the epoch at which a callback wants the training to begin, and forget it.

    Parameters
    ----------
    model : keras.Model
        The model.
    """
    epoch = getattr(model, "_initial_epoch", None) or 0
    if epoch:
        model._initial_epoch = None
    return int(epoch)


def profiles_batches(callback: keras.callbacks.TensorBoard) -> bool:
    """Whether a `TensorBoard` callback may profile batches."""
    return bool(getattr(callback, "_should_trace", True))
