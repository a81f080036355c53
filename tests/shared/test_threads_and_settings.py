"""Settings of the process are as before, however threads interleave."""

from __future__ import annotations

import itertools
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_iris

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._shared.keras.environment import keras_environment
from keras_multiclass._shared.keras.native_logs import without_native_logs
from keras_multiclass._shared.seeding import seeded
from keras_multiclass._shared.upstream.keras_globals import own_seed_generator

X, y = load_iris(return_X_y=True)
SECONDS = 0.2  # after which a thread that has not gone on is waiting


def states():
    numpy_state = np.random.get_state()
    return random.getstate(), numpy_state[1].tolist(), numpy_state[2]


@pytest.fixture(autouse=True)
def _unchanged():
    before = states(), keras.config.floatx(), keras.config.dtype_policy().name
    yield
    assert (states(), keras.config.floatx(), keras.config.dtype_policy().name) == before


class Block:
    """A context that a thread enters and leaves on demand."""

    def __init__(self, manager, look=lambda: None):
        self._leave, self._entered, self.found = threading.Event(), threading.Event(), []
        self._thread = threading.Thread(target=self._run, args=(manager, look))
        self._thread.start()

    def _run(self, manager, look):
        with manager as self.value:
            self.found.append(look())
            self._entered.set()
            self._leave.wait(60)
            self.found.append(look())

    def has_entered(self, timeout=60.0):
        return self._entered.wait(timeout)

    def leave(self):
        self._leave.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


def test_a_seeded_block_waits_until_another_threads_block_is_shared():
    first = Block(seeded(1), random.random)
    assert first.has_entered()
    second = Block(seeded(2), random.random)
    assert not second.has_entered(SECONDS)
    first.leave()
    assert second.has_entered()
    second.leave()
    for block, seed in ((first, 1), (second, 2)):
        generator = random.Random(seed)
        assert block.found == [generator.random(), generator.random()]


@pytest.mark.parametrize("order", [*itertools.permutations([0, 1, 2])])
def test_the_random_states_are_restored_when_the_last_shared_block_ends(order):
    before = states()

    class Shared:
        def __init__(self, seed):
            self._block = seeded(seed)

        def __enter__(self):
            self._block.__enter__().share()

        def __exit__(self, *error):
            return self._block.__exit__(*error)

    blocks = [Block(Shared(seed), random.random) for seed in range(3)]
    assert all(block.has_entered() for block in blocks)
    for number in order:
        assert states() != before
        blocks[number].leave()
    assert states() == before


def test_a_nested_block_restores_the_states_of_the_outer_one():
    with seeded(1) as outer:
        outer.share()
        expected = random.Random(1)
        assert random.random() == expected.random()
        with seeded(2) as inner:
            inner.share()
            random.random()
        assert random.random() == expected.random()


def test_threads_with_other_float_types_take_turns():
    floats = [Block(keras_environment("float32"), keras.config.floatx) for _ in range(2)]
    assert all(block.has_entered() for block in floats)  # together
    double = Block(keras_environment("float64"), keras.config.floatx)
    assert not double.has_entered(SECONDS)
    for block in floats:
        block.leave()
    assert double.has_entered()
    mixed = Block(keras_environment("mixed_float16"), keras.config.floatx)
    assert not mixed.has_entered(SECONDS)
    double.leave()
    assert mixed.has_entered()
    mixed.leave()
    assert [block.found for block in (*floats, double, mixed)] == [
        ["float32"] * 2,
        ["float32"] * 2,
        ["float64"] * 2,
        ["float32"] * 2,
    ]


def test_nested_environments_of_two_threads_do_not_wait_for_each_other():
    both = threading.Barrier(2, timeout=60)

    def nested():
        with keras_environment("float64"):
            both.wait()
            with keras_environment("float32"):
                assert keras.config.floatx() == "float32"
            assert keras.config.floatx() == "float64"
            assert keras.config.dtype_policy().name == "float64"

    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(nested) for _ in range(2)]:
            job.result(timeout=60)


def test_a_thread_keeps_no_dtype_policy_of_a_fit():
    def policy_after(dtype):
        with keras_environment(dtype):
            pass
        return keras.config.dtype_policy().name

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(policy_after, "float64").result() == keras.config.floatx()


