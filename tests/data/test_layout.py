"""X with the channels on the axis after the rows."""

from __future__ import annotations

import numpy as np
import pytest

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.cast_on_read import CastOnRead
from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.ragged import arrange

rng = np.random.default_rng(0)
y = np.arange(18) % 3


def small(backbone, **params):
    width = {"filters": (2,)} if backbone == "cnn" else {"filters": 2, "num_layers": 1}
    sizes = {f"backbone__{name}": value for name, value in width.items()}
    return KerasMulticlassClassifier(backbone, **sizes, epochs=1, random_state=0, **params)


def first(X):
    """Return X with the channels first."""
    return [row.T for row in X] if isinstance(X, list) else np.moveaxis(X, -1, 1).copy()


@pytest.mark.parametrize(
    ("backbone", "X"),
    [
        ("conv1d", rng.normal(size=(18, 7, 2))),
        ("cnn", rng.normal(size=(18, 9, 8, 3))),
        ("cnn", rng.normal(size=(18, 5, 6, 7, 2))),
        ("conv1d", [rng.normal(size=(7, 2)) for _ in range(18)]),
        ("conv1d", [rng.normal(size=(2 + i % 5, 2)) for i in range(18)]),
        ("conv1d", [rng.normal(size=2 + i % 5) for i in range(18)]),
    ],
    ids=["sequences", "images", "volumes", "list", "unequal", "one channel"],
)
def test_it_trains_and_predicts_as_with_the_channels_last(backbone, X):
    last = small(backbone).fit(X, y)
    moved = small(backbone, layout="channels_first").fit(first(X), y)
    assert moved.input_shape_ == last.input_shape_
    np.testing.assert_array_equal(moved.predict_proba(first(X)), last.predict_proba(X))
    whole = first(X) if isinstance(X, np.ndarray) else [row.tolist() for row in first(X)]
    np.testing.assert_array_equal(moved.predict_proba(whole), last.predict_proba(X))


def test_unequal_series_with_channels_first_name_the_parameter():
    X = [rng.normal(size=(2, 2 + i % 5)) for i in range(18)]
    with pytest.raises(ValueError, match="set layout='channels_first'"):
        small("conv1d").fit(X, y)
    fitted = small("conv1d", layout="channels_first").fit(X, y)
    with pytest.raises(ValueError, match="set layout='channels_last'"):
        fitted.predict([row.T for row in X])


def test_tables_and_token_ids_have_no_channels():
    table = np.ones((4, 3))
    assert arrange(table, "channels_first") is table
    assert arrange([[1.0, 2.0], [3.0, 4.0]], "channels_first").tolist() == [[1, 2], [3, 4]]


def test_large_images_and_memory_maps_are_not_copied(tmp_path):
    pixels = np.zeros((1100, 3, 64, 64), np.uint8)
    _schema, checked = FeatureSchema.learn(arrange(pixels, "channels_first"))
    assert isinstance(checked, CastOnRead)
    assert np.shares_memory(checked.narrow, pixels)
    assert checked[:1].shape == (1, 64, 64, 3)
    np.save(tmp_path / "X.npy", np.zeros((5, 3, 4, 6), np.float32))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    _, checked = FeatureSchema.learn(arrange(mapped, "channels_first"))
    assert np.shares_memory(checked, mapped)
    assert checked.shape == (5, 4, 6, 3)


def test_a_stream_of_images_is_read_alike():
    X = rng.normal(size=(18, 9, 8, 3))
    streamed = small("cnn", layout="channels_first").fit(lambda: [(first(X), y)])
    listed = small("cnn", batch_size=18, shuffle=False, engine="keras").fit(X, y)
    np.testing.assert_allclose(streamed.predict_proba(first(X)), listed.predict_proba(X), atol=1e-5)


def test_it_belongs_to_the_network():
    X = rng.normal(size=(18, 7, 2))
    classifier = small("conv1d", warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="`layout` must stay 'channels_last'"):
        classifier.set_params(layout="channels_first").fit(X, y)
    classifier.predict(X)  # as fitted
    with pytest.raises(ValueError, match="`layout` must be one of 'channels_last', 'channels_f"):
        small("conv1d", layout="channels").fit(X, y)
