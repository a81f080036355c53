"""The adapter to SciKeras, and the only module that imports it.

SciKeras turns a builder function, metadata and routed parameters into a Keras model; that is what
it serves here. It is imported when first needed, and what its import replaces in Keras (how
models, losses, metrics and optimizers are pickled and copied) is put back at once.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import keras

SCIKERAS_ARGUMENTS = ("meta", "compile_kwargs", "params")

_PATCHED = (
    (keras.Model, "__reduce__"),
    (keras.Model, "__deepcopy__"),
    (keras.losses.Loss, "__reduce__"),
    (keras.metrics.Metric, "__reduce__"),
    (keras.optimizers.Optimizer, "__reduce__"),
)


@contextlib.contextmanager
def _keras_left_alone() -> Iterator[None]:
    missing = object()
    before = [owner.__dict__.get(name, missing) for owner, name in _PATCHED]
    try:
        yield
    finally:
        for (owner, name), original in zip(_PATCHED, before, strict=True):
            if original is not missing:
                setattr(owner, name, original)
            elif name in owner.__dict__:
                delattr(owner, name)


def import_scikeras() -> ModuleType:
    """Import ``scikeras.wrappers`` and leave Keras' classes as they were."""
    if "scikeras.wrappers" in sys.modules:
        return sys.modules["scikeras.wrappers"]
    with _keras_left_alone():
        return importlib.import_module("scikeras.wrappers")


def follows_scikeras(builder: Callable[..., Any]) -> bool:
    """Whether a builder asks for ``meta``, ``compile_kwargs`` or ``params``."""
    try:
        parameters = inspect.signature(builder).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(p.name in SCIKERAS_ARGUMENTS or p.kind is p.VAR_KEYWORD for p in parameters)


def build_model(
    builder: Callable[..., Any],
    *,
    metadata: Mapping[str, Any],
    compile_kwargs: Mapping[str, Any],
    params: Mapping[str, Any],
) -> Any:
    """Call a SciKeras-style builder with the arguments that it asks for.

    Parameters
    ----------
    builder : callable
        Takes any of ``meta``, ``compile_kwargs``, ``params`` and its own arguments.
    metadata : mapping
        What ``meta`` holds, under the names of SciKeras (``n_features_in_``, ``n_classes_``, ...).
    compile_kwargs : mapping
        Arguments for `keras.Model.compile`.
    params : mapping
        All parameters of the estimator; those that begin with ``model__`` are the builder's own.
    """
    wrappers = import_scikeras()

    class BuilderHost(wrappers.KerasClassifier):  # type: ignore[name-defined, misc]
        """Lends SciKeras' routing; parameters and metadata are ours."""

        _random_state = None

        def get_params(self, deep: bool = True) -> dict[str, Any]:
            return dict(params)

        def _get_metadata(self) -> dict[str, Any]:
            return dict(metadata)

        def _get_compile_kwargs(self) -> dict[str, Any]:
            return dict(compile_kwargs)

    # SciKeras takes plain functions and partials only; a partial makes any callable one of these.
    return BuilderHost(model=functools.partial(builder))._build_keras_model()
