"""Validation of builders' parameters and inputs."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from types import ModuleType
from typing import Any, TypeVar

import keras
import numpy as np
from keras import ops

from keras_multiclass._network.backbones.registry import RANKS
from keras_multiclass._shared.checks import is_flag, is_integer
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid

ChoiceT = TypeVar("ChoiceT", bound=str | None)


def check_positive_int(name: str, value: Any) -> int:
    """Return ``value`` as a Python int of at least 1."""
    if not is_integer(value):
        raise TypeError(invalid(name, "a positive integer", describe(value)))
    if value < 1:
        raise ValueError(invalid(name, "a positive integer", describe(value)))
    return int(value)


def check_sizes(name: str, value: Any, *, allow_empty: bool = False) -> tuple[int, ...]:
    """Return a positive integer, or a sequence of them, as a tuple."""
    if isinstance(value, numbers.Integral) or is_integer(value):
        return (check_positive_int(name, value),)
    allowed = "a positive integer or a sequence of them"
    if isinstance(value, (str, bytes)) or not isinstance(value, (Sequence, np.ndarray)):
        raise TypeError(invalid(name, allowed, describe(value)))
    sizes = tuple(check_positive_int(f"{name}[{index}]", size) for index, size in enumerate(value))
    if not sizes and not allow_empty:
        raise ValueError(invalid(name, allowed, "an empty sequence"))
    return sizes


def check_rate(name: str, value: Any) -> float:
    """Return a dropout rate as a Python float in [0, 1)."""
    allowed = "a number from 0 up to, but not including, 1"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(invalid(name, allowed, describe(value)))
    rate = float(value)
    if not 0 <= rate < 1:  # also true for NaN
        raise ValueError(invalid(name, allowed, describe(value)))
    return rate


def check_flag(name: str, value: Any) -> bool:
    """Return ``value`` as a Python bool."""
    if not is_flag(value):
        raise TypeError(invalid(name, "True or False", describe(value)))
    return bool(value)


def check_choice(name: str, value: Any, choices: Sequence[ChoiceT]) -> ChoiceT:
    """Return ``value`` if it is one of ``choices``."""
    if value is None or isinstance(value, str):
        for choice in choices:
            if value == choice:
                return choice
    near = did_you_mean(value, [str(c) for c in choices]) if isinstance(value, str) else ""
    raise ValueError(invalid(name, f"one of {format_list(choices)}", describe(value)) + near)


def check_keras_object(name: str, value: Any, module: ModuleType) -> Any:
    """Return ``value`` if it is an object of the Keras module (activations, ...) or names one.

    None is valid: Keras layers accept it.
    """
    noun = module.__name__.rsplit(".", 1)[-1].removesuffix("s")
    if isinstance(value, str):
        try:
            module.get(value)
        except ValueError:
            names = [n for n in dir(module) if n[0].islower() and n not in _MODULE_FUNCTIONS]
            raise ValueError(
                invalid(name, f"the name of a Keras {noun}", describe(value))
                + did_you_mean(value, names)
            ) from None
    elif value is not None and not callable(value):
        raise TypeError(
            invalid(name, f"the name of a Keras {noun}, a callable or None", describe(value))
        )
    return value


_MODULE_FUNCTIONS = ("get", "serialize", "deserialize")


def check_inputs(inputs: Any, kind: str) -> keras.KerasTensor:
    """Return the input tensor of a backbone of this kind, cast to floating point if needed."""
    ranks = RANKS[kind]
    if not isinstance(inputs, keras.KerasTensor):
        raise TypeError(
            invalid("inputs", f"a Keras tensor, the input of a {kind} backbone", describe(inputs))
        )
    if len(inputs.shape) not in ranks:
        ranks_text = str(ranks[0]) if len(ranks) == 1 else f"{ranks[0]} to {ranks[-1]}"
        raise ValueError(
            invalid(
                "inputs",
                f"of rank {ranks_text} (with the batch axis) for a {kind} backbone",
                describe(inputs),
                "Choose a backbone for this kind of data, or reshape X.",
            )
        )
    # The last axis of an image of rank 3 is its width, which may vary; otherwise it is channels.
    if inputs.shape[-1] is None and not (kind == "image" and len(inputs.shape) == 3):
        raise ValueError(invalid("inputs", "of a known size along the last axis", describe(inputs)))
    dtype = keras.backend.standardize_dtype(inputs.dtype)
    if dtype == "string":
        raise ValueError(invalid("inputs", "numbers", describe(inputs), "Encode the text first."))
    # Integers such as uint8 pixels are cast only here, to save memory.
    return inputs if "float" in dtype else ops.cast(inputs, keras.config.floatx())


def check_mask(mask: Any, inputs: keras.KerasTensor) -> keras.KerasTensor | None:
    """Return the mask of a sequence, a boolean Keras tensor of shape (batch, steps)."""
    if mask is None:
        return None
    allowed = "None or a boolean Keras tensor of shape (batch, steps), True at real steps"
    if not isinstance(mask, keras.KerasTensor):
        raise TypeError(invalid("mask", allowed, describe(mask)))
    steps, mask_steps = inputs.shape[1], mask.shape[1] if len(mask.shape) == 2 else -1
    fits = mask_steps != -1 and (steps is None or mask_steps is None or steps == mask_steps)
    if not fits or keras.backend.standardize_dtype(mask.dtype) != "bool":
        raise ValueError(
            invalid("mask", allowed, describe(mask), f"The inputs have shape {inputs.shape}.")
        )
    return mask
