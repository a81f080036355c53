"""Labels of which a row may have several: losses, metrics and outputs that fit them."""

from __future__ import annotations

import pickle
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy.special import expit
from sklearn import metrics as sk

from keras_multiclass._network.objective.labels.losses import resolve_label_loss
from keras_multiclass._network.objective.labels.metrics import resolve_label_metrics
from keras_multiclass._network.objective.labels.output import (
    inspect_label_output,
    label_log_probabilities,
    label_logits,
    label_probabilities,
)
from keras_multiclass.exceptions import ObjectiveError

RNG = np.random.default_rng(0)
Y = RNG.integers(2, size=(30, 4))
Z = RNG.normal(size=(30, 4)).astype("float32") * 2
P = expit(Z)
W = RNG.uniform(0.1, 3, 30)


def averaged(function, average):
    def score(y, z, w):
        return function(y, z > 0, average=average, sample_weight=w, zero_division=0)

    return score


def curve(function, average):
    def score(y, z, w):
        return function(y, z, average=average, sample_weight=w)

    return score


FUNCTIONS = {
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "f1": sk.f1_score,
    "jaccard": sk.jaccard_score,
}
EXPECTED = {
    "accuracy": lambda y, z, w: sk.accuracy_score(y, z > 0, sample_weight=w),
    "hamming_loss": lambda y, z, w: sk.hamming_loss(y, z > 0, sample_weight=w),
    "label_ranking_average_precision": lambda y, z, w: sk.label_ranking_average_precision_score(
        y, z, sample_weight=w
    ),
    "coverage_error": lambda y, z, w: sk.coverage_error(y, z, sample_weight=w),
    "label_ranking_loss": lambda y, z, w: sk.label_ranking_loss(y, z, sample_weight=w),
    **{
        f"{average}_{name}": averaged(function, average)
        for average in ("micro", "macro", "weighted", "samples")
        for name, function in FUNCTIONS.items()
    },
}
CURVES = {
    **{
        f"{average}_auc": curve(sk.roc_auc_score, average)
        for average in ("macro", "micro", "weighted")
    },
    **{
        f"{average}_average_precision": curve(sk.average_precision_score, average)
        for average in ("macro", "micro", "weighted")
    },
}

PER_LABEL = [
    f"per_label_{name}" for name in ("precision", "recall", "f1", "auc", "average_precision")
]


def evaluate(name, y, raw, weights, form="label_logits", dtype="float64"):
    """Compute a metric over several batches."""
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        (metric,) = resolve_label_metrics(name, n_labels=y.shape[1], output_form=form)
        for start in range(0, len(y), 7):
            rows = slice(start, start + 7)
            metric.update_state(y[rows].astype("uint8"), raw[rows], weights[rows])
        return metric.result()
    finally:
        keras.config.set_floatx(before)


