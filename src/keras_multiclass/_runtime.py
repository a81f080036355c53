"""The process around Keras: a quiet first import, and settings that are put back."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator

# TensorFlow's native code writes these to file descriptor 2 while it loads and when it first
# looks for a GPU; no Python setting reaches them that early.
_NATIVE_LOG = re.compile(
    rb"^(WARNING: All log messages before absl::InitializeLog"
    rb"|[IWE]\d{4} [\d:.]+\s+\d+ \S+\.(cc|h):\d+\]"
    rb"|\d{4}-\d\d-\d\d [\d:.]+: [IWE] \S+\.(cc|h):\d+\]|To enable the following instructions:)"
)


@contextlib.contextmanager
def without_native_logs() -> Iterator[None]:
    """Drop the log lines of TensorFlow's native code; every other line is passed on."""
    try:
        original = os.dup(2)
    except OSError:  # no standard error at all, e.g. under pythonw
        yield
        return
    with tempfile.TemporaryFile() as captured:
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(original, 2)
            os.close(original)
            captured.seek(0)
            for line in captured:
                if not _NATIVE_LOG.match(line):
                    os.write(2, line)


if "keras" in sys.modules:
    import keras
else:
    with without_native_logs():
        import keras

# After the quiet import of Keras.
from keras_multiclass._naming import fresh_names  # noqa: E402

_start_lock = threading.Lock()
_started = False


def start_quietly() -> None:
    """Let the backend set up its devices once, without its native log lines."""
    global _started
    with _start_lock:
        if not _started:
            with without_native_logs():
                keras.ops.convert_to_tensor(0.0)
            _started = True


DTYPES = ("float32", "float64", "mixed_float16", "mixed_bfloat16")


def array_dtype(dtype: str) -> str:
    """Name the dtype in which X and the weights are handed to Keras under a dtype policy."""
    return "float64" if dtype == "float64" else "float32"


class _WithoutRetracing(logging.Filter):
    """TensorFlow warns of retracing when many small models are built, which a search does."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "retracing" not in record.getMessage()


@contextlib.contextmanager
def keras_environment(dtype: str) -> Iterator[None]:
    """Set Keras' dtype policy and float type and number names anew; put all back afterwards."""
    previous_policy = keras.config.dtype_policy()
    previous_floatx = keras.config.floatx()
    keras.config.set_dtype_policy(dtype)
    keras.config.set_floatx(array_dtype(dtype))
    logger, quieter = logging.getLogger("tensorflow"), _WithoutRetracing()
    logger.addFilter(quieter)
    try:
        with fresh_names():
            yield
    finally:
        logger.removeFilter(quieter)
        keras.config.set_floatx(previous_floatx)
        keras.config.set_dtype_policy(previous_policy)
