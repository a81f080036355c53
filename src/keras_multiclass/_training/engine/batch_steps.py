"""Steps of single batches from traces that all models of the same description share.

Keras traces a step for each model, and TensorFlow keeps a megabyte of memory for every trace that
there has been.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_multiclass._shared.keras.epoch_callbacks import Logs
from keras_multiclass._shared.keras.native_logs import without_native_logs
from keras_multiclass._training.engine.binding import create_variables, state_of, values_of
from keras_multiclass._training.engine.cache import Step, programs
from keras_multiclass._training.engine.epochs import flat
from keras_multiclass._training.engine.loss_average import prepare_functions
from keras_multiclass._training.engine.programs import Program
from keras_multiclass._training.engine.traceable import tracing
from keras_multiclass._training.engine.xla import compilation_error


class SharedSteps:
    """Takes the training and test steps of a model, batch by batch.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._own_function: Any = None  # Keras drops it whenever a model is compiled
        self._traces: dict[Any, tuple[Any, list[tf.Variable]]] = {}
        self._compiled: set[Any] = set()  # names of steps, and sizes of batches

    def prepare(self, name: Step, batch: tuple[Any, ...]) -> Callable[[], Logs]:
        """Return a function that takes a step, and returns numbers by name.

        Parameters
        ----------
        name : {"train_step", "test_step"}
            The step.
        batch : tuple
            X, y and maybe weights, as arrays.

        Raises
        ------
        TracingError
            If the step cannot be traced; nothing has changed then.
        """
        model = self._model
        if self._own_function is None or model.train_function is not self._own_function:
            # At first, or after a callback compiled the model.
            self._traces, self._compiled = {}, set()
            prepare_functions(model)
            self._own_function = model.train_function
        tensors = [tf.constant(part) for part in batch]
        shapes = [[None, *t.shape[1:]] for t in tensors]
        if None in (getattr(model, "input_shape", None) or ())[1:2]:  # sequences of any length
            shapes[0][1] = None
        specs = zip(shapes, tensors, strict=True)
        key = name, tuple(tf.TensorSpec(shape, t.dtype) for shape, t in specs)
        if key not in self._traces:
            with tracing():
                create_variables(model, batch[0][:1], batch[1][:1])
            program = programs.get(model, Program, name)
            with tracing():
                trace = program.step(model, *key)
            self._traces[key] = trace, values_of(state_of(model, with_training=True))
        step, state = self._traces[key]

        def take() -> Logs:
            return flat(tf.nest.map_structure(_plain, step(state, *tensors)))

        size = name, len(batch[0])
        if not model.jit_compile or size in self._compiled:
            return take

        def compile_and_take() -> Logs:
            try:
                with without_native_logs():  # XLA logs its start
                    logs = take()
            except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
                raise compilation_error(error) from error
            self._compiled.add(size)
            return logs

        return compile_and_take


def _plain(value: tf.Tensor) -> Any:
    array = np.asarray(value.numpy())
    return array.item() if array.ndim == 0 else array
