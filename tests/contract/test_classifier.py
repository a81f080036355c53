"""The classifier as users see it: training, parameters, predictions."""

from __future__ import annotations

import random

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import tensorflow as tf
from scipy.special import log_softmax, softmax
from sklearn.datasets import load_digits, load_iris
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.utils.class_weight import compute_sample_weight

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.splitting.folds import validation_split
from keras_multiclass._shared.seeding import epoch_seed

IRIS = load_iris()
X, y = IRIS.data, IRIS.target
TRAIN_X, VAL_X, TRAIN_Y, VAL_Y = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)


def flat(inputs, units=8):
    """Build a backbone for rows of any rank."""
    return keras.layers.Dense(units, "relu")(keras.layers.Flatten()(inputs))


@pytest.fixture(scope="module")
def fitted():
    """Return a classifier fitted with validation data and metrics, which tests must not change."""
    classifier = tiny(metrics=["accuracy", "macro_f1"])
    return classifier.fit(TRAIN_X, TRAIN_Y, X_val=VAL_X, y_val=VAL_Y)


# --- fit ----------------------------------------------------------------------------------------


def test_fit_learns_and_sets_the_fitted_attributes(fitted):
    assert fitted.score(VAL_X, VAL_Y) > 0.9
    np.testing.assert_array_equal(fitted.classes_, [0, 1, 2])
    assert fitted.n_classes_ == 3
    assert fitted.n_features_in_ == 4
    assert fitted.input_shape_ == (4,)
    assert fitted.n_iter_ == fitted.current_epoch == 10
    assert isinstance(fitted.model_, keras.Model)
    assert fitted.loss_ is fitted.model_.loss
    assert not hasattr(fitted, "feature_names_in_")
    assert tiny().current_epoch == 0


def test_the_history_has_training_and_validation_values_for_each_epoch(fitted):
    names = {"loss", "accuracy", "macro_f1"}
    assert set(fitted.history_) == names | {f"val_{name}" for name in names}
    for values in fitted.history_.values():
        assert len(values) == 10
        assert all(type(value) is float for value in values)


def test_the_last_history_entries_equal_scikit_learns_scores(fitted):
    probabilities, predicted = fitted.predict_proba(VAL_X), fitted.predict(VAL_X)
    last = {name: values[-1] for name, values in fitted.history_.items()}
    assert last["val_loss"] == pytest.approx(log_loss(VAL_Y, probabilities), rel=1e-5)
    assert last["val_accuracy"] == pytest.approx(accuracy_score(VAL_Y, predicted))
    assert last["val_macro_f1"] == pytest.approx(f1_score(VAL_Y, predicted, average="macro"))


def test_the_first_loss_is_the_cross_entropy_of_the_initial_network():
    first = tiny().initialize(X, y)
    assert first.n_iter_ == 0
    assert first.history_ == {}
    expected = log_loss(y, first.predict_proba(X))
    trained = tiny(epochs=1, batch_size=-1, metrics=["accuracy"]).fit(X, y)
    assert trained.history_["loss"] == pytest.approx([expected], rel=1e-5)
    assert trained.history_["accuracy"] == pytest.approx([first.score(X, y)])


def test_validation_sample_weights_apply():
    weights = np.linspace(0.0, 2.0, len(VAL_Y))
    classifier = tiny(epochs=2, metrics=["accuracy"]).fit(
        TRAIN_X, TRAIN_Y, X_val=VAL_X, y_val=VAL_Y, sample_weight_val=weights
    )
    expected = log_loss(VAL_Y, classifier.predict_proba(VAL_X), sample_weight=weights)
    assert classifier.history_["val_loss"][-1] == pytest.approx(expected, rel=1e-5)
    accuracy = classifier.score(VAL_X, VAL_Y, sample_weight=weights)
    assert classifier.history_["val_accuracy"][-1] == pytest.approx(accuracy)


