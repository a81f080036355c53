"""Adapts any Keras or user metric to class indices and raw model output."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_multiclass._network.objective.adapters import AdaptedMetric
from keras_multiclass._network.objective.classes.calibrated_loss import (
    CALIBRATED_LOSS,
    CalibratedCrossentropy,
)
from keras_multiclass._network.objective.classes.scores import (
    AUCS,
    COUNTED,
    SCIKIT_LEARN_NAMES,
    ClassAUC,
    ClassScore,
)
from keras_multiclass._network.objective.classes.trial import ClassTrial
from keras_multiclass._network.objective.errors import (
    describe_classes,
    describe_output,
    mismatch_error,
)
from keras_multiclass._network.objective.form_detection import Attempts
from keras_multiclass._network.objective.forms import (
    InputForms,
    OutputForm,
    PredictionForm,
    TargetForm,
    is_binary_unit,
)
from keras_multiclass._network.objective.metric_building import (
    adapt_own_metric,
    build_metrics,
    with_classes,
)
from keras_multiclass._shared.keras.lookup import metric_lookup, snake_name
from keras_multiclass._shared.keras.rebuilding import rebuild_from_config
from keras_multiclass._shared.messages import describe
from keras_multiclass._shared.signatures import accepted_parameters
from keras_multiclass.exceptions import ObjectiveError

__all__ = ["resolve_metrics"]

_INDEX: tuple[TargetForm, PredictionForm] = ("index", "scores")
_ONE_HOT: tuple[TargetForm, PredictionForm] = ("one_hot", "probabilities")
_SECOND: tuple[TargetForm, PredictionForm] = ("float_column", "positive")

_OF_PROBABILITIES = (
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
)
_FORMS: dict[str, tuple[TargetForm, PredictionForm]] = {
    "ClassScore": _INDEX,
    "ClassAUC": ("index", "logits"),
    "CalibratedCrossentropy": ("one_hot", "logits"),
    "Accuracy": ("index", "labels"),
    "SparseCategoricalAccuracy": _INDEX,
    "SparseTopKCategoricalAccuracy": _INDEX,
    "SparseCategoricalCrossentropy": _INDEX,
    "CategoricalAccuracy": ("one_hot", "scores"),
    "TopKCategoricalAccuracy": ("one_hot", "scores"),
    "CategoricalCrossentropy": ("one_hot", "scores"),
    "CategoricalHinge": ("one_hot", "scores"),
    **dict.fromkeys(("F1Score", "FBetaScore", *_OF_PROBABILITIES), _ONE_HOT),
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
# Metrics that compare soft labels with probabilities; all others compare classes.
_OF_SOFT_LABELS = (
    *_OF_PROBABILITIES,
    "BinaryCrossentropy",
    "CalibratedCrossentropy",
    "CategoricalCrossentropy",
)
_OURS = (ClassAUC, ClassScore, CalibratedCrossentropy)
_OVERLAP = ("IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU")
_RANKED = ("TopKCategoricalAccuracy", "SparseTopKCategoricalAccuracy")

_TOP_K = re.compile(r"top_([1-9]\d*)_accuracy")


def resolve_metrics(
    metrics: Any,
    routed: Mapping[str, Any] | None = None,
    *,
    n_classes: int,
    output_form: OutputForm,
    ensemble: bool = False,
    class_names: Sequence[str] | None = None,
    soft: bool = False,
) -> list[keras.metrics.Metric]:
    """Build metrics that take encoded targets and the raw output of the model.

    Parameters
    ----------
    metrics : None, one metric, list, tuple or dict
        Each is a Keras metric's name, class or instance, with any input form; a function
        ``(y_true, y_pred)``; ``"accuracy"``, ``"crossentropy"``, ``"calibrated_crossentropy"``,
        ``"top_3_accuracy"`` (or any other number); or a name in `COUNTED`, `AUCS` or
        `SCIKIT_LEARN_NAMES`. The keys of a dict name the metrics.
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
    soft : bool, default=False
        Whether targets are soft labels; the largest counts in metrics of classes.

    Returns
    -------
    list of keras.metrics.Metric
        They take ``y_true`` of shape ``(n,)`` or ``(n, 1)``, or ``(n, n_classes)`` if `soft`, and
        ``y_pred`` of shape ``(n, units)``, and have unique, reproducible names. The attribute
        ``takes_weights`` (True where absent) is False for a metric that cannot be weighted.

    Raises
    ------
    ObjectiveError
        If a metric does not fit the labels and the output layer.
    ValueError
        If a name or argument is unknown.
    TypeError
        If a metric has an invalid type.
    """

    def adapt(metric: Any, name: str) -> keras.metrics.Metric:
        return _adapt(metric, name, n_classes, output_form, ensemble, soft)

    lookup = functools.partial(_lookup, n_classes=n_classes, class_names=class_names, soft=soft)
    return build_metrics(metrics, routed, n_classes=n_classes, lookup=lookup, adapt=adapt)


# --- names -----------------------------------------------------------------------------------


def _lookup(name: str, n_classes: int, class_names: Sequence[str] | None, soft: bool) -> Any:
    """Look up a metric by our name, scikit-learn's or Keras'."""
    metrics = keras.metrics
    if name in ("accuracy", "acc"):
        return functools.partial(metrics.SparseCategoricalAccuracy, name=name)
    if name in ("crossentropy", "ce"):
        sparse, soft_labels = metrics.SparseCategoricalCrossentropy, metrics.CategoricalCrossentropy
        return functools.partial(soft_labels if soft else sparse, name=name)
    if name == CALIBRATED_LOSS:
        return functools.partial(CalibratedCrossentropy, name=name)
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
    own = ["accuracy", CALIBRATED_LOSS, "crossentropy", "top_3_accuracy"]
    own += [*COUNTED, *AUCS, *SCIKIT_LEARN_NAMES]
    return with_classes(metric_lookup(name, own), n_classes)


# --- adaptation ------------------------------------------------------------------------------


def _adapt(
    metric: Any, name: str, n_classes: int, output_form: OutputForm, ensemble: bool, soft: bool
) -> keras.metrics.Metric:
    if not isinstance(metric, _OURS) and not _has_known_form(metric):
        return adapt_own_metric(
            metric,
            name,
            ClassTrial.make(n_classes, output_form, soft=soft),
            takes_logits=output_form in ("logits", "binary_logit"),
            unusable=functools.partial(_unusable, n_classes, output_form, soft),
        )
    metric = _corrected(metric, n_classes, output_form)
    target, prediction = _known_form(metric, n_classes, output_form)
    if soft and type(metric).__name__ in _OF_SOFT_LABELS:
        target = "soft" if target == "one_hot" else "soft_column"
    # TensorFlow's top-k supports float32 only, whatever the precision of the model.
    dtype = "float32" if type(metric).__name__ in _RANKED else None
    plain = not (is_binary_unit(output_form) or ensemble or soft) and dtype is None
    metric.name = name
    if plain and (target, prediction) == _INDEX:
        return metric
    forms = InputForms(target, prediction, output_form, n_classes, soft)
    return AdaptedMetric(metric, forms, name=name, dtype=dtype)


def _has_known_form(metric: Any) -> bool:
    """Whether this is a metric of Keras whose forms are known, or that compares no labels."""
    cls = type(metric)
    name = cls.__name__
    if not isinstance(metric, keras.metrics.Metric):
        return False
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
    raise mismatch_error(
        describe_classes(n_classes), output, f"metric {snake_name(cls)!r}", reason, cure
    )


def _unusable(
    n_classes: int, output_form: OutputForm, soft: bool, metric: object, attempts: Attempts
) -> ObjectiveError:
    labels = "soft labels" if soft else "one-hot labels"
    return mismatch_error(
        describe_classes(n_classes, soft),
        describe_output(output_form, n_classes),
        f"metric {describe(metric)}",
        "Called on a few synthetic rows, "
        + attempts.describe("did not distinguish right predictions from wrong ones"),
        "A metric of your own takes 'y_true', 'y_pred', where y_true are class indices (n,) or "
        f"{labels} (n, n_classes) and y_pred are probabilities (n, n_classes).",
    )
