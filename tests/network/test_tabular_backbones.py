"""Table backbones in a classifier: seeds, pickles and files.

`tests/training/engine/test_engines.py` shows that both engines train every backbone equally.
"""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pytest
from sklearn.datasets import load_wine

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._network.backbones import TableLayout, get_backbone

X, y = load_wine(return_X_y=True)

SMALL = {
    "ft_transformer": {"units": 8, "num_heads": 2, "num_layers": 2},
    "mlp": {"hidden_units": 16, "numeric_embedding": "piecewise"},
    "resnet": {"units": 16, "num_layers": 1, "numeric_embedding": "piecewise"},
    "tabm": {"n_members": 3, "units": 8, "num_layers": 2},
    "tabm-piecewise": {"n_members": 3, "units": 8, "numeric_embedding": "piecewise", "n_bins": 4},
}
every_network = pytest.mark.parametrize("name", SMALL)


def small(name, **params):
    options = {f"backbone__{key}": value for key, value in SMALL[name].items()}
    defaults = {"epochs": 3, "optimizer__learning_rate": 0.01, "random_state": 0}
    return KerasMulticlassClassifier(name.split("-")[0], **{**defaults, **options, **params})


@every_network
def test_a_fitted_network_survives_pickling_and_saving(name, tmp_path):
    fitted = small(name).fit(X, y)
    expected = fitted.decision_function(X)
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.decision_function(X), expected)
    fitted.model_.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), expected, atol=1e-5)


@every_network
def test_the_network_learns(name):
    fitted = small(name, epochs=60, batch_size=32).fit(X[::2], y[::2])
    assert fitted.score(X[1::2], y[1::2]) > 0.93


def test_only_the_numbers_of_a_table_are_embedded():
    table = TableLayout(2, (3, 1), lambda levels: np.tile(levels, (2, 1)))
    inputs = keras.Input((6,))
    options = {"n_members": 2, "embedding_units": 5, "numeric_embedding": "piecewise"}
    model = keras.Model(inputs, get_backbone("tabm").builder(inputs, table=table, **options))
    scaling = next(layer for layer in model.layers if hasattr(layer, "factors"))
    assert scaling.factors.shape == (2, 2 * 5 + 3 + 1)


def test_a_table_without_numbers_needs_no_embedding():
    table = TableLayout(0, (4,), lambda levels: np.empty((0, len(levels))))
    inputs = keras.Input((4,))
    build = get_backbone("tabm").builder
    features = build(inputs, table=table, n_members=2, numeric_embedding="piecewise", units=8)
    assert features.shape == (None, 2, 8)
