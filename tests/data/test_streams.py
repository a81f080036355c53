"""Streams of batches: they train as the arrays would, and no more of them is kept than a batch."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy import sparse
from sklearn.datasets import load_iris

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.exceptions import EngineError

ORDER = np.random.default_rng(0).permutation(150)
IRIS = load_iris()
X, CODES = IRIS.data[ORDER], IRIS.target[ORDER]
NAMES = IRIS.target_names[CODES]
SIZE = 32  # leaves a last batch of 22 rows
WEIGHTS = np.random.default_rng(1).uniform(0.5, 2.0, 150)
CLASSES = ["setosa", "versicolor", "virginica"]


def cut(*arrays, size=SIZE):
    """Cut arrays into batches, as a list that can be read again and again."""
    n_rows = arrays[0].shape[0]
    batches = [tuple(a[i : i + size] for a in arrays) for i in range(0, n_rows, size)]
    return lambda: iter(batches)


def in_batches(**params):
    """Make the classifier that reads arrays as a stream of batches of 32 rows is read."""
    return tiny(**{"shuffle": False, "batch_size": SIZE, "engine": "keras", "epochs": 3, **params})


def streaming(**params):
    return tiny(**{"epochs": 3, **params})


def assert_same(found, expected, rows=X):
    np.testing.assert_array_equal(found.classes_, expected.classes_)
    assert found.history_.keys() == expected.history_.keys()
    for name, values in expected.history_.items():
        np.testing.assert_allclose(found.history_[name], values, rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(found.predict_proba(rows), expected.predict_proba(rows), atol=1e-5)
    assert found.n_iter_ == expected.n_iter_


# --- the same as the arrays -----------------------------------------------------------------------

LABELS = {
    "strings": NAMES,
    "objects": NAMES.astype(object),
    "integers": CODES * 10 - 5,
    "floats": CODES.astype(float),
    "booleans": CODES > 0,
    "one-hot": np.eye(3, dtype=int)[CODES],
    "one-hot frame": pd.DataFrame(np.eye(3, dtype=int)[CODES], columns=["c", "a", "b"]),
    "sparse one-hot": sparse.csr_array(np.eye(3, dtype=int)[CODES]),
    "series": pd.Series(NAMES),
    "column of a frame": pd.DataFrame({"y": NAMES}).astype("category")["y"],
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_kind_train_as_in_an_array(kind):
    y = LABELS[kind]
    found = streaming(class_weight="balanced").fit(cut(X, y))
    expected = in_batches(class_weight="balanced").fit(X, y)
    assert_same(found, expected)
    predicted, wanted = found.predict(X[:9]), expected.predict(X[:9])
    assert type(predicted) is type(wanted)
    if isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(predicted, wanted)
    else:
        found, expected = (v.toarray() if sparse.issparse(v) else v for v in (predicted, wanted))
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"class_weight": "balanced"},
        {"class_weight": {"virginica": 3.0, "setosa": 0.5}},
        {"scaling": None},
        {"dtype": "float64", "class_weight": "balanced"},
        {"metrics": ["accuracy", "macro_f1", "auc"]},
        {"loss": "categorical_hinge", "optimizer": "sgd"},
        {"backbone__dropout": 0.3, "backbone__normalization": "batch"},
        {"compile__run_eagerly": True, "epochs": 1},
    ],
    ids=lambda params: "-".join(params) or "default",
)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_a_stream_trains_as_the_array_does(params, weighted):
    w = WEIGHTS if weighted else None
    arrays = (X, NAMES, WEIGHTS) if weighted else (X, NAMES)
    found = streaming(**params).fit(cut(*arrays))
    expected = in_batches(**params).fit(X, NAMES, sample_weight=w)
    assert_same(found, expected)
    for one, other in zip(found.model_.variables, expected.model_.variables, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5, err_msg=one.path)


def rows_of(shape, n=46):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, *shape)), np.arange(n) % 3


def padded_sequences():
    rows, y = rows_of((6, 3))
    rows[::2, 4:] = 0
    return rows, y


SHAPES = {
    "images": (*rows_of((8, 8, 1)), {"backbone__filters": (4,)}),
    "grey images": (
        (rows_of((8, 8))[0] * 40 + 100).astype(np.uint8),
        rows_of((8, 8))[1],
        {"backbone__filters": (4,)},
    ),
    "sequences": (*padded_sequences(), {"backbone": "gru", "backbone__units": 4}),
    "tokens": (
        np.random.default_rng(0).integers(0, 30, size=(46, 5)),
        np.arange(46) % 3,
        {"backbone": "gru", "backbone__units": 4},
    ),
    "sparse": (
        sparse.random_array((46, 9), density=0.3, random_state=0, format="csr"),
        np.arange(46) % 3,
        {"backbone": "mlp", "backbone__hidden_units": (4,)},
    ),
    "frame": (
        pd.DataFrame(rows_of((3,))[0], columns=["a", "b", "c"]),
        np.arange(46) % 3,
        {"backbone": "mlp", "backbone__hidden_units": (4,)},
    ),
    "a constant": (
        np.column_stack([np.full(46, 7e5), rows_of((1,))[0]]),
        np.arange(46) % 3,
        {"backbone": "mlp", "backbone__hidden_units": (4,)},
    ),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_features_of_any_kind_train_as_in_an_array(kind):
    rows, y, params = SHAPES[kind]
    common = {"epochs": 2, "random_state": 0, "class_weight": {0: 2.0, 1: 1.5}, **params}
    found = KerasMulticlassClassifier(**common).fit(cut(rows, y, size=16))
    plain = KerasMulticlassClassifier(**common, shuffle=False, batch_size=16, engine="keras")
    assert_same(found, plain.fit(rows, y), rows)
    assert found.input_shape_ == plain.input_shape_
    if kind == "frame":
        assert found.feature_names_in_.tolist() == ["a", "b", "c"]


def test_a_whole_model_and_what_its_builder_is_told_come_from_the_first_batch():
    told = []

    def build(meta, units):
        told.append({name: meta[name] for name in ("n_features_in_", "n_classes_", "y_dtype_")})
        layers = [keras.layers.Dense(units, "relu"), keras.layers.Dense(3)]
        return keras.Sequential([keras.Input((4,)), *layers])

    params = {"model": build, "model__units": 5, "epochs": 2, "random_state": 0}
    found = KerasMulticlassClassifier(**params).fit(cut(X, NAMES))
    plain = KerasMulticlassClassifier(**params, shuffle=False, batch_size=SIZE, engine="keras")
    assert_same(found, plain.fit(X, NAMES))
    assert told[0] == told[1]


def test_rows_of_weight_zero_are_left_out():
    """Here every third, and the whole second batch."""
    weights = np.where(np.arange(150) % 3 == 0, 0.0, WEIGHTS)
    weights[SIZE : 2 * SIZE] = 0
    kept = [tuple(part[w > 0] for part in (rows, y, w)) for rows, y, w in cut(X, NAMES, weights)()]
    found = streaming().fit(cut(X, NAMES, weights))
    assert_same(found, streaming().fit(lambda: (b for b in kept if len(b[0]))))


# --- every form of a stream -----------------------------------------------------------------------


class Items(keras.utils.PyDataset):
    """Notes the order in which it is read, and the ends of epochs."""

    def __init__(self, batches, n_batches=0):
        super().__init__()
        self.batches, self.n, self.calls = batches, n_batches, []

    @property
    def num_batches(self):
        return len(self.batches) if self.n == 0 else self.n

    def __getitem__(self, index):
        self.calls.append(index)
        return self.batches[index % len(self.batches)]

    def on_epoch_end(self):
        self.calls.append("end")


class Loader:
    """What a data loader of another library looks like: re-iterable, lists of tensors."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return ([Tensor(part) for part in batch] for batch in self.batches)


