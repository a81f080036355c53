"""Names of Keras objects that do not depend on what the process built before."""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Iterator

from keras_multiclass._shared.upstream.keras_globals import get_name_counters, set_name_counters


class _Counters(collections.defaultdict[str, int]):
    """Counters that start at a given number; Keras leaves the number out of a new name."""

    def __init__(self, first: int) -> None:
        super().__init__(lambda: first)
        self.first = first

    def __contains__(self, name: object) -> bool:
        return self.first > 0 or super().__contains__(name)


@contextlib.contextmanager
def fresh_names(first: int = 0) -> Iterator[None]:
    """Make Keras number layers, optimizers and metrics from the start inside, then continue.

    Keras numbers its objects over the whole process (``dense_798``). TensorFlow stores something
    for each new name, so a search would need more and more memory, and two equal networks would not
    be recognized as equal.

    Parameters
    ----------
    first : int, default=0
        The first number; a name with the number 0 has none.
    """
    previous = get_name_counters()
    set_name_counters(_Counters(first))
    try:
        yield
    finally:
        set_name_counters(previous)
