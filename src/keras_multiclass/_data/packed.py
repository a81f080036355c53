"""Several inputs in one matrix: what `fit` learns about each, and how rows are put side by side.

The engines read X from one array. Each input becomes a block of columns, which the network takes
apart again, so that nothing between the two needs to know about inputs.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

import numpy as np
from scipy import sparse

from keras_multiclass._data.cast_on_read import CastOnRead
from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.foreign_frames import to_frame
from keras_multiclass._data.images.schema import ImageFileSchema
from keras_multiclass._data.inputs import Inputs, describe_inputs, to_inputs
from keras_multiclass._data.ragged import arrange
from keras_multiclass._data.rows import Features
from keras_multiclass._data.sequences import PADDING, Sequences
from keras_multiclass._shared.messages import (
    describe,
    format_list,
    invalid,
    list_differences,
    quote,
    warn,
    warnings_held_back,
)

_TEXT_DTYPES = ("String", "string", "str")  # of polars and pandas


@dataclass(frozen=True)
class Block:
    """The columns of one input.

    Attributes
    ----------
    start, stop : int
        The first column, and the one after the last.
    shape : tuple of int
        Shape of a row of the input, as checked.
    any_length : bool
        Whether rows are sequences of any length, padded to that of `shape`.
    """

    start: int
    stop: int
    shape: tuple[int, ...]
    any_length: bool = False

    def of(self, packed: Any) -> Any:
        """Return the input: a view, or a copy if the matrix is sparse or lengths differ."""
        columns = packed[:, self.start : self.stop]
        if len(self.shape) == 1:
            return columns
        columns = columns.toarray() if sparse.issparse(columns) else columns
        values = columns.reshape(-1, *self.shape)
        if not self.any_length:
            return values
        is_real = values[..., 0] != PADDING
        return Sequences(values[is_real], is_real.sum(axis=1))


@dataclass(frozen=True, eq=False)
class PackedSchema(FeatureSchema):
    """What `fit` learns about several inputs: as if they were one matrix of numbers.

    Attributes
    ----------
    schemas : mapping of str to FeatureSchema
        What was learned about each input.
    blocks : mapping of str to Block
        The columns of each.
    """

    schemas: Mapping[str, FeatureSchema] = field(default_factory=dict)
    blocks: Mapping[str, Block] = field(default_factory=dict)

    @classmethod
    def learn_inputs(
        cls,
        X: Inputs,
        learn_one: Callable[[str, Any], tuple[FeatureSchema, Features]],
        *,
        dtype: str,
        estimator_name: str,
    ) -> tuple[PackedSchema, Features]:
        """Learn shapes and names of all inputs, and put their rows side by side.

        Parameters
        ----------
        X : Inputs
            The inputs.
        learn_one : callable
            Learns about one input, from its name and its rows.
        dtype, estimator_name
            As the attributes.

        Returns
        -------
        schema : PackedSchema
            What was learned.
        packed : ndarray or CSR matrix of shape (n_rows, n_columns)
            The rows.
        """
        schemas, parts = {}, {}
        for name, part in X.items():
            with about_input(name):
                schemas[name], parts[name] = learn_one(name, as_columns(part, name))
        schema = cls(
            (0,),
            len(schemas),
            np.array(list(schemas), dtype=object),
            dtype,
            estimator_name=estimator_name,
        )._with_parts(schemas, parts)
        return schema, schema._pack(parts)

    def _with_parts(
        self, schemas: Mapping[str, FeatureSchema], parts: Mapping[str, Features]
    ) -> PackedSchema:
        """Return what was learned about inputs whose checked rows are these."""
        stops = list(accumulate(math.prod(part.shape[1:]) for part in parts.values()))
        blocks = {
            name: Block(start, stop, tuple(part.shape[1:]), isinstance(part, Sequences))
            for (name, part), start, stop in zip(
                parts.items(), [0, *stops[:-1]], stops, strict=True
            )
        }
        return replace(self, input_shape=(stops[-1],), schemas=schemas, blocks=blocks)

    def learn_values(  # type: ignore[override]
        self,
        X: Any,
        checked: Features,
        rows: np.ndarray | None = None,
        *,
        subtract_offsets: Mapping[str, bool],
        is_part: bool = False,
    ) -> tuple[PackedSchema, Features]:
        """Learn what depends on values, as `FeatureSchema.learn_values` does.

        Parameters
        ----------
        X : Inputs
            The inputs.
        checked : ndarray or CSR matrix
            The same, checked and packed.
        rows, is_part
            As there.
        subtract_offsets : mapping of str to bool
            The parameter of each input.
        """
        schemas, parts = {}, {}
        for name, part in X.items():
            block = self.blocks[name].of(checked)
            schema = self.schemas[name]
            changes = schema.columns is not None or schema.expansion is not None
            if sparse.issparse(block) and changes:
                block = block.toarray()
            rows_of_input = as_columns(part, name)
            if schema.n_axes > 1:
                rows_of_input = arrange(rows_of_input, schema.layout)
            with about_input(name):
                schemas[name], parts[name] = schema.learn_values(
                    rows_of_input,
                    block,
                    rows,
                    subtract_offsets=subtract_offsets[name],
                    is_part=is_part,
                )
        learned = self._with_parts(schemas, parts)
        if sparse.issparse(checked) or learned.blocks != self.blocks:
            return learned, learned._pack(parts)
        for name, part in parts.items():
            if not (isinstance(part, np.ndarray) and np.may_share_memory(part, checked)):
                learned._fill(checked, name, part)
        return learned, checked

    def check(self, X: Any, first: int = 0) -> Features:
        """Check X against what was learned, and put the inputs side by side.

        Parameters
        ----------
        X : Inputs, dict or pandas frame
            The inputs.
        first : int, default=0
            As there.

        Returns
        -------
        ndarray or CSR matrix of shape (n_rows, n_columns)
            The rows.

        Raises
        ------
        ValueError, TypeError
            If X has other inputs than in fit, or one of them cannot be used.
        """
        X = to_frame(X)
        inputs = to_inputs(X)
        if inputs is None:
            allowed = f"a dict of the inputs {format_list(self.schemas)}, as in fit"
            cure = ""
            if isinstance(X, (list, tuple)) and len(X) == len(self.schemas):
                named = ", ".join(f"{name!r}: X[{i}]" for i, name in enumerate(self.schemas))
                cure = f"A list holds rows. Pass X = {{{named}}}."
            raise TypeError(invalid("X", allowed, describe(X), cure))
        different = list_differences(inputs, self.schemas, "input")
        if different:
            allowed = f"those of fit, {format_list(self.schemas)}"
            raise ValueError(invalid("The inputs of X", allowed, different))
        parts = {}
        for name, schema in self.schemas.items():
            with about_input(name):
                parts[name] = schema.check(as_columns(inputs[name], name), first)
        return self._pack(parts)

    def parts(self, X: Any) -> Iterator[tuple[int, Any]]:
        """Yield parts of the rows, as there."""
        files = [s.images for s in self.schemas.values() if isinstance(s, ImageFileSchema)]
        inputs = to_inputs(to_frame(X)) if files else None
        if inputs is None:
            yield 0, X
            return
        itemsize = np.dtype(self.dtype).itemsize
        n_rows = max(1, min(each.rows_of_part for each in files) // itemsize)
        for start in range(0, max(1, len(inputs)), n_rows):
            yield start, inputs[start : start + n_rows]

    def _pack(self, parts: Mapping[str, Features]) -> Features:
        """Put checked inputs side by side, dense unless one is sparse."""
        for name, part in parts.items():
            with about_input(name):
                self._check_integers(part)
                _check_size(part, self.blocks[name])
        n_rows = next(iter(parts.values())).shape[0]
        if any(map(sparse.issparse, parts.values())):
            flat = [
                part if sparse.issparse(part) else self._fill(None, name, part)
                for name, part in parts.items()
            ]
            return sparse.hstack(flat, format="csr", dtype=self.dtype)
        n_columns = sum(block.stop - block.start for block in self.blocks.values())
        packed = np.empty((n_rows, n_columns), self.dtype)
        for name, part in parts.items():
            self._fill(packed, name, part)
        return packed

    def _fill(self, packed: Any, name: str, part: Any) -> np.ndarray:
        """Copy a checked input to its columns; a large one takes no more memory on the way."""
        block = self.blocks[name]
        if packed is None:
            columns = np.empty((part.shape[0], block.stop - block.start), self.dtype)
        else:
            columns = packed[:, block.start : block.stop]
        if isinstance(part, Sequences):
            values = part[:]
            columns[:, : values[0].size] = values.reshape(len(values), -1)
            columns[:, values[0].size :] = PADDING
        elif isinstance(part, CastOnRead):
            start = 0
            for chunk in part.chunks():
                columns[start : start + len(chunk)] = chunk.reshape(len(chunk), -1)
                start += len(chunk)
        else:
            columns[...] = part.reshape(part.shape[0], -1)
        return columns

    def _check_integers(self, part: Any) -> None:
        """Raise if the dtype of the matrix would round integers, or cannot hold strings."""
        if part.dtype.kind not in "biuf":
            allowed = "numbers, or read by a backbone with a name"
            raise ValueError(invalid("Strings beside other inputs", allowed, describe(part)))
        bits = np.finfo(self.dtype).nmant + 1
        if part.dtype.kind not in "iu" or not part.size:
            return
        values = np.asarray(part.data if sparse.issparse(part) else part)
        if max(int(values.max()), -int(values.min())) > 2**bits:
            raise ValueError(
                invalid(
                    "Integers beside other inputs",
                    f"at most 2**{bits}, because all inputs are held in {self.dtype}",
                    "larger ones",
                    "Number them, for example with np.unique(X, return_inverse=True)"
                    + (", or set dtype='float64'." if self.dtype == "float32" else "."),
                )
            )

    @property
    def row_shape(self) -> dict[str, tuple[int | None, ...]]:
        """Shape of one row of each input."""
        return {name: schema.input_shape for name, schema in self.schemas.items()}

    def shape_of(self, checked: Features) -> dict[str, tuple[int | None, ...]]:
        """Return the shape of the rows of each input; None for the steps of any length."""
        shapes = {
            name: (None, *block.shape[1:]) if block.any_length else block.shape
            for name, block in self.blocks.items()
        }
        return {name: (checked.shape[0], *shape) for name, shape in shapes.items()}

    @property
    def offset_values(self) -> dict[str, np.ndarray] | None:
        """What is subtracted from each input; None if nothing is."""
        return self._by_input("offset_values")

    @property
    def vectorizer(self) -> dict[str, Any] | None:
        """The fitted vectorizer of each input of texts; None if there is none."""
        return self._by_input("vectorizer")

    def _by_input(self, attribute: str) -> dict[str, Any] | None:
        """Return an attribute of the inputs that have one; None if none does."""
        values = {name: getattr(schema, attribute) for name, schema in self.schemas.items()}
        return {name: value for name, value in values.items() if value is not None} or None


@contextlib.contextmanager
def about_input(name: str) -> Iterator[None]:
    """Let errors and warnings of a block name the input that they are about.

    Parameters
    ----------
    name : str
        The name.
    """
    with warnings_held_back() as held_back:
        try:
            yield
        except (ValueError, TypeError) as error:
            error_class = TypeError if isinstance(error, TypeError) else ValueError
            named = error_class(f"Input {quote(name)} cannot be used: {error}")
            raise named from error
    for message, category in held_back:
        warn(f"Input {quote(name)}: {message}", category)


def as_columns(part: Any, name: str) -> Any:
    """Return one number for each row as a table with one column; anything else as it is.

    Parameters
    ----------
    part : array-like
        An input.
    name : str
        Its name, which the column of a series gets.
    """
    if isinstance(part, Inputs):
        raise TypeError(invalid("X", "one array", describe_inputs(part)))
    part = to_frame(part)
    dtype = getattr(part, "dtype", None)
    if isinstance(part, (list, tuple)) and part and np.isscalar(part[0]):
        numbers = np.asarray(part)
        return numbers.reshape(-1, 1) if numbers.dtype.kind in "biuf" else part
    if dtype is None or len(getattr(part, "shape", ())) != 1:
        return part
    if not hasattr(part, "to_frame"):
        return np.asarray(part).reshape(-1, 1) if np.asarray(part).dtype.kind in "biuf" else part
    is_text = getattr(dtype, "kind", None) in ("O", "U", "S") and str(dtype) != "category"
    is_list = str(dtype).startswith(("List", "Array"))  # of polars: sequences
    return part if is_text or is_list or str(dtype) in _TEXT_DTYPES else part.to_frame(name)


def _check_size(part: Features, block: Block) -> None:
    """Raise for sequences that are longer than the columns of their input."""
    if part.shape[1] > block.shape[0]:
        raise ValueError(
            invalid(
                "Sequences beside other inputs",
                f"of at most {block.shape[0]} steps, the longest in fit",
                f"up to {part.shape[1]} steps",
                "Cut them: [x[:" + str(block.shape[0]) + "] for x in X].",
            )
        )
