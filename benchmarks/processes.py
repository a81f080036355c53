"""Run functions in a new Python process, without previous imports or traces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Hidden warnings and TensorFlow logs would still cost time.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}


def run_in_new_process(function: Callable[..., Any], **arguments: Any) -> Any:
    """Call a function in a new process and wait for its result.

    Parameters
    ----------
    function : callable
        Top-level function of a benchmark module.
    **arguments
        Arguments of the function. Arguments and result must be JSON serializable.

    Returns
    -------
    object
        Return value of the function.
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
