"""Which threads run a trace: TensorFlow's pool, or the calling thread alone.

In the pool each operation may wake another thread, which costs more than a small operation itself,
and keeps cores busy that another fit of a parallel search could use.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_multiclass._snapshot import iterate_layers
from keras_multiclass.engine._binding import operations_of
from keras_multiclass.engine._work import multiplications

# Multiplications of a step, forwards, below which one thread is the faster way.
_MOST_ON_ONE_THREAD = 2**20
# One thread cannot run what loops and branches are lowered to, and would wait forever for an
# operation that waits for another thread.
_UNABLE = re.compile(
    "Enter|Exit|Merge|NextIteration|Switch|MutexLock|Batch$|Unbatch|"
    ".*(PyFunc|Iterator|Queue|Recv|Collective|Barrier|Stage|Unstage|Accumulator)"
)
_ONE_THREAD = "SINGLE_THREADED_EXECUTOR"
_LOWERED = "_lower_using_switch_merge"


def suits_one_thread(model: keras.Model, batch_size: float) -> bool:
    """Whether the steps of a model are so small that one thread should run them.

    Parameters
    ----------
    model : keras.Model
        Built.
    batch_size : float
        Rows of a step.
    """
    if len(tf.config.list_logical_devices()) > 1:  # one thread can use the processor alone
        return False
    # The pool joins some operations, which rounds once where one thread rounds twice.
    if any(layer.compute_dtype in ("float16", "bfloat16") for layer in iterate_layers(model)):
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
    with tf.experimental.function_executor_type(_ONE_THREAD):
        traced = make()
    return _OnOneThread(traced) if _is_able(traced) else make()


class _OnOneThread:
    """A trace that the calling thread runs."""

    def __init__(self, traced: Any) -> None:
        self._traced = traced
        self.captured_inputs = traced.captured_inputs

    def __call__(self, *arguments: Any) -> Any:
        with tf.experimental.function_executor_type(_ONE_THREAD):
            return self._traced(*arguments)


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
