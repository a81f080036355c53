"""Streams of batches: recognizing them, and reading them pass by pass."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from typing import Any

import keras

from keras_multiclass._data.frames import library_of
from keras_multiclass._data.labels.named import class_names_of, may_lack_names
from keras_multiclass._data.streams.batches import Batch, read_labeled
from keras_multiclass._data.streams.tables.batches import TableBatches, blocks_of, restarted
from keras_multiclass._shared.messages import describe, invalid

_ARRAY_TRAITS = ("shape", "dtype", "columns", "__array__", "__array_interface__", "__dataframe__")


def is_stream(X: Any) -> bool:
    """Return whether X yields batches instead of being an array of rows.

    Parameters
    ----------
    X : object
        The user's X.

    Returns
    -------
    bool
        True for a ``keras.utils.PyDataset``, a ``tf.data.Dataset``, a function, an iterator, and
        any other iterable that is not an array, sequence, set or mapping.
    """
    if isinstance(X, keras.utils.PyDataset):
        return True
    if library_of(X) or isinstance(X, (Sequence, Set, Mapping)):
        return False
    if any(hasattr(X, t) for t in _ARRAY_TRAITS):
        return False
    return callable(X) or hasattr(X, "__iter__")


class Stream:
    """A stream of batches that is read in passes.

    Parameters
    ----------
    X : object
        A stream, see :func:`is_stream`.
    name : {"X", "X_val"}, default="X"
        Name of the stream in error messages.
    steps : int, default=None
        Number of batches per epoch; None for one pass over the stream.

    Attributes
    ----------
    class_names : ndarray or None
        The names of classes that the dataset knows; its labels become these.
    may_lack_names : bool
        Whether it is a dataset of TensorFlow that has no names, and may have lost them.

    Raises
    ------
    ValueError, TypeError
        If `steps` is None and the stream is endless or can be read only once.
    """

    def __init__(self, X: Any, name: str = "X", steps: int | None = None) -> None:
        self.name = name
        self.steps = steps
        self.class_names = class_names_of(X)
        self.may_lack_names = may_lack_names(X)
        self._source = _source_of(X, name, in_blocks=steps is None)
        if steps is None:
            self._check_passes(X)
        self._endless_batches = self._endless()

    @property
    def rows_per_batch(self) -> int | None:
        """Rows of each batch if many of them are yielded as one; None if each is yielded alone."""
        return self._source.rows_per_batch

    @property
    def unit(self) -> str:
        """What messages call that which the stream yields."""
        return self._source.unit

    def first_pass(self) -> Iterator[Batch]:
        """Return the batches to collect statistics from before training.

        One pass over the stream, or the batches of one epoch unless the stream is known to end.
        """
        if self.steps is None or self._source.finite:
            return self._one_pass()
        batches = self._endless_batches if self._source.single_use else self._endless()
        return self._next_steps(batches, self.steps)

    def epoch(self) -> Iterator[Batch]:
        """Yield the batches of one epoch, starting where the last one ended."""
        self._source.on_epoch_begin()
        if self.steps is None:
            yield from self._one_pass()
        else:
            yield from self._next_steps(self._endless_batches, self.steps)
        self._source.on_epoch_end()

    def _one_pass(self) -> Iterator[Batch]:
        for number, item in _numbered(self._source, self.name):
            yield read_labeled(item, f"{self.unit} {number} of {self.name}", self.class_names)

    def _endless(self) -> Iterator[Batch]:
        yield from self._one_pass()
        while not self._source.single_use:
            yield from self._one_pass()

    def _next_steps(self, batches: Iterator[Batch], steps: int) -> Iterator[Batch]:
        n_batches = 0
        for batch in islice(batches, steps):
            n_batches += 1
            yield batch
        if n_batches < steps:
            raise ValueError(
                invalid(
                    self.name,
                    f"a stream of at least the {steps} batches of an epoch",
                    f"{n_batches}",
                    "The stream is also read before the first epoch. Pass a function that returns "
                    "a new iterator each time, or an endless iterator.",
                )
            )

    def _check_passes(self, X: Any) -> None:
        also = ", or set the number of batches per epoch: fit__steps_per_epoch=n."
        also = also if self.name == "X" else "."
        if self._source.single_use:
            allowed, got = "a stream that can be read several times", f"an iterator, {describe(X)}"
            cure = "Pass the generator function itself, without calling it"
            raise ValueError(invalid(self.name, allowed, got, cure + also))
        _check_ends(self._source, X, self.name, also)


def read_once(X: Any, name: str = "X") -> Iterator[tuple[str, int, Any]]:
    """Read a stream once, to predict its rows or to compare predictions with its labels.

    Parameters
    ----------
    X : object
        A stream, see :func:`is_stream`; an iterator, too.
    name : str, default="X"
        Name of the stream in error messages.

    Yields
    ------
    unit : {"Batch", "Block"}
        What messages call it.
    number : int
        Its number, from 1.
    item : object
        The batch, or a block of several.

    Raises
    ------
    ValueError, TypeError
        If the stream is endless, as far as that is known, or has no batches.
    """
    X = restarted(X, shuffle=False) if isinstance(X, TableBatches) else X
    source = _source_of(X, name, in_blocks=True)
    _check_ends(source, X, name)
    for number, item in _numbered(source, name):
        yield source.unit, number, item


def _check_ends(source: _Source, X: Any, name: str, also: str = ".") -> None:
    if source.finite is False:
        got = f"{describe(X)}, which is endless"
        cure = f"Make it finite, for example with .take(n){also}"
        raise ValueError(invalid(name, "a stream that ends", got, cure))


def _numbered(source: _Source, name: str) -> Iterator[tuple[int, Any]]:
    number = 0
    for number, item in enumerate(source.open(), start=1):
        yield number, item
    if not number:
        raise ValueError(
            invalid(
                name,
                "a stream of at least one batch in each pass",
                "none",
                "A function must return a new iterator each time; an exhausted iterator cannot "
                "be used again.",
            )
        )


@dataclass(frozen=True)
class _Source:
    """How to read the user's stream.

    ``finite`` is None if unknown; a ``single_use`` stream cannot be read again. With
    ``rows_per_batch``, it yields blocks of batches of as many rows, the first batch alone.
    """

    open: Callable[[], Iterator[Any]]
    finite: bool | None = None
    single_use: bool = False
    on_epoch_begin: Callable[[], None] = lambda: None
    on_epoch_end: Callable[[], None] = lambda: None
    rows_per_batch: int | None = None

    @property
    def unit(self) -> str:
        return "Batch" if self.rows_per_batch is None else "Block"


def _source_of(X: Any, name: str, *, in_blocks: bool) -> _Source:
    if isinstance(X, TableBatches):
        passes = restarted(X)
        if in_blocks:
            return _Source(partial(blocks_of, passes), finite=True, rows_per_batch=X.batch_size)
        return _Source(partial(iter, passes), finite=True)
    if isinstance(X, keras.utils.PyDataset):
        return _Source(
            partial(_items, X),
            finite=X.num_batches is not None,
            on_epoch_begin=getattr(X, "on_epoch_begin", lambda: None),  # since Keras 3.9
            on_epoch_end=X.on_epoch_end,
        )
    if hasattr(X, "__next__"):
        return _Source(lambda: X, single_use=True)
    if hasattr(X, "__iter__"):
        return _Source(partial(iter, X), _is_finite(X))
    try:
        inspect.signature(X).bind()
    except TypeError:
        raise TypeError(
            invalid(name, "a function without arguments that returns batches", describe(X))
        ) from None
    except ValueError:  # a callable without a signature
        pass
    return _Source(partial(_call, X, name))


def _items(dataset: keras.utils.PyDataset) -> Iterator[Any]:
    n_batches = dataset.num_batches
    for index in count() if n_batches is None else range(n_batches):
        yield dataset[index]


def _call(function: Callable[[], Any], name: str) -> Iterator[Any]:
    batches = function()
    if not hasattr(batches, "__iter__"):
        what = f"The return value of the function {name}"
        raise TypeError(invalid(what, "an iterator of batches", describe(batches)))
    return iter(batches)


def _is_finite(X: Any) -> bool | None:
    if hasattr(X, "cardinality"):  # tf.data.Dataset: -1 is infinite, -2 unknown
        n_batches = int(X.cardinality())
        return None if n_batches < -1 else n_batches >= 0
    try:
        len(X)
    except TypeError:
        return None
    return True
