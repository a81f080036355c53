"""The checks that `test_jax.py` runs on JAX; pytest does not collect this file by itself.

The environment variable ``TENSORFLOW_RESULTS`` names a file pickled on TensorFlow. For each table
backbone it holds a pickled classifier and the probabilities that this classifier predicted.
"""

from __future__ import annotations

import functools
import os
import pickle
from pathlib import Path

import jax
import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import f1_score, recall_score, roc_auc_score
from test_jax import SMALL, classifier_of, eucalyptus

import _toy
from keras_multiclass import KerasMultilabelClassifier, get_backbone

NAMES = tuple(SMALL)
X, y = load_iris(return_X_y=True)
TABLE, LABELS = eucalyptus()
# Batches of equal size, so one training step is compiled.
tiny = functools.partial(_toy.tiny, batch_size=50)


def test_keras_runs_on_jax():
    assert keras.backend.backend() == "jax"


# --- every backbone -------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=NAMES)
def fitted(request):
    return classifier_of(request.param).fit(TABLE, LABELS)


def test_a_raw_table_is_trained_with_keras_own_step(fitted):
    assert fitted.engine_ == "keras"
    assert "jax" in fitted.engine_reason_
    losses = fitted.history_["loss"]
    assert len(losses) == 3
    assert losses[-1] < losses[0]
    probabilities = fitted.predict_proba(TABLE)
    assert probabilities.shape == (len(TABLE), len(fitted.classes_))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-9)


def test_the_gradient_reaches_every_trainable_weight(fitted):
    # Adam's second moment is zero as long as every gradient was.
    moments = [v for v in fitted.model_.optimizer.variables if "velocity" in v.path]
    assert len(moments) == len(fitted.model_.trainable_variables)
    assert not [v.path for v in moments if not np.any(v.numpy() > 0)]


def test_a_row_alone_has_the_probabilities_that_it_has_in_a_batch(fitted):
    alone, together = fitted.predict_proba(TABLE[3:4]), fitted.predict_proba(TABLE)[3:4]
    np.testing.assert_allclose(alone, together, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_classifier_pickled_on_tensorflow_predicts_the_same(name):
    pickled, expected = pickle.loads(Path(os.environ["TENSORFLOW_RESULTS"]).read_bytes())[name]
    classifier = pickle.loads(pickled)
    np.testing.assert_allclose(classifier.predict_proba(TABLE), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_features_follow_the_dtype_policy(name):
    classifier = classifier_of(name, dtype="mixed_float16").initialize(TABLE, LABELS)
    # The head is the last layer, and the members of an ensemble are averaged after it.
    head = classifier.model_.layers[-1 - get_backbone(name).ensemble]
    assert head.input.dtype == "float16"


# --- training -------------------------------------------------------------------------------------


def test_training_resumes_from_a_pickle_and_leaves_the_original_unchanged():
    classifier = tiny(epochs=2, optimizer="scheduled_adam").fit(X, y)
    before = classifier.predict_proba(X)
    copy = pickle.loads(pickle.dumps(classifier)).partial_fit(X, y)
    assert copy.n_iter_ == 3
    assert (copy.predict_proba(X) != before).any()
    np.testing.assert_array_equal(classifier.predict_proba(X), before)


def test_the_seed_determines_the_network():
    first, same, other = (
        tiny(backbone__dropout=0.2, epochs=1, random_state=seed).fit(X, y).predict_proba(X)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_streams_validation_data_metrics_and_class_weights_work(tmp_path, capfd):
    def stream():
        for i in range(3):
            yield X[i::3], y[i::3]

    metrics = ["macro_f1", "macro_auc", "per_class_recall"]
    classifier = _toy.tiny(class_weight={0: 2.0}, metrics=metrics, callbacks="tensorboard")
    classifier.set_params(callbacks__tensorboard__log_dir=tmp_path)
    classifier.fit(stream, X_val=X, y_val=y)
    probabilities, weights = classifier.predict_proba(X), np.where(y == 0, 2.0, 1.0)
    area = roc_auc_score(y, probabilities, multi_class="ovr", sample_weight=weights)
    assert classifier.history_["val_macro_auc"][-1] == pytest.approx(area, abs=1e-3)
    labels = probabilities.argmax(axis=1)
    f1 = f1_score(y, labels, average="macro", sample_weight=weights)
    assert classifier.history_["val_macro_f1"][-1] == pytest.approx(f1, abs=1e-5)
    recalls = [classifier.history_[f"val_recall/{i}"][-1] for i in range(3)]
    np.testing.assert_allclose(recalls, recall_score(y, labels, average=None), atol=1e-5)
    assert len(list(tmp_path.rglob("events.*"))) == 2
    assert capfd.readouterr() == ("", "")


def test_several_labels_per_row_are_learned():
    labels = pd.DataFrame({"long": X[:, 2] > 4, "wide": X[:, 1] > 3})
    params = {"class_weight": {"long": 2.0}, "metrics": ["macro_f1", "coverage_error"]}
    classifier = KerasMultilabelClassifier(
        "mlp",
        backbone__hidden_units=(16,),
        optimizer__learning_rate=0.05,
        epochs=10,
        batch_size=50,
        n_ensemble=2,
        threshold="auto",
        random_state=0,
        **params,
    ).fit(X, labels, X_val=X, y_val=labels)
    assert classifier.engine_ == "keras"
    probabilities, predicted = classifier.predict_proba(X), classifier.predict(X)
    expected = pd.DataFrame(probabilities > classifier.thresholds_, columns=labels.columns)
    assert predicted.equals(expected)
    assert f1_score(labels, predicted, average="macro") > 0.9
    f1 = f1_score(labels, probabilities > 0.5, average="macro")
    assert classifier.history_["val_macro_f1"][-1] == pytest.approx(f1, abs=1e-5)
    copy = pickle.loads(pickle.dumps(classifier))
    for each in (copy, classifier):
        each.partial_fit(X, labels)
    np.testing.assert_array_equal(copy.predict_proba(X), classifier.predict_proba(X))


def test_a_fit_that_diverges_leaves_the_fitted_network_unchanged():
    classifier = tiny(epochs=2, optimizer="sgd", warm_start=True).fit(X, y)
    before = classifier.predict_proba(X)
    classifier.set_params(optimizer__learning_rate=1e30)
    with pytest.raises(ValueError, match="must stay finite"):
        classifier.fit(X, y)
    np.testing.assert_array_equal(classifier.predict_proba(X), before)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_learns(dtype):
    assert tiny(dtype=dtype).fit(X, y).score(X, y) > 0.8


def test_float64_needs_jaxs_own_option():
    classifier = tiny(dtype="float64", epochs=1)
    with pytest.raises(ValueError, match=r"`dtype` must be .* got 'float64'.* JAX_ENABLE_X64=1"):
        classifier.fit(X, y)
    jax.config.update("jax_enable_x64", True)
    try:
        classifier.fit(X, y)
    finally:
        jax.config.update("jax_enable_x64", False)
    kernel = classifier.model_.trainable_variables[0]
    assert np.asarray(kernel).dtype == "float64"
