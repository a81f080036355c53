"""Soft labels are trained on as in Keras; what needs one class for each row takes the largest."""

import pickle

import keras
import numpy as np
import pytest
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import KFold, cross_val_score

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.labels.soft import learn_classes
from keras_multiclass._shared.keras.environment import keras_environment
from keras_multiclass._training.calibration import find_temperature
from keras_multiclass.exceptions import ObjectiveError

X, INDEX = load_iris(return_X_y=True)
RNG = np.random.default_rng(0)
ORDER = RNG.permutation(150)
X, INDEX = X[ORDER].astype("float32"), INDEX[ORDER]
ONE_HOT = np.eye(3)[INDEX]
SOFT = softmax(3 * ONE_HOT + RNG.normal(size=(150, 3)), axis=1)
LARGEST = SOFT.argmax(axis=1)


def weights_of(classifier):
    return classifier.model_.get_weights()


def assert_same_fit(one, other, **tolerance):
    for values, expected in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_allclose(values, expected, **(tolerance or {"atol": 1e-5}))
    for name in one.history_:
        np.testing.assert_allclose(one.history_[name], other.history_[name], rtol=1e-4)


@pytest.mark.parametrize("engine", ["graph", "keras"])
@pytest.mark.parametrize("n_ensemble", [1, 2])
def test_soft_labels_of_zeros_and_ones_train_like_class_indices(engine, n_ensemble):
    parameters = {"engine": engine, "n_ensemble": n_ensemble, "epochs": 2}
    metrics = ["accuracy", "crossentropy", "macro_f1"]
    classifier = tiny(metrics=metrics, class_weight={0: 2.0}, validation_split=0.2, **parameters)
    weight = np.ones(151)
    weight[-1] = 0  # the only row that is not 0 or 1 makes all of them soft, but does not count
    X_more, soft = np.vstack([X, X[:1]]), np.vstack([ONE_HOT, [[0.5, 0.3, 0.2]]])
    found = clone(classifier).fit(X_more, soft, sample_weight=weight)
    hard = clone(classifier).fit(X, INDEX, sample_weight=weight[:-1])
    assert_same_fit(found, hard)
    assert found.loss_.name == "categorical_crossentropy"
    np.testing.assert_array_equal(found.predict(X).argmax(axis=1), hard.predict(X))


@pytest.mark.parametrize("engine", ["graph", "keras"])
@pytest.mark.parametrize("weighted", [False, True])
def test_training_on_soft_labels_equals_keras_fit(engine, weighted):
    def build():
        first, second = (keras.initializers.GlorotUniform(seed=seed) for seed in (1, 2))
        layers = [keras.layers.Dense(6, "tanh", kernel_initializer=first)]
        layers += [keras.layers.Dense(3, "softmax", kernel_initializer=second)]
        return keras.Sequential([keras.Input((4,)), *layers])

    common = {"batch_size": 50, "shuffle": False, "epochs": 3}
    weight = RNG.uniform(0.5, 2.0, 150) if weighted else np.ones(150)
    found = KerasMulticlassClassifier(
        model=build, optimizer="adam", dtype="float64", engine=engine, **common
    ).fit(X, SOFT, sample_weight=weight if weighted else None)
    with keras_environment("float64"):
        model = build()
        model.compile(keras.optimizers.Adam(), "categorical_crossentropy")
        # Keras divides by the number of rows, not by the sum of their weights.
        sums = np.repeat(weight.reshape(3, 50).mean(axis=1), 50)
        history = model.fit(X, SOFT, sample_weight=weight / sums, verbose=0, **common).history
        for one, other in zip(weights_of(found), model.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)
    if not weighted:
        np.testing.assert_allclose(found.history_["loss"], history["loss"], rtol=1e-9)


def test_losses_are_arithmetic_and_scores_count_the_largest():
    classifier = tiny(metrics=["accuracy", "macro_f1", "crossentropy"], epochs=2)
    classifier.fit(X, SOFT, X_val=X, y_val=SOFT)
    proba = classifier.predict_proba(X)
    loss = -(SOFT * np.log(proba)).sum(axis=1).mean()
    predicted = proba.argmax(axis=1)
    expected = {
        "val_loss": loss,
        "val_crossentropy": loss,
        "val_accuracy": accuracy_score(LARGEST, predicted),
        "val_macro_f1": f1_score(LARGEST, predicted, average="macro"),
    }
    for name, value in expected.items():
        assert classifier.history_[name][-1] == pytest.approx(value, rel=1e-5), name
    np.testing.assert_array_equal(classifier.predict(X), np.eye(3)[predicted])
    assert classifier.score(X, SOFT) == expected["val_accuracy"]
    assert classifier.score(X, INDEX) == accuracy_score(INDEX, predicted)
    assert classifier.classes_.tolist() == [0, 1, 2]
    restored = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(restored.predict(X), classifier.predict(X))
    assert restored.score(X, SOFT) == classifier.score(X, SOFT)


