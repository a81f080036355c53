"""The data of one run: arrays or streams of the user's, read to what an engine trains on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from keras_multiclass._data.categories import CategoricalColumns
from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._data.labels.incremental import LabelUnion
from keras_multiclass._data.rows import Data, TrainingData
from keras_multiclass._data.statistics import ArrayStatistics, Standardization
from keras_multiclass._data.streams import Batch, Stream, is_stream
from keras_multiclass._network.backbones import get_backbone
from keras_multiclass._network.build import (
    InputFacts,
    ResolvedBackbone,
    check_scaling,
    pixels_or_steps,
    reads_tables,
    resolve_backbone,
)
from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass._training.auto_parameters import complete
from keras_multiclass._training.engine import STREAMED, graph_refused
from keras_multiclass._training.first_pass import (
    StreamStatistics,
    learn,
    training_stream,
    validation_stream,
)
from keras_multiclass._training.prepare import (
    Rows,
    check_validation_pair,
    refuse_beside_stream,
    split,
    weigh,
    with_class_weights,
)
from keras_multiclass._training.settings import Settings


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
    facts : InputFacts
        What a network has to be told of the rows.
    choice : ResolvedBackbone or None
        The backbone; None for a whole model.
    settings : Settings
        Completed by what the backbone brings.
    """

    codec: LabelCodec
    training: Data
    validation: Data | None
    batch_size: int
    given_dtype: Any
    y: Any
    sample: TrainingData
    facts: InputFacts
    choice: ResolvedBackbone | None
    settings: Settings


@dataclass(frozen=True)
class KnownData:
    """What an earlier run fixed."""

    codec: LabelCodec
    tokens: bool
    columns: CategoricalColumns | None


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
            invalid(
                "`fit__steps_per_epoch`",
                "None unless X is a stream of batches",
                f"{settings.steps_per_epoch} and {describe(request.X)}",
                "For arrays, batch_size decides on the steps of an epoch.",
            )
        )
    tables = reads_tables(twin.backbone, twin.model) and not tokens
    columns = _learn_columns(twin, request.X, tables) if known is None else known.columns
    rows = Rows(twin, codec, dtype, tokens, columns, allow_nan=tables)
    has_validation = check_validation_pair(request.X_val, request.y_val, request.sample_weight_val)
    data = rows.read(request.X, request.y, request.sample_weight, reset=known is None)
    given_dtype = getattr(request.X, "dtype", None)
    choice = _choose_backbone(twin, data.X.shape, given_dtype)
    settings = complete(settings, choice, can_hold_out=True)
    data, per_class = weigh(data, twin.class_weight, codec, dtype, min_classes=request.min_classes)
    validation = _read_validation(rows, request, per_class) if has_validation else None
    if validation is None and settings.held_out and request.task == "fit":
        data, validation = split(data, settings.held_out, seed)
    facts = InputFacts(
        data.X.shape[1:],
        ArrayStatistics(data.X, data.sample_weight, data.rows),
        vocabulary_size=int(data.features(slice(None)).max()) + 2 if tokens else None,
        is_table=tables and data.X.ndim == 2,
        columns=columns,
        names=_column_names(twin, data.X.shape),
    )
    check_scaling(settings.scaling, facts.is_table)
    return FoundData(
        codec=codec,
        training=data,
        validation=validation,
        batch_size=settings.rows_per_batch(data.n_samples),
        given_dtype=given_dtype,
        y=request.y,
        sample=data,
        facts=facts,
        choice=choice,
        settings=settings,
    )


def _learn_columns(twin: Any, X: Any, tables: bool) -> CategoricalColumns | None:
    choice = twin.categorical_features
    if tables:
        return CategoricalColumns.learn(X, choice)
    if choice is None or (isinstance(choice, str) and choice == "from_dtype"):
        return None
    raise ValueError(
        invalid(
            "`categorical_features`",
            "'from_dtype' or None unless a table backbone reads X",
            describe(choice),
        )
    )


def _choose_backbone(twin: Any, shape: tuple[int, ...], dtype: Any) -> ResolvedBackbone | None:
    return None if twin.model is not None else resolve_backbone(twin.backbone, shape, dtype)


def _column_names(twin: Any, shape: tuple[int, ...]) -> list[str]:
    names = getattr(twin, "feature_names_in_", None)
    return [f"x{i}" for i in range(shape[1])] if names is None else list(names)


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
    may_be_table = reads_tables(twin.backbone, twin.model)

    def checker(batch: Batch, labels: LabelUnion) -> Rows:
        tokens = _expects_tokens(twin, batch.X) if known is None else known.tokens
        return Rows(twin, labels, dtype, tokens, allow_nan=may_be_table and not tokens)

    def scaling(batch: Batch, sample: TrainingData, tokens: bool) -> Standardization | None:
        return _foreseen_scaling(twin, batch, sample, tokens) if known is None else None

    by_class = twin.class_weight is not None
    stream = Stream(request.X, "X", settings.steps_per_epoch)
    learned = learn(stream, checker, scaling, by_class=by_class, reset=known is None)
    codec = learned.labels.learn(request.classes) if known is None else known.codec
    per_class = learned.weigh(codec, twin.class_weight, request.min_classes)
    rows = replace(learned.rows, codec=codec)
    shape, given_dtype = learned.sample.X.shape, getattr(learned.batch.X, "dtype", None)
    choice = _choose_backbone(twin, shape, given_dtype)
    settings = complete(settings, choice, can_hold_out=has_validation)
    facts = InputFacts(
        shape[1:],
        StreamStatistics(learned, codec, per_class),
        vocabulary_size=learned.highest + 2 if rows.tokens else None,
        is_table=rows.allow_nan and len(shape) == 2,
        names=_column_names(twin, shape),
    )
    check_scaling(settings.scaling, facts.is_table)
    return FoundData(
        codec=codec,
        training=training_stream(stream, rows, learned, per_class),
        validation=_read_validation(rows, request, per_class) if has_validation else None,
        batch_size=learned.sample.n_samples,
        given_dtype=given_dtype,
        y=learned.batch.y,
        sample=learned.sample,
        facts=facts,
        choice=choice,
        settings=settings,
    )


def _check_stream_settings(settings: Settings, request: FitRequest, has_validation: bool) -> None:
    if settings.batch_size != "auto":
        raise ValueError(
            invalid(
                "`batch_size`",
                "'auto' when X is a stream",
                describe(settings.batch_size),
                "The stream decides how many rows a batch has.",
            )
        )
    if settings.engine == "graph":
        raise graph_refused(STREAMED)
    wanted = [
        name
        for name, is_wanted in (
            ("validation_split", settings.validation_split is not None),
            ("early_stopping", settings.early_stopping not in (False, "auto")),
            ("calibration", settings.calibration is not None),
        )
        if is_wanted
    ]
    if wanted and request.task == "fit" and not has_validation:
        which = wanted[0]
        raise ValueError(
            f"`{which}` holds out rows, which cannot be taken from a stream; got no X_val. Pass "
            "X_val, a stream of its own or an array with y_val."
        )


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


def _foreseen_scaling(
    twin: Any, batch: Batch, sample: TrainingData, tokens: bool
) -> Standardization | None:
    """Foresee from the first batch what counts as a feature when the network scales."""
    shape = sample.X.shape
    choice = _choose_backbone(twin, shape, getattr(batch.X, "dtype", None))
    return None if choice is None or tokens else pixels_or_steps(choice, shape[1:])
