"""What a table that is read piece by piece offers, whichever library reads it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from keras_multiclass._shared.messages import printable

# float32 holds all values of a column, or float64 has to.
FloatType: TypeAlias = Literal["float32", "float64"]
_MAY_BE_CORRUPT = "It may be corrupt, cut off, or in another format."


class Source(Protocol):
    """A table of which some rows are read at a time, as tables of the library that reads it.

    Attributes
    ----------
    names : list of str
        The columns.
    index : set of str
        Those that hold an index of pandas, which is no feature unless it is chosen.
    """

    names: list[str]
    index: set[str]

    def count_rows(self) -> int:
        """Count the rows without reading the columns, if the format has their number."""

    def n_rows_known(self) -> int | None:
        """Return the number of rows; None if only reading tells."""

    def float_type(self, name: str) -> FloatType | None:
        """Return the type for the numbers of a column; None if it holds anything else."""

    def read(
        self, names: Sequence[str], n_rows: int, rng: np.random.Generator | None
    ) -> Iterator[Any]:
        """Yield tables of up to ``n_rows`` rows; with ``rng``, parts of the files in its order."""

    def concat(self, tables: Sequence[Any]) -> Any:
        """Put tables below each other."""

    def rows(self, table: Any, rows: slice | np.ndarray) -> Any:
        """Select rows of a table."""

    def column(self, table: Any, name: str) -> Any:
        """Return a column as labels or weights."""

    def features(self, table: Any, names: Sequence[str]) -> Any:
        """Return columns as a data frame, or as an array if no library for these is installed."""


def common_float_type(source: Source, names: Sequence[str]) -> FloatType | None:
    """Return the type for the numbers of all columns; None if some hold anything else."""
    types = {source.float_type(name) for name in names}
    if None in types:
        return None
    return "float64" if "float64" in types else "float32"


@contextlib.contextmanager
def readable(
    what: str, errors: tuple[type[Exception], ...], cure: str = _MAY_BE_CORRUPT
) -> Iterator[None]:
    """Name what cannot be read in errors of the library that reads it.

    Too little memory is not among them.

    Parameters
    ----------
    what : str
        What is read, such as a file.
    errors : tuple of type
        The errors of the library.
    cure : str, default="It may be corrupt, cut off, or in another format."
        What to do about its errors, unless the system reports them.
    """
    kinds: tuple[type[Exception], ...] = (*errors, OSError)
    try:
        yield
    except MemoryError:
        raise
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{what} must exist as long as it is read; it was not found. Restore it, or make a new "
            "TableBatches."
        ) from None
    except PermissionError as error:
        raise PermissionError(
            f"{what} must be readable; permission was denied. Let this user read it, and the "
            "folders that it is in."
        ) from error
    except kinds as error:
        if isinstance(error, OSError) and error.errno is not None:
            cure = "Check the disk or the connection, and try again."
        raise ValueError(  # not `from error`, whose text may quote values
            f"{what} must be readable; got an error: {_without_values(str(error))}. {cure}"
        ) from None


def _without_values(message: str) -> str:
    """Return the first line of a message, without preamble and the values that it quotes."""
    line = printable(message.strip().partition("\n")[0])
    line = re.sub(r"^Error creating dataset\. .*? file\?: ", "", line)
    line = re.sub(r"(out of \d+ values): .*", r"\1", line)
    line = re.sub(r"(invalid value) '.*", r"\1", line)
    return re.sub(r"(Expected \d+ columns, got \d+): .*", r"\1", line).rstrip(".")
