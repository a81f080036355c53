"""A table in files, or in a lazy frame, as a stream of batches."""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_multiclass._data.row_selection import take_rows
from keras_multiclass._data.streams.tables.lazy import LazySource
from keras_multiclass._data.streams.tables.opening import open_files
from keras_multiclass._data.streams.tables.source import Source
from keras_multiclass._shared.checks import is_count, is_flag
from keras_multiclass._shared.messages import (
    describe,
    did_you_mean,
    format_list,
    invalid,
    quote,
)
from keras_multiclass._shared.seeding import resolve_seed

# Rows that are read and shuffled together, unless the user chooses their number.
_BUFFER_BYTES = 2**25
_MOST_BUFFERED = 2**18
_VALUE_BYTES = 8


class TableBatches:
    """A table larger than memory, as batches to train on, validate on or predict.

    It can be passed as `X` and as `X_val` without `y` and `y_val`; see `fit`. The rows are read
    anew in each epoch, some at a time.

    Parameters
    ----------
    source : str, path, list of these, pyarrow.dataset.Dataset or polars.LazyFrame
        Files, named ``.parquet``, ``.csv``, ``.tsv`` or ``.arrow`` (CSV also ``.csv.gz``): one,
        several of the same columns, or a folder of them, also with folders such as ``year=2024``
        in it, which become a column. Files are read with pyarrow, and lazy frames, such as
        ``polars.scan_parquet(path)``, with polars.
    target : str or list of str
        The column of labels, alone or as a list of one. Several columns of zeros and ones are
        several labels per row.
    columns : list of str, default=None
        The columns of features, in this order; None for all others but a stored index of pandas.
    sample_weight : str, default=None
        The column of sample weights.
    batch_size : int, default=1024
        Rows per batch; the last one of a pass may have fewer.
    shuffle : bool, default=True
        Whether each pass has another order: row groups of Parquet files, or files, are read in
        random order, and rows are shuffled within a buffer. Of a lazy frame, only the buffer is
        shuffled.
    buffer_size : int, default=None
        Rows in the buffer; None for 32 MiB of 64-bit numbers, but at most 262,144 rows.
    random_state : int, RandomState, Generator or None, default=None
        Seed of the orders. The order of a pass depends on the seed and on the number of passes
        before; `fit` counts these from its own start.

    Attributes
    ----------
    feature_names : list of str
        The columns of features.
    batch_size : int
        Rows per batch.

    Raises
    ------
    ValueError
        If there are no files, they have other columns, or a column does not exist.
    ImportError
        If pyarrow is needed and not installed.

    Notes
    -----
    Columns of numbers and booleans become a frame of one float32 array, or a float64 array if there
    are integers or floats of more bits (or plain arrays where neither pandas nor polars is
    installed). If there are others, such as strings and dates, batches are frames of pandas or
    polars. Labels and weights are arrays. Missing files, and files that change between passes,
    raise an error.

    Examples
    --------
    >>> import polars as pl
    >>> from keras_multiclass import KerasMulticlassClassifier, TableBatches
    >>> table = pl.DataFrame({"a": range(40), "b": [0.5] * 40, "kind": ["x", "y"] * 20})
    >>> batches = TableBatches(table.lazy(), "kind", batch_size=16, random_state=0)
    >>> len(batches), batches.n_rows
    (3, 40)
    >>> X, y = next(iter(batches))
    >>> X.shape, y.shape
    ((16, 2), (16,))
    >>> KerasMulticlassClassifier("mlp", epochs=2).fit(batches).classes_.tolist()
    ['x', 'y']
    """

    def __init__(
        self,
        source: Any,
        target: str | Sequence[str],
        *,
        columns: Sequence[str] | None = None,
        sample_weight: str | None = None,
        batch_size: int = 1024,
        shuffle: bool = True,
        buffer_size: int | None = None,
        random_state: Any = None,
    ) -> None:
        self._target = _check_names("target", target)
        self._is_one_label = len(self._target) == 1
        self._weight = [] if sample_weight is None else _check_names("sample_weight", sample_weight)
        chosen = None if columns is None else _check_names("columns", columns, several=True)
        self.batch_size = _check_count("batch_size", batch_size)
        if not is_flag(shuffle):
            raise TypeError(invalid("shuffle", "a bool", describe(shuffle)))
        self._shuffle = bool(shuffle)
        if buffer_size is not None:
            _check_count("buffer_size", buffer_size)
        others = [*self._target, *self._weight]
        self._source: Source = (
            LazySource(source) if _is_lazy(source) else open_files(source, chosen, others)
        )
        if chosen is None:
            unused = {*others, *self._source.index}
            chosen = [name for name in self._source.names if name not in unused]
        _check_known([*others, *chosen], self._source.names)
        self.feature_names = _check_distinct(chosen, self._target, self._weight)
        wanted = buffer_size or min(
            _MOST_BUFFERED, _BUFFER_BYTES // (_VALUE_BYTES * (len(chosen) + len(others)))
        )
        n_batches = max(1, int(wanted) // self.batch_size)
        self._window = n_batches * self.batch_size
        self._seed = resolve_seed(random_state)
        self._n_passes = 0
        self._n_rows = self._source.n_rows_known()

    @property
    def n_rows(self) -> int:
        """Number of rows; text files and lazy frames are read once to count them."""
        if self._n_rows is None:
            self._n_rows = self._source.count_rows()
        return self._n_rows

    def __len__(self) -> int:
        return -(-self.n_rows // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._batches(self._next_pass())

    def __repr__(self) -> str:
        return (
            f"TableBatches({len(self.feature_names)} features, target "
            f"{format_list(self._target)}, batch_size={self.batch_size})"
        )

    def _next_pass(self) -> int:
        number, self._n_passes = self._n_passes, self._n_passes + 1
        return number

    def _blocks(self, number: int) -> Iterator[tuple[Any, ...]]:
        is_first = True
        for table in self._windows(number):
            parts = self._convert(table)
            ends = [0, self.batch_size, len(table)] if is_first else [0, len(table)]
            is_first = False
            for start, end in itertools.pairwise(ends):
                if start < len(table):
                    yield tuple(take_rows(part, slice(start, end)) for part in parts)

    def _batches(self, number: int) -> Iterator[tuple[Any, ...]]:
        for parts in self._blocks(number):
            for start in range(0, len(parts[1]), self.batch_size):
                rows = slice(start, start + self.batch_size)
                yield tuple(take_rows(part, rows) for part in parts)

    def _windows(self, number: int) -> Iterator[Any]:
        """Yield the rows that are shuffled together, whole batches unless they are the last."""
        source, rng = self._source, None
        if self._shuffle:
            rng = np.random.default_rng([self._seed, number])
        names = [*self.feature_names, *self._target, *self._weight]
        waiting: list[Any] = []
        n_waiting = n_rows = 0
        for table in source.read(names, min(self._window, _MOST_BUFFERED), rng):
            waiting.append(table)
            n_waiting += len(table)
            n_rows += len(table)
            while n_waiting >= self._window:
                together = source.concat(waiting)
                yield self._shuffled(source.rows(together, slice(0, self._window)), rng)
                waiting = [source.rows(together, slice(self._window, n_waiting))]
                n_waiting -= self._window
        if n_waiting:
            yield self._shuffled(source.concat(waiting), rng)
        self._check_number(n_rows)

    def _shuffled(self, table: Any, rng: np.random.Generator | None) -> Any:
        return table if rng is None else self._source.rows(table, rng.permutation(len(table)))

    def _check_number(self, n_rows: int) -> None:
        if not n_rows:
            raise ValueError(invalid("source", "a table of at least one row", "no rows"))
        if self._n_rows is None:
            self._n_rows = n_rows
        if n_rows != self._n_rows:
            raise ValueError(
                f"source must have the same rows in each pass; got {self._n_rows} rows before, and "
                f"{n_rows} now. Make a new TableBatches."
            )

    def _convert(self, table: Any) -> tuple[Any, ...]:
        """Return features, labels and maybe weights."""
        source = self._source
        X = source.features(table, self.feature_names)
        if self._is_one_label:
            y = source.column(table, self._target[0])
        else:
            y = source.features(table, self._target)
        return X, y, *(source.column(table, name) for name in self._weight)


def restarted(batches: TableBatches, *, shuffle: bool = True) -> TableBatches:
    """Return the same batches in the order of the first pass, the second one, and so on.

    Parameters
    ----------
    batches : TableBatches
        The batches; left as they are.
    shuffle : bool, default=True
        Whether they may be shuffled, or are in the order of the rows.
    """
    other = copy.copy(batches)
    other._n_passes = 0
    other._shuffle = batches._shuffle and shuffle
    return other


def blocks_of(batches: TableBatches) -> Iterator[tuple[Any, ...]]:
    """Iterate over the first batch alone, and then over blocks of many batches.

    Parameters
    ----------
    batches : TableBatches
        The batches.

    Yields
    ------
    tuple
        What the batches would be if they were so large.
    """
    return batches._blocks(batches._next_pass())


def _is_lazy(source: Any) -> bool:
    is_polars = type(source).__module__.partition(".")[0] == "polars"
    return is_polars and hasattr(source, "collect")


def _check_names(name: str, value: Any, *, several: bool = False) -> list[str]:
    if isinstance(value, str) and not several:
        return [value]
    is_list = isinstance(value, (list, tuple, np.ndarray)) and name != "sample_weight"
    if not is_list or not len(value) or not all(isinstance(each, str) for each in value):
        allowed = {
            "target": "the name of a column, or a list of names",
            "sample_weight": "the name of a column, or None",
            "columns": "a list of names of columns, or None",
        }[name]
        raise TypeError(invalid(name, allowed, describe(value)))
    return [str(each) for each in value]


def _check_count(name: str, value: Any) -> int:
    if not is_count(value):
        error = TypeError if not isinstance(value, (int, float)) else ValueError
        raise error(invalid(name, "a whole number of at least 1", describe(value)))
    return int(value)


def _check_known(names: Sequence[str], known: Sequence[str]) -> None:
    found = set(known)
    for name in names:
        if name not in found:
            raise ValueError(
                invalid(
                    "The columns of TableBatches",
                    "columns of source",
                    f"{quote(name)}, which it lacks",
                    f"It has {format_list(known)}.{did_you_mean(name, known)}",
                )
            )


def _check_distinct(columns: list[str], target: list[str], weight: list[str]) -> list[str]:
    counts = Counter([*columns, *target, *weight])
    repeated = {name for name, count in counts.items() if count > 1}
    if repeated:
        is_given_away = not set(columns).isdisjoint(target)
        raise ValueError(
            invalid(
                "The columns of TableBatches",
                "used once, as a feature, target or weight",
                f"{format_list(sorted(repeated))} more than once",
                "A label among the features would give the answer away." if is_given_away else "",
            )
        )
    if not columns:
        raise ValueError(invalid("source", "a table with columns of features", "none"))
    return columns
