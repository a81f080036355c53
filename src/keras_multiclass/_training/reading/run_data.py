"""The data of one run, ready for building and training a network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.labels.target import TargetCodec
from keras_multiclass._data.packed import Block, PackedSchema, about_input
from keras_multiclass._data.rows import Data, TrainingData
from keras_multiclass._data.statistics import ArrayStatistics, Statistics
from keras_multiclass._data.tokens import occurring_tokens
from keras_multiclass._network.backbone_resolution import Recommendation, ResolvedBackbone
from keras_multiclass._network.build import InputDescription
from keras_multiclass._network.objective import Objective
from keras_multiclass._training.defaults import TrainingSettings
from keras_multiclass._training.reading.first_pass import StreamStatistics

_SOME_ROWS = 64


@dataclass(frozen=True)
class RunData:
    """What a run trains on, and what a network is built for.

    Attributes
    ----------
    codec : TargetCodec
        The classes or labels.
    objective : Objective
        What a network predicts.
    thresholds : ndarray or None
        Probabilities above which labels are predicted, as far as given; None if each row has one
        class.
    features : FeatureSchema
        Shape, names and categories of X.
    backbone : ResolvedBackbone or None
        The backbone for this X; None for a whole model.
    settings : TrainingSettings
        The plain parameters with ``"auto"`` resolved.
    training, validation : TrainingData, StreamData or None
        Checked and weighted rows.
    batch_size : int
        Rows per step.
    statistics : Statistics
        Statistics of the weighted training rows.
    sample : TrainingData
        Checked rows to try a user's model on.
    y : object
        The target as the user passed it; for a stream, of the first batch.
    tokens : ndarray of bool or None
        Which token ids occur in the training rows; None if X holds no token ids, or the network is
        known.
    """

    codec: TargetCodec
    objective: Objective
    thresholds: np.ndarray | None
    features: FeatureSchema
    backbone: ResolvedBackbone | None
    settings: TrainingSettings
    training: Data
    validation: Data | None
    batch_size: int
    statistics: Statistics
    sample: TrainingData
    y: object
    tokens: np.ndarray | None

    @property
    def is_table(self) -> bool:
        """Whether X is a table, which may have categorical columns and missing values."""
        return self.features.allow_nan and len(self.features.input_shape) == 1

    @property
    def weighted(self) -> bool:
        """Whether any rows have weights."""
        return self.training.weighted or (self.validation is not None and self.validation.weighted)

    @property
    def weighs_members(self) -> bool:
        """Whether each member of an ensemble trains on other rows."""
        return isinstance(self.training, TrainingData) and self.training.weighs_members

    def describe_inputs(self) -> InputDescription:
        """Describe the rows to the function that builds a network."""
        if isinstance(self.features, PackedSchema):
            return self._describe_each(self.features)
        return InputDescription(
            self.features.network_shape,
            self.statistics,
            self.features.input_dtype,
            tokens=self.tokens,
            is_table=self.is_table,
            columns=self.features.network_columns,
            names=self.features.network_names,
            blocks=self.features.network_blocks,
            fills_gaps=self.features.allow_nan,
            n_terms=self.features.n_terms,
            sample=self._some_rows,
        )

    def _some_rows(self) -> np.ndarray:
        """Return some rows from all over the sample."""
        last = self.sample.n_samples - 1
        return self.sample.features(np.linspace(0, last, _SOME_ROWS, dtype=int))

    def _describe_each(self, features: PackedSchema) -> InputDescription:
        """Describe the rows of each of several inputs, as if they were X alone."""
        inputs = {}
        for name, block in features.blocks.items():
            schema = features.schemas[name]
            statistics, tokens = self._statistics_of(name, schema, block)
            alone = replace(self, features=schema, statistics=statistics, tokens=tokens)
            own = replace(alone.describe_inputs(), sample=partial(self._some_of, block))
            inputs[name] = (block, own)
        return InputDescription(
            features.input_shape, self.statistics, features.dtype, inputs=inputs
        )

    def _some_of(self, block: Block) -> np.ndarray:
        return np.asarray(block.of(self._some_rows()))

    def _statistics_of(
        self, name: str, schema: FeatureSchema, block: Block
    ) -> tuple[Statistics, np.ndarray | None]:
        """Return the statistics of an input, and which token ids occur in it."""
        if isinstance(self.statistics, StreamStatistics):
            statistics = self.statistics.of_input(name)
            return statistics, statistics.tokens()
        rows = self.training
        assert isinstance(rows, TrainingData)
        X, tokens = block.of(rows.X), None
        if schema.token_ids:
            ids = X if rows.rows is None else X[rows.rows]
            with about_input(name):
                tokens = occurring_tokens(np.asarray(ids).astype(np.int32))
        return ArrayStatistics(X, rows.weight_of_rows, rows.rows), tokens


@dataclass(frozen=True)
class KnownData:
    """What an earlier run learned and chose, which further data must agree with.

    Attributes
    ----------
    codec : TargetCodec
        The classes or labels.
    features : FeatureSchema
        Checks X.
    recommendation : Recommendation or None
        The backbone, and what it recommended.
    n_ensemble : int
        Number of networks side by side.
    """

    codec: TargetCodec
    features: FeatureSchema
    recommendation: Recommendation | None
    n_ensemble: int
