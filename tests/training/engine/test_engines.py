"""Both engines: what they have in common, and which one trains."""

from __future__ import annotations

import csv
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import sparse
from sklearn.datasets import load_iris

from _toy import SMALL_BACKBONES, assert_same, tiny
from keras_multiclass import KerasMulticlassClassifier, get_backbone, list_backbones
from keras_multiclass._data.rows import TrainingData
from keras_multiclass._shared.keras.environment import keras_environment
from keras_multiclass._shared.seeding import permutation
from keras_multiclass._shared.upstream.tensorflow import operations_of
from keras_multiclass._training.engine import KerasEngine, TrainingPlan, clear_cache, device_data
from keras_multiclass._training.engine import memory as _memory
from keras_multiclass._training.engine import programs as _programs
from keras_multiclass._training.engine import selection as _selection
from keras_multiclass._training.engine import threads as _threads
from keras_multiclass._training.engine.adam import KernelAdam
from keras_multiclass._training.engine.cache import programs
from keras_multiclass._training.engine.flat import FlatOptimizer
from keras_multiclass._training.engine.graph import GraphEngine
from keras_multiclass._training.engine.threads import Threads
from keras_multiclass.exceptions import DivergenceError, EngineError

ENGINES = {"graph": GraphEngine, "keras": KerasEngine}
X, y = load_iris(return_X_y=True)
X32 = X.astype("float32")


