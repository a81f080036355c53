"""Adapts any Keras or user metric to class indices and raw model output."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras

from keras_multiclass._network.objective.adapters import AdaptedMetric, MeanOfFunction
from keras_multiclass._network.objective.class_scores import (
    AUCS,
    COUNTED,
    SCIKIT_LEARN_NAMES,
    ClassAUC,
    ClassScore,
)
from keras_multiclass._network.objective.errors import describe_output, mismatch_error
from keras_multiclass._network.objective.form_detection import Attempts, detect_forms
from keras_multiclass._network.objective.forms import (
    InputForms,
    OutputForm,
    PredictionForm,
    TargetForm,
    is_binary_unit,
)
from keras_multiclass._shared.keras.lookup import metric_lookup, snake_name
from keras_multiclass._shared.keras.object_lists import build_objects, flatten
from keras_multiclass._shared.keras.objects import build_object
from keras_multiclass._shared.keras.rebuilding import rebuild_from_config
from keras_multiclass._shared.keras.routing import is_config
from keras_multiclass._shared.keras.state import copy_state
from keras_multiclass._shared.messages import describe
from keras_multiclass._shared.signatures import accepted_parameters
from keras_multiclass._shared.upstream.keras import direction_of
from keras_multiclass.exceptions import ObjectiveError

__all__ = ["metric_modes", "resolve_metrics"]

_INDEX: tuple[TargetForm, PredictionForm] = ("index", "scores")
_ONE_HOT: tuple[TargetForm, PredictionForm] = ("one_hot", "probabilities")
_SECOND: tuple[TargetForm, PredictionForm] = ("float_column", "positive")

_FORMS: dict[str, tuple[TargetForm, PredictionForm]] = {
    "ClassScore": _INDEX,
    "ClassAUC": ("index", "logits"),
    "Accuracy": ("index", "labels"),
    "SparseCategoricalAccuracy": _INDEX,
    "SparseTopKCategoricalAccuracy": _INDEX,
    "SparseCategoricalCrossentropy": _INDEX,
    "CategoricalAccuracy": ("one_hot", "scores"),
    "TopKCategoricalAccuracy": ("one_hot", "scores"),
    "CategoricalCrossentropy": ("one_hot", "scores"),
    "CategoricalHinge": ("one_hot", "scores"),
    **dict.fromkeys(
        (
            "F1Score",
            "FBetaScore",
            "KLDivergence",
            "Poisson",
            "CosineSimilarity",
            "LogCoshError",
            "MeanAbsoluteError",
            "MeanAbsolutePercentageError",
            "MeanSquaredError",
            "MeanSquaredLogarithmicError",
            "RootMeanSquaredError",
            "R2Score",
            "PearsonCorrelation",
            "ConcordanceCorrelation",
        ),
        _ONE_HOT,
    ),
}
# For two classes these refer to the second one, as in scikit-learn; for more they count over all
# classes (one against the rest), as in Keras.
_ONE_CLASS = (
    "AUC",
    "Precision",
    "Recall",
    "TruePositives",
    "TrueNegatives",
    "FalsePositives",
    "FalseNegatives",
    "PrecisionAtRecall",
    "RecallAtPrecision",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
)
_TWO_CLASSES: dict[str, tuple[TargetForm, PredictionForm]] = {
    "BinaryAccuracy": _SECOND,
    "BinaryCrossentropy": _SECOND,
    "BinaryIoU": _SECOND,
    "Hinge": ("float_column", "margin"),
    "SquaredHinge": ("float_column", "margin"),
}
_OVERLAP = ("IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU")
_RANKED = ("TopKCategoricalAccuracy", "SparseTopKCategoricalAccuracy")

_MODES: Mapping[str | None, Literal["min", "max"]] = {"up": "max", "down": "min"}
_TOP_K = re.compile(r"top_([1-9]\d*)_accuracy")


def resolve_metrics(
    metrics: Any,
    routed: Mapping[str, Any] | None = None,
    *,
    n_classes: int,
    output_form: OutputForm,
    ensemble: bool = False,
    class_names: Sequence[str] | None = None,
) -> list[keras.metrics.Metric]:
    """Build metrics that take class indices and the raw output of the model.

    Parameters
    ----------
    metrics : None, one metric, list, tuple or dict
        Each is a Keras metric's name, class or instance, with any input form; a function
        ``(y_true, y_pred)``; ``"accuracy"``, ``"crossentropy"``, ``"top_3_accuracy"`` (or any other
        number); or a name in `COUNTED`, `AUCS` or `SCIKIT_LEARN_NAMES`. The keys of a dict name the
        metrics.
    routed : mapping of str to object, default=None
        Routed arguments, such as ``{"0__threshold": 0.5}``.
    n_classes : int
        Number of classes.
    output_form : OutputForm
        Output form of the model.
    ensemble : bool, default=False
        Whether the model emits the members' logits during training, of shape
        ``(n, n_members, units)``. Metrics then use the mean of the members' probabilities.
    class_names : sequence of str, default=None
        Names of the classes in the values of ``"per_class_*"``; their indices if None.

    Returns
    -------
    list of keras.metrics.Metric
        They take ``y_true`` of shape ``(n,)`` or ``(n, 1)`` and ``y_pred`` of shape ``(n, units)``,
        and have unique, reproducible names. The attribute ``takes_weights`` (True where absent) is
        False for a metric that cannot be weighted.

    Raises
    ------
    ObjectiveError
        If a metric does not fit the labels and the output layer.
    ValueError
        If a name or argument is unknown.
    TypeError
        If a metric has an invalid type.
    """
    metrics = _without_nones(metrics)
    built = build_objects(
        _map_metrics(metrics, lambda spec: _with_classes(spec, n_classes)),
        routed,
        lookup=functools.partial(_lookup, n_classes=n_classes, class_names=class_names),
        what="metrics",
        base=keras.metrics.Metric,
        functions=True,
    )
    named = any(name.split("__")[-1] == "name" for name in routed or {})
    resolved: list[keras.metrics.Metric] = []
    for (key, metric), spec in zip(built, flatten(metrics), strict=True):
        name = _name(key, metric, spec, metrics, named)
        name = _unique(name, [m.name for m in resolved])
        resolved.append(_adapt(metric, name, n_classes, output_form, ensemble))
    return resolved


def metric_modes(
    metrics: Sequence[keras.metrics.Metric],
) -> dict[str, Literal["min", "max"] | None]:
    """Return the mode ("min" or "max") of each logged metric, as Keras callbacks use the word.

    Parameters
    ----------
    metrics : sequence of keras.metrics.Metric
        Metrics from `resolve_metrics`.

    Returns
    -------
    dict of str to {"min", "max"} or None
        By logged name, for every scalar value; None if unknown.
    """
    modes: dict[str, Literal["min", "max"] | None] = {}
    for metric in metrics:
        try:
            result = metric.result()
        except Exception:  # a user's metric may have no result before it has seen rows
            result = 0.0
        values = result if isinstance(result, Mapping) else {metric.name: result}
        scalars = (name for name, value in values.items() if not keras.ops.ndim(value))
        modes |= dict.fromkeys(scalars, _MODES.get(direction_of(metric)))
    return modes


# --- values and names -------------------------------------------------------------------------


def _without_nones(metrics: Any) -> Any:
    if isinstance(metrics, Mapping) and not is_config(metrics):
        return {key: value for key, value in metrics.items() if value is not None}
    return metrics


def _map_metrics(metrics: Any, change: Any) -> Any:
    if isinstance(metrics, (list, tuple)):
        return [_map_metrics(spec, change) for spec in metrics]
    if isinstance(metrics, Mapping) and not is_config(metrics):
        return {key: _map_metrics(spec, change) for key, spec in metrics.items()}
    return change(metrics)


def _with_classes(spec: Any, n_classes: int) -> Any:
    """Fill in the number of classes for a class that takes it."""
    parameter = inspect.isclass(spec) and {"num_classes", "n_classes"} & set(
        accepted_parameters(spec).names
    )
    return functools.partial(spec, **{parameter.pop(): n_classes}) if parameter else spec


def _lookup(name: str, n_classes: int, class_names: Sequence[str] | None) -> Any:
    """Look up a metric by our name, scikit-learn's or Keras'."""
    metrics = keras.metrics
    if name in ("accuracy", "acc"):
        return functools.partial(metrics.SparseCategoricalAccuracy, name=name)
    if name in ("crossentropy", "ce"):
        return functools.partial(metrics.SparseCategoricalCrossentropy, name=name)
    if match := _TOP_K.fullmatch(name):
        k = int(match[1])
        return functools.partial(metrics.SparseTopKCategoricalAccuracy, k=k, name=name)
    score = SCIKIT_LEARN_NAMES.get(name, name)
    if score in COUNTED or score in AUCS:
        cls = ClassScore if score in COUNTED else ClassAUC
        # Names only where they are used, so that other models can share the trace.
        names = class_names if score.startswith("per_class_") else None
        return functools.partial(
            cls, n_classes=n_classes, score=score, class_names=names, name=name
        )
    own = ["accuracy", "crossentropy", "top_3_accuracy"]
    own += [*COUNTED, *AUCS, *SCIKIT_LEARN_NAMES]
    return _with_classes(metric_lookup(name, own), n_classes)


def _default_name(cls: type) -> str:
    """Return Keras' default name for a metric of this class."""
    default = inspect.signature(cls).parameters.get("name")
    if default is not None and isinstance(default.default, str):
        return default.default
    return snake_name(cls.__name__)


