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

from keras_multiclass._data.rows import Data, Features, StreamData, dense
from keras_multiclass._shared.keras.epoch_callbacks import Logs
from keras_multiclass._shared.seeding import permutation
from keras_multiclass._training.engine.base import TrainingPlan, TrainingResult
from keras_multiclass._training.engine.epochs import flat, padded, run_training, walk_epochs


class KerasEngine:
    """Train with Keras' training step, predict in batches of one fixed shape."""

    def fit(
        self,
        model: keras.Model,
        data: Data,
        validation: Data | None,
        plan: TrainingPlan,
    ) -> TrainingResult:
        """Train ``model`` in place; see `Engine.fit`."""
        if not model.optimizer.built:
            # Inside its first step it would be built too, but then TensorFlow traces that twice.
            model.optimizer.build(model.trainable_variables)

        def loop(callbacks: keras.callbacks.CallbackList) -> None:
            walk_epochs(
                model,
                plan,
                callbacks,
                lambda epoch: _train_epoch(model, data, plan, epoch, callbacks),
                None
                if validation is None
                else lambda: _validate(model, validation, plan, callbacks),
            )

        return run_training(model, data, plan, loop)

    def predict(self, model: keras.Model, X: Features, batch_size: int) -> np.ndarray:
        """Evaluate ``model`` on each row of ``X``.

        Every batch is padded to the same shape, so that what a row gets does not depend on how
        many rows are beside it.
        """
        outputs = []
        for start in range(0, X.shape[0], batch_size):
            batch = dense(X[start : start + batch_size])
            n_rows = batch.shape[0]
            output = model(keras.ops.convert_to_tensor(padded(batch, batch_size)), training=False)
            outputs.append(keras.ops.convert_to_numpy(output)[:n_rows])
        return np.concatenate(outputs)


def _train_epoch(
    model: keras.Model,
    data: Data,
    plan: TrainingPlan,
    epoch: int,
    callbacks: keras.callbacks.CallbackList,
) -> Logs:
    order = None
    if plan.shuffle and not isinstance(data, StreamData):
        order = permutation(data.n_samples, plan.seed, epoch)
    model.reset_metrics()
    logs: Logs = {}
    for step, batch in enumerate(batches(data, plan.batch_size, order)):
        callbacks.on_train_batch_begin(step)
        with _metrics_kept(model):
            logs = flat(model.train_on_batch(*batch, return_dict=True))
        callbacks.on_train_batch_end(step, logs)
        if model.stop_training:
            break
    return logs


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


def _validate(
    model: keras.Model,
    validation: Data,
    plan: TrainingPlan,
    callbacks: keras.callbacks.CallbackList,
) -> Logs:
    model.reset_metrics()
    callbacks.on_test_begin()
    logs: Logs = {}
    for step, batch in enumerate(batches(validation, plan.validation_batch_size)):
        callbacks.on_test_batch_begin(step)
        with _metrics_kept(model):
            logs = flat(model.test_on_batch(*batch, return_dict=True))
        callbacks.on_test_batch_end(step, logs)
    callbacks.on_test_end(logs)
    return logs


def batches(
    data: Data, batch_size: int, order: np.ndarray | None = None
) -> Iterator[tuple[Any, ...]]:
    """Yield ``(X, y)`` or ``(X, y, sample_weight)`` batch by batch; the last may be short.

    A stream has batches and an order of its own.
    """
    if isinstance(data, StreamData):
        for part in data.epoch():
            yield from batches(part, part.n_samples)
        return
    for start in range(0, data.n_samples, batch_size):
        samples: Any = slice(start, start + batch_size)
        if order is not None:
            samples = order[samples]
        batch = (data.features(samples), data.y[samples])
        yield batch if data.sample_weight is None else (*batch, data.sample_weight[samples])
