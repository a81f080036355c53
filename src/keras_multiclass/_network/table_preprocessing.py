"""First layers of a network for tables: imputation, scaling and encoding of categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np

from keras_multiclass._data.columns.categories import CategoricalColumn, CategoricalColumns
from keras_multiclass._data.statistics import Standardization, Statistics
from keras_multiclass._network.backbones import TableLayout
from keras_multiclass._network.layers.table_columns import (
    CodeEmbedding,
    FillGaps,
    GapIndicator,
    OneHotCodes,
    QuantileToNormal,
    SelectColumns,
    SmoothClip,
)
from keras_multiclass._network.scaling import standardized
from keras_multiclass._shared.typing import FloatArray

# Columns with more categories are embedded.
MAX_ONE_HOT_CATEGORIES = 9
# The members of an ensemble share one-hot columns, up to so many, but not learned embeddings.
_MOST_ONE_HOT_COLUMNS = 2048
EMBEDDING_UNITS = 8
_QUARTILES = np.array([0.0, 0.25, 0.5, 0.75, 1.0])


@dataclass(frozen=True)
class TableInputs:
    """Preprocessed inputs of a table backbone.

    Attributes
    ----------
    x : KerasTensor of shape (batch, n_inputs)
        The inputs.
    table : TableLayout
        Layout of the inputs.
    names : list of str
        Names of the inputs.
    """

    x: Any
    table: TableLayout
    names: list[str]


def read_table(
    inputs: Any,
    columns: CategoricalColumns | None,
    statistics: Statistics,
    scaling: str | None,
    names: Sequence[str],
    max_one_hot: float = MAX_ONE_HOT_CATEGORIES,
    blocks: Sequence[Sequence[int]] = (),
) -> TableInputs:
    """Build the layers between the raw columns and the backbone.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, n_columns)
        Numbers and category codes.
    columns : CategoricalColumns or None
        The categorical columns; None if there are none.
    statistics : Statistics
        Statistics of the training rows.
    scaling : {"standard", "robust", "quantile"} or None
        Scaling of the numbers.
    names : sequence of str
        Names of the columns.
    max_one_hot : float, default=9
        Columns with more categories are embedded.
    blocks : sequence of sequence of int, default=()
        Positions of the numbers of each text, which the backbone gets as they are.
    """
    numeric = list(range(inputs.shape[-1])) if columns is None else columns.numeric
    unscaled = {i for block in blocks for i in block}
    numeric = [i for i in numeric if i not in unscaled]
    has_missing = statistics.has_missing()
    incomplete = [i for i in numeric if has_missing[i]]
    parts = _Parts([], [], [])
    if numeric:
        x = _scaled(_select(inputs, numeric), numeric, statistics, scaling)
        x = _imputed(x, numeric, statistics, scaling)
        parts.add(x, [names[i] for i in numeric])
    if incomplete:
        indicator = GapIndicator(dtype=inputs.dtype)(_select(inputs, incomplete))
        parts.add(indicator, [f"{names[i]}_missing" for i in incomplete], [1] * len(incomplete))
    if columns is not None:
        _add_categories(parts, inputs, columns, names, max_one_hot)
    for block in blocks:
        parts.add(_select(inputs, list(block)), [names[i] for i in block], [len(block)])
    x = parts.tensors[0]
    if len(parts.tensors) > 1:
        x = keras.layers.Concatenate(dtype=inputs.dtype)(parts.tensors)
    quantiles = partial(_scaled_quantiles, inputs, parts.tensors[0], numeric, statistics)
    table = TableLayout(len(numeric), tuple(parts.widths), quantiles)
    return TableInputs(x, table, parts.names)


@dataclass(frozen=True)
class _Parts:
    """Tensors to concatenate, widths of the blocks after the numbers, and names of all inputs."""

    tensors: list[Any]
    widths: list[int]
    names: list[str]

    def add(self, tensor: Any, names: Sequence[str], widths: Sequence[int] = ()) -> None:
        self.tensors.append(tensor)
        self.names.extend(names)
        self.widths.extend(widths)


def _select(inputs: Any, positions: list[int]) -> Any:
    if positions == list(range(inputs.shape[-1])):
        return inputs
    return SelectColumns(positions, dtype=inputs.dtype)(inputs)


def _scaled(x: Any, numeric: list[int], statistics: Statistics, scaling: str | None) -> Any:
    if scaling == "quantile":
        layer = QuantileToNormal(dtype=x.dtype, name="quantile_to_normal")
        x = layer(x)
        layer.adapt(statistics.quantiles(numeric, np.linspace(0, 1, layer.n_bins + 1)))
    elif scaling == "robust":
        x = standardized(x, *_median_and_spread(statistics.quantiles(numeric, _QUARTILES)))
        x = SmoothClip(dtype=x.dtype, name="smooth_clip")(x)
    elif scaling == "standard":
        mean, variance = statistics.moments(Standardization())
        x = standardized(x, mean[numeric], variance[numeric])
    return x


def _median_and_spread(quartiles: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return medians and squared spreads: the interquartile range, half the range, or 1."""
    lowest, first, median, third, highest = quartiles.T
    spread = np.where(third > first, third - first, highest / 2 - lowest / 2)
    return median, np.where(spread > 0, spread, 1.0) ** 2


