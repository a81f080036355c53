"""Zeros in sequences are values, unless they can be seen to be padding."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.padding import ZeroSteps, padding_mask

rng = np.random.default_rng(0)
y = np.arange(90) % 3


def where(X):
    steps = ZeroSteps()
    for rows in np.array_split(np.arange(len(X)), 3):
        steps.add(X, rows)
    return steps.padding


def padded(n=90, n_steps=6):
    X = rng.normal(size=(n, n_steps, 2)) + 5
    lengths = rng.integers(1, n_steps + 1, n)
    X[np.arange(n_steps) >= lengths[:, None]] = 0
    return X


def test_the_mask_ends_at_the_last_step_that_is_not_all_zero():
    X = np.array([[[0, 0], [1, 0], [0, 0], [0, 2], [0, 0]], np.zeros((5, 2))])
    assert padding_mask(X).tolist() == [[True, True, True, True, False], [False] * 5]
    # As in Keras for steps before it, which are data here.
    keras_mask = np.asarray(keras.layers.Masking().compute_mask(keras.ops.convert_to_tensor(X)))
    assert (padding_mask(X) >= keras_mask).all()


def test_padding_is_told_from_data_by_zeros_elsewhere():
    X = padded()
    assert where(X) == "end"
    assert where(np.ones((5, 4, 1))) == "end"  # longer sequences may follow
    assert where(X[:, ::-1]) == "start"
    rare = np.concatenate([X] * 2)
    rare[0, :4] = [[1, 1], [0, 0], [1, 1], [1, 1]]  # one of 180
    assert where(rare) == "end"
    assert where(rng.poisson(0.5, (90, 8, 1))) is None
    one_event = np.eye(8)[np.arange(90) % 8][..., None]
    assert where(one_event) is None


def counts():
    """Return events in 12 intervals, more of them in the first, second or last third."""
    rate = np.repeat(np.where(np.arange(3) == y[:, None], 1.5, 0.1), 4, axis=1)
    return rng.poisson(rate)[..., None]


def since_last_event():
    """Return one event, and then 1, 4 or 7 intervals without."""
    X = np.zeros((90, 10, 1))
    X[np.arange(90), 8 - 3 * y] = 1
    X[np.arange(90), rng.integers(0, 2, 90)] = 1
    return X


@pytest.mark.parametrize(
    ("events", "backbone", "as_stream"),
    [
        (counts, "conv1d", False),
        (counts, "gru", False),
        (counts, "lstm", False),
        (since_last_event, "conv1d", False),
        (since_last_event, "gru", True),
    ],
)
def test_true_zeros_train_as_well_as_other_numbers(events, backbone, as_stream):
    X = events()
    batches = [(X[i::3], y[i::3]) for i in range(3)]
    width = {"backbone__filters" if backbone == "conv1d" else "backbone__units": 8}
    scores = []
    for shift in (0, 1):
        classifier = KerasMulticlassClassifier(
            backbone,
            **width,
            **({"backbone__num_layers": 1} if backbone == "conv1d" else {}),
            epochs=40,
            shuffle=False,
            **({} if as_stream else {"batch_size": 30}),
            optimizer__learning_rate=0.03,
            random_state=0,
        )
        if as_stream:
            classifier.fit(lambda s=shift: ((part + s, labels) for part, labels in batches))
        else:
            classifier.fit(X + shift, y)
        scores.append(classifier.score(X + shift, y))
    assert scores[0] >= scores[1] - 0.05
    assert scores[0] > 0.9


def test_padding_at_the_end_has_no_effect_in_training_and_prediction():
    X = padded()
    longer = np.concatenate([X, np.zeros((90, 4, 2))], axis=1)
    short, long = (
        KerasMulticlassClassifier("gru", backbone__units=4, epochs=2, random_state=0).fit(rows, y)
        for rows in (X, longer)
    )
    np.testing.assert_allclose(short.predict_proba(X), long.predict_proba(longer), atol=1e-6)


def test_an_additional_channel_says_which_steps_are_data():
    """A channel of ones in real steps, as the guide recommends."""
    X = counts().astype(float)
    said = np.concatenate([X, np.ones_like(X)], axis=2)
    said[::2, 9:] = 0
    assert where(said) == "end"
    np.testing.assert_array_equal(padding_mask(said), said[..., 1] == 1)


def test_zeros_at_the_start_are_announced_to_be_data():
    with pytest.warns(UserWarning, match="at the end of sequences.*padding='post'"):
        KerasMulticlassClassifier("gru", backbone__units=2, epochs=1).fit(padded()[:, ::-1], y)


def required_mask(inputs, mask):
    return keras.ops.sum(inputs * keras.ops.cast(mask, inputs.dtype)[..., None], axis=1)


def test_a_backbone_function_that_needs_a_mask_always_gets_one():
    X = counts()
    classifier = KerasMulticlassClassifier(required_mask, scaling=None, epochs=1).fit(X, y)
    features = keras.Model(classifier.model_.input, classifier.model_.layers[-1].input)
    np.testing.assert_allclose(features(X.astype(np.float32)), X.sum(axis=1))


@pytest.mark.parametrize(
    ("shape", "backbone", "message"),
    [
        ((8, 8), "cnn", "as grayscale images by 'cnn', because they are square.*X\\[..., None\\]"),
        ((20, 16), "conv1d", "as sequences by 'conv1d', because they are not square.*'cnn'"),
        ((6, 6), "conv1d", None),
        ((50, 9), "conv1d", None),
        ((8, 8, 1), "cnn", None),
    ],
)
def test_images_and_sequences_are_told_apart_by_their_shape_alone(shape, backbone, message):
    X = rng.integers(0, 2, (12, *shape))
    for dtype in ("uint8", "float64", "bool"):
        classifier = KerasMulticlassClassifier(backbone__filters=(2,), epochs=1).set_params(
            **({"backbone__filters": 2} if backbone == "conv1d" else {})
        )
        if message is None:
            classifier.initialize(X.astype(dtype), y[:12])
        else:
            with pytest.warns(UserWarning, match=message):
                classifier.initialize(X.astype(dtype), y[:12])
            named = KerasMulticlassClassifier(backbone, **classifier._routed)
            named.initialize(X.astype(dtype), y[:12])  # without a warning
        assert classifier.resolved_params_["backbone"] == backbone


def test_black_rows_of_grayscale_images_of_any_dtype_count():
    images = np.zeros((90, 12, 12))
    images[np.arange(90), 1 + 4 * y, 2:10] = 1
    images[np.arange(90), 2 + 4 * y] = 1
    with pytest.warns(UserWarning, match="grayscale"):
        classifier = KerasMulticlassClassifier(
            backbone__filters=(8,), optimizer__learning_rate=0.02, epochs=30, random_state=0
        ).fit(images, y)
    assert classifier.score(images, y) > 0.9


@pytest.mark.parametrize("backbone", ["cnn", "gru"])
@pytest.mark.parametrize("channel", [False, True])
def test_all_zero_rows_of_pixels_are_values(backbone, channel):
    images = np.zeros((30, 10, 10))
    images[:, 3:7, 2:8] = rng.uniform(1, 2, (30, 4, 6))  # as digits have, above and below
    if backbone == "cnn":
        images[:, :3] = 1  # and as photos have, below alone
    X = images[..., None] if channel and backbone == "cnn" else images
    parameters = {"filters": (4,)} if backbone == "cnn" else {"units": 4}
    parameters = {f"backbone__{name}": value for name, value in parameters.items()}
    classifier = KerasMulticlassClassifier(backbone, **parameters).initialize(X, y[:30])
    mean = np.asarray(classifier.model_.get_layer("standardization").mean).ravel()
    expected = images.mean() if backbone == "cnn" else images.mean(axis=(0, 1))
    np.testing.assert_allclose(mean, expected, rtol=1e-5)
