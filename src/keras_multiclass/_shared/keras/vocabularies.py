"""Vocabularies of lookup layers, which are neither in their configurations nor in their weights."""

from __future__ import annotations

from typing import Any

import keras

from keras_multiclass._shared.keras.layer_tree import iterate_layers


def read_vocabularies(layer: keras.Layer) -> list[dict[str, Any] | None]:
    """Return the arguments of ``set_vocabulary`` for each lookup layer in a layer, in order.

    Parameters
    ----------
    layer : keras.Layer
        A layer or model; its `keras.layers.TextVectorization` layers hold lookup layers.
    """
    return [_read(lookup) for lookup in _lookups(layer)]


def write_vocabularies(layer: keras.Layer, vocabularies: list[dict[str, Any] | None]) -> None:
    """Set the vocabularies of a copy of a layer to what `read_vocabularies` returned."""
    for lookup, arguments in zip(_lookups(layer), vocabularies, strict=True):
        if arguments is not None and not has_vocabulary(lookup):
            lookup.set_vocabulary(**arguments)


def lacks_vocabulary(layer: keras.Layer) -> bool:
    """Whether a layer has a lookup layer that has not been adapted."""
    return not all(map(has_vocabulary, _lookups(layer)))


def has_vocabulary(lookup: Any) -> bool:
    """Whether a lookup layer has any entries, beside those for padding and unknown words."""
    return bool(lookup.get_vocabulary(include_special_tokens=False))


def _lookups(layer: keras.Layer) -> list[Any]:
    kinds = (keras.layers.StringLookup, keras.layers.IntegerLookup)
    return [inner for inner in iterate_layers(layer) if isinstance(inner, kinds)]


def _read(lookup: Any) -> dict[str, Any] | None:
    entries = lookup.get_vocabulary(include_special_tokens=False)
    if not entries:
        return None
    if lookup.output_mode != "tf_idf":
        return {"vocabulary": entries}
    weights = keras.ops.convert_to_numpy(lookup.idf_weights)
    return {"vocabulary": entries, "idf_weights": weights[-len(entries) :]}