def _name(key: str, metric: Any, spec: Any, metrics: Any, named: bool) -> str:
    """Return the name for the history: dict key, the user's own name, or the given name."""
    if isinstance(metrics, Mapping) and not is_config(metrics) and key in metrics:
        name = str(key)
    elif not isinstance(metric, keras.metrics.Metric):
        function = metric.func if isinstance(metric, functools.partial) else metric
        name = getattr(function, "__name__", snake_name(type(function).__name__))
        name = name if name.isidentifier() else "metric"
    else:
        default = _default_name(type(metric))
        # Keras numbers unnamed metrics over the whole process: precision, precision_1, ...
        unnamed = re.fullmatch(rf"{re.escape(default)}(_[1-9]\d*)?", metric.name) is not None
        name = default if unnamed else metric.name
        if unnamed and isinstance(spec, str) and not named:
            name = spec
    if name == "loss" or name.startswith("val_"):
        raise ValueError(
            f"metrics: a metric must have a name of its own; {name!r} is taken in the history. "
            "Give it another name with a dict: metrics={'name': metric}."
        )
    return name


def _unique(name: str, taken: list[str]) -> str:
    if name not in taken:
        return name
    i = 1
    while f"{name}_{i}" in taken:
        i += 1
    return f"{name}_{i}"


