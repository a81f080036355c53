"""Adam with TensorFlow's kernel: one operation and one pass per variable.

Keras' Adam needs some twenty operations per variable. In small networks that is most of a training
step; in large ones it means many passes over memory.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from keras_multiclass._shared.upstream.keras_optimizers import slots_of
from keras_multiclass._shared.upstream.tensorflow import apply_adam, has_adam_kernel
from keras_multiclass._training.engine.slots import allows_stand_in, gradients_for, is_sparse


class KernelAdam:
    """Stands in for a model's Adam and takes its steps with TensorFlow's kernel.

    Inside `standing_in`, which is part of a trace, it is the model's optimizer. It works on the
    variables of the model and of the model's own optimizer, which updates the variables with sparse
    gradients itself.
    """

    def __init__(self, model: keras.Model, slots: dict[str, list[keras.Variable]]) -> None:
        self._adam = model.optimizer
        self._trainable = model.trainable_variables
        self._momentums, self._velocities = slots["momentum"], slots["velocity"]
        self.variables: list[keras.Variable] = []  # it needs no others

    @classmethod
    def of(cls, model: keras.Model) -> KernelAdam | None:
        """Return the stand-in for a model, or None where it would compute something else."""
        if not (_is_plain_adam(model.optimizer) and allows_stand_in(model)):
            return None
        slots = slots_of(model.optimizer, model.trainable_variables)
        if slots is None or slots.keys() != {"momentum", "velocity"}:
            return None
        return cls(model, slots) if all(map(has_adam_kernel, model.trainable_variables)) else None

    @contextlib.contextmanager
    def standing_in(self, model: keras.Model) -> Iterator[None]:
        """Stand in for the optimizer of ``model``."""
        model.optimizer = self
        try:
            yield
        finally:
            model.optimizer = self._adam

    def scale_loss(self, loss: Any) -> Any:
        """Return the loss unchanged; a plain Adam does not scale it."""
        return loss

    def apply_gradients(self, pairs: Any) -> None:
        """Take a step.

        Algorithm 1 of Kingma and Ba (ICLR 2015) in the form at the end of section 2, as in
        `keras.optimizers.Adam`.
        """
        gradients = gradients_for(pairs, self._trainable)
        adam, dtype = self._adam, self._trainable[0].dtype
        rate = adam.begin_adam_step() if _declares_adam(adam) else adam.learning_rate
        count = tf.cast(adam.iterations.value + 1, dtype)
        scalars = {
            "beta1": tf.constant(adam.beta_1, dtype),
            "beta2": tf.constant(adam.beta_2, dtype),
            # Like Keras, which rounds the base to 32 bits in its cast, also for 64-bit weights.
            "beta1_power": tf.cast(adam.beta_1, dtype) ** count,
            "beta2_power": tf.cast(adam.beta_2, dtype) ** count,
            "lr": tf.cast(rate, dtype),
            "epsilon": tf.constant(adam.epsilon, dtype),
        }
        for gradient, *variables in zip(
            gradients, self._trainable, self._momentums, self._velocities, strict=True
        ):
            if is_sparse(gradient):
                adam.update_step(gradient, variables[0], adam.learning_rate)
            else:
                apply_adam(gradient, *variables, **scalars)
        adam.iterations.assign_add(1)


def _is_plain_adam(optimizer: keras.optimizers.Optimizer) -> bool:
    return (type(optimizer) is keras.optimizers.Adam or _declares_adam(optimizer)) and not (
        optimizer.amsgrad
        or optimizer.weight_decay
        or optimizer.clipvalue
        or optimizer.global_clipnorm
        or optimizer.loss_scale_factor
    )


def _declares_adam(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether an optimizer is Adam after its `begin_adam_step`, which subclasses do not inherit."""
    return "begin_adam_step" in vars(type(optimizer))
