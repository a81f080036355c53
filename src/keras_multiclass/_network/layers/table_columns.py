"""Keras layers that turn the columns of a table into what a backbone reads.

They take a float matrix of raw numbers and codes (see `_columns.py`), NaN where a value is missing.
What they know of the training rows is in weights where possible, so that networks for other rows
have the same structure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_multiclass._data.statistics import OUTERMOST_LEVEL

_LARGEST_SCALED = 1e6


@keras.saving.register_keras_serializable(package="keras_multiclass")
class SelectColumns(keras.layers.Layer):
    """Take some columns, in the order given.

    Parameters
    ----------
    positions : sequence of int
        Their numbers.
    **options : dict
        As of every layer.
    """

    xla_is_fast = True

    def __init__(self, positions: Sequence[int], **options: Any) -> None:
        super().__init__(**options)
        self.positions = tuple(int(i) for i in positions)

    def call(self, inputs: Any) -> Any:
        """Return a tensor of shape ``(batch, len(positions))``."""
        return ops.take(inputs, np.array(self.positions, np.int32), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return what the layer is made of."""
        return {**super().get_config(), "positions": list(self.positions)}


@keras.saving.register_keras_serializable(package="keras_multiclass")
class FillGaps(keras.layers.Layer):
    """Put a number of each column in place of NaN: its weights ``fill``, which begin at zero."""

    xla_is_fast = True

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        self.fill = self.add_weight(
            shape=(input_shape[-1],), initializer="zeros", trainable=False, name="fill"
        )

    def call(self, inputs: Any) -> Any:
        """Return a tensor of the shape of ``inputs`` without NaN."""
        return ops.where(ops.isnan(inputs), ops.convert_to_tensor(self.fill), inputs)


@keras.saving.register_keras_serializable(package="keras_multiclass")
class GapIndicator(keras.layers.Layer):
    """Tell which values are missing: 1 for NaN and 0 for others."""

    xla_is_fast = True

    def call(self, inputs: Any) -> Any:
        """Return a tensor of the shape of ``inputs``."""
        return ops.cast(ops.isnan(inputs), self.compute_dtype)


@keras.saving.register_keras_serializable(package="keras_multiclass")
class SmoothClip(keras.layers.Layer):
    r"""Bound numbers smoothly: ``x / sqrt(1 + (x / limit)**2)``, between -limit and limit.

    See section 3 of Holzmüller et al., "Better by default: Strong pre-tuned MLPs and boosted trees
    on tabular data", NeurIPS 2024.

    Parameters
    ----------
    limit : float, default=3.0
        What large numbers become.
    **options : dict
        As of every layer.
    """

    xla_is_fast = True

    def __init__(self, limit: float = 3.0, **options: Any) -> None:
        super().__init__(**options)
        self.limit = limit

    def call(self, inputs: Any) -> Any:
        """Return a tensor of the shape of ``inputs``."""
        x = ops.clip(inputs, -_LARGEST_SCALED, _LARGEST_SCALED)  # whose square is finite
        return x * ops.rsqrt(1.0 + ops.square(x * (1.0 / self.limit)))

    def get_config(self) -> dict[str, Any]:
        """Return what the layer is made of."""
        return {**super().get_config(), "limit": self.limit}