# --- adaptation ------------------------------------------------------------------------------


def _adapt(
    metric: Any, name: str, n_classes: int, output_form: OutputForm, ensemble: bool
) -> keras.metrics.Metric:
    if not isinstance(metric, keras.metrics.Metric):
        return _adapt_function(metric, name, n_classes, output_form)
    if not isinstance(metric, (ClassScore, ClassAUC)) and not _has_known_form(metric):
        return _adapt_user_metric(metric, name, n_classes, output_form)
    metric = _corrected(metric, n_classes, output_form)
    target, prediction = _known_form(metric, n_classes, output_form)
    # TensorFlow's top-k supports float32 only, whatever the precision of the model.
    dtype = "float32" if type(metric).__name__ in _RANKED else None
    plain = not (is_binary_unit(output_form) or ensemble) and dtype is None
    metric.name = name
    if plain and (target, prediction) == _INDEX:
        return metric
    forms = InputForms(target, prediction, output_form, n_classes)
    return AdaptedMetric(metric, forms, name=name, dtype=dtype)


def _has_known_form(metric: Any) -> bool:
    """Whether this is a metric of Keras whose forms are known, or that compares no labels."""
    cls = type(metric)
    name = cls.__name__
    if cls is not getattr(keras.metrics, name, None) or cls is keras.metrics.MeanMetricWrapper:
        return False
    if name in _FORMS or name in (*_ONE_CLASS, *_TWO_CLASSES, *_OVERLAP):
        return True
    # A metric of later versions of Keras is tried out like the user's own.
    return "y_true" not in accepted_parameters(metric.update_state).names


def _corrected(metric: Any, n_classes: int, output_form: OutputForm) -> Any:
    """Rebuild our copy if an argument does not match the model or the classes."""
    changes: dict[str, Any] = {}
    config = metric.get_config()
    cls = type(metric)
    if "from_logits" in accepted_parameters(cls).names:
        scored = _FORMS.get(cls.__name__, _ONE_HOT)[1] == "scores"
        changes["from_logits"] = scored and output_form in ("logits", "binary_logit")
    if cls.__name__ in _OVERLAP or cls is keras.metrics.BinaryIoU:
        # By default they count in integers, which would truncate fractional weights to 0.
        changes["dtype"] = keras.config.floatx()
    elif config.get("dtype") == "float32":
        changes["dtype"] = keras.config.floatx()
    n_counted = config.get("num_classes", n_classes)
    if cls.__name__ in _OVERLAP and n_counted != n_classes:
        raise ObjectiveError(
            f"metrics: {cls.__name__} was made for {n_counted} classes, but the labels have "
            f"{n_classes}. Pass the class or its name, and the number is filled in."
        )
    changes = {k: v for k, v in changes.items() if k not in config or config[k] != v}
    return rebuild_from_config(metric, {**config, **changes}) if changes else metric


