"""An optimizer that updates all variables of a small network as one vector.

Keras' optimizers take some twenty operations for each variable. On small networks that is most of a
training step, since each operation costs more than its arithmetic. Where an update is element by
element, the same Keras optimizer on one long variable computes the same numbers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_multiclass._training.engine.slots import allows_stand_in, gradients_for, slots_of

# Optimizers of Keras whose update of an element depends on that element and on scalars alone.
_ELEMENTWISE = frozenset(
    {"Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "Nadam", "RMSprop", "SGD"}
)
# Copying a longer vector costs more than the operations that are saved.
_MOST_ELEMENTS_PER_VARIABLE = 8192


class FlatOptimizer:
    """The optimizer of a model, on one variable that holds all trainable ones end to end.

    Inside `standing_in`, which is part of a trace, the model's optimizer is this one; afterwards
    the model's own variables and those of its own optimizer hold the result.
    """

    def __init__(self, model: keras.Model, slots: list[list[keras.Variable]]) -> None:
        own, self._trainable = model.optimizer, model.trainable_variables
        self._sizes = [_size(variable) for variable in self._trainable]
        self._weights = keras.Variable(
            tf.zeros(sum(self._sizes), self._trainable[0].dtype), name="flat"
        )
        self._optimizer = type(own).from_config(own.get_config())
        self._optimizer.build([self._weights])
        self._slots = slots
        self.variables = [self._weights, *self._optimizer.variables]

    @classmethod
    def of(cls, model: keras.Model) -> FlatOptimizer | None:
        """Make the one of a model, or return None where it would not be the same, or no faster."""
        own, trainable = model.optimizer, model.trainable_variables
        most = _MOST_ELEMENTS_PER_VARIABLE * len(trainable)
        if not (
            len(trainable) > 1
            and sum(map(_size, trainable)) <= most
            and _is_elementwise(type(own))
            and allows_stand_in(model)
        ):
            return None
        slots = slots_of(own, trainable)
        return None if slots is None else cls(model, list(slots.values()))

    @contextlib.contextmanager
    def standing_in(self, model: keras.Model) -> Iterator[None]:
        """Stand in for the optimizer of ``model``, with its weights and state."""
        own = model.optimizer
        scalars = [v for v in own.variables if not len(v.shape)]
        flat_scalars = [v for v in self._optimizer.variables if not len(v.shape)]
        flat_slots = [v for v in self._optimizer.variables if len(v.shape)]
        self._weights.assign(_joined(self._trainable))
        for flat, parts in zip(flat_slots, self._slots, strict=True):
            flat.assign(_joined(parts))
        for flat, scalar in zip(flat_scalars, scalars, strict=True):
            flat.assign(scalar.value)
        model.optimizer = self
        try:
            yield
        finally:
            model.optimizer = own
        for flat, parts in zip(flat_slots, self._slots, strict=True):
            self._scatter(flat, parts)
        for flat, scalar in zip(flat_scalars, scalars, strict=True):
            scalar.assign(flat.value)

    def scale_loss(self, loss: Any) -> Any:
        """Scale a loss as `apply_gradients` will unscale the gradients."""
        return self._optimizer.scale_loss(loss)

    def apply_gradients(self, pairs: Any) -> None:
        """Take one step and bring the new weights into the variables of the model."""
        gradients = gradients_for(pairs, self._trainable)
        self._optimizer.apply([_joined(gradients)], [self._weights])
        self._scatter(self._weights, self._trainable)

    def _scatter(self, flat: keras.Variable, parts: Sequence[keras.Variable]) -> None:
        """Assign the pieces of a vector to variables."""
        pieces = tf.split(flat.value, self._sizes)
        for part, piece in zip(parts, pieces, strict=True):
            part.assign(tf.reshape(piece, part.shape))


def _is_elementwise(cls: type) -> bool:
    return cls.__name__ in _ELEMENTWISE and cls is getattr(keras.optimizers, cls.__name__)


def _joined(parts: Sequence[Any]) -> tf.Tensor:
    return tf.concat([tf.reshape(tf.convert_to_tensor(part), [-1]) for part in parts], axis=0)


def _size(variable: keras.Variable) -> int:
    return int(variable.shape.num_elements())
