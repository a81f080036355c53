"""The user's own losses, metrics, optimizers, callbacks, layers and more work as in plain Keras.

No configuration of these classes has the argument of their constructor, which scales what they
do, and none is registered with Keras: whatever trains with other values than the user's differs.
"""

from __future__ import annotations

import copy
import functools
import multiprocessing
import os
import pickle

import joblib
import keras
import numpy as np
import pytest
from keras import ops
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import Pipeline

from _custom_objects import Clipped, Filled, Penalty
from keras_multiclass import KerasMulticlassClassifier

X, y = load_iris(return_X_y=True)
NAMES = load_iris().target_names[y]
X = X.astype("float32")


class Scaled(keras.losses.Loss):
    def __init__(self, factor=1.0):
        super().__init__(name="scaled")
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * keras.losses.categorical_crossentropy(y_true, y_pred)


def scaled(y_true, y_pred, factor=1.0):
    return factor * keras.losses.categorical_crossentropy(y_true, y_pred)


class Right(keras.metrics.Metric):
    def __init__(self, factor=1.0, name="right"):
        super().__init__(name=name)
        self.factor = factor
        self.right = self.add_variable((), "zeros", name="right")

    def update_state(self, y_true, y_pred, sample_weight=None):
        right = ops.equal(ops.argmax(y_true, -1), ops.argmax(y_pred, -1))
        self.right.assign_add(self.factor * ops.sum(ops.cast(right, "float32")))

    def result(self):
        return self.right


class Sign(keras.optimizers.Optimizer):
    """Steps of the same length, whatever the gradient."""

    def __init__(self, learning_rate=0.001, factor=1.0, name="sign"):
        super().__init__(learning_rate, name=name)
        self.factor = factor

    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, self.factor * learning_rate * ops.sign(gradient))


class Constant(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, rate=0.001):
        self.rate = rate

    def __call__(self, step):
        return self.rate


class Shift(keras.layers.Layer):
    def __init__(self, by=0.0, **kwargs):
        super().__init__(**kwargs)
        self.by = by

    def call(self, inputs):
        return inputs + self.by


class Losses(keras.callbacks.Callback):
    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor
        self.losses = []

    def on_train_begin(self, logs=None):
        if int(self.model.optimizer.iterations) == 0:
            start(self.model)  # also if the last layer is the classifier's

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(self.factor * logs["loss"])


class TwiceTheLoss(keras.Model):
    """Trains with a step of its own."""

    def train_step(self, data):
        x, y_true, *_ = data
        logs = super().train_step((x, y_true))
        return {**logs, "double": 2 * logs["loss"]}


class Hidden(keras.layers.Layer):
    """Has layers and parts of its own, which only its constructor mentions."""

    def __init__(self, by=0.0, penalty=0.0, **kwargs):
        super().__init__(**kwargs)
        self.shift, self.dense = Shift(by), make_dense(penalty)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, inputs):
        return self.dense(self.shift(inputs))


def make_dense(penalty=0.05):
    return keras.layers.Dense(
        8,
        "tanh",
        kernel_initializer=keras.initializers.RandomNormal(seed=1),
        kernel_regularizer=Penalty(penalty),
        kernel_constraint=Clipped(0.06),
        bias_initializer=Filled(0.25),
    )


def build_features(inputs):
    return make_dense()(Shift(-2.0)(inputs))


def start(model):
    """Set the weights of the last layer, before any training."""
    model.layers[-1].kernel.assign(np.arange(24.0).reshape(8, 3) / 50)


def build(loss=None, optimizer=None, metrics=None):
    inputs = keras.Input((4,))
    hidden = build_features(inputs)
    model = TwiceTheLoss(inputs, keras.layers.Dense(3, "softmax", bias_initializer="zeros")(hidden))
    start(model)
    if loss is not None:
        model.compile(optimizer, loss, metrics=metrics)
    return model


def optimizer():
    return Sign(Constant(0.02), factor=0.5)


