"""Collisions between the names of new layers and those of layers that a builder reuses.

Each fit numbers its layers from the start, see `fresh_names`. If a builder reuses layers made
earlier, two layers of the network may then have the same name, which Keras rejects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from keras_multiclass._shared.keras.object_names import fresh_names
from keras_multiclass.exceptions import BackboneError

_HIGH_NUMBER = 10_000
# Of functional and of sequential models. Only their texts tell these errors from others of Keras;
# tests/network/test_name_collisions.py fails if they change.
_KERAS_MESSAGES = ("names should be unique", "should have unique names")
_Built = TypeVar("_Built")


class NameCollisionError(BackboneError):
    """Keras refused a network because two of its layers have the same name."""


def is_name_collision(error: BaseException) -> bool:
    """Whether an exception is Keras' refusal of layers of the same name."""
    raised_in, traceback = "", error.__traceback__
    while traceback is not None:
        raised_in, traceback = traceback.tb_frame.f_globals.get("__name__", ""), traceback.tb_next
    of_keras = raised_in.partition(".")[0] == "keras"
    is_about_names = any(message in str(error) for message in _KERAS_MESSAGES)
    return of_keras and isinstance(error, ValueError) and is_about_names


def build_without_collisions(build: Callable[[], _Built]) -> _Built:
    """Call a function that builds a network, again with high layer numbers if names collide.

    Parameters
    ----------
    build : callable
        Builds a network. Errors other than a collision of names are not caught.

    Returns
    -------
    object
        The return value of `build`.
    """
    try:
        return build()
    except ValueError as error:
        if not (isinstance(error, NameCollisionError) or is_name_collision(error)):
            raise
    with fresh_names(first=_HIGH_NUMBER):
        return build()
