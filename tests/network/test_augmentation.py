"""Augmentation: random changes of training rows, and of nothing else."""

from __future__ import annotations

import contextlib
import io
import pickle

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from tests._toy import assert_same

from keras_multiclass import Inputs, KerasMulticlassClassifier, KerasMultilabelClassifier
from keras_multiclass._network.layers.augmentation import RandomAffine
from keras_multiclass.exceptions import BackboneError, EngineError, ObjectiveError

rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (40, 8, 6, 3)).astype("uint8")
LABELS = np.array(["ash", "fir", "oak"])[np.arange(40) % 3]
WEIGHTS = rng.uniform(0.5, 2.0, 40)
TABLE = rng.normal(size=(40, 4))


def images(augmentation, **params):
    defaults = {"backbone__filters": (4,), "epochs": 2, "random_state": 0}
    return KerasMulticlassClassifier("cnn", augmentation=augmentation, **{**defaults, **params})


def augment(classifier, X, *, training=True):
    layer = classifier.model_.get_layer("augmentation")
    return np.asarray(layer(keras.ops.convert_to_tensor(X, "float32"), training=training))


class AddOne(keras.layers.Layer):
    """A layer of the user's."""

    def call(self, inputs, training=False):
        return inputs + 1 if training else inputs


class AddThreeQuarters(keras.layers.Layer):
    def call(self, inputs, training=False):
        return inputs + 0.75 if training else inputs


class AlwaysAddOne(keras.layers.Layer):
    def call(self, inputs):
        return inputs + 1


# --- what it does -------------------------------------------------------------------------------


@pytest.mark.parametrize("augmentation", ["light", layers.MixUp(alpha=1.0)], ids=["light", "mixup"])
def test_only_training_rows_are_changed(augmentation):
    classifier = images(augmentation, scaling=None).fit(
        IMAGES, LABELS, X_val=IMAGES[:9], y_val=LABELS[:9]
    )
    plain = augment(classifier, IMAGES, training=False)
    np.testing.assert_array_equal(plain, IMAGES)
    assert not np.allclose(augment(classifier, IMAGES), IMAGES, atol=1)
    expected = log_loss(LABELS[:9], classifier.predict_proba(IMAGES[:9]))
    assert classifier.history_["val_loss"][-1] == pytest.approx(expected, rel=1e-4)


def test_layers_get_the_values_as_passed_and_the_scaling_is_that_of_the_rows_themselves():
    classifier = images(AddOne()).fit(IMAGES, LABELS)
    np.testing.assert_array_equal(augment(classifier, IMAGES), IMAGES + 1.0)
    scaled = keras.Model(
        classifier.model_.input, classifier.model_.get_layer("standardization").output
    )
    mean = np.asarray(scaled(IMAGES.astype("float32"))).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(mean, 0, atol=1e-5)


def test_equal_seeds_give_equal_bits_whatever_a_layer_was_used_for_before():
    flip, noise = layers.RandomFlip(), layers.GaussianNoise(1.0, seed=3)
    first = images([flip, noise]).fit(IMAGES, LABELS)
    flip(IMAGES), noise(IMAGES.astype("float32"), training=True)
    second = images([flip, noise]).fit(IMAGES, LABELS)
    for found, expected in zip(second.model_.variables, first.model_.variables, strict=True):
        np.testing.assert_array_equal(found, expected)
    other = images([flip, noise], random_state=1).fit(IMAGES, LABELS)
    states = [c.model_.get_layer("augmentation").layers for c in (first, other)]
    drawn = [[int(np.asarray(layer.variables[0])[0]) for layer in each] for each in states]
    assert drawn[0][0] != drawn[1][0]  # drawn from random_state
    assert drawn[0][1] == drawn[1][1] == 3  # the layer's own


