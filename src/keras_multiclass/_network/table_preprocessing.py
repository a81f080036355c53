"""The first layers of a network for tables: gaps filled, numbers scaled, categories encoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np

from keras_multiclass._data.categories import CategoricalColumn, CategoricalColumns
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

# Categories of more levels get embeddings.
MOST_ONE_HOT_LEVELS = 9
EMBEDDING_UNITS = 8
_QUARTILES = np.array([0.0, 0.25, 0.5, 0.75, 1.0])


@dataclass(frozen=True)
class TableInputs:
    """What a backbone reads of a table.

    Attributes
    ----------
    x : KerasTensor of shape (batch, n_inputs)
        The inputs.
    table : TableLayout
        Which of them are what.
    names : list of str
        Their names.
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
) -> TableInputs:
    """Build the layers between the raw columns and the backbone.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, n_columns)
        Numbers and codes.
    columns : CategoricalColumns or None
        Which are categories; None if none is.
    statistics : Statistics
        Of the training rows.
    scaling : {"standard", "robust", "quantile"} or None
        How numbers are scaled.
    names : sequence of str
        Names of the columns.
    """
    numeric = list(range(inputs.shape[-1])) if columns is None else columns.numeric
    has_gaps = statistics.has_missing()
    gaps = [i for i in numeric if has_gaps[i]]
    parts = _Parts([], [], [])
    if numeric:
        x = _scaled(_select(inputs, numeric), numeric, statistics, scaling)
        x = _filled(x, numeric, statistics, scaling)
        parts.add(x, [names[i] for i in numeric])
    if gaps:
        indicator = GapIndicator(dtype=inputs.dtype)(_select(inputs, gaps))
        parts.add(indicator, [f"{names[i]}_missing" for i in gaps], [1] * len(gaps))
    if columns is not None:
        _add_categories(parts, inputs, columns, names)
    x = parts.tensors[0]
    if len(parts.tensors) > 1:
        x = keras.layers.Concatenate(dtype=inputs.dtype)(parts.tensors)
    quantiles = partial(_scaled_quantiles, inputs, parts.tensors[0], numeric, statistics)
    table = TableLayout(len(numeric), tuple(parts.widths), quantiles)
    return TableInputs(x, table, parts.names)


@dataclass(frozen=True)
class _Parts:
    """What is put side by side, the widths of its blocks after the numbers, and all names."""

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
    """Give medians and squared spreads: the interquartile range, or half the range, or 1."""
    lowest, first, median, third, highest = quartiles.T
    spread = np.where(third > first, third - first, highest / 2 - lowest / 2)
    return median, np.where(spread > 0, spread, 1.0) ** 2


def _filled(x: Any, numeric: list[int], statistics: Statistics, scaling: str | None) -> Any:
    """Put the middle of a column, which scaling makes 0, where there is a gap."""
    layer = FillGaps(dtype=x.dtype, name="fill_gaps")
    x = layer(x)
    if scaling is None:
        mean, _ = statistics.moments(Standardization())
        layer.fill.assign(mean[numeric])
    return x


def _scaled_quantiles(
    inputs: Any, numbers: Any, numeric: list[int], statistics: Statistics, levels: FloatArray
) -> FloatArray:
    """Send quantiles through the layers that scale: they keep the order of numbers."""
    if not numeric:
        return np.zeros((0, len(levels)))
    rows = np.zeros((len(levels), inputs.shape[-1]))
    rows[:, numeric] = statistics.quantiles(numeric, levels).T
    scaled = keras.Model(inputs, numbers)(keras.ops.convert_to_tensor(rows, inputs.dtype))
    return keras.ops.convert_to_numpy(scaled).T.astype(np.float64)


def _add_categories(
    parts: _Parts, inputs: Any, columns: CategoricalColumns, names: Sequence[str]
) -> None:
    few = [
        c for c in columns.categorical if len(c.categories) + c.has_missing <= MOST_ONE_HOT_LEVELS
    ]
    many = [c for c in columns.categorical if c not in few]
    if few:
        one_hot = OneHotCodes(
            [len(c.categories) for c in few], [c.has_missing for c in few], dtype=inputs.dtype
        )
        encoded = one_hot(_select(inputs, [c.position for c in few]))
        found = [name for c in few for name in _one_hot_names(c, names[c.position])]
        parts.add(encoded, found, one_hot.widths)
    for category in many:
        embedding = CodeEmbedding(
            len(category.categories), category.has_missing, EMBEDDING_UNITS, dtype=inputs.dtype
        )
        found = [f"{names[category.position]}_embedding{i}" for i in range(EMBEDDING_UNITS)]
        parts.add(embedding(_select(inputs, [category.position])), found, [EMBEDDING_UNITS])


def _one_hot_names(category: CategoricalColumn, name: str) -> list[str]:
    levels = [*map(str, category.categories), *(["missing"] if category.has_missing else [])]
    return [f"{name}_{level}" for level in (levels[1:] if len(levels) == 2 else levels)]
