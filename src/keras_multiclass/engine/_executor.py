"""Which threads run a trace: TensorFlow's pool, or the calling thread alone.

In the pool each operation may wake another thread, which costs more than a small operation itself,
and keeps cores busy that another fit of a parallel search could use.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_multiclass.engine._work import multiplications

# Multiplications of a step, forwards, below which one thread is the faster way.
_MOST_ON_ONE_THREAD = 2**20
# One thread cannot run what loops and branches are lowered to, and would wait forever for an
# operation that waits for another thread.
_UNABLE = re.compile(
    "Enter|Exit|Merge|NextIteration|Switch|.*(PyFunc|Iterator|Queue|Recv|Collective)"
)
_LOWERED = "_lower_using_switch_merge"


def suits_one_thread(model: keras.Model, batch_size: int) -> bool:
    """Whether the steps of a model are so small that one thread should run them.

    Parameters
    ----------
    model : keras.Model
        Built.
    batch_size : int
        Rows of a step.
    """
    if tf.config.list_logical_devices("GPU"):
        return False
    # The pool joins some operations, which rounds once where one thread rounds twice.
    if any(layer.compute_dtype in ("float16", "bfloat16") for layer in model.layers):
        return False
    return batch_size * multiplications(model) <= _MOST_ON_ONE_THREAD


def trace_for_one_thread(make: Callable[[], Any]) -> Any:
    """Trace for the calling thread alone where TensorFlow can run that, else for the pool.

    Parameters
    ----------
    make : callable
        Makes the trace.

    Returns
    -------
    callable
        Called like the trace; it has its ``captured_inputs``, too.
    """
    with _one_thread():
        traced = make()
    return _OnOneThread(traced) if _is_able(traced) else make()


class _OnOneThread:
    """A trace that the calling thread runs."""

    def __init__(self, traced: Any) -> None:
        self._traced = traced
        self.captured_inputs = traced.captured_inputs

    def __call__(self, *arguments: Any) -> Any:
        with _one_thread():
            return self._traced(*arguments)


def _one_thread() -> contextlib.AbstractContextManager[None]:
    """Trace and call functions for one thread inside; where TensorFlow has changed, do nothing."""
    try:
        # It has no public way for functions, but for the sessions of its first version.
        from tensorflow.python.eager import context
    except ImportError:
        return contextlib.nullcontext()
    return context.function_executor_type("SINGLE_THREADED_EXECUTOR")


def _is_able(traced: Any) -> bool:
    """Whether one thread can run a trace: of operations that call functions, only loops."""
    graph = traced.graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    return not any(
        _UNABLE.match(node.op)
        or node.attr[_LOWERED].b
        or (
            node.op not in ("While", "StatelessWhile")
            and any(map(_has_function, node.attr.values()))
        )
        for node in nodes
    )


def _has_function(attribute: Any) -> bool:
    return bool(attribute.func.name or attribute.list.func)
