"""The engine that runs Keras' own training step batch by batch, for any model and backend.

It loops over the epochs with `keras.Model.train_on_batch` and `keras.callbacks.CallbackList`
instead of `keras.Model.fit`, which builds a new input pipeline for each epoch (on small tables that
costs more than the training) and chooses the order of the rows itself. It computes the same: the
model's ``train_step`` and ``test_step``, its metrics, and all callback hooks in Keras' order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_multiclass._data.rows import Data, Features, StreamData, dense
from keras_multiclass._shared.keras.epoch_callbacks import Logs
from keras_multiclass._shared.seeding import permutation
from keras_multiclass._shared.upstream.keras import can_keep_metrics, kept_metrics
from keras_multiclass._training.engine.base import TrainingPlan, TrainingResult
from keras_multiclass._training.engine.epochs import flat, padded, run_training, walk_epochs
from keras_multiclass._training.engine.loss_average import prepare_functions
from keras_multiclass.exceptions import EngineError


class KerasEngine:
    """Trains with Keras' training step, and predicts in batches of one fixed shape."""

    def fit(
        self,
        model: keras.Model,
        data: Data,
        validation: Data | None,
        plan: TrainingPlan,
    ) -> TrainingResult:
        """Train ``model`` in place; see `Engine.fit`."""
        if not can_keep_metrics():
            raise EngineError(
                f"The Keras engine cannot log whole epochs with Keras {keras.__version__}, whose "
                "training step resets the metrics. Install another version of Keras."
            )
        if not model.optimizer.built:
            # Its first step would build it, too, but then TensorFlow traces that step twice.
            model.optimizer.build(model.trainable_variables)
        prepare_functions(model)

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
        """Compute the output of ``model`` for each row of ``X``.

        All batches are padded to the same shape, so that the output for a row does not depend on
        the number of other rows.
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
        with kept_metrics(model):
            logs = flat(model.train_on_batch(*batch, return_dict=True))
        callbacks.on_train_batch_end(step, logs)
        if model.stop_training:
            break
    return logs


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
        with kept_metrics(model):
            logs = flat(model.test_on_batch(*batch, return_dict=True))
        callbacks.on_test_batch_end(step, logs)
    callbacks.on_test_end(logs)
    return logs


def batches(
    data: Data, batch_size: int, order: np.ndarray | None = None
) -> Iterator[tuple[Any, ...]]:
    """Yield ``(X, y)`` or ``(X, y, sample_weight)`` batch by batch; the last may be short.

    A stream determines its batches and their order itself.
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
