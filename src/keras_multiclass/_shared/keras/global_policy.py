"""A warning if Keras' global dtype policy asks for another precision than the parameter `dtype`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import keras

from keras_multiclass._shared.keras.environment import DTYPES
from keras_multiclass._shared.messages import format_list, warn

# Fits set these themselves, as Keras' float type, which threads share.
_FLOAT_TYPES = ("float32", "float64")

_running = threading.local()


@contextlib.contextmanager
def warning_if_policy_differs(dtype: str) -> Iterator[None]:
    """Warn unless the policy of the caller is that of the fit inside.

    Parameters
    ----------
    dtype : str
        The parameter `dtype`.
    """
    is_inner = getattr(_running, "fit", False)  # within a fit, which has set the policy
    if not is_inner:
        _warn_if_different(dtype)
    _running.fit = True
    try:
        yield
    finally:
        _running.fit = is_inner


def _warn_if_different(dtype: str) -> None:
    policy = keras.config.dtype_policy().name
    if policy == dtype or policy in _FLOAT_TYPES:
        return
    allowed = repr(policy) if policy in DTYPES else f"one of {format_list(DTYPES)}"
    warn(
        f"Keras' global dtype policy {policy!r} has no effect on this classifier, whose `dtype` is "
        f"{dtype!r}. Set dtype to {allowed} to choose the precision, or reset the policy: "
        f"keras.config.set_dtype_policy({dtype!r}).",
    )
