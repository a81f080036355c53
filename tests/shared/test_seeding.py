"""Seeds: a fit derives from one integer, and global generators are restored."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_multiclass._shared.seeding import epoch_seed, permutation, resolve_seed, seeded

seeds = st.integers(0, 2**32 - 1)


@given(seeds)
def test_integers_are_used_unchanged(seed):
    assert resolve_seed(seed) == seed
    assert type(resolve_seed(np.uint32(seed))) is int
    assert resolve_seed(np.int64(seed)) == seed


def test_none_takes_fresh_entropy():
    assert len({resolve_seed(None) for _ in range(5)}) == 5


def test_random_state_is_drawn_from_as_scikit_learn_does():
    expected = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=2)
    state = np.random.RandomState(0)
    assert [resolve_seed(state), resolve_seed(state)] == expected.tolist()


def test_a_generator_is_drawn_from():
    first, second = np.random.default_rng(0), np.random.default_rng(0)
    drawn = [resolve_seed(first), resolve_seed(first)]
    assert drawn == [resolve_seed(second), resolve_seed(second)]
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("bad", [-1, 2**32, True, np.True_, "0", 1.0, [1], random.Random(0)])
def test_anything_else_is_an_error(bad):
    with pytest.raises(ValueError, match="random_state must be None, an integer"):
        resolve_seed(bad)


@given(seeds, st.integers(0, 1000))
def test_epoch_seeds_depend_only_on_seed_and_epoch(seed, epoch):
    value = epoch_seed(seed, epoch)
    assert 0 <= value < 2**31
    assert value == epoch_seed(seed, epoch)
    assert value != epoch_seed(seed, epoch + 1)


@given(st.integers(0, 200), seeds, st.integers(0, 50))
def test_permutations_depend_only_on_seed_and_epoch(n, seed, epoch):
    order = permutation(n, seed, epoch)
    assert order.dtype == np.int64
    assert sorted(order) == list(range(n))
    np.testing.assert_array_equal(order, permutation(n, seed, epoch))


def test_permutations_differ_between_epochs_and_seeds():
    assert not np.array_equal(permutation(50, 0, 0), permutation(50, 0, 1))
    assert not np.array_equal(permutation(50, 0, 0), permutation(50, 1, 0))


def test_each_row_comes_first_equally_often():
    first = [permutation(4, seed, 0)[0] for seed in range(2000)]
    np.testing.assert_allclose(np.bincount(first) / 2000, 0.25, atol=0.04)


def _draw():
    return random.random(), np.random.random_sample()


def test_global_generators_are_seeded_within_the_context():
    with seeded(7):
        inside = _draw()
    assert inside == (random.Random(7).random(), np.random.RandomState(7).random_sample())
    with seeded(7):
        assert _draw() == inside


@pytest.mark.parametrize("fails", [False, True])
def test_global_generators_are_restored_after_the_context(fails):
    random.seed(1)
    np.random.seed(1)
    np.random.standard_normal()  # leaves half a Gaussian pair in the state
    python_state, numpy_state = random.getstate(), np.random.get_state()
    expected = (_draw(), random.gauss(0, 1), np.random.standard_normal())
    random.setstate(python_state)
    np.random.set_state(numpy_state)
    try:
        with seeded(3):
            _draw()
            np.random.standard_normal()
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert (_draw(), random.gauss(0, 1), np.random.standard_normal()) == expected


def test_deriving_seeds_does_not_draw_from_the_global_generators():
    before = random.getstate(), np.random.get_state()[1].tolist()
    resolve_seed(None)
    resolve_seed(np.random.RandomState(0))
    permutation(10, 0, 0)
    assert before == (random.getstate(), np.random.get_state()[1].tolist())
