"""Streams of batches: what counts as one, and its batches, pass by pass."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_multiclass._data.frames import library_of
from keras_multiclass._shared.messages import describe, invalid

_ARRAY_TRAITS = ("shape", "dtype", "columns", "__array__", "__array_interface__", "__dataframe__")
_FORM = "(X, y) or (X, y, sample_weight)"


class Batch(NamedTuple):
    """One batch as it came; tensors are NumPy arrays already."""

    X: Any
    y: Any
    sample_weight: Any = None


def is_stream(X: Any) -> bool:
    """Whether X gives batches one after the other instead of being an array of rows.

    Parameters
    ----------
    X : object
        Whatever the user gave as X.

    Returns
    -------
    bool
        True for a ``keras.utils.PyDataset``, a ``tf.data.Dataset``, a function, an iterator, and
        everything else that can be iterated over and is no array, sequence, set or mapping.
    """
    if isinstance(X, keras.utils.PyDataset):
        return True
    if library_of(X) or isinstance(X, (Sequence, Set, Mapping)):
        return False
    if any(hasattr(X, t) for t in _ARRAY_TRAITS):
        return False
    return callable(X) or hasattr(X, "__iter__")


class Stream:
    """The batches of one stream, in passes over it.

    Parameters
    ----------
    X : object
        What :func:`is_stream` is true for.
    name : {"X", "X_val"}, default="X"
        How messages call it.
    steps : int, default=None
        Batches of an epoch; None for one pass over the stream.

    Raises
    ------
    ValueError, TypeError
        If the stream has no end, or can be read only once, and `steps` is None.
    """

    def __init__(self, X: Any, name: str = "X", steps: int | None = None) -> None:
        self.name = name
        self.steps = steps
        self._source = _find_source(X, name)
        if steps is None:
            self._check_passes(X)
        self._running = self._without_end()

    def first_pass(self) -> Iterator[Batch]:
        """Yield the batches to learn from before training.

        These are one pass; if nobody can tell that it ends, as many batches as an epoch has.
        """
        if self.steps is None or self._source.ends:
            return self._one_pass()
        batches = self._running if self._source.once else self._without_end()
        return self._next_steps(batches, self.steps)

    def epoch(self) -> Iterator[Batch]:
        """Yield the batches of one epoch, which begins where the last one ended."""
        self._source.begin()
        if self.steps is None:
            yield from self._one_pass()
        else:
            yield from self._next_steps(self._running, self.steps)
        self._source.end()

    def _one_pass(self) -> Iterator[Batch]:
        number = 0
        for number, item in enumerate(self._source.open(), start=1):
            yield self._read(item, number)
        if not number:
            raise ValueError(
                invalid(
                    self.name,
                    "a stream of at least one batch in each pass",
                    "none",
                    "A function must return a new iterator each time; an iterator that was read "
                    "to its end has to be made anew.",
                )
            )

    def _without_end(self) -> Iterator[Batch]:
        yield from self._one_pass()
        while not self._source.once:
            yield from self._one_pass()

    def _next_steps(self, batches: Iterator[Batch], steps: int) -> Iterator[Batch]:
        missing = steps
        for batch in islice(batches, steps):
            missing -= 1
            yield batch
        if missing:
            raise ValueError(
                invalid(
                    self.name,
                    f"a stream that does not end before the {steps} batches of an epoch",
                    f"its end after {steps - missing}",
                    "It is read once before the first epoch. Pass a function that returns a new "
                    "iterator each time, or an iterator without end.",
                )
            )

    def _check_passes(self, X: Any) -> None:
        if self._source.once:
            allowed, got = "a stream that can be read several times", f"an iterator, {describe(X)}"
            cure = "Pass the generator function itself, without calling it"
        elif self._source.ends is False:
            allowed, got = "a stream that ends", f"{describe(X)} without end"
            cure = "Let it end, for example with .take(n)"
        else:
            return
        also = ", or say how many batches an epoch has: fit__steps_per_epoch=n."
        raise ValueError(
            invalid(self.name, allowed, got, cure + (also if self.name == "X" else "."))
        )

    def _read(self, item: Any, number: int) -> Batch:
        what = f"Batch {number} of {self.name}"
        if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
            raise TypeError(invalid(what, _FORM, describe(item)))
        batch = Batch(*map(_to_array, item))
        if _is_one_row(batch):
            raise ValueError(
                invalid(
                    what,
                    "several rows, X of at least 2 dimensions and y of one label for each row",
                    f"X: {describe(batch.X)}, y: {describe(batch.y)}",
                    "Put rows together to batches, for example with .batch(64).",
                )
            )
        return batch


@dataclass(frozen=True)
class _Source:
    """How to read what the user gave.

    ``ends`` is None where nobody can tell, and ``once`` says that it cannot be read again.
    """

    open: Callable[[], Iterator[Any]]
    ends: bool | None = None
    once: bool = False
    begin: Callable[[], None] = lambda: None
    end: Callable[[], None] = lambda: None


def _find_source(X: Any, name: str) -> _Source:
    if isinstance(X, keras.utils.PyDataset):
        begin = getattr(X, "on_epoch_begin", lambda: None)  # since Keras 3.9
        ends = X.num_batches is not None
        return _Source(partial(_items, X), ends, begin=begin, end=X.on_epoch_end)
    if hasattr(X, "__next__"):
        return _Source(lambda: X, once=True)
    if hasattr(X, "__iter__"):
        return _Source(partial(iter, X), _ends(X))
    try:
        inspect.signature(X).bind()
    except TypeError:
        raise TypeError(
            invalid(name, "a function without arguments that returns batches", describe(X))
        ) from None
    except ValueError:  # no signature to look at
        pass
    return _Source(partial(_call, X, name))


def _items(dataset: keras.utils.PyDataset) -> Iterator[Any]:
    n_batches = dataset.num_batches
    for index in count() if n_batches is None else range(n_batches):
        yield dataset[index]


def _call(function: Callable[[], Any], name: str) -> Iterator[Any]:
    found = function()
    if not hasattr(found, "__iter__"):
        what = f"What the function given as {name} returns"
        raise TypeError(invalid(what, "an iterator of batches", describe(found)))
    return iter(found)


def _ends(X: Any) -> bool | None:
    if hasattr(X, "cardinality"):  # tf.data.Dataset: -1 is without end, -2 unknown
        n_batches = int(X.cardinality())
        return None if n_batches < -1 else n_batches >= 0
    try:
        len(X)
    except TypeError:
        return None
    return True


def _to_array(value: Any) -> Any:
    """Make a NumPy array of a tensor of any library; leave everything else as it is."""
    if library_of(value) or isinstance(value, np.ndarray) or not hasattr(value, "__array__"):
        return value
    values = np.asarray(value)
    if values.dtype.kind == "O" and type(value).__module__.startswith("tensorflow"):
        text = [label.decode() for label in values.ravel()]  # TensorFlow keeps strings as bytes
        values = np.array(text, dtype=object).reshape(values.shape)
    return values


def _is_one_row(batch: Batch) -> bool:
    label = isinstance(batch.y, (str, bytes, numbers.Number)) or _rank(batch.y) == 0
    return label or _rank(batch.X) in (0, 1)


def _rank(values: Any) -> int | None:
    return getattr(values, "ndim", None)
