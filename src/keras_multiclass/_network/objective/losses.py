"""Adapts any Keras or user loss to class indices and raw model output."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

import keras

from keras_multiclass._network.objective.adapters import AdaptedLoss, function_of
from keras_multiclass._network.objective.errors import describe_output, mismatch_error
from keras_multiclass._network.objective.form_detection import Attempts, detect_forms
from keras_multiclass._network.objective.forms import (
    InputForms,
    OutputForm,
    PredictionForm,
    TargetForm,
    is_binary_unit,
)
from keras_multiclass._shared.keras.lookup import loss_lookup, snake_name
from keras_multiclass._shared.keras.objects import build_object
from keras_multiclass._shared.keras.routing import is_config
from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass._shared.signatures import accepted_parameters
from keras_multiclass.exceptions import ObjectiveError

__all__ = ["resolve_loss"]

_MEAN = "mean_with_sample_weight"
_AUTOMATIC = ("auto", "crossentropy", "ce")

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
_OTHER_TASKS = {"CTC": "aligns sequences", "Circle": "compares embeddings"}


def resolve_loss(
    loss: Any = "auto",
    routed: Mapping[str, Any] | None = None,
    *,
    n_classes: int,
    output_form: OutputForm,
    ensemble: bool = False,
) -> keras.losses.Loss:
    """Build a loss that takes class indices and the raw output of the model.

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

    Returns
    -------
    keras.losses.Loss
        Takes ``y_true`` of shape ``(n,)`` or ``(n, 1)`` and ``y_pred`` of shape
        ``(n, units)``. The reduction is the weighted mean unless the user requests a sum. Its
        attribute ``per_sample`` (True where absent) is False for a loss that returns one number
        per batch and thus cannot be weighted, unless it ``takes_weights``.

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
    if loss is None or (isinstance(loss, str) and loss in _AUTOMATIC):
        spec = _automatic(arguments, output_form)
    else:
        spec = _as_class(loss)
    known = _known_name(spec)
    if known is None:
        return _user_loss(spec, arguments, n_classes, output_form)
    _check_known(known, arguments, n_classes, output_form)
    built = _build(spec, arguments, _takes_logits(output_form))
    if known in _ONE_UNIT or (
        known == "SparseCategoricalCrossentropy"
        and not is_binary_unit(output_form)
        and not ensemble
    ):
        return built
    target, prediction = _MULTICLASS[known]
    per_sample = getattr(built, "axis", -1) is not None or known not in ("Dice", "Tversky")
    forms = InputForms(target, prediction, output_form, n_classes)
    return _adapt(built, forms, per_sample, _reduction(spec, arguments))


def _takes_logits(output_form: OutputForm) -> bool:
    return output_form in ("logits", "binary_logit")


def _automatic(arguments: Mapping[str, Any], output_form: OutputForm) -> type:
    """Return the cross-entropy that accepts the arguments."""
    losses = keras.losses
    if is_binary_unit(output_form):
        return losses.BinaryCrossentropy
    plain = accepted_parameters(losses.SparseCategoricalCrossentropy).names
    one_hot = accepted_parameters(losses.CategoricalCrossentropy).names
    if any(name in one_hot and name not in plain for name in arguments):
        return losses.CategoricalCrossentropy
    return losses.SparseCategoricalCrossentropy


def _as_class(loss: Any) -> Any:
    """Replace names and Keras functions by the corresponding Keras class."""
    if isinstance(loss, str):
        return _class_of_function(loss_lookup(loss))
    if isinstance(loss, functools.partial) and not inspect.isclass(loss.func):
        cls = _class_of_function(loss.func)
        if inspect.isclass(cls) and not loss.args:
            return functools.partial(cls, **loss.keywords)
    return _class_of_function(loss)


def _class_of_function(loss: Any) -> Any:
    name = getattr(loss, "__name__", "")
    if inspect.isfunction(loss) and loss is getattr(keras.losses, name, None):
        loss_class = loss_lookup(name)
        return loss_class if inspect.isclass(loss_class) else loss
    return loss


def _known_name(spec: Any) -> str | None:
    """Return the name of a Keras loss, or None for a user-defined one."""
    if is_config(spec):
        spec = loss_lookup(spec["class_name"])
    if isinstance(spec, functools.partial):
        spec = spec.func
    cls = spec if inspect.isclass(spec) else type(spec)
    name = cls.__name__
    known = (*_MULTICLASS, *_ONE_UNIT, *_REGRESSION, *_OTHER_TASKS)
    return name if name in known and cls is getattr(keras.losses, name, None) else None


def _check_known(
    name: str, arguments: Mapping[str, Any], n_classes: int, output_form: OutputForm
) -> None:
    output = describe_output(output_form, n_classes)
    cure = "Use loss='auto' (cross-entropy); the labels and the output layer need no change."
    if name in _REGRESSION:
        reason = f"{name} is a regression loss: it would treat class indices as quantities."
    elif name in _OTHER_TASKS:
        reason = f"{name} {_OTHER_TASKS[name]}; it does not compare classes."
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
    raise mismatch_error(n_classes, output, f"loss {snake_name(name)!r}", reason, cure)


