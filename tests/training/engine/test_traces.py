"""Models of the same structure share traces; others do not."""

from __future__ import annotations

import gc
import pickle
import threading
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

import keras_multiclass
from _toy import stable_id, tiny
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.rows import TrainingData
from keras_multiclass._shared.keras.object_names import fresh_names
from keras_multiclass._training.engine import TrainingPlan, pace
from keras_multiclass._training.engine import binding as _binding
from keras_multiclass._training.engine import programs as _programs
from keras_multiclass._training.engine.cache import ProgramCache, programs
from keras_multiclass._training.engine.fingerprint import UndescribableError, fingerprint
from keras_multiclass._training.engine.graph import GraphEngine
from keras_multiclass._training.engine.programs import Program

X, y = load_iris(return_X_y=True)


@pytest.fixture
def traced(monkeypatch):
    """The types of the models that are traced, one entry per trace."""
    keras_multiclass.clear_cache()
    found = []

    def trace(model, *arguments, **options):
        found.append(type(model))
        return _binding.trace(model, *arguments, **options)

    monkeypatch.setattr(_programs, "trace", trace)
    # However busy the machine is, epochs are short: long ones need traces of their parts.
    monkeypatch.setattr(pace, "SECONDS_PER_CALL", 60.0)
    yield found
    keras_multiclass.clear_cache()


def short(**params):
    return tiny(**{"epochs": 2, **params})


# --- what is shared -------------------------------------------------------------------------------


def test_a_second_fit_of_the_same_kind_traces_nothing(traced):
    short().fit(X, y).predict_proba(X)
    assert traced
    traced.clear()
    short(random_state=1).fit(X, y).predict_proba(X)
    assert not traced


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer__learning_rate": 0.001},
        {"batch_size": 7},
        {"batch_size": -1},
        {"shuffle": False},
        {"epochs": 5},
        {"random_state": 7},
        {"verbose": 1},  # the progress line only listens, so many epochs stay in one call
        {"class_weight": {0: 2.0}, "early_stopping": 3},
    ],
    ids=stable_id,
)
def test_changes_of_variables_and_arguments_need_no_new_trace(traced, change):
    start = {"class_weight": "balanced", "early_stopping": 2} if "class_weight" in change else {}
    short(**start).fit(X, y)
    traced.clear()
    short(**{**start, **change}).fit(X[1:], y[1:])
    assert not traced


def test_other_statistics_of_the_rows_are_used_without_a_new_trace(traced):
    first = short().fit(X, y)
    traced.clear()
    moved = short().fit(X * 3 + 5, y)
    assert not traced
    np.testing.assert_allclose(moved.predict_proba(X * 3 + 5), first.predict_proba(X), atol=1e-3)
    keras_multiclass.clear_cache()
    again = short().fit(X * 3 + 5, y)
    np.testing.assert_array_equal(moved.predict_proba(X), again.predict_proba(X))


def test_candidates_and_folds_of_a_search_share_the_traces_of_their_structure(traced):
    grid = {"backbone__hidden_units": [(4,), (8,)], "optimizer__learning_rate": [0.1, 0.01]}
    GridSearchCV(short(), grid, cv=3, refit=False).fit(X, y)
    # For each width: training, and prediction.
    assert len(traced) == 2 * 2


def test_one_trace_predicts_any_number_of_rows(traced):
    classifier = short().fit(X, y)
    classifier.predict_proba(np.tile(X, (3, 1)))
    traced.clear()
    for n in (1, 2, 128, 129, 150):
        assert classifier.predict_proba(X[:n]).shape == (n, 3)
    assert not traced


def test_a_loaded_classifier_uses_existing_traces(traced):
    classifier = short().fit(X, y)
    expected = classifier.predict_proba(X)
    data = pickle.dumps(classifier)
    traced.clear()
    np.testing.assert_array_equal(pickle.loads(data).predict_proba(X), expected)
    assert not traced


