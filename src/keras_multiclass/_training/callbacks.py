"""Keras callbacks for one training run, made from the user's choice and routed arguments."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import keras

from keras_multiclass._interop.tensorboard import TensorBoard
from keras_multiclass._shared.keras.lookup import look_up, public_members
from keras_multiclass._shared.keras.objects import build_collection, flat_choices


def build_callbacks(
    choice: Any,
    arguments: Mapping[str, Any],
    run: str,
) -> tuple[keras.callbacks.Callback, ...]:
    """Make fresh callbacks; the user's own instances are copied, never used.

    Parameters
    ----------
    choice : None, name, class, instance, or a list or dict of these
        The ``callbacks`` parameter.
    arguments : mapping
        Routed arguments, ``{"stop__patience": 3}``.
    run : str
        Name of the folder that ``"tensorboard"`` logs to.
    """
    built = build_collection(
        choice,
        arguments,
        lookup=callback_lookup,
        what="callbacks",
        base=keras.callbacks.Callback,
    )
    callbacks = [callback for _, callback in built]
    for callback in callbacks:
        if isinstance(callback, TensorBoard):
            callback.enter_run(run)
    return tuple(callbacks)


def names_tensorboard(choice: Any) -> bool:
    """Whether ``"tensorboard"`` is among the callbacks by name.

    Parameters
    ----------
    choice : None, name, class, instance, or a list or dict of these
        The ``callbacks`` parameter.
    """
    names = [spec for spec in flat_choices(choice) if isinstance(spec, str)]
    with contextlib.suppress(ValueError):  # of an unknown name, when callbacks are made
        return any(callback_lookup(name) is TensorBoard for name in names)
    return False


def callback_lookup(name: str) -> type:
    """Find a Keras callback class by CamelCase or snake_case name; TensorBoard is ours."""
    known = public_members(keras.callbacks, keras.callbacks.Callback)
    known.pop("CallbackList", None)
    found: type = look_up(name, "callbacks", {**known, TensorBoard.__name__: TensorBoard})
    return found