def draw(shape, n=46, n_classes=3, seed=0):
    """Draw rows, labels and weights; 46 rows leave a short last batch."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, *shape)), np.arange(n) % n_classes, rng.uniform(0.5, 2.0, n)


def train(engine, change=None, data=None, fit=None, **params):
    """Fit a classifier with an engine."""
    X, y, w = draw((5,)) if data is None else data
    defaults = {
        **({} if "model" in params else {"backbone": "mlp"}),
        "epochs": 2,
        "batch_size": 16,
        "random_state": 3,
    }
    classifier = KerasMulticlassClassifier(**{**defaults, **params}, engine=engine)
    if change is not None:
        classifier.set_params(**change())
    classifier.fit(X, y, sample_weight=w, **(fit or {}))
    assert classifier.engine_ == engine
    return classifier


def train_with_both(**params):
    """Fit the same classifier with each engine."""
    return train("graph", **params), train("keras", **params)


# --- equal results --------------------------------------------------------------------------------


@pytest.fixture
def with_threads(monkeypatch):
    """Let all steps run on the given threads, whatever their size."""

    def choose(threads):
        limits = {
            Threads.ONE: (float("inf"), float("inf")),
            Threads.UNSPLIT: (0, float("inf")),
            Threads.POOL: (0, 0),
        }
        names = "_MOST_ON_ONE_THREAD", "_MOST_UNSPLIT"
        for name, limit in zip(names, limits[threads], strict=True):
            monkeypatch.setattr(_threads, name, limit)

    return choose


def executors_of_traces():
    """The executors that the cached traces select."""
    traces = [trace for p in programs._shared.values() for trace in p._shared.values()]
    assert traces
    return [
        {node.attr["executor_type"].s.decode() for node in operations_of(trace)} - {""}
        for trace in traces
    ]


@pytest.mark.parametrize("name", SMALL_BACKBONES)
def test_every_backbone_trains_equally_in_both_engines_on_any_threads(name, with_threads):
    """With weights, dropout, batch normalization, validation rows and a short last batch."""
    shape, options = SMALL_BACKBONES[name]
    data = draw(shape)
    X_val, y_val, w_val = draw(shape, n=21, seed=1)
    params = {
        "backbone": name,
        "metrics": ["accuracy", "macro_f1"],
        "data": data,
        "fit": {"X_val": X_val, "y_val": y_val, "sample_weight_val": w_val},
        **{f"backbone__{option}": value for option, value in options.items()},
    }
    plain = train("keras", **params)
    predicted = []
    # How a trace is wrapped does not depend on its operations; test_threads.py has loops.
    for threads in Threads if name == "mlp" else (Threads.ONE,):
        with_threads(threads)
        clear_cache()
        graph = train("graph", **params)
        assert_same(graph, plain)
        predicted.append(graph.predict_proba(data[0]))
        executors = {"SINGLE_THREADED_EXECUTOR"} if threads is Threads.ONE else set()
        assert executors_of_traces() == [executors] * len(executors_of_traces())
    expected = plain.predict_proba(data[0])  # recurrent layers draw random numbers here, too
    for probabilities in predicted:
        np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_the_cases_cover_every_built_in_backbone():
    built_in = {
        n for n in list_backbones() if get_backbone(n).builder.__module__.startswith("keras_")
    }
    assert built_in == {*SMALL_BACKBONES, "bag_of_ngrams"}  # test_texts.py has texts


class OwnStep(keras.Model):
    """Logs the batch size in addition to the loss."""

    def train_step(self, data):
        import tensorflow as tf

        features, labels = data[0], data[1]
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=labels, y_pred=self(features, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss, "size": tf.shape(features)[0]}


def own_step():
    inputs = keras.Input((5,))
    return OwnStep(inputs, keras.layers.Dense(3)(inputs))


DECAY = {"optimizer__weight_decay": 0.5}


def regularized(inputs):
    return keras.layers.Dense(6, kernel_regularizer="l2", activity_regularizer="l1")(inputs)


def spectral(inputs):
    """Its layer assigns its kernel in each step."""
    return keras.layers.SpectralNormalization(keras.layers.Dense(5, "tanh"))(inputs)


def constrained(inputs):
    return keras.layers.Dense(6, kernel_constraint=keras.constraints.MaxNorm(0.5))(inputs)


@pytest.mark.parametrize(
    "params",
    [
        {"optimizer": "sgd", "optimizer__momentum": 0.9},
        {"optimizer": "adamw", "optimizer__weight_decay": 0.1, "optimizer__clipnorm": 0.5},
        {"optimizer": "rmsprop", "optimizer__global_clipnorm": 0.5},
        {"optimizer__use_ema": True, "optimizer__ema_momentum": 0.5},
        {"optimizer": "adam", "optimizer__amsgrad": True, "optimizer__clipvalue": 0.01},
        {"optimizer__loss_scale_factor": 16.0},
        {"optimizer": "adamax"},
        {"optimizer": "nadam"},
        {"optimizer": "lion", "optimizer__weight_decay": 0.1},
        {"optimizer": "adagrad"},
        {"optimizer": "adadelta", "optimizer__learning_rate": 1.0},
        {"optimizer": "rmsprop", "optimizer__centered": True, "optimizer__momentum": 0.5},
        {"optimizer": "ftrl"},
        {"optimizer": "scheduled_adam", "optimizer__learning_rate": 0.05},
        {
            "optimizer": "scheduled_adam",
            "optimizer__clipvalue": 0.01,
            **DECAY,
        },
        {"optimizer": "scheduled_adam", "optimizer__gradient_accumulation_steps": 2},
        {"optimizer__learning_rate": keras.optimizers.schedules.ExponentialDecay(0.01, 2, 0.5)},
        {"backbone": constrained},
        {"backbone": spectral, "optimizer": "sgd"},
        {"optimizer__gradient_accumulation_steps": 2},
        {"backbone": regularized},
        {"loss__label_smoothing": 0.1, "metrics": ["auc", "top_2_accuracy", "f1_score"]},
        {"dtype": "float64"},
        {"validation_split": 0.3, "fit__validation_freq": 2, "epochs": 3},
        {"validation_split": 0.3, "fit__validation_freq": [1, 3], "epochs": 3},
        {"shuffle": False, "batch_size": -1},
        {"model": own_step, "scaling": None},
        {"class_weight": "balanced", "early_stopping": 1, "epochs": 6},
    ],
    ids=lambda params: "-".join(params),
)
def test_every_setting_trains_equally_in_both_engines(params):
    assert_same(*train_with_both(**params))


@pytest.mark.parametrize("params", [{}, {"optimizer": "scheduled_adam", **DECAY}], ids=len)
def test_a_network_of_many_weights_trains_equally_in_both_engines(params):
    """Adam divides by the size of the gradient, which amplifies rounding where it is tiny."""
    params = {**params, "backbone__hidden_units": (256, 256), "optimizer__learning_rate": 0.01}
    graph, plain = train_with_both(**params)
    assert KernelAdam.of(graph.model_) is not None
    assert_same(graph, plain, rtol=1e-3, atol=5e-4)


TOKENS = np.random.default_rng(0).integers(1, 9, (40, 3))
PARITY = TOKENS[:, 0] % 2
OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(0.05),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.05),
    "clipped": lambda: keras.optimizers.SGD(0.5, clipvalue=1e-3),
}


def embedding_network():
    inputs = keras.Input((3,), dtype="int32")
    start = [keras.initializers.RandomUniform(seed=seed) for seed in (1, 2)]
    embedded = keras.layers.Embedding(9, 4, embeddings_initializer=start[0])(inputs)
    logits = keras.layers.Dense(2, kernel_initializer=start[1])
    return keras.Model(inputs, logits(keras.layers.Flatten()(embedded)))


def token_batches():
    for start in range(0, 40, 20):
        yield TOKENS[start : start + 20], PARITY[start : start + 20]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_embeddings_of_users_train_as_by_keras_fit(optimizer):
    """Their sparse gradients hold a value for each occurrence of a token in a batch."""
    plain = embedding_network()
    plain.compile(
        OPTIMIZERS[optimizer](), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    plain.fit(TOKENS, PARITY, epochs=2, batch_size=20, shuffle=False, verbose=0)
    arrays = {"batch_size": 20, "shuffle": False}
    for data, params in [
        ((TOKENS, PARITY), {**arrays, "engine": "graph"}),
        ((TOKENS, PARITY), {**arrays, "engine": "keras"}),
        ((token_batches,), {}),
    ]:
        params |= {"model": embedding_network, "optimizer": OPTIMIZERS[optimizer]()}
        classifier = KerasMulticlassClassifier(**params, epochs=2).fit(*data)
        for found, expected in zip(
            classifier.model_.get_weights(), plain.get_weights(), strict=True
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("X", "params"),
    [
        (
            TOKENS,
            {
                "backbone": "transformer",
                "backbone__units": 2,
                "backbone__num_heads": 1,
                "backbone__num_layers": 1,
                "backbone__positions": "learned",
            },
        ),
        (
            np.repeat(np.arange(40)[:, None] // 3, 2, axis=1),
            {
                "categorical_features": [0, 1],
                "backbone__hidden_units": (4,),
                "optimizer": "adamw",
                "n_ensemble": 2,
            },
        ),
    ],
    ids=["tokens", "categories"],
)
def test_own_embeddings_train_equally_in_both_engines(X, params):
    """In 64 bits, because Adam amplifies rounding where gradients are tiny."""
    data = X, PARITY, np.linspace(0.5, 2.0, 40)
    graph, plain = train_with_both(**params, data=data, dtype="float64")
    assert_same(graph, plain, rtol=1e-9, atol=1e-12)


class Branching(keras.layers.Layer):
    """Has a branch in the graph."""

    def call(self, inputs):
        positive = keras.ops.sum(inputs) > 0
        return keras.ops.cond(positive, lambda: 2 * inputs, lambda: -inputs)


class Called(keras.layers.Layer):
    """Calls back into Python, and calls a function with a trace of its own."""

    def call(self, inputs):
        import tensorflow as tf

        apart = tf.function(lambda values: values + 1, autograph=False)
        doubled = tf.py_function(lambda values: 2 * values, [tf.stop_gradient(inputs)], tf.float32)
        doubled.set_shape(inputs.shape)
        return apart(inputs) + doubled


@pytest.mark.parametrize("layer", [Branching, Called])
def test_operations_that_one_thread_cannot_run_train_equally(layer):
    def build(inputs):
        return layer()(keras.layers.Dense(6)(inputs))

    assert_same(*train_with_both(backbone=build))


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_equally_in_both_engines(dtype):
    graph, plain = train_with_both(dtype=dtype, optimizer__learning_rate=0.01)
    assert_same(graph, plain, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("weights", [None, np.linspace(0.5, 2.0, 150)], ids=["plain", "weighted"])
def test_an_engine_trains_like_keras_fit_on_the_same_batches(engine, weights):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    ours = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Dense(6, "relu")(inputs)))
    theirs = keras.models.clone_model(ours)
    theirs.set_weights(ours.get_weights())
    for model in (ours, theirs):
        model.compile(
            keras.optimizers.Adam(0.02),
            keras.losses.SparseCategoricalCrossentropy(
                from_logits=True, reduction="mean_with_sample_weight"
            ),
            weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        )
    w32 = None if weights is None else weights.astype("float32")
    codes = y.astype("int32")
    data = TrainingData(X32, codes, w32)
    held_out = TrainingData(X32, codes).take(np.arange(0, 150, 3))
    plan = TrainingPlan(epochs=3, first_epoch=0, batch_size=40, shuffle=True, seed=5)
    result = ENGINES[engine]().fit(ours, data, held_out, plan)
    history: dict = {}
    for epoch in range(3):
        order = permutation(150, 5, epoch)
        logs = theirs.fit(
            X32[order], y[order], batch_size=40, shuffle=False, verbose=0,
            sample_weight=None if w32 is None else w32[order],
            validation_data=(X32[::3], y[::3]), validation_batch_size=40,
        ).history  # fmt: skip
        for name, values in logs.items():
            history.setdefault(name, []).extend(values)
    for mine, kept in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, kept, rtol=1e-5, atol=1e-6)
    assert result.history.keys() == history.keys()
    if weights is not None:
        del history["loss"]  # Keras averages over batches by rows; see test_loss_average.py
    for name, values in history.items():
        np.testing.assert_allclose(result.history[name], values, rtol=1e-5, err_msg=name)
    predicted = np.concatenate([*ENGINES[engine]().predict(ours, X32, 64)])
    np.testing.assert_allclose(predicted, theirs.predict(X32, verbose=0), atol=1e-5)


class Falling(keras.optimizers.schedules.LearningRateSchedule):
    """Has no configuration, as most schedules of users."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, step):
        return self.rate / (1 + keras.ops.cast(step, "float32"))


