"""The plain parameters, checked together; ``"auto"`` is resolved in `defaults`."""

from __future__ import annotations

import numbers
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from keras_multiclass._data.ragged import LAYOUTS, Layout
from keras_multiclass._data.splitting import given as given_split
from keras_multiclass._network import augmentation
from keras_multiclass._network.scaling import is_own_scaling
from keras_multiclass._shared.checks import is_count, is_flag, is_integer
from keras_multiclass._shared.error_marks import mark
from keras_multiclass._shared.keras.environment import DTYPES
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid
from keras_multiclass._training import fine_tuning, thresholds
from keras_multiclass._training.checks import Check, one_of
from keras_multiclass._training.early_stopping import invalid_arguments
from keras_multiclass._training.engine import ENGINES, EngineName
from keras_multiclass._training.fine_tuning import FineTuning

Auto: TypeAlias = Literal["auto"]

CALIBRATIONS = ("auto", "temperature", None)
PRESETS = ("best", None)
SCALINGS = ("auto", "standard", "robust", "quantile", "pretrained", None)

# Arguments of `keras.Model.fit` that are parameters of the estimator under the same name.
FIT_PARAMETERS = frozenset({"epochs", "batch_size", "verbose", "shuffle", "validation_split"})


@dataclass(frozen=True)
class Settings:
    """Checked values of the plain parameters; ``"auto"`` stays where the user left it.

    `validation_split` is None, a float above 0, a number of folds, or a split of the user's
    (`is_given_split`).
    """

    epochs: int | Auto
    batch_size: int | Auto
    shuffle: bool
    validation_split: object
    early_stopping: bool | int | Mapping[str, object] | Auto
    verbose: int
    dtype: str
    scaling: Any
    layout: Layout
    image_size: tuple[int, int] | Auto
    engine: EngineName
    n_ensemble: int | Auto
    calibration: str | None
    preset: str | None = None
    augmentation: Any = None
    threshold: object = None
    predict_batch_size: int | None = None
    fine_tuning: FineTuning | None = None
    fit_options: Mapping[str, object] = field(default_factory=dict)
    compile_options: Mapping[str, object] = field(default_factory=dict)

    @property
    def steps_per_epoch(self) -> int | None:
        """Batches of a stream that make an epoch; None for all."""
        steps = self.fit_options.get("steps_per_epoch")
        return steps if isinstance(steps, numbers.Integral) else None  # type: ignore[return-value]


def is_auto(value: object) -> bool:
    """Whether a parameter is ``"auto"``."""
    return isinstance(value, str) and value == "auto"


def _is_epochs(value: object) -> bool:
    return isinstance(value, (list, tuple, set, frozenset, range)) and all(map(is_count, value))


def _is_size(value: object) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(map(is_count, value))


def _is_scaling(value: object) -> bool:
    return is_own_scaling(value) or one_of(*SCALINGS)(value)


def _is_all(value: object) -> bool:
    return is_integer(value) and value == -1


def _is_fraction(value: object) -> bool:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_number and 0 <= float(value) < 1  # type: ignore[arg-type]


_COUNT_OR_AUTO = Check("an integer of at least 1 or 'auto'", lambda v: is_count(v) or is_auto(v))
_COUNT_OR_NONE = Check("None or an integer of at least 1", lambda v: v is None or is_count(v))
_BATCH_SIZE_OR_NONE = Check(
    "None, an integer of at least 1, or -1 for all rows at once",
    lambda v: v is None or is_count(v) or _is_all(v),
)
_IMAGE_SIZE = Check(
    "'auto', or (height, width) in pixels, two integers of at least 1",
    lambda v: is_auto(v) or _is_size(v),
)
_FLAG = Check("True or False", is_flag)

_FIT_OPTIONS = {
    "validation_freq": Check(
        "an integer of at least 1, or a list of the epochs (from 1) after which to validate",
        lambda v: is_count(v) or _is_epochs(v),
    ),
    "validation_batch_size": _BATCH_SIZE_OR_NONE,
    "steps_per_epoch": _COUNT_OR_NONE,
}
_COMPILE_OPTIONS = {
    "run_eagerly": _FLAG,
    "jit_compile": Check("True, False or 'auto'", lambda v: is_flag(v) or is_auto(v)),
    "steps_per_execution": Check("an integer of at least 1", is_count),
}
_PREDICT_OPTIONS = {"batch_size": _BATCH_SIZE_OR_NONE}