def test_a_validation_split_holds_out_stratified_rows():
    held_out = tiny(epochs=2, validation_split=0.2).fit(X, y)
    train, val = validation_split(y, 0.2, epoch_seed(0, 0))
    assert np.bincount(y[val]).tolist() == [10, 10, 10]
    explicit = tiny(epochs=2).fit(X[train], y[train], X_val=X[val], y_val=y[val])
    np.testing.assert_allclose(
        held_out.history_["val_loss"], explicit.history_["val_loss"], rtol=0.2
    )
    expected = log_loss(y[val], held_out.predict_proba(X[val]))
    assert held_out.history_["val_loss"][-1] == pytest.approx(expected, rel=1e-5)


def test_fit_starts_over_and_a_warm_start_continues():
    classifier = tiny(epochs=2).fit(X, y)
    once = classifier.predict_proba(X)
    np.testing.assert_array_equal(classifier.fit(X, y).predict_proba(X), once)
    assert classifier.n_iter_ == 2
    model = classifier.model_
    classifier.set_params(warm_start=True, epochs=3, optimizer__learning_rate=0.01).fit(X, y)
    assert classifier.n_iter_ == len(classifier.history_["loss"]) == 5
    assert classifier.model_ is model
    rate = keras.ops.convert_to_numpy(classifier.model_.optimizer.learning_rate)
    assert float(rate) == pytest.approx(0.01)


def test_partial_fit_learns_from_parts_without_all_classes():
    classifier = tiny()
    for _ in range(15):
        for rows in (slice(0, 100, 2), slice(50, 150, 2), slice(1, 150, 2)):
            classifier.partial_fit(X[rows], IRIS.target_names[y[rows]], classes=IRIS.target_names)
    assert classifier.n_iter_ == 45
    np.testing.assert_array_equal(classifier.classes_, IRIS.target_names)
    assert classifier.score(X, IRIS.target_names[y]) > 0.85


def test_an_initialized_network_predicts_and_can_be_trained():
    classifier = tiny().initialize(X, y)
    assert classifier.predict_proba(X).shape == (150, 3)
    assert classifier.partial_fit(X, y).n_iter_ == 1


# --- early stopping -------------------------------------------------------------------------------


# --- weights --------------------------------------------------------------------------------------


def test_class_weights_multiply_sample_weights():
    weights = 0.5 + np.arange(150) % 4 / 4  # their products are exact
    per_row = np.where(y == 1, 3.0, 1.0) * weights
    by_class = tiny(epochs=3, class_weight={1: 3.0}).fit(X, y, sample_weight=weights)
    by_row = tiny(epochs=3).fit(X, y, sample_weight=per_row)
    assert by_class.history_ == by_row.history_
    np.testing.assert_array_equal(by_class.predict_proba(X), by_row.predict_proba(X))


