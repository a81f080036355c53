"""The engine that stays in TensorFlow's graph for whole epochs, and reuses its traces.

It copies X, labels and weights to the device once, or if X is large, a few batches at a time. A
traced loop gathers each batch and calls the model's own ``train_step``, so that losses, metrics,
regularization, batch normalization, dropout and a user's step are exactly Keras'. The trace takes
the variables of the model as an argument and is shared by all models of the same description.
"""

from __future__ import annotations

import contextlib
import operator
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_multiclass._data.rows import Features, TrainingData, dense
from keras_multiclass._shared.interrupts import check_interrupt
from keras_multiclass._shared.keras.epoch_callbacks import EpochListener, Logs
from keras_multiclass._shared.keras.native_logs import without_native_logs
from keras_multiclass._shared.keras.overrides import overrides_logs
from keras_multiclass._shared.upstream.tensorflow import call
from keras_multiclass._training.engine.base import TrainingPlan, TrainingResult
from keras_multiclass._training.engine.binding import create_variables, state_of, values_of
from keras_multiclass._training.engine.cache import Step, programs
from keras_multiclass._training.engine.device_data import DeviceData, Placed, place
from keras_multiclass._training.engine.epochs import (
    flat,
    is_due,
    named_as_validation,
    padded,
    run_training,
    walk_epochs,
)
from keras_multiclass._training.engine.memory import stays_on_host
from keras_multiclass._training.engine.programs import Program, Trainee
from keras_multiclass._training.engine.row_order import lengths_of, shuffled
from keras_multiclass._training.engine.traceable import TracingError, tracing
from keras_multiclass._training.engine.work import multiplications, open_steps
from keras_multiclass._training.engine.xla import (
    compilation_error,
    draws_random_numbers,
    is_worth_compiling,
    steps_per_block,
)
from keras_multiclass.exceptions import EngineError

# Training can be interrupted only between calls of the graph, so none should take much longer.
_SECONDS_PER_CALL = 0.25
# To estimate the time of an epoch before the first one.
_SECONDS_PER_STEP = 1e-4
_MULTIPLICATIONS_PER_SECOND = 5e9
_ORDER_BYTES = 2**24
_PREDICTED_BYTES = 2**24


class GraphEngine:
    """Trains whole epochs in one call of the graph; predicts any number of rows with one trace."""

    def fit(
        self,
        model: keras.Model,
        data: TrainingData,
        validation: TrainingData | None,
        plan: TrainingPlan,
    ) -> TrainingResult:
        """Train ``model`` in place; see `Engine.fit`."""
        requested = plan.jit_compile != "auto"
        # Keras resets `jit_compile` if a layer does not support it.
        compiled = model.jit_compile if requested else is_worth_compiling(model, data, plan)
        acting = any(not isinstance(c, EpochListener) for c in plan.callbacks)
        arrays = [data.X] if validation is None else [data.X, validation.X]
        watched = (
            acting
            or overrides_logs(model)
            or compiled
            or any(map(stays_on_host, arrays))
            or _has_long_epochs(model, data, plan)
        )
        with tracing():
            run = _Run(model, data, validation, plan, watched=watched, xla=compiled)
        result = run_training(model, data, plan, run.watched if watched else run.unwatched)
        return replace(result, compiled=bool(run.blocks))

    def predict(self, model: keras.Model, X: Features, batch_size: int) -> Iterator[np.ndarray]:
        """Compute the output of ``model`` for each row of ``X``; see `Engine.predict`."""
        program = programs.get(model, Program, "predict_step")
        state = values_of(state_of(model, with_training=False))
        spec = tf.TensorSpec([None, *X.shape[1:]], X.dtype)
        with tracing():
            predict = program.predict(model, spec, batch_size, open_steps(X))
        work = batch_size * multiplications(model, open_steps(X))
        steps = _fitting(_MULTIPLICATIONS_PER_SECOND * _SECONDS_PER_CALL, work)
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
            steps = _next_size(min(steps, most), time.perf_counter() - began)
            check_interrupt()
            yield output


