"""Builds losses from what the user passed, and adapts them to encoded targets and raw output."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

import keras

from keras_multiclass._network.objective.adapters import AdaptedLoss
from keras_multiclass._network.objective.forms import Forms
from keras_multiclass._shared.keras.lookup import loss_lookup
from keras_multiclass._shared.keras.objects import build_object
from keras_multiclass._shared.keras.routing import is_config
from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass._shared.signatures import accepted_parameters

__all__ = [
    "adapt_loss",
    "as_class",
    "build_keras_loss",
    "build_user_loss",
    "keras_name",
]

Adapted = TypeVar("Adapted", bound=AdaptedLoss)

_MEAN = "mean_with_sample_weight"


def is_automatic(loss: Any) -> bool:
    """Whether a loss is the cross-entropy that ``"auto"`` stands for, by any of its names.

    Parameters
    ----------
    loss : object
        As passed by the user.
    """
    return loss is None or (isinstance(loss, str) and loss in ("auto", "crossentropy", "ce"))


def as_class(loss: Any) -> Any:
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


def keras_name(spec: Any) -> str | None:
    """Return the name of a loss class of Keras, or None for a user-defined loss."""
    if is_config(spec):
        spec = loss_lookup(spec["class_name"])
    if isinstance(spec, functools.partial):
        spec = spec.func
    cls = spec if inspect.isclass(spec) else type(spec)
    return cls.__name__ if cls is getattr(keras.losses, cls.__name__, None) else None


def build_keras_loss(spec: Any, arguments: Mapping[str, Any], takes_logits: bool) -> Any:
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


def build_user_loss(spec: Any, arguments: Mapping[str, Any], takes_logits: bool) -> Any:
    """Build a loss of the user's own: an object with its state, or a function."""
    if not callable(spec) and not is_config(spec) and not isinstance(spec, keras.losses.Loss):
        allowed = "'auto', a name, a keras Loss class, a keras Loss instance or a function"
        raise TypeError(invalid("loss", f"{allowed} (y_true, y_pred)", describe(spec)))
    if not isinstance(spec, keras.losses.Loss):
        return build_keras_loss(spec, arguments, takes_logits)
    # Reduction and precision are those of the adapter.
    left_out = ("reduction", "from_logits")
    routed = {name: value for name, value in arguments.items() if name not in left_out}
    has_option = "from_logits" in accepted_parameters(type(spec)).names
    if has_option and getattr(spec, "from_logits", None) is not takes_logits:
        routed["from_logits"] = takes_logits
    built = build_object(spec, routed, lookup=loss_lookup, what="loss", base=keras.losses.Loss)
    if built is not spec:  # for an overridden `__call__` that calls Keras'
        built.reduction = _reduction(spec, arguments)
    return built


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


def adapt_loss(
    adapter: type[Adapted],
    spec: Any,
    built: Any,
    forms: Forms,
    arguments: Mapping[str, Any],
    *,
    per_sample: bool,
    **options: Any,
) -> Adapted:
    """Let a loss take encoded targets and raw output.

    Parameters
    ----------
    adapter : type
        The class of the adapted loss.
    spec : object
        What the user passed.
    built : keras.losses.Loss or callable
        What was built from it.
    forms : Forms
        The forms that it expects.
    arguments : mapping
        Routed arguments.
    per_sample : bool
        Whether it returns one value for each row.
    **options : dict
        Further arguments of the adapter.
    """
    partial_arguments: Mapping[str, Any] = {}
    reduction = _reduction(spec, arguments)
    if isinstance(built, keras.losses.Loss):
        # "float32" is the default of an instance, so it follows the current precision.
        name, dtype = built.name, None if built.dtype == "float32" else built.dtype
    else:
        built, partial_arguments = _open_partial(built)
        name, dtype = getattr(built, "__name__", type(built).__name__), None
    return adapter(
        built,
        forms,
        partial_arguments,
        per_sample=per_sample,
        reduction=reduction,
        name=name if name.isidentifier() else "loss",  # "<lambda>" is not a valid Keras scope
        dtype=dtype,
        **options,
    )


def _open_partial(function: Any) -> tuple[Any, Mapping[str, Any]]:
    """Split off the keyword arguments, since Keras can save functions but not partials."""
    if isinstance(function, functools.partial) and not function.args:
        return function.func, function.keywords
    return function, {}
