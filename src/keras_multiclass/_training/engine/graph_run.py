"""A training run of the graph engine.

X, labels and weights are copied to the device once, or a few batches of a stream or large array at
a time.
"""

from __future__ import annotations

import contextlib
import operator
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_multiclass._data.rows import Data, Features, StreamData, TrainingData
from keras_multiclass._shared.interrupts import check_interrupt
from keras_multiclass._shared.keras.epoch_callbacks import EpochListener, Logs
from keras_multiclass._shared.keras.overrides import overrides_logs
from keras_multiclass._shared.upstream.tensorflow import call
from keras_multiclass._training.engine.base import TrainingPlan
from keras_multiclass._training.engine.binding import create_variables, state_of, values_of
from keras_multiclass._training.engine.blocks import Block, blocks_of, overlapping
from keras_multiclass._training.engine.cache import Step, programs
from keras_multiclass._training.engine.compiled_steps import CompiledSteps
from keras_multiclass._training.engine.device_data import DeviceData, Placed, place, rows_of
from keras_multiclass._training.engine.epochs import (
    flat,
    is_due,
    named_as_validation,
    walk_epochs,
)
from keras_multiclass._training.engine.pace import Pace, is_far_too_long, next_size
from keras_multiclass._training.engine.programs import Program, Trainee
from keras_multiclass._training.engine.row_order import lengths_of, shuffled
from keras_multiclass._training.engine.traceable import TracingError, tracing
from keras_multiclass._training.engine.work import open_steps
from keras_multiclass._training.engine.xla import (
    steps_per_block,
)
from keras_multiclass.exceptions import EngineError

_ORDER_BYTES = 2**24


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


