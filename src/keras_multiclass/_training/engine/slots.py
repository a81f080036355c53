"""Which models allow another optimizer to stand in for their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_multiclass._shared.keras.overrides import overridden
from keras_multiclass._shared.upstream.keras_optimizers import (
    may_spare_from_decay,
    replaces_by_gradient,
)


def allows_stand_in(model: keras.Model) -> bool:
    """Whether a training step is Keras' own, and its update of all weights the same simple rule.

    Parameters
    ----------
    model : keras.Model
        Compiled, with the variables of its optimizer.
    """
    optimizer, trainable = model.optimizer, model.trainable_variables
    return (
        optimizer.clipnorm is None
        and not optimizer.use_ema
        and not optimizer.gradient_accumulation_steps
        and not may_spare_from_decay(optimizer)
        and not overridden(model, ["train_step"])
        and len({variable.dtype for variable in trainable}) == 1
        and all(variable.constraint is None for variable in trainable)
        and not any(map(replaces_by_gradient, trainable))
    )


def gradients_for(
    pairs: Iterable[tuple[Any, keras.Variable]], trainable: Sequence[keras.Variable]
) -> list[Any]:
    """Return the gradients in the order of the weights; raise if one has none."""
    gradients = {id(variable): gradient for gradient, variable in pairs}
    if any(gradient is None for gradient in gradients.values()):
        raise NotImplementedError("a weight has no gradient")
    return [gradients[id(variable)] for variable in trainable]


def is_sparse(gradient: Any) -> bool:
    """Whether a gradient has a value for each occurrence of a row, such as that of `Embedding`.

    Keras' optimizers treat these values one by one: squares and clips them before they are summed.
    """
    return isinstance(gradient, tf.IndexedSlices)
