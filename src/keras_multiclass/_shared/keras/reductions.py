"""How the parts of Keras objects are taken apart for pickles, and put together again."""

from __future__ import annotations

import contextlib
import sys
from collections import OrderedDict
from typing import Any, TypeAlias

import keras
import numpy as np

from keras_multiclass._shared.keras.variables import value_of

Reduction: TypeAlias = tuple[Any, ...]


def reduce_by_state(value: Any) -> Reduction:
    """Reduce an object to its class and its attributes, whatever its ``__reduce__`` does."""
    state = value.__getstate__()
    return new_instance, (type(value),), state


def new_instance(cls: type) -> Any:
    for base in (list, dict, set):
        if issubclass(cls, base):
            return base.__new__(cls)  # type: ignore[type-var]
    return object.__new__(cls)


def reduce_variable(variable: keras.Variable) -> Reduction:
    options = {
        "dtype": keras.backend.standardize_dtype(variable.dtype),
        "trainable": variable.trainable,
        "aggregation": variable.aggregation,
        "name": variable.name,
    }
    scopes = variable.path.split("/")[:-1]
    own = {name: value for name, value in vars(variable).items() if not name.startswith("_")}
    own |= {"regularizer": variable.regularizer, "constraint": variable.constraint}
    return _make_variable, (value_of(variable), options, scopes, own)


def _make_variable(
    value: np.ndarray, options: dict[str, Any], scopes: list[str], own: dict[str, Any]
) -> keras.Variable:
    with contextlib.ExitStack() as stack:
        for scope in scopes:
            stack.enter_context(keras.name_scope(scope))
        variable = keras.Variable(value, **options)
    for name, part in own.items():
        setattr(variable, name, part)
    return variable


def container_contents(container: Any) -> tuple[dict[str, Any], list[Any]]:
    items = container.items() if isinstance(container, dict) else container
    return dict(vars(container)), list(items)


def fill_container(container: Any, contents: tuple[dict[str, Any], list[Any]]) -> None:
    """Fill a container of Keras without telling its tracker, which knows its contents."""
    attributes, items = contents
    vars(container).update(attributes)
    if isinstance(container, list):
        list.extend(container, items)
    elif isinstance(container, set):
        set.update(container, items)
    else:
        base = OrderedDict if isinstance(container, OrderedDict) else dict
        for key, value in items:
            base.__setitem__(container, key, value)


def is_strategy(value: Any) -> bool:
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(value, tensorflow.distribute.Strategy)


def current_strategy() -> Any:
    import tensorflow

    return tensorflow.distribute.get_strategy()


def without_model(callback: keras.callbacks.Callback, reduction: Any) -> Any:
    """Leave out the model that a callback has trained."""
    model = callback.model
    state = reduction[2] if len(reduction) > 2 else None
    if model is None or not isinstance(state, dict):
        return reduction
    state = {name: None if value is model else value for name, value in state.items()}
    return *reduction[:2], state, *reduction[3:]


def is_closed(value: Any) -> bool:
    """Whether a value is of no use any more: a closed file, or a writer of TensorBoard logs."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and isinstance(value, tensorflow.summary.SummaryWriter):
        return True
    return getattr(value, "closed", None) is True
