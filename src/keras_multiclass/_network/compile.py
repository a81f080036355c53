"""The specification that a model is compiled from.

A specification holds the optimizer, loss and metrics as the user passed them, not Keras objects
built from them. A fitted classifier therefore pickles whenever its parameters do, and each call of
``compile`` starts from a fresh optimizer, loss and metrics.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

import keras

from keras_multiclass._network.objective import Objective, metric_modes
from keras_multiclass._network.optimizers import optimizer_lookup
from keras_multiclass._shared.keras.objects import build_object
from keras_multiclass._shared.keras.optimizer_state import LEARNING_RATE, OptimizerState
from keras_multiclass.exceptions import BackboneError, ObjectiveError

_COMPILED = ("optimizer", "loss", "weighted_metrics")
_UNWEIGHTABLE = (
    "`{}` must return one value for each row {}; got a single value for the whole batch. Return "
    "the values before they are averaged."
)


MetricMode: TypeAlias = Literal["min", "max"] | None
"""Whether lower or higher values of a metric are better; None if unknown."""


class CompileArguments(TypedDict):
    """What the user chose to compile with, by the names of `CompileSpec`."""

    optimizer: object
    optimizer_arguments: Mapping[str, Any]
    loss: object
    loss_arguments: Mapping[str, Any]
    metrics: object
    metrics_arguments: Mapping[str, Any]
    class_scores: bool
    calibrated_loss: bool
    options: Mapping[str, Any]
    adopted: NotRequired[frozenset[str]]
    adopted_options: NotRequired[Mapping[str, Any]]


@dataclass(frozen=True)
class CompileSpec:
    """Optimizer, loss and metrics as the user passed them, and the labels and output they are for.

    The ``objective`` says what the output stands for. With ``class_scores``, precision, recall and
    F1 of each class are added to the metrics, with ``calibrated_loss`` the loss after calibration.
    What is named in ``adopted``, and the ``adopted_options``, are from the user's own ``compile``
    call.
    """

    optimizer: Any
    loss: Any
    metrics: Any
    objective: Objective
    class_scores: bool = False
    calibrated_loss: bool = False
    optimizer_arguments: Mapping[str, Any] = field(default_factory=dict)
    loss_arguments: Mapping[str, Any] = field(default_factory=dict)
    metrics_arguments: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    adopted: frozenset[str] = frozenset()
    adopted_options: Mapping[str, Any] = field(default_factory=dict)

    def with_changes(self, before: CompileArguments, now: CompileArguments) -> CompileSpec:
        """Return a specification with what the user has changed; the rest stays adopted."""
        changed: dict[str, Any] = {
            name: value for name, value in now.items() if not same(value, dict(before)[name])
        }
        return replace(self, **changed, adopted=self.adopted - changed.keys())

    @contextlib.contextmanager
    def _naming_origin(self, part: str) -> Iterator[None]:
        """Let errors about what the user's own ``compile`` was given say so."""
        try:
            yield
        except (ValueError, TypeError) as error:
            if part not in self.adopted or getattr(self, f"{part}_arguments"):
                raise
            error_class = TypeError if isinstance(error, TypeError) else ObjectiveError
            raise error_class(f"In the model's own `compile`: {error}") from error

    def build_optimizer(self) -> keras.optimizers.Optimizer:
        """Build a new optimizer."""
        with self._naming_origin("optimizer"):
            return build_optimizer(self.optimizer, self.optimizer_arguments)

    def build_loss(self) -> keras.losses.Loss:
        """Build the loss, which takes encoded targets and raw model output."""
        with self._naming_origin("loss"):
            return self.objective.build_loss(self.loss, self.loss_arguments)

    def build_metrics(self) -> list[keras.metrics.Metric]:
        """Build the metrics, which take encoded targets and raw model output."""
        with self._naming_origin("metrics"):
            return self.objective.build_metrics(
                self.metrics,
                self.metrics_arguments,
                of_each=self.class_scores,
                calibrated=self.calibrated_loss,
            )

    @property
    def all_options(self) -> dict[str, Any]:
        """Further arguments of ``compile``; those of the estimator take precedence."""
        return {**self.adopted_options, **self.options}

    @property
    def jit_compile(self) -> bool | Literal["auto"]:
        """Whether XLA compiles the steps; "auto" where it pays."""
        value = self.all_options.get("jit_compile", "auto")
        return value if value == "auto" else bool(value)

    def metric_modes(self) -> dict[str, MetricMode]:
        """Return "min" or "max" for the loss and each logged metric; None if unknown."""
        return {"loss": "min", **metric_modes(self.build_metrics())}

    def check_weightable(self, *, rows: bool, members: bool) -> None:
        """Raise unless loss and metrics can be weighted: they return one value for each row.

        Parameters
        ----------
        rows : bool
            Whether rows have weights.
        members : bool
            Whether each member of an ensemble trains on other rows, which concerns the loss alone.
        """
        if not (rows or members):
            return
        reason = (
            "when rows are weighted by `sample_weight` or `class_weight`"
            if rows
            else "when members of an ensemble hold out folds (`validation_split`)"
        )
        loss = self.build_loss()
        if not (getattr(loss, "per_sample", True) or getattr(loss, "takes_weights", False)):
            raise ObjectiveError(_UNWEIGHTABLE.format("loss", reason))
        for metric in self.build_metrics() if rows else ():
            if not getattr(metric, "takes_weights", True):
                raise ObjectiveError(_UNWEIGHTABLE.format("metrics", reason))

    def compile(
        self, model: keras.Model, optimizer: keras.optimizers.Optimizer | None = None
    ) -> None:
        """Compile ``model`` with ``optimizer``, by default a new one."""
        arguments = {
            "optimizer": optimizer or self.build_optimizer(),
            "loss": self.build_loss(),
            # Weighted, so that metrics count rows as the loss does.
            "weighted_metrics": self.build_metrics() or None,
            **self.all_options,
        }
        if takes_compile_arguments(model, arguments):
            model.compile(**arguments)
        else:  # its builder has called it
            keras.Model.compile(model, **arguments)

    def recompile(self, model: keras.Model, previous: CompileSpec) -> None:
        """Compile again with what changed since ``previous``; the optimizer keeps its slots."""
        if same(self, previous):
            return
        old = model.optimizer
        names = ("optimizer", "optimizer_arguments")
        if all(same(getattr(self, name), getattr(previous, name)) for name in names):
            self.compile(model, old)
            return
        optimizer = self.build_optimizer()
        self.compile(model, optimizer)
        state = OptimizerState.take(old)
        if state is not None and type(old) is type(optimizer):
            state.restore(model, omit=[LEARNING_RATE], complete=False)


