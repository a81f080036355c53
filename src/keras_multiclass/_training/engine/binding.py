"""The state of a model as a list of variables, and functions that take that state as an argument.

A trace usually belongs to the variables of one model. Here these variables are its arguments, too,
and TensorFlow lets a trace use its arguments wherever the function used them, so that the trace
serves every model of the same structure, also several at once. A trace that captured a variable
nevertheless is not shared (see `captures_nothing`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_multiclass._shared.keras.layer_tree import iterate_layers
from keras_multiclass._shared.upstream.keras_normalization import derived_from_variables
from keras_multiclass._training.engine.threads import Threads, trace_for


def state_of(model: keras.Model, *, with_training: bool) -> list[keras.Variable]:
    """List the variables of a model in an order that depends on its structure alone.

    Parameters
    ----------
    model : keras.Model
        Built, and compiled when ``with_training``.
    with_training : bool
        Whether to add those of the optimizer, the loss and the metrics.
    """
    variables = list(model.variables)
    if with_training:
        variables += [*model.optimizer.variables, *model.metrics_variables]
    return list({id(variable): variable for variable in variables}.values())


def create_variables(model: keras.Model, X: np.ndarray, y: np.ndarray) -> None:
    """Create the variables of optimizer and metrics, which is impossible inside a trace.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.
    X, y : ndarray
        One row, and its class index.
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    if not all(getattr(metric, "built", True) for metric in model.metrics):
        # Without calling the model: recurrent layers draw random numbers in every call.
        output = model.compute_output_spec(keras.KerasTensor(X.shape, X.dtype.name))
        y_pred = keras.ops.ones(output.shape, output.dtype) / output.shape[-1]
        model.compute_metrics(tf.constant(X), tf.constant(y), y_pred, None)
        model.reset_metrics()


def trace(
    model: keras.Model,
    variables: Sequence[keras.Variable],
    function: Callable[..., Any],
    signature: Sequence[tf.TensorSpec],
    *,
    threads: Threads = Threads.POOL,
    jit_compile: bool = False,
) -> Any:
    """Trace ``function(*tensors)``, which uses ``model``, as ``traced(tf_variables, *tensors)``.

    Parameters
    ----------
    model : keras.Model
        The model that ``function`` uses. The trace does not keep it alive.
    variables : sequence of keras.Variable
        All of its state that ``function`` reads or changes.
    function : callable
        The function to trace.
    signature : sequence of tf.TensorSpec
        The specs of the tensors.
    threads : Threads, default=Threads.POOL
        The threads that run the trace.
    jit_compile : bool, default=False
        Whether XLA compiles the trace; it then chooses threads of its own.

    Returns
    -------
    tf.types.experimental.ConcreteFunction
        The trace.
    """

    def with_state(state: Sequence[tf.Variable], *tensors: tf.Tensor) -> Any:
        # `Normalization` layers, too, must compute with what are arguments.
        with derived_from_variables(iterate_layers(model)):
            return function(*tensors)

    arguments = values_of(variables), *signature
    if jit_compile:
        compiled = tf.function(with_state, autograph=False, jit_compile=True)
        return compiled.get_concrete_function(*arguments)
    return trace_for(threads, with_state, *arguments)


def values_of(variables: Sequence[keras.Variable]) -> list[tf.Variable]:
    """Return the TensorFlow variables behind Keras variables."""
    return [variable.value for variable in variables]
