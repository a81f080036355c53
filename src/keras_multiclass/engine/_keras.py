"""The engine that runs Keras' own training step batch by batch: every model, every Keras backend.

It walks the epochs itself with `keras.Model.train_on_batch` and `keras.callbacks.CallbackList`
instead of calling `keras.Model.fit`, which sets up its input pipeline anew for each epoch (on small
tables that costs more than the training) and decides on the order of the rows itself.
What is computed is the same: the model's ``train_step`` and ``test_step``, its metrics, and every
hook of every callback in Keras' order.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_multiclass._inputs import dense
from keras_multiclass._seeding import permutation
from keras_multiclass._typing import Features
from keras_multiclass.engine._base import TrainingData, TrainingPlan, TrainingResult
from keras_multiclass.exceptions import DivergenceError


class KerasEngine:
    """Train with Keras' training step, predict in batches of one fixed shape."""

    def fit(
        self,
        model: keras.Model,
        data: TrainingData,
        validation: TrainingData | None,
        plan: TrainingPlan,
    ) -> TrainingResult:
        """Train ``model`` in place; see `Engine.fit`."""
        recorder = _EpochRecorder()
        callbacks = keras.callbacks.CallbackList(
            [*plan.callbacks, recorder],
            add_progbar=plan.verbose != 0,
            verbose=plan.verbose,
            epochs=plan.first_epoch + plan.epochs,
            steps=-(-data.n_samples // plan.batch_size),
            model=model,
        )
        if not model.optimizer.built:
            # Inside its first step it would be built too, but then TensorFlow traces that twice.
            model.optimizer.build(model.trainable_variables)
        model.stop_training = False
        callbacks.on_train_begin()
        logs: dict[str, Any] = {}
        interrupted = False
        try:
            for epoch in range(plan.first_epoch, plan.first_epoch + plan.epochs):
                callbacks.on_epoch_begin(epoch)
                logs = _train_epoch(model, data, plan, epoch, callbacks)
                if validation is not None and _is_due(plan, epoch):
                    logs |= _validate(model, validation, plan, callbacks)
                callbacks.on_epoch_end(epoch, logs)
                if model.stop_training:
                    break
        except KeyboardInterrupt:
            if not recorder.n_epochs:
                raise
            interrupted = True
        if plan.epochs:
            model.optimizer.finalize_variable_values(model.trainable_variables)
        callbacks.on_train_end(logs)
        return TrainingResult(recorder.history, interrupted)

    def predict(self, model: keras.Model, X: Features, batch_size: int) -> np.ndarray:
        """Evaluate ``model`` on each row of ``X``.

        Every batch is padded to the same shape, so that what a row gets does not depend on how
        many rows are beside it.
        """
        outputs = []
        for start in range(0, X.shape[0], batch_size):
            batch = dense(X[start : start + batch_size])
            n_rows = batch.shape[0]
            if n_rows < batch_size:
                padding = np.repeat(batch[-1:], batch_size - n_rows, axis=0)
                batch = np.concatenate([batch, padding])
            output = model(keras.ops.convert_to_tensor(batch), training=False)
            outputs.append(keras.ops.convert_to_numpy(output)[:n_rows])
        return np.concatenate(outputs)


def _train_epoch(
    model: keras.Model,
    data: TrainingData,
    plan: TrainingPlan,
    epoch: int,
    callbacks: keras.callbacks.CallbackList,
) -> dict[str, Any]:
    order = permutation(data.n_samples, plan.seed, epoch) if plan.shuffle else None
    model.reset_metrics()
    logs: dict[str, Any] = {}
    for step, batch in enumerate(batches(data, plan.batch_size, order)):
        callbacks.on_train_batch_begin(step)
        with _metrics_kept(model):
            logs = model.train_on_batch(*batch, return_dict=True)
        callbacks.on_train_batch_end(step, logs)
        if model.stop_training:
            break
    return dict(logs)


@contextlib.contextmanager
def _metrics_kept(model: keras.Model) -> Iterator[None]:
    """Let metrics run on over the batches of an epoch.

    Newer versions of Keras reset them at the start of each `train_on_batch`, so that an epoch
    would be reported by its last batch alone.
    """
    vars(model)["reset_metrics"] = lambda: None
    try:
        yield
    finally:
        del vars(model)["reset_metrics"]


def _is_due(plan: TrainingPlan, epoch: int) -> bool:
    frequency = plan.options.get("validation_freq", 1)
    if isinstance(frequency, (int, np.integer)):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency


def _validate(
    model: keras.Model,
    validation: TrainingData,
    plan: TrainingPlan,
    callbacks: keras.callbacks.CallbackList,
) -> dict[str, Any]:
    batch_size = plan.options.get("validation_batch_size") or plan.batch_size
    model.reset_metrics()
    callbacks.on_test_begin()
    logs: dict[str, Any] = {}
    for step, batch in enumerate(batches(validation, batch_size)):
        callbacks.on_test_batch_begin(step)
        with _metrics_kept(model):
            logs = model.test_on_batch(*batch, return_dict=True)
        callbacks.on_test_batch_end(step, logs)
    callbacks.on_test_end(logs)
    return {f"val_{name}": value for name, value in logs.items()}


def batches(
    data: TrainingData, batch_size: int, order: np.ndarray | None = None
) -> Iterator[tuple[Any, ...]]:
    """Yield ``(X, y)`` or ``(X, y, sample_weight)`` batch by batch; the last may be short."""
    for start in range(0, data.n_samples, batch_size):
        rows: Any = slice(start, start + batch_size)
        if order is not None:
            rows = order[rows]
        batch = (dense(data.X[rows]), data.y[rows])
        yield batch if data.sample_weight is None else (*batch, data.sample_weight[rows])


class _EpochRecorder(keras.callbacks.Callback):
    """Keeps the logs of the epochs that ended and stops at the first loss that is not finite."""

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.n_epochs = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(_plain(value))
        loss = (logs or {}).get("loss")
        if loss is not None and not np.all(np.isfinite(loss)):
            raise DivergenceError(
                f"The training loss must stay finite; got {float(loss)} in epoch {epoch + 1}. "
                "Usual causes: a learning rate that is too high (lower "
                "`optimizer__learning_rate`), features on very large scales (keep "
                "`standardize`, or put a StandardScaler in front), a loss function of your own "
                "that takes the logarithm of 0, or float16 overflow (use dtype='float32')."
            )
        self.n_epochs += 1


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    return array.item() if array.ndim == 0 else array
