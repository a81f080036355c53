"""Suppress what TensorFlow's native code logs to standard error."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator

# TensorFlow's native code writes these lines to file descriptor 2 while it loads and when it first
# looks for a GPU; no Python setting takes effect that early.
_NATIVE_LOG = re.compile(
    rb"^(WARNING: All log messages before absl::InitializeLog"
    rb"|[IWE]\d{4} [\d:.]+\s+\d+ \S+\.(cc|h):\d+\]"
    rb"|\d{4}-\d\d-\d\d [\d:.]+: [IWE] \S+\.(cc|h):\d+\]|To enable the following instructions:)"
)


# The file descriptor belongs to the process, so threads take turns.
_redirecting = threading.RLock()


@contextlib.contextmanager
def without_native_logs() -> Iterator[None]:
    """Drop the log lines of TensorFlow's native code, and pass all other lines on."""
    with _redirecting, _redirected():
        yield


@contextlib.contextmanager
def _redirected() -> Iterator[None]:
    try:
        original = os.dup(2)
    except OSError:  # there is no standard error, e.g. under pythonw
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


def import_quietly(name: str) -> None:
    """Import a module without native log lines, unless it is imported already.

    Parameters
    ----------
    name : str
        Name of the module; ignored if it cannot be imported.
    """
    if name not in sys.modules:
        with without_native_logs(), contextlib.suppress(ImportError):
            importlib.import_module(name)