def test_a_loaded_classifier_that_predicts_first_still_computes_its_metrics():
    tiny().fit(X, y)  # its traces have no metrics
    classifier = tiny(metrics="accuracy").fit(X, y)
    loaded = pickle.loads(pickle.dumps(classifier))
    loaded.predict(X)  # the metrics of a loaded network have no variables yet
    assert loaded.partial_fit(X, y).history_ == classifier.partial_fit(X, y).history_


def test_an_existing_trace_gives_identical_results(traced):
    keras_multiclass.clear_cache()
    cold = tiny(backbone__dropout=0.2, validation_split=0.2).fit(X, y)
    tiny(backbone__dropout=0.2, validation_split=0.2, random_state=9).fit(X[::-1] * 2, y)
    warm = tiny(backbone__dropout=0.2, validation_split=0.2).fit(X, y)
    assert warm.history_ == cold.history_
    for found, expected in zip(warm.model_.weights, cold.model_.weights, strict=True):
        np.testing.assert_array_equal(found, expected)


# --- what is not shared ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"backbone__hidden_units": (17,)},
        {"backbone__activation": "tanh"},
        {"backbone__dropout": 0.5},
        {"optimizer": "sgd"},
        {"optimizer__beta_1": 0.5},
        {"optimizer__weight_decay": 0.1},
        {"loss__label_smoothing": 0.1},
        {"metrics": ["accuracy"]},
        {"dtype": "float64"},
        {"class_weight": {0: 2.0}},
        {"optimizer__learning_rate": keras.optimizers.schedules.CosineDecay(0.1, 5)},
    ],
    ids=stable_id,
)
def test_changes_of_the_computation_need_a_new_trace(traced, change):
    short().fit(X, y)
    traced.clear()
    changed = short(**change).fit(X, y)
    assert traced
    keras_multiclass.clear_cache()
    again = short(**change).fit(X, y)
    np.testing.assert_array_equal(changed.predict_proba(X), again.predict_proba(X))


def scaling_layer(factor):
    """Each call returns another class of the same name, module and configuration."""

    class Scaling(keras.layers.Layer):
        def call(self, inputs):
            return inputs * factor

    return Scaling


FACTOR = 1.0
FACTORS = [1.0]


class ReadsModule(keras.layers.Layer):
    def call(self, inputs):
        return inputs * FACTOR * FACTORS[0]


class Holds(keras.layers.Layer):
    """Has state that its configuration does not contain."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def get_config(self):
        return super().get_config()

    def call(self, inputs):
        return inputs * self.factor


class HoldsTensor(Holds):
    def call(self, inputs):
        return inputs * keras.ops.cast(self.factor, inputs.dtype)


def times(factor):
    return lambda x: x * factor


def in_front(layer):
    """A backbone with a layer in front, for features that are not standardized."""
    return lambda inputs: keras.layers.Dense(8, "tanh")(layer()(inputs))


def activated(function):
    return lambda inputs: keras.layers.Dense(8, activation=function)(inputs)


def set_module(factor):
    def backbone(inputs):
        globals()["FACTOR"] = factor
        return in_front(ReadsModule)(inputs)

    return backbone


def set_list(factor):
    def backbone(inputs):
        FACTORS[0] = factor
        return in_front(ReadsModule)(inputs)

    return backbone


PAIRS = {
    "classes of one name": lambda factor: in_front(scaling_layer(factor)),
    "a closure": lambda factor: activated(times(factor)),
    "a lambda layer": lambda factor: in_front(lambda: keras.layers.Lambda(times(factor))),
    "an attribute": lambda factor: in_front(lambda: Holds(factor)),
    "a tensor": lambda factor: in_front(lambda: HoldsTensor(tf.constant([factor] * 4))),
    "a large tensor": lambda factor: in_front(
        lambda: HoldsTensor(tf.constant([[factor] * 4] * 200)[:1] * tf.ones((1, 4)))
    ),
    "a module's variable": set_module,
    "a module's list": set_list,
}


@pytest.fixture
def restored_factors():
    yield
    globals()["FACTOR"] = FACTORS[0] = 1.0


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.usefixtures("restored_factors")
def test_networks_that_differ_only_in_code_or_hidden_state_share_no_trace(kind):
    """Each computes the same as without any earlier trace."""
    common = {"epochs": 2, "scaling": None, "random_state": 0}
    found, expected = [], []
    for results, clear in ((found, False), (expected, True)):
        keras_multiclass.clear_cache()
        for factor in (1.0, 50.0):
            if clear:
                keras_multiclass.clear_cache()
            classifier = KerasMulticlassClassifier(PAIRS[kind](factor), **common).fit(X, y)
            assert classifier.engine_ == "graph", classifier.engine_reason_
            results.append(classifier.predict_proba(X))
    np.testing.assert_array_equal(found, expected)
    assert not np.allclose(found[0], found[1])


class OwnAdam(keras.optimizers.Adam):
    """An optimizer of the user's."""


