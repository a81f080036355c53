"""What Keras keeps for a process or a thread."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import keras

try:
    # The only public function for this is `clear_session`, which also resets the user's settings.
    from keras.src.backend.common import global_state
except ImportError:
    global_state = None

UNDOCUMENTED = {
    "global_state": (
        "numbers layers, optimizers and metrics from the start for each network",
        "names count up over the process, and equal networks do not share traces",
    ),
    "object_name_uids": ("the counters of names in `global_state`", "as without `global_state`"),
    "dtype policy in `global_state`": (
        "whether a thread has a dtype policy of its own",
        "a thread keeps the policy that it had during its first fit or prediction",
    ),
    "global_seed_generator": (
        "the seeds that `keras.random` draws in `global_state`, kept apart for each fit",
        "layers without seeds of their own draw from the generator of the process",
    ),
}

_COUNTERS = "object_name_uids"


def get_name_counters() -> Any:
    """Return the counters by which Keras numbers its objects; None if they are unknown."""
    return None if global_state is None else global_state.get_global_attribute(_COUNTERS)


def set_name_counters(counters: Any) -> None:
    """Replace the counters by which Keras numbers its objects, if they are known."""
    if global_state is not None:
        global_state.set_global_attribute(_COUNTERS, counters)


@contextlib.contextmanager
def dtype_policy_of_thread(dtype: str) -> Iterator[None]:
    """Set the dtype policy of this thread inside, then restore that it had none, or another."""
    name = "dtype_policy"
    if global_state is None:
        previous = keras.config.dtype_policy()
        keras.config.set_dtype_policy(dtype)
        try:
            yield
        finally:
            keras.config.set_dtype_policy(previous)
        return
    previous = global_state.get_global_attribute(name)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        global_state.set_global_attribute(name, previous)


class _LateSeedGenerator:
    """A seed generator whose variable is created by the first draw, as most fits never draw."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    @functools.cached_property
    def generator(self) -> Any:
        """The generator of Keras."""
        with _outside_of_traces():
            return keras.random.SeedGenerator(self.seed, name="global_seed_generator")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.generator, name)


def _outside_of_traces() -> contextlib.AbstractContextManager[None]:
    """Let variables be created inside a trace, too."""
    if keras.backend.backend() != "tensorflow":
        return contextlib.nullcontext()
    import tensorflow as tf

    scope: contextlib.AbstractContextManager[None] = tf.init_scope()
    return scope


@contextlib.contextmanager
def own_seed_generator(seed: int) -> Iterator[None]:
    """Let `keras.random` draw its seeds from a new generator inside, then from that of before.

    Parameters
    ----------
    seed : int
        The seed of the new generator.
    """
    if global_state is None:
        yield
        return
    name = "global_seed_generator"
    previous = global_state.get_global_attribute(name)
    global_state.set_global_attribute(name, _LateSeedGenerator(seed))
    try:
        yield
    finally:
        global_state.set_global_attribute(name, previous)
