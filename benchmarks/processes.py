"""Functions that run in a new Python process, where nothing has been imported or traced before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Warnings and TensorFlow's own log lines would cost time, though nobody sees them.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}


def run_in_new_process(function: Callable[..., Any], **arguments: Any) -> Any:
    """Call a function in a new process and wait for what it returns.

    Parameters
    ----------
    function : callable
        At the top level of a module of the benchmarks.
    **arguments
        Its arguments; they and the result must be such that JSON can hold them.

    Returns
    -------
    object
        What the function returned.
    """
    target = f"{function.__module__}:{function.__qualname__}"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.child", target, json.dumps(arguments)],
        cwd=ROOT,
        env={**os.environ, **QUIET},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{target} with {arguments} failed:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])
