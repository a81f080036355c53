"""Preprocessing layers for the columns of a table: missing values, scaling and categories.

They take a float matrix of raw numbers and category codes, with NaN for missing values. Statistics
of the training rows are stored as weights where possible, so that networks fitted to other rows
have the same structure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_multiclass._data.statistics import OUTERMOST_LEVEL
from keras_multiclass._network.layers.embedding import take_rows

_LARGEST_SCALED = 1e6


@keras.saving.register_keras_serializable(package="keras_multiclass")
class SelectColumns(keras.layers.Layer):
    """Select columns in the given order.

    Parameters
    ----------
    positions : sequence of int
        Indices of the columns.
    **options : dict
        Keyword arguments of ``keras.layers.Layer``.
    """

    xla_is_fast = True

    def __init__(self, positions: Sequence[int], **options: Any) -> None:
        super().__init__(**options)
        self.positions = tuple(int(i) for i in positions)

    def call(self, inputs: Any) -> Any:
        """Return a tensor of shape ``(batch, len(positions))``."""
        return ops.take(inputs, np.array(self.positions, np.int32), axis=-1)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``(batch, len(positions))``."""
        return (*input_shape[:-1], len(self.positions))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "positions": list(self.positions)}


@keras.saving.register_keras_serializable(package="keras_multiclass")
class FillGaps(keras.layers.Layer):
    """Replace NaN by one number per column, the weight ``fill``, initially zero."""

    xla_is_fast = True

    def build(self, input_shape: Any) -> None:
        """Create the weights."""
        self.fill = self.add_weight(
            shape=(input_shape[-1],), initializer="zeros", trainable=False, name="fill"
        )

    def call(self, inputs: Any) -> Any:
        """Return ``inputs`` without NaN."""
        return ops.where(ops.isnan(inputs), ops.convert_to_tensor(self.fill), inputs)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``input_shape``."""
        return input_shape


@keras.saving.register_keras_serializable(package="keras_multiclass")
class GapIndicator(keras.layers.Layer):
    """Mark missing values: 1 for NaN, 0 otherwise."""

    xla_is_fast = True

    def call(self, inputs: Any) -> Any:
        """Return a tensor of the shape of ``inputs``."""
        return ops.cast(ops.isnan(inputs), self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``input_shape``."""
        return input_shape


@keras.saving.register_keras_serializable(package="keras_multiclass")
class SmoothClip(keras.layers.Layer):
    r"""Bound numbers smoothly to (-limit, limit): ``x / sqrt(1 + (x / limit)**2)``.

    See section 3 of Holzmüller et al., "Better by default: Strong pre-tuned MLPs and boosted trees
    on tabular data", NeurIPS 2024.

    Parameters
    ----------
    limit : float, default=3.0
        Bound that large numbers approach.
    **options : dict
        Keyword arguments of ``keras.layers.Layer``.
    """

    xla_is_fast = True

    def __init__(self, limit: float = 3.0, **options: Any) -> None:
        super().__init__(**options)
        self.limit = limit

    def call(self, inputs: Any) -> Any:
        """Return a tensor of the shape of ``inputs``."""
        x = ops.clip(inputs, -_LARGEST_SCALED, _LARGEST_SCALED)  # keeps the square finite
        return x * ops.rsqrt(1.0 + ops.square(x * (1.0 / self.limit)))

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``input_shape``."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "limit": self.limit}


@keras.saving.register_keras_serializable(package="keras_multiclass")
class QuantileToNormal(keras.layers.Layer):
    """Map each number to the normal quantile of its rank among the training rows.

    The rank is a piecewise linear function of the number. A value shared by many rows is mapped to
    the middle of their ranks.

    Parameters
    ----------
    n_bins : int, default=64
        Number of pieces of the function.
    **options : dict
        Keyword arguments of ``keras.layers.Layer``.
    """

    xla_is_fast = True

    def __init__(self, n_bins: int = 64, **options: Any) -> None:
        super().__init__(**options)
        self.n_bins = n_bins

    def build(self, input_shape: Any) -> None:
        """Create the weights: start, 1 / width and increase in rank of each piece."""
        shape = (input_shape[-1], self.n_bins)
        self.starts, self.slopes, self.rises = (
            self.add_weight(shape=shape, initializer="zeros", trainable=False, name=name)
            for name in ("starts", "slopes", "rises")
        )
        self.lowest = self.add_weight(
            shape=shape[:1], initializer="zeros", trainable=False, name="lowest"
        )

    def adapt(self, quantiles: np.ndarray) -> None:
        """Set the weights from quantiles.

        Parameters
        ----------
        quantiles : ndarray of shape (n_columns, n_bins + 1)
            Quantiles of each column at evenly spaced levels from 0 to 1.
        """
        levels = np.linspace(0.0, 1.0, self.n_bins + 1)
        starts, slopes, rises = np.zeros((3, len(quantiles), self.n_bins))
        lowest = np.zeros(len(quantiles))
        for i, column in enumerate(quantiles):
            values, first, times = np.unique(column, return_index=True, return_counts=True)
            ranks = (levels[first] + levels[first + times - 1]) / 2
            n = len(values) - 1
            starts[i, :n], lowest[i] = values[:-1], ranks[0]
            slopes[i, :n], rises[i, :n] = 1 / np.diff(values), np.diff(ranks)
        for weight, value in zip(self.weights, (starts, slopes, rises, lowest), strict=True):
            weight.assign(value)

    def call(self, inputs: Any) -> Any:
        """Return a tensor of the shape of ``inputs``; NaN stays NaN."""
        x = ops.expand_dims(inputs, -1)
        passed = ops.clip((x - self.starts) * self.slopes, 0.0, 1.0)
        rank = self.lowest + ops.sum(passed * self.rises, axis=-1)
        rank = ops.clip(rank, OUTERMOST_LEVEL, 1.0 - OUTERMOST_LEVEL)
        return ops.erfinv(2.0 * rank - 1.0) * float(np.sqrt(2.0))

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``input_shape``."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "n_bins": self.n_bins}


