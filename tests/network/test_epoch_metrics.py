"""The history holds scikit-learn's values for the same rows, whatever the batches."""

from __future__ import annotations

import functools
import pickle

import keras
import numpy as np
import pytest
from scipy.special import logsumexp, softmax
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    cohen_kappa_score,
    f1_score,
    jaccard_score,
    log_loss,
    matthews_corrcoef,
    precision_score,
    recall_score,
    roc_auc_score,
    top_k_accuracy_score,
)

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._network.objective.classes.metrics import resolve_metrics

RNG = np.random.default_rng(0)
N = 230  # in batches of 64 the last is short
SPECIES = np.array(["ash", "fir", "oak", "yew"])


def rows(n_classes, n=N, seed=0):
    """Informative features and labels of unequal frequency."""
    rng = np.random.default_rng(seed)
    shares = np.arange(1, n_classes + 1) / np.arange(1, n_classes + 1).sum()
    index = rng.choice(n_classes, n, p=shares)
    X = rng.normal(size=(n, 5))
    X[:, 0] += index
    return X, SPECIES[index], rng.uniform(0.2, 3.0, n)


def of_labels(function, **options):
    def score(labels, y, p, weights):
        predicted = labels[p.argmax(axis=1)]
        return function(y, predicted, sample_weight=weights, **options)

    return score


def auc(average):
    def score(labels, y, p, weights):
        if p.shape[1] == 2:
            return roc_auc_score(y, p[:, 1], sample_weight=weights)
        options = {"multi_class": "ovr", "average": average, "sample_weight": weights}
        return roc_auc_score(y, p, **options)

    return score


EXPECTED = {
    "accuracy": of_labels(accuracy_score),
    "crossentropy": lambda labels, y, p, weights: log_loss(y, p, sample_weight=weights),
    "balanced_accuracy": of_labels(balanced_accuracy_score),
    "cohen_kappa": of_labels(cohen_kappa_score),
    "matthews_correlation": of_labels(matthews_corrcoef),
    **{
        f"{average}_{score}": of_labels(function, average=average, zero_division=0)
        for score, function in (
            ("precision", precision_score),
            ("recall", recall_score),
            ("f1", f1_score),
            ("jaccard", jaccard_score),
        )
        for average in ("macro", "micro", "weighted")
    },
    "macro_auc": auc("macro"),
    "weighted_auc": auc("weighted"),
}
RANKED = {
    "top_2_accuracy": lambda labels, y, p, weights: top_k_accuracy_score(
        y, p, k=2, sample_weight=weights
    )
}
AUCS = [name for name in EXPECTED if "auc" in name]
# One metric per metric class; others of the same class differ only in their final formula.
ONE_OF_EACH_CLASS = ["accuracy", "crossentropy", "macro_f1", "macro_auc"]


def frozen(metrics, **params):
    """A classifier with learning rate 0, so that all batches are evaluated with equal weights."""
    still = {"optimizer": "sgd", "optimizer__learning_rate": 0.0, "epochs": 2, "batch_size": 64}
    network = {} if "model" in params else {"backbone": "mlp", "backbone__hidden_units": (8,)}
    return KerasMulticlassClassifier(
        **{**network, **still, "metrics": metrics, "random_state": 0, **params}
    )


def whole_model(units, activation=None):
    def build():
        layers = [keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(units, activation)]
        return keras.Sequential([keras.Input((5,)), *layers])

    return build


ALL_METRICS = ("two classes", "three classes")
NETWORKS = {
    "two classes": (2, {}),
    "three classes": (3, {}),
    "ensemble": (3, {"n_ensemble": 2}),
    "ensemble of two classes": (2, {"n_ensemble": 2}),
    "softmax": (3, {"model": whole_model(3, "softmax")}),
    "one sigmoid unit": (2, {"model": whole_model(1, "sigmoid")}),
    "one logit": (2, {"model": whole_model(1)}),
}


@pytest.mark.parametrize(
    ("network", "engine"),
    [
        *((network, "graph") for network in NETWORKS),
        *((network, "keras") for network in ("three classes", "ensemble", "one sigmoid unit")),
    ],
)
def test_the_history_holds_scikit_learns_values_for_the_whole_epoch(network, engine):
    n_classes, params = NETWORKS[network]
    X, y, weights = rows(n_classes)
    X_val, y_val, weights_val = rows(n_classes, n=301, seed=1)
    every = network in ALL_METRICS and engine == "graph"
    expected = {name: EXPECTED[name] for name in (EXPECTED if every else ONE_OF_EACH_CLASS)}
    if n_classes > 2:
        expected |= RANKED
    classifier = frozen(list(expected), engine=engine, class_weight="balanced", **params)
    classifier.fit(X, y, weights, X_val=X_val, y_val=y_val, sample_weight_val=weights_val)
    assert classifier.engine_ == engine
    labels = classifier.classes_
    balanced = {label: weights.sum() / n_classes / weights[y == label].sum() for label in labels}
    for prefix, features, y_true, own in (("", X, y, weights), ("val_", X_val, y_val, weights_val)):
        predicted = classifier.predict_proba(features)
        in_all = own * np.array([balanced[label] for label in y_true])
        for name, score in expected.items():
            values = classifier.history_[prefix + name]
            assert len(values) == 2
            tolerance = 1e-3 if name in AUCS else 1e-5
            expected_value = score(labels, y_true, predicted, in_all)
            np.testing.assert_allclose(
                values, expected_value, atol=tolerance, err_msg=prefix + name
            )


