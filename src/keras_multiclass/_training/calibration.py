"""Temperature scaling: one number, fitted on validation rows, that logits are divided by.

Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks" (ICML 2017), section
4.2. The number is a weight of the network's last layer, so that an exported network is calibrated.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from keras_multiclass._data.rows import Data, StreamData, TrainingData
from keras_multiclass._network.layers.heads import Temperature
from keras_multiclass._shared.typing import FloatArray, IndexArray
from keras_multiclass._training.engine import predict
from keras_multiclass._training.engine.base import EngineName

_LOWEST, _HIGHEST = 0.05, 20.0
_PIECE_BYTES = 2**26


def temperature_of(model: keras.Model) -> float | None:
    """Return the temperature of a network; None if it was built without one."""
    layer = _layer_of(model)
    return None if layer is None else 1 / float(layer.inverse_temperature)


def set_temperature(model: keras.Model, temperature: float) -> None:
    """Set the temperature of a network, if it was built with one."""
    layer = _layer_of(model)
    if layer is not None:
        layer.inverse_temperature.assign(1 / temperature)


def calibrate(model: keras.Model, validation: Data, engine: EngineName, batch_size: int) -> None:
    """Fit the temperature of a trained network, which is 1 so far.

    Parameters
    ----------
    model : keras.Model
        Built with a temperature.
    validation : TrainingData or StreamData
        Rows with weights. If they have no weight, the temperature stays 1.
    engine : {"auto", "graph", "keras"}
        What predicts.
    batch_size : int
        Rows that are predicted together.
    """
    logits, y, weights = [], [], []
    for part in _pieces(validation, batch_size):
        X = part.features(slice(None))
        logits.append(predict(engine, model, X, batch_size))
        y.append(part.y)
        given = part.sample_weight
        weights.append(np.ones(part.n_samples) if given is None else given)
    if logits and sum(map(np.sum, weights)) > 0:
        found = find_temperature(np.concatenate(logits), np.concatenate(y), np.concatenate(weights))
        set_temperature(model, found)


def find_temperature(logits: FloatArray, y: IndexArray, sample_weight: FloatArray) -> float:
    """Find the temperature of the smallest weighted cross-entropy.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_classes)
        Of a trained network.
    y : ndarray of int of shape (n_samples,)
        Class indices.
    sample_weight : ndarray of shape (n_samples,)
        Weights, not all of them 0.

    Returns
    -------
    float
        From 0.05 to 20, and 1 where nothing else is better.
    """
    values = np.asarray(logits, np.float64)
    rows = np.arange(len(y))

    def cross_entropy(log_temperature: float) -> float:
        losses = -log_softmax(values / np.exp(log_temperature), axis=1)[rows, y]
        return float(np.average(losses, weights=sample_weight))

    found = minimize_scalar(
        cross_entropy,
        bounds=(np.log(_LOWEST), np.log(_HIGHEST)),
        method="bounded",
        options={"xatol": 1e-8},
    )
    return float(np.exp(found.x)) if found.fun < cross_entropy(0.0) else 1.0


def _layer_of(model: keras.Model) -> Temperature | None:
    return next((layer for layer in model.layers if isinstance(layer, Temperature)), None)


def _pieces(data: Data, batch_size: int) -> Iterator[TrainingData]:
    """Walk through the rows in parts that fit the memory."""
    for part in data.epoch() if isinstance(data, StreamData) else (data,):
        row_bytes = max(1, int(np.prod(part.X.shape[1:])) * part.X.dtype.itemsize)
        n_rows = max(batch_size, _PIECE_BYTES // row_bytes)
        for start in range(0, part.n_samples, n_rows):
            yield part.take(np.arange(start, min(start + n_rows, part.n_samples)))