ESTIMATOR = {"metrics": lambda: [Right(10.0)], "callbacks": lambda: [Losses(0.01)]}
INSTANCES = {"loss": lambda: Scaled(100.0), "optimizer": optimizer, **ESTIMATOR}
# The same training, specified in every form; functions make new instances for each classifier.
FORMS = {
    "instances": INSTANCES,
    "classes": {
        "loss": Scaled,
        "loss__factor": 100.0,
        "optimizer": Sign,
        "optimizer__factor": 0.5,
        "optimizer__learning_rate": Constant,
        "optimizer__learning_rate__rate": 0.02,
        "metrics": [Right],
        "metrics__factor": 10.0,
        "callbacks": Losses,
        "callbacks__factor": 0.01,
    },
    "instances with routed arguments": {
        "loss": lambda: Scaled(3.0),
        "loss__factor": 100.0,
        "optimizer": lambda: Sign(Constant(0.3), factor=0.5),
        "optimizer__learning_rate__rate": 0.02,
        "metrics": lambda: {"right": Right(3.0)},
        "metrics__right__factor": 10.0,
        "callbacks": lambda: Losses(3.0),
        "callbacks__factor": 0.01,
    },
    "partial classes": {
        "loss": functools.partial(Scaled, factor=100.0),
        "optimizer": functools.partial(Sign, factor=0.5),
        "optimizer__learning_rate": lambda: Constant(0.02),
        "metrics": functools.partial(Right, factor=10.0),
        "callbacks": functools.partial(Losses, factor=0.01),
    },
    "function": {"loss": scaled, "loss__factor": 100.0, "optimizer": optimizer, **ESTIMATOR},
    "partial function": {
        "loss": functools.partial(scaled, factor=100.0),
        "optimizer": optimizer,
        **ESTIMATOR,
    },
    "given to the builder": {
        "model__loss": lambda: Scaled(100.0),
        "model__optimizer": optimizer,
        "model__metrics": lambda: [Right(10.0)],
        "callbacks": lambda: [Losses(0.01)],
    },
    "compiled in a model": {
        "model": lambda: build(Scaled(100.0), optimizer(), [Right(10.0)]),
        "callbacks": lambda: [Losses(0.01)],
    },
    "in a builder of a backbone": {**INSTANCES, "backbone": build_features, "scaling": None},
    "in a network as backbone": {
        **INSTANCES,
        "backbone": lambda: keras.Sequential([keras.Input((4,)), Shift(-2.0), make_dense()]),
    },
    "in a layer as backbone": {**INSTANCES, "backbone": lambda: Hidden(-2.0, penalty=0.05)},
}


def make(form, **params):
    values = {
        name: value() if getattr(value, "__name__", "") in ("<lambda>", "optimizer") else value
        for name, value in FORMS[form].items()
    }
    model = None if "backbone" in values else build
    common = {"model": model, "epochs": 2, "batch_size": -1, "shuffle": False, "random_state": 0}
    return KerasMulticlassClassifier(**{**common, **values, **params})


@functools.cache
def fitted(form):
    """A classifier for several tests, which only copy it."""
    return make(form).fit(X, NAMES)


@pytest.fixture(scope="module")
def expected():
    """The history of four epochs of `keras.Model.fit`."""
    model = build()
    model.compile(optimizer(), Scaled(100.0), metrics=[Right(10.0)])
    targets = np.eye(3, dtype="float32")[load_iris().target]
    return model.fit(X, targets, epochs=4, batch_size=150, shuffle=False, verbose=0).history


def check(classifier, expected, epochs):
    """Compare a classifier with Keras; its callback may have seen only the last epochs."""
    own_step = set() if classifier.model is None else {"double"}
    assert classifier.history_.keys() == {"loss", "right"} | own_step
    for name, values in classifier.history_.items():
        np.testing.assert_allclose(values, expected[name][:epochs], rtol=1e-4, err_msg=name)
    (losses,) = classifier.callbacks_
    n_last = min(epochs, len(losses.losses))
    seen = np.multiply(expected["loss"][epochs - n_last : epochs], 0.01)
    np.testing.assert_allclose(losses.losses[-n_last:], seen, rtol=1e-4)


def test_the_parts_of_the_model_act(expected):
    """Without any of them, Keras' history is another one."""
    assert expected["loss"][0] > 50
    assert np.ptp(expected["loss"]) > 1
    assert expected["double"] == pytest.approx(np.multiply(2, expected["loss"]))
    assert np.all(np.mod(expected["right"], 10) == 0)


