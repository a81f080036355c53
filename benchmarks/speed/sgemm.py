"""Speed of 32-bit matrix products, an upper bound for dense layers."""

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

    Each weight takes a multiplication and an addition in three products: forward, and backward with
    respect to weights and inputs. (The first layer does not need the last one, and activations,
    loss and optimizer are not counted.)
    """
    return 3 * 2 * sum(n_in * n_out for n_in, n_out in pairwise(sizes))


def measure_gflops(shapes: Sequence[Shape], seconds: float) -> float:
    """Measure the speed of NumPy's matrix products of given shapes, weighted by flops.

    Parameters
    ----------
    shapes : sequence of (int, int, int)
        Rows, inner and columns of each product.
    seconds : float
        Approximate time to measure each shape.

    Returns
    -------
    float
        Speed of all products in sequence, in 1e9 flops per second.
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