@pytest.mark.parametrize(
    "augmentation",
    ["standard", [layers.RandomFlip(), layers.CutMix(), layers.MixUp()]],
    ids=["preset", "mixing"],
)
def test_both_engines_train_the_same_weights(augmentation):
    graph, plain = (
        images(augmentation, engine=engine, metrics="accuracy", validation_split=0.25).fit(
            IMAGES, LABELS, sample_weight=WEIGHTS
        )
        for engine in ("graph", "keras")
    )
    assert_same(graph, plain)


def test_pickles_and_copies_hold_the_layers_and_train_on():
    classifier = images(["light", layers.RandomFlip()]).fit(IMAGES, LABELS)
    restored = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(restored.predict_proba(IMAGES), classifier.predict_proba(IMAGES))
    for each in (classifier, restored):
        each.set_params(warm_start=True).fit(IMAGES, LABELS)
    np.testing.assert_array_equal(restored.predict_proba(IMAGES), classifier.predict_proba(IMAGES))
    assert clone(classifier).get_params()["augmentation"][0] == "light"


def test_the_summary_of_the_network_shows_the_layer():
    classifier = images("light").initialize(IMAGES, LABELS)
    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        classifier.model_.summary(print_fn=lambda text: print(text))
    assert "augmentation" in written.getvalue()
    assert [type(layer) for layer in classifier.model_.get_layer("augmentation").layers] == [
        RandomAffine
    ]


def test_a_search_compares_presets():
    grid = {"augmentation": [None, "light", "standard"]}
    search = GridSearchCV(images(None, epochs=1), grid, cv=2).fit(IMAGES, LABELS)
    assert len(search.cv_results_["params"]) == 3


def test_a_batch_of_one_row_can_be_augmented():
    classifier = images(["light", layers.MixUp()], batch_size=1, epochs=1)
    classifier.fit(IMAGES[:6], LABELS[:6])
    assert np.isfinite(classifier.history_["loss"]).all()


def test_images_without_channels_and_with_channels_first_are_augmented_alike():
    grey = images("light").fit(IMAGES[..., 0], LABELS)
    assert augment(grey, IMAGES[..., 0]).shape == IMAGES.shape[:3]
    last = images(["light", layers.RandomFlip()]).fit(IMAGES, LABELS)
    first = images(["light", layers.RandomFlip()], layout="channels_first")
    moved = np.moveaxis(IMAGES, -1, 1)
    first.fit(moved, LABELS)
    np.testing.assert_array_equal(first.predict_proba(moved), last.predict_proba(IMAGES))


def test_integers_for_an_input_layer_of_integers_are_rounded():
    ints = keras.Input((8, 6, 3), dtype="int32")
    x = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(ints))
    classifier = KerasMulticlassClassifier(
        keras.Model(ints, x), augmentation=["light", AddThreeQuarters()], epochs=1, random_state=0
    ).fit(IMAGES, LABELS)
    layer = classifier.model_.get_layer("augmentation")
    found = np.asarray(layer(np.full((2, 8, 6, 3), 4, "int32"), training=True))
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, 5)  # of 4.75


@pytest.mark.parametrize("dtype", ["float64", "mixed_float16"])
def test_layers_compute_in_the_precision_of_the_rows(dtype):
    classifier = images(["light", layers.RandomFlip(), layers.MixUp()], dtype=dtype)
    classifier.fit(IMAGES * 200.0, LABELS)  # more than float16 can hold
    assert np.isfinite(classifier.predict_proba(IMAGES * 200.0)).all()
    expected = "float64" if dtype == "float64" else "float32"
    found = {layer.compute_dtype for layer in classifier.model_.get_layer("augmentation").layers}
    assert found == {expected}


def test_members_of_an_ensemble_train_on_the_same_augmented_rows():
    classifier = images("light", n_ensemble=2).fit(IMAGES, LABELS)
    names = [layer.name for layer in classifier.model_.layers]
    assert names.count("augmentation") == 1
    assert names.index("augmentation") < names.index("member0")


