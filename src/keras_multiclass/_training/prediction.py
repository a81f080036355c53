"""Predictions of a fitted network for arrays, and for streams batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_multiclass._data.streams.batches import errors_name_batch, read_features
from keras_multiclass._data.streams.stream import is_stream, read_once
from keras_multiclass._network.objective import Objective
from keras_multiclass._shared.interrupts import interruptible, shielded
from keras_multiclass._shared.keras.environment import keras_environment, start_quietly
from keras_multiclass._training.engine import EngineName, predict
from keras_multiclass._training.fitted import FittedState

Convert = Callable[[Objective, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Predictor:
    """Computes the output of a fitted network.

    Attributes
    ----------
    state : FittedState
        The private fitted state.
    model : keras.Model
        The network.
    engine : {"auto", "graph", "keras"}
        The parameter `engine`.
    batch_size : int or None
        Rows per batch; -1 for all rows at once, None for a number that depends on their size.
    """

    state: FittedState
    model: keras.Model
    engine: EngineName
    batch_size: int | None

    def predict(self, X: Any, convert: Convert) -> np.ndarray:
        """Compute the raw output of the network and convert it, some rows at a time.

        Parameters
        ----------
        X : array-like, data frame, sparse matrix, or stream
            The features. A stream is read once.
        convert : callable
            Converts the raw output for some rows.

        Returns
        -------
        ndarray of shape (n_samples, ...)
            The converted output.
        """
        if not is_stream(X):
            return self._predict_rows(X, convert)
        parts, n_axes = [], self.state.features.n_axes
        for unit, number, item in read_once(X):
            features = read_features(item, f"{unit} {number} of X", n_axes)
            with errors_name_batch("X", number, unit):
                parts.append(self._predict_rows(features, convert))
        return np.concatenate(parts)

    def _predict_rows(self, X: Any, convert: Convert) -> np.ndarray:
        objective, n_undefined = self.state.compile_spec.objective, 0

        def convert_rows(raw: np.ndarray) -> np.ndarray:
            nonlocal n_undefined
            undefined = np.isnan(raw)
            if not undefined.any():
                return convert(objective, raw)
            n_undefined += int(undefined.any(axis=1).sum())
            with np.errstate(invalid="ignore"):
                return convert(objective, raw)

        with shielded():
            start_quietly()
            parts = []
            for first, part in self.state.features.parts(X):
                with interruptible():
                    checked = self.state.features.check(part, first)
                with keras_environment(self.state.dtype):
                    predicted = predict(
                        self.engine, self.model, checked, self.batch_size, convert_rows
                    )
                parts.append(predicted)
        predicted = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if n_undefined:
            raise ValueError(
                f"The output of the network must not contain NaN; got NaN for {n_undefined} of "
                f"{len(predicted)} rows. Their features are probably too large: compare their "
                "scale with that of the training data."
            )
        return predicted
