"""Missing values in sequences are filled and marked, as in tables."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_multiclass import KerasMulticlassClassifier

rng = np.random.default_rng(0)
y = np.arange(24) % 3
X = rng.normal(5, 2, size=(24, 6, 3))
X[rng.random(X.shape) < 0.3] = np.nan
X[..., 2] = rng.normal(size=(24, 6))  # complete
LENGTHS = rng.integers(2, 7, 24)


def total(inputs, mask):
    return keras.ops.sum(inputs * keras.ops.cast(mask, inputs.dtype)[..., None], axis=1)


def network_inputs(classifier, X):
    """Return what the backbone function gets."""
    classifier.initialize(X, y)
    features = keras.Model(classifier.model_.input, classifier.model_.get_layer("logits").input)
    if isinstance(X, list):
        X = keras.utils.pad_sequences(X, padding="post", dtype="float32", value=np.inf)
    return keras.ops.convert_to_numpy(features(X.astype(np.float32)))


@pytest.mark.parametrize("scaling", ["standard", None])
@pytest.mark.parametrize("unequal", [True, False])
def test_they_become_the_mean_of_their_channel_and_ones_in_another(scaling, unequal):
    rows = [row[:n] for row, n in zip(X, LENGTHS, strict=True)] if unequal else X
    steps = np.concatenate(list(rows))
    mean, std = np.nanmean(steps, axis=0), np.nanstd(steps, axis=0)
    classifier = KerasMulticlassClassifier(total, scaling=scaling)
    expected = []
    for row in rows:
        filled = np.where(np.isnan(row), mean, row)
        scaled = (filled - mean) / std if scaling else filled
        expected.append(np.concatenate([scaled, np.isnan(row)[:, :2]], axis=1).sum(axis=0))
    np.testing.assert_allclose(network_inputs(classifier, rows), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("backbone", ["conv1d", "gru"])
def test_those_of_a_channel_that_was_complete_are_filled_in_prediction(backbone):
    complete = np.nan_to_num(X)
    width = {"backbone__filters" if backbone == "conv1d" else "backbone__units": 3}
    fitted = KerasMulticlassClassifier(backbone, **width, epochs=1, random_state=0).fit(complete, y)
    with_gap, with_mean = complete.copy(), complete.copy()
    with_gap[3, 1, 0], with_mean[3, 1, 0] = np.nan, complete[..., 0].mean()
    np.testing.assert_allclose(
        fitted.predict_proba(with_gap), fitted.predict_proba(with_mean), atol=1e-6
    )


def test_a_network_learns_from_gaps_in_arrays_lists_and_streams():
    rows = rng.normal(size=(60, 5, 1))
    labels = np.arange(60) % 2
    rows[labels == 1, 2] = np.nan
    unequal = [row[: 4 + i % 2] for i, row in enumerate(rows)]
    settings = {"backbone__filters": 8, "backbone__num_layers": 1, "epochs": 30}
    for data in (rows, unequal):
        for as_stream in (False, True):
            classifier = KerasMulticlassClassifier(
                "conv1d", **settings, optimizer__learning_rate=0.03, random_state=0
            )
            if as_stream:
                halves = [(data[i : i + 30], labels[i : i + 30]) for i in (0, 30)]
                classifier.fit(lambda halves=halves: halves)
            else:
                classifier.fit(data, labels)
            assert classifier.score(data, labels) > 0.9, (type(data), as_stream)


@pytest.mark.parametrize(
    ("backbone", "shape"),
    [("auto", (8, 8, 1)), ("cnn", (12, 9)), (lambda inputs: inputs, (6, 3))],
    ids=["image", "grayscale", "function"],
)
def test_those_of_images_are_an_error(backbone, shape):
    images = np.ones((24, *shape))
    images[3, 1, 1] = np.nan
    with pytest.raises(ValueError, match=r"contains NaN(.|\n)*np.nan_to_num"):
        KerasMulticlassClassifier(backbone).fit(images, y)
