"""The loss: any Keras or user loss, made to take class indices and raw model output."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

import keras

from keras_multiclass._network.objective.faults import describe_output, disagreement
from keras_multiclass._network.objective.probing import probe
from keras_multiclass._network.objective.wiring import (
    OutputForm,
    PredictionForm,
    TargetForm,
    Wiring,
    is_binary_unit,
)
from keras_multiclass._network.objective.wrappers import AdaptedLoss
from keras_multiclass._shared.keras.lookup import loss_lookup, snake_name
from keras_multiclass._shared.keras.objects import build_object, is_config
from keras_multiclass._shared.messages import describe, format_list, invalid
from keras_multiclass._shared.signatures import accepted_parameters
from keras_multiclass.exceptions import ObjectiveError

__all__ = ["resolve_loss"]

_MEAN = "mean_with_sample_weight"
_AUTOMATIC = ("auto", "crossentropy", "ce")

# The forms that the Keras losses for exclusive classes want. "scores" are what the model emits,
# together with the right `from_logits` where the loss has one.
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
    """Make a loss that takes class indices and the raw output of the model.

    Parameters
    ----------
    loss : str, class, instance or callable, default="auto"
        ``"auto"`` is cross-entropy. Any Keras loss for exclusive classes by name, class,
        instance or function; any ``keras.losses.Loss`` of the user's, or function
        ``(y_true, y_pred)``. Whether it wants class indices or one-hot labels, logits or
        probabilities, is found out here.
    routed : mapping of str to object, default=None
        Arguments, ``{"label_smoothing": 0.1}``.
    n_classes : int
        Number of classes.
    output_form : OutputForm
        What the model emits.
    ensemble : bool, default=False
        Whether it emits the logits of several members in training, of shape
        ``(n, n_members, units)``; the loss of a row is then the mean of theirs.

    Returns
    -------
    keras.losses.Loss
        Takes ``y_true`` of shape ``(n,)`` or ``(n, 1)`` and ``y_pred`` of shape
        ``(n, units)``. The reduction is the weighted mean, unless the user asked for a sum. Its
        attribute ``per_sample`` (True where absent) is False for a loss that gives one number
        for a whole batch and so cannot be weighted.

    Raises
    ------
    ObjectiveError
        For a loss that does not fit the labels and the output layer.
    ValueError
        For unknown names or arguments.
    TypeError
        For a wrong kind of choice.
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
    wiring = Wiring(target, prediction, output_form, n_classes)
    return _adapt(built, wiring, per_sample, _reduction(spec, arguments))


def _takes_logits(output_form: OutputForm) -> bool:
    return output_form in ("logits", "binary_logit")


def _automatic(arguments: Mapping[str, Any], output_form: OutputForm) -> type:
    """Choose the cross-entropy that takes the given arguments."""
    losses = keras.losses
    if is_binary_unit(output_form):
        return losses.BinaryCrossentropy
    plain = accepted_parameters(losses.SparseCategoricalCrossentropy).names
    one_hot = accepted_parameters(losses.CategoricalCrossentropy).names
    if any(name in one_hot and name not in plain for name in arguments):
        return losses.CategoricalCrossentropy
    return losses.SparseCategoricalCrossentropy


def _as_class(loss: Any) -> Any:
    """Replace names, Keras functions and configurations by the Keras class that they mean."""
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
        found = loss_lookup(name)
        return found if inspect.isclass(found) else loss
    return loss


def _known_name(spec: Any) -> str | None:
    """Return the name of a Keras loss, or None for anything of the user's."""
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
    cure = "Use loss='auto' (cross-entropy); labels and output layer stay as they are."
    if name in _REGRESSION:
        reason = f"{name} is a regression loss: it takes class numbers for quantities."
    elif name in _OTHER_TASKS:
        reason = f"{name} {_OTHER_TASKS[name]}; it does not compare classes."
    elif name in _ONE_UNIT and not is_binary_unit(output_form):
        reason = f"{name} is for one output unit that tells two classes apart."
        if name == "BinaryFocalCrossentropy":
            cure = "Use loss='categorical_focal_crossentropy'; labels stay as they are."
        elif name in ("Hinge", "SquaredHinge"):
            cure = "Use loss='categorical_hinge'; labels stay as they are."
    elif name == "SparseCategoricalCrossentropy" and "label_smoothing" in arguments:
        raise ObjectiveError(
            "loss__label_smoothing: SparseCategoricalCrossentropy takes no label_smoothing. "
            "Use loss='auto' or loss='categorical_crossentropy'; labels stay as they are."
        )
    else:
        return
    raise disagreement(n_classes, output, f"loss {snake_name(name)!r}", reason, cure)


