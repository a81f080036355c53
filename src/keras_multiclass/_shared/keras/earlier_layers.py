"""Whether a network that a function returned has layers that existed before it was called."""

from __future__ import annotations

import contextlib
import functools
import gc
import types
from collections.abc import Iterator
from typing import Any

import keras

from keras_multiclass._shared.keras.copying import values_in
from keras_multiclass._shared.keras.layer_tree import iterate_layers
from keras_multiclass._shared.library_code import is_library_code, top_module

_CACHE = type(functools.cache(id))


class EarlierLayers:
    """Finds layers that a function uses, but did not create.

    Layers without variables yet are those that the function refers to; for others, TensorFlow
    tells which variables are created.

    Parameters
    ----------
    function : callable
        A function that builds a network.
    """

    def __init__(self, function: Any) -> None:
        is_function = isinstance(function, types.FunctionType)
        self._function = function
        self._is_own = is_function and top_module(function) == "keras_multiclass"
        self._layers = set(map(id, layers_of(function)))
        self._created: list[Any] | None = None

    @contextlib.contextmanager
    def while_building(self) -> Iterator[None]:
        """Note which variables are created, while the function is called."""
        if self._is_own or keras.backend.backend() != "tensorflow":
            yield
            return
        import tensorflow as tf

        created: list[Any] = []

        def create(next_creator: Any, **options: Any) -> Any:
            created.append(next_creator(**options))
            return created[-1]

        with tf.variable_creator_scope(create):
            yield
        self._created = created

    def are_in(self, network: keras.Model) -> bool:
        """Whether the network has layers or variables that existed before."""
        if self._is_own:  # our backbones create all of their layers
            return False
        if any(id(layer) in self._layers for layer in iterate_layers(network)):
            return True
        if self._created is None:
            return False
        import tensorflow as tf

        created = set(map(id, self._created))
        values = [variable.value for variable in network.variables]
        # A strategy of the builder's own creates variables from several others.
        plain = [v for v in values if not isinstance(v, tf.distribute.DistributedValues)]
        return any(id(value) not in created for value in plain)

    def keeps(self, network: keras.Model) -> bool:
        """Whether the function keeps layers of the network, and may return them again."""
        if self._is_own:
            return False
        kept = set(map(id, layers_of(self._function)))
        return bool(kept) and any(id(layer) in kept for layer in iterate_layers(network))


def layers_of(function: Any) -> list[keras.Layer]:
    """List the layers that a function refers to, also through the functions that it calls.

    Parameters
    ----------
    function : object
        A function, or a layer, which is listed with those in it.
    """
    layers: list[keras.Layer] = []
    seen: set[int] = set()
    pending: list[Any] = [function]
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, keras.Layer):
            layers += iterate_layers(value)
        else:
            pending += _parts_of(value)
    return layers


def _parts_of(value: Any) -> list[Any]:
    if isinstance(value, types.FunctionType):
        defaults = [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
        return defaults + values_in(value)
    if isinstance(value, _CACHE):
        return gc.get_referents(value)  # its results, or a dict of them, and the function
    if isinstance(value, types.MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, (list, tuple, set)):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, types.ModuleType) or is_library_code(
        value if isinstance(value, type) else type(value)
    ):
        return []
    own = getattr(value, "__dict__", {})
    return [*own.values(), *([] if isinstance(value, type) else [type(value)])]
