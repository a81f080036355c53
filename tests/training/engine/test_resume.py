"""Trainings that go on where another one stopped, as `keras.Model.fit` lets them."""

from __future__ import annotations

import copy
import pickle

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.exceptions import BackboneError

X, y = load_iris(return_X_y=True)
X = X.astype("float32")
LOSS = "sparse_categorical_crossentropy"


class PowerCut(keras.callbacks.Callback):
    """Fails at the end of an epoch, counted from 1."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.epoch:
            raise RuntimeError("power cut")


@pytest.mark.parametrize("engine", ["graph", "keras"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_backup_and_restore_resumes_at_the_epoch_that_was_saved(engine, optimizer, tmp_path):
    params = {
        "engine": engine, "optimizer": optimizer, "optimizer__learning_rate": 0.01, "epochs": 4,
        "validation_split": 0.2, "fit__validation_freq": 2, "backbone__hidden_units": (4,),
    }  # fmt: skip
    whole = tiny(**params).fit(X, y)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(RuntimeError, match="power cut"):
        tiny(**params, callbacks=[backup, PowerCut(2)]).fit(X, y)
    resumed = tiny(**params, callbacks=backup).fit(X, y)
    np.testing.assert_allclose(resumed.history_["loss"], whole.history_["loss"][2:], rtol=1e-5)
    np.testing.assert_allclose(resumed.predict_proba(X), whole.predict_proba(X), atol=1e-6)
    assert (resumed.n_iter_, resumed.validated_epochs_) == (2, [2])
    # The backup of a completed training is gone, so that the next one begins anew.
    again = resumed.fit(X, y)
    np.testing.assert_allclose(again.history_["loss"], whole.history_["loss"], rtol=1e-5)


def test_a_backup_of_a_completed_training_leaves_nothing_to_train(tmp_path):
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
    classifier = tiny(epochs=2, callbacks=backup).fit(X, y)
    proba = classifier.predict_proba(X)
    with pytest.warns(UserWarning, match="All 2 epochs are skipped.*Delete the folder"):
        classifier.fit(X, y)
    assert (classifier.n_iter_, classifier.history_) == (0, {})
    np.testing.assert_allclose(classifier.predict_proba(X), proba, atol=1e-6)
    more = classifier.set_params(epochs=3).fit(X, y)
    assert more.n_iter_ == 1


# --- a trained and compiled model -----------------------------------------------------------------


def trained(optimizer, path=None):
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(4, "tanh")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(hidden))
    model.compile(optimizer, LOSS, run_eagerly=True)
    model.fit(X, y, batch_size=150, shuffle=False, epochs=3, verbose=0)
    if path is None:
        return model
    model.save(path)
    return keras.models.load_model(path)


def fit(model, **params):
    defaults = {"epochs": 2, "batch_size": -1, "shuffle": False, "random_state": 0}
    return KerasMulticlassClassifier(model=model, **{**defaults, **params}).fit(X, y)


OPTIMIZERS = {
    "moments": lambda: keras.optimizers.Adam(0.05),
    "schedule": lambda: keras.optimizers.SGD(
        keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5), momentum=0.9
    ),
}


@pytest.mark.parametrize("engine", ["auto", "keras"])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_trained_model_goes_on_with_the_state_of_its_optimizer(kind, engine, tmp_path):
    model = trained(OPTIMIZERS[kind](), tmp_path / "model.keras")
    eager = engine == "keras"
    classifier = fit(model, engine=engine, compile__run_eagerly=eager)
    assert int(classifier.model_.optimizer.iterations) == 5
    again = classifier.fit(X, y).history_["loss"]  # the model itself is as it was
    expected = model.fit(X, y, batch_size=150, shuffle=False, epochs=2, verbose=0)
    np.testing.assert_allclose(classifier.history_["loss"], expected.history["loss"], rtol=1e-4)
    np.testing.assert_array_equal(again, classifier.history_["loss"])


def test_a_builder_may_load_a_trained_model(tmp_path):
    path = tmp_path / "model.keras"
    model = trained(OPTIMIZERS["moments"](), path)
    classifier = fit(lambda: keras.models.load_model(path))
    expected = model.fit(X, y, batch_size=150, shuffle=False, epochs=2, verbose=0)
    np.testing.assert_allclose(classifier.history_["loss"], expected.history["loss"], rtol=1e-4)


@pytest.mark.parametrize(
    "copied", [clone, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))],
    ids=["clone", "deepcopy", "pickle"],
)  # fmt: skip
def test_copies_of_the_classifier_train_a_compiled_model_alike(copied):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(inputs))
    model.compile(
        OPTIMIZERS["moments"](), [LOSS], loss_weights=[0.5], metrics=["accuracy"],
        run_eagerly=True,
    )  # fmt: skip
    model.fit(X, y, batch_size=150, epochs=2, verbose=0)
    classifier = KerasMulticlassClassifier(
        model=model, epochs=2, batch_size=-1, shuffle=False, random_state=0
    )
    other = copied(classifier).fit(X, y)
    assert set(other.history_) == {"loss", "accuracy"}
    assert other.history_ == classifier.fit(X, y).history_
    assert int(other.model_.optimizer.iterations) == 4


def test_the_estimator_s_optimizer_and_learning_rate_take_precedence():
    model = trained(OPTIMIZERS["moments"]())
    with_average = fit(model, optimizer__use_ema=True, compile__run_eagerly=True)
    assert int(with_average.model_.optimizer.iterations) == 2  # it has other slots
    fresh = fit(model, optimizer="adam", compile__run_eagerly=True)
    assert int(fresh.model_.optimizer.iterations) == 2
    slower = fit(model, optimizer__learning_rate=0.01, compile__run_eagerly=True)
    assert int(slower.model_.optimizer.iterations) == 5
    assert float(slower.model_.optimizer.learning_rate) == pytest.approx(0.01)


@pytest.mark.parametrize("continued", ["partial_fit", "model"])
def test_new_slots_begin_with_the_first_step(continued):
    """A moving average that begins later would average with its initial zeros."""
    changes = {"optimizer__use_ema": True, "optimizer__ema_overwrite_frequency": 1}
    model = trained(OPTIMIZERS["moments"]())
    if continued == "model":
        classifier = fit(model, epochs=1, **changes)
    else:
        classifier = fit(model).set_params(**changes)
        classifier.partial_fit(X, y)
    optimizer = classifier.model_.optimizer
    assert int(optimizer.iterations) == 1
    averages = [v for v in optimizer.variables if "average" in v.path]
    weights = classifier.model_.trainable_weights
    assert len(averages) == len(weights)
    for average, weight in zip(averages, weights, strict=True):
        np.testing.assert_allclose(average, weight)  # the average of a single step


def test_dropped_slots_leave_the_others():
    model = trained(keras.optimizers.Adam(0.05, amsgrad=True))
    classifier = fit(model, optimizer__amsgrad=False)
    assert int(classifier.model_.optimizer.iterations) == 5


def test_an_optimizer_for_other_weights_is_an_error_until_the_model_is_compiled_again():
    model = trained(OPTIMIZERS["moments"]())
    model.layers[1].trainable = False
    with pytest.raises(BackboneError, match="Compile the model again .* or set `optimizer`"):
        fit(model)
    fit(model, optimizer="sgd", compile__run_eagerly=True)
    model.compile("adam", LOSS, run_eagerly=True)
    assert int(fit(model).model_.optimizer.iterations) == 2
