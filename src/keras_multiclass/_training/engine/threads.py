"""Which threads run a trace, for handing work to another thread may cost more than the work.

TensorFlow shares the operations of a trace out among threads, and splits an operation that it takes
for expensive among more. To wake a thread takes some 65 microseconds, the arithmetic of a small
operation less than ten; and the cores that are kept busy with it are those that another fit of a
parallel search could use.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_multiclass._shared.keras.copying import iterate_layers
from keras_multiclass._training.engine.work import multiplications

# Multiplications of a step, forwards, up to which the calling thread alone is the fastest way, and
# up to which operations had better not be split.
_MOST_ON_ONE_THREAD = 2**20
_MOST_UNSPLIT = 3 * 2**24
# One thread cannot run what loops and branches are lowered to, and would wait forever for an
# operation that waits for another thread.
_UNABLE = re.compile(
    "Enter|Exit|Merge|NextIteration|Switch|MutexLock|Batch$|Unbatch|"
    ".*(PyFunc|Iterator|Queue|Recv|Collective|Barrier|Stage|Unstage|Accumulator)"
)
_ONE_THREAD = "SINGLE_THREADED_EXECUTOR"
_LOWERED = "_lower_using_switch_merge"


class Threads(enum.Enum):
    """Which threads run a trace."""

    ONE = "the calling thread alone, where TensorFlow can; else as UNSPLIT"
    UNSPLIT = "several, but each operation stays on one"
    POOL = "TensorFlow's pool, as it likes"


def choose_threads(model: keras.Model, batch_size: float) -> Threads:
    """Choose the threads for the steps of a model by the size of a step.

    Parameters
    ----------
    model : keras.Model
        Built.
    batch_size : float
        Rows of a step.

    Returns
    -------
    Threads
        The fastest way.
    """
    if len(tf.config.list_logical_devices()) > 1:  # the others are for the processor alone
        return Threads.POOL
    # The pool joins some operations, which rounds once where the others round twice.
    if any(layer.compute_dtype in ("float16", "bfloat16") for layer in iterate_layers(model)):
        return Threads.POOL
    work = batch_size * multiplications(model)
    if work <= _MOST_ON_ONE_THREAD:
        return Threads.ONE
    return Threads.UNSPLIT if work <= _MOST_UNSPLIT else Threads.POOL


def trace_for(threads: Threads, function: Callable[..., Any], *arguments: Any) -> Any:
    """Trace a function for the threads that are to run it.

    Parameters
    ----------
    threads : Threads
        Which.
    function : callable
        What to trace. It returns a tensor or a structure of them: what nobody reads does not run.
    *arguments : tf.TensorSpec, tf.Variable, or lists of them
        What to trace it with.

    Returns
    -------
    tf.types.experimental.ConcreteFunction
        The trace.
    """
    if threads is Threads.POOL:
        return _trace(function, arguments)
    if threads is Threads.ONE:
        with tf.experimental.function_executor_type(_ONE_THREAD):
            traced = _trace(function, arguments)
            if _is_able(traced):
                # The operations of a trace that is called from another are split all the same.
                return _trace_unsplit(traced, arguments)
    return _trace_unsplit(function, arguments)


def _trace(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return tf.function(function, autograph=False).get_concrete_function(*arguments)


def _trace_unsplit(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Trace a function inside the one operation of TensorFlow that bounds threads.

    It is meant to map a function over the rows of tensors; here it gets one row that means nothing,
    and all that matters is what the function captures.
    """
    structure: Any = None

    def listed(row: tf.Tensor, *arguments: Any) -> list[tf.Tensor]:
        nonlocal structure
        structure = function(*arguments)
        return tf.nest.flatten(structure)

    inner = _trace(listed, (tf.TensorSpec([], tf.int32), *arguments))

    def unsplit(*arguments: Any) -> Any:
        captured = [getattr(leaf, "handle", leaf) for leaf in tf.nest.flatten(arguments)]
        found = tf.raw_ops.MapDefun(
            arguments=[tf.zeros([1], tf.int32)],
            captured_inputs=[*captured, *inner.captured_inputs],
            output_types=[output.dtype for output in inner.outputs],
            output_shapes=[output.shape for output in inner.outputs],
            f=inner,
            max_intra_op_parallelism=1,
        )
        return tf.nest.pack_sequence_as(structure, [rows[0] for rows in found])

    return _trace(unsplit, arguments)


def _is_able(traced: Any) -> bool:
    """Whether one thread can run a trace: of operations that call functions, only loops."""
    return not any(
        _UNABLE.match(node.op)
        or node.attr[_LOWERED].b
        or (
            node.op not in ("While", "StatelessWhile")
            and any(map(_has_function, node.attr.values()))
        )
        for node in operations_of(traced)
    )


def _has_function(attribute: Any) -> bool:
    return bool(attribute.func.name or attribute.list.func)


def operations_of(traced: Any) -> list[Any]:
    """List the operations of a trace, those of the functions that it calls included."""
    graph = traced.graph.as_graph_def()
    return [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