def takes_compile_arguments(model: keras.Model, arguments: Iterable[str] = _COMPILED) -> bool:
    """Whether the ``compile`` of a model, which it may override, can be called with arguments."""
    try:
        inspect.signature(model.compile).bind(**dict.fromkeys(arguments))
    except TypeError:
        return False
    return True


def build_optimizer(optimizer: Any, routed: Mapping[str, Any]) -> keras.optimizers.Optimizer:
    """Build a new optimizer from a name, class or instance and routed arguments."""
    return build_object(
        optimizer,
        routed,
        lookup=optimizer_lookup,
        what="optimizer",
        base=keras.optimizers.Optimizer,
    )


def continue_optimizer(
    source: keras.optimizers.Optimizer, model: keras.Model, routed: Mapping[str, Any]
) -> None:
    """Copy slots, step count and learning rate, so that training continues from there.

    Parameters
    ----------
    source : keras.optimizers.Optimizer
        Not used yet, or built for a model of the same structure.
    model : keras.Model
        Compiled with an optimizer of the same class.
    routed : mapping
        Arguments that replace those of `source`. If they change which variables the optimizer
        has, it starts anew.

    Raises
    ------
    BackboneError
        If `source` was built for other weights.
    """
    state = OptimizerState.take(source)
    if state is None:
        return
    omit = [name for name in (LEARNING_RATE,) if name in routed]
    if not state.restore(model, omit=omit, complete=not routed) and not routed:
        raise BackboneError(
            "The optimizer that `model` was compiled with must have been made for its trainable "
            f"weights; got one with {len(source.variables)} variables instead of "
            f"{len(model.optimizer.variables)}, or of other shapes. Compile the model again after "
            "you change what is trainable, or set `optimizer`."
        )


def same(first: Any, second: Any) -> bool:
    """Whether two values are equal; values that cannot be compared count as different."""
    if first is second:
        return True
    try:
        return bool(first == second)
    except (ValueError, TypeError):  # arrays among the arguments
        return False
