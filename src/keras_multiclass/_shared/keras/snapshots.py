"""Snapshots of Keras layers and models as plain data, from which equal copies are rebuilt.

They are used to copy the user's backbone for each fit, to pickle models, and to restore a model
whose training failed. Keras' own ``deepcopy`` and ``pickle`` fail for lambdas and unregistered
custom layers; a snapshot keeps their classes.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from keras_multiclass._shared.keras.copyable import check_copyable
from keras_multiclass._shared.keras.layer_tree import iterate_layers
from keras_multiclass._shared.keras.native_logs import import_quietly
from keras_multiclass._shared.keras.objects import build_object
from keras_multiclass._shared.keras.optimizer_state import OptimizerState
from keras_multiclass._shared.keras.packing import Packed, PickledCode, pack
from keras_multiclass._shared.keras.unreported_state import (
    collect_unreported,
    describe_variables,
    plain_copy,
    restore_unreported,
    restore_variables,
    stand_ins,
)
from keras_multiclass._shared.keras.variables import read_values, write_values
from keras_multiclass._shared.keras.vocabularies import read_vocabularies, write_vocabularies
from keras_multiclass._shared.library_code import is_custom
from keras_multiclass._shared.messages import describe, quote_error
from keras_multiclass._shared.upstream.keras_training import compile_arguments_of


@dataclass(frozen=True)
class CompiledState:
    """What a model was compiled with, and the state of its optimizer."""

    arguments: dict[str, Any]
    optimizer_state: OptimizerState | None

    @classmethod
    def take(cls, model: keras.Model) -> CompiledState:
        """Read the state of a compiled model."""
        arguments, optimizer = compile_arguments_of(model), model.optimizer
        arguments["auto_scale_loss"] = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if arguments.get("optimizer") is None:
            return cls(arguments, None)
        state = OptimizerState.take(optimizer)
        # Without the variables, which Keras cannot copy.
        arguments["optimizer"] = build_object(
            arguments["optimizer"],
            lookup=None,
            what="optimizer",
            base=keras.optimizers.Optimizer,
        )
        return cls(arguments, state)

    def restore(self, model: keras.Model) -> None:
        """Compile a copy of the model in the same way."""
        keras.Model.compile(model, **self.arguments)
        restore_optimizer(model, self.optimizer_state)


def restore_optimizer(model: keras.Model, state: OptimizerState | None) -> None:
    """Restore the state of the optimizer of a copied model.

    Raises
    ------
    TypeError
        If the optimizer has other variables.
    """
    if state is not None and not state.restore(model):
        raise TypeError(
            f"{describe(model.optimizer)} has {len(model.optimizer.variables)} variables, but "
            f"{len(state.values)} of other shapes were saved: it does not rebuild the same "
            "variables from its configuration."
        )


@dataclass(frozen=True)
class LayerSnapshot:
    """Configuration, custom objects, their state and variable values of a Keras layer or model."""

    config: dict[str, Any] | PickledCode
    custom_objects: dict[str, Any]
    values: tuple[np.ndarray, ...] | None
    compiled: CompiledState | None = None
    unreported: Packed | None = None
    variables: Packed | None = None
    vocabularies: tuple[dict[str, Any] | None, ...] = ()

    @classmethod
    def take(cls, layer: keras.Layer, *, with_compiled: bool = True) -> LayerSnapshot:
        """Take a snapshot of a layer; raise ``TypeError`` if its configuration is incomplete.

        Parameters
        ----------
        layer : keras.Layer
            The layer or model.
        with_compiled : bool, default=True
            Whether the copy of a compiled model is to be compiled.
        """
        import_quietly("tensorflow")  # Keras imports it on every backend, to recognize its types
        layer_class = type(layer)
        check_copyable(layer)
        try:
            config = {
                "module": layer_class.__module__,
                "class_name": layer_class.__name__,
                "config": layer.get_config(),
                "registered_name": keras.saving.get_registered_name(layer_class),
                "build_config": layer.get_build_config() if layer.built else None,
            }
        except Exception as error:
            raise TypeError(
                f"{describe(layer)} cannot be copied or saved, because one of its layers, or an "
                f"object that it holds, has no usable configuration ({quote_error(error)}): give "
                "it a `get_config` method that returns its constructor arguments."
            ) from error
        values = tuple(read_values(layer)) if layer.built else None
        is_compiled = with_compiled and isinstance(layer, keras.Model) and layer.compiled
        compiled = CompiledState.take(layer) if is_compiled else None
        unreported = collect_unreported(layer)
        packed = pack(unreported) if any(unreported) else None
        safe = PickledCode(config) if _contains_code(config) else config
        variables = pack(describe_variables(layer)) if layer.built else None
        custom_objects = collect_custom_objects(layer)
        vocabularies = tuple(read_vocabularies(layer))
        return cls(safe, custom_objects, values, compiled, packed, variables, vocabularies)

    def restore(self) -> Any:
        """Build a copy of the layer or model that shares nothing with the original.

        Raises
        ------
        ValueError
            If the configuration contains code, but is from neither this process nor a pickle.
        """
        unreported = [] if self.unreported is None else self.unreported.unpack()
        layer = self._build({**self.custom_objects, **stand_ins(unreported)})
        restore_unreported(layer, unreported)
        if any(self.vocabularies):
            write_vocabularies(layer, list(self.vocabularies))
        if self.values is not None:
            write_values(layer, self.values)
        if self.variables is not None:
            restore_variables(layer, self.variables.unpack())
        if self.compiled is not None:
            self.compiled.restore(layer)
        return layer

    def _build(self, custom_objects: dict[str, Any]) -> Any:
        build = functools.partial(
            keras.saving.deserialize_keras_object, custom_objects=custom_objects
        )
        # A copy, because Keras changes the configurations that it reads.
        if isinstance(self.config, PickledCode):
            return build(plain_copy(self.config.value), safe_mode=False)
        try:
            return build(plain_copy(self.config), safe_mode=True)
        except ValueError as error:
            if not _contains_code(self.config):
                raise
            raise ValueError(
                "A network must be loaded from a pickle if its configuration contains code, such "
                "as a lambda; got one from another source. If you trust it, call "
                "keras.config.enable_unsafe_deserialization() before loading."
            ) from error


_UNSAFE = ("__lambda__", "TFSMLayer", "TorchModuleWrapper")  # what Keras' safe mode refuses


def _contains_code(config: Any) -> bool:
    if isinstance(config, dict):
        return config.get("class_name") in _UNSAFE or any(map(_contains_code, config.values()))
    return isinstance(config, (list, tuple)) and any(map(_contains_code, config))


def copy_layer(layer: keras.Layer, *, as_new: bool = False) -> Any:
    """Return an independent copy of a layer or model, with its weights when it has any.

    The copy of a model is not compiled. With `as_new`, a layer without weights starts with the seed
    that it was given, or draws one, whatever it has been used for.
    """
    snapshot = LayerSnapshot.take(layer, with_compiled=False)
    if as_new and not layer.weights:
        snapshot = replace(snapshot, values=None, variables=None)
    try:
        return snapshot.restore()
    except Exception as error:
        cause: BaseException = error
        while cause.__context__ is not None:  # Keras prints whole configurations
            cause = cause.__context__
        raise TypeError(
            f"{describe(layer)} cannot be copied, because building it from its configuration "
            f"failed ({quote_error(cause)}): let `get_config` return what the constructor takes."
        ) from error


def collect_custom_objects(layer: keras.Layer) -> dict[str, Any]:
    """Collect the classes and functions that Keras has to look up by name."""
    objects: dict[str, Any] = {}
    for inner in iterate_layers(layer):
        # Keras sets wrapped methods on each instance, which need no look-up.
        own = [v for k, v in vars(inner).items() if k not in ("build", "call", "quantize")]
        for value in [type(inner), *own]:
            custom = value if inspect.isclass(value) or inspect.isfunction(value) else type(value)
            if not is_custom(custom) or custom.__name__ == "<lambda>":
                continue
            objects[custom.__name__] = custom
            objects[keras.saving.get_registered_name(custom)] = custom
    return objects
