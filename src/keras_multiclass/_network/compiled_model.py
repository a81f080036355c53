"""Pickling a compiled model, and undoing what a failed run did to it."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras

from keras_multiclass._network.compile import CompileSpec, same
from keras_multiclass._shared.keras.optimizer_state import OptimizerState
from keras_multiclass._shared.keras.overrides import overridden
from keras_multiclass._shared.keras.packing import Packed
from keras_multiclass._shared.keras.pickling import pack_parameters
from keras_multiclass._shared.keras.snapshots import LayerSnapshot, restore_optimizer
from keras_multiclass._shared.keras.variables import read_values, write_values
from keras_multiclass._shared.upstream.keras_training import compile_arguments_of


@contextlib.contextmanager
def restored_on_failure(model: keras.Model, compile_spec: CompileSpec) -> Iterator[None]:
    """Restore the weights, optimizer, loss and metrics of a model if the block raises."""
    optimizer, compiled = model.optimizer, _made_by_compile(model)
    values = read_values(model)
    optimizer_values = read_values(optimizer) if optimizer.built else None
    try:
        yield
    except BaseException:
        if optimizer_values is None:  # not used yet, so a new one is the same
            compile_spec.compile(model)
        elif any(map(operator.is_not, compiled, _made_by_compile(model))):
            compile_spec.compile(model, optimizer)
        write_values(model, values)
        if optimizer_values is not None:
            write_values(optimizer, optimizer_values)
        raise


def _made_by_compile(model: keras.Model) -> list[Any]:
    return [model.optimizer, model.loss, *model.metrics[:1]]  # the first averages the loss


def _changes_since(model: keras.Model, compile_spec: CompileSpec) -> dict[str, Any]:
    """Return the optimizer and options of a model that are not those of its specification."""
    if overridden(model, ["compile"]) or model.optimizer is None:
        return {}
    arguments = compile_arguments_of(model)
    specified = compile_spec.all_options
    options = {
        name: arguments[name]
        for name, default in _OPTIONS.items()
        if name in arguments and arguments[name] != specified.get(name, default)
    }
    optimizer, made = arguments["optimizer"], compile_spec.build_optimizer()
    is_same = type(optimizer) is type(made) and same(_settings(optimizer), _settings(made))
    if is_same and not options:
        return {}
    return {"options": options} if is_same else {"options": options, "optimizer": optimizer}


_OPTIONS = {"loss_weights": None, "run_eagerly": False, "steps_per_execution": 1}


def _settings(optimizer: keras.optimizers.Optimizer) -> dict[str, Any]:
    """Return the configuration of an optimizer without a rate that is a number, as in its state."""
    try:
        config = optimizer.get_config()
    except Exception:  # a user's schedule may have none
        return {}
    is_schedule = isinstance(config.get("learning_rate"), Mapping)
    left_out = ("name",) if is_schedule else ("name", "learning_rate")
    return {name: value for name, value in config.items() if name not in left_out}


@dataclass(frozen=True)
class PackedModel:
    """A compiled model as plain data, for pickling."""

    snapshot: LayerSnapshot
    optimizer_state: OptimizerState | None
    changes: Packed | None = None

    @classmethod
    def pack(cls, model: keras.Model, compile_spec: CompileSpec) -> PackedModel:
        """Pack a model, the state of its optimizer, and what the user compiled it with since."""
        state = OptimizerState.take(model.optimizer)
        changes = _changes_since(model, compile_spec)
        packed = pack_parameters(changes) if changes else None
        return cls(LayerSnapshot.take(model, with_compiled=False), state, packed)

    def unpack(self, compile_spec: CompileSpec) -> keras.Model:
        """Rebuild the model, compiled with its specification and ready to continue training."""
        model = self.snapshot.restore()
        if self.changes is not None:
            changes = self.changes.unpack()
            options = {**compile_spec.options, **changes["options"]}
            compile_spec = replace(compile_spec, options=options)
            if "optimizer" in changes:
                optimizer = changes["optimizer"]
                compile_spec = replace(compile_spec, optimizer=optimizer, optimizer_arguments={})
        compile_spec.compile(model)
        restore_optimizer(model, self.optimizer_state)
        return model