class Unregistered(Falling):
    """Has a configuration, but Keras does not find its class."""

    def get_config(self):
        return {"rate": self.rate}


def steady():
    return 0.3


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW"])
@pytest.mark.parametrize("schedule", [Falling, Unregistered, lambda rate: steady])
def test_schedules_of_users_train_equally_in_both_engines(optimizer, schedule):
    for rate in (0.1, 0.3):  # the second one must not use a trace of the first one
        assert_same(*train_with_both(optimizer=optimizer, optimizer__learning_rate=schedule(rate)))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        ("adam", {"learning_rate": 0.01, "beta_1": 0.8, "epsilon": 1e-3}),
        ("nadam", {"learning_rate": 0.01}),
        ("rmsprop", {"learning_rate": 0.01, "momentum": 0.9}),
        ("adamw", {"learning_rate": 0.01, "global_clipnorm": 0.1}),
    ],
)
def test_training_in_64_bits_equals_keras_fit_to_the_last_digits(engine, optimizer, options):
    def build():
        first, second = (keras.initializers.GlorotUniform(seed=seed) for seed in (1, 2))
        layers = [keras.layers.Dense(6, "tanh", kernel_initializer=first, kernel_regularizer="l2")]
        layers += [keras.layers.Dense(3, "softmax", kernel_initializer=second)]
        return keras.Sequential([keras.Input((5,)), *layers])

    X, y, w = draw((5,))
    common = {"batch_size": 46, "shuffle": False, "epochs": 4}
    loss = "categorical_focal_crossentropy"
    found = KerasMulticlassClassifier(
        model=build, optimizer=optimizer, loss=loss, metrics="auc", dtype="float64", engine=engine,
        **common, **{f"optimizer__{name}": value for name, value in options.items()},
    ).fit(X, y, sample_weight=w)  # fmt: skip
    with keras_environment("float64"):
        model = build()
        made = type(keras.optimizers.get(optimizer))(**options)
        model.compile(made, loss, weighted_metrics=["auc"])
        # Keras divides by the number of rows, not by the sum of their weights.
        weights = w / w.mean()
        history = model.fit(X, np.eye(3)[y], sample_weight=weights, verbose=0, **common).history
        for one, other in zip(found.model_.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
    for name, values in history.items():
        np.testing.assert_allclose(found.history_[name], values, rtol=1e-12)


def test_selected_rows_equal_those_of_a_copy():
    chosen = np.array([7, 3, 3, 90, 12])
    data = TrainingData(X32, y, np.arange(150.0)).take(np.arange(149, -1, -1)).take(chosen)
    expected = 149 - chosen
    np.testing.assert_array_equal(data.features(slice(None)), X32[expected])
    np.testing.assert_array_equal(data.y, y[expected])
    np.testing.assert_array_equal(data.sample_weight, expected)
    assert data.n_samples == 5


@pytest.mark.parametrize("engine", ENGINES)
def test_the_output_for_a_row_does_not_depend_on_other_rows(engine):
    classifier = tiny(engine=engine, epochs=1).fit(X, y)
    rows = np.tile(X, (2, 1))
    expected = np.concatenate([classifier.predict_proba(row[None]) for row in rows[:5]])
    for n in (1, 2, 127, 128, 129, 300):
        found = classifier.predict_proba(rows[:n])
        assert found.shape == (n, 3)
        np.testing.assert_array_equal(found[:5], expected[:n])


def test_prediction_some_rows_at_a_time_equals_that_of_all(monkeypatch):
    from keras_multiclass._training.engine import graph as _graph

    class Reversed(KerasMulticlassClassifier):
        def predict_proba(self, X):
            return super().predict_proba(X)[:, ::-1]

    classifier = tiny().fit(X, y)
    methods = ("predict", "predict_proba", "predict_log_proba", "decision_function")
    expected = {name: getattr(classifier, name)(X) for name in methods}
    np.testing.assert_array_equal(expected["predict"], expected["predict_proba"].argmax(axis=1))
    monkeypatch.setattr(_graph, "_PREDICTED_BYTES", 1)
    for engine, batch_size in (("graph", 16), ("graph", None), ("keras", 16)):
        classifier.set_params(engine=engine, predict__batch_size=batch_size)
        for name, values in expected.items():
            np.testing.assert_allclose(getattr(classifier, name)(X), values, rtol=1e-5, atol=1e-6)
    bad = np.concatenate([X, np.full((2, 4), 3e38), X, np.full((1, 4), 3e38)])
    with pytest.raises(ValueError, match="NaN for 3 of 303 rows"):
        classifier.predict(bad)
    of_subclass = Reversed("mlp", epochs=2).fit(X, y)
    np.testing.assert_array_equal(
        of_subclass.predict(X), of_subclass.predict_proba(X).argmax(axis=1)
    )


@pytest.mark.parametrize(
    ("shape", "dtype", "n_rows"),
    [
        ((4,), np.float32, 128),
        ((2**15,), np.float32, 128),
        ((2**15,), np.float64, 64),
        ((224, 224, 3), np.float32, 16),
        ((1000, 1000, 1), np.float32, 4),
        ((2**23,), np.float32, 1),
    ],
)
def test_large_rows_are_predicted_in_small_batches(shape, dtype, n_rows):
    """As many as fit into 16 MiB, whatever the number of rows."""
    for n in (1, 1000):
        X = np.broadcast_to(np.zeros((), dtype), (n, *shape))
        assert _selection._prediction_batch_size(X) == n_rows


def test_an_epoch_in_pieces_equals_one_in_a_single_call(monkeypatch):
    from keras_multiclass._training.engine import pace

    whole = tiny(early_stopping=3, batch_size=8).fit(X, y)
    monkeypatch.setattr(pace, "SECONDS_PER_CALL", 0.0)
    pieces = tiny(early_stopping=3, batch_size=8).fit(X, y)
    assert pieces.history_ == whole.history_
    np.testing.assert_array_equal(pieces.predict_proba(X), whole.predict_proba(X))


@pytest.mark.parametrize(
    ("optimizer", "stand_in"),
    [(keras.optimizers.Adam, KernelAdam), (keras.optimizers.RMSprop, FlatOptimizer)],
)
def test_callbacks_see_the_state_of_the_users_optimizer(optimizer, stand_in):
    """Its stand-in in the trace leaves the result there."""
    seen = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            own = self.model.optimizer
            assert type(own) is optimizer
            seen.append([int(own.iterations), float(np.abs(own.variables[2]).sum())])

    classifier = tiny(callbacks=Look(), optimizer=optimizer, epochs=3, batch_size=50).fit(X, y)
    assert stand_in.of(classifier.model_) is not None
    assert [iterations for iterations, _ in seen] == [3, 6, 9]
    assert len({moment for _, moment in seen}) == 3


class WarmsUp(keras.optimizers.Adam):
    """Declares its steps to be those of plain Adam after `begin_adam_step`."""

    def begin_adam_step(self):
        return self.learning_rate * keras.ops.minimum(0.1 * (self.iterations + 1.0), 1.0)

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, self.begin_adam_step())


