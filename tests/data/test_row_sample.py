"""Samples of the rows of streams, from which quantiles are computed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data import statistics
from keras_multiclass._data.row_sample import RowSample

rng = np.random.default_rng(0)
X = np.exp(rng.normal(size=(90, 3)) * [1, 2, 3])  # far from normal
y = np.arange(90) % 3
WEIGHTS = rng.integers(0, 3, 90).astype(float)


@pytest.mark.parametrize("sizes", [[100], [7] * 20, [1, 64, 3, 32, 40], [1] * 140])
@pytest.mark.parametrize("most", [1, 8, 50, 1000])
def test_a_sample_has_evenly_spaced_rows_of_all_batches(sizes, most):
    sample, start = RowSample(most), 0
    for size in sizes:
        batch = np.arange(start, start + size)
        chosen = batch[sample.select(size)]
        if len(chosen):
            sample.add(chosen, sparse.csr_array(chosen[:, None]))
        start += size
    rows, again = sample.arrays()
    step = 1 if len(rows) == 1 else rows[1] - rows[0]
    assert rows.tolist() == list(range(0, start, step)) or most == 1
    assert min(most, start) / 2 < len(rows) <= most
    assert again.toarray().ravel().tolist() == rows.tolist()


@pytest.mark.parametrize(
    ("scaling", "class_weight", "convert"),
    [
        ("robust", None, np.asarray),
        ("quantile", "balanced", sparse.csr_array),
        ("quantile", {0: 0.0, 2: 3.0}, np.asarray),
    ],
    ids=str,
)
def test_a_stream_is_scaled_as_the_same_rows_in_an_array(scaling, class_weight, convert):
    data = convert(np.where(rng.random(X.shape) < 0.1, 0, X))

    def batches():
        for part in np.array_split(np.arange(90), 4):
            yield data[part], y[part], WEIGHTS[part]

    streamed, in_memory = (
        KerasMulticlassClassifier(
            "mlp",
            backbone__hidden_units=(4,),
            scaling=scaling,
            class_weight=class_weight,
            optimizer="sgd",
            optimizer__learning_rate=0.0,  # so that fit only reads the data
            epochs=1,
            random_state=0,
        )
        for _ in range(2)
    )
    streamed.initialize(batches)
    in_memory.fit(data, y, sample_weight=WEIGHTS)
    np.testing.assert_allclose(
        streamed.predict_proba(data), in_memory.predict_proba(data), rtol=1e-5
    )


def test_a_stream_of_many_rows_is_scaled_by_a_sample(monkeypatch):
    monkeypatch.setattr(statistics, "_MAX_QUANTILE_ROWS", 16)
    parts = [(np.linspace(0, 1, 50)[:, None] + i, np.arange(50) % 3) for i in range(40)]
    classifier = KerasMulticlassClassifier("mlp", scaling="quantile", random_state=0)
    classifier.initialize(lambda: iter(parts))
    layer = classifier.model_.get_layer("quantile_to_normal")
    ranks = np.asarray(layer(np.array([[0.0], [10.0], [20.0], [40.0]], np.float32))).ravel()
    np.testing.assert_allclose(ranks[1:3], [-0.674, 0], atol=0.25)  # quantiles at 1/4 and 1/2
    assert ranks[0] < -1.5
    assert ranks[3] > 1.5
