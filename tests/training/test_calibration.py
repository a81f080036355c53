"""`calibration`: a temperature inside the network, fitted on the validation data."""

from __future__ import annotations

import copy
import functools
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
X = X + RNG.normal(scale=0.7, size=X.shape)  # so that no network can be both confident and correct
X_TRAIN, X_VAL, Y_TRAIN, Y_VAL = train_test_split(X, y, test_size=0.5, random_state=0)
WEIGHTS = RNG.uniform(0.1, 3.0, len(Y_VAL))


def calibrated(**params):
    return tiny(**{"epochs": 40, "calibration": "temperature", **params})


def fit_calibrated(sample_weight_val=None, **params):
    return calibrated(**params).fit(
        X_TRAIN, Y_TRAIN, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=sample_weight_val
    )


@functools.cache
def shared_calibrated(weighted, **params):
    """A calibrated classifier shared by several tests, which must not modify it."""
    return fit_calibrated(WEIGHTS if weighted else None, **params)


@functools.cache
def shared_raw(**params):
    """The same without calibration."""
    return tiny(epochs=40, **params).fit(X_TRAIN, Y_TRAIN)


def best_temperature(logits, y, weights=None):
    """Minimize the penalized loss by another method, over the inverse temperature."""
    weights = np.ones(len(y)) if weights is None else weights
    n_effective = weights.sum() ** 2 / (weights**2).sum()

    def loss(inverse):
        losses = -log_softmax(logits * inverse[0], axis=1)[np.arange(len(y)), y]
        return np.average(losses, weights=weights) + 5 * np.log(inverse[0]) ** 2 / n_effective

    result = minimize(loss, [1.0], bounds=[(0.05, 20.0)], method="L-BFGS-B", tol=1e-14)
    return 1 / result.x[0]


# --- temperature --------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_the_temperature_minimizes_the_penalized_loss_of_the_validation_data(weighted):
    raw, fitted = shared_raw(), shared_calibrated(weighted)
    logits = raw.decision_function(X_VAL)
    expected = best_temperature(logits, Y_VAL, WEIGHTS if weighted else None)
    assert expected > 1.2  # the network is overconfident
    np.testing.assert_allclose(fitted.temperature_, expected, rtol=1e-4)
    np.testing.assert_allclose(
        fitted.decision_function(X), raw.decision_function(X) / expected, rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(
        fitted.predict_proba(X_VAL), softmax(logits / expected, axis=1), atol=1e-4
    )
    np.testing.assert_array_equal(fitted.predict(X), raw.predict(X))


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"), reason="new in scikit-learn 1.8"
)
@pytest.mark.filterwarnings("ignore:Since FrozenEstimator does not appear to accept")
@pytest.mark.parametrize("weighted", [False, True])
def test_probabilities_match_temperature_scaling_of_scikit_learn(weighted):
    # scikit-learn has no prior, which hardly matters for so many rows.
    rows = np.tile(np.arange(len(X_VAL)), 500)
    weights = WEIGHTS[rows] if weighted else None
    raw = shared_raw()
    ours = calibrated().fit(
        X_TRAIN, Y_TRAIN, X_val=X_VAL[rows], y_val=Y_VAL[rows], sample_weight_val=weights
    )
    theirs = CalibratedClassifierCV(FrozenEstimator(raw), method="temperature", ensemble=False)
    theirs.fit(X_VAL[rows], Y_VAL[rows], sample_weight=weights)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        (np.eye(3)[[0, 1, 2]] * 1e-3, 0.05),  # correct but underconfident
        (np.eye(3)[[1, 2, 0]] * 10.0, 20.0),  # always wrong
        (np.zeros((3, 3)), 1.0),  # any temperature is optimal
    ],
)
def test_the_temperature_is_bounded(logits, expected):
    rows = np.tile(np.arange(3), 100_000)
    temperature = find_temperature(logits[rows], rows, np.ones(len(rows)))
    np.testing.assert_allclose(temperature, expected, rtol=1e-5)


def test_a_few_rows_that_are_predicted_correctly_change_the_temperature_little():
    for n_rows in (3, 30):
        labels = np.arange(n_rows) % 3
        temperature = find_temperature(4.0 * np.eye(3)[labels], labels, np.ones(n_rows))
        assert 0.5 < temperature < 1


@pytest.mark.parametrize("seed", range(20))
def test_the_cross_entropy_never_increases(seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(10, 4)) * np.exp(rng.normal(scale=3))
    labels = rng.integers(0, 4, 10)
    temperature = find_temperature(logits, labels, np.ones(10))
    before, after = (
        log_loss(labels, softmax(logits / t, axis=1), labels=range(4)) for t in (1.0, temperature)
    )
    assert after <= before


def test_rows_of_weight_zero_are_ignored():
    weights = np.where(np.arange(len(Y_VAL)) < 30, WEIGHTS, 0.0)
    some = fit_calibrated(weights, epochs=10)
    only = calibrated(epochs=10).fit(
        X_TRAIN, Y_TRAIN, X_val=X_VAL[:30], y_val=Y_VAL[:30], sample_weight_val=WEIGHTS[:30]
    )
    np.testing.assert_allclose(some.temperature_, only.temperature_, rtol=1e-5)


def test_class_weights_apply_to_the_validation_data():
    weights = {0: 1.0, 1: 1.0, 2: 30.0}
    fitted = fit_calibrated(class_weight=weights, epochs=10)
    raw = tiny(epochs=10, class_weight=weights).fit(X_TRAIN, Y_TRAIN)
    sample_weight = np.array([weights[label] for label in Y_VAL])
    expected = best_temperature(raw.decision_function(X_VAL), Y_VAL, sample_weight)
    np.testing.assert_allclose(fitted.temperature_, expected, rtol=1e-4)


