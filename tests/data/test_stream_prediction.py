"""Predictions, scores and reports of streams equal those of the same rows in arrays."""

from __future__ import annotations

import functools
import tracemalloc

import keras
import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pytest
import tensorflow as tf
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from _toy import tiny
from keras_multiclass import Inputs, KerasMulticlassClassifier, KerasMultilabelClassifier
from keras_multiclass.evaluation import (
    ClassificationReport,
    MultilabelReport,
    PerClassDisplay,
    PrecisionRecallCurvesDisplay,
    ReliabilityDisplay,
    RocCurvesDisplay,
    cross_validated_report,
)

mpl.use("Agg")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4)).astype(np.float32)
Y = np.array(["ash", "fir", "oak"])[(X[:, :3] + RNG.normal(size=(90, 3))).argmax(axis=1)]
WEIGHTS = RNG.uniform(0.5, 2.0, 90)
LABELS = (X[:, :3] > 0).astype(int)
SIZE = 32  # leaves a last batch of 26 rows


def cut(*arrays, size=SIZE):
    """Return a function that iterates over batches: of one array, or of tuples."""
    starts = range(0, arrays[0].shape[0], size)
    batches = [tuple(a[i : i + size] for a in arrays) for i in starts]
    return lambda: iter([b[0] for b in batches] if len(arrays) == 1 else batches)


@functools.cache
def fitted():
    return tiny(epochs=2).fit(X, Y)


@functools.cache
def fitted_to_labels():
    return KerasMultilabelClassifier(
        "mlp", backbone__hidden_units=(8,), epochs=2, random_state=0
    ).fit(X, LABELS)


class Items(keras.utils.PyDataset):
    @property
    def num_batches(self):
        return 3

    def __getitem__(self, index):
        return X[index * SIZE :][:SIZE], Y[index * SIZE :][:SIZE]

    def on_epoch_end(self):
        raise AssertionError("predictions are no epoch")


def tensors(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0])


class Loader:
    """Like the data loader of another library: yields lists of arrays."""

    def __iter__(self):
        return map(list, cut(X, Y)())


STREAMS = {
    "features": lambda: cut(X),
    "features and labels": lambda: cut(X, Y),
    "features, labels and weights": lambda: cut(X, Y, WEIGHTS),
    "tuples of features": lambda: lambda: ((batch,) for batch in cut(X)()),
    "iterator": lambda: cut(X)(),
    "lists of rows": lambda: lambda: (batch.tolist() for batch in cut(X, size=2)()),
    "lists of parts": lambda: lambda: ([b.tolist(), y.tolist()] for b, y in cut(X, Y)()),
    "loader": Loader,
    "tf.data": lambda: tensors(X).batch(SIZE),
    "tf.data with labels": lambda: tensors(X, Y.astype(str)).batch(SIZE),
    "PyDataset": Items,
    "frames": lambda: lambda: map(pd.DataFrame, cut(X)()),
    "sparse": lambda: cut(sparse.csr_array(X)),
}


@pytest.mark.parametrize("kind", STREAMS)
def test_every_kind_of_stream_is_predicted_like_an_array(kind):
    predicted = fitted().predict(STREAMS[kind]())
    np.testing.assert_array_equal(predicted, fitted().predict(X))
    assert predicted.dtype == fitted().predict(X).dtype


@pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba", "decision_function"])
def test_every_method_predicts_the_same_for_a_stream(method):
    predict = getattr(fitted(), method)
    np.testing.assert_allclose(predict(cut(X, Y)), predict(X), rtol=1e-6)


def test_a_stream_is_predicted_in_the_format_of_y():
    frame = pd.get_dummies(pd.Series(Y), dtype=int)
    classifier = tiny(epochs=1).fit(X, frame)
    pd.testing.assert_frame_equal(classifier.predict(cut(X)), classifier.predict(X))


