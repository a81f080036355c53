"""Losses and metrics of soft labels: every row has a probability of each class."""

import functools

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import expit, log_softmax, softmax
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from _toy import stable_id
from keras_multiclass._network.objective.classes.losses import resolve_loss
from keras_multiclass._network.objective.classes.metrics import resolve_metrics
from keras_multiclass.exceptions import ObjectiveError

RNG = np.random.default_rng(0)
N, C = 40, 3
Z = RNG.normal(size=(N, C)).astype("float32")
P = softmax(Z, axis=1)
S = softmax(RNG.normal(size=(N, C)) + Z, axis=1).astype("float32")
MARGIN = RNG.normal(size=(N, 1)).astype("float32")
P2 = np.hstack([expit(-MARGIN), expit(MARGIN)])
S2 = softmax(RNG.normal(size=(N, 2)), axis=1).astype("float32")
OUTPUTS = {
    "logits": (Z, P, S),
    "probabilities": (P, P, S),
    "binary_logit": (MARGIN, P2, S2),
    "binary_probability": (P2[:, 1:], P2, S2),
}
soft_loss = functools.partial(resolve_loss, soft=True)


def cross_entropy(p, s):
    return -np.sum(s * np.log(p), axis=1)


def own_loss(y_true, y_pred):
    return -ops.sum(y_true * ops.log(y_pred), axis=-1)


def own_loss_of_logits(y_true, y_pred, from_logits=False):
    return keras.losses.categorical_crossentropy(y_true, y_pred, from_logits=from_logits)


@pytest.mark.parametrize("weights", [None, np.linspace(0, 1, N)], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("form", OUTPUTS)
@pytest.mark.parametrize(
    "loss", ["auto", "categorical_crossentropy", own_loss, own_loss_of_logits], ids=stable_id
)
def test_cross_entropy_of_soft_labels_is_arithmetic(loss, form, weights):
    raw, p, s = OUTPUTS[form]
    found = soft_loss(loss, n_classes=s.shape[1], output_form=form)(s, raw, weights)
    expected = np.average(cross_entropy(p, s), weights=weights)
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "theirs"),
    [
        ("auto", keras.losses.CategoricalCrossentropy(label_smoothing=0.1)),
        ("categorical_focal_crossentropy", keras.losses.CategoricalFocalCrossentropy(gamma=1.5)),
        ("kl_divergence", keras.losses.KLDivergence()),
        ("dice", keras.losses.Dice()),
        ("tversky", keras.losses.Tversky(alpha=0.3)),
    ],
)
def test_losses_of_soft_labels_equal_those_of_keras(loss, theirs):
    changed = {"label_smoothing": 0.1, "gamma": 1.5, "alpha": 0.3}
    config = theirs.get_config()
    arguments = {n: v for n, v in changed.items() if config.get(n) == v}
    found = soft_loss(loss, arguments, n_classes=C, output_form="logits")(S, Z)
    assert float(found) == pytest.approx(float(theirs(S, P)), rel=1e-4)


@pytest.mark.parametrize("loss", ["binary_crossentropy", "binary_focal_crossentropy"])
@pytest.mark.parametrize("form", ["binary_logit", "binary_probability"])
def test_a_single_unit_is_compared_with_the_label_of_the_second_class(loss, form):
    raw, p, s = OUTPUTS[form]
    found = soft_loss(loss, n_classes=2, output_form=form)(s, raw)
    expected = np.mean(keras.losses.get(loss)(s[:, 1:], p[:, 1:]))
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def test_the_loss_of_an_ensemble_is_the_mean_over_its_members():
    members = np.stack([Z, Z[::-1]], axis=1)
    found = soft_loss("auto", n_classes=C, output_form="logits", ensemble=True)(S, members)
    logs = log_softmax(members, axis=-1)
    assert float(found) == pytest.approx(-(S[:, None] * logs).sum(-1).mean(), rel=1e-5)


