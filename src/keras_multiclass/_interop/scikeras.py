"""The adapter to SciKeras, and the only module that imports it.

SciKeras builds a Keras model from a builder function, metadata and routed parameters. It is
imported on first use, and the methods of Keras that its import replaces (for pickling and copying
models, losses, metrics and optimizers) are restored immediately. This module also reads the
parameters and the fitted state of existing SciKeras classifiers.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import keras
import numpy as np

from keras_multiclass._shared.error_marks import mark
from keras_multiclass._shared.keras.environment import DTYPES
from keras_multiclass._shared.keras.objects import build_object, extract
from keras_multiclass._shared.messages import describe, format_list, invalid
from keras_multiclass._shared.typing import History

UNDOCUMENTED = {
    "_build_keras_model": (
        "calls a builder with the arguments that it takes",
        "an error names the version of SciKeras to install",
    ),
    "_get_metadata": ("replaced, gives builders our `meta`", "as without `_build_keras_model`"),
    "_get_compile_kwargs": (
        "replaced, gives builders our `compile_kwargs`",
        "as without `_build_keras_model`",
    ),
    "_random_state": ("unset, keeps SciKeras from setting seeds", "nothing sets seeds"),
    "_keras_build_fn": (
        "the builder of a subclass of SciKeras' classifier",
        "an error says that there is no builder",
    ),
    "_user_params": (
        "which parameters of an estimator belong to its builder",
        "an error lists the parameters that cannot be carried over",
    ),
    "_target_type": (
        "the kind of target that an estimator was fitted on",
        "fitted estimators raise an error; unfitted ones are converted",
    ),
}

SCIKERAS_ARGUMENTS = ("meta", "compile_kwargs", "params")

_PATCHED = (
    (keras.Model, "__reduce__"),
    (keras.Model, "__deepcopy__"),
    (keras.losses.Loss, "__reduce__"),
    (keras.metrics.Metric, "__reduce__"),
    (keras.optimizers.Optimizer, "__reduce__"),
)


@contextlib.contextmanager
def _restore_patched_methods() -> Iterator[None]:
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
    """Import ``scikeras.wrappers`` without changing Keras' classes."""
    if "scikeras.wrappers" in sys.modules:
        return sys.modules["scikeras.wrappers"]
    with _restore_patched_methods():
        return importlib.import_module("scikeras.wrappers")


def follows_scikeras(builder: Callable[..., Any]) -> bool:
    """Whether a builder takes ``meta``, ``compile_kwargs`` or ``params``."""
    try:
        parameters = inspect.signature(builder).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(p.name in SCIKERAS_ARGUMENTS or p.kind is p.VAR_KEYWORD for p in parameters)


def build_scikeras_model(
    builder: Callable[..., Any],
    *,
    metadata: Mapping[str, Any],
    compile_kwargs: Mapping[str, Any],
    params: Mapping[str, Any],
) -> Any:
    """Call a SciKeras-style builder with the arguments that it takes.

    Parameters
    ----------
    builder : callable
        Takes any of ``meta``, ``compile_kwargs``, ``params`` and its own arguments.
    metadata : mapping
        Content of ``meta`` under SciKeras' names (``n_features_in_``, ``n_classes_``, ...).
    compile_kwargs : mapping
        Arguments for `keras.Model.compile`.
    params : mapping
        All parameters of the estimator; the builder's own start with ``model__``.
    """
    wrappers = import_scikeras()
    needed = ("_build_keras_model", "_get_metadata", "_get_compile_kwargs")
    missing = [name for name in needed if not hasattr(wrappers.KerasClassifier, name)]
    if missing:
        raise ImportError(
            "The installed version of SciKeras cannot call builders with `meta`, `compile_kwargs` "
            f"or `params`, as it lacks {format_list(missing)}. Install scikeras 0.13."
        )
    # In SciKeras, `model__hidden` can also be declared as `hidden`; `params` holds both names.
    visible = {**extract(params, "model"), **params}

    class BuilderHost(wrappers.KerasClassifier):  # type: ignore[name-defined]
        """Use SciKeras' routing with our parameters and metadata."""

        _random_state = None

        def get_params(self, deep: bool = True) -> dict[str, Any]:
            return dict(visible)

        def _get_metadata(self) -> dict[str, Any]:
            return dict(metadata)

        def _get_compile_kwargs(self) -> dict[str, Any]:
            return dict(compile_kwargs)

    # SciKeras accepts only plain functions and partials, so other callables need the partial.
    return BuilderHost(model=functools.partial(builder))._build_keras_model()


