"""Streams of batches train like the same rows in arrays."""

from __future__ import annotations

import functools
import itertools
import pickle

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy import sparse
from sklearn.datasets import load_iris

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier

ORDER = np.random.default_rng(0).permutation(150)
IRIS = load_iris()
X, CODES = IRIS.data[ORDER], IRIS.target[ORDER]
NAMES = IRIS.target_names[CODES]
SIZE = 32  # leaves a last batch of 22 rows
WEIGHTS = np.random.default_rng(1).uniform(0.5, 2.0, 150)
CLASSES = ["setosa", "versicolor", "virginica"]


def cut(*arrays, size=SIZE):
    """Return a function that iterates over batches of the arrays."""
    n_rows = arrays[0].shape[0]
    batches = [tuple(a[i : i + size] for a in arrays) for i in range(0, n_rows, size)]
    return lambda: iter(batches)


def in_batches(**params):
    """A classifier that takes the same steps on arrays as `streaming` on batches of 32 rows."""
    return tiny(**{"shuffle": False, "batch_size": SIZE, "epochs": 3, **params})


def streaming(**params):
    return tiny(**{"epochs": 3, **params})


@functools.cache
def fitted_to_arrays(**params):
    return in_batches(**params).fit(X, NAMES)


def assert_same(actual, expected, rows=X):
    np.testing.assert_array_equal(actual.classes_, expected.classes_)
    assert actual.history_.keys() == expected.history_.keys()
    for name, values in expected.history_.items():
        np.testing.assert_allclose(actual.history_[name], values, rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(actual.predict_proba(rows), expected.predict_proba(rows), atol=1e-5)
    assert actual.n_iter_ == expected.n_iter_


# --- equivalence with arrays ----------------------------------------------------------------------

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
def test_labels_of_any_format_train_as_in_an_array(kind):
    y = LABELS[kind]
    params = {"class_weight": "balanced", "epochs": 1, "compile__run_eagerly": True}  # no tracing
    streamed = streaming(**params).fit(cut(X, y))
    in_memory = in_batches(**params).fit(X, y)
    assert_same(streamed, in_memory)
    actual, expected = streamed.predict(X[:9]), in_memory.predict(X[:9])
    assert type(actual) is type(expected)
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(actual, expected)
    else:
        actual, expected = (v.toarray() if sparse.issparse(v) else v for v in (actual, expected))
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize(
    ("params", "weighted"),
    [
        ({}, False),
        ({}, True),
        ({"class_weight": "balanced"}, False),
        ({"class_weight": "balanced"}, True),
        ({"class_weight": {"virginica": 3.0, "setosa": 0.5}}, False),
        ({"class_weight": {"virginica": 3.0, "setosa": 0.5}}, True),
        ({"scaling": None}, True),
        ({"dtype": "float64", "class_weight": "balanced"}, True),
        ({"metrics": ["accuracy", "macro_f1", "auc"]}, True),
        ({"loss": "categorical_hinge", "optimizer": "sgd"}, True),
        ({"backbone__dropout": 0.3, "backbone__normalization": "batch"}, True),
        ({"compile__run_eagerly": True, "epochs": 1}, True),
    ],
    ids=lambda value: (
        {True: "weighted", False: "unweighted"}.get(value)
        if isinstance(value, bool)
        else "-".join(value) or "default"
    ),
)
def test_a_stream_trains_like_an_array(params, weighted):
    arrays = (X, NAMES, WEIGHTS) if weighted else (X, NAMES)
    streamed = streaming(**params).fit(cut(*arrays))
    in_memory = in_batches(**params).fit(*arrays[:2], sample_weight=WEIGHTS if weighted else None)
    assert_same(streamed, in_memory)
    for one, other in zip(streamed.model_.variables, in_memory.model_.variables, strict=True):
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
    "images without channels": (
        (rows_of((8, 8))[0] * 40 + 100).astype(np.uint8),
        rows_of((8, 8))[1],
        {"backbone": "cnn", "backbone__filters": (4,)},
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
    "constant column": (
        np.column_stack([np.full(46, 7e5), rows_of((1,))[0]]),
        np.arange(46) % 3,
        {"backbone": "mlp", "backbone__hidden_units": (4,)},
    ),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_features_of_any_kind_train_as_in_an_array(kind):
    rows, y, params = SHAPES[kind]
    common = {"epochs": 2, "random_state": 0, "class_weight": {0: 2.0, 1: 1.5}, **params}
    if kind != "sparse":  # tracing a convolution takes ten times as long as these steps
        common["compile__run_eagerly"] = True
    streamed = KerasMulticlassClassifier(**common).fit(cut(rows, y, size=16))
    in_memory = KerasMulticlassClassifier(**common, shuffle=False, batch_size=16, engine="keras")
    assert_same(streamed, in_memory.fit(rows, y), rows)
    assert streamed.input_shape_ == in_memory.input_shape_
    if kind == "frame":
        assert streamed.feature_names_in_.tolist() == ["a", "b", "c"]


def test_a_model_builder_gets_the_same_metadata_from_a_stream_and_from_arrays():
    metadata = []

    def build(meta, units):
        metadata.append({name: meta[name] for name in ("n_features_in_", "n_classes_", "y_dtype_")})
        layers = [keras.layers.Dense(units, "relu"), keras.layers.Dense(3)]
        return keras.Sequential([keras.Input((4,)), *layers])

    params = {"model": build, "model__units": 5, "epochs": 2, "random_state": 0}
    streamed = KerasMulticlassClassifier(**params).fit(cut(X, NAMES))
    in_memory = KerasMulticlassClassifier(**params, shuffle=False, batch_size=SIZE, engine="keras")
    assert_same(streamed, in_memory.fit(X, NAMES))
    assert metadata[0] == metadata[1]


def test_rows_of_weight_zero_are_dropped():
    """Every third row here, and the whole second batch."""
    weights = np.where(np.arange(150) % 3 == 0, 0.0, WEIGHTS)
    weights[SIZE : 2 * SIZE] = 0
    kept = [tuple(part[w > 0] for part in (rows, y, w)) for rows, y, w in cut(X, NAMES, weights)()]
    weighted = streaming().fit(cut(X, NAMES, weights))
    assert_same(weighted, streaming().fit(lambda: (b for b in kept if len(b[0]))))


@pytest.mark.parametrize("first", [np.float32, int])
def test_soft_labels_of_a_stream_may_differ_in_dtype_and_be_one_hot_in_some_batches(first):
    one_hot = np.eye(3)[CODES]
    soft = np.vstack([one_hot[:SIZE], 0.8 * one_hot[SIZE:] + 0.2 / 3])
    batches = [
        (X[:SIZE], soft[:SIZE].astype(first)),
        *((X[i : i + SIZE], soft[i : i + SIZE]) for i in range(SIZE, 150, SIZE)),
    ]
    streamed = streaming().fit(lambda: iter(batches), X_val=lambda: iter(batches))
    assert_same(streamed, in_batches().fit(X, soft, X_val=X, y_val=soft))


def random_rows():
    rng = np.random.default_rng(0)
    return rng.normal(3.0, 2.0, (60, 4)).astype(np.float32), np.arange(60) % 3


def small(**params):
    return KerasMulticlassClassifier(
        "mlp", backbone__hidden_units=(8,), epochs=2, shuffle=False, random_state=0, **params
    )


def test_a_stream_may_mix_dense_and_sparse_batches():
    X, y = random_rows()
    parts = [(X[:30], y[:30]), (sparse.csr_array(X[30:]), y[30:])]
    streamed = small().fit(lambda: iter(parts))
    arrays = small(batch_size=30).fit(X, y)
    np.testing.assert_allclose(streamed.predict_proba(X), arrays.predict_proba(X), atol=1e-5)


def test_some_batches_of_a_stream_may_lack_weights():
    X, y = random_rows()
    weights = np.r_[np.full(30, 0.3), np.ones(30)]
    parts = [(X[:30], y[:30], weights[:30]), (X[30:], y[30:])]
    streamed = small(class_weight={0: 2.0}).fit(lambda: iter(parts))
    arrays = small(class_weight={0: 2.0}, batch_size=30).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(streamed.predict_proba(X), arrays.predict_proba(X), atol=1e-5)


# --- kinds of streams -----------------------------------------------------------------------------


class Items(keras.utils.PyDataset):
    """Records the order in which items are read, and the ends of epochs."""

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
    """Like the data loader of another library: re-iterable, yields lists of tensors."""

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


@functools.cache
def fitted_to_a_stream():
    return streaming(epochs=1).fit(generate)


STREAMS = {
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


@pytest.mark.parametrize("kind", STREAMS)
def test_every_kind_of_stream_trains_like_arrays(kind):
    assert_same(streaming().fit(STREAMS[kind]()), fitted_to_arrays())


def test_a_py_dataset_is_read_in_order_and_notified_of_the_end_of_each_epoch():
    dataset = Items(list(cut(X, NAMES)()))
    streaming(epochs=2).fit(dataset)
    one_pass = list(range(5))
    assert dataset.calls == [*one_pass, *one_pass, "end", *one_pass, "end"]


def test_a_stream_may_yield_other_batches_in_each_epoch_like_a_shuffling_py_dataset():
    class Reversing(Items):
        def on_epoch_end(self):
            self.batches = self.batches[::-1]

    actual = streaming(epochs=2).fit(Reversing(list(cut(X, NAMES)())))
    batches = list(cut(X, NAMES)())
    expected = streaming(epochs=1, warm_start=True).fit(lambda: iter(batches))
    expected.fit(lambda: iter(batches[::-1]))
    np.testing.assert_allclose(actual.history_["loss"], expected.history_["loss"], rtol=1e-5)


def test_shuffle_has_no_effect_on_a_stream():
    one, other = (
        streaming(shuffle=shuffle, epochs=1).fit(cut(X, NAMES)) for shuffle in (True, False)
    )
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


# --- steps per epoch ------------------------------------------------------------------------------


def endless():
    """Return an iterator that cycles through the batches."""
    return itertools.cycle(cut(X, NAMES)())


def test_an_endless_iterator_is_read_for_a_first_pass_and_then_for_training():
    read = []

    def recorded():
        for number, batch in enumerate(endless()):
            read.append(number)
            yield batch

    streamed = streaming(epochs=2, fit__steps_per_epoch=5).fit(recorded())
    assert read == list(range(15))
    assert_same(streamed, fitted_to_arrays(epochs=2))


@pytest.mark.parametrize(
    "stream",
    [
        lambda: endless,
        lambda: Items(list(cut(X, NAMES)()), n_batches=None),
        lambda: tf.data.Dataset.from_tensor_slices((X, NAMES.astype(str))).batch(SIZE).repeat(),
    ],
    ids=["function", "PyDataset", "tf.data"],
)
def test_an_endless_stream_trains_for_the_steps_per_epoch(stream):
    streamed = streaming(epochs=2, fit__steps_per_epoch=5).fit(stream())
    assert_same(streamed, fitted_to_arrays(epochs=2))


@pytest.mark.parametrize("kind", STREAMS)
def test_an_epoch_of_fewer_or_more_steps_continues_where_the_last_one_ended(kind):
    """Two epochs of ten steps are four passes over five batches, and so are ten of two steps."""
    expected = fitted_to_arrays(epochs=4, scaling=None).predict_proba(X)
    long = streaming(epochs=2, fit__steps_per_epoch=10, scaling=None).fit(STREAMS[kind]())
    np.testing.assert_allclose(long.predict_proba(X), expected, atol=1e-5)
    if kind not in ("generator function", "tf.data of unknown length"):  # known to end
        short = streaming(epochs=10, fit__steps_per_epoch=2, scaling=None).fit(STREAMS[kind]())
        np.testing.assert_allclose(short.predict_proba(X), expected, atol=1e-5)


# --- validation -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "weighted"),
    [
        ({}, False),
        ({"class_weight": "balanced"}, False),
        ({"class_weight": "balanced"}, True),
        ({"early_stopping": 1}, True),
    ],
    ids=["default", "class_weight", "class_weight-weighted", "early_stopping-weighted"],
)
def test_a_stream_is_validated_like_an_array_on_streams_and_on_arrays(params, weighted):
    params = {"metrics": ["accuracy", "macro_f1"], "epochs": 6, **params}
    held_out = (X[:50], NAMES[:50], *([WEIGHTS[:50]] if weighted else []))
    arrays = dict(zip(("X_val", "y_val", "sample_weight_val"), held_out, strict=False))
    expected = in_batches(**params).fit(X[50:], NAMES[50:], **arrays)
    assert "val_macro_f1" in expected.history_
    for validation in (arrays, {"X_val": cut(*held_out)}):
        assert_same(streaming(**params).fit(cut(X[50:], NAMES[50:]), **validation), expected)


def test_arrays_may_be_validated_on_a_stream():
    on_arrays = in_batches().fit(X[50:], NAMES[50:], X_val=X[:50], y_val=NAMES[:50])
    for engine in ("graph", "keras"):
        classifier = in_batches(engine=engine)
        on_stream = classifier.fit(X[50:], NAMES[50:], X_val=cut(X[:50], NAMES[:50]))
        assert on_stream.engine_ == engine
        assert_same(on_stream, on_arrays)


def test_validation_weights_of_zero_count_as_in_an_array():
    weights = np.where(np.arange(50) < SIZE, 0.0, 1.0)
    on_stream = streaming(epochs=1).fit(
        cut(X[50:], NAMES[50:]), X_val=cut(X[:50], NAMES[:50], weights)
    )
    on_arrays = in_batches(epochs=1).fit(
        X[50:], NAMES[50:], X_val=X[:50], y_val=NAMES[:50], sample_weight_val=weights
    )
    assert_same(on_stream, on_arrays)


def test_all_validation_batches_are_validated_before_training():
    X, y = random_rows()
    broken = X[30:].copy()
    broken[3, 2] = np.inf
    losses = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: losses.append(epoch))
    with pytest.raises(ValueError, match="Batch 2 of X_val cannot be used: Input X contains inf"):
        small(callbacks=watch).fit(X, y, X_val=lambda: iter([(X[:30], y[:30]), (broken, y[30:])]))
    with pytest.raises(ValueError, match="The weights of all rows are zero"):
        small(callbacks=watch).fit(X, y, X_val=lambda: iter([(X, y, np.zeros(60))]))
    assert not losses


def test_callbacks_are_called_in_the_same_order_as_for_arrays():
    calls = []

    class Recorder(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            calls.append(("epoch", epoch, sorted(logs)))

        def on_train_batch_end(self, batch, logs=None):
            calls.append(("train", batch))

        def on_test_batch_end(self, batch, logs=None):
            calls.append(("test", batch))

    streaming(callbacks=Recorder, epochs=2).fit(cut(X, NAMES), X_val=cut(X[:50], NAMES[:50]))
    streamed = list(calls)
    calls.clear()
    in_batches(callbacks=Recorder, epochs=2).fit(X, NAMES, X_val=X[:50], y_val=NAMES[:50])
    assert streamed == calls


# --- continued training ---------------------------------------------------------------------------


def test_warm_started_fit_continues_on_a_stream_and_partial_fit_takes_one_pass():
    stream = cut(X, NAMES)
    streamed = streaming(warm_start=True, epochs=2).fit(stream).fit(stream).partial_fit(stream)
    assert_same(streamed, in_batches(epochs=5).fit(X, NAMES))


def test_the_first_partial_fit_may_list_classes_that_the_stream_lacks():
    two = cut(X[CODES < 2], NAMES[CODES < 2])
    classifier = tiny().partial_fit(two, classes=CLASSES)
    assert classifier.classes_.tolist() == CLASSES
    assert classifier.n_iter_ == 1
    classifier.partial_fit(X, NAMES)


@pytest.mark.parametrize("kind", ["strings", "one-hot frame"])
def test_a_fitted_classifier_names_the_batch_of_a_stream_with_an_unknown_label(kind):
    y, unknown = LABELS[kind], NAMES.astype(object)
    if kind == "strings":
        unknown[40] = "tulip"
    else:
        unknown = y.rename(columns={"b": "tulip"})
    classifier = streaming(epochs=1).fit(cut(X, y))
    number = 2 if kind == "strings" else 1
    with pytest.raises(ValueError, match=f"Batch {number} of X cannot be used: .*'tulip'"):
        classifier.partial_fit(cut(X, unknown))
    classifier.partial_fit(cut(X, y))


def test_initialize_measures_the_stream_without_training():
    streamed, expected = tiny().initialize(cut(X, NAMES)), tiny().initialize(X, NAMES)
    assert streamed.n_iter_ == 0
    np.testing.assert_allclose(streamed.predict_proba(X), expected.predict_proba(X), atol=1e-6)


def test_a_classifier_fitted_to_a_stream_can_be_pickled():
    classifier = fitted_to_a_stream()
    restored = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(restored.predict_proba(X), classifier.predict_proba(X))


# --- errors ---------------------------------------------------------------------------------------


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
        (lambda: lambda: 3, ["The return value of the function X must be an iterator"]),
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
def test_invalid_streams_are_rejected_before_training(stream, words):
    message = raised((ValueError, TypeError), stream())
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("fit", "params", "words"),
    [
        ({"y": NAMES}, {}, ["`y` must be None when X is a stream"]),
        ({"sample_weight": WEIGHTS}, {}, ["`sample_weight` must be None when X is a stream"]),
        ({}, {"batch_size": 16}, ["`batch_size` must be 'auto'", "got 16"]),
        ({}, {"validation_split": 3}, ["`validation_split` must be None or a fraction", "X_val"]),
        (
            {},
            {"early_stopping": True, "fit__steps_per_epoch": 2},
            ["`early_stopping` needs X_val when `fit__steps_per_epoch` is set", "Pass X_val"],
        ),
        ({}, {"fit__steps_per_epoch": 0}, ["`fit__steps_per_epoch` must be"]),
        ({"X_val": generate, "y_val": NAMES}, {}, ["`y_val` must be None when X_val is"]),
        ({"X_val": generate()}, {}, ["X_val must be a stream that can be read several"]),
        ({"X_val": lambda: iter(())}, {}, ["X_val", "at least one batch"]),
        ({"X_val": cut(X[:, :2], NAMES)}, {}, ["Batch 1 of X_val", "2 features"]),
        ({"X_val": cut(X, CODES)}, {}, ["Batch 1 of X_val", "y_val must be labels among"]),
    ],
)
def test_arguments_that_do_not_apply_to_streams_are_rejected(fit, params, words):
    message = raised((ValueError, TypeError), generate, fit, **params)
    assert all(word in message for word in words), message


def test_steps_per_epoch_is_rejected_for_arrays():
    with pytest.raises(ValueError, match="`fit__steps_per_epoch` must be None unless X is a"):
        streaming(fit__steps_per_epoch=3).fit(X, NAMES)


@pytest.mark.parametrize("later", [
    (X, np.where(CODES == 0, "elm", NAMES)), (X[:, :2], NAMES), (X * np.inf, NAMES),
], ids=["label", "shape", "infinity"])  # fmt: skip
def test_an_invalid_batch_in_a_later_pass_is_an_error_and_keeps_the_fitted_state(later):
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


def test_an_iterator_that_ends_before_the_steps_of_an_epoch_is_an_error():
    with pytest.raises(
        ValueError, match=r"at least the 4 batches of an epoch; got 1\. The stream is also read"
    ):
        streaming(fit__steps_per_epoch=4).fit(generate())
    with pytest.raises(ValueError, match=r"at least the 9 batches of an epoch; got 5\."):
        streaming(fit__steps_per_epoch=9).fit(generate())


def test_a_function_that_returns_the_same_iterator_again_is_an_error():
    iterator = generate()
    assert "must return a new iterator" in raised(ValueError, lambda: iterator)


def test_exceptions_raised_by_the_stream_propagate():
    def broken():
        yield X, NAMES
        raise OSError("disk failure")

    assert raised(OSError, broken) == "disk failure"


def test_an_array_without_labels_raises_scikit_learns_error():
    for method in ("fit", "partial_fit", "initialize"):
        with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
            getattr(tiny(), method)(X)


def test_an_epoch_whose_weights_are_all_zero_is_an_error():
    X, y = random_rows()
    parts = [(X, y, np.ones(60)), (X, y, np.zeros(60))]
    with pytest.raises(ValueError, match="The weights of all rows are zero"):
        small(fit__steps_per_epoch=1).fit(lambda: iter(parts))


def test_a_stream_continues_a_fit_that_learned_categories_from_an_array():
    X = pd.DataFrame({"a": list("xyz") * 10, "b": np.arange(30.0)})
    y = np.arange(30) % 3
    classifier = KerasMulticlassClassifier(
        "mlp", backbone__hidden_units=(4,), categorical_features=["a"], epochs=1, random_state=0
    ).fit(X, y)
    classifier.partial_fit(lambda: iter([(X, y)]))
    assert classifier.n_iter_ == 2