@contextlib.contextmanager
def _after_callbacks() -> Iterator[None]:
    """Let errors say that a callback changed the model, which the Keras engine can train."""
    try:
        with tracing():
            yield
    except TracingError as error:
        raise EngineError(
            f"A callback changed the model, and the graph engine cannot train it any more: {error}."
            " Pass engine='keras'."
        ) from error


def _may_change_models(callback: keras.callbacks.Callback) -> bool:
    """Whether a callback may change more about a model than values of its variables."""
    package = type(callback).__module__.partition(".")[0]
    is_known = package in ("keras", "keras_multiclass")
    return not is_known or type(callback) is keras.callbacks.LambdaCallback


class _Run:
    """A training run: the arrays on the device, and the traced functions.

    The functions are traced before callbacks are called, so that the Keras engine can train what
    fails. As by `keras.Model.fit`, what callbacks change before the first training or validation
    step counts, what they change later does not. So traces are then looked up again.
    """

    def __init__(
        self,
        model: keras.Model,
        data: TrainingData,
        validation: TrainingData | None,
        plan: TrainingPlan,
        *,
        watched: bool,
        xla: bool,
    ) -> None:
        self.model = model
        self.plan = plan
        self.xla = xla
        self.first_row = data.features(slice(0, 1)), data.y[:1]
        self.n_samples = data.n_samples
        self.lengths = lengths_of(data)
        self.rows = None if data.rows is None else data.rows.astype(np.int32, copy=False)
        self.data = place(data)
        self.held_out: Placed | None = None
        if validation is not None:
            self.held_out = place(validation, self.data if validation.X is data.X else None)
            rows = np.arange(validation.n_samples) if validation.rows is None else validation.rows
            lengths = lengths_of(validation)
            rows = rows if lengths is None else rows[np.argsort(lengths, kind="stable")]
            self.held_out_order = rows.astype(np.int32)
        self.batch_size = tf.constant(plan.batch_size)
        self.validation_batch_size = tf.constant(plan.validation_batch_size)
        self.rows_per_block = plan.batch_size * steps_per_block(data, plan.batch_size)
        self.blocks: list[tuple[int, int, Callable[..., Any]]] = []
        self.to_renew: set[Step] = set()
        if watched and any(map(_may_change_models, plan.callbacks)):
            steps: tuple[Step, ...] = ("train_step", "test_step")
            self.to_renew = {step for step in steps if not programs.has(model, step)}
        self.steps = self.validation_steps = 1  # per call
        self._look_up()
        if watched:
            self._trace_parts()
        else:
            self.epochs = self.program.epochs(self.trainee, self.data, self.held_out)

    def _trace_parts(self) -> None:
        """Trace what parts of epochs need."""
        self._trace_training()
        if self.held_out is not None:
            self._trace_validation("train_step")  # described alike before callbacks

    def _look_up(self) -> None:
        """Look up the program and the state of the model."""
        create_variables(self.model, *self.first_row)
        self.loss_tracker, self.optimizer = self.model.metrics[:1], self.model.optimizer
        self.program = programs.get(self.model, Program)
        self.trainee = Trainee(self.model, self.plan.batch_size, self.data.n_steps)
        self.state = values_of(self.trainee.variables)
        self.own_state = values_of(state_of(self.model, with_training=True))

    def _trace_training(self) -> None:
        self.train = self.program.train(self.trainee, self.data)
        self.reset = self.program.reset(self.trainee)
        self.blocks = []
        if self.xla:
            self._compile_blocks(required=self.plan.jit_compile != "auto")

    def _trace_validation(self, step: Step) -> None:
        assert self.held_out is not None
        program = programs.get(self.model, Program, step)
        self.validate = program.validate(self.trainee, self.held_out)
        self.reset_held_out = program.reset(self.trainee)
        self.held_out_state = values_of(state_of(self.model, with_training=True))

    def _compile_blocks(self, *, required: bool) -> None:
        """Let XLA compile full batches; raise if that fails and is ``required``.

        If required, it also compiles the last, short batch, since its random numbers differ from
        TensorFlow's.
        """
        batch_size = self.plan.batch_size
        short = self.n_samples % batch_size
        sizes = [(self.rows_per_block, batch_size)] + [(short, short)] * bool(required and short)
        if overrides_logs(self.model):
            if required:
                raise NotImplementedError("XLA does not compile a training step of the model's own")
            return
        try:
            blocks = []
            for n_rows, batch_size in sizes:
                block = self.program.block(self.trainee, self.data, n_rows, batch_size)
                if draws_random_numbers(block) and not required:
                    raise NotImplementedError("XLA would draw different random numbers")
                rows = self.data.take(np.zeros(n_rows, np.int32))
                with without_native_logs():  # XLA logs its start
                    block(self.state, *rows, tf.constant(0))  # compiles, without a step
                blocks.append((n_rows, batch_size, block))
        except Exception as error:
            if required:
                raise compilation_error(error) from error
        else:
            self.blocks = blocks

    def watched(self, callbacks: keras.callbacks.CallbackList, numbers: range) -> None:
        """Train epoch by epoch, so that callbacks can act in between."""

        def validate() -> Logs:
            callbacks.on_test_begin()
            self._renew_validation()
            logs = self._validate()
            callbacks.on_test_end(logs)
            return logs

        validation = None if self.held_out is None else validate
        walk_epochs(self.model, self.plan, callbacks, numbers, self._epoch, validation)

    def _validate(self) -> Logs:
        """Evaluate the validation rows, in pieces if there are many."""
        assert self.held_out is not None
        order, batch_size = self.held_out_order, self.validation_batch_size
        self.reset_held_out(self.held_out_state)
        held_out = self.held_out_state, self.held_out
        arguments = self.validate, *held_out, order, batch_size, self.validation_steps
        logs, self.validation_steps = self._pieces(*arguments)
        return logs

    def _pieces(
        self,
        function: Callable[..., Any],
        state: list[tf.Variable],
        data: Placed,
        order: np.ndarray,
        batch_size: tf.Tensor,
        steps: int,
    ) -> tuple[Logs, int]:
        """Take a step for each batch; return the last logs, and the steps for the next call."""
        rows_per_step, done, logs = int(batch_size), 0, {}
        while done < len(order):
            began = time.perf_counter()
            steps = min(steps, data.most_steps(rows_per_step))
            piece = order[done : done + steps * rows_per_step]
            logs = _to_numpy(call(function, state, *data.block(piece), batch_size))
            done += len(piece)
            steps = _next_size(steps, time.perf_counter() - began)
            check_interrupt()
        return logs, steps

    def _epoch(self, epoch: int) -> Logs:
        """Train one epoch, in pieces if it is long."""
        self._renew_training()
        order = self._order(epoch)
        self.reset(self.own_state)
        done, logs = self._compiled_steps(order)
        if done < len(order):
            data = self.state, self.data
            arguments = self.train, *data, order[done:], self.batch_size, self.steps
            logs, self.steps = self._pieces(*arguments)
        return logs

    def _renew_training(self) -> None:
        """Look up the traces again if callbacks compiled the model, or may have changed it."""
        is_compiled = any(map(operator.is_not, self.model.metrics, self.loss_tracker))
        if not (is_compiled or "train_step" in self.to_renew):
            return
        self.to_renew.discard("train_step")
        programs.forget(self.model, "train_step")
        with _after_callbacks():
            create_variables(self.model, *self.first_row)
            program = programs.get(self.model, Program)
            if (
                is_compiled
                or program is not self.program
                or self.model.optimizer is not self.optimizer
            ):
                self._look_up()
                self._trace_training()
                self.to_renew.add("test_step")

    def _renew_validation(self) -> None:
        if "test_step" in self.to_renew:
            self.to_renew.discard("test_step")
            with _after_callbacks():
                create_variables(self.model, *self.first_row)
                self._trace_validation("test_step")

    def _compiled_steps(self, order: np.ndarray) -> tuple[int, Logs]:
        """Take the compiled steps of an epoch; return their number of rows and the last logs."""
        done, logs = 0, {}
        for n_rows, batch_size, block in self.blocks:
            end = done + (len(order) - done) // batch_size * batch_size
            for start in range(done, end, n_rows):
                rows = order[start : min(start + n_rows, end)]
                n_steps = tf.constant(len(rows) // batch_size)
                logs = block(self.state, *self.data.take(padded(rows, n_rows)), n_steps)
                check_interrupt()
            done = end
        return done, _to_numpy(logs)

    def unwatched(self, callbacks: keras.callbacks.CallbackList, numbers: range) -> None:
        """Train several epochs per call, and call the callbacks afterwards."""
        assert isinstance(self.data, DeviceData)
        most = max(1, _ORDER_BYTES // (4 * self.n_samples))
        remaining, size = list(numbers), 1
        while remaining:
            together, remaining = remaining[:size], remaining[size:]
            began = time.perf_counter()
            orders = tf.constant(np.stack([self._order(epoch) for epoch in together]))
            due = [is_due(self.plan, epoch) for epoch in together]
            held: tuple[Any, ...] = ()
            if isinstance(self.held_out, DeviceData):
                held = (
                    self.held_out.tensors,
                    tf.constant(self.held_out_order),
                    self.validation_batch_size,
                    tf.constant(due),
                )
            logs = call(self.epochs, self.state, self.data.tensors, orders, self.batch_size, *held)
            for epoch, of_epoch in zip(together, _by_epoch(logs, due), strict=True):
                callbacks.on_epoch_begin(epoch)
                callbacks.on_epoch_end(epoch, of_epoch)
            check_interrupt()
            seconds = time.perf_counter() - began
            if remaining and seconds > 2 * size * _SECONDS_PER_CALL:  # an epoch takes so long
                self._trace_parts()
                self.watched(callbacks, range(remaining[0], numbers.stop))
                return
            size = min(most, _next_size(size, seconds))

    def _order(self, epoch: int) -> np.ndarray:
        """Return the rows of X in the order of an epoch."""
        order = (
            shuffled(self.n_samples, self.plan, epoch, self.lengths)
            if self.plan.shuffle
            else np.arange(self.n_samples)
        )
        order = order.astype(np.int32)
        return order if self.rows is None else self.rows[order]


def _has_long_epochs(model: keras.Model, data: TrainingData, plan: TrainingPlan) -> bool:
    """Whether an epoch probably takes longer than a call of the graph should."""
    # A training step takes three times as long as a forward pass.
    each = multiplications(model, open_steps(data.X))
    work = 3 * data.n_samples * each / _MULTIPLICATIONS_PER_SECOND
    seconds = data.n_steps(plan.batch_size) * _SECONDS_PER_STEP + work
    # If the work is unknown, the first epoch tells.
    return _SECONDS_PER_CALL < seconds < float("inf")


def _next_size(size: int, seconds: float) -> int:
    """Choose the amount of work of the next call, which does not affect the results."""
    return min(_fitting(size * _SECONDS_PER_CALL, seconds), 4 * size)


def _fitting(available: float, each: float) -> int:
    """Return how many things fit into what is available, at least one."""
    return max(1, int(available / max(each, 1e-6)))


def _by_epoch(stacked: tuple[Logs, Logs], due: list[bool]) -> Iterator[Logs]:
    logs, validation_logs = map(_to_numpy, stacked)
    for i, validated in enumerate(due):
        of_epoch = {name: values[i] for name, values in logs.items()}
        if validated:
            of_epoch |= named_as_validation({n: v[i] for n, v in validation_logs.items()})
        yield of_epoch


def _to_numpy(logs: Any) -> Logs:
    return flat(dict(tf.nest.map_structure(lambda value: value.numpy(), logs)))
