"""Adapters that let losses and metrics of any input form take encoded targets and raw output.

They are used only where the Keras object cannot be compiled directly.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import ops

from keras_multiclass._network.objective.forms import Forms, forms_from_config
from keras_multiclass._shared.signatures import accepted_parameters
from keras_multiclass._shared.upstream.keras_objects import direction_of, set_direction

__all__ = ["AdaptedLoss", "AdaptedMetric", "MeanOfFunction", "function_of"]

_register = keras.saving.register_keras_serializable(package="keras_multiclass")


def _as_forms(forms: Forms | Mapping[str, Any]) -> Forms:
    return forms_from_config(forms) if isinstance(forms, Mapping) else forms


def _revive(config: Mapping[str, Any], *names: str) -> dict[str, Any]:
    revived = dict(config)
    for name in names:
        revived[name] = keras.saving.deserialize_keras_object(config[name])
    return revived


def _restore(cls: Any, state: dict[str, Any]) -> Any:
    restored = cls.__new__(cls)
    vars(restored).update(state)
    return restored


def function_of(loss: keras.losses.Loss | Callable[..., Any]) -> Callable[..., Any]:
    """Return the function of labels and predictions that a loss computes.

    Keras calls ``__call__``, which calls ``call`` unless the user overrides it.
    """
    if not isinstance(loss, keras.losses.Loss):
        return loss
    is_overridden = type(loss).__call__ is not keras.losses.Loss.__call__
    return loss if is_overridden else loss.call


class _Frozen:
    """Pickle a loss by its attributes; Keras would require its class to be registered."""

    def __init__(self, loss: keras.losses.Loss) -> None:
        self.loss = loss

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self.loss), dict(vars(self.loss)))


@_register
class AdaptedLoss(keras.losses.Loss):
    """A loss of any input form that takes encoded targets and raw model output.

    Parameters
    ----------
    inner : keras.losses.Loss or callable
        Loss to adapt, called as ``inner.call(y_true, y_pred)`` or, if it is a function or overrides
        ``__call__``, as ``inner(y_true, y_pred, **arguments)``.
    forms : Forms
        Forms that ``inner`` expects.
    arguments : dict, default=None
        Keyword arguments of a function.
    per_sample : bool, default=True
        Whether the loss returns one value per row. A scalar for a batch cannot be weighted, unless
        ``inner`` has a ``__call__`` that takes ``sample_weight``.
    reduction, name, dtype
        As in ``keras.losses.Loss``.

    Attributes
    ----------
    takes_weights : bool
        Whether ``inner`` receives the sample weights.
    """

    def __init__(
        self,
        inner: keras.losses.Loss | Callable[..., Any],
        forms: Forms | Mapping[str, Any],
        arguments: Mapping[str, Any] | None = None,
        per_sample: bool = True,
        reduction: str | None = "mean_with_sample_weight",
        name: str | None = "loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.inner = inner
        self.forms = _as_forms(forms)
        self.arguments = dict(arguments or {})
        self.per_sample = per_sample
        overridden = isinstance(inner, keras.losses.Loss) and function_of(inner) is inner
        self.takes_weights = (
            not per_sample
            and overridden
            and "sample_weight" in accepted_parameters(type(inner).__call__).names
        )

    def __getattr__(self, name: str) -> Any:
        # In callbacks, `self.model.loss` is a loss of the user's, as in Keras.
        inner = vars(self).get("inner")
        if name in getattr(inner, "__dict__", {}):
            return getattr(inner, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name)

    def __setattr__(self, name: str, value: Any) -> None:
        inner = vars(self).get("inner")
        is_own = name in vars(self) or name in accepted_parameters(type(self)).names
        if not is_own and name in getattr(inner, "__dict__", {}):
            setattr(inner, name, value)
        else:
            super().__setattr__(name, value)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss of a batch."""
        if sample_weight is None or not self.takes_weights:
            return super().__call__(y_true, y_pred, sample_weight)
        y_true, y_pred, sample_weight = (
            ops.convert_to_tensor(value, dtype=self.dtype)
            for value in (y_true, y_pred, sample_weight)
        )
        return self.call(y_true, y_pred, sample_weight=ops.reshape(sample_weight, (-1,)))

    def call(self, y_true: Any, y_pred: Any, **weights: Any) -> Any:
        """Return one value per row, of shape ``(n,)``, or a scalar for the batch.

        For logits of ensemble members, ``(n, n_members, units)``, this is the mean over members.
        """
        if len(y_pred.shape) == 3:
            n_members, units = y_pred.shape[1:]
            y_true = self.forms.repeat(y_true, n_members)
            weights = {name: ops.repeat(value, n_members) for name, value in weights.items()}
            values = self.call(y_true, ops.reshape(y_pred, (-1, units)), **weights)
            return ops.mean(ops.reshape(values, (-1, n_members)), 1) if self.per_sample else values
        target = self.forms.targets(y_true, y_pred.dtype)
        prediction = self.forms.predictions(y_pred)
        values = ops.convert_to_tensor(self.evaluate(target, prediction, weights))
        # A rank-1 result must be returned unchanged because Keras attaches its mask to that tensor.
        return ops.reshape(values, (-1,)) if len(values.shape) > 1 else values

    def evaluate(self, target: Any, prediction: Any, weights: Mapping[str, Any]) -> Any:
        """Call the loss with the forms that it expects."""
        return function_of(self.inner)(target, prediction, **self.arguments, **weights)

    def get_config(self) -> dict[str, Any]:
        """Return the serialized constructor arguments."""
        return {
            **super().get_config(),
            "dtype": self.dtype,
            "inner": keras.saving.serialize_keras_object(self.inner),
            "forms": self.forms.config(),
            "arguments": keras.saving.serialize_keras_object(self.arguments),
            "per_sample": self.per_sample,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> AdaptedLoss:
        """Build the loss from its configuration."""
        return cls(**_revive(config, "inner", "arguments"))

    def __reduce__(self) -> tuple[Any, ...]:
        state = dict(vars(self))
        if isinstance(self.inner, keras.losses.Loss):
            state["inner"] = _Frozen(self.inner)
        return _restore, (type(self), state)


class _Adapted(keras.metrics.Metric):
    """Base of the adapted metrics."""

    def __init__(
        self,
        forms: Forms | Mapping[str, Any],
        direction: str | None,
        name: str | None,
        dtype: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.forms = _as_forms(forms)
        if direction is not None:
            set_direction(self, direction)

    def _translate(self, y_true: Any, y_pred: Any, weight: Any) -> tuple[Any, Any, Any]:
        raw = ops.cast(y_pred, self.dtype)
        target = self.forms.targets(y_true, self.dtype)
        if weight is not None:
            weight = ops.reshape(ops.cast(weight, self.dtype), (-1,))
        return target, self.forms.predictions(raw), weight

    def get_config(self) -> dict[str, Any]:
        """Return the serialized constructor arguments."""
        return {
            "name": self.name,
            "dtype": self.dtype,
            "forms": self.forms.config(),
            "direction": direction_of(self),
        }


def _value(result: Any) -> Any:
    return ops.copy(result) if isinstance(result, keras.Variable) else result


@_register
class AdaptedMetric(_Adapted):
    """A Keras metric of any input form that takes encoded targets and raw model output.

    Parameters
    ----------
    inner : keras.metrics.Metric
        Metric to adapt.
    forms : Forms
        Forms that ``inner`` expects.
    direction : {"up", "down"} or None, default=None
        Direction of better values, unless ``inner`` defines it.
    name, dtype
        As in ``keras.metrics.Metric``.
    """

    def __init__(
        self,
        inner: keras.metrics.Metric,
        forms: Forms | Mapping[str, Any],
        direction: str | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        own = direction_of(inner)
        super().__init__(forms, own or direction, name or inner.name, dtype)
        self.inner = inner
        parameters = inspect.signature(inner.update_state).parameters.values()
        self.takes_weights = any(
            p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters
        )
        self._create_variables()

    def _create_variables(self) -> None:
        # Some Keras metrics create their variables at the first update, which would be inside a
        # traced function; create them before anything is traced.
        if not self.inner.variables:
            self.update_state(*self.forms.example())
            self.inner.reset_state()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of encoded targets and raw model output ``(n, units)``."""
        target, prediction, weight = self._translate(y_true, y_pred, sample_weight)
        if weight is None or not self.takes_weights:
            self.inner.update_state(target, prediction)
        else:
            self.inner.update_state(target, prediction, sample_weight=weight)

    def result(self) -> Any:
        """Return the result of the inner metric; JAX traces no variables."""
        return keras.tree.map_structure(_value, self.inner.result())

    def reset_state(self) -> None:
        """Reset the state."""
        self.inner.reset_state()

    def get_config(self) -> dict[str, Any]:
        """Return the serialized constructor arguments."""
        return {**super().get_config(), "inner": keras.saving.serialize_keras_object(self.inner)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> AdaptedMetric:
        """Build the metric from its configuration."""
        return cls(**_revive(config, "inner"))

    def __reduce__(self) -> tuple[Any, ...]:
        config = {**super().get_config(), "inner": (type(self.inner), self.inner.get_config())}
        return _unpickle_metric, (type(self), config)


def _unpickle_metric(cls: type, config: dict[str, Any]) -> Any:
    inner_class, inner_config = config["inner"]
    return cls(**{**config, "inner": inner_class.from_config(inner_config)})


@_register
class MeanOfFunction(_Adapted):
    """The weighted mean of a function of labels and predictions over all rows of an epoch.

    Parameters
    ----------
    function : callable
        ``function(y_true, y_pred, **arguments)``.
    forms : Forms
        Forms that ``function`` expects.
    arguments : dict, default=None
        Keyword arguments of ``function``.
    per_sample : bool, default=True
        Whether ``function`` returns one value per row. A scalar for a batch counts once per row of
        the batch and cannot be weighted.
    direction : {"up", "down"} or None, default=None
        Direction of better values.
    name, dtype
        As in ``keras.metrics.Metric``.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        forms: Forms | Mapping[str, Any],
        arguments: Mapping[str, Any] | None = None,
        per_sample: bool = True,
        direction: str | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(forms, direction, name or "metric", dtype)
        self.function = function
        # A tuple, because Keras wraps lists and dicts that are assigned as attributes.
        self._arguments = tuple((arguments or {}).items())
        self.per_sample = per_sample
        self.takes_weights = per_sample
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")
        self.count = self.add_variable((), "zeros", dtype=self.dtype, name="count")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of encoded targets and raw model output ``(n, units)``."""
        target, prediction, weight = self._translate(y_true, y_pred, sample_weight)
        values = self.function(target, prediction, **dict(self._arguments))
        values = ops.cast(values, self.dtype)
        rows = ops.cast(ops.shape(y_pred)[0], self.dtype)
        if not self.per_sample:
            values, weight = values * rows, None
        elif weight is not None:
            values, rows = ops.reshape(values, (-1,)) * weight, ops.sum(weight)
        self.total.assign_add(ops.sum(values))
        self.count.assign_add(rows)

    def result(self) -> Any:
        """Return the mean so far, 0 before the first row."""
        return ops.divide_no_nan(self.total, self.count)

    def get_config(self) -> dict[str, Any]:
        """Return the serialized constructor arguments."""
        return {
            **super().get_config(),
            "function": keras.saving.serialize_keras_object(self.function),
            "arguments": keras.saving.serialize_keras_object(dict(self._arguments)),
            "per_sample": self.per_sample,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MeanOfFunction:
        """Build the metric from its configuration."""
        return cls(**_revive(config, "function", "arguments"))

    def __reduce__(self) -> tuple[Any, ...]:
        live = {
            "function": self.function,
            "arguments": dict(self._arguments),
            "per_sample": self.per_sample,
        }
        return _build, (type(self), {**super().get_config(), **live})


def _build(cls: type, arguments: dict[str, Any]) -> Any:
    return cls(**arguments)
