"""scikit-learn's own checks, for both classifiers and every table backbone."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.fixes import parse_version

from keras_multiclass import (
    KerasMulticlassClassifier,
    KerasMultilabelClassifier,
    list_backbones,
)

# These demand agreement to 1e-7, finer than float32 resolves; scikit-learn lists them as expected
# failures of HistGradientBoostingClassifier and SGDClassifier too. They run in float64, and
# test_a_weight_equals_a_repetition_in_float32 holds the default to the precision of float32.
NEEDS_FLOAT64 = {
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
}
# Before 1.7, scikit-learn makes two classes out of three by the first row, which differs between
# the weighted and the repeated rows that it compares. It concerns classifiers of two classes only.
BEFORE_1_7 = parse_version(sklearn.__version__) < parse_version("1.7")
UNEQUAL_TARGETS = NEEDS_FLOAT64 if BEFORE_1_7 else set()
# Whether these pass depends on the network. All others concern parameters, tags, labels, weights,
# validation and conversion, which do not: they run with the default classifier alone.
DEPENDS_ON_NETWORK = {
    "check_classifiers_train",
    "check_estimators_pickle",
    "check_fit2d_1feature",
    "check_fit_idempotent",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_sample_weight_equivalence_on_dense_data",
}

SMALL = {
    "mlp": {"backbone__hidden_units": (32,)},
    "mlp_plr": {"backbone__hidden_units": (32,)},
    "realmlp": {"backbone__hidden_units": (32,)},
    "realmlp_small": {"backbone__hidden_units": (32,)},
    "resnet": {"backbone__units": 32, "backbone__num_layers": 1},
    "tabm": {"backbone__units": 16, "backbone__num_layers": 1, "backbone__n_members": 4},
    "tabm_small": {"backbone__units": 16, "backbone__num_layers": 1, "backbone__n_members": 4},
    "ft_transformer": {
        "backbone__units": 16,
        "backbone__num_heads": 2,
        "backbone__num_layers": 1,
    },
}


def _small(backbone: str, classifier: Any = KerasMulticlassClassifier) -> Any:
    return classifier(
        backbone,
        dtype="float64",
        epochs=25,
        batch_size=-1,
        optimizer__learning_rate=0.03,
        **SMALL[backbone],
    )


def _name(check: Any) -> str:
    return check.func.__name__ if isinstance(check, partial) else check.__name__


def _uses_memory_map(check: Any) -> bool:
    return isinstance(check, partial) and check.keywords.get("readonly_memmap", False)


def _checks() -> list[Any]:
    default, default_float64 = (
        KerasMulticlassClassifier(),  # realmlp_small
        KerasMulticlassClassifier(dtype="float64"),
    )
    names = {_name(check) for _, check in estimator_checks_generator(default)}
    assert names > NEEDS_FLOAT64 | DEPENDS_ON_NETWORK, "scikit-learn has renamed a check"
    cases = [
        ("default", default, names - NEEDS_FLOAT64),
        ("float64", default_float64, {*NEEDS_FLOAT64, "check_estimators_dtypes"}),
        ("multilabel", _small("mlp", KerasMultilabelClassifier), names - UNEQUAL_TARGETS),
        *((name, _small(name), DEPENDS_ON_NETWORK) for name in SMALL if name != "mlp_plr"),
    ]
    return [
        pytest.param(estimator, check, id=f"{case}-{_name(check)}")
        for case, classifier, selected in cases
        for estimator, check in estimator_checks_generator(classifier)
        if _name(check) in selected
        and (case in ("default", "float64") or not _uses_memory_map(check))
    ]


@pytest.mark.parametrize(("estimator", "check"), _checks())
def test_scikit_learns_check_passes(estimator, check):
    check(clone(estimator))


def test_every_table_backbone_is_checked():
    assert set(SMALL) == set(list_backbones(kind="table"))
    default = KerasMulticlassClassifier().initialize(*load_iris(return_X_y=True))
    assert default.resolved_params_["backbone"] == "mlp_plr"


def test_a_weight_equals_a_repetition_in_float32():
    X, y = load_iris(return_X_y=True)
    rows = np.random.default_rng(0).permutation(150)[:36]  # too few to hold out some
    weights = np.arange(36) % 4  # some rows of weight 0
    # One batch holds all rows because their order differs.
    classifier = KerasMulticlassClassifier(
        epochs=10,
        batch_size=-1,
        optimizer__learning_rate=0.01,
        scaling="standard",  # quantiles are rounded, and dropout masks depend on the rows
        random_state=0,
        **SMALL["mlp_plr"],
    )
    weighted = clone(classifier).fit(X[rows], y[rows], sample_weight=weights)
    repeated = clone(classifier).fit(np.repeat(X[rows], weights, 0), np.repeat(y[rows], weights))
    unweighted = clone(classifier).fit(X[rows], y[rows])
    expected = repeated.predict_proba(X)
    np.testing.assert_allclose(weighted.predict_proba(X), expected, atol=1e-4)
    assert np.abs(unweighted.predict_proba(X) - expected).max() > 1e-2
