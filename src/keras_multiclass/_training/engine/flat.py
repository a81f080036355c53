"""An optimizer that updates all variables of a small network as one vector.

Keras' optimizers need some twenty operations per variable. In small networks that is most of a
training step, as each operation costs more than its arithmetic. Where an update is element-wise,
the same Keras optimizer computes the same numbers on one long variable.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_multiclass._shared.keras.layer_tree import iterate_layers
from keras_multiclass._shared.keras.rebuilding import config_with_schedule
from keras_multiclass._shared.upstream.keras_optimizers import slots_of
from keras_multiclass._training.engine.slots import allows_stand_in, gradients_for, is_sparse

# Keras' optimizers whose update of an element depends on that element and on scalars alone.
_ELEMENTWISE = frozenset(
    {"Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "Nadam", "RMSprop", "SGD"}
)
# Copying a longer vector costs more than the operations that it saves.
_MOST_ELEMENTS_PER_VARIABLE = 8192


class FlatOptimizer:
    """Stands in for a model's optimizer, on one variable that concatenates the trainable ones.

    Inside `standing_in`, which is part of a trace, it is the model's optimizer; afterwards the
    variables of the model and of its own optimizer hold the result. It leaves steps with sparse
    gradients to that optimizer.
    """

    def __init__(self, model: keras.Model) -> None:
        own, self._trainable = model.optimizer, model.trainable_variables
        self._own = own
        self._sizes = [_size(variable) for variable in self._trainable]
        self._weights = keras.Variable(
            tf.zeros(sum(self._sizes), self._trainable[0].dtype), name="flat"
        )
        self._optimizer = type(own).from_config(config_with_schedule(own))
        self._optimizer.build([self._weights])
        self._may_change = any(map(_may_assign_weights, iterate_layers(model)))
        self._own_slots = slots_of(own, self._trainable)
        self._flat_slots = slots_of(self._optimizer, [self._weights])
        self._leaves_steps = False
        self.variables = [self._weights, *self._optimizer.variables]

    @classmethod
    def of(cls, model: keras.Model) -> FlatOptimizer | None:
        """Return the stand-in for a model; None where it would not be equivalent, or not faster."""
        own, trainable = model.optimizer, model.trainable_variables
        most = _MOST_ELEMENTS_PER_VARIABLE * len(trainable)
        if not (
            len(trainable) > 1
            and sum(map(_size, trainable)) <= most
            and _is_elementwise(type(own))
            and allows_stand_in(model)
        ):
            return None
        flat = cls(model)
        return flat if flat._slots() is not None else None

    def _slots(self) -> list[tuple[keras.Variable, list[keras.Variable]]] | None:
        """Pair each slot of the long variable with those of the model's optimizer, if known."""
        own, flat = self._own_slots, self._flat_slots
        if own is None or flat is None or own.keys() != flat.keys():
            return None
        return [(flat[kind][0], own[kind]) for kind in own]

    @contextlib.contextmanager
    def standing_in(self, model: keras.Model) -> Iterator[None]:
        """Stand in for the optimizer of ``model``, with its weights and state."""
        own = model.optimizer
        scalars = [v for v in own.variables if not len(v.shape)]
        flat_scalars = [v for v in self._optimizer.variables if not len(v.shape)]
        slots = self._slots() or []
        self._weights.assign(_joined(self._trainable))
        for flat, parts in slots:
            flat.assign(_joined(parts))
        for flat, scalar in zip(flat_scalars, scalars, strict=True):
            flat.assign(scalar.value)
        self._leaves_steps = False
        model.optimizer = self
        try:
            yield
        finally:
            model.optimizer = own
        if self._leaves_steps:
            return
        for flat, parts in slots:
            self._scatter(flat, parts)
        for flat, scalar in zip(flat_scalars, scalars, strict=True):
            scalar.assign(flat.value)

    def scale_loss(self, loss: Any) -> Any:
        """Scale a loss by the factor that `apply_gradients` divides the gradients by."""
        return self._optimizer.scale_loss(loss)

    def apply_gradients(self, pairs: Any) -> None:
        """Take one step and copy the new weights into the variables of the model."""
        pairs = list(pairs)
        gradients = gradients_for(pairs, self._trainable)
        if any(map(is_sparse, gradients)):
            self._own.apply_gradients(pairs)
            self._leaves_steps = True
            return
        if self._may_change:
            self._weights.assign(_joined(self._trainable))
        self._optimizer.apply([_joined(gradients)], [self._weights])
        self._scatter(self._weights, self._trainable)

    def _scatter(self, flat: keras.Variable, parts: Sequence[keras.Variable]) -> None:
        """Assign the pieces of a vector to variables."""
        pieces = tf.split(flat.value, self._sizes)
        for part, piece in zip(parts, pieces, strict=True):
            part.assign(tf.reshape(piece, part.shape))


def _is_elementwise(cls: type) -> bool:
    return cls.__name__ in _ELEMENTWISE and cls is getattr(keras.optimizers, cls.__name__)


def _may_assign_weights(layer: keras.Layer) -> bool:
    """Whether a layer may assign its trainable weights when it is called."""
    is_known = type(layer).__module__.startswith(("keras.", "keras_multiclass."))
    return not is_known or isinstance(layer, keras.layers.SpectralNormalization)


def _joined(parts: Sequence[Any]) -> tf.Tensor:
    return tf.concat([tf.reshape(tf.convert_to_tensor(part), [-1]) for part in parts], axis=0)


def _size(variable: keras.Variable) -> int:
    return int(variable.shape.num_elements())