def test_sequences_of_any_length_and_texts_are_predicted_in_batches():
    sequences = [RNG.normal(size=(3 + i % 4, 2)) for i in range(24)]
    classifier = KerasMulticlassClassifier("gru", backbone__units=4, epochs=1, random_state=0)
    classifier.fit(sequences, Y[:24])
    batches = [sequences[i : i + 2] for i in range(0, 24, 2)]  # lists of two are rows, too
    np.testing.assert_allclose(
        classifier.predict_proba(lambda: iter(batches)),
        classifier.predict_proba(sequences),
        atol=1e-6,
    )
    texts = [f"{name} tree number {i}" for i, name in enumerate(Y)]
    reader = KerasMulticlassClassifier(epochs=1, random_state=0).fit(texts, Y)
    expected = reader.predict_proba(texts)
    for stream in (cut(np.array(texts, object)), tensors(np.array(texts), Y).batch(SIZE)):
        np.testing.assert_allclose(reader.predict_proba(stream), expected, atol=1e-6)
    pairs = [texts[i : i + 2] for i in range(0, 90, 2)]
    np.testing.assert_allclose(reader.predict_proba(lambda: iter(pairs)), expected, atol=1e-6)


def test_several_inputs_are_predicted_in_batches():
    inputs = {"left": X[:, :2], "right": X[:, 2:]}
    classifier = KerasMulticlassClassifier("mlp", epochs=1, random_state=0).fit(inputs, Y)
    expected = classifier.predict_proba(inputs)
    for stream in (tensors(inputs).batch(SIZE), tensors(inputs, Y).batch(SIZE)):
        np.testing.assert_allclose(classifier.predict_proba(stream), expected, atol=1e-6)


def objects(rows):
    cells = np.empty(len(rows), dtype=object)
    cells[:] = rows
    return cells


STEPS = [X[i, : 2 + i % 3] for i in range(90)]  # sequences of 2 to 4 steps
VECTORS = {
    "objects": objects(list(X)),
    "pandas": pd.Series(list(X)),
    "polars": pl.Series(X.tolist()),
    "sequences": objects(STEPS),
    "series of sequences": pd.Series(STEPS),
}


@pytest.mark.parametrize("kind", VECTORS)
def test_batches_may_be_containers_of_vectors_or_sequences(kind):
    rows = VECTORS[kind]
    stream = cut(rows, Y)
    backbone = "gru" if "sequences" in kind else "mlp"
    classifier = KerasMulticlassClassifier(backbone, epochs=1, shuffle=False, random_state=0)
    streamed = clone(classifier).fit(stream, X_val=stream)
    in_memory = classifier.set_params(batch_size=SIZE).fit(rows, Y, X_val=rows, y_val=Y)
    expected = in_memory.predict_proba(rows)
    np.testing.assert_allclose(streamed.predict_proba(rows), expected, atol=1e-5)
    for batches in (stream, cut(rows), lambda: map(list, stream())):
        np.testing.assert_allclose(streamed.predict_proba(batches), expected, atol=1e-5)
    assert streamed.score(stream) == in_memory.score(rows, Y)


@pytest.mark.parametrize("row", [X[0], X[0].astype(object), pd.Series(X[0])])
def test_one_row_is_no_batch_in_any_container(row):
    with pytest.raises(ValueError, match="Batch 1 of X must be several rows"):
        small().fit(lambda: iter([(row, "a")]))
    with pytest.raises(ValueError, match="Batch 1 of X must be several rows"):
        fitted().predict(lambda: iter([row]))


def test_batches_may_be_inputs():
    inputs = Inputs(pair=X[:, :2], one=X[:, 2])
    batches = [(inputs[i : i + 30], Y[i : i + 30]) for i in range(0, 90, 30)]

    def dicts():
        return ((dict(rows.items()), y) for rows, y in batches)

    params = {"backbone": "mlp", "epochs": 1, "random_state": 0}
    streamed = KerasMulticlassClassifier(**params).fit(lambda: iter(batches))
    expected = KerasMulticlassClassifier(**params).fit(dicts).predict_proba(inputs)
    for kind in (tuple, list):
        actual = streamed.predict_proba(lambda kind=kind: map(kind, batches))
        np.testing.assert_allclose(actual, expected, atol=1e-6)
    assert streamed.score(lambda: iter(batches)) == streamed.score(inputs, Y)
    classifier = KerasMulticlassClassifier(**params)
    folds = cross_validated_report(classifier, lambda: iter(batches), cv=2)
    assert_same_report(folds.report, cross_validated_report(classifier, dicts, cv=2).report)