class WarmsUpTwice(WarmsUp):
    def begin_adam_step(self):
        return super().begin_adam_step() / 2


class Inherits(WarmsUp):
    pass


@pytest.mark.parametrize(
    ("optimizer", "declares"), [(WarmsUp, True), (WarmsUpTwice, True), (Inherits, False)]
)
def test_an_optimizer_that_declares_plain_adam_steps_uses_the_kernel(optimizer, declares):
    graph, plain = train_with_both(optimizer=optimizer, epochs=2)
    assert (KernelAdam.of(graph.model_) is not None) is declares
    assert FlatOptimizer.of(graph.model_) is None
    assert_same(graph, plain)


# --- callbacks ------------------------------------------------------------------------------------


class Halve(keras.callbacks.Callback):
    """Reads the logs, changes the learning rate, and stops the training."""

    def on_epoch_end(self, epoch, logs=None):
        assert np.isfinite(logs["loss"])
        self.model.optimizer.learning_rate = self.model.optimizer.learning_rate / 2
        if epoch == 3:
            self.model.stop_training = True


@pytest.mark.parametrize(
    "make",
    [
        lambda path: keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=1.0),
        lambda path: keras.callbacks.ReduceLROnPlateau("val_loss", patience=1, min_delta=9.0),
        lambda path: keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
        lambda path: keras.callbacks.ModelCheckpoint(path / "{epoch}.weights.h5", "val_loss",
                                                     save_weights_only=True),
        lambda path: keras.callbacks.SwapEMAWeights(),
        lambda path: keras.callbacks.TerminateOnNaN(),
        lambda path: keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
        lambda path: Halve(),
    ],
    ids=["stop", "plateau", "schedule", "checkpoint", "ema", "nan", "lambda", "own"],
)  # fmt: skip
def test_callbacks_between_epochs_act_equally_in_both_engines(make, tmp_path):
    def change():
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        return {"callbacks": [make(folder)]}

    params = {"validation_split": 0.3, "optimizer__use_ema": True, "epochs": 6}
    assert_same(*train_with_both(change=change, **params))
    first, second = (sorted(p.name for p in folder.iterdir()) for folder in tmp_path.iterdir())
    assert first == second


