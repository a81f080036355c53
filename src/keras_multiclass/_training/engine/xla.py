"""Which training XLA compiles, and in what blocks.

XLA joins the operations of a step. That saves a quarter to a half of the time of small steps, is
slower for large ones, and takes some 0.3 s for a structure and a batch size. It draws other random
numbers than TensorFlow does, so unasked it is used only for networks that draw none.
"""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np

from keras_multiclass._data.rows import TrainingData
from keras_multiclass._network.layers.heads import MemberAverage, Temperature
from keras_multiclass._network.layers.table_columns import (
    FillGaps,
    GapIndicator,
    OneHotCodes,
    QuantileToNormal,
    SelectColumns,
    SmoothClip,
)
from keras_multiclass._training.engine.base import TrainingPlan
from keras_multiclass._training.engine.threads import operations_of
from keras_multiclass._training.engine.work import multiplications

# Fewer steps are trained sooner without, and so are short epochs and steps of more multiplications.
_FEWEST_STEPS = 2**15
_FEWEST_STEPS_PER_EPOCH = 2**7
_MOST_MULTIPLICATIONS = 2**21
_MOST_BLOCK_BYTES = 2**22
_MOST_STEPS_PER_BLOCK = 64

_RANDOM = re.compile(".*(Random|TruncatedNormal|Multinomial|Rng)")

# XLA is at least as fast as TensorFlow in all of them.
_SUITED = (
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
    FillGaps,
    GapIndicator,
    MemberAverage,
    OneHotCodes,
    QuantileToNormal,
    SelectColumns,
    SmoothClip,
    Temperature,
)


def is_worth_compiling(model: keras.Model, data: TrainingData, plan: TrainingPlan) -> bool:
    """Whether XLA should compile the steps of a training, if nobody said so.

    It depends on nothing but the arguments, so that the same training gives the same numbers.

    Parameters
    ----------
    model : keras.Model
        Built.
    data : TrainingData
        Rows to train on.
    plan : TrainingPlan
        What to do.
    """
    per_epoch = data.n_steps(plan.batch_size)
    return (
        per_epoch >= _FEWEST_STEPS_PER_EPOCH
        and plan.epochs * per_epoch >= _FEWEST_STEPS
        and _is_suited(model)
        and plan.batch_size * multiplications(model) <= _MOST_MULTIPLICATIONS
    )


def steps_per_block(data: TrainingData, batch_size: int) -> int:
    """Choose how many steps one compiled call takes: a few megabytes of rows, and no long epoch.

    It is a power of two where the epoch decides, so that other numbers of rows share it.

    Parameters
    ----------
    data : TrainingData
        Rows to train on.
    batch_size : int
        Rows of a step.
    """
    row_bytes = max(1, int(np.prod(data.X.shape[1:])) * data.X.dtype.itemsize)
    fitting = _MOST_BLOCK_BYTES // (row_bytes * batch_size)
    whole = max(1, data.n_samples // batch_size)
    return max(1, min(fitting, _MOST_STEPS_PER_BLOCK, 1 << (whole - 1).bit_length()))


def draws_random_numbers(traced: Any) -> bool:
    """Whether a trace draws random numbers, wherever they come from."""
    return any(_RANDOM.match(node.op) for node in operations_of(traced))


def _is_suited(model: keras.Model) -> bool:
    return all(
        _is_suited(layer)
        if isinstance(layer, keras.Model)
        else type(layer) in _SUITED and layer.compute_dtype in ("float32", "float64")
        for layer in model.layers
    )
