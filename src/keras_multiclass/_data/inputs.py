"""Several inputs in each row: the container that scikit-learn can select rows from."""

from __future__ import annotations

import numbers
from collections.abc import ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from typing import Any, NoReturn, Self

import numpy as np
from scipy import sparse

from keras_multiclass._data.foreign_frames import to_rows
from keras_multiclass._data.frames import MISSING_TYPES, library_of, library_of_frame
from keras_multiclass._data.images.paths import are_paths
from keras_multiclass._data.row_selection import take_rows
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid, quote


class Inputs:
    """Several inputs with the same rows, such as images and a table.

    The classifiers also accept a plain dict. Searches, cross-validation and other meta-estimators
    select rows from X, which works with this container, but not with a dict.

    Parameters
    ----------
    inputs : mapping of str to array-like, default=None
        The inputs by name: anything that the classifiers accept as X, and arrays with one number
        for each row.
    **more : array-like
        Further inputs. Names that are not identifiers can be given in `inputs`.

    Attributes
    ----------
    shape : tuple of int
        ``(n_rows, n_inputs)``.

    Raises
    ------
    TypeError
        If an input is not an array, or a name not a string.
    ValueError
        If there are no inputs, their numbers of rows differ, or a name is empty or contains ``__``.

    Notes
    -----
    ``X["name"]`` is an input; ``X[rows]``, with a slice, indices or a boolean mask, selects rows of
    all of them. As with a data frame, ``len(X)`` is the number of rows, and iteration yields names.

    Examples
    --------
    >>> import numpy as np
    >>> from keras_multiclass import Inputs
    >>> X = Inputs(photo=np.zeros((6, 8, 8)), facts=np.arange(12).reshape(6, 2))
    >>> X
    Inputs(photo: ndarray of shape (6, 8, 8) and dtype float64, facts: ndarray of shape (6, 2) and \
dtype int64)
    >>> X[:3].shape
    (3, 2)
    >>> X["facts"][0]
    array([0, 1])
    """

    def __init__(self, inputs: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        if inputs is not None and not isinstance(inputs, (Mapping, Inputs)):
            raise TypeError(
                invalid("Inputs", "made from a dict or keyword arguments", describe(inputs))
            )
        given = {**dict((inputs or {}).items()), **more}
        self._inputs: dict[str, Any] = {name: to_rows(part) for name, part in given.items()}
        self._n_rows = _check_inputs(self._inputs)

    @classmethod
    def _of_rows(cls, inputs: dict[str, Any], n_rows: int) -> Self:
        rows = object.__new__(cls)
        rows._inputs, rows._n_rows = inputs, n_rows
        return rows

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows, and of inputs."""
        return self._n_rows, len(self._inputs)

    def __len__(self) -> int:
        return self._n_rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._inputs)

    def __contains__(self, name: object) -> bool:
        return name in self._inputs

    def keys(self) -> KeysView[str]:
        """Return the names of the inputs.

        Returns
        -------
        view of str
            In their order.
        """
        return self._inputs.keys()

    def values(self) -> ValuesView[Any]:
        """Return the inputs.

        Returns
        -------
        view of array-like
            In their order.
        """
        return self._inputs.values()

    def items(self) -> ItemsView[str, Any]:
        """Return names and inputs.

        Returns
        -------
        view of (str, array-like)
            In their order.
        """
        return self._inputs.items()

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            if key not in self._inputs:
                names = format_list(self._inputs)
                raise KeyError(f"There is no input {quote(key)}; the inputs are {names}.")
            return self._inputs[key]
        if isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis:
            key = key[0]  # scikit-learn asks so for rows of an array
        if isinstance(key, (tuple, numbers.Number)) or key is None or key is Ellipsis:
            raise TypeError(
                invalid(
                    "A selection from Inputs",
                    "the name of an input, or a slice, array of indices or boolean mask of rows",
                    describe(key),
                )
            )
        rows = key if isinstance(key, slice) else np.arange(self._n_rows)[_as_index(key)]
        n_rows = len(range(self._n_rows)[rows]) if isinstance(rows, slice) else len(rows)
        selected = {name: take_rows(part, rows) for name, part in self._inputs.items()}
        return self._of_rows(selected, n_rows)

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        first = next(iter(self._inputs))
        cure = f"Pass one of the inputs, such as X[{first!r}]."
        raise TypeError(invalid("X", "one array here", describe_inputs(self), cure))

    def __repr__(self) -> str:
        parts = [
            f"{name if name.isidentifier() else quote(name)}: {describe(part)}"
            for name, part in self._inputs.items()
        ]
        return f"Inputs({', '.join(parts)})"


def describe_inputs(X: Inputs) -> str:
    """Return how messages call several inputs."""
    return f"Inputs with {format_list(X)}"


def as_inputs(X: Any) -> Inputs | None:
    """Return X as `Inputs` if it holds several inputs; None if it is one array, or cannot be read.

    Parameters
    ----------
    X : object
        The user's X: `Inputs`, a dict of arrays at least one of which has two dimensions, or a
        frame some of whose cells hold arrays or lists of numbers.

    Raises
    ------
    ValueError, TypeError
        If X is a dict of inputs, but not a valid one.
    """
    if isinstance(X, Inputs):
        return X
    if is_dict(X):
        parts = {name: to_rows(part) for name, part in X.items()}
        return Inputs(parts) if _holds_inputs(parts) else None
    return None if library_of_frame(X) is None else _from_cells(X)


def to_inputs(X: Any) -> Inputs | None:
    """Return X as `Inputs` if it is known to hold several: any dict is one of them.

    Parameters
    ----------
    X : object
        The user's X, see :func:`as_inputs`.
    """
    return Inputs(X) if is_dict(X) else as_inputs(X)


def is_dict(X: object) -> bool:
    """Whether X is a dict of the user's; a sparse matrix in DOK format is one, too."""
    return isinstance(X, Mapping) and not sparse.issparse(X)


def count_rows_of(part: Any) -> int | None:
    """Return the number of rows of an input; None if it has none."""
    shape = getattr(part, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else None
    return len(part) if isinstance(part, Sequence) and not isinstance(part, (str, bytes)) else None


def _check_inputs(inputs: Mapping[str, Any]) -> int:
    """Return the number of rows that all inputs have."""
    if not inputs:
        raise ValueError("Inputs must have at least one input; got none. Pass Inputs(name=array).")
    for name in inputs:
        if not isinstance(name, str):
            raise TypeError(invalid("The name of an input", "a string", describe(name)))
        if not name or "__" in name:  # which separates names in routed parameters
            raise ValueError(
                invalid("The name of an input", "not empty, without '__'", quote(name))
            )
    counts = {name: count_rows_of(part) for name, part in inputs.items()}
    for name, count in counts.items():
        if count is None:
            allowed = "one array, data frame or sparse matrix, or a list with an item for each row"
            raise TypeError(invalid(f"Input {quote(name)}", allowed, describe(inputs[name])))
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{count} in {quote(name)}" for name, count in counts.items())
        raise ValueError(f"All inputs must have the same number of rows; got {found}.")
    return next(iter(counts.values())) or 0


def _as_index(key: Any) -> np.ndarray:
    index = np.asarray(key)
    if index.dtype.kind not in "iub" and index.size:
        raise TypeError(
            invalid(
                "A selection from Inputs",
                "the name of an input, or a slice, array of indices or boolean mask of rows",
                describe(key),
                "Inputs are selected one by one: X['name'].",
            )
        )
    return index if index.size else index.astype(np.intp)


def _holds_inputs(X: Mapping[Any, Any]) -> bool:
    """Whether a dict holds inputs, rather than columns, one row, or a data set of scikit-learn."""
    if not X or {"data", "target"} <= X.keys():
        return False
    counts = [count_rows_of(part) for part in X.values()]
    return None not in counts and any(_rank(part) > 1 for part in X.values())


def _rank(part: Any) -> int:
    if are_paths(part):  # of images
        return 4
    rank = len(getattr(part, "shape", ())) or 1
    if rank > 1:
        return rank
    first = part.iloc[0] if hasattr(part, "iloc") and len(part) else next(iter(part), None)
    return 2 if isinstance(first, (list, tuple)) or _is_array(first) else 1


def _is_array(cell: Any) -> bool:
    return isinstance(cell, np.ndarray) and cell.ndim > 0


def _from_cells(X: Any) -> Inputs | None:
    """Return the columns of a frame whose cells hold arrays as inputs, beside the other columns."""
    is_pandas = library_of_frame(X) == "pandas"
    columns = [X.iloc[:, i] if is_pandas else X[:, i] for i in range(X.shape[1])]
    held = [i for i, column in enumerate(columns) if _holds_arrays(column)]
    if not held:
        return None
    inputs: dict[Any, Any] = {}
    others = [i for i in range(X.shape[1]) if i not in held]
    if others:
        inputs["table"] = X.iloc[:, others] if is_pandas else X[:, others]
    for i in held:
        name = X.columns[i]
        if name in inputs:
            raise ValueError(
                invalid(
                    f"A column whose cells hold arrays, {quote(name)},",
                    "named otherwise than 'table', the name of the other columns, and once only",
                    quote(name),
                    "Rename it.",
                )
            )
        inputs[name] = _stacked(columns[i], name)
    return Inputs(inputs)


def _holds_arrays(column: Any) -> bool:
    """Whether the first cell of a column of a frame is an array or list of numbers."""
    is_nested = (
        column.dtype.is_nested() if library_of(column) == "polars" else column.dtype.kind == "O"
    )
    if not is_nested:
        return False
    first = next((cell for cell in column if type(cell).__name__ not in MISSING_TYPES), None)
    return _to_cell(first) is not None


def _to_cell(cell: Any) -> np.ndarray | None:
    """Return a cell as an array; None if it holds anything but an array or list of numbers."""
    if library_of(cell) == "polars":
        cell = cell.to_list()
    if isinstance(cell, (list, tuple)):
        try:
            array = np.asarray(cell)
        except ValueError:  # of unequal lengths
            return None
        return array if array.dtype.kind in "biuf" and array.size else None
    return cell if _is_array(cell) and not _begins_with_string(cell) else None


def _begins_with_string(array: np.ndarray) -> bool:
    return array.dtype.kind in "UST" or isinstance(next(array.flat, None), (str, bytes))


def _stacked(column: Any, name: object) -> Any:
    cells = list(map(_to_cell, column))
    n_others = sum(cell is None for cell in cells)
    if n_others:
        raise ValueError(
            invalid(
                f"The cells of column {quote(name)}",
                "arrays if some are",
                f"{n_others} cells of another type",
                "Fill the gaps, or drop these rows.",
            )
        )
    shapes = {cell.shape for cell in cells if cell is not None}
    return np.stack(cells) if len(shapes) == 1 else cells  # type: ignore[arg-type]


def check_keys(
    value: Mapping[Any, Any], names: Sequence[str], what: str, *, needs_all: bool = False
) -> None:
    """Raise ``ValueError`` if the keys of a parameter are not names of inputs.

    Parameters
    ----------
    value : mapping
        The value of the parameter.
    names : sequence of str
        Names of the inputs.
    what : str
        The parameter in messages.
    needs_all : bool, default=False
        Whether each input needs a key.
    """
    unknown = [key for key in value if key not in names]
    missing = [name for name in names if name not in value] if needs_all else []
    if not (unknown or missing):
        return
    each = "each input" if needs_all else "inputs"
    got = [f"the unknown {format_list(unknown)}"] * bool(unknown)
    got += [f"none for {format_list(missing)}"] * bool(missing)
    allowed = f"a dict with keys for {each} of X ({format_list(names)})"
    hint = did_you_mean(unknown[0], missing or names).strip() if unknown else ""
    raise ValueError(invalid(what, allowed, " and ".join(got), hint))
