"""Snapshots of Keras layers and models as plain data, from which equal copies are rebuilt.

They are used to copy the user's backbone for each fit, to pickle models, and to restore a model
whose training failed. Keras' own ``deepcopy`` and ``pickle`` fail for lambdas and unregistered
custom layers; a snapshot keeps their classes.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_multiclass._shared.keras.native_logs import import_quietly
from keras_multiclass._shared.keras.object_names import fresh_names
from keras_multiclass._shared.keras.objects import build_object
from keras_multiclass._shared.keras.optimizer_state import OptimizerState
from keras_multiclass._shared.keras.overrides import CALLED, NOT_CALLED
from keras_multiclass._shared.keras.state import Packed, PickledCode, copy_state, pack
from keras_multiclass._shared.library_code import KERAS_AND_BACKENDS, top_module
from keras_multiclass._shared.messages import describe, format_list
from keras_multiclass._shared.seeding import seeded
from keras_multiclass._shared.signatures import accepted_parameters
from keras_multiclass._shared.upstream.keras import compile_arguments_of, refresh_derived


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
    held: Packed | None = None
    variables: Packed | None = None

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
        _refuse_lost_arguments(layer)
        _refuse_lambdas(layer)
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
                f"{describe(layer)} cannot be copied, because one of its layers, or an object that "
                f"it holds, has no usable configuration ({error}): give it a `get_config` method "
                "that returns its constructor arguments, or pass a function that builds the "
                "network instead of the network."
            ) from error
        values = tuple(read_values(layer)) if layer.built else None
        is_compiled = with_compiled and isinstance(layer, keras.Model) and layer.compiled
        compiled = CompiledState.take(layer) if is_compiled else None
        held = collect_held(layer)
        packed = pack(held) if any(held) else None
        safe = PickledCode(config) if _contains_code(config) else config
        variables = pack(_describe_variables(layer)) if layer.built else None
        custom_objects = collect_custom_objects(layer)
        return cls(safe, custom_objects, values, compiled, packed, variables)

    def restore(self) -> Any:
        """Build a copy of the layer or model that shares nothing with the original.

        Raises
        ------
        ValueError
            If the configuration contains code, but is from neither this process nor a pickle.
        """
        held = [] if self.held is None else self.held.unpack()
        layer = self._build({**self.custom_objects, **_stand_ins(held)})
        set_held(layer, held)
        if self.values is not None:
            write_values(layer, self.values)
        if self.variables is not None:
            _set_variables(layer, self.variables.unpack())
        if self.compiled is not None:
            self.compiled.restore(layer)
        return layer

    def _build(self, custom_objects: dict[str, Any]) -> Any:
        build = functools.partial(
            keras.saving.deserialize_keras_object, custom_objects=custom_objects
        )
        # A copy, because Keras changes the configurations that it reads.
        if isinstance(self.config, PickledCode):
            return build(_plain_copy(self.config.value), safe_mode=False)
        try:
            return build(_plain_copy(self.config), safe_mode=True)
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


def _refuse_lost_arguments(layer: keras.Layer) -> None:
    """Raise for subclassed models without `get_config`, which would be rebuilt with defaults.

    Keras records the arguments of custom layers automatically. For models, it records only the
    defaults.
    """
    for inner in iterate_layers(layer):
        cls = type(inner)
        if isinstance(inner, keras.Model):
            _refuse_own_methods(inner)
        owners = (cls.__init__.__module__, cls.get_config.__module__)
        keras_init, keras_config = (owner.startswith("keras.") for owner in owners)
        if not isinstance(inner, keras.Model) or keras_init or not keras_config:
            continue
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        lost = {p.name for p in parameters if p.kind in kinds} - {"name", "trainable", "dtype"}
        if lost:
            raise TypeError(
                f"The model {cls.__name__} cannot be copied or saved, because its configuration "
                f"lacks the constructor arguments {format_list(sorted(lost))}: give it a "
                "`get_config` method that returns them too, or pass a function that builds the "
                "network instead of the network."
            )


def _refuse_lambdas(layer: keras.Layer) -> None:
    """Raise for lambdas among the arguments of Keras' layers, which their classes do not rebuild.

    ``keras.layers.Lambda`` does.
    """
    for inner in iterate_layers(layer):
        if _is_custom(type(inner)) or isinstance(inner, keras.layers.Lambda):
            continue
        for name in accepted_parameters(type(inner)).names:
            if getattr(vars(inner).get(name), "__name__", None) == "<lambda>":
                raise TypeError(
                    f"The layer {inner.name!r} cannot be copied or saved, because its `{name}` is "
                    "a lambda, which Keras cannot rebuild: pass a function with a name (def) "
                    "instead."
                )


def _refuse_own_methods(model: keras.Model) -> None:
    """Raise for methods set on a model rather than in its class, which a copy would lose."""
    own = [name for name in (*CALLED, *NOT_CALLED) if name in vars(model)]
    if own:
        raise TypeError(
            f"The model {model.name!r} cannot be copied or saved, because {format_list(own)} "
            f"{'is' if len(own) == 1 else 'are'} set on the instance: override "
            f"{'it' if len(own) == 1 else 'them'} in a subclass of keras.Model, or pass a function "
            "that builds the network instead of the network."
        )


def copy_layer(layer: keras.Layer) -> Any:
    """Return an independent copy of a layer or model, with its weights when it has any.

    The copy of a model is not compiled.
    """
    return LayerSnapshot.take(layer, with_compiled=False).restore()


def read_values(owner: Any) -> list[np.ndarray]:
    """Copy the values of all variables of a layer, model or optimizer, random states included."""
    # Not from the variables themselves: TensorFlow's do not accept the `copy` argument that NumPy
    # passes, and PyTorch's cannot be converted while they require a gradient.
    tensors = (keras.ops.stop_gradient(variable.value) for variable in owner.variables)
    return [np.array(keras.ops.convert_to_numpy(tensor)) for tensor in tensors]


def write_values(owner: Any, values: Any) -> None:
    """Assign the values that `read_values` returned for an object of the same structure."""
    variables = owner.variables
    if len(variables) != len(values):
        raise TypeError(
            f"{describe(owner)} has {len(variables)} variables, but {len(values)} were saved: "
            "it does not rebuild the same variables from its configuration."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    if isinstance(owner, keras.Layer):
        refresh_derived(iterate_layers(owner))


def iterate_layers(layer: keras.Layer) -> Iterator[keras.Layer]:
    """Yield a layer and all layers nested in it, each once."""
    seen: set[int] = set()
    pending: list[keras.Layer] = [layer]
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        pending.extend(inner_layers(current))


def inner_layers(layer: keras.Layer) -> list[keras.Layer]:
    """List the layers that a layer holds in its attributes, directly or in lists."""
    held = list(getattr(layer, "layers", []))
    for value in vars(layer).values():
        held.extend(value if isinstance(value, (list, tuple)) else [value])
    return [item for item in held if isinstance(item, keras.Layer)]


def collect_custom_objects(layer: keras.Layer) -> dict[str, Any]:
    """Collect the classes and functions that Keras has to look up by name."""
    objects: dict[str, Any] = {}
    for inner in iterate_layers(layer):
        # Keras sets wrapped methods on each instance, which need no look-up.
        own = [v for k, v in vars(inner).items() if k not in ("build", "call", "quantize")]
        for value in [type(inner), *own]:
            custom = value if inspect.isclass(value) or inspect.isfunction(value) else type(value)
            if not _is_custom(custom) or custom.__name__ == "<lambda>":
                continue
            objects[custom.__name__] = custom
            objects[keras.saving.get_registered_name(custom)] = custom
    return objects


def _is_custom(code: Any) -> bool:
    """Whether a class or function is the user's."""
    return top_module(code) not in _NOT_CUSTOM


