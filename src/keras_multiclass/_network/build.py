"""Builds the network of a fit from a backbone: input, preprocessing, backbone and head."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_multiclass._data.columns.categories import CategoricalColumns
from keras_multiclass._data.packed import Block
from keras_multiclass._data.statistics import Standardization, Statistics
from keras_multiclass._network.augmentation import augmented, mixes
from keras_multiclass._network.backbone_calls import call_builder, check_features
from keras_multiclass._network.backbone_resolution import ResolvedBackbone
from keras_multiclass._network.backbones.padding import blank_padding, every_step
from keras_multiclass._network.builder_arguments import is_required
from keras_multiclass._network.layers.embedding import Embedding
from keras_multiclass._network.layers.heads import MemberDense, Temperature
from keras_multiclass._network.layers.real_steps import RealSteps
from keras_multiclass._network.layers.stacked_dense import StackedDense
from keras_multiclass._network.layers.table_columns import FillGaps, GapIndicator, SelectColumns
from keras_multiclass._network.mixing import MixingEnsemble, MixingNetwork
from keras_multiclass._network.objective import Objective
from keras_multiclass._network.pretrained import preprocessing_of, with_channels
from keras_multiclass._network.row_independence import check_stateless
from keras_multiclass._network.scaling import is_own_scaling, scaled_by, standardized
from keras_multiclass._network.several_inputs import PreparedInputs, prepare_inputs
from keras_multiclass._network.side_by_side import EnsembleNetwork, side_by_side
from keras_multiclass._network.table_preprocessing import (
    MAX_ONE_HOT_CATEGORIES,
    can_be_one_hot,
    read_table,
)
from keras_multiclass._shared.messages import describe, invalid, warn

EMBEDDING_UNITS = 32
_TABLE_SCALINGS = ("standard", "robust", "quantile")


@dataclass(frozen=True)
class InputDescription:
    """The rows that a network is built for.

    Attributes
    ----------
    shape : tuple of int
        Shape of one row; None for the steps of sequences of any length.
    statistics : Statistics
        Statistics of the weighted training rows.
    dtype : str
        Dtype of the rows.
    tokens : ndarray of bool or None
        Which token ids occur, from 0 to the highest; None if X holds no token ids.
    is_table : bool
        Whether X is a table, which may have categorical columns and missing values.
    columns : CategoricalColumns or None
        The categorical columns.
    n_terms : int or None
        Size of the vocabulary, if X holds bags of terms.
    names : sequence of str
        Names of the columns of a table.
    fills_gaps : bool
        Whether X may have missing values.
    inputs : mapping of str to (Block, InputDescription)
        If rows hold several inputs side by side, the columns and the rows of each.
    blocks : sequence of sequence of int
        Positions of the columns that hold the numbers of each text.
    sample : callable or None
        Returns some of the rows.
    """

    shape: tuple[int | None, ...]
    statistics: Statistics
    dtype: str
    tokens: np.ndarray | None = None
    is_table: bool = False
    columns: CategoricalColumns | None = None
    names: Sequence[str] = ()
    n_terms: int | None = None
    fills_gaps: bool = False
    inputs: Mapping[str, tuple[Block, InputDescription]] = field(default_factory=dict)
    blocks: Sequence[Sequence[int]] = ()
    sample: Callable[[], np.ndarray] | None = None

    @property
    def any_length(self) -> bool:
        """Whether rows are sequences of any length."""
        return self.shape[:1] == (None,) and self.tokens is None


def build_network(
    backbone: ResolvedBackbone,
    arguments: Mapping[str, Any],
    rows: InputDescription,
    *,
    objective: Objective,
    scaling: Any,
    augmentation: Any = None,
    n_ensemble: int = 1,
    may_stack: bool = False,
    calibrated: bool = False,
) -> tuple[keras.Model, list[str]]:
    """Build input, preprocessing, backbone and a head that emits one logit per class.

    Parameters
    ----------
    backbone : ResolvedBackbone
        The backbone.
    arguments : mapping
        Arguments routed to its builder.
    rows : InputDescription
        The rows that the network reads.
    objective : Objective
        What the network predicts.
    scaling : str, None, or mapping of str to either
        How numbers are scaled, for several inputs those of each.
    augmentation : object, default=None
        What changes rows during training, for several inputs those of each.
    n_ensemble : int, default=1
        Number of members, each with backbone and head, on the same preprocessing.
    may_stack : bool, default=False
        Whether members may share variables that hold the weights of all of them.
    calibrated : bool, default=False
        Whether the network gets a temperature.

    Returns
    -------
    model : keras.Model
        The network.
    names : list of str
        Names of the inputs of the backbone, if X is a table.

    Raises
    ------
    BackboneError
        If the builder fails, or returns something other than features.
    """
    float_dtype = "float64" if keras.config.floatx() == "float64" else "float32"
    backbone.check_arguments(arguments, ("n_members",) if backbone.stacked else ())
    inputs = keras.Input(rows.shape, dtype=rows.dtype, name="features")

    def build_logits(x: Any, supplied: Mapping[str, Any]) -> Any:
        features = call_builder(backbone, x, {**arguments, **supplied})
        check_features(features, backbone, members="n_members" in supplied)
        return _add_head(backbone, features, objective.n_classes, float_dtype)

    if n_ensemble == 1:
        read = _preprocess(inputs, backbone, rows, scaling, augmentation)
        logits = build_logits(read.x, read.supplied)
    elif not rows.inputs and rows.tokens is None and can_be_one_hot(rows.columns):
        read = _preprocess(inputs, backbone, rows, scaling, augmentation, max_one_hot=math.inf)
        if backbone.stacked and may_stack:
            logits = build_logits(read.x, {**read.supplied, "n_members": n_ensemble})
        else:
            logits = side_by_side(build_logits, read.x, read.supplied, n_ensemble)
    else:  # Each member learns embeddings of its own.

        def read_and_build(inputs: Any, _: Mapping[str, Any]) -> Any:
            nonlocal read
            read = _preprocess(inputs, backbone, rows, scaling, augmentation)
            return build_logits(read.x, read.supplied)

        logits = side_by_side(read_and_build, inputs, {}, n_ensemble)
    if n_ensemble > 1 or backbone.ensemble:
        logits = objective.average_layer(dtype=float_dtype, name="logits")(logits)
    if calibrated:
        temperature = Temperature(
            objective.temperature_of_each, dtype=float_dtype, name="temperature"
        )
        logits = temperature(logits)
    model = _class_of(n_ensemble, mixing=mixes(augmentation))(inputs, logits)
    check_stateless(model, "backbone")
    return model, read.names


def _class_of(n_ensemble: int, *, mixing: bool) -> type[keras.Model]:
    if mixing:
        return MixingEnsemble if n_ensemble > 1 else MixingNetwork
    return EnsembleNetwork if n_ensemble > 1 else keras.Model


def check_scaling(scaling: Any, is_table: bool) -> None:
    """Raise ``ValueError`` if `scaling` is only for tables and X is not one, or for inputs."""
    if isinstance(scaling, Mapping):
        allowed = "one value unless X is a dict of inputs"
        raise ValueError(invalid("`scaling`", allowed, describe(scaling)))
    if is_table and not (scaling is None or scaling in _TABLE_SCALINGS):
        raise ValueError(
            invalid(
                "`scaling`",
                f"'auto', {', '.join(map(repr, _TABLE_SCALINGS))} or None if X is a table",
                describe(scaling),
                "Put a scikit-learn transformer in front, with make_pipeline.",
            )
        )
    if not is_table and isinstance(scaling, str) and scaling in ("robust", "quantile"):
        raise ValueError(
            invalid(
                "`scaling`",
                "'auto', 'standard', 'pretrained', None, a keras.Layer or a function of tensors "
                "unless X is a table for a table backbone",
                repr(scaling),
            )
        )


def _add_head(backbone: ResolvedBackbone, features: Any, n_classes: int, dtype: str) -> Any:
    """Add logits to features of rank 2, or of rank 3 with members on the second axis."""
    if len(features.shape) == 2:
        return backbone.head(n_classes, dtype=dtype, name="logits")(features)
    head = backbone.head
    if backbone.ensemble:
        head = MemberDense
    elif head is keras.layers.Dense:  # which would share its weights between members
        head = StackedDense
    return head(n_classes, dtype=dtype, name="member_logits")(features)


@dataclass(frozen=True)
class _Preprocessed:
    """The input of a backbone.

    Attributes
    ----------
    x : KerasTensor
        The input.
    supplied : mapping
        Further arguments that the builder has parameters for.
    names : list of str, default=[]
        Names of the columns of ``x``, if X is a table.
    """

    x: Any
    supplied: Mapping[str, Any]
    names: list[str] = field(default_factory=list)


def _preprocess(
    inputs: Any,
    backbone: ResolvedBackbone,
    rows: InputDescription,
    scaling: Any,
    augmentation: Any = None,
    max_one_hot: float = MAX_ONE_HOT_CATEGORIES,
) -> _Preprocessed | PreparedInputs:
    """Add the layers between the input and the backbone."""
    if rows.inputs:
        return prepare_inputs(inputs, backbone, rows, scaling, augmentation or {}, _preprocess)
    if rows.any_length:
        x, mask = RealSteps(dtype=inputs.dtype, name="real_steps")(inputs)
    else:
        x, mask = inputs, None
    x = augmented(x, augmentation, rows, backbone.kind)
    if rows.is_table:
        table = read_table(
            x, rows.columns, rows.statistics, scaling, rows.names, max_one_hot, rows.blocks
        )
        supplied = {"table": table.table} if backbone.takes("table") else {}
        return _Preprocessed(table.x, supplied, table.names)
    is_own = is_own_scaling(scaling)
    if is_own and (rows.n_terms is not None or rows.tokens is not None):
        allowed = "'auto' or None if X holds texts or token ids"
        raise ValueError(invalid("`scaling`", allowed, describe(scaling)))
    if rows.n_terms is not None:
        return _Preprocessed(x, {"n_terms": rows.n_terms} if backbone.takes("n_terms") else {})
    is_embedded = rows.tokens is not None
    masked = backbone.takes_mask((*rows.shape, EMBEDDING_UNITS) if is_embedded else rows.shape)
    if rows.tokens is not None:
        x = _embed(inputs, rows.tokens)
        mask = ops.not_equal(inputs, 0)
    else:
        padded = False
        if not rows.any_length and masked and _is_padded(rows.statistics):
            padded, mask = True, _up_to_last_step(inputs)
        axes = backbone.standardization(rows.shape, skip_padding=padded)
        if scaling == "standard":
            x = standardized(x, *rows.statistics.moments(axes), gray=axes.single_channel)
        x = with_channels(x, backbone.network, backbone.label)
        if scaling == "pretrained":
            x = preprocessing_of(backbone.network)(x)  # type: ignore[misc]
        if is_own:
            x = scaled_by(x, scaling)
        if rows.fills_gaps:
            x = _filled(x, rows.statistics, None if scaling == "standard" else axes)
        x = blank_padding(x, mask) if rows.any_length else x
    if masked and mask is None and is_required(backbone.build, "mask"):
        mask = every_step(inputs)
    return _Preprocessed(x, {"mask": mask} if masked and mask is not None else {})


def _filled(x: Any, statistics: Statistics, raw: Standardization | None) -> Any:
    """Replace missing values of sequences by the mean of their channel, and mark them.

    Means are 0 unless numbers are raw. Channels that lack values in training rows are marked.
    """
    layer = FillGaps(dtype=x.dtype, name="fill_gaps")
    filled = layer(x)
    if raw is not None:
        layer.fill.assign(statistics.moments(raw)[0])
    incomplete = np.flatnonzero(statistics.has_missing()).tolist()
    if not incomplete:
        return filled
    if len(incomplete) < x.shape[-1]:
        x = SelectColumns(incomplete, dtype=x.dtype)(x)
    return keras.layers.Concatenate(dtype=x.dtype)([filled, GapIndicator(dtype=x.dtype)(x)])


def _embed(inputs: Any, tokens: np.ndarray) -> Any:
    """Embed token ids; those that do not occur in the training rows share one vector."""
    unknown = len(tokens)
    layer = Embedding(unknown + 1, EMBEDDING_UNITS)
    x = layer(ops.minimum(inputs, unknown))
    if not tokens[1:].all():
        vectors = ops.convert_to_numpy(layer.embeddings).copy()
        vectors[:-1][~tokens] = vectors[unknown]
        layer.embeddings.assign(vectors)
    return x


def _is_padded(statistics: Statistics) -> bool:
    """Whether all-zero steps at the end of sequences are padding; warn of padding at the start."""
    where = statistics.padding()
    if where == "start":
        warn(
            "All-zero steps of X must be at the end of sequences to be read as padding; got some "
            "at the start, which are read as data. For padding, use keras.utils.pad_sequences(..., "
            "padding='post')."
        )
    return where == "end"


def _up_to_last_step(inputs: Any) -> Any:
    """Return the mask of :func:`keras_multiclass._data.padding.padding_mask`."""
    nonzero = ops.cast(ops.any(ops.not_equal(inputs, 0), axis=-1), "float32")
    following = ops.flip(ops.cumsum(ops.flip(nonzero, axis=1), axis=1), axis=1)
    return ops.greater(following, 0)
