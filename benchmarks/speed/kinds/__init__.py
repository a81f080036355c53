"""Networks for images and sequences, each in Keras and in PyTorch, and rows to train them on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import networks

N_CLASSES = 10
N_WORDS = 1_000


@dataclass(frozen=True)
class Kind:
    """A network and the shape of the rows that it reads.

    Attributes
    ----------
    name : str
        Name in the table.
    row_shape : tuple of int
        Shape of a row.
    n_rows : int
        Rows to train on.
    backbone : callable
        Builds the hidden part in Keras, from a Keras tensor.
    module : str
        Name of the same network in `torch_modules`.
    tokens : bool, default=False
        Whether rows are token ids.
    """

    name: str
    row_shape: tuple[int, ...]
    n_rows: int
    backbone: Callable[[Any], Any]
    module: str
    tokens: bool = False

    def make_rows(self, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Generate rows and labels, which are random: only the time matters.

        Parameters
        ----------
        n_rows : int
            Number of rows.
        """
        rng = np.random.default_rng(0)
        y = np.arange(n_rows) % N_CLASSES
        if self.tokens:
            return rng.integers(1, N_WORDS, (n_rows, *self.row_shape), dtype=np.int32), y
        return rng.standard_normal((n_rows, *self.row_shape), dtype=np.float32), y


KINDS = (
    Kind("CNN, 28 x 28 x 1", (28, 28, 1), 4_000, networks.small_cnn, "SmallCNN"),
    Kind("CNN, 96 x 96 x 3", (96, 96, 3), 512, networks.large_cnn, "LargeCNN"),
    Kind("LSTM, 100 steps of 8", (100, 8), 2_000, networks.lstm, "LSTM"),
    Kind("GRU, 100 steps of 8", (100, 8), 2_000, networks.gru, "GRU"),
    Kind("transformer, 64 tokens", (64,), 2_000, networks.transformer, "Transformer", tokens=True),
)
