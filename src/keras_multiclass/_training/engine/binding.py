"""The state of a model as a list of variables, and functions that take that state as an argument.

A function that is traced in the usual way belongs to the variables of one model. Here the Keras
variables of a model stand, while a function is traced, for variables that the function gets as its
first argument, so that the trace serves every model of the same structure, and several at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_multiclass._shared.keras.copying import iterate_layers
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
    found = list(model.variables)
    if with_training:
        found += [*model.optimizer.variables, *model.metrics_variables]
    return list({id(variable): variable for variable in found}.values())


@contextlib.contextmanager
def bound(
    model: keras.Model, variables: Sequence[keras.Variable], stand_ins: Sequence[tf.Variable]
) -> Iterator[None]:
    """Let Keras variables of a model stand for other TensorFlow variables.

    Parameters
    ----------
    model : keras.Model
        Its ``Normalization`` layers derive their tensors from the stand-ins, too.
    variables : sequence of keras.Variable
        What `state_of` gave.
    stand_ins : sequence of tf.Variable
        One for each of them.
    """
    # Keras keeps the TensorFlow variable in `_value`; its own JAX trainer swaps it like this.
    own = [variable._value for variable in variables]
    derived = [
        (layer, layer.mean, layer.variance)
        for layer in iterate_layers(model)
        if isinstance(layer, keras.layers.Normalization) and layer.built
    ]
    try:
        for variable, stand_in in zip(variables, stand_ins, strict=True):
            variable._value = stand_in
        for layer, _, _ in derived:
            layer.finalize_state()
        yield
    finally:
        for variable, value in zip(variables, own, strict=True):
            variable._value = value
        for layer, mean, variance in derived:
            layer.mean, layer.variance = mean, variance


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
        What to trace.
    signature : sequence of tf.TensorSpec
        The tensors.
    threads : Threads, default=Threads.POOL
        Which threads are to run it.
    jit_compile : bool, default=False
        Whether XLA compiles it, which then chooses threads of its own.

    Returns
    -------
    tf.types.experimental.ConcreteFunction
        The trace.
    """

    def with_state(stand_ins: Sequence[tf.Variable], *tensors: tf.Tensor) -> Any:
        with bound(model, variables, stand_ins):
            return function(*tensors)

    arguments = values_of(variables), *signature
    if jit_compile:
        compiled = tf.function(with_state, autograph=False, jit_compile=True)
        return compiled.get_concrete_function(*arguments)
    return trace_for(threads, with_state, *arguments)


def values_of(variables: Sequence[keras.Variable]) -> list[tf.Variable]:
    """Return the TensorFlow variables behind Keras variables."""
    return [variable.value for variable in variables]


def is_self_contained(traced: Any) -> bool:
    """Whether a trace uses no tensor but its arguments, so that it can serve another model."""
    return not traced.captured_inputs
