"""KerasMultilabelClassifier with every backbone, in both engines, and with every kind of X."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone

from _toy import SMALL_BACKBONES, assert_same
from keras_multiclass import KerasMultilabelClassifier

LABELS = ["fast", "red", "small"]
ENGINES = ["graph", "keras"]
N = 46  # with batches of 16 rows, the last one is short


def draw(shape, seed=0):
    """Draw rows, their labels as a frame of booleans, and weights."""
    rng = np.random.default_rng(seed)
    labels = pd.DataFrame(rng.integers(2, size=(N, 3), dtype=bool), columns=LABELS)
    return rng.normal(size=(N, *shape)), labels, rng.uniform(0.5, 2.0, N)


def make(backbone="mlp", **params):
    options = SMALL_BACKBONES[backbone][1] if isinstance(backbone, str) else {}
    return KerasMultilabelClassifier(
        "auto" if "model" in params else backbone,
        random_state=3,
        **{f"backbone__{name}": value for name, value in options.items() if "model" not in params},
        **{"epochs": 2, "batch_size": 16, **params},
    )


@pytest.mark.parametrize("backbone", SMALL_BACKBONES)
def test_every_backbone_trains_equally_in_both_engines_and_predicts_in_the_format_of_y(backbone):
    X, labels, weights = draw(SMALL_BACKBONES[backbone][0])
    params = {"metrics": ["macro_f1", "per_label_recall"], "class_weight": {"red": 3.0}}
    graph, plain = (
        make(backbone, engine=engine, batch_size=23, **params).fit(X, labels, weights)
        for engine in ENGINES
    )
    assert_same(graph, plain)
    probabilities = graph.predict_proba(X)
    np.testing.assert_allclose(probabilities, plain.predict_proba(X), atol=1e-5)
    assert graph.predict(X).equals(pd.DataFrame(probabilities > 0.5, columns=LABELS))
    copy = pickle.loads(pickle.dumps(graph))
    for each in (graph, copy):
        each.partial_fit(X, labels)
    assert copy.history_ == graph.history_
    np.testing.assert_array_equal(copy.predict_proba(X), graph.predict_proba(X))


def own_step():
    inputs = keras.Input((5,))
    return OwnStep(inputs, keras.layers.Dense(3, "sigmoid")(inputs))


class OwnStep(keras.Model):
    """Doubles the weights of the rows."""

    def train_step(self, data):
        x, y, weights = data
        return super().train_step((x, y, 2 * weights))


@pytest.mark.parametrize(
    "params",
    [
        {"loss": "asymmetric", "n_ensemble": 2, "class_weight": "balanced"},
        {"dtype": "float64", "loss": "binary_focal_crossentropy", "metrics": ["macro_auc", "auc"]},
        {"validation_split": 0.3, "threshold": "auto", "calibration": "temperature"},
        {"model": own_step, "metrics": ["samples_f1", "coverage_error"]},
    ],
    ids=lambda params: "-".join(params),
)
def test_every_setting_trains_equally_in_both_engines(params):
    X, labels, weights = draw((5,))
    graph, plain = (make(engine=engine, **params).fit(X, labels, weights) for engine in ENGINES)
    assert_same(graph, plain)
    np.testing.assert_allclose(graph.predict_proba(X), plain.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(graph.thresholds_, plain.thresholds_, atol=1e-5)


def draw_tokens():
    _, labels, _ = draw(())
    return np.random.default_rng(1).integers(20, size=(N, 6)), labels


def draw_table():
    X, labels, _ = draw((3,))
    table = pd.DataFrame(X, columns=["a", "b", "c"])
    table.loc[::5, "a"] = np.nan
    return table, labels


@pytest.mark.parametrize(
    ("backbone", "data"),
    [
        ("mlp", draw_table),
        ("mlp", lambda: (sparse.csr_array(draw((5,))[0]), draw(())[1])),
        ("cnn", lambda: draw((8, 8, 1))[:2]),
        ("conv1d", lambda: draw((6, 3))[:2]),
        ("conv1d", draw_tokens),
    ],
    ids=["table", "sparse", "images", "sequences", "tokens"],
)
def test_ensembles_thresholds_calibration_and_streams_work_for_every_kind_of_x(backbone, data):
    X, labels = data()

    def rows(start, stop):
        part = X.iloc if isinstance(X, pd.DataFrame) else X
        return part[start:stop], labels.iloc[start:stop]

    def stream():
        yield from (rows(0, 23), rows(23, 46))

    X_val, y_val = rows(20, 46)
    classifier = make(
        backbone,
        epochs=1,
        n_ensemble=2,
        warm_start=True,
        threshold="auto",
        calibration="temperature",
        metrics="samples_f1",
    ).fit(X, labels, X_val=X_val, y_val=y_val)
    assert classifier.temperature_.shape == classifier.thresholds_.shape == (3,)
    probabilities = classifier.predict_proba(X)
    expected = pd.DataFrame(probabilities > classifier.thresholds_, columns=LABELS)
    assert classifier.predict(X).equals(expected)
    streamed = clone(classifier).set_params(batch_size="auto")
    streamed.fit(stream, X_val=X_val, y_val=y_val)
    assert streamed.thresholds_.shape == (3,)
    assert streamed.predict(X).columns.tolist() == LABELS
    classifier.fit(X, labels, X_val=X_val, y_val=y_val)
    assert classifier.n_iter_ == len(classifier.history_["val_samples_f1"]) == 2
