"""A cache of traced programs, one per model structure; the least recently used are dropped."""

from __future__ import annotations

import operator
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import keras

from keras_multiclass._training.engine.fingerprint import UndescribableError, fingerprint

if TYPE_CHECKING:  # it needs TensorFlow, which other backends of Keras do not load
    from keras_multiclass._training.engine.programs import Program

MAX_PROGRAMS = 32


class ProgramCache:
    """Looks up the program of a model, shared with all models of the same description.

    It is locked and bounded. It is never pickled.
    """

    def __init__(self, max_programs: int = MAX_PROGRAMS) -> None:
        self.max_programs = max_programs
        self._lock = threading.RLock()
        self._start_empty()

    def _start_empty(self) -> None:
        self._shared: OrderedDict[Hashable, Program] = OrderedDict()
        # For each model its program, and what it was compiled with at the look-up.
        self._of_model: weakref.WeakKeyDictionary[keras.Model, tuple[Any, int, Program]] = (
            weakref.WeakKeyDictionary()
        )

    def get(self, model: keras.Model, make: Callable[[], Program]) -> Program:
        """Return the program of a built and compiled model; call ``make`` if there is none."""
        with self._lock:
            metrics = model.metrics
            # The first metric, of the loss, is a new one whenever the model is compiled.
            compiled_with = (model.optimizer, model.loss, *metrics[:1])
            # Keras builds metrics late: a loaded model may predict before it has them.
            n_variables = sum(len(metric.variables) for metric in metrics)
            known = self._of_model.get(model)
            if known and known[1] == n_variables and _are(known[0], compiled_with):
                return known[2]
            program = self._look_up(model, make)
            self._of_model[model] = compiled_with, n_variables, program
            return program

    def _look_up(self, model: keras.Model, make: Callable[[], Program]) -> Program:
        try:
            key = fingerprint(model)
            program = self._shared.pop(key, None) or make()
        except UndescribableError:
            return make()
        self._shared[key] = program
        while len(self._shared) > self.max_programs:
            self._shared.popitem(last=False)
        return program

    def clear(self) -> None:
        """Drop all programs."""
        with self._lock:
            self._start_empty()

    def __len__(self) -> int:
        return len(self._shared)


def _are(first: tuple[Any, ...], second: tuple[Any, ...]) -> bool:
    return len(first) == len(second) and all(map(operator.is_, first, second))


programs = ProgramCache()


def clear_cache() -> None:
    """Drop all traced training and prediction functions to free their memory.

    They are traced again when needed. Fitted classifiers and results do not change.

    Examples
    --------
    >>> import keras_multiclass
    >>> keras_multiclass.clear_cache()
    """
    programs.clear()
