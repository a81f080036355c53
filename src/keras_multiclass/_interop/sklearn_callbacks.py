"""Report a fit and each of its epochs to scikit-learn's callbacks.

They exist since scikit-learn 1.9; before, an estimator has no `set_callbacks`, and there is nothing
to report to. `UNDOCUMENTED` lists the private names of scikit-learn that this needs.
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
        """Replacement for scikit-learn's mixin that adds nothing."""

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method unchanged."""
        return method


__all__ = ["CallbackSupportMixin", "EpochTasks", "has_sklearn_callbacks", "report_epochs"]

UNDOCUMENTED = {
    "_skl_callbacks": (
        "whether an estimator has callbacks of scikit-learn",
        "they are not called; training is the same",
    ),
    "_init_callback_context": (
        "starts to report a fit to callbacks of scikit-learn",
        "they are not called; training is the same",
    ),
}


def has_sklearn_callbacks(estimator: Any) -> bool:
    """Whether an estimator has callbacks of scikit-learn to report a fit to."""
    return hasattr(estimator, "_skl_callbacks") and hasattr(estimator, "_init_callback_context")


class EpochTasks(EpochRecorder):
    """A Keras callback that reports a fit to scikit-learn's callbacks, one task for each epoch.

    Parameters
    ----------
    estimator : KerasMulticlassClassifier or KerasMultilabelClassifier
        The estimator being fitted.
    epochs : int
        Maximum number of epochs.
    data : dict
        ``X``, ``y`` and ``metadata`` as passed to the callbacks.
    progress : callable
        Returns the fitted attributes after the epochs so far, computed from their history and
        number.
    """

    def __init__(
        self,
        estimator: Any,
        epochs: int,
        data: dict[str, Any],
        progress: Callable[[History, int], dict[str, Any]],
    ) -> None:
        super().__init__()
        self._arguments = {"estimator": estimator, **data}
        self._progress = lambda: progress(self.history, self.n_epochs)
        self._fit = estimator._init_callback_context(max_subtasks=epochs)
        self._fit.call_on_fit_task_begin(**self._arguments)
        self._epoch: Any = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begin the task of the epoch."""
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(
            **self._arguments, reconstruction_attributes=self._progress
        )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """End the task of the epoch, and the training if a callback requests it."""
        super().on_epoch_end(epoch, logs)
        task, self._epoch = self._epoch, None
        if task.call_on_fit_task_end(**self._arguments, reconstruction_attributes=self._progress):
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """End the task of an epoch that was interrupted."""
        if self._epoch is not None:
            self._epoch.call_on_fit_task_end(**self._arguments)

    def end(self) -> None:
        """End the task of the fit; the estimator is fitted."""
        self._fit.call_on_fit_task_end(**self._arguments, reconstruction_attributes={})


@with_callbacks
def report_epochs(
    estimator: Any,
    epochs: int,
    data: dict[str, Any],
    progress: Callable[[History, int], dict[str, Any]],
    train: Callable[[EpochTasks], Any],
) -> Any:
    """Train, and report the fit and its epochs to scikit-learn's callbacks.

    Parameters
    ----------
    estimator : KerasMulticlassClassifier or KerasMultilabelClassifier
        The estimator that is passed to the callbacks, fitted as it was before this training.
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
