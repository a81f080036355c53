"""What a fit learns about X from all batches of a stream, before it can check the first of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Protocol

import numpy as np

from keras_multiclass._data.columns.categories import CategoricalColumns
from keras_multiclass._data.columns.expansion.expansion import Expansion
from keras_multiclass._data.columns.expansion.incremental import IncrementalColumns, needs_learning
from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.images.paths import are_paths
from keras_multiclass._data.inputs import Inputs, to_inputs
from keras_multiclass._data.labels.target import IncrementalTarget
from keras_multiclass._data.one_input import count_rows
from keras_multiclass._data.packed import PackedSchema, about_input, as_columns
from keras_multiclass._data.ragged import arrange, shape_of
from keras_multiclass._data.rows import Features
from keras_multiclass._data.sequences import Sequences
from keras_multiclass._data.streams.batches import Batch
from keras_multiclass._data.streams.stream import Stream
from keras_multiclass._data.texts.encoder import TextEncoder, read_texts
from keras_multiclass._data.texts.sample import TextSample
from keras_multiclass._data.texts.schema import TextSchema
from keras_multiclass._data.weights import check_sample_weight
from keras_multiclass._network.backbone_resolution import NetworkParameters
from keras_multiclass._network.input_backbones import InputNetworks
from keras_multiclass._shared.keras.environment import array_dtype
from keras_multiclass._shared.messages import (
    describe,
    format_list,
    invalid,
    list_differences,
    warn,
)
from keras_multiclass._training.fit_parameters import FitParameters
from keras_multiclass._training.reading.batches import batch_errors
from keras_multiclass._training.reading.features import (
    learn_table,
    may_have_columns,
    text_parameters,
)
from keras_multiclass._training.reading.several_inputs import parameters_of_inputs
from keras_multiclass._training.reading.stream_split import RowSplit

_MOST_TEXTS = 2**20
_MOST_CHARACTERS = 2**26


class Learner(Protocol):
    """Learns from all batches what the first batch does not say.

    `needs_pass` says whether there is anything.
    """

    needs_pass: bool

    def add(self, X: Any, rows: np.ndarray | None) -> None:
        """Learn from a batch, of which only some rows count."""

    def features(self, X: Any) -> tuple[FeatureSchema, Features]:
        """Return what was learned, and the first batch checked."""


def learn_features_of_stream(
    parameters: FitParameters,
    stream: Stream,
    first: Batch,
    batches: Iterator[Batch],
    backbone: NetworkParameters,
    rows: TrainingRows,
) -> tuple[FeatureSchema, Features, Batch, Iterator[Batch]]:
    """Learn shape, names and kinds of columns of X, and check the first batch.

    Categories, dates and texts take a pass over the stream, before that for statistics. They are
    learned from the rows of positive weight, as from those of an array.

    Parameters
    ----------
    parameters : FitParameters
        The parameters of the estimator.
    stream : Stream
        The stream.
    first : Batch
        The first batch.
    batches : iterator of Batch
        All others.
    backbone : NetworkParameters
        How X is read.
    rows : TrainingRows
        Which rows count.

    Returns
    -------
    schema : FeatureSchema
        What was learned.
    X : ndarray, CSR matrix, CastOnRead or Sequences
        The features of the first batch, checked.
    first : Batch
        The first batch, of another pass if this took one.
    batches : iterator of Batch
        All others.
    """
    with batch_errors(stream, 1):
        learner = _learner_for(parameters, first.X, backbone)
    if learner.needs_pass:
        for number, batch in enumerate(chain([first], batches), start=1):
            with batch_errors(stream, number):
                learner.add(batch.X, rows.of(batch))
        batches = stream.first_pass()
        first = next(batches)
    with batch_errors(stream, 1):
        features, X = learner.features(first.X)
    return features, X, first, batches


def _learner_for(parameters: FitParameters, X: Any, backbone: NetworkParameters) -> Learner:
    if isinstance(backbone, InputNetworks):
        return _Inputs(parameters, X, backbone)
    if are_paths(X):
        raise TypeError(
            invalid(
                "X",
                "numbers or texts",
                "paths of image files",
                "Pass all paths to fit as a list or array, which decodes the files, or decode "
                "them in the stream.",
            )
        )
    if backbone.is_text:
        return _Texts(parameters, backbone)
    arranged = arrange(X, parameters.settings.layout)
    choices = parameters.categorical_features, parameters.text_features
    is_table = may_have_columns(parameters, arranged, backbone) and len(shape_of(X)) == 2
    if is_table and needs_learning(arranged, *choices):
        return _Columns(parameters, backbone)
    return _Numbers(parameters, backbone)


class TrainingRows:
    """Finds the rows that count in the batches of a pass: those of positive weight, not held out.

    Parameters
    ----------
    labels : IncrementalTarget
        Encodes the labels.
    split : RowSplit or None
        Which rows are held out, if any.
    """

    def __init__(self, labels: IncrementalTarget, split: RowSplit | None) -> None:
        self._labels = labels
        self._places = None if split is None else split.places()

    def of(self, batch: Batch) -> np.ndarray | None:
        """Return the indices of these rows in the next batch; None for all.

        Parameters
        ----------
        batch : Batch
            The batch.
        """
        n_rows = count_rows(batch.y) or 0
        weights = check_sample_weight(batch.sample_weight, n_rows, np.float64, allow_all_zero=True)
        counted = np.ones(n_rows, bool) if weights is None else weights > 0
        if self._places is not None:
            mask = self._places.mask(self._labels.encode(batch.y), weights)
            if len(mask) == n_rows:  # else the next pass raises a better error
                counted &= ~mask
        return None if counted.all() else np.flatnonzero(counted)


class _Numbers:
    """Anything that the first batch tells enough about."""

    needs_pass = False

    def __init__(self, parameters: FitParameters, backbone: NetworkParameters) -> None:
        self._parameters = parameters
        self._backbone = backbone

    def add(self, X: Any, rows: np.ndarray | None) -> None:
        """Learn nothing."""

    def features(self, X: Any) -> tuple[FeatureSchema, Features]:
        arranged = arrange(X, self._parameters.settings.layout)
        if isinstance(arranged, Sequences):
            self._backbone.check_unequal(X, arranged)
        return learn_table(self._parameters, arranged, self._backbone, None, None)


class _Inputs:
    """Several inputs, each of which is learned as if it were alone."""

    def __init__(self, parameters: FitParameters, X: Any, backbone: InputNetworks) -> None:
        self._parameters = parameters
        inputs = _to_inputs(X)
        own = parameters_of_inputs(parameters, inputs, backbone)
        self._learners: dict[str, Learner] = {}
        for name, part in inputs.items():
            with about_input(name):
                self._learners[name] = _learner_for(
                    own[name], as_columns(part, name), backbone.parts[name]
                )
        self.needs_pass = any(learner.needs_pass for learner in self._learners.values())

    def add(self, X: Any, rows: np.ndarray | None) -> None:
        inputs = _to_inputs(X)
        different = list_differences(list(inputs), list(self._learners), "input")
        if different:
            allowed = f"those of the first batch, {format_list(self._learners)}"
            raise ValueError(invalid("The inputs of X", allowed, different))
        for name, learner in self._learners.items():
            if learner.needs_pass:
                with about_input(name):
                    learner.add(as_columns(inputs[name], name), rows)

    def features(self, X: Any) -> tuple[FeatureSchema, Features]:
        return PackedSchema.learn_inputs(
            _to_inputs(X),
            lambda name, part: self._learners[name].features(part),
            dtype=array_dtype(self._parameters.settings.dtype),
            estimator_name=self._parameters.estimator_name,
        )


def _to_inputs(X: Any) -> Inputs:
    inputs = to_inputs(X)
    if inputs is None:
        raise TypeError(invalid("X", "a dict of inputs, as in the first batch", describe(X)))
    return inputs


class _Columns:
    """Categories, dates and texts in the columns of a table."""

    needs_pass = True

    def __init__(self, parameters: FitParameters, backbone: NetworkParameters) -> None:
        self._parameters = parameters
        self._backbone = backbone
        self._columns = IncrementalColumns(
            parameters.categorical_features, parameters.text_features, parameters.estimator_name
        )

    def add(self, X: Any, rows: np.ndarray | None) -> None:
        self._columns.add(X, rows)

    def features(self, X: Any) -> tuple[FeatureSchema, Features]:
        learned: tuple[CategoricalColumns | None, Expansion | None] = self._columns.learned()
        return learn_table(self._parameters, X, self._backbone, *learned)


class _Texts:
    """The vocabulary of texts, of a sample if they are many."""

    needs_pass = True

    def __init__(self, parameters: FitParameters, backbone: NetworkParameters) -> None:
        self._parameters = parameters
        self._text = text_parameters(parameters, backbone)
        self._sample = TextSample(_MOST_TEXTS, _MOST_CHARACTERS)

    def add(self, X: Any, rows: np.ndarray | None) -> None:
        texts = read_texts(X)
        if self._text.form != "strings":
            self._sample.add(texts if rows is None else [texts[i] for i in rows.tolist()])

    def features(self, X: Any) -> tuple[FeatureSchema, Features]:
        texts, dtype = read_texts(X), array_dtype(self._parameters.settings.dtype)
        n_seen, n_kept = self._sample.n_seen, len(self._sample.texts)
        if n_kept < n_seen:
            warn(
                f"The vocabulary is that of {n_kept} of the {n_seen} texts of X, evenly spaced, to "
                "limit the memory that it takes. For another vocabulary, pass text_vectorizer="
                "CountVectorizer(vocabulary=...)."
            )
        encoder, _ = TextEncoder.learn(self._sample.texts or texts, self._text, dtype)
        encoded = encoder.encode(texts, dtype)
        name = self._parameters.estimator_name
        return TextSchema.of_text(encoder, encoded, dtype=dtype, estimator_name=name), encoded
