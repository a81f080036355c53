"""Adapts any Keras or user metric to an indicator matrix and raw model output."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras

from keras_multiclass._network.objective.adapters import AdaptedMetric
from keras_multiclass._network.objective.errors import (
    describe_labels,
    describe_output,
    mismatch_error,
)
from keras_multiclass._network.objective.form_detection import Attempts
from keras_multiclass._network.objective.forms import LabelForms, LabelOutputForm
from keras_multiclass._network.objective.labels.scores import (
    COUNTED,
    OF_EACH_ROW,
    RANKED,
    SCIKIT_LEARN_NAMES,
    LabelRanking,
    LabelScore,
    RowScore,
)
from keras_multiclass._network.objective.labels.trial import LabelTrial
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

__all__ = ["resolve_label_metrics"]

Prediction = Literal["scores", "logits", "probabilities", "labels"]

_FORMS: Mapping[str, Prediction] = {
    "Accuracy": "labels",
    "BinaryCrossentropy": "scores",
    "Hinge": "logits",
    "SquaredHinge": "logits",
    **dict.fromkeys(
        (
            "AUC",
            "BinaryAccuracy",
            "BinaryIoU",
            "F1Score",
            "FBetaScore",
            "FalseNegatives",
            "FalsePositives",
            "MeanAbsoluteError",
            "MeanSquaredError",
            "Precision",
            "PrecisionAtRecall",
            "Recall",
            "RecallAtPrecision",
            "RootMeanSquaredError",
            "SensitivityAtSpecificity",
            "SpecificityAtSensitivity",
            "TrueNegatives",
            "TruePositives",
        ),
        "probabilities",
    ),
}
_ONE_CLASS = (
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "IoU",
    "KLDivergence",
    "MeanIoU",
    "OneHotIoU",
    "OneHotMeanIoU",
    "Poisson",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
)
# With Keras' default of None they take the most probable label as the only one.
_THRESHOLDED = ("F1Score", "FBetaScore")


def resolve_label_metrics(
    metrics: Any,
    routed: Mapping[str, Any] | None = None,
    *,
    n_labels: int,
    output_form: LabelOutputForm,
    label_names: Sequence[str] | None = None,
) -> list[keras.metrics.Metric]:
    """Build metrics that take an indicator matrix and the raw output of the model.

    Parameters
    ----------
    metrics : None, one metric, list, tuple or dict
        Each is a Keras metric's name, class or instance; a function ``(y_true, y_pred)`` of
        indicator matrices and probabilities; ``"crossentropy"``; or a name in `COUNTED`, `RANKED`,
        `OF_EACH_ROW` or `SCIKIT_LEARN_NAMES`. The keys of a dict name the metrics.
    routed : mapping of str to object, default=None
        Routed arguments, such as ``{"0__thresholds": 0.5}``.
    n_labels : int
        Number of labels.
    output_form : LabelOutputForm
        Output form of the model.
    label_names : sequence of str, default=None
        Names of the labels in the values of ``"per_label_*"``; their indices if None.

    Returns
    -------
    list of keras.metrics.Metric
        They take ``y_true`` and ``y_pred`` of shape ``(n, n_labels)``, and have unique,
        reproducible names.

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
        return _adapt(metric, name, n_labels, output_form)

    lookup = functools.partial(_lookup, n_labels=n_labels, label_names=label_names)
    return build_metrics(metrics, routed, n_classes=n_labels, lookup=lookup, adapt=adapt)