class Seen(keras.metrics.Metric):
    """Counts rows, in the variable that it returns."""

    def __init__(self, name="seen"):
        super().__init__(name=name)
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.count.assign_add(keras.ops.cast(keras.ops.shape(y_pred)[0], "float32"))

    def result(self):
        return self.count


class Counting(keras.Model):
    """Has a metric of its own."""

    def build(self, input_shape):
        self.head = keras.layers.Dense(3)
        self.head.build(input_shape)
        self.seen = Seen()

    def call(self, inputs, training=None):
        if training:
            self.seen.update_state(None, inputs)
        return self.head(inputs)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "params", [{"metrics": Seen()}, {"metrics": Seen(), "callbacks": [keras.callbacks.Callback()]}]
)
def test_results_of_metrics_are_read_before_validation_resets_them(engine, params):
    classifier = tiny(engine=engine, epochs=2, validation_split=0.2, **params).fit(X, y)
    assert classifier.history_["seen"] == [120, 120]
    assert classifier.history_["val_seen"] == [30, 30]


@pytest.mark.parametrize("engine", ENGINES)
def test_results_of_a_models_own_metrics_are_read_before_validation_resets_them(engine):
    classifier = KerasMulticlassClassifier(
        model=Counting, engine=engine, epochs=2, validation_split=0.2
    ).fit(X, y)
    assert classifier.history_["seen"] == [120, 120]