def index_loss(y_true, y_pred):
    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


@pytest.mark.parametrize(
    ("loss", "form", "message"),
    [
        ("sparse_categorical_crossentropy", "logits", "takes one class.*Use loss='auto'"),
        ("categorical_generalized_cross_entropy", "logits", "takes one class.*Use loss='auto'"),
        ("categorical_hinge", "probabilities", "takes one class.*Use loss='auto'"),
        ("hinge", "logits", "takes one class.*Use loss='auto'"),
        ("squared_hinge", "binary_logit", "takes one class.*Use loss='auto'"),
        ("mse", "logits", "is a regression loss.*Use loss='auto'"),
        (index_loss, "logits", r"y_true contains soft labels \(n, n_classes\)"),
    ],
    ids=stable_id,
)
def test_losses_that_take_no_soft_labels_are_rejected(loss, form, message):
    n_classes = OUTPUTS[form][2].shape[1]
    with pytest.raises(ObjectiveError, match=f"got soft labels of {n_classes} classes.*{message}"):
        soft_loss(loss, n_classes=n_classes, output_form=form)


def brier(y_true, y_pred):
    return ops.mean((y_true - y_pred) ** 2, axis=-1)


def hits(y_true, y_pred):
    return ops.cast(ops.equal(ops.cast(y_true, "int64"), ops.argmax(y_pred, -1)), "float32")


METRICS = {
    "accuracy": lambda s, p: accuracy_score(s.argmax(1), p.argmax(1)),
    "categorical_accuracy": lambda s, p: accuracy_score(s.argmax(1), p.argmax(1)),
    "macro_f1": lambda s, p: f1_score(s.argmax(1), p.argmax(1), average="macro"),
    "macro_auc": lambda s, p: np.mean(
        [roc_auc_score(s.argmax(1) == k, np.log(p / (1 - p))[:, k]) for k in range(p.shape[1])]
    ),
    "crossentropy": lambda s, p: cross_entropy(p, s).mean(),
    "categorical_crossentropy": lambda s, p: cross_entropy(p, s).mean(),
    "sparse_categorical_crossentropy": lambda s, p: cross_entropy(
        p, np.eye(p.shape[1])[s.argmax(1)]
    ).mean(),
    "kl_divergence": lambda s, p: np.sum(s * np.log(s / p), axis=1).mean(),
    "mean_squared_error": lambda s, p: np.mean((s - p) ** 2),
    brier: lambda s, p: np.mean((s - p) ** 2),
    hits: lambda s, p: accuracy_score(s.argmax(1), p.argmax(1)),
}


@pytest.mark.parametrize("form", OUTPUTS)
@pytest.mark.parametrize("metric", METRICS, ids=stable_id)
def test_metrics_of_classes_count_the_largest_and_others_the_soft_labels(metric, form):
    raw, p, s = OUTPUTS[form]
    (resolved,) = resolve_metrics([metric], n_classes=s.shape[1], output_form=form, soft=True)
    half = N // 2
    resolved.update_state(s[:half], raw[:half])
    resolved.update_state(s[half:], raw[half:])
    assert float(resolved.result()) == pytest.approx(METRICS[metric](s, p), abs=2e-3)


def test_precision_of_two_classes_counts_rows_whose_second_label_is_the_largest():
    raw, p, s = OUTPUTS["binary_logit"]
    (precision,) = resolve_metrics(
        ["precision"], n_classes=2, output_form="binary_logit", soft=True
    )
    precision.update_state(s, raw)
    predicted = p[:, 1] > 0.5
    assert float(precision.result()) == pytest.approx((s[predicted, 1] > 0.5).mean(), rel=1e-6)
    (entropy,) = resolve_metrics(
        ["binary_crossentropy"], n_classes=2, output_form="binary_logit", soft=True
    )
    entropy.update_state(s, raw)
    assert float(entropy.result()) == pytest.approx(cross_entropy(p, s).mean(), rel=1e-5)