class GraphRun:
    """A training run: the arrays on the device, and the traced functions.

    The functions are traced before callbacks are called, so that the Keras engine can train what
    fails. As by `keras.Model.fit`, what callbacks change before the first training or validation
    step counts, what they change later does not. So traces are then looked up again.
    """

    def __init__(
        self,
        model: keras.Model,
        data: Data,
        validation: Data | None,
        plan: TrainingPlan,
        *,
        watched: bool,
        xla: bool,
    ) -> None:
        self.model = model
        self.plan = plan
        self.xla = xla
        example = data.example if isinstance(data, StreamData) else data
        self.first_row = example.features(slice(0, 1)), example.y[:1]
        self.stream: StreamData | None = None
        X: Features | None = None
        if isinstance(data, StreamData):
            self.stream = data
            self.data: Placed = _one_row(data.example)
        else:
            X, self.n_samples, self.lengths = data.X, data.n_samples, lengths_of(data)
            self.rows = None if data.rows is None else data.rows.astype(np.int32, copy=False)
            self.data = place(data)
        self.held_out: Placed | None = None
        self.held_out_stream: StreamData | None = None
        if isinstance(validation, StreamData):
            self.held_out_stream = validation
            self.held_out = _one_row(validation.example)
        elif validation is not None:
            self.held_out = place(validation, self.data if validation.X is X else None)
            self.held_out_order = _validation_order(validation)
        self.batch_size = tf.constant(plan.batch_size)
        self.steps_per_block = steps_per_block(data, plan.batch_size)
        self.to_renew: set[Step] = set()
        if watched and any(map(_may_change_models, plan.callbacks)):
            steps: tuple[Step, ...] = ("train_step", "test_step")
            self.to_renew = {step for step in steps if not programs.has(model, step)}
        self.pace = Pace([c for c in plan.callbacks if isinstance(c, EpochListener)])
        self.validation_pace = Pace()
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
        required = self.plan.jit_compile != "auto"
        self.compiled = CompiledSteps(self.program, self.trainee, self.data, required=required)
        self.own_state = values_of(state_of(self.model, with_training=True))

    def _trace_training(self) -> None:
        self.train = self.program.train(self.trainee, self.data)
        self.reset = self.program.reset(self.trainee)
        if self.xla:
            self._compile()

    def _trace_validation(self, step: Step) -> None:
        assert self.held_out is not None
        program = programs.get(self.model, Program, step)
        self.validate = program.validate(self.trainee, self.held_out)
        self.reset_held_out = program.reset(self.trainee)
        self.held_out_state = values_of(state_of(self.model, with_training=True))

    def _compile(self) -> None:
        """Let XLA compile full batches.

        On request, it also compiles the last, short batch, since its random numbers differ from
        TensorFlow's, and other batches of a stream when they come.
        """
        compiled, batch_size = self.compiled, self.plan.batch_size
        if overrides_logs(self.model):
            if compiled.required:
                raise NotImplementedError("XLA does not compile a training step of the model's own")
            return
        compiled.compile(batch_size, self.steps_per_block)
        short = 0 if self.stream is not None else self.n_samples % batch_size
        if compiled.required and short:
            compiled.compile(short, 1)

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
        self.reset_held_out(self.held_out_state)
        if self.held_out_stream is not None:
            validate = partial(_call_on, self.validate, self.held_out_state)
            return self._blocks(self.held_out_stream, self.validation_pace, lambda _: validate)
        held_out = self.held_out_state, self.held_out
        rows = self.held_out_order, self.plan.validation_batch_size
        return self._pieces(self.validate, *held_out, *rows, self.validation_pace)

    def _pieces(
        self,
        function: Callable[..., Any],
        state: list[tf.Variable],
        data: Placed,
        order: np.ndarray,
        batch_size: int,
        pace: Pace,
    ) -> Logs:
        """Take a step for each batch; return the last logs."""
        done = 0
        logs: Logs = {}
        while done < len(order):
            began = time.perf_counter()
            steps = min(pace.steps, data.most_steps(batch_size))
            piece = order[done : done + steps * batch_size]
            bounds = np.minimum(np.arange(0, len(piece) + batch_size, batch_size), len(piece))
            logs = _call_on(function, state, *data.block(piece), bounds)
            done += len(piece)
            seconds, n_batches = time.perf_counter() - began, len(bounds) - 1
            pace.took(n_batches, seconds)
            pace.report(n_batches, logs)
            check_interrupt()
        return logs

    def _blocks(
        self,
        stream: StreamData,
        pace: Pace,
        start: Callable[[Block], Callable[..., Logs]],
    ) -> Logs:
        """Take a step for each batch of a stream, while the next ones are read.

        ``start`` gets a block when the one before is done, and returns what to call with its
        tensors, row numbers and bounds.
        """

        def timed(block: Block) -> Callable[[], tuple[int, Logs]]:
            take = start(block)
            order = np.arange(block.bounds[-1], dtype=np.int32)

            def run() -> tuple[int, Logs]:
                began = time.perf_counter()
                logs = take(block.tensors, order, block.bounds)
                pace.took(block.n_batches, time.perf_counter() - began)
                return block.n_batches, logs

            return run

        logs: Logs = {}
        with blocks_of(stream, lambda: pace.steps) as blocks:
            for n_steps, of_block in overlapping(blocks, timed):
                logs = of_block
                pace.report(n_steps, logs)
                check_interrupt()
        return logs

    def _epoch(self, epoch: int) -> Logs:
        """Train one epoch, in pieces if it is long."""
        self._renew_training()
        self.pace.start()
        if self.stream is not None:
            self.reset(self.own_state)
            return self._blocks(self.stream, self.pace, self._start_block)
        order = self._order(epoch)
        self.reset(self.own_state)
        done = 0
        logs: Logs = {}
        for batch_size in self.compiled.sizes:
            end = done + (len(order) - done) // batch_size * batch_size
            compiled = self.compiled.train(self.data.take, order[done:end], batch_size)
            for n_steps, of_block in compiled:
                logs = _to_numpy(of_block)
                self.pace.report(n_steps, logs)
                check_interrupt()
            done = end
        if done < len(order):
            rows = order[done:], self.plan.batch_size
            logs = self._pieces(self.train, self.state, self.data, *rows, self.pace)
        return logs

    def _start_block(self, block: Block) -> Callable[..., Logs]:
        """Return what trains on a block of a stream."""
        if not self.compiled.sizes:
            return partial(_call_on, self.train, self.state)
        if self.compiled.required:
            for batch_size in set(np.diff(block.bounds).tolist()) - set(self.compiled.sizes):
                self.compiled.compile(batch_size, 1)
        return self._train_compiled

    def _train_compiled(
        self, tensors: tuple[tf.Tensor, ...], order: np.ndarray, bounds: np.ndarray
    ) -> Logs:
        """Take steps for batches of different sizes, some of which are compiled."""
        logs: Logs = {}
        sizes, first = np.diff(bounds), 0
        while first < len(sizes):
            size = int(sizes[first])
            same = sizes[first:] == size
            last = first + (len(same) if same.all() else int(same.argmin()))
            rows = order[bounds[first] : bounds[last]]
            if size in self.compiled.sizes:
                for _, of_block in self.compiled.train(partial(rows_of, tensors), rows, size):
                    logs = _to_numpy(of_block)
            else:
                of_run = bounds[first : last + 1] - bounds[first]
                logs = _call_on(self.train, self.state, tensors, rows, of_run)
            first = last
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
                    tf.constant(self.plan.validation_batch_size),
                    tf.constant(due),
                )
            logs = call(self.epochs, self.state, self.data.tensors, orders, self.batch_size, *held)
            for epoch, of_epoch in zip(together, _by_epoch(logs, due), strict=True):
                callbacks.on_epoch_begin(epoch)
                callbacks.on_epoch_end(epoch, of_epoch)
            check_interrupt()
            seconds = time.perf_counter() - began
            if remaining and is_far_too_long(seconds / size):  # an epoch
                self._trace_parts()
                self.watched(callbacks, range(remaining[0], numbers.stop))
                return
            size = min(most, next_size(size, seconds))

    def _order(self, epoch: int) -> np.ndarray:
        """Return the rows of X in the order of an epoch."""
        order = (
            shuffled(self.n_samples, self.plan, epoch, self.lengths)
            if self.plan.shuffle
            else np.arange(self.n_samples)
        )
        order = order.astype(np.int32)
        return order if self.rows is None else self.rows[order]