def test_csv_logger_writes_a_line_for_each_epoch(tmp_path):
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    classifier = tiny(callbacks=[logger], epochs=3).fit(X, y)
    assert classifier.engine_ == "graph"
    with open(tmp_path / "log.csv") as file:
        lines = list(csv.DictReader(file))
    assert [float(line["loss"]) for line in lines] == classifier.history_["loss"]


def test_both_engines_log_the_same_scalars_to_tensorboard(tmp_path):
    import tensorflow as tf

    def scalars(engine):
        folder = tmp_path / engine
        callback = keras.callbacks.TensorBoard(folder, write_graph=False, update_freq="epoch")
        classifier = tiny(engine=engine, callbacks=[callback], epochs=2).fit(X, y)
        assert classifier.engine_ == engine
        found = {}
        for path in sorted(folder.rglob("events.*")):
            for record in tf.data.TFRecordDataset(str(path)):
                event = tf.compat.v1.Event.FromString(record.numpy())
                for value in event.summary.value:
                    found[value.tag, event.step] = tf.make_ndarray(value.tensor).tolist()
        return found

    graph, plain = scalars("graph"), scalars("keras")
    assert graph.keys() == plain.keys()
    assert ("epoch_loss", 1) in graph
    for key, value in plain.items():
        np.testing.assert_allclose(graph[key], value, rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_error_for_an_infinite_loss_names_the_epoch(engine):
    params = {"optimizer": "sgd", "optimizer__learning_rate": 1e30, "engine": engine}
    with pytest.raises(DivergenceError, match=r"loss must stay finite; got (nan|inf) in epoch \d"):
        tiny(**params).fit(X, y)


def test_the_user_can_interrupt_between_calls_of_the_graph(monkeypatch):
    """The epochs of completed calls are kept."""
    from keras_multiclass._training.engine import graph_run

    times = iter(range(10_000))
    calls = []

    def clock():
        calls.append(None)
        if len(calls) == 5:  # each call of the graph reads the clock twice
            raise KeyboardInterrupt
        return next(times) * 0.25

    monkeypatch.setattr(graph_run.time, "perf_counter", clock)
    with pytest.warns(UserWarning, match="fitted with 2 of 10 epochs"):
        classifier = tiny().fit(X, y)
    assert classifier.n_iter_ == 2
    assert classifier.predict(X).shape == (150,)


def fit_with_validation():
    arrays = {"X_val": X[::3], "y_val": y[::3]}
    return tiny(metrics="accuracy", batch_size=32, epochs=4).fit(X, y, **arrays)


@pytest.mark.parametrize("foreseen", [True, False])
def test_long_epochs_are_trained_in_pieces_with_the_same_result(foreseen, monkeypatch):
    from keras_multiclass._training.engine import graph as _graph
    from keras_multiclass._training.engine import graph_run, pace

    whole, pieces = fit_with_validation(), []
    original = graph_run.GraphRun._pieces
    monkeypatch.setattr(graph_run.GraphRun, "_pieces", lambda *a: pieces.append(a) or original(*a))
    monkeypatch.setattr(pace, "SECONDS_PER_CALL", 1e-9)
    if not foreseen:
        monkeypatch.setattr(_graph, "_has_long_epochs", lambda *_: False)
    fitted = fit_with_validation()
    assert len(pieces) == 2 * (4 if foreseen else 3)  # of training and of validation
    assert fitted.history_ == whole.history_
    np.testing.assert_array_equal(fitted.predict_proba(X), whole.predict_proba(X))


# --- which engine trains --------------------------------------------------------------------------


class ActsInBatches(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


class OwnTrainFunction(keras.Model):
    def make_train_function(self, force=False):
        return super().make_train_function(force)


def ignore(batch, logs):
    pass


class Untraceable(keras.layers.Layer):
    def call(self, inputs):
        return inputs * float(keras.ops.convert_to_numpy(inputs).mean() > 0)

    def compute_output_shape(self, input_shape):
        return input_shape


def untraceable(inputs):
    return Untraceable()(keras.layers.Dense(4)(inputs))


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"callbacks": ActsInBatches}, "callbacks that act on batches ('ActsInBatches')"),
        ({"callbacks": keras.callbacks.LambdaCallback(on_train_batch_end=ignore)}, "on batches"),
        ({"callbacks": [keras.callbacks.ModelCheckpoint("x.keras", save_freq=5)]}, "on batches"),
        ({"compile__run_eagerly": True}, "run_eagerly=True"),
        ({"engine": "keras"}, "engine='keras'"),
    ],
    ids=["own", "lambda", "checkpoint", "eager", "requested"],
)
def test_the_keras_engine_runs_and_gives_the_reason_where_the_graph_engine_cannot(
    params, reason, capsys
):
    classifier = tiny(epochs=1, batch_size=64, **params).fit(X, y)
    assert classifier.engine_ == "keras"
    assert reason in classifier.engine_reason_
    capsys.readouterr()


