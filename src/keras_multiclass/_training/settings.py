"""The estimator's plain parameters, checked together and frozen for one fit."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from keras_multiclass._shared.keras.environment import DTYPES
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid
from keras_multiclass._training.engine import ENGINES, EngineName

ROUTED_PREFIXES = (
    "backbone",
    "model",
    "optimizer",
    "loss",
    "metrics",
    "callbacks",
    "compile",
    "fit",
    "predict",
)

CALIBRATIONS = ("temperature", None)
SCALINGS = ("auto", "standard", "robust", "quantile", None)

DEFAULT_EPOCHS = 100

DEFAULT_PREDICT_BATCH_SIZE = 128
DEFAULT_PATIENCE = 10
DEFAULT_EARLY_STOPPING_SPLIT = 0.1

# Arguments of `keras.Model.fit` under the name that the estimator's own parameter has.
_FIT_ALIASES = frozenset({"epochs", "batch_size", "verbose", "shuffle", "validation_split"})


def is_routed(name: str) -> bool:
    """Whether a parameter name such as ``backbone__width`` is one that is passed on."""
    prefix, separator, rest = name.partition("__")
    return bool(separator and rest) and prefix in ROUTED_PREFIXES


def routed_parameter_fault(name: str, own_names: list[str]) -> str:
    """Say why a parameter name is unknown and which names are near."""
    prefix = name.partition("__")[0]
    if "__" in name:
        near = did_you_mean(prefix, ROUTED_PREFIXES)
        allowed = format_list(f"{p}__" for p in ROUTED_PREFIXES)
        return f"Unknown parameter {name!r}: its prefix must be one of {allowed}.{near}"
    near = did_you_mean(name, own_names)
    return (
        f"Unknown parameter {name!r}.{near} An argument of your own builder is written "
        f"model__{name} or backbone__{name}. Parameters: {', '.join(sorted(own_names))}."
    )


@dataclass(frozen=True)
class Settings:
    """Checked values; choices that need the data or the backbone are open until they are completed.

    ``held_out`` is the fraction of the rows to hold out for validation if none are given.
    """

    epochs: int | Literal["auto"]
    batch_size: int | Literal["auto"]
    shuffle: bool
    validation_split: float | None
    early_stopping: Any
    verbose: int
    dtype: str
    scaling: str | None
    engine: EngineName
    n_ensemble: int | Literal["auto"]
    calibration: str | None
    held_out: float | None = None
    least_batch_size: int = 64
    fit_options: Mapping[str, Any] = field(default_factory=dict)
    compile_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def steps_per_epoch(self) -> int | None:
        """Batches of a stream that make an epoch; None for all."""
        return self.fit_options.get("steps_per_epoch")

    def rows_per_batch(self, n_samples: int) -> int:
        """Rows in a training batch: never more than there are."""
        if self.batch_size == "auto":
            near = 2 ** round(math.log2(max(n_samples / 32, 1)))
            return min(max(near, self.least_batch_size), 1024, n_samples)
        return n_samples if self.batch_size == -1 else min(int(self.batch_size), n_samples)


def _is_int(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_flag(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_))


def is_auto(value: Any) -> bool:
    """Whether the user left a parameter open."""
    return isinstance(value, str) and value == "auto"


def _is_count(value: Any) -> bool:
    return _is_int(value) and value >= 1


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not _is_flag(value) and math.isfinite(value)


_Check = tuple[str, Callable[[Any], bool]]

_STOPPING_OPTIONS: dict[str, _Check] = {
    "monitor": ("the name of the loss or of a metric", lambda v: isinstance(v, str)),
    "min_delta": ("a finite number", _is_number),
    "patience": ("an integer of at least 0", lambda v: _is_int(v) and v >= 0),
    "mode": (
        "'auto', 'min' or 'max'",
        lambda v: isinstance(v, str) and v in ("auto", "min", "max"),
    ),
    "baseline": ("None or a finite number", lambda v: v is None or _is_number(v)),
    "restore_best_weights": ("True or False", _is_flag),
    "start_from_epoch": ("an integer of at least 0", lambda v: _is_int(v) and v >= 0),
}

_FIT_OPTIONS: dict[str, _Check] = {
    "validation_freq": (
        "an integer of at least 1, or a list of the epochs (from 1) to validate after",
        lambda v: (
            _is_count(v)
            or (isinstance(v, (list, tuple, set, frozenset, range)) and all(map(_is_count, v)))
        ),
    ),
    "validation_batch_size": (
        "None or an integer of at least 1",
        lambda v: v is None or _is_count(v),
    ),
    "steps_per_epoch": (
        "None or an integer of at least 1",
        lambda v: v is None or _is_count(v),
    ),
}
_COMPILE_OPTIONS: dict[str, _Check] = {
    "run_eagerly": ("True or False", _is_flag),
    "jit_compile": ("True, False or 'auto'", lambda v: _is_flag(v) or is_auto(v)),
    "steps_per_execution": ("an integer of at least 1", _is_count),
}
_PREDICT_OPTIONS: dict[str, _Check] = {"batch_size": ("an integer of at least 1", _is_count)}

_CHECKS: dict[str, _Check] = {
    "epochs": ("an integer of at least 1 or 'auto'", lambda v: _is_count(v) or is_auto(v)),
    "batch_size": (
        "an integer of at least 1, 'auto', or -1 for all rows at once",
        lambda v: is_auto(v) or _is_count(v) or (_is_int(v) and v == -1),
    ),
    "shuffle": ("True or False", _is_flag),
    "validation_split": (
        "None or a fraction of at least 0 and below 1",
        lambda v: (
            v is None
            or (isinstance(v, numbers.Real) and not isinstance(v, bool) and 0 <= float(v) < 1)
        ),
    ),
    "early_stopping": (
        "True, False, 'auto', a number of epochs without progress (at least 1), or a dict of "
        "arguments for keras.callbacks.EarlyStopping",
        lambda v: _is_flag(v) or is_auto(v) or isinstance(v, Mapping) or _is_count(v),
    ),
    "verbose": ("0, 1 or 2", lambda v: _is_flag(v) or (_is_int(v) and v in (0, 1, 2))),
    "dtype": (f"one of {format_list(DTYPES)}", lambda v: isinstance(v, str) and v in DTYPES),
    "scaling": (
        f"one of {format_list(SCALINGS)}",
        lambda v: v is None or (isinstance(v, str) and v in SCALINGS),
    ),
    "n_ensemble": ("an integer of at least 1 or 'auto'", lambda v: _is_count(v) or is_auto(v)),
    "calibration": (
        f"one of {format_list(CALIBRATIONS)}",
        lambda v: v is None or (isinstance(v, str) and v in CALIBRATIONS),
    ),
    "warm_start": ("True or False", _is_flag),
    "engine": (f"one of {format_list(ENGINES)}", lambda v: isinstance(v, str) and v in ENGINES),
}


def resolve_settings(values: Mapping[str, Any], routed: Mapping[str, Any]) -> Settings:
    """Check the plain parameters; raise one ``ValueError`` that names every fault.

    Parameters
    ----------
    values : mapping
        The estimator's parameters by name.
    routed : mapping
        Its routed parameters by full name (``fit__batch_size``, ...).
    """
    choices = _read_routed(routed)
    own = {**{name: values[name] for name in _CHECKS}, **choices.own}
    faults = choices.faults + [
        invalid(f"`{name}`", allowed, describe(own[name]))
        for name, (allowed, accepts) in _CHECKS.items()
        if not accepts(own[name])
    ]
    if isinstance(own["early_stopping"], Mapping):
        faults += _stopping_faults(own["early_stopping"])
    if faults:
        raise ValueError("\n".join(faults))
    batch_size = own["batch_size"]
    return Settings(
        epochs=own["epochs"] if own["epochs"] == "auto" else int(own["epochs"]),
        batch_size=batch_size if batch_size == "auto" else int(batch_size),
        shuffle=bool(own["shuffle"]),
        validation_split=float(own["validation_split"] or 0) or None,
        early_stopping=own["early_stopping"],
        verbose=int(own["verbose"]),
        dtype=own["dtype"],
        scaling=own["scaling"],
        engine=own["engine"],
        n_ensemble=own["n_ensemble"] if own["n_ensemble"] == "auto" else int(own["n_ensemble"]),
        calibration=own["calibration"],
        fit_options=choices.options["fit"],
        compile_options=choices.options["compile"],
    )


def _stopping_faults(arguments: Mapping[str, Any]) -> list[str]:
    """Name the values that ``keras.callbacks.EarlyStopping`` would not check itself."""
    return [
        invalid(f"`early_stopping[{name!r}]`", allowed, describe(arguments[name]))
        for name, (allowed, accepts) in _STOPPING_OPTIONS.items()
        if name in arguments and not accepts(arguments[name])
    ]


def resolve_prediction(engine: Any, routed: Mapping[str, Any]) -> tuple[EngineName, int]:
    """Check what prediction alone needs: other parameters cannot keep a model from predicting.

    Parameters
    ----------
    engine : object
        The parameter `engine`.
    routed : mapping
        Routed parameters by full name.

    Returns
    -------
    engine : {"auto", "graph", "keras"}
    batch_size : int
    """
    allowed, accepts = _CHECKS["engine"]
    choices = _read_routed({n: value for n, value in routed.items() if n.startswith("predict__")})
    faults = choices.faults
    if not accepts(engine):
        faults.append(invalid("`engine`", allowed, describe(engine)))
    if faults:
        raise ValueError("\n".join(faults))
    batch_size = choices.options["predict"].get("batch_size", DEFAULT_PREDICT_BATCH_SIZE)
    return engine, int(batch_size)


@dataclass
class _RoutedChoices:
    """What routed parameters say about training, compiling and prediction."""

    own: dict[str, Any] = field(default_factory=dict)
    options: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {prefix: {} for prefix in _ROUTE_TARGETS}
    )
    faults: list[str] = field(default_factory=list)


def _read_routed(routed: Mapping[str, Any]) -> _RoutedChoices:
    choices = _RoutedChoices()
    for name, value in routed.items():
        prefix, _, argument = name.partition("__")
        if prefix not in _ROUTE_TARGETS or (prefix == "fit" and argument.startswith("callbacks")):
            continue
        checks, target = _ROUTE_TARGETS[prefix]
        if prefix == "fit" and argument in _FIT_ALIASES:
            choices.own[argument] = value
        elif argument not in checks:
            names = {*checks, *(_FIT_ALIASES | {"callbacks"} if prefix == "fit" else ())}
            choices.faults.append(
                f"`{name}` must be an argument that {target} takes here "
                f"({format_list(sorted(names))}).{did_you_mean(argument, names)}"
            )
        elif not checks[argument][1](value):
            choices.faults.append(invalid(f"`{name}`", checks[argument][0], describe(value)))
        else:
            choices.options[prefix][argument] = value
    return choices


_ROUTE_TARGETS: dict[str, tuple[dict[str, _Check], str]] = {
    "fit": (_FIT_OPTIONS, "training"),
    "compile": (_COMPILE_OPTIONS, "compiling"),
    "predict": (_PREDICT_OPTIONS, "prediction"),
}


def resolve_early_stopping(choice: Any) -> Mapping[str, Any] | None:
    """Turn the parameter into arguments of ``keras.callbacks.EarlyStopping``, or None."""
    defaults = {"monitor": "val_loss", "patience": DEFAULT_PATIENCE, "restore_best_weights": True}
    if isinstance(choice, Mapping):
        return {**defaults, **choice}
    if _is_flag(choice):
        return defaults if choice else None
    return {**defaults, "patience": int(choice)}