def _build(spec: Any, arguments: Mapping[str, Any], takes_logits: bool) -> Any:
    """Build a fresh loss with the right ``from_logits``, reduction and precision."""
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
        # "float32" is what an instance gets unasked, so it follows the precision set now.
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
    """Return the weighted mean, unless something else was asked for.

    An instance's "sum_over_batch_size" is what it gets unasked, and no reduction at all would
    leave nothing to minimise.
    """
    asked = getattr(spec, "reduction", None)
    if isinstance(spec, functools.partial):
        asked = spec.keywords.get("reduction")
    elif isinstance(spec, Mapping):
        asked = spec.get("config", {}).get("reduction")
    if "reduction" in arguments:
        asked = arguments["reduction"]
    elif asked == "sum_over_batch_size" and not isinstance(spec, functools.partial):
        asked = _MEAN
    return _MEAN if asked in (None, "none") else str(asked)


def _adapt(built: Any, wiring: Wiring, per_sample: bool, reduction: str) -> AdaptedLoss:
    arguments: Mapping[str, Any] = {}
    if isinstance(built, keras.losses.Loss):
        name, dtype = built.name, built.dtype
    else:
        built, arguments = _open_partial(built)
        name, dtype = getattr(built, "__name__", type(built).__name__), None
    return AdaptedLoss(
        built,
        wiring,
        arguments,
        per_sample=per_sample,
        reduction=reduction,
        name=name if name.isidentifier() else "loss",  # "<lambda>" is no name for a Keras scope
        dtype=dtype,
    )


def _open_partial(function: Any) -> tuple[Any, Mapping[str, Any]]:
    """Split off keyword arguments, because Keras can save functions but not partials."""
    if isinstance(function, functools.partial) and not function.args:
        return function.func, function.keywords
    return function, {}


# --- the user's own ---------------------------------------------------------------------------


def _user_loss(
    spec: Any, arguments: Mapping[str, Any], n_classes: int, output_form: OutputForm
) -> AdaptedLoss:
    """Find out by experiment how a loss of the user's wants to be called."""
    if not callable(spec) and not is_config(spec) and not isinstance(spec, keras.losses.Loss):
        allowed = "'auto', a name, a keras Loss class, a keras Loss instance or a function"
        raise TypeError(invalid("loss", f"{allowed} (y_true, y_pred)", describe(spec)))
    built = _build_user_loss(spec, arguments, output_form)
    taken = accepted_parameters(type(built) if isinstance(built, keras.losses.Loss) else built)
    scores = "from_logits" in taken.names
    evaluate = built.call if isinstance(built, keras.losses.Loss) else built
    finding, tried = probe(
        evaluate, n_classes=n_classes, output_form=output_form, scores=scores, wanted="down"
    )
    if finding is None:
        raise _unusable(spec, scores, n_classes, output_form, tried)
    return _adapt(built, finding.wiring, finding.per_sample, _reduction(spec, arguments))


def _build_user_loss(spec: Any, arguments: Mapping[str, Any], output_form: OutputForm) -> Any:
    try:
        return _build(spec, arguments, _takes_logits(output_form))
    except ValueError:
        takes = accepted_parameters(type(spec)).names
        if isinstance(spec, keras.losses.Loss) and not arguments and "from_logits" not in takes:
            # It has no complete get_config. Losses keep no state, so it can be used as it is.
            return spec
        raise


def _unusable(
    spec: Any, scores: bool, n_classes: int, output_form: OutputForm, tried: str
) -> ObjectiveError:
    fed = "what the model emits, with the fitting from_logits" if scores else "probabilities"
    wanted = format_list(["y_true", "y_pred"])
    return disagreement(
        n_classes,
        describe_output(output_form, n_classes),
        f"loss {describe(spec)}",
        f"Called on a few made-up rows with {fed}, it did not give smaller values for right "
        f"predictions than for wrong ones. Tried: {tried}.",
        f"A loss of your own takes {wanted}, where y_true are class indices (n,) or one-hot labels "
        f"(n, n_classes) and y_pred are probabilities (n, n_classes), and returns n values.",
    )
