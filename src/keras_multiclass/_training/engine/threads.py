"""Which threads run a trace: handing work to another thread can cost more than the work itself.

TensorFlow distributes the operations of a trace over threads, and splits those it takes for
expensive. Waking a thread takes some 65 microseconds, the arithmetic of a small operation less than
ten; and another fit of a parallel search could use the cores that are kept busy with it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_multiclass._shared.keras.layer_tree import iterate_layers
from keras_multiclass._shared.upstream.tensorflow import (
    can_limit_splitting,
    has_one_thread_executor,
    is_lowered,
    one_thread,
    operations_of,
    trace,
    trace_unsplit,
)
from keras_multiclass._training.engine.operations import ONE_THREAD_OPERATIONS
from keras_multiclass._training.engine.work import multiplications

# Multiplications of a step, forward pass only, up to which the calling thread alone is fastest, and
# up to which unsplit operations are.
_MOST_ON_ONE_THREAD = 2**20
_MOST_UNSPLIT = 3 * 2**24


class Threads(enum.Enum):
    """Which threads run a trace."""

    ONE = "the calling thread alone where TensorFlow supports it, otherwise as UNSPLIT"
    UNSPLIT = "several, but each operation stays on one"
    POOL = "TensorFlow's pool, without restrictions"


def choose_threads(model: keras.Model, batch_size: float, n_steps: int | None = None) -> Threads:
    """Choose the threads for the steps of a model by the size of a step.

    Parameters
    ----------
    model : keras.Model
        Built.
    batch_size : float
        Rows per step.
    n_steps : int, default=None
        Steps of a sequence, if the model leaves them open.

    Returns
    -------
    Threads
        The fastest choice.
    """
    if len(tf.config.list_logical_devices()) > 1:  # the others are for the CPU alone
        return Threads.POOL
    # The pool fuses some operations, and then rounds once where the others round twice.
    if any(layer.compute_dtype in ("float16", "bfloat16") for layer in iterate_layers(model)):
        return Threads.POOL
    work = batch_size * multiplications(model, n_steps)
    if work <= _MOST_ON_ONE_THREAD:
        return Threads.ONE
    return Threads.UNSPLIT if work <= _MOST_UNSPLIT else Threads.POOL


def trace_for(threads: Threads, function: Callable[..., Any], *arguments: Any) -> Any:
    """Trace a function for the threads that will run it.

    Parameters
    ----------
    threads : Threads
        The threads.
    function : callable
        The function to trace. It returns a tensor or a structure of tensors; what they do not
        depend on may not run.
    *arguments : tf.TensorSpec, tf.Variable, or lists of them
        What to trace it with.

    Returns
    -------
    tf.types.experimental.ConcreteFunction
        The trace.
    """
    if threads is Threads.POOL or not can_limit_splitting():
        return trace(function, arguments)
    try:
        if threads is Threads.ONE and has_one_thread_executor():
            with one_thread():
                traced = trace(function, arguments)
                if runs_on_one_thread(traced):
                    # TensorFlow would split its operations if it was called from another trace.
                    return trace_unsplit(traced, arguments)
        return trace_unsplit(function, arguments)
    except AttributeError:  # TensorFlow lacks something that this needs
        return trace(function, arguments)


def runs_on_one_thread(traced: Any) -> bool:
    """Whether all operations of a trace are known to run on the calling thread alone.

    Parameters
    ----------
    traced : tf.types.experimental.ConcreteFunction
        The trace.
    """
    return all(
        node.op in ONE_THREAD_OPERATIONS and not is_lowered(node) for node in operations_of(traced)
    )
