"""Copies and pickles of Keras objects by their own state."""

from __future__ import annotations

import functools
import math
import pickle
import pickletools
import queue
import re
import threading
import typing

import keras
import numpy as np
import pytest
from keras import ops

from keras_multiclass._network.optimizers import optimizer_lookup
from keras_multiclass._shared.keras.copying import copy_state
from keras_multiclass._shared.keras.object_names import fresh_names
from keras_multiclass._shared.keras.objects import build_object
from keras_multiclass._shared.keras.packing import Packed, PickledCode, pack
from keras_multiclass._shared.keras.pickling import pack_parameters
from keras_multiclass._training.engine.fingerprint import fingerprint


class Scaled(keras.losses.Loss):
    """A loss as most users write it: without get_config."""

    def __init__(self, factor=1.0, name="scaled", **kwargs):
        super().__init__(name=name, **kwargs)
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * keras.losses.categorical_crossentropy(y_true, y_pred)


class Bare(keras.losses.Loss):
    """Takes no keyword arguments of its base class, and has parts of all kinds."""

    def __init__(self, factor):
        super().__init__(name="bare")
        self.factor = keras.Variable(float(factor), name="factor")
        self.inner = Scaled(factor)
        self.parts = [self.inner, {"scores": np.arange(3.0)}, Scaled]
        self.method = self.call
        self.function = functools.partial(self.scaled, power=2)
        self.me = self

    def scaled(self, value, power):
        return value * self.factor**power

    def call(self, y_true, y_pred):
        return self.inner.call(y_true, y_pred) * self.factor


class Hits(keras.metrics.Metric):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.inner = keras.metrics.Sum()
        self.hits = self.add_variable((), "zeros", name="hits")
        self.names = ["hits"]

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.hits.assign_add(self.factor * ops.cast(ops.shape(y_pred)[0], "float32"))
        self.inner.update_state(y_pred)

    def result(self):
        return self.hits


class Halved(keras.optimizers.SGD):
    def __init__(self, learning_rate=0.01, factor=1.0, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.factor = factor

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient * self.factor, variable, learning_rate)


class Constant(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, step):
        return self.rate


class Hidden(keras.losses.Loss):
    """Keeps its argument under another name."""

    def __init__(self, factor=1.0, power=1.0):
        super().__init__()
        self.scale = factor
        self.power = power


class Doubled(Scaled):
    """Keeps its argument in another unit."""

    def __init__(self, factor=1.0, power=1.0):
        super().__init__(2 * factor)
        self.power = power


def through_pickle(value):
    return pickle.loads(pickle.dumps(pack_parameters({"value": value}))).unpack()["value"]


COPIERS = {"copy": copy_state, "pickle": through_pickle}
copied_by = pytest.mark.parametrize("copier", COPIERS.values(), ids=COPIERS)

LABELS = np.eye(3, dtype="float32")
SCORES = np.full((3, 3), 1 / 3, "float32")


def step_size(optimizer):
    """Return how far one step with a gradient of 1 goes."""
    variable = keras.Variable(np.zeros(1), name="kernel")
    optimizer.build([variable])
    optimizer.apply([np.ones(1, "float32")])
    return -float(variable[0])


def build(value, **routed):
    lookup = optimizer_lookup if isinstance(value, keras.optimizers.Optimizer) else None
    base = next(
        base
        for base in (keras.optimizers.Optimizer, keras.losses.Loss, keras.metrics.Metric)
        if isinstance(value, base)
    )
    return build_object(value, routed, lookup=lookup, what="object", base=base)


@copied_by
def test_a_copied_loss_has_the_state_of_the_original_and_shares_none_of_it(copier):
    original = Bare(3.0)
    copied = copier(original)
    assert float(copied(LABELS, SCORES)) == pytest.approx(9 * np.log(3), rel=1e-5)
    assert copied.me is copied
    assert copied.method.__self__ is copied
    assert copied.parts[0] is copied.inner is not original.inner
    assert copied.parts[2] is Scaled
    assert (copied.factor.name, copied.factor.path) == ("factor", "factor")
    original.factor.assign(7.0)
    assert float(copied.function(1.0)) == 9.0


@copied_by
def test_a_copied_metric_tracks_its_variables_and_metrics(copier):
    original = Hits(2.0, name="mine")
    original.update_state(LABELS, SCORES)
    copied = copier(original)
    assert (copied.name, float(copied.result()), float(copied.inner.result())) == ("mine", 6.0, 3.0)
    copied.update_state(LABELS, SCORES)
    assert (float(copied.result()), float(original.result())) == (12.0, 6.0)
    assert [v.path for v in copied.variables] == [v.path for v in original.variables]
    copied.hits = copied.hits
    copied.other = keras.Variable(1.0)
    assert len(copied.variables) == len(original.variables) + 1 == 3
    copied.reset_state()
    assert (float(copied.result()), float(copied.inner.result())) == (0.0, 0.0)