def test_validation_data_of_soft_labels_may_be_class_labels():
    classifier = tiny(metrics="accuracy", epochs=2).fit(X, SOFT, X_val=X, y_val=INDEX)
    proba = classifier.predict_proba(X)
    assert classifier.history_["val_accuracy"][-1] == pytest.approx(
        np.mean(proba.argmax(1) == INDEX)
    )
    expected = -np.log(proba[np.arange(150), INDEX]).mean()
    assert classifier.history_["val_loss"][-1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("stream", [False, True], ids=["array", "stream"])
def test_class_weights_are_those_of_the_largest(stream):
    weights = {0: 1.0, 1: 3.0, 2: 0.5} if stream else "balanced"
    counts = np.bincount(LARGEST)
    of_class = np.array([1.0, 3.0, 0.5]) if stream else 150 / (3 * counts)
    classifier = tiny(epochs=2, shuffle=False, **({} if stream else {"batch_size": 50}))

    def data(weight=None):
        def batches():
            for rows in np.split(np.arange(150), 3):
                yield X[rows], SOFT[rows], *([] if weight is None else [weight[rows]])

        return (batches,) if stream else (X, SOFT, weight)

    one = clone(classifier).set_params(class_weight=weights).fit(*data())
    assert_same_fit(one, classifier.fit(*data(of_class[LARGEST])))


def test_rows_are_held_out_in_proportion_to_the_largest():
    rare = np.full((60, 2), (0.9, 0.1))
    rare[:6] = 0.2, 0.8
    codec, encoded = learn_classes(rare)
    assert [(rows < 6).sum() for rows in codec.split(encoded, 0.5, seed=0)] == [3, 3]


def test_the_largest_of_all_rows_may_be_the_same_class():
    teacher = np.column_stack([1 - X[:, 0] / 20, X[:, 0] / 20])  # never above 0.4
    assert tiny(epochs=1).fit(X, teacher).score(X, teacher) == 1.0


@pytest.mark.parametrize("form", ["array", "stream"])
def test_batches_of_one_hot_and_soft_labels_may_follow_each_other(form):
    parts = [(X[:75], ONE_HOT[:75]), (X[75:], SOFT[75:])]
    classifier = tiny(epochs=1, shuffle=False)
    if form == "stream":
        found = clone(classifier).fit(lambda: iter(parts))
        both = np.vstack([y for _, y in parts])
        assert_same_fit(
            found, classifier.set_params(batch_size=75).fit(X, both), rtol=1e-3, atol=1e-3
        )
    else:
        for part in parts:
            classifier.set_params(batch_size=75).partial_fit(*part)
        before = weights_of(classifier)
        classifier.partial_fit(*parts[0])
        assert classifier.n_iter_ == 3
        expected = -(ONE_HOT[:75] * np.log(tiny_proba(before, classifier))).sum(axis=1).mean()
        assert classifier.history_["loss"][-1] == pytest.approx(expected, rel=1e-4)


def tiny_proba(weights, classifier):
    """Return what a classifier predicts for the first rows with other weights."""
    model = classifier.model_
    after = model.get_weights()
    model.set_weights(weights)
    proba = classifier.predict_proba(X[:75])
    model.set_weights(after)
    return proba


def test_soft_labels_refine_a_network_of_class_labels():
    names = np.array(["fir", "ash", "oak"])[INDEX]
    classifier = tiny(epochs=1, warm_start=True).fit(X, names)
    classifier.fit(X, SOFT)  # the columns are in the order of `classes_`
    assert classifier.n_iter_ == 2
    assert set(classifier.predict(X)) <= {"fir", "ash", "oak"}
    classifier.set_params(loss="sparse_categorical_crossentropy")
    before = weights_of(classifier)
    with pytest.raises(ObjectiveError, match="soft labels of 3 classes"):
        classifier.fit(X, SOFT)
    for values, expected in zip(weights_of(classifier), before, strict=True):
        np.testing.assert_array_equal(values, expected)


def test_the_temperature_is_that_of_rows_repeated_for_each_class():
    # So many rows that the prior hardly matters, which counts repeated rows as more.
    n_rows = 150 * 2000
    logits = np.tile(RNG.normal(size=(150, 3)) * 5, (2000, 1))
    targets = np.tile(SOFT, (2000, 1))
    soft = find_temperature(logits, targets, np.ones(n_rows))
    repeated = np.repeat(logits, 3, axis=0), np.tile([0, 1, 2], n_rows)
    assert soft == pytest.approx(find_temperature(*repeated, targets.ravel()), rel=1e-3)
    classifier = tiny(epochs=1, calibration="temperature").fit(X, SOFT, X_val=X, y_val=SOFT)
    unscaled = classifier.decision_function(X) * classifier.temperature_
    expected = find_temperature(unscaled, SOFT, np.ones(150))
    assert classifier.temperature_ == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_a_single_unit_learns_the_label_of_the_second_class(activation):
    def build():
        layers = [keras.Input((4,)), keras.layers.Dense(1, activation)]
        return keras.Sequential(layers)

    y = np.column_stack([1 - SOFT[:, 1], SOFT[:, 1]])
    classifier = KerasMulticlassClassifier(model=build, epochs=1, metrics="accuracy")
    classifier.fit(X, y, X_val=X, y_val=y)
    proba = classifier.predict_proba(X)
    assert classifier.history_["val_loss"][0] == pytest.approx(
        -(y * np.log(proba)).sum(1).mean(), rel=1e-5
    )
    assert classifier.history_["val_accuracy"][0] == pytest.approx(classifier.score(X, y))


def test_cross_validation_takes_soft_labels_and_one_hot_folds():
    mixed = ONE_HOT.copy()
    mixed[:5] = SOFT[:5]  # the other folds train on soft labels, and this one on one-hot ones
    for y in (SOFT, mixed):
        scores = cross_val_score(tiny(epochs=3), X, y, cv=KFold(2), error_score="raise")
        assert scores.min() > 0.5