def test_only_a_batch_of_a_stream_is_in_memory():
    batch_bytes = 2**22

    def batches():
        for _ in range(16):
            yield np.zeros((batch_bytes // 16, 4), np.float32)

    fitted().predict(batches)
    tracemalloc.start()
    predicted = fitted().predict_proba(batches)
    peak = tracemalloc.get_traced_memory()[1] - predicted.nbytes
    tracemalloc.stop()
    assert len(predicted) == batch_bytes
    assert peak < 2 * predicted.nbytes + 4 * batch_bytes  # the parts, and a batch


# --- scores and reports ---------------------------------------------------------------------------


def shuffled():
    """A dataset that is in another order each time that it is read."""
    dataset = tensors(X, Y, WEIGHTS).shuffle(90, seed=1, reshuffle_each_iteration=True)
    return dataset.batch(SIZE)


def test_the_score_of_a_stream_is_that_of_the_arrays():
    weighted = fitted().score(X, Y, WEIGHTS)
    assert fitted().score(cut(X, Y)) == pytest.approx(fitted().score(X, Y))
    assert fitted().score(cut(X, Y, WEIGHTS)) == pytest.approx(weighted)
    assert fitted().score(shuffled()) == pytest.approx(weighted)
    assert fitted().score(X, Y) != pytest.approx(weighted)
    some = [(X[:30], Y[:30], WEIGHTS[:30]), (X[30:], Y[30:])]
    weights = np.r_[WEIGHTS[:30], np.ones(60)]
    assert fitted().score(lambda: iter(some)) == pytest.approx(fitted().score(X, Y, weights))


@pytest.mark.parametrize("kind", ["array", "list", "series"])
def test_a_generator_may_use_its_arrays_again(kind):
    labels, weights = np.empty(30, Y.dtype), np.empty(30)
    container = {"array": labels, "list": labels.tolist(), "series": pd.Series(labels)}[kind]

    def batches():
        for i in range(0, 90, 30):
            container[:], weights[:] = Y[i : i + 30], WEIGHTS[i : i + 30]
            yield X[i : i + 30], container, weights

    assert fitted().score(batches) == pytest.approx(fitted().score(X, Y, WEIGHTS))
    report = cross_validated_report(small(), batches, cv=3).report
    expected = cross_validated_report(small(), cut(X, Y, WEIGHTS, size=30), cv=3).report
    assert_same_report(report, expected)


def assert_same_report(actual, expected):
    np.testing.assert_allclose(actual.confusion_matrix, expected.confusion_matrix)
    for name in expected.per_class:
        np.testing.assert_allclose(actual.per_class[name], expected.per_class[name], err_msg=name)
    for name, value in expected.overall.items():
        assert actual.overall[name] == pytest.approx(value), name


def test_the_report_of_a_shuffled_dataset_is_right():
    """Labels and predictions come from the same pass: in the next one, rows have other places."""
    report = ClassificationReport.from_estimator(fitted(), shuffled())
    assert_same_report(
        report, ClassificationReport.from_estimator(fitted(), X, Y, sample_weight=WEIGHTS)
    )


@pytest.mark.parametrize("kind", ["one-hot", "frame", "series", "list", "categorical"])
def test_labels_of_a_stream_may_have_any_format(kind):
    one_hot = np.eye(3, dtype=int)[np.unique(Y, return_inverse=True)[1]]
    y = {
        "one-hot": one_hot,
        "frame": pd.DataFrame(one_hot, columns=["ash", "fir", "oak"]),
        "series": pd.Series(Y),
        "list": Y,
        "categorical": pd.Series(Y, dtype="category"),
    }[kind]
    batches = list(cut(X, y)())
    if kind == "list":
        batches = [(rows, labels.tolist()) for rows, labels in batches]
    if kind == "categorical":  # each batch has the categories that occur in it
        batches = [(rows, labels.cat.remove_unused_categories()) for rows, labels in batches]
    report = ClassificationReport.from_estimator(fitted(), lambda: iter(batches))
    assert_same_report(report, ClassificationReport.from_estimator(fitted(), X, Y))


def test_any_classifier_is_evaluated_on_a_stream():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    report = ClassificationReport.from_estimator(pipeline, cut(X, Y))
    assert_same_report(report, ClassificationReport.from_estimator(pipeline, X, Y))
    without_probabilities = make_pipeline(tiny(epochs=1)).fit(X, Y).steps[-1][1]
    assert without_probabilities.score(cut(X, Y)) == pytest.approx(
        without_probabilities.score(X, Y)
    )


@pytest.mark.parametrize("kind", ["ours", "forest"])
def test_reports_of_several_labels_take_streams(kind):
    """The probabilities of a forest are a list with an array for each label."""
    classifier = fitted_to_labels()
    if kind == "forest":
        classifier = RandomForestClassifier(5, random_state=0).fit(X, LABELS)
    report = MultilabelReport.from_estimator(classifier, cut(X, LABELS, WEIGHTS))
    expected = MultilabelReport.from_estimator(classifier, X, LABELS, sample_weight=WEIGHTS)
    assert_same_report(report, expected)
    if kind == "ours":
        assert classifier.score(cut(X, LABELS)) == pytest.approx(classifier.score(X, LABELS))


def test_displays_take_streams():
    for display in (RocCurvesDisplay, PrecisionRecallCurvesDisplay):
        for classifier, y in ((fitted(), Y), (fitted_to_labels(), LABELS)):
            actual = display.from_estimator(classifier, cut(X, y))
            expected = display.from_estimator(classifier, X, y)
            areas = [[curve.area for curve in drawn.curves] for drawn in (actual, expected)]
            np.testing.assert_allclose(*areas)
    per_class = [
        PerClassDisplay.from_estimator(fitted(), *data) for data in ((shuffled(),), (X, Y))
    ]
    assert per_class[0].classes.tolist() == per_class[1].classes.tolist()
    assert ReliabilityDisplay.from_estimator(fitted(), cut(X, Y)) is not None
    mpl.pyplot.close("all")


# --- errors ---------------------------------------------------------------------------------------


def report(stream, **options):
    return ClassificationReport.from_estimator(fitted(), stream, **options)


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda: fitted().predict(lambda: iter(())), "at least one batch"),
        (lambda: fitted().predict(lambda: iter([X, X[:, :2]])), "Batch 2 of X cannot be used: X"),
        (lambda: fitted().predict(lambda: iter([X, X * np.inf])), "Batch 2 .* contains infinity"),
        (lambda: fitted().predict(lambda: iter(X)), "several rows, X of .*batch"),
        (lambda: fitted().predict(tensors(X)), "several rows, X of .*batch"),
        (lambda: fitted().predict(tensors(X).batch(9).repeat()), "must be a stream that ends"),
        (lambda: fitted().predict(lambda: iter([(X, Y, WEIGHTS, Y)])), "Batch 1 of X must be X, "),
        (lambda: fitted().predict(lambda: 3), "return value of the function X"),
        (lambda: fitted().score(cut(X)), "Batch 1 of X must be \\(X, y\\) or .* labels into"),
        (lambda: fitted().score(cut(X, Y), Y), "`y` must be None when X is a stream"),
        (lambda: fitted().score(cut(X, Y), None, WEIGHTS), "`sample_weight` must be None"),
        (lambda: fitted().score(lambda: iter([(X, Y[1:])])), "Batch 1 .* numbers of samples"),
        (lambda: fitted().score(lambda: iter([(X, Y), (X, 9)])), "Batch 2 of X must be several"),
        (lambda: fitted().score(cut(X, Y, -WEIGHTS)), "Batch 1 of X .*non-negative"),
        (lambda: fitted().score(X), "requires y to be passed"),
        (lambda: report(cut(X)), "Batch 1 of X must be \\(X, y\\) or"),
        (lambda: report(cut(X, Y), y=Y), "`y` must be None when X is a stream"),
        (lambda: report(lambda: iter(())), "at least one batch"),
        (lambda: report(lambda: iter([(X, Y), (X, np.eye(3)[:1].repeat(90, 0))])), "same format"),
        (lambda: report(lambda: iter([(X, Y), (X, np.arange(90))])), "one type"),
        (lambda: report(X), "requires y to be passed"),
    ],
)
def test_streams_that_cannot_be_evaluated_are_errors(use, words):
    with pytest.raises((ValueError, TypeError), match=words):
        use()


