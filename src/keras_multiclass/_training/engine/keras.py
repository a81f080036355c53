"""The engine that runs Keras' own training step batch by batch, for any model and backend.

It loops over the epochs with `keras.callbacks.CallbackList` instead of `keras.Model.fit`, which
builds a new input pipeline for each epoch (on small tables that costs more than the training) and
chooses the order of the rows itself. It computes the same: the model's ``train_step``,
``test_step`` and ``predict_step``, its metrics, and all callback hooks in Keras' order. As in
`keras.Model.fit`, a ``train_on_batch`` of the model's own is not called. Where possible, models of
the same description share the traces of their steps; otherwise Keras traces them for each model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_multiclass._data.cast_on_read import CastOnRead
from keras_multiclass._data.rows import Data, Features, StreamData, TrainingData, dense
from keras_multiclass._shared.interrupts import check_interrupt, interruptibly
from keras_multiclass._shared.keras.epoch_callbacks import Logs
from keras_multiclass._shared.keras.overrides import overrides_prediction
from keras_multiclass._shared.upstream.keras_training import can_keep_metrics, kept_metrics
from keras_multiclass._training.engine.base import TrainingPlan, TrainingResult
from keras_multiclass._training.engine.cache import Step
from keras_multiclass._training.engine.epochs import flat, padded, run_training, walk_epochs
from keras_multiclass._training.engine.loss_average import prepare_functions
from keras_multiclass._training.engine.row_order import lengths_of, shuffled
from keras_multiclass._training.engine.traceable import TracingError, why_no_graph_of
from keras_multiclass.exceptions import EngineError

_BATCHES_PER_CALL = 64  # of `keras.Model.predict`, which builds a pipeline in each call

if TYPE_CHECKING:  # it needs TensorFlow, which other backends of Keras do not load
    from keras_multiclass._training.engine.batch_steps import SharedSteps


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
        if not model.optimizer.built:
            # Its first step would build it, too, but then TensorFlow traces that step twice.
            model.optimizer.build(model.trainable_variables)
        steps = _Steps(model)

        def loop(callbacks: keras.callbacks.CallbackList, numbers: range) -> None:
            walk_epochs(
                model,
                plan,
                callbacks,
                numbers,
                lambda epoch: _train_epoch(steps, data, plan, epoch, callbacks),
                None
                if validation is None
                else lambda: _validate(steps, validation, plan, callbacks),
            )

        return replace(run_training(model, data, plan, loop), reason=steps.reason)

    def predict(self, model: keras.Model, X: Features, batch_size: int) -> Iterator[np.ndarray]:
        """Compute the output of ``model`` for each row of ``X``, some rows at a time.

        All batches are padded to the same shape, so that the output for a row does not depend on
        the number of other rows.
        """
        own_step = overrides_prediction(model)
        slab = batch_size * _BATCHES_PER_CALL if own_step else batch_size
        for start in range(0, X.shape[0], slab):
            rows = dense(X[start : start + slab])
            n_rows = rows.shape[0]
            rows = padded(rows, batch_size)
            if own_step:
                output = keras.Model.predict(model, rows, batch_size=batch_size, verbose=0)
            else:
                output = model(keras.ops.convert_to_tensor(rows), training=False)
                output = keras.ops.convert_to_numpy(output)
            check_interrupt()
            yield output[:n_rows]


class _Steps:
    """The steps of a model: from traces shared with other models, or else as Keras makes them."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.reason = ""  # why Keras traces the steps of this model itself, if that is a surprise
        self._shared: SharedSteps | None = None
        if why_no_graph_of(model) is None:
            from keras_multiclass._training.engine.batch_steps import SharedSteps

            self._shared = SharedSteps(model)
        else:
            self._use_own()

    def _use_own(self) -> None:
        if not can_keep_metrics():
            raise EngineError(
                f"The Keras engine cannot log whole epochs with Keras {keras.__version__}, whose "
                "training step resets the metrics. Install another version of Keras."
            )
        self._shared = None
        prepare_functions(self.model)

    def train(self, batch: tuple[Any, ...]) -> Logs:
        """Take a training step, and return the logs of the epoch so far."""
        return self._take("train_step", batch, keras.Model.train_on_batch)

    def test(self, batch: tuple[Any, ...]) -> Logs:
        """Take a test step, and return the logs of the rows so far."""
        return self._take("test_step", batch, keras.Model.test_on_batch)

    def _take(self, name: Step, batch: tuple[Any, ...], own: Callable[..., Any]) -> Logs:
        if self._shared is not None:
            try:
                take = self._shared.prepare(name, batch)
            except TracingError as error:  # what Keras' own trace raises, too, the user sees
                self.reason = str(error)
                self._use_own()
            else:
                return take()
        if not (self.model.train_function and self.model.test_function):
            prepare_functions(self.model)  # a callback compiled the model
        with kept_metrics(self.model):
            return flat(own(self.model, *batch, return_dict=True))


def _train_epoch(
    steps: _Steps,
    data: Data,
    plan: TrainingPlan,
    epoch: int,
    callbacks: keras.callbacks.CallbackList,
) -> Logs:
    order = None
    if plan.shuffle and not isinstance(data, StreamData):
        order = shuffled(data.n_samples, plan, epoch, lengths_of(data))
    steps.model.reset_metrics()
    logs: Logs = {}
    for step, batch in enumerate(batches(data, plan.batch_size, order)):
        callbacks.on_train_batch_begin(step)
        logs = steps.train(batch)
        callbacks.on_train_batch_end(step, logs)
        check_interrupt()
        if steps.model.stop_training:
            break
    return logs


def _validate(
    steps: _Steps,
    validation: Data,
    plan: TrainingPlan,
    callbacks: keras.callbacks.CallbackList,
) -> Logs:
    steps.model.reset_metrics()
    callbacks.on_test_begin()
    logs: Logs = {}
    for step, batch in enumerate(batches(validation, plan.validation_batch_size)):
        callbacks.on_test_batch_begin(step)
        logs = steps.test(batch)
        callbacks.on_test_batch_end(step, logs)
        check_interrupt()
    callbacks.on_test_end(logs)
    return logs


def batches(
    data: Data, batch_size: int, order: np.ndarray | None = None
) -> Iterator[tuple[Any, ...]]:
    """Yield ``(X, y)`` or ``(X, y, sample_weight)`` batch by batch; the last may be short.

    A stream determines its batches and their order itself.
    """
    if isinstance(data, StreamData):
        for part in interruptibly(data.epoch()):
            yield from batches(part, part.n_samples)
        return
    for start in range(0, data.n_samples, batch_size):
        samples: Any = slice(start, start + batch_size)
        if order is not None:
            samples = order[samples]
        weights = () if data.sample_weight is None else (data.sample_weight[samples],)
        yield (_features(data, samples), data.y[samples], *weights)


def _features(data: TrainingData, samples: Any) -> Any:
    """Copy the features of some samples; those of few bits are cast on the device."""
    narrow = data.X.narrow if isinstance(data.X, CastOnRead) else None
    if narrow is None:
        return data.features(samples)
    rows = narrow[samples if data.rows is None else data.rows[samples]]
    return keras.ops.cast(keras.ops.convert_to_tensor(dense(rows)), data.X.dtype.name)
