"""Which models traces with their variables as arguments can train."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

from keras_multiclass._shared.keras.overrides import overridden
from keras_multiclass._shared.messages import describe
from keras_multiclass.exceptions import EngineError

TRAINING = ("make_train_function", "make_test_function")
PREDICTING = ("make_predict_function",)


class TracingError(Exception):
    """A model cannot be traced, for the reason in the message; nothing has been trained yet."""


@contextlib.contextmanager
def tracing() -> Iterator[None]:
    """Raise `TracingError` for what the code of a model raises while it is traced."""
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        first_line = str(error).strip().partition("\n")[0]
        message = f"tracing it failed with {type(error).__name__}: {first_line}"
        raise TracingError(message) from error


def why_no_graph_of(model: keras.Model, functions: tuple[str, ...] = TRAINING) -> str | None:
    """Return why a model cannot run in the graph engine, or None if it can.

    Parameters
    ----------
    model : keras.Model
        The model.
    functions : tuple of str, default=("make_train_function", "make_test_function")
        Methods of Keras that make the functions which the graph engine replaces.
    """
    if keras.backend.backend() != "tensorflow":
        return f"Keras runs on {keras.backend.backend()}, and the graph engine on TensorFlow"
    if model.run_eagerly:
        return "the model is compiled with run_eagerly=True"
    own = overridden(model, functions)
    if own:
        kind = own[0].removeprefix("make_").removesuffix("_function")
        return f"{describe(model)} makes a {kind} function of its own"
    return _why_not_distributed(model)


def _why_not_distributed(model: keras.Model) -> str | None:
    """Return that a strategy distributes a model: its variables are not those of a trace."""
    import tensorflow as tf

    strategy = model.distribute_strategy  # that of the scope it was built in, or of the current one
    if not tf.distribute.has_strategy() and strategy is tf.distribute.get_strategy():
        return None
    return f"{type(strategy).__name__} distributes the variables"