class Tensor:
    def __init__(self, values):
        self.values = values
        self.shape = values.shape

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


def generate():
    yield from cut(X, NAMES)()


FORMS = {
    "tf.data": lambda: tf.data.Dataset.from_tensor_slices((X, NAMES.astype(str))).batch(SIZE),
    "tf.data of unknown length": lambda: (
        tf.data.Dataset.from_tensor_slices((X, NAMES.astype(str)))
        .filter(lambda x, y: True)
        .batch(SIZE)
    ),
    "PyDataset": lambda: Items(list(cut(X, NAMES)())),
    "generator function": lambda: generate,
    "loader": lambda: Loader(list(cut(X, NAMES)())),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_stream_trains_alike(form):
    assert_same(streaming().fit(FORMS[form]()), in_batches().fit(X, NAMES))


def test_a_py_dataset_is_read_in_its_order_and_told_of_each_end_of_an_epoch():
    dataset = Items(list(cut(X, NAMES)()))
    streaming(epochs=2).fit(dataset)
    one_pass = list(range(5))
    assert dataset.calls == [*one_pass, *one_pass, "end", *one_pass, "end"]


def test_a_stream_may_give_other_batches_in_each_epoch_as_a_py_dataset_does_that_shuffles():
    class Shuffles(Items):
        def on_epoch_end(self):
            self.batches = self.batches[::-1]

    found = streaming(epochs=2).fit(Shuffles(list(cut(X, NAMES)())))
    batches = list(cut(X, NAMES)())
    expected = streaming(epochs=1, warm_start=True).fit(lambda: iter(batches))
    expected.fit(lambda: iter(batches[::-1]))
    np.testing.assert_allclose(found.history_["loss"], expected.history_["loss"], rtol=1e-5)


def test_the_engine_is_keras_and_says_why():
    classifier = streaming(epochs=1).fit(cut(X, NAMES))
    assert (classifier.engine_, classifier.engine_reason_) == (
        "keras",
        "a stream is trained on batch by batch",
    )
    with pytest.raises(EngineError, match=r"got 'graph', which cannot run: a stream is trained on"):
        streaming(engine="graph").fit(cut(X, NAMES))


def test_shuffling_does_not_apply_to_a_stream():
    one, other = (streaming(shuffle=shuffle).fit(cut(X, NAMES)) for shuffle in (True, False))
    assert one.history_ == other.history_


def test_the_stream_is_read_once_before_the_first_epoch_and_once_in_each():
    passes = []

    def batches():
        passes.append(0)
        for batch in cut(X, NAMES)():
            passes[-1] += 1
            yield batch

    streaming(epochs=3, class_weight="balanced", metrics="accuracy").fit(batches)
    assert passes == [5, 5, 5, 5]


# --- steps of an epoch ----------------------------------------------------------------------------


def endless():
    """Give an iterator that goes through the batches again and again."""
    return itertools.cycle(cut(X, NAMES)())


def test_an_iterator_without_end_is_learned_from_first_and_trained_on_after_that():
    given = []

    def noted():
        for number, batch in enumerate(endless()):
            given.append(number)
            yield batch

    found = streaming(epochs=2, fit__steps_per_epoch=5).fit(noted())
    assert given == list(range(15))
    assert_same(found, in_batches(epochs=2).fit(X, NAMES))


@pytest.mark.parametrize(
    "stream",
    [
        lambda: endless,
        lambda: Items(list(cut(X, NAMES)()), n_batches=None),
        lambda: tf.data.Dataset.from_tensor_slices((X, NAMES.astype(str))).batch(SIZE).repeat(),
    ],
    ids=["function", "PyDataset", "tf.data"],
)
def test_a_stream_without_end_trains_by_steps(stream):
    found = streaming(epochs=2, fit__steps_per_epoch=5).fit(stream())
    assert_same(found, in_batches(epochs=2).fit(X, NAMES))


@pytest.mark.parametrize("form", FORMS)
def test_an_epoch_of_fewer_or_more_steps_goes_on_where_the_last_one_ended(form):
    """Two epochs of ten steps are four passes over five batches, and so are ten of two steps."""
    long = streaming(epochs=2, fit__steps_per_epoch=10, scaling=None).fit(FORMS[form]())
    passes = in_batches(epochs=4, scaling=None).fit(X, NAMES)
    np.testing.assert_allclose(long.predict_proba(X), passes.predict_proba(X), atol=1e-5)
    if form not in ("generator function", "tf.data of unknown length"):  # known to end
        short = streaming(epochs=10, fit__steps_per_epoch=2, scaling=None).fit(FORMS[form]())
        np.testing.assert_allclose(short.predict_proba(X), passes.predict_proba(X), atol=1e-5)


# --- validation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, {"class_weight": "balanced"}, {"early_stopping": 1}])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("form", ["stream", "array"])
def test_validation_is_that_of_the_array(params, weighted, form):
    params = {"metrics": ["accuracy", "macro_f1"], "epochs": 6, **params}
    held = (X[:50], NAMES[:50], *([WEIGHTS[:50]] if weighted else []))
    names = ("X_val", "y_val", "sample_weight_val")
    arrays = dict(zip(names, held, strict=False))
    given = arrays if form == "array" else {"X_val": cut(*held)}
    found = streaming(**params).fit(cut(X[50:], NAMES[50:]), **given)
    assert_same(found, in_batches(**params).fit(X[50:], NAMES[50:], **arrays))
    assert "val_macro_f1" in found.history_


def test_arrays_may_be_validated_on_a_stream():
    found = in_batches(engine="auto").fit(X[50:], NAMES[50:], X_val=cut(X[:50], NAMES[:50]))
    assert found.engine_ == "keras"
    expected = in_batches().fit(X[50:], NAMES[50:], X_val=X[:50], y_val=NAMES[:50])
    assert_same(found, expected)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_weights_of_zero_count_as_in_an_array_of_validation_rows(weighted):
    weights = np.where(np.arange(50) < SIZE, 0.0, 1.0)
    found = streaming(epochs=1).fit(cut(X[50:], NAMES[50:]), X_val=cut(X[:50], NAMES[:50], weights))
    expected = in_batches(epochs=1).fit(
        X[50:], NAMES[50:], X_val=X[:50], y_val=NAMES[:50], sample_weight_val=weights
    )
    assert_same(found, expected)


def test_callbacks_are_called_in_the_order_of_an_array():
    calls = []

    class Note(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            calls.append(("epoch", epoch, sorted(logs)))

        def on_train_batch_end(self, batch, logs=None):
            calls.append(("train", batch))

        def on_test_batch_end(self, batch, logs=None):
            calls.append(("test", batch))

    streaming(callbacks=Note).fit(cut(X, NAMES), X_val=cut(X[:50], NAMES[:50]))
    streamed = list(calls)
    calls.clear()
    in_batches(callbacks=Note).fit(X, NAMES, X_val=X[:50], y_val=NAMES[:50])
    assert streamed == calls


# --- going on -------------------------------------------------------------------------------------


def test_fit_goes_on_with_a_stream_and_partial_fit_takes_one_pass():
    stream = cut(X, NAMES)
    found = streaming(warm_start=True, epochs=2).fit(stream).fit(stream).partial_fit(stream)
    assert_same(found, in_batches(epochs=5).fit(X, NAMES))


def test_a_first_partial_fit_may_name_classes_that_the_stream_lacks():
    two = cut(X[CODES < 2], NAMES[CODES < 2])
    classifier = tiny().partial_fit(two, classes=CLASSES)
    assert classifier.classes_.tolist() == CLASSES
    assert classifier.n_iter_ == 1
    classifier.partial_fit(X, NAMES)


def test_initialize_learns_and_does_not_train():
    found, expected = tiny().initialize(cut(X, NAMES)), tiny().initialize(X, NAMES)
    assert found.n_iter_ == 0
    np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), atol=1e-6)


