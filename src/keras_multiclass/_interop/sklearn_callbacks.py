"""Tells scikit-learn's own callbacks of a fit and of each of its epochs.

They came with scikit-learn 1.9; before, an estimator has no `set_callbacks` and nothing is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_multiclass._shared.keras.epoch_callbacks import EpochRecorder
from keras_multiclass._shared.typing import History

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Adds nothing, in place of scikit-learn's mixin."""

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """Leave a method as it is."""
        return method


__all__ = ["CallbackSupportMixin", "EpochTasks", "has_callbacks", "report_epochs"]


class EpochTasks(EpochRecorder):
    """A Keras callback that hands a fit on to scikit-learn's callbacks, one task an epoch.

    Parameters
    ----------
    estimator : KerasMulticlassClassifier
        The estimator that is being fitted.
    epochs : int
        How many epochs there are at most.
    data : dict
        ``X``, ``y`` and ``metadata``, as the callbacks get them.
    progress : callable
        Gives the fitted attributes that tell of the epochs so far, from their history.
    """

    def __init__(
        self,
        estimator: Any,
        epochs: int,
        data: dict[str, Any],
        progress: Callable[[History], dict[str, Any]],
    ) -> None:
        super().__init__()
        self._told = {"estimator": estimator, **data}
        self._progress = lambda: progress(self.history)
        self._fit = estimator._init_callback_context(max_subtasks=epochs)
        self._fit.call_on_fit_task_begin(**self._told)
        self._epoch: Any = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begin the task of an epoch."""
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._told, reconstruction_attributes=self._progress)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """End the task of an epoch, and the training if a callback asks for that."""
        super().on_epoch_end(epoch, logs)
        task, self._epoch = self._epoch, None
        if task.call_on_fit_task_end(**self._told, reconstruction_attributes=self._progress):
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """End the task of an epoch that the user interrupted."""
        if self._epoch is not None:
            self._epoch.call_on_fit_task_end(**self._told)

    def end(self) -> None:
        """End the task of the fit; the estimator is fitted."""
        self._fit.call_on_fit_task_end(**self._told, reconstruction_attributes={})


def has_callbacks(estimator: Any) -> bool:
    """Whether ``set_callbacks`` gave an estimator callbacks of scikit-learn's."""
    return hasattr(estimator, "_skl_callbacks")


@with_callbacks
def report_epochs(
    estimator: Any,
    epochs: int,
    data: dict[str, Any],
    progress: Callable[[History], dict[str, Any]],
    train: Callable[[EpochTasks], Any],
) -> Any:
    """Train, and report the fit and its epochs to scikit-learn's callbacks.

    Parameters
    ----------
    estimator : KerasMulticlassClassifier
        What the callbacks see as the estimator; has the fitted attributes except those of
        `progress`.
    epochs, data, progress
        As of `EpochTasks`.
    train : callable
        Trains with the Keras callback that it gets, and sets the fitted attributes of `estimator`.

    Returns
    -------
    object
        What `train` returns.
    """
    tasks = EpochTasks(estimator, epochs, data, progress)
    result = train(tasks)
    tasks.end()
    return result
