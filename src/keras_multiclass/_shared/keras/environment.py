"""Keras in its process: a quiet first import, and settings that are restored."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import warnings
from collections.abc import Iterator

from keras_multiclass._shared.keras.native_logs import import_quietly, without_native_logs
from keras_multiclass._shared.messages import describe, format_list, invalid

import_quietly("keras")

# After the quiet import of Keras.
import keras  # noqa: E402

from keras_multiclass._shared.keras.object_names import fresh_names  # noqa: E402
from keras_multiclass._shared.upstream.keras_globals import dtype_policy_of_thread  # noqa: E402

_start_lock = threading.Lock()
_process: int | None = None  # in which the backend started; 0 if it is one before a fork
# A forked process has none of the threads that these backends hand work to, and waits forever.
_UNUSABLE_AFTER_FORK = {"tensorflow": "TensorFlow", "jax": "JAX"}


def start_quietly() -> None:
    """Make the backend initialize its devices once, without its native log lines.

    Raises
    ------
    RuntimeError
        If the backend was used before this process was forked.
    """
    global _process
    backend = keras.backend.backend()
    if _process not in (None, os.getpid()) and backend in _UNUSABLE_AFTER_FORK:
        raise _forked()
    with _start_lock:
        if _process is None:
            with without_native_logs():
                if backend == "tensorflow" and not _tensorflow_works():
                    _process = 0
                    raise _forked()
                keras.ops.convert_to_tensor(0.0)
        _process = os.getpid()


def _tensorflow_works() -> bool:
    """Whether TensorFlow runs functions, if something else in this process started it."""
    from keras_multiclass._shared.upstream.tensorflow import has_started, runs_functions

    return not has_started() or runs_functions()


def _forked() -> RuntimeError:
    name = _UNUSABLE_AFTER_FORK[keras.backend.backend()]
    parent = f"process {_process}" if _process else "a process"
    return RuntimeError(
        f"{name} must not be used in a process that was forked after {name} had been used, because "
        f"it would hang; process {os.getpid()} was forked from {parent} that had used it. Start "
        "workers with multiprocessing.get_context('spawn') or joblib's backend 'loky', or create "
        "the classifiers in the workers (gunicorn: without --preload)."
    )


DTYPES = ("float32", "float64", "mixed_float16", "mixed_bfloat16")


def array_dtype(dtype: str) -> str:
    """Return the dtype of X and sample weights under a dtype policy."""
    return "float64" if dtype == "float64" else "float32"


def _has_dtype(dtype: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX warns that it uses 32 bits
        actual = keras.ops.convert_to_tensor(0.0, dtype).dtype
    return bool(keras.backend.standardize_dtype(actual) == dtype)


def check_dtype(dtype: str) -> None:
    """Raise if the backend lacks 64-bit floats: JAX silently uses 32 bits by default."""
    if array_dtype(dtype) == "float32":
        return
    with _start_lock:
        has_dtype = _has_dtype(dtype)
    if not has_dtype:
        others = format_list(name for name in DTYPES if name != dtype)
        advice = "Set the environment variable JAX_ENABLE_X64=1 if that is jax."
        got = f"{describe(dtype)}, and Keras' backend {keras.backend.backend()} has no 64 bits"
        raise ValueError(invalid("`dtype`", f"one of {others} here", got, advice))


class _WithoutRetracing(logging.Filter):
    """Drops TensorFlow's warnings about retracing, as a search builds many small models."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "retracing" not in record.getMessage()


class _FloatType:
    """Keras' float type, a setting of the process: threads that need different ones take turns.

    A block suspends the one that it is inside of, in the same thread, so that threads never wait
    for each other in a circle.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._n_running = 0
        self._original = ""
        self._thread = threading.local()

    @contextlib.contextmanager
    def set_to(self, value: str) -> Iterator[None]:
        """Set the float type inside; wait while other threads need another one."""
        outer: list[str] = getattr(self._thread, "held", [])
        held: list[str] = []  # the value, while this block runs
        suspended = list(outer)
        self._thread.held = held
        try:
            self._leave(outer)
            self._enter(value, held)
            yield
        finally:
            self._leave(held)
            self._thread.held = outer
            for outer_value in suspended:
                self._enter(outer_value, outer)

    def of_user(self) -> tuple[str, str]:
        """Return the float type and the dtype policy that hold where no block is running."""
        with self._changed:
            now = keras.config.floatx()
            of_user = self._original if self._n_running else now
            policy = keras.config.dtype_policy().name
            return of_user, of_user if policy == now else policy

    def _enter(self, value: str, held: list[str]) -> None:
        with self._changed:
            while self._n_running and keras.config.floatx() != value:
                self._changed.wait()
            if not self._n_running:
                self._original = keras.config.floatx()
                keras.config.set_floatx(value)
            self._n_running += 1
            held.append(value)

    def _leave(self, held: list[str]) -> None:
        with self._changed:
            if held:
                held.pop()
                self._n_running -= 1
                if not self._n_running:
                    keras.config.set_floatx(self._original)
                    self._changed.notify_all()


_float_type = _FloatType()


def global_precision() -> tuple[str, str]:
    """Return Keras' global float type and dtype policy, but for what fits have set meanwhile."""
    return _float_type.of_user()


@contextlib.contextmanager
def keras_environment(dtype: str) -> Iterator[None]:
    """Set Keras' dtype policy and float type and start names afresh; restore all afterwards.

    The float type is the only one of these that threads share; they take turns if they need
    different ones.
    """
    logger, log_filter = logging.getLogger("tensorflow"), _WithoutRetracing()
    logger.addFilter(log_filter)
    try:
        with _float_type.set_to(array_dtype(dtype)), dtype_policy_of_thread(dtype), fresh_names():
            yield
    finally:
        logger.removeFilter(log_filter)