@pytest.mark.parametrize("name", EXPECTED)
@given(data=st.data())
@settings(max_examples=15)
def test_metrics_equal_scikit_learns(name, data):
    n, n_labels = data.draw(st.integers(1, 20)), data.draw(st.integers(2, 5))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    share = data.draw(st.sampled_from([0.0, 0.3, 0.9, 1.0]))
    y = (rng.random((n, n_labels)) < share).astype(int)
    z = rng.integers(-2, 3, size=(n, n_labels)) + 0.5  # with ties
    w = rng.integers(4, size=n) + np.eye(n)[0]  # some rows have no weight
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = EXPECTED[name](y, z, w)
    assert float(evaluate(name, y, z, w)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("form", ["label_logits", "label_probabilities"])
def test_areas_are_close_to_scikit_learns(name, form):
    rng = np.random.default_rng(1)
    y, w = rng.integers(2, size=(300, 3)), rng.uniform(0.1, 3, 300)
    z = rng.normal(size=(300, 3)) + y
    raw = z if form == "label_logits" else expit(z)
    assert float(evaluate(name, y, raw, w, form)) == pytest.approx(CURVES[name](y, z, w), abs=1e-3)


@given(data=st.data())
@settings(max_examples=15)
def test_areas_and_scores_of_each_label_equal_scikit_learns_with_ties(data):
    """Values as far apart as these share no bins, so that areas are exact, too."""
    n, rng = data.draw(st.integers(2, 20)), np.random.default_rng(data.draw(st.integers(0, 1000)))
    y = (rng.random((n, 4)) < [0.0, 1.0, 0.5, 0.3]).astype(int)
    z = rng.integers(-2, 3, size=(n, 4)) + 0.5
    w = rng.integers(1, 4, size=n).astype(float)
    found = {name: evaluate(name, y, z, w) for name in [*CURVES, *PER_LABEL]}
    options = {"sample_weight": w, "zero_division": 0}
    *scores, _ = sk.precision_recall_fscore_support(y, z > 0, **options)
    areas, precisions = [], []
    for label, own in enumerate(y.T):
        constant = own.min() == own.max()
        area = np.nan if constant else sk.roc_auc_score(own, z[:, label], sample_weight=w)
        areas.append(area)
        some = own.any()
        precision = sk.average_precision_score(own, z[:, label], sample_weight=w) if some else 0
        precisions.append(precision)
    for name, values in zip(PER_LABEL, [*scores, areas, precisions], strict=True):
        result = [float(value) for value in found[name].values()]
        np.testing.assert_allclose(result, values, atol=1e-12, err_msg=name)
    positives, negatives = w @ y, w @ (1 - y)
    means = {
        "macro_auc": np.array([0, 0, 1, 1]) * (positives * negatives > 0),
        "weighted_auc": positives * (negatives > 0),
        "macro_average_precision": np.ones(4),
        "weighted_average_precision": positives,
    }
    for name, shares in means.items():
        values = np.array(areas if "auc" in name else precisions)
        defined = shares > 0
        expected = np.average(values[defined], weights=shares[defined]) if any(defined) else np.nan
        np.testing.assert_allclose(float(found[name]), expected, atol=1e-12, err_msg=name)
    for name in ("micro_auc", "micro_average_precision"):
        assert float(found[name]) == pytest.approx(CURVES[name](y, z, w), abs=1e-12)


def test_a_label_without_rows_has_no_area_and_no_precision():
    y = np.column_stack([Y[:, :2], np.zeros(len(Y), int)])
    z = Z[:, :3]
    area = np.mean([sk.roc_auc_score(y[:, i], z[:, i], sample_weight=W) for i in range(2)])
    assert float(evaluate("macro_auc", y, z, W)) == pytest.approx(area, abs=1e-3)
    with pytest.warns(UserWarning, match="No positive class"):
        expected = sk.average_precision_score(y, z, average="macro", sample_weight=W)
    found = evaluate("average_precision", y, z, W)
    assert float(found) == pytest.approx(expected, abs=1e-3)
    per_label = evaluate("per_label_auc", y, z, W)
    assert np.isnan(per_label["auc/2"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("binary_accuracy", np.average(((Z > 0) == Y).mean(axis=1), weights=W)),
        (
            "crossentropy",
            np.average(
                [sk.log_loss(y, p, labels=[0, 1]) for y, p in zip(Y, P, strict=True)], weights=W
            ),
        ),
        ("f1_score", None),
        (keras.metrics.AUC(multi_label=True, num_labels=4), None),
        ([keras.metrics.Precision(class_id=1)], None),
    ],
    ids=["binary_accuracy", "crossentropy", "f1_score", "auc", "precision"],
)
def test_metrics_of_keras_take_probabilities(name, expected):
    found = evaluate(name, Y, Z, W, dtype="float32")
    if expected is not None:
        assert float(found) == pytest.approx(expected, abs=1e-5)
    assert np.all(np.asarray(found) > 0)


@pytest.mark.parametrize("form", ["label_logits", "label_probabilities"])
@pytest.mark.parametrize(
    "loss",
    [
        "auto",
        "binary_crossentropy",
        keras.losses.BinaryCrossentropy(),
        keras.losses.binary_crossentropy,
        lambda y_true, y_pred: keras.losses.binary_crossentropy(y_true, y_pred, from_logits=True),
        lambda y_true, y_pred: ops.binary_crossentropy(y_true, y_pred),
    ],
    ids=["auto", "name", "instance", "function", "own of logits", "own of each label"],
)
def test_cross_entropy_in_any_form_is_the_mean_log_loss(loss, form):
    raw = Z if form == "label_logits" else P
    resolved = resolve_label_loss(loss, n_labels=4, output_form=form)
    expected = -(Y * np.log(P) + (1 - Y) * np.log1p(-P)).mean()
    assert float(resolved(Y.astype("uint8"), raw)) == pytest.approx(expected, rel=1e-4)
    weighted = np.average(-(Y * np.log(P) + (1 - Y) * np.log1p(-P)).mean(axis=1), weights=W)
    assert float(resolved(Y.astype("uint8"), raw, W)) == pytest.approx(weighted, rel=1e-4)


def test_the_asymmetric_loss_follows_the_equations_of_the_paper():
    loss = resolve_label_loss(
        "asymmetric",
        {"gamma_positive": 1.0, "gamma_negative": 3.0, "margin": 0.1},
        n_labels=4,
        output_form="label_logits",
    )
    shifted = np.maximum(P - 0.1, 0)
    positive, negative = (1 - P) * np.log(P), shifted**3 * np.log(1 - shifted)
    expected = -(Y * positive + (1 - Y) * negative).mean()
    assert float(loss(Y, Z)) == pytest.approx(expected, rel=1e-4)
    plain = resolve_label_loss(
        "asymmetric", {"gamma_negative": 0, "margin": 0}, n_labels=4, output_form="label_logits"
    )
    cross_entropy = resolve_label_loss(n_labels=4, output_form="label_logits")
    assert float(plain(Y, Z)) == pytest.approx(float(cross_entropy(Y, Z)), rel=1e-4)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 4.0])