def test_validation_scores_of_the_last_epoch_are_those_of_the_fitted_network():
    X, y, _ = rows(4)
    names = ["macro_f1", "macro_auc", "matthews_correlation"]
    classifier = tiny(metrics=names, epochs=5).fit(X, y, X_val=X[::2], y_val=y[::2])
    predicted = classifier.predict_proba(X[::2])
    for name in names:
        expected_value = EXPECTED[name](classifier.classes_, y[::2], predicted, None)
        assert classifier.history_[f"val_{name}"][-1] == pytest.approx(expected_value, abs=1e-3)


def test_xla_gives_the_same_values():
    X, y, weights = rows(3)
    names = ["macro_f1", "cohen_kappa", "matthews_correlation", "per_class_auc"]
    plain, compiled = (
        frozen(names, batch_size=N // 5, compile__jit_compile=jit).fit(X, y, weights)
        for jit in (False, True)
    )
    assert "XLA" in compiled.engine_reason_
    assert plain.history_.keys() == compiled.history_.keys()
    for name, values in plain.history_.items():
        np.testing.assert_allclose(compiled.history_[name], values, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("engine", ["graph", "keras"])
def test_float64_metrics_are_accurate_to_float64(engine):
    X, y, weights = rows(3)
    names = list(EXPECTED) if engine == "graph" else ONE_OF_EACH_CLASS
    classifier = frozen(names, engine=engine, dtype="float64").fit(X, y, weights)
    predicted = classifier.predict_proba(X)
    for name in names:
        expected_value = EXPECTED[name](classifier.classes_, y, predicted, weights)
        tolerance = 1e-3 if name in AUCS else 1e-12
        np.testing.assert_allclose(
            classifier.history_[name], [expected_value] * 2, atol=tolerance, err_msg=name
        )


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        *(
            (f"{score}_{average}", f"{average}_{score}")
            for score in ("precision", "recall", "f1", "jaccard")
            for average in ("macro", "micro", "weighted")
        ),
        ("matthews_corrcoef", "matthews_correlation"),
        ("roc_auc_ovr", "macro_auc"),
        ("roc_auc_ovr_weighted", "weighted_auc"),
    ],
)
def test_names_of_scikit_learn_are_aliases(name, ours):
    alias, metric = resolve_metrics([name, ours], n_classes=3, output_form="logits")
    assert (alias.name, metric.name) == (name, ours)
    configs = [each.get_config() for each in (alias, metric)]
    without_names = [str(c).replace(f"'{name}'", "").replace(f"'{ours}'", "") for c in configs]
    assert without_names[0] == without_names[1]


# --- per-class scores -------------------------------------------------------------------------

EACH = {
    "precision": functools.partial(precision_score, average=None, zero_division=0),
    "recall": functools.partial(recall_score, average=None),
    "f1": functools.partial(f1_score, average=None),
    "jaccard": functools.partial(jaccard_score, average=None),
}


