"""Lazy frames of polars, computed some rows at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_multiclass._data.streams.tables.source import FloatType, readable

_NARROW = {"Boolean", "Null", "Float16", "Float32", "Int8", "Int16", "UInt8", "UInt16"}


class LazySource:
    """The rows of a lazy frame.

    Parameters
    ----------
    frame : polars.LazyFrame
        The frame.
    """

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        with self._readable():
            self._types = dict(frame.collect_schema())
        self.names = list(self._types)
        self.index = {name for name in self.names if re.fullmatch(r"__index_level_\d+__", name)}

    def n_rows_known(self) -> int | None:
        """Return None: the frame has to be computed."""
        return None

    def count_rows(self) -> int:
        """Count the rows; of files, polars reads as little as it needs."""
        import polars as pl

        with self._readable():
            return int(self._frame.select(pl.len()).collect().item())

    def float_type(self, name: str) -> FloatType | None:
        """Return the type for the numbers of a column; None if it holds anything else."""
        kind = self._types[name]
        if type(kind).__name__ in _NARROW or str(kind) in _NARROW:
            return "float32"
        return "float64" if kind.is_numeric() else None

    def read(
        self, names: Sequence[str], n_rows: int, rng: np.random.Generator | None
    ) -> Iterator[Any]:
        """Yield frames of up to ``n_rows`` rows in their order, which is the frame's."""
        tables = self._tables(self._frame.select(list(names)), n_rows)
        while True:
            with self._readable():
                table = next(tables, None)
            if table is None:
                return
            yield table

    def _tables(self, frame: Any, n_rows: int) -> Iterator[Any]:
        if hasattr(frame, "collect_batches"):
            yield from frame.collect_batches(chunk_size=n_rows, maintain_order=True)
            return
        start = 0
        while (table := frame.slice(start, n_rows).collect()).height:
            yield table
            start += n_rows

    def concat(self, tables: Sequence[Any]) -> Any:
        """Put frames below each other."""
        import polars as pl

        return pl.concat(tables)

    def rows(self, table: Any, rows: slice | np.ndarray) -> Any:
        """Select rows of a frame."""
        return table[rows]

    def column(self, table: Any, name: str) -> Any:
        """Return a column."""
        return table[name]

    def features(self, table: Any, names: Sequence[str]) -> Any:
        """Return columns as a frame."""
        return table.select(list(names))

    def _readable(self) -> Any:
        import polars as pl

        cure = "Run frame.collect() to see the error."
        return readable("The lazy frame", (pl.exceptions.PolarsError,), cure)