def test_the_presets_keep_a_constant_image_and_the_range_of_values():
    flat = np.full((5, 9, 7, 2), 3.0, "float32")
    for preset in ("light", "standard"):
        classifier = images(preset).initialize(IMAGES, LABELS)
        found = augment(classifier, IMAGES)
        assert found.min() >= IMAGES.min()
        assert found.max() <= IMAGES.max() + 1e-3
        (layer,) = classifier.model_.get_layer("augmentation").layers
        np.testing.assert_allclose(layer(flat, training=True), flat, rtol=1e-5)


def test_random_affine_shifts_by_at_most_its_fraction_and_not_at_all_at_zero():
    dots = np.zeros((50, 21, 21, 1), "float32")
    dots[:, 10, 10] = 1
    np.testing.assert_allclose(RandomAffine()(dots, training=True), dots, atol=1e-5)
    moved = np.asarray(RandomAffine(shift=0.2, seed=0)(dots, training=True))[..., 0]
    np.testing.assert_allclose(moved.sum(axis=(1, 2)), 1, atol=1e-5)
    rows, columns = np.mgrid[:21, :21]
    distances = [np.sum(moved * axis, axis=(1, 2)) - 10 for axis in (rows, columns)]
    assert np.abs(distances).max() <= 0.2 * 21
    assert np.abs(distances).max() > 0.1 * 21
    assert abs(np.corrcoef(distances)[0, 1]) < 0.5  # drawn separately


def test_random_affine_turns_around_the_center():
    bars = np.zeros((50, 21, 21, 1), "float32")
    bars[:, 10, 4:17] = 1
    turned = np.asarray(RandomAffine(rotation=90.0, seed=0)(bars, training=True))[..., 0]
    rows, columns = np.mgrid[:21, :21] - 10
    mass = turned.sum(axis=(1, 2))
    for axis in (rows, columns):  # the center of mass stays
        np.testing.assert_allclose(np.sum(turned * axis, axis=(1, 2)) / mass, 0, atol=0.1)
    height = np.sqrt(np.sum(turned * rows**2, axis=(1, 2)) / mass)
    assert height.min() < 1.5
    assert height.max() > 3.0


# --- mixed targets -------------------------------------------------------------------------------


def _mixed_batch(classifier, n=12):
    """Call the network in training; return targets, weights, predictions, and what was mixed."""
    model = classifier.model_
    logits = np.asarray(model(IMAGES[:n].astype("float32"), training=True))
    proportions = np.asarray(model.get_layer("augmentation").proportions)
    return WEIGHTS[:n].astype("float32"), logits, proportions