# --- converting a SciKeras classifier -----------------------------------------------------------

SCIKERAS_BATCH_SIZE = 32  # Keras' value for SciKeras' default, None

_SAME = (
    *("optimizer", "metrics", "callbacks", "class_weight"),
    *("epochs", "shuffle", "random_state", "warm_start"),
)
_SAME_PREFIXES = ("model", "optimizer", "loss", "metrics", "callbacks")
_FIT = frozenset({"epochs", "batch_size", "verbose", "shuffle", "validation_split"})
_FIT_ONLY = frozenset({"validation_freq", "validation_batch_size", "callbacks"})
_COMPILE = frozenset({"optimizer", "loss", "metrics"})
_COMPILE_ONLY = frozenset({"run_eagerly", "jit_compile", "steps_per_execution"})
_HARMLESS_OVERRIDES = frozenset({"_tags", "_more_tags", "_estimator_type"})

_CURES = {
    "predict__callbacks": "callbacks run only during training",
    "fit__validation_data": "pass X_val and y_val to `fit`",
    "fit__sample_weight": "pass sample_weight to `fit`",
    "fit__class_weight": "use class_weight",
    "compile__weighted_metrics": "use metrics, which are always weighted",
    "score": "use a scorer of scikit-learn",
}


def check_scikeras_classifier(estimator: Any) -> None:
    """Raise unless `estimator` is a SciKeras classifier that overrides no methods."""
    wrappers = sys.modules.get("scikeras.wrappers")
    if wrappers is None or not isinstance(estimator, wrappers.KerasClassifier):
        cure = ""
        if wrappers is not None and isinstance(estimator, wrappers.BaseWrapper):
            cure = "Regressors cannot be converted."
        elif inspect.isclass(estimator):
            cure = "Pass an instance of the class."
        raise TypeError(
            invalid(
                "`estimator`",
                "an instance of scikeras.wrappers.KerasClassifier",
                describe(estimator),
                cure,
            )
        )
    own = {*vars(wrappers.BaseWrapper), *vars(wrappers.KerasClassifier)}
    changed = [
        name
        for owner in type(estimator).__mro__
        if not issubclass(wrappers.KerasClassifier, owner)
        for name in vars(owner)
        if name in own - _HARMLESS_OVERRIDES and not name.startswith(("__", "set_"))
    ]
    if changed:
        raise ValueError(
            f"{type(estimator).__name__} overrides {format_list(sorted(changed))} of SciKeras' "
            "classifier, which cannot be converted. Override only `__init__` and `_keras_build_fn`."
        )


