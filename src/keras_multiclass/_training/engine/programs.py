"""The traces of a model: an epoch, a pass over validation rows, many epochs, and prediction.

Batch size, number of rows and length of the last batch stay open, so that one trace serves all of
them; small steps have their own traces (see `threads`), and so has each batch size with XLA.
"""

from __future__ import annotations

import contextlib
import math
import threading
import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_multiclass._shared.keras.overrides import overrides_logs, overrides_prediction
from keras_multiclass._shared.upstream.tensorflow import captures_nothing
from keras_multiclass._training.engine.adam import KernelAdam
from keras_multiclass._training.engine.binding import state_of, trace
from keras_multiclass._training.engine.device_data import (
    Placed,
    wide_dtype,
    widened,
    with_open_steps,
)
from keras_multiclass._training.engine.fingerprint import UndescribableError, fingerprint
from keras_multiclass._training.engine.flat import FlatOptimizer
from keras_multiclass._training.engine.loss_average import step_of
from keras_multiclass._training.engine.threads import Threads, choose_threads

_ROWS = tf.TensorSpec([None], tf.int32)
_ORDERS = tf.TensorSpec([None, None], tf.int32)
_COUNT = tf.TensorSpec([], tf.int32)
_FLAGS = tf.TensorSpec([None], tf.bool)
# Per structure. Some ten are in use, and compiled ones for many batch sizes.
_MOST_TRACES = 32


class Trainee:
    """A model to train, and how its traces train it.

    Attributes
    ----------
    model : keras.Model
        Built and compiled, with all variables of optimizer and metrics.
    variables : list of keras.Variable
        The state of the training, in an order that depends on the model's structure alone.
    threads : Threads
        The threads that run its steps.
    """

    def __init__(self, model: keras.Model, batch_size: int, n_steps: int | None = None) -> None:
        self.model = model
        self.threads = choose_threads(model, batch_size, n_steps)
        self._stand_in = KernelAdam.of(model) or FlatOptimizer.of(model)
        self.variables = state_of(model, with_training=True)
        if self._stand_in is not None:
            self.variables += self._stand_in.variables

    def optimizing(self) -> contextlib.AbstractContextManager[None]:
        """Let the fastest equivalent optimizer take the steps inside."""
        if self._stand_in is None:
            return contextlib.nullcontext()
        return self._stand_in.standing_in(self.model)


