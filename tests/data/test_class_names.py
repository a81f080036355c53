"""The class names of Keras' datasets of directories are the labels."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multiclass import KerasMulticlassClassifier, KerasMultilabelClassifier
from keras_multiclass.evaluation import ClassificationReport

NAMES = ["oak", "ash", "fir"]
SHADES = {"ash": 20, "fir": 120, "oak": 230}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Twelve photos in a folder for each class, which its brightness tells."""
    root = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for name, shade in SHADES.items():
        (root / name).mkdir()
        for i in range(12):
            image = np.clip(random.normal(shade, 10, (8, 8, 3)), 0, 255)
            keras.utils.save_img(root / name / f"{i}.png", image, scale=False)
    return root


def dataset(root, **options):
    return keras.utils.image_dataset_from_directory(
        root, image_size=(8, 8), batch_size=8, seed=0, verbose=False, **options
    )


def classifier(**params):
    common = {"epochs": 12, "optimizer__learning_rate": 0.05, "random_state": 0}
    return KerasMulticlassClassifier("cnn", backbone__filters=(4,), **{**common, **params})


@pytest.mark.parametrize("mode", ["int", "categorical"])
def test_folders_name_the_classes(photos, mode):
    options = {"label_mode": mode, "validation_split": 0.3}
    train, held_out = dataset(photos, subset="both", **options)
    fitted = classifier().fit(train, X_val=held_out)
    assert fitted.classes_.tolist() == ["ash", "fir", "oak"]
    assert "val_loss" in fitted.history_
    for name, shade in SHADES.items():
        assert fitted.predict(np.full((1, 8, 8, 3), shade)).tolist() == [name]
    assert fitted.score(held_out) == fitted.score(dataset(photos, subset="validation", **options))
    report = ClassificationReport.from_estimator(fitted, train)
    assert report.classes.tolist() == ["ash", "fir", "oak"]
    assert report.overall["accuracy"] > 0.9
    fitted.partial_fit(train)
    assert fitted.classes_.tolist() == ["ash", "fir", "oak"]


def test_names_in_an_order_of_their_own_are_matched(photos):
    fitted = classifier().fit(dataset(photos, class_names=NAMES))
    for name, shade in SHADES.items():
        assert fitted.predict(np.full((1, 8, 8, 3), shade)).tolist() == [name]
    assert fitted.score(dataset(photos)) > 0.9  # which numbers them in another order


def test_two_classes_are_named_for_every_classifier(photos):
    names = ["fir", "oak"]
    binary = classifier().fit(dataset(photos, class_names=names, label_mode="binary"))
    assert binary.classes_.tolist() == names
    assert binary.predict(np.full((1, 8, 8, 3), SHADES["oak"])).tolist() == ["oak"]
    multilabel = KerasMultilabelClassifier("cnn", backbone__filters=(4,), epochs=1)
    assert multilabel.fit(dataset(photos, class_names=names)).classes_.tolist() == names


def test_a_folder_without_photos_is_a_class(photos, tmp_path):
    (tmp_path / "elm").mkdir()
    for name in SHADES:
        (tmp_path / name).symlink_to(photos / name, target_is_directory=True)
    fitted = classifier(epochs=1).fit(dataset(tmp_path, follow_links=True))
    assert fitted.classes_.tolist() == ["ash", "elm", "fir", "oak"]


def test_texts_of_folders_are_read(tmp_path):
    for name in SHADES:
        (tmp_path / name).mkdir()
        for i in range(8):
            (tmp_path / name / f"{i}.txt").write_text(f"this {name} is number {i}")
    texts = keras.utils.text_dataset_from_directory(tmp_path, batch_size=5, seed=0, verbose=False)
    fitted = KerasMulticlassClassifier(epochs=30, random_state=0).fit(texts)
    assert fitted.classes_.tolist() == ["ash", "fir", "oak"]
    assert fitted.predict(["an oak"]).tolist() == ["oak"]
    assert fitted.score(texts) == 1


def test_names_that_a_dataset_has_lost_can_be_set_again(photos):
    """TensorFlow's transformations return datasets without the attribute."""
    original = dataset(photos)
    brighter = original.map(lambda X, y: (X + 1, y))
    assert classifier(epochs=1).fit(brighter).classes_.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="integers.*class_names"):
        classifier(epochs=1).fit(original, X_val=brighter)
    fitted = classifier(epochs=1).fit(original)
    for evaluate in (fitted.score, lambda X: ClassificationReport.from_estimator(fitted, X)):
        with pytest.raises(ValueError, match="Batch 1 of X cannot be used: y .*class_names"):
            evaluate(brighter)
    brighter.class_names = original.class_names
    fitted = classifier(epochs=1).fit(original, X_val=brighter)
    assert fitted.classes_.tolist() == ["ash", "fir", "oak"]


X = np.random.default_rng(0).normal(size=(30, 4))


def named(y, names):
    stream = tf.data.Dataset.from_tensor_slices((X, y)).batch(10)
    stream.class_names = names
    return stream


def fit(stream):
    return KerasMulticlassClassifier("mlp", epochs=1, random_state=0).fit(stream)


def test_labels_that_are_no_numbers_of_names_remain():
    strings = np.array(["b", "a", "c"])[np.arange(30) % 3]
    assert fit(named(strings, ["x", "y", "z"])).classes_.tolist() == ["a", "b", "c"]
    soft = np.full((30, 2), 0.5)
    soft[:, 0] = np.linspace(0, 1, 30)
    soft[:, 1] = 1 - soft[:, 0]
    assert fit(named(soft, ["x", "y"])).classes_.tolist() == [0, 1]
    assert fit(named(np.arange(30) % 3, [5, 6, 7])).classes_.tolist() == [0, 1, 2]


def test_numbers_without_a_name_and_repeated_names_are_errors():
    """A dataset that was given a list of labels names them, but does not number them."""
    stream = named(np.arange(30) % 3 + 1, ["1", "2", "3"])
    with pytest.raises(ValueError, match="numbers of the 3 class_names .*class_names = None"):
        fit(stream)
    stream.class_names = None
    assert fit(stream).classes_.tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="class_names of X must be different"):
        fit(named(np.arange(30) % 3, ["a", "b", "b"]))