@pytest.mark.parametrize(
    "layer", [layers.MixUp(alpha=1.0), layers.CutMix()], ids=["mixup", "cutmix"]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_of_a_mixed_row_is_that_of_its_parts(layer, weighted):
    classifier = images(layer).initialize(IMAGES, LABELS)
    weights, logits, proportions = _mixed_batch(classifier)
    np.testing.assert_allclose(proportions.sum(axis=1), 1, rtol=1e-5)
    assert np.abs(proportions - np.eye(12)).max() > 0.01
    y = np.arange(12) % 3
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    parts = proportions * (weights if weighted else 1)
    expected = -np.sum(parts * log_p[:, y]) / parts.sum()  # [i, j] is log_p[i, y[j]]
    given = {"sample_weight": weights} if weighted else {}
    found = classifier.model_.compute_loss(None, y, logits, **given)
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_mixup_mixes_images_in_the_proportions_of_the_targets():
    classifier = images([layers.MixUp(alpha=1.0), layers.MixUp(alpha=1.0)])
    classifier.initialize(IMAGES, LABELS)
    mixed = augment(classifier, IMAGES)
    proportions = np.asarray(classifier.model_.get_layer("augmentation").proportions)
    np.testing.assert_allclose(mixed, np.tensordot(proportions, IMAGES, 1), rtol=1e-4, atol=1e-2)


def test_mixed_labels_of_several_per_row_keep_their_class_weights():
    y = np.stack([np.arange(40) % 2, np.arange(40) > 30], axis=1).astype(int)
    classifier = KerasMultilabelClassifier(
        "cnn",
        augmentation=layers.MixUp(alpha=1.0),
        class_weight={1: 3.0},
        backbone__filters=(4,),
        random_state=0,
    ).initialize(IMAGES, y)
    _, logits, proportions = _mixed_batch(classifier)
    target = proportions @ y[:12]
    crossentropy = np.log1p(np.exp(logits)) - target * logits
    factors = np.array([1.0, 1 + 2 * 1.0])  # the second label has weight 3 where it is present
    weights = 1 + target * (factors - 1)
    found = classifier.model_.compute_loss(None, y[:12].astype("float32"), logits)
    assert float(found) == pytest.approx(np.mean(crossentropy * weights), rel=1e-4)


def test_metrics_of_mixed_rows_compare_with_the_class_of_the_largest_part():
    classifier = images(layers.MixUp(alpha=1.0), metrics="accuracy").initialize(IMAGES, LABELS)
    _, logits, proportions = _mixed_batch(classifier)
    y = np.arange(12) % 3
    expected = np.mean((proportions @ np.eye(3)[y]).argmax(axis=1) == logits.argmax(axis=1))
    logs = classifier.model_.compute_metrics(None, y, logits)
    assert float(logs["accuracy"]) == pytest.approx(expected)
    assert classifier.model_.get_layer("augmentation").proportions is None


def test_soft_labels_and_warm_starts_work_with_mixed_rows():
    soft = np.eye(3)[np.arange(40) % 3] * 0.7 + 0.1
    classifier = images([layers.MixUp()], epochs=1).fit(IMAGES, soft)
    classifier.set_params(warm_start=True).fit(IMAGES, np.eye(3)[np.arange(40) % 3])
    assert classifier.n_iter_ == 2
    assert np.isfinite(classifier.history_["loss"]).all()


# --- other rows ----------------------------------------------------------------------------------


def test_each_of_several_inputs_is_augmented_on_its_own():
    X = Inputs(photo=IMAGES, facts=TABLE)
    classifier = KerasMulticlassClassifier(
        augmentation={"photo": "light"}, backbone__photo__filters=(4,), epochs=1, random_state=0
    ).fit(X, LABELS)
    names = [
        layer.name
        for model in classifier.model_.layers
        if isinstance(model, keras.Model)
        for layer in model.layers
    ]
    assert names.count("augmentation") == 1


def test_the_padding_behind_sequences_stays_empty():
    def behind_the_end(inputs, mask):
        outside = 1.0 - keras.ops.cast(mask, "float32")
        return keras.ops.sum(keras.ops.abs(inputs) * outside[..., None], axis=1)

    rows = [rng.normal(size=(3 + i % 3, 2)) for i in range(20)]
    classifier = KerasMulticlassClassifier(behind_the_end, augmentation=AddOne(), epochs=1)
    classifier.fit(rows, np.arange(20) % 2)
    X = keras.utils.pad_sequences(rows, padding="post", dtype="float32", value=np.inf)
    features = keras.Model(classifier.model_.input, classifier.model_.get_layer("logits").input)
    assert np.abs(np.asarray(features(X, training=True))).max() == 0


def test_tables_of_numbers_are_changed_before_they_are_scaled():
    classifier = KerasMulticlassClassifier("mlp", augmentation=AddOne(), epochs=1, random_state=0)
    classifier.fit(TABLE, LABELS)
    np.testing.assert_allclose(augment(classifier, TABLE), TABLE + 1, rtol=1e-5)


# --- errors --------------------------------------------------------------------------------------

FLAT = layers.Rescaling(1 / 255)
IN_A_ROW = keras.Sequential([layers.RandomFlip(), layers.MixUp()])


@pytest.mark.parametrize(
    ("augmentation", "X", "message"),
    [
        ("heavy", IMAGES, "None, 'light', 'standard', a Keras layer.*got 'heavy'"),
        ("standart", IMAGES, "Did you mean 'standard'"),
        (layers.RandomFlip, IMAGES, r"Pass an instance, such as keras.layers.RandomFlip\(...\)"),
        (lambda x: x, IMAGES, "whose `call` takes `training`"),
        ({"photo": "light"}, IMAGES, "unless X is a dict of inputs; got dict of length 1"),
        ("light", {"photo": IMAGES}, "a dict by input if X is one; got 'light'"),
        ({"foto": "light"}, {"photo": IMAGES}, "the unknown 'foto'.*Did you mean 'photo'"),
        ("light", TABLE, r"'light', which is for images, and rows of shape \(4,\)"),
        ("light", IMAGES[:, None], r"which is for images, and rows of shape \(1, 8, 6, 3\)"),
        (layers.RandomFlip(data_format="channels_first"), IMAGES, "Pass data_format='channels_la"),
        (layers.RandomCrop(4, 4), IMAGES, r"returns \(4, 4, 3\) for \(8, 6, 3\)"),
        (FLAT, IMAGES, "a Rescaling layer, which changes rows with training=False, too"),
        (AlwaysAddOne(), IMAGES, "give the `call` of your own layer a `training` argument"),
        (IN_A_ROW, IMAGES, "a Sequential layer that contains a MixUp layer"),
        (layers.RandomShear(0.1), IMAGES, "pass its factors as ranges"),
        ({"photo": layers.MixUp()}, {"photo": IMAGES, "facts": TABLE}, "X with several inputs"),
        (layers.GaussianNoise(0.1), ["some words"] * 40, "got layers for texts"),
    ],
)
def test_what_cannot_be_augmented_is_an_error(augmentation, X, message):
    classifier = KerasMulticlassClassifier(augmentation=augmentation, epochs=1)
    with pytest.raises(ValueError, match=f"(?s)`augmentation` must .*{message}"):
        classifier.fit(X, LABELS)


def test_the_cure_for_a_layer_that_keras_cannot_copy_works():
    images(layers.RandomShear((0.0, 0.1)), epochs=1).fit(IMAGES, LABELS)


@pytest.mark.skipif(not hasattr(layers, "AugMix"), reason="this Keras has no AugMix")
def test_a_layer_that_draws_once_for_a_whole_training_is_an_error():
    with pytest.raises(BackboneError, match="AugMix layer.*Use keras.layers.RandAugment"):
        images(layers.AugMix()).fit(IMAGES, LABELS)


def test_categories_and_token_ids_are_not_numbers_to_change():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"kind": pd.Categorical(["a", "b"] * 20), "size": TABLE[:, 0]})
    classifier = KerasMulticlassClassifier(augmentation=layers.GaussianNoise(0.1), epochs=1)
    with pytest.raises(BackboneError, match="tables with categorical or text columns"):
        classifier.fit(frame, LABELS)
    with pytest.raises(BackboneError, match="got layers for token ids"):
        classifier.set_params(backbone="gru").fit(rng.integers(1, 9, (40, 5)), LABELS)