def _imputed(x: Any, numeric: list[int], statistics: Statistics, scaling: str | None) -> Any:
    """Impute missing values by the center of a column, which is 0 after scaling."""
    layer = FillGaps(dtype=x.dtype, name="fill_gaps")
    x = layer(x)
    if scaling is None:
        mean, _ = statistics.moments(Standardization())
        layer.fill.assign(mean[numeric])
    return x


def _scaled_quantiles(
    inputs: Any, numbers: Any, numeric: list[int], statistics: Statistics, levels: FloatArray
) -> FloatArray:
    """Apply the scaling layers, which preserve order, to quantiles."""
    if not numeric:
        return np.zeros((0, len(levels)))
    rows = np.zeros((len(levels), inputs.shape[-1]))
    rows[:, numeric] = statistics.quantiles(numeric, levels).T
    scaled = keras.Model(inputs, numbers)(keras.ops.convert_to_tensor(rows, inputs.dtype))
    return keras.ops.convert_to_numpy(scaled).T.astype(np.float64)


def _add_categories(
    parts: _Parts,
    inputs: Any,
    columns: CategoricalColumns,
    names: Sequence[str],
    max_one_hot: float,
) -> None:
    few = [c for c in columns.categorical if _n_values(c) <= max_one_hot]
    many = [c for c in columns.categorical if c not in few]
    if few:
        one_hot = OneHotCodes(
            [len(c.categories) for c in few], [c.has_missing for c in few], dtype=inputs.dtype
        )
        encoded = one_hot(_select(inputs, [c.position for c in few]))
        encoded_names = [name for c in few for name in _one_hot_names(c, names[c.position])]
        parts.add(encoded, encoded_names, one_hot.widths)
    for column in many:
        embedding = CodeEmbedding(
            len(column.categories), column.has_missing, EMBEDDING_UNITS, dtype=inputs.dtype
        )
        encoded_names = [f"{names[column.position]}_embedding{i}" for i in range(EMBEDDING_UNITS)]
        parts.add(embedding(_select(inputs, [column.position])), encoded_names, [EMBEDDING_UNITS])


def can_be_one_hot(columns: CategoricalColumns | None) -> bool:
    """Whether all categories together are few enough to be one-hot encoded.

    Parameters
    ----------
    columns : CategoricalColumns or None
        The categorical columns.
    """
    return columns is None or sum(map(_n_values, columns.categorical)) <= _MOST_ONE_HOT_COLUMNS


def _n_values(column: CategoricalColumn) -> int:
    return len(column.categories) + column.has_missing


def _one_hot_names(column: CategoricalColumn, name: str) -> list[str]:
    values = [*map(str, column.categories), *(["missing"] if column.has_missing else [])]
    return [f"{name}_{value}" for value in (values[1:] if len(values) == 2 else values)]