class Program:
    """The traced functions of one model structure, each traced when first needed.

    It keeps no model alive, and its methods take any model of the structure. A trace that uses a
    tensor of a model besides the state is kept for that model alone, and so is one of a model that
    has changed since it was described.

    Parameters
    ----------
    description : hashable, default=None
        The description of the structure; None if the program is for one model alone.
    """

    def __init__(self, description: Hashable = None) -> None:
        self._description = description
        self._shared: dict[Hashable, Any] = {}
        self._own: weakref.WeakKeyDictionary[keras.Model, dict[Hashable, Any]] = (
            weakref.WeakKeyDictionary()
        )
        self._threads: dict[tuple[int, int | None], Threads] = {}
        self._values_per_row: dict[tuple[int, ...], int | None] = {}
        self._lock = threading.RLock()

    def _get(self, model: keras.Model, key: Hashable, make: Callable[[], Any]) -> Any:
        with self._lock:
            for known in (self._shared, self._own.get(model, {})):
                if key in known:
                    return known[key]
            is_shared = self._describes(model)
            traced = make()
            is_shared = is_shared and captures_nothing(traced)
            home = self._shared if is_shared else self._own.setdefault(model, {})
            home[key] = traced
            if len(home) > _MOST_TRACES:
                del home[next(iter(home))]
            return traced

    def _describes(self, model: keras.Model) -> bool:
        if self._description is None:
            return True
        try:
            return fingerprint(model) == self._description
        except UndescribableError:
            return False

    def values_per_row(self, model: keras.Model, input_shape: tuple[int, ...]) -> int | None:
        """Return the larger of the sizes of input and output of one row; None if unknown."""
        if input_shape not in self._values_per_row:
            output_shape = getattr(model, "output_shape", None)  # not of all classes of models
            known = None
            if output_shape is not None:
                known = max(math.prod(input_shape), math.prod(output_shape[1:]))
            self._values_per_row[input_shape] = known
        return self._values_per_row[input_shape]

    def train(self, trainee: Trainee, data: Placed) -> Any:
        """Get ``f(state, *data, order, bounds) -> logs``.

        It takes a step for each batch of the rows in ``order``, which begin at the ``bounds`` and
        end at the next one; the metrics are not reset.
        """

        def train(*arguments: tf.Tensor) -> Any:
            *tensors, order, bounds = arguments
            with trainee.optimizing():
                return _steps(model, "train_step", tensors, order, bounds)

        model = trainee.model
        return self._training(trainee, "train", train, (*data.signature, _ROWS, _ROWS))

    def step(self, model: keras.Model, name: str, batch: Sequence[tf.TensorSpec]) -> Any:
        """Get ``f(state, *batch) -> logs``, which takes one step; the metrics are not reset.

        With ``jit_compile``, XLA compiles it for each size of a batch when it is first called.
        """

        def step(*batch: tf.Tensor) -> Any:
            return step_of(model, name)(batch)

        def make() -> Any:
            state = state_of(model, with_training=True)
            return trace(model, state, step, batch, jit_compile=model.jit_compile)

        return self._get(model, (name, batch, model.jit_compile), make)

    def block(self, trainee: Trainee, data: Placed, n_rows: int, batch_size: int) -> Any:
        """Get ``f(state, *rows, n_steps) -> logs``, compiled by XLA.

        It gets ``n_rows`` rows in full batches, and takes a step for each of the first
        ``n_steps`` batches; the metrics are not reset.
        """

        def block(*arguments: tf.Tensor) -> Any:
            *tensors, n_steps = arguments
            batches = [tf.reshape(t, [-1, batch_size, *t.shape[1:]]) for t in tensors]
            train_step = step_of(model, "train_step")

            def body(step: tf.Tensor) -> tuple[tf.Tensor]:
                train_step(tuple(batch[step] for batch in batches))
                return (step + 1,)

            with trainee.optimizing():
                tf.while_loop(lambda step: step < n_steps, body, (tf.constant(0),))
            return _results(model)

        def make() -> Any:
            return trace(model, trainee.variables, block, (*rows, _COUNT), jit_compile=True)

        model = trainee.model
        X, *others = (tf.TensorSpec([n_rows, *s.shape[1:]], s.dtype) for s in data.signature)
        rows = tf.TensorSpec(X.shape, wide_dtype(X.dtype)), *others
        return self._get(model, ("block", batch_size, rows), make)

    def reset(self, trainee: Trainee) -> Any:
        """Get ``f(state)``, which resets the metrics and returns 0."""

        def reset() -> tf.Tensor:
            model.reset_metrics()
            return tf.constant(0)

        def make() -> Any:
            state = state_of(model, with_training=True)
            return trace(model, state, reset, (), threads=trainee.threads)

        model = trainee.model
        return self._get(model, ("reset", trainee.threads), make)

    def validate(self, trainee: Trainee, data: Placed) -> Any:
        """Get ``f(state, *data, order, bounds) -> logs``; the metrics are not reset."""

        def validate(*arguments: tf.Tensor) -> Any:
            *tensors, order, bounds = arguments
            return _steps(model, "test_step", tensors, order, bounds)

        def make() -> Any:
            state = state_of(model, with_training=True)
            return trace(model, state, validate, signature, threads=trainee.threads)

        model, signature = trainee.model, (*data.signature, _ROWS, _ROWS)
        return self._get(model, ("validate", signature, trainee.threads), make)

    def epochs(self, trainee: Trainee, data: Placed, validation: Placed | None) -> Any:
        """Get ``f(state, data, orders, batch_size, *held_out) -> (logs, validation_logs)``.

        It trains an epoch for each row of ``orders``. ``held_out`` is empty, or ``(data, order,
        batch_size, due)`` for a validation after the epochs that are ``due``. The first axis of
        the logs is the epoch.
        """

        def epochs(data: Any, orders: tf.Tensor, batch_size: tf.Tensor, *held: Any) -> Any:
            def one(epoch: tf.Tensor) -> Any:
                model.reset_metrics()
                bounds = _bounds(tf.shape(orders)[1], batch_size)
                logs = _steps(model, "train_step", data, orders[epoch], bounds)
                if not held:
                    return logs, {}
                held_out, order, held_batch_size, due = held
                bounds = _bounds(tf.where(due[epoch], tf.size(order), 0), held_batch_size)
                model.reset_metrics()
                return logs, _steps(model, "test_step", held_out, order, bounds)

            metrics = _results(model)
            with trainee.optimizing():
                return _collect(one, tf.shape(orders)[0], (metrics, metrics if held else {}))

        model = trainee.model
        signature: tuple[Any, ...] = (data.signature, _ORDERS, _COUNT)
        if validation is not None:
            signature += (validation.signature, _ROWS, _COUNT, _FLAGS)
        return self._training(trainee, "epochs", epochs, signature)

    def predict(
        self, model: keras.Model, X: tf.TensorSpec, batch_size: int, n_steps: int | None = None
    ) -> Any:
        """Get ``f(state, X, batch_size) -> output``; X must consist of full batches."""

        def predict(X: tf.Tensor, batch_size: tf.Tensor) -> tf.Tensor:
            def one(step: tf.Tensor) -> tf.Tensor:
                rows = X[step * batch_size : (step + 1) * batch_size]
                return model.predict_step(rows) if own_step else model(rows, training=False)

            first = one(tf.constant(0))  # has the dtype of the others
            outputs = _collect(one, tf.shape(X)[0] // batch_size, first, first)
            return tf.reshape(outputs, tf.concat([[-1], tf.shape(first)[1:]], axis=0))

        def make() -> Any:
            state = state_of(model, with_training=False)
            return trace(model, state, predict, (X, _COUNT), threads=threads)

        own_step = overrides_prediction(model)
        size = batch_size, n_steps
        if size not in self._threads:
            # The forward pass is a third of a training step.
            self._threads[size] = choose_threads(model, batch_size / 3, n_steps)
        threads = self._threads[size]
        X = X if n_steps is None else with_open_steps(X)
        return self._get(model, ("predict", X, threads), make)

    def _training(
        self, trainee: Trainee, name: str, function: Callable[..., Any], signature: Any
    ) -> Any:
        def make() -> Any:
            return trace(trainee.model, trainee.variables, function, signature, threads=threads)

        threads = trainee.threads
        return self._get(trainee.model, (name, signature, threads), make)


def _results(model: keras.Model) -> Any:
    """Read the metrics as they are now: a result may be a variable, which a reset changes."""

    def read(value: Any) -> tf.Tensor:
        return tf.identity(keras.ops.convert_to_tensor(value))

    return tf.nest.map_structure(read, model.get_metrics_result())


def _bounds(n_rows: tf.Tensor, batch_size: tf.Tensor) -> tf.Tensor:
    """Return where the batches of some rows begin, and the last one ends."""
    return tf.minimum(tf.range(0, n_rows + batch_size, batch_size), n_rows)


def _steps(
    model: keras.Model,
    name: str,
    tensors: Sequence[tf.Tensor],
    order: tf.Tensor,
    bounds: tf.Tensor,
) -> Any:
    """Take one step of a kind per batch, and return the logs of the last one."""
    step = step_of(model, name)
    n_batches = tf.size(bounds) - 1

    def take(number: tf.Tensor) -> Any:
        rows = order[bounds[number] : bounds[number + 1]]
        X, *others = (tf.gather(tensor, rows) for tensor in tensors)
        return step((widened(X), *others))

    if not overrides_logs(model):  # the logs are the metrics, which are computed once

        def body(number: tf.Tensor) -> tuple[tf.Tensor]:
            take(number)
            return (number + 1,)

        tf.while_loop(
            lambda number: number < n_batches, body, (tf.constant(0),), parallel_iterations=1
        )
        return _results(model)

    logs = take(tf.constant(0))
    _, logs = tf.while_loop(
        lambda number, _: number < n_batches,
        lambda number, _: (number + 1, take(number)),
        (tf.constant(1), logs),
    )
    return logs


def _collect(one: Callable[[tf.Tensor], Any], n: tf.Tensor, outputs: Any, first: Any = None) -> Any:
    """Stack ``one(0), ..., one(n - 1)``, which have the structure and dtypes of ``outputs``.

    ``first`` is ``one(0)`` if it is already computed.
    """
    arrays = tuple(
        tf.TensorArray(leaf.dtype, size=n, element_shape=leaf.shape)
        for leaf in tf.nest.flatten(outputs)
    )

    def write(arrays: Any, i: Any, values: Any) -> Any:
        leaves = tf.nest.flatten(values)
        return tuple(array.write(i, leaf) for array, leaf in zip(arrays, leaves, strict=True))

    start = 0
    if first is not None:
        start, arrays = 1, write(arrays, 0, first)
    _, arrays = tf.while_loop(
        lambda i, _: i < n,
        lambda i, arrays: (i + 1, write(arrays, i, one(i))),
        (tf.constant(start), arrays),
    )
    return tf.nest.pack_sequence_as(outputs, [array.stack() for array in arrays])