# --- validation data ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine", "params"),
    [
        ("graph", {}),
        ("graph", {"early_stopping": {"monitor": "val_loss", "patience": 2}}),
        ("graph", {"validation_split": 0.3}),
        ("keras", {"early_stopping": {"monitor": "val_loss", "patience": 2}}),
    ],
)
def test_rows_are_held_out_as_for_early_stopping(engine, params):
    """The network's weights are those of training without calibration."""
    params = {"engine": engine, "epochs": 8, **params}
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


def test_validation_data_may_be_a_stream():
    def batches():
        for start in range(0, len(X_VAL), 20):
            yield X_VAL[start : start + 20], Y_VAL[start : start + 20]

    streamed = calibrated(epochs=10).fit(X_TRAIN, Y_TRAIN, X_val=batches)
    expected = fit_calibrated(epochs=10, engine="keras").temperature_
    np.testing.assert_allclose(streamed.temperature_, expected, rtol=1e-3)


def test_rows_of_a_stream_are_held_out_unless_there_are_others():
    def batches():
        yield X, y

    assert calibrated(epochs=1).fit(batches).temperature_ > 0
    fitted = calibrated(epochs=1).fit(batches, X_val=X_VAL, y_val=Y_VAL)
    assert fitted.temperature_ > 0


def test_the_temperature_stays_until_the_next_calibration():
    fitted = fit_calibrated(warm_start=True)
    first = fitted.temperature_
    fitted.partial_fit(X_TRAIN, Y_TRAIN)
    assert fitted.temperature_ == first
    plain = tiny(epochs=40).fit(X_TRAIN, Y_TRAIN).partial_fit(X_TRAIN, Y_TRAIN)
    expected = plain.decision_function(X) / first
    np.testing.assert_allclose(fitted.decision_function(X), expected, rtol=1e-4, atol=1e-4)
    fitted.fit(X_TRAIN, Y_TRAIN, X_val=X_VAL, y_val=Y_VAL)
    second = fitted.temperature_
    assert second > first  # more overconfident still
    fitted.set_params(calibration=None).fit(X_TRAIN, Y_TRAIN)
    assert fitted.temperature_ == second


def test_initialize_and_partial_fit_hold_out_no_rows():
    initialized = calibrated().initialize(X, y)
    assert initialized.temperature_ == 1.0
    parts = [calibrated().partial_fit(X, y), tiny().partial_fit(X, y)]
    assert parts[0].temperature_ == 1.0
    np.testing.assert_allclose(*(part.predict_proba(X) for part in parts), atol=1e-6)


def test_a_failed_fit_keeps_the_temperature():
    fitted = fit_calibrated(warm_start=True, epochs=10)
    before = fitted.predict_proba(X)
    fitted.set_params(engine="graph", compile__run_eagerly=True)
    with pytest.raises(EngineError):
        fitted.fit(X, y)
    assert fitted.temperature_ == 1 / fitted.model_.get_weights()[-1]
    fitted.set_params(engine="auto", compile__run_eagerly=False)
    np.testing.assert_allclose(fitted.predict_proba(X), before, atol=1e-6)


# --- network ------------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, {"n_ensemble": 3}, {"dtype": "float64"}])
def test_an_exported_network_is_calibrated(params, tmp_path):
    fitted = shared_calibrated(False, **params)
    expected = fitted.decision_function(X)
    np.testing.assert_allclose(fitted.model_.predict(X, verbose=0), expected, atol=1e-4)
    fitted.model_.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), expected, atol=1e-4)
    for copied in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        np.testing.assert_array_equal(copied.decision_function(X), expected)
        assert copied.temperature_ == fitted.temperature_


def test_the_temperature_divides_the_averaged_logits_of_an_ensemble():
    raw, fitted = shared_raw(n_ensemble=3), shared_calibrated(False, n_ensemble=3)
    expected = best_temperature(raw.decision_function(X_VAL), Y_VAL)
    np.testing.assert_allclose(fitted.temperature_, expected, rtol=1e-4)


def test_two_classes_are_calibrated_like_more():
    train, held_out = Y_TRAIN > 0, Y_VAL > 0
    fitted = calibrated(epochs=10).fit(
        X_TRAIN[train], Y_TRAIN[train], X_val=X_VAL[held_out], y_val=Y_VAL[held_out]
    )
    raw = tiny(epochs=10).fit(X_TRAIN[train], Y_TRAIN[train])
    expected = raw.decision_function(X_VAL) / fitted.temperature_
    np.testing.assert_allclose(fitted.decision_function(X_VAL), expected, rtol=1e-3, atol=1e-4)


# --- invalid uses -------------------------------------------------------------------------------


@pytest.mark.parametrize("calibration", ["isotonic", True, 1.0])
def test_temperature_scaling_is_the_only_method(calibration):
    with pytest.raises(
        ValueError, match="`calibration` must be one of 'auto', 'temperature', None"
    ):
        tiny(calibration=calibration).fit(X, y)


def test_a_whole_model_is_rejected():
    def build():
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])

    classifier = KerasMulticlassClassifier(model=build, calibration="temperature")
    with pytest.raises(ValueError, match=r"`calibration` must be None .*CalibratedClassifierCV"):
        classifier.fit(X, y)


def test_a_network_fitted_without_calibration_cannot_be_calibrated_later():
    fitted = tiny(warm_start=True, epochs=2).fit(X, y).set_params(calibration="temperature")
    with pytest.raises(
        ValueError, match=r"`calibration` must be None or 'auto' to continue .*warm_start=False"
    ):
        fitted.fit(X, y)
    assert not hasattr(fitted, "temperature_")
