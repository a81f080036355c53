"""Validation rows: passed by the user, or held out from the training rows."""

from __future__ import annotations

import numpy as np

from keras_multiclass._data.rows import Data, TrainingData
from keras_multiclass._data.splitting import validation_split
from keras_multiclass._data.streams import Stream, is_stream
from keras_multiclass._shared.messages import describe
from keras_multiclass._shared.seeding import epoch_seed
from keras_multiclass._shared.typing import FloatArray
from keras_multiclass._training.reading.batches import validation_stream
from keras_multiclass._training.reading.rows import RowReader, refuse_beside_stream
from keras_multiclass._training.request import FitRequest


def read_validation(rows: RowReader, request: FitRequest, class_weights: FloatArray | None) -> Data:
    """Read ``X_val``, an array or a stream, with the class weights of the training rows.

    Parameters
    ----------
    rows : RowReader
        Checks rows as those of the training data.
    request : FitRequest
        Holds the validation data.
    class_weights : ndarray of shape (n_classes,) or None
        The class weights.

    Returns
    -------
    TrainingData or StreamData
        The validation rows.
    """
    if is_stream(request.X_val):
        return validation_stream(Stream(request.X_val, "X_val"), rows, class_weights)
    data = rows.read(request.X_val, request.y_val, request.sample_weight_val, suffix="_val")
    return rows.with_class_weights(data, class_weights)


def hold_out(data: TrainingData, fraction: float, seed: int) -> tuple[TrainingData, TrainingData]:
    """Split rows into training and validation rows, stratified by class."""
    # 32 bits, like the row numbers of the engines: with many rows they take much of the memory.
    train, validation = (
        samples.astype(np.int32)
        for samples in validation_split(data.y, fraction, epoch_seed(seed, 0))
    )
    return data.take(train), data.take(validation)


def check_validation_arguments(X_val: object, y_val: object, sample_weight_val: object) -> bool:
    """Return whether there are validation data; raise ``ValueError`` if a part is missing."""
    if is_stream(X_val):
        refuse_beside_stream("X_val", y_val=y_val, sample_weight_val=sample_weight_val)
        return True
    if (X_val is None) != (y_val is None):
        missing, given = ("y_val", X_val) if y_val is None else ("X_val", y_val)
        raise ValueError(
            f"`X_val` and `y_val` must be passed together; got {describe(given)} without "
            f"`{missing}`."
        )
    if X_val is None and sample_weight_val is not None:
        raise ValueError(
            "`sample_weight_val` must be passed together with `X_val` and `y_val`; got neither."
        )
    return X_val is not None