def test_a_range_that_is_not_that_of_the_images_is_a_warning():
    with pytest.warns(UserWarning, match="value_range.*in a small part of it"):
        images(layers.RandomBrightness(0.1), epochs=1).fit(IMAGES / 255.0, LABELS)
    with pytest.warns(UserWarning, match="value_range.*outside of it"):
        images(layers.RandomBrightness(0.1, value_range=(0, 1)), epochs=1).fit(IMAGES, LABELS)


def test_losses_and_metrics_of_one_class_are_errors_if_rows_are_mixed():
    with pytest.raises(ObjectiveError, match="`loss` must take soft labels if `augmentation`"):
        images(layers.MixUp(), loss="categorical_hinge").fit(IMAGES, LABELS)
    with pytest.raises(ObjectiveError, match="MeanSquaredError is a regression loss"):
        images(layers.MixUp(), loss="mse").fit(IMAGES, LABELS)


def test_rows_of_members_that_hold_out_folds_are_not_mixed():
    classifier = images(layers.MixUp(), n_ensemble=2, validation_split=2)
    with pytest.raises(BackboneError, match="members of an ensemble that hold out folds"):
        classifier.fit(IMAGES, LABELS)


def test_a_whole_model_and_further_training_have_the_layers_that_they_have():
    model = keras.Sequential([keras.Input((8, 6, 3)), layers.Flatten(), layers.Dense(3)])
    with pytest.raises(ValueError, match="`augmentation` must be None when `model` is given"):
        KerasMulticlassClassifier(model=model, augmentation="light").fit(IMAGES, LABELS)
    classifier = images("light", epochs=1).fit(IMAGES, LABELS)
    before = classifier.predict_proba(IMAGES)
    with pytest.raises(ValueError, match="`augmentation` must stay 'light'"):
        classifier.set_params(augmentation=None, warm_start=True).fit(IMAGES, LABELS)
    np.testing.assert_array_equal(classifier.predict_proba(IMAGES), before)