def test_balanced_class_weights_equal_scikit_learns():
    few = np.r_[0:50, 50:70, 100:105]
    balanced = tiny(epochs=3, class_weight="balanced").fit(X[few], y[few])
    by_row = tiny(epochs=3).fit(
        X[few], y[few], sample_weight=compute_sample_weight("balanced", y[few])
    )
    np.testing.assert_allclose(
        balanced.predict_proba(X), by_row.predict_proba(X), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("params", [{}, {"loss__label_smoothing": 0.1}, {"loss": "kl_divergence"}])
def test_a_weight_equals_repeating_a_row(params):
    times = np.random.default_rng(0).integers(0, 4, size=150)
    weighted = tiny(batch_size=-1, shuffle=False, **params).fit(X, y, sample_weight=times)
    rows = np.repeat(np.arange(150), times)
    repeated = tiny(batch_size=-1, shuffle=False, **params).fit(X[rows], y[rows])
    np.testing.assert_allclose(weighted.history_["loss"], repeated.history_["loss"], rtol=1e-4)
    np.testing.assert_allclose(
        weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-2, atol=1e-4
    )


# --- predictions ----------------------------------------------------------------------------------


def test_the_prediction_methods_are_finite_and_consistent(fitted):
    extreme = np.concatenate([X, X * 1e6, -X * 1e6])
    probabilities = fitted.predict_proba(extreme)
    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    scores = fitted.decision_function(extreme)
    np.testing.assert_allclose(softmax(scores, axis=1), probabilities)
    np.testing.assert_allclose(log_softmax(scores, axis=1), fitted.predict_log_proba(extreme))
    np.testing.assert_array_equal(fitted.predict(extreme), probabilities.argmax(axis=1))


def test_the_binary_decision_function_is_one_dimensional():
    two = y < 2
    classifier = tiny(epochs=2).fit(X[two], IRIS.target_names[y[two]])
    scores = classifier.decision_function(X)
    assert scores.shape == (150,)
    np.testing.assert_allclose(classifier.predict_proba(X)[:, 1], 1 / (1 + np.exp(-scores)))
    np.testing.assert_array_equal(classifier.predict(X) == "versicolor", scores > 0)


def test_the_model_maps_raw_features_to_logits(fitted):
    logits = keras.ops.convert_to_numpy(fitted.model_(X.astype("float32")))
    np.testing.assert_allclose(softmax(logits, axis=1), fitted.predict_proba(X), atol=1e-6)
    np.testing.assert_allclose(fitted.model_.predict(X, verbose=0), logits, atol=1e-5)


@pytest.mark.parametrize("engine", ["graph", "keras"])
def test_a_validation_batch_size_of_minus_1_means_all_rows(engine):
    def whole_batch(y_true, y_pred):  # not the mean of what smaller batches give
        right = keras.ops.mean(keras.ops.sum(y_true * y_pred, axis=-1))
        return right * right

    fits = [
        tiny(metrics=whole_batch, engine=engine, epochs=1, fit__validation_batch_size=size)
        .fit(X, y, X_val=X[:50], y_val=y[:50])
        .history_["val_whole_batch"]
        for size in (-1, 50, 7)
    ]
    assert fits[0] == fits[1] != fits[2]


def test_predictions_do_not_depend_on_the_batch_size(fitted):
    expected = fitted.predict_proba(X)
    try:
        for batch_size in (1, 7, 1000, -1, None):
            fitted.set_params(predict__batch_size=batch_size)
            np.testing.assert_allclose(fitted.predict_proba(X), expected, atol=1e-6)
    finally:
        fitted.set_params(predict__batch_size=128)


def test_one_hot_labels_give_one_hot_predictions():
    matrix = np.eye(3, dtype="int64")[y]
    frame = pd.DataFrame(matrix, columns=IRIS.target_names)
    for labels in (matrix, frame):
        classifier = tiny().fit(X, labels)
        predicted = classifier.predict(X)
        assert type(predicted) is type(labels)
        assert predicted.shape == (150, 3)
        score = classifier.score(X, labels)
        assert score == np.mean(np.asarray(predicted).argmax(axis=1) == y) > 0.9
        assert classifier.score(X, labels, sample_weight=(y == 0) * 1.0) == np.mean(
            np.asarray(predicted).argmax(axis=1)[y == 0] == 0
        )
    assert classifier.predict(X).columns.tolist() == list(IRIS.target_names)
    np.testing.assert_array_equal(classifier.classes_, IRIS.target_names)


# --- inputs ---------------------------------------------------------------------------------------


def test_standardization_is_part_of_the_model_and_can_be_turned_off():
    standardized, raw = (
        tiny(epochs=1, scaling=scaling).fit(X * 1000.0, y) for scaling in ("auto", None)
    )
    kinds = [
        [type(layer) for layer in classifier.model_.layers] for classifier in (standardized, raw)
    ]
    assert keras.layers.Normalization in kinds[0]
    assert keras.layers.Normalization not in kinds[1]
    layer = standardized.model_.get_layer("standardization")
    scaled = keras.ops.convert_to_numpy(layer((X * 1000.0).astype("float32")))
    np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0), 1.0, rtol=1e-4)


