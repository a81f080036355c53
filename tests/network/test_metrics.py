"""Metrics of any input form take class indices and raw model output."""

from __future__ import annotations

import functools
import pickle
import re
import time

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import expit, softmax
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    fbeta_score,
    get_scorer_names,
    jaccard_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
    top_k_accuracy_score,
)

from _toy import stable_id
from keras_multiclass._network.objective import metric_modes
from keras_multiclass._network.objective.adapters import AdaptedMetric
from keras_multiclass._network.objective.classes.metrics import resolve_metrics
from keras_multiclass._network.objective.labels.metrics import resolve_label_metrics
from keras_multiclass.exceptions import ObjectiveError

RNG = np.random.default_rng(1)
N, C = 60, 4
Y = RNG.integers(0, C, N)
Y2 = RNG.integers(0, 2, N)
Z = (RNG.normal(size=(N, C)) + 1.5 * np.eye(C)[Y]).astype("float32")
MARGIN = (RNG.normal(size=(N, 1)) + 2.0 * Y2[:, None] - 1.0).astype("float32")
W = RNG.uniform(0.1, 2.0, N)
W[:5] = 0.0

OUTPUTS = {
    "logits": (Z, softmax(Z, axis=1), Y),
    "probabilities": (softmax(Z, axis=1), softmax(Z, axis=1), Y),
    "binary_logit": (MARGIN, np.hstack([expit(-MARGIN), expit(MARGIN)]), Y2),
    "binary_probability": (expit(MARGIN), np.hstack([expit(-MARGIN), expit(MARGIN)]), Y2),
    "two_logits": (
        np.hstack([-MARGIN / 2, MARGIN / 2]),
        np.hstack([expit(-MARGIN), expit(MARGIN)]),
        Y2,
    ),
}
FORMS = {"two_logits": "logits"}
TWO = ["binary_logit", "binary_probability", "two_logits"]


def resolve(metrics, form, routed=None):
    n_classes = OUTPUTS[form][1].shape[1]
    output_form = FORMS.get(form, form)
    return resolve_metrics(metrics, routed, n_classes=n_classes, output_form=output_form)


def value(metric, form, weights=W, routed=None):
    """Evaluate a metric over three batches; without weights, labels have shape ``(n, 1)``."""
    (resolved,) = resolve(metric, form, routed)
    raw, _, y = OUTPUTS[form]
    for part in np.array_split(np.arange(N), 3):
        if weights is None:
            resolved.update_state(y[part, None], raw[part])
        else:
            resolved.update_state(y[part], raw[part], sample_weight=weights[part])
    return np.asarray(resolved.result())


def per_row_accuracy(y_true, y_pred):
    return ops.equal(ops.cast(y_true, "int32"), ops.cast(ops.argmax(y_pred, -1), "int32"))


def one_hot_accuracy(y_true, y_pred):
    return ops.cast(ops.equal(ops.argmax(y_true, -1), ops.argmax(y_pred, -1)), "float32")


def one_hot_entropy(y_true, y_pred):
    return -ops.sum(y_true * ops.log(y_pred), axis=-1)


def scalar_accuracy(y_true, y_pred):
    return ops.mean(one_hot_accuracy(y_true, y_pred))