@copied_by
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Halved(0.5, factor=0.5), 0.25),
        (lambda: keras.optimizers.SGD(Constant(0.125)), 0.125),
        (lambda: keras.optimizers.LossScaleOptimizer(Halved(0.5, 0.5), initial_scale=4.0), 0.0625),
    ],
    ids=["optimizer", "schedule", "inner optimizer"],
)
def test_a_copied_optimizer_takes_the_same_steps(make, expected, copier):
    original = make()
    copied = copier(original)
    assert step_size(copied) == pytest.approx(expected)
    assert not original.built
    assert step_size(original) == pytest.approx(expected)


@pytest.mark.parametrize("copier", [build, through_pickle], ids=["fit", "pickle"])
def test_an_optimizer_that_has_trained_is_copied_without_its_variables(copier):
    original = Halved(0.5, factor=0.5, momentum=0.9)
    step_size(original)
    copied = copier(original)
    assert not copied.built
    assert step_size(copied) == pytest.approx(0.25)  # no momentum yet
    assert copied.momentum == 0.9


def test_functions_classes_and_what_cannot_be_pickled_are_shared():
    class Recorder:
        def __init__(self):
            self.lock = threading.Lock()
            self.rows = []

    shared = [Recorder(), queue.Queue(), threading.Lock(), lambda: 0, Recorder, re.compile("a")]
    layer = keras.layers.Dense(2)
    copied = copy_state({"shared": shared, "layer": layer, "rows": [1]})
    assert all(map(lambda a, b: a is b, copied["shared"], shared))
    assert copied["shared"] is not shared
    assert copied["layer"] is layer


def test_the_reducers_that_a_class_defines_itself_are_used():
    class Own(keras.losses.Loss):
        def __getstate__(self):
            return {"name": "reduced"}

    assert vars(copy_state(Own(name="mine"))) == {"name": "reduced"}


@pytest.mark.parametrize("instance", [Scaled(100.0), Hits(100.0), Halved(0.5, factor=100.0)])
def test_arguments_that_are_not_in_the_configuration_survive_routed_ones(instance):
    assert "factor" not in instance.get_config()
    built = build(instance, name="other")
    assert (built.name, built.factor) == ("other", 100.0)
    assert build(instance, factor=5.0).factor == 5.0
    assert instance.factor == 100.0


def test_an_instance_without_keyword_arguments_is_constructed_again():
    assert float(build(Bare(100.0), factor=5.0)(LABELS, SCORES)) == pytest.approx(
        25 * np.log(3), rel=1e-5
    )


@pytest.mark.parametrize(
    ("instance", "message"),
    [
        (Hidden(3.0), "rebuilding it would change 'scale'"),
        (Doubled(3.0), "rebuilding it would change 'factor'"),
    ],
    ids=["under another name", "in another unit"],
)
def test_arguments_that_cannot_be_recovered_are_an_error_with_a_cure(instance, message):
    with pytest.raises(
        ValueError, match=f"object__power cannot be changed on this instance of .*{message}"
    ):
        build(instance, power=2.0)
    cured = build_object(type(instance), {"power": 2.0, "factor": 3.0}, lookup=None, what="object")
    assert cured.power == 2.0


def test_a_schedule_with_lost_arguments_survives_routed_arguments_of_the_optimizer():
    class Configured(Constant):
        def get_config(self):
            return {}

        @classmethod
        def from_config(cls, config):
            return cls(0.0)

    built = build(keras.optimizers.SGD(Configured(0.125)), momentum=0.5)
    assert built.momentum == 0.5
    assert step_size(built) == 0.125


def test_only_losses_of_equal_state_share_a_trace():
    def described(loss):
        with fresh_names():
            model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
            model.compile("sgd", copy_state(loss))
        return fingerprint(model)

    same, again, other = Scaled(1.0), Scaled(1.0), Scaled(100.0)
    assert described(same) == described(again) != described(other)
    assert described(keras.losses.Huber(0.5)) != described(keras.losses.Huber(0.7))


def test_packed_values_call_only_what_is_listed_with_them():
    value = {"array": np.arange(3).tolist(), "by name": typing.AnyStr, "function": math.sqrt}
    value |= {"ellipsis": ..., "number": np.float64(np.pi), "code": PickledCode(1)}
    packed = pack(value)
    assert packed.unpack() == value
    assert value["code"] in packed.shared
    assert not [op.name for op, *_ in pickletools.genops(packed.data) if "GLOBAL" in op.name]
    with pytest.raises(pickle.UnpicklingError, match=r"listed with it; got posix\.getpid"):
        Packed(b"cposix\ngetpid\n(tR.", []).unpack()
