"""Clear errors where Keras' callbacks cannot write their files, as on a full disk."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

import keras

_WRITERS = (
    keras.callbacks.BackupAndRestore,
    keras.callbacks.CSVLogger,
    keras.callbacks.ModelCheckpoint,
    keras.callbacks.TensorBoard,
)
# TensorFlow and HDF5 mention their texts, those of the C library, in errors of their own without
# a number; tests/contract/test_faults.py fails if they do not.
_CODES = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    *(errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.EIO),
)


@contextlib.contextmanager
def named_writers() -> Iterator[None]:
    """Name the callback in errors of files inside.

    Raises
    ------
    OSError
        If a callback of Keras cannot write its files.
    """
    try:
        yield
    except Exception as error:
        writer, code = _writer_of(error), _code_of(error)
        is_native = type(error).__module__.startswith("tensorflow.")
        is_of_files = code or is_native or isinstance(error, OSError)
        if writer is None or not is_of_files or isinstance(error, ValueError):
            raise
        reason = os.strerror(code) if code else str(error).strip().partition("\n")[0]
        kind = type(OSError(code, reason)) if code else OSError  # such as FileNotFoundError
        named = kind(
            f"The files of {type(writer).__name__} must be writable; got an error: {reason}. "
            "Choose a folder that exists, has free space and may be written to."
        )
        named.errno = code
        raise named from error


def _writer_of(error: Exception) -> keras.callbacks.Callback | None:
    """Return the callback whose method has raised an error."""
    writer, step = None, error.__traceback__
    while step is not None:
        owner = step.tb_frame.f_locals.get("self")
        writer = owner if isinstance(owner, _WRITERS) else writer
        step = step.tb_next
    return writer


def _code_of(error: Exception) -> int | None:
    if isinstance(error, OSError) and error.errno:
        return error.errno
    return next((code for code in _CODES if os.strerror(code) in str(error)), None)