@keras.saving.register_keras_serializable(package="keras_multiclass")
class OneHotCodes(keras.layers.Layer):
    """One-hot encode columns of codes; two categories become one column of -1 and 1.

    Unknown codes are encoded as zeros.

    Parameters
    ----------
    n_levels : sequence of int
        Number of categories of each column.
    gaps : sequence of bool
        Whether missing values form an additional last category of the column.
    **options : dict
        Keyword arguments of ``keras.layers.Layer``.
    """

    xla_is_fast = True

    def __init__(self, n_levels: Sequence[int], gaps: Sequence[bool], **options: Any) -> None:
        super().__init__(**options)
        self.n_levels = tuple(int(n) for n in n_levels)
        self.gaps = tuple(bool(g) for g in gaps)

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of encoded columns per column."""
        totals = [n + gap for n, gap in zip(self.n_levels, self.gaps, strict=True)]
        return tuple(1 if total == 2 else total for total in totals)

    def call(self, inputs: Any) -> Any:
        """Return a tensor of shape ``(batch, sum(widths))``."""
        sources: list[int] = []
        ones: list[int] = []
        minus_ones: list[int] = []
        for i, width in enumerate(self.widths):
            total = self.n_levels[i] + self.gaps[i]
            sources += [i] * width
            ones += [1] if total == 2 else range(total)
            minus_ones += [0 if total == 2 else _NO_CODE] * width
        last = np.where(self.gaps, self.n_levels, _NO_CODE).astype(np.float32)
        codes = ops.where(ops.isnan(inputs), ops.cast(last, inputs.dtype), inputs)
        codes = ops.take(codes, np.array(sources, np.int32), axis=-1)
        encoded = ops.cast(ops.equal(codes, _as_codes(ones, codes)), self.compute_dtype)
        if 2 not in [n + gap for n, gap in zip(self.n_levels, self.gaps, strict=True)]:
            return encoded
        opposite = ops.equal(codes, _as_codes(minus_ones, codes))
        return encoded - ops.cast(opposite, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``(batch, sum(widths))``."""
        return (input_shape[0], sum(self.widths))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        own = {"n_levels": list(self.n_levels), "gaps": list(self.gaps)}
        return {**super().get_config(), **own}


_NO_CODE = -2


def _as_codes(codes: Sequence[int], like: Any) -> Any:
    return ops.cast(np.array(codes, np.float32), like.dtype)


@keras.saving.register_keras_serializable(package="keras_multiclass")
class CodeEmbedding(keras.layers.Layer):
    """Embed the codes of one column; unknown codes become zeros.

    Parameters
    ----------
    n_levels : int
        Number of categories.
    gaps : bool
        Whether missing values form an additional category.
    units : int
        Length of the vectors.
    **options : dict
        Keyword arguments of ``keras.layers.Layer``.
    """

    def __init__(self, n_levels: int, gaps: bool, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.n_levels, self.gaps, self.units = int(n_levels), bool(gaps), int(units)

    def build(self, input_shape: Any) -> None:
        """Create the vectors."""
        self.embeddings = self.add_weight(
            shape=(self.n_levels + self.gaps, self.units),
            initializer=keras.initializers.RandomNormal(stddev=self.units**-0.5),
            name="embeddings",
        )

    def call(self, inputs: Any) -> Any:
        """Map codes of shape ``(batch, 1)`` to vectors of shape ``(batch, units)``."""
        last = self.n_levels if self.gaps else _NO_CODE
        codes = ops.where(ops.isnan(inputs), ops.cast(last, inputs.dtype), inputs)[:, 0]
        known = ops.cast(ops.expand_dims(codes >= 0, -1), self.compute_dtype)
        rows = ops.cast(ops.maximum(codes, 0), "int32")
        return take_rows(self.embeddings, rows) * known

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``(batch, units)``."""
        return (input_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        own = {"n_levels": self.n_levels, "gaps": self.gaps, "units": self.units}
        return {**super().get_config(), **own}