def _call_on(
    function: Callable[..., Any],
    state: list[tf.Variable],
    tensors: tuple[tf.Tensor, ...],
    order: np.ndarray,
    bounds: np.ndarray,
) -> Logs:
    """Take a step for each batch of the rows in ``order``."""
    rows = tf.constant(order), tf.constant(bounds.astype(np.int32, copy=False))
    return _to_numpy(call(function, state, tensors, *rows))


def _by_epoch(stacked: tuple[Logs, Logs], due: list[bool]) -> Iterator[Logs]:
    logs, validation_logs = map(_to_numpy, stacked)
    for i, validated in enumerate(due):
        of_epoch = {name: values[i] for name, values in logs.items()}
        if validated:
            of_epoch |= named_as_validation({n: v[i] for n, v in validation_logs.items()})
        yield of_epoch


def _to_numpy(logs: Any) -> Logs:
    return flat(dict(tf.nest.map_structure(lambda value: value.numpy(), logs)))


def _one_row(example: TrainingData) -> DeviceData:
    """Copy the first row of a batch of a stream."""
    weights = None if example.sample_weight is None else tf.constant(example.sample_weight[:1])
    X = tf.constant(example.features(slice(0, 1)))
    return DeviceData(X, tf.constant(example.y[:1]), weights, open_steps(example.X))


def _validation_order(validation: TrainingData) -> np.ndarray:
    """Return the rows of X to validate on, those of similar lengths next to each other."""
    rows = np.arange(validation.n_samples) if validation.rows is None else validation.rows
    lengths = lengths_of(validation)
    rows = rows if lengths is None else rows[np.argsort(lengths, kind="stable")]
    return rows.astype(np.int32)