@keras.saving.register_keras_serializable(package="keras_multiclass")
class QuantileToNormal(keras.layers.Layer):
    """Map each number to the normal quantile of its rank among the training rows.

    The rank is a piecewise-linear function of the number. A value that many rows share gets the
    middle of their ranks.

    Parameters
    ----------
    n_bins : int, default=64
        How many pieces the function has.
    **options : dict
        As of every layer.
    """

    xla_is_fast = True

    def __init__(self, n_bins: int = 64, **options: Any) -> None:
        super().__init__(**options)
        self.n_bins = n_bins

    def build(self, input_shape: Any) -> None:
        """Make the weights: where each piece begins, 1 / its width, and how far the rank rises."""
        shape = (input_shape[-1], self.n_bins)
        self.starts, self.slopes, self.rises = (
            self.add_weight(shape=shape, initializer="zeros", trainable=False, name=name)
            for name in ("starts", "slopes", "rises")
        )
        self.lowest = self.add_weight(
            shape=shape[:1], initializer="zeros", trainable=False, name="lowest"
        )

    def adapt(self, quantiles: np.ndarray) -> None:
        """Learn the ranks.

        Parameters
        ----------
        quantiles : ndarray of shape (n_columns, n_bins + 1)
            Quantiles of each column for evenly spaced levels from 0 to 1.
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
        for weight, found in zip(self.weights, (starts, slopes, rises, lowest), strict=True):
            weight.assign(found)

    def call(self, inputs: Any) -> Any:
        """Return a tensor of the shape of ``inputs``; NaN stays."""
        x = ops.expand_dims(inputs, -1)
        passed = ops.clip((x - self.starts) * self.slopes, 0.0, 1.0)
        rank = self.lowest + ops.sum(passed * self.rises, axis=-1)
        rank = ops.clip(rank, OUTERMOST_LEVEL, 1.0 - OUTERMOST_LEVEL)
        return ops.erfinv(2.0 * rank - 1.0) * float(np.sqrt(2.0))

    def get_config(self) -> dict[str, Any]:
        """Return what the layer is made of."""
        return {**super().get_config(), "n_bins": self.n_bins}


@keras.saving.register_keras_serializable(package="keras_multiclass")
class OneHotCodes(keras.layers.Layer):
    """Encode columns of codes: a column of two levels as -1 or 1, others as one column per level.

    A code that is unknown is 0 everywhere.

    Parameters
    ----------
    n_levels : sequence of int
        How many levels each column has.
    gaps : sequence of bool
        Whether NaN is a level of its own, the last.
    **options : dict
        As of every layer.
    """

    xla_is_fast = True

    def __init__(self, n_levels: Sequence[int], gaps: Sequence[bool], **options: Any) -> None:
        super().__init__(**options)
        self.n_levels = tuple(int(n) for n in n_levels)
        self.gaps = tuple(bool(g) for g in gaps)

    @property
    def widths(self) -> tuple[int, ...]:
        """How many columns each column becomes."""
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
            minus_ones += [0 if total == 2 else _NEVER] * width
        last = np.where(self.gaps, self.n_levels, _NEVER).astype(np.float32)
        codes = ops.where(ops.isnan(inputs), ops.cast(last, inputs.dtype), inputs)
        codes = ops.take(codes, np.array(sources, np.int32), axis=-1)
        encoded = ops.cast(ops.equal(codes, _levels(ones, codes)), self.compute_dtype)
        if 2 not in [n + gap for n, gap in zip(self.n_levels, self.gaps, strict=True)]:
            return encoded
        opposite = ops.equal(codes, _levels(minus_ones, codes))
        return encoded - ops.cast(opposite, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what the layer is made of."""
        own = {"n_levels": list(self.n_levels), "gaps": list(self.gaps)}
        return {**super().get_config(), **own}


_NEVER = -2  # no code


def _levels(levels: Sequence[int], like: Any) -> Any:
    return ops.cast(np.array(levels, np.float32), like.dtype)


@keras.saving.register_keras_serializable(package="keras_multiclass")
class CodeEmbedding(keras.layers.Layer):
    """Give each level of one column of codes a vector of its own; an unknown one is zeros.

    Parameters
    ----------
    n_levels : int
        How many levels there are.
    gaps : bool
        Whether NaN is a level of its own.
    units : int
        Length of the vectors.
    **options : dict
        As of every layer.
    """

    def __init__(self, n_levels: int, gaps: bool, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.n_levels, self.gaps, self.units = int(n_levels), bool(gaps), int(units)

    def build(self, input_shape: Any) -> None:
        """Make the vectors."""
        self.embeddings = self.add_weight(
            shape=(self.n_levels + self.gaps, self.units),
            initializer=keras.initializers.RandomNormal(stddev=self.units**-0.5),
            name="embeddings",
        )

    def call(self, inputs: Any) -> Any:
        """Return a tensor of shape ``(batch, units)`` for one of shape ``(batch, 1)``."""
        last = self.n_levels if self.gaps else _NEVER
        codes = ops.where(ops.isnan(inputs), ops.cast(last, inputs.dtype), inputs)[:, 0]
        known = ops.cast(ops.expand_dims(codes >= 0, -1), self.compute_dtype)
        rows = ops.cast(ops.maximum(codes, 0), "int32")
        return ops.take(self.embeddings, rows, axis=0) * known

    def get_config(self) -> dict[str, Any]:
        """Return what the layer is made of."""
        own = {"n_levels": self.n_levels, "gaps": self.gaps, "units": self.units}
        return {**super().get_config(), **own}