def test_standard_error_is_as_before_when_threads_have_redirected_it():
    def same_file():
        found = os.fstat(2)
        return found.st_dev, found.st_ino

    before = same_file()
    first = Block(without_native_logs())
    assert first.has_entered()
    second = Block(without_native_logs())
    assert not second.has_entered(SECONDS)
    first.leave()
    second.leave()
    assert same_file() == before


def noisy(inputs):
    """A network whose layers draw from the generators of the process."""
    x = keras.layers.Dense(6, kernel_initializer="random_normal")(inputs)
    scale = 1 + 0.1 * random.random() + 0.1 * float(np.random.random())
    return keras.layers.Dropout(0.2)(keras.layers.Rescaling(scale)(x))


def test_fits_and_predictions_in_threads_equal_those_one_after_another():
    params = [
        {"random_state": seed, "dtype": dtype, "backbone": noisy, "epochs": 2}
        for seed in range(2)
        for dtype in ("float32", "float64", "mixed_bfloat16")
    ]

    def fit(one):
        return KerasMulticlassClassifier(**one).fit(X, y).predict_proba(X)

    expected = list(map(fit, params))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(fit, params))
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


class Noise(keras.layers.Layer):
    """Draws from the generator of `keras.random`, as it has no seed of its own."""

    def call(self, inputs, training=False):
        return inputs + keras.random.normal(keras.ops.shape(inputs)) if training else inputs


@pytest.fixture
def _own_states():
    """Keep what `set_random_seed` sets."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    yield
    random.setstate(python_state)
    np.random.set_state(numpy_state)


@pytest.mark.usefixtures("_own_states")
@pytest.mark.parametrize("engine", ["graph", "keras"])
def test_unseeded_draws_of_keras_are_reproducible_and_leave_its_generator_alone(engine):
    def build(inputs):
        return Noise()(keras.layers.Dense(6)(inputs))

    def draw():
        return keras.ops.convert_to_numpy(keras.random.normal((3,))).tolist()

    found = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        draw()
        expected = draw()
        keras.utils.set_random_seed(0)
        draw()
        fitted = KerasMulticlassClassifier(build, epochs=1, engine=engine, random_state=0).fit(X, y)
        found.append(fitted.predict_proba(X))
        assert draw() == expected
    assert fitted.engine_ == engine
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("run", [lambda draw: draw(), lambda draw: tf.function(draw)()])
def test_the_first_unseeded_draw_of_a_fit_creates_its_generator(run, monkeypatch):
    created, SeedGenerator = [], keras.random.SeedGenerator

    def create(*args, **kwargs):
        created.append(args)
        return SeedGenerator(*args, **kwargs)

    monkeypatch.setattr(keras.random, "SeedGenerator", create)
    with own_seed_generator(7):
        assert not created
        first, second = (np.asarray(run(lambda: keras.random.normal((3,)))) for _ in range(2))
    assert created == [(7,)]
    np.testing.assert_array_equal(first, keras.random.normal((3,), seed=7))
    assert not np.array_equal(first, second)


class Waits(keras.callbacks.Callback):
    """Lets other threads run in the middle of a training."""

    def on_epoch_begin(self, epoch, logs=None):
        threading.Event().wait(0.02)


def small(epochs):
    return KerasMulticlassClassifier(
        "mlp", backbone__hidden_units=(4,), epochs=epochs, random_state=0, callbacks=Waits()
    )


def train_in_threads(classifier, methods):
    with ThreadPoolExecutor(len(methods)) as pool:
        for done in [pool.submit(getattr(classifier, name), X, y) for name in methods]:
            assert done.result(60) is classifier


def test_threads_that_train_one_classifier_take_turns():
    one_by_one, together = small(2).fit(X, y), small(2).fit(X, y)
    for _ in range(4):
        one_by_one.partial_fit(X, y)
    train_in_threads(together, ["partial_fit"] * 4)
    assert together.n_iter_ == 6
    assert together.history_ == one_by_one.history_
    np.testing.assert_array_equal(together.predict_proba(X), one_by_one.predict_proba(X))


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_fit_beside_partial_fit_comes_before_or_after_it(warm_start):
    together = small(2).fit(X, y).set_params(warm_start=warm_start)
    train_in_threads(together, ["partial_fit", "fit"])
    expected = (5,) if warm_start else (2, 3)
    assert together.n_iter_ in expected
    alone = small(together.n_iter_).fit(X, y)
    assert together.history_ == alone.history_
    np.testing.assert_array_equal(together.predict_proba(X), alone.predict_proba(X))