def test_a_classifier_that_was_fitted_to_a_stream_can_be_pickled():
    classifier = streaming().fit(generate)
    restored = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(restored.predict_proba(X), classifier.predict_proba(X))


# --- what cannot be used --------------------------------------------------------------------------


def raised(error, stream, fit=None, **params):
    with pytest.raises(error) as caught:
        streaming(**params).fit(stream, **(fit or {}))
    return str(caught.value)


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (generate, ["X must be a stream that can be read several times", "generator function"]),
        (
            lambda: tf.data.Dataset.from_tensors((X, CODES)).repeat(),
            ["X must be a stream that ends", "fit__steps_per_epoch", ".take(n)"],
        ),
        (lambda: Items([(X, CODES)], n_batches=None), ["X must be a stream that ends"]),
        (lambda: lambda: iter(()), ["at least one batch", "got none"]),
        (lambda: Items([]), ["at least one batch"]),
        (lambda: tf.data.Dataset.from_tensor_slices((X, CODES)), ["several rows", ".batch(64)"]),
        (lambda: lambda: zip(X, CODES, strict=True), ["Batch 1 of X", "several rows"]),
        (lambda: lambda: zip(X, np.eye(3)[CODES], strict=True), ["several rows", ".batch(64)"]),
        (lambda: cut(X), ["Batch 1 of X must be (X, y) or (X, y, sample_weight)"]),
        (lambda: cut(X, CODES, WEIGHTS, WEIGHTS), ["tuple of length 4"]),
        (lambda: lambda: iter([X]), ["(X, y) or (X, y, sample_weight)"]),
        (lambda: lambda: 3, ["What the function given as X returns must be an iterator"]),
        (lambda: lambda size: iter(()), ["a function without arguments"]),
        (lambda: cut(X, np.zeros(150)), ["at least 2 classes"]),
        (lambda: cut(X, NAMES, np.zeros(150)), ["weights of all rows are zero"]),
        (lambda: cut(X, NAMES, -WEIGHTS), ["Batch 1 of X", "non-negative"]),
        (lambda: lambda: iter([(X, NAMES), (X[:, :2], NAMES)]), ["Batch 2 of X", "2 features"]),
        (lambda: lambda: iter([(X, NAMES), (X, NAMES[1:])]), ["Batch 2", "numbers of samples"]),
        (lambda: lambda: iter([(X, NAMES), (X * np.inf, NAMES)]), ["Batch 2", "contains infinity"]),
        (lambda: lambda: iter([(X, NAMES), (X, CODES)]), ["Batch 2", "one type", "int, str"]),
        (
            lambda: lambda: iter([(X, NAMES), (X, np.eye(3)[CODES])]),
            ["Batch 2", "same form", "one-hot of 3 columns"],
        ),
        (lambda: lambda: iter([(X, None)]), ["requires y to be passed"]),
    ],
)
def test_a_stream_that_cannot_be_used_is_refused_before_training(stream, words):
    message = raised((ValueError, TypeError), stream())
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("fit", "params", "words"),
    [
        ({"y": NAMES}, {}, ["`y` must be None when X is a stream"]),
        ({"sample_weight": WEIGHTS}, {}, ["`sample_weight` must be None when X is a stream"]),
        ({}, {"batch_size": 16}, ["`batch_size` must be 'auto'", "got 16"]),
        ({}, {"validation_split": 0.1}, ["`validation_split`", "Pass X_val"]),
        ({}, {"early_stopping": True}, ["`early_stopping`", "Pass X_val"]),
        ({}, {"fit__steps_per_epoch": 0}, ["`fit__steps_per_epoch` must be"]),
        ({"X_val": generate, "y_val": NAMES}, {}, ["`y_val` must be None when X_val is"]),
        ({"X_val": generate()}, {}, ["X_val must be a stream that can be read several"]),
        ({"X_val": lambda: iter(())}, {}, ["X_val", "at least one batch"]),
        ({"X_val": cut(X[:, :2], NAMES)}, {}, ["Batch 1 of X_val", "2 features"]),
        ({"X_val": cut(X, CODES)}, {}, ["Batch 1 of X_val", "y_val must be labels among"]),
    ],
)
def test_what_does_not_go_with_a_stream_is_refused(fit, params, words):
    message = raised((ValueError, TypeError), generate, fit, **params)
    assert all(word in message for word in words), message