# --- what configurations lose --------------------------------------------------------------------


def collect_held(layer: keras.Layer) -> list[dict[str, Any]]:
    """Collect the state that configurations of users' classes may lack, for each layer.

    This is the state of initializers, regularizers and the like, and plain attributes of layers.
    """
    return [_held_by(inner) for inner in iterate_layers(layer)]


def _held_by(layer: keras.Layer) -> dict[str, Any]:
    is_custom = _is_custom(type(layer))
    # They are compiled again, or have variables among those of the layer.
    others: tuple[type, ...] = (keras.Layer, keras.metrics.Metric, keras.optimizers.Optimizer)
    if isinstance(layer, keras.Model):
        others = (*others, keras.losses.Loss)
    held = {}
    for name, value in vars(layer).items():
        is_code = inspect.isclass(value) or inspect.isroutine(value)
        is_object = hasattr(value, "__dict__") and _is_custom(type(value)) and not is_code
        is_setting = is_custom and name not in _usual_attributes() and _is_plain(value)
        if is_setting or (is_object and not isinstance(value, others)):
            held[name] = _plain_copy(value)
    return held


def _plain_copy(value: Any) -> Any:
    """Copy lists and dicts, also those with which Keras tracks what a layer contains."""
    if isinstance(value, dict):
        return {name: _plain_copy(item) for name, item in value.items()}
    return [_plain_copy(item) for item in value] if isinstance(value, list) else value


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, (*value, *value.values())))
    if isinstance(value, (keras.Variable, keras.KerasTensor)):
        return False
    plain = (bool, int, float, complex, str, bytes, type(None), np.ndarray, np.generic)
    return isinstance(value, plain) or keras.ops.is_tensor(value)