def _known_form(
    metric: Any, n_classes: int, output_form: OutputForm
) -> tuple[TargetForm, PredictionForm]:
    cls = type(metric).__name__
    if cls in _FORMS:
        return _FORMS[cls]
    if cls in _OVERLAP:
        target: TargetForm = "index" if metric.sparse_y_true else "one_hot"
        return target, "labels" if metric.sparse_y_pred else "probabilities"
    if cls in _ONE_CLASS:
        every = getattr(metric, "multi_label", False) or any(
            getattr(metric, name, None) is not None
            for name in ("class_id", "top_k", "label_weights")
        )
        return _SECOND if n_classes == 2 and not every else _ONE_HOT
    output = describe_output(output_form, n_classes)
    if cls in _TWO_CLASSES:
        if n_classes == 2:
            return _TWO_CLASSES[cls]
        reason = f"{cls} is for two classes only."
        cure = "Use its categorical counterpart, such as 'accuracy' or 'crossentropy'."
    else:
        reason = f"{cls} does not compare labels with predictions."
        cure = "Pass a metric of labels and predictions, such as 'accuracy'."
    raise mismatch_error(n_classes, output, f"metric {snake_name(cls)!r}", reason, cure)


# --- user-defined metrics --------------------------------------------------------------------


def _adapt_function(
    metric: Any, name: str, n_classes: int, output_form: OutputForm
) -> keras.metrics.Metric:
    arguments: dict[str, Any] = {}
    function = metric
    if isinstance(metric, functools.partial) and not metric.args:
        function, arguments = metric.func, dict(metric.keywords)
    scores = "from_logits" in accepted_parameters(function).names
    if scores:
        arguments["from_logits"] = output_form in ("logits", "binary_logit")
    detected = detect_forms(
        functools.partial(function, **arguments),
        n_classes=n_classes,
        output_form=output_form,
        scores=scores,
    )
    if isinstance(detected, Attempts):
        raise _unusable(metric, n_classes, output_form, detected) from detected.first_error
    return MeanOfFunction(
        function,
        detected.forms,
        arguments,
        per_sample=detected.per_sample,
        direction=detected.direction,
        name=name,
    )


def _adapt_user_metric(
    metric: keras.metrics.Metric, name: str, n_classes: int, output_form: OutputForm
) -> keras.metrics.Metric:
    scores = "from_logits" in accepted_parameters(type(metric)).names
    logits = output_form in ("logits", "binary_logit")
    if scores and getattr(metric, "from_logits", None) is not logits:
        routed = {"from_logits": logits}
        metric = build_object(
            metric, routed, lookup=None, what="metrics", base=keras.metrics.Metric
        )
    trial = copy_state(metric)

    def evaluate(y_true: Any, y_pred: Any) -> Any:
        trial.reset_state()
        trial.update_state(y_true, y_pred)
        parts = [keras.ops.convert_to_numpy(part) for part in keras.tree.flatten(trial.result())]
        return sum(part.mean() for part in parts) / len(parts)

    detected = detect_forms(evaluate, n_classes=n_classes, output_form=output_form, scores=scores)
    if isinstance(detected, Attempts):
        raise _unusable(metric, n_classes, output_form, detected) from detected.first_error
    return AdaptedMetric(metric, detected.forms, detected.direction, name=name)


def _unusable(
    metric: Any, n_classes: int, output_form: OutputForm, attempts: Attempts
) -> ObjectiveError:
    return mismatch_error(
        n_classes,
        describe_output(output_form, n_classes),
        f"metric {describe(metric)}",
        "Called on a few synthetic rows, "
        + attempts.describe("did not distinguish right predictions from wrong ones"),
        "A metric of your own takes 'y_true', 'y_pred', where y_true are class indices (n,) or "
        "one-hot labels (n, n_classes) and y_pred are probabilities (n, n_classes).",
    )
