"""What holds for every test: a quiet TensorFlow, Keras' global settings put back, hypothesis."""

from __future__ import annotations

import gc
import os
import sys

import pytest
from hypothesis import HealthCheck, settings

# Before anything imports TensorFlow; what its native code logs would hide the failures.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# A first call of a new model traces it, so neither a deadline nor "too slow" means anything.
_common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("local", **_common)
settings.register_profile("ci", derandomize=True, print_blob=True, **_common)
settings.load_profile("ci" if os.environ.get("CI") else "local")


# Building and tracing networks makes millions of small objects; with Python's own threshold the
# collector takes a quarter of the suite's time.
gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True, scope="module")
def networks_of_a_file_are_forgotten():
    """Free what Keras keeps of the networks of a test file, for its memory grows with them."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].utils.clear_session(free_memory=True)
    if "keras_multiclass" in sys.modules:
        sys.modules["keras_multiclass"].clear_cache()


def _keras_globals() -> dict[str, object] | None:
    """Keras' global settings, or None as long as nothing has imported Keras."""
    keras = sys.modules.get("keras")
    if keras is None or not hasattr(keras, "config"):
        return None
    return {
        "floatx": keras.config.floatx(),
        "dtype_policy": keras.config.dtype_policy().name,
        "epsilon": keras.config.epsilon(),
        "image_data_format": keras.config.image_data_format(),
    }


def _restore_keras_globals(found: dict[str, object]) -> None:
    config = sys.modules["keras"].config
    config.set_floatx(found["floatx"])
    config.set_dtype_policy(found["dtype_policy"])
    config.set_epsilon(found["epsilon"])
    config.set_image_data_format(found["image_data_format"])


@pytest.fixture(autouse=True)
def keras_globals_stay_as_they_were():
    """Fail a test that leaves Keras' global settings changed, and put them back for the next.

    The global random states are not looked at here: tests may draw from them. That fitting and
    importing leave them alone is shown by tests of their own.
    """
    before = _keras_globals()
    yield
    after = _keras_globals()
    if before is not None and after != before:
        _restore_keras_globals(before)
        pytest.fail(f"The test left Keras' global settings changed: {before} became {after}.")