def test_steps_of_an_epoch_are_for_streams():
    with pytest.raises(ValueError, match="`fit__steps_per_epoch` must be None unless X is a"):
        streaming(fit__steps_per_epoch=3).fit(X, NAMES)


@pytest.mark.parametrize("later", [
    (X, np.where(CODES == 0, "elm", NAMES)), (X[:, :2], NAMES), (X * np.inf, NAMES),
], ids=["label", "shape", "infinity"])  # fmt: skip
def test_a_later_pass_that_differs_is_an_error_and_nothing_is_lost(later):
    passes = []

    def batches():
        passes.append(None)
        return iter([(X, NAMES)] if len(passes) < 3 else [(X, NAMES), later])

    classifier = streaming(warm_start=True).fit(cut(X, NAMES))
    before, history = classifier.predict_proba(X), dict(classifier.history_)
    with pytest.raises(ValueError, match="Batch 2 of X cannot be used: "):
        classifier.fit(batches)
    assert len(passes) == 3
    np.testing.assert_array_equal(classifier.predict_proba(X), before)
    assert classifier.history_ == history


def test_an_iterator_that_ends_too_early_is_an_error():
    with pytest.raises(
        ValueError, match=r"does not end before the 4 batches .* got its end after 1\."
    ):
        streaming(fit__steps_per_epoch=4).fit(generate())
    with pytest.raises(
        ValueError, match=r"does not end before the 9 batches .* got its end after 5\."
    ):
        streaming(fit__steps_per_epoch=9).fit(generate())


