"""Agreement of labels, output layer and loss: output inspection, conversions and losses."""

from __future__ import annotations

import functools
import pickle

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import expit, log_softmax, softmax

from _toy import stable_id, tiny
from keras_multiclass._network.objective.adapters import AdaptedLoss
from keras_multiclass._network.objective.classes.losses import resolve_loss
from keras_multiclass._network.objective.classes.metrics import resolve_metrics
from keras_multiclass._network.objective.classes.output import (
    inspect_output,
    to_log_probabilities,
    to_logits,
    to_probabilities,
)
from keras_multiclass._network.objective.labels.losses import resolve_label_loss
from keras_multiclass.exceptions import ObjectiveError

RNG = np.random.default_rng(0)
N, C = 8, 3
Y = RNG.integers(0, C, N)
Y2 = np.array([0, 1, 1, 0, 1, 0, 0, 1])
Z = 2 * RNG.normal(size=(N, C)).astype("float32")
MARGIN = 2 * RNG.normal(size=(N, 1)).astype("float32")
W = RNG.uniform(0.1, 2.0, N)
X = RNG.normal(size=(4, 5)).astype("float32")

# Output of each form for the same probabilities, the probabilities, and the labels.
OUTPUTS = {
    "logits": (Z, softmax(Z, axis=1), Y),
    "probabilities": (softmax(Z, axis=1), softmax(Z, axis=1), Y),
    "binary_logit": (MARGIN, np.hstack([expit(-MARGIN), expit(MARGIN)]), Y2),
    "binary_probability": (expit(MARGIN), np.hstack([expit(-MARGIN), expit(MARGIN)]), Y2),
}


def cross_entropy(p, y, smoothing=0.0):
    target = np.eye(p.shape[1])[y] * (1 - smoothing) + smoothing / p.shape[1]
    return -(target * np.log(p)).sum(axis=1)


def true_probability(p, y):
    return p[np.arange(len(y)), y]


def focal(p, y, gamma=2.0, alpha=0.25):
    q = true_probability(p, y)
    return -alpha * (1 - q) ** gamma * np.log(q)


def value(loss, form, routed=None, weights=None):
    """Resolve a loss and apply it to labels of both allowed shapes."""
    raw, p, y = OUTPUTS[form]
    resolved = resolve_loss(loss, routed, n_classes=p.shape[1], output_form=form)
    results = [float(resolved(labels, raw, weights)) for labels in (y, y[:, None])]
    assert results[0] == pytest.approx(results[1])
    return results[0]


def index_loss(y_true, y_pred):
    """A user-defined function of class indices and probabilities."""
    picked = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1])
    return -ops.log(ops.sum(picked * y_pred, axis=-1))


def one_hot_loss(y_true, y_pred):
    return -ops.sum(y_true * ops.log(y_pred), axis=-1)


def column_loss(y_true, y_pred):
    return -ops.log(ops.take_along_axis(y_pred, ops.cast(y_true, "int32"), axis=-1))


def scalar_loss(y_true, y_pred):
    return -ops.mean(ops.sum(y_true * ops.log(y_pred), axis=-1))


def logit_loss(y_true, y_pred):
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=True)


def flagged_loss(y_true, y_pred, from_logits=False):
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits)


