"""`calibration`: one temperature, fitted on the validation rows, inside the network."""

from __future__ import annotations

import copy
import pickle

import keras
import numpy as np
import pytest
import sklearn
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.utils.fixes import parse_version

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._training.calibration import find_temperature
from keras_multiclass.exceptions import EngineError

RNG = np.random.default_rng(0)
X, y = load_iris(return_X_y=True)
X = X + RNG.normal(scale=0.7, size=X.shape)  # so that no network can be right and sure
X_TRAIN, X_VAL, Y_TRAIN, Y_VAL = train_test_split(X, y, test_size=0.5, random_state=0)
WEIGHTS = RNG.uniform(0.1, 3.0, len(Y_VAL))


def calibrated(**params):
    return tiny(**{"epochs": 40, "calibration": "temperature", **params})


def fitted_on_validation(sample_weight_val=None, **params):
    return calibrated(**params).fit(
        X_TRAIN, Y_TRAIN, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=sample_weight_val
    )


def best_temperature(logits, y, weights=None):
    """By another method, in another parametrisation."""

    def loss(inverse):
        return np.average(
            -log_softmax(logits * inverse[0], axis=1)[np.arange(len(y)), y], weights=weights
        )

    found = minimize(loss, [1.0], bounds=[(0.05, 20.0)], method="L-BFGS-B", tol=1e-14)
    return 1 / found.x[0]


# --- the number ---------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_it_minimises_the_cross_entropy_of_the_validation_rows(weights):
    raw = tiny(epochs=40).fit(X_TRAIN, Y_TRAIN)
    fitted = fitted_on_validation(weights)
    logits = raw.decision_function(X_VAL)
    expected = best_temperature(logits, Y_VAL, weights)
    assert expected > 1.2  # too sure
    np.testing.assert_allclose(fitted.temperature_, expected, rtol=1e-4)
    np.testing.assert_allclose(
        fitted.decision_function(X), raw.decision_function(X) / expected, rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(
        fitted.predict_proba(X_VAL), softmax(logits / expected, axis=1), atol=1e-4
    )
    np.testing.assert_array_equal(fitted.predict(X), raw.predict(X))


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"), reason="scikit-learn has none"
)
@pytest.mark.filterwarnings("ignore:Since FrozenEstimator does not appear to accept")
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_it_is_the_temperature_scaling_of_scikit_learn(weights):
    raw = tiny(epochs=40).fit(X_TRAIN, Y_TRAIN)
    theirs = CalibratedClassifierCV(FrozenEstimator(raw), method="temperature", ensemble=False)
    theirs.fit(X_VAL, Y_VAL, sample_weight=weights)
    ours = fitted_on_validation(weights)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        (np.eye(3)[[0, 1, 2]] * 1e-3, 0.05),  # right, and not sure enough
        (np.eye(3)[[1, 2, 0]] * 10.0, 20.0),  # wrong
        (np.zeros((3, 3)), 1.0),  # whatever it is
    ],
)
def test_it_is_bounded(logits, expected):
    found = find_temperature(logits, np.arange(3), np.ones(3))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_the_cross_entropy_never_gets_worse(seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(10, 4)) * np.exp(rng.normal(scale=3))
    labels = rng.integers(0, 4, 10)
    temperature = find_temperature(logits, labels, np.ones(10))
    found = [
        log_loss(labels, softmax(logits / t, axis=1), labels=range(4)) for t in (1.0, temperature)
    ]
    assert found[1] <= found[0]


def test_rows_without_weight_tell_nothing():
    weights = np.where(np.arange(len(Y_VAL)) < 30, WEIGHTS, 0.0)
    some = fitted_on_validation(weights)
    only = calibrated().fit(
        X_TRAIN, Y_TRAIN, X_val=X_VAL[:30], y_val=Y_VAL[:30], sample_weight_val=WEIGHTS[:30]
    )
    np.testing.assert_allclose(some.temperature_, only.temperature_, rtol=1e-5)


def test_weights_of_the_classes_count():
    weights = {0: 1.0, 1: 1.0, 2: 30.0}
    fitted = fitted_on_validation(class_weight=weights)
    raw = tiny(epochs=40, class_weight=weights).fit(X_TRAIN, Y_TRAIN)
    of_rows = np.array([weights[label] for label in Y_VAL])
    expected = best_temperature(raw.decision_function(X_VAL), Y_VAL, of_rows)
    np.testing.assert_allclose(fitted.temperature_, expected, rtol=1e-4)


