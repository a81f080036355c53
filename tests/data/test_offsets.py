"""Features that vary little for their size are told apart, in whatever form X comes."""

from __future__ import annotations

import pickle
import re

import keras
import numpy as np
import pytest
from scipy import sparse

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.offsets import Offsets

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

BASE = 1_700_000_000  # in 32 bits, such Unix times are multiples of 128
rng = np.random.default_rng(0)
steps = rng.permutation(np.arange(96))
y = steps // 32
noise = rng.normal(size=96)
X = np.column_stack([noise, BASE + steps])


def learn(X, **options):
    schema, checked = FeatureSchema.learn(X, allow_nan=True, **options)
    return schema.learn_values(X, checked)


def mapped(path, array):
    np.save(path / "X.npy", array)
    return np.load(path / "X.npy", mmap_mode="r")


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile", None])
def test_a_column_of_unix_times_decides_the_class(scaling):
    epochs = 150 if scaling is None else 60
    classifier = tiny(scaling=scaling, epochs=epochs, batch_size=16, optimizer__learning_rate=0.02)
    assert classifier.fit(X, y).score(X, y) == 1.0
    np.testing.assert_array_equal(classifier.input_offset_[:1], [0])


def forms(path):
    frame = pd.DataFrame({"noise": noise, "time": BASE + steps})
    yield "list", X.tolist()
    yield "object", X.astype(object)
    yield "pandas", frame
    yield "pandas with categories", frame.assign(noise=pd.Series(["a", "b"] * 48, dtype="category"))
    yield "pandas, nullable", frame.astype({"time": "Int64"})
    yield "polars", pl.from_pandas(frame)
    yield "CSR", sparse.csr_array(X)
    yield "CSC", sparse.csc_matrix(X)
    yield "memory map", mapped(path, X)


def test_every_form_of_x_loses_only_the_offset(tmp_path):
    expected = X[:, 1] - np.sort(X[:, 1])[48]
    for name, form in forms(tmp_path):
        schema, checked = learn(
            form, columns=None if "categories" not in name else categorical(form)
        )
        read = checked[:].toarray() if sparse.issparse(checked) else checked[:]
        assert read.dtype == np.float32, name
        np.testing.assert_array_equal(read[:, 1], expected, err_msg=name)
        again = schema.check(form)[:]
        again = again.toarray() if sparse.issparse(again) else again
        np.testing.assert_array_equal(again, read, err_msg=name)


def categorical(frame):
    from keras_multiclass._data.columns.categories import CategoricalColumns

    return CategoricalColumns.learn(frame, "from_dtype")


@pytest.mark.parametrize(
    "column",
    [
        5_400_000 + steps / 1000,  # northing of UTM in meters
        2_460_000.5 + steps / 100,  # Julian days
        2**60 + steps,  # ids that differ in the last of 64 bits
        -(2**62) + steps,
        (BASE + steps) * 10**9,  # nanoseconds
        np.uint64(2**63) + steps.astype(np.uint64),
        1e-20 * (1e6 + steps),
    ],
    ids=["UTM", "Julian", "ids", "negative", "ns", "uint64", "tiny"],
)
def test_differences_are_exact_for_offsets_of_any_size(column):
    schema, checked = learn(column[:, None])
    assert schema.offsets is not None
    unit = float(column[np.argmax(steps)] - column[np.argmin(steps)]) / 95
    np.testing.assert_allclose(np.diff(checked[:, 0]), np.diff(steps) * unit, rtol=1e-5)


def test_missing_values_stay_missing_and_outliers_do_not_hide_the_offset():
    column = np.append(BASE + steps.astype(float), [np.nan, 0.0, 2.0 * BASE])
    _, checked = learn(column[:, None])
    center = column[0] - checked[0, 0]
    np.testing.assert_array_equal(checked[:96, 0], column[:96] - center)
    assert np.isnan(checked[96, 0])
    np.testing.assert_allclose(checked[97:, 0], [-BASE, BASE], rtol=1e-6)


@pytest.mark.parametrize(
    "ordinary",
    [
        rng.normal(size=(96, 3)),
        rng.normal(size=(96, 3)) + 1000,
        1e20 * rng.random((96, 3)),
        np.column_stack([steps + 1990, steps * 10**7, np.full(96, 2024)]),
        np.full((96, 1), np.nan),
        np.zeros((96, 2)),
        np.float32(BASE) + rng.random((96, 2), np.float32),  # has lost it already
        np.array([[1, 70_000]], np.uint32),
    ],
    ids=str,
)
def test_other_columns_are_read_as_before(ordinary):
    schema, checked = learn(ordinary)
    assert schema.offsets is None or len(ordinary) == 1
    if schema.offsets is None:
        np.testing.assert_array_equal(checked, ordinary.astype(np.float32))


