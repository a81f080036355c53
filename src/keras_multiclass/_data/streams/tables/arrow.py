"""Files of tables, read by pyarrow."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_multiclass._data.foreign_frames import to_frame
from keras_multiclass._data.streams.tables.source import FloatType, common_float_type, readable
from keras_multiclass._shared.messages import describe, format_list, invalid, quote

_FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "tsv",
    ".arrow": "ipc",
    ".ipc": "ipc",
    ".feather": "ipc",
}
_COMPRESSED = (".gz", ".bz2", ".zst", ".lz4")
_OTHERS = "For other files, pass a pyarrow.dataset.Dataset, or a LazyFrame of polars."


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
            if _path_of(fragment) is not None
        }

    def _parts(self) -> list[_Part]:
        parts = []
        for fragment in self._dataset.get_fragments():
            path = _path_of(fragment)
            what = _Part(fragment, path, None).what
            if not hasattr(fragment, "split_by_row_group"):
                parts.append(_Part(fragment, path, None))
                continue
            with readable(what, _errors()):
                groups = fragment.split_by_row_group()
            parts += [_Part(g, path, sum(r.num_rows for r in g.row_groups)) for g in groups]
        return parts

    def n_rows_known(self) -> int | None:
        """Return the number of rows that the files say they have; None if they do not."""
        counts = [part.n_rows for part in self._parts()]
        return None if None in counts else sum(filter(None, counts))

    def count_rows(self) -> int:
        """Count the rows."""
        with readable("The files", _errors()):
            return int(self._dataset.count_rows())

    def float_type(self, name: str) -> FloatType | None:
        """Return the type for the numbers of a column; None if it holds anything else."""
        return _float_type(self._types[name])

    def read(
        self, names: Sequence[str], n_rows: int, rng: np.random.Generator | None
    ) -> Iterator[Any]:
        """Yield tables of up to ``n_rows`` rows; with ``rng``, row groups or files in its order."""
        pa = _import("pyarrow")
        parts = self._parts()
        order = range(len(parts)) if rng is None else rng.permutation(len(parts))
        for part in (parts[i] for i in order):
            self._check_unchanged(part)
            found = 0
            with readable(part.what, _errors()):
                scanner = part.fragment.scanner(
                    schema=self._dataset.schema,
                    columns=list(names),
                    batch_size=n_rows,
                    batch_readahead=2,
                    fragment_readahead=1,
                )
                batches = scanner.to_batches()
            while True:
                with readable(part.what, _errors()), _of_its_type(part):
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
        with readable(part.what, _errors()):
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
        return _import("pyarrow").concat_tables(tables)

    def rows(self, table: Any, rows: slice | np.ndarray) -> Any:
        """Select rows of a table."""
        if isinstance(rows, slice):
            return table.slice(rows.start, rows.stop - rows.start)
        return table.take(rows)

    def column(self, table: Any, name: str) -> Any:
        """Return a column as an array; categories and missing values as objects."""
        column = table.column(name)
        if _import("pyarrow.types").is_dictionary(column.type):
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
    except _errors() as error:
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


def _path_of(fragment: Any) -> str | None:
    """Return the file of a fragment; None if it is in memory, as a table or a buffer."""
    return None if getattr(fragment, "filesystem", None) is None else fragment.path


def _version(fragment: Any) -> tuple[Any, Any]:
    """Return size and time of a file, to notice changes."""
    found = fragment.filesystem.get_file_info(fragment.path)
    return found.size, found.mtime_ns


def _matrix(table: Any, names: Sequence[str], dtype: FloatType) -> np.ndarray:
    """Return columns of numbers as one array, missing values as NaN."""
    pa, types = _import("pyarrow"), _import("pyarrow.types")
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


def _float_type(kind: Any) -> FloatType | None:
    types = _import("pyarrow.types")
    if types.is_boolean(kind) or types.is_null(kind) or types.is_float16(kind):
        return "float32"
    if types.is_floating(kind) or types.is_integer(kind):
        is_narrow = kind.bit_width <= (32 if types.is_floating(kind) else 16)
        return "float32" if is_narrow else "float64"
    return "float64" if types.is_decimal(kind) else None


# --- opening --------------------------------------------------------------------------------------


def open_files(source: Any, names: Sequence[str] | None, target: Sequence[str]) -> ArrowSource:
    """Find files, and check that they hold the same columns.

    Parameters
    ----------
    source : str, path, list of these, or pyarrow.dataset.Dataset
        A file, several, or a folder.
    names : sequence of str or None
        The columns that count besides `target`; None for all.
    target : sequence of str
        Columns of labels and weights.
    """
    module = _import("pyarrow.dataset")
    if isinstance(source, module.Dataset):
        _check_whole(source)
        _, index = _check_columns(source, names, target, is_given=True)
        return ArrowSource(source, index)
    paths = list(map(_path, source)) if isinstance(source, (list, tuple)) else _path(source)
    if not paths:
        raise ValueError(invalid("source", "at least one file", "an empty list"))
    format_name = _format_of(paths)
    options: dict[str, Any] = {"format": _format(format_name)}
    if isinstance(paths, str):
        options["partitioning"] = "hive"
    what = f"The file or folder {quote(paths)}" if isinstance(paths, str) else "The files"
    with readable(what, _errors()):
        dataset = module.dataset(paths, **options)
    files = dataset.files
    if not files:
        raise ValueError(invalid(what, "of at least one file", "no files", "Check the path."))
    is_text = format_name in ("csv", "tsv")
    schema, index = _common_schema(dataset, names, target, is_text=is_text)
    with readable(what, _errors()):
        return ArrowSource(module.dataset(paths, schema=schema, **options), index)


def _check_whole(dataset: Any) -> None:
    with readable("The dataset", _errors()):
        try:
            dataset.get_fragments()
        except ValueError as error:  # there is no other way to find out
            if isinstance(error, _errors()):
                raise
            raise ValueError(
                invalid(
                    "source",
                    "a dataset without a filter",
                    "one with a filter",
                    "Filter a LazyFrame of polars instead: polars.scan_parquet(path).filter(...).",
                )
            ) from None


def _path(source: Any) -> str:
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(
            invalid(
                "source",
                "a path, a list of paths, a pyarrow.dataset.Dataset or a LazyFrame of polars",
                describe(source),
            )
        )
    return os.fspath(source)


def _format_of(paths: str | list[str]) -> str:
    """Return the format of files by the ends of their names."""
    files = [paths] if isinstance(paths, str) else paths
    if isinstance(paths, str) and os.path.isdir(paths):
        files = [
            os.path.join(folder, name)
            for folder, _, names in os.walk(paths)
            for name in names
            if not name.startswith((".", "_"))
        ]
        if not files:
            raise ValueError(
                invalid(f"The folder {quote(paths)}", "of at least one file", "no files")
            )
    formats = {_FORMATS.get(_suffix(file)) for file in files}
    if len(formats) > 1 or None in formats:
        suffixes = sorted({_suffix(file) or "none" for file in files})
        raise ValueError(
            invalid(
                "The files of source",
                f"of one format, named {format_list(_FORMATS)}",
                f"files named {format_list(suffixes)}",
                _OTHERS,
            )
        )
    return str(formats.pop())


def _suffix(file: str) -> str:
    path = Path(file)
    last = path.suffix.lower()
    return path.with_suffix("").suffix.lower() if last in _COMPRESSED else last


def _format(name: str) -> Any:
    if name not in ("csv", "tsv"):
        return name
    csv = _import("pyarrow.csv")
    return _import("pyarrow.dataset").CsvFileFormat(
        parse_options=csv.ParseOptions(delimiter="\t" if name == "tsv" else ","),
        convert_options=csv.ConvertOptions(strings_can_be_null=True),  # as pandas reads them
    )


def _common_schema(
    dataset: Any, names: Sequence[str] | None, target: Sequence[str], *, is_text: bool
) -> tuple[Any, set[str]]:
    """Return the columns of all files, with types that hold the numbers of each, and indices."""
    pa, types = _import("pyarrow"), _import("pyarrow.types")
    found, index = _check_columns(dataset, names, target, is_given=False)
    fields = []
    for field in dataset.schema:
        kind = found.get(field.name, field.type)
        # The first lines of a text file do not tell whether all of its numbers are whole.
        is_number = _float_type(kind) is not None and not types.is_boolean(kind)
        if is_text and is_number and field.name not in target:
            kind = pa.float64()
        fields.append(field.with_type(kind))
    return pa.schema(fields), index


def _check_columns(
    dataset: Any, names: Sequence[str] | None, target: Sequence[str], *, is_given: bool
) -> tuple[dict[str, Any], set[str]]:
    """Raise unless all files have the same columns.

    Parameters
    ----------
    dataset : pyarrow.dataset.Dataset
        The files.
    names, target : sequence of str
        See `open_files`.
    is_given : bool
        Whether the user chose the types of the dataset, which are kept.

    Returns
    -------
    dict of str to pyarrow.DataType
        A type for each column that is needed, which holds its values in all files.
    set of str
        The columns that are an index of pandas in any of the files.
    """
    types = _import("pyarrow.types")
    first, index = dataset.schema, _index_in(dataset.schema)
    files = []
    for fragment in dataset.get_fragments():
        path = _path_of(fragment)
        what = "A part of the dataset" if path is None else f"the file {quote(path)}"
        with readable(what, _errors()):
            schema = fragment.physical_schema
        index |= _index_in(schema)
        files.append((what, schema, _partitions(fragment), _is_text(fragment)))
    found = dict(zip(first.names, first.types, strict=True))
    needed = set(set(first.names) - index if names is None else names) | set(target)
    for what, schema, in_path, is_text in files:
        own = set(schema.names)
        missing = sorted(n for n in needed - own if n in first.names and n not in in_path)
        added = sorted(own - index - set(first.names)) if names is None else []
        if missing or added:
            got = f"{what} without {format_list(missing)}" if missing else what
            got += f" with {format_list(added)}, which others lack" if added else ""
            raise _differ("the same columns", got)
        if is_given and is_text:  # the dataset says how to read the texts
            continue
        for name in needed & own & set(first.names):
            kind, other = schema.field(name).type, found[name]
            common = _common_type(kind, other, keep_whole=name in target, is_text=is_text)
            is_lost = is_given and types.is_null(other) and not types.is_null(kind)
            if common is None or is_lost:
                raise _differ(
                    "columns of the same types",
                    f"{kind} in column {quote(name)} of {what}, and {other} before",
                )
            if not is_given:
                found[name] = common
    return found, index


def _common_type(kind: Any, other: Any, *, keep_whole: bool, is_text: bool) -> Any:
    """Return a type that holds values of two types; None if there is none."""
    pa, types = _import("pyarrow"), _import("pyarrow.types")
    if kind == other or types.is_null(other):
        return kind
    if types.is_null(kind):
        return other
    if is_text and types.is_boolean(kind) != types.is_boolean(other):
        return None  # "true" is no number
    kinds = [k.value_type if types.is_dictionary(k) else k for k in (kind, other)]
    if kinds[0] == kinds[1]:
        return kinds[0]
    if all(map(_is_string, kinds)):
        return pa.large_string()
    if None in map(_float_type, kinds):
        return None
    if keep_whole and all(types.is_integer(k) or types.is_boolean(k) for k in kinds):
        return pa.int64()  # such as labels
    return pa.float64()


def _is_text(fragment: Any) -> bool:
    return isinstance(getattr(fragment, "format", None), _import("pyarrow.dataset").CsvFileFormat)


def _is_string(kind: Any) -> bool:
    types = _import("pyarrow.types")
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def _index_in(schema: Any) -> set[str]:
    """Return the columns that the metadata of pandas lists as an index."""
    metadata = (schema.metadata or {}).get(b"pandas")
    columns = json.loads(metadata).get("index_columns", []) if metadata else []
    return {name for name in columns if isinstance(name, str)}  # a dict is a range without values


def _partitions(fragment: Any) -> set[str]:
    """Return the columns whose values are in the names of folders."""
    keys = getattr(_import("pyarrow.dataset"), "get_partition_keys", None)
    return set() if keys is None else set(keys(fragment.partition_expression))


def _differ(allowed: str, got: str) -> ValueError:
    return ValueError(
        invalid(
            "All files of source",
            f"tables with {allowed}",
            got,
            "Choose columns that all of them have with columns=[...], or write the files anew.",
        )
    )


def _errors() -> tuple[type[Exception], ...]:
    return (_import("pyarrow").ArrowException,)


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ImportError(
            "Reading files needs pyarrow: pip install pyarrow. Or pass a LazyFrame of polars, such "
            "as polars.scan_parquet(path)."
        ) from None
