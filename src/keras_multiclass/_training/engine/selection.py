"""Chooses the engine: the graph engine where it applies, the Keras engine otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_multiclass._data.rows import Data, Features, StreamData, TrainingData
from keras_multiclass._data.sequences import Sequences
from keras_multiclass._shared.keras.epoch_callbacks import EpochListener
from keras_multiclass._shared.messages import format_list
from keras_multiclass._shared.upstream.keras_training import profiles_batches
from keras_multiclass._training.engine.base import EngineName, TrainingPlan, TrainingResult
from keras_multiclass._training.engine.keras import KerasEngine
from keras_multiclass._training.engine.memory import (
    MEMORY_SHARE,
    dense_bytes,
    is_too_large,
    stays_on_host,
)
from keras_multiclass._training.engine.traceable import PREDICTING, TracingError, why_no_graph_of
from keras_multiclass.exceptions import EngineError

# A batch to predict has as many rows as fit into so many bytes, but no more than these.
_PREDICTION_BATCH_BYTES = 2**24
_MOST_ROWS_PER_BATCH = 128


_BATCH_HOOKS = tuple(
    f"on_{kind}batch_{moment}" for kind in ("", "train_", "test_") for moment in ("begin", "end")
)


def _writes_by_epoch(callback: Any) -> bool:
    """Whether TensorBoard has nothing to do in its batch hooks."""
    return (
        callback.update_freq == "epoch"
        and not profiles_batches(callback)
        and not callback.write_steps_per_second
    )


# Callbacks whose batch hooks have nothing to do with these settings.
_IDLE_IN_BATCHES: dict[type, Callable[[Any], bool]] = {
    keras.callbacks.BackupAndRestore: lambda callback: callback.save_freq == "epoch",
    keras.callbacks.ModelCheckpoint: lambda callback: callback.save_freq == "epoch",
    keras.callbacks.ProgbarLogger: lambda callback: True,
    keras.callbacks.TensorBoard: _writes_by_epoch,
    # `EpochRecorder` does the same.
    keras.callbacks.TerminateOnNaN: lambda callback: True,
}


def train(
    requested: EngineName,
    model: keras.Model,
    data: Data,
    validation: Data | None,
    plan: TrainingPlan,
) -> TrainingResult:
    """Train a model with the requested engine, or with the fastest one that applies.

    Parameters
    ----------
    requested : {"auto", "graph", "keras"}
        The parameter `engine`.
    model : keras.Model
        As in `Engine.fit`, like the other parameters.
    data : TrainingData or StreamData
        Training rows.
    validation : TrainingData, StreamData or None
        Validation rows.
    plan : TrainingPlan
        How to train.

    Returns
    -------
    TrainingResult
        With the name of the engine, and why the other one did not run.

    Raises
    ------
    EngineError
        If the graph engine was requested and does not apply.
    """
    reason = (
        "engine='keras'" if requested == "keras" else why_not_graph(model, data, validation, plan)
    )
    if reason is None:
        from keras_multiclass._training.engine.graph import GraphEngine

        try:
            result = GraphEngine().fit(model, data, validation, plan)
        except TracingError as error:
            reason = str(error)
        else:
            why = "engine='graph'" if requested == "graph" else "it applies, and is the faster one"
            why += "; XLA compiled the steps" if result.compiled else ""
            return replace(result, engine="graph", reason=why)
    if requested == "graph":
        raise graph_refused(reason or "")
    result = KerasEngine().fit(model, data, validation, plan)
    why = reason or ""
    if result.reason and result.reason not in why:  # why its steps share no traces
        why += f"; {result.reason}"
    return replace(result, engine="keras", reason=why)


def predict(
    requested: EngineName,
    model: keras.Model,
    X: Features,
    batch_size: int | None,
    convert: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> np.ndarray:
    """Compute the output of a model for each row of X, as `Engine.predict` does.

    It is converted some rows at a time, so that nothing but the result is as large as that.

    Parameters
    ----------
    requested : {"auto", "graph", "keras"}
        The parameter `engine`.
    model : keras.Model
        The model.
    X : ndarray or CSR matrix of shape (n_samples, ...)
        Features.
    batch_size : int or None
        Rows per batch; -1 for all rows at once, None for a number that depends on their size.
    convert : callable, default=np.asarray
        Converts the raw output for some rows.

    Returns
    -------
    ndarray of shape (n_samples, ...)
        The converted output.
    """
    if batch_size is None:
        batch_size = _prediction_batch_size(X)
    elif batch_size == -1:
        batch_size = X.shape[0]
    if isinstance(X, Sequences):  # batches of similar lengths have little padding
        order = np.argsort(X.lengths, kind="stable")
        in_order = _predict(requested, model, X.take(order), batch_size, convert)
        predicted = np.empty_like(in_order)
        predicted[order] = in_order
        return predicted
    return _predict(requested, model, X, batch_size, convert)


def _predict(
    requested: EngineName,
    model: keras.Model,
    X: Features,
    batch_size: int,
    convert: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    if requested != "keras" and not (_holds_strings(X) or why_no_graph_of(model, PREDICTING)):
        from keras_multiclass._training.engine.graph import GraphEngine

        try:
            return _combine(map(convert, GraphEngine().predict(model, X, batch_size)), X.shape[0])
        except TracingError:
            pass
    return _combine(map(convert, KerasEngine().predict(model, X, batch_size)), X.shape[0])


def _prediction_batch_size(X: Features) -> int:
    """Choose a power of two, so that a batch of large rows, which may be padded, stays small."""
    row_bytes = max(1, int(np.prod(X.shape[1:])) * X.dtype.itemsize)
    fitting = max(1, _PREDICTION_BATCH_BYTES // row_bytes)
    return min(_MOST_ROWS_PER_BATCH, 1 << (fitting.bit_length() - 1))


def _combine(parts: Iterator[np.ndarray], n_rows: int) -> np.ndarray:
    """Concatenate arrays as they come."""
    combined = next(parts)
    done = len(combined)
    if done < n_rows:
        first, combined = combined, np.empty((n_rows, *combined.shape[1:]), combined.dtype)
        combined[:done] = first
        del first
    for part in parts:
        combined[done : done + len(part)] = part
        done += len(part)
    return combined


def graph_refused(reason: str) -> EngineError:
    """Return the error for a graph engine that was requested and cannot run.

    Parameters
    ----------
    reason : str
        Why it cannot run.
    """
    return EngineError(
        f"`engine` must be 'auto' or 'keras' here; got 'graph', which cannot run: {reason}."
    )


def why_not_graph(
    model: keras.Model, data: Data, validation: Data | None, plan: TrainingPlan
) -> str | None:
    """Return why the graph engine cannot run a plan, or None if it can."""
    reason = why_no_graph_of(model)
    if reason is not None:
        return reason
    if _holds_strings(_features_of(data)):
        return "X holds strings"
    acting = [type(c).__name__ for c in plan.callbacks if _acts_in_batches(c)]
    if acting:
        return f"callbacks that act on batches ({format_list(acting)}) need Keras' own step"
    in_memory = [rows.X for rows in (data, validation) if isinstance(rows, TrainingData)]
    copied = {id(X): X for X in in_memory if not stays_on_host(X)}
    needed = sum(map(dense_bytes, copied.values()))
    if is_too_large(needed):
        return (
            f"X takes {needed / 2**30:.1f} GiB, more than {MEMORY_SHARE:.0%} of the memory, and is "
            "read batch by batch"
        )
    return None


def _features_of(data: Data) -> Features:
    return data.example.X if isinstance(data, StreamData) else data.X


def _holds_strings(X: Features) -> bool:
    return isinstance(X, np.ndarray) and X.dtype.kind == "O"


def _acts_in_batches(callback: keras.callbacks.Callback) -> bool:
    if isinstance(callback, EpochListener):
        return False
    base = keras.callbacks.Callback
    for known, is_idle in _IDLE_IN_BATCHES.items():
        if isinstance(callback, known):
            if not is_idle(callback):
                return True
            base = known
    # `batch_hooks_like_base` declares that the hooks of a class do no more than those of its base.
    base = next((c for c in type(callback).__mro__ if vars(c).get("batch_hooks_like_base")), base)
    return any(
        hook in vars(callback) or getattr(type(callback), hook) is not getattr(base, hook)
        for hook in _BATCH_HOOKS
    )
