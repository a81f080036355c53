"""Losses for labels of which a row may have several: Keras', the user's and the asymmetric loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from keras_multiclass._network.objective.adapters import AdaptedLoss, function_of
from keras_multiclass._network.objective.errors import (
    describe_labels,
    describe_output,
    mismatch_error,
)
from keras_multiclass._network.objective.form_detection import Attempts, detect_forms
from keras_multiclass._network.objective.forms import LabelForms, LabelOutputForm
from keras_multiclass._network.objective.labels.trial import LabelTrial
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

__all__ = ["AsymmetricLoss", "LabelLoss", "resolve_label_loss"]

_register = keras.saving.register_keras_serializable(package="keras_multiclass")

_ASYMMETRIC = ("asymmetric", "asymmetric_loss", "AsymmetricLoss")
_KNOWN: Mapping[str, Literal["scores", "logits", "probabilities"]] = {
    "BinaryCrossentropy": "scores",
    "BinaryFocalCrossentropy": "scores",
    "Hinge": "logits",
    "SquaredHinge": "logits",
    "Dice": "probabilities",
    "Tversky": "probabilities",
}
_ONE_CLASS = (
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "KLDivergence",
    "SparseCategoricalCrossentropy",
)


@_register
class AsymmetricLoss(keras.losses.Loss):
    """The asymmetric loss of Ridnik et al., which focuses on rare positives and hard negatives.

    Parameters
    ----------
    gamma_negative : float, default=4.0
        How little easy negatives count.
    gamma_positive : float, default=0.0
        How little easy positives count.
    margin : float, default=0.05
        Probability below which negatives do not count at all.
    from_logits : bool, default=False
        Whether predictions are logits.
    reduction, name, dtype
        As in ``keras.losses.Loss``.

    References
    ----------
    T. Ridnik, E. Ben-Baruch, N. Zamir, A. Noy, I. Friedman, M. Protter and L. Zelnik-Manor,
    Asymmetric Loss For Multi-Label Classification, ICCV 2021, equations 4 to 7.
    """

    def __init__(
        self,
        gamma_negative: float = 4.0,
        gamma_positive: float = 0.0,
        margin: float = 0.05,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "asymmetric_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.gamma_negative = gamma_negative
        self.gamma_positive = gamma_positive
        self.margin = margin
        self.from_logits = from_logits

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the mean over the labels of each row."""
        if self.from_logits:
            log_present, present = ops.log_sigmoid(y_pred), ops.sigmoid(y_pred)
        else:
            present = ops.clip(y_pred, keras.config.epsilon(), 1.0 - keras.config.epsilon())
            log_present = ops.log(present)
        shifted = ops.maximum(present - self.margin, 0.0)
        if self.from_logits and self.margin == 0.0:
            log_absent = ops.log_sigmoid(-y_pred)
        else:
            log_absent = ops.log(ops.maximum(1.0 - shifted, keras.config.epsilon()))
        positive = _power(1.0 - present, self.gamma_positive) * log_present
        negative = _power(shifted, self.gamma_negative) * log_absent
        return -ops.mean(y_true * positive + (1.0 - y_true) * negative, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "gamma_negative": self.gamma_negative,
            "gamma_positive": self.gamma_positive,
            "margin": self.margin,
            "from_logits": self.from_logits,
        }


def _power(values: Any, exponent: float) -> Any:
    """Return a power of numbers from 0 to 1 whose gradient is finite."""
    if exponent == 0:
        return ops.ones_like(values)
    return ops.maximum(values, keras.config.epsilon()) ** exponent