def _lookup(name: str, n_labels: int, label_names: Sequence[str] | None) -> Any:
    """Look up a metric by our name, scikit-learn's or Keras'."""
    if name in ("crossentropy", "ce"):
        return functools.partial(keras.metrics.BinaryCrossentropy, name=name)
    score = {"acc": "accuracy", **SCIKIT_LEARN_NAMES}.get(name, name)
    if score in OF_EACH_ROW:
        return functools.partial(RowScore, score=score, name=name)
    if score in COUNTED or score in RANKED:
        cls = LabelScore if score in COUNTED else LabelRanking
        # Names only where they are used, so that other models can share the trace.
        names = label_names if score.startswith("per_label_") else None
        return functools.partial(cls, n_classes=n_labels, score=score, class_names=names, name=name)
    own = ["crossentropy", "accuracy", *COUNTED, *RANKED, *OF_EACH_ROW, *SCIKIT_LEARN_NAMES]
    found = metric_lookup(name, own)
    if getattr(found, "__name__", "") in _THRESHOLDED:
        found = functools.partial(found, threshold=0.5)
    return with_classes(found, n_labels)


def _adapt(
    metric: Any, name: str, n_labels: int, output_form: LabelOutputForm
) -> keras.metrics.Metric:
    prediction = _prediction_of(metric)
    if prediction is None:
        _refuse(metric, n_labels, output_form)
        return adapt_own_metric(
            metric,
            name,
            LabelTrial.make(n_labels, output_form),
            takes_logits=output_form == "label_logits",
            unusable=functools.partial(_unusable, n_labels, output_form),
        )
    metric = _corrected(metric, output_form)
    forms = LabelForms(prediction, output_form, n_labels)
    return AdaptedMetric(metric, forms, name=name)


def _prediction_of(metric: Any) -> Prediction | None:
    """Return the form of predictions that a known metric expects."""
    cls = type(metric)
    if cls is LabelScore:
        return "labels"
    if cls is LabelRanking:
        return "logits"
    if cls is RowScore:
        return OF_EACH_ROW[metric.score][1]
    return _FORMS.get(cls.__name__) if _is_of_keras(metric) else None


def _is_of_keras(metric: Any) -> bool:
    return type(metric) is getattr(keras.metrics, type(metric).__name__, None)


def _corrected(metric: Any, output_form: LabelOutputForm) -> Any:
    """Rebuild our copy if an argument does not match the model."""
    changes: dict[str, Any] = {}
    if "from_logits" in accepted_parameters(type(metric)).names:
        changes["from_logits"] = output_form == "label_logits"
    if type(metric).__name__ in _THRESHOLDED and getattr(metric, "threshold", None) is None:
        raise ObjectiveError(
            f"metrics: {type(metric).__name__} must have a threshold for labels that do not "
            "exclude each other; got threshold=None, which takes only the most probable label of "
            "each row. Pass threshold=0.5."
        )
    config = metric.get_config()
    if config.get("dtype") == "float32" or isinstance(metric, keras.metrics.BinaryIoU):
        changes["dtype"] = keras.config.floatx()
    changes = {k: v for k, v in changes.items() if k not in config or config[k] != v}
    return rebuild_from_config(metric, {**config, **changes}) if changes else metric


def _refuse(metric: Any, n_labels: int, output_form: LabelOutputForm) -> None:
    """Raise for metrics of Keras that do not fit."""
    cls = type(metric).__name__
    if not _is_of_keras(metric):
        return
    if cls in _ONE_CLASS:
        reason = f"{cls} is for classes that exclude each other."
    elif "y_true" not in accepted_parameters(metric.update_state).names:
        reason = f"{cls} does not compare labels with predictions."
    else:
        return
    raise mismatch_error(
        describe_labels(n_labels),
        describe_output(output_form, n_labels),
        f"metric {snake_name(cls)!r}",
        reason,
        "Use 'macro_f1', 'accuracy' (all labels of a row) or 'binary_accuracy' (each label).",
    )


def _unusable(
    n_labels: int, output_form: LabelOutputForm, metric: object, attempts: Attempts
) -> ObjectiveError:
    return mismatch_error(
        describe_labels(n_labels),
        describe_output(output_form, n_labels),
        f"metric {describe(metric)}",
        "Called on a few synthetic rows, "
        + attempts.describe("did not distinguish right predictions from wrong ones"),
        "A metric of your own takes 'y_true', 'y_pred', both of shape (n, n_labels), where y_true "
        "are zeros and ones and y_pred are probabilities.",
    )