class UserLoss(keras.losses.Loss):
    def __init__(self, power=1.0, name="user_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.power = power

    def call(self, y_true, y_pred):
        return one_hot_loss(y_true, y_pred) ** self.power

    def get_config(self):
        return {**super().get_config(), "power": self.power}


class BareLoss(keras.losses.Loss):
    """A user-defined loss without ``get_config`` whose constructor takes no reduction."""

    def __init__(self, power):
        super().__init__(name="bare")
        self.power = power

    def call(self, y_true, y_pred):
        return index_loss(y_true, y_pred) ** self.power


class WholeCall(keras.losses.Loss):
    """A user-defined loss that overrides ``__call__``, as old code does, and weights by itself."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        values = one_hot_loss(y_true, y_pred)
        return ops.mean(values if sample_weight is None else values * sample_weight)


class RowCall(keras.losses.Loss):
    def __call__(self, y_true, y_pred):
        return index_loss(y_true, y_pred)


class ScalarCall(keras.losses.Loss):
    def __call__(self, y_true, y_pred):
        return scalar_loss(y_true, y_pred)


class ScaledCall(keras.losses.CategoricalCrossentropy):
    factor = 1.0

    def __call__(self, y_true, y_pred, sample_weight=None):
        return self.factor * super().__call__(y_true, y_pred, sample_weight)


class TripledCall(ScaledCall):
    factor = 3.0


class CallableLoss:
    def __init__(self, factor=1.0):
        self.factor = factor

    def __call__(self, y_true, y_pred):
        return self.factor * one_hot_loss(y_true, y_pred)


CROSS_ENTROPIES = [
    "auto",
    "crossentropy",
    None,
    "sparse_categorical_crossentropy",
    "SparseCategoricalCrossentropy",
    "categorical_crossentropy",
    "kl_divergence",
    keras.losses.SparseCategoricalCrossentropy,
    keras.losses.CategoricalCrossentropy(from_logits=True),
    keras.losses.CategoricalCrossentropy(from_logits=False),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    keras.losses.SparseCategoricalCrossentropy(from_logits=False),
    keras.losses.sparse_categorical_crossentropy,
    keras.losses.categorical_crossentropy,
    functools.partial(keras.losses.categorical_crossentropy, label_smoothing=0.0),
    {"class_name": "CategoricalCrossentropy", "config": {"from_logits": True}},
    index_loss,
    one_hot_loss,
    column_loss,
    scalar_loss,
    logit_loss,
    flagged_loss,
    lambda y_true, y_pred: one_hot_loss(y_true, y_pred),
    UserLoss,
    UserLoss(),
    BareLoss(1.0),
    WholeCall,
    RowCall(),
    ScaledCall(),
    CallableLoss,
]


@pytest.mark.parametrize("form", OUTPUTS)
@pytest.mark.parametrize("loss", CROSS_ENTROPIES, ids=stable_id)
def test_every_cross_entropy_is_correct_for_every_output_form(loss, form):
    _, p, y = OUTPUTS[form]
    assert value(loss, form) == pytest.approx(cross_entropy(p, y).mean(), rel=1e-4)


@pytest.mark.parametrize("form", OUTPUTS)
def test_smoothed_and_focal_losses_are_correct_for_every_output_form(form):
    _, p, y = OUTPUTS[form]
    smoothed = cross_entropy(p, y, 0.2).mean()
    assert value("auto", form, {"label_smoothing": 0.2}) == pytest.approx(smoothed, rel=1e-4)
    smooth = keras.losses.CategoricalCrossentropy(label_smoothing=0.2)
    assert value(smooth, form) == pytest.approx(smoothed, rel=1e-4)
    focused = focal(p, y, gamma=1.5).mean()
    routed = {"gamma": 1.5}
    assert value("categorical_focal_crossentropy", form, routed) == pytest.approx(focused, rel=1e-4)


@pytest.mark.skipif(
    not hasattr(keras.losses, "CategoricalGeneralizedCrossEntropy"),
    reason="this Keras has no such loss",
)
@pytest.mark.parametrize("form", OUTPUTS)
def test_generalized_cross_entropy_is_correct_for_every_output_form(form):
    _, p, y = OUTPUTS[form]
    expected = ((1 - true_probability(p, y) ** 0.7) / 0.7).mean()
    result = value("categorical_generalized_cross_entropy", form, {"q": 0.7})
    assert result == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("form", ["logits", "probabilities"])
def test_categorical_hinge_uses_the_margin_of_the_output(form):
    raw, _, y = OUTPUTS[form]
    right = true_probability(raw, y)
    others = np.where(np.eye(C)[y] == 1, 0, raw).max(axis=1)
    expected = np.maximum(0, 1 + others - right).mean()
    assert value("categorical_hinge", form) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("form", ["binary_logit", "binary_probability"])
def test_binary_losses_accept_one_unit(form):
    _, p, y = OUTPUTS[form]
    for loss in ("binary_crossentropy", keras.losses.BinaryCrossentropy(from_logits=True)):
        assert value(loss, form) == pytest.approx(cross_entropy(p, y).mean(), rel=1e-4)
    q = true_probability(p, y)
    expected = (-((1 - q) ** 2) * np.log(q)).mean()
    assert value("binary_focal_crossentropy", form) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("form", ["binary_logit", "binary_probability"])
def test_a_user_defined_one_unit_loss_gets_one_column(form):
    def brier(y_true, y_pred):
        return (y_true - y_pred) ** 2

    def with_sigmoid(y_true, y_pred):
        return ops.binary_crossentropy(y_true, y_pred, from_logits=True)

    _, p, y = OUTPUTS[form]
    assert value(brier, form) == pytest.approx(((y - p[:, 1]) ** 2).mean(), rel=1e-4)
    assert value(with_sigmoid, form) == pytest.approx(cross_entropy(p, y).mean(), rel=1e-4)


@pytest.mark.parametrize("loss", ["auto", "categorical_crossentropy", index_loss, UserLoss()])
def test_the_loss_is_the_weighted_mean(loss):
    _, p, y = OUTPUTS["logits"]
    expected = np.average(cross_entropy(p, y), weights=W)
    assert value(loss, "logits", weights=W) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("cls", [keras.losses.CategoricalCrossentropy, UserLoss])
def test_a_requested_sum_is_kept(cls):
    _, p, y = OUTPUTS["logits"]
    expected = (cross_entropy(p, y) * W).sum()
    for loss, routed in [(cls(reduction="sum"), {}), (cls, {"reduction": "sum"})]:
        assert value(loss, "logits", routed, W) == pytest.approx(expected, rel=1e-4)


def test_no_reduction_becomes_the_mean():
    _, p, y = OUTPUTS["logits"]
    loss = keras.losses.SparseCategoricalCrossentropy(reduction=None)
    assert value(loss, "logits") == pytest.approx(cross_entropy(p, y).mean(), rel=1e-4)


def test_an_instance_is_copied_with_its_settings():
    mine = keras.losses.SparseCategoricalCrossentropy(from_logits=False, ignore_class=1)
    resolved = resolve_loss(mine, n_classes=C, output_form="logits")
    assert resolved is not mine
    assert resolved.get_config()["from_logits"] is True
    assert mine.get_config()["from_logits"] is False
    kept = Y != 1
    expected = cross_entropy(softmax(Z[kept], axis=1), Y[kept]).mean()
    assert float(resolved(Y, Z)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("form", "cls"),
    [
        ("logits", keras.losses.SparseCategoricalCrossentropy),
        ("probabilities", keras.losses.SparseCategoricalCrossentropy),
        ("binary_logit", keras.losses.BinaryCrossentropy),
        ("binary_probability", keras.losses.BinaryCrossentropy),
    ],
)
def test_the_default_loss_is_a_plain_keras_object(form, cls):
    n_classes = OUTPUTS[form][1].shape[1]
    assert type(resolve_loss("auto", n_classes=n_classes, output_form=form)) is cls


def test_routed_arguments_reach_user_defined_functions_and_classes():
    def powered(y_true, y_pred, power=1.0):
        return one_hot_loss(y_true, y_pred) ** power

    _, p, y = OUTPUTS["logits"]
    expected = (cross_entropy(p, y) ** 2).mean()
    for loss in (powered, UserLoss, UserLoss(1.0)):
        assert value(loss, "logits", {"power": 2.0}) == pytest.approx(expected, rel=1e-4)


def test_a_loss_of_one_number_per_batch_is_not_per_sample():
    for loss, per_sample in [(scalar_loss, False), ("dice", False), (one_hot_loss, True)]:
        resolved = resolve_loss(loss, n_classes=C, output_form="logits")
        assert resolved.per_sample is per_sample


def test_a_loss_that_overrides_call_dunder_weights_as_in_keras():
    _, p, y = OUTPUTS["logits"]
    losses = cross_entropy(p, y)
    mean, product = np.average(losses, weights=W), (losses * W).mean()
    for loss, expected in [
        (WholeCall(), product),
        (RowCall(), mean),
        (ScaledCall(), mean),
        (TripledCall(), 3 * mean),
    ]:
        assert value(loss, "logits", weights=W) == pytest.approx(expected, rel=1e-4)
    assert value(CallableLoss, "logits", {"factor": 3.0}, W) == pytest.approx(3 * mean, rel=1e-4)


def test_a_loss_that_overrides_call_dunder_trains_with_weights():
    X, y = RNG.normal(size=(24, 5)), np.arange(24) % 3
    weight = 1.0 + y
    fit = {"batch_size": -1, "epochs": 1, "optimizer__learning_rate": 0.0}
    for n_ensemble in (1, 2):
        model = tiny(loss=WholeCall(), n_ensemble=n_ensemble, **fit).fit(X, y, weight)
        members = tiny(loss="auto", n_ensemble=n_ensemble, **fit).fit(X, y, weight)
        mean = members.history_["loss"][0]  # of the same network, weighted by the sum of weights
        assert model.history_["loss"][0] == pytest.approx(mean * weight.mean(), rel=1e-4)
    scalar = type(
        "Scalar", (keras.losses.Loss,), {"__call__": lambda self, t, p: scalar_loss(t, p)}
    )
    tiny(loss=scalar, **fit).fit(X, y)
    with pytest.raises(ObjectiveError, match="one value for each row"):
        tiny(loss=scalar, **fit).fit(X, y, weight)


def test_losses_have_the_precision_of_the_dtype_policy():
    keras.config.set_floatx("float64")
    try:
        for loss in ("auto", "categorical_crossentropy", one_hot_loss, UserLoss):
            resolved = resolve_loss(loss, n_classes=C, output_form="logits")
            exact = cross_entropy(softmax(Z.astype("float64"), axis=1), Y).mean()
            assert float(resolved(Y, Z.astype("float64"))) == pytest.approx(exact, rel=1e-10)
    finally:
        keras.config.set_floatx("float32")


REGRESSION = [
    "mse",
    "mean_squared_error",
    "MeanAbsoluteError",
    "mape",
    "msle",
    "huber",
    "log_cosh",
    "poisson",
    "cosine_similarity",
    keras.losses.MeanSquaredError,
    keras.losses.MeanSquaredError(),
    keras.losses.mean_squared_error,
]


@pytest.mark.parametrize("loss", REGRESSION, ids=stable_id)
@pytest.mark.parametrize("form", ["logits", "binary_probability"])
def test_regression_losses_are_rejected_with_a_remedy(loss, form):
    n_classes = OUTPUTS[form][1].shape[1]
    with pytest.raises(ObjectiveError, match="regression loss.*Use loss='auto'") as caught:
        resolve_loss(loss, n_classes=n_classes, output_form=form)
    assert f"labels of {n_classes} classes" in str(caught.value)
    assert "output layer of" in str(caught.value)


@pytest.mark.parametrize("loss", ["binary_crossentropy", "binary_focal_crossentropy", "hinge"])
def test_binary_losses_are_rejected_for_several_units(loss):
    with pytest.raises(ObjectiveError, match="single output unit.*Use loss='"):
        resolve_loss(loss, n_classes=C, output_form="logits")


@pytest.mark.parametrize("loss", ["ctc", "circle"])
def test_losses_for_other_tasks_are_rejected(loss):
    with pytest.raises(ObjectiveError, match="does not compare classes"):
        resolve_loss(loss, n_classes=C, output_form="logits")


class SmoothedSparse(keras.losses.SparseCategoricalCrossentropy):
    """The loss of Keras 3.16, which smooths labels itself."""

    def __init__(self, from_logits=False, label_smoothing=0.0, reduction="none", **kwargs):
        super().__init__(from_logits=from_logits, reduction=reduction, **kwargs)
        self.label_smoothing = label_smoothing

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing}

    def call(self, y_true, y_pred):
        target = ops.one_hot(ops.reshape(ops.cast(y_true, "int32"), (-1,)), y_pred.shape[-1])
        smoothing = self.label_smoothing
        logits = self.get_config()["from_logits"]
        return keras.losses.categorical_crossentropy(target, y_pred, logits, smoothing)


@pytest.mark.parametrize("loss", ["auto", "sparse_categorical_crossentropy", "its class"])
@pytest.mark.parametrize("form", ["logits", "probabilities"])
def test_label_smoothing_reaches_a_sparse_loss_that_takes_it(loss, form, monkeypatch):
    SmoothedSparse.__name__ = "SparseCategoricalCrossentropy"
    monkeypatch.setattr(keras.losses, "SparseCategoricalCrossentropy", SmoothedSparse)
    _, p, y = OUTPUTS[form]
    loss = SmoothedSparse if loss == "its class" else loss
    expected = cross_entropy(p, y, 0.2).mean()
    assert value(loss, form, {"label_smoothing": 0.2}) == pytest.approx(expected, rel=1e-4)


@pytest.mark.skipif(
    "label_smoothing" in keras.losses.SparseCategoricalCrossentropy().get_config(),
    reason="this version of Keras smooths the labels of the loss",
)
def test_label_smoothing_of_the_sparse_loss_is_rejected_with_a_remedy():
    with pytest.raises(ObjectiveError, match="loss__label_smoothing.*loss='auto'"):
        resolve_loss(
            "sparse_categorical_crossentropy",
            {"label_smoothing": 0.1},
            n_classes=C,
            output_form="logits",
        )


def test_unknown_names_arguments_and_types_are_rejected():
    with pytest.raises(ValueError, match="loss must be one of.*'categorical_crossentropy'"):
        resolve_loss("categorical_crosentropy", n_classes=C, output_form="logits")
    with pytest.raises(ValueError, match="loss__gama"):
        resolve_loss(
            "categorical_focal_crossentropy", {"gama": 1}, n_classes=C, output_form="logits"
        )
    with pytest.raises(TypeError, match="loss must be 'auto', a name"):
        resolve_loss(3, n_classes=C, output_form="logits")


@pytest.mark.parametrize(
    "bad",
    [
        lambda y_true, y_pred: ops.sum(y_pred),
        lambda y_true, y_pred: ops.mean(ops.cast(y_true, "float32")),
        lambda y_true, y_pred: ops.sum(y_true * ops.log(y_pred), axis=-1),
        lambda y_true, y_pred: 1 / 0,
        lambda y_true, y_pred: y_true * ops.log(y_pred),
    ],
    ids=["constant", "labels only", "wrong sign", "raises", "elementwise"],
)
def test_a_function_that_is_not_a_loss_is_rejected_with_the_attempts(bad):
    with pytest.raises(ObjectiveError, match="Tried: class indices .*one-hot labels"):
        resolve_loss(bad, n_classes=C, output_form="logits")


@pytest.mark.parametrize("n_classes", [2, 7, 9, 60])
def test_the_label_form_of_a_function_is_detected_for_any_number_of_classes(n_classes):
    forms = {index_loss: "index", one_hot_loss: "one_hot", column_loss: "column"}
    for function, form in forms.items():
        resolved = resolve_loss(function, n_classes=n_classes, output_form="logits")
        assert resolved.forms.target == form


def test_zero_probabilities_have_finite_gradients():
    import tensorflow as tf

    logits = tf.Variable([[200.0, -200.0, 0.0]])
    for loss in (lambda y, p: 1 - ops.sum(y * p, -1) ** 0.5, one_hot_loss):
        resolved = resolve_loss(loss, n_classes=C, output_form="logits")
        with tf.GradientTape() as tape:
            result = resolved(np.array([1]), logits)
        assert np.isfinite(tape.gradient(result, logits).numpy()).all()


@pytest.mark.parametrize("loss", ["categorical_crossentropy", one_hot_loss, UserLoss(2.0)])
def test_adapted_losses_survive_pickling_and_configuration(loss):
    resolved = resolve_loss(loss, n_classes=C, output_form="logits")
    assert isinstance(resolved, AdaptedLoss)
    expected = float(resolved(Y, Z))
    assert float(pickle.loads(pickle.dumps(resolved))(Y, Z)) == pytest.approx(expected)
    with keras.saving.custom_object_scope({"one_hot_loss": one_hot_loss, "UserLoss": UserLoss}):
        again = AdaptedLoss.from_config(resolved.get_config())
    assert float(again(Y, Z)) == pytest.approx(expected)


# --- conversions ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", OUTPUTS)
def test_probabilities_and_logits_agree_for_every_form(form):
    raw, p, _ = OUTPUTS[form]
    np.testing.assert_allclose(to_probabilities(raw, form), p, rtol=1e-5)
    np.testing.assert_allclose(softmax(to_logits(raw, form), axis=1), p, rtol=1e-4)
    np.testing.assert_allclose(to_log_probabilities(raw, form), np.log(p), rtol=1e-4, atol=1e-6)
    assert to_probabilities(raw, form).dtype == np.float64


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        ([[1e4, -1e4, 0.0], [np.inf, 0.0, 0.0]], "logits"),
        ([[1.0, 0.0, 0.0], [0.5, 0.5, 0.001]], "probabilities"),
        ([[800.0], [-np.inf]], "binary_logit"),
        ([[1.0], [0.0]], "binary_probability"),
    ],
)
def test_extreme_outputs_stay_finite_and_rows_sum_to_one(raw, form):
    p = to_probabilities(np.array(raw), form)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)
    assert np.isfinite(to_logits(raw, form)).all()
    assert np.isfinite(to_log_probabilities(raw, form)).all()


def test_log_probabilities_are_accurate_where_probabilities_underflow():
    raw = np.array([[0.0, -900.0]])
    np.testing.assert_allclose(to_log_probabilities(raw, "logits"), log_softmax(raw, axis=1))
    np.testing.assert_allclose(to_log_probabilities([[-900.0]], "binary_logit")[0, 1], -900.0)


def test_an_unknown_form_is_an_error():
    with pytest.raises(ValueError, match="form must be one of 'logits'"):
        to_logits([[0.0, 1.0]], "softmax")


# --- inspection -------------------------------------------------------------------------------


def model(*last, name=None):
    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(6, "relu"), *last])


def functional(*last):
    inputs = keras.Input((5,))
    x = inputs
    for layer in last:
        x = layer(x)
    return keras.Model(inputs, x)


class Subclassed(keras.Model):
    def __init__(self, units, activation=None):
        super().__init__()
        self.dense = keras.layers.Dense(units)
        self.activation = activation or (lambda x: x)

    def call(self, inputs):
        return self.activation(self.dense(inputs))


Dense = keras.layers.Dense
STRUCTURES = [
    (model(Dense(3)), 3, "logits"),
    (model(Dense(3, "softmax")), 3, "probabilities"),
    (model(Dense(3), keras.layers.Softmax()), 3, "probabilities"),
    (model(Dense(3), keras.layers.Activation("softmax", dtype="float32")), 3, "probabilities"),
    (model(Dense(3), keras.layers.Activation("linear", dtype="float32")), 3, "logits"),
    (model(Dense(3, "softmax"), keras.layers.Activation("linear")), 3, "probabilities"),
    (model(Dense(3, "log_softmax")), 3, "logits"),
    (model(Dense(2)), 2, "logits"),
    (model(Dense(2, "softmax")), 2, "probabilities"),
    (model(Dense(1)), 2, "binary_logit"),
    (model(Dense(1, "sigmoid")), 2, "binary_probability"),
    (model(Dense(1), keras.layers.Activation("sigmoid")), 2, "binary_probability"),
    (functional(Dense(3, "softmax")), 3, "probabilities"),
    (functional(Dense(3), ops.softmax), 3, "probabilities"),
    (functional(Dense(1), ops.sigmoid), 2, "binary_probability"),
    (functional(model(Dense(3, "softmax"))), 3, "probabilities"),
    (functional(Dense(5), functional(Dense(3))), 3, "logits"),
    (Subclassed(3), 3, "logits"),
    (Subclassed(3, ops.softmax), 3, "probabilities"),
    (Subclassed(1), 2, "binary_logit"),
    (Subclassed(1, ops.sigmoid), 2, "binary_probability"),
    (model(Dense(3, kernel_initializer="zeros", activation=lambda x: x)), 3, "logits"),
]


@pytest.mark.parametrize(
    ("network", "n_classes", "form"),
    STRUCTURES,
    ids=[f"{i}-{s[2]}" for i, s in enumerate(STRUCTURES)],
)
def test_the_output_form_is_detected_for_any_structure(network, n_classes, form):
    assert inspect_output(network, n_classes, X) == form


def test_models_of_token_ids_are_evaluated_without_scaling():
    ids = RNG.integers(0, 9, (4, 5))
    layers = [keras.layers.Embedding(9, 4), keras.layers.GlobalAveragePooling1D()]
    for activation, form in [(None, "logits"), (ops.softmax, "probabilities")]:
        network = keras.Sequential([*layers, Subclassed(3, activation)])
        assert inspect_output(network, 3, ids) == form


@pytest.mark.parametrize(
    ("network", "n_classes", "match"),
    [
        (model(Dense(1, "sigmoid")), 3, "1 unit with sigmoid.*Dense\\(3\\)"),
        (model(Dense(4)), 3, "labels of 3 classes.*4 units with linear.*Dense\\(3\\)"),
        (model(Dense(3)), 2, "3 units.*or, for two classes, one unit"),
        (model(Dense(3, "sigmoid")), 3, "multi-label.*Dense\\(3, 'softmax'\\)"),
        (model(Dense(2, "sigmoid")), 2, "multi-label"),
        (model(Dense(3, "relu")), 3, "range of relu"),
        (model(Dense(3, "tanh")), 3, "range of tanh"),
        pytest.param(
            model(Dense(1, "softmax")),
            2,
            "softmax over one unit is always 1",
            # Keras warns about it as well.
            marks=pytest.mark.filterwarnings("ignore:.*softmax over axis -1:UserWarning"),
        ),
        (Subclassed(3, ops.sigmoid), 3, "multi-label"),
        (Subclassed(3, ops.tanh), 3, "range of tanh"),
        (Subclassed(3, ops.relu), 3, "range of relu"),
    ],
)
def test_outputs_that_do_not_fit_are_rejected(network, n_classes, match):
    with pytest.raises(ObjectiveError, match=match) as caught:
        inspect_output(network, n_classes, X, loss="mse")
    assert "loss 'mse'" in str(caught.value)


def test_several_outputs_and_outputs_of_wrong_rank_are_rejected():
    inputs = keras.Input((5,))
    both = keras.Model(inputs, [Dense(3)(inputs), Dense(3)(inputs)])
    with pytest.raises(ObjectiveError, match="one tensor .*a list of 2 outputs"):
        inspect_output(both, 3, X)
    deep = keras.Model(inputs, keras.layers.Reshape((1, 3))(Dense(3)(inputs)))
    with pytest.raises(ObjectiveError, match=r"got shape \(n_samples, 1, 3\)"):
        inspect_output(deep, 3, X)


# --- in a model -------------------------------------------------------------------------------


@keras.saving.register_keras_serializable(package="tests")
def registered_loss(y_true, y_pred):
    return one_hot_loss(y_true, y_pred)


@pytest.mark.parametrize("loss", ["categorical_focal_crossentropy", registered_loss])
def test_a_compiled_model_survives_saving(loss, tmp_path):
    network = model(Dense(C))
    resolved = resolve_loss(loss, n_classes=C, output_form="logits")
    network.compile("sgd", resolved)
    rows = RNG.normal(size=(N, 5)).astype("float32")
    before = network.evaluate(rows, Y, verbose=0)
    network.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.evaluate(rows, Y, verbose=0) == pytest.approx(before, rel=1e-5)


class Calls(keras.losses.Loss):
    """A loss that calls a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, y_true, y_pred):
        return self.function(y_true, y_pred)


