"""Schedules at known points, and the scheduled optimizer compared with NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.datasets import load_iris

from _toy import tiny
from keras_multiclass._network.optimizers import ScheduledAdam
from keras_multiclass._shared.keras.schedules import SCHEDULES, check_schedule, factor

X, y = load_iris(return_X_y=True)


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("constant", {0.0: 1, 0.3: 1, 1.0: 1}),
        ("linear", {0.0: 1, 0.25: 0.75, 1.0: 0}),
        ("cosine", {0.0: 1, 0.5: 0.5, 1 / 3: 0.75, 1.0: 0}),
        ("flat_cosine", {0.0: 1, 0.5: 1, 0.75: 0.5, 1.0: 0}),
        # Zero where 1 + 15 t is a power of two, one half a cycle (a factor of sqrt 2) after that.
        ("coslog4", {0.0: 0, 1 / 15: 0, 3 / 15: 0, 7 / 15: 0, 1.0: 0, (2**0.5 - 1) / 15: 1,
                     (8 * 2**0.5 - 1) / 15: 1}),
    ],
)  # fmt: skip
def test_a_schedule_has_the_expected_values(name, points):
    found = SCHEDULES[name](keras.ops.convert_to_tensor(list(points), "float32"))
    np.testing.assert_allclose(found, list(points.values()), atol=1e-5)


def test_a_run_of_unknown_length_has_a_constant_factor():
    assert float(factor("coslog4", 7, 0)) == 1.0
    assert float(factor("linear", 3, 4)) == 0.25
    assert float(factor("linear", 9, 4)) == 0.0  # more steps than expected


def test_the_error_for_an_unknown_schedule_names_it():
    with pytest.raises(ValueError, match=r"schedule must be one of .*; got 'cosin'.* 'cosine'"):
        check_schedule("schedule", "cosin")
    with pytest.raises(ValueError, match="weight_decay must be a number of at least 0; got -1"):
        ScheduledAdam(weight_decay=-1)


def adam_by_hand(weights, gradients, n_steps, *, rate, decay, start=0):
    """Kingma and Ba (2015), algorithm 1, with the decay of AdamW and the paper's schedules."""
    m, v = [0.0 * w for w in weights], [0.0 * w for w in weights]
    for step, of_step in enumerate(gradients):
        t = (step - start) / n_steps
        lr = rate * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * t))) / 2
        wd = decay * (1 if t < 0.5 else (1 + np.cos(np.pi * (2 * t - 1))) / 2)
        for i, g in enumerate(of_step):
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.95 * v[i] + 0.05 * g**2
            corrected = np.sqrt(1 - 0.95 ** (step + 1)) / (1 - 0.9 ** (step + 1))
            if i == 0:
                weights[i] = weights[i] * (1 - lr * wd)
            weights[i] = weights[i] - lr * corrected * m[i] / (np.sqrt(v[i]) + 1e-8)
    return weights


def test_steps_equal_adam_with_the_schedules_of_the_paper():
    rng = np.random.default_rng(0)
    start = [rng.normal(size=(3, 2)), rng.normal(size=2)]
    gradients = [[rng.normal(size=(3, 2)), rng.normal(size=2)] for _ in range(10)]
    optimizer = ScheduledAdam(0.1, beta_2=0.95, epsilon=1e-8, weight_decay=0.5, schedule="coslog4")
    variables = [
        keras.Variable(value, dtype="float32", name=name)
        for name, value in zip(("kernel", "bias"), start, strict=True)
    ]
    optimizer.build(variables)
    assert not {id(v) for v in variables} & {id(v) for v in optimizer.variables}
    optimizer.start_schedule(10)
    for of_step in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(g, "float32") for g in of_step], variables)
    expected = adam_by_hand(start, gradients, 10, rate=0.1, decay=0.5)
    for variable, value in zip(variables, expected, strict=True):
        np.testing.assert_allclose(variable, value, rtol=1e-5, atol=1e-6)


def test_with_a_constant_schedule_it_equals_keras_adam():
    ours = tiny(optimizer="scheduled_adam", optimizer__schedule="constant").fit(X, y)
    keras_own = tiny(optimizer="adam").fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), keras_own.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize(
    ("schedule", "share"), [("constant", 1.0), ("cosine", 0.5), ("coslog4", 0.5), ("linear", 0.5)]
)
def test_without_a_length_the_rate_is_half_the_largest_one_unless_it_is_constant(schedule, share):
    optimizer = ScheduledAdam(0.1, schedule=schedule)
    variable = keras.Variable([1.0])
    optimizer.build([variable])
    optimizer.start_schedule(None)
    # Gradients of equal size move a weight by the learning rate.
    for _ in range(2):
        optimizer.apply([keras.ops.convert_to_tensor([2.0])], [variable])
    np.testing.assert_allclose(variable, [1 - 2 * 0.1 * share], rtol=1e-5)
    optimizer.start_schedule(4)
    np.testing.assert_allclose(optimizer.scheduled_rate(), 0.1 * factor(schedule, 0, 4), rtol=1e-5)


def test_the_schedule_has_the_length_of_the_fit():
    """150 rows in batches of 50 are 3 steps per epoch; a warm start restarts the schedule."""
    params = {"optimizer": "scheduled_adam", "batch_size": 50, "warm_start": True}
    classifier = tiny(epochs=4, **params).fit(X, y)
    optimizer = classifier.model_.optimizer
    assert (int(optimizer.schedule_start), int(optimizer.schedule_length)) == (0, 12)
    classifier.set_params(epochs=2).fit(X, y)
    optimizer = classifier.model_.optimizer
    assert (int(optimizer.schedule_start), int(optimizer.schedule_length)) == (12, 6)
    classifier.partial_fit(X, y)
    assert int(classifier.model_.optimizer.schedule_length) == 0


def test_the_schedule_depends_on_the_run_and_not_on_the_trace():
    """Fits of different lengths share a trace, in any order."""
    short, long = (
        tiny(optimizer="scheduled_adam", optimizer__schedule="linear", epochs=n).fit(X, y)
        for n in (2, 6)
    )
    again = tiny(optimizer="scheduled_adam", optimizer__schedule="linear", epochs=2).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), short.predict_proba(X))
    # The first epochs of the longer run have higher rates.
    assert long.history_["loss"][1] != short.history_["loss"][1]


def test_a_model_is_saved_with_its_scheduled_optimizer(tmp_path):
    classifier = tiny(optimizer="scheduled_adam", optimizer__weight_decay=0.1, epochs=2).fit(X, y)
    classifier.model_.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer, ScheduledAdam)
    assert loaded.optimizer.get_config() == classifier.model_.optimizer.get_config()
    for mine, kept in zip(
        loaded.optimizer.variables, classifier.model_.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(mine, kept)


def test_exclusions_from_weight_decay_are_up_to_the_layers():
    with pytest.raises(ValueError, match="Set `decay_share` in the layer"):
        ScheduledAdam(weight_decay=0.1).exclude_from_weight_decay(var_names=["gamma"])
