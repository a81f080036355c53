"""Adapts any Keras or user loss to class indices and raw model output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from keras_multiclass._network.objective.adapters import AdaptedLoss, function_of
from keras_multiclass._network.objective.classes.trial import ClassTrial
from keras_multiclass._network.objective.errors import (
    describe_classes,
    describe_output,
    mismatch_error,
)
from keras_multiclass._network.objective.form_detection import Attempts, detect_forms
from keras_multiclass._network.objective.forms import (
    InputForms,
    OutputForm,
    PredictionForm,
    TargetForm,
    is_binary_unit,
)
from keras_multiclass._network.objective.loss_building import (
    adapt_loss,
    as_class,
    build_keras_loss,
    build_user_loss,
    is_automatic,
    keras_name,
)
from keras_multiclass._shared.keras.lookup import snake_name
from keras_multiclass._shared.messages import describe
from keras_multiclass._shared.signatures import accepted_parameters
from keras_multiclass.exceptions import ObjectiveError

__all__ = ["resolve_loss"]


# Input forms of the Keras losses for exclusive classes. "scores" are the raw output, with the
# matching `from_logits` where the loss has one.
_MULTICLASS: dict[str, tuple[TargetForm, PredictionForm]] = {
    "SparseCategoricalCrossentropy": ("index", "scores"),
    "CategoricalCrossentropy": ("one_hot", "scores"),
    "CategoricalFocalCrossentropy": ("one_hot", "scores"),
    "CategoricalGeneralizedCrossEntropy": ("index", "probabilities"),
    "CategoricalHinge": ("one_hot", "scores"),
    "KLDivergence": ("one_hot", "probabilities"),
    "Dice": ("one_hot", "probabilities"),
    "Tversky": ("one_hot", "probabilities"),
}
_ONE_UNIT = ("BinaryCrossentropy", "BinaryFocalCrossentropy", "Hinge", "SquaredHinge")
_REGRESSION = (
    "MeanSquaredError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredLogarithmicError",
    "CosineSimilarity",
    "Huber",
    "LogCosh",
    "Poisson",
)
_ONE_CLASS = (
    "SparseCategoricalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Hinge",
    "SquaredHinge",
)
_OTHER_TASKS = {"CTC": "aligns sequences", "Circle": "compares embeddings"}


def resolve_loss(
    loss: Any = "auto",
    routed: Mapping[str, Any] | None = None,
    *,
    n_classes: int,
    output_form: OutputForm,
    ensemble: bool = False,
    soft: bool = False,
) -> keras.losses.Loss:
    """Build a loss that takes encoded targets and the raw output of the model.

    Parameters
    ----------
    loss : str, class, instance or callable, default="auto"
        ``"auto"`` is cross-entropy. Otherwise any Keras loss for exclusive classes by name, class,
        instance or function, any user-defined ``keras.losses.Loss``, or a function
        ``(y_true, y_pred)``. Whether it expects class indices or one-hot labels, logits or
        probabilities, is detected automatically.
    routed : mapping of str to object, default=None
        Routed arguments, such as ``{"label_smoothing": 0.1}``.
    n_classes : int
        Number of classes.
    output_form : OutputForm
        Output form of the model.
    ensemble : bool, default=False
        Whether the model emits the members' logits during training, of shape
        ``(n, n_members, units)``. The loss of a row is then the mean over members.
    soft : bool, default=False
        Whether targets are soft labels.

    Returns
    -------
    keras.losses.Loss
        Takes ``y_true`` of shape ``(n,)`` or ``(n, 1)``, or ``(n, n_classes)`` if `soft`, and
        ``y_pred`` of shape ``(n, units)``. The reduction is the weighted mean unless the user
        requests a sum. Its attribute ``per_sample`` (True where absent) is False for a loss that
        returns one number per batch and thus cannot be weighted, unless it ``takes_weights``.

    Raises
    ------
    ObjectiveError
        If the loss does not fit the labels and the output layer.
    ValueError
        If a name or argument is unknown.
    TypeError
        If `loss` has an invalid type.
    """
    arguments = dict(routed or {})
    automatic = is_automatic(loss)
    spec = _automatic(arguments, output_form, soft) if automatic else as_class(loss)
    known = _known_name(spec)
    if known is None:
        return _user_loss(spec, arguments, n_classes, output_form, soft)
    _check_known(known, arguments, n_classes, output_form, soft)
    built = build_keras_loss(spec, arguments, _takes_logits(output_form))
    plain = known == "SparseCategoricalCrossentropy" and not is_binary_unit(output_form)
    if not soft and (known in _ONE_UNIT or (plain and not ensemble)):
        return built
    target, prediction = _MULTICLASS.get(known, ("soft_column", "unit"))
    if soft and known in _MULTICLASS:
        target = "soft"
    per_sample = getattr(built, "axis", -1) is not None or known not in ("Dice", "Tversky")
    forms = InputForms(target, prediction, output_form, n_classes, soft)
    return adapt_loss(AdaptedLoss, spec, built, forms, arguments, per_sample=per_sample)


def _known_name(spec: Any) -> str | None:
    """Return the name of a loss of Keras whose forms are known."""
    name = keras_name(spec)
    return name if name in (*_MULTICLASS, *_ONE_UNIT, *_REGRESSION, *_OTHER_TASKS) else None


def _takes_logits(output_form: OutputForm) -> bool:
    return output_form in ("logits", "binary_logit")


def _automatic(arguments: Mapping[str, Any], output_form: OutputForm, soft: bool) -> type:
    """Return the cross-entropy that accepts the arguments."""
    losses = keras.losses
    if is_binary_unit(output_form):
        return losses.BinaryCrossentropy
    plain = accepted_parameters(losses.SparseCategoricalCrossentropy).names
    one_hot = accepted_parameters(losses.CategoricalCrossentropy).names
    if soft or any(name in one_hot and name not in plain for name in arguments):
        return losses.CategoricalCrossentropy
    return losses.SparseCategoricalCrossentropy


def _check_known(
    name: str, arguments: Mapping[str, Any], n_classes: int, output_form: OutputForm, soft: bool
) -> None:
    output = describe_output(output_form, n_classes)
    cure = "Use loss='auto' (cross-entropy); the labels and the output layer need no change."
    if name in _REGRESSION:
        reason = f"{name} is a regression loss"
        reason += "." if soft else ": it would treat class indices as quantities."
    elif name in _OTHER_TASKS:
        reason = f"{name} {_OTHER_TASKS[name]}; it does not compare classes."
    elif soft and name in _ONE_CLASS:
        reason = f"{name} takes one class for each row."
        cure = "Use loss='auto' (cross-entropy), or fit the most likely classes, y.argmax(axis=1)."
    elif name in _ONE_UNIT and not is_binary_unit(output_form):
        reason = f"{name} is for two classes and a single output unit."
        if name == "BinaryFocalCrossentropy":
            cure = "Use loss='categorical_focal_crossentropy'; the labels need no change."
        elif name in ("Hinge", "SquaredHinge"):
            cure = "Use loss='categorical_hinge'; the labels need no change."
    elif "label_smoothing" in arguments and name == "SparseCategoricalCrossentropy":
        # Keras 3.15 and older: later versions smooth the labels of this loss, too.
        if "label_smoothing" in accepted_parameters(getattr(keras.losses, name)).names:
            return
        raise ObjectiveError(
            "loss__label_smoothing: SparseCategoricalCrossentropy takes no label_smoothing. "
            "Use loss='auto' or loss='categorical_crossentropy'; the labels need no change."
        )
    else:
        return
    labels = describe_classes(n_classes, soft)
    raise mismatch_error(labels, output, f"loss {snake_name(name)!r}", reason, cure)


# --- user-defined losses -----------------------------------------------------------------------


def _user_loss(
    spec: Any, arguments: Mapping[str, Any], n_classes: int, output_form: OutputForm, soft: bool
) -> AdaptedLoss:
    """Adapt a user-defined loss after detecting its input forms."""
    built = build_user_loss(spec, arguments, _takes_logits(output_form))
    taken = accepted_parameters(type(built) if isinstance(built, keras.losses.Loss) else built)
    scores = "from_logits" in taken.names
    detected = detect_forms(
        function_of(built),
        ClassTrial.make(n_classes, output_form, soft=soft, takes_indices=not soft),
        scores=scores,
        required="down",
        of=built,
    )
    if isinstance(detected, Attempts):
        error = _unusable(spec, scores, n_classes, output_form, soft, detected)
        raise error from detected.first_error
    return adapt_loss(
        AdaptedLoss, spec, built, detected.forms, arguments, per_sample=detected.per_sample
    )


def _unusable(
    spec: Any,
    scores: bool,
    n_classes: int,
    output_form: OutputForm,
    soft: bool,
    attempts: Attempts,
) -> ObjectiveError:
    labels = "soft labels (n, n_classes)"
    if not soft:
        labels = "class indices (n,) or one-hot labels (n, n_classes)"
    inputs = "the model's output and matching from_logits" if scores else "probabilities"
    return mismatch_error(
        describe_classes(n_classes, soft),
        describe_output(output_form, n_classes),
        f"loss {describe(spec)}",
        f"Called on a few synthetic rows with {inputs}, "
        + attempts.describe(
            "did not return smaller values for right predictions than for wrong ones"
        ),
        f"A custom loss takes (y_true, y_pred), where y_true contains {labels} and y_pred are "
        "probabilities (n, n_classes), and returns n values.",
    )