class Updates(keras.metrics.Metric):
    """A metric that calls a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.function(y_true, y_pred)

    def result(self):
        return 0.0


@pytest.mark.parametrize(
    ("resolve", "made_from"),
    [
        (lambda f: resolve_loss(f, n_classes=C, output_form="logits"), lambda f: f),
        (lambda f: resolve_loss(f, n_classes=C, output_form="logits"), Calls),
        (lambda f: resolve_metrics([f], n_classes=C, output_form="logits"), lambda f: f),
        (lambda f: resolve_metrics([f], n_classes=C, output_form="logits"), Updates),
    ],
    ids=["loss function", "loss class", "metric function", "metric class"],
)
def test_errors_of_losses_and_metrics_are_quoted_and_chained(resolve, made_from):
    raised = KeyError("no such class")

    def fails(y_true, y_pred):
        raise raised

    with pytest.raises(ObjectiveError, match="it raised an error.*KeyError: 'no such class'") as e:
        resolve(made_from(fails))
    assert e.value.__cause__ is raised
    with pytest.raises(ObjectiveError, match="takes 1 positional argument but 2 were given"):
        resolve(made_from(lambda y_pred: y_pred))


@pytest.mark.parametrize("resolve", [resolve_loss, resolve_metrics])
def test_functions_that_return_nothing_are_told_so(resolve):
    with pytest.raises(ObjectiveError, match="TypeError: it returned None"):
        resolve(lambda y_true, y_pred: None, n_classes=C, output_form="logits")


class Factor(keras.losses.Loss):
    """A loss of Keras times a number that is 0 at first."""

    def __init__(self, function, factor):
        super().__init__()
        self.function, self.factor = function, factor

    def call(self, y_true, y_pred):
        return self.factor * self.function(y_true, y_pred)


@pytest.mark.parametrize("zero", [0.0, 0, np.float32(0), lambda: keras.Variable(0.0)])
@pytest.mark.parametrize(
    ("function", "form"),
    [
        (keras.losses.categorical_crossentropy, "logits"),
        (keras.losses.sparse_categorical_crossentropy, "probabilities"),
        (keras.losses.binary_crossentropy, "binary_logit"),
        (keras.losses.binary_crossentropy, "label_logits"),
    ],
)
def test_what_a_loss_takes_is_found_while_it_is_multiplied_by_0(function, form, zero):
    def resolve(loss):
        if form == "label_logits":
            return resolve_label_loss(loss, n_labels=C, output_form=form)
        n_classes = 2 if form.startswith("binary") else C
        return resolve_loss(loss, n_classes=n_classes, output_form=form)

    zero = zero() if callable(zero) else zero
    loss = resolve(Factor(function, zero))
    assert loss.forms == resolve(Factor(function, 1.0)).forms
    assert float(loss.factor) == 0.0
    metric = Factor(function, zero)
    if form in ("logits", "probabilities"):
        (found,) = resolve_metrics([metric], n_classes=C, output_form=form)
        (expected,) = resolve_metrics([Factor(function, 1.0)], n_classes=C, output_form=form)
        assert found.forms == expected.forms
