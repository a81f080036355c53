"""Warnings of numbers that become equal when X is cast to the dtype of the network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import sparse

from keras_multiclass._data.columns.names import Names, is_named
from keras_multiclass._data.offsets import LARGE_ERROR, Offsets, to_columns
from keras_multiclass._shared.messages import format_list, warn

# Values that differ by less than this fraction are the same number with other rounding errors.
_NOISE = 2.0**-36
# Fewer different values may become equal by chance.
_MOST_MERGED = 2.0**-4


def warn_of_precision(
    sample: Any,
    dtype: str,
    offsets: Offsets | None,
    names: Names | None,
    *,
    is_raw: bool = False,
    is_stream: bool = False,
) -> None:
    """Warn of features that the dtype of the network cannot hold.

    Parameters
    ----------
    sample : ndarray of shape (n_rows, ..., n_features) and dtype float64, or CSR matrix
        Some training rows; may have NaN.
    dtype : {"float32", "float64"}
        Dtype that X is cast to.
    offsets : Offsets or None
        What is subtracted from X before.
    names : tuple or None
        Column names of X.
    is_raw : bool, default=False
        Whether the network reads X unchanged, so that there are no offsets.
    is_stream : bool, default=False
        Whether the offsets are those of the first batch of a stream.
    """
    _warn_of_underflow(sample, dtype, names)
    rounded = np.zeros(sample.shape[-1], bool)
    if is_raw or is_stream:
        least = {"largest_error": LARGE_ERROR} if is_raw else {}
        needed = Offsets.learn(sample, dtype, already=offsets, **least)
        rounded = rounded if needed is None else needed.values != 0
    if rounded.any():
        why = (
            "this network reads X unchanged"
            if is_raw
            else "the offset that is subtracted from it is that of the first batch"
        )
        where = "" if is_raw else " in the stream"
        also = ", or set dtype='float64'." if is_raw and dtype == "float32" else "."
        warn(
            f"{_features(rounded, names)} loses precision in {dtype}, because its values vary "
            f"little for their size, and {why}. Subtract a constant from it{where}{also}"
        )
    merged = _merged(sample, dtype, offsets) & ~rounded
    if merged.any():
        size = 10 ** round(math.log10(_largest(sample, merged)) / 2)
        warn(
            f"{_features(merged, names)} has different values that become equal in {dtype}, "
            "because they are large and far from others. Split it into two features, for example "
            f"with numpy.divmod(values, {size})."
        )


def _warn_of_underflow(sample: Any, dtype: str, names: Names | None) -> None:
    """Warn of features whose numbers all become 0 when they are cast."""
    n_features = sample.shape[-1]
    if sparse.issparse(sample):
        values, positions = sample.data, sample.indices
    else:
        values, positions = sample.ravel(), np.arange(sample.size) % n_features
    own, cast = (
        np.bincount(positions[numbers != 0], minlength=n_features) > 0
        for numbers in (values, values.astype(dtype))
    )
    if (own & ~cast).any():
        warn(
            f"{_features(own & ~cast, names)} has only numbers that are too small for {dtype} and "
            "become 0. Multiply it by a constant."
        )


def _merged(sample: Any, dtype: str, offsets: Offsets | None) -> np.ndarray:
    """Return which features have many different values that a cast makes equal."""
    n_features = sample.shape[-1]
    if sparse.issparse(sample):
        order = np.lexsort((sample.data, sample.indices))
        values, positions = sample.data[order], sample.indices[order]
    else:
        columns = np.sort(to_columns(sample), axis=0).T
        values, positions = columns.ravel(), np.repeat(np.arange(n_features), columns.shape[1])
    shifted = values if offsets is None else values - offsets.values[positions]
    with np.errstate(over="ignore", invalid="ignore"):
        cast = shifted.astype(dtype)
        differ = np.diff(values) > _NOISE * np.abs(values[1:])
        differ &= positions[1:] == positions[:-1]
        equal = differ & (cast[1:] == cast[:-1]) & (cast[1:] != 0)
    n_different, n_equal = (
        np.bincount(positions[1:][which], minlength=n_features) for which in (differ, equal)
    )
    return np.asarray(n_equal > _MOST_MERGED * n_different)


def _largest(sample: Any, chosen: np.ndarray) -> float:
    part = sample[..., chosen] if not sparse.issparse(sample) else sample[:, chosen].data
    return float(np.nanmax(np.abs(part)))


def _features(chosen: np.ndarray, names: Names | None) -> str:
    """Write how to select features of X."""
    positions = np.flatnonzero(chosen).tolist()
    is_frame = names is not None and is_named(names)
    text = format_list([names[i] for i in positions] if names and is_frame else positions)
    text = text if len(positions) == 1 else f"[{text}]"
    return f"X[{text}]" if is_frame else f"X[..., {text}]"
