"""Only the ratios of weights matter: a constant factor changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from _toy import tiny

CODES = np.arange(24) % 3
X = np.eye(3)[CODES] + np.random.default_rng(0).normal(size=(24, 3)) / 4
WEIGHTS = np.random.default_rng(1).uniform(0.5, 3.0, size=24)


def arrays(factor, **params):
    return tiny(epochs=2, metrics="accuracy", **params).fit(
        X, CODES, WEIGHTS * factor, X_val=X[::2], y_val=CODES[::2], sample_weight_val=WEIGHTS[::2]
    )


def validation(factor):
    return tiny(epochs=2).fit(X, CODES, X_val=X, y_val=CODES, sample_weight_val=WEIGHTS * factor)


def held_out(factor):
    return tiny(epochs=2, validation_split=0.25).fit(X, CODES, WEIGHTS * factor)


def class_weights(factor):
    weights = {0: factor, 1: 2 * factor, 2: 0.75 * factor}
    return tiny(epochs=2, class_weight=weights).fit(X, CODES, WEIGHTS)


def balanced(factor):
    return tiny(epochs=2, class_weight="balanced").fit(X, CODES, WEIGHTS * factor)


def stream(factor, **params):
    def batches():
        for rows in (slice(0, 9), slice(9, 24)):
            # The batches differ in their own largest weight.
            scale = factor if rows.start else factor / 64
            yield X[rows], CODES[rows], WEIGHTS[rows] * scale

    return tiny(epochs=2, **params).fit(batches, X_val=batches)


KINDS = {
    "arrays": arrays,
    "quantiles": lambda factor: arrays(factor, scaling="quantile"),
    "validation": validation,
    "held out": held_out,
    "class weights": class_weights,
    "balanced": balanced,
    "stream": stream,
    "class weights of a stream": lambda factor: stream(
        1.0, class_weight={0: 2 * factor, 1: factor, 2: factor}
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_factor_of_all_weights_changes_nothing(kind):
    fit = KINDS[kind]
    plain = fit(1.0)
    for exponent in (-120, 120):
        scaled = fit(2.0**exponent)
        assert scaled.history_ == plain.history_
        np.testing.assert_array_equal(scaled.predict_proba(X), plain.predict_proba(X))
    for factor in (1e-30, 1e30):
        scaled = fit(factor)
        np.testing.assert_allclose(scaled.history_["loss"], plain.history_["loss"], rtol=1e-5)
        np.testing.assert_allclose(scaled.predict_proba(X), plain.predict_proba(X), atol=1e-4)
