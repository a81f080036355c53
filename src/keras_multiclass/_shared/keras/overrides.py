"""Which methods of `keras.Model` the user's model replaces by its own."""

from __future__ import annotations

from collections.abc import Iterable

import keras

__all__ = ["CALLED", "NOT_CALLED", "overridden", "overrides_logs", "overrides_prediction"]

# Methods that a model may replace: those that the classifier calls, and those that it does not.
CALLED = (
    *("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics"),
    *("make_train_function", "make_test_function", "make_predict_function"),
)
NOT_CALLED = ("fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch")


def overridden(model: keras.Model, names: Iterable[str]) -> list[str]:
    """List the methods that a model has of its own, in its class or set on the instance.

    Parameters
    ----------
    model : keras.Model
        The model.
    names : iterable of str
        Names of methods of `keras.Model`.
    """
    own = vars(model)
    return [n for n in names if n in own or getattr(type(model), n) is not getattr(keras.Model, n)]


def overrides_prediction(model: keras.Model) -> bool:
    """Whether what a model predicts may differ from what it returns when it is called."""
    return bool(overridden(model, ("predict_step", "make_predict_function")))


def overrides_logs(model: keras.Model) -> bool:
    """Whether a training or test step of the model's own may log anything."""
    names = ("train_step", "test_step", "compute_metrics", "get_metrics_result")
    return bool(overridden(model, names))
