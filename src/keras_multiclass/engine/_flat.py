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

from keras_multiclass._optimizers import Decaying, ScheduledAdam

# Those whose update of an element depends on nothing but that element and on scalars.
_ELEMENTWISE = frozenset(
    {"Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "Nadam", "RMSprop", "SGD"}
)
# Copying a longer vector costs more than the operations that are saved, unless the step itself is
# taken in one pass; and one that is longer still would take much memory beside the weights.
_MOST_ELEMENTS_PER_VARIABLE = 8192
_MOST_ELEMENTS_IN_ONE_PASS = 2**22
# Below this, waking the threads of TensorFlow's kernel costs more than the operations it saves.
_FEWEST_IN_ONE_PASS = 2**16


class FlatOptimizer:
    """The optimizer of a model, on one variable that holds all trainable ones end to end.

    Between `gathered` and its end, which are part of a trace, the model's optimizer is this one;
    afterwards the model's own variables and those of its own optimizer hold the result.
    """

    def __init__(self, model: keras.Model, slots: list[list[keras.Variable]]) -> None:
        own = model.optimizer
        self._sizes = [_size(variable) for variable in model.trainable_variables]
        self._weights = keras.Variable(
            tf.zeros(sum(self._sizes), model.trainable_variables[0].dtype), name=_NAME
        )
        self._optimizer = type(own).from_config(own.get_config())
        self._optimizer.build([self._weights])
        self._slots = slots
        self._in_one_pass = _is_plain_adam(own) and sum(self._sizes) >= _FEWEST_IN_ONE_PASS
        self._decayed: keras.Variable | None = None
        if isinstance(own, ScheduledAdam) and own.decay_rate:
            # Which of the elements decay.
            self._decayed = keras.Variable(tf.zeros_like(self._weights), name=f"{_NAME}_decayed")
            self._optimizer.decayed = [Decaying(self._weights, self._decayed)]
        self.variables = [self._weights, *self._optimizer.variables]
        self.variables += [] if self._decayed is None else [self._decayed]

    @classmethod
    def of(cls, model: keras.Model) -> FlatOptimizer | None:
        """Make the flat optimizer of a model, or return None where it would not be the same."""
        own, trainable = model.optimizer, model.trainable_variables
        elements = sum(map(_size, trainable))
        if not (
            len(trainable) > 1
            and _is_worth_it(own, elements, len(trainable))
            and len({variable.dtype for variable in trainable}) == 1
            and type(model).train_step is keras.Model.train_step
            and _is_elementwise(own)
            and all(variable.constraint is None for variable in trainable)
            and not any(getattr(v, "overwrite_with_gradient", False) for v in trainable)
        ):
            return None
        slots = _slots_of(own, trainable)
        return None if slots is None else cls(model, slots)

    @contextlib.contextmanager
    def gathered(self, model: keras.Model) -> Iterator[None]:
        """Stand in for the optimizer of ``model``, with its weights and state."""
        own, trainable = model.optimizer, model.trainable_variables
        scalars = [v for v in own.variables if not len(v.shape)]
        flat_scalars = [v for v in self._optimizer.variables if not len(v.shape)]
        flat_slots = [v for v in self._optimizer.variables if len(v.shape)]
        self._weights.assign(_joined(trainable))
        for flat, parts in zip(flat_slots, self._slots, strict=True):
            flat.assign(_joined(parts))
        for flat, scalar in zip(flat_scalars, scalars, strict=True):
            flat.assign(scalar.value)
        if self._decayed is not None:
            decaying = {id(part.variable): part.share for part in own.decayed}
            shares = [decaying.get(id(variable), 0.0) for variable in trainable]
            self._decayed.assign(tf.repeat(tf.constant(shares, self._weights.dtype), self._sizes))
        model.optimizer = _StandIn(self, trainable)
        try:
            yield
        finally:
            model.optimizer = own
        for flat, parts in zip(flat_slots, self._slots, strict=True):
            self.scatter(flat, parts)
        for flat, scalar in zip(flat_scalars, scalars, strict=True):
            scalar.assign(flat.value)

    def scale_loss(self, loss: Any) -> Any:
        """Scale a loss as `step` will unscale the gradients."""
        return self._optimizer.scale_loss(loss)

    def step(self, gradients: Sequence[Any], trainable: Sequence[keras.Variable]) -> None:
        """Take one step and bring the new weights into the variables of the model."""
        if self._in_one_pass:
            self._adam_step(_joined(gradients))
        else:
            self._optimizer.apply([_joined(gradients)], [self._weights])
        self.scatter(self._weights, trainable)

    def _adam_step(self, gradient: tf.Tensor) -> None:
        """Take a step of Adam with TensorFlow's kernel for it, in one pass over the vector.

        Algorithm 1 of Kingma and Ba (ICLR 2015), in the form that ends section 2, as in
        `keras.optimizers.Adam`.
        """
        adam, dtype = self._optimizer, self._weights.dtype
        rate = adam.learning_rate
        if isinstance(adam, ScheduledAdam):
            adam.decay_weights()
            rate = adam.scheduled_rate()
        count = tf.cast(adam.iterations.value + 1, dtype)
        momentum, velocity = (self._slot(name) for name in ("momentum", "velocity"))
        tf.raw_ops.ResourceApplyAdam(
            var=self._weights.handle,
            m=momentum.handle,
            v=velocity.handle,
            beta1_power=tf.cast(adam.beta_1, dtype) ** count,
            beta2_power=tf.cast(adam.beta_2, dtype) ** count,
            lr=tf.cast(rate, dtype),
            beta1=tf.cast(adam.beta_1, dtype),
            beta2=tf.cast(adam.beta_2, dtype),
            epsilon=tf.cast(adam.epsilon, dtype),
            grad=gradient,
        )
        adam.iterations.assign_add(1)

    def _slot(self, kind: str) -> keras.Variable:
        return next(v for v in self._optimizer.variables if v.name == f"{_NAME}_{kind}")

    def scatter(self, flat: keras.Variable, parts: Sequence[keras.Variable]) -> None:
        """Assign the pieces of a vector to variables."""
        pieces = tf.split(flat.value, self._sizes)
        for part, piece in zip(parts, pieces, strict=True):
            part.assign(tf.reshape(piece, part.shape))


_NAME = "flat"


class _StandIn:
    """What ``train_step`` needs of an optimizer."""

    def __init__(self, flat: FlatOptimizer, trainable: Sequence[keras.Variable]) -> None:
        self._flat = flat
        self._trainable = trainable

    def scale_loss(self, loss: Any) -> Any:
        return self._flat.scale_loss(loss)

    def apply_gradients(self, pairs: Any) -> None:
        gradients = {id(variable): gradient for gradient, variable in pairs}
        if any(gradient is None for gradient in gradients.values()):
            raise NotImplementedError("a weight has no gradient")
        self._flat.step([gradients[id(v)] for v in self._trainable], self._trainable)


def _is_elementwise(optimizer: keras.optimizers.Optimizer) -> bool:
    cls = type(optimizer)
    of_keras = cls.__name__ in _ELEMENTWISE and cls is getattr(keras.optimizers, cls.__name__)
    return (
        (of_keras or cls is ScheduledAdam)
        and optimizer.clipnorm is None
        and not optimizer.use_ema
        and not optimizer.gradient_accumulation_steps
        and not hasattr(optimizer, "_exclude_from_weight_decay")
    )


def _is_worth_it(optimizer: keras.optimizers.Optimizer, elements: int, n_variables: int) -> bool:
    if _is_plain_adam(optimizer) and elements >= _FEWEST_IN_ONE_PASS:
        return elements <= _MOST_ELEMENTS_IN_ONE_PASS
    return elements <= _MOST_ELEMENTS_PER_VARIABLE * n_variables


def _is_plain_adam(optimizer: keras.optimizers.Optimizer) -> bool:
    return type(optimizer) in (keras.optimizers.Adam, ScheduledAdam) and not (
        optimizer.amsgrad
        or optimizer.weight_decay
        or optimizer.clipvalue
        or optimizer.global_clipnorm
        or optimizer.loss_scale_factor
    )


def _slots_of(
    optimizer: keras.optimizers.Optimizer, trainable: Sequence[keras.Variable]
) -> list[list[keras.Variable]] | None:
    """Group the state of an optimizer by kind (momentum, velocity), each in the weights' order."""
    remaining = [v for v in optimizer.variables if len(v.shape)]
    kinds: dict[str, dict[int, keras.Variable]] = {}
    for number, weight in enumerate(trainable):
        prefix = weight.path.replace("/", "_") + "_"
        for variable in [v for v in remaining if v.name.startswith(prefix)]:
            of_kind = kinds.setdefault(variable.name.removeprefix(prefix), {})
            if number not in of_kind:  # else it is of a later weight of the same name
                of_kind[number] = variable
                remaining = [v for v in remaining if v is not variable]
    if remaining or any(len(of_kind) != len(trainable) for of_kind in kinds.values()):
        return None
    return [[of_kind[n] for n in range(len(trainable))] for of_kind in kinds.values()]


def _joined(parts: Sequence[Any]) -> tf.Tensor:
    return tf.concat([tf.reshape(tf.convert_to_tensor(part), [-1]) for part in parts], axis=0)


def _size(variable: keras.Variable) -> int:
    return int(variable.shape.num_elements())