def test_an_array_in_the_dtype_of_the_network_is_neither_sampled_nor_copied(monkeypatch):
    monkeypatch.setattr(Offsets, "learn", None)
    narrow = X.astype(np.float32)
    assert np.shares_memory(learn(narrow)[1], narrow)
    wide = X.astype(np.float64)
    assert np.shares_memory(learn(wide, dtype="float64")[1], wide)


def test_padding_stays_zero_and_no_real_step_becomes_zero():
    X = np.full((9, 4, 1), BASE + 3.0)
    X[:, :, 0] += np.arange(36).reshape(9, 4) % 5
    X[::2, 3] = 0
    _, checked = learn(X)
    np.testing.assert_array_equal(checked == 0, X == 0)
    np.testing.assert_allclose(np.ptp(checked[X != 0]), 4)


def test_sequences_of_unix_times_train_with_padding():
    X = np.stack([BASE + start + 20 * np.arange(5.0) for start in steps])[..., None]
    X[::3, 3:] = 0
    classifier = KerasMulticlassClassifier(
        "gru", backbone__units=8, optimizer__learning_rate=0.05, epochs=60, random_state=0
    )
    assert classifier.fit(X, y).score(X, y) > 0.95


def test_the_pixels_of_a_grayscale_image_share_one_offset():
    images = BASE + steps[:, None, None] + rng.integers(0, 9, (96, 8, 8))
    schema, checked = learn(images)
    assert len(set(schema.offsets.values)) == 1
    np.testing.assert_allclose(checked, images - schema.offsets.values[0], atol=1e-30)


def test_streams_validation_rows_calibration_warm_starts_and_pickles_share_the_offset():
    def batches():
        for rows in np.split(np.arange(96), 3):
            yield X[rows], y[rows]

    streamed, from_array = (
        tiny(epochs=40, calibration="temperature", shuffle=False, batch_size=size).fit(
            data, labels, X_val=X[:30], y_val=y[:30]
        )
        for data, labels, size in ((batches, None, "auto"), (X, y, 32))
    )
    assert streamed.score(X, y) == from_array.score(X, y) == 1.0
    assert from_array.history_["val_loss"][-1] < 0.3
    for classifier in (streamed, from_array):
        probabilities = classifier.predict_proba(X)
        read = (X - classifier.input_offset_).astype(np.float32)
        logits = np.asarray(classifier.model_(read), np.float64)
        np.testing.assert_allclose(
            probabilities, np.asarray(keras.ops.softmax(logits)), rtol=1e-4, atol=1e-6
        )
        again = pickle.loads(pickle.dumps(classifier))
        np.testing.assert_array_equal(again.predict_proba(X), probabilities)
        again.partial_fit(X[:40] + 0.0, y[:40])
        np.testing.assert_array_equal(again.input_offset_, classifier.input_offset_)
        assert again.score(X, y) == 1.0


def test_the_first_part_of_partial_fit_may_be_constant():
    classifier = tiny(epochs=1).partial_fit(np.full((5, 1), BASE), [0] * 5, classes=[0, 1, 2])
    for _ in range(40):
        classifier.partial_fit(X[:, 1:] / 32 - BASE / 32 + BASE, y)
    assert classifier.score(X[:, 1:] / 32 - BASE / 32 + BASE, y) > 0.9


def unscaled(*last):
    first = keras.layers.Normalization(mean=BASE, variance=1000.0)
    return keras.Sequential([first, keras.layers.Dense(3), *last])


@pytest.mark.parametrize(
    ("params", "in_float64"),
    [
        (
            lambda: {"model": unscaled(keras.layers.Softmax())},
            {"model": lambda: unscaled(keras.layers.Softmax())},
        ),
        (lambda: {"backbone": unscaled()}, {"backbone": lambda inputs: unscaled()(inputs)}),
        (
            lambda: {"backbone": unscaled().call, "scaling": None},
            {"backbone": lambda inputs: unscaled()(inputs), "scaling": None},
        ),
    ],
    ids=["model", "layer", "function without scaling"],
)
def test_networks_that_read_x_unchanged_warn_of_rounding(params, in_float64):
    message = r"X\[\.\.\., 1\] loses precision in float32.*dtype='float64'"
    with pytest.warns(UserWarning, match=message) as warned:
        classifier = KerasMulticlassClassifier(**params(), epochs=1).fit(X, y)
    assert warned[0].filename == __file__
    assert not hasattr(classifier, "input_offset_")
    KerasMulticlassClassifier(**in_float64, epochs=1, dtype="float64").fit(X, y)


def missing_at_the_end(path):
    numbers = [2**60 + i for i in range(96)] + [None]
    yield "Int64", pd.DataFrame({"id": pd.array(numbers, "Int64")})
    yield "polars", pl.DataFrame({"id": numbers})
    yield "objects", np.array(numbers, object)[:, None]
    yield "column of objects", pd.DataFrame({"id": np.array(numbers, object)})
    yield "masked", np.ma.masked_equal(np.array([*numbers[:-1], 0])[:, None], 0)


