"""The environment of a benchmark: versions, processors, threads."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib import metadata, util
from typing import Any

from .processes import ROOT


def describe_environment(packages: Sequence[str]) -> dict[str, Any]:
    """Collect versions, processors and threads."""
    versions = {name: find_version(name) for name in packages}
    return {
        "keras-multiclass": f"{find_version('keras-multiclass')}, commit {find_commit()}",
        "Python": f"{platform.python_version()} ({platform.system()} {platform.machine()})",
        "packages": ", ".join(f"{name} {version}" for name, version in versions.items() if version),
        "not installed": ", ".join(name for name, version in versions.items() if not version)
        or "none",
        "CPUs": f"{os.cpu_count()}, of which this process may use {_usable_cpus()}",
        "load before": _load(),
        "threads": _threads(),
    }


def find_version(name: str) -> str | None:
    """Return the version of a package, or None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def find_commit() -> str:
    """Return the commit of this clone."""
    command = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _load() -> str:
    if not hasattr(os, "getloadavg"):
        return "unknown"
    return f"{os.getloadavg()[0]:.2f} (mean of the last minute)"


def _threads() -> str:
    """Describe the threads of BLAS, TensorFlow and PyTorch, and the settings that affect them."""
    import sklearn.neural_network  # noqa: F401  (loads the libraries inspected below)
    import tensorflow as tf
    from threadpoolctl import threadpool_info

    pools = {f"{pool['internal_api']} {pool['num_threads']}" for pool in threadpool_info()}
    intra = tf.config.threading.get_intra_op_parallelism_threads() or "automatic"
    inter = tf.config.threading.get_inter_op_parallelism_threads() or "automatic"
    parts = [*sorted(pools), f"TensorFlow {intra} within and {inter} between operations"]
    if util.find_spec("torch"):
        import torch

        parts.append(f"PyTorch {torch.get_num_threads()}")
    settings = [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.endswith("_NUM_THREADS")]
    return ", ".join(parts + settings)
