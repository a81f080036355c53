"""Memory-mapped arrays train, predict and fail like arrays in memory."""

from __future__ import annotations

import numpy as np
import pytest

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.memory_map import MemoryMap


def mapped(path, array):
    np.save(path / "array.npy", array)
    return np.load(path / "array.npy", mmap_mode="r")


@pytest.mark.parametrize("engine", ["graph", "keras"])
@pytest.mark.parametrize(
    ("shape", "dtype", "backbone"),
    [
        ((40, 5), "float64", {"backbone": "mlp", "backbone__hidden_units": (4,)}),
        ((40, 5), "int16", {"backbone": "mlp", "backbone__hidden_units": (4,)}),
        ((40, 8, 8), "uint8", {"backbone": "cnn", "backbone__filters": (4,)}),
        ((40, 6, 3), "float64", {"backbone": "gru", "backbone__units": 4}),
    ],
)
def test_memory_mapped_arrays_of_any_dtype_train_and_predict_like_arrays(
    tmp_path, shape, dtype, backbone, engine
):
    array = (50 * np.random.default_rng(0).random(shape)).astype(dtype)
    y = np.arange(40) % 3
    X = mapped(tmp_path, array)
    from_map, from_array = (
        KerasMulticlassClassifier(
            **backbone, epochs=2, validation_split=0.2, random_state=0, engine=engine
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
    chunks = list(MemoryMap(array, np.float32).chunks())
    assert max(chunk.nbytes for chunk in chunks) <= 2**24
    assert all(chunk.dtype == np.float32 for chunk in chunks)
    np.testing.assert_array_equal(np.concatenate([chunk[:, 0] for chunk in chunks]), array[:, 0])