def test_a_function_that_returns_the_same_iterator_again_is_an_error():
    iterator = generate()
    assert "must return a new iterator" in raised(ValueError, lambda: iterator)


def test_an_error_of_the_stream_itself_comes_through():
    def broken():
        yield X, NAMES
        raise OSError("the disk is gone")

    assert raised(OSError, broken) == "the disk is gone"


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
@pytest.mark.parametrize("form", FORMS)
def test_predicting_takes_arrays_only(method, form):
    classifier = streaming(epochs=1).fit(generate)
    with pytest.raises(TypeError, match="X must be one array, data frame or sparse matrix; got"):
        getattr(classifier, method)(FORMS[form]())


def test_an_array_without_labels_gives_scikit_learns_error():
    for method in ("fit", "partial_fit", "initialize"):
        with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
            getattr(tiny(), method)(X)


# --- memory ---------------------------------------------------------------------------------------

STREAMED = """
import resource
import numpy as np
from keras_multiclass import KerasMulticlassClassifier

def batches(n):
    for i in range(n):
        X = np.random.default_rng(i).normal(size=(10_000, 25)).astype(np.float32)
        yield X, (X[:, 0] > 0).astype(int)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

classifier = KerasMulticlassClassifier("mlp", backbone__hidden_units=(4,), epochs=1)
classifier.fit(lambda: batches(3))
before = peak()
classifier.fit(lambda: batches(300))
print(peak() - before)
"""

