"""What TensorFlow does not document as public, or documents as an internal operation."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

UNDOCUMENTED = {
    "MapDefun": (
        "keeps each operation of a trace on one thread, by `max_intra_op_parallelism`",
        "TensorFlow's pool runs all traces",
    ),
    "function_executor_type": (
        "selects the executor of a trace",
        "small steps run on several threads",
    ),
    "SINGLE_THREADED_EXECUTOR": (
        "the executor that stays on the calling thread",
        "small steps run on several threads",
    ),
    "_lower_using_switch_merge": (
        "whether a loop is lowered to operations that one thread cannot run",
        "a trial run of a loop decides alone",
    ),
    "ResourceApplyAdam": (
        "takes a step of Adam in one operation for each variable",
        "Adam runs as implemented in Keras",
    ),
    "handle": ("the resource behind a variable", "as without `MapDefun` and `ResourceApplyAdam`"),
    "_call_flat": (
        "calls a trace without checks of its arguments",
        "TensorFlow checks them, which takes longer than a small step",
    ),
    "captured_inputs": (
        "the tensors that a trace uses besides its arguments",
        "no traces are shared, and TensorFlow's pool runs them",
    ),
    "ConcreteFunction.graph": (
        "the operations of a trace",
        "small steps run on several threads, and XLA compiles only on request",
    ),
}

_ONE_THREAD = "SINGLE_THREADED_EXECUTOR"
_LOWERED = "_lower_using_switch_merge"


def trace(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Trace a function.

    Parameters
    ----------
    function : callable
        What to trace.
    arguments : tuple of tf.TensorSpec, tf.Variable, or lists of them
        What to trace it with.

    Returns
    -------
    tf.types.experimental.ConcreteFunction
        The trace.
    """
    return tf.function(function, autograph=False).get_concrete_function(*arguments)


def call(traced: Any, *arguments: Any) -> Any:
    """Call a trace with tensors of the types it was traced with, which are not checked.

    Parameters
    ----------
    traced : tf.types.experimental.ConcreteFunction
        The trace.
    *arguments : tensors, tf.Variable, or sequences of them
        Its arguments.

    Returns
    -------
    tensor or structure of tensors
        What it returns.
    """
    try:
        function, tensors, captured = traced._call_flat, _flat(arguments), traced.captured_inputs
    except AttributeError:
        return traced(*arguments)
    return function(tensors, captured)


def _flat(arguments: tuple[Any, ...]) -> list[tf.Tensor]:
    """List all tensors, and the resources behind variables."""
    leaves = tf.nest.flatten(arguments)
    return [leaf.handle if isinstance(leaf, tf.Variable) else leaf for leaf in leaves]


def has_started() -> bool:
    """Whether TensorFlow has started its threads, in this process or before it was forked."""
    n_threads = tf.config.threading.get_inter_op_parallelism_threads()
    try:
        tf.config.threading.set_inter_op_parallelism_threads(n_threads + 1)
    except RuntimeError:  # it has, and they cannot be changed any more
        return True
    tf.config.threading.set_inter_op_parallelism_threads(n_threads)
    return False


def runs_functions(timeout: float = 10.0) -> bool:
    """Whether TensorFlow's threads run a function within some seconds, as they do unless forked."""
    runner = threading.Thread(
        target=lambda: tf.function(lambda x: x + 1, autograph=False)(tf.constant(0)), daemon=True
    )
    runner.start()
    runner.join(timeout)
    return not runner.is_alive()


# --- threads --------------------------------------------------------------------------------------


def one_thread() -> contextlib.AbstractContextManager[None]:
    """Let the calling thread alone run what is traced and called inside."""
    manager: contextlib.AbstractContextManager[None] = tf.experimental.function_executor_type(
        _ONE_THREAD
    )
    return manager


@functools.cache
def has_one_thread_executor() -> bool:
    """Whether `one_thread` works, also for loops."""

    def count(n: tf.Tensor) -> Any:
        return tf.while_loop(lambda i: i < n, lambda i: (i + 1,), (tf.constant(0),))

    try:
        with one_thread():
            traced = trace(count, (tf.TensorSpec([], tf.int32),))
            runs = not any(map(is_lowered, operations_of(traced)))
            return runs and int(traced(tf.constant(3))[0]) == 3
    except (AttributeError, tf.errors.OpError):
        return False


def is_lowered(node: Any) -> bool:
    """Whether an operation for control flow is replaced by others before it runs."""
    return bool(node.attr[_LOWERED].b)


def operations_of(traced: Any) -> list[Any]:
    """List the operations of a trace, including those of the functions that it calls."""
    graph = traced.graph.as_graph_def()
    return [*graph.node, *(node for f in graph.library.function for node in f.node_def)]


def can_limit_splitting() -> bool:
    """Whether `trace_unsplit` works."""
    return hasattr(tf.raw_ops, "MapDefun")


def trace_unsplit(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Trace a function so that none of its operations is split among threads.

    The only operation of TensorFlow with such a limit is meant for mapping a function over the rows
    of tensors. Here it gets one meaningless row, and the function captures what it needs.

    Parameters
    ----------
    function, arguments
        As in `trace`.

    Returns
    -------
    tf.types.experimental.ConcreteFunction
        The trace.
    """
    structure: Any = None

    def flattened(row: tf.Tensor, *arguments: Any) -> list[tf.Tensor]:
        nonlocal structure
        structure = function(*arguments)
        return tf.nest.flatten(structure)

    inner = trace(flattened, (tf.TensorSpec([], tf.int32), *arguments))

    def unsplit(*arguments: Any) -> Any:
        outputs = tf.raw_ops.MapDefun(
            arguments=[tf.zeros([1], tf.int32)],
            captured_inputs=[*_flat(arguments), *inner.captured_inputs],
            output_types=[output.dtype for output in inner.outputs],
            output_shapes=[output.shape for output in inner.outputs],
            f=inner,
            max_intra_op_parallelism=1,
        )
        return tf.nest.pack_sequence_as(structure, [rows[0] for rows in outputs])

    return trace(unsplit, arguments)


def captures_nothing(traced: Any) -> bool:
    """Whether a trace is known to use no tensor but its arguments."""
    captured = getattr(traced, "captured_inputs", None)
    return captured is not None and not captured


# --- Adam -----------------------------------------------------------------------------------------


def has_adam_kernel(variable: keras.Variable) -> bool:
    """Whether `apply_adam` works for a variable."""
    return hasattr(tf.raw_ops, "ResourceApplyAdam") and hasattr(variable.value, "handle")


def apply_adam(
    gradient: tf.Tensor,
    weight: keras.Variable,
    momentum: keras.Variable,
    velocity: keras.Variable,
    **scalars: tf.Tensor,
) -> None:
    """Take a step of Adam for one variable.

    Parameters
    ----------
    gradient : tensor
        The gradient.
    weight, momentum, velocity : keras.Variable
        The variable and its slots, changed in place.
    **scalars : tensors
        ``lr``, ``beta1``, ``beta2``, their powers ``beta1_power`` and ``beta2_power``, and
        ``epsilon``.
    """
    var, m, v = (variable.value.handle for variable in (weight, momentum, velocity))
    tf.raw_ops.ResourceApplyAdam(var=var, m=m, v=v, grad=gradient, **scalars)
