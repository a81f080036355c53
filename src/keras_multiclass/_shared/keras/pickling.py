"""Pickles of the user's parameters, whichever Keras objects they contain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from keras_multiclass._shared.keras.packing import Packed, pack
from keras_multiclass._shared.keras.rebuilding import without_variables
from keras_multiclass._shared.keras.reductions import reduce_by_state
from keras_multiclass._shared.keras.snapshots import LayerSnapshot

__all__ = ["pack_parameters"]


def pack_parameters(values: Mapping[str, Any]) -> Packed:
    """Pack parameters so that they can be pickled.

    Losses, metrics, optimizers and callbacks are packed by their state, layers as snapshots, and
    optimizers without the variables of a network that they have trained.

    Parameters
    ----------
    values : mapping of str to object
        The parameters by name.
    """
    return pack(dict(values), reduce=_reduce)


def _reduce(value: Any) -> tuple[Any, ...]:
    if isinstance(value, keras.Layer):
        return _restore, (LayerSnapshot.take(value),)
    return reduce_by_state(without_variables(value, "optimizer"))


def _restore(snapshot: LayerSnapshot) -> Any:
    return snapshot.restore()