# --- which rows, and when -----------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, {"early_stopping": 2}, {"validation_split": 0.3}])
@pytest.mark.parametrize("engine", ["graph", "keras"])
def test_rows_are_held_out_as_for_early_stopping(params, engine):
    """The weights are those of the best epoch, of a training that knows of no temperature."""
    params = {"engine": engine, "epochs": 20, **params}
    fitted = calibrated(**params).fit(X, y)
    share = params.get("validation_split", 0.1)
    plain = tiny(**params | {"validation_split": share}).fit(X, y)
    assert fitted.history_ == plain.history_
    *weights, inverse = fitted.model_.get_weights()
    for a, b in zip(weights, plain.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(1 / inverse, fitted.temperature_)
    assert fitted.resolved_params_["validation_split"] == share
    assert fitted.temperature_ != 1.0


def test_a_stream_of_validation_rows():
    def batches():
        for start in range(0, len(X_VAL), 20):
            yield X_VAL[start : start + 20], Y_VAL[start : start + 20]

    streamed = calibrated().fit(X_TRAIN, Y_TRAIN, X_val=batches)
    expected = fitted_on_validation(engine="keras").temperature_
    np.testing.assert_allclose(streamed.temperature_, expected, rtol=1e-3)


def test_rows_cannot_be_held_out_of_a_stream():
    def batches():
        yield X, y

    with pytest.raises(ValueError, match="`calibration` holds out rows, which cannot be taken"):
        calibrated(epochs=1).fit(batches)
    fitted = calibrated(epochs=1).fit(batches, X_val=X_VAL, y_val=Y_VAL)
    assert fitted.temperature_ > 0


def test_training_that_goes_on_is_not_calibrated_until_the_next_fit():
    fitted = fitted_on_validation(warm_start=True)
    first = fitted.temperature_
    fitted.partial_fit(X_TRAIN, Y_TRAIN)
    assert fitted.temperature_ == 1.0
    plain = tiny(epochs=40).fit(X_TRAIN, Y_TRAIN).partial_fit(X_TRAIN, Y_TRAIN)
    np.testing.assert_allclose(fitted.predict_proba(X), plain.predict_proba(X), atol=1e-6)
    fitted.fit(X_TRAIN, Y_TRAIN, X_val=X_VAL, y_val=Y_VAL)
    assert fitted.temperature_ > first  # surer still
    fitted.set_params(calibration=None).fit(X_TRAIN, Y_TRAIN)
    assert fitted.temperature_ == 1.0


def test_initialize_and_partial_fit_hold_out_no_rows():
    initialized = calibrated().initialize(X, y)
    assert initialized.temperature_ == 1.0
    parts = [calibrated().partial_fit(X, y), tiny().partial_fit(X, y)]
    assert parts[0].temperature_ == 1.0
    np.testing.assert_allclose(*(part.predict_proba(X) for part in parts), atol=1e-6)


def test_a_failing_fit_leaves_the_temperature():
    fitted = fitted_on_validation(warm_start=True)
    before = fitted.predict_proba(X)
    fitted.set_params(engine="graph", compile__run_eagerly=True)
    with pytest.raises(EngineError):
        fitted.fit(X, y)
    assert fitted.temperature_ == 1 / fitted.model_.get_weights()[-1]
    fitted.set_params(engine="auto", compile__run_eagerly=False)
    np.testing.assert_allclose(fitted.predict_proba(X), before, atol=1e-6)


# --- the network --------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, {"n_ensemble": 3}, {"dtype": "float64"}])
def test_an_exported_network_is_calibrated(params, tmp_path):
    fitted = fitted_on_validation(**params)
    expected = fitted.decision_function(X)
    np.testing.assert_allclose(fitted.model_.predict(X, verbose=0), expected, atol=1e-4)
    fitted.model_.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), expected, atol=1e-4)
    for copied in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        np.testing.assert_array_equal(copied.decision_function(X), expected)
        assert copied.temperature_ == fitted.temperature_


def test_the_averaged_logits_of_an_ensemble_are_divided():
    raw = tiny(epochs=40, n_ensemble=3).fit(X_TRAIN, Y_TRAIN)
    fitted = fitted_on_validation(n_ensemble=3)
    expected = best_temperature(raw.decision_function(X_VAL), Y_VAL)
    np.testing.assert_allclose(fitted.temperature_, expected, rtol=1e-4)


def test_two_classes():
    train, held_out = Y_TRAIN > 0, Y_VAL > 0
    fitted = calibrated().fit(
        X_TRAIN[train], Y_TRAIN[train], X_val=X_VAL[held_out], y_val=Y_VAL[held_out]
    )
    raw = tiny(epochs=40).fit(X_TRAIN[train], Y_TRAIN[train])
    expected = raw.decision_function(X_VAL) / fitted.temperature_
    np.testing.assert_allclose(fitted.decision_function(X_VAL), expected, rtol=1e-3, atol=1e-4)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("calibration", ["isotonic", True, 1.0])
def test_there_is_one_way(calibration):
    with pytest.raises(ValueError, match="`calibration` must be one of 'temperature', None"):
        tiny(calibration=calibration).fit(X, y)


def test_a_whole_model_is_calibrated_by_scikit_learn():
    def build():
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])

    classifier = KerasMulticlassClassifier(model=build, calibration="temperature")
    with pytest.raises(ValueError, match=r"`calibration` must be None .*CalibratedClassifierCV"):
        classifier.fit(X, y)


def test_a_network_that_was_fitted_without_it_cannot_get_it():
    fitted = tiny(warm_start=True).fit(X, y).set_params(calibration="temperature")
    with pytest.raises(ValueError, match=r"`calibration` must be None to go on .*warm_start=False"):
        fitted.fit(X, y)
    assert not hasattr(fitted, "temperature_")