def test_gradients_of_the_asymmetric_loss_are_finite(gamma):
    arguments = {"gamma_positive": gamma, "gamma_negative": gamma}
    loss = resolve_label_loss("asymmetric", arguments, n_labels=2, output_form="label_logits")
    logits = tf.constant([[-200.0, 200.0], [-3.0, 3.0], [200.0, -200.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(np.array([[0, 1], [1, 0], [0, 1]]), logits)
    assert np.isfinite(value)
    assert np.isfinite(tape.gradient(value, logits)).all()


@pytest.mark.parametrize("loss", ["auto", "binary_focal_crossentropy", "asymmetric"])
def test_label_weights_multiply_the_loss_of_each_label(loss):
    weights = np.array([[1.0, 2.0, 0.5, 1.0], [3.0, 1.0, 1.0, 0.0]])
    options = {"n_labels": 4, "output_form": "label_logits"}
    found = resolve_label_loss(loss, **options, label_weights=weights)
    single = resolve_label_loss(loss, n_labels=1, output_form="label_logits")
    expected = [
        weights[y, label] * float(single(np.array([[y]]), Z[row : row + 1, label : label + 1]))
        for row in range(len(Y))
        for label, y in enumerate(Y[row])
    ]
    assert float(found(Y, Z)) == pytest.approx(np.mean(expected), rel=1e-4)


def test_members_are_averaged_after_their_losses():
    loss = resolve_label_loss(n_labels=4, output_form="label_logits")
    members = np.stack([Z, -Z], axis=1)
    expected = (float(loss(Y, Z)) + float(loss(Y, -Z))) / 2
    assert float(loss(Y, members)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
        keras.losses.CategoricalHinge(),
        lambda y_true, y_pred: ops.mean(y_pred),
    ],
    ids=["categorical", "sparse", "hinge", "no loss"],
)
def test_losses_for_one_class_are_an_error_that_names_the_three_sides(loss):
    with pytest.raises(
        ObjectiveError, match="3 labels that do not exclude.*3 units of logits.*loss"
    ):
        resolve_label_loss(loss, n_labels=3, output_form="label_logits")


@pytest.mark.parametrize(
    "metric",
    [
        "categorical_accuracy",
        "top_k_categorical_accuracy",
        keras.metrics.Mean(),
        keras.metrics.F1Score(),
    ],
    ids=["categorical", "top_k", "mean", "f1 without threshold"],
)
def test_metrics_for_one_class_are_an_error(metric):
    with pytest.raises(ObjectiveError, match="labels that do not exclude"):
        resolve_label_metrics(metric, n_labels=3, output_form="label_logits")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("f1", "'macro_f1' or 'micro_f1' or 'weighted_f1'"),
        ("mAP", "'macro_average_precision' or 'micro_average_precision'"),
        ("average_precision_micro", "'micro_average_precision'"),
        ("roc_auc_macro", "'macro_auc'"),
        ("f1_per_label", "'per_label_f1'"),
        ("per_class_f1", "'per_label_f1'"),
        ("lrap", "'label_ranking_average_precision'"),
        ("ranking_loss", "'label_ranking_loss' or"),
        ("exact_match", "'accuracy'"),
        ("log_loss", "'crossentropy'"),
        ("hamming", "'hamming_loss' or"),
        ("precision_score", "'precision'"),
        ("auroc", "'macro_auc' or 'micro_auc'"),
        ("roc", "'roc_auc'"),
        ("fbeta", "'f_beta_score'"),
    ],
)
def test_names_from_elsewhere_are_an_error_that_suggests_ours(name, meant):
    with pytest.raises(ValueError, match=f"got '{name}'. Did you mean {meant}"):
        resolve_label_metrics(name, n_labels=3, output_form="label_logits")