def test_a_model_that_overrides_the_train_function_keeps_it():
    inputs = keras.Input((4,))
    model = OwnTrainFunction(inputs, keras.layers.Dense(3)(inputs))
    classifier = KerasMulticlassClassifier(model=model, epochs=1, random_state=0).fit(X, y)
    assert classifier.engine_ == "keras"
    assert "train function of its own" in classifier.engine_reason_


class CompilesAgain(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.model.compile(self.model.optimizer, self.model.loss)


def test_steps_that_keras_traces_itself_train_alike_and_the_reason_is_given(monkeypatch):
    def fit():
        params = {"epochs": 3, "batch_size": 40, "engine": "keras", "callbacks": CompilesAgain}
        return tiny(**params).fit(X, y, sample_weight=np.linspace(0.1, 3.0, 150))

    def fail(*arguments, **options):
        raise ValueError("no trace\nfor details, see")

    shared = fit()
    clear_cache()
    monkeypatch.setattr(_programs, "trace", fail)
    own = fit()
    assert shared.engine_reason_ == "engine='keras'"
    expected = "engine='keras'; tracing it failed with ValueError: no trace"
    assert own.engine_reason_ == expected
    np.testing.assert_allclose(own.history_["loss"], shared.history_["loss"], rtol=1e-5)


def test_faults_of_shared_steps_are_not_hidden(monkeypatch):
    def fail(*arguments):
        raise RuntimeError("a fault")

    monkeypatch.setattr(programs, "get", fail)
    with pytest.raises(RuntimeError, match="a fault"):
        tiny(engine="keras").fit(X, y)


def test_the_error_for_an_untraceable_network_gives_the_reason():
    classifier = KerasMulticlassClassifier(untraceable, epochs=1, engine="graph")
    with pytest.raises(EngineError, match=r"got 'graph', which cannot run: tracing it failed with"):
        classifier.fit(X, y)


@pytest.mark.parametrize("compiled", [False, True])
def test_arrays_too_large_to_copy_train_in_parts_with_the_same_results(monkeypatch, compiled):
    options = {"validation_split": 0.2, "compile__jit_compile": compiled, "engine": "graph"}
    whole = tiny(**options).fit(X, y)
    monkeypatch.setattr(_memory, "machine_memory", lambda: 4 * X32.nbytes - 1)
    monkeypatch.setattr(device_data, "_BLOCK_BYTES", X32.nbytes // 5)  # several parts
    assert _memory.stays_on_host(X32)
    in_parts = tiny(**options).fit(X, y)
    assert in_parts.history_ == whole.history_
    for ours, theirs in zip(in_parts.model_.get_weights(), whole.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_sparse_data_too_large_as_a_dense_array_are_read_batch_by_batch(monkeypatch):
    rows = sparse.csr_array(X32)
    monkeypatch.setattr(_memory, "machine_memory", lambda: 4 * X32.nbytes - 1)
    classifier = tiny(epochs=1).fit(rows, y)
    assert classifier.engine_ == "keras"
    assert "more than 25% of the memory" in classifier.engine_reason_
    monkeypatch.setattr(_memory, "machine_memory", lambda: 4 * X32.nbytes)
    assert tiny(epochs=1).fit(rows, y).engine_ == "graph"


def test_requesting_the_graph_engine_where_it_cannot_run_is_an_error():
    with pytest.raises(EngineError, match=r"got 'graph', which cannot run: .* act on batches"):
        tiny(engine="graph", callbacks=ActsInBatches).fit(X, y)


@pytest.mark.parametrize("engine", ["grpah", None, 1])
def test_an_unknown_engine_is_an_error(engine):
    with pytest.raises(ValueError, match="`engine` must be one of 'auto', 'graph', 'keras'"):
        tiny(engine=engine).fit(X, y)
    fitted = tiny(epochs=1).fit(X, y).set_params(engine=engine)
    with pytest.raises(ValueError, match="`engine` must be one of"):
        fitted.predict(X)


def test_the_engine_may_change_between_fits():
    whole = tiny(epochs=4).fit(X, y)
    parts = tiny(epochs=2, warm_start=True, engine="keras").fit(X, y)
    parts.set_params(engine="graph").fit(X, y)
    assert parts.engine_ == "graph"
    np.testing.assert_allclose(parts.history_["loss"], whole.history_["loss"], rtol=1e-5)


def test_networks_with_and_without_a_strategy_predict_alike():
    """Networks of the same structure, also after pickling inside and outside of the scope."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    params = {"backbone__hidden_units": (4,), "epochs": 1, "random_state": 0}
    plain = KerasMulticlassClassifier("mlp", **params).fit(X, y)
    expected = plain.predict_proba(X)
    with strategy.scope():
        distributed = KerasMulticlassClassifier("mlp", **params).fit(X, y)
        inside = pickle.loads(pickle.dumps(plain))
    outside = pickle.loads(pickle.dumps(distributed))
    assert distributed.engine_ == "keras"
    assert "MirroredStrategy" in distributed.engine_reason_
    for classifier in (distributed, inside, outside, plain):
        np.testing.assert_allclose(classifier.predict_proba(X), expected, atol=1e-6)
    with strategy.scope():
        np.testing.assert_allclose(plain.predict_proba(X), expected, atol=1e-6)
