"""Files of tables, opened with pyarrow: their formats, and the columns that they share."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_multiclass._data.streams.tables.arrow import (
    ArrowSource,
    errors_of_arrow,
    float_type_of,
    import_arrow,
    path_of,
)
from keras_multiclass._data.streams.tables.source import readable
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
    module = import_arrow("pyarrow.dataset")
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
    with readable(what, errors_of_arrow()):
        dataset = module.dataset(paths, **options)
    files = dataset.files
    if not files:
        raise ValueError(invalid(what, "of at least one file", "no files", "Check the path."))
    is_text = format_name in ("csv", "tsv")
    schema, index = _common_schema(dataset, names, target, is_text=is_text)
    with readable(what, errors_of_arrow()):
        return ArrowSource(module.dataset(paths, schema=schema, **options), index)


def _check_whole(dataset: Any) -> None:
    with readable("The dataset", errors_of_arrow()):
        try:
            dataset.get_fragments()
        except ValueError as error:  # there is no other way to find out
            if isinstance(error, errors_of_arrow()):
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
    csv = import_arrow("pyarrow.csv")
    return import_arrow("pyarrow.dataset").CsvFileFormat(
        parse_options=csv.ParseOptions(delimiter="\t" if name == "tsv" else ","),
        convert_options=csv.ConvertOptions(strings_can_be_null=True),  # as pandas reads them
    )


def _common_schema(
    dataset: Any, names: Sequence[str] | None, target: Sequence[str], *, is_text: bool
) -> tuple[Any, set[str]]:
    """Return the columns of all files, with types that hold the numbers of each, and indices."""
    pa, types = import_arrow("pyarrow"), import_arrow("pyarrow.types")
    found, index = _check_columns(dataset, names, target, is_given=False)
    fields = []
    for field in dataset.schema:
        kind = found.get(field.name, field.type)
        # The first lines of a text file do not tell whether all of its numbers are whole.
        is_number = float_type_of(kind) is not None and not types.is_boolean(kind)
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
    types = import_arrow("pyarrow.types")
    first, index = dataset.schema, _index_in(dataset.schema)
    files = []
    for fragment in dataset.get_fragments():
        path = path_of(fragment)
        what = "A part of the dataset" if path is None else f"the file {quote(path)}"
        with readable(what, errors_of_arrow()):
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
    pa, types = import_arrow("pyarrow"), import_arrow("pyarrow.types")
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
    if None in map(float_type_of, kinds):
        return None
    if keep_whole and all(types.is_integer(k) or types.is_boolean(k) for k in kinds):
        return pa.int64()  # such as labels
    return pa.float64()


def _is_text(fragment: Any) -> bool:
    return isinstance(
        getattr(fragment, "format", None), import_arrow("pyarrow.dataset").CsvFileFormat
    )


def _is_string(kind: Any) -> bool:
    types = import_arrow("pyarrow.types")
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def _index_in(schema: Any) -> set[str]:
    """Return the columns that the metadata of pandas lists as an index."""
    metadata = (schema.metadata or {}).get(b"pandas")
    columns = json.loads(metadata).get("index_columns", []) if metadata else []
    return {name for name in columns if isinstance(name, str)}  # a dict is a range without values


def _partitions(fragment: Any) -> set[str]:
    """Return the columns whose values are in the names of folders."""
    keys = getattr(import_arrow("pyarrow.dataset"), "get_partition_keys", None)
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