@pytest.mark.parametrize("optimizer", [OwnAdam, "scheduled_adam"])
def test_learning_rate_schedules_of_any_optimizer_count(optimizer):
    schedules = [keras.optimizers.schedules.CosineDecay(rate, 50) for rate in (1e-6, 0.1)]
    slow, fast = (
        short(optimizer=optimizer, optimizer__learning_rate=rate).fit(X, y).predict_proba(X)
        for rate in schedules
    )
    unchanged = short(optimizer=optimizer).initialize(X, y).predict_proba(X)
    np.testing.assert_allclose(slow, unchanged, atol=1e-3)
    assert not np.allclose(fast, unchanged, atol=1e-2)


def test_loss_functions_are_compared_by_code_not_by_name():
    def make(power):
        def loss(y_true, y_pred):
            return keras.losses.categorical_crossentropy(y_true, y_pred) ** power

        return loss

    first, second = (short(loss=make(power)).fit(X, y) for power in (1.0, 3.0))
    assert not np.allclose(first.predict_proba(X), second.predict_proba(X), atol=1e-3)


class Bare(keras.layers.Layer):
    """Has an attribute that cannot be compared."""

    def __init__(self):
        super().__init__()
        self.tool = threading.Lock()

    def call(self, inputs):
        return inputs * 2.0


def test_a_network_that_cannot_be_described_trains_without_sharing_traces(traced):
    def backbone(inputs):
        return keras.layers.Dense(4)(Bare()(inputs))

    classifier = KerasMulticlassClassifier(backbone, epochs=2, random_state=0).fit(X, y)
    assert classifier.engine_ == "graph"
    with pytest.raises(UndescribableError, match="lock"):
        fingerprint(classifier.model_)
    assert len(programs) == 0
    n_traces = len(traced)
    again = KerasMulticlassClassifier(backbone, epochs=2, random_state=0).fit(X, y)
    assert len(traced) == 2 * n_traces
    assert again.history_ == classifier.history_


def test_continued_training_of_a_network_without_description_needs_no_new_trace(traced):
    def backbone(inputs):
        return keras.layers.Dense(4)(Bare()(inputs))

    classifier = KerasMulticlassClassifier(backbone, random_state=0).partial_fit(X, y)
    traced.clear()
    for _ in range(3):
        classifier.partial_fit(X, y)
    assert not traced


class Counts(keras.layers.Layer):
    """Has a TensorFlow variable that is unknown to Keras."""

    def __init__(self):
        super().__init__()
        self.seen = tf.Variable(0.0, trainable=False)

    def call(self, inputs, training=False):
        if training:
            self.seen.assign_add(1.0)
        return inputs


def test_a_variable_unknown_to_keras_belongs_to_its_model_alone():
    def backbone(inputs):
        layers.append(Counts())
        return keras.layers.Dense(4)(layers[-1](inputs))

    layers = []
    for _ in range(2):
        KerasMulticlassClassifier(backbone, epochs=3, batch_size=50, random_state=0).fit(X, y)
    assert [float(layer.seen) for layer in layers] == [9.0, 9.0]


# --- the cache ------------------------------------------------------------------------------------


def model_of(units):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Dense(units)(inputs)))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.build(model.trainable_variables)
    return model


