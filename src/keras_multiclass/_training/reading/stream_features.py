"""What a fit learns about X from all batches of a stream, before it can check the first of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Protocol

import numpy as np

from keras_multiclass._data.categories import CategoricalColumns
from keras_multiclass._data.expansion.expansion import Expansion
from keras_multiclass._data.expansion.incremental import IncrementalColumns, needs_learning
from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.image_paths import are_paths
from keras_multiclass._data.labels.target import IncrementalTarget
from keras_multiclass._data.one_input import count_rows
from keras_multiclass._data.ragged import arrange, shape_of
from keras_multiclass._data.rows import Features
from keras_multiclass._data.stream_batches import Batch
from keras_multiclass._data.streams import Stream
from keras_multiclass._data.text import TextEncoder, read_texts
from keras_multiclass._data.text_sample import TextSample
from keras_multiclass._data.text_schema import TextSchema
from keras_multiclass._data.weights import check_sample_weight
from keras_multiclass._network.backbone_resolution import NetworkParameters
from keras_multiclass._shared.keras.environment import array_dtype
from keras_multiclass._shared.messages import invalid, warn
from keras_multiclass._training.fit_parameters import FitParameters
from keras_multiclass._training.reading.batches import batch_errors
from keras_multiclass._training.reading.features import (
    learn_table,
    may_have_columns,
    text_parameters,
)
from keras_multiclass._training.reading.stream_split import RowSplit

_MOST_TEXTS = 2**20
_MOST_CHARACTERS = 2**26


class Learner(Protocol):
    """Learns from all batches what the first batch does not say."""

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
    if are_paths(first.X):
        raise TypeError(
            invalid(
                f"Batch 1 of {stream.name}",
                "numbers or texts",
                "paths of image files",
                "Pass all paths to fit as a list or array, which decodes the files, or decode "
                "them in the stream.",
            )
        )
    with batch_errors(stream, 1):
        learner = _learner_for(parameters, first.X, backbone)
    if learner is not None:
        for number, batch in enumerate(chain([first], batches), start=1):
            with batch_errors(stream, number):
                learner.add(batch.X, rows.of(batch))
        batches = stream.first_pass()
        first = next(batches)
    with batch_errors(stream, 1):
        if learner is not None:
            features, X = learner.features(first.X)
        else:
            arranged = arrange(first.X, parameters.settings.layout)
            features, X = learn_table(parameters, arranged, backbone, None, None)
    return features, X, first, batches


def _learner_for(parameters: FitParameters, X: Any, backbone: NetworkParameters) -> Learner | None:
    if backbone.is_text:
        return _Texts(parameters, backbone)
    arranged = arrange(X, parameters.settings.layout)
    choices = parameters.categorical_features, parameters.text_features
    is_table = may_have_columns(parameters, arranged, backbone) and len(shape_of(X)) == 2
    if is_table and needs_learning(arranged, *choices):
        return _Columns(parameters, backbone)
    return None


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
        n_rows = count_rows(batch.X) or 0
        weights = check_sample_weight(batch.sample_weight, n_rows, np.float64, allow_all_zero=True)
        counted = np.ones(n_rows, bool) if weights is None else weights > 0
        if self._places is not None:
            mask = self._places.mask(self._labels.encode(batch.y), weights)
            if len(mask) == n_rows:  # else the next pass raises a better error
                counted &= ~mask
        return None if counted.all() else np.flatnonzero(counted)


class _Columns:
    """Categories, dates and texts in the columns of a table."""

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
