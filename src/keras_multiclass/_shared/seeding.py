"""Seeds: one for each fit, everything else derived from it, global generators restored.

All randomness in a fit derives from a single integer. TensorFlow's global seed is neither read nor
set: there is no public way to restore it, and nothing here needs it, since Keras draws the default
seeds of initializers and dropout from Python's ``random``.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from keras_multiclass._shared.messages import describe, invalid

_EPOCH_SEED, _PERMUTATION = 0, 1  # first words of the spawn keys, for independent generators


def resolve_seed(random_state: Any) -> int:
    """Return an integer seed for `random_state`.

    Parameters
    ----------
    random_state : int, RandomState, Generator or None
        An integer is used unchanged. A ``RandomState`` or ``Generator`` is drawn from, so two
        fits with the same object differ. None takes fresh entropy from the system.

    Returns
    -------
    int
        At least 0 and less than ``2**32``.

    Raises
    ------
    ValueError
        If `random_state` has another type or is out of range.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(np.iinfo(np.int32).max))
    if isinstance(random_state, np.random.RandomState) or random_state is np.random:
        return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    is_int = isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool)
    if not is_int or not 0 <= random_state < 2**32:
        raise ValueError(
            invalid(
                "random_state",
                "None, an integer from 0 to 2**32 - 1, or a NumPy RandomState or Generator",
                describe(random_state),
            )
        )
    return int(random_state)


def epoch_seed(seed: int, epoch: int) -> int:
    """Derive the seed of an epoch, which depends on nothing but the arguments.

    Parameters
    ----------
    seed : int
        Seed of the fit.
    epoch : int
        Epoch, counted from 0 over all fits of the model.

    Returns
    -------
    int
        At least 0 and less than ``2**31``.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(_EPOCH_SEED, epoch))
    return int(sequence.generate_state(1)[0] >> 1)


def permutation(n: int, seed: int, epoch: int) -> np.ndarray:
    """Derive the order of the rows in an epoch.

    Parameters
    ----------
    n : int
        Number of rows.
    seed, epoch : int
        As in :func:`epoch_seed`.

    Returns
    -------
    ndarray of shape (n,) and dtype int64
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(_PERMUTATION, epoch))
    return np.random.Generator(np.random.PCG64(sequence)).permutation(n)


class _Generators:
    """The global generators, and the blocks of `seeded` that use them at the moment."""

    def __init__(self) -> None:
        self.alone = threading.RLock()  # held by the thread whose block is not shared
        self._lock = threading.Lock()
        self._running: dict[object, int] = {}  # the thread of each block
        self._original: Any = None

    def start(self, block: object, seed: int) -> Any:
        """Seed for a block; return the states before."""
        with self._lock:
            before = random.getstate(), np.random.get_state(legacy=False)
            if not self._running:
                self._original = before
            self._running[block] = threading.get_ident()
            random.seed(seed)
            np.random.seed(seed)
            return before

    def stop(self, block: object, before: Any) -> None:
        """Restore the states before a block, as soon as no other thread uses them."""
        with self._lock:
            thread = self._running.pop(block)
            if not self._running:
                before, self._original = self._original, None
            elif any(other != thread for other in self._running.values()):
                return
            python_state, numpy_state = before
            random.setstate(python_state)
            np.random.set_state(numpy_state)


_generators = _Generators()


class Seeded:
    """A running block of `seeded`."""

    def __init__(self) -> None:
        self._is_alone = False

    def wait(self) -> None:
        """Wait until no other thread's block needs the generators for itself."""
        _generators.alone.acquire()
        self._is_alone = True

    def share(self) -> None:
        """Let the blocks of other threads begin, which seed the generators anew."""
        if self._is_alone:
            self._is_alone = False
            _generators.alone.release()


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[Seeded]:
    """Seed Python's and NumPy's global generators within a context, then restore their states.

    The states are restored exactly, also after an exception. TensorFlow's global state is not
    touched. The generators belong to the process: a block of another thread waits until this one
    ends or shares them, and the states are restored when the last one ends. Threads that draw from
    them outside of such blocks meanwhile get seeded numbers.

    Parameters
    ----------
    seed : int
        At least 0 and less than ``2**32``.

    Yields
    ------
    Seeded
        Its method ``share`` lets other threads' blocks begin.
    """
    block = Seeded()
    try:
        block.wait()
        before = _generators.start(block, seed)
        try:
            yield block
        finally:
            _generators.stop(block, before)
    finally:
        block.share()
