"""Keras losses and metrics that take class indices and raw model output, whatever is inside.

They are used only where the plain Keras object cannot be compiled as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import ops

from keras_multiclass._network.objective.wiring import Wiring
from keras_multiclass._shared.upstream.keras import direction_of, set_direction

__all__ = ["AdaptedLoss", "AdaptedMetric", "MeanOfFunction"]

_register = keras.saving.register_keras_serializable(package="keras_multiclass")


def _as_wiring(wiring: Wiring | Mapping[str, Any]) -> Wiring:
    return wiring if isinstance(wiring, Wiring) else Wiring(**wiring)


def _revive(config: Mapping[str, Any], *names: str) -> dict[str, Any]:
    revived = dict(config)
    for name in names:
        revived[name] = keras.saving.deserialize_keras_object(config[name])
    return revived


def _restore(cls: Any, state: dict[str, Any]) -> Any:
    restored = cls.__new__(cls)
    vars(restored).update(state)
    return restored


class _Frozen:
    """Pickles a loss by its attributes: Keras' own way needs every class to be registered."""

    def __init__(self, loss: keras.losses.Loss) -> None:
        self.loss = loss

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self.loss), dict(vars(self.loss)))


@_register
class AdaptedLoss(keras.losses.Loss):
    """A loss of any form, fed with class indices and raw model output.

    Parameters
    ----------
    inner : keras.losses.Loss or callable
        What computes the values; called as ``inner.call(y_true, y_pred)`` or
        ``inner(y_true, y_pred, **arguments)``.
    wiring : Wiring
        The forms that ``inner`` wants.
    arguments : dict, default=None
        Keyword arguments for a function.
    per_sample : bool, default=True
        Whether there is one value for each row. One scalar for a batch cannot be weighted.
    reduction, name, dtype
        As in ``keras.losses.Loss``.
    """

    def __init__(
        self,
        inner: keras.losses.Loss | Callable[..., Any],
        wiring: Wiring | Mapping[str, Any],
        arguments: Mapping[str, Any] | None = None,
        per_sample: bool = True,
        reduction: str | None = "mean_with_sample_weight",
        name: str | None = "loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.inner = inner
        self.wiring = _as_wiring(wiring)
        self.arguments = dict(arguments or {})
        self.per_sample = per_sample

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one value for each row, shape ``(n,)``, or one for the batch.

        Of logits of members, ``(n, n_members, units)``, it is the mean of the members' losses.
        """
        if len(y_pred.shape) == 3:
            n_members, units = y_pred.shape[1:]
            y_true = ops.repeat(ops.reshape(y_true, (-1,)), n_members)
            values = self.call(y_true, ops.reshape(y_pred, (-1, units)))
            return ops.mean(ops.reshape(values, (-1, n_members)), 1) if self.per_sample else values
        target = self.wiring.targets(y_true, y_pred.dtype)
        prediction = self.wiring.predictions(y_pred)
        if isinstance(self.inner, keras.losses.Loss):
            values = self.inner.call(target, prediction)
        else:
            values = self.inner(target, prediction, **self.arguments)
        values = ops.convert_to_tensor(values)
        # A rank-1 result is passed on untouched, because Keras ties its mask to that tensor.
        return ops.reshape(values, (-1,)) if len(values.shape) > 1 else values

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments, serialised."""
        return {
            **super().get_config(),
            "dtype": self.dtype,
            "inner": keras.saving.serialize_keras_object(self.inner),
            "wiring": self.wiring.config(),
            "arguments": keras.saving.serialize_keras_object(self.arguments),
            "per_sample": self.per_sample,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> AdaptedLoss:
        """Make the loss of what :meth:`get_config` returned."""
        return cls(**_revive(config, "inner", "arguments"))

    def __reduce__(self) -> tuple[Any, ...]:
        state = dict(vars(self))
        if isinstance(self.inner, keras.losses.Loss):
            state["inner"] = _Frozen(self.inner)
        return _restore, (type(self), state)


class _Adapted(keras.metrics.Metric):
    """What the wrappers of metrics share: the wiring, and where better values lie."""

    def __init__(
        self,
        wiring: Wiring | Mapping[str, Any],
        direction: str | None,
        name: str | None,
        dtype: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.wiring = _as_wiring(wiring)
        if direction is not None:
            set_direction(self, direction)

    def _translate(self, y_true: Any, y_pred: Any, weight: Any) -> tuple[Any, Any, Any]:
        raw = ops.cast(y_pred, self.dtype)
        target = self.wiring.targets(y_true, self.dtype)
        if weight is not None:
            weight = ops.reshape(ops.cast(weight, self.dtype), (-1,))
        return target, self.wiring.predictions(raw), weight

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments, serialised."""
        return {
            "name": self.name,
            "dtype": self.dtype,
            "wiring": self.wiring.config(),
            "direction": direction_of(self),
        }


@_register
class AdaptedMetric(_Adapted):
    """A Keras metric of any form, fed with class indices and raw model output.

    Parameters
    ----------
    inner : keras.metrics.Metric
        What keeps the state.
    wiring : Wiring
        The forms that ``inner`` wants.
    direction : {"up", "down"} or None, default=None
        Where better values lie; that of ``inner`` where it says so.
    name, dtype
        As in ``keras.metrics.Metric``.
    """

    def __init__(
        self,
        inner: keras.metrics.Metric,
        wiring: Wiring | Mapping[str, Any],
        direction: str | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        own = direction_of(inner)
        super().__init__(wiring, own or direction, name or inner.name, dtype)
        self.inner = inner
        parameters = inspect.signature(inner.update_state).parameters.values()
        self.takes_weights = any(
            p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters
        )
        self._create_variables()

    def _create_variables(self) -> None:
        # Some Keras metrics make their variables at the first update, which would be inside a
        # traced function; made here, they exist before anything is traced.
        if not self.inner.variables:
            units = 1 if self.wiring.output_form.startswith("binary") else self.wiring.n_classes
            self.update_state(ops.zeros((1,), dtype="int32"), ops.ones((1, units)) / (units + 1))
            self.inner.reset_state()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch: class indices ``(n,)`` and raw model output ``(n, units)``."""
        target, prediction, weight = self._translate(y_true, y_pred, sample_weight)
        if weight is None or not self.takes_weights:
            self.inner.update_state(target, prediction)
        else:
            self.inner.update_state(target, prediction, sample_weight=weight)

    def result(self) -> Any:
        """Return what the inner metric has found."""
        return self.inner.result()

    def reset_state(self) -> None:
        """Forget all batches."""
        self.inner.reset_state()

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments, serialised."""
        return {**super().get_config(), "inner": keras.saving.serialize_keras_object(self.inner)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> AdaptedMetric:
        """Make the metric of what :meth:`get_config` returned."""
        return cls(**_revive(config, "inner"))

    def __reduce__(self) -> tuple[Any, ...]:
        config = {**super().get_config(), "inner": (type(self.inner), self.inner.get_config())}
        return _unpickle_metric, (type(self), config)


def _unpickle_metric(cls: type, config: dict[str, Any]) -> Any:
    inner_class, inner_config = config["inner"]
    return cls(**{**config, "inner": inner_class.from_config(inner_config)})


@_register
class MeanOfFunction(_Adapted):
    """The weighted mean, over all rows of an epoch, of a function of labels and predictions.

    Parameters
    ----------
    function : callable
        ``function(y_true, y_pred, **arguments)``.
    wiring : Wiring
        The forms that ``function`` wants.
    arguments : dict, default=None
        Keyword arguments for it.
    per_sample : bool, default=True
        Whether there is one value for each row; one scalar for a batch counts as many times as
        the batch has rows, and cannot be weighted.
    direction : {"up", "down"} or None, default=None
        Where better values lie.
    name, dtype
        As in ``keras.metrics.Metric``.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        wiring: Wiring | Mapping[str, Any],
        arguments: Mapping[str, Any] | None = None,
        per_sample: bool = True,
        direction: str | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(wiring, direction, name or "metric", dtype)
        self.function = function
        # As a tuple, since Keras wraps the containers that it sees assigned.
        self._arguments = tuple((arguments or {}).items())
        self.per_sample = per_sample
        self.takes_weights = per_sample
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")
        self.count = self.add_variable((), "zeros", dtype=self.dtype, name="count")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch: class indices ``(n,)`` and raw model output ``(n, units)``."""
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
        """Return the constructor arguments, serialised."""
        return {
            **super().get_config(),
            "function": keras.saving.serialize_keras_object(self.function),
            "arguments": keras.saving.serialize_keras_object(dict(self._arguments)),
            "per_sample": self.per_sample,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MeanOfFunction:
        """Make the metric of what :meth:`get_config` returned."""
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
