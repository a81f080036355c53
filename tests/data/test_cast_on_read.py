"""Memory-mapped arrays, and those of few bits, train, predict and fail like float32 arrays."""

from __future__ import annotations

import numpy as np
import pytest

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data import cast_on_read
from keras_multiclass._data.cast_on_read import CastOnRead
from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._training.engine import memory


def mapped(path, array):
    np.save(path / "array.npy", array)
    return np.load(path / "array.npy", mmap_mode="r")


@pytest.mark.parametrize("engine", ["graph", "keras"])
@pytest.mark.parametrize(
    ("shape", "dtype", "backbone"),
    [
        ((40, 5), "float32", {"backbone": "mlp", "backbone__hidden_units": (4,)}),
        ((40, 5), "float64", {"backbone": "mlp", "backbone__hidden_units": (4,)}),
        ((40, 5), "int16", {"backbone": "mlp", "backbone__hidden_units": (4,)}),
        ((40, 8, 8), "uint8", {"backbone": "cnn", "backbone__filters": (4,)}),
        ((40, 6, 3), "float64", {"backbone": "gru", "backbone__units": 4}),
    ],
)
def test_memory_mapped_arrays_of_any_dtype_train_and_predict_like_arrays(
    tmp_path, monkeypatch, shape, dtype, backbone, engine
):
    monkeypatch.setattr(memory, "_LARGE", 0)
    array = (50 * np.random.default_rng(0).random(shape)).astype(dtype)
    y = np.arange(40) % 3
    X = mapped(tmp_path, array)
    eager = {"compile__run_eagerly": True} if engine == "keras" else {}  # saves the tracing
    from_map, from_array = (
        KerasMulticlassClassifier(
            **backbone, epochs=2, validation_split=0.2, random_state=0, engine=engine, **eager
        ).fit(features, y)
        for features in (X, array)
    )
    assert from_map.history_ == from_array.history_
    np.testing.assert_array_equal(from_map.predict_proba(X), from_array.predict_proba(array))


@pytest.mark.parametrize("value", [-np.inf, np.inf, 1e300])
def test_memory_mapped_arrays_are_validated_like_arrays(tmp_path, value):
    array = np.ones((40, 5))
    array[30, 2] = value
    errors = []
    for X in (array, mapped(tmp_path, array)):
        with pytest.raises(ValueError, match="Input X contains") as error:
            KerasMulticlassClassifier(epochs=1).fit(X, np.arange(40) % 3)
        errors.append(str(error.value))
    assert errors[0] == errors[1]


def test_chunks_cover_all_rows_and_stay_small():
    array = np.broadcast_to(np.arange(9000.0)[:, None], (9000, 1000))
    chunks = list(CastOnRead(array, np.float32).chunks())
    assert max(chunk.nbytes for chunk in chunks) <= 2**24
    assert all(chunk.dtype == np.float32 for chunk in chunks)
    np.testing.assert_array_equal(np.concatenate([chunk[:, 0] for chunk in chunks]), array[:, 0])


@pytest.mark.parametrize("engine", ["graph", "keras"])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "float16", "bool"])
def test_large_arrays_of_few_bits_train_and_predict_like_float32(monkeypatch, dtype, engine):
    monkeypatch.setattr(cast_on_read, "_LARGE", 0)
    monkeypatch.setattr(memory, "_LARGE", 0)
    array = (50 * np.random.default_rng(0).random((40, 5))).astype(dtype)
    y = np.arange(40) % 3
    checked = FeatureSchema.learn(array)[1]
    assert checked.narrow is not None
    classifiers = [
        KerasMulticlassClassifier(
            "mlp", backbone__hidden_units=(4,), epochs=2, validation_split=0.2, random_state=0,
            engine=engine, scaling="robust", class_weight="balanced",
            compile__jit_compile=engine == "graph" and dtype == "uint8",
        ).fit(X, y)
        for X in (array, array.astype("float32"))
    ]  # fmt: skip
    assert classifiers[0].history_ == classifiers[1].history_
    expected = classifiers[1].predict_proba(array.astype("float32"))
    np.testing.assert_array_equal(classifiers[0].predict_proba(array), expected)
    np.testing.assert_array_equal(classifiers[1].predict_proba(array), expected)


def test_large_half_precision_arrays_are_checked_for_infinity(monkeypatch):
    monkeypatch.setattr(cast_on_read, "_LARGE", 0)
    with pytest.raises(ValueError, match="Input X contains infinity"):
        FeatureSchema.learn(np.array([[1.0], [np.inf]], np.float16))


def test_small_arrays_are_cast_at_once():
    checked = FeatureSchema.learn(np.ones((9, 2), np.uint8))[1]
    assert type(checked) is np.ndarray
    assert checked.dtype == np.float32
