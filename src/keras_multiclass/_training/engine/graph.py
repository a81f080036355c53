"""The engine that stays in TensorFlow's graph for whole epochs, and reuses its traces.

A traced loop gathers each batch and calls the model's own ``train_step``, so that losses, metrics,
regularization, batch normalization, dropout and a user's step are exactly Keras'. The trace takes
the variables of the model as an argument and is shared by all models of the same description.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from keras_multiclass._data.rows import Data, Features, StreamData, TrainingData, dense
from keras_multiclass._shared.interrupts import check_interrupt
from keras_multiclass._shared.keras.epoch_callbacks import EpochListener
from keras_multiclass._shared.keras.overrides import overrides_logs
from keras_multiclass._shared.upstream.tensorflow import call
from keras_multiclass._training.engine import pace
from keras_multiclass._training.engine.base import TrainingPlan, TrainingResult
from keras_multiclass._training.engine.binding import state_of, values_of
from keras_multiclass._training.engine.cache import programs
from keras_multiclass._training.engine.epochs import (
    padded,
    run_training,
)
from keras_multiclass._training.engine.graph_run import GraphRun
from keras_multiclass._training.engine.memory import stays_on_host
from keras_multiclass._training.engine.pace import fitting, next_size
from keras_multiclass._training.engine.programs import Program
from keras_multiclass._training.engine.traceable import tracing
from keras_multiclass._training.engine.work import multiplications, open_steps
from keras_multiclass._training.engine.xla import (
    is_worth_compiling,
)

# To estimate the time of an epoch before the first one.
_SECONDS_PER_STEP = 1e-4
_MULTIPLICATIONS_PER_SECOND = 5e9
_PREDICTED_BYTES = 2**24


class GraphEngine:
    """Trains whole epochs in one call of the graph; predicts any number of rows with one trace."""

    def fit(
        self,
        model: keras.Model,
        data: Data,
        validation: Data | None,
        plan: TrainingPlan,
    ) -> TrainingResult:
        """Train ``model`` in place; see `Engine.fit`."""
        requested = plan.jit_compile != "auto"
        # Keras resets `jit_compile` if a layer does not support it.
        compiled = model.jit_compile if requested else is_worth_compiling(model, data, plan)
        acting = any(not isinstance(c, EpochListener) for c in plan.callbacks)
        watched = (
            acting
            or overrides_logs(model)
            or compiled
            or isinstance(data, StreamData)
            or isinstance(validation, StreamData)
            or stays_on_host(data.X)
            or (validation is not None and stays_on_host(validation.X))
            or _has_long_epochs(model, data, plan)
        )
        with tracing():
            run = GraphRun(model, data, validation, plan, watched=watched, xla=compiled)
        result = run_training(model, data, plan, run.watched if watched else run.unwatched)
        return replace(result, compiled=bool(run.compiled.sizes))

    def predict(self, model: keras.Model, X: Features, batch_size: int) -> Iterator[np.ndarray]:
        """Compute the output of ``model`` for each row of ``X``; see `Engine.predict`."""
        program = programs.get(model, Program, "predict_step")
        state = values_of(state_of(model, with_training=False))
        spec = tf.TensorSpec([None, *X.shape[1:]], X.dtype)
        with tracing():
            predict = program.predict(model, spec, batch_size, open_steps(X))
        work = batch_size * multiplications(model, open_steps(X))
        steps = fitting(_MULTIPLICATIONS_PER_SECOND * pace.SECONDS_PER_CALL, work)
        n_values = program.values_per_row(model, X.shape[1:])
        if n_values is None:
            steps = n_values = 1
        size, done = tf.constant(batch_size), 0
        while done < X.shape[0]:
            began = time.perf_counter()
            most = max(1, _PREDICTED_BYTES // (n_values * X.dtype.itemsize * batch_size))
            rows = dense(X[done : done + min(steps, most) * batch_size])
            batches = tf.constant(padded(rows, batch_size))
            output = call(predict, state, batches, size).numpy()[: rows.shape[0]]
            done, n_values = done + rows.shape[0], max(n_values, output[0].size)
            steps = next_size(min(steps, most), time.perf_counter() - began)
            check_interrupt()
            yield output


def _has_long_epochs(model: keras.Model, data: TrainingData, plan: TrainingPlan) -> bool:
    """Whether an epoch probably takes longer than a call of the graph should."""
    # A training step takes three times as long as a forward pass.
    each = multiplications(model, open_steps(data.X))
    work = 3 * data.n_samples * each / _MULTIPLICATIONS_PER_SECOND
    seconds = data.n_steps(plan.batch_size) * _SECONDS_PER_STEP + work
    # If the work is unknown, the first epoch tells.
    return pace.SECONDS_PER_CALL < seconds < float("inf")
