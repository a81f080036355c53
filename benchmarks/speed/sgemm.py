"""How fast the machine multiplies matrices in 32 bits: a ceiling for dense layers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

Shape = tuple[int, int, int]
PEAK_SHAPE: Shape = (2048, 2048, 2048)


def layer_shapes(batch_size: int, sizes: Sequence[int]) -> list[Shape]:
    """List the products (rows, inner, columns) of a forward pass through dense layers."""
    return [(batch_size, n_in, n_out) for n_in, n_out in pairwise(sizes)]


def training_flops_per_row(sizes: Sequence[int]) -> int:
    """Count the flops of a training step for one row.

    Each weight costs a multiplication and an addition, in three products: forward, and backward
    for the weights and for the inputs. (The first layer does not need the last of these, and
    activations, loss and optimizer are not counted.)
    """
    return 3 * 2 * sum(n_in * n_out for n_in, n_out in pairwise(sizes))


def measure_gflops(shapes: Sequence[Shape], seconds: float) -> float:
    """Measure NumPy's products of some shapes, weighted by their flops.

    Parameters
    ----------
    shapes : sequence of (int, int, int)
        Rows, inner and columns of each product.
    seconds : float
        How long to measure each of them, about.

    Returns
    -------
    float
        1e9 flops per second of all products one after another.
    """
    flops = sum(2 * rows * inner * columns for rows, inner, columns in shapes)
    return flops / sum(_seconds_of(shape, seconds) for shape in shapes) / 1e9


def _seconds_of(shape: Shape, seconds: float) -> float:
    rows, inner, columns = shape
    rng = np.random.default_rng(0)
    A = rng.standard_normal((rows, inner), dtype=np.float32)
    B = rng.standard_normal((inner, columns), dtype=np.float32)
    C = np.matmul(A, B)
    calls, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds or not calls:
        np.matmul(A, B, out=C)
        calls += 1
    return spent / calls
