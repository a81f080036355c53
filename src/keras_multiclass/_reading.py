"""The data of one run: arrays or streams of the user's, read to what an engine trains on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from keras_multiclass._assembly import Measure, resolve_backbone, resolve_scaling
from keras_multiclass._first_pass import learn, training_stream, validation_stream
from keras_multiclass._inputs import Scaling
from keras_multiclass._label_union import LabelUnion
from keras_multiclass._labels import LabelCodec
from keras_multiclass._messages import describe, fault
from keras_multiclass._preparation import (
    Rows,
    check_validation_pair,
    refuse_beside_stream,
    split,
    weigh,
    with_class_weights,
)
from keras_multiclass._settings import DEFAULT_EARLY_STOPPING_SPLIT, Settings
from keras_multiclass._streams import Batch, Stream, is_stream
from keras_multiclass.backbones import get_backbone
from keras_multiclass.engine import STREAMED, Data, TrainingData, graph_refused


@dataclass(frozen=True)
class FitRequest:
    """The data of one run, and what is to be done with it."""

    X: Any
    y: Any = None
    sample_weight: Any = None
    X_val: Any = None
    y_val: Any = None
    sample_weight_val: Any = None
    classes: Any = None
    task: Literal["fit", "partial_fit", "initialize"] = "fit"
    resume: bool = False

    @property
    def min_classes(self) -> int:
        """How many classes the data must have rows of."""
        return 2 if self.task == "fit" and not self.resume else 1


@dataclass(frozen=True)
class FoundData:
    """What a run trains on, and what a network has to be told of it.

    Attributes
    ----------
    codec : LabelCodec
        The classes.
    training, validation : TrainingData, StreamData or None
        Checked and weighted rows.
    batch_size : int
        Rows of a step.
    given_dtype : object
        Dtype of X as the user gave it, or None: 8-bit integers tell images.
    y : object
        As the user gave it; of a stream, the first batch.
    sample : TrainingData
        Checked rows to show to a builder.
    vocabulary_size : int or None
        How many token ids there are, one for unknown ids included; None if X holds numbers.
    measure : callable
        Gives mean and variance of the features.
    """

    codec: LabelCodec
    training: Data
    validation: Data | None
    batch_size: int
    given_dtype: Any
    y: Any
    sample: TrainingData
    vocabulary_size: int | None
    measure: Measure


@dataclass(frozen=True)
class KnownData:
    """What an earlier run fixed."""

    codec: LabelCodec
    tokens: bool


def read_data(
    twin: Any,
    request: FitRequest,
    settings: Settings,
    seed: int,
    *,
    dtype: str,
    known: KnownData | None = None,
) -> FoundData:
    """Check all data, learn the classes, bring in the weights, hold out validation rows.

    Parameters
    ----------
    twin : KerasMulticlassClassifier
        Holds the parameters; gets the attributes that tell of the features.
    request : FitRequest
        The data.
    settings : Settings
        Checked parameters.
    seed : int
        Seed of the validation split.
    dtype : str
        Dtype policy of the network.
    known : KnownData, default=None
        What the data must agree with; None to learn it.
    """
    read = _read_stream if is_stream(request.X) else _read_arrays
    return read(twin, request, settings, seed, dtype, known)


def _read_arrays(
    twin: Any,
    request: FitRequest,
    settings: Settings,
    seed: int,
    dtype: str,
    known: KnownData | None,
) -> FoundData:
    codec = LabelCodec.learn(request.y, request.classes) if known is None else known.codec
    tokens = _expects_tokens(twin, request.X) if known is None else known.tokens
    if settings.steps_per_epoch is not None:
        raise ValueError(
            fault(
                "`fit__steps_per_epoch`",
                "None unless X is a stream of batches",
                f"{settings.steps_per_epoch} and {describe(request.X)}",
                "For arrays, batch_size decides on the steps of an epoch.",
            )
        )
    rows = Rows(twin, codec, dtype, tokens)
    has_validation = check_validation_pair(request.X_val, request.y_val, request.sample_weight_val)
    data = rows.read(request.X, request.y, request.sample_weight, reset=known is None)
    data, per_class = weigh(data, twin.class_weight, codec, dtype, min_classes=request.min_classes)
    validation = _read_validation(rows, request, per_class) if has_validation else None
    fraction = _held_out(settings, request)
    if validation is None and fraction is not None:
        data, validation = split(data, fraction, seed)
    return FoundData(
        codec=codec,
        training=data,
        validation=validation,
        batch_size=settings.rows_per_batch(data.n_samples),
        given_dtype=getattr(request.X, "dtype", None),
        y=request.y,
        sample=data,
        vocabulary_size=int(data.features(slice(None)).max()) + 2 if tokens else None,
        measure=lambda scaling: scaling.measure(data.X, data.sample_weight, data.rows),
    )


def _read_stream(
    twin: Any,
    request: FitRequest,
    settings: Settings,
    seed: int,
    dtype: str,
    known: KnownData | None,
) -> FoundData:
    refuse_beside_stream("X", y=request.y, sample_weight=request.sample_weight)
    has_validation = check_validation_pair(request.X_val, request.y_val, request.sample_weight_val)
    _check_stream_settings(settings, request, has_validation)

    def checker(batch: Batch, labels: LabelUnion) -> Rows:
        tokens = _expects_tokens(twin, batch.X) if known is None else known.tokens
        return Rows(twin, labels, dtype, tokens)

    def scaling(batch: Batch, sample: TrainingData, tokens: bool) -> Scaling | None:
        return _find_scaling(twin, settings, batch, sample, tokens) if known is None else None

    by_class = twin.class_weight is not None
    stream = Stream(request.X, "X", settings.steps_per_epoch)
    learned = learn(stream, checker, scaling, by_class=by_class, reset=known is None)
    codec = learned.labels.learn(request.classes) if known is None else known.codec
    per_class = learned.weigh(codec, twin.class_weight, request.min_classes)
    rows = replace(learned.rows, codec=codec)
    return FoundData(
        codec=codec,
        training=training_stream(stream, rows, learned, per_class),
        validation=_read_validation(rows, request, per_class) if has_validation else None,
        batch_size=learned.sample.n_samples,
        given_dtype=getattr(learned.batch.X, "dtype", None),
        y=learned.batch.y,
        sample=learned.sample,
        vocabulary_size=learned.highest + 2 if rows.tokens else None,
        measure=lambda scaling: learned.measure(scaling, codec, per_class),
    )


def _check_stream_settings(settings: Settings, request: FitRequest, has_validation: bool) -> None:
    if settings.batch_size != "auto":
        raise ValueError(
            fault(
                "`batch_size`",
                "'auto' when X is a stream",
                describe(settings.batch_size),
                "The stream decides how many rows a batch has.",
            )
        )
    if settings.engine == "graph":
        raise graph_refused(STREAMED)
    if not has_validation and _held_out(settings, request) is not None:
        which = "early_stopping" if settings.validation_split is None else "validation_split"
        raise ValueError(
            f"`{which}` holds out rows, which cannot be taken from a stream; got no X_val. Pass "
            "X_val, a stream of its own or an array with y_val."
        )


def _held_out(settings: Settings, request: FitRequest) -> float | None:
    """Which fraction of the rows is held out when there is no X_val."""
    if request.task != "fit":
        return None
    if settings.validation_split is None and settings.early_stopping is not None:
        return DEFAULT_EARLY_STOPPING_SPLIT
    return settings.validation_split


def _read_validation(rows: Rows, request: FitRequest, per_class: np.ndarray | None) -> Data:
    if is_stream(request.X_val):
        return validation_stream(Stream(request.X_val, "X_val"), rows, per_class)
    data = rows.read(
        request.X_val, request.y_val, request.sample_weight_val, reset=False, suffix="_val"
    )
    return with_class_weights(data, per_class, rows.dtype)


def _expects_tokens(twin: Any, X: Any) -> bool:
    """Rank 2 for a sequence backbone means token ids."""
    backbone = twin.backbone
    if twin.model is not None or not isinstance(backbone, str) or backbone == "auto":
        return False
    return get_backbone(backbone).kind == "sequence" and np.asarray(X).ndim == 2


def _find_scaling(
    twin: Any, settings: Settings, batch: Batch, sample: TrainingData, tokens: bool
) -> Scaling | None:
    """Foresee from the first batch how the network standardises."""
    if twin.model is not None or tokens:
        return None
    shape = sample.X.shape
    choice = resolve_backbone(twin.backbone, shape, getattr(batch.X, "dtype", None))
    return resolve_scaling(choice, shape[1:], settings.standardize)
