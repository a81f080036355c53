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

    Those that declare that they are ``logs_like_keras`` do not count.

    Parameters
    ----------
    model : keras.Model
        The model.
    names : iterable of str
        Names of methods of `keras.Model`.
    """
    return [name for name in names if name in vars(model) or _replaces(type(model), name)]


def _replaces(model_class: type, name: str) -> bool:
    method = getattr(model_class, name)
    is_known = getattr(method, "logs_like_keras", False)
    return method is not getattr(keras.Model, name) and not is_known


def overrides_prediction(model: keras.Model) -> bool:
    """Whether what a model predicts may differ from what it returns when it is called."""
    return bool(overridden(model, ("predict_step", "make_predict_function")))


def overrides_logs(model: keras.Model) -> bool:
    """Whether a training or test step of the model's own may log anything."""
    names = ("train_step", "test_step", "compute_metrics", "get_metrics_result")
    return bool(overridden(model, names))