MAPPED = """
import os, sys, tempfile, threading, time
import numpy as np
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.engine import _selection

shape = (250_000, 300)
path = os.path.join(sys.argv[1], "X.npy")
X = np.lib.format.open_memmap(path, "w+", sys.argv[2], shape)
for i in range(0, shape[0], 10_000):
    X[i : i + 10_000] = np.random.default_rng(i).normal(size=(10_000, shape[1]))
y = (X[:, 0] > 0).astype(int)
X.flush()
X = np.load(path, mmap_mode="r")
_selection.machine_memory = lambda: 2 * 4 * X.size
classifier = KerasMulticlassClassifier(
    "mlp", backbone__hidden_units=(4,), epochs=2, batch_size=1024, random_state=0
)
small = X[:3000].copy()
classifier.set_params(engine="keras").fit(small, y[:3000])

def own_memory():  # pages of the file do not count: the system takes them back at will
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("RssAnon"))

def watch():
    while not done:
        peak.append(own_memory())
        time.sleep(0.001)

before, peak, done = own_memory(), [], []
watcher = threading.Thread(target=watch)
watcher.start()
classifier.set_params(engine="auto").fit(X, y)
done.append(True)
watcher.join()
assert "more than 25% of the memory" in classifier.engine_reason_
in_memory = KerasMulticlassClassifier(**classifier.get_params())
in_memory.set_params(engine="keras").fit(np.array(X), y)
assert in_memory.history_ == classifier.history_
print((max(peak) - before) / (X.nbytes / 2**20))
"""


def measured(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout.split()[-1])


linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads /proc and Linux' unit of ru_maxrss"
)


