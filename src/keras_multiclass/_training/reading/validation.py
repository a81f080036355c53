"""Validation rows: passed by the user, or held out from the training rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from keras_multiclass._data.labels.target import TargetCodec
from keras_multiclass._data.rows import Data, Features, TrainingData
from keras_multiclass._data.splitting.given import (
    check_groups,
    is_given_split,
    split_rows,
    uses_groups,
)
from keras_multiclass._data.streams.stream import Stream, is_stream
from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass._shared.seeding import epoch_seed, seeded
from keras_multiclass._shared.typing import FloatArray
from keras_multiclass._training.callers import is_called_by, is_called_by_pipeline
from keras_multiclass._training.reading.batches import validation_stream
from keras_multiclass._training.reading.meta_estimators import (
    TRANSFORM_CURE,
    explaining_encoded_labels,
    warn_if_cut,
    warn_if_untransformed,
)
from keras_multiclass._training.reading.rows import RowReader, check_not_given_beside_stream
from keras_multiclass._training.request import FitRequest

_NOT_ROUTED = (
    " If a meta-estimator of scikit-learn should not pass them on, call "
    "set_fit_request(groups=False); StackingClassifier passes all arguments of its fit to its "
    "final estimator anyway."
)


def unpack_validation(request: FitRequest) -> FitRequest:
    """Return the request with the parts of a tuple `X_val` as `y_val` and `sample_weight_val`.

    Parameters
    ----------
    request : FitRequest
        Its `X_val` may be ``(X_val, y_val)`` or ``(X_val, y_val, sample_weight_val)``.
    """
    if not isinstance(request.X_val, tuple) or request.y_val is not None:
        return request
    if request.sample_weight_val is not None or len(request.X_val) not in (2, 3):
        weights = "" if request.sample_weight_val is None else " and `sample_weight_val`"
        raise ValueError(
            invalid(
                "`X_val` without `y_val`",
                "a tuple (X_val, y_val) or (X_val, y_val, sample_weight_val), or a stream",
                describe(request.X_val) + weights,
            )
        )
    X_val, y_val, *weights_val = request.X_val
    return replace(
        request,
        X_val=X_val,
        y_val=y_val,
        sample_weight_val=weights_val[0] if weights_val else None,
        has_whole_validation=True,
    )


def read_validation(
    rows: RowReader,
    request: FitRequest,
    codec: TargetCodec,
    class_weights: FloatArray | None,
    X: Features | None,
) -> Data:
    """Read ``X_val``, an array or a stream, with the class weights of the training rows.

    Parameters
    ----------
    rows : RowReader
        Checks rows as those of the training data.
    request : FitRequest
        Holds the validation data.
    codec : TargetCodec
        The classes.
    class_weights : ndarray of shape (n_classes,) or None
        The class weights.
    X : ndarray, CSR matrix, MemoryMap or None
        The checked training rows; None if they are a stream.

    Returns
    -------
    TrainingData or StreamData
        The validation rows.
    """
    with explaining_encoded_labels(codec.classes):
        if is_stream(request.X_val):
            return validation_stream(Stream(request.X_val, "X_val"), rows, class_weights)
        checked = _check_features(rows, request)
        codes = codec.encode(request.y_val, name="y_val")
    data = rows.combine(checked, codes, request.sample_weight_val, suffix="_val")
    if X is not None:
        if not request.has_whole_validation:
            warn_if_cut(X.shape[0], data.n_samples)
        warn_if_untransformed(request.X, X, request.X_val, checked)
    return rows.with_class_weights(data, class_weights)


def _check_features(rows: RowReader, request: FitRequest) -> Features:
    try:
        return rows.features.check(request.X_val)
    except (ValueError, TypeError) as error:
        error_class = TypeError if isinstance(error, TypeError) else ValueError
        cure = f"\n{TRANSFORM_CURE}" if is_called_by_pipeline() else ""
        raise error_class(f"X_val cannot be used: {error}{cure}") from error


def hold_out(
    data: TrainingData, codec: TargetCodec, fraction: Any, seed: int
) -> tuple[TrainingData, TrainingData]:
    """Split rows into training and validation rows, stratified by class or label."""
    # 32 bits, like the row numbers of the engines: with many rows they take much of the memory.
    train, validation = (
        samples.astype(np.int32) for samples in codec.split(data.y, fraction, epoch_seed(seed, 0))
    )
    return data.take(train), data.take(validation)


def hold_out_folds(
    data: TrainingData, codec: TargetCodec, n_folds: int, n_members: int, seed: int
) -> tuple[TrainingData, TrainingData]:
    """Hold out another fold for each member of an ensemble, in turn.

    Parameters
    ----------
    data : TrainingData
        All rows.
    codec : TargetCodec
        The classes or labels.
    n_folds : int
        Number of folds. If there are more members, rows are assigned to other folds for the next
        `n_folds` of them.
    n_members : int
        Number of members.
    seed : int
        Seed of the folds.

    Returns
    -------
    training, validation : TrainingData
        Of several members, both have weights of shape (n_samples, n_members): zero for the rows
        that a member does not train on, or that it does.

    Raises
    ------
    ValueError
        If no row can be held out, because each is the only one of its class.
    """
    folds = [
        codec.folds(data.y, n_folds, epoch_seed(seed, repetition))
        for repetition in range(-(-n_members // n_folds))
    ]
    members = np.arange(n_members)
    held_out = np.stack(folds, axis=1)[:, members // n_folds] == members % n_folds
    validated = np.flatnonzero(held_out.any(axis=1)).astype(np.int32)
    if not len(validated):
        raise ValueError(
            invalid(
                "`validation_split`",
                "None if each row is the only one of its class",
                describe(n_folds),
                "Pass X_val and y_val, or more rows.",
            )
        )
    if n_members == 1:
        return data.take(np.flatnonzero(~held_out[:, 0]).astype(np.int32)), data.take(validated)
    training, validation = ~held_out, held_out
    if data.sample_weight is not None:
        training, validation = (
            np.where(used, data.sample_weight[:, None], 0).astype(data.sample_weight.dtype)
            for used in (training, validation)
        )
    return (
        replace(data, sample_weight=training),
        replace(data, sample_weight=validation).take(validated),
    )


def hold_out_given(
    data: TrainingData, codec: TargetCodec, split: object, request: FitRequest, seed: int
) -> tuple[TrainingData, TrainingData]:
    """Split rows, without class weights, as a splitter or the user does.

    Parameters
    ----------
    data : TrainingData
        All rows.
    codec : TargetCodec
        The classes or labels.
    split : splitter or list of one pair
        The split.
    request : FitRequest
        Holds X, which a splitter gets as the user passed it, and the groups.
    seed : int
        Seed of splitters that have none; the same in each fit of a network.

    Returns
    -------
    training, validation : TrainingData
        Rows of positive weight, in their order. Rows may be in neither.

    Raises
    ------
    ValueError, TypeError
        If the rows cannot be split so.
    """
    groups = None if request.groups is None else check_groups(request.groups, data.n_samples)
    with seeded(epoch_seed(seed, 0)):
        masks = split_rows(split, request.X, codec.splitter_target(data.y), groups)
    has_weight = True if data.sample_weight is None else data.sample_weight > 0
    train, validation = (np.flatnonzero(mask & has_weight).astype(np.int32) for mask in masks)
    if not (len(train) and len(validation)):
        weighted = " of positive weight" if data.weighted else ""
        raise ValueError(
            invalid(
                "`validation_split`",
                f"a split with rows{weighted} to train and to validate on",
                f"{len(train)} training and {len(validation)} validation rows",
            )
        )
    codec.check_training_rows(data.y if has_weight is True else data.y[has_weight], data.y[train])
    return data.take(train), data.take(validation)


def check_split_arguments(split: object, request: FitRequest, has_validation: bool) -> None:
    """Raise ``ValueError`` if `groups` or validation data do not go with `validation_split`.

    Parameters
    ----------
    split : float, splitter, list of one pair or None
        The parameter `validation_split`.
    request : FitRequest
        The data.
    has_validation : bool
        Whether there are validation data.
    """
    if request.task != "fit":
        return
    if has_validation and is_given_split(split):
        raise ValueError(
            invalid(
                "`validation_split`",
                "None if validation data are passed to fit",
                describe(split),
                "Set it to None, or leave out X_val.",
            )
        )
    needed = uses_groups(split)
    if needed is False and request.groups is not None:
        cure = "Leave them out."
        if not (has_validation or is_stream(request.X)):
            cure = "To hold out whole groups, set validation_split=GroupShuffleSplit(n_splits=1)."
        if is_called_by(("sklearn",)):
            cure += _NOT_ROUTED
        raise ValueError(
            invalid(
                "`groups`",
                "None unless `validation_split` is a splitter that uses them",
                f"{describe(request.groups)} and validation_split={describe(split)}",
                cure,
            )
        )
    if needed and request.groups is None:
        raise ValueError(
            invalid(
                "`groups`",
                f"passed to fit if `validation_split` is a {type(split).__name__}",
                "None",
                "Call fit(X, y, groups=...). Searches and other meta-estimators pass them on with "
                "scikit-learn's metadata routing and set_fit_request(groups=True).",
            )
        )


def check_validation_arguments(X_val: object, y_val: object, sample_weight_val: object) -> bool:
    """Return whether there are validation data; raise ``ValueError`` if a part is missing."""
    if is_stream(X_val):
        check_not_given_beside_stream("X_val", y_val=y_val, sample_weight_val=sample_weight_val)
        return True
    if (X_val is None) != (y_val is None):
        missing, given = ("y_val", X_val) if y_val is None else ("X_val", y_val)
        raise ValueError(
            f"`X_val` and `y_val` must be passed together; got {describe(given)} without "
            f"`{missing}`. Pass both, or one tuple: X_val=(X_val, y_val)."
        )
    if X_val is None and sample_weight_val is not None:
        raise ValueError(
            "`sample_weight_val` must be passed together with `X_val` and `y_val`; got neither."
        )
    return X_val is not None
