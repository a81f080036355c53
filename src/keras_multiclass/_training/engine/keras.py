"""The engine that runs Keras' own training step batch by batch, for any model and backend.

It loops over the epochs with `keras.Model.train_on_batch` and `keras.callbacks.CallbackList`
instead of `keras.Model.fit`, which builds a new input pipeline for each epoch (on small tables that
costs more than the training) and chooses the order of the rows itself. It computes the same: the
model's ``train_step``, ``test_step`` and ``predict_step``, its metrics, and all callback hooks in
Keras' order. As in `keras.Model.fit`, a ``train_on_batch`` of the model's own is not called.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_multiclass._data.rows import Data, Features, StreamData, dense
from keras_multiclass._shared.keras.epoch_callbacks import Logs
from keras_multiclass._shared.keras.overrides import predicts_itself
from keras_multiclass._shared.seeding import permutation
from keras_multiclass._shared.upstream.keras import can_keep_metrics, kept_metrics
from keras_multiclass._training.engine.base import TrainingPlan, TrainingResult
from keras_multiclass._training.engine.epochs import flat, padded, run_training, walk_epochs
from keras_multiclass._training.engine.loss_average import prepare_functions
from keras_multiclass.exceptions import EngineError

_BATCHES_PER_CALL = 64  # of `keras.Model.predict`, which builds a pipeline in each call


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

        def loop(callbacks: keras.callbacks.CallbackList, numbers: range) -> None:
            walk_epochs(
                model,
                plan,
                callbacks,
                numbers,
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
        own_step = predicts_itself(model)
        slab = batch_size * _BATCHES_PER_CALL if own_step else batch_size
        outputs = []
        for start in range(0, X.shape[0], slab):
            rows = dense(X[start : start + slab])
            n_rows = rows.shape[0]
            rows = padded(rows, batch_size)
            if own_step:
                output = keras.Model.predict(model, rows, batch_size=batch_size, verbose=0)
            else:
                output = model(keras.ops.convert_to_tensor(rows), training=False)
                output = keras.ops.convert_to_numpy(output)
            outputs.append(output[:n_rows])
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
            logs = flat(keras.Model.train_on_batch(model, *batch, return_dict=True))
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
            logs = flat(keras.Model.test_on_batch(model, *batch, return_dict=True))
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