@pytest.mark.parametrize("scale", [1e-30, 1e-9, 1e9, 1e30, [1e-20, 1e-3, 1.0, 1e20]])
def test_the_scale_of_the_features_does_not_matter(scale):
    scaled = tiny(epochs=3).fit(X * scale, y).predict_proba(X * scale)
    np.testing.assert_allclose(scaled, tiny(epochs=3).fit(X, y).predict_proba(X), atol=1e-3)


@pytest.mark.parametrize(
    "make", [scipy.sparse.csr_matrix, scipy.sparse.csr_array, scipy.sparse.csc_array]
)
def test_sparse_features_train_as_dense_ones(make):
    sparse_X = np.where(X > 2.0, X, 0.0)
    dense = tiny(epochs=3, validation_split=0.2).fit(sparse_X, y)
    sparse = tiny(epochs=3, validation_split=0.2).fit(make(sparse_X), y)
    np.testing.assert_allclose(sparse.predict_proba(make(sparse_X)), dense.predict_proba(sparse_X),
                               rtol=1e-4, atol=1e-6)  # fmt: skip
    np.testing.assert_array_equal(
        sparse.predict_proba(make(sparse_X)), sparse.predict_proba(sparse_X)
    )


def test_column_names_are_kept_and_dtypes_do_not_matter():
    frame = pd.DataFrame(IRIS.data, columns=IRIS.feature_names)
    classifier = tiny(epochs=2).fit(frame, pd.Series(IRIS.target_names[y], dtype="category"))
    assert classifier.feature_names_in_.tolist() == IRIS.feature_names
    expected = classifier.predict_proba(frame)
    np.testing.assert_array_equal(classifier.predict_proba(frame.astype("float32")), expected)
    whole = (X * 10).round()
    kinds = [np.float64, np.float32, np.int64, np.int8, object]
    first, *others = [tiny().initialize(w, y).predict_proba(w) for w in map(whole.astype, kinds)]
    for other in others:
        np.testing.assert_array_equal(other, first)


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_float16", "mixed_bfloat16"])
def test_every_dtype_policy_trains(dtype):
    before = keras.config.floatx(), keras.config.dtype_policy().name
    classifier = tiny(dtype=dtype, metrics=["accuracy", "top_2_accuracy"]).fit(X, y)
    assert (keras.config.floatx(), keras.config.dtype_policy().name) == before
    assert classifier.score(X, y) > 0.9
    hidden = [layer for layer in classifier.model_.layers if isinstance(layer, keras.layers.Dense)]
    assert hidden[0].dtype_policy.name == dtype
    assert hidden[0].compute_dtype == dtype.removeprefix("mixed_")
    np.testing.assert_allclose(classifier.predict_proba(X).sum(axis=1), 1.0)
    expected = "float64" if dtype == "float64" else "float32"
    assert classifier.model_.output.dtype == expected
    classifier.partial_fit(X, y)
    assert classifier.n_iter_ == 11


def digits(n=120):
    images, labels = load_digits(return_X_y=True)
    kept = labels < 3
    return images[kept][:n].reshape(-1, 8, 8), labels[kept][:n]


CNN = {"backbone__filters": (16,), "optimizer__learning_rate": 0.01}


@pytest.mark.parametrize(
    ("shape", "dtype", "params", "layer"),
    [
        ((8, 8, 1), "float32", CNN, keras.layers.Conv2D),
        ((8, 8), "uint8", {"backbone": "cnn", **CNN}, keras.layers.Conv2D),
        ((16, 4), "float64", {"backbone__filters": 8}, keras.layers.Conv1D),
        ((8, 8), "float64", {"backbone": "gru", "backbone__units": 8}, keras.layers.GRU),
        ((2, 4, 4, 2), "float32", {"backbone": flat}, keras.layers.Flatten),
    ],
    ids=["image", "grey image", "sequence", "recurrent", "volume"],
)
def test_images_sequences_and_volumes_are_learned(shape, dtype, params, layer):
    images, labels = digits()
    images = images.reshape(-1, *shape).astype(dtype)
    classifier = KerasMulticlassClassifier(
        **{
            "epochs": 12,
            "batch_size": 20,
            "optimizer__learning_rate": 0.05,
            "random_state": 0,
            **params,
        }
    ).fit(images, labels)
    assert classifier.score(images, labels) > 0.8
    assert classifier.input_shape_ == shape
    inner = [type(part) for part in classifier.model_._flatten_layers()]
    assert layer in inner
    assert classifier.predict_proba(images[:1]).shape == (1, 3)