def test_large_integers_are_exact_beside_missing_values(tmp_path):
    for name, form in missing_at_the_end(tmp_path):
        _, checked = learn(form)
        np.testing.assert_array_equal(np.diff(checked[:96, 0]), 1, err_msg=name)
        assert np.isnan(checked[96, 0]), name


FAR = np.where(steps % 2, 900_000_000, BASE) + steps // 32
SPLIT = r"has different values that become equal in float32.*numpy.divmod\(values, (\d+)\)"
GROUPS = {
    "two times": FAR,
    "mostly 0": np.where(steps % 5 < 3, 0, BASE + steps),
    "mostly a time": np.where(steps % 5 < 2, 0, BASE) + np.where(steps % 5 < 2, FAR, 0) + steps,
}


@pytest.mark.parametrize("column", GROUPS.values(), ids=GROUPS)
@pytest.mark.parametrize("convert", [np.asarray, pd.DataFrame, sparse.csr_matrix])
def test_values_that_no_offset_keeps_apart_are_a_warning(column, convert):
    with pytest.warns(UserWarning, match=r"^X\[\.\.\., 1\] " + SPLIT):
        learn(convert(np.column_stack([noise, column])))


def test_splitting_such_values_as_the_warning_says_helps():
    frame = pd.DataFrame({"noise": noise, "time": FAR})
    with pytest.warns(UserWarning, match=r"^X\['time'\] " + SPLIT) as warned:
        tiny(epochs=1).fit(frame, y)
    size = int(re.search(SPLIT, str(warned[0].message))[1])
    frame["high"], frame["low"] = np.divmod(frame.pop("time"), size)
    classifier = tiny(epochs=60, batch_size=16).fit(frame, y)
    assert classifier.score(frame, y) == 1.0


def test_values_that_differ_by_rounding_errors_alone_are_no_reason_to_warn():
    jitter = 0.1 * (1 + steps % 3) * (1 + 1e-15 * noise)
    learn(np.column_stack([np.where(steps % 2, jitter, 1e6 * jitter), jitter]))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([np.zeros(48), BASE + np.arange(48)], SPLIT),
        ([np.zeros(4), BASE + np.arange(92)], "loses precision.*first batch.*in the stream"),
        ([np.arange(4), BASE + np.arange(92)], "loses precision.*first batch.*in the stream"),
        ([FAR[:48], FAR[48:]], SPLIT),
        ([BASE + np.arange(48), BASE + np.arange(48)], None),
    ],
    ids=["equal parts", "zeros first", "small first", "far apart", "typical first"],
)
def test_a_stream_whose_first_batch_is_not_typical_causes_a_warning(parts, message):
    def batches():
        for part in parts:
            yield np.column_stack([np.ones(len(part)), part]), np.arange(len(part)) % 3

    classifier = tiny(compile__run_eagerly=True).set_params(epochs=1)
    if message is None:
        classifier.initialize(batches)
        return
    with pytest.warns(UserWarning, match=r"^X\[\.\.\., 1\] " + message):
        classifier.initialize(batches)


@pytest.mark.parametrize("kind", ["model", "sequences", "keras engine"])
def test_other_networks_warn_of_values_far_apart_too(kind):
    model = keras.Sequential([keras.layers.Dense(3, "softmax")])
    classifier = KerasMulticlassClassifier(
        **{
            "model": {"model": model},
            "sequences": {"backbone": "gru", "backbone__units": 2},
            "keras engine": {"backbone": "mlp", "engine": "keras"},
        }[kind]
    )
    X = np.column_stack([noise, FAR])
    with pytest.warns(UserWarning, match=r"^X\[\.\.\., 1\] " + SPLIT):
        classifier.initialize(X[:, None].repeat(2, axis=1) if kind == "sequences" else X, y)


def test_integer_categories_beyond_float_precision_stay_apart():
    ids = np.column_stack([2**53 + steps // 32, steps % 2])
    classifier = tiny(epochs=20, categorical_features=[0]).fit(ids, y)
    assert classifier.score(ids, y) == 1.0


def test_networks_that_read_x_unchanged_do_not_warn_of_errors_that_do_not_matter():
    X = 101_325 + 20 * rng.normal(size=(96, 2))  # air pressure in pascals
    model = keras.Sequential([keras.layers.Rescaling(1e-5), keras.layers.Dense(3, "softmax")])
    KerasMulticlassClassifier(model=model, epochs=1).fit(X, y)


@pytest.mark.parametrize("convert", [np.asarray, pd.DataFrame, sparse.csr_matrix])
def test_numbers_too_small_for_the_precision_are_a_warning(convert):
    X = rng.normal(size=(96, 3))
    X[:, 1] *= 1e-300
    with pytest.warns(
        UserWarning, match=r"X\[\.\.\., 1\] has only numbers that are too small for float32"
    ):
        tiny(epochs=1).fit(convert(X), y)
    tiny(epochs=1).fit(convert(X * [1, 1e290, 1]), y)
