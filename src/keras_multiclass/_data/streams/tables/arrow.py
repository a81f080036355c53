"""Files of tables, read by pyarrow."""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_multiclass._data.foreign_frames import to_frame
from keras_multiclass._data.streams.tables.source import FloatType, common_float_type, readable
from keras_multiclass._shared.messages import invalid, quote


@dataclass(frozen=True)
class _Part:
    """Rows that are read together: a row group, or a file.

    Attributes
    ----------
    fragment : pyarrow.dataset.Fragment
        Reads them.
    path : str or None
        The file; None if they are in memory.
    n_rows : int or None
        Their number; None if only reading tells.
    """

    fragment: Any
    path: str | None
    n_rows: int | None

    @property
    def what(self) -> str:
        """What messages call it."""
        return "A part of the dataset" if self.path is None else f"The file {quote(self.path)}"


class ArrowSource:
    """The rows of a dataset of pyarrow.

    Parameters
    ----------
    dataset : pyarrow.dataset.Dataset
        The dataset.
    index : set of str
        Columns that pandas wrote as an index.
    """

    def __init__(self, dataset: Any, index: set[str]) -> None:
        self._dataset = dataset
        self._types = dict(zip(dataset.schema.names, dataset.schema.types, strict=True))
        self.names = list(dataset.schema.names)
        self.index = index
        self._versions = {
            fragment.path: _version(fragment)
            for fragment in dataset.get_fragments()
            if path_of(fragment) is not None
        }

    def _parts(self) -> list[_Part]:
        parts = []
        for fragment in self._dataset.get_fragments():
            path = path_of(fragment)
            what = _Part(fragment, path, None).what
            if not hasattr(fragment, "split_by_row_group"):
                parts.append(_Part(fragment, path, None))
                continue
            with readable(what, errors_of_arrow()):
                groups = fragment.split_by_row_group()
            parts += [_Part(g, path, sum(r.num_rows for r in g.row_groups)) for g in groups]
        return parts

    def n_rows_known(self) -> int | None:
        """Return the number of rows that the files say they have; None if they do not."""
        counts = [part.n_rows for part in self._parts()]
        return None if None in counts else sum(filter(None, counts))

    def count_rows(self) -> int:
        """Count the rows."""
        with readable("The files", errors_of_arrow()):
            return int(self._dataset.count_rows())

    def float_type(self, name: str) -> FloatType | None:
        """Return the type for the numbers of a column; None if it holds anything else."""
        return float_type_of(self._types[name])

    def read(
        self, names: Sequence[str], n_rows: int, rng: np.random.Generator | None
    ) -> Iterator[Any]:
        """Yield tables of up to ``n_rows`` rows; with ``rng``, row groups or files in its order."""
        pa = import_arrow("pyarrow")
        parts = self._parts()
        order = range(len(parts)) if rng is None else rng.permutation(len(parts))
        for part in (parts[i] for i in order):
            self._check_unchanged(part)
            found = 0
            with readable(part.what, errors_of_arrow()):
                scanner = part.fragment.scanner(
                    schema=self._dataset.schema,
                    columns=list(names),
                    batch_size=n_rows,
                    batch_readahead=2,
                    fragment_readahead=1,
                )
                batches = scanner.to_batches()
            while True:
                with readable(part.what, errors_of_arrow()), _of_its_type(part):
                    batch = next(batches, None)
                if batch is None:
                    break
                found += batch.num_rows
                yield pa.Table.from_batches([batch])
            if part.n_rows not in (None, found):
                raise ValueError(
                    f"{part.what} must have the {part.n_rows} rows that it says it has; got "
                    f"{found}. It is corrupt; write it anew."
                )

    def _check_unchanged(self, part: _Part) -> None:
        if part.path is None:
            return
        with readable(part.what, errors_of_arrow()):
            version = _version(part.fragment)
        if version[0] is None:
            raise FileNotFoundError(
                f"{part.what} must exist as long as it is read; it was not found. Restore it, or "
                "make a new TableBatches."
            )
        if version != self._versions[part.path]:
            raise ValueError(
                f"{part.what} must stay as it is while it is read; it has changed since "
                "TableBatches was made. Make a new one."
            )

    def concat(self, tables: Sequence[Any]) -> Any:
        """Put tables below each other."""
        return import_arrow("pyarrow").concat_tables(tables)

    def rows(self, table: Any, rows: slice | np.ndarray) -> Any:
        """Select rows of a table."""
        if isinstance(rows, slice):
            return table.slice(rows.start, rows.stop - rows.start)
        return table.take(rows)

    def column(self, table: Any, name: str) -> Any:
        """Return a column as an array; categories and missing values as objects."""
        column = table.column(name)
        if import_arrow("pyarrow.types").is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        return column.to_numpy()

    def features(self, table: Any, names: Sequence[str]) -> Any:
        """Return columns as a frame of pandas or polars; numbers as an array if there is none."""
        dtype = common_float_type(self, names)
        if dtype is None:
            # Metadata of pandas would take a chosen index out of the columns.
            return to_frame(table.select(list(names)).replace_schema_metadata(None))
        return _named(_matrix(table, names, dtype), names)