def masked_mean(inputs, mask=None):
    """Average the steps that are not padding."""
    real = keras.ops.expand_dims(keras.ops.cast(mask, inputs.dtype), -1)
    return keras.ops.sum(inputs * real, axis=1) / keras.ops.sum(real, axis=1)


def test_a_backbone_with_a_mask_argument_gets_the_padding_mask():
    sequences = np.random.default_rng(0).normal(size=(30, 3, 2))
    padded = np.concatenate([sequences, np.zeros((30, 2, 2))], axis=1)
    params = {"backbone": masked_mean, "epochs": 2, "random_state": 0}
    plain = KerasMulticlassClassifier(**params).fit(sequences, np.arange(30) % 3)
    longer = KerasMulticlassClassifier(**params).fit(padded, np.arange(30) % 3)
    expected = plain.predict_proba(sequences)
    np.testing.assert_allclose(longer.predict_proba(padded), expected, atol=1e-6)


def test_token_ids_are_learned_and_unknown_ones_accepted():
    generator = np.random.default_rng(0)
    labels = np.arange(90) % 3
    tokens = generator.integers(10, 20, size=(90, 6))
    tokens[np.arange(90), generator.integers(0, 4, size=90)] = labels + 1
    tokens[:, 4:] = 0  # padding
    classifier = KerasMulticlassClassifier(
        "conv1d", backbone__filters=8, backbone__num_layers=1, epochs=12, batch_size=15,
        optimizer__learning_rate=0.03, random_state=0,
    ).fit(tokens, labels)  # fmt: skip
    assert classifier.score(tokens, labels) > 0.8
    assert np.isfinite(classifier.predict_proba(tokens + 1000)).all()
    with pytest.raises(ValueError, match="token ids"):
        classifier.predict(tokens - 1)


# --- backbones of Keras ---------------------------------------------------------------------------


def headless():
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(6, "relu"), keras.layers.LayerNormalization()]
    )


@pytest.mark.parametrize("kind", ["model", "layer"])
def test_a_keras_backbone_is_copied_with_its_weights_and_never_trained(kind):
    keras.utils.set_random_seed(0)
    backbone = headless() if kind == "model" else keras.layers.Dense(16, "relu")
    backbone.build((None, 4))
    before = [weight.copy() for weight in backbone.get_weights()]
    expected = keras.ops.convert_to_numpy(backbone(X.astype("float32")))
    classifier = KerasMulticlassClassifier(
        backbone, epochs=10, optimizer__learning_rate=0.05, random_state=0, batch_size=25
    )
    classifier.initialize(X, y)
    features = keras.Model(classifier.model_.input, classifier.model_.layers[-1].input)
    np.testing.assert_allclose(features(X.astype("float32")), expected, rtol=1e-5, atol=1e-5)
    classifier.fit(X, y)
    assert classifier.score(X, y) > 0.8
    for kept, now in zip(before, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, now)
    assert classifier.backbone is backbone


def test_frozen_layers_of_a_backbone_stay_frozen():
    backbone = headless()
    backbone.layers[0].trainable = False
    kernel = backbone.layers[0].get_weights()[0]
    classifier = KerasMulticlassClassifier(backbone, epochs=2, random_state=0).fit(X, y)
    inner = next(part for part in classifier.model_.layers if isinstance(part, keras.Sequential))
    np.testing.assert_array_equal(inner.layers[0].get_weights()[0], kernel)
    assert not inner.layers[0].trainable


