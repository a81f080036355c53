"""Temperature scaling: divide logits by a temperature fitted on the validation data.

Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks" (ICML 2017), section
4.2. The temperature is a weight of the network's last layer, so exported networks are calibrated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from keras_multiclass._data.rows import Data, StreamData, TrainingData
from keras_multiclass._data.sequences import Sequences
from keras_multiclass._network.layers.heads import Temperature
from keras_multiclass._network.objective import PRIOR_PRECISION
from keras_multiclass._shared.interrupts import interruptible, interruptibly
from keras_multiclass._shared.typing import FloatArray, IndexArray
from keras_multiclass._training.engine import predict
from keras_multiclass._training.engine.base import EngineName

_LOWEST, _HIGHEST = 0.05, 20.0
_CHUNK_BYTES = 2**26
_ROWS_AT_ONCE = 1024


def temperature_of(model: keras.Model) -> float | FloatArray | None:
    """Return the temperature of a network, or those of its units; None without such a layer."""
    layer = _temperature_layer(model)
    if layer is None:
        return None
    temperatures = 1 / layer.inverse_temperature.numpy()
    return temperatures if layer.per_unit else float(temperatures)


def set_temperature(model: keras.Model, temperature: float | FloatArray) -> None:
    """Set the temperature of a network, or those of its units, if it has a temperature layer."""
    layer = _temperature_layer(model)
    if layer is not None:
        inverse = np.broadcast_to(1 / np.asarray(temperature), layer.inverse_temperature.shape)
        layer.inverse_temperature.assign(inverse)


def calibrate(
    model: keras.Model, validation: Data, engine: EngineName, batch_size: int | None
) -> None:
    """Fit the temperature of a trained network, or those of its units.

    Parameters
    ----------
    model : keras.Model
        Network with a temperature layer, whose temperature is 1.
    validation : TrainingData or StreamData
        Validation data. If the total weight is zero, the temperature stays 1.
    engine : {"auto", "graph", "keras"}
        Engine that predicts.
    batch_size : int or None
        Number of rows predicted together; None to choose it by their size.
    """
    layer = _temperature_layer(model)
    logits, y, weights = predict_validation(model, validation, engine, batch_size)
    if layer is None or not weights.sum() > 0:
        return
    with interruptible():
        temperature = _temperature_of_units(layer, logits, y, weights)
    set_temperature(model, temperature)


def _temperature_of_units(
    layer: Temperature, logits: FloatArray, y: IndexArray, weights: FloatArray
) -> float | FloatArray:
    if layer.per_unit:
        units = zip(logits.T, y.T, strict=True)
        temperatures = [
            # A logit of one label is that of the second of two classes.
            find_temperature(np.stack([np.zeros_like(unit), unit], axis=1), present, weights)
            for unit, present in units
        ]
        return np.array(temperatures)
    return find_temperature(logits, y, weights)


def predict_validation(
    model: keras.Model, validation: Data, engine: EngineName, batch_size: int | None
) -> tuple[FloatArray, IndexArray, FloatArray]:
    """Return the output of a network for all validation rows, the targets and the weights.

    The output for a row that some members of an ensemble have not trained on is that of these.
    """
    outputs, y, weights = [], [], []
    for chunk in interruptibly(_chunks(validation, batch_size)):
        X = chunk.chosen
        if chunk.weighs_members:
            outputs.append(_predict_by_others(model, X, chunk.sample_weight, batch_size))
        else:
            outputs.append(predict(engine, model, X, batch_size))
        y.append(chunk.y)
        weight = chunk.weight_of_rows
        weights.append(np.ones(chunk.n_samples) if weight is None else weight)
    return np.concatenate(outputs), np.concatenate(y), np.concatenate(weights)


def _predict_by_others(
    model: keras.Model, X: FloatArray | Sequences, weights: Any, batch_size: int | None
) -> FloatArray:
    """Return the output for rows that only some members of an ensemble predict.

    The few batches are predicted without a trace of their own.
    """
    average = model.get_layer("logits")
    outputs = []
    for start in interruptibly(iter(range(0, len(X), batch_size or _ROWS_AT_ONCE))):
        rows = slice(start, start + (batch_size or _ROWS_AT_ONCE))
        with average.weighted_by(keras.ops.convert_to_tensor(weights[rows])):
            output = model(keras.ops.convert_to_tensor(X[rows]), training=False)
        outputs.append(keras.ops.convert_to_numpy(output))
    return np.concatenate(outputs)


def find_temperature(logits: FloatArray, y: IndexArray, sample_weight: FloatArray) -> float:
    """Return the temperature that minimizes the weighted cross-entropy, with a prior.

    The logarithm of the temperature has a normal prior with mean 0 and variance 0.1. Without it,
    the temperature would fall towards 0 if all of a few rows are predicted correctly.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_classes)
        Logits of a trained network.
    y : ndarray of shape (n_samples,) or (n_samples, n_classes)
        Class indices, or soft labels.
    sample_weight : ndarray of shape (n_samples,)
        Sample weights, not all of them 0.

    Returns
    -------
    float
        Temperature between 0.05 and 20; 1 if no other is better.
    """
    values = np.asarray(logits, np.float64)
    rows = np.arange(len(y))
    n_effective = sample_weight.sum() ** 2 / np.square(sample_weight).sum()

    def penalized_loss(log_temperature: float) -> float:
        logs = log_softmax(values / np.exp(log_temperature), axis=1)
        losses = -logs[rows, y] if y.ndim == 1 else -np.sum(y * logs, axis=1)
        loss = float(np.average(losses, weights=sample_weight))
        return loss + PRIOR_PRECISION / 2 * log_temperature**2 / n_effective

    result = minimize_scalar(
        penalized_loss,
        bounds=(np.log(_LOWEST), np.log(_HIGHEST)),
        method="bounded",
        options={"xatol": 1e-8},
    )
    return float(np.exp(result.x)) if result.fun < penalized_loss(0.0) else 1.0


def _temperature_layer(model: keras.Model) -> Temperature | None:
    return next((layer for layer in model.layers if isinstance(layer, Temperature)), None)


def _chunks(data: Data, batch_size: int | None) -> Iterator[TrainingData]:
    """Iterate over the rows in chunks of limited size."""
    for part in data.epoch() if isinstance(data, StreamData) else (data,):
        row_bytes = max(1, int(np.prod(part.X.shape[1:])) * part.X.dtype.itemsize)
        n_rows = max(batch_size or 1, _CHUNK_BYTES // row_bytes)
        for start in range(0, part.n_samples, n_rows):
            yield part.take(np.arange(start, min(start + n_rows, part.n_samples)))