def _build(spec: Any, arguments: Mapping[str, Any], takes_logits: bool) -> Any:
    """Build a new loss with the right ``from_logits``, reduction and precision."""
    target = spec.func if isinstance(spec, functools.partial) else spec
    is_instance = isinstance(spec, keras.losses.Loss)
    if isinstance(spec, Mapping):
        target = loss_lookup(spec["class_name"])
    taken = accepted_parameters(type(spec) if is_instance else target).names
    forced: dict[str, Any] = {}
    if "from_logits" in taken:
        forced["from_logits"] = takes_logits
    if inspect.isclass(target) or is_instance:
        if "reduction" in taken:
            forced["reduction"] = _reduction(spec, arguments)
        dtype = getattr(spec, "dtype", None) if is_instance else None
        # "float32" is the default of an instance, so it follows the current precision.
        if "dtype" in taken and "dtype" not in arguments and dtype not in (None, "float32"):
            forced["dtype"] = dtype
    return build_object(
        spec,
        {**arguments, **forced},
        lookup=loss_lookup,
        what="loss",
        base=keras.losses.Loss,
        functions=True,
    )


def _reduction(spec: Any, arguments: Mapping[str, Any]) -> str:
    """Return the weighted mean, unless another reduction is requested.

    "sum_over_batch_size" is an instance's default, and without reduction there would be nothing to
    minimize.
    """
    requested = getattr(spec, "reduction", None)
    if isinstance(spec, functools.partial):
        requested = spec.keywords.get("reduction")
    elif isinstance(spec, Mapping):
        requested = spec.get("config", {}).get("reduction")
    if "reduction" in arguments:
        requested = arguments["reduction"]
    elif requested == "sum_over_batch_size" and not isinstance(spec, functools.partial):
        requested = _MEAN
    return _MEAN if requested in (None, "none") else str(requested)


def _adapt(built: Any, forms: InputForms, per_sample: bool, reduction: str) -> AdaptedLoss:
    arguments: Mapping[str, Any] = {}
    if isinstance(built, keras.losses.Loss):
        # "float32" is the default of an instance, so it follows the current precision.
        name, dtype = built.name, None if built.dtype == "float32" else built.dtype
    else:
        built, arguments = _open_partial(built)
        name, dtype = getattr(built, "__name__", type(built).__name__), None
    return AdaptedLoss(
        built,
        forms,
        arguments,
        per_sample=per_sample,
        reduction=reduction,
        name=name if name.isidentifier() else "loss",  # "<lambda>" is not a valid Keras scope
        dtype=dtype,
    )


def _open_partial(function: Any) -> tuple[Any, Mapping[str, Any]]:
    """Split off the keyword arguments, since Keras can save functions but not partials."""
    if isinstance(function, functools.partial) and not function.args:
        return function.func, function.keywords
    return function, {}


# --- user-defined losses -----------------------------------------------------------------------


def _user_loss(
    spec: Any, arguments: Mapping[str, Any], n_classes: int, output_form: OutputForm
) -> AdaptedLoss:
    """Adapt a user-defined loss after detecting its input forms."""
    if not callable(spec) and not is_config(spec) and not isinstance(spec, keras.losses.Loss):
        allowed = "'auto', a name, a keras Loss class, a keras Loss instance or a function"
        raise TypeError(invalid("loss", f"{allowed} (y_true, y_pred)", describe(spec)))
    built = _build_user_loss(spec, arguments, output_form)
    taken = accepted_parameters(type(built) if isinstance(built, keras.losses.Loss) else built)
    scores = "from_logits" in taken.names
    detected = detect_forms(
        function_of(built),
        n_classes=n_classes,
        output_form=output_form,
        scores=scores,
        required="down",
    )
    if isinstance(detected, Attempts):
        error = _unusable(spec, scores, n_classes, output_form, detected)
        raise error from detected.first_error
    return _adapt(built, detected.forms, detected.per_sample, _reduction(spec, arguments))


def _build_user_loss(spec: Any, arguments: Mapping[str, Any], output_form: OutputForm) -> Any:
    if not isinstance(spec, keras.losses.Loss):
        return _build(spec, arguments, _takes_logits(output_form))
    # Reduction and precision are those of the adapter.
    left_out = ("reduction", "from_logits")
    routed = {name: value for name, value in arguments.items() if name not in left_out}
    logits = _takes_logits(output_form)
    takes_logits = "from_logits" in accepted_parameters(type(spec)).names
    if takes_logits and getattr(spec, "from_logits", None) is not logits:
        routed["from_logits"] = logits
    built = build_object(spec, routed, lookup=loss_lookup, what="loss", base=keras.losses.Loss)
    built.reduction = _reduction(spec, arguments)  # for an overridden `__call__` that calls Keras'
    return built


def _unusable(
    spec: Any, scores: bool, n_classes: int, output_form: OutputForm, attempts: Attempts
) -> ObjectiveError:
    inputs = "the model's output and matching from_logits" if scores else "probabilities"
    return mismatch_error(
        n_classes,
        describe_output(output_form, n_classes),
        f"loss {describe(spec)}",
        f"Called on a few synthetic rows with {inputs}, "
        + attempts.describe(
            "did not return smaller values for right predictions than for wrong ones"
        ),
        "A custom loss takes (y_true, y_pred), where y_true contains class indices (n,) or "
        "one-hot labels (n, n_classes) and y_pred are probabilities (n, n_classes), and returns n "
        "values.",
    )
