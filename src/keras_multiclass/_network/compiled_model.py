"""Pickling a compiled model, and undoing what a failed run did to it."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras

from keras_multiclass._network.compile import CompileSpec
from keras_multiclass._shared.keras.optimizer_state import OptimizerState
from keras_multiclass._shared.keras.snapshots import LayerSnapshot, restore_optimizer
from keras_multiclass._shared.keras.variables import read_values, write_values


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


@dataclass(frozen=True)
class PackedModel:
    """A compiled model as plain data, for pickling."""

    snapshot: LayerSnapshot
    optimizer_state: OptimizerState | None

    @classmethod
    def pack(cls, model: keras.Model) -> PackedModel:
        """Pack a model and the state of its optimizer."""
        state = OptimizerState.take(model.optimizer)
        return cls(LayerSnapshot.take(model, with_compiled=False), state)

    def unpack(self, compile_spec: CompileSpec) -> keras.Model:
        """Rebuild the model, compiled with its specification and ready to continue training."""
        model = self.snapshot.restore()
        compile_spec.compile(model)
        restore_optimizer(model, self.optimizer_state)
        return model
