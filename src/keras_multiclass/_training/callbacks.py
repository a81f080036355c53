"""Keras callbacks for one training run, built from parameters and routed arguments."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import keras

from keras_multiclass._interop.tensorboard import TensorBoard
from keras_multiclass._shared.keras.lookup import look_up, public_members
from keras_multiclass._shared.keras.object_lists import build_objects, flatten


def build_callbacks(
    callbacks: object,
    routed: Mapping[str, object],
    run: str,
) -> tuple[keras.callbacks.Callback, ...]:
    """Build callbacks; the user's own instances are used, unless arguments are routed to them.

    Parameters
    ----------
    callbacks : None, str, class, instance, or a list or dict of these
        The ``callbacks`` parameter.
    routed : mapping
        Routed arguments, such as ``{"stop__patience": 3}``.
    run : str
        Name of the folder that ``"tensorboard"`` logs to.
    """
    named = build_objects(
        callbacks,
        routed,
        lookup=callback_lookup,
        what="callbacks",
        base=keras.callbacks.Callback,
        copy=False,
    )
    built = [callback for _, callback in named]
    for callback in built:
        if isinstance(callback, TensorBoard):
            callback.enter_run(run)
    return tuple(built)


def names_tensorboard(callbacks: object) -> bool:
    """Whether the ``callbacks`` parameter includes ``"tensorboard"`` by name."""
    names = [value for value in flatten(callbacks) if isinstance(value, str)]
    with contextlib.suppress(ValueError):  # unknown names are reported by `build_callbacks`
        return any(callback_lookup(name) is TensorBoard for name in names)
    return False


def callback_lookup(name: str) -> type:
    """Find a callback class by CamelCase or snake_case name: Keras' own, or our TensorBoard."""
    known = public_members(keras.callbacks, keras.callbacks.Callback)
    known.pop("CallbackList", None)
    cls: type = look_up(name, "callbacks", {**known, TensorBoard.__name__: TensorBoard})
    return cls