# The Keras engine always reports batch by batch, with callbacks or without.
@pytest.mark.parametrize(
    ("engine", "watched"), [("graph", False), ("graph", True), ("keras", False)]
)
def test_scores_of_each_class_are_reported_by_its_label(engine, watched):
    X, y, weights = rows(3)
    X_val, y_val, _ = rows(3, n=301, seed=1)
    callbacks = keras.callbacks.LambdaCallback() if watched else None
    metrics = [*(f"per_class_{name}" for name in EACH), "per_class_auc", "accuracy"]
    classifier = frozen(metrics, engine=engine, callbacks=callbacks)
    classifier.fit(X, y, weights, X_val=X_val, y_val=y_val)
    names = [f"{score}/{label}" for score in (*EACH, "auc") for label in SPECIES[:3]]
    every = {f"{prefix}{n}" for prefix in ("", "val_") for n in ("loss", "accuracy", *names)}
    assert set(classifier.history_) == every
    for prefix, features, y_true, own in (("", X, y, weights), ("val_", X_val, y_val, None)):
        predicted = classifier.predict_proba(features)
        for score, function in EACH.items():
            expected_value = function(y_true, classifier.predict(features), sample_weight=own)
            for label, value in zip(classifier.classes_, expected_value, strict=True):
                values = classifier.history_[f"{prefix}{score}/{label}"]
                np.testing.assert_allclose(values, [value] * 2, atol=1e-5)
        for i, label in enumerate(classifier.classes_):
            expected_value = roc_auc_score(y_true == label, predicted[:, i], sample_weight=own)
            assert classifier.history_[f"{prefix}auc/{label}"] == pytest.approx(
                [expected_value] * 2, abs=1e-3
            )


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array([-1, 7]), ["-1", "7"]),
        (np.array([False, True]), ["False", "True"]),
        (np.array(["a/b", "c d"]), ["a/b", "c d"]),
    ],
)
def test_every_type_of_label_gives_a_name(labels, names):
    X, _, _ = rows(2)
    y = labels[(X[:, 0] > 1).astype(int)]
    classifier = tiny(metrics={"hit": "per_class_recall"}, epochs=1).fit(X, y)
    assert set(classifier.history_) == {"loss", *(f"hit/{name}" for name in names)}


def test_keras_callbacks_accept_per_class_scores(tmp_path):
    X, y, _ = rows(3)
    callbacks = [
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.TensorBoard(tmp_path / "logs"),
        keras.callbacks.ReduceLROnPlateau("recall/fir", mode="max"),
    ]
    params = {"metrics": "per_class_recall", "epochs": 2}
    for engine in ("graph", "keras"):
        classifier = tiny(callbacks=callbacks, engine=engine, **params).fit(X, y)
        header, *lines = (tmp_path / "log.csv").read_text().splitlines()
        column = header.split(",").index("recall/fir")
        logged = [float(line.split(",")[column]) for line in lines]
        np.testing.assert_allclose(logged, classifier.history_["recall/fir"])


# --- early stopping ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "monitor", "best"),
    [
        ("macro_auc", "val_macro_auc", max),
        ("macro_f1", "macro_f1", max),
        ("per_class_recall", "val_recall/ash", max),
        ("crossentropy", "val_crossentropy", min),
    ],
)
def test_early_stopping_restores_the_best_epoch_by_any_metric(metric, monitor, best):
    X, y, _ = rows(3)
    X_val, y_val, _ = rows(3, n=60, seed=1)
    stopping = {"monitor": monitor, "patience": 3}
    learning = {"optimizer__learning_rate": 0.3, "epochs": 30}
    classifier = tiny(metrics=metric, early_stopping=stopping, **learning)
    classifier.fit(X, y, X_val=X_val, y_val=y_val)
    values = classifier.history_[monitor]
    winner = values.index(best(values))
    assert len(values) < 30
    assert winner == len(values) - 4  # three epochs without improvement
    until_then = tiny(metrics=metric, **{**learning, "epochs": winner + 1})
    until_then.fit(X, y, X_val=X_val, y_val=y_val)
    expected = until_then.predict_proba(X_val)
    np.testing.assert_allclose(classifier.predict_proba(X_val), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("metrics", "monitor", "words"),
    [
        ("macro_auc", "val_macro_acu", "Did you mean 'val_macro_auc'"),
        ("per_class_recall", "val_recall/asch", "Did you mean 'val_recall/ash'"),
        (keras.metrics.F1Score, "val_f1_score", "must be in `metrics` and be a single number"),
        ("true_positives", "val_true_positives", "must have a 'mode'.*'mode': 'max'"),
    ],
)
def test_an_invalid_monitor_is_rejected_before_training(metrics, monitor, words):
    X, y, _ = rows(3)
    began = []
    note = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: began.append(1))
    classifier = tiny(metrics=metrics, early_stopping={"monitor": monitor}, callbacks=note)
    with pytest.raises(ValueError, match=words):
        classifier.fit(X, y)
    assert not began


# --- the area under the curve -----------------------------------------------------------------


def area_of(logits, y, n_batches=10, weights=None):
    n_classes = logits.shape[1]
    (metric,) = resolve_metrics("macro_auc", n_classes=n_classes, output_form="logits")
    for part in np.array_split(np.arange(len(y)), n_batches):
        batch_weights = None if weights is None else weights[part]
        metric.update_state(y[part], logits[part].astype("float32"), batch_weights)
    return float(metric.result())


def exact_area(logits, y, weights=None):
    """Computed from log-odds in float64, since probabilities near 1 would be rounded to ties."""
    logits = logits.astype("float32").astype("float64")
    areas = []
    for i in range(logits.shape[1]):
        odds = logits[:, i] - logsumexp(np.delete(logits, i, axis=1), axis=1)
        areas.append(roc_auc_score(y == i, odds, sample_weight=weights))
    return np.mean(areas)