def test_the_least_recently_used_program_is_dropped():
    cache = ProgramCache(max_programs=2)
    with fresh_names():
        first = cache.get(model_of(2), Program)
    with fresh_names():
        second = cache.get(model_of(3), Program)
    with fresh_names():
        assert cache.get(model_of(2), Program) is first
    with fresh_names():
        cache.get(model_of(4), Program)
    assert len(cache) == 2
    with fresh_names():
        assert cache.get(model_of(2), Program) is first
    with fresh_names():
        assert cache.get(model_of(3), Program) is not second


def test_classifiers_work_after_the_cache_is_cleared():
    classifier = short().fit(X, y)
    expected = classifier.predict_proba(X)
    assert len(programs) > 0
    keras_multiclass.clear_cache()
    assert len(programs) == 0
    np.testing.assert_array_equal(classifier.predict_proba(X), expected)


def test_a_program_keeps_no_model_alive():
    classifier = short().fit(X, y)
    classifier.predict_proba(X)
    gone = weakref.ref(classifier.model_)
    del classifier
    gc.collect()
    assert gone() is None
    assert len(programs) > 0


def test_the_cache_is_not_pickled():
    classifier = short().fit(X, y)
    before = len(pickle.dumps(classifier))
    classifier.predict_proba(X)
    assert len(pickle.dumps(classifier)) == before


def test_threads_that_share_a_trace_train_independently():
    """Only the engine runs in threads: building networks there would share random state."""
    code = y.astype("int32")

    def job(seed):
        with fresh_names():
            keras.utils.set_random_seed(seed)
            model = model_of(8)
        return model, TrainingData((X + seed).astype("float32"), code)

    def train(model, data):
        plan = TrainingPlan(epochs=20, first_epoch=0, batch_size=10, shuffle=True, seed=1)
        GraphEngine().fit(model, data, None, plan)

    alone = [job(seed) for seed in range(4)]
    for arguments in alone:
        train(*arguments)
    together = [job(seed) for seed in range(4)]
    threads = [threading.Thread(target=train, args=arguments) for arguments in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for (found, _), (expected, _) in zip(together, alone, strict=True):
        for one, other in zip(found.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("data", ["rows", "stream"])
def test_steps_of_single_batches_share_traces(data):
    def batches():
        for start in range(0, 150, 40):
            yield X[start : start + 40], y[start : start + 40]

    def fit(seed):
        return short(random_state=seed, engine="keras").fit(
            *((X, y) if data == "rows" else [batches])
        )

    keras_multiclass.clear_cache()
    first = fit(0)
    (program,) = programs._shared.values()
    traces = dict(program._shared)
    assert [name for name, *_ in traces] == ["train_step"]
    second = fit(1)
    assert first.engine_ == second.engine_ == "keras"
    assert list(programs._shared.values()) == [program]
    assert program._shared == traces
    np.testing.assert_array_equal(fit(0).predict_proba(X), first.predict_proba(X))
    assert not np.array_equal(second.predict_proba(X), first.predict_proba(X))


class Freeze(keras.callbacks.Callback):
    """Freezes the first layer before the second epoch, as users do."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            layer = next(layer for layer in self.model.layers if layer.weights)
            layer.trainable = False
            self.model.compile(self.model.optimizer, self.model.loss)
            self.model.frozen = layer.get_weights(), layer


def test_a_callback_may_compile_the_model_between_epochs():
    def build():
        layers = [keras.layers.Dense(5, "tanh"), keras.layers.Dense(3)]
        return keras.Sequential([keras.Input((4,)), *layers])

    def fit(**params):
        return KerasMulticlassClassifier(
            model=build, engine="keras", batch_size=40, random_state=0, **params
        ).fit(X, y)

    classifier = fit(epochs=2, callbacks=Freeze)
    kept, layer = classifier.model_.frozen
    for before, after in zip(kept, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert classifier.history_["loss"][0] == fit(epochs=1).history_["loss"][0]
    assert classifier.history_["loss"][1] < fit(epochs=1).history_["loss"][0]
