"""The layer that takes one of several inputs out of the matrix that holds all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import keras
from keras import ops

_SUFFIXES = ("", "_input", "_preprocessing")
_RESERVED = frozenset({"features", "logits", "member_logits", "temperature"})


@keras.saving.register_keras_serializable(package="keras_multiclass")
class InputBlock(keras.layers.Layer):
    """Take an input out of a matrix of several inputs side by side.

    Parameters
    ----------
    start : int
        First column of the input.
    row_shape : sequence of int
        Shape of a row of the input.
    value_dtype : str
        Dtype of the input.
    **options : dict
        Keyword arguments of ``keras.layers.Layer``.
    """

    xla_is_fast = True

    def __init__(
        self, start: int, row_shape: Sequence[int], value_dtype: str, **options: Any
    ) -> None:
        super().__init__(**options)
        self.start = int(start)
        self.row_shape = tuple(int(size) for size in row_shape)
        self.value_dtype = value_dtype

    def call(self, inputs: Any) -> Any:
        """Return a tensor of shape ``(batch, *row_shape)``."""
        size = 1
        for length in self.row_shape:
            size *= length
        x = inputs[:, self.start : self.start + size]
        return ops.cast(ops.reshape(x, (-1, *self.row_shape)), self.value_dtype)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Return shape and dtype of the input."""
        return keras.KerasTensor((inputs.shape[0], *self.row_shape), dtype=self.value_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        own = {
            "start": self.start,
            "row_shape": list(self.row_shape),
            "value_dtype": self.value_dtype,
        }
        return {**super().get_config(), **own}


def take_input(packed: Any, start: int, shape: Sequence[int], dtype: str, layer_name: str) -> Any:
    """Take one input out of the matrix of all.

    Parameters
    ----------
    packed : KerasTensor of shape (batch, n_columns)
        The matrix.
    start : int
        First column of the input.
    shape : sequence of int
        Shape of a row of the input.
    dtype : str
        Its dtype.
    layer_name : str
        What its layers are called, from `layer_names`.
    """
    layer = InputBlock(start, shape, dtype, dtype=packed.dtype, name=f"{layer_name}_input")
    return layer(packed)


def layer_names(names: Iterable[str]) -> dict[str, str]:
    """Return what the layers of each input are called: by its name, if Keras allows it.

    Parameters
    ----------
    names : iterable of str
        The names of the inputs.
    """
    allowed = {name: re.sub(r"\W", "_", name) for name in names}
    used = [f"{name}{suffix}" for name in allowed.values() for suffix in _SUFFIXES]
    if len(set(used)) == len(used) and not _RESERVED.intersection(used):
        return allowed
    return {name: f"input{number}" for number, name in enumerate(allowed)}
