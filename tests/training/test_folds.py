"""Ensembles whose members hold out different folds: what is trained on, and what is validated."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.metrics import log_loss

from _toy import assert_same, tiny
from keras_multiclass import KerasMultilabelClassifier
from keras_multiclass._data.labels.soft import learn_classes
from keras_multiclass._data.rows import TrainingData
from keras_multiclass._data.splitting.folds import assign_folds
from keras_multiclass._network import table_preprocessing
from keras_multiclass._shared.seeding import epoch_seed
from keras_multiclass._training.calibration import find_temperature
from keras_multiclass._training.reading.validation import hold_out_folds
from keras_multiclass.exceptions import ObjectiveError

X, y = load_iris(return_X_y=True)
X = X.astype("float32")
N_FOLDS = 5
FOLDS = assign_folds(y, N_FOLDS, epoch_seed(0, 0))
FOLDED = {"n_ensemble": N_FOLDS, "validation_split": N_FOLDS}
WEIGHTS = np.linspace(0.5, 2.0, len(y))


def member_logits(fitted):
    model = fitted.model_
    return np.asarray(keras.Model(model.input, model.get_layer("logits").input)(X))


def held_out_probabilities(fitted):
    """Return for each row the probabilities of the only member that did not train on it."""
    return softmax(member_logits(fitted)[np.arange(len(X)), FOLDS], axis=1)


def test_folds_are_equal_in_size_and_stratified():
    table = np.zeros((N_FOLDS, 3))
    np.add.at(table, (FOLDS, y), 1)
    np.testing.assert_array_equal(table, 10)
    sizes = np.bincount(assign_folds(np.repeat([0, 1], [7, 6]), 4, 0))
    assert sorted(sizes) == [3, 3, 3, 4]
    assert (assign_folds(y, N_FOLDS, 1) != FOLDS).any()


def test_the_only_row_of_a_class_is_always_trained_on():
    codes = np.repeat([0, 1, 2], [6, 1, 5])
    assert assign_folds(codes, 3, 0)[6] == -1
    labels = np.array(list("aaaaaabccccc"))
    fitted = tiny(n_ensemble=3, validation_split=3, epochs=40).fit(X[:12], labels)
    assert fitted.predict(X[6:7]) == "b"


@pytest.mark.parametrize("engine", ["graph", "keras"])
def test_each_member_trains_on_the_other_rows_as_it_would_alone(engine):
    params = {
        "optimizer": "sgd",
        "batch_size": -1,
        "epochs": 3,
        "dtype": "float64",
        "scaling": None,
        "engine": engine,
        "warm_start": True,
    }
    ensemble = tiny(**FOLDED, **params).initialize(X, y)
    initial = [variable.numpy() for variable in ensemble.model_.trainable_weights]
    ensemble.fit(X, y)
    for fold in range(N_FOLDS):
        alone = tiny(**params).initialize(X, y)
        for variable, stacked in zip(alone.model_.trainable_weights, initial, strict=True):
            variable.assign(stacked[fold].reshape(variable.shape))
        alone.fit(X[fold != FOLDS], y[fold != FOLDS])
        pairs = zip(alone.model_.trainable_weights, ensemble.model_.trainable_weights, strict=True)
        for variable, stacked in pairs:
            np.testing.assert_allclose(stacked[fold].numpy().reshape(variable.shape), variable)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
def test_validation_scores_are_those_of_the_members_that_did_not_train_on_a_row(weights):
    fitted = tiny(**FOLDED, metrics=["accuracy"]).fit(X, y, sample_weight=weights)
    probabilities = held_out_probabilities(fitted)
    loss = log_loss(y, probabilities, sample_weight=weights)
    assert fitted.history_["val_loss"][-1] == pytest.approx(loss, rel=1e-4)
    accuracy = np.average(probabilities.argmax(axis=1) == y, weights=weights)
    assert fitted.history_["val_accuracy"][-1] == pytest.approx(accuracy, rel=1e-5)


def test_both_engines_train_alike():
    fitted = [tiny(**FOLDED, engine=engine).fit(X, y, WEIGHTS) for engine in ("graph", "keras")]
    assert_same(*fitted)


def test_separate_networks_hold_out_folds_like_stacked_ones():
    # The optimizer prevents stacking.
    fitted = tiny(**FOLDED, optimizer__clipnorm=100.0).fit(X, y)
    assert any(isinstance(layer, keras.Model) for layer in fitted.model_.layers)
    loss = log_loss(y, held_out_probabilities(fitted))
    assert fitted.history_["val_loss"][-1] == pytest.approx(loss, rel=1e-4)


@pytest.mark.parametrize("most_one_hot", [60, 59], ids=["one_hot", "embedded"])
def test_members_learn_nothing_from_labels_that_they_hold_out(most_one_hot, monkeypatch):
    monkeypatch.setattr(table_preprocessing, "_MOST_ONE_HOT_COLUMNS", most_one_hot)
    # Labels are noise. If members shared what they learn about a category, the two rows of each
    # would be predicted by members that know their labels.
    frame = pd.DataFrame({"id": pd.Categorical(np.arange(120) // 2)})
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1], 60))
    fitted = tiny(
        n_ensemble=4,
        validation_split=4,
        epochs=30,
        backbone__hidden_units=(8,),
    ).fit(frame, labels)
    assert fitted.history_["loss"][-1] < 0.5
    assert min(fitted.history_["val_loss"]) > 0.69


def test_more_members_than_folds_hold_out_other_folds():
    codes = np.repeat([0, 1], 30)
    codec, _ = learn_classes(codes)
    data = TrainingData(np.zeros((60, 1), "float32"), codes)
    _, validation = hold_out_folds(data, codec, n_folds=3, n_members=6, seed=0)
    held_out = validation.sample_weight
    np.testing.assert_array_equal(held_out.sum(axis=1), 2)
    np.testing.assert_array_equal(held_out.sum(axis=0), 20)
    assert (held_out[:, :3] != held_out[:, 3:]).any()


def test_a_single_network_holds_out_the_first_fold():
    fitted = tiny(validation_split=N_FOLDS).fit(X, y)
    held_out = FOLDS == 0
    loss = log_loss(y[held_out], fitted.predict_proba(X[held_out]))
    assert fitted.history_["val_loss"][-1] == pytest.approx(loss, rel=1e-5)


def test_the_temperature_is_fitted_to_predictions_for_held_out_rows():
    fitted = tiny(**FOLDED, calibration="temperature", epochs=30).fit(X, y)
    temperature = fitted.temperature_
    expected = find_temperature(np.log(held_out_probabilities(fitted)), y, np.ones(len(y)))
    assert temperature == pytest.approx(expected, rel=1e-3)
    assert temperature != pytest.approx(1.0, rel=1e-2)


def test_early_stopping_restores_the_epoch_with_the_best_held_out_predictions():
    fitted = tiny(**FOLDED, early_stopping=True, epochs=60, optimizer__learning_rate=0.2).fit(X, y)
    loss = log_loss(y, held_out_probabilities(fitted))
    losses = fitted.history_["val_loss"]
    assert loss == pytest.approx(min(losses), rel=1e-4)
    assert min(losses) < losses[-1]


def test_several_labels_hold_out_folds_too():
    features, labels = make_multilabel_classification(100, n_classes=3, random_state=0)
    fitted = KerasMultilabelClassifier(
        "mlp",
        epochs=5,
        n_ensemble=4,
        validation_split=4,
        early_stopping=True,
        threshold="auto",
        calibration="temperature",
        random_state=0,
    ).fit(features, labels)
    assert fitted.predict(features).shape == (100, 3)
    assert min(fitted.history_["val_loss"]) > min(fitted.history_["loss"])


def test_further_training_holds_out_the_same_folds():
    fitted = tiny(**FOLDED, warm_start=True).fit(X, y).fit(X, y)
    loss = log_loss(y, held_out_probabilities(fitted))
    assert fitted.history_["val_loss"][-1] == pytest.approx(loss, rel=1e-4)


def mean_distance(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred))


def test_losses_and_metrics_of_whole_batches():
    fitted = tiny(**FOLDED, metrics=[mean_distance], epochs=1).fit(X, y)
    assert "val_mean_distance" in fitted.history_
    with pytest.raises(ObjectiveError, match="when members of an ensemble hold out folds"):
        tiny(**FOLDED, loss=mean_distance).fit(X, y)


@pytest.mark.parametrize("value", [1, -3, True])
def test_invalid_numbers_of_folds(value):
    with pytest.raises(ValueError, match="a number of folds"):
        tiny(validation_split=value).fit(X, y)


def test_rows_that_are_all_the_only_one_of_their_class_cannot_be_held_out():
    with pytest.raises(ValueError, match="only one of its class"):
        tiny(**FOLDED).fit(X[::25], np.arange(6))
    assert tiny(backbone="auto").fit(X[::25], np.arange(6)).n_iter_ == 10
