"""Which training XLA compiles, and in what blocks.

XLA fuses the operations of a step. That saves a quarter to a half of the time of small steps, is
slower for large ones, and takes some 0.3 s per structure and batch size. Its random numbers differ
from TensorFlow's, so without a request it compiles only networks that draw none.
"""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np

from keras_multiclass._data.rows import Data, StreamData
from keras_multiclass._shared.upstream.tensorflow import operations_of
from keras_multiclass._training.engine.base import TrainingPlan
from keras_multiclass._training.engine.work import multiplications
from keras_multiclass.exceptions import EngineError

# Fewer steps, shorter epochs and steps of more multiplications are faster without XLA.
_FEWEST_STEPS = 2**15
_FEWEST_STEPS_PER_EPOCH = 2**7
_MOST_MULTIPLICATIONS = 2**21
_MOST_BLOCK_BYTES = 2**22
_MOST_STEPS_PER_BLOCK = 64

_RANDOM = re.compile(".*(Random|TruncatedNormal|Multinomial|Rng)")

# Keras' layers that XLA runs at least as fast as TensorFlow. Other layers declare this in a class
# attribute `xla_is_fast`, which subclasses do not inherit.
_FAST_KERAS_LAYERS = (
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.BatchNormalization,
    keras.layers.Concatenate,
    keras.layers.Dense,
    keras.layers.ELU,
    keras.layers.Flatten,
    keras.layers.InputLayer,
    keras.layers.LayerNormalization,
    keras.layers.LeakyReLU,
    keras.layers.Normalization,
    keras.layers.PReLU,
    keras.layers.ReLU,
    keras.layers.Rescaling,
    keras.layers.Reshape,
    keras.layers.Softmax,
)


def is_worth_compiling(model: keras.Model, data: Data, plan: TrainingPlan) -> bool:
    """Whether XLA should compile the steps of a training run if the user leaves it open.

    It depends on the arguments alone, so that the same training gives the same numbers.

    Parameters
    ----------
    model : keras.Model
        Built.
    data : TrainingData or StreamData
        Training rows.
    plan : TrainingPlan
        How to train.
    """
    per_epoch = data.n_steps(plan.batch_size) or 0
    return (
        per_epoch >= _FEWEST_STEPS_PER_EPOCH
        and plan.epochs * per_epoch >= _FEWEST_STEPS
        and _has_fast_layers(model)
        and plan.batch_size * multiplications(model) <= _MOST_MULTIPLICATIONS
    )


def steps_per_block(data: Data, batch_size: int) -> int:
    """Choose how many steps one compiled call takes: a few megabytes of rows, at most one epoch.

    Where the epoch decides, it is a power of two, so that other numbers of rows share the trace.

    Parameters
    ----------
    data : TrainingData or StreamData
        Training rows.
    batch_size : int
        Rows per step.
    """
    if isinstance(data, StreamData):
        X, whole = data.example.X, data.n_batches or _MOST_STEPS_PER_BLOCK
    else:
        X, whole = data.X, max(1, data.n_samples // batch_size)
    row_bytes = max(1, int(np.prod(X.shape[1:])) * X.dtype.itemsize)
    fitting = _MOST_BLOCK_BYTES // (row_bytes * batch_size)
    return max(1, min(fitting, _MOST_STEPS_PER_BLOCK, 1 << (whole - 1).bit_length()))


def compilation_error(cause: Exception) -> EngineError:
    """Return the error to raise if the user requested XLA and it fails.

    Parameters
    ----------
    cause : Exception
        What TensorFlow raised.
    """
    return EngineError(
        "`compile__jit_compile` must be False or 'auto' here; got True, and XLA cannot compile the "
        f"step ({type(cause).__name__}). Usual causes: a loss, metric or layer that calls back "
        "into Python or works on strings, or `augmentation` that turns or shifts images."
    )


def draws_random_numbers(traced: Any) -> bool:
    """Whether a trace draws random numbers, in any of its operations."""
    return any(_RANDOM.match(node.op) for node in operations_of(traced))


def _has_fast_layers(model: keras.Model) -> bool:
    return all(
        _has_fast_layers(layer)
        if isinstance(layer, keras.Model)
        else _is_fast(type(layer)) and layer.compute_dtype in ("float32", "float64")
        for layer in model.layers
    )


def _is_fast(layer_class: type) -> bool:
    return layer_class in _FAST_KERAS_LAYERS or bool(vars(layer_class).get("xla_is_fast", False))
