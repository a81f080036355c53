"""Who calls `fit`, as far as the call stack tells."""

from __future__ import annotations

import inspect
import multiprocessing
from collections.abc import Iterator
from types import FrameType

_PIPELINES = ("sklearn.pipeline", "imblearn.pipeline")
# What scikit-learn's methods, and thus those of pipelines, are wrapped in.
_WRAPPERS = ("sklearn.base", "sklearn.callback", "sklearn.utils")
# Packages that fit many classifiers, possibly through a function of the user's.
_SEARCHES = (
    "ax",
    "bayes_opt",
    "dask",
    "dask_ml",
    "distributed",
    "flaml",
    "hyperopt",
    "imblearn",
    "joblib",
    "keras_multiclass",
    "mlxtend",
    "nevergrad",
    "optuna",
    "ray",
    "sklearn",
    "skopt",
    "smac",
)
_INSTALLED = ("site-packages", "dist-packages")


def is_called_by(modules: tuple[str, ...]) -> bool:
    """Whether a function of one of some modules, or of their submodules, is running.

    Parameters
    ----------
    modules : tuple of str
        Names of modules.
    """
    return any(_is_in(frame, modules) for frame in _callers())


def is_called_by_pipeline() -> bool:
    """Whether a pipeline calls `fit`."""
    return is_called_by(_PIPELINES)


def is_called_by_user() -> bool:
    """Whether the user calls `fit`, directly or through a pipeline.

    Otherwise it is one of many fits: the code that calls it belongs to an installed package, a
    package for searches and ensembles is running, or this process is a worker of another one.
    """
    if multiprocessing.parent_process() is not None:
        return False
    callers = [frame for frame in _callers() if not _is_in(frame, _PIPELINES + _WRAPPERS)]
    while callers and _is_in(callers[0], ("keras_multiclass._classifiers", __name__)):
        del callers[0]
    is_installed = bool(callers) and any(
        f"{folder}/" in callers[0].f_code.co_filename.replace("\\", "/") for folder in _INSTALLED
    )
    return not is_installed and not any(_is_in(frame, _SEARCHES) for frame in callers)


def _callers() -> Iterator[FrameType]:
    frame = inspect.currentframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_in(frame: FrameType, modules: tuple[str, ...]) -> bool:
    name = frame.f_globals.get("__name__") or ""
    return any(name == module or name.startswith(f"{module}.") for module in modules)