@_register
class LabelLoss(AdaptedLoss):
    """A loss that takes an indicator matrix and raw model output.

    Parameters
    ----------
    inner, forms, arguments, per_sample, reduction, name, dtype
        As in `AdaptedLoss`.
    label_weights : sequence of shape (2, n_labels), default=None
        Weights of the negatives and of the positives of each label. ``inner`` must then be able to
        evaluate labels one by one.
    """

    def __init__(self, *args: Any, label_weights: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_weights = (
            None if label_weights is None else tuple(tuple(map(float, w)) for w in label_weights)
        )

    def evaluate(self, target: Any, prediction: Any, weights: Mapping[str, Any]) -> Any:
        """Return one value per row: the weighted mean over its labels."""
        if self.label_weights is not None:
            values = super().evaluate(
                ops.expand_dims(target, -1), ops.expand_dims(prediction, -1), weights
            )
            values = ops.reshape(values, ops.shape(target))
            negative, positive = (ops.cast(w, values.dtype) for w in self.label_weights)
            # Of mixed rows, an indicator may be between 0 and 1.
            values = values * (negative + ops.cast(target, values.dtype) * (positive - negative))
        else:
            values = ops.convert_to_tensor(super().evaluate(target, prediction, weights))
        return ops.mean(values, axis=-1) if len(values.shape) == 2 else values

    def get_config(self) -> dict[str, Any]:
        """Return the serialized constructor arguments."""
        return {**super().get_config(), "label_weights": self.label_weights}


def resolve_label_loss(
    loss: Any = "auto",
    routed: Mapping[str, Any] | None = None,
    *,
    n_labels: int,
    output_form: LabelOutputForm,
    label_weights: Sequence[Sequence[float]] | np.ndarray | None = None,
) -> LabelLoss:
    """Build a loss that takes an indicator matrix and the raw output of the model.

    Parameters
    ----------
    loss : str, class, instance or callable, default="auto"
        ``"auto"`` is binary cross-entropy, averaged over the labels. Otherwise any Keras loss for
        single units by name, class, instance or function, ``"asymmetric"``, a user-defined
        ``keras.losses.Loss``, or a function ``(y_true, y_pred)`` of indicator matrices and
        probabilities or logits, which is detected.
    routed : mapping of str to object, default=None
        Routed arguments, such as ``{"gamma": 3.0}``.
    n_labels : int
        Number of labels.
    output_form : LabelOutputForm
        Output form of the model.
    label_weights : array-like of shape (2, n_labels), default=None
        Weights of the negatives and of the positives of each label.

    Returns
    -------
    LabelLoss
        Takes ``y_true`` and ``y_pred`` of shape ``(n, n_labels)``, or ``y_pred`` of shape
        ``(n, n_members, n_labels)``, for which it is the mean over the members.

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
    logits = output_form == "label_logits"
    if is_automatic(loss):
        spec: Any = keras.losses.BinaryCrossentropy
    elif isinstance(loss, str) and loss in _ASYMMETRIC:
        spec = AsymmetricLoss
    else:
        spec = as_class(loss)
    known = keras_name(spec)
    options = {"label_weights": label_weights}
    if known in _ONE_CLASS:
        raise _one_class_error(known, n_labels, output_form)
    if known in _KNOWN or spec is AsymmetricLoss:
        built = build_keras_loss(spec, arguments, logits)
        forms = LabelForms(_KNOWN.get(known or "", "scores"), output_form, n_labels)
        per_sample = known not in ("Dice", "Tversky") or getattr(built, "axis", None) is not None
    else:
        built = build_user_loss(spec, arguments, logits)
        forms, per_sample = _detect(spec, built, n_labels, output_form)
    loss = adapt_loss(LabelLoss, spec, built, forms, arguments, per_sample=per_sample, **options)
    if label_weights is not None:
        _check_evaluates_labels(loss, n_labels)
    return loss


def _detect(
    spec: Any, built: Any, n_labels: int, output_form: LabelOutputForm
) -> tuple[LabelForms, bool]:
    """Detect what a loss of the user's own expects, and whether it returns a value for each row."""
    taken = accepted_parameters(type(built) if isinstance(built, keras.losses.Loss) else built)
    scores = "from_logits" in taken.names
    trial = LabelTrial.make(n_labels, output_form)
    detected = detect_forms(function_of(built), trial, scores=scores, required="down", of=built)
    if isinstance(detected, Attempts):
        inputs = "the model's output and matching from_logits" if scores else "probabilities"
        raise mismatch_error(
            describe_labels(n_labels),
            describe_output(output_form, n_labels),
            f"loss {describe(spec)}",
            f"Called on a few synthetic rows with {inputs}, "
            + detected.describe(
                "did not return smaller values for right predictions than for wrong ones"
            ),
            "A custom loss takes (y_true, y_pred), both of shape (n, n_labels), where y_true are "
            "zeros and ones and y_pred are probabilities, and returns n values.",
        ) from detected.first_error
    return detected.forms, detected.per_sample


def _check_evaluates_labels(loss: LabelLoss, n_labels: int) -> None:
    """Raise unless a loss can be evaluated for each label, as weights of labels require."""
    try:
        values = loss.call(ops.zeros((3, n_labels)), ops.full((3, n_labels), 0.5))
        fits = tuple(values.shape) == (3,)
    except Exception:
        fits = False
    if not fits:
        raise ObjectiveError(
            f"`class_weight` needs a loss that can be evaluated for each label; got {loss.name}, "
            "which cannot be called with (y_true, y_pred) of shape (n, n_labels, 1). Average over "
            "the last axis only, or set class_weight=None."
        )


def _one_class_error(name: str, n_labels: int, output_form: LabelOutputForm) -> ObjectiveError:
    return mismatch_error(
        describe_labels(n_labels),
        describe_output(output_form, n_labels),
        f"loss {snake_name(name)!r}",
        f"{name} is for classes that exclude each other.",
        "Use loss='auto' (binary cross-entropy); the labels and the output layer need no change.",
    )