@functools.cache
def _usual_attributes() -> frozenset[str]:
    """List the attributes that Keras gives every layer and model."""
    with fresh_names(), seeded(0):
        inputs = keras.Input((1,))
        layer = keras.layers.Dense(1)
        model = keras.Model(inputs, layer(inputs))
        sequential = keras.Sequential([inputs, keras.layers.Dense(1)])
        for each in (model, sequential):
            each.compile("sgd", "mse")
        own = (name for name in vars(layer) if name.startswith("_"))
        return frozenset({*vars(keras.layers.Layer()), *vars(model), *vars(sequential), *own})


def set_held(layer: keras.Layer, held: list[dict[str, Any]]) -> None:
    """Give a rebuilt layer, and the layers in it, the state that `collect_held` returned."""
    if not any(held):
        return
    layers = list(iterate_layers(layer))
    if len(layers) != len(held):
        raise TypeError(
            f"{describe(layer)} has {len(held)} layers, but {len(layers)} when rebuilt from its "
            "configuration: let `get_config` and `from_config` rebuild all of its layers, or pass "
            "a function that builds the network instead of the network."
        )
    for inner, own in zip(layers, held, strict=True):
        for name, value in own.items():
            rebuilt = vars(inner).get(name)
            if _is_custom(type(value)) and type(rebuilt) is type(value):
                # In place, because the variables of the layer refer to it too.
                vars(rebuilt).clear()
                vars(rebuilt).update(vars(value))
            else:
                setattr(inner, name, value)


def _describe_variables(layer: keras.Layer) -> list[tuple[Any, ...]]:
    """Return what may be set on each variable: whether it is trained, regularizer and constraint.

    The latter may be those of a layer, which are then named.
    """
    names = {
        id(value): _OfLayer(number, name)
        for number, inner in enumerate(iterate_layers(layer))
        for name, value in vars(inner).items()
        if value is not None
    }
    return [
        (v.trainable, *(names.get(id(part), part) for part in (v.regularizer, v.constraint)))
        for v in layer.variables
    ]


def _set_variables(layer: keras.Layer, described: list[tuple[Any, ...]]) -> None:
    layers = list(iterate_layers(layer))
    for variable, (trainable, *parts) in zip(layer.variables, described, strict=True):
        variable.trainable = trainable
        variable.regularizer, variable.constraint = (
            vars(layers[part.layer])[part.name] if isinstance(part, _OfLayer) else part
            for part in parts
        )


class _OfLayer(NamedTuple):
    """An attribute of one of the layers."""

    layer: int
    name: str


class _StandIn:
    """Rebuilds objects whose constructor needs arguments that their configuration lacks."""

    def __init__(self, example: Any) -> None:
        self.example = example

    def from_config(self, config: dict[str, Any]) -> Any:
        try:
            return type(self.example).from_config(config)
        except TypeError:
            return copy_state(self.example)  # gets its own state from `set_held`


def _stand_ins(held: list[dict[str, Any]]) -> dict[str, Any]:
    objects = [value for own in held for value in own.values() if hasattr(value, "from_config")]
    return {
        name: _StandIn(value)
        for value in objects
        if _is_custom(type(value))
        for name in (type(value).__name__, keras.saving.get_registered_name(type(value)))
    }


# Objects of other modules of Python are copied like those of the user.
_NOT_CUSTOM = KERAS_AND_BACKENDS | {
    *("builtins", "collections", "functools", "threading", "types", None)
}
