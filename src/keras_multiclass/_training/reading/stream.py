"""Reads a stream of batches into the data of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.inputs import to_inputs
from keras_multiclass._data.offsets import sample_size
from keras_multiclass._data.one_input import check_one_input, count_rows
from keras_multiclass._data.ragged import arrange
from keras_multiclass._data.row_sample import RowSample
from keras_multiclass._data.row_selection import take_rows
from keras_multiclass._data.rows import Data, Features, TrainingData
from keras_multiclass._data.splitting.given import is_given_split
from keras_multiclass._data.streams.batches import Batch
from keras_multiclass._data.streams.stream import Stream
from keras_multiclass._network.backbone_resolution import NetworkParameters
from keras_multiclass._network.input_backbones import InputNetworks
from keras_multiclass._shared.checks import is_integer
from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass._training.defaults import resolve_auto
from keras_multiclass._training.early_stopping import DEFAULT_VALIDATION_SPLIT
from keras_multiclass._training.fit_parameters import FitParameters
from keras_multiclass._training.parameter_checks import Settings
from keras_multiclass._training.reading.batches import (
    batch_errors,
    held_out_stream,
    training_stream,
)
from keras_multiclass._training.reading.features import reads_texts
from keras_multiclass._training.reading.first_pass import FirstPass, StreamStatistics, StreamSummary
from keras_multiclass._training.reading.rows import RowReader, check_not_given_beside_stream
from keras_multiclass._training.reading.run_data import KnownData, RunData
from keras_multiclass._training.reading.several_inputs import with_inputs
from keras_multiclass._training.reading.stream_features import (
    TrainingRows,
    learn_features_of_stream,
)
from keras_multiclass._training.reading.stream_split import RowSplit, SplitPass
from keras_multiclass._training.reading.validation import (
    check_split_arguments,
    check_validation_arguments,
    read_validation,
)
from keras_multiclass._training.request import FitRequest
from keras_multiclass._training.thresholds import is_chosen


def read_stream(
    parameters: FitParameters,
    request: FitRequest,
    backbone: NetworkParameters,
    seed: int,
    known: KnownData | None,
) -> RunData:
    """Read a stream; the arguments are those of `read_data`."""
    check_not_given_beside_stream("X", y=request.y, sample_weight=request.sample_weight)
    has_validation = check_validation_arguments(
        request.X_val, request.y_val, request.sample_weight_val
    )
    check_split_arguments(parameters.settings.validation_split, request, has_validation)
    _check_settings(parameters.settings)
    fraction = _held_out_fraction(parameters.settings, request, has_validation)
    own = parameters.settings.scaling, parameters.settings.augmentation
    stream = Stream(request.X, "X", parameters.settings.steps_per_epoch)
    split = None if fraction is None else RowSplit(fraction, seed, "X", stream.unit)
    batches = stream.first_pass()
    first = next(batches)
    if known is None and request.classes is None and _are_named(first, stream):
        request = replace(request, classes=stream.class_names)
    with batch_errors(stream, 1):
        known_features = None if known is None else known.features
        _, backbone = with_inputs(parameters, replace(request, X=first.X), backbone, known_features)
        has_inputs = isinstance(backbone, InputNetworks)
        is_text = not has_inputs and reads_texts(parameters, first.X, known)
        if not (is_text or has_inputs):
            fixed = known is not None and not known.features.any_length
            row_shape = known.features.input_shape if known and fixed else None
            check_one_input(first.X, count_rows(first.y), row_shape)  # type: ignore[arg-type]
        if not has_inputs:
            backbone = replace(backbone, is_text=is_text)
        task = parameters.task.for_target(first.y, known.codec if known else None)
        labels = task.incremental(known and known.codec)
    if known is None:
        features, X, first, batches = learn_features_of_stream(
            parameters, stream, first, batches, backbone, TrainingRows(labels, split)
        )
    in_first_pass = None if split is None else split.first_pass()
    with batch_errors(stream, 1):
        if known is not None:
            features, X = known.features, known.features.check(first.X)
        learning_rows = RowReader(features, labels)
        sample = learning_rows.combine(X, labels.encode(first.y), first.sample_weight, is_part=True)
        mask = None if in_first_pass is None else in_first_pass.mask(sample.y, sample.sample_weight)
        if known is None:
            layout = parameters.settings.layout
            first_X = to_inputs(first.X) if has_inputs else first.X
            first_X = first_X if is_text or has_inputs else arrange(first.X, layout)
            offsets = backbone.subtracts_offsets(*own)
            features, sample = _learn_values(features, first_X, sample, mask, offsets)
            learning_rows = RowReader(features, labels)
    recommended = None if known is None else known.recommendation
    shape = features.shape_of(X)
    resolved = backbone.resolve(shape, known=recommended)
    if known is None:
        backbone.warn_if_ambiguous(shape, layout)
    settings = resolve_auto(
        parameters,
        resolved,
        task.any_objective,
        can_hold_out=has_validation or split is not None,
        n_ensemble=None if known is None else known.n_ensemble,
    )
    if split is not None:
        settings = replace(settings, validation_split=split.fraction)
    checks = known is None and not (has_inputs or is_text)
    precision = _PrecisionCheck(features, sample.X, is_active=checks)
    precision.add(first.X, sample)
    if in_first_pass is not None:
        sample, _ = in_first_pass.split(sample, mask)
    rest = _rest(batches, stream, learning_rows, precision, in_first_pass)
    by_class = parameters.class_weight is not None and labels.weighs_rows
    first_pass = FirstPass.over(
        features, None if known else resolved, labels, settings.scaling, by_class=by_class
    )
    for batch in chain([sample], rest):
        first_pass.add(batch)
    summary = first_pass.summary()
    precision.warn(is_raw=not has_inputs and backbone.reads_raw(*own))
    codec = labels.learn(request.classes, known and known.codec)
    if known is None and request.classes is None:
        labels.check_learned(codec, summary.n_rows)
    weighting = labels.weighting(
        codec, parameters.class_weight, summary.n_rows, request.min_classes
    )
    rows, class_weights = RowReader(features, codec), weighting.rows
    statistics = StreamStatistics(summary, labels.positions(codec), class_weights)
    validation: Data | None = None
    if has_validation:
        validation = read_validation(rows, request, codec, class_weights, None)
    elif split is not None:
        validation = held_out_stream(
            stream, rows, class_weights, split, first=first, weighted=summary.weighted
        )
    return RunData(
        codec=codec,
        objective=task.objective_of(codec, weighting),
        thresholds=task.thresholds_of(parameters.settings.threshold, codec),
        features=features,
        backbone=resolved,
        settings=settings,
        training=training_stream(
            stream,
            rows,
            class_weights,
            first=first,
            n_batches=_count_batches(summary, stream, split),
            weighted=summary.weighted,
            largest_weight=summary.largest_weight,
            split=split,
        ),
        validation=validation,
        batch_size=sample.n_samples,
        statistics=statistics,
        sample=sample,
        y=first.y,
        tokens=statistics.tokens() if known is None else None,
    )


def _count_batches(summary: StreamSummary, stream: Stream, split: RowSplit | None) -> int:
    if split is not None:
        return split.count_batches(stream.rows_per_batch, held_out=False)
    if stream.rows_per_batch is None:
        return summary.n_batches
    return -(-summary.n_rows // stream.rows_per_batch)


def _are_named(batch: Batch, stream: Stream) -> bool:
    """Whether the labels of a batch are the names of the classes that its dataset knows."""
    names, y = stream.class_names, batch.y
    is_vector = isinstance(y, np.ndarray) and y.ndim == 1
    return names is not None and is_vector and set(y.tolist()) <= set(names.tolist())


def _learn_values(
    features: FeatureSchema,
    X: object,
    batch: TrainingData,
    held_out: np.ndarray | None,
    subtract_offsets: Any,
) -> tuple[FeatureSchema, TrainingData]:
    counted = np.ones(batch.n_samples, bool) if held_out is None else ~held_out
    if batch.sample_weight is not None:
        counted &= batch.sample_weight > 0
    rows = None if counted.all() or not counted.any() else np.flatnonzero(counted)
    features, checked = features.learn_values(
        X, batch.X, rows, subtract_offsets=subtract_offsets, is_part=True
    )
    return features, replace(batch, X=checked)


class _PrecisionCheck:
    """Warns if the dtype of the network cannot hold some features of a stream."""

    def __init__(self, features: FeatureSchema, first: Features, *, is_active: bool) -> None:
        self._features = features
        self._is_active = is_active
        self._rows = RowSample(sample_size(first.shape[0], max(1, first.size)))

    def add(self, X: object, batch: TrainingData) -> None:
        """Add a batch as the user passed it, and checked."""
        if not self._is_active:
            return
        X = arrange(X, self._features.layout)
        if not self._features.may_be_rounded(X):
            return
        weights, n_rows = batch.sample_weight, batch.n_samples
        rows = np.arange(n_rows) if weights is None else np.flatnonzero(weights)
        chosen = rows[self._rows.select(len(rows))]
        if len(chosen):
            self._rows.add(self._features.sample(take_rows(X, chosen)))

    def warn(self, *, is_raw: bool) -> None:
        """Warn of what the batches have in common."""
        for sample in self._rows.arrays():
            self._features.warn_of_precision(sample, is_raw=is_raw, is_stream=not is_raw)


def _rest(
    batches: Iterator[Batch],
    stream: Stream,
    rows: RowReader,
    precision: _PrecisionCheck,
    split: SplitPass | None,
) -> Iterator[TrainingData]:
    for number, batch in enumerate(batches, start=2):
        with batch_errors(stream, number):
            part = rows.read(*batch, is_part=True)
            precision.add(batch.X, part)
            if split is not None:
                part, _ = split.split(part)
        if part.n_samples:
            yield part


def _check_settings(settings: Settings) -> None:
    if settings.batch_size != "auto":
        raise ValueError(
            invalid(
                "`batch_size`",
                "'auto' when X is a stream",
                describe(settings.batch_size),
                "The stream determines the batch size.",
            )
        )


def _held_out_fraction(
    settings: Settings, request: FitRequest, has_validation: bool
) -> float | None:
    """Return the fraction of rows to hold out; None if there are validation data, or no need."""
    fraction = settings.validation_split
    needs_rows = {
        "validation_split": fraction is not None,
        "early_stopping": settings.early_stopping not in (False, "auto"),
        "calibration": settings.calibration not in (None, "auto"),
        "threshold": is_chosen(settings.threshold),
    }
    names = [name for name, needed in needs_rows.items() if needed]
    if not names or request.task != "fit" or has_validation:
        return None
    if fraction is not None and (is_given_split(fraction) or is_integer(fraction)):
        raise ValueError(
            invalid(
                "`validation_split`",
                "None or a fraction when X is a stream",
                describe(fraction),
                "Set it to None and pass X_val: another stream, or an array with y_val.",
            )
        )
    if settings.steps_per_epoch is not None:
        raise ValueError(
            f"`{names[0]}` needs X_val when `fit__steps_per_epoch` is set, because no rows can be "
            "held out of a stream whose epochs differ; got none. Pass X_val, a finite stream, or "
            "an array with y_val."
        )
    if fraction is None:
        return DEFAULT_VALIDATION_SPLIT
    return float(fraction) or None  # type: ignore[arg-type]
