"""A cache of traced programs, one per model structure; the least recently used are dropped."""

from __future__ import annotations

import operator
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import keras

from keras_multiclass._training.engine.fingerprint import UndescribableError, fingerprint

if TYPE_CHECKING:  # it needs TensorFlow, which other backends of Keras do not load
    from keras_multiclass._training.engine.programs import Program

MAX_PROGRAMS = 32

Step: TypeAlias = Literal["train_step", "test_step", "predict_step"]


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
        # For each model the programs of its steps, and what it was compiled with.
        self._of_model: weakref.WeakKeyDictionary[
            keras.Model, tuple[tuple[Any, ...], int, dict[Step, Program]]
        ] = weakref.WeakKeyDictionary()

    def get(
        self, model: keras.Model, make: Callable[[Hashable], Program], step: Step = "train_step"
    ) -> Program:
        """Return the program for a step of a built and compiled model.

        The description of the model at the first call decides. Like the functions that Keras traces
        for a model, the program then stays until the model is compiled again.

        Parameters
        ----------
        model : keras.Model
            The model.
        make : callable
            Makes a program if there is none, from the description of the model (None if it has
            none).
        step : {"train_step", "test_step", "predict_step"}, default="train_step"
            The step.
        """
        with self._lock:
            programs = self._of_steps(model)
            if step not in programs:
                programs[step] = self._look_up(model, make)
            return programs[step]

    def has(self, model: keras.Model, step: Step) -> bool:
        """Whether a step of a model has got its program."""
        with self._lock:
            return step in self._of_steps(model)

    def forget(self, model: keras.Model, step: Step) -> None:
        """Look up the program for a step anew when it is needed again."""
        with self._lock:
            self._of_steps(model).pop(step, None)

    def _of_steps(self, model: keras.Model) -> dict[Step, Program]:
        metrics = model.metrics
        # The first metric, of the loss, is a new one whenever the model is compiled.
        compiled_with = (model.optimizer, model.loss, *metrics[:1])
        # Keras builds metrics late: a loaded model may predict before it has them.
        n_variables = sum(len(metric.variables) for metric in metrics)
        known = self._of_model.get(model)
        if not (known and known[1] == n_variables and _are(known[0], compiled_with)):
            known = self._of_model[model] = compiled_with, n_variables, {}
        return known[2]

    def _look_up(self, model: keras.Model, make: Callable[[Hashable], Program]) -> Program:
        try:
            key = fingerprint(model)
            program = self._shared.pop(key, None) or make(key)
        except UndescribableError:
            return make(None)
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
