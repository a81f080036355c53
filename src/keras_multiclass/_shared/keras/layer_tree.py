"""The layers inside a layer or model."""

from __future__ import annotations

from collections.abc import Iterator

import keras


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