@pytest.mark.parametrize("form", ["label_logits", "label_probabilities"])
def test_conversions_agree(form):
    raw = Z if form == "label_logits" else P
    np.testing.assert_allclose(label_probabilities(raw, form), P, rtol=1e-5)
    np.testing.assert_allclose(label_log_probabilities(raw, form), np.log(P), rtol=1e-4)
    np.testing.assert_allclose(label_logits(raw, form), Z, rtol=1e-3, atol=1e-4)


def model(units, activation):
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(units, activation)])


@pytest.mark.parametrize(
    ("activation", "expected"), [(None, "label_logits"), ("sigmoid", "label_probabilities")]
)
def test_one_unit_for_each_label_fits(activation, expected):
    assert inspect_label_output(model(3, activation), 3, np.ones((2, 2), "float32")) == expected


@pytest.mark.parametrize(
    ("units", "activation", "reason"),
    [
        (1, "sigmoid", "Each of the 3 labels needs a unit"),
        (3, "softmax", "sum to one"),
        (4, None, "Each of the 3 labels needs a unit"),
        (3, "tanh", "range of tanh"),
    ],
)
def test_other_outputs_are_an_error_with_the_cure(units, activation, reason):
    with pytest.raises(ObjectiveError, match=f"{reason}.*Dense\\(3, 'sigmoid'\\)"):
        inspect_label_output(model(units, activation), 3, np.ones((2, 2), "float32"))


def test_losses_and_metrics_are_pickled():
    loss = resolve_label_loss(
        "auto", n_labels=4, output_form="label_logits", label_weights=np.ones((2, 4))
    )
    copy = pickle.loads(pickle.dumps(loss))
    assert float(copy(Y, Z)) == float(loss(Y, Z))
    names = ["micro_f1", "coverage_error", "micro_auc", "binary_accuracy"]
    for metric in resolve_label_metrics(names, n_labels=4, output_form="label_logits"):
        copy = pickle.loads(pickle.dumps(metric))
        for each in (metric, copy):
            each.update_state(Y, Z)
        assert float(copy.result()) == float(metric.result())