_CHECKS = {
    "epochs": _COUNT_OR_AUTO,
    "batch_size": Check(
        "an integer of at least 1, 'auto', or -1 for all rows at once",
        lambda v: is_auto(v) or is_count(v) or _is_all(v),
    ),
    "shuffle": _FLAG,
    "validation_split": Check(
        "None, a fraction of at least 0 and below 1, a number of folds (at least 2), "
        f"{given_split.ALLOWED}",
        lambda v: v is None or _is_fraction(v) or _is_folds(v) or given_split.is_given_split(v),
    ),
    "early_stopping": Check(
        "True, False, 'auto', a number of epochs without progress (at least 1), or a dict of "
        "arguments for keras.callbacks.EarlyStopping",
        lambda v: is_flag(v) or is_auto(v) or isinstance(v, Mapping) or is_count(v),
    ),
    "verbose": Check("0, 1 or 2", lambda v: is_flag(v) or (is_integer(v) and v in (0, 1, 2))),
    "dtype": Check(f"one of {format_list(DTYPES)}", lambda v: isinstance(v, str) and v in DTYPES),
    "scaling": Check(
        f"one of {format_list(SCALINGS)}, a keras.Layer, a function of tensors, or a dict of "
        "these by input",
        lambda v: all(map(_is_scaling, v.values() if isinstance(v, Mapping) else [v])),
    ),
    "layout": Check(f"one of {format_list(LAYOUTS)}", one_of(*LAYOUTS)),
    "image_size": _IMAGE_SIZE,
    "n_ensemble": _COUNT_OR_AUTO,
    "calibration": Check(f"one of {format_list(CALIBRATIONS)}", one_of(*CALIBRATIONS)),
    "augmentation": Check(augmentation.ALLOWED, augmentation.is_valid),
    "preset": Check(f"one of {format_list(PRESETS)}", one_of(*PRESETS)),
    "warm_start": _FLAG,
    "engine": Check(f"one of {format_list(ENGINES)}", one_of(*ENGINES)),
    "fine_tuning": Check(fine_tuning.ALLOWED, fine_tuning.is_valid),
}
# Of `KerasMultilabelClassifier` alone.
_THRESHOLD = Check(thresholds.ALLOWED, thresholds.is_valid)


def _is_folds(value: object) -> bool:
    return is_count(value) and value >= 2


def resolve_settings(values: Mapping[str, object], routed: Mapping[str, object]) -> Settings:
    """Check the plain parameters.

    Parameters
    ----------
    values : mapping of str to object
        The estimator's parameters by name.
    routed : mapping of str to object
        Its routed parameters by full name, such as ``fit__batch_size``.

    Returns
    -------
    Settings
        The checked values.

    Raises
    ------
    ValueError
        Names all invalid values.
    """
    options = _read_routed(routed)
    own: dict[str, Any] = {**{name: values[name] for name in _CHECKS}, **options.parameters}
    errors = options.errors + [
        invalid(f"`{name}`", check.allowed, describe(own[name]), _hint(name, own[name], check))
        for name, check in _CHECKS.items()
        if not check.accepts(own[name])
    ]
    if isinstance(own["early_stopping"], Mapping):
        errors += invalid_arguments(own["early_stopping"])
    threshold = values.get("threshold")
    if threshold is not None and not _THRESHOLD.accepts(threshold):
        got, cure = describe(threshold), thresholds.hint(threshold)
        errors.append(invalid("`threshold`", _THRESHOLD.allowed, got, cure))
    if errors:
        raise mark(ValueError("\n".join(errors)), "unknown argument", *sorted(options.unknown))
    return Settings(
        epochs=_integer_or_auto(own["epochs"]),
        batch_size=_integer_or_auto(own["batch_size"]),
        shuffle=bool(own["shuffle"]),
        validation_split=_split(own["validation_split"]),
        early_stopping=own["early_stopping"],
        verbose=int(own["verbose"]),
        dtype=own["dtype"],
        scaling=own["scaling"],
        layout=own["layout"],
        image_size=_size_or_auto(own["image_size"]),
        engine=own["engine"],
        n_ensemble=_integer_or_auto(own["n_ensemble"]),
        calibration=own["calibration"],
        preset=own["preset"],
        fine_tuning=FineTuning.of(own["fine_tuning"]),
        augmentation=own["augmentation"],
        threshold=threshold,
        predict_batch_size=_predict_batch_size(options),
        fit_options=options.of["fit"],
        compile_options=options.of["compile"],
    )


def _split(value: object) -> object:
    if given_split.is_given_split(value):
        return value
    return int(value) if _is_folds(value) else float(value or 0) or None  # type: ignore[call-overload,arg-type]