@pytest.mark.parametrize("spread", [0.02, 0.3, 3.0, 20.0])
@pytest.mark.parametrize("bias", [0.0, 6.0])
@pytest.mark.parametrize("order", ["shuffled", "sorted"])
def test_the_area_matches_scikit_learn_for_any_spread_of_scores(spread, bias, order):
    y = RNG.integers(0, 3, 5000)
    logits = spread * (RNG.normal(size=(5000, 3)) + np.eye(3)[y]) + np.array([bias, 0, 0])
    weights = RNG.uniform(0.1, 2.0, 5000)
    if order == "sorted":  # the first batch, which centers the bins, has only one class
        by_class = np.argsort(y)
        y, logits, weights = y[by_class], logits[by_class], weights[by_class]
    assert area_of(logits, y, weights=weights) == pytest.approx(
        exact_area(logits, y, weights), abs=2e-4
    )


def test_ties_count_half_and_a_perfect_ranking_has_area_one():
    y = np.repeat([0, 1, 2], 20)
    assert area_of(np.zeros((60, 3)), y) == pytest.approx(0.5)
    assert area_of(1000 * np.eye(3)[y], y) == pytest.approx(1.0)
    assert area_of(-1000 * np.eye(3)[y], y) == pytest.approx(0.0)


def test_classes_that_do_not_occur_are_excluded_from_the_mean_area():
    y = RNG.integers(0, 2, 500)
    logits = RNG.normal(size=(500, 3)) + np.eye(3)[y]
    p = softmax(logits, axis=1)
    expected_value = np.mean([roc_auc_score(y == i, p[:, i]) for i in (0, 1)])
    assert area_of(logits, y) == pytest.approx(expected_value, abs=1e-3)


def test_metrics_survive_pickling_and_saving(tmp_path):
    X, y, _ = rows(3)
    metrics = ["macro_auc", "macro_f1", "per_class_recall"]
    classifier = tiny(metrics=metrics, epochs=2).fit(X, y)
    again = pickle.loads(pickle.dumps(classifier))
    names = set(classifier.history_)
    assert set(again.partial_fit(X, y).history_) == names
    classifier.model_.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    index = np.searchsorted(classifier.classes_, y)
    predicted = loaded.evaluate(X.astype("float32"), index, verbose=0, return_dict=True)
    labels = classifier.predict(X)
    assert predicted["macro_f1"] == pytest.approx(f1_score(y, labels, average="macro"), abs=1e-5)
    recalls = [value for name, value in predicted.items() if "recall/" in name]
    np.testing.assert_allclose(recalls, recall_score(y, labels, average=None), atol=1e-5)


@pytest.mark.parametrize("soft", [False, True], ids=["labels", "soft_labels"])
def test_the_calibrated_crossentropy_is_that_of_the_best_temperature(soft):
    rng = np.random.default_rng(0)
    logits = 5 * rng.normal(size=(N, 3)).astype("float32")
    index, weights = rng.integers(0, 3, N), rng.uniform(0.2, 3.0, N).astype("float32")
    logits[np.arange(N), index] += 5
    targets = np.eye(3)[index]
    if soft:
        targets = 0.8 * targets + 0.2 / 3
    metric = resolve_metrics(
        ["calibrated_crossentropy"], n_classes=3, output_form="logits", soft=soft
    )[0]
    for batch in np.array_split(np.arange(N), 4):
        metric.update_state((targets if soft else index)[batch], logits[batch], weights[batch])

    def loss(temperature):
        scaled = logits / temperature
        logs = scaled - logsumexp(scaled, axis=1, keepdims=True)
        return np.average(-(targets * logs).sum(axis=1), weights=weights)

    best = min(map(loss, np.geomspace(0.25, 8, 1000)))
    assert best < 0.98 * loss(1.0)
    # The temperatures that are tried are a fifth apart, and have a prior around 1.
    assert best <= float(metric.result()) <= 1.01 * best


def test_the_calibrated_crossentropy_is_monitored_without_being_listed_as_a_metric():
    X, y, _ = rows(3)
    monitor = {"monitor": "val_calibrated_crossentropy"}
    fitted = tiny(epochs=3, early_stopping=monitor, metrics=["accuracy"]).fit(X, y)
    assert {"val_accuracy", "val_calibrated_crossentropy"} <= set(fitted.history_)
    calibrated = tiny(epochs=3, early_stopping=True, calibration="temperature").fit(X, y)
    assert "val_calibrated_crossentropy" in calibrated.history_
    assert "calibrated_crossentropy" not in tiny(epochs=1, early_stopping=True).fit(X, y).history_