def convert_parameters(estimator: Any) -> dict[str, Any]:
    """Convert all parameters of a SciKeras classifier to ours, defaults included.

    Parameters
    ----------
    estimator : scikeras.wrappers.KerasClassifier
        Checked by `check_scikeras_classifier`.

    Returns
    -------
    dict
        Keyword arguments for the constructor.

    Raises
    ------
    ValueError
        If parameters have no counterpart; they are reported together.
    """
    params = estimator.get_params(deep=False)
    plain = {name: value for name, value in params.items() if "__" not in name}
    routed, lost = _convert_routed({n: v for n, v in params.items() if "__" in n})
    for name in (*_COMPILE, "run_eagerly"):
        plain[name] = routed.pop(f"compile__{name}", plain[name])
    builder, own, foreign = _resolve_builder(estimator, plain)
    dtype = _dtype_policy(estimator, builder)
    lost += [*foreign, *([] if dtype in DTYPES else [f"the dtype policy {dtype!r}"])]
    if lost:
        raise ValueError(
            f"{type(estimator).__name__} has settings that cannot be converted: "
            f"{', '.join(lost)}. Remove them before the conversion."
        )
    plain["callbacks"] = _without_models(plain["callbacks"])
    converted = {
        "model": builder,
        **{name: plain[name] for name in _SAME},
        "optimizer": _mark_default(plain["optimizer"]),
        "loss": "auto" if plain["loss"] is None else plain["loss"],
        "batch_size": _batch_size(plain["batch_size"]),
        "validation_split": plain["validation_split"] or None,
        "verbose": _verbose(plain["verbose"]),
        "dtype": dtype,
        **{f"model__{name}": value for name, value in own.items()},
        **routed,
    }
    if plain["run_eagerly"]:
        converted["compile__run_eagerly"] = True
    if plain["validation_batch_size"] is not None:
        converted.setdefault("fit__validation_batch_size", plain["validation_batch_size"])
    return converted


class InheritedOptimizer(str):
    """Name of SciKeras' default optimizer, which the user did not choose.

    As in SciKeras, the optimizer of a builder that compiles its model takes precedence.
    """


def _mark_default(optimizer: Any) -> Any:
    is_default = isinstance(optimizer, str) and optimizer == "rmsprop"
    return InheritedOptimizer(optimizer) if is_default else optimizer


def _batch_size(value: Any) -> Any:
    return SCIKERAS_BATCH_SIZE if value is None else value


def _verbose(value: Any) -> Any:
    return 1 if isinstance(value, str) and value == "auto" else value


def _without_models(callbacks: Any) -> Any:
    """Copy callbacks that SciKeras has used, without the network that they hold."""
    if isinstance(callbacks, Mapping):
        return {name: _without_models(callback) for name, callback in callbacks.items()}
    if isinstance(callbacks, (list, tuple)):
        return type(callbacks)(_without_models(callback) for callback in callbacks)
    if isinstance(callbacks, keras.callbacks.Callback) and callbacks.model is not None:
        return build_object(callbacks, lookup=None, what="callbacks", base=keras.callbacks.Callback)
    return callbacks


