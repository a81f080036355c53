"""Pretrained networks as backbones: scaling of images, channels, and training in two phases."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.exceptions import BackboneError

applications = keras.applications
rng = np.random.default_rng(0)
X = rng.integers(0, 256, (24, 8, 8, 3)).astype(np.uint8)
y = np.array(["ash", "fir", "oak"])[np.arange(24) % 3]


def body(shape=(8, 8, 3)):
    """Build a small network with batch normalization."""
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(4, 3, strides=2, activation="relu", name="first"),
            keras.layers.BatchNormalization(),
            keras.layers.Conv2D(4, 3, activation="relu", name="second"),
            keras.layers.GlobalAveragePooling2D(),
        ],
        name="body",
    )


def tuned(backbone=None, **parameters):
    """Make a classifier that trains in two phases."""
    defaults = {"epochs": 2, "fine_tuning": 1, "random_state": 0, "optimizer__learning_rate": 0.01}
    backbone = body() if backbone is None else backbone
    return KerasMulticlassClassifier(backbone, **{**defaults, **parameters})


def layer_of(classifier, name):
    """Find a layer of the backbone."""
    return classifier.model_.get_layer("body").get_layer(name)


class KernelsOfEpochs(keras.callbacks.Callback):
    """Keeps the kernel of the first layer after each epoch."""

    def __init__(self):
        super().__init__()
        self.kernels = []

    def on_epoch_end(self, epoch, logs=None):
        """Read it."""
        kernel = self.model.get_layer("body").get_layer("first").kernel
        self.kernels.append(keras.ops.convert_to_numpy(kernel))


@pytest.mark.parametrize("engine", ["graph", "keras"])
def test_the_backbone_is_frozen_first_and_trained_at_a_tenth_of_the_rate_later(engine):
    backbone = body()
    network = tuned(backbone, engine=engine, callbacks=KernelsOfEpochs(), metrics="accuracy")
    network.fit(X, y, X_val=X, y_val=y)
    kernels = network.callbacks_[0].kernels
    given = backbone.get_layer("first").get_weights()[0]
    assert [np.array_equal(kernel, given) for kernel in kernels] == [True, True, False]
    assert network.n_iter_ == 3
    assert {name: len(values) for name, values in network.history_.items()} == dict.fromkeys(
        ["accuracy", "loss", "val_accuracy", "val_loss"], 3
    )
    assert network.validated_epochs_ == [1, 2, 3]
    assert float(network.model_.optimizer.learning_rate) == pytest.approx(0.001)
    # Batch normalization keeps its averages, factors and offsets.
    name = next(layer.name for layer in backbone.layers if "normalization" in layer.name)
    for ours, theirs in zip(
        layer_of(network, name).get_weights(), backbone.get_layer(name).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_two_phases_equal_those_of_keras():
    parameters = {"batch_size": -1, "shuffle": False, "fine_tuning": {"epochs": 2}}
    classifier = tuned(body(), **parameters, optimizer="sgd", engine="graph").fit(X, y)
    model = clone(classifier).initialize(X, y).model_
    inner = model.get_layer("body")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    codes = np.arange(24) % 3
    inner.trainable = False
    model.compile(keras.optimizers.SGD(0.01), loss)
    model.fit(X.astype("float32"), codes, batch_size=24, epochs=2, shuffle=False, verbose=0)
    inner.trainable = True
    for layer in inner.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    model.compile(keras.optimizers.SGD(0.001), loss)
    model.fit(X.astype("float32"), codes, batch_size=24, epochs=2, shuffle=False, verbose=0)
    for ours, theirs in zip(classifier.model_.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_layers_that_the_user_has_frozen_stay_frozen():
    backbone = body()
    backbone.get_layer("first").trainable = False
    classifier = tuned(backbone).fit(X, y)
    for name, is_frozen in (("first", True), ("second", False)):
        ours, theirs = (
            n.get_layer(name).get_weights()[0]
            for n in (classifier.model_.get_layer("body"), backbone)
        )
        assert np.array_equal(ours, theirs) == is_frozen
    assert backbone.get_layer("second").trainable  # the user's own network is as before


def test_early_stopping_ends_each_phase():
    classifier = tuned(
        optimizer="sgd", optimizer__learning_rate=1e-30, epochs=5, fine_tuning=4, early_stopping=1
    ).fit(X, y)
    assert classifier.n_iter_ == 4  # two epochs without progress in each phase
    assert len(classifier.history_["val_loss"]) == 4


def test_members_of_an_ensemble_and_inputs_of_their_own_are_tuned():
    ensemble = tuned(n_ensemble=2, calibration="temperature").fit(X, y)
    assert ensemble.n_iter_ == 3
    several = {"photo": X, "facts": rng.normal(size=(24, 2))}
    backbones = {"photo": body(), "facts": "mlp"}
    classifier = tuned(backbones).fit(several, y)
    assert classifier.n_iter_ == 3
    # Everything but batch normalization is trained in the end.
    assert len(classifier.model_.non_trainable_variables) >= 4


def test_a_stream_is_trained_in_two_phases():
    classifier = tuned().fit(lambda: iter([(X[:12], y[:12]), (X[12:], y[12:])]))
    assert classifier.n_iter_ == 3


def test_a_tuned_classifier_is_pickled_cloned_and_searched():
    classifier = tuned().fit(X, y)
    loaded = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    n_trained = len(classifier.model_.trainable_variables)
    assert len(loaded.model_.trainable_variables) == n_trained
    again = clone(classifier).fit(X, y)
    assert again.history_ == classifier.history_
    search = GridSearchCV(tuned(epochs=1), {"fine_tuning": [None, 1]}, cv=2).fit(X, y)
    assert search.best_params_["fine_tuning"] in (None, 1)
    # Further training is of all layers, and of one phase.
    loaded.set_params(fine_tuning=None, warm_start=True, epochs=1).fit(X, y)
    assert loaded.n_iter_ == 4


def test_what_cannot_be_trained_in_two_phases_is_an_error_that_leaves_the_classifier_alone():
    classifier = tuned(warm_start=True).fit(X, y)
    before = classifier.predict_proba(X)
    for train in (classifier.fit, classifier.partial_fit):
        with pytest.raises(ValueError, match="`fine_tuning` must be None to train a network fur"):
            train(X, y)
    np.testing.assert_array_equal(classifier.predict_proba(X), before)
    with pytest.raises(ValueError, match="`fine_tuning` must be None to train a network further"):
        tuned().partial_fit(X, y, classes=np.unique(y))
    with pytest.raises(BackboneError, match="got 1 epoch, and 'cnn' as `backbone`"):
        tuned("cnn").fit(X, y)
    frozen = body()
    frozen.trainable = False
    with pytest.raises(BackboneError, match="whose layers all have trainable=False"):
        tuned(frozen).fit(X, y)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    parameters = {"optimizer": keras.optimizers.SGD(schedule), "optimizer__learning_rate": schedule}
    with pytest.raises(ValueError, match="a dict with a 'learning_rate' if that of the optimizer"):
        tuned(**parameters).fit(X, y)
    tuned(**parameters, fine_tuning={"epochs": 1, "learning_rate": 1e-4}).fit(X, y)


@pytest.mark.parametrize("value", [0, True, 1.5, {"epoch": 1}, {"epochs": 1, "learning_rate": 0}])
def test_an_invalid_second_phase_is_an_error(value):
    with pytest.raises(ValueError, match="`fine_tuning` must be None, a number of epochs"):
        tuned(fine_tuning=value).fit(X, y)


@pytest.mark.parametrize(
    ("build", "module"),
    [
        (applications.VGG16, applications.vgg16),  # BGR, without the mean
        (applications.DenseNet121, applications.densenet),  # standardized by channel
        (applications.MobileNetV3Small, applications.mobilenet_v3),  # by itself
    ],
)
def test_images_are_scaled_as_a_network_of_keras_applications_expects(build, module):
    images = rng.integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)
    network = build(weights=None, include_top=False, pooling="avg", input_shape=(32, 32, 3))
    classifier = KerasMulticlassClassifier(network).initialize(images, np.arange(6) % 3)
    assert classifier.resolved_params_["scaling"] == "pretrained"
    model = classifier.model_
    features = keras.Model(model.input, model.get_layer("logits").input)
    expected = network(module.preprocess_input(images.astype("float32")), training=False)
    np.testing.assert_allclose(
        features(images.astype("float32"), training=False), expected, rtol=1e-4, atol=1e-5
    )


def test_weights_from_a_file_are_where_training_starts(tmp_path):
    options = {"alpha": 0.35, "include_top": False, "pooling": "avg", "input_shape": (32, 32, 3)}
    path = tmp_path / "mobile.weights.h5"
    applications.MobileNetV2(weights=None, **options).save_weights(path)
    network = applications.MobileNetV2(weights=str(path), **options)
    images = rng.integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)
    classifier = KerasMulticlassClassifier(
        network, epochs=1, fine_tuning=1, compile__run_eagerly=True
    )
    built = clone(classifier).initialize(images, np.arange(6) % 3).model_
    for ours, theirs in zip(
        built.get_layer(network.name).get_weights(), network.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    classifier.fit(images, np.arange(6) % 3)
    assert classifier.predict_proba(images).shape == (6, 3)
    for wrong, got in (
        (images / 255, "no value above 1"),
        (applications.mobilenet_v2.preprocess_input(images.astype("float32")), "values below 0"),
        (2.0 * images, "values above 255"),
    ):
        with pytest.raises(ValueError, match=f"with values from 0 to 255, .* got {got}"):
            classifier.initialize(wrong, np.arange(6) % 3)
    prepared = applications.mobilenet_v2.preprocess_input(images.astype("float32"))
    KerasMulticlassClassifier(network, scaling=None).initialize(prepared, np.arange(6) % 3)


def features_of(classifier, rows):
    """Compute what the backbone emits."""
    model = classifier.model_
    features = keras.Model(model.input, model.get_layer("logits").input)
    return np.asarray(features(rows.astype("float32"), training=False))


def test_grey_images_get_three_channels():
    backbone, grey = body(), X[..., 0]
    expected = np.asarray(backbone(np.repeat(grey[..., None], 3, axis=-1), training=False))
    for images in (grey, grey[..., None]):
        classifier = KerasMulticlassClassifier(backbone).initialize(images, y)
        np.testing.assert_allclose(features_of(classifier, images), expected, rtol=1e-5)


def test_images_of_another_size_are_an_error_whose_cure_works():
    with pytest.raises(BackboneError, match=r"of shape \(8, 8, 3\) .*; got images of shape \(6, 8"):
        KerasMulticlassClassifier(body()).fit(X[:, :6], y)
    with pytest.raises(BackboneError, match=r"got images of shape \(8, 8, 2\)\. Convert them to 3"):
        KerasMulticlassClassifier(body()).fit(X[..., :2], y)
    resized = np.asarray(keras.ops.image.resize(X[:, :6], (8, 8)))
    KerasMulticlassClassifier(body()).initialize(resized, y)


def doubled(images):
    return 2 * images


@pytest.mark.parametrize("scaling", [keras.layers.Rescaling(2.0), doubled])
def test_a_layer_or_function_scales_the_images(scaling):
    backbone = body()
    classifier = KerasMulticlassClassifier(backbone, scaling=scaling, epochs=1, random_state=0)
    expected = np.asarray(backbone(2.0 * X, training=False))
    built = clone(classifier).initialize(X, y)
    np.testing.assert_allclose(features_of(built, X), expected, rtol=1e-5)
    classifier.fit(X, y)
    loaded = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))


def test_scaling_that_does_not_fit_is_an_error():
    table = rng.normal(size=(24, 3))
    for scaling in (doubled, "pretrained"):
        with pytest.raises(ValueError, match="`scaling` must be"):
            KerasMulticlassClassifier("mlp", scaling=scaling).fit(table, y)
    with pytest.raises(BackboneError, match="unless `backbone` is a network of keras.applications"):
        KerasMulticlassClassifier(body(), scaling="pretrained").fit(X, y)
    with pytest.raises(BackboneError, match=r"The return value of `scaling` .* one Keras tensor"):
        KerasMulticlassClassifier(body(), scaling=lambda images: None).fit(X, y)
    with pytest.raises(ValueError, match="if X holds texts or token ids"):
        KerasMulticlassClassifier(scaling=doubled).fit(["a b", "c d"] * 12, y)
    with pytest.raises(ValueError, match="`scaling` must be 'auto' or None when `model` is given"):
        KerasMulticlassClassifier(model=body(), scaling=doubled).fit(X, y)


def test_an_interrupted_first_phase_leaves_the_backbone_to_be_trained():
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    classifier = KerasMulticlassClassifier(
        body(), epochs=3, fine_tuning=2, callbacks=Stop(), random_state=0
    )
    with pytest.warns(UserWarning, match="fitted with 1 of 5 epochs"):
        classifier.fit(X, y)
    before = [weight.copy() for weight in classifier.model_.get_weights()]
    classifier.set_params(fine_tuning=None, callbacks=None).partial_fit(X, y)
    changed = [np.any(a != b) for a, b in zip(before, classifier.model_.get_weights(), strict=True)]
    assert sum(changed) > 2  # more than the weights of the output layer