def test_a_classifier_must_be_fitted_before_a_stream_is_read():
    def read():
        raise AssertionError("the stream was read")

    for use in (tiny().predict, tiny().score):
        with pytest.raises(NotFittedError):
            use(read)
    for display in (ClassificationReport, MultilabelReport, RocCurvesDisplay):
        with pytest.raises(NotFittedError):
            display.from_estimator(tiny(), read)


def test_exceptions_of_the_stream_pass_through():
    def broken():
        yield X, Y
        raise OSError("disk failure")

    for use in (fitted().predict, fitted().score, report):
        with pytest.raises(OSError, match="^disk failure$"):
            use(broken)


# --- cross-validation -----------------------------------------------------------------------------


def small(**params):
    return tiny(epochs=2, shuffle=False, batch_size="auto", **params)


@pytest.mark.parametrize("weighted", [False, True])
def test_folds_of_a_stream_are_those_of_the_arrays(weighted):
    """The steps of each fold are those on the batches without the rows of the fold."""
    arrays = (X, Y, WEIGHTS) if weighted else (X, Y)
    folds = [(np.setdiff1d(np.arange(90), test), test) for test in np.arange(90).reshape(3, 30)]
    result = cross_validated_report(small(), cut(*arrays, size=30), cv=folds)
    in_memory = cross_validated_report(
        small().set_params(batch_size=30), *arrays[:2], cv=folds, sample_weight=(*arrays, None)[2]
    )
    assert_same_report(result.report, in_memory.report)
    for one, other in zip(result.folds, in_memory.folds, strict=True):
        assert_same_report(one, other)