def uniform(n=60, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(3.0, 2.0, (n, 4)).astype(np.float32), np.arange(n) % 3


def small(**params):
    return KerasMulticlassClassifier(
        "mlp", backbone__hidden_units=(8,), epochs=2, shuffle=False, random_state=0, **params
    )


def test_batches_of_one_stream_may_be_dense_and_sparse():
    X, y = uniform()
    parts = [(X[:30], y[:30]), (sparse.csr_array(X[30:]), y[30:])]
    streamed = small().fit(lambda: iter(parts))
    arrays = small(batch_size=30).fit(X, y)
    np.testing.assert_allclose(streamed.predict_proba(X), arrays.predict_proba(X), atol=1e-5)


def test_batches_of_one_stream_may_have_weights_or_none():
    X, y = uniform()
    weights = np.r_[np.full(30, 0.3), np.ones(30)]
    parts = [(X[:30], y[:30], weights[:30]), (X[30:], y[30:])]
    streamed = small(class_weight={0: 2.0}).fit(lambda: iter(parts))
    arrays = small(class_weight={0: 2.0}, batch_size=30).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(streamed.predict_proba(X), arrays.predict_proba(X), atol=1e-5)


def test_validation_batches_are_all_checked_before_training():
    X, y = uniform()
    broken = X[30:].copy()
    broken[3, 2] = np.inf
    losses = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: losses.append(epoch))
    with pytest.raises(ValueError, match="Batch 2 of X_val cannot be used: Input X contains inf"):
        small(callbacks=watch).fit(X, y, X_val=lambda: iter([(X[:30], y[:30]), (broken, y[30:])]))
    with pytest.raises(ValueError, match="The weights of all rows are zero"):
        small(callbacks=watch).fit(X, y, X_val=lambda: iter([(X, y, np.zeros(60))]))
    assert not losses


def test_an_epoch_without_weights_is_an_error():
    X, y = uniform()
    parts = [(X, y, np.ones(60)), (X, y, np.zeros(60))]
    with pytest.raises(ValueError, match="The weights of all rows are zero"):
        small(fit__steps_per_epoch=1).fit(lambda: iter(parts))


def test_the_graph_engine_refuses_a_stream_before_it_is_read():
    def read():
        raise AssertionError("it was read")

    with pytest.raises(EngineError, match="a stream is trained on batch by batch"):
        small(engine="graph").fit(read)


@linux
def test_a_stream_of_286_mib_needs_little_more_memory_than_a_short_one():
    assert measured(STREAMED) < 30


@linux
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_memory_mapped_array_larger_than_the_share_of_memory_is_never_loaded_whole(
    tmp_path, dtype
):
    assert measured(MAPPED, tmp_path, dtype) < 0.4


def mapped(path, array):
    np.save(path / "array.npy", array)
    return np.load(path / "array.npy", mmap_mode="r")


@pytest.mark.parametrize("engine", ["graph", "keras"])
@pytest.mark.parametrize(
    ("shape", "dtype", "backbone"),
    [
        ((40, 5), "float64", "mlp"),
        ((40, 5), "int16", "mlp"),
        ((40, 8, 8), "uint8", "cnn"),
        ((40, 6, 3), "float64", "gru"),
    ],
)
def test_memory_mapped_arrays_of_any_dtype_train_and_predict_like_arrays(
    tmp_path, shape, dtype, backbone, engine
):
    array = (50 * np.random.default_rng(0).random(shape)).astype(dtype)
    y = np.arange(40) % 3
    X = mapped(tmp_path, array)
    fitted = [
        KerasMulticlassClassifier(
            backbone, epochs=2, validation_split=0.2, random_state=0, engine=engine
        ).fit(given, y)
        for given in (X, array)
    ]
    assert fitted[0].history_ == fitted[1].history_
    np.testing.assert_array_equal(fitted[0].predict_proba(X), fitted[1].predict_proba(array))


@pytest.mark.parametrize("value", [-np.inf, np.inf, 1e300])
def test_memory_mapped_arrays_are_checked_like_arrays(tmp_path, value):
    array = np.ones((40, 5))
    array[30, 2] = value
    errors = []
    for X in (array, mapped(tmp_path, array)):
        with pytest.raises(ValueError, match="Input X contains") as error:
            KerasMulticlassClassifier(epochs=1).fit(X, np.arange(40) % 3)
        errors.append(str(error.value))
    assert errors[0] == errors[1]