@pytest.mark.parametrize("engine", ["graph", "keras"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_trains_as_in_keras(form, engine, expected):
    classifier = make(form, engine=engine).fit(X, NAMES)
    check(classifier, expected, 2)
    check(classifier.set_params(warm_start=True).fit(X, NAMES), expected, 4)


@pytest.mark.parametrize("form", FORMS)
def test_clones_and_copies_train_as_the_original(form, expected):
    classifier = fitted(form)
    check(clone(classifier).fit(X, NAMES), expected, 2)
    check(clone(make(form)).fit(X, NAMES), expected, 2)
    for copied in (copy.deepcopy(classifier), pickle.loads(pickle.dumps(classifier))):
        np.testing.assert_array_equal(copied.predict_proba(X), classifier.predict_proba(X))
        check(copied.set_params(warm_start=True).fit(X, NAMES), expected, 4)
    check(copy.deepcopy(make(form)).fit(X, NAMES), expected, 2)


@pytest.mark.parametrize("form", FORMS)
def test_equal_clones_have_equal_hashes(form):
    classifier = make(form)
    hashes = {joblib.hash(clone(classifier)) for _ in range(2)}
    assert len(hashes) == 1
    assert joblib.hash(clone(make(form, epochs=3))) not in hashes


def test_hashes_of_clones_depend_on_what_instances_compute():
    optimizers = [keras.optimizers.Adam(0.1), keras.optimizers.Adam(0.2)]
    pairs = [make("instances", optimizer=each) for each in optimizers]
    pairs += [make("instances", loss=Scaled(factor)) for factor in (1.0, 2.0)]
    hashes = [[joblib.hash(clone(each)) for each in pairs] for _ in range(2)]
    assert hashes[0] == hashes[1]
    assert len(set(hashes[0])) == 4


def train_elsewhere(folder):
    """Continue every classifier in a process in which SciKeras has patched Keras before."""
    scikeras = pytest.importorskip("scikeras.wrappers")
    assert scikeras is not None
    classifiers = joblib.load(folder / "classifiers.joblib")
    trained = {
        form: (
            classifier.predict_proba(X),
            classifier.set_params(warm_start=True).fit(X, NAMES).history_,
            clone(classifier).fit(X, NAMES).history_,
        )
        for form, classifier in classifiers.items()
    }
    joblib.dump(trained, folder / "trained.joblib")


def test_a_new_process_continues_every_form_where_it_was(expected, tmp_path, monkeypatch):
    classifiers = {form: fitted(form) for form in FORMS}
    joblib.dump(classifiers, tmp_path / "classifiers.joblib")
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__), prepend=os.pathsep)
    process = multiprocessing.get_context("spawn").Process(target=train_elsewhere, args=[tmp_path])
    process.start()
    process.join(timeout=300)
    assert process.exitcode == 0
    trained = joblib.load(tmp_path / "trained.joblib")
    for form, classifier in classifiers.items():
        probabilities, continued, cloned = trained[form]
        np.testing.assert_array_equal(probabilities, classifier.predict_proba(X))
        for history, epochs in ((continued, 4), (cloned, 2)):
            for name, values in history.items():
                np.testing.assert_allclose(values, expected[name][:epochs], rtol=1e-4)
        here = copy.deepcopy(classifier).set_params(warm_start=True).fit(X, NAMES)
        assert continued == here.history_


def score_everything(pipeline, X, y):
    """Return what each kind of object has computed: loss, metric, step, callback and network."""
    (classifier,) = pipeline.named_steps.values()
    (losses,) = classifier.callbacks_
    logs = {name: values[-1] for name, values in classifier.history_.items()}
    classes = np.unique(y, return_inverse=True)[1]
    proba = classifier.predict_proba(X)[np.arange(len(y)), classes]
    return {"double": 0.0, **logs, "seen": losses.losses[-1], "log_loss": -np.log(proba).mean()}


def test_a_search_in_two_processes_finds_the_same_as_in_one_for_every_form():
    def search(n_jobs):
        pipeline = Pipeline([("classifier", make("classes"))])
        grid = {"classifier": [make(form) for form in FORMS]}
        cv = ShuffleSplit(1, train_size=50, random_state=0)
        options = {"cv": cv, "n_jobs": n_jobs, "refit": False, "scoring": score_everything}
        results = GridSearchCV(pipeline, grid, **options).fit(X, NAMES).cv_results_
        return {name: scores for name, scores in results.items() if name.startswith("split")}

    one, two = search(1), search(2)
    names = ("loss", "right", "double", "seen", "log_loss")
    assert one.keys() == {f"split0_test_{name}" for name in names}
    for name, scores in one.items():
        np.testing.assert_array_equal(two[name], scores, err_msg=name)
        # All forms specify the same training, but only whole models have a step of their own.
        different = scores[scores != 0]
        np.testing.assert_allclose(different, different[0], rtol=1e-4, err_msg=name)


def test_instances_of_unregistered_classes_in_a_grid_are_an_error_and_classes_are_not(expected):
    grid = {"loss": [Scaled(1.0), Scaled(100.0)]}
    with pytest.raises(TypeError, match="Scaled.*register_keras_serializable"):
        GridSearchCV(make("instances"), grid, cv=2).fit(X, NAMES)
    parameters = make("instances", loss=Scaled)
    search = GridSearchCV(parameters, {"loss__factor": [100.0]}, cv=2).fit(X, NAMES)
    check(search.best_estimator_, expected, 2)