def _convert_routed(params: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Split routed parameters into those with a counterpart, converted, and those without."""
    routed: dict[str, Any] = {}
    lost: list[str] = []
    for name, value in params.items():
        prefix, _, argument = name.partition("__")
        head = argument.partition("__")[0]
        if name == "predict__verbose":  # prediction prints nothing
            continue
        if name == "fit__batch_size":
            routed[name] = _batch_size(value)
        elif name == "fit__verbose":
            routed[name] = _verbose(value)
        elif (
            prefix in _SAME_PREFIXES
            or name == "predict__batch_size"
            or (prefix == "fit" and head in _FIT | _FIT_ONLY)
            or (prefix == "compile" and argument in _COMPILE | _COMPILE_ONLY)
        ):
            routed[name] = _without_models(value) if name == "fit__callbacks" else value
        else:
            cure = _CURES.get(name) or _CURES.get(prefix)
            lost.append(f"`{name}`" + (f" ({cure})" if cure else ""))
    return routed, lost


def _resolve_builder(
    estimator: Any, plain: Mapping[str, Any]
) -> tuple[Any, dict[str, Any], list[str]]:
    """Return the builder of the model, its arguments, and attributes that it does not take."""
    base = inspect.signature(import_scikeras().KerasClassifier.__init__).parameters
    own = {name: value for name, value in plain.items() if name not in base}
    builder = plain["model"] if plain["model"] is not None else plain["build_fn"]
    if builder is not None:
        declared: set[str] = getattr(estimator, "_user_params", set())
        foreign = [f"`{name}` (pass it to the builder)" for name in own if name not in declared]
        return builder, own, foreign
    if not hasattr(estimator, "_keras_build_fn"):
        raise ValueError(
            invalid("`model` of the SciKeras classifier", "a function or a keras.Model", "None")
        )
    return SubclassBuilder(estimator), own, []


def _dtype_policy(estimator: Any, builder: Any) -> str:
    model = getattr(estimator, "model_", builder)
    policy = model.dtype_policy if isinstance(model, keras.Model) else keras.config.dtype_policy()
    return str(policy.name)


class SubclassBuilder:
    """The ``_keras_build_fn`` of a subclass of SciKeras' classifier, as a builder function.

    The attributes of the subclass become arguments, so that they can be tuned
    (``model__hidden``).

    Parameters
    ----------
    estimator : scikeras.wrappers.KerasClassifier
        Copied without its fitted attributes.
    """

    def __init__(self, estimator: Any) -> None:
        self.template = copy.copy(estimator)
        for name in [n for n in vars(estimator) if n.startswith("_") or n.endswith("_")]:
            delattr(self.template, name)
        self.declared = frozenset(getattr(estimator, "_user_params", ()))
        self.__name__ = f"{type(estimator).__name__}._keras_build_fn"

    def __call__(
        self,
        meta: Mapping[str, Any],
        compile_kwargs: Mapping[str, Any],
        params: Mapping[str, Any],
        **arguments: Any,
    ) -> Any:
        """Build with an instance whose attributes are the arguments and the metadata."""
        host = copy.copy(self.template)
        accepted = inspect.signature(host._keras_build_fn).parameters
        is_open = any(p.kind is p.VAR_KEYWORD for p in accepted.values())
        attributes = {name for name in vars(host) if name not in self.declared}
        unknown = [n for n in arguments if not (n in accepted or n in vars(host) or is_open)]
        if unknown:
            error = TypeError(f"{self.__name__} takes no argument {format_list(unknown)}.")
            raise mark(error, "unknown argument", "model")
        vars(host).update(meta)
        vars(host).update({n: v for n, v in arguments.items() if n in vars(self.template)})
        available = {"meta": meta, "compile_kwargs": compile_kwargs, "params": params, **arguments}
        return host._keras_build_fn(
            **{
                name: value
                for name, value in available.items()
                if name in accepted or (is_open and name not in attributes)
            }
        )


@dataclass(frozen=True)
class SciKerasFit:
    """Fitted state of a SciKeras classifier."""

    model: keras.Model
    classes: np.ndarray
    form: Literal["vector", "one_hot"]
    label_dtype: Any
    X_shape: tuple[int, ...]
    X_dtype: Any
    history: History


def read_fit(estimator: Any) -> SciKerasFit | None:
    """Return the fitted state of a SciKeras classifier, or None if it is not fitted."""
    if not estimator.initialized_:
        return None
    encoder = estimator.target_encoder_
    kind = getattr(encoder, "_target_type", "unknown")
    if kind not in ("binary", "multiclass", "multiclass-onehot") or encoder.n_classes_ < 2:
        raise ValueError(
            invalid(
                "The target of the fitted SciKeras classifier",
                "one class for each row, with at least two classes in all",
                f"a {kind} target" if encoder.n_classes_ != 1 else "a target of one class",
                "Convert the classifier before fitting it on such a target.",
            )
        )
    return SciKerasFit(
        model=estimator.model_,
        classes=np.asarray(encoder.classes_),
        form="one_hot" if kind == "multiclass-onehot" else "vector",
        label_dtype=estimator.y_dtype_,
        X_shape=tuple(estimator.X_shape_),
        X_dtype=np.dtype(estimator.X_dtype_),
        history={n: list(v) for n, v in getattr(estimator, "history_", {}).items()},
    )
