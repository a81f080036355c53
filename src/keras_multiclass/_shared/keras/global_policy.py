"""A warning if Keras' global settings ask for another precision than the parameter `dtype`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from keras_multiclass._shared.keras.environment import DTYPES, array_dtype, global_precision
from keras_multiclass._shared.messages import format_list, warn

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
    float_type, policy = global_precision()
    if float_type not in ("float32", array_dtype(dtype)):
        what, value = "float type", float_type
        reset = f"keras.config.set_floatx({array_dtype(dtype)!r})"
    elif policy not in ("float32", dtype):
        what, value = "dtype policy", policy
        reset = f"keras.config.set_dtype_policy({dtype!r})"
    else:
        return
    allowed = repr(value) if value in DTYPES else f"one of {format_list(DTYPES)}"
    warn(
        f"Keras' global {what} {value!r} has no effect on this classifier, whose `dtype` is "
        f"{dtype!r}. Set dtype to {allowed} to choose the precision, or reset the setting: "
        f"{reset}.",
    )