def test_xla_on_request_says_that_it_cannot_turn_images():
    with pytest.raises(EngineError, match="`augmentation` that turns or shifts images"):
        images("light", compile__jit_compile=True).fit(IMAGES, LABELS)


def test_several_labels_per_row_are_mixed_in_fractions():
    """Whole numbers would make the targets of most mixed rows zero."""
    labels = (rng.random((240, 3)) > 0.3).astype(int)
    X = (0.2 * rng.random((240, 6, 6, 3)) + labels[:, None, None, :]).astype("float32")
    classifier = KerasMultilabelClassifier(
        augmentation=layers.MixUp(),
        backbone__filters=(8,),
        epochs=20,
        batch_size=32,
        optimizer__learning_rate=0.02,
        random_state=0,
    ).fit(X, labels, sample_weight=rng.uniform(0.1, 0.9, 240))
    assert classifier.history_["loss"][-1] > 0.01
    assert classifier.score(X, labels) > 0.9


class CountsSteps(keras.layers.Layer):
    """Creates its state in `build`."""

    def build(self, input_shape):
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.factor = self.add_weight(shape=(), initializer="ones")

    def call(self, inputs, training=False):
        if not training:
            return inputs
        self.steps.assign_add(1.0)
        return inputs * self.factor


@pytest.mark.parametrize("engine", ["graph", "keras"])
@pytest.mark.parametrize(
    "add", [CountsSteps, lambda: keras.Sequential([layers.GaussianNoise(0.1), CountsSteps()])]
)
def test_layers_may_create_weights_when_they_are_built(engine, add):
    classifier = KerasMulticlassClassifier(
        "mlp", augmentation=add(), epochs=2, batch_size=20, engine=engine, random_state=0
    ).fit(TABLE, LABELS)
    loaded = pickle.loads(pickle.dumps(classifier)).partial_fit(TABLE, LABELS)
    weights = loaded.model_.get_layer("augmentation").weights
    factor, steps = sorted(float(weight.numpy()) for weight in weights if weight.shape == ())[-2:]
    assert steps == 6
    assert factor != 1


@pytest.mark.parametrize("params", [{"augmentation": AddOne()}, {"scaling": lambda x: x / 1e5}])
def test_layers_and_functions_of_the_user_get_large_numbers_as_they_are(params):
    """No offset is subtracted before, although float32 rounds them."""
    X = 1e5 + IMAGES / 512
    with pytest.warns(UserWarning, match="loses precision in float32"):
        wide = KerasMulticlassClassifier("cnn", epochs=1, random_state=0, **params).fit(X, LABELS)
    assert not hasattr(wide, "input_offset_")
    X = X.astype("float32")
    narrow = KerasMulticlassClassifier("cnn", epochs=1, random_state=0, **params).fit(X, LABELS)
    np.testing.assert_array_equal(wide.predict_proba(X), narrow.predict_proba(X))
