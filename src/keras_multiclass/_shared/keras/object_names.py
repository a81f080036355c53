"""Names of Keras objects that don't depend on what was built before in the process."""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Iterator

# Keras has no public way to this but `clear_session`, which resets the user's settings as well.
from keras.src.backend.common import global_state

_COUNTERS = "object_name_uids"


class _Counters(collections.defaultdict[str, int]):
    """Counters that begin with some number; Keras leaves the number out if a name is new."""

    def __init__(self, first: int) -> None:
        super().__init__(lambda: first)
        self.first = first

    def __contains__(self, name: object) -> bool:
        return self.first > 0 or super().__contains__(name)


@contextlib.contextmanager
def fresh_names(first: int = 0) -> Iterator[None]:
    """Let Keras number layers, optimizers and metrics anew inside; go on as before afterwards.

    Keras numbers what it makes over the whole process (``dense_798``). TensorFlow keeps something
    for each new name that it meets, so a search would need more and more memory; and two networks
    that are built in the same way could not be told to be alike.

    Parameters
    ----------
    first : int, default=0
        The first number; 0 stands for no number.
    """
    previous = global_state.get_global_attribute(_COUNTERS)
    global_state.set_global_attribute(_COUNTERS, _Counters(first))
    try:
        yield
    finally:
        global_state.set_global_attribute(_COUNTERS, previous)