def _hint(name: str, value: object, check: Check) -> str:
    """Return which of the allowed words a word is similar to, or which split is meant."""
    if name == "validation_split":
        return given_split.hint(value)
    if name == "augmentation" and not isinstance(value, str):
        return augmentation.hint(value)
    words = re.findall(r"'(\w+)'", check.allowed)
    return did_you_mean(value, words).strip() if isinstance(value, str) else ""


def _integer_or_auto(value: int | Auto) -> int | Auto:
    return "auto" if value == "auto" else int(value)


def _size_or_auto(value: Any) -> tuple[int, int] | Auto:
    return "auto" if value == "auto" else (int(value[0]), int(value[1]))


def resolve_prediction(
    engine: object, routed: Mapping[str, object]
) -> tuple[EngineName, int | None]:
    """Check only what prediction needs: other parameters must not keep a model from predicting.

    Parameters
    ----------
    engine : object
        The parameter `engine`.
    routed : mapping of str to object
        Routed parameters by full name.

    Returns
    -------
    engine : {"auto", "graph", "keras"}
        The engine that predicts.
    batch_size : int or None
        Number of rows that are predicted together; -1 for all, None to choose it by their size.

    Raises
    ------
    ValueError
        Names all invalid values.
    """
    check = _CHECKS["engine"]
    options = _read_routed({n: value for n, value in routed.items() if n.startswith("predict__")})
    errors = options.errors
    if not check.accepts(engine):
        errors.append(invalid("`engine`", check.allowed, describe(engine)))
    if errors:
        raise ValueError("\n".join(errors))
    return cast(EngineName, engine), _predict_batch_size(options)


@dataclass
class _RoutedOptions:
    """What routed parameters say about training, compiling and prediction."""

    parameters: dict[str, object] = field(default_factory=dict)
    of: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {prefix: {} for prefix in ROUTED_OPTIONS}
    )
    errors: list[str] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)  # prefixes of arguments that do not exist


def _predict_batch_size(options: _RoutedOptions) -> int | None:
    size = options.of["predict"].get("batch_size")
    return None if size is None else int(size)


def _instead(prefix: str, argument: str, names: Collection[str]) -> str:
    """Say how to pass an argument of Keras that is not routed, or which one may be meant."""
    cure = _NOT_ROUTED.get(prefix, {}).get(argument)
    return did_you_mean(argument, names) if cure is None else f" {cure}"


_PARAMETER = "Set the parameter `{}` instead."
# Arguments of Keras' compile, fit and predict.
_NOT_ROUTED: dict[str, dict[str, str]] = {
    "compile": {
        "optimizer": _PARAMETER.format("optimizer"),
        "loss": _PARAMETER.format("loss"),
        "metrics": _PARAMETER.format("metrics"),
        "weighted_metrics": _PARAMETER.format("metrics") + " Its metrics are weighted.",
        "loss_weights": "There is one output, so it only scales the loss: change the learning "
        "rate, or use `class_weight`.",
        "auto_scale_loss": "With dtype='mixed_float16', the loss is scaled.",
    },
    "fit": {
        "class_weight": _PARAMETER.format("class_weight"),
        "sample_weight": "Call fit(X, y, sample_weight=...).",
        "validation_data": "Call fit(X, y, X_val=..., y_val=...).",
        "validation_steps": "All validation rows are used: pass fewer as X_val and y_val.",
        "initial_epoch": "To train further, set warm_start=True.",
    },
    "predict": {"verbose": "Prediction prints nothing."},
}


def _read_routed(routed: Mapping[str, object]) -> _RoutedOptions:
    options = _RoutedOptions()
    for name, value in routed.items():
        prefix, _, argument = name.partition("__")
        if prefix not in ROUTED_OPTIONS or (prefix == "fit" and argument.startswith("callbacks")):
            continue
        checks, target = ROUTED_OPTIONS[prefix]
        if prefix == "fit" and argument in FIT_PARAMETERS:
            options.parameters[argument] = value
        elif argument not in checks:
            names = {*checks, *(FIT_PARAMETERS | {"callbacks"} if prefix == "fit" else ())}
            options.unknown.add(prefix)
            options.errors.append(
                f"`{name}` must be a supported argument of {target} "
                f"({format_list(sorted(names))}).{_instead(prefix, argument, names)}"
            )
        elif not checks[argument].accepts(value):
            options.errors.append(invalid(f"`{name}`", checks[argument].allowed, describe(value)))
        else:
            options.of[prefix][argument] = int(value) if is_integer(value) else value
    return options


ROUTED_OPTIONS: dict[str, tuple[dict[str, Check], str]] = {
    "fit": (_FIT_OPTIONS, "training"),
    "compile": (_COMPILE_OPTIONS, "compiling"),
    "predict": (_PREDICT_OPTIONS, "prediction"),
}
