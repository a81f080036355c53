"""Paths of images as X: training, prediction and everything that scikit-learn does with them."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
import tensorflow as tf
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import (
    GridSearchCV,
    GroupShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from keras_multiclass import (
    Inputs,
    KerasMulticlassClassifier,
    KerasMultilabelClassifier,
    images_from_directory,
)
from keras_multiclass._data.images import files as image_files
from keras_multiclass.evaluation import ClassificationReport, cross_validated_report

DIGITS = load_digits(n_class=3)
IMAGES = np.round(DIGITS.images[:120] * 15).astype(np.uint8)[..., None]
KINDS = np.array(["zero", "one", "two"])
SMALL = {
    "backbone__filters": (4, 8),
    "optimizer__learning_rate": 0.02,
    "epochs": 4,
    "random_state": 0,
}


def small(**params):
    return KerasMulticlassClassifier(**{**SMALL, **params})


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    tf.io.write_file(str(path), tf.io.encode_png(image))
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("digits")
    for i, (image, label) in enumerate(zip(IMAGES, DIGITS.target, strict=False)):
        save(root / KINDS[label] / f"{i:03}.PNG", image)
    return root


@pytest.fixture(scope="module")
def data(folder):
    """Return paths, their labels, and the images as an array."""
    X, y = images_from_directory(folder)
    rows = [int(Path(path).stem) for path in X]
    assert (y == KINDS[DIGITS.target[rows]]).all()
    return X, y, IMAGES[rows]


@pytest.fixture(scope="module")
def fitted(data):
    X, y, _ = data
    return small().fit(X, y)


def test_paths_and_their_images_in_an_array_give_the_same_to_the_bit(data, fitted):
    X, y, images = data
    from_array = small().fit(images, y)
    expected = from_array.predict_proba(images)
    np.testing.assert_array_equal(fitted.predict_proba(X), expected)
    np.testing.assert_array_equal(fitted.predict(X), from_array.predict(images))
    assert fitted.score(X, y) == from_array.score(images, y) > 0.8
    assert fitted.history_ == from_array.history_
    assert fitted.resolved_params_ == from_array.resolved_params_
    assert fitted.resolved_params_["backbone"] == "cnn"
    np.testing.assert_array_equal(fitted.predict_proba(images), expected)  # which X may be, too


def test_fitted_attributes(fitted):
    assert fitted.input_shape_ == (8, 8, 1)
    assert not hasattr(fitted, "n_features_in_")
    assert not hasattr(fitted, "text_vectorizer_")
    assert [*fitted.classes_] == sorted(KINDS)


@pytest.mark.parametrize(
    "container",
    [list, tuple, pd.Series, pl.Series, lambda X: [*map(Path, X)], lambda X: X[:, None]],
)
def test_paths_may_be_in_any_container(data, fitted, container):
    X, y, _ = data
    again = small().fit(container(X), y)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(container(X)))


def test_pickles_and_copies_predict_the_same(data, fitted):
    X, _, _ = data
    expected = fitted.predict_proba(X)
    for same in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        np.testing.assert_array_equal(same.predict_proba(X), expected)


def test_clones_keep_the_size(data):
    X, y, _ = data
    again = clone(small(image_size=(6, 5), epochs=1)).fit(X, y)
    assert again.image_size == (6, 5)
    assert again.input_shape_ == (6, 5, 1)


def test_a_search_over_a_folder_of_images_equals_that_over_the_array(data):
    X, y, images = data
    grid = {"backbone__filters": [(4,), (4, 8)]}
    searches = [GridSearchCV(small(), grid, cv=2).fit(rows, y) for rows in (X, images)]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    np.testing.assert_array_equal(*scores)
    assert searches[0].best_score_ > 0.6
    assert searches[0].best_estimator_.input_shape_ == (8, 8, 1)


def test_the_size_can_be_searched(data):
    X, y, _ = data
    grid = {"image_size": ["auto", (4, 4)]}
    search = GridSearchCV(small(epochs=1), grid, cv=2, refit=False).fit(X, y)
    assert len(search.cv_results_["params"]) == 2


def test_reports_and_cross_validation(data, fitted):
    X, y, images = data
    report = ClassificationReport.from_estimator(fitted, X, y)
    assert report.overall["accuracy"] == fitted.score(X, y)
    folds = StratifiedKFold(2)
    found = cross_validated_report(small(epochs=2), X, y, cv=folds)
    expected = cross_validated_report(small(epochs=2), images, y, cv=folds)
    np.testing.assert_array_equal(found.report.confusion_matrix, expected.report.confusion_matrix)


def test_workers_read_the_files_themselves(data):
    X, y, _ = data
    alone, workers = (cross_val_predict(small(epochs=1), X, y, cv=2, n_jobs=n) for n in (1, 2))
    np.testing.assert_array_equal(alone, workers)


def test_pipelines(data, fitted, folder):
    X, y, _ = data
    names = np.array([str(Path(path).relative_to(folder)) for path in X])
    to_paths = FunctionTransformer(lambda names: np.array([str(folder / name) for name in names]))
    pipeline = make_pipeline(to_paths, small()).fit(names, y)
    np.testing.assert_array_equal(pipeline.predict_proba(names), fitted.predict_proba(X))


def test_validation_data_and_splits(data):
    X, y, images = data
    X_train, X_val, images_train, images_val, y_train, y_val = train_test_split(
        X, images, y, random_state=0
    )
    paths = small().fit(X_train, y_train, X_val=X_val, y_val=y_val)
    array = small().fit(images_train, y_train, X_val=images_val, y_val=y_val)
    assert paths.history_ == array.history_
    assert "val_loss" in paths.history_
    for split in (0.2, GroupShuffleSplit(1, test_size=0.3)):
        groups = None if split == 0.2 else np.arange(len(y)) // 10
        both = [
            small(validation_split=split, epochs=2).fit(rows, y, groups=groups)
            for rows in (X, images)
        ]
        assert both[0].history_ == both[1].history_


def test_weights_and_weightless_rows(data):
    X, y, images = data
    weights = np.arange(len(y)) % 3.0
    both = [small(epochs=2).fit(rows, y, sample_weight=weights) for rows in (X, images)]
    np.testing.assert_array_equal(both[0].predict_proba(X), both[1].predict_proba(images))


def test_partial_fit_and_warm_start(data):
    X, y, images = data
    both = []
    for rows in (X, images):
        classifier = small(warm_start=True)
        for part in (slice(0, 60), slice(60, 120)):
            classifier.partial_fit(rows[part], y[part], classes=KINDS)
        both.append(classifier.fit(rows, y, classes=KINDS))
    np.testing.assert_array_equal(both[0].predict_proba(X), both[1].predict_proba(images))
    with pytest.raises(ValueError, match="`image_size` must stay 'auto' once the network exists"):
        both[0].set_params(image_size=(4, 4)).fit(X, y)


def test_several_labels_per_row(data):
    X, y, images = data
    labels = np.column_stack([y == "zero", y != "two"]).astype(int)
    both = [KerasMultilabelClassifier(**SMALL).fit(rows, labels) for rows in (X, images)]
    np.testing.assert_array_equal(both[0].predict_proba(X), both[1].predict_proba(images))
    assert KerasMultilabelClassifier(image_size=(3, 4)).get_params()["image_size"] == (3, 4)


def test_many_images_are_predicted_part_by_part(data, fitted, monkeypatch):
    X, _, _ = data
    expected, sizes = fitted.predict_proba(X), []
    monkeypatch.setattr(image_files, "_BYTES_OF_PART", 25 * 64)
    decode = image_files.ImageFiles.decode

    def noting(self, paths, first=0):
        sizes.append(len(paths))
        return decode(self, paths, first)

    monkeypatch.setattr(image_files.ImageFiles, "decode", noting)
    np.testing.assert_array_equal(fitted.predict_proba(X), expected)
    assert sizes == [25, 25, 25, 25, 20]
    with pytest.raises(ValueError, match=r"X\[77\] 'gone.png' does not exist"):
        fitted.predict([*X[:77], "gone.png", *X[:20]])


def test_images_in_a_temporary_file_train_the_same_network(data, fitted, monkeypatch):
    X, y, _ = data
    expected = small(engine="keras").fit(X, y).predict_proba(X)
    monkeypatch.setattr(image_files, "_MOST_IN_MEMORY", 10)
    mapped = small(engine="keras").fit(X, y)
    np.testing.assert_array_equal(mapped.predict_proba(X), expected)
    np.testing.assert_allclose(small().fit(X, y).predict_proba(X), expected, atol=1e-4)


def test_images_of_any_size_and_colors_are_predicted(tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(24) % 2
    X = [
        save(
            tmp_path / f"{i}.png",
            (rng.integers(0, 99, (10 + i, 12, 3)) + 150 * (i % 2)).astype(np.uint8),
        )
        for i in range(24)
    ]
    classifier = small(epochs=1).fit(X, y)
    assert classifier.input_shape_ == (22, 12, 3)  # the median
    image = np.full((40, 30, 1), 200, np.uint8)
    gray, color = save(tmp_path / "gray.png", image), np.repeat(image, 3, axis=2)
    probabilities = classifier.predict_proba([gray, save(tmp_path / "color.png", color)])
    np.testing.assert_array_equal(probabilities[0], probabilities[1])


def test_the_fixed_size_of_a_network_of_the_users_own_is_used(data):
    X, y, _ = data
    network = keras.Sequential(
        [
            keras.Input((5, 6, 3)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    for params in (
        {"backbone": network},
        {"model": keras.Sequential([network, keras.layers.Dense(3)])},
    ):
        classifier = KerasMulticlassClassifier(epochs=1, random_state=0, **params).fit(X, y)
        assert classifier.input_shape_ == (5, 6, 3)
    with pytest.raises(ValueError, match="shape"):
        KerasMulticlassClassifier(network, image_size=(4, 4), epochs=1).fit(X, y)


def test_a_pretrained_network_of_keras_applications(data):
    X, y, _ = data
    network = keras.applications.MobileNetV3Small(
        input_shape=(32, 32, 3), include_top=False, pooling="avg", weights=None
    )
    classifier = KerasMulticlassClassifier(network, epochs=1, random_state=0).fit(X[::4], y[::4])
    assert classifier.input_shape_ == (32, 32, 3)
    assert classifier.predict_proba(X[:3]).shape == (3, 3)


def test_the_layout_has_no_effect(data, fitted):
    X, y, _ = data
    first = small(layout="channels_first").fit(X, y)
    np.testing.assert_array_equal(first.predict_proba(X), fitted.predict_proba(X))


def test_photos_beside_a_table(data):
    X, y, images = data
    facts = pd.DataFrame({"mean": images.mean(axis=(1, 2, 3)), "odd": np.arange(len(y)) % 2})
    params = {"backbone": {"photo": "cnn", "facts": "mlp"}, "epochs": 2, "random_state": 0}
    both = [
        KerasMulticlassClassifier(**params, backbone__photo__filters=(4,)).fit(
            {"photo": rows, "facts": facts}, y
        )
        for rows in (X, images)
    ]
    predicted = [
        classifier.predict_proba(Inputs(photo=rows, facts=facts))
        for classifier, rows in zip(both, (X, images), strict=True)
    ]
    np.testing.assert_array_equal(*predicted)
    assert both[0].input_shape_ == {"photo": (8, 8, 1), "facts": (2,)}
    scores = cross_val_predict(
        both[0], Inputs(photo=[*map(Path, X)], facts=facts), y, cv=2, method="predict_proba"
    )
    assert scores.shape == (len(y), 3)
    gone = {"photo": [*X[:-1], "gone.png"], "facts": facts}
    with pytest.raises(ValueError, match="Input 'photo' cannot be used: .*'gone.png' does not"):
        both[0].predict(gone)


def test_photos_beside_texts_need_no_table_in_the_dict(data):
    X, y, _ = data
    inputs = {"photo": X, "title": [f"a {name}" for name in y], "thumb": X}
    params = {"epochs": 1, "image_size": (6, 7), "backbone": {"photo": "cnn", "thumb": "cnn"}}
    params["backbone"]["title"] = "bag_of_ngrams"
    classifier = KerasMulticlassClassifier(**params, random_state=0).fit(inputs, y)
    assert classifier.input_shape_["photo"] == classifier.input_shape_["thumb"] == (6, 7, 1)


def test_several_inputs_are_predicted_part_by_part(data, monkeypatch):
    X, y, images = data
    inputs = {"photo": X, "facts": images.mean(axis=(1, 2))}
    classifier = KerasMulticlassClassifier(epochs=1, random_state=0).fit(inputs, y)
    expected = classifier.predict_proba(inputs)
    monkeypatch.setattr(image_files, "_BYTES_OF_PART", 4 * 50 * 64)
    np.testing.assert_array_equal(classifier.predict_proba(inputs), expected)
    inputs["photo"] = [*X[:-1], "gone.png"]
    with pytest.raises(ValueError, match=r"Input 'photo' .* X\[119\] 'gone.png' does not exist"):
        classifier.predict(inputs)


def test_a_failing_fit_leaves_a_fitted_classifier_as_it_was(data, tmp_path):
    X, y, _ = data
    classifier = small(epochs=1).fit(X, y)
    expected = classifier.predict_proba(X)
    content = Path(X[0]).read_bytes()
    (tmp_path / "short.png").write_bytes(content[:-20])
    for wrong, error in {
        (*X[:-1], str(tmp_path / "short.png")): r"X\[119\] '.*short.png' is cut off or damaged",
        (*X[:-1], "gone.png"): r"got 1 of 120 that are not: X\[119\] 'gone.png' does not exist",
        (*X[:-1], None): r"got 1 of 120 missing \(the first is X\[119\]\)",
    }.items():
        with pytest.raises(ValueError, match=error):
            classifier.fit(list(wrong), y)
        np.testing.assert_array_equal(classifier.predict_proba(X), expected)
    with pytest.raises(ValueError, match=r"X_val cannot be used: .*'gone.png' does not exist"):
        classifier.fit(X, y, X_val=["gone.png"], y_val=["one"])


def test_what_is_no_image_after_a_fit_on_images_is_an_error(data, fitted):
    X, _, images = data
    with pytest.raises(ValueError, match=r"X\[0\] 'a cat' does not exist"):
        fitted.predict(["a cat"])
    with pytest.raises(TypeError, match=r"For a single image, pass \[X\]"):
        fitted.predict(X[0].item())
    with pytest.raises(ValueError, match="of shape .8, 8, 1., as in fit"):
        fitted.predict(images[:, :4])
    for empty in ([], X[:0], np.array([], dtype=object)):
        with pytest.raises(ValueError, match="0 sample"):
            fitted.predict(empty)


def test_paths_after_a_fit_on_an_array_are_an_error(data):
    X, y, images = data
    classifier = small(epochs=1).fit(images, y)
    with pytest.raises(ValueError, match="got paths of image files .* fit on the paths"):
        classifier.predict(X)


def test_a_folder_as_x_is_an_error_that_says_what_to_call(folder):
    with pytest.raises(TypeError, match="images_from_directory"):
        small().fit(folder, None)


def test_a_size_without_paths_is_an_error_with_code_that_resizes(data):
    _, y, images = data
    for X in (images, DIGITS.data[:120], ["a text"] * 120):
        with pytest.raises(ValueError, match="`image_size` has no effect unless X holds") as caught:
            small(image_size=(4, 5)).fit(X, y)
    code = str(caught.value).partition("X = ")[2].removesuffix(".")
    resized = eval(code, {"keras": keras, "X": images, "image_size": (4, 5)})
    assert resized.shape == (120, 4, 5, 1)


@pytest.mark.parametrize("size", ["large", 224, (224,), (0, 8), (8.5, 8), (8, 8, 3), None, True])
def test_a_wrong_size_is_an_error(data, size):
    X, y, _ = data
    with pytest.raises(ValueError, match=r"`image_size` must be 'auto', or \(height, width\)"):
        small(image_size=size).fit(X, y)


def test_parameters_that_have_no_effect_are_errors(data):
    X, y, _ = data
    with pytest.raises(ValueError, match="`categorical_features` must be 'from_dtype' or None"):
        small(categorical_features=[0]).fit(X, y)
    with pytest.raises(ValueError, match="`text_vectorizer__min_df` has no effect"):
        small(text_vectorizer__min_df=2).fit(X, y)


def test_paths_in_a_stream_are_an_error_that_says_what_to_do(data):
    X, y, _ = data
    batches = [(X[:60], y[:60]), (X[60:], y[60:])]
    with pytest.raises(TypeError, match="got paths of image files. Pass all paths to fit"):
        small().fit(lambda: iter(batches))


@pytest.mark.parametrize("library", [pd, pl])
def test_a_column_of_paths_in_a_frame_is_warned_of_with_code_that_reads_them(data, library):
    X, y, images = data
    table = library.DataFrame({"file": X, "mean": images.mean(axis=(1, 2, 3))})
    with pytest.warns(UserWarning, match="column 'file' .* names of image files") as caught:
        KerasMulticlassClassifier("mlp", epochs=1).fit(table, y)
    code = str(caught[0].message).partition("X = ")[2].removesuffix(".")
    inputs = eval(code, {"X": table})
    classifier = KerasMulticlassClassifier(epochs=1).fit(inputs, y)
    assert classifier.input_shape_ == {"photo": (8, 8, 1), "facts": (1,)}


def test_texts_that_are_mostly_names_of_images_are_read_as_texts_with_a_warning(data):
    X, y, _ = data
    with pytest.warns(UserWarning, match="X is read as texts, although 119 of its 120 strings"):
        classifier = KerasMulticlassClassifier(epochs=1, n_ensemble=1).fit([*X[:-1], "a cat"], y)
    assert hasattr(classifier, "text_vectorizer_")
