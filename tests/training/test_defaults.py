"""What `"auto"` becomes depends on the number of rows, and on what the user chose."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris

from keras_multiclass import KerasMulticlassClassifier, register_backbone
from keras_multiclass._network.backbones import TrainingDefaults, registry

X, y = load_iris(return_X_y=True)
RNG = np.random.default_rng(0)
FOLDS = {"n_ensemble": 4, "validation_split": 8, "calibration": "temperature"}


def resolved(X, y, fit="initialize", **params):
    """Return what the parameters became."""
    small = {"epochs": 1, "backbone__hidden_units": (4,), "random_state": 0}
    classifier = KerasMulticlassClassifier(**{**small, **params})
    return getattr(classifier, fit)(X, y).resolved_params_


def chosen(values):
    stops = values["early_stopping"] is not False
    return {name: values[name] for name in ("backbone", *FOLDS)} | {"stops": stops}


def rows(n):
    return RNG.normal(size=(n, 2)).astype("float32"), np.arange(n) % 2


@pytest.mark.parametrize(
    ("n_rows", "expected"),
    [
        (2_000, {"backbone": "mlp_plr", **FOLDS, "stops": True}),
        (2_001, {"backbone": "realmlp_small", **FOLDS, "validation_split": 4, "stops": True}),
        (
            20_001,
            {
                "backbone": "realmlp_small",
                "n_ensemble": 1,
                "validation_split": None,
                "calibration": None,
                "stops": False,
            },
        ),
    ],
)
def test_the_default_depends_on_the_number_of_rows(n_rows, expected):
    assert chosen(resolved(*rows(n_rows))) == expected


ALL_ROWS = {"validation_split": None, "calibration": None, "stops": False}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"n_ensemble": 1}, {"n_ensemble": 1, **ALL_ROWS}),
        ({"loss": "categorical_focal_crossentropy"}, {"n_ensemble": 4, **ALL_ROWS}),
        ({"loss": "crossentropy"}, {**FOLDS, "stops": True}),
        ({"early_stopping": False, "calibration": None}, {"n_ensemble": 4, **ALL_ROWS}),
        ({"early_stopping": False}, {**FOLDS, "stops": False}),
        ({"calibration": None}, {**FOLDS, "calibration": None, "stops": True}),
        ({"validation_split": 0.2}, {**FOLDS, "validation_split": 0.2, "stops": True}),
        (
            {"n_ensemble": 1, "calibration": "temperature"},
            {"n_ensemble": 1, "validation_split": 0.1, "calibration": "temperature"},
        ),
    ],
)
def test_folds_are_for_ensembles_that_are_trained_with_the_automatic_loss(params, expected):
    values = chosen(resolved(X, y, **params))
    assert values == {**values, **expected}


def test_few_rows_are_not_held_out_unasked():
    for X_few, y_few in ((X[::3], y[::3]), (X[:100], np.arange(100) // 3)):
        assert resolved(X_few, y_few)["validation_split"] is None
        assert resolved(X_few, y_few, early_stopping=True)["validation_split"] == 0.1
    assert resolved(X[::2], y[::2])["validation_split"] == 8


def test_the_loss_after_calibration_is_monitored_unless_the_user_chooses():
    monitors = [
        resolved(X, y, **params)["early_stopping"]["monitor"]
        for params in ({}, {"calibration": None}, {"early_stopping": {"monitor": "val_loss"}})
    ]
    assert monitors == ["val_calibrated_crossentropy", "val_loss", "val_loss"]


def test_parts_of_unknown_data_are_trained_on_by_one_network():
    values = resolved(X, y, fit="partial_fit")
    assert values["backbone"] == "realmlp_small"
    assert values["n_ensemble"] == 1

    def batches():
        yield X, y

    assert resolved(batches, None) == {**values, "epochs": 1, "batch_size": 150}


def test_further_training_keeps_what_was_chosen_for_the_first_rows():
    classifier = KerasMulticlassClassifier(
        epochs=1, backbone__hidden_units=(4,), warm_start=True, random_state=0
    ).fit(X, y)
    before = classifier.resolved_params_
    assert before["backbone"] == "mlp_plr"
    many = np.tile(X, (14, 1)), np.tile(y, 14)
    assert classifier.fit(*many).resolved_params_ == before
    assert classifier.fit(X[:30:10], y[:30:10]).resolved_params_ == before
    assert classifier.partial_fit(X, y).resolved_params_ == before


def test_a_registered_backbone_may_recommend_by_rows():
    def build(inputs, *, n_members=1):
        return inputs

    few = TrainingDefaults(epochs=2)
    defaults = TrainingDefaults(epochs=1, up_to_rows={100: few, 150: TrainingDefaults(epochs=3)})
    assert defaults.for_rows(100) is few
    assert defaults.for_rows(None) is defaults
    register_backbone("by_rows", build, kind="table", defaults=defaults)
    try:
        epochs = [
            KerasMulticlassClassifier("by_rows").fit(data, labels).n_iter_
            for data, labels in ((X[::2], y[::2]), (X, y), rows(151))
        ]
    finally:
        registry._REGISTRY._backbones.pop("by_rows")
    assert epochs == [2, 3, 1]


@pytest.mark.parametrize(("n_rows", "members", "epochs"), [(200, 16, 40), (2_001, 8, 128)])
def test_the_best_preset_trains_more_members_for_more_epochs(n_rows, members, epochs):
    values = resolved(*rows(n_rows), preset="best", epochs="auto")
    assert (values["n_ensemble"], values["validation_split"]) == (members, members)
    assert values["epochs"] == epochs
    assert values["calibration"] == "temperature"


def test_a_preset_replaces_only_what_is_left_open():
    values = resolved(X, y, preset="best", epochs=3, n_ensemble=2, optimizer="sgd")
    assert [values[name] for name in ("epochs", "n_ensemble", "optimizer")] == [3, 2, "sgd"]


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"backbone": "mlp"}, "backbone 'mlp' has no recommendations for it"),
        ({"backbone": lambda inputs, hidden_units: inputs}, "`backbone` is your own"),
    ],
)
def test_a_preset_without_effect_is_a_warning(params, reason):
    with pytest.warns(UserWarning, match=f"preset='best' has no effect, because {reason}"):
        with_preset = resolved(X, y, preset="best", **params)
    assert with_preset == resolved(X, y, **params)


def test_a_preset_cannot_change_once_the_network_exists():
    classifier = KerasMulticlassClassifier(
        epochs=1, n_ensemble=2, backbone__hidden_units=(4,), warm_start=True, random_state=0
    ).fit(X, y)
    with pytest.raises(ValueError, match="`preset` must stay None once the network exists"):
        classifier.set_params(preset="best").fit(X, y)


def test_a_misspelled_calibrated_loss_is_recognized():
    with pytest.raises(ValueError, match="Did you mean 'val_calibrated_crossentropy'"):
        resolved(X, y, fit="fit", early_stopping={"monitor": "val_calibrated_crosentropy"})