class UserAccuracy(keras.metrics.Metric):
    """A user-defined metric of class indices and probabilities."""

    def __init__(self, name="user_accuracy", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.hits = self.add_variable((), "zeros", name="hits")
        self.rows = self.add_variable((), "zeros", name="rows")

    def update_state(self, y_true, y_pred, sample_weight=None):
        right = ops.cast(per_row_accuracy(y_true, y_pred), "float32")
        weights = ops.ones_like(right) if sample_weight is None else sample_weight
        self.hits.assign_add(ops.sum(right * weights))
        self.rows.assign_add(ops.sum(weights))

    def result(self):
        return ops.divide_no_nan(self.hits, self.rows)


ACCURACIES = [
    "accuracy",
    "acc",
    "Accuracy",
    "categorical_accuracy",
    "CategoricalAccuracy",
    "sparse_categorical_accuracy",
    keras.metrics.Accuracy,
    keras.metrics.CategoricalAccuracy(),
    keras.metrics.SparseCategoricalAccuracy(name="mine"),
    keras.metrics.categorical_accuracy,
    keras.metrics.sparse_categorical_accuracy,
    per_row_accuracy,
    one_hot_accuracy,
    lambda y_true, y_pred: one_hot_accuracy(y_true, y_pred),
    UserAccuracy,
    UserAccuracy(),
    keras.metrics.MeanMetricWrapper(one_hot_accuracy),
    "micro_f1",
    "top_1_accuracy",
]


@pytest.mark.parametrize("form", OUTPUTS)
@pytest.mark.parametrize("metric", ACCURACIES, ids=stable_id)
def test_every_accuracy_matches_scikit_learn(metric, form):
    _, p, y = OUTPUTS[form]
    for weights in (None, W):
        expected = accuracy_score(y, p.argmax(axis=1), sample_weight=weights)
        np.testing.assert_allclose(value(metric, form, weights), expected, rtol=1e-5)


CROSS_ENTROPIES = [
    "crossentropy",
    "ce",
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    keras.metrics.CategoricalCrossentropy(from_logits=True),
    keras.metrics.SparseCategoricalCrossentropy(from_logits=False),
    keras.metrics.KLDivergence,
    keras.metrics.categorical_crossentropy,
    one_hot_entropy,
]


@pytest.mark.parametrize("form", OUTPUTS)
@pytest.mark.parametrize("metric", CROSS_ENTROPIES, ids=stable_id)
def test_every_cross_entropy_matches_scikit_learn(metric, form):
    _, p, y = OUTPUTS[form]
    p = p.astype("float64")
    expected = log_loss(y, p / p.sum(axis=1, keepdims=True), sample_weight=W)
    np.testing.assert_allclose(value(metric, form), expected, rtol=1e-4)


SCIKIT_LEARN = {
    "macro_f1": functools.partial(f1_score, average="macro"),
    "f1_macro": functools.partial(f1_score, average="macro"),
    "weighted_f1": functools.partial(f1_score, average="weighted"),
    "balanced_accuracy": balanced_accuracy_score,
    "mean_io_u": functools.partial(jaccard_score, average="macro"),
    "MeanIoU": functools.partial(jaccard_score, average="macro"),
    "one_hot_mean_io_u": functools.partial(jaccard_score, average="macro"),
}


@pytest.mark.parametrize("form", OUTPUTS)
@pytest.mark.parametrize("name", SCIKIT_LEARN)
def test_metrics_by_our_names_are_exact_over_the_epoch_and_weighted(name, form):
    _, p, y = OUTPUTS[form]
    for weights in (None, W):
        expected = SCIKIT_LEARN[name](y, p.argmax(axis=1), sample_weight=weights)
        np.testing.assert_allclose(value(name, form, weights), expected, rtol=1e-5)


@pytest.mark.parametrize("form", OUTPUTS)
def test_vector_metrics_give_one_value_per_class(form):
    _, p, y = OUTPUTS[form]
    expected = f1_score(y, p.argmax(axis=1), average=None, sample_weight=W)
    np.testing.assert_allclose(value(keras.metrics.F1Score, form), expected, rtol=1e-5)
    expected = fbeta_score(y, p.argmax(axis=1), beta=2.0, average=None, sample_weight=W)
    routed = {"beta": 2.0}
    np.testing.assert_allclose(value("fbeta_score", form, W, routed), expected, rtol=1e-5)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("form", ["logits", "probabilities"])
def test_top_k_accuracies_match_scikit_learn(form, k):
    _, p, y = OUTPUTS[form]
    expected = top_k_accuracy_score(y, p, k=k, sample_weight=W)
    for metric in (
        f"top_{k}_accuracy",
        keras.metrics.TopKCategoricalAccuracy(k=k),
        keras.metrics.SparseTopKCategoricalAccuracy(k=k),
    ):
        np.testing.assert_allclose(value(metric, form), expected, rtol=1e-5)


@pytest.mark.parametrize("form", TWO)
def test_for_two_classes_precision_recall_and_auc_refer_to_the_second(form):
    _, p, y = OUTPUTS[form]
    predicted = p.argmax(axis=1)
    expected = precision_score(y, predicted, sample_weight=W)
    np.testing.assert_allclose(value("Precision", form), expected, rtol=1e-5)
    expected = recall_score(y, predicted, sample_weight=W)
    np.testing.assert_allclose(value(keras.metrics.Recall(), form), expected, rtol=1e-5)
    expected = roc_auc_score(y, p[:, 1], sample_weight=W)
    np.testing.assert_allclose(value("AUC", form, W, {"num_thresholds": 500}), expected, atol=5e-3)
    expected = recall_score(y, predicted, pos_label=0, sample_weight=W)
    np.testing.assert_allclose(value(keras.metrics.Recall(class_id=0), form), expected, rtol=1e-5)


@pytest.mark.parametrize("form", TWO)
def test_binary_metrics_accept_two_classes_of_any_output_form(form):
    _, p, y = OUTPUTS[form]
    p = p.astype("float64")
    expected = accuracy_score(y, p.argmax(axis=1), sample_weight=W)
    np.testing.assert_allclose(value("binary_accuracy", form), expected, rtol=1e-5)
    metric = keras.metrics.BinaryCrossentropy(from_logits=True)
    expected = log_loss(y, p / p.sum(axis=1, keepdims=True), sample_weight=W)
    np.testing.assert_allclose(value(metric, form), expected, rtol=1e-4)
    margins = np.maximum(0, 1 - (2 * y - 1) * MARGIN.ravel())
    np.testing.assert_allclose(value("hinge", form), np.average(margins, weights=W), rtol=1e-4)


@pytest.mark.parametrize("form", ["logits", "probabilities"])
def test_for_more_classes_precision_of_a_class_and_auc_are_one_vs_rest(form):
    _, p, y = OUTPUTS[form]
    expected = precision_score(y == 2, p[:, 2] > 0.5, sample_weight=W)
    metric = keras.metrics.Precision(class_id=2)
    np.testing.assert_allclose(value(metric, form), expected, rtol=1e-5)
    expected = precision_score(np.eye(C)[y].ravel(), p.ravel() > 0.5, sample_weight=W.repeat(C))
    np.testing.assert_allclose(value("precision", form), expected, rtol=1e-5)
    each = [roc_auc_score(y == c, p[:, c], sample_weight=W) for c in range(C)]
    metric = keras.metrics.AUC(multi_label=True, num_thresholds=500, from_logits=True)
    np.testing.assert_allclose(value(metric, form), np.mean(each), atol=5e-3)


@pytest.mark.parametrize("form", ["logits", "probabilities"])
def test_squared_error_is_the_brier_score_of_all_classes(form):
    _, p, y = OUTPUTS[form]
    expected = np.average(((np.eye(C)[y] - p) ** 2).mean(axis=1), weights=W)
    np.testing.assert_allclose(value("mse", form), expected, rtol=1e-4)


def test_overlap_metrics_use_fractional_weights():
    result = value(keras.metrics.MeanIoU(num_classes=C), "logits", np.full(N, 0.5))
    expected = jaccard_score(Y, Z.argmax(axis=1), average="macro")
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_overlap_metrics_get_labels_in_their_configured_form():
    dense = keras.metrics.MeanIoU(num_classes=C, sparse_y_true=False, sparse_y_pred=False)
    expected = jaccard_score(Y, Z.argmax(axis=1), average="macro", sample_weight=W)
    np.testing.assert_allclose(value(dense, "logits"), expected, rtol=1e-5)
    with pytest.raises(ObjectiveError, match="MeanIoU was made for 3 classes.*have 4"):
        resolve(keras.metrics.MeanIoU(num_classes=3), "logits")


def test_scalar_functions_are_averaged_by_rows_and_take_no_weights():
    (metric,) = resolve(scalar_accuracy, "logits")
    assert metric.takes_weights is False
    expected = accuracy_score(Y, Z.argmax(axis=1))
    for part in (slice(0, 50), slice(50, N)):
        metric.update_state(Y[part], Z[part])
    np.testing.assert_allclose(metric.result(), expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_metrics_accept_output_of_any_precision(dtype):
    for metric in resolve(["accuracy", "top_2_accuracy", "macro_f1", "ce"], "logits"):
        metric.update_state(Y, Z.astype(dtype))
        assert 0 < float(metric.result()) < 2


def test_metrics_have_the_precision_of_the_dtype_policy():
    keras.config.set_floatx("float64")
    try:
        metrics = resolve(
            ["ce", "macro_f1", keras.metrics.KLDivergence, "top_2_accuracy"], "logits"
        )
        for metric in metrics:
            metric.update_state(Y, Z.astype("float64"), sample_weight=W)
        p = softmax(Z.astype("float64"), axis=1)
        assert float(metrics[0].result()) == pytest.approx(log_loss(Y, p, sample_weight=W), 1e-10)
        assert [metric.dtype for metric in metrics] == ["float64"] * 3 + ["float32"]
    finally:
        keras.config.set_floatx("float32")


# --- names ------------------------------------------------------------------------------------


def names(metrics, routed=None):
    return [metric.name for metric in resolve(metrics, "logits", routed)]


def test_names_are_those_given_and_unique():
    metrics = [
        "accuracy",
        "acc",
        "macro_f1",
        "Precision",
        keras.metrics.Precision,
        one_hot_accuracy,
    ]
    assert names(metrics) == [
        "accuracy",
        "acc",
        "macro_f1",
        "Precision",
        "precision",
        "one_hot_accuracy",
    ]
    assert names(["precision"] * 3) == ["precision", "precision_1", "precision_2"]
    assert names(lambda y_true, y_pred: one_hot_accuracy(y_true, y_pred)) == ["metric"]


def test_names_are_reproducible_within_a_process():
    for _ in range(3):
        assert names([keras.metrics.Precision(), "AUC", keras.metrics.MeanIoU]) == [
            "precision",
            "AUC",
            "mean_io_u",
        ]


def test_a_dict_names_the_metrics_and_own_names_are_kept():
    metrics = {"first": "accuracy", "second": [keras.metrics.F1Score(name="f"), "macro_f1"]}
    assert names(metrics) == ["first", "f", "macro_f1"]
    assert names(["precision", "recall"], {"1__name": "r"}) == ["precision", "r"]


@pytest.mark.parametrize("name", ["loss", "val_accuracy"])
def test_names_used_by_the_history_are_rejected(name):
    with pytest.raises(ValueError, match=f"'{name}' is taken in the history"):
        resolve({name: "accuracy"}, "logits")


# --- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", [None, [], {}, {"a": None}])
def test_none_and_empty_collections_give_no_metrics(nothing):
    assert resolve(nothing, "logits") == []


def test_routed_arguments_reach_metrics_by_position_key_and_name():
    (metric,) = resolve("top_k_categorical_accuracy", "logits", {"k": 2})
    assert metric.inner.get_config()["k"] == 2
    first, second = resolve(["precision", "recall"], "logits", {"recall__class_id": 1})
    assert (first.inner.class_id, second.inner.class_id) == (None, 1)


def test_the_user_s_metric_is_not_modified():
    mine = [keras.metrics.Precision(), UserAccuracy(), keras.metrics.AUC(from_logits=True)]
    before = [metric.get_config() for metric in mine]
    for metric in resolve(mine, "logits"):
        metric.update_state(Y, Z)
    assert [metric.get_config() for metric in mine] == before
    assert not any(np.any(v.numpy()) for metric in mine for v in metric.variables)


@pytest.mark.parametrize("metric", ["binary_accuracy", "binary_crossentropy", "binary_io_u"])
def test_binary_metrics_are_rejected_for_more_classes(metric):
    with pytest.raises(ObjectiveError, match="labels of 4 classes.*two classes only"):
        resolve(metric, "logits", {"target_class_ids": [0]} if "io" in metric else None)


def test_metrics_that_do_not_compare_predictions_are_rejected():
    with pytest.raises(ObjectiveError, match="does not compare labels with predictions"):
        resolve(keras.metrics.Mean, "logits")
    for shift in (0.0, 1.0):  # class indices as quantities
        with pytest.raises(
            ObjectiveError, match="did not distinguish right predictions from wrong"
        ):
            resolve(lambda y_true, y_pred, shift=shift: y_true + shift, "logits")


def test_a_metric_that_a_later_version_of_keras_adds_is_tried_out(monkeypatch):
    class BrierScore(keras.metrics.Mean):
        def update_state(self, y_true, y_pred, sample_weight=None):
            super().update_state(ops.sum((y_true - y_pred) ** 2, axis=-1), sample_weight)

    monkeypatch.setattr(keras.metrics, "BrierScore", BrierScore, raising=False)
    (resolved,) = resolve("brier_score", "logits")
    resolved.update_state(Y, Z)
    expected = ((np.eye(C)[Y] - OUTPUTS["logits"][1]) ** 2).sum(axis=1).mean()
    np.testing.assert_allclose(resolved.result(), expected, rtol=1e-5)


def confidence(y_true, y_pred):
    return ops.max(y_pred, axis=-1)


def mean_confidence(y_true, y_pred):
    return ops.mean(confidence(y_true, y_pred))


def entropy(y_true, y_pred):
    return -ops.sum(y_pred * ops.log(y_pred), axis=-1)


class MeanEntropy(keras.metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(entropy(y_true, y_pred), sample_weight)


class Rows(keras.metrics.Sum):
    """Counts rows."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(ops.ones(ops.shape(y_pred)[0]))


def seconds(y_true, y_pred):
    return time.perf_counter()


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (confidence, lambda p: p.max(axis=1).mean()),
        (mean_confidence, lambda p: p.max(axis=1).mean()),
        (entropy, lambda p: -(p * np.log(p)).sum(axis=1).mean()),
        (MeanEntropy, lambda p: -(p * np.log(p)).sum(axis=1).mean()),
        (Rows, len),
        (lambda y_true, y_pred: y_pred[:, 0], lambda p: p[:, 0].mean()),  # it has no better side
    ],
)
@pytest.mark.parametrize("form", ["logits", "two_logits"])
def test_metrics_that_ignore_the_labels_are_accepted(metric, expected, form):
    (resolved,) = resolve({"own": metric}, form)
    raw, p, y = OUTPUTS[form]
    resolved.update_state(y, raw)
    np.testing.assert_allclose(resolved.result(), expected(p), rtol=1e-5)
    assert metric_modes([resolved]) == {"own": None}


def test_a_timer_is_accepted_as_a_metric():
    (resolved,) = resolve(seconds, "logits")
    resolved.update_state(Y, Z)
    assert float(resolved.result()) > 0


def test_a_metric_of_one_class_among_many_gets_its_labels():
    def recall_of_class_42(y_true, y_pred):  # one-hot labels
        hit = ops.cast(ops.equal(ops.argmax(y_pred, -1), 42), "float32")
        return ops.sum(hit * y_true[:, 42]) / ops.maximum(ops.sum(y_true[:, 42]), 1.0)

    def recalls_of_class_42(y_true, y_pred):  # class indices
        return ops.cast((y_true == 42) & (ops.argmax(y_pred, -1) == 42), "float32")

    for metric in (recall_of_class_42, recalls_of_class_42):
        with pytest.raises(ObjectiveError, match="did not distinguish"):
            resolve_metrics(metric, n_classes=100, output_form="logits")


def test_unknown_names_suggest_ours_and_keras_names():
    with pytest.raises(ValueError, match="'balanced_accuracy'"):
        resolve("balanced_acuracy", "logits")
    with pytest.raises(ValueError, match="metrics must be one of .*'precision'"):
        resolve("precison", "logits")


@pytest.mark.parametrize(
    "name", sorted({*get_scorer_names(), "log_loss", "brier_score_loss", "mcc"})
)
def test_every_scorer_of_scikit_learn_is_a_metric_or_an_error_with_others_that_are(name):
    for resolve_all, size in (
        (resolve_metrics, {"n_classes": 3, "output_form": "logits"}),
        (resolve_label_metrics, {"n_labels": 3, "output_form": "label_logits"}),
    ):
        try:
            (metric,) = resolve_all([name], **size)
        except ValueError as error:
            advice = re.search(r"(Did you mean|these are metrics here:) (.*)[?.]$", str(error))
            if advice is None:
                assert name not in get_scorer_names()
                continue
            suggested = re.findall(r"'(\w+)'", advice[2])
            assert suggested
            assert [m.name for m in resolve_all(suggested, **size)] == suggested
        else:
            assert metric.name == name


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("jaccard", "'macro_jaccard' or 'micro_jaccard' or 'weighted_jaccard'"),
        ("neg_brier_score", "'mean_squared_error'"),
        ("d2_log_loss_score", "'crossentropy'"),
        ("neg_log_loss", "'crossentropy'"),
        ("neg_root_mean_squared_error", "'root_mean_squared_error'"),
        ("roc_auc_ovo_weighted", "'weighted_auc'"),
        ("top_k_accuracy", "'top_3_accuracy'"),
        ("kappa", "'cohen_kappa'"),
        ("mcc", "'matthews_correlation'"),
        ("zero_one_loss", "'accuracy'"),
    ],
)
def test_names_from_elsewhere_suggest_what_they_mean(name, meant):
    with pytest.raises(ValueError, match=rf"got '{name}'\. Did you mean {meant}\?$"):
        resolve(name, "logits")


# --- in a model -------------------------------------------------------------------------------


@keras.saving.register_keras_serializable(package="tests")
def registered_accuracy(y_true, y_pred):
    return one_hot_accuracy(y_true, y_pred)


EVERY_KIND = ["accuracy", "macro_f1", "balanced_accuracy", "AUC", registered_accuracy]


def compiled(metrics):
    network = keras.Sequential([keras.Input((C,)), keras.layers.Dense(C)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile("sgd", loss, weighted_metrics=resolve(metrics, "logits"))
    return network


def test_variables_exist_before_the_first_batch():
    for metric in resolve([*EVERY_KIND, keras.metrics.AUC(multi_label=True)], "logits"):
        assert metric.variables
        assert not any(np.any(v.numpy()) for v in metric.variables)


def test_early_stopping_knows_the_direction_of_every_metric():
    directions = {
        "macro_f1": 1,
        "balanced_accuracy": 1,
        "registered_accuracy": 1,
        "one_hot_entropy": -1,
        "user_accuracy": 1,
    }
    network = compiled([*EVERY_KIND, one_hot_entropy, UserAccuracy])
    stoppings = [keras.callbacks.EarlyStopping(monitor=f"val_{name}") for name in directions]
    network.fit(Z, Y, validation_data=(Z, Y), verbose=0, callbacks=stoppings)
    for stopping, direction in zip(stoppings, directions.values(), strict=True):
        assert bool(stopping.monitor_op(2.0, 1.0)) is (direction == 1)


def test_modes_are_known_by_logged_name_for_scalars_only():
    one_value_per_class = keras.metrics.F1Score()
    metrics = ["macro_f1", "per_class_auc", one_hot_entropy, one_value_per_class]
    per_class = {f"auc/{k}": "max" for k in range(C)}
    expected = {"macro_f1": "max", **per_class, "one_hot_entropy": "min"}
    assert metric_modes(resolve(metrics, "logits")) == expected
    assert metric_modes([keras.metrics.Mean(name="unknown")]) == {"unknown": None}


def test_a_compiled_model_reports_weighted_metrics_and_survives_saving(tmp_path):
    network = compiled(EVERY_KIND)
    before = network.evaluate(Z, Y, sample_weight=W, batch_size=16, verbose=0, return_dict=True)
    predicted = network.predict(Z, verbose=0).argmax(axis=1)
    expected = f1_score(Y, predicted, average="macro", sample_weight=W)
    assert before["macro_f1"] == pytest.approx(expected, rel=1e-5)
    network.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    after = again.evaluate(Z, Y, sample_weight=W, batch_size=16, verbose=0, return_dict=True)
    assert after == pytest.approx(before, rel=1e-5)


def test_adapted_metrics_can_be_pickled_and_keep_name_and_direction():
    for metric in resolve(
        ["macro_f1", "balanced_accuracy", one_hot_accuracy, UserAccuracy], "logits"
    ):
        again = pickle.loads(pickle.dumps(metric))
        assert (type(again), again.name) == (type(metric), metric.name)
        assert again.get_config()["name"] == metric.name
        for each in (metric, again):
            each.update_state(Y, Z)
        assert float(again.result()) == pytest.approx(float(metric.result()))
        assert isinstance(again, AdaptedMetric) or again.variables
