"""Builds metrics from what the user passed, names them, and adapts the user's own."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import keras

from keras_multiclass._network.objective.adapters import AdaptedMetric, MeanOfFunction
from keras_multiclass._network.objective.form_detection import (
    Attempts,
    DetectedForms,
    Trial,
    detect_forms,
)
from keras_multiclass._shared.keras.copying import copy_state
from keras_multiclass._shared.keras.lookup import snake_name
from keras_multiclass._shared.keras.object_lists import build_objects, flatten
from keras_multiclass._shared.keras.objects import build_object
from keras_multiclass._shared.keras.routing import is_config
from keras_multiclass._shared.signatures import accepted_parameters
from keras_multiclass._shared.upstream.keras_objects import direction_of
from keras_multiclass.exceptions import ObjectiveError

__all__ = ["Unusable", "adapt_own_metric", "build_metrics", "metric_modes", "with_classes"]

_MODES: Mapping[str | None, Literal["min", "max"]] = {"up": "max", "down": "min"}

Unusable: TypeAlias = Callable[[object, Attempts], ObjectiveError]
"""Builds the error for a metric that no forms fit, from the attempts."""


def build_metrics(
    metrics: Any,
    routed: Mapping[str, Any] | None,
    *,
    n_classes: int,
    lookup: Callable[[str], Any],
    adapt: Callable[[Any, str], keras.metrics.Metric],
) -> list[keras.metrics.Metric]:
    """Build metrics with unique, reproducible names.

    Parameters
    ----------
    metrics : None, one metric, list, tuple or dict
        As the user passed them.
    routed : mapping of str to object or None
        Routed arguments.
    n_classes : int
        Number of classes or labels, for classes of metrics that take it.
    lookup : callable
        Returns the class or function of a name.
    adapt : callable
        Lets a metric or function with a name take encoded targets and raw output.

    Returns
    -------
    list of keras.metrics.Metric
        The adapted metrics.
    """
    metrics = _without_nones(metrics)
    built = build_objects(
        _map_metrics(metrics, lambda spec: with_classes(spec, n_classes)),
        routed,
        lookup=lookup,
        what="metrics",
        base=keras.metrics.Metric,
        functions=True,
    )
    named = any(name.split("__")[-1] == "name" for name in routed or {})
    resolved: list[keras.metrics.Metric] = []
    for (key, metric), spec in zip(built, flatten(metrics), strict=True):
        name = _name(key, metric, spec, metrics, named)
        name = _unique(name, [m.name for m in resolved])
        resolved.append(adapt(metric, name))
    return resolved


def metric_modes(
    metrics: Sequence[keras.metrics.Metric],
) -> dict[str, Literal["min", "max"] | None]:
    """Return the mode ("min" or "max") of each logged metric, as Keras callbacks use the word.

    Parameters
    ----------
    metrics : sequence of keras.metrics.Metric
        Metrics from `build_metrics`.

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


def with_classes(spec: Any, n_classes: int) -> Any:
    """Fill in the number of classes for a class that takes it."""
    parameter = inspect.isclass(spec) and {"num_classes", "n_classes"} & set(
        accepted_parameters(spec).names
    )
    return functools.partial(spec, **{parameter.pop(): n_classes}) if parameter else spec


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


def adapt_own_metric(
    metric: Any, name: str, trial: Trial[Any], *, takes_logits: bool, unusable: Unusable
) -> keras.metrics.Metric:
    """Adapt a metric or a function of the user's own after detecting its input forms.

    Parameters
    ----------
    metric : keras.metrics.Metric or callable
        The metric, or a function ``(y_true, y_pred)``.
    name : str
        Its name in the history.
    trial : Trial
        Rows to try it on.
    takes_logits : bool
        Whether the model emits logits, for metrics with an argument ``from_logits``.
    unusable : callable
        Builds the error.
    """
    if isinstance(metric, keras.metrics.Metric):
        return _adapt_instance(metric, name, trial, takes_logits, unusable)
    arguments: dict[str, Any] = {}
    function = metric
    if isinstance(metric, functools.partial) and not metric.args:
        function, arguments = metric.func, dict(metric.keywords)
    scores = "from_logits" in accepted_parameters(function).names
    if scores:
        arguments["from_logits"] = takes_logits
    evaluate = functools.partial(function, **arguments)
    detected = detect_forms(evaluate, trial, scores=scores, of=function)
    detected = _check(metric, detected, unusable)
    return MeanOfFunction(
        function,
        detected.forms,
        arguments,
        per_sample=detected.per_sample,
        direction=detected.direction,
        name=name,
    )


def _adapt_instance(
    metric: keras.metrics.Metric,
    name: str,
    trial: Trial[Any],
    takes_logits: bool,
    unusable: Unusable,
) -> keras.metrics.Metric:
    scores = "from_logits" in accepted_parameters(type(metric)).names
    if scores and getattr(metric, "from_logits", None) is not takes_logits:
        routed = {"from_logits": takes_logits}
        metric = build_object(
            metric, routed, lookup=None, what="metrics", base=keras.metrics.Metric
        )
    probe = copy_state(metric)

    def evaluate(y_true: Any, y_pred: Any) -> Any:
        probe.reset_state()
        probe.update_state(y_true, y_pred)
        parts = [keras.ops.convert_to_numpy(part) for part in keras.tree.flatten(probe.result())]
        return sum(part.mean() for part in parts) / len(parts)

    detected = _check(metric, detect_forms(evaluate, trial, scores=scores, of=probe), unusable)
    return AdaptedMetric(metric, detected.forms, detected.direction, name=name)


def _check(
    metric: object, detected: DetectedForms[Any] | Attempts, unusable: Unusable
) -> DetectedForms[Any]:
    if isinstance(detected, Attempts):
        raise unusable(metric, detected) from detected.first_error
    return detected
