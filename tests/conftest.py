"""Setup for every test: a quiet TensorFlow, garbage collection, unchanged Keras settings."""

from __future__ import annotations

import gc
import os
import signal
import sys

import pytest
from hypothesis import HealthCheck, settings

# Set before TensorFlow is imported, because its native log lines would bury failures.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# A shell lets processes in the background ignore Ctrl-C; the tests of interrupts need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The first call of a model traces it, so neither a deadline nor "too slow" is meaningful.
_common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("local", **_common)
settings.register_profile("ci", derandomize=True, print_blob=True, **_common)
settings.load_profile("ci" if os.environ.get("CI") else "local")


# Building and tracing networks creates millions of small objects; with Python's own threshold the
# garbage collector takes a quarter of the suite's time.
gc.set_threshold(50_000, 20, 50)


def pytest_collection_finish():
    """Exempt everything imported from garbage collection: TensorFlow alone is 400,000 objects."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def keras_state_is_cleared():
    """Free what Keras keeps of a file's networks; its memory would grow with every file."""
    yield
    if "keras_multiclass" in sys.modules:
        sys.modules["keras_multiclass"].clear_cache()
        sys.modules["keras"].utils.clear_session(free_memory=True)
        gc.freeze()  # what is still in use, so that later collections are fast


def _keras_globals() -> dict[str, object] | None:
    """Return Keras' global settings, or None if Keras has not been imported."""
    keras = sys.modules.get("keras")
    if keras is None or not hasattr(keras, "config"):
        return None
    return {
        "floatx": keras.config.floatx(),
        "dtype_policy": keras.config.dtype_policy().name,
        "epsilon": keras.config.epsilon(),
        "image_data_format": keras.config.image_data_format(),
    }


def _restore_keras_globals(values: dict[str, object]) -> None:
    config = sys.modules["keras"].config
    config.set_floatx(values["floatx"])
    config.set_dtype_policy(values["dtype_policy"])
    config.set_epsilon(values["epsilon"])
    config.set_image_data_format(values["image_data_format"])


@pytest.fixture(autouse=True)
def keras_settings_are_unchanged():
    """Fail a test that changes Keras' global settings, and restore them for the next one.

    Global random states are exempt because tests may draw from them. Tests of their own show that
    importing the package and fitting leave those states alone.
    """
    before = _keras_globals()
    yield
    after = _keras_globals()
    if before is not None and after != before:
        _restore_keras_globals(before)
        pytest.fail(f"The test changed Keras' global settings from {before} to {after}.")
