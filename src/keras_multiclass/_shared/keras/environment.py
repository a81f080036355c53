"""Keras in its process: a quiet first import, and settings that are restored."""

from __future__ import annotations

import contextlib
import logging
import threading
import warnings
from collections.abc import Iterator

from keras_multiclass._shared.keras.native_logs import import_quietly, without_native_logs
from keras_multiclass._shared.messages import describe, format_list, invalid

import_quietly("keras")

# After the quiet import of Keras.
import keras  # noqa: E402

from keras_multiclass._shared.keras.object_names import fresh_names  # noqa: E402

_start_lock = threading.Lock()
_started = False


def start_quietly() -> None:
    """Make the backend initialize its devices once, without its native log lines."""
    global _started
    with _start_lock:
        if not _started:
            with without_native_logs():
                keras.ops.convert_to_tensor(0.0)
            _started = True


DTYPES = ("float32", "float64", "mixed_float16", "mixed_bfloat16")


def array_dtype(dtype: str) -> str:
    """Return the dtype of X and sample weights under a dtype policy."""
    return "float64" if dtype == "float64" else "float32"


def check_dtype(dtype: str) -> None:
    """Raise if the backend lacks 64-bit floats: JAX silently uses 32 bits by default."""
    if array_dtype(dtype) == "float32":
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX warns that it uses 32 bits
        actual = keras.ops.convert_to_tensor(0.0, dtype).dtype
    if keras.backend.standardize_dtype(actual) != dtype:
        others = format_list(name for name in DTYPES if name != dtype)
        advice = "Set the environment variable JAX_ENABLE_X64=1 if that is jax."
        got = f"{describe(dtype)}, and Keras' backend {keras.backend.backend()} has no 64 bits"
        raise ValueError(invalid("`dtype`", f"one of {others} here", got, advice))


class _WithoutRetracing(logging.Filter):
    """Drops TensorFlow's warnings about retracing, as a search builds many small models."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "retracing" not in record.getMessage()


@contextlib.contextmanager
def keras_environment(dtype: str) -> Iterator[None]:
    """Set Keras' dtype policy and float type and start names afresh; restore all afterwards."""
    previous_policy = keras.config.dtype_policy()
    previous_floatx = keras.config.floatx()
    keras.config.set_dtype_policy(dtype)
    keras.config.set_floatx(array_dtype(dtype))
    logger, log_filter = logging.getLogger("tensorflow"), _WithoutRetracing()
    logger.addFilter(log_filter)
    try:
        with fresh_names():
            yield
    finally:
        logger.removeFilter(log_filter)
        keras.config.set_floatx(previous_floatx)
        keras.config.set_dtype_policy(previous_policy)
