"""Reads arrays, data frames and sparse matrices into the data of a run."""

from __future__ import annotations

from dataclasses import replace

from keras_multiclass._data.foreign import check_container
from keras_multiclass._data.images.paths import refuse_one_path
from keras_multiclass._data.images.schema import ImageFileSchema
from keras_multiclass._data.one_input import check_one_input, count_rows
from keras_multiclass._data.ragged import arrange
from keras_multiclass._data.rows import Data
from keras_multiclass._data.splitting.given import is_given_split
from keras_multiclass._data.statistics import ArrayStatistics
from keras_multiclass._data.tokens import occurring_tokens
from keras_multiclass._network.backbone_resolution import NetworkParameters
from keras_multiclass._network.input_backbones import InputNetworks
from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass._training.defaults import resolve_auto
from keras_multiclass._training.fit_parameters import FitParameters
from keras_multiclass._training.reading.features import learn_features, reads_texts
from keras_multiclass._training.reading.meta_estimators import explaining_encoded_target
from keras_multiclass._training.reading.rows import RowReader
from keras_multiclass._training.reading.run_data import KnownData, RunData
from keras_multiclass._training.reading.validation import (
    check_split_arguments,
    check_validation_arguments,
    hold_out,
    hold_out_folds,
    hold_out_given,
    read_validation,
)
from keras_multiclass._training.request import FitRequest


def _least_rows(n_classes: int) -> int:
    """Return the number of rows from which on a backbone may recommend to hold out some."""
    return max(60, 4 * n_classes)


def read_arrays(
    parameters: FitParameters,
    request: FitRequest,
    backbone: NetworkParameters,
    seed: int,
    known: KnownData | None,
) -> RunData:
    """Read arrays; the arguments are those of `read_data`."""
    check_container(request.X)
    refuse_one_path(request.X)
    if not isinstance(backbone, InputNetworks):
        fixed = known is not None and not known.features.any_length
        row_shape = known.features.input_shape if known and fixed else None
        check_one_input(request.X, count_rows(request.y), row_shape)  # type: ignore[arg-type]
    _check_no_steps(parameters.settings.steps_per_epoch, request.X)
    has_validation = check_validation_arguments(
        request.X_val, request.y_val, request.sample_weight_val
    )
    check_split_arguments(parameters.settings.validation_split, request, has_validation)
    task = parameters.task.for_target(request.y, known.codec if known else None)
    if not isinstance(backbone, InputNetworks) and reads_texts(parameters, request.X, known):
        backbone = replace(backbone, is_text=True)
    if known is None:
        with explaining_encoded_target():
            codec, codes = task.learn(request.y, request.classes)
        if request.classes is None:
            codec.check_learned(codes)
        layout = parameters.settings.layout
        arranged = request.X if backbone.is_text else arrange(request.X, layout)
        features, X = learn_features(parameters, arranged, backbone, request.X)
    else:
        features, X = known.features, known.features.check(request.X)
        codec, codes = task.learn(request.y, known=known.codec)
    rows = RowReader(features, codec)
    data = rows.combine(X, codes, request.sample_weight)
    shape = features.shape_of(X)
    resolved = backbone.resolve(
        shape,
        None if request.task == "partial_fit" else X.shape[0],  # others may follow
        None if known is None else known.recommendation,
    )
    if known is None and not isinstance(features, ImageFileSchema):
        backbone.warn_if_ambiguous(shape, parameters.settings.layout)
    settings = resolve_auto(
        parameters,
        resolved,
        task.any_objective,
        can_hold_out=True,
        has_enough_rows=has_validation or X.shape[0] >= _least_rows(codec.n_classes),
        n_ensemble=None if known is None else known.n_ensemble,
    )
    holds_out = request.task == "fit" and not has_validation
    split = settings.validation_split if holds_out else None
    held_out = None
    if is_given_split(split):
        data, held_out = hold_out_given(data, codec, split, request, seed)
    data, weighting = rows.weigh(
        data, parameters.class_weight, codec, min_classes=request.min_classes
    )
    if held_out is not None:
        held_out = rows.with_class_weights(held_out, weighting.rows)
    elif isinstance(split, int):
        data, held_out = hold_out_folds(data, codec, split, settings.n_ensemble, seed)
    elif split is not None:
        data, held_out = hold_out(data, codec, split, seed)
    if known is None:
        features, X = features.learn_values(
            arranged,
            X,
            data.rows,
            subtract_offsets=backbone.subtracts_offsets(
                parameters.settings.scaling, parameters.settings.augmentation
            ),
        )
        data = replace(data, X=X)
        held_out = None if held_out is None else replace(held_out, X=X)
        rows = RowReader(features, codec)
    validation: Data | None = held_out
    if has_validation:
        validation = read_validation(rows, request, codec, weighting.rows, X)
    tokens = None
    if known is None and features.token_ids:
        tokens = occurring_tokens(data.features(slice(None)))
    return RunData(
        codec=codec,
        objective=task.objective_of(codec, weighting),
        thresholds=task.thresholds_of(parameters.settings.threshold, codec),
        features=features,
        backbone=resolved,
        settings=settings,
        training=data,
        validation=validation,
        batch_size=settings.rows_per_batch(data.n_samples),
        statistics=ArrayStatistics(data.X, data.weight_of_rows, data.rows),
        sample=data,
        y=request.y,
        tokens=tokens,
    )


def _check_no_steps(steps_per_epoch: int | None, X: object) -> None:
    if steps_per_epoch is not None:
        raise ValueError(
            invalid(
                "`fit__steps_per_epoch`",
                "None unless X is a stream of batches",
                f"{steps_per_epoch} and {describe(X)}",
                "For arrays, batch_size determines the steps of an epoch.",
            )
        )