@pytest.mark.parametrize("kind", ["PyDataset", "tf.data", "frames", "labels", "groups"])
def test_every_stream_that_is_the_same_in_each_pass_is_cross_validated(kind):
    classifier, groups = small(), None
    stream = {"PyDataset": Items, "tf.data": lambda: tensors(X, Y).batch(SIZE)}.get(kind)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(name=np.where(X[:, 0] > 0, "p", "n"))
    if kind == "labels":
        classifier = KerasMultilabelClassifier("mlp", epochs=1, random_state=0)
        stream = lambda: cut(X, LABELS)  # noqa: E731
    elif stream is None:
        stream = lambda: cut(frame, pd.Series(Y))  # noqa: E731
        groups = np.arange(90) // 3 if kind == "groups" else None
    cv = GroupKFold(3) if kind == "groups" else 3
    result = cross_validated_report(classifier, stream(), cv=cv, groups=groups)
    assert result.report.n_samples == 90
    assert len(result.folds) == 3


def test_a_stream_that_differs_between_passes_is_not_cross_validated():
    with pytest.raises(ValueError, match="must be the same in each pass.*other rows in batch 1"):
        cross_validated_report(small(), shuffled(), cv=3)


def test_a_later_pass_of_fewer_batches_is_an_error_that_counts_them():
    passes = []

    def read():
        passes.append(0)
        batches = list(cut(X, Y)())
        return iter(batches if len(passes) == 1 else batches[:-1])

    with pytest.raises(ValueError, match="got 2 batches instead of the 3 of the first pass"):
        cross_validated_report(small(), read, cv=3)


def test_strings_that_are_not_utf_8_are_an_error_that_names_the_batch_and_a_cure_that_works():
    names = [name.replace("oak", "ek\u00e9").encode("latin-1") for name in Y]
    stream = tensors(X, names).batch(SIZE)
    with pytest.raises(ValueError, match=r"^The strings of batch 1 of X must be in UTF-8; got o"):
        small().fit(stream)
    cured = stream.map(lambda x, y: (x, tf.strings.unicode_transcode(y, "ISO-8859-1", "UTF-8")))
    assert small().fit(cured).classes_.tolist() == ["ash", "ek\u00e9", "fir"]


@pytest.mark.parametrize(
    ("estimator", "options", "words"),
    [
        (LogisticRegression(), {}, "`estimator` must be KerasMulticlassClassifier or"),
        (make_pipeline(StandardScaler(), tiny()), {}, "`estimator` must be KerasMulticlass"),
        (tiny(), {"n_jobs": 2}, "`n_jobs` must be None or 1 when X is a stream"),
        (tiny(), {"y": Y}, "`y` must be None when X is a stream"),
        (tiny(), {"groups": np.arange(9)}, "inconsistent"),
    ],
)
def test_what_streams_do_not_go_with_in_cross_validation_is_an_error(estimator, options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        cross_validated_report(estimator, cut(X, Y), **options)


def test_frames_of_other_libraries_are_cross_validated():
    """As frames in memory: rows cannot be selected from all of them."""
    pyarrow = pytest.importorskip("pyarrow")
    frame = pd.DataFrame(X, columns=list("abcd"))
    table = pyarrow.Table.from_pandas(frame)
    result = cross_validated_report(small(), table, Y, cv=3)
    assert_same_report(result.report, cross_validated_report(small(), frame, Y, cv=3).report)