def test_arguments_are_routed_to_a_layer_class():
    classifier = KerasMulticlassClassifier(
        keras.layers.Dense, backbone__units=7, backbone__activation="relu", epochs=1, random_state=0
    ).fit(X, y)
    assert classifier.model_.layers[-1].input.shape == (None, 7)


def test_a_keras_applications_network_works_as_a_backbone():
    backbone = keras.applications.MobileNetV3Small(
        input_shape=(32, 32, 3), include_top=False, pooling="avg", weights=None
    )
    images = np.random.default_rng(0).integers(0, 256, size=(8, 32, 32, 3), dtype="uint8")
    labels = np.array(["cat", "dog"])[np.arange(8) % 2]
    classifier = KerasMulticlassClassifier(
        backbone,
        epochs=1,
        random_state=0,
        compile__run_eagerly=True,  # tracing so deep a network takes half a minute
    ).fit(images, labels)
    assert classifier.predict_proba(images).shape == (8, 2)
    assert set(classifier.predict(images)) <= {"cat", "dog"}


# --- parameters and side effects ------------------------------------------------------------------


def test_fit_arguments_can_be_routed():
    classifier = tiny(fit__epochs=2, fit__validation_split=0.5, fit__validation_freq=2).fit(X, y)
    assert classifier.n_iter_ == 2
    assert len(classifier.history_["val_loss"]) == 1
    assert tiny(fit__batch_size=7, epochs=1, compile__run_eagerly=True).fit(X, y).model_.run_eagerly


def test_parameters_can_be_read_set_and_printed():
    classifier = tiny(loss__label_smoothing=0.1)
    params = classifier.get_params()
    assert params["backbone__hidden_units"] == (16,)
    assert params["loss__label_smoothing"] == 0.1
    assert classifier.set_params(callbacks__stop__patience=3, epochs=7) is classifier
    assert classifier.get_params()["callbacks__stop__patience"] == 3
    assert "optimizer__learning_rate=0.05" in repr(classifier)
    assert "epochs=7" in repr(classifier)
    assert params["epochs"] == 10  # a copy


def test_fit_leaves_global_random_states_and_settings_unchanged():
    def draw():
        values = [random.random(), np.random.random(), float(tf.random.uniform(()))]
        return [*values, float(keras.random.uniform(()))]

    def settings():
        config = keras.config
        return [
            config.floatx(),
            config.dtype_policy().name,
            config.epsilon(),
            config.image_data_format(),
            config.is_traceback_filtering_enabled(),
            config.is_interactive_logging_enabled(),
            tf.config.functions_run_eagerly(),
        ]

    def draw_after_seeding():
        keras.utils.set_random_seed(3)
        return draw()

    # Only newer versions of Keras reset its own generator when a seed is set.
    expected, before = draw_after_seeding(), settings()
    repeatable = [
        again == first for again, first in zip(draw_after_seeding(), expected, strict=True)
    ]
    assert all(repeatable[:3])
    keras.utils.set_random_seed(3)
    classifier = tiny(epochs=1, backbone__dropout=0.5, dtype="float64").fit(X, y)
    classifier.predict(X)
    drawn = draw()
    assert [d == e for d, e in zip(drawn, expected, strict=True)] == repeatable
    assert settings() == before
    with pytest.raises(ValueError, match="infinity"):
        tiny().fit(np.full_like(X, np.inf), y)
    assert settings() == before


def test_an_unfitted_classifier_has_no_public_attributes_but_its_parameters_and_methods():
    classifier = KerasMulticlassClassifier()
    public = {name for name in dir(classifier) if not name.startswith("_")}
    values = {name for name in public if not callable(getattr(classifier, name))}
    assert values <= {*classifier.get_params(), "current_epoch"}  # which SciKeras has, too
