"""Classes, weights and statistics, collected in one pass over a stream before training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.labels.target import IncrementalTarget
from keras_multiclass._data.packed import Block, PackedSchema
from keras_multiclass._data.padding import ZeroSteps
from keras_multiclass._data.row_sample import RowSample
from keras_multiclass._data.rows import Features, TrainingData
from keras_multiclass._data.statistics import (
    ArrayStatistics,
    Moments,
    Standardization,
    most_quantile_rows,
)
from keras_multiclass._data.texts.schema import TextSchema
from keras_multiclass._data.tokens import occurring_tokens
from keras_multiclass._network.backbone_resolution import ResolvedBackbone
from keras_multiclass._network.input_backbones import InputBackbones
from keras_multiclass._shared.typing import FloatArray, IndexArray


class FirstPass:
    """Accumulates statistics of checked batches.

    Parameters
    ----------
    standardizations : sequence of Standardization
        How features may be standardized; empty if means and variances are not needed.
    labels : IncrementalTarget or None
        Has encoded the targets of the batches, and counts them; None if something else does.
    by_class : bool
        Whether means and variances are kept for each class, since class weights will count.
    token_ids : bool
        Whether X holds token ids.
    find_missing : bool
        Whether to look for missing values.
    n_sampled : int, default=0
        Number of rows to keep for quantiles.
    inputs : mapping of str to tuple of Block and FirstPass, default={}
        The columns of each of several inputs, and what learns from them.
    """

    def __init__(
        self,
        standardizations: Sequence[Standardization],
        labels: IncrementalTarget | None,
        *,
        by_class: bool,
        token_ids: bool,
        find_missing: bool,
        n_sampled: int = 0,
        inputs: Mapping[str, tuple[Block, FirstPass]] | None = None,
    ) -> None:
        self._moments = {kind: Moments(kind) for kind in standardizations}
        self._groups: dict[int, _Group] = {}
        self._sample = RowSample(n_sampled) if n_sampled else None
        self._labels = labels
        self._by_class = by_class
        self.token_ids = token_ids
        self._find_missing = find_missing
        self._inputs = inputs or {}
        self._weighted = False
        self._largest_weight = 0.0
        self._n_batches = 0
        self._n_rows = 0

    @classmethod
    def over(
        cls,
        features: FeatureSchema,
        backbone: ResolvedBackbone | None,
        labels: IncrementalTarget | None,
        scaling: Any,
        *,
        by_class: bool,
    ) -> FirstPass:
        """Return what collects the statistics that a backbone may need.

        Parameters
        ----------
        features : FeatureSchema
            What was learned about X.
        backbone : ResolvedBackbone or None
            The backbone; None if statistics are not needed.
        labels, by_class
            As the parameters of the class.
        scaling : str, None or mapping
            How the network scales numbers, of several inputs each.
        """
        if isinstance(features, PackedSchema):
            parts = backbone.parts if isinstance(backbone, InputBackbones) else {}
            inputs = {}
            for name, block in features.blocks.items():
                own_scaling = scaling.get(name) if isinstance(scaling, Mapping) else scaling
                schema, part = features.schemas[name], parts.get(name)
                of_input = cls.over(schema, part, None, own_scaling, by_class=by_class)
                inputs[name] = (block, of_input)
            options = {"token_ids": False, "find_missing": False}
            return cls([], labels, by_class=by_class, inputs=inputs, **options)
        standardizations, shape, n_sampled = [], features.network_shape, 0
        if backbone is not None and features.allow_nan and len(shape) == 1:
            needs_quantiles = scaling in ("robust", "quantile") or backbone.takes("table")
            n_sampled = most_quantile_rows(len(features.network_names)) if needs_quantiles else 0
        if backbone is not None and not features.token_ids and not isinstance(features, TextSchema):
            may_be_padded = backbone.takes_mask(shape) and not features.any_length
            kinds = (False, True) if may_be_padded else (False,)
            standardizations = [backbone.standardization(shape, skip_padding=k) for k in kinds]
        return cls(
            standardizations,
            labels,
            by_class=by_class,
            token_ids=features.token_ids,
            find_missing=features.allow_nan,
            n_sampled=n_sampled,
        )

    def add(self, batch: TrainingData) -> None:
        """Learn from one checked batch, whose ``y`` holds numbers from `IncrementalLabels`."""
        weights = batch.sample_weight
        self._n_batches += 1
        self._n_rows += batch.n_samples
        self._weighted = self._weighted or batch.weighted
        self._largest_weight = max(self._largest_weight, batch.largest_weight)
        if self._labels is not None:
            self._labels.count(batch.y, weights)
        for block, own in self._inputs.values():
            X = block.of(batch.X)
            own.add(replace(batch, X=X.astype(np.int32) if own.token_ids else X))
        for moments in self._moments.values():
            moments.add(batch.X, weights, batch.y if self._by_class else None)
        if self._sample is not None:
            self._add_to_sample(self._sample, batch)
        for label in np.unique(batch.y).tolist() if self._by_class else [0]:
            counted = np.ones(batch.n_samples, bool) if weights is None else weights > 0
            if self._by_class:
                counted &= batch.y == label
            if counted.any():
                self._add_to_group(label, batch.X, np.flatnonzero(counted))

    def _add_to_sample(self, sample: RowSample, batch: TrainingData) -> None:
        weights = np.ones(batch.n_samples) if batch.sample_weight is None else batch.sample_weight
        rows = np.flatnonzero(weights)
        chosen = rows[sample.select(len(rows))]
        if len(chosen):
            sample.add(batch.X[chosen], batch.y[chosen], weights[chosen])

    def _add_to_group(self, label: int, X: Features, rows: IndexArray) -> None:
        group = self._groups.setdefault(label, _Group())
        if self.token_ids:
            group.tokens = occurring_tokens(X[rows], group.tokens)
        if self._find_missing:
            missing = ArrayStatistics(X, rows=rows).has_missing()
            group.has_missing = group.has_missing | missing
        if len(self._moments) > 1:
            group.zero_steps.add(X, rows)

    def summary(self) -> StreamSummary:
        """Return the statistics of all batches."""
        return StreamSummary(
            n_batches=self._n_batches,
            n_rows=self._n_rows,
            weighted=self._weighted,
            largest_weight=self._largest_weight,
            token_ids=self.token_ids,
            groups=self._groups,
            moments=self._moments,
            sample=() if self._sample is None else self._sample.arrays(),
            by_class=self._by_class,
            inputs={name: own.summary() for name, (_, own) in self._inputs.items()},
        )


@dataclass
class _Group:
    """What is learned from rows of one class, or from all rows, besides means and variances."""

    tokens: np.ndarray = field(default_factory=lambda: np.zeros(1, bool))
    has_missing: np.ndarray | bool = False
    zero_steps: ZeroSteps = field(default_factory=ZeroSteps)


@dataclass(frozen=True)
class StreamSummary:
    """Statistics of all batches of a stream.

    Attributes
    ----------
    n_batches, n_rows : int
        Numbers of batches and rows.
    weighted : bool
        Whether any batch has sample weights.
    largest_weight : float
        The largest sample weight.
    token_ids : bool
        Whether X holds token ids.
    groups : dict of int to _Group
        Token ids, missing values and padding, for each label if `by_class`.
    moments : dict of Standardization to Moments
        Means and variances, as far as needed.
    sample : tuple of ndarray or sparse matrix
        X, numbers of labels and weights of some rows, of all if they are few; empty if not needed.
    by_class : bool
        Whether these are kept for each class.
    inputs : mapping of str to StreamSummary
        Statistics of each of several inputs.
    """

    n_batches: int
    n_rows: int
    weighted: bool
    largest_weight: float
    token_ids: bool
    groups: dict[int, _Group]
    moments: dict[Standardization, Moments]
    sample: tuple[Any, ...]
    by_class: bool
    inputs: Mapping[str, StreamSummary] = field(default_factory=dict)


@dataclass(frozen=True)
class StreamStatistics:
    """Statistics of the weighted rows of a stream; quantiles are those of a sample.

    Attributes
    ----------
    summary : StreamSummary
        What was learned.
    codes : ndarray of int of shape (n_labels,)
        The class index of each number of the stream's labels.
    class_weights : ndarray of shape (n_classes,) or None
        The class weights.
    """

    summary: StreamSummary
    codes: IndexArray
    class_weights: FloatArray | None

    def of_input(self, name: str) -> StreamStatistics:
        """Return the statistics of one of several inputs."""
        return replace(self, summary=self.summary.inputs[name])

    def moments(self, scaling: Standardization) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance of each feature."""
        moments = self.summary.moments.get(scaling)
        if moments is None:
            raise RuntimeError("the network needs other means and variances than were measured")
        if not self.summary.by_class:
            return moments.combine(None)
        if self.class_weights is None:
            return moments.combine(np.ones(len(self.codes)))
        return moments.combine(self.class_weights[self.codes])

    def quantiles(self, positions: Sequence[int], levels: np.ndarray) -> np.ndarray:
        """Return quantiles of some columns."""
        if not self.summary.sample:
            raise RuntimeError("the network needs quantiles, for which no rows were kept")
        X, labels, weights = self.summary.sample
        if self.class_weights is not None:
            weights = weights * self.class_weights[self.codes[labels]]
        return ArrayStatistics(X, weights).quantiles(positions, levels)

    def has_missing(self) -> np.ndarray:
        """Return which columns have missing values."""
        return np.any(np.array([group.has_missing for group in self._groups()]), axis=0)

    def padding(self) -> Literal["end", "start"] | None:
        """Return where sequences are padded."""
        return sum((group.zero_steps for group in self._groups()), ZeroSteps()).padding

    def tokens(self) -> np.ndarray | None:
        """Return which token ids occur; None if X holds no token ids."""
        if not self.summary.token_ids:
            return None
        occurring = [np.flatnonzero(group.tokens) for group in self._groups()]
        return occurring_tokens(np.concatenate(occurring))

    def _groups(self) -> list[_Group]:
        """Return what was learned from rows of positive weight."""
        groups, weights = self.summary.groups, self.class_weights
        if not self.summary.by_class or weights is None:
            return list(groups.values())
        return [group for label, group in groups.items() if weights[self.codes[label]] > 0]
