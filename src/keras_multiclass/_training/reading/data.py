"""Reads the data of a run, from arrays or a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from keras_multiclass._data.foreign_frames import to_frame
from keras_multiclass._data.packed import PackedSchema
from keras_multiclass._data.streams.stream import is_stream
from keras_multiclass._network.augmentation import check_augmentation
from keras_multiclass._network.backbone_resolution import NetworkParameters
from keras_multiclass._network.build import check_scaling
from keras_multiclass._training.fit_parameters import FitParameters
from keras_multiclass._training.reading.arrays import read_arrays
from keras_multiclass._training.reading.run_data import KnownData, RunData
from keras_multiclass._training.reading.several_inputs import check_scalings, with_inputs
from keras_multiclass._training.reading.stream import read_stream
from keras_multiclass._training.reading.validation import unpack_validation
from keras_multiclass._training.request import FitRequest


def read_data(
    parameters: FitParameters,
    request: FitRequest,
    backbone: NetworkParameters,
    seed: int,
    known: KnownData | None = None,
) -> RunData:
    """Check all data, learn classes and features, apply weights and hold out validation rows.

    Parameters
    ----------
    parameters : FitParameters
        The parameters of the estimator.
    request : FitRequest
        The data.
    backbone : NetworkParameters
        How X is read, and which backbone it gets.
    seed : int
        Seed of the validation split.
    known : KnownData, default=None
        What an earlier run learned and the data must agree with; None to learn it.

    Returns
    -------
    RunData
        Everything that building and training need.

    Raises
    ------
    ValueError, TypeError
        If the data, or a parameter together with them, cannot be used.
    """
    request = unpack_validation(request)
    request = replace(request, X=to_frame(request.X), X_val=to_frame(request.X_val))
    if is_stream(request.X):
        data = read_stream(parameters, request, backbone, seed, known)
    else:
        request, backbone = with_inputs(
            parameters, request, backbone, None if known is None else known.features
        )
        data = read_arrays(parameters, request, backbone, seed, known)
    inputs = list(data.features.schemas) if isinstance(data.features, PackedSchema) else None
    check_augmentation(parameters.settings.augmentation, inputs)
    if isinstance(data.features, PackedSchema):
        if isinstance(data.settings.scaling, Mapping):  # of a whole model, one value is allowed
            check_scalings(data.settings.scaling, data.features)
    else:
        check_scaling(data.settings.scaling, data.is_table)
    return data
