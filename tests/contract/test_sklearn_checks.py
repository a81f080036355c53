"""scikit-learn's own checks, for the default and for every backbone that reads tables."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.utils.estimator_checks import estimator_checks_generator

from keras_multiclass import KerasMulticlassClassifier, list_backbones

FLOAT32_REASON = (
    "demands agreement to 1e-7, finer than float32; scikit-learn lists it for "
    "HistGradientBoostingClassifier and SGDClassifier too. "
    "test_weighting_a_row_equals_repeating_it_in_float32 holds it to float32's precision."
)
EXCUSED_IN_FLOAT32 = {
    "check_sample_weight_equivalence_on_dense_data": FLOAT32_REASON,
    "check_sample_weight_equivalence_on_sparse_data": FLOAT32_REASON,
}
NO_EXCUSES: dict[str, str] = {}

# Small networks that learn fast, for scikit-learn asks for some 60 fits.
BRIEF = {"epochs": 25, "batch_size": -1, "optimizer__learning_rate": 0.03}
SMALL = {
    "mlp": {"backbone__hidden_units": (32,)},
    "realmlp": {"backbone__hidden_units": (32,)},
    "realmlp_small": {"backbone__hidden_units": (32,)},
    "resnet": {"backbone__units": 32, "backbone__num_layers": 1},
    "tabm": {
        "backbone__units": 16,
        "backbone__num_layers": 1,
        "backbone__n_members": 4,
    },
    "ft_transformer": {
        "backbone__units": 16,
        "backbone__num_heads": 2,
        "backbone__num_layers": 1,
    },
}
CASES = {
    "default": (KerasMulticlassClassifier(), EXCUSED_IN_FLOAT32),
    "float64": (KerasMulticlassClassifier(dtype="float64"), NO_EXCUSES),
    "resnet": (KerasMulticlassClassifier("resnet"), EXCUSED_IN_FLOAT32),
    "resnet-float64": (
        KerasMulticlassClassifier("resnet", dtype="float64", **BRIEF, **SMALL["resnet"]),
        NO_EXCUSES,
    ),
    **{
        f"{name}-float64": (
            KerasMulticlassClassifier(name, dtype="float64", **BRIEF, **SMALL[name]),
            NO_EXCUSES,
        )
        for name in ("ft_transformer", "mlp", "realmlp", "tabm")
    },
}


def _name_of(check: Any) -> str:
    return check.func.__name__ if isinstance(check, partial) else check.__name__


def _checks() -> list[Any]:
    return [
        pytest.param(instance, check, id=f"{case}-{_name_of(check)}")
        for case, (estimator, excused) in CASES.items()
        for instance, check in estimator_checks_generator(estimator)
        if _name_of(check) not in excused
    ]


@pytest.mark.parametrize(("estimator", "check"), _checks())
def test_scikit_learns_check_passes(estimator, check):
    check(clone(estimator))


def test_every_backbone_for_tables_is_checked():
    checked = {estimator.backbone for estimator, _ in CASES.values()}
    assert set(list_backbones(kind="table")) - {"realmlp_small"} == checked - {"auto"}  # its name


@pytest.mark.parametrize("backbone", list_backbones(kind="table"))
def test_weighting_a_row_equals_repeating_it_in_float32(backbone):
    X, y = load_iris(return_X_y=True)
    rows = np.random.default_rng(0).permutation(150)[:45]
    weights = np.arange(45) % 4  # some rows of weight 0
    # One batch holds all rows, for the order of the rows differs.
    classifier = KerasMulticlassClassifier(
        backbone,
        epochs=10,
        batch_size=-1,
        optimizer__learning_rate=0.01,
        random_state=0,
        **SMALL[backbone],
    )
    weighted = clone(classifier).fit(X[rows], y[rows], sample_weight=weights)
    repeated = clone(classifier).fit(np.repeat(X[rows], weights, 0), np.repeat(y[rows], weights))
    unweighted = clone(classifier).fit(X[rows], y[rows])
    expected = repeated.predict_proba(X)
    np.testing.assert_allclose(weighted.predict_proba(X), expected, atol=1e-4)
    assert np.abs(unweighted.predict_proba(X) - expected).max() > 1e-2