@contextlib.contextmanager
def _of_its_type(part: _Part) -> Iterator[None]:
    """Name the column of a text that cannot be converted; pyarrow has its number alone."""
    try:
        yield
    except errors_of_arrow() as error:
        found = re.search(r"In CSV column #(\d+): .*conversion error to ([^:]+):", str(error))
        if not found:
            raise
        name, kind = part.fragment.physical_schema.names[int(found[1])], found[2]
        values = {"double": "numbers", "int64": "whole numbers", "bool": "booleans"}
        raise ValueError(
            invalid(
                f"Column {quote(name)} of {part.what[0].lower()}{part.what[1:]}",
                f"{values.get(kind, kind)} in all rows, as in the first or as the dataset says",
                "another value",
                "Pass a pyarrow.dataset.Dataset with format=pyarrow.dataset.CsvFileFormat("
                "convert_options=pyarrow.csv.ConvertOptions(column_types="
                f"{{{quote(name)}: pyarrow.string()}})), or leave the column out with "
                "columns=[...].",
            )
        ) from None


def path_of(fragment: Any) -> str | None:
    """Return the file of a fragment; None if it is in memory, as a table or a buffer."""
    return None if getattr(fragment, "filesystem", None) is None else fragment.path


def _version(fragment: Any) -> tuple[Any, Any]:
    """Return size and time of a file, to notice changes."""
    found = fragment.filesystem.get_file_info(fragment.path)
    return found.size, found.mtime_ns


def _matrix(table: Any, names: Sequence[str], dtype: FloatType) -> np.ndarray:
    """Return columns of numbers as one array, missing values as NaN."""
    pa, types = import_arrow("pyarrow"), import_arrow("pyarrow.types")
    values = np.empty((table.num_rows, len(names)), dtype)
    for position, name in enumerate(names):
        column = table.column(name)
        if types.is_boolean(column.type):
            column = column.cast(pa.uint8())
        if column.null_count or types.is_decimal(column.type):
            column = column.cast(pa.float64() if dtype == "float64" else pa.float32(), safe=False)
        values[:, position] = column.to_numpy()
    return values


def _named(values: np.ndarray, names: Sequence[str]) -> Any:
    """Return an array as a frame that shares its memory, if pandas or polars is installed."""
    try:
        return importlib.import_module("pandas").DataFrame(values, columns=list(names), copy=False)
    except ImportError:
        pass
    try:
        return importlib.import_module("polars").DataFrame(values, schema=list(names))
    except ImportError:
        return values


def float_type_of(kind: Any) -> FloatType | None:
    """Return the float type that holds the values of a type of Arrow; None if it has no numbers."""
    types = import_arrow("pyarrow.types")
    if types.is_boolean(kind) or types.is_null(kind) or types.is_float16(kind):
        return "float32"
    if types.is_floating(kind) or types.is_integer(kind):
        is_narrow = kind.bit_width <= (32 if types.is_floating(kind) else 16)
        return "float32" if is_narrow else "float64"
    return "float64" if types.is_decimal(kind) else None


def errors_of_arrow() -> tuple[type[Exception], ...]:
    """Return the errors that pyarrow raises."""
    return (import_arrow("pyarrow").ArrowException,)


def import_arrow(name: str) -> Any:
    """Import a module of pyarrow, or say how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ImportError(
            "Reading files needs pyarrow: pip install pyarrow. Or pass a LazyFrame of polars, such "
            "as polars.scan_parquet(path)."
        ) from None
